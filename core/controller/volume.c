/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims and volumes on their way out: the finalizer that core/resource puts on each goes when no
 * pod that has not ended names the claim any more, and when no claim has the volume. Source:
 * Kubernetes pkg/controller/volume/{pvcprotection,pvprotection}. Controllers thread.
 */
#include "core/base/json.h"
#include "core/controller/controller.h"
#include "core/model/views.h"

#define PV_PROTECTION  "kubernetes.io/pv-protection"
#define PVC_PROTECTION "kubernetes.io/pvc-protection"

struct volume_controller {
    struct controller base;
    struct controller_env *env;
    struct work_queue *queue; /* "ns/name" of a claim, "name" of a volume */
};

/* ---- who uses what */

static bool has_ended(const struct registry_object *pod)
{
    struct ke_str phase = model_pairs_get(pod->fields, pod->n_fields, KE_STR("status.phase"));
    return ke_str_eq_c(phase, "Succeeded") || ke_str_eq_c(phase, "Failed");
}

/* The claim a volume of a pod stands for; an ephemeral one is named after both. */
static bool names_claim(const cJSON *volume, struct ke_str pod, struct ke_str claim)
{
    if (ke_str_eq(ke_json_path_str(volume, "persistentVolumeClaim.claimName"), claim))
        return true;
    if (ke_json_get(volume, "ephemeral") == NULL)
        return false;
    struct ke_str rest = claim;
    return ke_str_cut_prefix(&rest, pod) && ke_str_cut_prefix(&rest, KE_STR("-")) &&
           ke_str_eq(rest, ke_json_str(volume, "name"));
}

/* A pod that has no node yet mounts nothing; it will find the claim gone. */
static bool uses(const struct registry_object *pod, struct ke_str claim)
{
    ke_auto_json *json = registry_object_parse(pod);
    const cJSON *spec = ke_json_get(json, "spec");
    if (json == NULL)
        return true; /* as long as it cannot be known */
    if (ke_json_str(spec, "nodeName").len == 0)
        return false;
    const cJSON *volume;
    cJSON_ArrayForEach(volume, ke_json_get(spec, "volumes")) {
        if (names_claim(volume, pod->name, claim))
            return true;
    }
    return false;
}

static bool is_used(const struct volume_controller *self, const struct registry_object *claim)
{
    const struct registry_object *pod;
    size_t pos = 0;
    while ((pod = watch_reflector_next(self->env->reflector, MODEL_POD, &pos)) != NULL) {
        if (ke_str_eq(pod->ns, claim->ns) && !has_ended(pod) && uses(pod, claim->name))
            return true;
    }
    return false;
}

/* ---- work */

/* Without the finalizer; NULL: it has none, or is not on its way out, or memory is out. */
static cJSON *without_finalizer(const struct registry_object *object, const char *finalizer)
{
    ke_auto_json *json = registry_object_parse(object);
    cJSON *meta = ke_json_get_mut(json, "metadata");
    cJSON *list = ke_json_get_mut(meta, "finalizers");
    bool had_it = false;
    if (ke_json_get(meta, "deletionTimestamp") == NULL)
        return NULL;
    cJSON *next = NULL;
    for (cJSON *it = list != NULL ? list->child : NULL; it != NULL; it = next) {
        next = it->next;
        if (!ke_str_eq_c(ke_json_value_str(it), finalizer))
            continue;
        had_it = true;
        cJSON_Delete(cJSON_DetachItemViaPointer(list, it));
    }
    return had_it ? KE_TAKE(json) : NULL;
}

static void release(struct work_item *item, const struct registry_object *object,
                    const char *finalizer)
{
    struct resource_request request = { .verb = RESOURCE_UPDATE,
                                        .kind = object->kind,
                                        .ns = object->ns,
                                        .name = object->name,
                                        .body = without_finalizer(object, finalizer) };
    if (request.body != NULL)
        work_item_write(item, &request);
}

static bool is_bound(const struct registry_object *volume)
{
    ke_auto_json *json = registry_object_parse(volume);
    return json == NULL || ke_str_eq_c(ke_json_path_str(json, "status.phase"), "Bound");
}

static void run(void *ctx, struct work_item *item)
{
    struct volume_controller *self = ctx;
    struct ke_str key = work_item_key(item);
    bool is_claim = ke_str_find(key, '/') < key.len;
    struct ke_str ns = KE_STR("");
    struct ke_str name = key;
    if (is_claim)
        work_item_name(item, &ns, &name);
    const struct registry_object *object = watch_reflector_get(
        self->env->reflector, is_claim ? MODEL_PERSISTENTVOLUMECLAIM : MODEL_PERSISTENTVOLUME, ns,
        name);
    if (object == NULL)
        return;
    if (is_claim && !is_used(self, object))
        release(item, object, PVC_PROTECTION);
    else if (!is_claim && !is_bound(object))
        release(item, object, PV_PROTECTION);
}

/* ---- events */

/* The claims of a pod that uses them no more. */
static void look_at_claims_of(struct volume_controller *self, const struct registry_object *pod)
{
    const struct registry_object *claim;
    size_t pos = 0;
    while ((claim = watch_reflector_next(self->env->reflector, MODEL_PERSISTENTVOLUMECLAIM,
                                         &pos)) != NULL) {
        if (ke_str_eq(claim->ns, pod->ns))
            work_queue_add_name(self->queue, claim->ns, claim->name);
    }
}

static void on_put(struct controller *controller, const struct registry_object *object,
                   const struct registry_object *old)
{
    struct volume_controller *self = (struct volume_controller *)controller;
    if (object->kind->id == MODEL_PERSISTENTVOLUMECLAIM)
        work_queue_add_name(self->queue, object->ns, object->name);
    else if (object->kind->id == MODEL_PERSISTENTVOLUME)
        work_queue_add(self->queue, object->name);
    else if (object->kind->id == MODEL_POD && old != NULL && has_ended(object) && !has_ended(old))
        look_at_claims_of(self, object);
}

static void on_delete(struct controller *controller, const struct registry_object *object)
{
    if (object->kind->id == MODEL_POD)
        look_at_claims_of((struct volume_controller *)controller, object);
}

static void on_synced(struct controller *controller)
{
    work_queue_open(((struct volume_controller *)controller)->queue);
}

static void self_free(struct controller *controller)
{
    struct volume_controller *self = (struct volume_controller *)controller;
    work_queue_free(self->queue);
    free(self);
}

struct controller *volume_controller_new(struct controller_env *env, struct ke_err *err)
{
    static const struct controller_vtbl vtbl = { .name = "volume",
                                                 .on_put = on_put,
                                                 .on_delete = on_delete,
                                                 .on_synced = on_synced,
                                                 .free = self_free };
    struct volume_controller *self = ke_alloc(sizeof(*self));
    if (self == NULL) {
        (void)ke_fail(err, KE_NOMEM, "volumes");
        return NULL;
    }
    self->base.vtbl = &vtbl;
    self->env = env;
    self->queue = work_queue_new(env->pool, "volume", run, self, err);
    if (self->queue == NULL) {
        self_free(&self->base);
        return NULL;
    }
    return &self->base;
}
