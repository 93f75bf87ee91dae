/* SPDX-License-Identifier: Apache-2.0 */
/* Chunked bodies: whole, byte by byte, and everything that must be refused. */
#include "core/base/buf.h"
#include "core/net/http/http1.h"
#include "test/support/base/test.h"

enum end { DONE, OPEN, REFUSED };
struct chunk_case {
    const char *name;
    struct ke_str body;
    enum end want;
    const char *data;
    size_t left_over; /* bytes behind the body */
};

#define S(literal)                                                                                 \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
static const struct chunk_case cases[] = {
    { "empty", S("0\r\n\r\n"), DONE, "", 0 },
    { "one", S("5\r\nhello\r\n0\r\n\r\n"), DONE, "hello", 0 },
    { "two", S("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nNEXT"), DONE, "hello world", 4 },
    { "upper-case size", S("A\r\n0123456789\r\n000\r\n\r\n"), DONE, "0123456789", 0 },
    { "lower-case size", S("00a\r\n0123456789\r\n0\r\n\r\n"), DONE, "0123456789", 0 },
    { "extension", S("1;a\r\nx\r\n0;b=c;d=\"e;\\\"\"\r\n\r\n"), DONE, "x", 0 },
    { "trailer", S("0\r\nA: b\r\nContent-Length: 5\r\n\r\n"), DONE, "", 0 },
    { "cut in size", S("5"), OPEN, "", 0 },
    { "cut in data", S("5\r\nhel"), OPEN, "hel", 0 },
    { "cut before the end", S("5\r\nhello\r\n0\r\n"), OPEN, "hello", 0 },
    { "0x5", S("0x5\r\nhello\r\n"), REFUSED, "", 0 },
    { "+5", S("+5\r\nhello\r\n"), REFUSED, "", 0 },
    { "-0", S("-0\r\n\r\n"), REFUSED, "", 0 },
    { "5_", S("5_\r\nhello\r\n"), REFUSED, "", 0 },
    { "blank first", S(" 5\r\nhello\r\n"), REFUSED, "", 0 },
    { "blank behind", S("5 \r\nhello\r\n"), REFUSED, "", 0 },
    { "blank before extension", S("5 ;a\r\nhello\r\n"), REFUSED, "", 0 },
    { "empty size", S("\r\nhello\r\n"), REFUSED, "", 0 },
    { "size not hexadecimal", S("g\r\n"), REFUSED, "", 0 },
    { "size of 2^63", S("8000000000000000\r\n"), REFUSED, "", 0 },
    { "size of 2^64", S("10000000000000000\r\n"), REFUSED, "", 0 },
    { "size of 17 zeros", S("00000000000000000\r\n\r\n"), REFUSED, "", 0 },
    { "LF after size", S("5\nhello\r\n"), REFUSED, "", 0 },
    { "CR X after size", S("5\rXhello\r\n"), REFUSED, "", 0 },
    { "data too long", S("5\r\nhelloX\r\n"), REFUSED, "hello", 0 },
    { "LF after data", S("5\r\nhello\n0\r\n\r\n"), REFUSED, "hello", 0 },
    { "no line end after data", S("5\r\nhello0\r\n\r\n"), REFUSED, "hello", 0 },
    { "LF in extension", S("5;a\nb\r\nhello\r\n"), REFUSED, "", 0 },
    { "LF in quoted extension", S("5;a=\"\n\"\r\nhello\r\n"), REFUSED, "", 0 },
    { "NUL in extension", S("5;\0\r\nhello\r\n"), REFUSED, "", 0 },
    { "empty extension", S("5;\r\nhello\r\n"), REFUSED, "", 0 },
    { "blank in extension", S("5;a b\r\nhello\r\n"), REFUSED, "", 0 },
    { "LF in trailer", S("0\r\nA: b\n\r\n"), REFUSED, "", 0 },
    { "trailer without colon", S("0\r\nA\r\n\r\n"), REFUSED, "", 0 },
    { "trailer without name", S("0\r\n: b\r\n\r\n"), REFUSED, "", 0 },
    { "folded trailer", S("0\r\nA: b\r\n c\r\n\r\n"), REFUSED, "", 0 },
    { "LF as last line", S("0\r\n\n"), REFUSED, "", 0 },
    { "CR X as last line", S("0\r\n\rX"), REFUSED, "", 0 },
};

