/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What upstream's admission plugins do to volumes and claims: the finalizers that keep what is in
 * use, the default storage class, and whether a claim may grow. Source: plugin/pkg/admission/
 * storage/{storageobjectinuseprotection,storageclass/setdefault,persistentvolume/resize}. Thread:
 * the operation's.
 */
#include "core/model/values.h"
#include "core/resource/operation.h"

#define PV_PROTECTION  "kubernetes.io/pv-protection"
#define PVC_PROTECTION "kubernetes.io/pvc-protection"
#define CLASS_NOTE     "volume.beta.kubernetes.io/storage-class"

static bool add_finalizer(cJSON *object, const char *name)
{
    cJSON *meta = ke_json_need_object(object, "metadata");
    cJSON *list = meta != NULL ? ke_json_need_array(meta, "finalizers") : NULL;
    if (list == NULL)
        return false;
    const cJSON *it;
    cJSON_ArrayForEach(it, list) {
        if (ke_str_eq_c(ke_json_value_str(it), name))
            return true;
    }
    cJSON *item = cJSON_CreateString(name);
    if (item == NULL || !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        return false;
    }
    return true;
}

/* ---- the default class */

static bool is_default(const cJSON *class)
{
    static const char *const notes[] = { "storageclass.kubernetes.io/is-default-class",
                                         "storageclass.beta.kubernetes.io/is-default-class" };
    const cJSON *annotations = ke_json_path(class, "metadata.annotations");
    for (size_t i = 0; i < KE_ARRAY_LEN(notes); i++) {
        if (ke_str_eq_c(ke_json_str(annotations, notes[i]), "true"))
            return true;
    }
    return false;
}

/* The newest, by name among equals: times are texts of one form. */
static bool is_better(const cJSON *class, const cJSON *best)
{
    if (best == NULL)
        return true;
    int order = ke_str_cmp(ke_json_path_str(class, "metadata.creationTimestamp"),
                           ke_json_path_str(best, "metadata.creationTimestamp"));
    return order > 0 || (order == 0 && ke_str_cmp(ke_json_path_str(class, "metadata.name"),
                                                  ke_json_path_str(best, "metadata.name")) < 0);
}

/* *out returned; NULL: there is none. */
static enum ke_code find_default(struct operation *op, cJSON **out)
{
    struct registry_list classes = { .objects = NULL };
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc =
        registry_list(op->store->registry, ke_str_c(model_kind_by_id(MODEL_STORAGECLASS)->prefix),
                      0, (struct ke_str){ NULL, 0 }, 0, &classes, &err);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    ke_auto_json *best = NULL;
    for (size_t i = 0; rc == KE_OK && i < classes.n_objects; i++) {
        ke_auto_json *class = registry_object_parse(classes.objects[i]);
        if (class == NULL) {
            rc = operation_fail_nomem(op);
        } else if (is_default(class) && is_better(class, best)) {
            cJSON_Delete(best);
            best = KE_TAKE(class);
        }
    }
    registry_list_free(&classes);
    if (rc == KE_OK)
        *out = KE_TAKE(best);
    return rc;
}

static enum ke_code set_class(struct operation *op, cJSON *claim)
{
    const cJSON *notes = ke_json_path(claim, "metadata.annotations");
    cJSON *spec = ke_json_need_object(claim, "spec");
    ke_auto_json *class = NULL;
    if (spec == NULL)
        return operation_fail_nomem(op);
    /* "" says: none. */
    if (ke_json_get(spec, "storageClassName") != NULL || ke_json_get(notes, CLASS_NOTE) != NULL)
        return KE_OK;
    enum ke_code rc = find_default(op, &class);
    if (rc != KE_OK || class == NULL)
        return rc;
    if (!ke_json_set_str(spec, "storageClassName", ke_json_path_str(class, "metadata.name")))
        return operation_fail_nomem(op);
    return KE_OK;
}

/* ---- create */

enum ke_code volume_admit_create(struct operation *op, cJSON *object)
{
    if (op->kind->id == MODEL_PERSISTENTVOLUMECLAIM) {
        if (!add_finalizer(object, PVC_PROTECTION))
            return operation_fail_nomem(op);
        return set_class(op, object);
    }
    cJSON *status = ke_json_need_object(object, "status");
    if (!add_finalizer(object, PV_PROTECTION) || status == NULL ||
        !ke_json_set_str(status, "lastPhaseTransitionTime", operation_timestamp(op, 0)))
        return operation_fail_nomem(op);
    return KE_OK;
}

/* ---- changes */

bool volume_note_phase(struct operation *op, cJSON *object, const cJSON *old)
{
    cJSON *status = ke_json_need_object(object, "status");
    const cJSON *was = ke_json_get(old, "status");
    if (status == NULL)
        return false;
    const cJSON *time = ke_json_get(was, "lastPhaseTransitionTime");
    bool is_said = ke_json_get(status, "lastPhaseTransitionTime") != NULL &&
                   !model_same_member(status, was, "lastPhaseTransitionTime");
    if (is_said)
        return true;
    if (model_same_member(status, was, "phase"))
        return model_set_copy(status, "lastPhaseTransitionTime", time);
    return ke_json_set_str(status, "lastPhaseTransitionTime", operation_timestamp(op, 0));
}

static enum ke_code class_allows_growth(struct operation *op, const cJSON *claim, bool *out)
{
    struct ke_str name = ke_json_path_str(claim, "spec.storageClassName");
    const cJSON *notes = ke_json_path(claim, "metadata.annotations");
    if (ke_json_str(notes, CLASS_NOTE).len > 0)
        name = ke_json_str(notes, CLASS_NOTE);
    *out = false;
    if (name.len == 0)
        return KE_OK;
    ke_auto_object *class = NULL;
    struct ke_str key = { NULL, 0 };
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = operation_key(op, model_kind_by_id(MODEL_STORAGECLASS),
                                    (struct ke_str){ NULL, 0 }, name, &key);
    if (rc != KE_OK)
        return rc;
    rc = registry_get(op->store->registry, key, &class, &err);
    if (rc == KE_NOT_FOUND)
        return KE_OK;
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    ke_auto_json *json = registry_object_parse(class);
    if (json == NULL)
        return operation_fail_nomem(op);
    *out = ke_json_bool(json, "allowVolumeExpansion", false);
    return KE_OK;
}

enum ke_code volume_check_growth(struct operation *op, const cJSON *claim, const cJSON *old)
{
    struct model_quantity now;
    struct model_quantity was;
    bool is_allowed = false;
    if (!model_quantity_of(ke_json_path(claim, "spec.resources.requests.storage"), &now) ||
        !model_quantity_of(ke_json_path(old, "spec.resources.requests.storage"), &was) ||
        model_quantity_cmp(&now, &was) <= 0)
        return KE_OK;
    if (!ke_str_eq_c(ke_json_path_str(old, "status.phase"), "Bound"))
        return operation_fail_forbidden(op, op->request.name,
                                        "Only bound persistent volume claims can be expanded");
    enum ke_code rc = class_allows_growth(op, old, &is_allowed);
    if (rc != KE_OK || is_allowed)
        return rc;
    return operation_fail_forbidden(op, op->request.name,
                                    "only dynamically provisioned pvc can be resized and the "
                                    "storageclass that provisions the pvc must support resize");
}
