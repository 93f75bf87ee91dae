/* SPDX-License-Identifier: Apache-2.0 */
/* The lock-free index against a plain array: growth, removal, equal hashes, no memory. */
#include "core/base/rand.h"
#include "core/base/snap.h"
#include "core/endpoint/index.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

enum { N_ITEMS = 500, N_STEPS = 40000 };

struct item {
    uint64_t hash;
    bool is_in;
};

static bool index_has(const struct endpoint_index *index, const struct item *item)
{
    struct endpoint_index_probe probe = endpoint_index_probe_start(index, item->hash);
    const struct item *found;
    unsigned n = 0;
    while ((found = endpoint_index_probe_next(&probe)) != NULL)
        n += found == item;
    assert_true(n <= 1);
    return n == 1;
}

/* hash_bits few: long runs of equal tags and many tombstones. */
static void compare_with_array(uint64_t hash_mask, unsigned percent_in)
{
    static struct item items[N_ITEMS];
    struct endpoint_index index = { 0 };
    for (size_t i = 0; i < N_ITEMS; i++)
        items[i] = (struct item){ .hash = ke_rand_fast() & hash_mask };
    for (unsigned step = 0; step < N_STEPS; step++) {
        struct item *item = &items[ke_rand_below(N_ITEMS)];
        bool shall_be_in = ke_rand_below(100) < percent_in;
        if (shall_be_in && !item->is_in) {
            assert_true(endpoint_index_reserve(&index, 1));
            endpoint_index_add(&index, item->hash, item);
        } else if (!shall_be_in) {
            assert_true(endpoint_index_remove(&index, item->hash, item) == item->is_in);
        }
        item->is_in = shall_be_in;
        const struct item *other = &items[ke_rand_below(N_ITEMS)];
        assert_true(index_has(&index, other) == other->is_in);
    }
    size_t n_in = 0;
    for (size_t i = 0; i < N_ITEMS; i++) {
        assert_true(index_has(&index, &items[i]) == items[i].is_in);
        n_in += items[i].is_in;
    }
    assert_int_equal(index.n_items, n_in);
    assert_true(index.n_used >= n_in);
    assert_true(endpoint_index_bytes(&index) <= 64 + N_ITEMS * 4 * 16);
    endpoint_index_deinit(&index);
    ke_snap_drain();
}

static void holds_what_was_added_and_not_removed(void **state)
{
    (void)state;
    compare_with_array(UINT64_MAX, 50);
    compare_with_array(UINT64_MAX, 90);
    compare_with_array(UINT64_MAX, 10);
}

static void copes_with_equal_hashes(void **state)
{
    (void)state;
    compare_with_array(0x1f, 50);
    compare_with_array(0, 30);
}

static void an_empty_index_has_nothing(void **state)
{
    (void)state;
    struct endpoint_index index = { 0 };
    struct item item = { .hash = 7 };
    assert_false(index_has(&index, &item));
    assert_false(endpoint_index_remove(&index, item.hash, &item));
    endpoint_index_deinit(&index);
}

static void a_reservation_that_fails_changes_nothing(void **state)
{
    (void)state;
    struct endpoint_index index = { 0 };
    static struct item items[64];
    test_alloc_fail_at(1);
    assert_false(endpoint_index_reserve(&index, 1));
    assert_true(test_alloc_end());
    for (size_t i = 0; i < 8; i++) {
        items[i].hash = i * 977;
        assert_true(endpoint_index_reserve(&index, 1));
        endpoint_index_add(&index, items[i].hash, &items[i]);
    }
    test_alloc_fail_at(1);
    assert_false(endpoint_index_reserve(&index, 64));
    assert_true(test_alloc_end());
    for (size_t i = 0; i < 8; i++)
        assert_true(index_has(&index, &items[i]));
    endpoint_index_deinit(&index);
    ke_snap_drain();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_what_was_added_and_not_removed),
        cmocka_unit_test(copes_with_equal_hashes),
        cmocka_unit_test(an_empty_index_has_nothing),
        cmocka_unit_test(a_reservation_that_fails_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
