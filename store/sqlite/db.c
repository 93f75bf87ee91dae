/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: write-ahead log, every commit synced, the whole file locked for this process. */
#include "store/sqlite/db.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>

#include "core/base/buf.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "store/sqlite/file.h"

#define PAGE_BYTES       4096
#define FRAME_BYTES      (PAGE_BYTES + 24) /* of a page in the log */
#define CHECKPOINT_PAGES 2000

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_PUT,
    STATEMENT_DEL,
    STATEMENT_ADD_EVENT,
    STATEMENT_TRIM,
    STATEMENT_SET_META,
    STATEMENT_NEXT_OBJECT,
    STATEMENT_NEXT_EVENT,
    STATEMENT_REWRITE_OBJECT,
    STATEMENT_REWRITE_EVENT,
    STATEMENT_COUNT
};

static const char *const statement_sql[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_PUT] =
        "INSERT INTO state(key, revision, value) VALUES(?1, ?2, ?3) ON CONFLICT(key) DO"
        " UPDATE SET revision = excluded.revision, value = excluded.value",
    [STATEMENT_DEL] = "DELETE FROM state WHERE key = ?1",
    [STATEMENT_ADD_EVENT] =
        "INSERT INTO event(revision, key, is_delete, previous_revision, previous)"
        " VALUES(?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_TRIM] = "DELETE FROM event WHERE revision IN (SELECT revision FROM event WHERE"
                       " revision <= ?1 ORDER BY revision LIMIT ?2)",
    [STATEMENT_SET_META] =
        "INSERT INTO meta(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE"
        " SET value = excluded.value",
    [STATEMENT_NEXT_OBJECT] = "SELECT id, key, value FROM state WHERE id > ?1 AND"
                              " substr(key, 1, length(?2)) = ?2 ORDER BY id LIMIT 1",
    [STATEMENT_NEXT_EVENT] =
        "SELECT revision, key, previous FROM event WHERE revision > ?1 AND"
        " substr(key, 1, length(?2)) = ?2 AND previous IS NOT NULL ORDER BY revision LIMIT 1",
    [STATEMENT_REWRITE_OBJECT] = "UPDATE state SET value = ?2 WHERE id = ?1",
    [STATEMENT_REWRITE_EVENT] = "UPDATE event SET previous = ?2 WHERE revision = ?1",
};

struct sqlite_db {
    char *path;
    sqlite3 *handle;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    int log_pages;           /* in the log now */
    uint64_t n_checkpointed; /* pages moved into the file, at most */
};

static enum ke_code fail(const struct sqlite_db *db, struct ke_err *err)
{
    return sqlite_file_fail(db->path, db->handle, err);
}

enum ke_code sqlite_db_damaged(const struct sqlite_db *db, const char *detail, struct ke_err *err)
{
    return sqlite_file_damaged(db->path, detail, err);
}

/* ---- opening --------------------------------------------------------------------------------- */

static int on_log(void *ctx, sqlite3 *handle, const char *name, int n_pages)
{
    struct sqlite_db *db = ctx;
    (void)handle;
    (void)name;
    db->log_pages = n_pages;
    return SQLITE_OK;
}

static enum ke_code configure(struct sqlite_db *db, uint64_t max_bytes, struct ke_err *err)
{
    char sql[256];
    /* Exclusive: no shared memory file, and a second kedge on the same folder is told so. */
    (void)snprintf(
        sql, sizeof(sql),
        "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
        "PRAGMA synchronous = FULL; PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY;"
        "PRAGMA max_page_count = %llu; SELECT count(*) FROM meta;",
        (unsigned long long)(max_bytes / PAGE_BYTES));
    if (sqlite3_exec(db->handle, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fail(db, err);
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        if (sqlite3_prepare_v3(db->handle, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &db->statements[i], NULL) != SQLITE_OK)
            return fail(db, err);
    }
    (void)sqlite3_wal_hook(db->handle, on_log, db);
    return KE_OK;
}

static enum ke_code quick_check(struct sqlite_db *db, struct ke_err *err)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db->handle, "PRAGMA quick_check(1)", -1, &stmt, NULL) != SQLITE_OK)
        return fail(db, err);
    enum ke_code rc = KE_OK;
    if (sqlite3_step(stmt) != SQLITE_ROW)
        rc = fail(db, err);
    const char *text = rc == KE_OK ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
    if (rc == KE_OK && (text == NULL || strcmp(text, "ok") != 0))
        rc = sqlite_db_damaged(db, text != NULL ? text : "quick_check", err);
    (void)sqlite3_finalize(stmt);
    return rc;
}

