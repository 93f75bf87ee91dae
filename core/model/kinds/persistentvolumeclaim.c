/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PersistentVolumeClaims: what they ask for cannot change, but may grow once bound. Whether the
 * class lets it grow, and which class is the default, is core/resource/volume.c's. Source:
 * Kubernetes apis/core/validation. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/storage.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define IMMUTABLE                                                                                  \
    "spec is immutable after creation except resources.requests and volumeAttributesClassName "    \
    "for bound claims"

static bool set_defaults(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    cJSON *status = ke_json_need_object(object, "status");
    return spec != NULL && status != NULL && model_default_str(status, "phase", "Pending") &&
           model_default_str(spec, "volumeMode", "Filesystem") &&
           model_default_object(spec, "resources");
}

/* dataSource and dataSourceRef say the same, whichever was given; a namespace only the second can
 * say. */
static bool couple_sources(cJSON *spec)
{
    const cJSON *source = ke_json_get(spec, "dataSource");
    const cJSON *ref = ke_json_get(spec, "dataSourceRef");
    if (source != NULL && ref == NULL)
        return model_set_copy(spec, "dataSourceRef", source);
    if (ref == NULL || source != NULL || !model_is_unset(ref, "namespace"))
        return true;
    struct ke_str kind = ke_json_str(ref, "kind");
    struct ke_str group = ke_json_str(ref, "apiGroup");
    bool is_claim = ke_str_is_empty(group) && ke_str_eq_c(kind, "PersistentVolumeClaim");
    bool is_snapshot =
        ke_str_eq_c(group, "snapshot.storage.k8s.io") && ke_str_eq_c(kind, "VolumeSnapshot");
    return !(is_claim || is_snapshot) || model_set_copy(spec, "dataSource", ref);
}

static bool prepare_create(cJSON *object)
{
    return model_set_empty(object, "status") &&
           model_default_str(ke_json_get_mut(object, "status"), "phase", "Pending") &&
           couple_sources(ke_json_get_mut(object, "spec"));
}

static bool prepare_update(cJSON *object, const cJSON *old)
{
    (void)old;
    cJSON *spec = ke_json_need_object(object, "spec");
    return spec != NULL && couple_sources(spec);
}

static void check_request(const cJSON *spec, const struct model_path *path,
                          struct model_issues *issues)
{
    const cJSON *storage = ke_json_path(spec, "resources.requests.storage");
    struct model_path resources = model_path_child(path, "resources");
    struct model_path at = model_path_key(&resources, KE_STR("storage"));
    if (storage == NULL)
        model_report_required(issues, at, "");
    else
        (void)model_check_quantity(issues, at, storage, true);
}

static void check_source(const cJSON *source, const struct model_path *path,
                         struct model_issues *issues)
{
    if (source == NULL)
        return;
    (void)model_check_required(issues, path, source, "name");
    (void)model_check_required(issues, path, source, "kind");
    if (model_is_unset(source, "apiGroup") &&
        !ke_str_eq_c(ke_json_str(source, "kind"), "PersistentVolumeClaim")) {
        model_report_invalid(issues, *path, ke_json_str(source, "kind"),
                             "must be 'PersistentVolumeClaim' when referencing the default "
                             "apiGroup");
    }
    if (!model_is_unset(source, "apiGroup"))
        (void)model_check_name(issues, model_path_child(path, "apiGroup"),
                               ke_json_str(source, "apiGroup"), model_name_subdomain);
}

static void check_sources(const cJSON *spec, const struct model_path *path,
                          struct model_issues *issues)
{
    const cJSON *source = ke_json_get(spec, "dataSource");
    const cJSON *ref = ke_json_get(spec, "dataSourceRef");
    struct model_path source_at = model_path_child(path, "dataSource");
    struct model_path ref_at = model_path_child(path, "dataSourceRef");
    check_source(source, &source_at, issues);
    check_source(ref, &ref_at, issues);
    if (source == NULL || ref == NULL)
        return;
    if (!model_is_unset(ref, "namespace")) {
        model_report_invalid(issues, source_at, ke_json_str(source, "name"),
                             "may not be specified when dataSourceRef.namespace is specified");
        return;
    }
    if (!model_same_member(source, ref, "apiGroup") || !model_same_member(source, ref, "kind") ||
        !model_same_member(source, ref, "name"))
        model_report_invalid(issues, source_at, ke_json_str(source, "name"),
                             "must match dataSourceRef");
}

