/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of recent changes. Called under the cache's lock. */
#include "core/registry/history.h"

#include "core/base/mem.h"
#include "core/registry/block.h"

#define FIRST_CAP 64

static struct registry_history_entry *entry_at(const struct registry_history *history,
                                               size_t position)
{
    return &history->ring[(history->first + position) & (history->cap - 1)];
}

bool registry_history_reserve(struct registry_history *history, size_t n)
{
    if (history->n + n <= history->cap)
        return true;
    size_t cap = history->cap > 0 ? history->cap : FIRST_CAP;
    while (cap < history->n + n)
        cap *= 2;
    struct registry_history_entry *ring = ke_alloc_n(cap, sizeof(*ring));
    if (ring == NULL)
        return false;
    for (size_t i = 0; i < history->n; i++)
        ring[i] = *entry_at(history, i);
    free(history->ring);
    history->ring = ring;
    history->cap = cap;
    history->first = 0;
    return true;
}

/* The previous value is counted where no change in the ring has counted it already. */
static size_t charge_of(const struct registry_history *history,
                        const struct registry_change *change)
{
    size_t charge = sizeof(struct registry_history_entry) + registry_block_of(change->object)->size;
    if (change->previous != NULL && change->previous->revision <= history->floor)
        charge += registry_block_of(change->previous)->size;
    return charge;
}

void registry_history_append(struct registry_history *history, const struct registry_change *change,
                             int64_t now_ns)
{
    KE_ASSERT(history->n < history->cap);
    struct registry_history_entry *entry = entry_at(history, history->n);
    *entry = (struct registry_history_entry){ .change = *change,
                                              .at_ns = now_ns,
                                              .charge = charge_of(history, change) };
    history->n++;
    history->bytes += entry->charge;
}

static void drop_first(struct registry_history *history)
{
    struct registry_history_entry *entry = entry_at(history, 0);
    history->floor = entry->change.revision;
    history->bytes -= entry->charge;
    registry_change_clear(&entry->change);
    history->first = (history->first + 1) & (history->cap - 1);
    history->n--;
}

void registry_history_trim(struct registry_history *history, int64_t now_ns, size_t max)
{
    for (size_t i = 0; i < max && history->n > 0; i++) {
        const struct registry_history_entry *oldest = entry_at(history, 0);
        if (history->bytes <= history->max_bytes && now_ns - oldest->at_ns <= history->max_age_ns)
            return;
        drop_first(history);
    }
}

size_t registry_history_seek(const struct registry_history *history, int64_t after)
{
    size_t low = 0;
    size_t high = history->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entry_at(history, middle)->change.revision <= after)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct registry_change *registry_history_at(const struct registry_history *history,
                                                  size_t position)
{
    return &entry_at(history, position)->change;
}

void registry_history_deinit(struct registry_history *history)
{
    while (history->n > 0)
        drop_first(history);
    free(history->ring);
    history->ring = NULL;
    history->cap = 0;
}
