/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer thread. The order that everything hangs on: check, write and sync, publish, tell the
 * observer, answer. A group that cannot be written is answered as failed and its revisions are
 * never used again, as the disk may hold them after all; what need not be on disk goes on.
 */
#include "store/sqlite/writer.h"

#include <errno.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#define BEHIND_NS    KE_S          /* lazy kinds are on disk within about this */
#define BEHIND_MAX   1000          /* rows a transaction */
#define PROBE_NS     (250 * KE_MS) /* before a disk that failed is tried again; doubles */
#define PROBE_MAX_NS (8 * KE_S)
#define TRIM_AFTER   256 /* revisions, before trimming is worth a page */
#define DROP_SLICE   5000
#define TRIM_SLICE   1000 /* rows a transaction: no long pause */
#define NS_A_MS      1000000

/* ---- health ---------------------------------------------------------------------------------- */

static void set_failed(struct sqlite_registry *self, const struct ke_err *err)
{
    bool is_new = self->probe_due_ns == 0;
    if (is_new)
        self->probe_delay_ns = PROBE_NS;
    else if (self->probe_delay_ns < PROBE_MAX_NS)
        self->probe_delay_ns *= 2;
    self->probe_due_ns = ke_now_ns() + self->probe_delay_ns;
    (void)pthread_mutex_lock(&self->lock);
    self->health = *err;
    (void)pthread_mutex_unlock(&self->lock);
    if (is_new)
        ke_log(KE_LOG_ERROR, "store.write_failed", KV_ERR(err));
}

static void set_working(struct sqlite_registry *self)
{
    if (self->probe_due_ns == 0)
        return;
    self->probe_due_ns = 0;
    (void)pthread_mutex_lock(&self->lock);
    self->health = (struct ke_err)KE_ERR_INIT;
    (void)pthread_mutex_unlock(&self->lock);
    ke_log(KE_LOG_INFO, "store.write_works_again", KV_I("rv", self->reserved));
}

/* ---- one transaction ------------------------------------------------------------------------- */

static enum ke_code write_row(struct sqlite_registry *self, const struct registry_object *object,
                              struct ke_err *err)
{
    struct ke_str value = { NULL, 0 };
    enum ke_code rc = sqlite_seal(self, object->key, object->json, &value, err);
    return rc == KE_OK ? sqlite_db_put(self->db, object->key, object->revision, value, err) : rc;
}

static enum ke_code write_event(struct sqlite_registry *self, const struct registry_change *change,
                                struct ke_err *err)
{
    const struct registry_object *previous = change->previous;
    struct sqlite_db_row event = { .key = change->object->key,
                                   .revision = change->revision,
                                   .is_delete = change->type == REGISTRY_DELETE };
    if (previous != NULL) {
        event.previous_revision = previous->revision;
        if (sqlite_seal(self, previous->key, previous->json, &event.previous, err) != KE_OK)
            return err->code;
    }
    return sqlite_db_add_event(self->db, &event, err);
}

static enum ke_code write_change(struct sqlite_registry *self, const struct registry_change *change,
                                 bool has_history, struct ke_err *err)
{
    const struct registry_object *object = change->object;
    const struct registry_object *previous = change->previous;
    bool is_kept = change->type == REGISTRY_PUT && object->durability != MODEL_MEMORY;
    bool was_kept = previous != NULL && previous->durability != MODEL_MEMORY;
    if (is_kept && write_row(self, object, err) != KE_OK)
        return err->code;
    if (!is_kept && was_kept && sqlite_db_del(self->db, object->key, err) != KE_OK)
        return err->code;
    if (!has_history || !registry_kind_has_history(object->kind))
        return KE_OK;
    return write_event(self, change, err);
}

static enum ke_code trim(struct sqlite_registry *self, size_t n_changes, int64_t *out_trimmed,
                         struct ke_err *err)
{
    int64_t floor = self->base.cache->history.floor; /* this thread is the one that moves it */
    *out_trimmed = self->trimmed;
    if (floor - self->trimmed < TRIM_AFTER)
        return KE_OK;
    int64_t max = TRIM_SLICE + 2 * (int64_t)n_changes;
    int64_t n = 0;
    if (sqlite_db_trim(self->db, floor, max, &n, err) != KE_OK)
        return err->code;
    if (n < max)
        *out_trimmed = floor;
    return KE_OK;
}

