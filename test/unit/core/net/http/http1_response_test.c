/* SPDX-License-Identifier: Apache-2.0 */
/* Response heads: status lines and where the body ends. */
#include "core/net/http/http1.h"
#include "test/support/base/test.h"

struct body_case {
    const char *name;
    struct ke_str method, head;
    enum http_result want;
    enum http_framing framing;
    bool is_keep_alive;
};
#define S(literal)                                                                                 \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define OK_WITH(fields) S("HTTP/1.1 200 OK\r\n" fields "\r\n")
#define BAD(name, text)                                                                            \
    {                                                                                              \
        name, S("GET"), S(text), HTTP_BAD, HTTP_BODY_NONE, false                                   \
    }

static const struct body_case body_cases[] = {
    { "length", S("GET"), OK_WITH("Content-Length: 3\r\n"), HTTP_OK, HTTP_BODY_LENGTH, true },
    { "chunked", S("GET"), OK_WITH("Transfer-Encoding: chunked\r\n"), HTTP_OK, HTTP_BODY_CHUNKED,
      true },
    { "until close", S("GET"), OK_WITH(""), HTTP_OK, HTTP_BODY_UNTIL_CLOSE, false },
    { "HEAD", S("HEAD"), OK_WITH("Content-Length: 3\r\n"), HTTP_OK, HTTP_BODY_NONE, true },
    { "HEAD chunked", S("HEAD"), OK_WITH("Transfer-Encoding: chunked\r\n"), HTTP_OK, HTTP_BODY_NONE,
      true },
    { "CONNECT", S("CONNECT"), OK_WITH(""), HTTP_OK, HTTP_BODY_NONE, true },
    { "CONNECT refused", S("CONNECT"), S("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\n"), HTTP_OK,
      HTTP_BODY_LENGTH, true },
    { "204", S("GET"), S("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n"), HTTP_OK,
      HTTP_BODY_NONE, true },
    { "304", S("GET"), S("HTTP/1.1 304 \r\nContent-Length: 3\r\n\r\n"), HTTP_OK, HTTP_BODY_NONE,
      true },
    { "100", S("GET"), S("HTTP/1.1 100 Continue\r\n\r\n"), HTTP_OK, HTTP_BODY_NONE, true },
    { "205 keeps its framing", S("GET"), S("HTTP/1.1 205 X\r\nContent-Length: 0\r\n\r\n"), HTTP_OK,
      HTTP_BODY_LENGTH, true },
    { "no reason", S("GET"), S("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"), HTTP_OK,
      HTTP_BODY_LENGTH, true },
    { "1.0", S("GET"), S("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"), HTTP_OK, HTTP_BODY_LENGTH,
      false },
    { "1.0 keep-alive", S("GET"),
      S("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"), HTTP_OK,
      HTTP_BODY_LENGTH, true },
    { "close", S("GET"), OK_WITH("Content-Length: 0\r\nConnection: close\r\n"), HTTP_OK,
      HTTP_BODY_LENGTH, false },
    { "other version", S("GET"), S("HTTP/2.0 200 OK\r\n\r\n"), HTTP_VERSION, HTTP_BODY_NONE,
      false },
    { "not whole", S("GET"), S("HTTP/1.1 20"), HTTP_MORE, HTTP_BODY_NONE, false },
    { "gzip coding", S("GET"), OK_WITH("Transfer-Encoding: gzip\r\n"), HTTP_NOT_IMPLEMENTED,
      HTTP_BODY_NONE, false },
    BAD("two digits", "HTTP/1.1 20 OK\r\n\r\n"),
    BAD("four digits", "HTTP/1.1 2000 OK\r\n\r\n"),
    BAD("status 099", "HTTP/1.1 099 X\r\n\r\n"),
    BAD("letters", "HTTP/1.1 2x0 OK\r\n\r\n"),
    BAD("two blanks", "HTTP/1.1  200 OK\r\n\r\n"),
    BAD("not HTTP", "SSH-2.0-x\r\n"),
    BAD("empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n"),
    BAD("bare LF", "HTTP/1.1 200 OK\n\n"),
    BAD("CTL in reason", "HTTP/1.1 200 O\001\r\n\r\n"),
    BAD("CL and TE", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"),
    BAD("two CL", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n"),
    BAD("TE on 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    BAD("obs-fold", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"),
};

static void response_bodies_end_where_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(body_cases); i++) {
        const struct body_case *c = &body_cases[i];
        struct http_head head;
        enum http_result got = http_parse_response(c->head, c->method, &head);
        if (got != c->want)
            fail_msg("%s: want %d, got %d", c->name, c->want, got);
        if (got != HTTP_OK)
            continue;
        if (head.framing != c->framing || head.is_keep_alive != c->is_keep_alive)
            fail_msg("%s: framing %d, keep-alive %d", c->name, head.framing, head.is_keep_alive);
        assert_int_equal(head.len, c->head.len);
    }
}

static void status_and_reason_are_taken(void **state)
{
    (void)state;
    struct http_head head;
    struct ke_str text = KE_STR("HTTP/1.1 404 Not Found\r\nX_Y: kept\r\nContent-Length: 7\r\n\r\n");
    assert_int_equal(http_parse_response(text, KE_STR("HEAD"), &head), HTTP_OK);
    assert_true(head.is_response);
    assert_int_equal(head.status, 404);
    assert_true(ke_str_eq_c(head.reason, "Not Found"));
    assert_true(head.has_content_length);
    assert_int_equal(head.content_length, 7);
    assert_true(ke_str_eq_c(http_head_get(&head, KE_STR("x_y")), "kept"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(response_bodies_end_where_the_table_says),
        cmocka_unit_test(status_and_reason_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
