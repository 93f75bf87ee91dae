/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/base/map.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

enum { N_KEYS = 5000 };

static struct ke_str key_of(unsigned i, char buf[32])
{
    return ke_str_of(buf, (size_t)snprintf(buf, 32, "default/svc-%u", i));
}

static void set_get_replace_delete(void **state)
{
    (void)state;
    KE_AUTO(ke_map) *map = ke_map_new();
    int a = 1;
    int b = 2;
    void *old = &b;
    assert_null(ke_map_get(map, KE_STR("k")));
    assert_null(ke_map_del(map, KE_STR("k")));
    assert_true(ke_map_set(map, KE_STR("k"), &a, &old));
    assert_null(old);
    assert_true(ke_map_set(map, KE_STR("k"), &b, &old));
    assert_ptr_equal(old, &a);
    assert_ptr_equal(ke_map_get(map, KE_STR("k")), &b);
    assert_int_equal(ke_map_count(map), 1);
    assert_ptr_equal(ke_map_del(map, KE_STR("k")), &b);
    assert_int_equal(ke_map_count(map), 0);
    assert_true(ke_map_set(map, KE_STR(""), &a, NULL));
    assert_ptr_equal(ke_map_get(map, (struct ke_str){ NULL, 0 }), &a);
    assert_true(ke_map_set(map, ke_str_of("\0x", 2), &b, NULL));
    assert_ptr_equal(ke_map_get(map, ke_str_of("\0x", 2)), &b);
}

static void many_keys_survive_growth_and_churn(void **state)
{
    (void)state;
    KE_AUTO(ke_map) *map = ke_map_new();
    static int values[N_KEYS];
    char buf[32];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < N_KEYS; i++)
            assert_true(ke_map_set(map, key_of(i, buf), &values[i], NULL));
        assert_int_equal(ke_map_count(map), N_KEYS);
        for (unsigned i = 0; i < N_KEYS; i += 2)
            assert_ptr_equal(ke_map_del(map, key_of(i, buf)), &values[i]);
        for (unsigned i = 0; i < N_KEYS; i++)
            assert_ptr_equal(ke_map_get(map, key_of(i, buf)), i % 2 == 0 ? NULL : &values[i]);
    }
}

static void churn_of_few_keys_does_not_grow_for_ever(void **state)
{
    (void)state;
    KE_AUTO(ke_map) *map = ke_map_new();
    int value = 0;
    char buf[32];
    for (unsigned i = 0; i < 100000; i++) {
        assert_true(ke_map_set(map, key_of(i, buf), &value, NULL));
        assert_ptr_equal(ke_map_del(map, key_of(i, buf)), &value);
    }
    size_t pos = 0;
    assert_false(ke_map_next(map, &pos, NULL, NULL));
    assert_true(pos <= 64); /* the number of slots */
}

static void a_walk_meets_each_entry_once_and_may_delete_it(void **state)
{
    (void)state;
    KE_AUTO(ke_map) *map = ke_map_new();
    static int seen[N_KEYS];
    memset(seen, 0, sizeof(seen));
    char buf[32];
    for (unsigned i = 0; i < N_KEYS; i++)
        assert_true(ke_map_set(map, key_of(i, buf), &seen[i], NULL));
    size_t pos = 0;
    struct ke_str key = { NULL, 0 };
    void *value = NULL;
    while (ke_map_next(map, &pos, &key, &value)) {
        ++*(int *)value;
        assert_ptr_equal(ke_map_del(map, key), value);
    }
    for (unsigned i = 0; i < N_KEYS; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(ke_map_count(map), 0);
}

static void a_failed_set_changes_nothing(void **state)
{
    (void)state;
    KE_AUTO(ke_map) *map = ke_map_new();
    int value = 0;
    char buf[32];
    for (unsigned i = 0; i < 200; i++) {
        for (size_t n = 1;; n++) {
            test_alloc_fail_at(n);
            bool is_set = ke_map_set(map, key_of(i, buf), &value, NULL);
            if (!test_alloc_end()) {
                assert_true(is_set);
                break;
            }
            assert_false(is_set);
            assert_int_equal(ke_map_count(map), i);
            assert_null(ke_map_get(map, key_of(i, buf)));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_get_replace_delete),
        cmocka_unit_test(many_keys_survive_growth_and_churn),
        cmocka_unit_test(churn_of_few_keys_does_not_grow_for_ever),
        cmocka_unit_test(a_walk_meets_each_entry_once_and_may_delete_it),
        cmocka_unit_test(a_failed_set_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
