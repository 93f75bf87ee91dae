/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EndpointSlices: derived by a controller (then lazy) or made by hand (then durable). Source:
 * Kubernetes apis/discovery. Pure; any thread.
 */
#include "core/model/kinds/endpointslice.h"

#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define ENDPOINTS_MAX  1000
#define PORTS_MAX      100
#define ADDRESSES_MAX  100
#define ZONE_HINTS_MAX 8

static bool set_defaults(cJSON *object)
{
    cJSON *port;
    cJSON_ArrayForEach(port, ke_json_get_mut(object, "ports")) {
        if (!model_default_str(port, "name", "") || !model_default_str(port, "protocol", "TCP"))
            return false;
    }
    return true;
}

/* A name of at least two labels; a final dot is allowed. */
static void check_fqdn(struct model_path path, struct ke_str name, struct model_issues *issues)
{
    if (ke_str_is_empty(name)) {
        model_report_required(issues, path, "");
        return;
    }
    if (name.ptr[name.len - 1] == '.')
        name.len--;
    if (!model_check_name(issues, path, name, model_name_subdomain))
        return;
    if (ke_str_find(name, '.') == name.len) {
        model_report_invalid(issues, path, name,
                             "should be a domain with at least two segments separated by dots");
        return;
    }
    struct ke_str rest = name;
    struct ke_str label;
    while (ke_str_split(&rest, '.', &label)) {
        if (!model_check_name(issues, path, label, model_name_label))
            return;
    }
}

static void check_address(struct model_path path, struct ke_str address, struct ke_str type,
                          struct model_issues *issues)
{
    if (ke_str_eq_c(type, "FQDN")) {
        check_fqdn(path, address, issues);
        return;
    }
    bool is_v4 = ke_str_eq_c(type, "IPv4");
    if (!is_v4 && !ke_str_eq_c(type, "IPv6"))
        return;
    struct ke_err err = KE_ERR_INIT;
    struct ke_ip ip;
    enum ke_family family = is_v4 ? KE_FAMILY_IPV4 : KE_FAMILY_IPV6;
    if (ke_ip_parse(address, &ip, &err) != KE_OK || ip.family != family) {
        model_report_invalid(issues, path, address,
                             is_v4 ? "must be a valid IPv4 address"
                                   : "must be a valid IPv6 address");
    }
    model_check_not_special_ip(issues, path, address);
}

static void check_endpoint(const cJSON *endpoint, const struct model_path *path, struct ke_str type,
                           struct model_issues *issues)
{
    const cJSON *addresses = ke_json_get(endpoint, "addresses");
    struct model_path at = model_path_child(path, "addresses");
    size_t n = (size_t)cJSON_GetArraySize(addresses);
    if (n == 0)
        model_report_required(issues, at, "must contain at least 1 address");
    else if (n > ADDRESSES_MAX)
        model_report_too_many(issues, at, n, ADDRESSES_MAX);
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, addresses)
        check_address(model_path_index(&at, i++), ke_json_value_str(item), type, issues);
    if (ke_json_get(endpoint, "nodeName") != NULL)
        (void)model_check_name(issues, model_path_child(path, "nodeName"),
                               ke_json_str(endpoint, "nodeName"), model_name_subdomain);
    model_check_labels(issues, model_path_child(path, "deprecatedTopology"),
                       ke_json_get(endpoint, "deprecatedTopology"));
    if (ke_json_get(endpoint, "hostname") != NULL)
        (void)model_check_name(issues, model_path_child(path, "hostname"),
                               ke_json_str(endpoint, "hostname"), model_name_label);
    const cJSON *zones = ke_json_path(endpoint, "hints.forZones");
    struct model_path hints = model_path_child(path, "hints");
    struct model_path zones_at = model_path_child(&hints, "forZones");
    if (cJSON_GetArraySize(zones) > ZONE_HINTS_MAX)
        model_report_too_many(issues, zones_at, (size_t)cJSON_GetArraySize(zones), ZONE_HINTS_MAX);
}

