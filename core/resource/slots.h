/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_SLOTS_H
#define CORE_RESOURCE_SLOTS_H
/*
 * A numbered range with a bit a slot: which addresses or ports are taken. The low band is left to
 * those who choose for themselves as long as the high band has room (KEP-3070, KEP-3668). One
 * thread at a time.
 */
#include <stdbool.h>
#include <stdint.h>

struct slots;

/* n_slots > 0; n_low of them are the low band. NULL: out of memory. */
struct slots *slots_new(uint32_t n_slots, uint32_t n_low);
void slots_free(struct slots *slots);
uint32_t slots_size(const struct slots *slots);
bool slots_is_taken(const struct slots *slots, uint32_t slot);
void slots_take(struct slots *slots, uint32_t slot);
void slots_give(struct slots *slots, uint32_t slot);
void slots_clear(struct slots *slots);
/* Is the slot free also where the bits do not say so? */
typedef bool slots_is_free_fn(void *ctx, uint32_t slot);
/* A random free slot, of the high band when it has one. False: the range is full. */
bool slots_find(const struct slots *slots, slots_is_free_fn *is_free, void *ctx, uint32_t *out);

/* The size of the low band of a range of addresses and of one of ports. */
uint32_t slots_low_band(uint32_t n_slots, uint32_t divisor, uint32_t max);

#endif
