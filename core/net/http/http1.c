/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of HTTP/1 messages in one pass over the bytes: a table of character classes for what is
 * short (names, targets), eight bytes at a time for what is long (values). No thread: pure.
 *
 * What is checked when decides nothing for the peer: a fault is reported at the byte that makes it
 * one, faults of the whole (no Host, two framings) at the empty line. Source: RFC 9112, RFC 9110
 * section 5, RFC 3986.
 */
#include "core/net/http/http1.h"

#include "core/net/http/chars.h"

/* What a head says about itself, gathered while its fields are read. */
struct notes {
    bool has_host, has_length, has_coding, has_upgrade_field, has_upgrade_token;
    bool has_close, has_keep_alive;
    struct ke_str host;
};

struct parser {
    const char *p, *end; /* what is left of the input, at most up to the limit of a head */
    bool is_cut;         /* the input goes on behind end */
    struct http_head *head;
    struct notes notes;
};

static struct parser parser_of(struct ke_str input, struct http_head *out)
{
    bool is_cut = input.len >= LIMIT_HTTP_HEAD_BYTES;
    size_t len = is_cut ? LIMIT_HTTP_HEAD_BYTES : input.len;
    return (struct parser){ .p = input.ptr, .end = input.ptr + len, .is_cut = is_cut, .head = out };
}

/* The input ended inside a head. */
static enum http_result want_more(const struct parser *parser)
{
    return parser->is_cut ? HTTP_TOO_LARGE : HTTP_MORE;
}

/* name: known lower-case letters and dashes; field: made of token characters. */
static inline bool name_is(struct ke_str field, const char *name)
{
    for (size_t i = 0; i < field.len; i++)
        if ((field.ptr[i] | 0x20) != name[i])
            return false;
    return true;
}

/* ---- the values that decide about framing ------------------------------------------------------
 */

static enum http_result note_length(struct parser *parser, struct ke_str value)
{
    uint64_t length = 0;
    if (parser->notes.has_length || value.len == 0)
        return HTTP_BAD;
    for (size_t i = 0; i < value.len; i++) {
        unsigned digit = (unsigned)(unsigned char)value.ptr[i] - '0';
        if (digit > 9 || length > ((uint64_t)INT64_MAX - digit) / 10)
            return HTTP_BAD;
        length = length * 10 + digit;
    }
    parser->notes.has_length = true;
    parser->head->has_content_length = true;
    parser->head->content_length = length;
    return HTTP_OK;
}

static bool coding_is_known(struct ke_str coding)
{
    static const char *const names[] = { "gzip", "x-gzip", "deflate", "compress", "x-compress" };
    for (size_t i = 0; i < KE_ARRAY_LEN(names); i++)
        if (ke_str_eq_nocase(coding, ke_str_c(names[i])))
            return true;
    return false;
}

/* Anything but the one word chunked is refused; codings of the registry politely. */
static enum http_result note_coding(struct parser *parser, struct ke_str value)
{
    if (parser->notes.has_coding)
        return HTTP_BAD;
    parser->notes.has_coding = true;
    if (ke_str_eq_nocase(value, KE_STR("chunked")))
        return HTTP_OK;
    struct ke_str rest = value;
    struct ke_str coding;
    bool has_known = false;
    while (ke_str_split(&rest, ',', &coding)) {
        coding = ke_str_trim(coding);
        bool is_last_chunked =
            rest.ptr == NULL && has_known && ke_str_eq_nocase(coding, KE_STR("chunked"));
        if (!coding_is_known(coding) && !is_last_chunked)
            return HTTP_BAD;
        has_known = true;
    }
    return has_known ? HTTP_NOT_IMPLEMENTED : HTTP_BAD;
}

static void note_connection(struct parser *parser, struct ke_str value)
{
    struct ke_str rest = value;
    struct ke_str option;
    while (ke_str_split(&rest, ',', &option)) {
        option = ke_str_trim(option);
        if (ke_str_eq_nocase(option, KE_STR("close")))
            parser->notes.has_close = true;
        else if (ke_str_eq_nocase(option, KE_STR("keep-alive")))
            parser->notes.has_keep_alive = true;
        else if (ke_str_eq_nocase(option, KE_STR("upgrade")))
            parser->notes.has_upgrade_token = true;
    }
}

static bool port_is_valid(struct ke_str text)
{
    uint64_t port = 0;
    return text.len <= 5 && ke_str_to_u64(text, 65535, &port);
}

