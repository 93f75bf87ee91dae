/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/cur.h"
#include "test/support/base/test.h"

static void reads_follow_each_other(void **state)
{
    (void)state;
    const uint8_t wire[] = { 1, 2, 3, 4, 5, 6, 7, 0x78, 0x56, 0x34, 0x12, 'a', 'b' };
    struct ke_cur cur = ke_cur_of(wire, sizeof(wire));
    assert_int_equal(ke_cur_u8(&cur), 1);
    assert_int_equal(ke_cur_be16(&cur), 0x0203);
    assert_int_equal(ke_cur_be32(&cur), 0x04050607);
    assert_int_equal(ke_cur_le32(&cur), 0x12345678);
    assert_true(ke_str_eq_c(ke_cur_bytes(&cur, 2), "ab"));
    assert_int_equal(ke_cur_left(&cur), 0);
    assert_false(cur.is_bad);
    assert_true(ke_str_is_empty(ke_cur_bytes(&cur, 0)));
    assert_false(cur.is_bad);
}

static void reading_past_the_end_sticks(void **state)
{
    (void)state;
    const uint8_t wire[] = { 1, 2, 3 };
    struct ke_cur cur = ke_cur_of(wire, sizeof(wire));
    assert_int_equal(ke_cur_be32(&cur), 0);
    assert_true(cur.is_bad);
    assert_int_equal(ke_cur_left(&cur), 0);
    assert_int_equal(ke_cur_u8(&cur), 0); /* also what would have fitted */
    assert_true(ke_str_is_empty(ke_cur_bytes(&cur, SIZE_MAX)));
}

static void little_endian_64_bits(void **state)
{
    (void)state;
    const uint8_t wire[] = { 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11 };
    struct ke_cur cur = ke_cur_of(wire, sizeof(wire));
    assert_true(ke_cur_le64(&cur) == 0x1122334455667788U);
}

static void varints_end_at_64_bits(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        uint64_t want;
        bool is_bad;
    } cases[] = {
        { "\x00", 1, 0, false },
        { "\x7f", 1, 127, false },
        { "\xac\x02", 2, 300, false },
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT64_MAX, false },
        { "\x80\x00", 2, 0, false }, /* longer than needed: protobuf allows it */
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, 0, true },
        { "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, 0, true },
        { "\x80", 1, 0, true },
        { "", 0, 0, true },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        struct ke_cur cur = ke_cur_of(cases[i].bytes, cases[i].len);
        assert_true(ke_cur_varint(&cur) == cases[i].want);
        assert_int_equal(cur.is_bad, cases[i].is_bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_follow_each_other),
        cmocka_unit_test(reading_past_the_end_sticks),
        cmocka_unit_test(little_endian_64_bits),
        cmocka_unit_test(varints_end_at_64_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
