/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proxied answers: the head, and the body as libmicrohttpd asks for it. On one API loop.
 */
#include <sys/socket.h>

#include "core/api/audit.h"
#include "core/api/proxy/exchange.h"
#include "core/base/mem.h"

/* ---- body --------------------------------------------------------------------------------------
 */

static void put(struct proxy_exchange *x, struct ke_str data)
{
    if (x->html != NULL) {
        proxy_html_feed(x->html, &x->links, data, &x->out);
    } else {
        ke_buf_add_str(&x->out, data);
    }
}

static void end_body(struct proxy_exchange *x)
{
    x->is_end = true;
    if (x->html != NULL) {
        proxy_html_end(x->html, &x->out);
    }
}

static void take_chunks(struct proxy_exchange *x, struct ke_str piece)
{
    bool is_done = false;
    while (piece.len > 0 && !is_done && !x->is_failed) {
        struct ke_str data = { NULL, 0 };
        size_t used = 0;
        if (http_chunked_next(&x->chunked, piece, &data, &used, &is_done) != HTTP_OK) {
            proxy_exchange_fail(x, "bad chunk");
            return;
        }
        put(x, data);
        piece = ke_str_sub(piece, used, piece.len - used);
    }
    if (is_done) {
        end_body(x);
    }
}

static void take_piece(struct proxy_exchange *x, struct ke_str piece)
{
    switch (x->framing) {
    case HTTP_BODY_LENGTH:
        piece = ke_str_sub(piece, 0, x->left < piece.len ? (size_t)x->left : piece.len);
        x->left -= piece.len;
        put(x, piece);
        if (x->left == 0) {
            end_body(x);
        }
        break;
    case HTTP_BODY_CHUNKED:
        take_chunks(x, piece);
        break;
    case HTTP_BODY_UNTIL_CLOSE:
        put(x, piece);
        break;
    case HTTP_BODY_NONE:
        break;
    }
    if (x->out.failed != KE_OK) {
        proxy_exchange_fail(x, "out of memory");
    }
}

/* False: nothing there now. */
static bool fill(struct proxy_exchange *x)
{
    ke_buf_clear(&x->out);
    x->out_at = 0;
    if (x->in_at < x->in.len) {
        struct ke_str rest = ke_str_of(x->in.ptr + x->in_at, x->in.len - x->in_at);
        x->in_at = x->in.len;
        take_piece(x, rest);
        ke_buf_free(&x->in);
        x->in_at = 0;
        return true;
    }
    char *scratch = x->shard->scratch;
    ssize_t n = proxy_backend_read(&x->backend, scratch, API_SCRATCH_BYTES);
    if (n > 0) {
        take_piece(x, ke_str_of(scratch, (size_t)n));
    } else if (n == 0 && x->framing == HTTP_BODY_UNTIL_CLOSE) {
        end_body(x);
    } else if (n != -1) {
        proxy_exchange_fail(x, "the answer was cut off");
    }
    return n != -1;
}

/* libmicrohttpd asks for the next bytes. */
static ssize_t read_body(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct proxy_exchange *x = cls;
    (void)pos;
    while (x->out_at == x->out.len) {
        if (x->is_over || x->is_end) {
            return MHD_CONTENT_READER_END_OF_STREAM;
        }
        if (x->is_failed) {
            /* The client must not take it for whole. Not END_WITH_ERROR: see watch.c. */
            (void)shutdown(x->client_fd, SHUT_RDWR);
            return MHD_CONTENT_READER_END_OF_STREAM;
        }
        if (!fill(x)) {
            proxy_exchange_suspend(x);
            proxy_backend_want(&x->backend, true);
            return 0;
        }
    }
    size_t n = x->out.len - x->out_at;
    n = n < max ? n : max;
    memcpy(buf, x->out.ptr + x->out_at, n);
    x->out_at += n;
    return (ssize_t)n;
}

static void body_free(void *cls)
{
    proxy_exchange_free(cls);
}

/* ---- head --------------------------------------------------------------------------------------
 */

static bool add_field(struct MHD_Response *response, struct ke_str name, struct ke_str value)
{
    ke_auto_ptr char *key = ke_str_dup(name);
    ke_auto_ptr char *text = ke_str_dup(value);
    /* A field that libmicrohttpd does not take (an empty value) is left out. */
    if (key != NULL && text != NULL) {
        (void)MHD_add_response_header(response, key, text);
    }
    return key != NULL && text != NULL;
}

static bool add_fields(struct proxy_exchange *x, const struct http_head *head,
                       struct MHD_Response *response)
{
    for (size_t i = 0; i < head->n_headers; i++) {
        const struct http_header *field = &head->headers[i];
        if (!proxy_passes_answer(head, field->name, false)) {
            continue;
        }
        ke_auto_buf location = KE_BUF_INIT(2 * LIMIT_HTTP_HEAD_BYTES);
        struct ke_str value = field->value;
        if (ke_str_eq_nocase(field->name, KE_STR("Location"))) {
            proxy_rewrite_url(&x->links, value, &location);
            value = ke_buf_str(&location);
        }
        if (!add_field(response, field->name, value)) {
            return false;
        }
    }
    return true;
}

static bool is_html(const struct http_head *head)
{
    struct ke_str type = http_head_get(head, KE_STR("Content-Type"));
    struct ke_str coding = http_head_get(head, KE_STR("Content-Encoding"));
    type = ke_str_trim(ke_str_sub(type, 0, ke_str_find(type, ';')));
    return ke_str_eq_nocase(type, KE_STR("text/html")) &&
           (coding.len == 0 || ke_str_eq_nocase(coding, KE_STR("identity")));
}

static uint64_t answer_size(const struct proxy_exchange *x, const struct http_head *head)
{
    if (head->framing == HTTP_BODY_NONE) {
        return head->has_content_length ? head->content_length : 0;
    }
    bool is_known = head->framing == HTTP_BODY_LENGTH && x->html == NULL;
    return is_known ? head->content_length : MHD_SIZE_UNKNOWN;
}

void proxy_answer(struct proxy_exchange *x, const struct http_head *head)
{
    struct api_request *request = x->request;
    x->framing = head->framing;
    x->left = head->content_length;
    x->in_at = head->len;
    x->is_end = head->framing == HTTP_BODY_NONE ||
                (head->framing == HTTP_BODY_LENGTH && head->content_length == 0);
    bool is_made = true;
    if (!x->is_end && is_html(head)) {
        x->html = ke_alloc(sizeof(*x->html));
        is_made = x->html != NULL;
    }
    struct MHD_Response *response =
        !is_made ? NULL
                 : MHD_create_response_from_callback(answer_size(x, head), 16384, read_body, x,
                                                     body_free);
    request->work = NULL;
    x->request = NULL;
    if (response == NULL) {
        proxy_exchange_free(x);
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    if (add_fields(x, head, response)) {
        request->http = head->status;
        if (request->audit != NULL) {
            (void)MHD_add_response_header(response, "Audit-Id", api_audit_id(request->audit));
            api_audit_answered(request->audit, head->status);
        }
        request->is_queued = MHD_queue_response(request->mhd, head->status, response) == MHD_YES;
        request->is_over = request->is_queued;
    }
    MHD_destroy_response(response);
}
