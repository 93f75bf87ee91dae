/* SPDX-License-Identifier: Apache-2.0 */
/* Checks batches, gives them revisions and publishes them together. Writer thread only. */
#include "core/registry/group.h"

#include <inttypes.h>

#include "core/base/mem.h"

#define N_BUCKETS 1024
#define NO_CHANGE UINT32_MAX

struct registry_group {
    struct registry_cache *cache;
    int64_t revision;
    struct registry_change *changes;  /* holding references */
    struct registry_object **objects; /* the same, as results show them */
    uint32_t *below;                  /* the older change in the same bucket */
    size_t n;
    size_t changes_cap;
    size_t objects_cap;
    size_t below_cap;
    uint32_t buckets[N_BUCKETS]; /* by hash of the key: the newest change */
};

/* ---- batches --------------------------------------------------------------------------------- */

static void drop_objects(struct registry_op *ops, size_t n_ops)
{
    for (size_t i = 0; i < n_ops; i++)
        registry_object_unref(KE_TAKE(ops[i].object));
}

struct registry_batch *registry_batch_new(const struct registry_op *ops, size_t n_ops,
                                          registry_done_fn *done, void *ctx)
{
    size_t bytes = sizeof(struct registry_batch) + n_ops * sizeof(*ops);
    for (size_t i = 0; i < n_ops; i++)
        bytes += ops[i].key.len;
    struct registry_batch *batch = ke_alloc(bytes);
    if (batch == NULL)
        return NULL;
    batch->ops = (struct registry_op *)(void *)(batch + 1);
    batch->n_ops = n_ops;
    batch->done = done;
    batch->ctx = ctx;
    char *text = (char *)(batch->ops + n_ops);
    for (size_t i = 0; i < n_ops; i++) {
        batch->ops[i] = ops[i];
        memcpy(text, ops[i].key.ptr, ops[i].key.len);
        batch->ops[i].key.ptr = text;
        text += ops[i].key.len;
    }
    return batch;
}

void registry_batch_free(struct registry_batch *batch)
{
    if (batch == NULL)
        return;
    drop_objects(batch->ops, batch->n_ops);
    free(batch);
}

static void call_failed(registry_done_fn *done, void *ctx, const struct ke_err *err,
                        size_t failed_op)
{
    struct registry_result result = { .code = err->code, .err = *err, .failed_op = failed_op };
    done(ctx, &result);
}

void registry_batch_fail(const struct registry_batch *batch, const struct ke_err *err)
{
    call_failed(batch->done, batch->ctx, err, 0);
}

void registry_refuse(struct registry_op *ops, size_t n_ops, registry_done_fn *done, void *ctx,
                     const struct ke_err *err)
{
    drop_objects(ops, n_ops);
    call_failed(done, ctx, err, 0);
}

/* ---- the group ------------------------------------------------------------------------------- */

struct registry_group *registry_group_new(struct registry_cache *cache, struct ke_err *err)
{
    struct registry_group *group = ke_alloc(sizeof(*group));
    if (group == NULL) {
        (void)ke_fail(err, KE_NOMEM, "commit group");
        return NULL;
    }
    group->cache = cache;
    group->revision = atomic_load(&cache->revision);
    registry_group_clear(group);
    return group;
}

void registry_group_free(struct registry_group *group)
{
    if (group == NULL)
        return;
    registry_group_clear(group);
    free(group->changes);
    free(group->objects);
    free(group->below);
    free(group);
}

void registry_group_clear(struct registry_group *group)
{
    for (size_t i = 0; i < group->n; i++)
        registry_change_clear(&group->changes[i]);
    group->n = 0;
    memset(group->buckets, 0xff, sizeof(group->buckets));
}

static uint32_t *bucket_of(struct registry_group *group, struct ke_str key)
{
    return &group->buckets[ke_str_hash(key) % N_BUCKETS];
}

/* What key holds after all that is staged; borrowed, NULL: nothing. */
static struct registry_object *find_current(struct registry_group *group, struct ke_str key)
{
    for (uint32_t i = *bucket_of(group, key); i != NO_CHANGE; i = group->below[i]) {
        const struct registry_change *change = &group->changes[i];
        if (ke_str_eq(change->object->key, key))
            return change->type == REGISTRY_PUT ? change->object : NULL;
    }
    return registry_cache_find(group->cache, key);
}

static enum ke_code check_expected(const struct registry_op *op,
                                   const struct registry_object *current, struct ke_err *err)
{
    if (current == NULL && (op->expected > 0 || op->object == NULL))
        return ke_fail(err, KE_NOT_FOUND, "%.*s not found", KE_STR_ARG(op->key));
    if (current != NULL && op->expected == REGISTRY_ABSENT)
        return ke_fail(err, KE_EXISTS, "%.*s exists", KE_STR_ARG(op->key));
    if (current != NULL && op->expected > 0 && op->expected != current->revision)
        return ke_fail(err, KE_CONFLICT, "%.*s is at %" PRId64 ", not at %" PRId64,
                       KE_STR_ARG(op->key), current->revision, op->expected);
    if (op->object != NULL && !ke_str_eq(op->object->key, op->key))
        return ke_fail(err, KE_BUG, "the object of %.*s belongs at %.*s", KE_STR_ARG(op->key),
                       KE_STR_ARG(op->object->key));
    return KE_OK;
}

