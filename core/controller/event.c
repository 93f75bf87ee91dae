/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns observations (core/report) into Events: the same thing said again of the same object is one
 * Event with a count. Events go an hour after they were last said. Controllers thread; report wakes
 * it from any thread.
 */
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/controller/controller.h"
#include "core/controller/ensure.h"
#include "core/controller/observation.h"
#include "core/model/names.h"

#define SWEEP_NS      (300 * KE_S)
#define ITEMS_AT_ONCE 64

struct event_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue; /* keys: "take", "sweep" */
};

/* ---- one observation */

/* An Event is in the namespace of what it is about; of a cluster-wide thing in default. */
static struct ke_str event_ns(const struct report_item *it)
{
    return it->ns != NULL && it->ns[0] != '\0' ? ke_str_c(it->ns) : KE_STR("default");
}

/* ---- writing */

/* The uid of what an observation is about, as text in out; nothing when it is not there. */
static void find_uid(struct event_controller *self, const struct report_item *it,
                     struct ke_buf *out)
{
    struct ke_str group;
    struct ke_str version;
    model_api_version_split(ke_str_c(it->api_version), &group, &version);
    const struct model_kind *kind = model_catalog_by_name(controller_catalog(self->env), group,
                                                          version, ke_str_c(it->kind), NULL);
    if (kind == NULL)
        return;
    const struct registry_object *object = watch_reflector_find(
        self->env->reflector, kind, kind->is_namespaced ? ke_str_c(it->ns) : KE_STR(""),
        ke_str_c(it->name));
    if (object != NULL)
        ke_buf_add_str(out, object->uid);
}

static int64_t now_s(const struct event_controller *self)
{
    const struct ke_clock *clock = self->env->options.clock;
    return clock->wall_us(clock->ctx) / 1000000;
}

static void write_event(struct event_controller *self, struct work_item *item,
                        const struct report_item *it)
{
    char name_text[256];
    char uid_text[64];
    struct ke_buf name = KE_BUF_FIXED(name_text, sizeof(name_text));
    struct ke_buf uid = KE_BUF_FIXED(uid_text, sizeof(uid_text));
    observation_event_name(it, &name);
    find_uid(self, it, &uid);
    struct observation_source source = { .node = self->env->options.node_name,
                                         .now_s = now_s(self) };
    struct resource_request request = { .kind = model_kind_by_id(MODEL_EVENT), .ns = event_ns(it) };
    struct ke_err err = KE_ERR_INIT;
    ke_auto_object *there = NULL;
    enum ke_code rc = resource_get(work_pool_store(self->env->pool), request.kind, request.ns,
                                   ke_buf_str(&name), &there, &err);
    ke_auto_json *event = rc == KE_OK ? registry_object_parse(there) : NULL;
    if (event != NULL) {
        request.verb = RESOURCE_PATCH;
        request.patch = RESOURCE_PATCH_MERGE;
        request.name = ke_buf_str(&name);
        request.body = observation_event_again(event, it->count, source.now_s);
    } else {
        request.verb = RESOURCE_CREATE;
        request.body = observation_event(it, ke_buf_str(&name), ke_buf_str(&uid), &source);
    }
    if (request.body != NULL)
        work_item_write(item, &request);
    else
        ke_log(KE_LOG_WARN, "controller.event_lost", KV_C("reason", it->reason),
               KV_C("name", it->name));
}

/* ---- Ingress status: who serves it, written where users look for it */

static void write_ingress(struct event_controller *self, struct work_item *item,
                          const struct report_item *it)
{
    const struct registry_object *object = watch_reflector_get(
        self->env->reflector, MODEL_INGRESS, ke_str_c(it->ns), ke_str_c(it->name));
    ke_auto_json *now = object != NULL ? registry_object_parse(object) : NULL;
    if (now == NULL)
        return;
    ke_auto_json *wanted = observation_ingress_status(&self->env->options, it->is_served, now);
    if (wanted == NULL || ke_json_equal(ke_json_path(wanted, "status.loadBalancer.ingress"),
                                        ke_json_path(now, "status.loadBalancer.ingress")))
        return;
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .kind = object->kind,
                                        .ns = object->ns,
                                        .name = object->name,
                                        .subresource = KE_STR("status"),
                                        .body = KE_TAKE(wanted) };
    work_item_write(item, &request);
}

/* ---- work */

static void take(struct event_controller *self, struct work_item *item)
{
    struct report_item it;
    for (int i = 0; i < ITEMS_AT_ONCE; i++) {
        if (!report_take(self->env->options.report, &it))
            return;
        if (it.what == REPORT_ITEM_EVENT)
            write_event(self, item, &it);
        else
            write_ingress(self, item, &it);
        report_item_clear(&it);
    }
    work_item_again(item, 0);
}

static void sweep(struct event_controller *self, struct work_item *item)
{
    struct resource_list_options options = { .limit = 0 };
    struct resource_list list = { .continue_token = NULL };
    struct ke_err err = KE_ERR_INIT;
    work_item_again(item, SWEEP_NS);
    if (resource_list(work_pool_store(self->env->pool), model_kind_by_id(MODEL_EVENT), &options,
                      &list, &err) != KE_OK)
        return;
    for (size_t i = 0; i < list.items.n_objects; i++) {
        const struct registry_object *object = list.items.objects[i];
        ke_auto_json *event = registry_object_parse(object);
        if (event == NULL || !observation_event_is_old(event, now_s(self)))
            continue;
        struct resource_request request = { .verb = RESOURCE_DELETE,
                                            .kind = object->kind,
                                            .ns = object->ns,
                                            .name = object->name,
                                            .grace_period_s = -1 };
        work_item_write(item, &request);
    }
    resource_list_free(&list);
}

static void run(void *ctx, struct work_item *item)
{
    struct event_controller *self = ctx;
    if (ke_str_eq_c(work_item_key(item), "sweep"))
        sweep(self, item);
    else if (self->env->options.report != NULL)
        take(self, item);
}

static void take_soon(void *ctx)
{
    struct event_controller *self = ctx;
    work_queue_add(self->queue, KE_STR("take"));
}

/* Any thread. */
static void wake(void *ctx)
{
    struct event_controller *self = ctx;
    if (!ke_loop_post(self->env->loop, take_soon, self))
        ke_log(KE_LOG_WARN, "controller.wake_lost", KV_C("controller", "event"));
}

static void on_synced(struct controller *controller)
{
    struct event_controller *self = (struct event_controller *)controller;
    work_queue_add(self->queue, KE_STR("take"));
    work_queue_add_after(self->queue, KE_STR("sweep"), SWEEP_NS);
    work_queue_open(self->queue);
}

static void self_free(struct controller *controller)
{
    struct event_controller *self = (struct event_controller *)controller;
    if (self->env->options.report != NULL)
        report_set_wake(self->env->options.report, NULL, NULL);
    work_queue_free(self->queue);
    free(self);
}

struct controller *event_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "event",
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct event_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "events");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    self->queue = work_queue_new(env->pool, "event", run, self, err);
    if (self->queue == NULL) {
        self_free(&self->base);
        return NULL;
    }
    if (env->options.report != NULL)
        report_set_wake(env->options.report, wake, self);
    return &self->base;
}
