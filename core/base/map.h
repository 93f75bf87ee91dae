/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_MAP_H
#define CORE_BASE_MAP_H
/*
 * struct ke_map: hash map from bytes to a pointer, open addressing, keys copied. One thread.
 * Values are borrowed: ke_map_free does not free them.
 */
#include "core/base/str.h"

struct ke_map;

struct ke_map *ke_map_new(void);
void ke_map_free(struct ke_map *map);
KE_AUTO_DEFINE(ke_map)
size_t ke_map_count(const struct ke_map *map);
void *ke_map_get(const struct ke_map *map, struct ke_str key); /* NULL: not there */
/* Sets or replaces; *old (may be NULL) is given what was there. False: out of memory, unchanged. */
bool ke_map_set(struct ke_map *map, struct ke_str key, void *value, void **old) KE_MUST_CHECK;
void *ke_map_del(struct ke_map *map, struct ke_str key); /* what was there, or NULL */
/* Walks all entries: start with *pos = 0. Deleting the entry just given is allowed. */
bool ke_map_next(const struct ke_map *map, size_t *pos, struct ke_str *key, void **value);

#endif
