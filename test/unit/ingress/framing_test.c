/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client may send and what it gets: bytes in, status and fate of the connection out, and
 * whether a backend saw it. The names are those of Http11Probe where it has the case.
 */
#include <stdio.h>
#include <string.h>

#include "test/support/base/test.h"
#include "test/support/ingress_world.h"

#define H        "Host: a.example\r\n"
#define POST     "POST / HTTP/1.1\r\n" H
#define CHUNKED  POST "Transfer-Encoding: chunked\r\n\r\n"
#define GET_HEAD "GET / HTTP/1.1\r\n" H

static struct ingress_world world;
static struct http_backend *backend;
static struct ingress_reply reply;

struct framing_case {
    const char *name;
    const char *bytes;
    unsigned status; /* 0: closed without a word */
    bool closes;
    unsigned n_seen; /* whole requests that a backend saw */
};

static const struct framing_case cases[] = {
    /* ---- framing ---- */
    { "BASELINE", GET_HEAD "\r\n", 200, false, 1 },
    { "CL-TE-BOTH", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
      true, 0 },
    { "TE-CL-BOTH", POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400,
      true, 0 },
    { "DUPLICATE-CL", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400, true, 0 },
    { "DUPLICATE-CL-EQUAL", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400, true,
      0 },
    { "CL-COMMA-DIFFERENT", POST "Content-Length: 5, 6\r\n\r\nhello!", 400, true, 0 },
    { "CL-COMMA-SAME", POST "Content-Length: 5, 5\r\n\r\nhello", 400, true, 0 },
    { "CL-EMPTY", POST "Content-Length: \r\n\r\n", 400, true, 0 },
    { "CL-PLUS", POST "Content-Length: +5\r\n\r\nhello", 400, true, 0 },
    { "CL-NEGATIVE-ZERO", POST "Content-Length: -0\r\n\r\n", 400, true, 0 },
    { "CL-HEX", POST "Content-Length: 0x5\r\n\r\nhello", 400, true, 0 },
    { "CL-UNDERSCORE", POST "Content-Length: 1_0\r\n\r\nhello", 400, true, 0 },
    { "CL-INNER-SPACE", POST "Content-Length: 5 5\r\n\r\nhello", 400, true, 0 },
    { "CL-TRAILING-LETTER", POST "Content-Length: 1Z\r\n\r\nh", 400, true, 0 },
    { "CL-OVERFLOW", POST "Content-Length: 9223372036854775808\r\n\r\n", 400, true, 0 },
    { "CL-OVERFLOW-64", POST "Content-Length: 18446744073709551621\r\n\r\nhello", 400, true, 0 },
    { "CL-LEADING-ZEROS", POST "Content-Length: 005\r\n\r\nhello", 200, false, 1 },
    { "TE-XCHUNKED", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400, true, 0 },
    { "TE-LEADING-COMMA", POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n", 400, true, 0 },
    { "TE-DOUBLE-CHUNKED", POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, true,
      0 },
    { "TE-DUPLICATE",
      POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true,
      0 },
    { "TE-IDENTITY", POST "Transfer-Encoding: identity\r\n\r\n", 400, true, 0 },
    { "TE-PARAMETER", POST "Transfer-Encoding: chunked;x\r\n\r\n0\r\n\r\n", 400, true, 0 },
    { "TE-EMPTY", POST "Transfer-Encoding: \r\n\r\n", 400, true, 0 },
    { "TE-VT",
      POST "Transfer-Encoding: \x0b"
           "chunked\r\n\r\n0\r\n\r\n",
      400, true, 0 },
    { "TE-FF",
      POST "Transfer-Encoding: \x0c"
           "chunked\r\n\r\n0\r\n\r\n",
      400, true, 0 },
    { "TE-NBSP",
      POST "Transfer-Encoding: \xa0"
           "chunked\r\n\r\n0\r\n\r\n",
      400, true, 0 },
    { "TE-GZIP", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, true, 0 },
    { "TE-CASE", POST "Transfer-Encoding: ChUnKeD\r\n\r\n0\r\n\r\n", 200, false, 1 },
    { "TE-HTTP10", "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true,
      0 },
    { "SP-BEFORE-COLON", POST "Content-Length : 0\r\n\r\n", 400, true, 0 },
    { "SP-FIRST-HEADER", "GET / HTTP/1.1\r\n Host: a.example\r\n\r\n", 400, true, 0 },
    { "OBS-FOLD", GET_HEAD "X: a\r\n b\r\n\r\n", 400, true, 0 },
    { "NO-COLON", GET_HEAD "Nonsense\r\n\r\n", 400, true, 0 },
    { "EMPTY-NAME", GET_HEAD ": x\r\n\r\n", 400, true, 0 },
    { "NAME-NOT-TOKEN", GET_HEAD "X(y): z\r\n\r\n", 400, true, 0 },
    { "NAME-HIGH-BYTE", GET_HEAD "X\xe9: z\r\n\r\n", 400, true, 0 },
    { "VALUE-BARE-CR", GET_HEAD "X: a\rb\r\n\r\n", 400, true, 0 },
    { "VALUE-CTL",
      GET_HEAD "X: a\x01"
               "b\r\n\r\n",
      400, true, 0 },
    { "VALUE-TAB", GET_HEAD "X: a\tb\r\n\r\n", 200, false, 1 },
    { "VALUE-OBS-TEXT", GET_HEAD "X: \xe9\r\n\r\n", 200, false, 1 },
    { "BARE-LF-LINE", "GET / HTTP/1.1\n" H "\r\n", 400, true, 0 },
    { "BARE-LF-HEADER", "GET / HTTP/1.1\r\nHost: a.example\n\r\n", 400, true, 0 },
    { "BARE-LF-END", GET_HEAD "\n", 400, true, 0 },
    { "CR-ONLY", "GET / HTTP/1.1\rHost: a.example\r\r", 400, true, 0 },
    { "LEADING-CRLF", "\r\n" GET_HEAD "\r\n", 200, false, 1 },
    { "LEADING-TWO-CRLF", "\r\n\r\n" GET_HEAD "\r\n", 400, true, 0 },
    /* ---- chunks: the head was good, so the connection to the backend is dropped ---- */
    { "CHUNK-GOOD", CHUNKED "5\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n", 200, false, 1 },
    { "CHUNK-LOWER-HEX", CHUNKED "a\r\n0123456789\r\n0\r\n\r\n", 200, false, 1 },
    { "CHUNK-EXT", CHUNKED "5;a=b;c=\"d\"\r\nhello\r\n0\r\n\r\n", 200, false, 1 },
    { "CHUNK-TRAILER", CHUNKED "0\r\nX-T: v\r\n\r\n", 200, false, 1 },
    { "CHUNK-HEX-PREFIX", CHUNKED "0x5\r\nhello\r\n0\r\n\r\n", 400, true, 0 },
    { "CHUNK-PLUS", CHUNKED "+5\r\nhello\r\n0\r\n\r\n", 400, true, 0 },
    { "CHUNK-MINUS-ZERO", CHUNKED "-0\r\n\r\n", 400, true, 0 },
    { "CHUNK-UNDERSCORE", CHUNKED "5_\r\nhello\r\n0\r\n\r\n", 400, true, 0 },
    { "CHUNK-LEADING-SPACE", CHUNKED " 5\r\nhello\r\n0\r\n\r\n", 400, true, 0 },
    { "CHUNK-TRAILING-SPACE", CHUNKED "5 \r\nhello\r\n0\r\n\r\n", 400, true, 0 },
    { "CHUNK-EMPTY-SIZE", CHUNKED "\r\nhello\r\n0\r\n\r\n", 400, true, 0 },
    { "CHUNK-OVERFLOW", CHUNKED "ffffffffffffffff1\r\nhello\r\n0\r\n\r\n", 400, true, 0 },
    { "CHUNK-LF", CHUNKED "5\nhello\r\n0\r\n\r\n", 400, true, 0 },
    { "CHUNK-CR-X", CHUNKED "5\rXhello\r\n0\r\n\r\n", 400, true, 0 },
    { "CHUNK-SPILL", CHUNKED "5\r\nhelloXX0\r\n\r\n", 400, true, 0 },
    { "CHUNK-DATA-LF", CHUNKED "5\r\nhello\n0\r\n\r\n", 400, true, 0 },
    { "CHUNK-EXT-CTL", CHUNKED "5;a\x01\r\nhello\r\n0\r\n\r\n", 400, true, 0 },
    { "CHUNK-EXT-LF", CHUNKED "5;a\nb\r\nhello\r\n0\r\n\r\n", 400, true, 0 },
    /* ---- bodies with methods that seldom have one ---- */
    { "GET-CL-BODY", GET_HEAD "Content-Length: 5\r\n\r\nhello", 200, false, 1 },
    { "DELETE-CL-BODY", "DELETE / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", 200, false, 1 },
    { "GET-CHUNKED-BODY", GET_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200,
      false, 1 },
    { "NORM-UNDERSCORE-CL", GET_HEAD "Content_Length: 5\r\n\r\n", 200, false, 1 },
    { "PIPELINED-AFTER-ERROR", GET_HEAD "Bad\r\n\r\n" GET_HEAD "\r\n", 400, true, 0 },
    /* ---- Host and target ---- */
    { "NO-HOST", "GET / HTTP/1.1\r\n\r\n", 400, true, 0 },
    { "TWO-HOSTS", "GET / HTTP/1.1\r\n" H H "\r\n", 400, true, 0 },
    { "HOST-LIST", "GET / HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n", 400, true, 0 },
    { "HOST-EMPTY", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400, true, 0 },
    { "HOST-PATH", "GET / HTTP/1.1\r\nHost: a.example/x\r\n\r\n", 400, true, 0 },
    { "HOST-USERINFO", "GET / HTTP/1.1\r\nHost: u@a.example\r\n\r\n", 400, true, 0 },
    { "HOST-PORT", "GET / HTTP/1.1\r\nHost: a.example:80\r\n\r\n", 200, false, 1 },
    { "HOST-CASE-DOT", "GET / HTTP/1.1\r\nHost: A.EXAMPLE.\r\n\r\n", 200, false, 1 },
    { "HOST-UNKNOWN", "GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n", 404, false, 0 },
    { "HTTP10-NO-HOST", "GET / HTTP/1.0\r\n\r\n", 404, true, 0 },
    { "HTTP10", "GET / HTTP/1.0\r\n" H "\r\n", 200, true, 1 },
    { "HTTP10-KEEP-ALIVE", "GET / HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n", 200, false, 1 },
    { "ABSOLUTE-FORM", "GET http://a.example/x HTTP/1.1\r\nHost: b.example\r\n\r\n", 200, false,
      1 },
    { "ABSOLUTE-FORM-SCHEME", "GET https://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n", 400,
      true, 0 },
    { "CONNECT", "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", 405, true, 0 },
    { "OPTIONS-STAR", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 204, false, 0 },
    { "GET-STAR", "GET * HTTP/1.1\r\n" H "\r\n", 400, true, 0 },
    { "FRAGMENT", "GET /a#b HTTP/1.1\r\n" H "\r\n", 400, true, 0 },
    { "RAW-SPACE", "GET /a b HTTP/1.1\r\n" H "\r\n", 400, true, 0 },
    { "TARGET-CTL", "GET /a\x01 HTTP/1.1\r\n" H "\r\n", 400, true, 0 },
    { "TARGET-HIGH", "GET /\xe9 HTTP/1.1\r\n" H "\r\n", 400, true, 0 },
    { "TARGET-BACKSLASH", "GET /a\\b HTTP/1.1\r\n" H "\r\n", 400, true, 0 },
    { "TARGET-ESCAPED-NUL", "GET /a%00 HTTP/1.1\r\n" H "\r\n", 400, true, 0 },
    { "TARGET-BAD-ESCAPE", "GET /%zz HTTP/1.1\r\n" H "\r\n", 400, true, 0 },
    { "ABOVE-ROOT", "GET /a/../../b HTTP/1.1\r\n" H "\r\n", 400, true, 0 },
    { "HIDDEN-DOTS", "GET /a/..%2fb HTTP/1.1\r\n" H "\r\n", 400, true, 0 },
    { "DOTS-WITH-PARAMETER", "GET /a/..;x/b HTTP/1.1\r\n" H "\r\n", 400, true, 0 },
    { "VERSION-2", "GET / HTTP/2.0\r\n" H "\r\n", 505, true, 0 },
    { "VERSION-1-2", "GET / HTTP/1.2\r\n" H "\r\n", 505, true, 0 },
    { "VERSION-CASE", "GET / http/1.1\r\n" H "\r\n", 400, true, 0 },
    { "VERSION-BLANKS", "GET /  HTTP/1.1 \r\n" H "\r\n", 400, true, 0 },
    { "VERSION-09", "GET /\r\n", 400, true, 0 },
    { "H2-PREFACE", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, true, 0 },
    { "TRACE", "TRACE / HTTP/1.1\r\n" H "\r\n", 405, false, 0 },
    { "METHOD-UNKNOWN", "BREW / HTTP/1.1\r\n" H "\r\n", 200, false, 1 },
    { "METHOD-NOT-TOKEN", "G@T / HTTP/1.1\r\n" H "\r\n", 400, true, 0 },
    /* ---- expectations and sizes ---- */
    { "EXPECT-OTHER", POST "Expect: tea\r\nContent-Length: 0\r\n\r\n", 417, false, 0 },
    { "EXPECT-CONTINUE", POST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", 200, false,
      1 },
    { "EXPECT-404",
      "POST / HTTP/1.1\r\nHost: nobody.example\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
      404, true, 0 },
    { "BODY-TOO-LARGE", POST "Content-Length: 99999999999\r\n\r\nx", 413, true, 0 },
    { "CONNECTION-CLOSE", GET_HEAD "Connection: close\r\n\r\n", 200, true, 1 },
    { "UPGRADE-IGNORED",
      GET_HEAD "Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n", 200, false, 1 },
};

static void run_case(const struct framing_case *one, size_t len)
{
    struct ingress_talk talk;
    http_backend_clear(backend);
    ingress_talk_open(&talk, world.http_port);
    ingress_talk_send(&talk, one->bytes, len);
    const char *method = strncmp(one->bytes, "HEAD", 4) == 0 ? "HEAD" : "GET";
    bool has_reply = ingress_talk_hear(&talk, method, &reply);
    if (reply.status != one->status)
        fail_msg("%s: answered %u, not %u", one->name, reply.status, one->status);
    if (http_backend_requests(backend) != one->n_seen)
        fail_msg("%s: the backend saw %zu requests, not %u", one->name,
                 http_backend_requests(backend), one->n_seen);
    if (one->closes) {
        if (!ingress_talk_is_closed(&talk))
            fail_msg("%s: more after the answer: %.*s", one->name,
                     KE_STR_ARG(ke_buf_str(&talk.in)));
        if (has_reply && strstr(reply.head, "onnection: close") == NULL)
            fail_msg("%s: closes without a word: %s", one->name, reply.head);
    } else {
        ingress_talk_say(&talk, GET_HEAD "\r\n");
        if (!ingress_talk_hear(&talk, "GET", &reply) || reply.status != 200)
            fail_msg("%s: the next request got %u", one->name, reply.status);
    }
    ingress_talk_close(&talk);
}

static void each_case_has_its_status_and_fate(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++)
        run_case(&cases[i], strlen(cases[i].bytes));
    static const char nul[] = GET_HEAD "X: a\0b\r\n\r\n";
    run_case(&(struct framing_case){ "VALUE-NUL", nul, 400, true, 0 }, sizeof(nul) - 1);
    static const char te_nul[] = POST "Transfer-Encoding: \0chunked\r\n\r\n0\r\n\r\n";
    run_case(&(struct framing_case){ "TE-NUL", te_nul, 400, true, 0 }, sizeof(te_nul) - 1);
}

