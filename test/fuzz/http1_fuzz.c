/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target of the HTTP/1 codec. The first byte chooses: request, response or chunked body. Held
 * to be true of any input: views lie inside it; the verdict on a prefix never changes once there is
 * one; a chunked body decodes to the same bytes and end whole and in pieces.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/buf.h"
#include "core/net/http/http1.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(cond) must((cond), #cond, __LINE__)
static void must(bool is_true, const char *cond, int line)
{
    if (is_true)
        return;
    (void)fprintf(stderr, "does not hold: %s (line %d)\n", cond, line);
    abort();
}

static bool is_inside(struct ke_str outer, struct ke_str inner)
{
    return inner.len == 0 || (inner.ptr >= outer.ptr && inner.len <= outer.len &&
                              inner.ptr + inner.len <= outer.ptr + outer.len);
}

static enum http_result parse(bool is_response, struct ke_str input, struct http_head *head)
{
    return is_response ? http_parse_response(input, KE_STR("GET"), head)
                       : http_parse_request(input, head);
}

static void check_head(struct ke_str input, const struct http_head *head)
{
    MUST(head->len <= input.len && head->len <= LIMIT_HTTP_HEAD_BYTES);
    MUST(head->n_headers <= LIMIT_HTTP_HEADERS);
    MUST(is_inside(input, head->method) && is_inside(input, head->target));
    MUST(is_inside(input, head->host) && is_inside(input, head->reason));
    MUST(head->is_response || head->target.len > 0);
    MUST(head->path.len == 1 || is_inside(input, head->path));
    for (size_t i = 0; i < head->n_headers; i++) {
        MUST(is_inside(input, head->headers[i].name) && head->headers[i].name.len > 0);
        struct ke_str value = head->headers[i].value;
        MUST(is_inside(input, value));
        MUST(ke_str_find(value, '\r') == value.len && ke_str_find(value, '\n') == value.len &&
             ke_str_find(value, '\0') == value.len);
    }
}

static void fuzz_head(bool is_response, struct ke_str input)
{
    static struct http_head whole;
    static struct http_head part;
    enum http_result result = parse(is_response, input, &whole);
    if (result == HTTP_OK)
        check_head(input, &whole);
    if (input.len > 2048)
        return;
    enum http_result before = HTTP_MORE;
    for (size_t len = 0; len <= input.len; len++) {
        enum http_result now = parse(is_response, ke_str_sub(input, 0, len), &part);
        MUST(before == HTTP_MORE || now == before);
        MUST(now != HTTP_OK || (part.len == whole.len && part.n_headers == whole.n_headers));
        before = now;
    }
    MUST(before == result);
}

struct decoded {
    struct ke_buf data;
    size_t used;
    bool is_bad, is_done;
};

static void decode(struct ke_str input, size_t step, struct decoded *out)
{
    struct http_chunked chunked = { 0 };
    while (out->used < input.len && !out->is_done) {
        size_t left = input.len - out->used;
        struct ke_str piece = ke_str_sub(input, out->used, left < step ? left : step);
        struct ke_str bytes = { 0 };
        size_t used = 0;
        if (http_chunked_next(&chunked, piece, &bytes, &used, &out->is_done) != HTTP_OK) {
            out->is_bad = true;
            return;
        }
        MUST(used > 0 && used <= piece.len && is_inside(piece, bytes));
        ke_buf_add_str(&out->data, bytes);
        out->used += used;
    }
}

static void fuzz_chunked(struct ke_str input)
{
    struct decoded whole = { .data = KE_BUF_INIT(1U << 20) };
    struct decoded parts = { .data = KE_BUF_INIT(1U << 20) };
    decode(input, input.len, &whole);
    for (size_t step = 1; step <= 7; step += 2) {
        decode(input, step, &parts);
        MUST(whole.is_bad == parts.is_bad && whole.is_done == parts.is_done);
        if (!whole.is_bad) {
            MUST(whole.used == parts.used);
            MUST(ke_str_eq(ke_buf_str(&whole.data), ke_buf_str(&parts.data)));
        }
        ke_buf_clear(&parts.data);
        parts.used = 0;
        parts.is_bad = parts.is_done = false;
    }
    ke_buf_free(&whole.data);
    ke_buf_free(&parts.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > (64U << 10))
        return 0;
    struct ke_str input = ke_str_of((const char *)data + 1, size - 1);
    if (data[0] == 'C')
        fuzz_chunked(input);
    else
        fuzz_head(data[0] == 'S', input);
    return 0;
}
