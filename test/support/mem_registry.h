/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_MEM_REGISTRY_H
#define TEST_SUPPORT_MEM_REGISTRY_H
/*
 * The registry contract in memory, for tests. A commit is done on the thread that asks for it,
 * before registry_commit returns: observer first, then its callback. When another thread is just
 * doing commits, that thread does this one too; a commit made inside a callback is done when that
 * callback has returned. While it is paused, commits wait until mem_registry_resume.
 */
#include "core/base/clock.h"
#include "core/registry/registry.h"

struct mem_registry_options {
    size_t history_bytes;         /* 0: LIMIT_HISTORY_BYTES */
    int64_t history_ms;           /* 0: LIMIT_HISTORY_MS */
    const struct ke_clock *clock; /* borrowed; NULL: the system's */
};

/* options NULL: as the limits say. NULL: err. Starts at revision 1. */
struct registry *mem_registry_new(const struct mem_registry_options *options, struct ke_err *err);
void mem_registry_pause(struct registry *registry);
void mem_registry_resume(struct registry *registry);
/* Commits are answered with this from now on (a full disk: KE_IO), and health says so; KE_OK: they
 * work again. */
void mem_registry_fail(struct registry *registry, enum ke_code code);

#endif
