/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_REGISTRY_HISTORY_H
#define CORE_REGISTRY_HISTORY_H
/*
 * The recent changes with the values before them, in revision order, bounded in bytes and age.
 * Guarded by the owner (core/registry/cache).
 */
#include "core/registry/registry.h"

struct registry_history_entry {
    struct registry_change change; /* holding references */
    int64_t at_ns;
    size_t charge; /* bytes it keeps alive */
};

struct registry_history {
    struct registry_history_entry *ring;
    size_t cap; /* a power of two, or 0 */
    size_t first;
    size_t n;
    size_t bytes;
    size_t max_bytes;
    int64_t max_age_ns;
    int64_t floor; /* everything after this revision is here */
};

void registry_history_deinit(struct registry_history *history);
/* So that n more fit. */
bool registry_history_reserve(struct registry_history *history, size_t n) KE_MUST_CHECK;
/* change: its references are given; reserved before. */
void registry_history_append(struct registry_history *history, const struct registry_change *change,
                             int64_t now_ns);
/* Drops what is too old or too much, at most max entries (all: SIZE_MAX). */
void registry_history_trim(struct registry_history *history, int64_t now_ns, size_t max);
/* Position of the first change with a revision above after; n when there is none. */
size_t registry_history_seek(const struct registry_history *history, int64_t after);
const struct registry_change *registry_history_at(const struct registry_history *history,
                                                  size_t position);

#endif
