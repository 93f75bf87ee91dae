/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lock-free index. A probe ends at the first slot that was never used, so a removed item leaves
 * a tombstone; tombstones in front of an unused slot are cleared again, the rest go when the array
 * is rebuilt. A slot's item is stored before its tag (release), so a reader who sees the tag
 * (acquire) sees the item; a reader who sees an old tag with a newer item compares keys and goes
 * on. One writer; readers within ke_snap read sections.
 */
#include "core/endpoint/index.h"

#include <stdlib.h>

#include "core/base/mem.h"
#include "core/base/snap.h"

#define TAG_UNUSED    0U
#define TAG_TOMBSTONE 1U
#define MIN_SLOTS     16U

struct slot {
    _Atomic(void *) item;
    _Atomic uint32_t tag;
};

struct endpoint_index_array {
    uint32_t mask;
    struct slot slots[];
};

static uint32_t tag_of_hash(uint64_t hash)
{
    uint32_t tag = (uint32_t)(hash >> 32) ^ (uint32_t)hash;
    return tag > TAG_TOMBSTONE ? tag : tag + 2;
}

/* The writer's own view: nobody else stores. */
static struct endpoint_index_array *own_array(const struct endpoint_index *index)
{
    return atomic_load_explicit(&index->array, memory_order_relaxed);
}

static uint32_t own_tag(const struct slot *slot)
{
    return atomic_load_explicit(&slot->tag, memory_order_relaxed);
}

static struct endpoint_index_array *array_new(size_t n_slots)
{
    if (n_slots > UINT32_MAX / 2)
        return NULL;
    struct endpoint_index_array *array =
        ke_alloc(sizeof(*array) + n_slots * sizeof(array->slots[0]));
    if (array == NULL)
        return NULL;
    array->mask = (uint32_t)n_slots - 1;
    return array;
}

/* True: in a slot that was unused; false: in place of a tombstone. */
static bool array_put(struct endpoint_index_array *array, uint32_t tag, void *item)
{
    uint32_t at = tag & array->mask;
    while (own_tag(&array->slots[at]) > TAG_TOMBSTONE)
        at = (at + 1) & array->mask;
    bool was_unused = own_tag(&array->slots[at]) == TAG_UNUSED;
    atomic_store_explicit(&array->slots[at].item, item, memory_order_release);
    atomic_store_explicit(&array->slots[at].tag, tag, memory_order_release);
    return was_unused;
}

void endpoint_index_deinit(struct endpoint_index *index)
{
    free(own_array(index));
    *index = (struct endpoint_index){ 0 };
}

size_t endpoint_index_bytes(const struct endpoint_index *index)
{
    const struct endpoint_index_array *array = own_array(index);
    if (array == NULL)
        return 0;
    return sizeof(*array) + ((size_t)array->mask + 1) * sizeof(array->slots[0]);
}

bool endpoint_index_reserve(struct endpoint_index *index, size_t n)
{
    struct endpoint_index_array *old = own_array(index);
    size_t n_slots = old != NULL ? (size_t)old->mask + 1 : 0;
    /* At most two thirds used, so that a probe soon meets an unused slot. */
    if ((index->n_used + n) * 3 <= n_slots * 2)
        return true;
    size_t wanted = MIN_SLOTS;
    while (wanted < (index->n_items + n) * 2)
        wanted *= 2;
    struct endpoint_index_array *array = array_new(wanted);
    if (array == NULL)
        return false;
    for (size_t i = 0; i < n_slots; i++) {
        uint32_t tag = own_tag(&old->slots[i]);
        if (tag > TAG_TOMBSTONE)
            (void)array_put(array, tag,
                            atomic_load_explicit(&old->slots[i].item, memory_order_relaxed));
    }
    index->n_used = index->n_items;
    ke_snap_publish(&index->array, array);
    if (old != NULL)
        ke_snap_retire(old, free);
    return true;
}

void endpoint_index_add(struct endpoint_index *index, uint64_t hash, void *item)
{
    struct endpoint_index_array *array = own_array(index);
    KE_ASSERT(array != NULL && index->n_used <= array->mask);
    if (array_put(array, tag_of_hash(hash), item))
        index->n_used++;
    index->n_items++;
}

/* Makes the slot a tombstone, and unused with all tombstones before it when no probe needs them. */
static size_t slot_clear(struct endpoint_index_array *array, uint32_t at)
{
    atomic_store_explicit(&array->slots[at].tag, TAG_TOMBSTONE, memory_order_release);
    if (own_tag(&array->slots[(at + 1) & array->mask]) != TAG_UNUSED)
        return 0;
    size_t n_cleared = 0;
    while (own_tag(&array->slots[at]) == TAG_TOMBSTONE) {
        atomic_store_explicit(&array->slots[at].tag, TAG_UNUSED, memory_order_release);
        n_cleared++;
        at = (at - 1) & array->mask;
    }
    return n_cleared;
}

bool endpoint_index_remove(struct endpoint_index *index, uint64_t hash, const void *item)
{
    struct endpoint_index_array *array = own_array(index);
    if (array == NULL)
        return false;
    uint32_t tag = tag_of_hash(hash);
    uint32_t at = tag & array->mask;
    for (uint32_t i = 0; i <= array->mask; i++, at = (at + 1) & array->mask) {
        struct slot *slot = &array->slots[at];
        if (own_tag(slot) == TAG_UNUSED)
            return false;
        if (own_tag(slot) != tag || atomic_load_explicit(&slot->item, memory_order_relaxed) != item)
            continue;
        index->n_used -= slot_clear(array, at);
        index->n_items--;
        return true;
    }
    return false;
}

struct endpoint_index_probe endpoint_index_probe_start(const struct endpoint_index *index,
                                                       uint64_t hash)
{
    const struct endpoint_index_array *array = ke_snap_load(&index->array);
    uint32_t tag = tag_of_hash(hash);
    return (struct endpoint_index_probe){ .array = array,
                                          .tag = tag,
                                          .at = array != NULL ? tag & array->mask : 0,
                                          .n_left = array != NULL ? array->mask + 1 : 0 };
}

void *endpoint_index_probe_next(struct endpoint_index_probe *probe)
{
    const struct endpoint_index_array *array = probe->array;
    while (probe->n_left > 0) {
        const struct slot *slot = &array->slots[probe->at];
        uint32_t tag = atomic_load_explicit(&slot->tag, memory_order_acquire);
        if (tag == TAG_UNUSED)
            return NULL;
        probe->at = (probe->at + 1) & array->mask;
        probe->n_left--;
        if (tag == probe->tag)
            return atomic_load_explicit(&slot->item, memory_order_acquire);
    }
    return NULL;
}
