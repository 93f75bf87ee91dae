/* SPDX-License-Identifier: Apache-2.0 */
/*
 * StorageClasses and VolumeAttributesClasses: stored for provisioners to read; the default class is
 * put into claims by core/resource/volume.c. Source: Kubernetes apis/storage/validation. Pure; any
 * thread.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/storage.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define PARAMETERS_MAX       512
#define PARAMETERS_BYTES_MAX (256U << 10)

static bool set_class_defaults(cJSON *object)
{
    return model_default_str(object, "reclaimPolicy", "Delete") &&
           model_default_str(object, "volumeBindingMode", "Immediate");
}

static void check_parameters(const cJSON *parameters, bool is_needed, struct model_issues *issues)
{
    struct model_path at = model_path_root("parameters");
    size_t n = 0;
    size_t total = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, parameters) {
        n++;
        total += strlen(item->string) + ke_json_value_str(item).len;
    }
    if (n > PARAMETERS_MAX) {
        model_report_too_long(issues, at, PARAMETERS_MAX);
        return;
    }
    cJSON_ArrayForEach(item, parameters) {
        if (item->string[0] == '\0')
            model_report_invalid(issues, at, KE_STR(""), "field can not be empty.");
    }
    if (total > PARAMETERS_BYTES_MAX)
        model_report_too_long(issues, at, PARAMETERS_BYTES_MAX);
    if (is_needed && n == 0)
        model_report_required(issues, at, "must contain at least one key/value pair");
}

static void check_provisioner(struct ke_str provisioner, struct model_issues *issues)
{
    struct model_path at = model_path_root("provisioner");
    if (ke_str_is_empty(provisioner)) {
        model_report_required(issues, at, "");
        return;
    }
    struct ke_str lower = storage_lower(issues, provisioner);
    (void)model_check_name(issues, at, lower, model_name_qualified);
}

static void check_topologies(const cJSON *terms, struct model_issues *issues)
{
    struct model_path root = model_path_root("allowedTopologies");
    if (!model_check_count(issues, root, terms))
        return;
    size_t i = 0;
    const cJSON *term;
    cJSON_ArrayForEach(term, terms) {
        struct model_path at = model_path_index(&root, i++);
        struct model_path list = model_path_child(&at, "matchLabelExpressions");
        size_t j = 0;
        const cJSON *it;
        cJSON_ArrayForEach(it, ke_json_get(term, "matchLabelExpressions")) {
            struct model_path each = model_path_index(&list, j++);
            if (model_is_unset(it, "values"))
                model_report_required(issues, model_path_child(&each, "values"), "");
            (void)model_check_name(issues, model_path_child(&each, "key"), ke_json_str(it, "key"),
                                   model_name_qualified);
        }
    }
}

static void forbid_change(const cJSON *object, const cJSON *old, const char *name,
                          struct model_issues *issues)
{
    if (model_same_member(object, old, name))
        return;
    struct ke_str detail = ke_arena_fmt(issues->arena, "updates to %s are forbidden.", name);
    model_report_forbidden(issues, model_path_root(name), detail.ptr != NULL ? detail.ptr : "");
}

static void validate_class(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const policies[] = { "Delete", "Retain", NULL };
    static const char *const modes[] = { "Immediate", "WaitForFirstConsumer", NULL };
    if (old != NULL) {
        forbid_change(object, old, "parameters", issues);
        forbid_change(object, old, "provisioner", issues);
        forbid_change(object, old, "reclaimPolicy", issues);
        model_check_immutable(issues, model_path_root("volumeBindingMode"), object, old,
                              "volumeBindingMode");
    }
    check_provisioner(ke_json_str(object, "provisioner"), issues);
    check_parameters(ke_json_get(object, "parameters"), false, issues);
    if (!model_is_unset(object, "reclaimPolicy"))
        (void)model_check_enum(issues, model_path_root("reclaimPolicy"),
                               ke_json_str(object, "reclaimPolicy"), policies);
    (void)model_check_enum(issues, model_path_root("volumeBindingMode"),
                           ke_json_str(object, "volumeBindingMode"), modes);
    check_topologies(ke_json_get(object, "allowedTopologies"), issues);
}

const struct model_kind model_kind_storageclass = {
    .id = MODEL_STORAGECLASS,
    .kind = "StorageClass",
    .list_kind = "StorageClassList",
    .plural = "storageclasses",
    .singular = "storageclass",
    .short_names = { "sc" },
    .prefix = "/registry/storageclasses/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "storage.k8s.io", .version = "v1", .message = "storage.v1.StorageClass" },
    },
    .set_defaults = set_class_defaults,
    .validate = validate_class,
};

static void validate_attributes(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    if (old != NULL) {
        forbid_change(object, old, "driverName", issues);
        forbid_change(object, old, "parameters", issues);
    }
    model_check_csi_driver(issues, model_path_root("driverName"),
                           ke_json_str(object, "driverName"));
    check_parameters(ke_json_get(object, "parameters"), true, issues);
}

const struct model_kind model_kind_volumeattributesclass = {
    .id = MODEL_VOLUMEATTRIBUTESCLASS,
    .kind = "VolumeAttributesClass",
    .list_kind = "VolumeAttributesClassList",
    .plural = "volumeattributesclasses",
    .singular = "volumeattributesclass",
    .short_names = { "vac" },
    .prefix = "/registry/volumeattributesclasses/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "storage.k8s.io", .version = "v1", .message = "storage.v1.VolumeAttributesClass" },
    },
    .validate = validate_attributes,
};
