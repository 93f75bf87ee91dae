/* SPDX-License-Identifier: Apache-2.0 */
/* Request and response heads: copied field by field, without what belongs to one hop. Pure. */
#include "ingress/head.h"

#include <string.h>

#include "core/base/rand.h"

/* Belongs to one connection; never forwarded. */
static const struct ke_str hop_fields[] = {
    { "connection", 10 },
    { "keep-alive", 10 },
    { "proxy-connection", 16 },
    { "proxy-authenticate", 18 },
    { "proxy-authorization", 19 },
    { "te", 2 },
    { "trailer", 7 },
    { "transfer-encoding", 17 },
    { "upgrade", 7 },
    { "http2-settings", 14 },
    { "content-length", 14 },
};

/* Said by us about the client: what a client says of itself is replaced. */
static const struct ke_str origin_fields[] = {
    { "x-forwarded-for", 15 },
    { "x-forwarded-proto", 17 },
    { "x-forwarded-host", 16 },
    { "x-forwarded-port", 16 },
    { "x-forwarded-scheme", 18 },
    { "x-scheme", 8 },
    { "x-real-ip", 9 },
    { "x-request-id", 12 },
    { "forwarded", 9 },
    { "expect", 6 },
    { "host", 4 },
};

/* A Connection header may not take these away. */
static const struct ke_str kept_fields[] = { { "authorization", 13 }, { "cookie", 6 } };

static bool is_listed(struct ke_str name, const struct ke_str *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].len == name.len && ke_str_eq_nocase(list[i], name))
            return true;
    }
    return false;
}

/* Is name one of those that a Connection field of this head names? */
static bool is_named_by_connection(const struct http_head *head, struct ke_str name)
{
    for (size_t i = 0; i < head->n_headers; i++) {
        struct ke_str rest = head->headers[i].value;
        struct ke_str token = { 0 };
        if (!ke_str_eq_nocase(head->headers[i].name, KE_STR("connection")))
            continue;
        while (ke_str_split(&rest, ',', &token)) {
            if (ke_str_eq_nocase(ke_str_trim(token), name))
                return !is_listed(name, kept_fields, KE_ARRAY_LEN(kept_fields));
        }
    }
    return false;
}

/* Does Connection say more than close and keep-alive? */
static bool has_named_fields(const struct http_head *head)
{
    for (size_t i = 0; i < head->n_headers; i++) {
        if (head->headers[i].name.len == 10 &&
            ke_str_eq_nocase(head->headers[i].name, KE_STR("connection")))
            return !ke_str_eq_nocase(head->headers[i].value, KE_STR("keep-alive")) &&
                   !ke_str_eq_nocase(head->headers[i].value, KE_STR("close"));
    }
    return false;
}

static void add_field(struct ke_buf *out, struct ke_str name, struct ke_str value)
{
    char *room = ke_buf_reserve(out, name.len + value.len + 4);
    if (room == NULL)
        return;
    memcpy(room, name.ptr, name.len);
    room += name.len;
    *room++ = ':';
    *room++ = ' ';
    if (value.len > 0)
        memcpy(room, value.ptr, value.len);
    room += value.len;
    *room++ = '\r';
    *room = '\n';
    out->len += name.len + value.len + 4;
}

static void copy_fields(const struct http_head *head, bool is_request, struct ke_buf *out)
{
    bool has_named = has_named_fields(head);
    for (size_t i = 0; i < head->n_headers; i++) {
        const struct http_header *field = &head->headers[i];
        if (is_listed(field->name, hop_fields, KE_ARRAY_LEN(hop_fields)))
            continue;
        if (is_request && is_listed(field->name, origin_fields, KE_ARRAY_LEN(origin_fields)))
            continue;
        if (has_named && is_named_by_connection(head, field->name))
            continue;
        add_field(out, field->name, field->value);
    }
}

static void add_framing(enum http_framing framing, uint64_t length, struct ke_buf *out)
{
    if (framing == HTTP_BODY_CHUNKED) {
        ke_buf_add_str(out, KE_STR("transfer-encoding: chunked\r\n"));
    } else if (framing == HTTP_BODY_LENGTH) {
        ke_buf_add_str(out, KE_STR("content-length: "));
        ke_buf_add_u64(out, length);
        ke_buf_add_str(out, KE_STR("\r\n"));
    }
}