static enum ke_code open_existing(struct sqlite_db *db, uint64_t max_bytes, struct ke_err *err)
{
    if (sqlite3_open_v2(db->path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return fail(db, err);
    /* Until it is accepted, closing leaves the file and its log as they are. */
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int64_t is_clean = 0;
    if (configure(db, max_bytes, err) != KE_OK ||
        sqlite_db_get_meta(db, SQLITE_DB_IS_CLEAN, &is_clean, err) != KE_OK)
        return err->code;
    return is_clean == 1 ? KE_OK : quick_check(db, err);
}

enum ke_code sqlite_db_open(const char *path, uint64_t max_bytes, struct sqlite_db **out,
                            struct ke_err *err)
{
    enum ke_code rc = sqlite_file_check(path, err);
    if (rc == KE_NOT_FOUND)
        rc = sqlite_file_create(path, err);
    if (rc != KE_OK)
        return rc;
    KE_AUTO(sqlite_db) *db = ke_alloc(sizeof(*db));
    if (db == NULL || (db->path = ke_str_dup(ke_str_c(path))) == NULL)
        return ke_fail(err, KE_NOMEM, "registry: open %s", path);
    if (open_existing(db, max_bytes, err) != KE_OK)
        return err->code;
    *out = KE_TAKE(db);
    return KE_OK;
}

void sqlite_db_accept(struct sqlite_db *db)
{
    (void)sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
}

void sqlite_db_free(struct sqlite_db *db)
{
    if (db == NULL)
        return;
    for (size_t i = 0; i < STATEMENT_COUNT; i++)
        (void)sqlite3_finalize(db->statements[i]);
    (void)sqlite3_close(db->handle);
    free(db->path);
    free(db);
}

/* ---- reading --------------------------------------------------------------------------------- */

static struct ke_str column_text(sqlite3_stmt *stmt, int column)
{
    const void *ptr = sqlite3_column_blob(stmt, column);
    return ke_str_of(ptr, (size_t)sqlite3_column_bytes(stmt, column));
}

static void read_object(sqlite3_stmt *stmt, struct sqlite_db_row *row)
{
    row->key = column_text(stmt, 0);
    row->revision = sqlite3_column_int64(stmt, 1);
    row->value = column_text(stmt, 2);
}

static void read_event(sqlite3_stmt *stmt, struct sqlite_db_row *row)
{
    row->key = column_text(stmt, 0);
    row->revision = sqlite3_column_int64(stmt, 1);
    row->is_delete = sqlite3_column_int(stmt, 2) != 0;
    row->previous_revision = sqlite3_column_int64(stmt, 3);
    row->previous = column_text(stmt, 4);
}

typedef void read_fn(sqlite3_stmt *stmt, struct sqlite_db_row *row);

struct walk {
    const char *sql;
    read_fn *read;
    sqlite_db_row_fn *fn;
    void *ctx;
};

static enum ke_code walk_rows(struct sqlite_db *db, const struct walk *walk, struct ke_err *err)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db->handle, walk->sql, -1, &stmt, NULL) != SQLITE_OK)
        return fail(db, err);
    enum ke_code code = KE_OK;
    int rc = SQLITE_ROW;
    while (code == KE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct sqlite_db_row row = { .revision = 0 };
        walk->read(stmt, &row);
        code = walk->fn(walk->ctx, &row, err);
    }
    if (code == KE_OK && rc != SQLITE_DONE)
        code = fail(db, err);
    (void)sqlite3_finalize(stmt);
    return code;
}

enum ke_code sqlite_db_each_object(struct sqlite_db *db, sqlite_db_row_fn *fn, void *ctx,
                                   struct ke_err *err)
{
    struct walk walk = { "SELECT key, revision, value FROM state", read_object, fn, ctx };
    return walk_rows(db, &walk, err);
}

enum ke_code sqlite_db_each_event(struct sqlite_db *db, sqlite_db_row_fn *fn, void *ctx,
                                  struct ke_err *err)
{
    struct walk walk = { "SELECT key, revision, is_delete, previous_revision, previous FROM event"
                         " ORDER BY revision DESC",
                         read_event, fn, ctx };
    return walk_rows(db, &walk, err);
}

