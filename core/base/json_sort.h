/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_JSON_SORT_H
#define CORE_BASE_JSON_SORT_H
/* Shared by the files on JSON: the members of an object by name, for work that must not be
 * quadratic; and where integers stop being doubles. */
#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

/* Integers up to this, and from its negative, are doubles without loss. */
#define JSON_EXACT_MAX (INT64_C(1) << 53)

/* In cJSON's type, beyond its own bits; copies of a node keep it. */
enum { JSON_DUPLICATE = 1 << 16 };

struct json_member {
    cJSON *node;
    size_t place; /* in the object: equal names stay in this order */
};

/* Returned (free): the n members sorted by name, then place; NULL when out of memory. */
struct json_member *json_sort_members(const cJSON *object, size_t n);

#endif
