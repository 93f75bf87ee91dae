/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces: emptied before they go (spec.finalizers), named as a DNS label, and labelled with
 * their own name. No deletecollection, as upstream. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"

/* Selectors can name a namespace by this label; it always says the name. */
static bool label_name(cJSON *object)
{
    cJSON *meta = ke_json_need_object(object, "metadata");
    if (meta == NULL || model_is_unset(meta, "name"))
        return meta != NULL;
    cJSON *labels = ke_json_need_object(meta, "labels");
    return labels != NULL &&
           model_set_copy(labels, "kubernetes.io/metadata.name", ke_json_get(meta, "name"));
}

static bool set_defaults(cJSON *object)
{
    cJSON *status = ke_json_need_object(object, "status");
    return ke_json_need_object(object, "spec") != NULL && status != NULL &&
           model_default_str(status, "phase", "Active") && label_name(object);
}

static bool has_finalizer(const cJSON *list)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (ke_str_eq_c(ke_json_value_str(item), "kubernetes"))
            return true;
    }
    return false;
}

/* "kubernetes" stands for the controller that empties the namespace. */
static bool prepare_create(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    cJSON *list = spec != NULL ? ke_json_need_array(spec, "finalizers") : NULL;
    if (list == NULL || !model_set_empty(object, "status") ||
        !model_default_str(ke_json_get_mut(object, "status"), "phase", "Active"))
        return false;
    if (!has_finalizer(list)) {
        cJSON *name = cJSON_CreateString("kubernetes");
        if (name == NULL || !cJSON_AddItemToArray(list, name)) {
            cJSON_Delete(name);
            return false;
        }
    }
    return label_name(object);
}

/* Finalizers change only through /finalize. */
static bool prepare_update(cJSON *object, const cJSON *old)
{
    return model_set_copy(object, "spec", ke_json_get(old, "spec")) && label_name(object);
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    struct model_path spec = model_path_root("spec");
    struct model_path at = model_path_child(&spec, "finalizers");
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_path(object, "spec.finalizers")) {
        struct ke_str name = ke_json_value_str(item);
        (void)model_check_name(issues, at, name, model_name_qualified);
        if (ke_str_find(name, '/') == name.len && !ke_str_eq_c(name, "kubernetes") &&
            !ke_str_eq_c(name, "orphan") && !ke_str_eq_c(name, "foregroundDeletion")) {
            model_report_invalid(
                issues, at, name,
                "name is neither a standard finalizer name nor is it fully qualified");
        }
    }
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    bool is_leaving = ke_json_path(old, "metadata.deletionTimestamp") != NULL;
    struct ke_str phase = ke_json_path_str(object, "status.phase");
    struct model_path status = model_path_root("status");
    struct model_path at = model_path_child(&status, "Phase");
    if (!is_leaving && !ke_str_eq_c(phase, "Active"))
        model_report_invalid(issues, at, phase,
                             "may only be 'Active' if `deletionTimestamp` is empty");
    if (is_leaving && !ke_str_eq_c(phase, "Terminating"))
        model_report_invalid(issues, at, phase,
                             "may only be 'Terminating' if `deletionTimestamp` is not empty");
}

static const struct model_selectable fields[] = {
    { "status.phase", NULL, NULL },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_namespace = {
    .id = MODEL_NAMESPACE,
    .kind = "Namespace",
    .list_kind = "NamespaceList",
    .plural = "namespaces",
    .singular = "namespace",
    .short_names = { "ns" },
    .prefix = "/registry/namespaces/",
    .name_rule = MODEL_NAME_LABEL,
    .has_status = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_READ | MODEL_VERB_WATCH | VERBS_WRITE,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Namespace" },
    },
    .subresources = {
        { .name = "finalize", .verbs = MODEL_VERB_UPDATE },
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = fields,
    .set_defaults = set_defaults,
    .prepare_create = prepare_create,
    .prepare_update = prepare_update,
    .validate = validate,
    .validate_status = validate_status,
};