enum ke_code sqlite_db_get_meta(struct sqlite_db *db, enum sqlite_db_meta name, int64_t *out,
                                struct ke_err *err)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db->handle, "SELECT value FROM meta WHERE name = ?1", -1, &stmt, NULL) !=
        SQLITE_OK)
        return fail(db, err);
    (void)sqlite3_bind_int(stmt, 1, (int)name);
    int rc = sqlite3_step(stmt);
    enum ke_code code = KE_OK;
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    else if (rc == SQLITE_DONE)
        *out = 0; /* a new file */
    else
        code = fail(db, err);
    (void)sqlite3_finalize(stmt);
    return code;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void bind_str(sqlite3_stmt *stmt, int index, struct ke_str s, bool is_text)
{
    const char *ptr = s.ptr != NULL ? s.ptr : "";
    /* The text outlives the step: nothing is copied. Lengths are under LIMIT_OBJECT_BYTES. */
    if (is_text)
        (void)sqlite3_bind_text(stmt, index, ptr, (int)s.len, SQLITE_STATIC);
    else
        (void)sqlite3_bind_blob(stmt, index, ptr, (int)s.len, SQLITE_STATIC);
}

static enum ke_code run(struct sqlite_db *db, enum statement statement, struct ke_err *err)
{
    sqlite3_stmt *stmt = db->statements[statement];
    int rc = sqlite3_step(stmt);
    enum ke_code code = rc == SQLITE_DONE ? KE_OK : fail(db, err);
    (void)sqlite3_reset(stmt);
    (void)sqlite3_clear_bindings(stmt);
    return code;
}

enum ke_code sqlite_db_begin(struct sqlite_db *db, struct ke_err *err)
{
    return run(db, STATEMENT_BEGIN, err);
}

enum ke_code sqlite_db_commit(struct sqlite_db *db, struct ke_err *err)
{
    return run(db, STATEMENT_COMMIT, err);
}

void sqlite_db_rollback(struct sqlite_db *db)
{
    struct ke_err err = KE_ERR_INIT;
    if (sqlite3_get_autocommit(db->handle) == 0) /* some failures roll back by themselves */
        (void)run(db, STATEMENT_ROLLBACK, &err);
}

enum ke_code sqlite_db_put(struct sqlite_db *db, struct ke_str key, int64_t revision,
                           struct ke_str value, struct ke_err *err)
{
    sqlite3_stmt *stmt = db->statements[STATEMENT_PUT];
    bind_str(stmt, 1, key, true);
    (void)sqlite3_bind_int64(stmt, 2, revision);
    bind_str(stmt, 3, value, false);
    return run(db, STATEMENT_PUT, err);
}

enum ke_code sqlite_db_del(struct sqlite_db *db, struct ke_str key, struct ke_err *err)
{
    bind_str(db->statements[STATEMENT_DEL], 1, key, true);
    return run(db, STATEMENT_DEL, err);
}

enum ke_code sqlite_db_add_event(struct sqlite_db *db, const struct sqlite_db_row *row,
                                 struct ke_err *err)
{
    sqlite3_stmt *stmt = db->statements[STATEMENT_ADD_EVENT];
    (void)sqlite3_bind_int64(stmt, 1, row->revision);
    bind_str(stmt, 2, row->key, true);
    (void)sqlite3_bind_int(stmt, 3, row->is_delete ? 1 : 0);
    if (row->previous_revision > 0) {
        (void)sqlite3_bind_int64(stmt, 4, row->previous_revision);
        bind_str(stmt, 5, row->previous, false);
    }
    return run(db, STATEMENT_ADD_EVENT, err);
}

enum ke_code sqlite_db_trim(struct sqlite_db *db, int64_t revision, int64_t max, int64_t *out_n,
                            struct ke_err *err)
{
    sqlite3_stmt *stmt = db->statements[STATEMENT_TRIM];
    (void)sqlite3_bind_int64(stmt, 1, revision);
    (void)sqlite3_bind_int64(stmt, 2, max);
    if (run(db, STATEMENT_TRIM, err) != KE_OK)
        return err->code;
    *out_n = sqlite3_changes(db->handle);
    return KE_OK;
}

