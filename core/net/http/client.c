/* SPDX-License-Identifier: Apache-2.0 */
/* One request on a connection of its own, its answer in pieces or whole. One thread; blocks. */
#include "core/net/http/client.h"

#include "core/base/addr.h"
#include "core/base/mem.h"
#include "core/net/http/chars.h"
#include "core/net/http/client_conn.h"
#include "core/net/http/http1.h"

enum { MAX_INTERIM = 8 /* answers 1xx before the real one */ };

/* ---- request -----------------------------------------------------------------------------------
 */

static bool is_made_of(struct ke_str s, unsigned which)
{
    for (size_t i = 0; i < s.len; i++)
        if (!HTTP_IS(s.ptr[i], which))
            return false;
    return true;
}

static void add_field(struct ke_buf *out, const char *name, struct ke_str value)
{
    if (value.len == 0)
        return;
    ke_buf_add_c(out, name);
    ke_buf_add_c(out, ": ");
    ke_buf_add_str(out, value);
    ke_buf_add_c(out, "\r\n");
}

static void add_host(struct ke_buf *out, const struct http_client_target *target)
{
    if (target->host.len == 0) {
        ke_buf_add_c(out, "Host: localhost\r\n");
        return;
    }
    bool is_ipv6 = ke_str_find(target->host, ':') < target->host.len;
    ke_buf_add_c(out, is_ipv6 ? "Host: [" : "Host: ");
    ke_buf_add_str(out, target->host);
    ke_buf_add_c(out, is_ipv6 ? "]" : "");
    if (target->unix_path == NULL)
        ke_buf_addf(out, ":%u", target->port);
    ke_buf_add_c(out, "\r\n");
}

static enum ke_code write_head(const struct http_client_target *target,
                               const struct http_client_request *request, struct ke_buf *out,
                               struct ke_err *err)
{
    const struct ke_str values[] = { request->content_type, request->accept,
                                     request->authorization };
    for (size_t i = 0; i < KE_ARRAY_LEN(values); i++)
        if (!is_made_of(values[i], HTTP_CHAR_TEXT))
            return ke_fail(err, KE_MALFORMED, "a field cannot be sent as HTTP");
    bool is_ipv6 = ke_str_find(target->host, ':') < target->host.len;
    if (request->method.len == 0 || !is_made_of(request->method, HTTP_CHAR_TOKEN) ||
        request->path.len == 0 || request->path.ptr[0] != '/' ||
        !is_made_of(request->path, HTTP_CHAR_TARGET) ||
        !is_made_of(target->host, is_ipv6 ? HTTP_CHAR_IPV6 : HTTP_CHAR_HOST))
        return ke_fail(err, KE_MALFORMED, "method, path or host cannot be sent as HTTP");
    ke_buf_add_str(out, request->method);
    ke_buf_add_char(out, ' ');
    ke_buf_add_str(out, request->path);
    ke_buf_add_c(out, " HTTP/1.1\r\n");
    add_host(out, target);
    add_field(out, "User-Agent", KE_STR("kedge"));
    add_field(out, "Accept", request->accept);
    add_field(out, "Authorization", request->authorization);
    add_field(out, "Content-Type", request->content_type);
    if (request->body.len > 0 || ke_str_eq_c(request->method, "POST") ||
        ke_str_eq_c(request->method, "PUT") || ke_str_eq_c(request->method, "PATCH"))
        ke_buf_addf(out, "Content-Length: %zu\r\n", request->body.len);
    ke_buf_add_c(out, "Connection: close\r\n\r\n");
    return ke_buf_check(out, "request head", err);
}

/* ---- answer ------------------------------------------------------------------------------------
 */

/* At least a head fits, with room to read on. */
enum { ANSWER_BYTES = 2 * LIMIT_HTTP_HEAD_BYTES };

struct answer {
    struct client_conn conn;
    struct http_head head;
    char buf[ANSWER_BYTES];
    size_t from, to; /* bytes of buf that are not used yet */
    http_client_piece_fn *fn;
    void *ctx;
    bool is_stopped;
};

/* Reads on behind what is there. *is_end: nothing more will come. */
static enum ke_code fill(struct answer *answer, bool *is_end, struct ke_err *err)
{
    if (answer->from > 0) {
        memmove(answer->buf, answer->buf + answer->from, answer->to - answer->from);
        answer->to -= answer->from;
        answer->from = 0;
    }
    size_t n = 0;
    enum ke_code rc = client_conn_read(&answer->conn, answer->buf + answer->to,
                                       sizeof(answer->buf) - answer->to, &n, err);
    if (rc != KE_OK)
        return rc;
    answer->to += n;
    *is_end = n == 0;
    return KE_OK;
}

/* As fill, where the end is too early. */
static enum ke_code fill_more(struct answer *answer, struct ke_err *err)
{
    bool is_end = false;
    enum ke_code rc = fill(answer, &is_end, err);
    if (rc == KE_OK && is_end)
        return ke_fail(err, KE_UNAVAILABLE, "the connection ended before the answer did");
    return rc;
}

static struct ke_str unused(const struct answer *answer)
{
    return ke_str_of(answer->buf + answer->from, answer->to - answer->from);
}

