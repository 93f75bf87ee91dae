/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues answers: headers, gzip, Status. On the request's API loop.
 */
#include <stdio.h>
#define ZLIB_CONST
#include <zlib.h>

#include "core/api/audit.h"
#include "core/api/request.h"
#include "core/api/server_impl.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

/* As upstream: below this, compressing costs more than it saves. */
#define GZIP_MIN_BYTES (128U << 10)
#define GZIP_LEVEL     1
#define GZIP_WINDOW    (15 + 16) /* gzip framing */

static bool add_header(struct MHD_Response *response, const char *name, struct ke_str value)
{
    ke_auto_ptr char *text = ke_str_dup(value);
    return text != NULL && MHD_add_response_header(response, name, text) == MHD_YES;
}

/* Warning: 299 - "text", with quotes and backslashes escaped. */
static void add_warning(struct MHD_Response *response, struct ke_str text)
{
    char line[512];
    struct ke_buf out = KE_BUF_FIXED(line, sizeof(line) - 1);
    ke_buf_add_c(&out, "299 - \"");
    for (size_t i = 0; i < text.len && out.len + 4 < sizeof(line); i++) {
        char c = text.ptr[i];
        if (c == '"' || c == '\\') {
            ke_buf_add_char(&out, '\\');
        }
        ke_buf_add_char(&out, (unsigned char)c < ' ' ? ' ' : c);
    }
    ke_buf_add_char(&out, '"');
    line[out.len] = '\0';
    (void)MHD_add_response_header(response, "Warning", line);
}

