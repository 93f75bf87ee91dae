/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces: those every cluster has are made, each active one gets its service account and the
 * cluster's root certificate, and one that is being deleted is emptied (pods first, KEP-5080)
 * before its finalizer goes; what that waits for its status tells. Controllers thread.
 */
#include <stdio.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/log.h"
#include "core/controller/controller.h"
#include "core/controller/namespace_status.h"
#include "core/model/views.h"

#define ACCOUNT       "default"
#define ROOT_CA       "kube-root-ca.crt"
#define FINALIZER     "kubernetes"
#define LOOK_AGAIN_NS (5 * KE_S) /* what waits for a grace period or a finalizer */

static const char *const needed[] = { "default", "kube-system", "kube-public", "kube-node-lease" };

struct namespace_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue; /* by name */
};

static bool is_terminating(const struct registry_object *ns)
{
    return ke_str_eq_c(model_pairs_get(ns->fields, ns->n_fields, KE_STR("status.phase")),
                       "Terminating");
}

/* ---- filling */

static cJSON *named(struct ke_str name)
{
    ke_auto_json *object = cJSON_CreateObject();
    cJSON *meta = object != NULL ? ke_json_need_object(object, "metadata") : NULL;
    if (meta == NULL || !ke_json_set_str(meta, "name", name))
        return NULL;
    return KE_TAKE(object);
}

static void create(struct work_item *item, enum model_kind_id kind, struct ke_str ns,
                   cJSON *body_given)
{
    if (body_given == NULL) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    struct resource_request request = {
        .verb = RESOURCE_CREATE, .kind = model_kind_by_id(kind), .ns = ns, .body = body_given
    };
    work_item_write(item, &request);
}

static cJSON *make_root_ca(const struct namespace_controller *self)
{
    ke_auto_json *object = named(KE_STR(ROOT_CA));
    cJSON *meta = ke_json_get_mut(object, "metadata");
    cJSON *notes = meta != NULL ? ke_json_need_object(meta, "annotations") : NULL;
    cJSON *data = object != NULL ? ke_json_need_object(object, "data") : NULL;
    if (notes == NULL || data == NULL ||
        !ke_json_set_str(notes, "kubernetes.io/description",
                         KE_STR("Contains a CA bundle that can be used to verify the "
                                "kube-apiserver when using internal endpoints such as the internal "
                                "service IP or kubernetes.default.svc. No other usage is "
                                "guaranteed across distributions of Kubernetes clusters.")) ||
        !ke_json_set_str(data, "ca.crt", self->env->options.ca_pem))
        return NULL;
    return KE_TAKE(object);
}

static void ensure_root_ca(struct namespace_controller *self, struct work_item *item,
                           struct ke_str ns)
{
    if (self->env->options.ca_pem.len == 0)
        return;
    const struct registry_object *now =
        watch_reflector_get(self->env->reflector, MODEL_CONFIGMAP, ns, KE_STR(ROOT_CA));
    if (now == NULL) {
        create(item, MODEL_CONFIGMAP, ns, make_root_ca(self));
        return;
    }
    ke_auto_json *json = registry_object_parse(now);
    const cJSON *data = ke_json_get(json, "data");
    if (json == NULL || (ke_str_eq(ke_json_str(data, "ca.crt"), self->env->options.ca_pem) &&
                         cJSON_GetArraySize(data) == 1))
        return;
    struct resource_request request = { .verb = RESOURCE_UPDATE,
                                        .kind = now->kind,
                                        .ns = ns,
                                        .name = now->name,
                                        .body = make_root_ca(self) };
    if (request.body != NULL)
        work_item_write(item, &request);
}

static void fill(struct namespace_controller *self, struct work_item *item, struct ke_str ns)
{
    if (watch_reflector_get(self->env->reflector, MODEL_SERVICEACCOUNT, ns, KE_STR(ACCOUNT)) ==
        NULL)
        create(item, MODEL_SERVICEACCOUNT, ns, named(KE_STR(ACCOUNT)));
    ensure_root_ca(self, item, ns);
}

/* ---- emptying */

struct stock {
    struct namespace_remains remains;
    bool is_fresh; /* something was not being deleted yet, or is not known: nothing to tell */
};

static void take_stock(struct stock *stock, const struct model_kind *kind,
                       const struct registry_object *object)
{
    ke_auto_json *json = registry_object_parse(object);
    char resource[512];
    snprintf(resource, sizeof(resource), "%s.%s", kind->plural, kind->versions[0].group);
    if (json == NULL || ke_json_path(json, "metadata.deletionTimestamp") == NULL ||
        !namespace_remains_add(&stock->remains, resource, json))
        stock->is_fresh = true;
}

