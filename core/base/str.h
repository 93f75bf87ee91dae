/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_STR_H
#define CORE_BASE_STR_H
/*
 * struct ke_str: borrowed text, pointer and length, not terminated. A zeroed ke_str is the empty
 * string. Nothing here allocates but ke_str_dup. Any thread.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/base/attr.h"

struct ke_str {
    const char *ptr;
    size_t len; /* bytes */
};

#define KE_STR(literal) ((struct ke_str){ (literal), sizeof(literal) - 1 })
/* The same for static tables, where a compound literal is not constant. */
#define KE_STR_INIT(literal)                                                                       \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
/* For printf: "%.*s", KE_STR_ARG(s) */
#define KE_STR_ARG(s) (int)(s).len, (s).ptr != NULL ? (s).ptr : ""

static inline struct ke_str ke_str_of(const char *ptr, size_t len)
{
    return (struct ke_str){ ptr, len };
}

/* NULL gives the empty string. */
static inline struct ke_str ke_str_c(const char *cstr)
{
    return (struct ke_str){ cstr, cstr != NULL ? strlen(cstr) : 0 };
}

static inline bool ke_str_is_empty(struct ke_str s)
{
    return s.len == 0;
}

static inline bool ke_str_eq(struct ke_str a, struct ke_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool ke_str_eq_c(struct ke_str a, const char *cstr)
{
    return ke_str_eq(a, ke_str_c(cstr));
}

/* ASCII only. */
bool ke_str_eq_nocase(struct ke_str a, struct ke_str b);
/* Byte order, shorter first on a common prefix: <0, 0, >0. */
int ke_str_cmp(struct ke_str a, struct ke_str b);
bool ke_str_has_prefix(struct ke_str s, struct ke_str prefix);
bool ke_str_has_suffix(struct ke_str s, struct ke_str suffix);
/* Removes the prefix from *s and says whether it was there. */
bool ke_str_cut_prefix(struct ke_str *s, struct ke_str prefix);
/*
 * Takes the part before the first sep off the front of *rest (and the sep). When sep is not
 * there, takes all and *rest becomes {NULL, 0}. False when *rest.ptr is NULL: nothing left.
 * "a,,b" yields "a", "", "b"; "" yields one "".
 */
bool ke_str_split(struct ke_str *rest, char sep, struct ke_str *out);
/* Position of c, or s.len. */
size_t ke_str_find(struct ke_str s, char c);
struct ke_str ke_str_sub(struct ke_str s, size_t from, size_t len);
struct ke_str ke_str_trim(struct ke_str s); /* ASCII blanks at both ends */

/* Whole string, decimal, no sign for u64; false on anything else or overflow. */
bool ke_str_to_u64(struct ke_str s, uint64_t max, uint64_t *out) KE_MUST_CHECK;
bool ke_str_to_i64(struct ke_str s, int64_t *out) KE_MUST_CHECK;

/* Returned: a terminated heap copy (free), or NULL when out of memory. */
char *ke_str_dup(struct ke_str s);

/* 64-bit hash (seeded once a process against chosen keys); never 0. */
uint64_t ke_str_hash(struct ke_str s);
uint64_t ke_hash_bytes(const void *ptr, size_t len);

bool ke_str_is_utf8(struct ke_str s);
/* Bytes of the well-formed UTF-8 sequence that begins at at (< s.len), or 0. */
size_t ke_str_utf8_step(struct ke_str s, size_t at);

#endif