/* Revisions are reserved long before they run out, with a transaction that is written anyway. */
static enum ke_code reserve(struct sqlite_registry *self, int64_t last, int64_t *out_reserved,
                            struct ke_err *err)
{
    *out_reserved = self->reserved;
    if (last + LIMIT_REVISION_BLOCK / 2 <= self->reserved)
        return KE_OK;
    *out_reserved = last + LIMIT_REVISION_BLOCK;
    return sqlite_db_set_meta(self->db, SQLITE_DB_RESERVED, *out_reserved, err);
}

static enum ke_code write_batches(struct sqlite_registry *self, size_t n, bool has_history,
                                  struct ke_err *err)
{
    size_t n_changes = 0;
    const struct registry_change *changes = registry_group_changes(self->group, &n_changes);
    for (size_t i = 0; i < n; i++) {
        const struct registry_batch *batch = self->batches[i];
        if (batch->code != KE_OK || !batch->is_durable)
            continue;
        for (size_t c = 0; c < batch->n_ops; c++) {
            if (write_change(self, &changes[batch->first_change + c], has_history, err) != KE_OK)
                return err->code;
        }
    }
    return KE_OK;
}

/* The group's transaction: KE_OK: on disk. */
static enum ke_code write_once(struct sqlite_registry *self, size_t n, bool has_history,
                               struct ke_err *err)
{
    int64_t reserved = 0;
    int64_t trimmed = 0;
    size_t n_changes = 0;
    (void)registry_group_changes(self->group, &n_changes);
    if (sqlite_db_begin(self->db, err) != KE_OK)
        return err->code;
    if (write_batches(self, n, has_history, err) != KE_OK ||
        reserve(self, registry_group_revision(self->group), &reserved, err) != KE_OK ||
        trim(self, n_changes, &trimmed, err) != KE_OK || sqlite_db_commit(self->db, err) != KE_OK) {
        sqlite_db_rollback(self->db);
        return err->code;
    }
    self->reserved = reserved;
    self->trimmed = trimmed;
    return KE_OK;
}

/*
 * Gives up the history on disk, which only spares clients a list after a restart, for the sake of
 * the deletes that would free the disk. Nothing of it may stay, or it would have a hole.
 */
static bool drop_history(struct sqlite_registry *self)
{
    struct ke_err err = KE_ERR_INIT;
    sqlite_db_checkpoint(self->db, true); /* so that the log's space is used again */
    for (int64_t n = DROP_SLICE; n == DROP_SLICE;) {
        if (sqlite_db_begin(self->db, &err) != KE_OK ||
            sqlite_db_trim(self->db, INT64_MAX, DROP_SLICE, &n, &err) != KE_OK ||
            sqlite_db_commit(self->db, &err) != KE_OK) {
            sqlite_db_rollback(self->db);
            return false;
        }
    }
    self->trimmed = registry_group_revision(self->group);
    sqlite_db_checkpoint(self->db, true);
    return true;
}

static enum ke_code write_group(struct sqlite_registry *self, size_t n, struct ke_err *err)
{
    enum ke_code rc = write_once(self, n, true, err);
    if (rc != KE_IO || err->sys != ENOSPC || !drop_history(self))
        return rc;
    return write_once(self, n, false, err);
}

/* ---- writing behind -------------------------------------------------------------------------- */

/* A batch of lazy kinds is remembered by its keys; without memory for that it is written at once.
 */
static void remember(struct sqlite_registry *self, struct registry_batch *batch)
{
    size_t n = 0;
    const struct registry_change *changes = registry_group_changes(self->group, &n);
    for (size_t i = 0; i < batch->n_ops; i++) {
        const struct registry_change *change = &changes[batch->first_change + i];
        if (registry_change_durability(change) != MODEL_LAZY)
            continue;
        if (!ke_map_set(self->behind, change->object->key, self, NULL)) {
            batch->is_durable = true;
            return;
        }
        if (self->behind_due_ns == 0)
            self->behind_due_ns = ke_now_ns() + BEHIND_NS;
    }
}

static enum ke_code write_some_behind(struct sqlite_registry *self, size_t *out_n,
                                      struct ke_err *err)
{
    size_t pos = 0;
    size_t n = 0;
    struct ke_str key;
    void *value = NULL;
    while (n < BEHIND_MAX && ke_map_next(self->behind, &pos, &key, &value)) {
        const struct registry_object *object = registry_cache_find(self->base.cache, key);
        enum ke_code rc = object != NULL && object->durability != MODEL_MEMORY
                              ? write_row(self, object, err)
                              : sqlite_db_del(self->db, key, err);
        if (rc != KE_OK)
            return rc;
        n++;
    }
    *out_n = n;
    return KE_OK;
}

static void forget(struct ke_map *behind, size_t n)
{
    size_t pos = 0;
    struct ke_str key;
    void *value = NULL;
    for (size_t i = 0; i < n && ke_map_next(behind, &pos, &key, &value); i++)
        (void)ke_map_del(behind, key);
}

