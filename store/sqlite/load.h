/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SQLITE_LOAD_H
#define STORE_SQLITE_LOAD_H
/* Fills the object cache from the file at start, before anyone reads. */
#include "core/registry/cache.h"
#include "store/sqlite/db.h"

/*
 * Live objects and the newest history_bytes of the history. *out_floor: the history holds
 * everything after it (INT64_MAX: there is no history). Errors: KE_MALFORMED damaged, KE_IO,
 * KE_NOMEM.
 */
enum ke_code sqlite_load(struct sqlite_db *db, struct registry_cache *cache, size_t history_bytes,
                         int64_t *out_floor, struct ke_err *err) KE_MUST_CHECK;

#endif
