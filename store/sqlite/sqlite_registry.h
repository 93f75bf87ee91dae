/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SQLITE_SQLITE_REGISTRY_H
#define STORE_SQLITE_SQLITE_REGISTRY_H
/*
 * The registry on this node's disk: all reads from memory, one writer thread that groups commits
 * into one transaction and one fsync. Durable kinds are acknowledged when on disk; lazy kinds are
 * written behind; memory kinds never touch it.
 */
#include "core/base/clock.h"
#include "core/registry/registry.h"

struct sqlite_registry_options {
    uint64_t max_bytes;           /* ceiling of the file; 0: LIMIT_REGISTRY_BYTES */
    size_t history_bytes;         /* 0: LIMIT_HISTORY_BYTES */
    int64_t history_ms;           /* 0: LIMIT_HISTORY_MS */
    const struct ke_clock *clock; /* borrowed, of the history's age; NULL: the system's */
};

struct sqlite_registry_stats {
    uint64_t n_groups;  /* transactions of commits */
    uint64_t n_batches; /* commits in them */
};

/*
 * Opens or makes the file, reads it whole, starts the writer. The folder must exist. options NULL:
 * as the limits say. Returned in *out (registry_free). Errors, each with the path and what to do:
 * KE_MALFORMED the file is damaged or of another program, and was not touched; KE_INVALID it is of
 * a newer kedge; KE_UNAVAILABLE another process has it open; KE_IO; KE_NOMEM.
 */
enum ke_code sqlite_registry_open(const char *path, const struct sqlite_registry_options *options,
                                  struct registry **out, struct ke_err *err) KE_MUST_CHECK;
/* Any thread. */
void sqlite_registry_get_stats(struct registry *registry, struct sqlite_registry_stats *out);

#endif
