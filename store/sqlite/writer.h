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
#include "store/vault.h"

struct sqlite_registry {
    struct registry base;
    struct ke_queue *queue; /* of struct registry_batch, given */
    struct ke_thread thread;
    atomic_bool is_stopping;
    atomic_uint_fast64_t bytes_written;
    atomic_uint_fast64_t n_groups;
    atomic_uint_fast64_t n_batches;

    pthread_mutex_t lock;    /* guards health, observer, is_observing and rekey_err */
    struct ke_err rekey_err; /* of the last rewriting that failed */
    _Atomic int rekey;       /* enum sqlite_rekey: asked for by any thread, done by the writer */
    atomic_uint_fast64_t n_rewritten;
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
    int64_t reserved;     /* revisions up to here may be given */
    int64_t trimmed;      /* events up to here are gone from the file */
    struct vault *vault;  /* NULL: Secrets are written as they are */
    struct ke_buf sealed; /* the value being written */
    struct sqlite_rewrite {
        bool is_new_key;            /* to be made first */
        enum sqlite_db_table table; /* being gone through */
        int64_t at;                 /* the row behind which it goes on */
        int64_t due_ns;             /* 0: nothing is to be rewritten */
    } rewrite;
};

enum sqlite_rekey { SQLITE_REKEY_NONE, SQLITE_REKEY_ASKED, SQLITE_REKEY_RUNNING };

/* rewrite.c: the writer's. */
/* What is to be written for a value of this key: sealed, or as it is. Borrowed until the next. */
enum ke_code sqlite_seal(struct sqlite_registry *self, struct ke_str key, struct ke_str value,
                         struct ke_str *out, struct ke_err *err) KE_MUST_CHECK;
/* Begins to write all values of the vault anew. */
void sqlite_rewrite_begin(struct sqlite_registry *self, bool is_new_key);
/* A slice of it, when one is due. */
void sqlite_rewrite_some(struct sqlite_registry *self);

/* ctx: struct sqlite_registry. */
void sqlite_writer_run(void *ctx);
/* At start: reserves revisions and marks the file as in use. */
enum ke_code sqlite_writer_reserve(struct sqlite_registry *self, struct ke_err *err) KE_MUST_CHECK;

#endif
