/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_BASE_ALLOC_H
#define TEST_SUPPORT_BASE_ALLOC_H
/*
 * Allocations that fail on demand, in all of our code and in cJSON. The way to use it: let the nth
 * allocation fail, for n = 1, 2, ... until the call under test gets through without meeting it.
 *
 *     for (size_t n = 1;; n++) {
 *         test_alloc_fail_at(n);
 *         enum ke_code rc = thing_make(&thing, &err);
 *         if (!test_alloc_end())
 *             break; // got through: check the result
 *         assert_int_equal(rc, KE_NOMEM);
 *     }
 */
#include <stdbool.h>
#include <stddef.h>

/* The nth allocation from now on fails, once. One thread at a time. */
void test_alloc_fail_at(size_t n);
/* Back to normal; says whether an allocation had failed. */
bool test_alloc_end(void);
/* Allocations of all threads since the start, cJSON's left out: to show that something needs none.
 */
unsigned long test_alloc_count(void);

#endif
