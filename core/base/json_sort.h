/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_JSON_SORT_H
#define CORE_BASE_JSON_SORT_H
/* Private to core/base: the members of an object by name, for work that must not be quadratic. */
#include <cjson/cJSON.h>
#include <stddef.h>

struct json_member {
    cJSON *node;
    size_t place; /* in the object: equal names stay in this order */
};

/* Returned (free): the n members sorted by name, then place; NULL when out of memory. */
struct json_member *json_sort_members(const cJSON *object, size_t n);

#endif
