/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deletecollection: every object that the selectors match goes the way of a single delete, in a few
 * lanes side by side so that commits group and the queue is not flooded. Threads: a lane runs on
 * one thread at a time, the caller's or the writer's.
 */
#include <stdatomic.h>

#include "core/resource/operation.h"

#define LANES 16

struct lane {
    struct collection *collection;
    atomic_int step; /* who comes second of "submitted" and "answered" goes on */
};
enum { LANE_IDLE, LANE_SUBMITTED, LANE_ANSWERED };

struct collection {
    struct operation *op;
    struct resource_list list; /* what matched; replaced one by one by what became of it */
    atomic_size_t next;
    atomic_size_t n_running;
    atomic_int failed; /* enum ke_code of the first failure */
    struct ke_err err; /* of it */
    struct lane lanes[LANES];
};

static void collection_free(struct collection *collection)
{
    if (collection == NULL)
        return;
    resource_list_free(&collection->list);
    free(collection);
}

static void finish(struct collection *collection)
{
    struct operation *op = collection->op;
    int failed = atomic_load(&collection->failed);
    struct resource_reply reply = { .code = (enum ke_code)failed,
                                    .list = &collection->list.items,
                                    .is_deleted = true };
    if (failed != KE_OK) {
        reply.err = collection->err;
        reply.message = ke_str_c(collection->err.msg);
        reply.list = NULL;
        reply.is_deleted = false;
    }
    op->done(op->ctx, &reply);
    collection_free(collection);
    operation_discard(op);
}

static void lane_run(struct lane *lane);

static void lane_answered(void *ctx, const struct resource_reply *reply)
{
    struct lane *lane = ctx;
    struct collection *collection = lane->collection;
    if (reply->code != KE_OK && reply->code != KE_NOT_FOUND) {
        int none = KE_OK;
        struct ke_err err = reply->err;
        if (atomic_compare_exchange_strong(&collection->failed, &none, (int)reply->code))
            collection->err = err; /* read by the last lane, after all have ended */
    }
    if (atomic_exchange(&lane->step, LANE_ANSWERED) == LANE_SUBMITTED)
        lane_run(lane);
}

/* The delete of one object. False: nothing left. */
static bool lane_submit(struct lane *lane)
{
    struct collection *collection = lane->collection;
    size_t i = atomic_fetch_add(&collection->next, 1);
    if (i >= collection->list.items.n_objects || atomic_load(&collection->failed) != KE_OK)
        return false;
    const struct registry_object *object = collection->list.items.objects[i];
    struct resource_request request = collection->op->request;
    request.verb = RESOURCE_DELETE;
    request.ns = object->ns;
    request.name = object->name;
    if (request.precondition_uid.len == 0)
        request.precondition_uid = object->uid;
    request.label_selector = (struct ke_str){ NULL, 0 };
    request.field_selector = (struct ke_str){ NULL, 0 };
    atomic_store(&lane->step, LANE_IDLE);
    resource_submit(collection->op->store, &request, lane_answered, lane);
    return true;
}

static void lane_run(struct lane *lane)
{
    while (lane_submit(lane)) {
        if (atomic_exchange(&lane->step, LANE_SUBMITTED) != LANE_ANSWERED)
            return; /* lane_answered goes on */
    }
    struct collection *collection = lane->collection;
    if (atomic_fetch_sub(&collection->n_running, 1) == 1)
        finish(collection);
}

static enum ke_code select_objects(struct operation *op, struct resource_list *out)
{
    KE_AUTO(model_selector) *labels = NULL;
    KE_AUTO(model_selector) *fields = NULL;
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = KE_OK;
    if (op->request.label_selector.len > 0)
        rc = model_selector_parse_labels(op->request.label_selector, &labels, &err);
    if (rc == KE_OK && op->request.field_selector.len > 0)
        rc = model_selector_parse_fields(op->request.field_selector, &fields, &err);
    struct resource_list_options options = { .ns = op->request.ns,
                                             .labels = labels,
                                             .fields = fields };
    if (rc == KE_OK)
        rc = resource_list(op->store, op->kind, &options, out, &err);
    return rc == KE_OK ? KE_OK : operation_fail_err(op, &err);
}

enum ke_code operation_delete_collection(struct operation *op)
{
    struct collection *collection = ke_alloc(sizeof(*collection));
    if (collection == NULL)
        return operation_fail_nomem(op);
    enum ke_code rc = select_objects(op, &collection->list);
    if (rc != KE_OK) {
        collection_free(collection);
        return rc;
    }
    collection->op = op;
    atomic_init(&collection->next, 0);
    atomic_init(&collection->failed, KE_OK);
    atomic_init(&collection->n_running, LANES);
    for (size_t i = 0; i < LANES; i++) {
        collection->lanes[i].collection = collection;
        atomic_init(&collection->lanes[i].step, LANE_IDLE);
    }
    for (size_t i = 0; i < LANES; i++)
        lane_run(&collection->lanes[i]);
    return KE_OK;
}
