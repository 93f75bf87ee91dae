/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeviceClasses and ResourceSlices: what devices there are, said by administrators and drivers.
 * Source: Kubernetes apis/resource/validation. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/device.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define DEVICES_MAX    128
#define ATTRIBUTES_MAX 32 /* and capacities, together */

/* ---- DeviceClass */

static void class_validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path path = model_path_root("spec");
    struct model_path list = model_path_child(&path, "config");
    device_check_selectors(ke_json_get(spec, "selectors"), &path, issues);
    const cJSON *configs = ke_json_get(spec, "config");
    if (!device_check_count(configs, list, DEVICE_LIST_MAX, issues))
        return;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, configs) {
        struct model_path at = model_path_index(&list, i++);
        device_check_config(item, &at, issues);
    }
    if (!model_is_unset(spec, "extendedResourceName"))
        (void)model_check_name(issues, model_path_child(&path, "extendedResourceName"),
                               ke_json_str(spec, "extendedResourceName"), model_name_qualified);
}

const struct model_kind model_kind_deviceclass = {
    .id = MODEL_DEVICECLASS,
    .kind = "DeviceClass",
    .list_kind = "DeviceClassList",
    .plural = "deviceclasses",
    .singular = "deviceclass",
    .prefix = "/registry/deviceclasses/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "resource.k8s.io", .version = "v1", .message = "resource.v1.DeviceClass" },
    },
    .validate = class_validate,
};

/* ---- ResourceSlice */

static void check_attribute(const cJSON *attribute, const struct model_path *path,
                            struct model_issues *issues)
{
    int n = cJSON_GetArraySize(attribute);
    if (n == 0)
        model_report_required(issues, *path, "exactly one value must be specified");
    else if (n > 1)
        model_report_invalid_raw(issues, *path, KE_STR("null"),
                                 "exactly one value must be specified");
}

static void check_device(const cJSON *device, const struct model_path *path,
                         struct model_issues *issues)
{
    const cJSON *attributes = ke_json_get(device, "attributes");
    const cJSON *capacity = ke_json_get(device, "capacity");
    struct model_path attributes_at = model_path_child(path, "attributes");
    struct model_path capacity_at = model_path_child(path, "capacity");
    int n = cJSON_GetArraySize(attributes) + cJSON_GetArraySize(capacity);
    if (n > ATTRIBUTES_MAX) {
        struct ke_str detail = ke_arena_fmt(
            issues->arena, "the total number of attributes and capacities must not exceed %d",
            ATTRIBUTES_MAX);
        model_report_invalid_int(issues, *path, n, detail.ptr != NULL ? detail.ptr : "");
        return;
    }
    const cJSON *item;
    cJSON_ArrayForEach(item, attributes) {
        struct model_path at = model_path_key(&attributes_at, ke_str_c(item->string));
        (void)model_check_name(issues, at, ke_str_c(item->string), model_name_qualified);
        check_attribute(item, &at, issues);
    }
    cJSON_ArrayForEach(item, capacity)
        (void)model_check_name(issues, model_path_key(&capacity_at, ke_str_c(item->string)),
                               ke_str_c(item->string), model_name_qualified);
}

static void check_nodes(const cJSON *spec, const struct model_path *path,
                        struct model_issues *issues)
{
    static const char *const ways[] = { "nodeName", "nodeSelector", "allNodes",
                                        "perDeviceNodeSelection" };
    size_t n = 0;
    for (size_t i = 0; i < KE_ARRAY_LEN(ways); i++) {
        const cJSON *value = ke_json_get(spec, ways[i]);
        if (value == NULL || model_is_unset(spec, ways[i]) || cJSON_IsFalse(value))
            continue;
        n++;
    }
    if (!model_is_unset(spec, "nodeName"))
        (void)model_check_name(issues, model_path_child(path, "nodeName"),
                               ke_json_str(spec, "nodeName"), model_name_subdomain);
    if (n == 0) {
        model_report_required(issues, *path,
                              "exactly one of `nodeName`, `nodeSelector`, `allNodes`, "
                              "`perDeviceNodeSelection` is required");
    } else if (n > 1) {
        model_report_invalid_raw(issues, *path, KE_STR("{nodeName, nodeSelector, allNodes}"),
                                 "exactly one of `nodeName`, `nodeSelector`, `allNodes`, "
                                 "`perDeviceNodeSelection` is required, but multiple fields are "
                                 "set");
    }
}

static void slice_validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    const cJSON *pool = ke_json_get(spec, "pool");
    struct model_path path = model_path_root("spec");
    struct model_path pool_at = model_path_child(&path, "pool");
    struct model_path list = model_path_child(&path, "devices");
    device_check_driver(model_path_child(&path, "driver"), ke_json_str(spec, "driver"), issues);
    device_check_pool(model_path_child(&pool_at, "name"), ke_json_str(pool, "name"), issues);
    int64_t count = ke_json_i64(pool, "resourceSliceCount", 0);
    if (count <= 0)
        model_report_invalid_int(issues, model_path_child(&pool_at, "resourceSliceCount"), count,
                                 "must be greater than zero");
    (void)model_check_not_negative(issues, model_path_child(&pool_at, "generation"),
                                   ke_json_i64(pool, "generation", 0));
    check_nodes(spec, &path, issues);
    const cJSON *devices = ke_json_get(spec, "devices");
    if (device_check_count(devices, list, DEVICES_MAX, issues)) {
        device_check_names(devices, &list, issues);
        size_t i = 0;
        const cJSON *item;
        cJSON_ArrayForEach(item, devices) {
            struct model_path at = model_path_index(&list, i++);
            check_device(item, &at, issues);
        }
    }
    if (old == NULL)
        return;
    const cJSON *was = ke_json_get(old, "spec");
    model_check_immutable(issues, model_path_child(&path, "driver"), spec, was, "driver");
    model_check_immutable(issues, model_path_child(&pool_at, "name"), pool,
                          ke_json_get(was, "pool"), "name");
    model_check_immutable(issues, model_path_child(&path, "nodeName"), spec, was, "nodeName");
}

static const struct model_selectable slice_fields[] = {
    { "spec.nodeName", NULL, NULL },
    { "spec.driver", NULL, NULL },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_resourceslice = {
    .id = MODEL_RESOURCESLICE,
    .kind = "ResourceSlice",
    .list_kind = "ResourceSliceList",
    .plural = "resourceslices",
    .singular = "resourceslice",
    .prefix = "/registry/resourceslices/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "resource.k8s.io", .version = "v1", .message = "resource.v1.ResourceSlice" },
    },
    .fields = slice_fields,
    .validate = slice_validate,
};