/* How many objects of a kind a namespace has; -1: it cannot be known now. */
static int64_t count(struct namespace_controller *self, const struct model_kind *kind,
                     struct ke_str ns, struct stock *stock)
{
    struct resource_list_options options = { .ns = ns };
    struct resource_list list = { .continue_token = NULL };
    struct ke_err err = KE_ERR_INIT;
    if (resource_list(work_pool_store(self->env->pool), kind, &options, &list, &err) != KE_OK) {
        stock->is_fresh = true;
        return -1;
    }
    int64_t n = (int64_t)list.items.n_objects;
    for (size_t i = 0; i < list.items.n_objects && !stock->is_fresh; i++)
        take_stock(stock, kind, list.items.objects[i]);
    resource_list_free(&list);
    return n;
}

/* Deletes all of a kind. How many there were, as count. */
static int64_t sweep(struct namespace_controller *self, struct work_item *item,
                     const struct model_kind *kind, struct ke_str ns, struct stock *stock)
{
    int64_t n = count(self, kind, ns, stock);
    if (n <= 0)
        return n;
    struct resource_request request = { .verb = RESOURCE_DELETE_COLLECTION,
                                        .kind = kind,
                                        .ns = ns,
                                        .propagation = RESOURCE_BACKGROUND,
                                        .grace_period_s = -1 };
    work_item_write(item, &request);
    return n;
}

/* True when nothing was left to delete. */
static bool empty(struct namespace_controller *self, struct work_item *item, struct ke_str ns,
                  struct stock *stock)
{
    if (sweep(self, item, model_kind_by_id(MODEL_POD), ns, stock) != 0)
        return false;
    int64_t n_all = 0;
    const struct model_kind *kind;
    size_t pos = 0;
    while ((kind = model_catalog_next(controller_catalog(self->env), &pos)) != NULL) {
        if (kind->is_namespaced && !kind->is_computed)
            n_all += sweep(self, item, kind, ns, stock) != 0 ? 1 : 0;
    }
    return n_all == 0;
}

/* What only waits for others is told in the status, so that who asks need not search. */
static void tell(struct namespace_controller *self, struct work_item *item,
                 const struct registry_object *ns, const struct stock *stock)
{
    const struct ke_clock *clock = self->env->options.clock;
    char text[40];
    struct ke_buf now = KE_BUF_FIXED(text, sizeof(text));
    ke_time_format_s(clock->wall_us(clock->ctx) / 1000000, &now);
    ke_auto_json *was = registry_object_parse(ns);
    ke_auto_json *json = was != NULL ? cJSON_Duplicate(was, true) : NULL;
    if (json == NULL || !namespace_remains_tell(&stock->remains, json, ke_buf_str(&now)) ||
        ke_json_equal(was, json))
        return;
    struct resource_request request = { .verb = RESOURCE_UPDATE,
                                        .kind = ns->kind,
                                        .name = ns->name,
                                        .subresource = KE_STR("status"),
                                        .body = KE_TAKE(json) };
    work_item_write(item, &request);
}

static void finalize(struct work_item *item, const struct registry_object *ns)
{
    ke_auto_json *json = registry_object_parse(ns);
    cJSON *spec = json != NULL ? ke_json_need_object(json, "spec") : NULL;
    cJSON *list = spec != NULL ? ke_json_need_array(spec, "finalizers") : NULL;
    if (list == NULL) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    cJSON *next = NULL;
    bool had_it = false;
    for (cJSON *it = list->child; it != NULL; it = next) {
        next = it->next;
        if (!ke_str_eq_c(ke_json_value_str(it), FINALIZER))
            continue;
        had_it = true;
        cJSON_Delete(cJSON_DetachItemViaPointer(list, it));
    }
    if (!had_it)
        return;
    struct resource_request request = { .verb = RESOURCE_UPDATE,
                                        .kind = ns->kind,
                                        .name = ns->name,
                                        .subresource = KE_STR("finalize"),
                                        .body = KE_TAKE(json) };
    work_item_write(item, &request);
}

