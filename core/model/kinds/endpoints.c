/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Endpoints: derived by the endpoints controller (then lazy: they can be made again) or made by
 * hand (then durable). Source: Kubernetes apis/core/validation; the label is that of KEP-4974.
 * Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"

static bool default_ports(cJSON *subset)
{
    cJSON *port;
    cJSON_ArrayForEach(port, ke_json_get_mut(subset, "ports")) {
        if (!model_default_str(port, "protocol", "TCP"))
            return false;
    }
    return true;
}

static bool set_defaults(cJSON *object)
{
    cJSON *subset;
    cJSON_ArrayForEach(subset, ke_json_get_mut(object, "subsets")) {
        if (!default_ports(subset))
            return false;
    }
    return true;
}

static void check_addresses(const cJSON *list, struct model_path path, struct model_issues *issues)
{
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        struct model_path at = model_path_index(&path, i++);
        struct model_path ip_at = model_path_child(&at, "ip");
        struct ke_str ip = ke_json_str(item, "ip");
        (void)model_check_ip(issues, ip_at, ip, NULL);
        struct ke_str host = ke_json_str(item, "hostname");
        if (!ke_str_is_empty(host))
            (void)model_check_name(issues, model_path_child(&at, "hostname"), host,
                                   model_name_label);
        if (ke_json_get(item, "nodeName") != NULL)
            (void)model_check_name(issues, model_path_child(&at, "nodeName"),
                                   ke_json_str(item, "nodeName"), model_name_subdomain);
        model_check_not_special_ip(issues, ip_at, ip);
    }
}

static void check_ports(const cJSON *list, struct model_path path, struct model_issues *issues)
{
    size_t i = 0;
    const cJSON *port;
    cJSON_ArrayForEach(port, list) {
        struct model_path at = model_path_index(&path, i++);
        struct model_path name_at = model_path_child(&at, "name");
        struct ke_str name = ke_json_str(port, "name");
        if (!ke_str_is_empty(name))
            (void)model_check_name(issues, name_at, name, model_name_label);
        else if (cJSON_GetArraySize(list) > 1)
            model_report_required(issues, name_at, "");
        (void)model_check_port(issues, model_path_child(&at, "port"), ke_json_i64(port, "port", 0));
        (void)model_check_protocol(issues, model_path_child(&at, "protocol"),
                                   ke_json_str(port, "protocol"));
        if (ke_json_get(port, "appProtocol") != NULL)
            (void)model_check_name(issues, model_path_child(&at, "appProtocol"),
                                   ke_json_str(port, "appProtocol"), model_name_qualified);
    }
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    struct model_path root = model_path_root("subsets");
    size_t i = 0;
    const cJSON *subset;
    cJSON_ArrayForEach(subset, ke_json_get(object, "subsets")) {
        struct model_path at = model_path_index(&root, i++);
        if (model_is_unset(subset, "addresses") && model_is_unset(subset, "notReadyAddresses"))
            model_report_required(issues, at, "must specify `addresses` or `notReadyAddresses`");
        check_addresses(ke_json_get(subset, "addresses"), model_path_child(&at, "addresses"),
                        issues);
        check_addresses(ke_json_get(subset, "notReadyAddresses"),
                        model_path_child(&at, "notReadyAddresses"), issues);
        check_ports(ke_json_get(subset, "ports"), model_path_child(&at, "ports"), issues);
    }
}

static enum model_durability durability_of(const cJSON *object)
{
    const cJSON *labels = ke_json_path(object, "metadata.labels");
    struct ke_str by = ke_json_str(labels, "endpoints.kubernetes.io/managed-by");
    return ke_str_eq_c(by, "endpoint-controller") ? MODEL_LAZY : MODEL_DURABLE;
}

const struct model_kind model_kind_endpoints = {
    .id = MODEL_ENDPOINTS,
    .kind = "Endpoints",
    .list_kind = "EndpointsList",
    .plural = "endpoints",
    .singular = "endpoints",
    .short_names = { "ep" },
    .prefix = "/registry/services/endpoints/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .can_create_on_update = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Endpoints" },
    },
    .set_defaults = set_defaults,
    .validate = validate,
    .durability_of = durability_of,
};
