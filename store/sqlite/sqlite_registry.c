/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, queueing and closing: everything but the writer's own work. Any thread. */
#include "store/sqlite/sqlite_registry.h"

#include "core/base/mem.h"
#include "store/sqlite/load.h"
#include "store/sqlite/writer.h"

static struct sqlite_registry *self_of(struct registry *registry)
{
    return KE_CONTAINER_OF(registry, struct sqlite_registry, base);
}

static void commit(struct registry *registry, struct registry_op *ops, size_t n_ops,
                   registry_done_fn *done, void *ctx)
{
    struct sqlite_registry *self = self_of(registry);
    struct ke_err err = KE_ERR_INIT;
    struct registry_batch *batch = registry_batch_new(ops, n_ops, done, ctx);
    if (batch == NULL) {
        (void)ke_fail(&err, KE_NOMEM, "registry: commit of %zu changes", n_ops);
        registry_refuse(ops, n_ops, done, ctx, &err);
        return;
    }
    if (ke_queue_push(self->queue, batch))
        return;
    if (atomic_load(&self->is_stopping))
        (void)ke_fail(&err, KE_UNAVAILABLE, "registry: closing");
    else
        (void)ke_fail(&err, KE_LIMIT, "registry: %d commits are waiting already",
                      LIMIT_COMMIT_QUEUE);
    registry_batch_fail(batch, &err);
    registry_batch_free(batch);
}

/* Returns when no call of the old one is under way. */
static void set_observer(struct registry *registry, registry_observer_fn *fn, void *ctx)
{
    struct sqlite_registry *self = self_of(registry);
    (void)pthread_mutex_lock(&self->lock);
    while (self->is_observing)
        (void)pthread_cond_wait(&self->observed, &self->lock);
    self->observer = fn;
    self->observer_ctx = ctx;
    (void)pthread_mutex_unlock(&self->lock);
}

static enum ke_code health(struct registry *registry, struct ke_err *err)
{
    struct sqlite_registry *self = self_of(registry);
    (void)pthread_mutex_lock(&self->lock);
    enum ke_code code = self->health.code;
    if (code != KE_OK)
        *err = self->health;
    (void)pthread_mutex_unlock(&self->lock);
    return code;
}

static uint64_t bytes_written(struct registry *registry)
{
    return atomic_load(&self_of(registry)->bytes_written);
}

void sqlite_registry_get_stats(struct registry *registry, struct sqlite_registry_stats *out)
{
    struct sqlite_registry *self = self_of(registry);
    out->n_groups = atomic_load(&self->n_groups);
    out->n_batches = atomic_load(&self->n_batches);
}

enum ke_code sqlite_registry_rekey(struct registry *registry, struct ke_err *err)
{
    struct sqlite_registry *self = self_of(registry);
    int none = SQLITE_REKEY_NONE;
    if (self->vault == NULL) /* set before the writer runs, and kept */
        return ke_fail(err, KE_INVALID, "Secrets are not encrypted: see --encrypt-secrets");
    if (!atomic_compare_exchange_strong(&self->rekey, &none, SQLITE_REKEY_ASKED))
        return ke_fail(err, KE_CONFLICT, "Secrets are being rewritten already");
    if (ke_queue_push(self->queue, self))
        return KE_OK;
    atomic_store(&self->rekey, SQLITE_REKEY_NONE);
    return ke_fail(err, KE_LIMIT, "registry: too many commits are waiting, or it is closing");
}

enum ke_code sqlite_registry_rekey_state(struct registry *registry, uint64_t *out_n_written,
                                         struct ke_err *err)
{
    struct sqlite_registry *self = self_of(registry);
    int state = atomic_load(&self->rekey);
    *out_n_written = atomic_load(&self->n_rewritten);
    (void)pthread_mutex_lock(&self->lock);
    enum ke_code code = self->rekey_err.code;
    if (code != KE_OK)
        *err = self->rekey_err;
    (void)pthread_mutex_unlock(&self->lock);
    if (code != KE_OK)
        return code;
    return state == SQLITE_REKEY_NONE ? KE_OK : KE_AGAIN;
}

static void stop(struct registry *registry)
{
    struct sqlite_registry *self = self_of(registry);
    if (!self->thread.is_started)
        return;
    atomic_store(&self->is_stopping, true);
    ke_queue_close(self->queue);
    ke_thread_join(&self->thread);
    sqlite_db_free(KE_TAKE(self->db));
}

static void sqlite_free(struct registry *registry)
{
    struct sqlite_registry *self = self_of(registry);
    registry_group_free(self->group);
    registry_cache_free(self->base.cache);
    ke_map_free(self->behind);
    ke_queue_free(self->queue);
    sqlite_db_free(self->db);
    vault_free(self->vault);
    ke_buf_free(&self->sealed);
    (void)pthread_cond_destroy(&self->observed);
    (void)pthread_mutex_destroy(&self->lock);
    free(self);
}