/* name, IPv4 or [IPv6], each with an optional :port. No user, no list, no escapes. */
static bool host_is_valid(struct ke_str host)
{
    size_t i = 0;
    if (host.len > 0 && host.ptr[0] == '[') {
        for (i = 1; i < host.len && HTTP_IS(host.ptr[i], HTTP_CHAR_IPV6); i++)
            ;
        if (i < 3 || i >= host.len || host.ptr[i] != ']')
            return false;
        i++;
    } else {
        while (i < host.len && HTTP_IS(host.ptr[i], HTTP_CHAR_HOST))
            i++;
        if (i == 0)
            return false;
    }
    if (i == host.len)
        return true;
    return host.ptr[i] == ':' && port_is_valid(ke_str_sub(host, i + 1, host.len - i - 1));
}

static enum http_result note_host(struct parser *parser, struct ke_str value)
{
    if (parser->head->is_response)
        return HTTP_OK;
    if (parser->notes.has_host || !host_is_valid(value))
        return HTTP_BAD;
    parser->notes.has_host = true;
    parser->notes.host = value;
    return HTTP_OK;
}

static void note_expect(struct parser *parser, struct ke_str value)
{
    if (ke_str_eq_nocase(value, KE_STR("100-continue")))
        parser->head->has_expect_continue = true;
    else
        parser->head->has_expect_other = true;
}

/* Most fields leave by their length alone. */
static enum http_result note_field(struct parser *parser, struct ke_str name, struct ke_str value)
{
    switch (name.len) {
    case 4:
        return name_is(name, "host") ? note_host(parser, value) : HTTP_OK;
    case 6:
        if (name_is(name, "expect"))
            note_expect(parser, value);
        return HTTP_OK;
    case 7:
        if (name_is(name, "upgrade"))
            parser->notes.has_upgrade_field = true;
        return HTTP_OK;
    case 10:
        if (name_is(name, "connection"))
            note_connection(parser, value);
        return HTTP_OK;
    case 14:
        return name_is(name, "content-length") ? note_length(parser, value) : HTTP_OK;
    case 17:
        return name_is(name, "transfer-encoding") ? note_coding(parser, value) : HTTP_OK;
    default:
        return HTTP_OK;
    }
}

/* ---- fields ------------------------------------------------------------------------------------
 */

/* At the byte that ends a value, which must be CR LF; HTTP_OK moves behind it. */
static inline enum http_result take_crlf(struct parser *parser)
{
    if (parser->p == parser->end)
        return want_more(parser);
    if (*parser->p != '\r')
        return HTTP_BAD;
    if (parser->p + 1 == parser->end)
        return want_more(parser);
    if (parser->p[1] != '\n')
        return HTTP_BAD;
    parser->p += 2;
    return HTTP_OK;
}

/* One field line, from its first byte to behind its line end. */
static inline enum http_result take_field(struct parser *parser)
{
    const char *p = parser->p;
    const char *end = parser->end;
    unsigned classes = 0;
    for (; p < end && HTTP_IS(*p, HTTP_CHAR_TOKEN); p++)
        classes |= http_chars[(unsigned char)*p];
    if (p == end)
        return want_more(parser);
    if (*p != ':' || p == parser->p)
        return HTTP_BAD;
    struct ke_str name = { parser->p, (size_t)(p - parser->p) };
    for (p++; p < end && (*p == ' ' || *p == '\t'); p++)
        ;
    const char *value_start = p;
    p = http_scan_text(p, end);
    const char *value_end = p;
    parser->p = p;
    enum http_result result = take_crlf(parser);
    if (result != HTTP_OK)
        return result;
    while (value_end > value_start && (value_end[-1] == ' ' || value_end[-1] == '\t'))
        value_end--;
    struct ke_str value = { value_start, (size_t)(value_end - value_start) };
    struct http_head *head = parser->head;
    if ((classes & HTTP_CHAR_UNDERSCORE) != 0 && !head->is_response)
        return HTTP_OK;
    if (head->n_headers == LIMIT_HTTP_HEADERS)
        return HTTP_TOO_LARGE;
    head->headers[head->n_headers++] = (struct http_header){ name, value };
    return note_field(parser, name, value);
}

/* All fields and the empty line. */
static enum http_result take_fields(struct parser *parser)
{
    for (;;) {
        if (parser->p == parser->end)
            return want_more(parser);
        if (*parser->p == '\r')
            return take_crlf(parser);
        enum http_result result = take_field(parser);
        if (result != HTTP_OK)
            return result;
    }
}

/* Rules that both kinds of message share, once all fields are read. */
static enum http_result finish_framing(struct parser *parser)
{
    struct http_head *head = parser->head;
    const struct notes *notes = &parser->notes;
    if (notes->has_coding && (notes->has_length || head->minor == 0))
        return HTTP_BAD;
    head->is_keep_alive = !notes->has_close && (head->minor == 1 || notes->has_keep_alive);
    head->has_upgrade = head->minor == 1 && notes->has_upgrade_field && notes->has_upgrade_token;
    if (notes->has_coding)
        head->framing = HTTP_BODY_CHUNKED;
    else
        head->framing = notes->has_length ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
    return HTTP_OK;
}