/* Writes what is behind, a slice at a time; what fails stays. */
static void catch_up(struct sqlite_registry *self)
{
    struct ke_err err = KE_ERR_INIT;
    size_t n = 0;
    enum ke_code rc = sqlite_db_begin(self->db, &err);
    if (rc == KE_OK)
        rc = write_some_behind(self, &n, &err);
    if (rc == KE_OK)
        rc = sqlite_db_commit(self->db, &err);
    if (rc != KE_OK) {
        sqlite_db_rollback(self->db);
        set_failed(self, &err);
        self->behind_due_ns = self->probe_due_ns;
        return;
    }
    set_working(self);
    forget(self->behind, n);
    self->behind_due_ns = ke_map_count(self->behind) > 0 ? ke_now_ns() : 0;
}

/* A write that changes nothing tells whether the disk takes writes again. */
static void probe(struct sqlite_registry *self)
{
    struct ke_err err = KE_ERR_INIT;
    if (sqlite_db_begin(self->db, &err) == KE_OK &&
        sqlite_db_set_meta(self->db, SQLITE_DB_RESERVED, self->reserved, &err) == KE_OK &&
        sqlite_db_commit(self->db, &err) == KE_OK) {
        set_working(self);
        return;
    }
    sqlite_db_rollback(self->db);
    set_failed(self, &err);
}

/* ---- groups ---------------------------------------------------------------------------------- */

static bool needs_disk(const struct sqlite_registry *self, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (self->batches[i]->code == KE_OK && self->batches[i]->is_durable)
            return true;
    }
    return registry_group_revision(self->group) > self->reserved;
}

static void add(struct sqlite_registry *self, struct registry_batch *batch)
{
    if (registry_group_add(self->group, batch) == KE_OK && !batch->is_durable)
        remember(self, batch);
}

static void fail_batch(struct registry_batch *batch, const struct ke_err *err)
{
    batch->code = err->code;
    batch->err = *err;
    batch->failed_op = 0;
}

/* The disk failed: durable commits fail, the others are checked anew, now that those are not there.
 */
static void go_on_without_disk(struct sqlite_registry *self, size_t n, const struct ke_err *err)
{
    for (size_t i = n; i-- > 0;)
        registry_group_take_back(self->group, self->batches[i]);
    for (size_t i = 0; i < n; i++) {
        struct registry_batch *batch = self->batches[i];
        if (batch->code == KE_OK && batch->is_durable)
            fail_batch(batch, err);
    }
    registry_group_clear(self->group);
    for (size_t i = 0; i < n; i++) {
        struct registry_batch *batch = self->batches[i];
        if (batch->code == err->code && batch->is_durable)
            continue;
        add(self, batch);
        if (batch->code == KE_OK && (batch->is_durable || needs_disk(self, 0))) {
            registry_group_take_back(self->group, batch);
            fail_batch(batch, err);
        }
    }
}

static void tell_observer(struct sqlite_registry *self)
{
    size_t n = 0;
    const struct registry_change *changes = registry_group_changes(self->group, &n);
    (void)pthread_mutex_lock(&self->lock);
    registry_observer_fn *observer = self->observer;
    void *ctx = self->observer_ctx;
    self->is_observing = true;
    (void)pthread_mutex_unlock(&self->lock);
    if (observer != NULL && n > 0)
        observer(ctx, changes, n);
    (void)pthread_mutex_lock(&self->lock);
    self->is_observing = false;
    (void)pthread_cond_broadcast(&self->observed);
    (void)pthread_mutex_unlock(&self->lock);
}

static void fail_all(struct sqlite_registry *self, size_t n, const struct ke_err *err)
{
    for (size_t i = n; i-- > 0;) {
        registry_group_take_back(self->group, self->batches[i]);
        if (self->batches[i]->code == KE_OK)
            fail_batch(self->batches[i], err);
    }
}

/* Writes what must be on disk, then shows it. */
static void publish(struct sqlite_registry *self, size_t n)
{
    struct ke_err err = KE_ERR_INIT;
    if (registry_group_prepare(self->group, &err) != KE_OK) {
        fail_all(self, n, &err);
        return;
    }
    if (needs_disk(self, n)) {
        if (write_group(self, n, &err) != KE_OK) {
            set_failed(self, &err);
            go_on_without_disk(self, n, &err);
        } else {
            set_working(self);
            atomic_fetch_add(&self->n_groups, 1);
            atomic_fetch_add(&self->n_batches, n);
        }
    }
    registry_group_publish(self->group);
    tell_observer(self);
}