/* What may differ between old and object is taken over from it into a copy of old. */
static cJSON *allow_changes(const cJSON *object, const cJSON *old)
{
    const cJSON *spec = ke_json_get(object, "spec");
    ke_auto_json *allowed = cJSON_Duplicate(ke_json_get(old, "spec"), true);
    if (allowed == NULL)
        return NULL;
    bool is_bound = ke_str_eq_c(ke_json_path_str(old, "status.phase"), "Bound");
    bool is_ok = true;
    if (model_is_unset(allowed, "volumeName"))
        is_ok = model_set_copy(allowed, "volumeName", ke_json_get(spec, "volumeName"));
    /* A claim from before there were default classes is given one. */
    if (is_ok && ke_json_get(allowed, "storageClassName") == NULL)
        is_ok = model_set_copy(allowed, "storageClassName", ke_json_get(spec, "storageClassName"));
    if (is_ok && is_bound) {
        cJSON *resources = ke_json_need_object(allowed, "resources");
        cJSON *requests = resources != NULL ? ke_json_need_object(resources, "requests") : NULL;
        is_ok =
            requests != NULL &&
            model_set_copy(requests, "storage", ke_json_path(spec, "resources.requests.storage"));
        if (is_ok && ke_json_get(spec, "volumeAttributesClassName") != NULL)
            is_ok = model_set_copy(allowed, "volumeAttributesClassName",
                                   ke_json_get(spec, "volumeAttributesClassName"));
    }
    return is_ok ? KE_TAKE(allowed) : NULL;
}

static void check_update(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    struct model_path at = model_path_root("spec");
    ke_auto_json *allowed = allow_changes(object, old);
    if (allowed == NULL) {
        model_report_no_memory(issues);
        return;
    }
    if (!ke_json_equal(allowed, ke_json_get(object, "spec")))
        model_report_forbidden(issues, at, IMMUTABLE);
    struct model_quantity now;
    struct model_quantity was;
    struct model_quantity capacity = { .value = 0 };
    bool is_smaller =
        model_quantity_of(ke_json_path(object, "spec.resources.requests.storage"), &now) &&
        model_quantity_of(ke_json_path(old, "spec.resources.requests.storage"), &was) &&
        model_quantity_cmp(&now, &was) < 0;
    if (!is_smaller)
        return;
    (void)model_quantity_of(ke_json_path(old, "status.capacity.storage"), &capacity);
    struct model_path resources = model_path_child(&at, "resources");
    struct model_path requests = model_path_child(&resources, "requests");
    if (model_quantity_cmp(&now, &capacity) <= 0)
        model_report_forbidden(issues, model_path_child(&requests, "storage"),
                               "field can not be less than status.capacity");
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path path = model_path_root("spec");
    storage_check_access_modes(spec, &path, "at least 1 access mode is required", issues);
    if (ke_json_get(spec, "selector") != NULL)
        model_check_label_selector(issues, model_path_child(&path, "selector"),
                                   ke_json_get(spec, "selector"));
    check_request(spec, &path, issues);
    storage_check_class(spec, &path, issues);
    storage_check_mode(spec, &path, issues);
    check_sources(spec, &path, issues);
    if (old != NULL)
        check_update(object, old, issues);
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    struct model_path root = model_path_root("status");
    struct model_path at = model_path_child(&root, "capacity");
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_path(object, "status.capacity"))
        (void)model_check_quantity(issues, model_path_key(&at, ke_str_c(item->string)), item,
                                   false);
}

static const struct model_selectable fields[] = {
    { "name", "metadata.name", NULL },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_persistentvolumeclaim = {
    .id = MODEL_PERSISTENTVOLUMECLAIM,
    .kind = "PersistentVolumeClaim",
    .list_kind = "PersistentVolumeClaimList",
    .plural = "persistentvolumeclaims",
    .singular = "persistentvolumeclaim",
    .short_names = { "pvc" },
    .prefix = "/registry/persistentvolumeclaims/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.PersistentVolumeClaim" },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = fields,
    .set_defaults = set_defaults,
    .prepare_create = prepare_create,
    .prepare_update = prepare_update,
    .validate = validate,
    .validate_status = validate_status,
};