/* Feeds pieces of at most step bytes. */
static enum end decode(struct ke_str input, size_t step, struct ke_buf *data, size_t *left_over)
{
    struct http_chunked chunked = { 0 };
    size_t at = 0;
    bool is_done = false;
    while (at < input.len && !is_done) {
        struct ke_str piece = ke_str_sub(input, at, step < input.len - at ? step : input.len - at);
        struct ke_str bytes;
        size_t used = 0;
        if (http_chunked_next(&chunked, piece, &bytes, &used, &is_done) != HTTP_OK) {
            assert_int_equal(http_chunked_next(&chunked, piece, &bytes, &used, &is_done), HTTP_BAD);
            return REFUSED;
        }
        assert_true(used > 0 && used <= piece.len);
        ke_buf_add_str(data, bytes);
        at += used;
    }
    *left_over = input.len - at;
    return is_done ? DONE : OPEN;
}

static void chunked_bodies_end_as_the_table_says_in_any_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        for (size_t step = 1; step <= cases[i].body.len; step++) {
            ke_auto_buf data = KE_BUF_INIT(1000);
            size_t left_over = 0;
            enum end got = decode(cases[i].body, step, &data, &left_over);
            if (got != cases[i].want)
                fail_msg("%s in steps of %zu: want %d, got %d", cases[i].name, step, cases[i].want,
                         got);
            if (got != REFUSED && !ke_str_eq_c(ke_buf_str(&data), cases[i].data))
                fail_msg("%s: data \"%.*s\"", cases[i].name, KE_STR_ARG(ke_buf_str(&data)));
            if (got == DONE)
                assert_int_equal(left_over, cases[i].left_over);
        }
    }
}

static void extensions_and_trailers_have_a_ceiling(void **state)
{
    (void)state;
    ke_auto_buf body = KE_BUF_INIT(64U << 10);
    ke_auto_buf data = KE_BUF_INIT(64U << 10);
    size_t left_over = 0;
    for (unsigned i = 0; i < 1000; i++) /* many small ones count together */
        ke_buf_add_c(&body, "1;abcdef\r\nx\r\n");
    assert_int_equal(decode(ke_buf_str(&body), 4096, &data, &left_over), REFUSED);
    ke_buf_clear(&body);
    ke_buf_add_c(&body, "0\r\n");
    for (unsigned i = 0; i < 1000; i++)
        ke_buf_add_c(&body, "Abcdef: b\r\n");
    assert_int_equal(decode(ke_buf_str(&body), 4096, &data, &left_over), REFUSED);
}

static void a_large_chunk_is_passed_through_in_one_piece_a_call(void **state)
{
    (void)state;
    ke_auto_buf body = KE_BUF_INIT(1U << 20);
    ke_buf_add_c(&body, "8000\r\n");
    for (unsigned i = 0; i < 0x8000; i++)
        ke_buf_add_char(&body, (char)i);
    ke_buf_add_c(&body, "\r\n0\r\n\r\n");
    struct http_chunked chunked = { 0 };
    struct ke_str piece;
    size_t used = 0;
    bool is_done = false;
    assert_int_equal(http_chunked_next(&chunked, ke_buf_str(&body), &piece, &used, &is_done),
                     HTTP_OK);
    assert_int_equal(piece.len, 0x8000);
    assert_ptr_equal(piece.ptr, body.ptr + 6);
    assert_int_equal(used, body.len);
    assert_true(is_done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunked_bodies_end_as_the_table_says_in_any_pieces),
        cmocka_unit_test(extensions_and_trailers_have_a_ceiling),
        cmocka_unit_test(a_large_chunk_is_passed_through_in_one_piece_a_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
