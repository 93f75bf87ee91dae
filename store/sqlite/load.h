/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SQLITE_LOAD_H
#define STORE_SQLITE_LOAD_H
/* Fills the object cache from the file at start, before anyone reads. */
#include "core/registry/cache.h"
#include "store/sqlite/db.h"
#include "store/vault.h"

/*
 * Live objects and the newest history_bytes of the history. floor: the history holds
 * everything after it (INT64_MAX: there is no history). Errors: KE_MALFORMED damaged, KE_IO,
 * KE_NOMEM; KE_INVALID: a key of the vault (may be NULL) is missing.
 */
struct sqlite_loaded {
    int64_t floor;
    uint64_t n_stale; /* values of the vault that its newest key has not sealed */
};
enum ke_code sqlite_load(struct sqlite_db *db, struct registry_cache *cache,
                         const struct vault *vault, size_t history_bytes, struct sqlite_loaded *out,
                         struct ke_err *err) KE_MUST_CHECK;

#endif
