/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that go through the table, and the commit that waits. Any thread. */
#include "core/registry/registry.h"

#include <pthread.h>

#include "core/registry/group.h"

void registry_commit(struct registry *registry, struct registry_op *ops, size_t n_ops,
                     registry_done_fn *done, void *ctx)
{
    KE_ASSERT(n_ops > 0);
    registry->vtbl->commit(registry, ops, n_ops, done, ctx);
}

void registry_set_observer(struct registry *registry, registry_observer_fn *fn, void *ctx)
{
    registry->vtbl->set_observer(registry, fn, ctx);
}

enum ke_code registry_health(struct registry *registry, struct ke_err *err)
{
    return registry->vtbl->health(registry, err);
}

uint64_t registry_bytes_written(struct registry *registry)
{
    return registry->vtbl->bytes_written(registry);
}

void registry_stop(struct registry *registry)
{
    registry->vtbl->stop(registry);
}

void registry_free(struct registry *registry)
{
    if (registry == NULL)
        return;
    registry->vtbl->stop(registry);
    registry->vtbl->free(registry);
}

void registry_change_clear(struct registry_change *change)
{
    registry_object_unref(change->object);
    registry_object_unref(change->previous);
    change->object = NULL;
    change->previous = NULL;
}

/* ---- waiting --------------------------------------------------------------------------------- */

struct waiter {
    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    bool is_done;
    enum ke_code code;
    struct ke_err err;
    int64_t revision;
};

static void waiter_done(void *ctx, const struct registry_result *result)
{
    struct waiter *waiter = ctx;
    (void)pthread_mutex_lock(&waiter->lock);
    waiter->code = result->code;
    waiter->err = result->err;
    waiter->revision = result->revision;
    waiter->is_done = true;
    (void)pthread_cond_signal(&waiter->changed);
    (void)pthread_mutex_unlock(&waiter->lock);
}

enum ke_code registry_commit_wait(struct registry *registry, struct registry_op *ops, size_t n_ops,
                                  int64_t *out_revision, struct ke_err *err)
{
    struct waiter waiter = { .lock = PTHREAD_MUTEX_INITIALIZER,
                             .changed = PTHREAD_COND_INITIALIZER };
    registry_commit(registry, ops, n_ops, waiter_done, &waiter);
    (void)pthread_mutex_lock(&waiter.lock);
    while (!waiter.is_done)
        (void)pthread_cond_wait(&waiter.changed, &waiter.lock);
    (void)pthread_mutex_unlock(&waiter.lock);
    (void)pthread_cond_destroy(&waiter.changed);
    (void)pthread_mutex_destroy(&waiter.lock);
    if (waiter.code != KE_OK) {
        *err = waiter.err;
        return waiter.code;
    }
    if (out_revision != NULL)
        *out_revision = waiter.revision;
    return KE_OK;
}
