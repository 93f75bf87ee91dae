/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>

#include "core/base/rand.h"
#include "test/support/base/test.h"

static void below_is_even_and_in_range(void **state)
{
    (void)state;
    unsigned counts[7] = { 0 };
    for (unsigned i = 0; i < 70000; i++) {
        uint32_t v = ke_rand_below(7);
        assert_true(v < 7);
        counts[v]++;
    }
    for (unsigned i = 0; i < 7; i++)
        assert_in_range(counts[i], 9300, 10700); /* seven standard deviations */
    assert_int_equal(ke_rand_below(1), 0);
    bool has_high = false;
    for (unsigned i = 0; i < 64; i++)
        has_high = has_high || ke_rand_below(UINT32_MAX) > UINT32_MAX / 2;
    assert_true(has_high);
}

static void uuids_are_version_4_and_differ(void **state)
{
    (void)state;
    char a[KE_UUID_TEXT_MAX];
    char b[KE_UUID_TEXT_MAX];
    ke_rand_uuid(a);
    ke_rand_uuid(b);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 36);
    assert_int_equal(a[14], '4');
    assert_non_null(strchr("89ab", a[19]));
    for (size_t i = 0; i < 36; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        assert_true(is_dash ? a[i] == '-' : strchr("0123456789abcdef", a[i]) != NULL);
    }
}

static void secure_bytes_fill_the_whole_request(void **state)
{
    (void)state;
    unsigned char bytes[1000];
    unsigned char seen[sizeof(bytes)] = { 0 };
    for (unsigned round = 0; round < 8; round++) {
        ke_rand_secure(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes); i++)
            seen[i] |= bytes[i];
    }
    for (size_t i = 0; i < sizeof(bytes); i++)
        assert_int_not_equal(seen[i], 0); /* 2^-64 a byte by chance */
    assert_true(ke_rand_fast() != ke_rand_fast());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_is_even_and_in_range),
        cmocka_unit_test(uuids_are_version_4_and_differ),
        cmocka_unit_test(secure_bytes_fill_the_whole_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
