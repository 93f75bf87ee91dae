/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SQLITE_WRITER_H
#define STORE_SQLITE_WRITER_H
/*
 * The one thread that writes: takes what is queued, checks it, writes what must be on disk in one
 * transaction, publishes, answers. Owns the connection, the group and the list of what is written
 * behind.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "core/base/limits.h"
#include "core/base/map.h"
#include "core/base/thread.h"
#include "core/registry/group.h"
#include "store/sqlite/db.h"

struct sqlite_registry {
    struct registry base;
    struct ke_queue *queue; /* of struct registry_batch, given */
    struct ke_thread thread;
    atomic_bool is_stopping;
    atomic_uint_fast64_t bytes_written;
    atomic_uint_fast64_t n_groups;
    atomic_uint_fast64_t n_batches;

    pthread_mutex_t lock; /* guards health, observer and is_observing */
    pthread_cond_t observed;
    struct ke_err health;
    registry_observer_fn *observer;
    void *observer_ctx;
    bool is_observing;

    /* The writer's alone, from the moment it runs: */
    struct sqlite_db *db;
    struct registry_group *group;
    struct registry_batch *batches[LIMIT_COMMIT_GROUP];
    struct ke_map *behind; /* keys of lazy kinds whose row is not what the cache holds */
    int64_t behind_due_ns; /* when they are written; 0: there are none */
    int64_t probe_due_ns;  /* when a disk that failed is tried again; 0: it works */
    int64_t probe_delay_ns;
    int64_t reserved; /* revisions up to here may be given */
    int64_t trimmed;  /* events up to here are gone from the file */
};

/* ctx: struct sqlite_registry. */
void sqlite_writer_run(void *ctx);
/* At start: reserves revisions and marks the file as in use. */
enum ke_code sqlite_writer_reserve(struct sqlite_registry *self, struct ke_err *err) KE_MUST_CHECK;

#endif