static void process(struct sqlite_registry *self, size_t n)
{
    for (size_t i = 0; i < n; i++)
        add(self, self->batches[i]);
    publish(self, n);
    for (size_t i = 0; i < n; i++)
        registry_group_answer(self->group, self->batches[i]);
    registry_group_clear(self->group);
    for (size_t i = 0; i < n; i++)
        registry_batch_free(KE_TAKE(self->batches[i]));
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* Milliseconds until something falls due; -1: nothing will: an idle node sleeps. */
static int next_due_ms(const struct sqlite_registry *self)
{
    int64_t due_ns = self->behind_due_ns;
    if (self->probe_due_ns != 0 && (due_ns == 0 || self->probe_due_ns < due_ns))
        due_ns = self->probe_due_ns;
    if (self->rewrite.due_ns != 0 && (due_ns == 0 || self->rewrite.due_ns < due_ns))
        due_ns = self->rewrite.due_ns;
    if (due_ns == 0)
        return -1;
    int64_t left_ns = due_ns - ke_now_ns();
    return left_ns <= 0 ? 0 : (int)((left_ns + NS_A_MS - 1) / NS_A_MS);
}

static void do_due(struct sqlite_registry *self)
{
    int64_t now_ns = ke_now_ns();
    if (self->behind_due_ns != 0 && now_ns >= self->behind_due_ns)
        catch_up(self);
    if (self->probe_due_ns != 0 && now_ns >= self->probe_due_ns)
        probe(self);
    sqlite_rewrite_some(self);
    sqlite_db_checkpoint(self->db, false);
    atomic_store(&self->bytes_written, sqlite_db_bytes_written(self->db));
}

static void close_clean(struct sqlite_registry *self)
{
    struct ke_err err = KE_ERR_INIT;
    while (self->behind_due_ns != 0 && err.code == KE_OK) {
        catch_up(self);
        if (self->probe_due_ns != 0)
            err.code = KE_IO; /* was logged */
    }
    if (sqlite_db_begin(self->db, &err) == KE_OK &&
        sqlite_db_set_meta(self->db, SQLITE_DB_RESERVED, registry_group_revision(self->group),
                           &err) == KE_OK &&
        sqlite_db_set_meta(self->db, SQLITE_DB_IS_CLEAN, 1, &err) == KE_OK &&
        sqlite_db_commit(self->db, &err) == KE_OK)
        return;
    sqlite_db_rollback(self->db);
    ke_log(KE_LOG_WARN, "store.close_failed", KV_ERR(&err));
}

/* 0: nothing was queued in time. The registry itself in the queue asks for a new key. */
static size_t wait(struct sqlite_registry *self, int timeout_ms)
{
    void *items[LIMIT_COMMIT_GROUP];
    size_t n_items = 1;
    size_t n = 0;
    while (n == 0 && n_items > 0) {
        n_items = ke_queue_wait(self->queue, items, LIMIT_COMMIT_GROUP, timeout_ms);
        for (size_t i = 0; i < n_items; i++) {
            if (items[i] == self)
                sqlite_rewrite_begin(self, true);
            else
                self->batches[n++] = items[i];
        }
        timeout_ms = n_items > 0 ? 0 : timeout_ms; /* it was only asked: do it */
    }
    return n;
}

void sqlite_writer_run(void *ctx)
{
    struct sqlite_registry *self = ctx;
    for (;;) {
        size_t n = wait(self, next_due_ms(self));
        /* The queue is closed at once now: what got in until then is still answered. */
        if (n == 0 && atomic_load(&self->is_stopping)) {
            n = wait(self, -1);
            if (n == 0)
                break; /* what is left to be rewritten is seen at the next start */
        }
        if (n > 0)
            process(self, n);
        do_due(self);
    }
    close_clean(self);
    atomic_store(&self->bytes_written, sqlite_db_bytes_written(self->db));
}

enum ke_code sqlite_writer_reserve(struct sqlite_registry *self, struct ke_err *err)
{
    int64_t reserved = registry_group_revision(self->group) + LIMIT_REVISION_BLOCK;
    if (sqlite_db_begin(self->db, err) != KE_OK ||
        sqlite_db_set_meta(self->db, SQLITE_DB_RESERVED, reserved, err) != KE_OK ||
        sqlite_db_set_meta(self->db, SQLITE_DB_IS_CLEAN, 0, err) != KE_OK ||
        sqlite_db_commit(self->db, err) != KE_OK) {
        sqlite_db_rollback(self->db);
        return err->code;
    }
    self->reserved = reserved;
    return KE_OK;
}