/* ---- request line ------------------------------------------------------------------------------
 */

/* Behind a target byte that is a percent sign: two hexadecimal digits, not 00. */
static enum http_result check_escape(const struct parser *parser, const char *p)
{
    for (int i = 1; i <= 2; i++) {
        if (p + i >= parser->end)
            return want_more(parser);
        if (!HTTP_IS(p[i], HTTP_CHAR_HEX))
            return HTTP_BAD;
    }
    return p[1] == '0' && p[2] == '0' ? HTTP_BAD : HTTP_OK;
}

/* Word up to one space; which: class of its bytes. */
static enum http_result take_word(struct parser *parser, unsigned which, struct ke_str *out)
{
    const char *p = parser->p;
    for (; p < parser->end && HTTP_IS(*p, which); p++) {
        if (*p != '%' || which != HTTP_CHAR_TARGET)
            continue;
        enum http_result result = check_escape(parser, p);
        if (result != HTTP_OK)
            return result;
    }
    if (p == parser->end)
        return want_more(parser);
    if (*p != ' ' || p == parser->p)
        return HTTP_BAD;
    *out = ke_str_of(parser->p, (size_t)(p - parser->p));
    parser->p = p + 1;
    return HTTP_OK;
}

/* "HTTP/1.1" at p; *minor. A prefix that cannot become one is bad at once. */
static enum http_result take_version(struct parser *parser, unsigned *minor)
{
    static const char wanted[] = "HTTP/0.0";
    const char *p = parser->p;
    for (size_t i = 0; i < sizeof(wanted) - 1; i++, p++) {
        if (p == parser->end)
            return want_more(parser);
        bool is_digit = *p >= '0' && *p <= '9';
        if (wanted[i] == '0' ? !is_digit : *p != wanted[i])
            return HTTP_BAD;
    }
    if (p == parser->end)
        return want_more(parser);
    if (*p != '\r' && *p != ' ') /* a blank may follow in a status line only */
        return HTTP_BAD;
    char major = p[-3];
    char digit = p[-1];
    if (major == '0')
        return HTTP_BAD;
    if (major != '1' || digit > '1')
        return HTTP_VERSION;
    *minor = (unsigned)(digit - '0');
    parser->p = p;
    return HTTP_OK;
}

/* http://host[:port][/path]; the target is made of legal characters. */
static enum http_result split_absolute(struct http_head *head)
{
    struct ke_str rest = head->target;
    if (rest.len >= 7 && ke_str_eq_nocase(ke_str_sub(rest, 0, 7), KE_STR("http://"))) {
        head->scheme = HTTP_SCHEME_HTTP;
        rest = ke_str_sub(rest, 7, rest.len - 7);
    } else if (rest.len >= 8 && ke_str_eq_nocase(ke_str_sub(rest, 0, 8), KE_STR("https://"))) {
        head->scheme = HTTP_SCHEME_HTTPS;
        rest = ke_str_sub(rest, 8, rest.len - 8);
    } else {
        return HTTP_BAD;
    }
    size_t slash = ke_str_find(rest, '/');
    head->host = ke_str_sub(rest, 0, slash);
    if (!host_is_valid(head->host)) /* also a query without a path, a user, a list */
        return HTTP_BAD;
    if (slash < rest.len)
        head->path = ke_str_sub(rest, slash, rest.len - slash);
    else
        head->path = ke_str_eq_c(head->method, "OPTIONS") ? KE_STR("*") : KE_STR("/");
    return HTTP_OK;
}

/* RFC 9112 section 3.2: which of the four forms, and only with the methods it goes with. */
static enum http_result split_target(struct http_head *head)
{
    if (KE_UNLIKELY(ke_str_eq_c(head->method, "CONNECT"))) {
        head->host = head->target;
        bool has_port = ke_str_find(head->target, ']') < head->target.len
                            ? head->target.ptr[head->target.len - 1] != ']'
                            : ke_str_find(head->target, ':') < head->target.len;
        return has_port && host_is_valid(head->target) ? HTTP_OK : HTTP_BAD;
    }
    if (KE_LIKELY(head->target.ptr[0] == '/')) {
        head->path = head->target;
        return HTTP_OK;
    }
    if (ke_str_eq_c(head->target, "*")) {
        head->path = head->target;
        return ke_str_eq_c(head->method, "OPTIONS") ? HTTP_OK : HTTP_BAD;
    }
    return split_absolute(head);
}

/* Everything before the fields. The line has a limit of its own, so end moves in for it. */
static enum http_result take_request_line(struct parser *parser)
{
    struct http_head *head = parser->head;
    enum http_result result = take_word(parser, HTTP_CHAR_TOKEN, &head->method);
    if (result == HTTP_OK)
        result = take_word(parser, HTTP_CHAR_TARGET, &head->target);
    if (result == HTTP_OK)
        result = take_version(parser, &head->minor);
    if (result == HTTP_OK)
        result = take_crlf(parser);
    return result == HTTP_OK ? split_target(head) : result;
}

