/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing; deleted slots stay as tombstones until the next rehash, so
 * that a walk may delete. A map belongs to one thread. */
#include "core/base/map.h"

#include <stdlib.h>

#include "core/base/mem.h"

enum { MAP_FIRST_SLOTS = 16 };

struct map_slot {
    uint64_t hash; /* 0: never used */
    char *key;     /* NULL with a hash: tombstone */
    size_t key_len;
    void *value;
};

struct ke_map {
    struct map_slot *slots;
    size_t n_slots; /* 0 or a power of two */
    size_t n_live;
    size_t n_used; /* live and tombstones */
};

struct ke_map *ke_map_new(void)
{
    return ke_alloc(sizeof(struct ke_map));
}

void ke_map_free(struct ke_map *map)
{
    if (map == NULL)
        return;
    for (size_t i = 0; i < map->n_slots; i++)
        free(map->slots[i].key);
    free(map->slots);
    free(map);
}

size_t ke_map_count(const struct ke_map *map)
{
    return map->n_live;
}

static struct map_slot *map_find(const struct ke_map *map, struct ke_str key, uint64_t hash)
{
    if (map->n_slots == 0)
        return NULL;
    size_t mask = map->n_slots - 1;
    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        struct map_slot *slot = &map->slots[i];
        if (slot->hash == 0)
            return NULL;
        if (slot->hash == hash && slot->key != NULL &&
            ke_str_eq(ke_str_of(slot->key, slot->key_len), key))
            return slot;
    }
}

void *ke_map_get(const struct ke_map *map, struct ke_str key)
{
    const struct map_slot *slot = map_find(map, key, ke_str_hash(key));
    return slot == NULL ? NULL : slot->value;
}

static struct map_slot *map_free_slot(struct map_slot *slots, size_t n_slots, uint64_t hash)
{
    size_t i = (size_t)hash & (n_slots - 1);
    while (slots[i].hash != 0)
        i = (i + 1) & (n_slots - 1);
    return &slots[i];
}

/* Keeps at most three quarters in use, tombstones counted. */
static bool map_make_room(struct ke_map *map)
{
    if (map->n_slots > 0 && (map->n_used + 1) * 4 <= map->n_slots * 3)
        return true;
    size_t n_slots = map->n_slots == 0 ? MAP_FIRST_SLOTS : map->n_slots;
    while ((map->n_live + 1) * 2 > n_slots)
        n_slots *= 2;
    struct map_slot *slots = ke_alloc_n(n_slots, sizeof(*slots));
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < map->n_slots; i++) {
        if (map->slots[i].key != NULL)
            *map_free_slot(slots, n_slots, map->slots[i].hash) = map->slots[i];
    }
    free(map->slots);
    map->slots = slots;
    map->n_slots = n_slots;
    map->n_used = map->n_live;
    return true;
}

bool ke_map_set(struct ke_map *map, struct ke_str key, void *value, void **old)
{
    uint64_t hash = ke_str_hash(key);
    struct map_slot *slot = map_find(map, key, hash);
    if (slot != NULL) {
        if (old != NULL)
            *old = slot->value;
        slot->value = value;
        return true;
    }
    char *copy = ke_str_dup(key);
    if (copy == NULL || !map_make_room(map)) {
        free(copy);
        return false;
    }
    *map_free_slot(map->slots, map->n_slots, hash) =
        (struct map_slot){ .hash = hash, .key = copy, .key_len = key.len, .value = value };
    map->n_live++;
    map->n_used++;
    if (old != NULL)
        *old = NULL;
    return true;
}

void *ke_map_del(struct ke_map *map, struct ke_str key)
{
    struct map_slot *slot = map_find(map, key, ke_str_hash(key));
    if (slot == NULL)
        return NULL;
    void *value = slot->value;
    free(slot->key); /* key may be this very memory: it is not read again */
    slot->key = NULL;
    slot->value = NULL;
    map->n_live--;
    return value;
}

bool ke_map_next(const struct ke_map *map, size_t *pos, struct ke_str *key, void **value)
{
    for (size_t i = *pos; i < map->n_slots; i++) {
        const struct map_slot *slot = &map->slots[i];
        if (slot->key == NULL)
            continue;
        if (key != NULL)
            *key = ke_str_of(slot->key, slot->key_len);
        if (value != NULL)
            *value = slot->value;
        *pos = i + 1;
        return true;
    }
    *pos = map->n_slots;
    return false;
}
