/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ResourceQuotas: counts anew what a namespace has used when a quota says something else, when
 * objects go, and when pods end. What is created and deleted is charged by core/resource together
 * with the object; here it is made right whatever happened. The reflector's view is of one
 * revision, and the status is written under the revision it was counted from: a charge that came
 * meanwhile is a conflict, and means: count again. Controllers thread.
 */
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/controller/controller.h"
#include "core/controller/quota_build.h"
#include "core/model/values.h"
#include "core/model/views.h"

#define GATHER_NS    (50 * KE_MS)    /* what goes at once is counted once */
#define LOOK_BACK_NS (2 * KE_S)      /* a write may have been decided before it saw the quota */
#define RESYNC_NS    (5 * 60 * KE_S) /* as upstream; pods whose time to end is over */

struct quota_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue; /* by namespace */
};

/* ---- counting */

static bool count_kind(struct quota_controller *self, struct quota_tally *tally,
                       enum model_kind_id id, struct ke_str ns)
{
    const struct registry_object *object;
    size_t pos = 0;
    while ((object = watch_reflector_next(self->env->reflector, id, &pos)) != NULL) {
        if (!ke_str_eq(object->ns, ns))
            continue;
        enum quota_relation relation = quota_tally_relation(tally, object->kind);
        ke_auto_json *json = relation == QUOTA_WITHIN ? registry_object_parse(object) : NULL;
        if (relation == QUOTA_WITHIN && json == NULL)
            return false;
        if (relation != QUOTA_NONE)
            quota_tally_add(tally, object->kind, json);
    }
    return true;
}

/* Only kinds that hard names are walked; custom ones always, they are told apart one by one. */
static bool count_all(struct quota_controller *self, struct quota_tally *tally, struct ke_str ns)
{
    const struct model_kind *kind;
    for (unsigned i = 0; (kind = model_kind_at(i)) != NULL; i++) {
        if (quota_tally_relation(tally, kind) != QUOTA_NONE &&
            !count_kind(self, tally, kind->id, ns))
            return false;
    }
    return count_kind(self, tally, MODEL_CUSTOM, ns);
}

/* One run for a namespace. */
struct pass {
    struct work_item *item;
    struct ke_str ns;
    bool is_second; /* only what is used is made right */
    bool has_written;
};

static void look_again(struct quota_controller *self, struct ke_str ns)
{
    char text[LIMIT_KEY_BYTES];
    struct ke_buf key = KE_BUF_FIXED(text, sizeof(text));
    ke_buf_add_str(&key, ns);
    ke_buf_add_c(&key, "/again");
    if (key.failed == KE_OK)
        work_queue_add_after(self->queue, ke_buf_str(&key), LOOK_BACK_NS);
}

/* False: out of memory. */
static bool count_quota(struct quota_controller *self, struct pass *pass,
                        const struct registry_object *object)
{
    const struct ke_clock *clock = self->env->options.clock;
    ke_auto_json *quota = registry_object_parse(object);
    struct quota_tally tally;
    if (quota == NULL)
        return false;
    if (pass->is_second &&
        !ke_json_equal(ke_json_path(quota, "status.hard"), ke_json_path(quota, "spec.hard")))
        return true;
    quota_tally_init(&tally, quota, clock->wall_us(clock->ctx) / 1000000);
    if (!count_all(self, &tally, object->ns))
        return false;
    cJSON *status = quota_tally_status(&tally);
    if (status == NULL)
        return false;
    if (ke_json_equal(status, ke_json_get(quota, "status"))) {
        cJSON_Delete(status);
        return true;
    }
    if (!ke_json_set(quota, "status", status))
        return false;
    struct resource_request request = { .verb = RESOURCE_UPDATE,
                                        .kind = object->kind,
                                        .ns = object->ns,
                                        .name = object->name,
                                        .subresource = KE_STR("status"),
                                        .body = KE_TAKE(quota) };
    work_item_write(pass->item, &request);
    pass->has_written = true;
    return true;
}

/*
 * Keys are namespaces, where every quota is counted; and "ns/again", where those are that say what
 * their spec says: a status that somebody has written in between stays until the next event.
 */
static void run(void *ctx, struct work_item *item)
{
    struct quota_controller *self = ctx;
    struct pass pass = { .item = item };
    struct ke_str rest;
    work_item_name(item, &pass.ns, &rest);
    pass.is_second = rest.len > 0;
    const struct registry_object *quota;
    size_t pos = 0;
    bool has_any = false;
    while ((quota = watch_reflector_next(self->env->reflector, MODEL_RESOURCEQUOTA, &pos)) !=
           NULL) {
        if (!ke_str_eq(quota->ns, pass.ns))
            continue;
        has_any = true;
        if (!count_quota(self, &pass, quota)) {
            work_item_again(item, work_backoff_ns(1));
            return;
        }
    }
    if (pass.is_second || !has_any)
        return;
    if (pass.has_written)
        look_again(self, pass.ns);
    work_item_again(item, RESYNC_NS);
}

/* ---- events */

static bool has_quota(const struct quota_controller *self, struct ke_str ns)
{
    const struct registry_object *quota;
    size_t pos = 0;
    while ((quota = watch_reflector_next(self->env->reflector, MODEL_RESOURCEQUOTA, &pos)) !=
           NULL) {
        if (ke_str_eq(quota->ns, ns))
            return true;
    }
    return false;
}

/* Charges change status alone. */
static bool has_other_hard(const struct registry_object *object, const struct registry_object *old)
{
    ke_auto_json *now = registry_object_parse(object);
    ke_auto_json *was = registry_object_parse(old);
    return now == NULL || was == NULL ||
           !model_same_member(ke_json_get(now, "spec"), ke_json_get(was, "spec"), "hard");
}

static bool has_ended(const struct registry_object *pod)
{
    struct ke_str phase = model_pairs_get(pod->fields, pod->n_fields, KE_STR("status.phase"));
    return ke_str_eq_c(phase, "Succeeded") || ke_str_eq_c(phase, "Failed");
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    struct quota_controller *self = (struct quota_controller *)controller;
    if (object->kind->id == MODEL_RESOURCEQUOTA && (old == NULL || has_other_hard(object, old))) {
        work_queue_add(self->queue, object->ns);
        return;
    }
    bool is_over =
        object->kind->id == MODEL_POD && old != NULL && has_ended(object) && !has_ended(old);
    if (is_over && has_quota(self, object->ns))
        work_queue_add_after(self->queue, object->ns, GATHER_NS);
}

static void on_delete(struct controller *controller, const struct registry_object *object)
{
    struct quota_controller *self = (struct quota_controller *)controller;
    if (quota_counts_kind(object->kind) && has_quota(self, object->ns))
        work_queue_add_after(self->queue, object->ns, GATHER_NS);
}

static void on_synced(struct controller *controller)
{
    work_queue_open(((struct quota_controller *)controller)->queue);
}

static void self_free(struct controller *controller)
{
    struct quota_controller *self = (struct quota_controller *)controller;
    work_queue_free(self->queue);
    free(self);
}

struct controller *quota_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "quota",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct quota_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "quotas");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    self->queue = work_queue_new(env->pool, "quota", run, self, err);
    if (self->queue == NULL) {
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