void api_respond_with(struct api_request *request, unsigned http, const char *type,
                      struct MHD_Response *response)
{
    if (response == NULL) {
        return; /* nothing queued: the connection is closed */
    }
    if (request->is_lost && request->audit != NULL) {
        api_audit_answered(request->audit, http); /* it was done, though nobody hears of it */
    }
    if (!request->is_lost && add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, ke_str_c(type)) &&
        (request->has_cache_control ||
         MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache, private"))) {
        for (size_t i = 0; i < request->n_warnings; i++) {
            add_warning(response, request->warnings[i]);
        }
        if (request->is_last) {
            (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
        }
        request->http = http;
        if (request->audit != NULL) {
            (void)MHD_add_response_header(response, "Audit-Id", api_audit_id(request->audit));
            api_audit_answered(request->audit, http);
        }
        request->is_queued = MHD_queue_response(request->mhd, http, response) == MHD_YES;
    }
    MHD_destroy_response(response);
}

bool api_wants_gzip(const struct api_request *request, size_t body_len)
{
    return body_len > GZIP_MIN_BYTES &&
           api_accepts_gzip(api_request_header(request, MHD_HTTP_HEADER_ACCEPT_ENCODING));
}

/* The same bytes gzipped; NULL: could not. */
static struct MHD_Response *gzip_response(struct ke_str body)
{
    z_stream z = { .zalloc = NULL };
    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return NULL;
    }
    size_t cap = deflateBound(&z, (uLong)body.len);
    char *out = malloc(cap);
    int done = Z_MEM_ERROR;
    if (out != NULL) {
        z.next_in = (z_const Bytef *)body.ptr;
        z.avail_in = (uInt)body.len;
        z.next_out = (Bytef *)out;
        z.avail_out = (uInt)cap;
        done = deflate(&z, Z_FINISH);
    }
    size_t len = z.total_out;
    (void)deflateEnd(&z);
    struct MHD_Response *response = NULL;
    if (done == Z_STREAM_END) {
        response = MHD_create_response_from_buffer_with_free_callback(len, out, free);
    }
    if (response == NULL) {
        free(out);
        return NULL;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
    return response;
}

void api_respond(struct api_request *request, unsigned http, const char *type, struct ke_buf *body)
{
    struct MHD_Response *response = NULL;
    if (body->failed == KE_OK && api_wants_gzip(request, body->len)) {
        response = gzip_response(ke_buf_str(body));
        if (response != NULL) {
            ke_buf_free(body);
            api_respond_with(request, http, type, response);
            return;
        }
    }
    size_t len = 0;
    enum ke_code failed = body->failed;
    char *bytes = ke_buf_take(body, &len);
    if (failed != KE_OK || bytes == NULL) {
        free(bytes);
        ke_buf_free(body);
        static const char nomem[] = "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},"
                                    "\"status\":\"Failure\",\"message\":\"out of memory\","
                                    "\"reason\":\"ServiceUnavailable\",\"code\":503}\n";
        api_respond_str(request, 503, "application/json", KE_STR(nomem));
        return;
    }
    response = MHD_create_response_from_buffer_with_free_callback(len, bytes, free);
    if (response == NULL) {
        free(bytes);
    }
    api_respond_with(request, http, type, response);
}

enum api_style api_request_style(const struct api_request *request)
{
    struct api_accept accept = { .is_yaml = false };
    (void)api_negotiate(api_request_header(request, MHD_HTTP_HEADER_ACCEPT), API_ANY_FORM, &accept);
    return api_style_choose(api_query_get(&request->query, "pretty"),
                            api_request_header(request, MHD_HTTP_HEADER_USER_AGENT),
                            accept.is_yaml);
}

void api_respond_json(struct api_request *request, unsigned http, struct ke_buf *body)
{
    enum api_style style = api_request_style(request);
    struct ke_err err;
    if (style != API_STYLE_COMPACT && body->failed == KE_OK) {
        struct ke_buf styled = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
        if (api_style_convert(style, ke_buf_str(body), &styled, &err) != KE_OK) {
            styled.failed = KE_NOMEM;
        }
        ke_buf_free(body);
        *body = styled;
    }
    api_respond(request, http, api_style_type(style), body);
}

void api_respond_str(struct api_request *request, unsigned http, const char *type,
                     struct ke_str body)
{
    /* COPY, so the pointer is only read. */
    ke_auto_ptr char *copy = ke_str_dup(body);
    if (copy == NULL) {
        return;
    }
    api_respond_with(request, http, type,
                     MHD_create_response_from_buffer(body.len, copy, MHD_RESPMEM_MUST_COPY));
}

void api_respond_status_text(struct api_request *request, unsigned http, uint32_t retry_after_s,
                             char **text, size_t len)
{
    ke_auto_ptr char *bytes = KE_TAKE(*text);
    enum api_style style = api_request_style(request);
    ke_auto_buf styled = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    if (bytes != NULL && http >= 400) {
        api_audit_failure(request->audit, ke_str_of(bytes, len));
    }
    if (bytes != NULL && style != API_STYLE_COMPACT) {
        struct ke_err err;
        enum ke_code rc = api_style_convert(style, ke_str_of(bytes, len), &styled, &err);
        free(bytes);
        bytes = rc == KE_OK ? ke_buf_take(&styled, &len) : NULL;
    }
    struct MHD_Response *response =
        bytes == NULL ? NULL : MHD_create_response_from_buffer_with_free_callback(len, bytes, free);
    if (response == NULL) {
        return;
    }
    (void)KE_TAKE(bytes);
    if (retry_after_s > 0) {
        char seconds[16];
        (void)snprintf(seconds, sizeof(seconds), "%u", (unsigned)retry_after_s);
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (http == 401) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
                                      "Bearer realm=\"kedge\"");
    }
    api_respond_with(request, http, api_style_type(style), response);
}

void api_respond_status(struct api_request *request, const struct api_status *status)
{
    ke_auto_buf body = KE_BUF_INIT(2 * LIMIT_REQUEST_BODY_BYTES);
    api_status_print(status, &body);
    size_t len = 0;
    char *text = ke_buf_take(&body, &len);
    api_respond_status_text(request, status->http, status->retry_after_s, &text, len);
}

void api_respond_error(struct api_request *request, enum ke_code code, const struct ke_err *err)
{
    struct api_status status = api_status_from(code, err);
    if (status.http >= 500) {
        ke_metric_add(request->server->requests_failed, 1);
    }
    api_respond_status(request, &status);
}

void api_respond_code(struct api_request *request, enum ke_code code, const char *message)
{
    struct ke_err err;
    (void)ke_fail(&err, code, "%s", message);
    api_respond_error(request, code, &err);
}

void api_respond_not_acceptable(struct api_request *request, enum api_negotiated why,
                                const char *types)
{
    char message[160];
    struct api_status status = {
        .http = 406,
        .reason = "NotAcceptable",
        .message = KE_STR("406: Not Acceptable"),
        .details = API_DETAILS_EMPTY,
    };
    if (why == API_NOT_FORM) {
        (void)snprintf(message, sizeof(message), "only the following media types are accepted: %s",
                       types);
        status.message = ke_str_c(message);
        status.details = API_DETAILS_NONE;
    }
    api_respond_status(request, &status);
}