static enum http_result take_limited_request_line(struct parser *parser)
{
    const char *end = parser->end;
    bool is_cut = parser->is_cut;
    if ((size_t)(end - parser->p) >= LIMIT_HTTP_REQUEST_LINE_BYTES) {
        parser->end = parser->p + LIMIT_HTTP_REQUEST_LINE_BYTES;
        parser->is_cut = true;
    }
    enum http_result result = take_request_line(parser);
    parser->end = end;
    parser->is_cut = is_cut;
    return result == HTTP_TOO_LARGE ? HTTP_URI_TOO_LONG : result;
}

static void head_reset(struct http_head *head, bool is_response)
{
    head->is_response = is_response;
    head->method = head->target = head->path = head->reason = head->host = (struct ke_str){ 0 };
    head->scheme = HTTP_SCHEME_NONE;
    head->status = head->minor = 0;
    head->n_headers = 0;
    head->framing = HTTP_BODY_NONE;
    head->content_length = 0;
    head->has_content_length = false;
    head->is_keep_alive = false;
    head->has_expect_continue = head->has_expect_other = false;
    head->has_upgrade = false;
    head->len = 0;
}

enum http_result http_parse_request(struct ke_str input, struct http_head *out)
{
    struct parser parser = parser_of(input, out);
    head_reset(out, false);
    enum http_result result = HTTP_OK;
    if (parser.p < parser.end && *parser.p == '\r')
        result = take_crlf(&parser);
    if (result == HTTP_OK)
        result = take_limited_request_line(&parser);
    if (result == HTTP_OK)
        result = take_fields(&parser);
    if (result == HTTP_OK)
        result = finish_framing(&parser);
    if (result != HTTP_OK)
        return result;
    if (out->minor == 1 && !parser.notes.has_host)
        return HTTP_BAD;
    if (out->scheme == HTTP_SCHEME_NONE && out->host.len == 0)
        out->host = parser.notes.host;
    if (out->minor == 0) /* a client of 1.0 does not wait for an interim answer */
        out->has_expect_continue = out->has_expect_other = false;
    out->len = (size_t)(parser.p - input.ptr);
    return HTTP_OK;
}

/* ---- responses ---------------------------------------------------------------------------------
 */

/* " 200 OK"; the blank before an empty reason may be missing, as many servers do. */
static enum http_result take_status(struct parser *parser)
{
    struct http_head *head = parser->head;
    for (int i = 0; i < 4; i++, parser->p++) {
        if (parser->p == parser->end)
            return want_more(parser);
        char c = *parser->p;
        if (i == 0 ? c != ' ' : c < (i == 1 ? '1' : '0') || c > '9')
            return HTTP_BAD;
        if (i > 0)
            head->status = head->status * 10 + (unsigned)(c - '0');
    }
    if (parser->p == parser->end)
        return want_more(parser);
    if (*parser->p == '\r')
        return take_crlf(parser);
    if (*parser->p != ' ')
        return HTTP_BAD;
    const char *start = ++parser->p;
    parser->p = http_scan_text(start, parser->end);
    head->reason = ke_str_of(start, (size_t)(parser->p - start));
    return take_crlf(parser);
}

static void finish_response_body(struct http_head *head, struct ke_str request_method)
{
    bool is_bodiless = head->status < 200 || head->status == 204 || head->status == 304 ||
                       ke_str_eq_c(request_method, "HEAD") ||
                       (ke_str_eq_c(request_method, "CONNECT") && head->status < 300);
    if (is_bodiless) {
        head->framing = HTTP_BODY_NONE;
    } else if (head->framing == HTTP_BODY_NONE) {
        head->framing = HTTP_BODY_UNTIL_CLOSE;
        head->is_keep_alive = false;
    }
}

enum http_result http_parse_response(struct ke_str input, struct ke_str request_method,
                                     struct http_head *out)
{
    struct parser parser = parser_of(input, out);
    head_reset(out, true);
    enum http_result result = take_version(&parser, &out->minor);
    if (result == HTTP_OK)
        result = take_status(&parser);
    if (result == HTTP_OK)
        result = take_fields(&parser);
    if (result == HTTP_OK)
        result = finish_framing(&parser);
    if (result != HTTP_OK)
        return result;
    finish_response_body(out, request_method);
    out->len = (size_t)(parser.p - input.ptr);
    return HTTP_OK;
}

struct ke_str http_head_get(const struct http_head *head, struct ke_str name)
{
    for (size_t i = 0; i < head->n_headers; i++)
        if (ke_str_eq_nocase(head->headers[i].name, name))
            return head->headers[i].value;
    return (struct ke_str){ 0 };
}
