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
    /*
     * Where the keys of Secrets are (store/vault.h); made for the first Secret.
     * NULL: Secrets are written as they are, and encrypted ones cannot be read.
     */
    const char *vault_path;
    bool is_vault_for_reading; /* new values are written as they are */
};

struct sqlite_registry_stats {
    uint64_t n_groups;  /* transactions of commits */
    uint64_t n_batches; /* commits in them */
};

/*
 * Opens or makes the file, reads it whole, starts the writer. The folder must exist. options NULL:
 * as the limits say. Returned in *out (registry_free). Errors, each with the path and what to do:
 * KE_MALFORMED the file is damaged or of another program, and was not touched; KE_INVALID it is of
 * a newer kedge, or a key of its Secrets is missing; KE_UNAVAILABLE another process has it open;
 * KE_IO; KE_NOMEM.
 */
enum ke_code sqlite_registry_open(const char *path, const struct sqlite_registry_options *options,
                                  struct registry **out, struct ke_err *err) KE_MUST_CHECK;
/*
 * Makes a new key and writes all Secrets, and what the history holds of them, anew with it: by the
 * writer, a few at a time between commits. What a crash leaves undone is done at the next start;
 * all keys stay readable until then. Returns at once; ask for the end. Any thread. Errors:
 * KE_INVALID (not encrypting), KE_CONFLICT (one is under way), KE_LIMIT (the queue is full).
 */
enum ke_code sqlite_registry_rekey(struct registry *registry, struct ke_err *err) KE_MUST_CHECK;
/* KE_OK: nothing is under way and the last one succeeded; KE_AGAIN: under way (err is not set);
 * else why it failed, and it will be tried again. Any thread. */
enum ke_code sqlite_registry_rekey_state(struct registry *registry, uint64_t *out_n_written,
                                         struct ke_err *err) KE_MUST_CHECK;
/* Any thread. */
void sqlite_registry_get_stats(struct registry *registry, struct sqlite_registry_stats *out);

#endif
