/* SPDX-License-Identifier: Apache-2.0 */
/* A registry in memory. Whichever thread commits does the writer's work, one at a time. */
#include "test/support/mem_registry.h"

#include <errno.h>
#include <pthread.h>

#include "core/base/limits.h"
#include "core/base/list.h"
#include "core/base/mem.h"
#include "core/registry/group.h"

struct pending {
    struct ke_list node;
    struct registry_batch *batch;
};

struct mem_registry {
    struct registry base;
    struct registry_group *group; /* of the thread that works */
    pthread_mutex_t lock;         /* guards what follows */
    pthread_cond_t idle;
    struct ke_list queue;
    bool is_working;
    bool is_paused;
    bool is_stopped;
    enum ke_code failure;
    registry_observer_fn *observer;
    void *observer_ctx;
};

static struct mem_registry *mem_of(struct registry *registry)
{
    return KE_CONTAINER_OF(registry, struct mem_registry, base);
}

static enum ke_code failure_err(enum ke_code code, struct ke_err *err)
{
    if (code == KE_OK)
        return KE_OK;
    (void)ke_fail(err, code, "registry: no space left on memory");
    err->sys = code == KE_IO ? ENOSPC : 0;
    return code;
}

/* Lock not held; only one thread at a time. */
static void process(struct mem_registry *mem, struct registry_batch *batch, enum ke_code failure)
{
    struct ke_err err = KE_ERR_INIT;
    if (failure_err(failure, &err) != KE_OK) {
        registry_batch_fail(batch, &err);
        return;
    }
    if (registry_group_add(mem->group, batch) == KE_OK &&
        registry_group_prepare(mem->group, &err) == KE_OK) {
        registry_group_publish(mem->group);
        size_t n = 0;
        const struct registry_change *changes = registry_group_changes(mem->group, &n);
        if (mem->observer != NULL)
            mem->observer(mem->observer_ctx, changes, n);
    }
    if (err.code != KE_OK)
        registry_batch_fail(batch, &err);
    else
        registry_group_answer(mem->group, batch);
    registry_group_clear(mem->group);
}

/* Lock held on entry and return. */
static void work(struct mem_registry *mem)
{
    if (mem->is_working)
        return;
    mem->is_working = true;
    while (!mem->is_paused && !ke_list_is_empty(&mem->queue)) {
        struct pending *pending = KE_CONTAINER_OF(mem->queue.next, struct pending, node);
        enum ke_code failure = mem->failure;
        ke_list_remove(&pending->node);
        (void)pthread_mutex_unlock(&mem->lock);
        process(mem, pending->batch, failure);
        registry_batch_free(pending->batch);
        free(pending);
        (void)pthread_mutex_lock(&mem->lock);
    }
    mem->is_working = false;
    (void)pthread_cond_broadcast(&mem->idle);
}

static void commit(struct registry *registry, struct registry_op *ops, size_t n_ops,
                   registry_done_fn *done, void *ctx)
{
    struct mem_registry *mem = mem_of(registry);
    struct ke_err err = KE_ERR_INIT;
    struct pending *pending = ke_alloc(sizeof(*pending));
    struct registry_batch *batch = registry_batch_new(ops, n_ops, done, ctx);
    (void)pthread_mutex_lock(&mem->lock);
    bool is_stopped = mem->is_stopped;
    if (!is_stopped && pending != NULL && batch != NULL) {
        pending->batch = batch;
        ke_list_append(&mem->queue, &pending->node);
        work(mem);
        (void)pthread_mutex_unlock(&mem->lock);
        return;
    }
    (void)pthread_mutex_unlock(&mem->lock);
    (void)ke_fail(&err, is_stopped ? KE_UNAVAILABLE : KE_NOMEM, "registry: commit refused");
    free(pending);
    if (batch != NULL) {
        registry_batch_fail(batch, &err);
        registry_batch_free(batch);
        return;
    }
    registry_refuse(ops, n_ops, done, ctx, &err);
}

static void set_observer(struct registry *registry, registry_observer_fn *fn, void *ctx)
{
    struct mem_registry *mem = mem_of(registry);
    (void)pthread_mutex_lock(&mem->lock);
    mem->observer = fn;
    mem->observer_ctx = ctx;
    (void)pthread_mutex_unlock(&mem->lock);
}

static enum ke_code health(struct registry *registry, struct ke_err *err)
{
    struct mem_registry *mem = mem_of(registry);
    (void)pthread_mutex_lock(&mem->lock);
    enum ke_code failure = mem->failure;
    (void)pthread_mutex_unlock(&mem->lock);
    return failure_err(failure, err);
}

static uint64_t bytes_written(struct registry *registry)
{
    (void)registry;
    return 0;
}

static void stop(struct registry *registry)
{
    struct mem_registry *mem = mem_of(registry);
    (void)pthread_mutex_lock(&mem->lock);
    mem->is_stopped = true;
    mem->is_paused = false;
    while (mem->is_working)
        (void)pthread_cond_wait(&mem->idle, &mem->lock);
    work(mem);
    (void)pthread_mutex_unlock(&mem->lock);
}

static void mem_free(struct registry *registry)
{
    struct mem_registry *mem = mem_of(registry);
    registry_group_free(mem->group);
    registry_cache_free(mem->base.cache);
    (void)pthread_cond_destroy(&mem->idle);
    (void)pthread_mutex_destroy(&mem->lock);
    free(mem);
}

static const struct registry_vtbl vtbl = {
    .name = "memory",
    .commit = commit,
    .set_observer = set_observer,
    .health = health,
    .bytes_written = bytes_written,
    .stop = stop,
    .free = mem_free,
};

struct registry *mem_registry_new(const struct mem_registry_options *options, struct ke_err *err)
{
    struct registry_cache_options cache = { .history_bytes = LIMIT_HISTORY_BYTES,
                                            .history_ms = LIMIT_HISTORY_MS };
    if (options != NULL) {
        if (options->history_bytes > 0)
            cache.history_bytes = options->history_bytes;
        if (options->history_ms > 0)
            cache.history_ms = options->history_ms;
        cache.clock = options->clock;
    }
    struct mem_registry *mem = ke_alloc(sizeof(*mem));
    if (mem == NULL) {
        (void)ke_fail(err, KE_NOMEM, "memory registry");
        return NULL;
    }
    (void)pthread_mutex_init(&mem->lock, NULL);
    (void)pthread_cond_init(&mem->idle, NULL);
    ke_list_init(&mem->queue);
    mem->base.vtbl = &vtbl;
    mem->base.cache = registry_cache_new(&cache, err);
    if (mem->base.cache != NULL) {
        registry_cache_start(mem->base.cache, 1, 1);
        mem->group = registry_group_new(mem->base.cache, err);
    }
    if (mem->group == NULL) {
        mem_free(&mem->base);
        return NULL;
    }
    return &mem->base;
}

void mem_registry_pause(struct registry *registry)
{
    struct mem_registry *mem = mem_of(registry);
    (void)pthread_mutex_lock(&mem->lock);
    mem->is_paused = true;
    (void)pthread_mutex_unlock(&mem->lock);
}

void mem_registry_resume(struct registry *registry)
{
    struct mem_registry *mem = mem_of(registry);
    (void)pthread_mutex_lock(&mem->lock);
    mem->is_paused = false;
    work(mem);
    (void)pthread_mutex_unlock(&mem->lock);
}

void mem_registry_fail(struct registry *registry, enum ke_code code)
{
    struct mem_registry *mem = mem_of(registry);
    (void)pthread_mutex_lock(&mem->lock);
    mem->failure = code;
    (void)pthread_mutex_unlock(&mem->lock);
}
