/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services: the row, what each type needs, and defaults. Addresses and node ports are allocated in
 * core/resource. Source: Kubernetes apis/core/v1/defaults.go. Pure; any thread.
 */
#include "core/model/kinds/service.h"

#include "core/base/json.h"
#include "core/model/values.h"

#define AFFINITY_SECONDS 10800

bool service_is_type(const cJSON *spec, const char *type)
{
    return ke_str_eq_c(ke_json_str(spec, "type"), type);
}

bool service_is_headless(const cJSON *spec)
{
    const cJSON *ips = ke_json_get(spec, "clusterIPs");
    return cJSON_GetArraySize(ips) == 1 && ke_str_eq_c(ke_json_value_str(ips->child), "None");
}

bool service_needs_cluster_ip(const cJSON *spec)
{
    return !service_is_type(spec, "ExternalName");
}

bool service_needs_node_port(const cJSON *spec)
{
    return service_is_type(spec, "NodePort") ||
           (service_is_type(spec, "LoadBalancer") &&
            ke_json_bool(spec, "allocateLoadBalancerNodePorts", true));
}

bool service_is_external(const cJSON *spec)
{
    return service_is_type(spec, "LoadBalancer") || service_is_type(spec, "NodePort") ||
           (service_is_type(spec, "ClusterIP") && !model_is_unset(spec, "externalIPs"));
}

bool service_needs_health_port(const cJSON *spec)
{
    return service_is_type(spec, "LoadBalancer") &&
           ke_str_eq_c(ke_json_str(spec, "externalTrafficPolicy"), "Local");
}

static bool default_affinity(cJSON *spec)
{
    if (!model_default_str(spec, "sessionAffinity", "None"))
        return false;
    struct ke_str affinity = ke_json_str(spec, "sessionAffinity");
    if (ke_str_eq_c(affinity, "None")) {
        ke_json_del(spec, "sessionAffinityConfig");
        return true;
    }
    if (!ke_str_eq_c(affinity, "ClientIP"))
        return true;
    cJSON *config = ke_json_need_object(spec, "sessionAffinityConfig");
    cJSON *client = config != NULL ? ke_json_need_object(config, "clientIP") : NULL;
    return client != NULL && model_default_num(client, "timeoutSeconds", AFFINITY_SECONDS);
}

/* targetPort is unset as 0 or "" too. */
static bool default_port(cJSON *port)
{
    if (!model_default_str(port, "protocol", "TCP"))
        return false;
    const cJSON *target = ke_json_get(port, "targetPort");
    bool is_zero = cJSON_IsNumber(target) && target->valuedouble == 0;
    if (!is_zero && !model_is_unset(port, "targetPort"))
        return true;
    cJSON *number = cJSON_CreateNumber((double)ke_json_i64(port, "port", 0));
    return number != NULL && ke_json_set(port, "targetPort", number);
}

static bool default_lb_status(cJSON *object)
{
    cJSON *status = ke_json_need_object(object, "status");
    cJSON *lb = status != NULL ? ke_json_need_object(status, "loadBalancer") : NULL;
    if (lb == NULL)
        return false;
    cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get_mut(lb, "ingress")) {
        if (!ke_str_is_empty(ke_json_str(item, "ip")) && !model_default_str(item, "ipMode", "VIP"))
            return false;
    }
    return true;
}

static bool set_defaults(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    if (spec == NULL || !default_lb_status(object))
        return false;
    cJSON *port;
    cJSON_ArrayForEach(port, ke_json_get_mut(spec, "ports")) {
        if (!default_port(port))
            return false;
    }
    if (!model_default_str(spec, "type", "ClusterIP") || !default_affinity(spec))
        return false;
    if (service_is_external(spec) && !model_default_str(spec, "externalTrafficPolicy", "Cluster"))
        return false;
    if (service_needs_cluster_ip(spec) &&
        !model_default_str(spec, "internalTrafficPolicy", "Cluster"))
        return false;
    return !service_is_type(spec, "LoadBalancer") ||
           model_default_bool(spec, "allocateLoadBalancerNodePorts", true);
}

static const struct model_selectable fields[] = {
    { "spec.clusterIP", NULL, NULL },
    { "spec.type", NULL, NULL },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_service = {
    .id = MODEL_SERVICE,
    .kind = "Service",
    .list_kind = "ServiceList",
    .plural = "services",
    .singular = "service",
    .short_names = { "svc" },
    .categories = { "all" },
    .prefix = "/registry/services/specs/",
    .name_rule = MODEL_NAME_LABEL_1035,
    .is_namespaced = true,
    .has_status = true,
    .can_update_unconditionally = true,
    .can_create_on_update = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Service" },
    },
    .subresources = {
        { .name = "proxy",
          .verbs = VERBS_PROXY,
          .speaks = &model_kind_service_proxy_options,
          .is_connection = true },
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = fields,
    .set_defaults = set_defaults,
    .prepare_create = service_prepare_create,
    .prepare_update = service_prepare_update,
    .validate = service_validate,
    .validate_status = service_validate_status,
};
