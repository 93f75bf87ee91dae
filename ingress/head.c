/* SPDX-License-Identifier: Apache-2.0 */
/* Request and response heads: copied field by field, without what belongs to one hop. Pure. */
#include "ingress/head.h"

#include <string.h>

#include "core/base/rand.h"

#define ADDED_BYTES 768 /* at most, besides hosts: what is said of the client, a framing */

/* Fields that are not simply copied. */
enum field_kind {
    FIELD_PLAIN,
    FIELD_HOP,    /* belongs to one connection; never forwarded */
    FIELD_ORIGIN, /* of a request: said by us about the client, who may not say it of itself */
    FIELD_KEPT    /* a Connection field may not take it away */
};

static const struct {
    struct ke_str name;
    enum field_kind kind;
} fields[] = {
    { { "te", 2 }, FIELD_HOP },
    { { "host", 4 }, FIELD_ORIGIN },
    { { "expect", 6 }, FIELD_ORIGIN },
    { { "cookie", 6 }, FIELD_KEPT },
    { { "trailer", 7 }, FIELD_HOP },
    { { "upgrade", 7 }, FIELD_HOP },
    { { "x-scheme", 8 }, FIELD_ORIGIN },
    { { "x-real-ip", 9 }, FIELD_ORIGIN },
    { { "forwarded", 9 }, FIELD_ORIGIN },
    { { "connection", 10 }, FIELD_HOP },
    { { "keep-alive", 10 }, FIELD_HOP },
    { { "x-request-id", 12 }, FIELD_ORIGIN },
    { { "authorization", 13 }, FIELD_KEPT },
    { { "http2-settings", 14 }, FIELD_HOP },
    { { "content-length", 14 }, FIELD_HOP },
    { { "x-forwarded-for", 15 }, FIELD_ORIGIN },
    { { "proxy-connection", 16 }, FIELD_HOP },
    { { "x-forwarded-host", 16 }, FIELD_ORIGIN },
    { { "x-forwarded-port", 16 }, FIELD_ORIGIN },
    { { "transfer-encoding", 17 }, FIELD_HOP },
    { { "x-forwarded-proto", 17 }, FIELD_ORIGIN },
    { { "proxy-authenticate", 18 }, FIELD_HOP },
    { { "x-forwarded-scheme", 18 }, FIELD_ORIGIN },
    { { "proxy-authorization", 19 }, FIELD_HOP },
};

/* Most names leave by their length and first letter. */
static enum field_kind kind_of(struct ke_str name)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(fields) && fields[i].name.len <= name.len; i++) {
        if (fields[i].name.len == name.len && (name.ptr[0] | 0x20) == fields[i].name.ptr[0] &&
            ke_str_eq_nocase(fields[i].name, name))
            return fields[i].kind;
    }
    return FIELD_PLAIN;
}

static bool is_connection(struct ke_str name)
{
    return name.len == 10 && ke_str_eq_nocase(name, KE_STR("connection"));
}

/* Is name one of those that a Connection field of this head names? */
static bool is_named_by_connection(const struct http_head *head, struct ke_str name)
{
    for (size_t i = 0; i < head->n_headers; i++) {
        struct ke_str rest = head->headers[i].value;
        struct ke_str token = { 0 };
        if (!is_connection(head->headers[i].name))
            continue;
        while (ke_str_split(&rest, ',', &token)) {
            if (ke_str_eq_nocase(ke_str_trim(token), name))
                return true;
        }
    }
    return false;
}

/* Does a Connection field say more than close or keep-alive? */
static bool has_named_fields(const struct http_head *head)
{
    for (size_t i = 0; i < head->n_headers; i++) {
        struct ke_str value = head->headers[i].value;
        if (is_connection(head->headers[i].name) &&
            !ke_str_eq_nocase(value, KE_STR("keep-alive")) &&
            !ke_str_eq_nocase(value, KE_STR("close")))
            return true;
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

static void copy_fields(const struct http_head *head, struct ke_buf *out)
{
    bool has_named = has_named_fields(head);
    for (size_t i = 0; i < head->n_headers; i++) {
        const struct http_header *field = &head->headers[i];
        enum field_kind kind = kind_of(field->name);
        bool is_ours = kind == FIELD_ORIGIN && !head->is_response;
        bool is_named =
            has_named && kind != FIELD_KEPT && is_named_by_connection(head, field->name);
        if (kind != FIELD_HOP && !is_ours && !is_named)
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

static void add_origin(const struct ingress_origin *origin, struct ke_str host, struct ke_buf *out)
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
    add_field(out, KE_STR("x-forwarded-host"), host);
    ke_buf_add_str(out, KE_STR("x-forwarded-port: "));
    ke_buf_add_u64(out, origin->port);
    ke_buf_add_str(out, KE_STR("\r\nx-request-id: "));
    ke_buf_add_hex(out, id, sizeof(id));
    ke_buf_add_str(out, KE_STR("\r\n\r\n"));
}

void ingress_head_request(const struct http_head *head, struct ke_str path,
                          const struct ingress_origin *origin, struct ke_buf *out)
{
    struct ke_str host = head->host.len > 0 ? head->host : origin->service;
    if (ke_buf_reserve(out, head->len + ADDED_BYTES + path.len) == NULL)
        return;
    ke_buf_add_str(out, head->method);
    ke_buf_add_char(out, ' ');
    ke_buf_add_str(out, path);
    ke_buf_add_str(out, KE_STR(" HTTP/1.1\r\n"));
    add_field(out, KE_STR("host"), host);
    copy_fields(head, out);
    add_framing(head->framing, head->content_length, out);
    add_origin(origin, host, out);
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
    copy_fields(head, out);
    if (http_head_get(head, KE_STR("server")).ptr == NULL)
        ke_buf_add_str(out, KE_STR("server: kedge\r\n"));
    if (plan->date.len > 0 && http_head_get(head, KE_STR("date")).ptr == NULL)
        add_field(out, KE_STR("date"), plan->date);
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
    if (answer->date.len > 0)
        add_field(out, KE_STR("date"), answer->date);
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
