/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/str.h"
#include "test/support/base/test.h"

static void assert_str(struct ke_str got, const char *want)
{
    assert_int_equal(got.len, strlen(want));
    assert_true(ke_str_eq_c(got, want));
}

static void empty_strings_are_equal_whatever_their_pointer(void **state)
{
    (void)state;
    struct ke_str none = { NULL, 0 };
    assert_true(ke_str_eq(none, KE_STR("")));
    assert_true(ke_str_eq(ke_str_c(NULL), none));
    assert_int_equal(ke_str_cmp(none, KE_STR("")), 0);
    assert_true(ke_str_has_prefix(none, KE_STR("")));
    assert_true(ke_str_has_suffix(none, none));
    assert_true(ke_str_is_utf8(none));
    assert_true(ke_str_hash(none) == ke_str_hash(KE_STR("")));
}

static void compare_orders_bytes_then_length(void **state)
{
    (void)state;
    assert_true(ke_str_cmp(KE_STR("a"), KE_STR("b")) < 0);
    assert_true(ke_str_cmp(KE_STR("ab"), KE_STR("a")) > 0);
    assert_true(ke_str_cmp(KE_STR("\xff"), KE_STR("a")) > 0);
    assert_true(ke_str_eq_nocase(KE_STR("Content-LENGTH"), KE_STR("content-length")));
    assert_false(ke_str_eq_nocase(KE_STR("a@"), KE_STR("a`")));
}

static void prefix_is_cut_only_when_there(void **state)
{
    (void)state;
    struct ke_str s = KE_STR("/api/v1");
    assert_true(ke_str_cut_prefix(&s, KE_STR("/api")));
    assert_str(s, "/v1");
    assert_false(ke_str_cut_prefix(&s, KE_STR("/v1/long")));
    assert_str(s, "/v1");
    assert_true(ke_str_has_suffix(s, KE_STR("v1")));
    assert_false(ke_str_has_suffix(s, KE_STR("xx/v1")));
}

static void split_yields_empty_parts_too(void **state)
{
    (void)state;
    struct ke_str rest = KE_STR("a,,b");
    struct ke_str part = { NULL, 0 };
    assert_true(ke_str_split(&rest, ',', &part));
    assert_str(part, "a");
    assert_true(ke_str_split(&rest, ',', &part));
    assert_str(part, "");
    assert_true(ke_str_split(&rest, ',', &part));
    assert_str(part, "b");
    assert_false(ke_str_split(&rest, ',', &part));

    rest = KE_STR("");
    assert_true(ke_str_split(&rest, ',', &part));
    assert_str(part, "");
    assert_false(ke_str_split(&rest, ',', &part));

    rest = KE_STR("a,");
    assert_true(ke_str_split(&rest, ',', &part));
    assert_true(ke_str_split(&rest, ',', &part));
    assert_str(part, "");
    assert_false(ke_str_split(&rest, ',', &part));
}

static void sub_is_clamped_to_the_string(void **state)
{
    (void)state;
    struct ke_str s = KE_STR("hello");
    assert_str(ke_str_sub(s, 1, 3), "ell");
    assert_str(ke_str_sub(s, 3, 99), "lo");
    assert_str(ke_str_sub(s, 5, 1), "");
    assert_str(ke_str_sub(s, 9, 1), "");
    assert_str(ke_str_sub(s, 1, SIZE_MAX), "ello");
    assert_int_equal(ke_str_find(s, 'l'), 2);
    assert_int_equal(ke_str_find(s, 'z'), 5);
    assert_str(ke_str_trim(KE_STR(" \t a b\r\n")), "a b");
    assert_str(ke_str_trim(KE_STR(" \t ")), "");
}

static void numbers_are_whole_strings_within_bounds(void **state)
{
    (void)state;
    uint64_t u = 7;
    assert_true(ke_str_to_u64(KE_STR("18446744073709551615"), UINT64_MAX, &u));
    assert_true(u == UINT64_MAX);
    u = 7;
    const char *bad[] = {
        "", "-1", "+1", " 1", "1 ", "1x", "18446744073709551616", "99999999999999999999999"
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(bad); i++)
        assert_false(ke_str_to_u64(ke_str_c(bad[i]), UINT64_MAX, &u));
    assert_false(ke_str_to_u64(KE_STR("65536"), 65535, &u));
    assert_int_equal(u, 7); /* untouched on failure */

    int64_t i = 0;
    assert_true(ke_str_to_i64(KE_STR("-9223372036854775808"), &i));
    assert_true(i == INT64_MIN);
    assert_true(ke_str_to_i64(KE_STR("9223372036854775807"), &i));
    assert_true(i == INT64_MAX);
    assert_false(ke_str_to_i64(KE_STR("9223372036854775808"), &i));
    assert_false(ke_str_to_i64(KE_STR("-9223372036854775809"), &i));
    assert_false(ke_str_to_i64(KE_STR("-"), &i));
    assert_false(ke_str_to_i64(KE_STR("--1"), &i));
}

static void utf8_rejects_overlong_surrogates_and_cuts(void **state)
{
    (void)state;
    assert_true(ke_str_is_utf8(KE_STR("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80")));
    assert_true(ke_str_is_utf8(KE_STR("\xf4\x8f\xbf\xbf")));
    const char *bad[] = { "\x80",
                          "\xc0\x80",
                          "\xc1\xbf",
                          "\xe0\x9f\xbf",
                          "\xed\xa0\x80",
                          "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80",
                          "\xe2\x82",
                          "\xff",
                          "a\xc3" };
    for (size_t i = 0; i < KE_ARRAY_LEN(bad); i++)
        assert_false(ke_str_is_utf8(ke_str_c(bad[i])));
}

static void hash_is_stable_spread_and_never_zero(void **state)
{
    (void)state;
    size_t buckets[16] = { 0 };
    char key[16];
    for (unsigned i = 0; i < 16000; i++) {
        int len = snprintf(key, sizeof(key), "svc-%u", i);
        uint64_t hash = ke_hash_bytes(key, (size_t)len);
        assert_true(hash != 0);
        assert_true(hash == ke_str_hash(ke_str_of(key, (size_t)len)));
        buckets[hash % 16]++;
    }
    for (size_t i = 0; i < 16; i++)
        assert_in_range(buckets[i], 800, 1200);
    assert_true(ke_str_hash(KE_STR("a")) != ke_str_hash(ke_str_of("a\0", 2)));
}

static void dup_is_a_terminated_copy(void **state)
{
    (void)state;
    char *copy = ke_str_dup(ke_str_of("hello world", 5));
    assert_string_equal(copy, "hello");
    free(copy);
    copy = ke_str_dup((struct ke_str){ NULL, 0 });
    assert_string_equal(copy, "");
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_strings_are_equal_whatever_their_pointer),
        cmocka_unit_test(compare_orders_bytes_then_length),
        cmocka_unit_test(prefix_is_cut_only_when_there),
        cmocka_unit_test(split_yields_empty_parts_too),
        cmocka_unit_test(sub_is_clamped_to_the_string),
        cmocka_unit_test(numbers_are_whole_strings_within_bounds),
        cmocka_unit_test(utf8_rejects_overlong_surrogates_and_cuts),
        cmocka_unit_test(hash_is_stable_spread_and_never_zero),
        cmocka_unit_test(dup_is_a_terminated_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
