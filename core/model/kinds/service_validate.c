/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of Services, in the order and words of Kubernetes apis/core/validation. What is
 * allocated (clusterIP, node ports, health check port) may be absent here: core/resource fills it
 * in and answers for ranges and collisions. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/service.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define AFFINITY_SECONDS_MAX 86400

static void check_headless(const cJSON *spec, const struct model_path *path, const char *type,
                           struct model_issues *issues)
{
    if (!service_is_headless(spec))
        return;
    struct model_path ips = model_path_child(path, "clusterIPs");
    struct ke_str detail =
        ke_arena_fmt(issues->arena, "may not be set to 'None' for %s services", type);
    model_report_invalid(issues, model_path_index(&ips, 0), KE_STR("None"),
                         detail.ptr != NULL ? detail.ptr : "");
}

static void check_external_name(const cJSON *spec, const struct model_path *path,
                                struct model_issues *issues)
{
    static const char *const unset[] = { "clusterIPs", "ipFamilies", "ipFamilyPolicy" };
    for (size_t i = 0; i < KE_ARRAY_LEN(unset); i++) {
        if (!model_is_unset(spec, unset[i])) {
            model_report_forbidden(issues, model_path_child(path, unset[i]),
                                   "may not be set for ExternalName services");
        }
    }
    struct ke_str name = ke_json_str(spec, "externalName");
    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    struct model_path at = model_path_child(path, "externalName");
    if (ke_str_is_empty(name))
        model_report_required(issues, at, "");
    else
        (void)model_check_name(issues, at, name, model_name_subdomain);
}

static void check_type(const cJSON *spec, const struct model_path *path,
                       struct model_issues *issues)
{
    if (service_is_type(spec, "LoadBalancer"))
        check_headless(spec, path, "LoadBalancer", issues);
    else if (service_is_type(spec, "NodePort"))
        check_headless(spec, path, "NodePort", issues);
    else if (service_is_type(spec, "ExternalName"))
        check_external_name(spec, path, issues);
}

/* Does an item before this one have the same name? */
static bool is_name_taken(const cJSON *list, const cJSON *item)
{
    const cJSON *earlier;
    cJSON_ArrayForEach(earlier, list) {
        if (earlier == item)
            return false;
        if (ke_str_eq(ke_json_str(earlier, "name"), ke_json_str(item, "name")))
            return true;
    }
    return false;
}

static void check_port(const cJSON *ports, const cJSON *port, const struct model_path *path,
                       struct model_issues *issues)
{
    struct ke_str name = ke_json_str(port, "name");
    struct model_path at = model_path_child(path, "name");
    if (!ke_str_is_empty(name)) {
        (void)model_check_name(issues, at, name, model_name_label);
        if (is_name_taken(ports, port))
            model_report_duplicate(issues, at, name);
    } else if (cJSON_GetArraySize(ports) > 1) {
        model_report_required(issues, at, "");
    }
    (void)model_check_port(issues, model_path_child(path, "port"), ke_json_i64(port, "port", 0));
    (void)model_check_protocol(issues, model_path_child(path, "protocol"),
                               ke_json_str(port, "protocol"));
    model_check_port_or_name(issues, model_path_child(path, "targetPort"),
                             ke_json_get(port, "targetPort"));
    const cJSON *app = ke_json_get(port, "appProtocol");
    if (app != NULL) {
        (void)model_check_name(issues, model_path_child(path, "appProtocol"),
                               ke_json_value_str(app), model_name_qualified);
    }
}

