/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request heads case by case. The names of the cases follow the public collections of smuggling
 * probes where a case is in one (SMUG-, MAL-, COMP-).
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/net/http/http1.h"
#include "test/support/base/test.h"

struct verdict {
    const char *name;
    struct ke_str head;
    enum http_result want;
};
#define H                "Host: a.example\r\n"
#define GET_WITH(fields) "GET / HTTP/1.1\r\n" H fields "\r\n"
#define LINE(line)       line "\r\n" H "\r\n"
/* a ke_str that may stand in a static table */
#define S(literal)                                                                                 \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const struct verdict verdicts[] = {
    { "plain", S(GET_WITH("")), HTTP_OK },
    { "one empty line first", S("\r\nGET / HTTP/1.1\r\n" H "\r\n"), HTTP_OK },
    { "two empty lines first", S("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"), HTTP_BAD },
    { "1.0 without host", S("GET / HTTP/1.0\r\n\r\n"), HTTP_OK },
    /* request line */
    { "http/0.9", S("GET /\r\n\r\n"), HTTP_BAD },
    { "0.9 spelled out", S(LINE("GET / HTTP/0.9")), HTTP_BAD },
    { "lower-case version", S(LINE("GET / http/1.1")), HTTP_BAD },
    { "HTTP/1.2", S(LINE("GET / HTTP/1.2")), HTTP_VERSION },
    { "HTTP/2.0", S(LINE("GET / HTTP/2.0")), HTTP_VERSION },
    { "h2 preface", S("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), HTTP_VERSION },
    { "HTTP/1.10", S(LINE("GET / HTTP/1.10")), HTTP_BAD },
    { "HTTP/11", S(LINE("GET / HTTP/11")), HTTP_BAD },
    { "HTTP/1,1", S(LINE("GET / HTTP/1,1")), HTTP_BAD },
    { "version with a blank behind", S(LINE("GET / HTTP/1.1 ")), HTTP_BAD },
    { "version with a blank inside", S(LINE("GET / HTTP/ 1.1")), HTTP_BAD },
    { "two blanks after method", S(LINE("GET  / HTTP/1.1")), HTTP_BAD },
    { "two blanks after target", S(LINE("GET /  HTTP/1.1")), HTTP_BAD },
    { "tab as separator", S(LINE("GET\t/ HTTP/1.1")), HTTP_BAD },
    { "blank before method", S(LINE(" GET / HTTP/1.1")), HTTP_BAD },
    { "method not a token", S(LINE("G(T / HTTP/1.1")), HTTP_BAD },
    { "no method", S(LINE("/ HTTP/1.1")), HTTP_BAD },
    { "unknown method", S(LINE("PURGE / HTTP/1.1")), HTTP_OK },
    { "bare LF after request line", S("GET / HTTP/1.1\n" H "\r\n"), HTTP_BAD },
    { "bare CR after request line", S("GET / HTTP/1.1\r" H "\r\n"), HTTP_BAD },
    { "TLS hello", S("\x16\x03\x01\x02\x00\x01"), HTTP_BAD },
    /* target */
    { "query", S(LINE("GET /a?b=c&d HTTP/1.1")), HTTP_OK },
    { "fragment", S(LINE("GET /a#b HTTP/1.1")), HTTP_BAD },
    { "backslash", S(LINE("GET /a\\b HTTP/1.1")), HTTP_BAD },
    { "NUL in target", S(LINE("GET /a\0b HTTP/1.1")), HTTP_BAD },
    { "8-bit target", S(LINE("GET /\xc3\xa4 HTTP/1.1")), HTTP_BAD },
    { "DEL in target", S(LINE("GET /\x7f HTTP/1.1")), HTTP_BAD },
    { "escaped NUL", S(LINE("GET /a%00 HTTP/1.1")), HTTP_BAD },
    { "escape", S(LINE("GET /%20%2F%c3 HTTP/1.1")), HTTP_OK },
    { "escape not hexadecimal", S(LINE("GET /%zz HTTP/1.1")), HTTP_BAD },
    { "escape cut short", S(LINE("GET /%2 HTTP/1.1")), HTTP_BAD },
    { "relative target", S(LINE("GET a/b HTTP/1.1")), HTTP_BAD },
    { "absolute form", S(LINE("GET http://b.example/x HTTP/1.1")), HTTP_OK },
    { "absolute form without path", S(LINE("GET http://b.example HTTP/1.1")), HTTP_OK },
    { "absolute form, query without path", S(LINE("GET http://b.example?x HTTP/1.1")), HTTP_BAD },
    { "absolute form with user", S(LINE("GET http://u@b.example/ HTTP/1.1")), HTTP_BAD },
    { "absolute form, empty authority", S(LINE("GET http:///x HTTP/1.1")), HTTP_BAD },
    { "absolute form, other scheme", S(LINE("GET ftp://b.example/ HTTP/1.1")), HTTP_BAD },
    { "absolute form, 1.1 without host", S("GET http://b/ HTTP/1.1\r\n\r\n"), HTTP_BAD },
    { "absolute form, bad host", S("GET http://b/ HTTP/1.1\r\nHost: a b\r\n\r\n"), HTTP_BAD },
    { "authority form", S(LINE("CONNECT a.example:443 HTTP/1.1")), HTTP_OK },
    { "authority form IPv6", S(LINE("CONNECT [::1]:443 HTTP/1.1")), HTTP_OK },
    { "authority form IPv6 without port", S(LINE("CONNECT [::1] HTTP/1.1")), HTTP_BAD },
    { "authority form without port", S(LINE("CONNECT a.example HTTP/1.1")), HTTP_BAD },
    { "CONNECT with a path", S(LINE("CONNECT / HTTP/1.1")), HTTP_BAD },
    { "authority form with GET", S(LINE("GET a.example:443 HTTP/1.1")), HTTP_BAD },
    { "asterisk", S(LINE("OPTIONS * HTTP/1.1")), HTTP_OK },
    { "asterisk with GET", S(LINE("GET * HTTP/1.1")), HTTP_BAD },
    { "asterisk and more", S(LINE("OPTIONS *x HTTP/1.1")), HTTP_BAD },
    /* host */
    { "no host", S("GET / HTTP/1.1\r\n\r\n"), HTTP_BAD },
    { "two hosts", S(GET_WITH(H)), HTTP_BAD },
    { "two hosts, 1.0", S("GET / HTTP/1.0\r\n" H H "\r\n"), HTTP_BAD },
    { "empty host", S("GET / HTTP/1.1\r\nHost:\r\n\r\n"), HTTP_BAD },
    { "host list", S("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"), HTTP_BAD },
    { "host with path", S("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"), HTTP_BAD },
    { "host with user", S("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"), HTTP_BAD },
    { "host with NUL", S("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n"), HTTP_BAD },
    { "host with port", S("GET / HTTP/1.1\r\nHost: a:80\r\n\r\n"), HTTP_OK },
    { "host with empty port", S("GET / HTTP/1.1\r\nHost: a:\r\n\r\n"), HTTP_BAD },
    { "host with port 65536", S("GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n"), HTTP_BAD },
    { "host with port +80", S("GET / HTTP/1.1\r\nHost: a:+80\r\n\r\n"), HTTP_BAD },
    { "host with port only", S("GET / HTTP/1.1\r\nHost: :80\r\n\r\n"), HTTP_BAD },
    { "IPv6 host", S("GET / HTTP/1.1\r\nHost: [fd00::1]:80\r\n\r\n"), HTTP_OK },
    { "IPv6 host not closed", S("GET / HTTP/1.1\r\nHost: [fd00::1\r\n\r\n"), HTTP_BAD },
    { "IPv6 host and more", S("GET / HTTP/1.1\r\nHost: [fd00::1]x\r\n\r\n"), HTTP_BAD },
    { "IPv6 host empty", S("GET / HTTP/1.1\r\nHost: []\r\n\r\n"), HTTP_BAD },
    /* lines */
    { "obs-fold", S(GET_WITH("A: b\r\n c\r\n")), HTTP_BAD },
    { "obs-fold with tab", S(GET_WITH("A: b\r\n\tc\r\n")), HTTP_BAD },
    { "blank before first field", S("GET / HTTP/1.1\r\n " H "\r\n"), HTTP_BAD },
    { "blank before colon", S(GET_WITH("A : b\r\n")), HTTP_BAD },
    { "tab before colon", S(GET_WITH("A\t: b\r\n")), HTTP_BAD },
    { "no colon", S(GET_WITH("Ab\r\n")), HTTP_BAD },
    { "empty name", S(GET_WITH(": b\r\n")), HTTP_BAD },
    { "8-bit name", S(GET_WITH("\xc3\xa4: b\r\n")), HTTP_BAD },
    { "NUL in name", S(GET_WITH("A\0: b\r\n")), HTTP_BAD },
    { "NUL in value", S(GET_WITH("A: b\0c\r\n")), HTTP_BAD },
    { "CTL in value",
      S(GET_WITH("A: b\x01"
                 "c\r\n")),
      HTTP_BAD },
    { "DEL in value",
      S(GET_WITH("A: b\x7f"
                 "c\r\n")),
      HTTP_BAD },
    { "bare CR in value", S(GET_WITH("A: b\rc\r\n")), HTTP_BAD },
    { "bare LF in value", S(GET_WITH("A: b\nc: d\r\n")), HTTP_BAD },
    { "bare LF as line end", S("GET / HTTP/1.1\r\nHost: a\n\r\n"), HTTP_BAD },
    { "bare LF as empty line", S("GET / HTTP/1.1\r\nHost: a\r\n\n"), HTTP_BAD },
    { "CR CR LF", S(GET_WITH("A: b\r\r\n")), HTTP_BAD },
    { "tab inside value", S(GET_WITH("A: b\tc\r\n")), HTTP_OK },
    { "obs-text in value", S(GET_WITH("A: \xfc\xff long enough for words\r\n")), HTTP_OK },
    { "empty value", S(GET_WITH("A:\r\n")), HTTP_OK },
    /* framing */
    { "CL", S(GET_WITH("Content-Length: 5\r\n")), HTTP_OK },
    { "CL with leading zeros", S(GET_WITH("Content-Length: 005\r\n")), HTTP_OK },
    { "SMUG-DUPLICATE-CL", S(GET_WITH("Content-Length: 5\r\nContent-Length: 6\r\n")), HTTP_BAD },
    { "equal CL twice", S(GET_WITH("Content-Length: 5\r\ncontent-length: 5\r\n")), HTTP_BAD },
    { "SMUG-CL-COMMA-DIFFERENT", S(GET_WITH("Content-Length: 5, 6\r\n")), HTTP_BAD },
    { "CL comma equal", S(GET_WITH("Content-Length: 5, 5\r\n")), HTTP_BAD },
    { "CL empty", S(GET_WITH("Content-Length:\r\n")), HTTP_BAD },
    { "CL +5", S(GET_WITH("Content-Length: +5\r\n")), HTTP_BAD },
    { "CL -0", S(GET_WITH("Content-Length: -0\r\n")), HTTP_BAD },
    { "CL 0x10", S(GET_WITH("Content-Length: 0x10\r\n")), HTTP_BAD },
    { "CL 1_0", S(GET_WITH("Content-Length: 1_0\r\n")), HTTP_BAD },
    { "CL 5 5", S(GET_WITH("Content-Length: 5 5\r\n")), HTTP_BAD },
    { "CL 1Z", S(GET_WITH("Content-Length: 1Z\r\n")), HTTP_BAD },
    { "CL 2^63-1", S(GET_WITH("Content-Length: 9223372036854775807\r\n")), HTTP_OK },
    { "CL 2^63", S(GET_WITH("Content-Length: 9223372036854775808\r\n")), HTTP_BAD },
    { "CL 2^64+5", S(GET_WITH("Content-Length: 18446744073709551621\r\n")), HTTP_BAD },
    { "SMUG-CL-TE-BOTH", S(GET_WITH("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")),
      HTTP_BAD },
    { "TE then CL", S(GET_WITH("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n")), HTTP_BAD },
    { "TE", S(GET_WITH("Transfer-Encoding: chunked\r\n")), HTTP_OK },
    { "TE Chunked", S(GET_WITH("TRANSFER-ENCODING: ChunKed\r\n")), HTTP_OK },
    { "TE twice", S(GET_WITH("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
      HTTP_BAD },
    { "TE xchunked", S(GET_WITH("Transfer-Encoding: xchunked\r\n")), HTTP_BAD },
    { "TE ,chunked", S(GET_WITH("Transfer-Encoding: ,chunked\r\n")), HTTP_BAD },
    { "TE chunked,", S(GET_WITH("Transfer-Encoding: chunked,\r\n")), HTTP_BAD },
    { "TE chunked, chunked", S(GET_WITH("Transfer-Encoding: chunked, chunked\r\n")), HTTP_BAD },
    { "TE identity", S(GET_WITH("Transfer-Encoding: identity\r\n")), HTTP_BAD },
    { "TE identity, chunked", S(GET_WITH("Transfer-Encoding: identity, chunked\r\n")), HTTP_BAD },
    { "TE chunked;x", S(GET_WITH("Transfer-Encoding: chunked;x\r\n")), HTTP_BAD },
    { "TE empty", S(GET_WITH("Transfer-Encoding:\r\n")), HTTP_BAD },
    { "TE VT chunked", S(GET_WITH("Transfer-Encoding: \vchunked\r\n")), HTTP_BAD },
    { "TE nbsp chunked",
      S(GET_WITH("Transfer-Encoding: \xa0"
                 "chunked\r\n")),
      HTTP_BAD },
    { "TE quoted", S(GET_WITH("Transfer-Encoding: \"chunked\"\r\n")), HTTP_BAD },
    { "TE gzip", S(GET_WITH("Transfer-Encoding: gzip\r\n")), HTTP_NOT_IMPLEMENTED },
    { "TE gzip, chunked", S(GET_WITH("Transfer-Encoding: gzip, chunked\r\n")),
      HTTP_NOT_IMPLEMENTED },
    { "TE chunked, gzip", S(GET_WITH("Transfer-Encoding: chunked, gzip\r\n")), HTTP_BAD },
    { "TE on 1.0", S("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), HTTP_BAD },
    { "CL with blank before colon", S(GET_WITH("Content-Length : 5\r\n")), HTTP_BAD },
    /* not whole */
    { "nothing", S(""), HTTP_MORE },
    { "only CR", S("\r"), HTTP_MORE },
    { "inside method", S("GE"), HTTP_MORE },
    { "inside version", S("GET / HTTP/1."), HTTP_MORE },
    { "inside value", S("GET / HTTP/1.1\r\nHost: a"), HTTP_MORE },
    { "before last LF", S("GET / HTTP/1.1\r\nHost: a\r\n\r"), HTTP_MORE },
};

static void request_heads_get_the_verdict_of_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(verdicts); i++) {
        struct http_head head;
        enum http_result got = http_parse_request(verdicts[i].head, &head);
        if (got != verdicts[i].want)
            fail_msg("%s: want %d, got %d", verdicts[i].name, verdicts[i].want, got);
    }
}

/* Each case again from a block of its exact size (a sanitizer sees reads past the end), cut at
 * every byte: more input never changes a verdict once there is one. */
static void verdicts_do_not_depend_on_how_input_arrives(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(verdicts); i++) {
        enum http_result before = HTTP_MORE;
        for (size_t len = 0; len <= verdicts[i].head.len; len++) {
            char *copy = malloc(len + (len == 0));
            assert_non_null(copy);
            memcpy(copy, verdicts[i].head.ptr, len);
            struct http_head head;
            enum http_result got = http_parse_request(ke_str_of(copy, len), &head);
            free(copy);
            if (before != HTTP_MORE && got != before)
                fail_msg("%s cut at %zu: %d became %d", verdicts[i].name, len, before, got);
            before = got;
        }
        assert_int_equal(before, verdicts[i].want);
    }
}

static struct http_head parsed(struct ke_str input)
{
    struct http_head head;
    assert_int_equal(http_parse_request(input, &head), HTTP_OK);
    return head;
}

static void assert_str(struct ke_str got, const char *want)
{
    if (!ke_str_eq_c(got, want))
        fail_msg("want \"%s\", got \"%.*s\"", want, KE_STR_ARG(got));
}

static void fields_are_split_and_trimmed(void **state)
{
    (void)state;
    struct ke_str text =
        KE_STR("POST /a?b HTTP/1.1\r\nHost: a.example:8080\r\nX:  \t two words \t\r\nY:\r\n"
               "Content-Length: 12\r\n\r\nbody of next");
    struct http_head head = parsed(text);
    assert_str(head.method, "POST");
    assert_str(head.target, "/a?b");
    assert_str(head.path, "/a?b");
    assert_str(head.host, "a.example:8080");
    assert_int_equal(head.minor, 1);
    assert_int_equal(head.n_headers, 4);
    assert_str(http_head_get(&head, KE_STR("x")), "two words");
    assert_str(http_head_get(&head, KE_STR("Y")), "");
    assert_non_null(http_head_get(&head, KE_STR("Y")).ptr);
    assert_null(http_head_get(&head, KE_STR("Z")).ptr);
    assert_int_equal(head.framing, HTTP_BODY_LENGTH);
    assert_int_equal(head.content_length, 12);
    assert_int_equal(head.len, text.len - 12);
    assert_false(head.is_response);
}

static void absolute_form_replaces_the_host_field(void **state)
{
    (void)state;
    struct http_head head = parsed(KE_STR(LINE("GET HTTPS://b.example:1/x?y HTTP/1.1")));
    assert_str(head.host, "b.example:1");
    assert_str(head.path, "/x?y");
    assert_int_equal(head.scheme, HTTP_SCHEME_HTTPS);
    head = parsed(KE_STR(LINE("GET http://b.example HTTP/1.1")));
    assert_str(head.path, "/");
    assert_int_equal(head.scheme, HTTP_SCHEME_HTTP);
    head = parsed(KE_STR(LINE("OPTIONS http://b.example HTTP/1.1")));
    assert_str(head.path, "*");
    head = parsed(KE_STR(LINE("CONNECT b.example:443 HTTP/1.1")));
    assert_str(head.host, "b.example:443");
    assert_int_equal(head.path.len, 0);
}

static void keep_alive_follows_version_and_connection(void **state)
{
    (void)state;
    assert_true(parsed(KE_STR(GET_WITH(""))).is_keep_alive);
    assert_false(parsed(KE_STR(GET_WITH("Connection: close\r\n"))).is_keep_alive);
    assert_false(parsed(KE_STR(GET_WITH("Connection: x, CLOSE\r\n"))).is_keep_alive);
    assert_false(
        parsed(KE_STR(GET_WITH("Connection: keep-alive\r\nConnection: close\r\n"))).is_keep_alive);
    assert_false(parsed(KE_STR("GET / HTTP/1.0\r\n\r\n")).is_keep_alive);
    assert_true(parsed(KE_STR("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")).is_keep_alive);
}

static void upgrade_needs_both_fields_and_version_1_1(void **state)
{
    (void)state;
    assert_true(
        parsed(KE_STR(GET_WITH("Connection: Upgrade\r\nUpgrade: websocket\r\n"))).has_upgrade);
    assert_false(parsed(KE_STR(GET_WITH("Upgrade: websocket\r\n"))).has_upgrade);
    assert_false(parsed(KE_STR(GET_WITH("Connection: upgrade\r\n"))).has_upgrade);
    assert_false(
        parsed(KE_STR("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"))
            .has_upgrade);
}

static void expectations_are_told_apart(void **state)
{
    (void)state;
    assert_true(parsed(KE_STR(GET_WITH("Expect: 100-Continue\r\n"))).has_expect_continue);
    assert_false(parsed(KE_STR(GET_WITH("Expect: 100-continue\r\n"))).has_expect_other);
    assert_true(parsed(KE_STR(GET_WITH("Expect: tea\r\n"))).has_expect_other);
    assert_false(
        parsed(KE_STR("GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n")).has_expect_continue);
}

static void underscore_fields_are_dropped_from_requests(void **state)
{
    (void)state;
    struct http_head head = parsed(KE_STR(GET_WITH("Content_Length: 5\r\nX_Y: z\r\nX-Y: w\r\n")));
    assert_int_equal(head.n_headers, 2);
    assert_int_equal(head.framing, HTTP_BODY_NONE);
    assert_null(http_head_get(&head, KE_STR("X_Y")).ptr);
}

static void a_parsed_head_leaves_nothing_behind_for_the_next(void **state)
{
    (void)state;
    struct http_head head;
    struct ke_str first = KE_STR(GET_WITH("Content-Length: 5\r\nConnection: upgrade, close\r\n"
                                          "Upgrade: x\r\nExpect: 100-continue\r\n"));
    assert_int_equal(http_parse_request(first, &head), HTTP_OK);
    assert_int_equal(http_parse_request(KE_STR("GET / HTTP/1.0\r\n\r\n"), &head), HTTP_OK);
    assert_int_equal(head.n_headers, 0);
    assert_int_equal(head.framing, HTTP_BODY_NONE);
    assert_int_equal(head.content_length, 0);
    assert_int_equal(head.host.len, 0);
    assert_false(head.has_expect_continue || head.has_upgrade || head.is_keep_alive);
}

static char *repeat(char *p, char c, size_t n)
{
    memset(p, c, n);
    return p + n;
}

static char *append(char *p, const char *text)
{
    size_t len = strlen(text);
    memcpy(p, text, len);
    return p + len;
}

static void limits_of_heads_hold_to_the_byte(void **state)
{
    (void)state;
    static char text[64U << 10];
    struct http_head head;
    /* request line: "GET " + target + " HTTP/1.1\r\n" */
    size_t target_len = LIMIT_HTTP_REQUEST_LINE_BYTES - 4 - 11;
    for (size_t extra = 0; extra < 2; extra++) {
        char *p = repeat(append(text, "GET "), '/', target_len + extra);
        p = append(p, " HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_int_equal(http_parse_request(ke_str_of(text, (size_t)(p - text)), &head),
                         extra == 0 ? HTTP_OK : HTTP_URI_TOO_LONG);
    }
    (void)repeat(append(text, "GET "), '/', 20000);
    assert_int_equal(http_parse_request(ke_str_of(text, 9000), &head), HTTP_URI_TOO_LONG);
    /* whole head */
    const char *start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    for (size_t extra = 0; extra < 2; extra++) {
        char *p = append(text, start);
        p = repeat(p, 'x', LIMIT_HTTP_HEAD_BYTES - strlen(start) - 4 + extra);
        p = append(p, "\r\n\r\n");
        assert_int_equal(http_parse_request(ke_str_of(text, (size_t)(p - text)), &head),
                         extra == 0 ? HTTP_OK : HTTP_TOO_LARGE);
    }
    /* number of fields */
    for (size_t extra = 0; extra < 2; extra++) {
        char *p = append(text, "GET / HTTP/1.1\r\nHost: a\r\n");
        for (size_t i = 1; i < LIMIT_HTTP_HEADERS + extra; i++)
            p = append(p, "A: b\r\n");
        p = append(p, "\r\n");
        assert_int_equal(http_parse_request(ke_str_of(text, (size_t)(p - text)), &head),
                         extra == 0 ? HTTP_OK : HTTP_TOO_LARGE);
    }
}

/* The scan by words against the plain definition, every byte at every place. */
static void every_byte_of_a_value_is_judged_alike_at_any_place(void **state)
{
    (void)state;
    const char *start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    char text[128];
    for (unsigned c = 0; c < 256; c++) {
        for (size_t at = 0; at < 24; at++) {
            char *value = append(text, start);
            char *p = repeat(value, 'v', 24);
            value[at] = (char)c;
            p = append(p, "\r\n\r\n");
            bool is_text = c == '\t' || (c >= ' ' && c != 0x7f);
            struct http_head head;
            enum http_result got = http_parse_request(ke_str_of(text, (size_t)(p - text)), &head);
            if (got != (is_text ? HTTP_OK : HTTP_BAD))
                fail_msg("byte %u at %zu: %d", c, at, got);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_heads_get_the_verdict_of_the_table),
        cmocka_unit_test(verdicts_do_not_depend_on_how_input_arrives),
        cmocka_unit_test(fields_are_split_and_trimmed),
        cmocka_unit_test(absolute_form_replaces_the_host_field),
        cmocka_unit_test(keep_alive_follows_version_and_connection),
        cmocka_unit_test(upgrade_needs_both_fields_and_version_1_1),
        cmocka_unit_test(expectations_are_told_apart),
        cmocka_unit_test(underscore_fields_are_dropped_from_requests),
        cmocka_unit_test(a_parsed_head_leaves_nothing_behind_for_the_next),
        cmocka_unit_test(limits_of_heads_hold_to_the_byte),
        cmocka_unit_test(every_byte_of_a_value_is_judged_alike_at_any_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
