/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a write of a Service keeps and drops: allocated values that the client left out stay as they
 * were, values that the new type has no use for go, and clusterIP and clusterIPs follow each other.
 * Source: Kubernetes registry/core/service (storage, strategy). Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/service.h"
#include "core/model/values.h"

/* clusterIPs becomes [clusterIP]. */
static bool follow_cluster_ip(cJSON *spec)
{
    struct ke_str ip = ke_json_str(spec, "clusterIP");
    ke_json_del(spec, "clusterIPs");
    cJSON *list = ke_json_need_array(spec, "clusterIPs");
    char *text = ke_str_dup(ip);
    cJSON *item = text != NULL ? cJSON_CreateString(text) : NULL;
    free(text);
    if (list == NULL || item == NULL) {
        cJSON_Delete(item);
        return false;
    }
    return cJSON_AddItemToArray(list, item);
}

bool service_prepare_create(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    if (spec == NULL || !model_set_empty(object, "status"))
        return false;
    cJSON *status = ke_json_get_mut(object, "status");
    if (!model_set_empty(status, "loadBalancer"))
        return false;
    if (!model_is_unset(spec, "clusterIP") && model_is_unset(spec, "clusterIPs"))
        return follow_cluster_ip(spec);
    return true;
}

static bool keep_if_unset(cJSON *spec, const cJSON *old, const char *name)
{
    return !model_is_unset(spec, name) || model_set_copy(spec, name, ke_json_get(old, name));
}

static bool keep_addresses(cJSON *spec, const cJSON *old)
{
    if (!service_needs_cluster_ip(spec) || !service_needs_cluster_ip(old))
        return true;
    if (!keep_if_unset(spec, old, "clusterIP"))
        return false;
    if (model_same_member(spec, old, "clusterIP") && !keep_if_unset(spec, old, "clusterIPs"))
        return false;
    return keep_if_unset(spec, old, "ipFamilies") && keep_if_unset(spec, old, "ipFamilyPolicy");
}

static bool has_node_port(const cJSON *spec, int64_t node_port)
{
    const cJSON *port;
    cJSON_ArrayForEach(port, ke_json_get(spec, "ports")) {
        if (ke_json_i64(port, "nodePort", 0) == node_port)
            return true;
    }
    return false;
}

/* The node port that old gave to the port of this name; 0: none. The last one wins, as upstream. */
static int64_t old_node_port(const cJSON *old, struct ke_str name)
{
    int64_t found = 0;
    const cJSON *port;
    cJSON_ArrayForEach(port, ke_json_get(old, "ports")) {
        if (ke_str_eq(ke_json_str(port, "name"), name))
            found = ke_json_i64(port, "nodePort", 0);
    }
    return found;
}

static bool keep_node_ports(cJSON *spec, const cJSON *old)
{
    if (!service_needs_node_port(spec) || !service_needs_node_port(old))
        return true;
    cJSON *port;
    cJSON_ArrayForEach(port, ke_json_get_mut(spec, "ports")) {
        if (ke_json_i64(port, "nodePort", 0) != 0)
            continue;
        int64_t was = old_node_port(old, ke_json_str(port, "name"));
        if (was == 0 || has_node_port(spec, was))
            continue;
        cJSON *number = cJSON_CreateNumber((double)was);
        if (number == NULL || !ke_json_set(port, "nodePort", number))
            return false;
    }
    return true;
}

static bool keep_health_port(cJSON *spec, const cJSON *old)
{
    if (!service_needs_health_port(spec) || !service_needs_health_port(old) ||
        ke_json_i64(spec, "healthCheckNodePort", 0) != 0)
        return true;
    return model_set_copy(spec, "healthCheckNodePort", ke_json_get(old, "healthCheckNodePort"));
}

/* Clients that know only clusterIP change only that. */
static bool sync_cluster_ips(cJSON *spec, const cJSON *old)
{
    if (model_same_member(spec, old, "clusterIP") || !model_same_member(spec, old, "clusterIPs"))
        return true;
    if (!model_is_unset(spec, "clusterIP"))
        return follow_cluster_ip(spec);
    ke_json_del(spec, "clusterIPs");
    return true;
}

static void drop_if_same(cJSON *spec, const cJSON *old, const char *name)
{
    if (model_same_member(spec, old, name))
        ke_json_del(spec, name);
}

static bool same_node_ports(const cJSON *spec, const cJSON *old)
{
    const cJSON *a = ke_json_get(spec, "ports");
    const cJSON *b = ke_json_get(old, "ports");
    const cJSON *port;
    cJSON_ArrayForEach(port, a) {
        int64_t n = ke_json_i64(port, "nodePort", 0);
        if (n != 0 && !has_node_port(old, n))
            return false;
    }
    cJSON_ArrayForEach(port, b) {
        int64_t n = ke_json_i64(port, "nodePort", 0);
        if (n != 0 && !has_node_port(spec, n))
            return false;
    }
    return true;
}

/* What belongs to the old type goes, unless the client set it anew (then validation speaks). */
static void drop_unneeded(cJSON *spec, const cJSON *old)
{
    if (service_needs_cluster_ip(old) && !service_needs_cluster_ip(spec)) {
        drop_if_same(spec, old, "clusterIPs");
        if (model_is_unset(spec, "clusterIPs"))
            drop_if_same(spec, old, "clusterIP");
        drop_if_same(spec, old, "ipFamilies");
        drop_if_same(spec, old, "ipFamilyPolicy");
    }
    if (service_needs_node_port(old) && !service_needs_node_port(spec) &&
        same_node_ports(spec, old)) {
        cJSON *port;
        cJSON_ArrayForEach(port, ke_json_get_mut(spec, "ports"))
            ke_json_del(port, "nodePort");
    }
    if (service_needs_health_port(old) && !service_needs_health_port(spec))
        drop_if_same(spec, old, "healthCheckNodePort");
    if (service_is_type(old, "LoadBalancer") && !service_is_type(spec, "LoadBalancer")) {
        drop_if_same(spec, old, "allocateLoadBalancerNodePorts");
        drop_if_same(spec, old, "loadBalancerClass");
    }
    if (service_is_external(old) && !service_is_external(spec))
        drop_if_same(spec, old, "externalTrafficPolicy");
}

bool service_prepare_update(cJSON *object, const cJSON *old)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    const cJSON *old_spec = ke_json_get(old, "spec");
    if (spec == NULL || !keep_addresses(spec, old_spec) || !keep_node_ports(spec, old_spec) ||
        !keep_health_port(spec, old_spec) || !sync_cluster_ips(spec, old_spec))
        return false;
    drop_unneeded(spec, old_spec);
    if (service_is_type(spec, "LoadBalancer"))
        return true;
    cJSON *status = ke_json_need_object(object, "status");
    return status != NULL && model_set_empty(status, "loadBalancer");
}