/* The same, a byte at a time: where a packet ends decides nothing. */
static void a_verdict_does_not_depend_on_packets(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        struct ingress_talk talk;
        ingress_talk_open(&talk, world.http_port);
        for (size_t at = 0; at < strlen(cases[i].bytes); at++)
            ingress_talk_send(&talk, cases[i].bytes + at, 1);
        (void)ingress_talk_hear(&talk, "GET", &reply);
        if (reply.status != cases[i].status)
            fail_msg("%s in drops: answered %u, not %u", cases[i].name, reply.status,
                     cases[i].status);
        ingress_talk_close(&talk);
    }
}

static void run_large(const char *name, size_t n, const char *before, const char *after,
                      unsigned status)
{
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    ke_buf_add_c(&text, before);
    for (size_t i = 0; i < n; i++)
        ke_buf_add_char(&text, 'a');
    ke_buf_add_c(&text, after);
    ke_buf_add_char(&text, '\0');
    run_case(&(struct framing_case){ name, text.ptr, status, status != 200, status == 200 },
             text.len - 1);
}

static void sizes_have_limits_with_a_status_each(void **state)
{
    (void)state;
    run_large("LINE-7K", 7000, "GET /", " HTTP/1.1\r\n" H "\r\n", 200);
    run_large("LINE-9K", 9000, "GET /", " HTTP/1.1\r\n" H "\r\n", 414);
    run_large("LINE-9K-NO-END", 9000, "GET /", "", 414);
    run_large("FIELD-7K", 7000, GET_HEAD "X: ", "\r\n\r\n", 200);
    run_large("HEAD-17K", 17000, GET_HEAD "X: ", "\r\n\r\n", 431);
    run_large("HEAD-17K-NO-END", 17000, GET_HEAD "X: ", "", 431);
    ke_auto_buf many = KE_BUF_INIT(1U << 20);
    ke_buf_add_c(&many, GET_HEAD);
    for (int i = 0; i < 101; i++)
        ke_buf_add_c(&many, "X: y\r\n");
    ke_buf_add(&many, "\r\n", 3);
    run_case(&(struct framing_case){ "101-FIELDS", many.ptr, 431, true, 0 }, many.len - 1);
}

static int make_world(void **state)
{
    (void)state;
    ingress_world_make(&world, NULL, false);
    backend = http_backend_new("one", NULL);
    const uint16_t port = http_backend_port(backend);
    ingress_world_service(&world, "web", &port, 1);
    ingress_world_route(&world, "web", "a.example", "web");
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    ingress_world_end(&world);
    http_backend_free(backend);
    ke_buf_free(&reply.body);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_has_its_status_and_fate),
        cmocka_unit_test(a_verdict_does_not_depend_on_packets),
        cmocka_unit_test(sizes_have_limits_with_a_status_each),
    };
    return cmocka_run_group_tests(tests, make_world, end_world);
}
