/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "core/base/buf.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

static void assert_buf(const struct ke_buf *buf, const char *want)
{
    assert_int_equal(buf->len, strlen(want));
    assert_true(ke_str_eq_c(ke_buf_str(buf), want));
}

static void appends_add_up(void **state)
{
    (void)state;
    ke_auto_buf buf = KE_BUF_INIT(1000);
    ke_buf_add_c(&buf, "a");
    ke_buf_add_str(&buf, KE_STR("bc"));
    ke_buf_add_char(&buf, '-');
    ke_buf_add_u64(&buf, UINT64_MAX);
    ke_buf_add_char(&buf, ' ');
    ke_buf_add_i64(&buf, INT64_MIN);
    ke_buf_addf(&buf, " %s=%d", "x", 5);
    ke_buf_add_hex(&buf, "\x01\xff", 2);
    assert_buf(&buf, "abc-18446744073709551615 -9223372036854775808 x=501ff");
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_buf_check(&buf, "text", &err), KE_OK);
}

static void wire_integers_are_big_endian(void **state)
{
    (void)state;
    ke_auto_buf buf = KE_BUF_INIT(100);
    ke_buf_add_u8(&buf, 0xab);
    ke_buf_add_be16(&buf, 0x0102);
    ke_buf_add_be32(&buf, 0x03040506);
    assert_int_equal(buf.len, 7);
    assert_memory_equal(buf.ptr, "\xab\x01\x02\x03\x04\x05\x06", 7);
}

static void ceiling_sticks_and_nothing_is_half_added(void **state)
{
    (void)state;
    ke_auto_buf buf = KE_BUF_INIT(10);
    ke_buf_add_c(&buf, "12345678");
    ke_buf_add_c(&buf, "abc");
    ke_buf_add_c(&buf, "x");
    assert_buf(&buf, "12345678");
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_buf_check(&buf, "ruleset", &err), KE_TOO_LARGE);
    assert_string_equal(err.msg, "ruleset is over 10 bytes");
    assert_null(ke_buf_take(&buf, NULL));
    ke_buf_clear(&buf);
    ke_buf_add_c(&buf, "1234567890");
    assert_int_equal(ke_buf_check(&buf, "ruleset", &err), KE_OK);
}

static void fixed_buffers_never_allocate(void **state)
{
    (void)state;
    char memory[4];
    struct ke_buf buf = KE_BUF_FIXED(memory, sizeof(memory));
    ke_buf_add_c(&buf, "abcd");
    assert_ptr_equal(buf.ptr, memory);
    assert_int_equal(buf.failed, KE_OK);
    ke_buf_add_char(&buf, 'e');
    assert_int_equal(buf.failed, KE_TOO_LARGE);
    ke_buf_free(&buf);
}

static void long_formats_fit_exactly_up_to_the_ceiling(void **state)
{
    (void)state;
    ke_auto_buf buf = KE_BUF_INIT(600);
    ke_buf_addf(&buf, "%0600d", 7);
    assert_int_equal(buf.failed, KE_OK);
    assert_int_equal(buf.len, 600);
    assert_int_equal(buf.ptr[599], '7');
    ke_buf_addf(&buf, "%d", 7);
    assert_int_equal(buf.failed, KE_TOO_LARGE);
}

static void take_hands_out_terminated_bytes(void **state)
{
    (void)state;
    struct ke_buf buf = KE_BUF_INIT(5);
    ke_buf_add_c(&buf, "12345");
    size_t len = 0;
    char *text = ke_buf_take(&buf, &len);
    assert_int_equal(len, 5);
    assert_string_equal(text, "12345");
    free(text);
    assert_null(buf.ptr);
    text = ke_buf_take(&buf, &len);
    assert_string_equal(text, "");
    free(text);
}

static void front_can_be_dropped(void **state)
{
    (void)state;
    ke_auto_buf buf = KE_BUF_INIT(100);
    ke_buf_drop_front(&buf, 0);
    ke_buf_add_c(&buf, "hello");
    ke_buf_drop_front(&buf, 2);
    assert_buf(&buf, "llo");
    ke_buf_drop_front(&buf, 99);
    assert_buf(&buf, "");
    char *room = ke_buf_reserve(&buf, 50);
    assert_non_null(room);
    memcpy(room, "xyz", 3);
    buf.len += 3;
    assert_buf(&buf, "xyz");
    assert_null(ke_buf_reserve(&buf, 98));
}