static const struct registry_vtbl vtbl = {
    .name = "sqlite",
    .commit = commit,
    .set_observer = set_observer,
    .health = health,
    .bytes_written = bytes_written,
    .stop = stop,
    .free = sqlite_free,
};

/* ---- opening --------------------------------------------------------------------------------- */

static struct sqlite_registry_options with_defaults(const struct sqlite_registry_options *options)
{
    struct sqlite_registry_options all = { 0 };
    if (options != NULL)
        all = *options;
    if (all.max_bytes == 0)
        all.max_bytes = LIMIT_REGISTRY_BYTES;
    if (all.history_bytes == 0)
        all.history_bytes = LIMIT_HISTORY_BYTES;
    if (all.history_ms == 0)
        all.history_ms = LIMIT_HISTORY_MS;
    return all;
}

static enum ke_code read_file(struct sqlite_registry *self, size_t history_bytes,
                              const struct vault *vault, uint64_t *out_n_stale, struct ke_err *err)
{
    int64_t reserved = 0;
    struct sqlite_loaded loaded = { 0 };
    if (sqlite_db_get_meta(self->db, SQLITE_DB_RESERVED, &reserved, err) != KE_OK ||
        sqlite_load(self->db, self->base.cache, vault, history_bytes, &loaded, err) != KE_OK)
        return err->code;
    int64_t floor = loaded.floor;
    *out_n_stale = loaded.n_stale;
    /* One more is skipped, so that a revision of before the start is always below the start's. */
    int64_t start = reserved + 1;
    self->trimmed = floor < start ? floor : start;
    registry_cache_start(self->base.cache, floor < start ? floor : start, start);
    return KE_OK;
}

/* The keys are read before the file that needs them; the first is made for the first Secret. */
static enum ke_code read_all(struct sqlite_registry *self,
                             const struct sqlite_registry_options *options, struct ke_err *err)
{
    KE_AUTO(vault) *vault = NULL;
    uint64_t n_stale = 0;
    if (options->vault_path != NULL && vault_open(options->vault_path, &vault, err) != KE_OK)
        return err->code;
    enum ke_code rc = read_file(self, options->history_bytes, vault, &n_stale, err);
    if (rc != KE_OK || vault == NULL || options->is_vault_for_reading)
        return rc;
    self->vault = KE_TAKE(vault);
    if (n_stale > 0)
        sqlite_rewrite_begin(self, false);
    return KE_OK;
}

static enum ke_code set_up(struct sqlite_registry *self, const char *path,
                           const struct sqlite_registry_options *options, struct ke_err *err)
{
    struct registry_cache_options cache = { .history_bytes = options->history_bytes,
                                            .history_ms = options->history_ms,
                                            .clock = options->clock };
    self->base.cache = registry_cache_new(&cache, err);
    if (self->base.cache == NULL)
        return err->code;
    self->behind = ke_map_new();
    if (self->behind == NULL)
        return ke_fail(err, KE_NOMEM, "registry");
    if (sqlite_db_open(path, options->max_bytes, &self->db, err) != KE_OK ||
        read_all(self, options, err) != KE_OK)
        return err->code;
    self->group = registry_group_new(self->base.cache, err);
    if (self->group == NULL)
        return err->code;
    self->queue = ke_queue_new(LIMIT_COMMIT_QUEUE, err);
    if (self->queue == NULL)
        return err->code;
    sqlite_db_accept(self->db);
    if (sqlite_writer_reserve(self, err) != KE_OK)
        return err->code;
    atomic_store(&self->bytes_written, sqlite_db_bytes_written(self->db));
    return ke_thread_start(&self->thread, "writer", sqlite_writer_run, self, err);
}

enum ke_code sqlite_registry_open(const char *path, const struct sqlite_registry_options *options,
                                  struct registry **out, struct ke_err *err)
{
    struct sqlite_registry *self = ke_alloc(sizeof(*self));
    if (self == NULL)
        return ke_fail(err, KE_NOMEM, "registry");
    self->base.vtbl = &vtbl;
    self->sealed = (struct ke_buf)KE_BUF_INIT(4 * LIMIT_OBJECT_BYTES);
    self->rekey_err = (struct ke_err)KE_ERR_INIT;
    (void)pthread_mutex_init(&self->lock, NULL);
    (void)pthread_cond_init(&self->observed, NULL);
    struct sqlite_registry_options all = with_defaults(options);
    if (set_up(self, path, &all, err) != KE_OK) {
        sqlite_free(&self->base);
        return err->code;
    }
    *out = &self->base;
    return KE_OK;
}