static enum ke_code read_one_head(struct answer *answer, struct ke_str method, struct ke_err *err)
{
    for (;;) {
        enum http_result result = http_parse_response(unused(answer), method, &answer->head);
        if (result == HTTP_OK) {
            answer->from += answer->head.len;
            return KE_OK;
        }
        if (result == HTTP_TOO_LARGE)
            return ke_fail(err, KE_TOO_LARGE, "head of the answer");
        if (result != HTTP_MORE)
            return ke_fail(err, KE_MALFORMED, "the answer is not HTTP/1.1");
        enum ke_code rc = fill_more(answer, err);
        if (rc != KE_OK)
            return rc;
    }
}

static enum ke_code read_head(struct answer *answer, struct ke_str method, struct ke_err *err)
{
    for (int i = 0; i < MAX_INTERIM; i++) {
        enum ke_code rc = read_one_head(answer, method, err);
        if (rc != KE_OK)
            return rc;
        if (answer->head.status >= 200)
            return KE_OK;
        if (answer->head.status == 101)
            return ke_fail(err, KE_MALFORMED, "the peer changed the protocol unasked");
    }
    return ke_fail(err, KE_MALFORMED, "too many interim answers");
}

static void give(struct answer *answer, struct ke_str piece)
{
    if (piece.len > 0 && !answer->is_stopped)
        answer->is_stopped = !answer->fn(answer->ctx, piece);
}

static enum ke_code read_chunks(struct answer *answer, struct ke_err *err)
{
    struct http_chunked chunked = { 0 };
    bool is_done = false;
    for (;;) {
        while (answer->from < answer->to) {
            struct ke_str piece;
            size_t used = 0;
            if (http_chunked_next(&chunked, unused(answer), &piece, &used, &is_done) != HTTP_OK)
                return ke_fail(err, KE_MALFORMED, "chunks of the answer");
            answer->from += used;
            give(answer, piece);
            if (is_done || answer->is_stopped)
                return KE_OK;
        }
        enum ke_code rc = fill_more(answer, err);
        if (rc != KE_OK)
            return rc;
    }
}

static enum ke_code read_length(struct answer *answer, uint64_t left, struct ke_err *err)
{
    while (left > 0 && !answer->is_stopped) {
        struct ke_str piece = unused(answer);
        if (piece.len == 0) {
            enum ke_code rc = fill_more(answer, err);
            if (rc != KE_OK)
                return rc;
            continue;
        }
        if (piece.len > left)
            piece.len = (size_t)left;
        answer->from += piece.len;
        left -= piece.len;
        give(answer, piece);
    }
    return KE_OK;
}

static enum ke_code read_until_close(struct answer *answer, struct ke_err *err)
{
    bool is_end = false;
    while (!is_end && !answer->is_stopped) {
        give(answer, unused(answer));
        answer->from = answer->to;
        enum ke_code rc = fill(answer, &is_end, err);
        if (rc != KE_OK)
            return rc;
    }
    return KE_OK;
}

static enum ke_code read_body(struct answer *answer, struct ke_err *err)
{
    switch (answer->head.framing) {
    case HTTP_BODY_NONE:
        return KE_OK;
    case HTTP_BODY_LENGTH:
        return read_length(answer, answer->head.content_length, err);
    case HTTP_BODY_CHUNKED:
        return read_chunks(answer, err);
    case HTTP_BODY_UNTIL_CLOSE:
        return read_until_close(answer, err);
    }
    return KE_BUG;
}

/* A peer that takes no more has often said why: the answer is read all the same. */
static enum ke_code send_request(struct client_conn *conn, struct ke_str head, struct ke_str body,
                                 struct ke_err *err)
{
    enum ke_code rc = client_conn_write(conn, head, err);
    if (rc == KE_OK)
        rc = client_conn_write(conn, body, err);
    return rc == KE_CLOSED ? KE_OK : rc;
}

enum ke_code http_client_stream(const struct http_client_target *target,
                                const struct http_client_request *request, unsigned *status,
                                http_client_piece_fn *fn, void *ctx, struct ke_err *err)
{
    ke_auto_buf head = KE_BUF_INIT(LIMIT_HTTP_HEAD_BYTES);
    enum ke_code rc = write_head(target, request, &head, err);
    if (rc != KE_OK)
        return rc;
    ke_auto_ptr struct answer *answer = ke_alloc(sizeof(*answer));
    if (answer == NULL)
        return ke_fail(err, KE_NOMEM, "request");
    answer->fn = fn;
    answer->ctx = ctx;
    rc = client_conn_open(target, &answer->conn, err);
    if (rc != KE_OK)
        return rc;
    rc = send_request(&answer->conn, ke_buf_str(&head), request->body, err);
    if (rc == KE_OK)
        rc = read_head(answer, request->method, err);
    if (rc == KE_OK) {
        *status = answer->head.status;
        rc = read_body(answer, err);
    }
    client_conn_close(&answer->conn);
    return rc;
}

static bool append_piece(void *ctx, struct ke_str piece)
{
    struct ke_buf *body = ctx;
    ke_buf_add_str(body, piece);
    return body->failed == KE_OK;
}

enum ke_code http_client_call(const struct http_client_target *target,
                              const struct http_client_request *request, unsigned *status,
                              struct ke_buf *body, struct ke_err *err)
{
    enum ke_code rc = http_client_stream(target, request, status, append_piece, body, err);
    return rc == KE_OK ? ke_buf_check(body, "answer", err) : rc;
}
