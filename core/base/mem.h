/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_MEM_H
#define CORE_BASE_MEM_H
/*
 * Allocation: checked multiplication, and the arena: request work allocates from one and frees it
 * in one call. Everything returns zeroed memory or NULL.
 */
#include <stddef.h>
#include <stdlib.h>

#include "core/base/attr.h"
#include "core/base/str.h"

void *ke_alloc(size_t size);             /* zeroed */
void *ke_alloc_n(size_t n, size_t size); /* zeroed; NULL on overflow */
/* Grows *array (n used, *cap allocated) so that one more fits; false leaves it unchanged. */
bool ke_grow(void **array, size_t *cap, size_t need, size_t elem_size) KE_MUST_CHECK;
void ke_autofree(void *pp); /* for KE_CLEANUP on a char * or void * */
#define ke_auto_ptr KE_CLEANUP(ke_autofree)

struct ke_arena;
/* max: ceiling in bytes of all that is allocated from it. */
struct ke_arena *ke_arena_new(size_t max);
void ke_arena_free(struct ke_arena *arena);
KE_AUTO_DEFINE(ke_arena)
void *ke_arena_alloc(struct ke_arena *arena, size_t size); /* zeroed, aligned for any type */
void *ke_arena_alloc_n(struct ke_arena *arena, size_t n, size_t size);
/* A terminated copy; ptr NULL when out of memory. */
struct ke_str ke_arena_str(struct ke_arena *arena, struct ke_str s);
struct ke_str ke_arena_fmt(struct ke_arena *arena, const char *fmt, ...) KE_PRINTF(2, 3);

#endif