static void add_origin(const struct http_head *head, const struct ingress_origin *origin,
                       struct ke_buf *out)
{
    char ip[KE_IP_TEXT_MAX];
    uint64_t id[2] = { ke_rand_fast(), ke_rand_fast() };
    struct ke_str peer = ke_str_c(ke_ip_text(&origin->peer, ip));
    struct ke_str scheme = origin->is_tls ? KE_STR("https") : KE_STR("http");
    add_field(out, KE_STR("x-forwarded-for"), peer);
    add_field(out, KE_STR("x-real-ip"), peer);
    add_field(out, KE_STR("x-forwarded-proto"), scheme);
    add_field(out, KE_STR("x-forwarded-scheme"), scheme);
    add_field(out, KE_STR("x-scheme"), scheme);
    add_field(out, KE_STR("x-forwarded-host"), head->host);
    ke_buf_add_str(out, KE_STR("x-forwarded-port: "));
    ke_buf_add_u64(out, origin->port);
    ke_buf_add_str(out, KE_STR("\r\nx-request-id: "));
    ke_buf_add_hex(out, id, sizeof(id));
    ke_buf_add_str(out, KE_STR("\r\n\r\n"));
}

void ingress_head_request(const struct http_head *head, struct ke_str path,
                          const struct ingress_origin *origin, struct ke_buf *out)
{
    ke_buf_add_str(out, head->method);
    ke_buf_add_char(out, ' ');
    ke_buf_add_str(out, path);
    ke_buf_add_str(out, KE_STR(" HTTP/1.1\r\n"));
    add_field(out, KE_STR("host"), head->host);
    copy_fields(head, true, out);
    add_framing(head->framing, head->content_length, out);
    add_origin(head, origin, out);
}

const char *ingress_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        { 204, "No Content" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 413, "Content Too Large" },
        { 414, "URI Too Long" },
        { 417, "Expectation Failed" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Error";
}

static void add_connection(bool is_close, unsigned client_minor, struct ke_buf *out)
{
    if (is_close)
        ke_buf_add_str(out, KE_STR("connection: close\r\n"));
    else if (client_minor == 0)
        ke_buf_add_str(out, KE_STR("connection: keep-alive\r\n"));
}

void ingress_head_response(const struct http_head *head, const struct ingress_response_plan *plan,
                           struct ke_buf *out)
{
    bool has_no_length = head->status == 204 || head->status < 200;
    ke_buf_add_str(out, KE_STR("HTTP/1.1 "));
    ke_buf_add_u64(out, head->status);
    ke_buf_add_char(out, ' ');
    ke_buf_add_str(out, head->reason);
    ke_buf_add_str(out, KE_STR("\r\n"));
    copy_fields(head, false, out);
    if (http_head_get(head, KE_STR("server")).ptr == NULL)
        ke_buf_add_str(out, KE_STR("server: kedge\r\n"));
    if (plan->framing != HTTP_BODY_NONE)
        add_framing(plan->framing, head->content_length, out);
    else if (head->has_content_length && !has_no_length)
        add_framing(HTTP_BODY_LENGTH, head->content_length, out); /* of HEAD and 304: not read */
    add_connection(plan->is_close, plan->client_minor, out);
    ke_buf_add_str(out, KE_STR("\r\n"));
}

void ingress_head_answer(const struct ingress_answer *answer, struct ke_buf *out)
{
    char text[64];
    struct ke_buf body = KE_BUF_FIXED(text, sizeof(text));
    const char *reason = ingress_reason(answer->status);
    if (answer->status != 204)
        ke_buf_addf(&body, "%u %s\n", answer->status, reason);
    ke_buf_addf(out, "HTTP/1.1 %u %s\r\nserver: kedge\r\n", answer->status, reason);
    if (answer->location.len > 0)
        add_field(out, KE_STR("location"), answer->location);
    if (answer->retry_after_s > 0)
        ke_buf_addf(out, "retry-after: %u\r\n", answer->retry_after_s);
    if (answer->status == 405)
        ke_buf_add_str(out, KE_STR("allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"));
    if (answer->status != 204)
        ke_buf_addf(out, "content-type: text/plain; charset=utf-8\r\ncontent-length: %zu\r\n",
                    body.len);
    add_connection(answer->is_close, 1, out);
    ke_buf_add_str(out, KE_STR("\r\n"));
    if (!answer->has_no_body)
        ke_buf_add_str(out, ke_buf_str(&body));
}
