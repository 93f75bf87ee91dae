/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>

#include "core/base/mem.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

static void multiplication_is_checked(void **state)
{
    (void)state;
    volatile size_t huge = SIZE_MAX / 2;
    assert_null(ke_alloc_n(huge, 4));
    int *numbers = ke_alloc_n(4, sizeof(int));
    assert_non_null(numbers);
    for (int i = 0; i < 4; i++)
        assert_int_equal(numbers[i], 0);
    free(numbers);
    void *nothing = ke_alloc_n(0, 8);
    assert_non_null(nothing);
    free(nothing);
}

static void grow_zeroes_what_is_new_and_keeps_the_old(void **state)
{
    (void)state;
    ke_auto_ptr void *array = NULL;
    size_t cap = 0;
    assert_true(ke_grow(&array, &cap, 1, sizeof(int)));
    assert_true(cap >= 1);
    int *numbers = array;
    for (size_t i = 0; i < cap; i++)
        numbers[i] = (int)i + 1;
    size_t cap_before = cap;
    assert_true(ke_grow(&array, &cap, cap + 1, sizeof(int)));
    numbers = array;
    assert_int_equal(numbers[cap_before - 1], cap_before);
    for (size_t i = cap_before; i < cap; i++)
        assert_int_equal(numbers[i], 0);

    void *before = array;
    cap_before = cap;
    assert_false(ke_grow(&array, &cap, SIZE_MAX, sizeof(int)));
    assert_false(ke_grow(&array, &cap, SIZE_MAX / 3, sizeof(int)));
    test_alloc_fail_at(1);
    assert_false(ke_grow(&array, &cap, cap + 1, sizeof(int)));
    (void)test_alloc_end();
    assert_ptr_equal(array, before);
    assert_int_equal(cap, cap_before);
}

static void arena_memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    KE_AUTO(ke_arena) *arena = ke_arena_new(1 << 20);
    assert_non_null(arena);
    static const size_t SIZES[] = { 1, 7, 16, 33, 600, 5000, 0, 70000, 3 };
    unsigned char *previous = NULL;
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < KE_ARRAY_LEN(SIZES); i++) {
            unsigned char *p = ke_arena_alloc(arena, SIZES[i]);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            for (size_t b = 0; b < SIZES[i]; b++)
                assert_int_equal(p[b], 0);
            memset(p, 0xee, SIZES[i]);
            assert_ptr_not_equal(p, previous);
            previous = p;
        }
    }
}

static void arena_ends_at_its_ceiling(void **state)
{
    (void)state;
    KE_AUTO(ke_arena) *arena = ke_arena_new(100);
    assert_non_null(ke_arena_alloc(arena, 60));
    assert_null(ke_arena_alloc(arena, 41));
    assert_non_null(ke_arena_alloc(arena, 40));
    assert_null(ke_arena_alloc(arena, 1));
    assert_null(ke_arena_alloc(arena, SIZE_MAX));
    assert_null(ke_arena_alloc_n(arena, SIZE_MAX, 2));
}

static void arena_strings_are_terminated_copies(void **state)
{
    (void)state;
    KE_AUTO(ke_arena) *arena = ke_arena_new(20000);
    struct ke_str s = ke_arena_str(arena, ke_str_of("hello world", 5));
    assert_string_equal(s.ptr, "hello");
    s = ke_arena_fmt(arena, "%s-%05d", "x", 42);
    assert_string_equal(s.ptr, "x-00042");
    assert_int_equal(s.len, 7);
    s = ke_arena_fmt(arena, "%030000d", 1);
    assert_null(s.ptr);
    test_alloc_fail_at(1);
    void *p = ke_arena_alloc(arena, 10000);
    assert_true(test_alloc_end());
    assert_null(p);
    assert_non_null(ke_arena_alloc(arena, 10000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(multiplication_is_checked),
        cmocka_unit_test(grow_zeroes_what_is_new_and_keeps_the_old),
        cmocka_unit_test(arena_memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(arena_ends_at_its_ceiling),
        cmocka_unit_test(arena_strings_are_terminated_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
