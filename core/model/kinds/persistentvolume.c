/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PersistentVolumes. The finalizer that keeps a bound one is put on by core/resource/volume.c.
 * Source: Kubernetes apis/core/validation, apis/core/v1/defaults.go. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/storage.h"
#include "core/model/names.h"
#include "core/model/values.h"

static bool set_defaults(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    cJSON *status = ke_json_need_object(object, "status");
    return spec != NULL && status != NULL && model_default_str(status, "phase", "Pending") &&
           model_default_str(spec, "persistentVolumeReclaimPolicy", "Retain") &&
           model_default_str(spec, "volumeMode", "Filesystem") && volume_source_set_defaults(spec);
}

static bool prepare_create(cJSON *object)
{
    return model_set_empty(object, "status") &&
           model_default_str(ke_json_get_mut(object, "status"), "phase", "Pending");
}

static void check_capacity(const cJSON *spec, const struct model_path *path,
                           struct model_issues *issues)
{
    static const char *const allowed[] = { "storage", NULL };
    const cJSON *capacity = ke_json_get(spec, "capacity");
    struct model_path at = model_path_child(path, "capacity");
    int n = cJSON_GetArraySize(capacity);
    if (n == 0)
        model_report_required(issues, at, "");
    if (ke_json_get(capacity, "storage") == NULL || n > 1)
        model_report_not_supported(issues, at,
                                   n > 0 ? ke_str_c(capacity->child->string) : KE_STR(""), allowed);
    const cJSON *item;
    cJSON_ArrayForEach(item, capacity)
        (void)model_check_quantity(issues, model_path_key(&at, ke_str_c(item->string)), item, true);
}

/* volume.nodeAffinity.required: a NodeSelector with at least one term. */
static void check_affinity(const cJSON *spec, const struct model_path *path,
                           struct model_issues *issues)
{
    const cJSON *affinity = ke_json_get(spec, "nodeAffinity");
    if (affinity == NULL)
        return;
    struct model_path at = model_path_child(path, "nodeAffinity");
    struct model_path required = model_path_child(&at, "required");
    const cJSON *selector = ke_json_get(affinity, "required");
    if (selector == NULL)
        model_report_required(issues, required, "must specify required node constraints");
    else if (cJSON_GetArraySize(ke_json_get(selector, "nodeSelectorTerms")) == 0)
        model_report_required(issues, model_path_child(&required, "nodeSelectorTerms"),
                              "must have at least one node selector term");
}

/* "/", "//", "/a/..": what a volume may not be recycled from. */
static bool is_root(struct ke_str path)
{
    size_t depth = 0;
    struct ke_str part;
    while (ke_str_split(&path, '/', &part)) {
        if (ke_str_eq_c(part, ".."))
            depth -= depth > 0 ? 1 : 0;
        else if (part.len > 0 && !ke_str_eq_c(part, "."))
            depth++;
    }
    return depth == 0;
}

static void check_recycle(const cJSON *spec, const struct model_path *path,
                          struct model_issues *issues)
{
    struct ke_str host = ke_json_path_str(spec, "hostPath.path");
    if (host.len > 0 && is_root(host) &&
        ke_str_eq_c(ke_json_str(spec, "persistentVolumeReclaimPolicy"), "Recycle"))
        model_report_forbidden(issues, model_path_child(path, "persistentVolumeReclaimPolicy"),
                               "may not be 'recycle' for a hostPath mount of '/'");
}

static bool sources_differ(const cJSON *spec, const cJSON *old)
{
    const cJSON *both[] = { spec, old };
    for (size_t i = 0; i < KE_ARRAY_LEN(both); i++) {
        const cJSON *member;
        cJSON_ArrayForEach(member, both[i]) {
            if (volume_source_is_one(member->string) &&
                !ke_json_equal(ke_json_get(spec, member->string), ke_json_get(old, member->string)))
                return true;
        }
    }
    return false;
}

static void check_update(const cJSON *spec, const cJSON *old, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    if (sources_differ(spec, old))
        model_report_forbidden(issues, model_path_child(&root, "persistentvolumesource"),
                               "spec.persistentvolumesource is immutable after creation");
    model_check_immutable(issues, model_path_root("volumeMode"), spec, old, "volumeMode");
    if (ke_json_get(old, "nodeAffinity") != NULL)
        model_check_immutable(issues, model_path_root("nodeAffinity"), spec, old, "nodeAffinity");
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const policies[] = { "Delete", "Recycle", "Retain", NULL };
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path path = model_path_root("spec");
    storage_check_access_modes(spec, &path, "", issues);
    check_capacity(spec, &path, issues);
    if (!model_is_unset(spec, "persistentVolumeReclaimPolicy"))
        (void)model_check_enum(issues, model_path_child(&path, "persistentVolumeReclaimPolicy"),
                               ke_json_str(spec, "persistentVolumeReclaimPolicy"), policies);
    check_affinity(spec, &path, issues);
    volume_source_validate(spec, &path, issues);
    check_recycle(spec, &path, issues);
    storage_check_class(spec, &path, issues);
    storage_check_mode(spec, &path, issues);
    if (old != NULL)
        check_update(spec, ke_json_get(old, "spec"), issues);
}

static const struct model_selectable fields[] = {
    { "name", "metadata.name", NULL },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_persistentvolume = {
    .id = MODEL_PERSISTENTVOLUME,
    .kind = "PersistentVolume",
    .list_kind = "PersistentVolumeList",
    .plural = "persistentvolumes",
    .singular = "persistentvolume",
    .short_names = { "pv" },
    .prefix = "/registry/persistentvolumes/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .has_status = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.PersistentVolume" },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = fields,
    .set_defaults = set_defaults,
    .prepare_create = prepare_create,
    .validate = validate,
};
