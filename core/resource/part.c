/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of parts, and those that speak the kind itself: object, status, finalize.
 * Source: apiserver pkg/registry/rest/update.go and the strategies of pkg/registry. Thread: the
 * operation's.
 */
#include "core/resource/part.h"

#include "core/resource/csr.h"
#include "core/resource/operation.h"
#include "core/resource/service_families.h"

static const struct operation_part *const parts[] = {
    &part_main,     &part_status,  &part_finalize,  &part_scale,
    &part_approval, &part_binding, &part_ephemeral, &part_eviction,
};

const struct operation_part *part_find(struct ke_str subresource)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(parts); i++) {
        if (ke_str_eq_c(subresource, parts[i]->name))
            return parts[i];
    }
    return NULL;
}

enum ke_code part_show(const struct operation_part *part, const struct model_kind *kind,
                       const struct model_subresource *subresource,
                       const struct registry_object *object, struct registry_object **out,
                       struct ke_err *err)
{
    if (part->show == NULL) {
        *out = registry_object_ref(object);
        return KE_OK;
    }
    ke_auto_json *stored = registry_object_parse(object);
    ke_auto_json *shown = NULL;
    if (stored == NULL || !part->show(kind, subresource, stored, &shown))
        return ke_fail(err, KE_NOMEM, "read %s/%s", kind->plural, part->name);
    const struct model_kind *spoken = subresource->speaks != NULL ? subresource->speaks : kind;
    struct registry_object *made = NULL;
    enum ke_code rc = registry_object_new(spoken, shown, &made, err);
    if (rc != KE_OK)
        return rc;
    registry_object_set_revision(made, object->revision);
    *out = made;
    return KE_OK;
}

static bool copy_member(cJSON *object, const cJSON *from, const char *name)
{
    const cJSON *value = ke_json_get(from, name);
    if (value == NULL) {
        ke_json_del(object, name);
        return true;
    }
    return ke_json_set(object, name, cJSON_Duplicate(value, true));
}

/* ---- the object */

static enum ke_code merge_main(struct operation *op, cJSON **object, const cJSON *old)
{
    const struct model_kind *kind = op->kind;
    if (model_version_has_status(kind, op->version) && !copy_member(*object, old, "status"))
        return operation_fail_nomem(op);
    if (kind->prepare_update != NULL && !kind->prepare_update(*object, old))
        return operation_fail_nomem(op);
    if (kind->id == MODEL_SERVICE)
        service_trim_families(*object, old);
    return priority_admit_class(op, *object);
}

static void validate_main(struct operation *op, const cJSON *object, const cJSON *old)
{
    model_form_validate(&op->form, object, old, &op->issues);
}

const struct operation_part part_main = {
    .name = "",
    .is_main = true,
    .counts_generation = true,
    .merge = merge_main,
    .validate = validate_main,
};

/* ---- status */

/*
 * The metadata that comes with a status: of custom objects none but who owns what, or leave to
 * write the status would be leave to take finalizers away (apiextensions-apiserver
 * pkg/registry/customresource, status_strategy.go).
 */
static bool merge_status_metadata(const struct model_kind *kind, cJSON *merged, const cJSON *object)
{
    if (kind->custom == NULL)
        return copy_member(merged, object, "metadata");
    cJSON *meta = ke_json_need_object(merged, "metadata");
    return meta != NULL && copy_member(meta, ke_json_get(object, "metadata"), "managedFields");
}

/* old, with only metadata and status of object. */
static enum ke_code merge_status(struct operation *op, cJSON **object, const cJSON *old)
{
    ke_auto_json *merged = cJSON_Duplicate(old, true);
    if (merged == NULL || !merge_status_metadata(op->kind, merged, *object) ||
        !copy_member(merged, *object, "status"))
        return operation_fail_nomem(op);
    if (op->kind->prepare_status != NULL && !op->kind->prepare_status(merged, old))
        return operation_fail_nomem(op);
    if (op->kind->id == MODEL_PERSISTENTVOLUME && !volume_note_phase(op, merged, old))
        return operation_fail_nomem(op);
    cJSON_Delete(*object);
    *object = KE_TAKE(merged);
    if (op->kind->id == MODEL_CERTIFICATESIGNINGREQUEST)
        return csr_admit_status(op, *object, old);
    return KE_OK;
}

static void validate_status(struct operation *op, const cJSON *object, const cJSON *old)
{
    model_form_validate_status(&op->form, object, old, &op->issues);
}

const struct operation_part part_status = {
    .name = "status",
    .merge = merge_status,
    .validate = validate_status,
};

/* ---- finalize, of namespaces */

/* old, with only spec.finalizers of object. */
static enum ke_code merge_finalize(struct operation *op, cJSON **object, const cJSON *old)
{
    ke_auto_json *merged = cJSON_Duplicate(old, true);
    cJSON *spec = merged != NULL ? ke_json_need_object(merged, "spec") : NULL;
    if (spec == NULL || !copy_member(spec, ke_json_get(*object, "spec"), "finalizers"))
        return operation_fail_nomem(op);
    cJSON_Delete(*object);
    *object = KE_TAKE(merged);
    return KE_OK;
}

const struct operation_part part_finalize = {
    .name = "finalize",
    .merge = merge_finalize,
};
