/* SPDX-License-Identifier: Apache-2.0 */
/* The linker sends malloc and its kin here (--wrap). Counting is atomic: other threads of a test
 * may allocate meanwhile. */
#include "test/support/base/alloc.h"

#include <cjson/cJSON.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__real_reallocarray(void *ptr, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void *__wrap_reallocarray(void *ptr, size_t n, size_t size);

static _Atomic int64_t left; /* allocations until the one that fails; 0: none fails */
static _Atomic bool has_failed;
static _Atomic unsigned long n_allocations;

static bool must_fail(void)
{
    atomic_fetch_add_explicit(&n_allocations, 1, memory_order_relaxed);
    if (atomic_load(&left) <= 0 || atomic_fetch_sub(&left, 1) != 1)
        return false;
    atomic_store(&has_failed, true);
    return true;
}

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return must_fail() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return must_fail() ? NULL : __real_realloc(ptr, size);
}

void *__wrap_reallocarray(void *ptr, size_t n, size_t size)
{
    return must_fail() ? NULL : __real_reallocarray(ptr, n, size);
}

void test_alloc_fail_at(size_t n)
{
    cJSON_Hooks hooks = { .malloc_fn = __wrap_malloc, .free_fn = free };
    cJSON_InitHooks(&hooks);
    atomic_store(&has_failed, false);
    atomic_store(&left, (int64_t)n);
}

bool test_alloc_end(void)
{
    atomic_store(&left, 0);
    cJSON_InitHooks(NULL);
    return atomic_load(&has_failed);
}

unsigned long test_alloc_count(void)
{
    return atomic_load(&n_allocations);
}