static void json_strings_are_escaped_and_repaired(void **state)
{
    (void)state;
    static const struct {
        struct ke_str in;
        const char *want;
    } cases[] = {
        { { "", 0 }, "\"\"" },
        { { NULL, 0 }, "\"\"" },
        { { "a\"b\\c/<>&", 9 }, "\"a\\\"b\\\\c/<>&\"" },
        { { "\n\r\t\b\f\x01\x1f\x7f", 8 }, "\"\\n\\r\\t\\b\\f\\u0001\\u001f\x7f\"" },
        { { "a\0b", 3 }, "\"a\\u0000b\"" },
        { { "\xc3\xbc", 2 }, "\"\xc3\xbc\"" },
        { { "\xff\xc3", 2 }, "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { { "x\xed\xa0\x80y", 5 }, "\"x\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdy\"" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        ke_auto_buf buf = KE_BUF_INIT(100);
        ke_buf_add_json_str(&buf, cases[i].in);
        assert_buf(&buf, cases[i].want);
    }
}

static void allocation_failure_sticks_and_is_reported(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        ke_auto_buf buf = KE_BUF_INIT(100000);
        struct ke_err err = KE_ERR_INIT;
        test_alloc_fail_at(n);
        for (int i = 0; i < 1000; i++)
            ke_buf_addf(&buf, "%d %0300d", i, 7);
        bool has_failed = test_alloc_end();
        if (!has_failed)
            break;
        assert_int_equal(ke_buf_check(&buf, "numbers", &err), KE_NOMEM);
    }
}

/* ---- base64 (RFC 4648 section 10) ---- */

static const struct {
    const char *plain;
    const char *text;
} VECTORS[] = {
    { "", "" },
    { "f", "Zg==" },
    { "fo", "Zm8=" },
    { "foo", "Zm9v" },
    { "foob", "Zm9vYg==" },
    { "fooba", "Zm9vYmE=" },
    { "foobar", "Zm9vYmFy" },
};

static void base64_encodes_and_decodes_the_vectors(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    for (size_t i = 0; i < KE_ARRAY_LEN(VECTORS); i++) {
        ke_auto_buf text = KE_BUF_INIT(100);
        ke_auto_buf plain = KE_BUF_INIT(100);
        ke_buf_add_base64(&text, VECTORS[i].plain, strlen(VECTORS[i].plain));
        assert_buf(&text, VECTORS[i].text);
        assert_int_equal(ke_base64_decode(ke_buf_str(&text), &plain, &err), KE_OK);
        assert_buf(&plain, VECTORS[i].plain);
    }
}

static void base64url_is_unpadded_and_decodes_too(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(100);
    ke_buf_add_base64url(&text, "\xfb\xff\xfe\xff", 4);
    assert_buf(&text, "-__-_w");
    ke_auto_buf plain = KE_BUF_INIT(100);
    assert_int_equal(ke_base64_decode(ke_buf_str(&text), &plain, &err), KE_OK);
    assert_int_equal(plain.len, 4);
    assert_memory_equal(plain.ptr, "\xfb\xff\xfe\xff", 4);
}

static void base64_refuses_what_is_not(void **state)
{
    (void)state;
    const char *bad[] = { "Z", "Zg=", "Zg===", "Zm9vY", "Zm 9v", "Zm9v\n",
                          "=", "==",  "Z===",  "Zm=v",  "Zm9v=" };
    for (size_t i = 0; i < KE_ARRAY_LEN(bad); i++) {
        struct ke_err err = KE_ERR_INIT;
        ke_auto_buf plain = KE_BUF_INIT(100);
        ke_buf_add_c(&plain, "kept");
        assert_int_equal(ke_base64_decode(ke_str_c(bad[i]), &plain, &err), KE_MALFORMED);
        assert_buf(&plain, "kept");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_add_up),
        cmocka_unit_test(wire_integers_are_big_endian),
        cmocka_unit_test(ceiling_sticks_and_nothing_is_half_added),
        cmocka_unit_test(fixed_buffers_never_allocate),
        cmocka_unit_test(long_formats_fit_exactly_up_to_the_ceiling),
        cmocka_unit_test(take_hands_out_terminated_bytes),
        cmocka_unit_test(front_can_be_dropped),
        cmocka_unit_test(json_strings_are_escaped_and_repaired),
        cmocka_unit_test(allocation_failure_sticks_and_is_reported),
        cmocka_unit_test(base64_encodes_and_decodes_the_vectors),
        cmocka_unit_test(base64url_is_unpadded_and_decodes_too),
        cmocka_unit_test(base64_refuses_what_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