static void check_affinity(const cJSON *spec, const struct model_path *path,
                           struct model_issues *issues)
{
    static const char *const allowed[] = { "ClientIP", "None", NULL };
    static const char missing[] = "when session affinity type is ClientIP";
    struct ke_str affinity = ke_json_str(spec, "sessionAffinity");
    (void)model_check_enum(issues, model_path_child(path, "sessionAffinity"), affinity, allowed);
    struct model_path at = model_path_child(path, "sessionAffinityConfig");
    const cJSON *config = ke_json_get(spec, "sessionAffinityConfig");
    if (ke_str_eq_c(affinity, "None") && config != NULL)
        model_report_forbidden(issues, at, "must not be set when session affinity is None");
    if (!ke_str_eq_c(affinity, "ClientIP"))
        return;
    struct model_path client_at = model_path_child(&at, "clientIP");
    const cJSON *client = ke_json_get(config, "clientIP");
    const cJSON *timeout = ke_json_get(client, "timeoutSeconds");
    struct model_path timeout_at = model_path_child(&client_at, "timeoutSeconds");
    if (config == NULL) {
        model_report_required(issues, at, missing);
    } else if (client == NULL) {
        model_report_required(issues, client_at, missing);
    } else if (timeout == NULL) {
        model_report_required(issues, timeout_at, missing);
    } else if (timeout->valuedouble <= 0 || timeout->valuedouble > AFFINITY_SECONDS_MAX) {
        model_report_invalid_int(issues, timeout_at, (int64_t)timeout->valuedouble,
                                 "must be greater than 0 and less than 86400");
    }
}

static void check_external_ips(const cJSON *spec, const struct model_path *path,
                               struct model_issues *issues)
{
    struct model_path list = model_path_child(path, "externalIPs");
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(spec, "externalIPs")) {
        struct model_path at = model_path_index(&list, i++);
        struct ke_str ip = ke_json_value_str(item);
        if (model_check_ip(issues, at, ip, NULL))
            model_check_not_special_ip(issues, at, ip);
    }
}

/* Does a port before this one have the same protocol and the same number in `member`? */
static bool is_number_taken(const cJSON *ports, const cJSON *port, const char *member)
{
    const cJSON *earlier;
    cJSON_ArrayForEach(earlier, ports) {
        if (earlier == port)
            return false;
        if (ke_json_i64(earlier, member, 0) == ke_json_i64(port, member, 0) &&
            ke_str_eq(ke_json_str(earlier, "protocol"), ke_json_str(port, "protocol")))
            return true;
    }
    return false;
}

/* Upstream prints the key it compares by as a Go struct. */
static struct ke_str print_port_key(struct model_issues *issues, const cJSON *port)
{
    return ke_arena_fmt(issues->arena,
                        "core.ServicePort{Name:\"\", Protocol:\"%.*s\", "
                        "AppProtocol:(*string)(nil), Port:%d, TargetPort:intstr.IntOrString{"
                        "Type:0, IntVal:0, StrVal:\"\"}, NodePort:0}",
                        KE_STR_ARG(ke_json_str(port, "protocol")),
                        (int)ke_json_i64(port, "port", 0));
}

static void check_port_numbers(const cJSON *spec, const struct model_path *path,
                               struct model_issues *issues)
{
    struct model_path list = model_path_child(path, "ports");
    const cJSON *ports = ke_json_get(spec, "ports");
    const cJSON *port;
    size_t i = 0;
    cJSON_ArrayForEach(port, ports) {
        struct model_path at = model_path_index(&list, i++);
        if (service_is_type(spec, "ClusterIP") && ke_json_i64(port, "nodePort", 0) != 0) {
            model_report_forbidden(issues, model_path_child(&at, "nodePort"),
                                   "may not be used when `type` is 'ClusterIP'");
        }
    }
    i = 0;
    cJSON_ArrayForEach(port, ports) {
        struct model_path at = model_path_index(&list, i++);
        int64_t number = ke_json_i64(port, "nodePort", 0);
        if (number != 0 && is_number_taken(ports, port, "nodePort")) {
            model_report_duplicate_raw(issues, model_path_child(&at, "nodePort"),
                                       ke_arena_fmt(issues->arena, "%d", (int)number));
        }
    }
    i = 0;
    cJSON_ArrayForEach(port, ports) {
        struct model_path at = model_path_index(&list, i++);
        if (is_number_taken(ports, port, "port"))
            model_report_duplicate_raw(issues, at, print_port_key(issues, port));
    }
}

