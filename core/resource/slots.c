/* SPDX-License-Identifier: Apache-2.0 */
/* See slots.h. */
#include "core/resource/slots.h"

#include "core/base/mem.h"
#include "core/base/rand.h"

#define LOW_BAND_MIN 16

struct slots {
    uint32_t n_slots;
    uint32_t n_low;
    uint64_t *bits;
};

static size_t n_words(uint32_t n_slots)
{
    return ((size_t)n_slots + 63) / 64;
}

struct slots *slots_new(uint32_t n_slots, uint32_t n_low)
{
    struct slots *slots = ke_alloc(sizeof(*slots));
    if (slots == NULL)
        return NULL;
    slots->n_slots = n_slots;
    slots->n_low = n_low < n_slots ? n_low : 0;
    slots->bits = ke_alloc_n(n_words(n_slots), sizeof(uint64_t));
    if (slots->bits == NULL) {
        free(slots);
        return NULL;
    }
    return slots;
}

void slots_free(struct slots *slots)
{
    if (slots == NULL)
        return;
    free(slots->bits);
    free(slots);
}

uint32_t slots_size(const struct slots *slots)
{
    return slots->n_slots;
}

bool slots_is_taken(const struct slots *slots, uint32_t slot)
{
    return (slots->bits[slot / 64] >> (slot % 64) & 1) != 0;
}

void slots_take(struct slots *slots, uint32_t slot)
{
    slots->bits[slot / 64] |= (uint64_t)1 << (slot % 64);
}

void slots_give(struct slots *slots, uint32_t slot)
{
    slots->bits[slot / 64] &= ~((uint64_t)1 << (slot % 64));
}

void slots_clear(struct slots *slots)
{
    memset(slots->bits, 0, n_words(slots->n_slots) * sizeof(uint64_t));
}

/* In [from, to), beginning at a random place and going round. */
static bool find_between(const struct slots *slots, uint32_t from, uint32_t to,
                         slots_is_free_fn *is_free, void *ctx, uint32_t *out)
{
    if (from >= to)
        return false;
    uint32_t n = to - from;
    uint32_t begin = ke_rand_below(n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t slot = from + (begin + i) % n;
        if (!slots_is_taken(slots, slot) && is_free(ctx, slot)) {
            *out = slot;
            return true;
        }
    }
    return false;
}

bool slots_find(const struct slots *slots, slots_is_free_fn *is_free, void *ctx, uint32_t *out)
{
    return find_between(slots, slots->n_low, slots->n_slots, is_free, ctx, out) ||
           find_between(slots, 0, slots->n_low, is_free, ctx, out);
}

uint32_t slots_low_band(uint32_t n_slots, uint32_t divisor, uint32_t max)
{
    if (n_slots <= LOW_BAND_MIN)
        return 0;
    uint32_t band = n_slots / divisor;
    if (band < LOW_BAND_MIN)
        band = LOW_BAND_MIN;
    return band < max ? band : max;
}
