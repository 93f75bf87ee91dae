/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of the vault on their way to disk, and their rewriting with another key: row by row, a
 * slice a transaction, between the commits. Each row says itself which key it has, so it may stop
 * anywhere; the start sees what is left. The writer's thread.
 */
#include <errno.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "store/sqlite/writer.h"

#define SLICE_ROWS 64 /* a transaction */
#define RETRY_NS   (5 * KE_S)

static const struct ke_str prefix = KE_STR_INIT("/registry/secrets/");

enum ke_code sqlite_seal(struct sqlite_registry *self, struct ke_str key, struct ke_str value,
                         struct ke_str *out, struct ke_err *err)
{
    *out = value;
    if (self->vault == NULL || !vault_wants(key))
        return KE_OK;
    enum ke_code rc = KE_OK;
    if (!vault_has_key(self->vault)) /* the first Secret of all */
        rc = vault_add_key(self->vault, err);
    if (rc == KE_OK)
        rc = vault_seal(self->vault, key, value, &self->sealed, err);
    if (rc == KE_OK)
        *out = ke_buf_str(&self->sealed);
    return rc;
}

void sqlite_rewrite_begin(struct sqlite_registry *self, bool is_new_key)
{
    self->rewrite = (struct sqlite_rewrite){ .is_new_key = is_new_key, .due_ns = ke_now_ns() };
    atomic_store(&self->n_rewritten, 0);
    atomic_store(&self->rekey, SQLITE_REKEY_RUNNING);
}

static void set_failed(struct sqlite_registry *self, const struct ke_err *err)
{
    ke_log(KE_LOG_ERROR, "store.rewrite_failed", KV_ERR(err));
    self->rewrite.due_ns = ke_now_ns() + RETRY_NS;
    (void)pthread_mutex_lock(&self->lock);
    self->rekey_err = *err;
    (void)pthread_mutex_unlock(&self->lock);
}

static void set_working(struct sqlite_registry *self)
{
    (void)pthread_mutex_lock(&self->lock);
    self->rekey_err = (struct ke_err)KE_ERR_INIT;
    (void)pthread_mutex_unlock(&self->lock);
}

static enum ke_code reseal(void *ctx, struct ke_str key, struct ke_str value, struct ke_str *out,
                           struct ke_err *err)
{
    struct sqlite_registry *self = ctx;
    ke_auto_buf plain = KE_BUF_INIT(4 * LIMIT_OBJECT_BYTES);
    if (vault_is_current(self->vault, value))
        return KE_OK;
    if (vault_is_sealed(value)) {
        enum ke_code rc = vault_unseal(self->vault, key, value, &plain, err);
        if (rc != KE_OK)
            return rc;
        value = ke_buf_str(&plain);
    }
    enum ke_code rc = vault_seal(self->vault, key, value, &self->sealed, err);
    if (rc == KE_OK)
        *out = ke_buf_str(&self->sealed);
    return rc;
}

/* *at is where the slice ends; KE_NOT_FOUND: with it the table does. */
static enum ke_code write_slice(struct sqlite_registry *self, int64_t *at, struct ke_err *err)
{
    enum ke_code rc = KE_OK;
    for (int i = 0; i < SLICE_ROWS && rc == KE_OK; i++)
        rc = sqlite_db_rewrite_next(self->db, self->rewrite.table, prefix, at, reseal, self, err);
    return rc;
}

static void end(struct sqlite_registry *self)
{
    self->rewrite.due_ns = 0;
    sqlite_db_set_erasing(self->db, false);
    sqlite_db_empty_log(self->db); /* nothing of before is left behind in it */
    ke_log(KE_LOG_INFO, "store.secrets_rewritten", KV_U("slices", atomic_load(&self->n_rewritten)));
    atomic_store(&self->rekey, SQLITE_REKEY_NONE);
}

static enum ke_code begin_slice(struct sqlite_registry *self, struct ke_err *err)
{
    if (self->rewrite.is_new_key || !vault_has_key(self->vault)) {
        if (vault_add_key(self->vault, err) != KE_OK)
            return err->code;
        self->rewrite.is_new_key = false;
    }
    sqlite_db_set_erasing(self->db, true);
    return sqlite_db_begin(self->db, err);
}

void sqlite_rewrite_some(struct sqlite_registry *self)
{
    struct ke_err err = KE_ERR_INIT;
    if (self->rewrite.due_ns == 0 || ke_now_ns() < self->rewrite.due_ns)
        return;
    int64_t at = self->rewrite.at;
    enum ke_code rc = begin_slice(self, &err);
    if (rc == KE_OK)
        rc = write_slice(self, &at, &err);
    bool is_table_done = rc == KE_NOT_FOUND;
    if ((rc != KE_OK && !is_table_done) || sqlite_db_commit(self->db, &err) != KE_OK) {
        sqlite_db_rollback(self->db);
        set_failed(self, &err);
        return;
    }
    set_working(self);
    self->rewrite.at = at;
    (void)atomic_fetch_add(&self->n_rewritten, 1);
    self->rewrite.due_ns = ke_now_ns();
    if (!is_table_done)
        return;
    if (self->rewrite.table == SQLITE_DB_EVENT) {
        end(self);
        return;
    }
    self->rewrite.table = SQLITE_DB_EVENT;
    self->rewrite.at = 0;
}