static void check_ranges_list(const cJSON *spec, const struct model_path *path,
                              struct model_issues *issues)
{
    struct model_path list = model_path_child(path, "LoadBalancerSourceRanges");
    if (!service_is_type(spec, "LoadBalancer")) {
        model_report_forbidden(issues, list, "may only be used when `type` is 'LoadBalancer'");
    }
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(spec, "loadBalancerSourceRanges")) {
        struct ke_str range = ke_str_trim(ke_json_value_str(item));
        (void)model_check_cidr(issues, model_path_index(&list, i++), range);
    }
}

/* The annotation is what the field was before it was a field. */
static void check_source_ranges(const cJSON *object, const cJSON *spec,
                                const struct model_path *path, struct model_issues *issues)
{
    static const char annotation[] = "service.beta.kubernetes.io/load-balancer-source-ranges";
    if (!model_is_unset(spec, "loadBalancerSourceRanges")) {
        check_ranges_list(spec, path, issues);
        return;
    }
    const cJSON *value =
        ke_json_get(ke_json_get(ke_json_get(object, "metadata"), "annotations"), annotation);
    if (value == NULL)
        return;
    struct model_path meta = model_path_root("metadata");
    struct model_path annotations = model_path_child(&meta, "annotations");
    struct model_path at = model_path_key(&annotations, ke_str_c(annotation));
    if (!service_is_type(spec, "LoadBalancer"))
        model_report_forbidden(issues, at, "may only be used when `type` is 'LoadBalancer'");
    struct ke_str rest = ke_str_trim(ke_json_value_str(value));
    if (ke_str_is_empty(rest))
        return;
    struct ke_str part;
    while (ke_str_split(&rest, ',', &part))
        (void)model_check_cidr(issues, at, ke_str_trim(part));
}

static void check_lb_fields(const cJSON *spec, const cJSON *old, const struct model_path *path,
                            struct model_issues *issues)
{
    bool is_lb = service_is_type(spec, "LoadBalancer");
    if (!is_lb && ke_json_get(spec, "allocateLoadBalancerNodePorts") != NULL) {
        model_report_forbidden(issues, model_path_child(path, "allocateLoadBalancerNodePorts"),
                               "may only be used when `type` is 'LoadBalancer'");
    }
    const cJSON *class = ke_json_get(spec, "loadBalancerClass");
    struct model_path at = model_path_child(path, "loadBalancerClass");
    if (old != NULL && is_lb && service_is_type(old, "LoadBalancer") &&
        !model_same_member(spec, old, "loadBalancerClass")) {
        struct ke_str text = ke_json_value_str(class);
        if (class != NULL)
            model_report_invalid(issues, at, text, "may not change once set");
        else
            model_report_invalid_raw(issues, at, KE_STR("\"null\""), "may not change once set");
    }
    if (class == NULL)
        return;
    if (is_lb)
        (void)model_check_name(issues, at, ke_json_value_str(class), model_name_qualified);
    else
        model_report_forbidden(issues, at, "may only be used when `type` is 'LoadBalancer'");
}

