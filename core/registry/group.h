/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_REGISTRY_GROUP_H
#define CORE_REGISTRY_GROUP_H
/*
 * A group of commits on its way: batches are checked against the cache and against what the group
 * holds already, get their revisions, and are published together. For the writer thread of an
 * implementation. The order of use: add, (write to disk), publish, answer; then clear.
 */
#include "core/registry/cache.h"

struct registry_group;

/* A batch as it travels: copied from the caller's ops. */
struct registry_batch {
    struct registry_op *ops; /* keys and the array are ours; objects are NULL once taken over */
    size_t n_ops;
    registry_done_fn *done;
    void *ctx;
    /* after registry_group_add */
    enum ke_code code;
    struct ke_err err;
    size_t failed_op;
    size_t first_change; /* its changes in the group: n_ops of them */
    bool is_durable;     /* must be on disk before it is answered */
};

/* The objects of ops are given, also on failure. NULL: out of memory. */
struct registry_batch *registry_batch_new(const struct registry_op *ops, size_t n_ops,
                                          registry_done_fn *done, void *ctx);
void registry_batch_free(struct registry_batch *batch);
KE_AUTO_DEFINE(registry_batch)
/* Calls done with a failure that is not of one op. */
void registry_batch_fail(const struct registry_batch *batch, const struct ke_err *err);
/* The same for ops that never became a batch; drops their objects. */
void registry_refuse(struct registry_op *ops, size_t n_ops, registry_done_fn *done, void *ctx,
                     const struct ke_err *err);

/* cache borrowed. NULL: err. */
struct registry_group *registry_group_new(struct registry_cache *cache, struct ke_err *err);
void registry_group_free(struct registry_group *group);
KE_AUTO_DEFINE(registry_group)

/*
 * Stages all ops of the batch or none, and fills what comes after registry_group_add in it. Errors:
 * KE_CONFLICT, KE_EXISTS, KE_NOT_FOUND, KE_NOMEM.
 */
enum ke_code registry_group_add(struct registry_group *group, struct registry_batch *batch);
/* Gives the batch's objects back to it: the group can not be written, the batch may be added again.
 * Revisions that were handed out are never used again. Batches in the reverse order of add. */
void registry_group_take_back(struct registry_group *group, struct registry_batch *batch);
/* What is staged, in revision order; borrowed until clear. */
const struct registry_change *registry_group_changes(const struct registry_group *group,
                                                     size_t *out_n);
/* The last revision handed out. */
int64_t registry_group_revision(const struct registry_group *group);
/* How durable a change must be: as the stronger of what was and what is. */
enum model_durability registry_change_durability(const struct registry_change *change);
/* Memory for the publication. Errors: KE_NOMEM. */
enum ke_code registry_group_prepare(struct registry_group *group, struct ke_err *err) KE_MUST_CHECK;
void registry_group_publish(struct registry_group *group); /* prepared before */
/* Calls done with what became of it. */
void registry_group_answer(struct registry_group *group, const struct registry_batch *batch);
void registry_group_clear(struct registry_group *group);

#endif