static void delete_of_kind(struct namespace_controller *self, struct work_item *item,
                           enum model_kind_id id, struct ke_str ns)
{
    const struct registry_object *object;
    size_t pos = 0;
    while ((object = watch_reflector_next(self->env->reflector, id, &pos)) != NULL) {
        if (!ke_str_eq(object->ns, ns))
            continue;
        struct resource_request request = { .verb = RESOURCE_DELETE,
                                            .kind = object->kind,
                                            .ns = object->ns,
                                            .name = object->name,
                                            .grace_period_s = -1,
                                            .precondition_uid = object->uid };
        work_item_write(item, &request);
    }
}

/*
 * A create that was admitted while the namespace still was there may be committed behind its end.
 * What the reflector has of a namespace that it has not is such a leftover: its view is of one
 * revision, so nothing of a namespace made anew is among it.
 */
static void delete_leftovers(struct namespace_controller *self, struct work_item *item,
                             struct ke_str ns)
{
    const struct model_kind *kind;
    for (unsigned i = 0; (kind = model_kind_at(i)) != NULL; i++) {
        if (kind->is_namespaced)
            delete_of_kind(self, item, kind->id, ns);
    }
    delete_of_kind(self, item, MODEL_CUSTOM, ns);
}

/* ---- work */

static bool is_needed(struct ke_str name)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(needed); i++) {
        if (ke_str_eq_c(name, needed[i]))
            return true;
    }
    return false;
}

static void clear(struct namespace_controller *self, struct work_item *item,
                  const struct registry_object *ns)
{
    struct stock stock = { .is_fresh = false };
    stock.is_fresh = !namespace_remains_init(&stock.remains);
    if (empty(self, item, ns->name, &stock)) {
        finalize(item, ns);
    } else {
        if (!stock.is_fresh)
            tell(self, item, ns, &stock);
        work_item_again(item, LOOK_AGAIN_NS); /* a deletion in it brings it back sooner */
    }
    namespace_remains_deinit(&stock.remains);
}

static void run(void *ctx, struct work_item *item)
{
    struct namespace_controller *self = ctx;
    struct ke_str name = work_item_key(item);
    const struct registry_object *ns =
        watch_reflector_get(self->env->reflector, MODEL_NAMESPACE, KE_STR(""), name);
    if (ns == NULL && is_needed(name)) {
        create(item, MODEL_NAMESPACE, KE_STR(""), named(name));
        return;
    }
    if (ns == NULL) {
        delete_leftovers(self, item, name);
        return;
    }
    if (!is_terminating(ns))
        fill(self, item, name);
    else
        clear(self, item, ns);
}

static bool is_filling(const struct registry_object *object)
{
    return (object->kind->id == MODEL_SERVICEACCOUNT && ke_str_eq_c(object->name, ACCOUNT)) ||
           (object->kind->id == MODEL_CONFIGMAP && ke_str_eq_c(object->name, ROOT_CA));
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    struct namespace_controller *self = (struct namespace_controller *)controller;
    if (object->kind->id == MODEL_NAMESPACE) {
        work_queue_add(self->queue, object->name);
        return;
    }
    /* Left over from a namespace that is gone, unless that is only listed later. */
    bool is_leftover =
        old == NULL && object->kind->is_namespaced &&
        watch_reflector_get(self->env->reflector, MODEL_NAMESPACE, KE_STR(""), object->ns) == NULL;
    if (is_leftover || (object->kind->id == MODEL_CONFIGMAP && is_filling(object)))
        work_queue_add(self->queue, object->ns);
}

static void on_delete(struct controller *controller, const struct registry_object *object)
{
    struct namespace_controller *self = (struct namespace_controller *)controller;
    if (object->kind->id == MODEL_NAMESPACE) {
        work_queue_add(self->queue, object->name);
        return;
    }
    if (!object->kind->is_namespaced)
        return;
    const struct registry_object *ns =
        watch_reflector_get(self->env->reflector, MODEL_NAMESPACE, KE_STR(""), object->ns);
    if (ns != NULL && (is_terminating(ns) || is_filling(object)))
        work_queue_add(self->queue, object->ns);
}

static void on_synced(struct controller *controller)
{
    struct namespace_controller *self = (struct namespace_controller *)controller;
    for (size_t i = 0; i < KE_ARRAY_LEN(needed); i++)
        work_queue_add(self->queue, ke_str_c(needed[i]));
    work_queue_open(self->queue);
}

static void self_free(struct controller *controller)
{
    struct namespace_controller *self = (struct namespace_controller *)controller;
    work_queue_free(self->queue);
    free(self);
}

struct controller *namespace_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "namespace",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct namespace_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "namespaces");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    self->queue = work_queue_new(env->pool, "namespace", run, self, err);
    if (self->queue == NULL) {
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