static bool reserve(struct registry_group *group, size_t n)
{
    void *changes = group->changes;
    void *objects = group->objects;
    void *below = group->below;
    bool is_done =
        ke_grow(&changes, &group->changes_cap, group->n + n, sizeof(*group->changes)) &&
        ke_grow(&objects, &group->objects_cap, group->n + n, sizeof(struct registry_object *)) &&
        ke_grow(&below, &group->below_cap, group->n + n, sizeof(*group->below));
    group->changes = changes;
    group->objects = objects;
    group->below = below;
    return is_done;
}

static enum ke_code stage(struct registry_group *group, struct registry_op *op, struct ke_err *err)
{
    struct registry_object *current = find_current(group, op->key);
    if (check_expected(op, current, err) != KE_OK)
        return err->code;
    struct registry_change change = { .type = op->object != NULL ? REGISTRY_PUT : REGISTRY_DELETE,
                                      .revision = group->revision + 1 };
    if (op->object != NULL) {
        change.object = KE_TAKE(op->object);
        registry_object_set_revision(change.object, change.revision);
    } else {
        change.object = registry_object_at_revision(current, change.revision);
        if (change.object == NULL)
            return ke_fail(err, KE_NOMEM, "delete %.*s", KE_STR_ARG(op->key));
    }
    change.previous = current != NULL ? registry_object_ref(current) : NULL;
    uint32_t *bucket = bucket_of(group, op->key);
    group->below[group->n] = *bucket;
    *bucket = (uint32_t)group->n;
    group->objects[group->n] = change.object;
    group->changes[group->n++] = change;
    group->revision = change.revision;
    return KE_OK;
}

/* Takes the newest change out again; its object goes back to the op. */
static void unstage(struct registry_group *group, struct registry_op *op)
{
    struct registry_change *change = &group->changes[--group->n];
    *bucket_of(group, change->object->key) = group->below[group->n];
    if (change->type == REGISTRY_PUT)
        op->object = KE_TAKE(change->object);
    registry_change_clear(change);
}

enum ke_code registry_group_add(struct registry_group *group, struct registry_batch *batch)
{
    int64_t first_revision = group->revision;
    batch->first_change = group->n;
    batch->is_durable = false;
    batch->failed_op = 0;
    batch->code = KE_OK;
    if (!reserve(group, batch->n_ops))
        batch->code = ke_fail(&batch->err, KE_NOMEM, "commit of %zu changes", batch->n_ops);
    for (size_t i = 0; i < batch->n_ops && batch->code == KE_OK; i++) {
        batch->code = stage(group, &batch->ops[i], &batch->err);
        if (batch->code == KE_OK &&
            registry_change_durability(&group->changes[group->n - 1]) == MODEL_DURABLE)
            batch->is_durable = true;
        batch->failed_op = i;
    }
    if (batch->code != KE_OK) {
        while (group->n > batch->first_change)
            unstage(group, &batch->ops[group->n - 1 - batch->first_change]);
        group->revision = first_revision; /* nobody has seen them */
    }
    return batch->code;
}

void registry_group_take_back(struct registry_group *group, struct registry_batch *batch)
{
    if (batch->code != KE_OK)
        return;
    KE_ASSERT(group->n == batch->first_change + batch->n_ops);
    while (group->n > batch->first_change)
        unstage(group, &batch->ops[group->n - 1 - batch->first_change]);
}

const struct registry_change *registry_group_changes(const struct registry_group *group,
                                                     size_t *out_n)
{
    *out_n = group->n;
    return group->changes;
}

int64_t registry_group_revision(const struct registry_group *group)
{
    return group->revision;
}

enum model_durability registry_change_durability(const struct registry_change *change)
{
    enum model_durability is = change->object->durability;
    enum model_durability was = change->previous != NULL ? change->previous->durability : is;
    return was < is ? was : is;
}

enum ke_code registry_group_prepare(struct registry_group *group, struct ke_err *err)
{
    return registry_cache_prepare(group->cache, group->n, err);
}

void registry_group_publish(struct registry_group *group)
{
    registry_cache_publish(group->cache, group->changes, group->n);
}

void registry_group_answer(struct registry_group *group, const struct registry_batch *batch)
{
    if (batch->code != KE_OK) {
        call_failed(batch->done, batch->ctx, &batch->err, batch->failed_op);
        return;
    }
    size_t last = batch->first_change + batch->n_ops - 1;
    struct registry_result result = { .code = KE_OK,
                                      .revision = group->changes[last].revision,
                                      .objects = &group->objects[batch->first_change],
                                      .n_objects = batch->n_ops };
    batch->done(batch->ctx, &result);
}