static void check_port(const cJSON *ports, const cJSON *port, const struct model_path *path,
                       struct model_issues *issues)
{
    struct model_path name_at = model_path_child(path, "name");
    struct ke_str name = ke_json_str(port, "name");
    if (!ke_str_is_empty(name))
        (void)model_check_name(issues, name_at, name, model_name_label);
    const cJSON *earlier;
    cJSON_ArrayForEach(earlier, ports) {
        if (earlier == port)
            break;
        if (ke_str_eq(ke_json_str(earlier, "name"), name)) {
            model_report_duplicate(issues, name_at, name);
            break;
        }
    }
    (void)model_check_protocol(issues, model_path_child(path, "protocol"),
                               ke_json_str(port, "protocol"));
    const cJSON *number = ke_json_get(port, "port");
    if (number != NULL)
        (void)model_check_port(issues, model_path_child(path, "port"),
                               (int64_t)number->valuedouble);
    if (ke_json_get(port, "appProtocol") != NULL)
        (void)model_check_name(issues, model_path_child(path, "appProtocol"),
                               ke_json_str(port, "appProtocol"), model_name_qualified);
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const types[] = { "FQDN", "IPv4", "IPv6", NULL };
    struct ke_str type = ke_json_str(object, "addressType");
    (void)model_check_enum(issues, model_path_root("addressType"), type, types);
    const cJSON *endpoints = ke_json_get(object, "endpoints");
    struct model_path endpoints_at = model_path_root("endpoints");
    size_t n = (size_t)cJSON_GetArraySize(endpoints);
    if (n > ENDPOINTS_MAX)
        model_report_too_many(issues, endpoints_at, n, ENDPOINTS_MAX);
    size_t i = 0;
    const cJSON *checked = n > ENDPOINTS_MAX ? NULL : endpoints;
    const cJSON *item;
    cJSON_ArrayForEach(item, checked) {
        struct model_path at = model_path_index(&endpoints_at, i++);
        check_endpoint(item, &at, type, issues);
    }
    const cJSON *ports = ke_json_get(object, "ports");
    struct model_path ports_at = model_path_root("ports");
    n = (size_t)cJSON_GetArraySize(ports);
    if (n > PORTS_MAX)
        model_report_too_many(issues, ports_at, n, PORTS_MAX);
    i = 0;
    checked = n > PORTS_MAX ? NULL : ports;
    cJSON_ArrayForEach(item, checked) {
        struct model_path at = model_path_index(&ports_at, i++);
        check_port(ports, item, &at, issues);
    }
    if (old != NULL && !model_same_member(object, old, "addressType"))
        model_report_invalid(issues, model_path_root("addressType"), type, "field is immutable");
}

/* The controllers' names are those of kube-controller-manager. */
static enum model_durability durability_of(const cJSON *object)
{
    const cJSON *labels = ke_json_path(object, "metadata.labels");
    struct ke_str by = ke_json_str(labels, "endpointslice.kubernetes.io/managed-by");
    bool is_derived = ke_str_eq_c(by, "endpointslice-controller.k8s.io") ||
                      ke_str_eq_c(by, "endpointslicemirroring-controller.k8s.io");
    return is_derived ? MODEL_LAZY : MODEL_DURABLE;
}

const struct model_kind model_kind_endpointslice = {
    .id = MODEL_ENDPOINTSLICE,
    .kind = "EndpointSlice",
    .list_kind = "EndpointSliceList",
    .plural = "endpointslices",
    .singular = "endpointslice",
    .prefix = "/registry/endpointslices/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "discovery.k8s.io", .version = "v1", .message = "discovery.v1.EndpointSlice" },
        { .group = "discovery.k8s.io", .version = "v1beta1", .message = "discovery.v1beta1.EndpointSlice", .to_storage = endpointslice_from_v1beta1, .from_storage = endpointslice_to_v1beta1 },
    },
    .set_defaults = set_defaults,
    .validate = validate,
    .durability_of = durability_of,
};
