/* SPDX-License-Identifier: Apache-2.0 */
/* Checked allocation, and the arena: a chain of chunks that grow from 1 KiB to 64 KiB. An arena
 * belongs to one thread at a time. */
#include "core/base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

enum { ARENA_FIRST_BYTES = 1024, ARENA_CHUNK_BYTES = 64 << 10 };

void *ke_alloc(size_t size)
{
    return calloc(1, size > 0 ? size : 1);
}

void *ke_alloc_n(size_t n, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return ke_alloc(bytes);
}

bool ke_grow(void **array, size_t *cap, size_t need, size_t elem_size)
{
    if (need <= *cap)
        return true;
    size_t want = *cap < 8 ? 8 : *cap;
    while (want < need) {
        if (want > SIZE_MAX / 2)
            return false;
        want *= 2;
    }
    size_t bytes = 0;
    if (__builtin_mul_overflow(want, elem_size, &bytes))
        return false;
    void *grown = realloc(*array, bytes);
    if (grown == NULL)
        return false;
    memset((char *)grown + *cap * elem_size, 0, (want - *cap) * elem_size);
    *array = grown;
    *cap = want;
    return true;
}

void ke_autofree(void *pp)
{
    void *p = NULL;
    memcpy(&p, pp, sizeof(p)); /* pp points at a pointer of any type */
    free(p);
}

struct arena_chunk {
    struct arena_chunk *next;
    size_t cap;
    size_t used;
    max_align_t data[];
};

struct ke_arena {
    struct arena_chunk *chunks; /* newest first */
    size_t total;               /* bytes handed out */
    size_t max;
    size_t next_chunk;
};

struct ke_arena *ke_arena_new(size_t max)
{
    struct ke_arena *arena = ke_alloc(sizeof(*arena));
    if (arena == NULL)
        return NULL;
    arena->max = max;
    arena->next_chunk = ARENA_FIRST_BYTES;
    return arena;
}

void ke_arena_free(struct ke_arena *arena)
{
    if (arena == NULL)
        return;
    struct arena_chunk *chunk = arena->chunks;
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    free(arena);
}

static struct arena_chunk *arena_add_chunk(struct ke_arena *arena, size_t size)
{
    bool is_big = size > arena->next_chunk / 2;
    size_t cap = is_big ? size : arena->next_chunk;
    struct arena_chunk *chunk = ke_alloc(sizeof(*chunk) + cap);
    if (chunk == NULL)
        return NULL;
    chunk->cap = cap;
    if (is_big && arena->chunks != NULL) {
        /* A chunk of its own, behind the one that still has room. */
        chunk->next = arena->chunks->next;
        arena->chunks->next = chunk;
    } else {
        chunk->next = arena->chunks;
        arena->chunks = chunk;
    }
    if (!is_big && arena->next_chunk < ARENA_CHUNK_BYTES)
        arena->next_chunk *= 2;
    return chunk;
}

void *ke_arena_alloc(struct ke_arena *arena, size_t size)
{
    size_t align = _Alignof(max_align_t);
    if (size > arena->max || arena->max - size < arena->total)
        return NULL;
    size_t rounded = size > 0 ? (size + align - 1) / align * align : align;
    if (rounded < size)
        return NULL;
    struct arena_chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->cap - chunk->used < rounded) {
        chunk = arena_add_chunk(arena, rounded);
        if (chunk == NULL)
            return NULL;
    }
    void *p = (char *)chunk->data + chunk->used;
    chunk->used += rounded;
    arena->total += size;
    return p;
}

void *ke_arena_alloc_n(struct ke_arena *arena, size_t n, size_t size)
{
    size_t bytes = 0;
    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return ke_arena_alloc(arena, bytes);
}

struct ke_str ke_arena_str(struct ke_arena *arena, struct ke_str s)
{
    if (s.len == SIZE_MAX)
        return (struct ke_str){ NULL, 0 };
    char *copy = ke_arena_alloc(arena, s.len + 1);
    if (copy == NULL)
        return (struct ke_str){ NULL, 0 };
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    return ke_str_of(copy, s.len);
}

struct ke_str ke_arena_fmt(struct ke_arena *arena, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    struct ke_str text = { NULL, 0 };
    char *copy = len < 0 ? NULL : ke_arena_alloc(arena, (size_t)len + 1);
    if (copy != NULL) {
        (void)vsnprintf(copy, (size_t)len + 1, fmt, again);
        text = ke_str_of(copy, (size_t)len);
    }
    va_end(again);
    return text;
}
