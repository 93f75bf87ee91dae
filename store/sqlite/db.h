/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SQLITE_DB_H
#define STORE_SQLITE_DB_H
/*
 * The file: which one it is, its tables and the few statements on them. Objects are text here. One
 * thread at a time (the opener, then the writer). After a failure inside a transaction, roll back.
 */
#include "core/base/err.h"
#include "core/base/str.h"

struct sqlite_db;

/* Small numbers beside the tables. */
enum sqlite_db_meta {
    SQLITE_DB_RESERVED, /* revisions up to here may have been given */
    SQLITE_DB_IS_CLEAN, /* 1: was closed by sqlite_db_close_clean */
    SQLITE_DB_META_COUNT
};

/* Errors: as sqlite_registry_open. Nothing is written to a file that exists. */
enum ke_code sqlite_db_open(const char *path, uint64_t max_bytes, struct sqlite_db **out,
                            struct ke_err *err) KE_MUST_CHECK;
/* Without a word to the file when it was not accepted; else what is in the log is moved over. */
void sqlite_db_free(struct sqlite_db *db);
KE_AUTO_DEFINE(sqlite_db)
/* It was read and is good: from now on closing may write. */
void sqlite_db_accept(struct sqlite_db *db);

/* A row, borrowed during the call. */
struct sqlite_db_row {
    struct ke_str key;
    int64_t revision;
    struct ke_str value;       /* state: the object */
    bool is_delete;            /* event */
    int64_t previous_revision; /* event; 0: the key did not exist */
    struct ke_str previous;    /* event: the object before it */
};
/* Anything but KE_OK ends the walk and is returned. */
typedef enum ke_code sqlite_db_row_fn(void *ctx, const struct sqlite_db_row *row,
                                      struct ke_err *err);
enum ke_code sqlite_db_each_object(struct sqlite_db *db, sqlite_db_row_fn *fn, void *ctx,
                                   struct ke_err *err) KE_MUST_CHECK;
/* Newest first. */
enum ke_code sqlite_db_each_event(struct sqlite_db *db, sqlite_db_row_fn *fn, void *ctx,
                                  struct ke_err *err) KE_MUST_CHECK;
enum ke_code sqlite_db_get_meta(struct sqlite_db *db, enum sqlite_db_meta name, int64_t *out,
                                struct ke_err *err) KE_MUST_CHECK;
/* Fills err with KE_MALFORMED, the path and what to do; detail says what is wrong. */
enum ke_code sqlite_db_damaged(const struct sqlite_db *db, const char *detail, struct ke_err *err);

/* Errors of all that write: KE_IO (disk full: sys ENOSPC), KE_NOMEM, KE_MALFORMED. */
enum ke_code sqlite_db_begin(struct sqlite_db *db, struct ke_err *err) KE_MUST_CHECK;
/* On disk when it returns KE_OK. */
enum ke_code sqlite_db_commit(struct sqlite_db *db, struct ke_err *err) KE_MUST_CHECK;
void sqlite_db_rollback(struct sqlite_db *db);
enum ke_code sqlite_db_put(struct sqlite_db *db, struct ke_str key, int64_t revision,
                           struct ke_str value, struct ke_err *err) KE_MUST_CHECK;
enum ke_code sqlite_db_del(struct sqlite_db *db, struct ke_str key,
                           struct ke_err *err) KE_MUST_CHECK;
enum ke_code sqlite_db_add_event(struct sqlite_db *db, const struct sqlite_db_row *row,
                                 struct ke_err *err) KE_MUST_CHECK;
/* The oldest max events up to and with revision; *out_n: how many there were. */
enum ke_code sqlite_db_trim(struct sqlite_db *db, int64_t revision, int64_t max, int64_t *out_n,
                            struct ke_err *err) KE_MUST_CHECK;
enum ke_code sqlite_db_set_meta(struct sqlite_db *db, enum sqlite_db_meta name, int64_t value,
                                struct ke_err *err) KE_MUST_CHECK;
/*
 * Rows whose values may have to be written anew, one at a time: the first behind *at (0 at first)
 * whose key begins with prefix. fn gives the value that it is to have, not borrowed from what it is
 * given; {NULL, 0}: as it is.
 * KE_NOT_FOUND: there are no more.
 */
enum sqlite_db_table { SQLITE_DB_STATE, SQLITE_DB_EVENT };
typedef enum ke_code sqlite_db_rewrite_fn(void *ctx, struct ke_str key, struct ke_str value,
                                          struct ke_str *out, struct ke_err *err);
enum ke_code sqlite_db_rewrite_next(struct sqlite_db *db, enum sqlite_db_table table,
                                    struct ke_str prefix, int64_t *at, sqlite_db_rewrite_fn *fn,
                                    void *ctx, struct ke_err *err) KE_MUST_CHECK;
/* Whether what is replaced or deleted is overwritten in the file. */
void sqlite_db_set_erasing(struct sqlite_db *db, bool is_erasing);
/* Moves the whole log into the file and empties it. */
void sqlite_db_empty_log(struct sqlite_db *db);
/* Moves the log into the file when it has grown enough, or now; a failure waits for the next time.
 */
void sqlite_db_checkpoint(struct sqlite_db *db, bool is_now);
/* So far, by this connection. */
uint64_t sqlite_db_bytes_written(struct sqlite_db *db);

#endif