enum ke_code sqlite_db_set_meta(struct sqlite_db *db, enum sqlite_db_meta name, int64_t value,
                                struct ke_err *err)
{
    sqlite3_stmt *stmt = db->statements[STATEMENT_SET_META];
    (void)sqlite3_bind_int(stmt, 1, (int)name);
    (void)sqlite3_bind_int64(stmt, 2, value);
    return run(db, STATEMENT_SET_META, err);
}

/* A row, copied: its own memory goes with the reset of the statement. */
struct copied_row {
    int64_t at;
    struct ke_buf text; /* key and value */
    size_t key_len;
};

/* The next row behind row->at. */
static enum ke_code read_next(struct sqlite_db *db, enum sqlite_db_table table,
                              struct ke_str prefix, struct copied_row *row, struct ke_err *err)
{
    sqlite3_stmt *stmt =
        db->statements[table == SQLITE_DB_STATE ? STATEMENT_NEXT_OBJECT : STATEMENT_NEXT_EVENT];
    (void)sqlite3_bind_int64(stmt, 1, row->at);
    bind_str(stmt, 2, prefix, true);
    int rc = sqlite3_step(stmt);
    enum ke_code code = rc == SQLITE_DONE ? KE_NOT_FOUND : KE_OK;
    if (rc == SQLITE_ROW) {
        struct ke_str key = column_text(stmt, 1);
        row->at = sqlite3_column_int64(stmt, 0);
        row->key_len = key.len;
        ke_buf_add_str(&row->text, key);
        ke_buf_add_str(&row->text, column_text(stmt, 2));
        code = ke_buf_check(&row->text, "row", err);
    } else if (rc != SQLITE_DONE) {
        code = fail(db, err);
    }
    (void)sqlite3_reset(stmt);
    (void)sqlite3_clear_bindings(stmt);
    return code;
}

enum ke_code /* NOLINTNEXTLINE(readability-function-size) */
sqlite_db_rewrite_next(struct sqlite_db *db, enum sqlite_db_table table, struct ke_str prefix,
                       int64_t *at, sqlite_db_rewrite_fn *fn, void *ctx, struct ke_err *err)
{
    struct copied_row row = { .at = *at, .text = KE_BUF_INIT(4 * LIMIT_OBJECT_BYTES) };
    struct ke_str value = { NULL, 0 };
    enum ke_code rc = read_next(db, table, prefix, &row, err);
    struct ke_str all = ke_buf_str(&row.text);
    if (rc == KE_OK) {
        *at = row.at;
        rc = fn(ctx, ke_str_sub(all, 0, row.key_len),
                ke_str_sub(all, row.key_len, all.len - row.key_len), &value, err);
    }
    ke_buf_free(&row.text);
    if (rc != KE_OK || value.ptr == NULL)
        return rc;
    enum statement statement =
        table == SQLITE_DB_STATE ? STATEMENT_REWRITE_OBJECT : STATEMENT_REWRITE_EVENT;
    (void)sqlite3_bind_int64(db->statements[statement], 1, *at);
    bind_str(db->statements[statement], 2, value, false);
    return run(db, statement, err);
}

void sqlite_db_set_erasing(struct sqlite_db *db, bool is_erasing)
{
    (void)sqlite3_exec(db->handle,
                       is_erasing ? "PRAGMA secure_delete = ON" : "PRAGMA secure_delete = OFF",
                       NULL, NULL, NULL);
}

void sqlite_db_empty_log(struct sqlite_db *db)
{
    int n_log = 0;
    int n_done = 0;
    if (sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, &n_log, &n_done) ==
        SQLITE_OK)
        db->log_pages = 0;
}

void sqlite_db_checkpoint(struct sqlite_db *db, bool is_now)
{
    if (db->log_pages < CHECKPOINT_PAGES && !is_now)
        return;
    int n_log = 0;
    int n_done = 0;
    if (sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &n_log, &n_done) !=
        SQLITE_OK)
        return;
    db->n_checkpointed += (uint64_t)n_done;
    db->log_pages = 0; /* the next transaction begins the log anew */
}

uint64_t sqlite_db_bytes_written(struct sqlite_db *db)
{
    int n_pages = 0;
    int ignored = 0;
    if (sqlite3_db_status(db->handle, SQLITE_DBSTATUS_CACHE_WRITE, &n_pages, &ignored, 0) !=
        SQLITE_OK)
        n_pages = 0;
    return (uint64_t)n_pages * FRAME_BYTES + db->n_checkpointed * PAGE_BYTES;
}
