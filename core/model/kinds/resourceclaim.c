/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ResourceClaims and ResourceClaimTemplates: stored; devices are allocated by others, through
 * status. Source: Kubernetes apis/resource/validation, v1/defaults.go. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/device.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define RESERVED_MAX 256
#define RESULTS_MAX  32

static bool claim_set_defaults(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    cJSON *devices = spec != NULL ? ke_json_need_object(spec, "devices") : NULL;
    return devices != NULL && ke_json_need_object(object, "status") != NULL &&
           device_claim_set_defaults(devices);
}

static bool claim_prepare_create(cJSON *object)
{
    return model_set_empty(object, "status");
}

static void claim_validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    struct model_path spec = model_path_root("spec");
    struct model_path devices = model_path_child(&spec, "devices");
    if (old != NULL)
        model_check_immutable(issues, spec, object, old, "spec");
    device_claim_validate(ke_json_path(object, "spec.devices"), &devices, issues);
}

static void check_allocation(const cJSON *allocation, const struct model_path *path,
                             struct model_issues *issues)
{
    struct model_path devices = model_path_child(path, "devices");
    struct model_path list = model_path_child(&devices, "results");
    const cJSON *results = ke_json_path(allocation, "devices.results");
    if (!device_check_count(results, list, RESULTS_MAX, issues))
        return;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, results) {
        struct model_path at = model_path_index(&list, i++);
        device_check_driver(model_path_child(&at, "driver"), ke_json_str(item, "driver"), issues);
        device_check_pool(model_path_child(&at, "pool"), ke_json_str(item, "pool"), issues);
        (void)model_check_name(issues, model_path_child(&at, "device"), ke_json_str(item, "device"),
                               model_name_label);
    }
}

static void check_reserved(const cJSON *reserved, const struct model_path *path,
                           struct model_issues *issues)
{
    if (!device_check_count(reserved, *path, RESERVED_MAX, issues))
        return;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, reserved) {
        static const char *const needed[] = { "resource", "name", "uid" };
        struct model_path at = model_path_index(path, i++);
        for (size_t k = 0; k < KE_ARRAY_LEN(needed); k++)
            (void)model_check_required(issues, &at, item, needed[k]);
        struct ke_str uid = ke_json_str(item, "uid");
        const cJSON *earlier = reserved->child;
        while (earlier != item && !ke_str_eq(ke_json_str(earlier, "uid"), uid))
            earlier = earlier->next;
        if (earlier != item)
            model_report_duplicate(issues, model_path_child(&at, "uid"), uid);
    }
}

static void claim_validate_status(const cJSON *object, const cJSON *old,
                                  struct model_issues *issues)
{
    const cJSON *status = ke_json_get(object, "status");
    const cJSON *allocation = ke_json_get(status, "allocation");
    const cJSON *reserved = ke_json_get(status, "reservedFor");
    const cJSON *was = ke_json_path(old, "status.allocation");
    struct model_path root = model_path_root("status");
    struct model_path allocation_at = model_path_child(&root, "allocation");
    struct model_path reserved_at = model_path_child(&root, "reservedFor");
    check_reserved(reserved, &reserved_at, issues);
    if (allocation != NULL)
        check_allocation(allocation, &allocation_at, issues);
    if (cJSON_GetArraySize(reserved) > 0 && allocation == NULL)
        model_report_forbidden(issues, reserved_at,
                               "may not be specified when `allocated` is not set");
    if (was != NULL && allocation != NULL && !ke_json_equal(was, allocation)) {
        ke_auto_buf text = KE_BUF_INIT(1U << 20);
        ke_json_print(allocation, &text);
        model_report_invalid_raw(issues, allocation_at, ke_buf_str(&text), "field is immutable");
    }
}

const struct model_kind model_kind_resourceclaim = {
    .id = MODEL_RESOURCECLAIM,
    .kind = "ResourceClaim",
    .list_kind = "ResourceClaimList",
    .plural = "resourceclaims",
    .singular = "resourceclaim",
    .prefix = "/registry/resourceclaims/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "resource.k8s.io", .version = "v1", .message = "resource.v1.ResourceClaim" },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .set_defaults = claim_set_defaults,
    .prepare_create = claim_prepare_create,
    .validate = claim_validate,
    .validate_status = claim_validate_status,
};

/* ---- templates */

static bool template_set_defaults(cJSON *object)
{
    cJSON *outer = ke_json_need_object(object, "spec");
    cJSON *spec = outer != NULL ? ke_json_need_object(outer, "spec") : NULL;
    cJSON *devices = spec != NULL ? ke_json_need_object(spec, "devices") : NULL;
    return devices != NULL && device_claim_set_defaults(devices);
}

static void template_validate_it(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    struct model_path outer = model_path_root("spec");
    struct model_path meta = model_path_child(&outer, "metadata");
    struct model_path spec = model_path_child(&outer, "spec");
    struct model_path devices = model_path_child(&spec, "devices");
    if (old != NULL)
        model_check_immutable(issues, outer, object, old, "spec");
    model_check_labels(issues, model_path_child(&meta, "labels"),
                       ke_json_path(object, "spec.metadata.labels"));
    model_check_annotations(issues, model_path_child(&meta, "annotations"),
                            ke_json_path(object, "spec.metadata.annotations"));
    device_claim_validate(ke_json_path(object, "spec.spec.devices"), &devices, issues);
}

const struct model_kind model_kind_resourceclaimtemplate = {
    .id = MODEL_RESOURCECLAIMTEMPLATE,
    .kind = "ResourceClaimTemplate",
    .list_kind = "ResourceClaimTemplateList",
    .plural = "resourceclaimtemplates",
    .singular = "resourceclaimtemplate",
    .prefix = "/registry/resourceclaimtemplates/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "resource.k8s.io", .version = "v1", .message = "resource.v1.ResourceClaimTemplate" },
    },
    .set_defaults = template_set_defaults,
    .validate = template_validate_it,
};