static void check_policies(const cJSON *spec, const cJSON *old, const struct model_path *path,
                           struct model_issues *issues)
{
    static const char *const policies[] = { "Cluster", "Local", NULL };
    struct ke_str external = ke_json_str(spec, "externalTrafficPolicy");
    struct model_path at = model_path_child(path, "externalTrafficPolicy");
    if (service_is_external(spec))
        (void)model_check_enum(issues, at, external, policies);
    else if (!ke_str_is_empty(external))
        model_report_invalid(issues, at, external,
                             "may only be set for externally-accessible services");
    int64_t port = ke_json_i64(spec, "healthCheckNodePort", 0);
    struct model_path port_at = model_path_child(path, "healthCheckNodePort");
    if (port != 0 && !service_needs_health_port(spec)) {
        model_report_invalid_int(issues, port_at, port,
                                 "may only be set when `type` is 'LoadBalancer' and "
                                 "`externalTrafficPolicy` is 'Local'");
    } else if (port != 0) {
        (void)model_check_port(issues, port_at, port);
    }
    if (old != NULL && service_needs_health_port(spec) && service_needs_health_port(old) &&
        port != ke_json_i64(old, "healthCheckNodePort", 0))
        model_report_forbidden(issues, port_at, "field is immutable");
    const cJSON *internal = ke_json_get(spec, "internalTrafficPolicy");
    if (internal != NULL || service_needs_cluster_ip(spec)) {
        (void)model_check_enum(issues, model_path_child(path, "internalTrafficPolicy"),
                               ke_json_value_str(internal), policies);
    }
    static const char *const distributions[] = { "PreferClose", NULL };
    const cJSON *distribution = ke_json_get(spec, "trafficDistribution");
    if (distribution != NULL) {
        (void)model_check_enum(issues, model_path_child(path, "trafficDistribution"),
                               ke_json_value_str(distribution), distributions);
    }
}

void service_validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const types[] = { "ClusterIP", "ExternalName", "LoadBalancer", "NodePort",
                                         NULL };
    const cJSON *spec = ke_json_get(object, "spec");
    const cJSON *old_spec = ke_json_get(old, "spec");
    struct model_path path = model_path_root("spec");
    if (old_spec != NULL)
        service_validate_ips_update(spec, old_spec, issues);
    const cJSON *ports = ke_json_get(spec, "ports");
    if (cJSON_GetArraySize(ports) == 0 && !service_is_headless(spec) &&
        service_needs_cluster_ip(spec))
        model_report_required(issues, model_path_child(&path, "ports"), "");
    check_type(spec, &path, issues);
    struct model_path list = model_path_child(&path, "ports");
    if (!model_check_count(issues, list, ports))
        return;
    size_t i = 0;
    const cJSON *port;
    cJSON_ArrayForEach(port, ports) {
        struct model_path at = model_path_index(&list, i++);
        check_port(ports, port, &at, issues);
    }
    model_check_labels(issues, model_path_child(&path, "selector"), ke_json_get(spec, "selector"));
    check_affinity(spec, &path, issues);
    if (service_needs_cluster_ip(spec))
        service_validate_ips(spec, issues);
    check_external_ips(spec, &path, issues);
    (void)model_check_enum(issues, model_path_child(&path, "type"), ke_json_str(spec, "type"),
                           types);
    check_port_numbers(spec, &path, issues);
    check_source_ranges(object, spec, &path, issues);
    check_lb_fields(spec, old_spec, &path, issues);
    check_policies(spec, old_spec, &path, issues);
}

void service_validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const modes[] = { "Proxy", "VIP", NULL };
    (void)old;
    struct model_path status = model_path_root("status");
    struct model_path lb = model_path_child(&status, "loadBalancer");
    struct model_path list = model_path_child(&lb, "ingress");
    const cJSON *ingress = ke_json_path(object, "status.loadBalancer.ingress");
    if (!service_is_type(ke_json_get(object, "spec"), "LoadBalancer")) {
        if (cJSON_GetArraySize(ingress) > 0)
            model_report_forbidden(issues, list,
                                   "may only be used when `spec.type` is 'LoadBalancer'");
        return;
    }
    model_check_lb_ingress(issues, list, ingress);
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ingress) {
        struct model_path at = model_path_index(&list, i++);
        struct model_path mode_at = model_path_child(&at, "ipMode");
        struct ke_str mode = ke_json_str(item, "ipMode");
        bool has_ip = !model_is_unset(item, "ip");
        if (has_ip && mode.len == 0)
            model_report_required(issues, mode_at, "must be specified when `ip` is set");
        else if (!has_ip && mode.len > 0)
            model_report_forbidden(issues, mode_at, "may not be specified when `ip` is not set");
        else if (mode.len > 0)
            (void)model_check_enum(issues, mode_at, mode, modes);
    }
}
