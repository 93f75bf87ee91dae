/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ENDPOINT_INDEX_H
#define CORE_ENDPOINT_INDEX_H
/*
 * A hash index that readers walk without a lock while one writer changes it: open addressing over
 * an array of (tag, item), the tag being the hash. Items never move within an array; a bigger array
 * is filled completely, then published, and the old one retired. Several items may have one key:
 * the caller compares what a probe yields. Items belong to the caller, who retires them with
 * ke_snap_retire after removing them.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/attr.h"

struct endpoint_index_array;

struct endpoint_index {
    _Atomic(struct endpoint_index_array *) array; /* NULL: empty */
    size_t n_items;                               /* writer only */
    size_t n_used;                                /* items and tombstones; writer only */
};

/* Writer. A zeroed index is empty and ready. deinit: no reader is left. */
void endpoint_index_deinit(struct endpoint_index *index);
/* Makes room, so that the next n adds cannot fail. False: out of memory, nothing changed. */
bool endpoint_index_reserve(struct endpoint_index *index, size_t n) KE_MUST_CHECK;
/* Room must have been reserved. Readers see the item, and all that was written before, at once. */
void endpoint_index_add(struct endpoint_index *index, uint64_t hash, void *item);
/* Removes exactly this item; false: it was not there. */
bool endpoint_index_remove(struct endpoint_index *index, uint64_t hash, const void *item);
/* Bytes of the array. */
size_t endpoint_index_bytes(const struct endpoint_index *index);

/* Reader, within one read section: every item that has this hash (and perhaps others). */
struct endpoint_index_probe {
    const struct endpoint_index_array *array;
    uint32_t tag;
    uint32_t at;
    uint32_t n_left;
};
struct endpoint_index_probe endpoint_index_probe_start(const struct endpoint_index *index,
                                                       uint64_t hash);
void *endpoint_index_probe_next(struct endpoint_index_probe *probe); /* NULL: no more */

#endif
