/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Views of what carries traffic: metadata, Services, EndpointSlices, Pods, Nodes. Decoded from
 * stored JSON into an arena; what does not fit is left out. Pure; any thread.
 */
#include "core/model/views.h"

#include "core/base/clock.h"
#include "core/model/views_decode.h"

#define DEFAULT_AFFINITY_TIMEOUT_S 10800

struct ke_str model_pairs_get(const struct model_pair *pairs, size_t n_pairs, struct ke_str key)
{
    size_t low = 0;
    size_t high = n_pairs;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = ke_str_cmp(pairs[middle].key, key);
        if (order == 0)
            return pairs[middle].value;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return ke_str_of(NULL, 0);
}

/* ---- what the decoders share --------------------------------------------------------------- */

struct ke_str view_copy(struct view_decoder *d, struct ke_str s)
{
    if (s.len == 0)
        return ke_str_of("", 0);
    struct ke_str copy = ke_arena_str(d->arena, s);
    if (copy.ptr == NULL)
        d->is_out_of_memory = true;
    return copy;
}

struct ke_str view_str(struct view_decoder *d, const cJSON *object, const char *name)
{
    return view_copy(d, ke_json_str(object, name));
}

void *view_array(struct view_decoder *d, size_t *n, size_t size)
{
    if (*n == 0)
        return NULL;
    void *array = ke_arena_alloc_n(d->arena, *n, size);
    if (array == NULL) {
        d->is_out_of_memory = true;
        *n = 0;
    }
    return array;
}

const cJSON *view_list(const cJSON *json)
{
    return cJSON_IsArray(json) ? json : NULL;
}

size_t view_list_len(const cJSON *list)
{
    int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;
    return n > 0 ? (size_t)n : 0;
}

uint16_t view_port(const cJSON *object, const char *name)
{
    int64_t port = ke_json_i64(object, name, 0);
    return port > 0 && port <= UINT16_MAX ? (uint16_t)port : 0;
}

enum ke_proto view_proto(const cJSON *object)
{
    enum ke_proto proto;
    return ke_proto_parse(ke_json_str(object, "protocol"), &proto) ? proto : KE_PROTO_TCP;
}

bool view_ip(struct ke_str text, struct ke_ip *out)
{
    struct ke_err err = KE_ERR_INIT;
    return ke_ip_parse(text, out, &err) == KE_OK;
}

bool view_cidr(struct ke_str text, struct ke_cidr *out)
{
    struct ke_err err = KE_ERR_INIT;
    return ke_cidr_parse(ke_str_trim(text), out, &err) == KE_OK;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct model_pair *left = a;
    const struct model_pair *right = b;
    return ke_str_cmp(left->key, right->key);
}

void view_pairs(struct view_decoder *d, const cJSON *object, struct model_pair **out, size_t *out_n)
{
    *out = NULL;
    *out_n = 0;
    if (!cJSON_IsObject(object))
        return;
    size_t n = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, object) {
        n += cJSON_IsString(item) ? 1 : 0;
    }
    struct model_pair *pairs = view_array(d, &n, sizeof(*pairs));
    if (pairs == NULL)
        return;
    size_t i = 0;
    cJSON_ArrayForEach(item, object) {
        if (!cJSON_IsString(item))
            continue;
        pairs[i].key = view_copy(d, ke_str_c(item->string));
        pairs[i].value = view_copy(d, ke_str_c(item->valuestring));
        i++;
    }
    if (d->is_out_of_memory)
        return;
    qsort(pairs, n, sizeof(*pairs), compare_pairs);
    *out = pairs;
    *out_n = n;
}

static int64_t read_time(const cJSON *object, const char *name)
{
    struct ke_err err = KE_ERR_INIT;
    int64_t us = 0;
    struct ke_str text = ke_json_str(object, name);
    if (text.len == 0 || ke_time_parse_us(text, &us, &err) != KE_OK)
        return 0;
    return us;
}

void view_meta(struct view_decoder *d, const cJSON *json, struct model_meta *out)
{
    const cJSON *meta = ke_json_get(json, "metadata");
    out->ns = view_str(d, meta, "namespace");
    out->name = view_str(d, meta, "name");
    out->uid = view_str(d, meta, "uid");
    out->resource_version = view_str(d, meta, "resourceVersion");
    out->generation = ke_json_i64(meta, "generation", 0);
    out->created_us = read_time(meta, "creationTimestamp");
    out->deleted_us = read_time(meta, "deletionTimestamp");
    view_pairs(d, ke_json_get(meta, "labels"), &out->labels, &out->n_labels);
    view_pairs(d, ke_json_get(meta, "annotations"), &out->annotations, &out->n_annotations);
}

const cJSON *view_condition(const cJSON *json, const char *type)
{
    const cJSON *conditions = ke_json_path(json, "status.conditions");
    if (!cJSON_IsArray(conditions))
        return NULL;
    const cJSON *condition;
    cJSON_ArrayForEach(condition, conditions) {
        if (ke_str_eq_c(ke_json_str(condition, "type"), type))
            return condition;
    }
    return NULL;
}

static bool is_condition_true(const cJSON *condition)
{
    return ke_str_eq(ke_json_str(condition, "status"), KE_STR("True"));
}

/* ---- Service ------------------------------------------------------------------------------- */

static enum model_service_type read_service_type(struct ke_str text)
{
    if (ke_str_eq(text, KE_STR("NodePort")))
        return MODEL_SERVICE_NODE_PORT;
    if (ke_str_eq(text, KE_STR("LoadBalancer")))
        return MODEL_SERVICE_LOAD_BALANCER;
    if (ke_str_eq(text, KE_STR("ExternalName")))
        return MODEL_SERVICE_EXTERNAL_NAME;
    return MODEL_SERVICE_CLUSTER_IP;
}

/* targetPort: a number, a name, digits as text (as the API takes them), or absent: the port. */
static struct model_port_ref read_target_port(struct view_decoder *d, const cJSON *port,
                                              uint16_t if_absent)
{
    struct model_port_ref ref = { .number = view_port(port, "targetPort") };
    struct ke_str name = ke_json_str(port, "targetPort");
    if (name.len > 0)
        ref.name = view_copy(d, name);
    else if (ref.number == 0)
        ref.number = if_absent;
    return ref;
}

static void read_service_ports(struct view_decoder *d, const cJSON *list, struct model_service *out)
{
    size_t n = view_list_len(list);
    out->ports = view_array(d, &n, sizeof(*out->ports));
    if (out->ports == NULL)
        return;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        uint16_t number = view_port(item, "port");
        if (number == 0)
            continue;
        struct model_service_port *port = &out->ports[out->n_ports];
        out->n_ports++;
        port->name = view_str(d, item, "name");
        port->proto = view_proto(item);
        port->app_protocol = view_str(d, item, "appProtocol");
        port->port = number;
        port->node_port = view_port(item, "nodePort");
        port->target_port = read_target_port(d, item, number);
    }
}

static void read_cluster_ips(const cJSON *spec, struct model_service *out)
{
    struct ke_str first = ke_json_str(spec, "clusterIP");
    const cJSON *list = ke_json_get(spec, "clusterIPs");
    if (view_list_len(list) > 0) {
        first = ke_json_value_str(cJSON_GetArrayItem(list, 0));
        const cJSON *item;
        cJSON_ArrayForEach(item, list) {
            if (out->n_cluster_ips < KE_ARRAY_LEN(out->cluster_ips) &&
                view_ip(ke_json_value_str(item), &out->cluster_ips[out->n_cluster_ips]))
                out->n_cluster_ips++;
        }
    } else if (view_ip(first, &out->cluster_ips[0])) {
        out->n_cluster_ips = 1;
    }
    out->is_headless = ke_str_eq(first, KE_STR("None"));
}

static struct ke_ip *read_ips(struct view_decoder *d, const cJSON *list, size_t *out_n)
{
    *out_n = 0;
    size_t n = view_list_len(list);
    struct ke_ip *ips = view_array(d, &n, sizeof(*ips));
    if (ips == NULL)
        return NULL;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (view_ip(ke_json_value_str(item), &ips[*out_n]))
            (*out_n)++;
    }
    return ips;
}

/* ipMode Proxy: traffic must go through the balancer, not be short-cut here. */
static void read_lb_ips(struct view_decoder *d, const cJSON *json, struct model_service *out)
{
    const cJSON *list = ke_json_path(json, "status.loadBalancer.ingress");
    size_t n = view_list_len(list);
    out->lb_ips = view_array(d, &n, sizeof(*out->lb_ips));
    if (out->lb_ips == NULL)
        return;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (!ke_str_eq(ke_json_str(item, "ipMode"), KE_STR("Proxy")) &&
            view_ip(ke_json_str(item, "ip"), &out->lb_ips[out->n_lb_ips]))
            out->n_lb_ips++;
    }
}

static void read_source_ranges(struct view_decoder *d, const cJSON *list, struct model_service *out)
{
    size_t n = view_list_len(list);
    out->source_ranges = view_array(d, &n, sizeof(*out->source_ranges));
    if (out->source_ranges == NULL)
        return;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (view_cidr(ke_json_value_str(item), &out->source_ranges[out->n_source_ranges]))
            out->n_source_ranges++;
    }
}

static void read_service_policies(struct view_decoder *d, const cJSON *spec,
                                  struct model_service *out)
{
    static const struct ke_str LOCAL = { "Local", 5 };
    out->has_client_ip_affinity =
        ke_str_eq(ke_json_str(spec, "sessionAffinity"), KE_STR("ClientIP"));
    int64_t timeout = ke_json_i64(ke_json_path(spec, "sessionAffinityConfig.clientIP"),
                                  "timeoutSeconds", DEFAULT_AFFINITY_TIMEOUT_S);
    bool is_sane = timeout > 0 && timeout <= UINT32_MAX;
    out->affinity_timeout_s = is_sane ? (uint32_t)timeout : DEFAULT_AFFINITY_TIMEOUT_S;
    out->is_internal_local = ke_str_eq(ke_json_str(spec, "internalTrafficPolicy"), LOCAL);
    out->is_external_local = ke_str_eq(ke_json_str(spec, "externalTrafficPolicy"), LOCAL);
    out->publish_not_ready = ke_json_bool(spec, "publishNotReadyAddresses", false);
    out->health_check_node_port = view_port(spec, "healthCheckNodePort");
    out->traffic_distribution = view_str(d, spec, "trafficDistribution");
}

bool model_service_decode(const cJSON *json, struct ke_arena *arena, struct model_service *out)
{
    struct view_decoder d = { .arena = arena };
    memset(out, 0, sizeof(*out));
    view_meta(&d, json, &out->meta);
    const cJSON *spec = ke_json_get(json, "spec");
    out->type = read_service_type(ke_json_str(spec, "type"));
    out->external_name = view_str(&d, spec, "externalName");
    if (out->type != MODEL_SERVICE_EXTERNAL_NAME)
        read_cluster_ips(spec, out);
    out->external_ips = read_ips(&d, ke_json_get(spec, "externalIPs"), &out->n_external_ips);
    if (out->type == MODEL_SERVICE_LOAD_BALANCER) {
        read_lb_ips(&d, json, out);
        read_source_ranges(&d, ke_json_get(spec, "loadBalancerSourceRanges"), out);
    }
    view_pairs(&d, ke_json_get(spec, "selector"), &out->selector, &out->n_selector);
    read_service_ports(&d, ke_json_get(spec, "ports"), out);
    read_service_policies(&d, spec, out);
    return !d.is_out_of_memory;
}

/* ---- EndpointSlice ------------------------------------------------------------------------- */

/* nil means unknown, to be read as ready; serving follows ready; terminating is false. */
static void read_slice_conditions(const cJSON *conditions, struct model_slice_endpoint *out)
{
    out->is_ready = ke_json_bool(conditions, "ready", true);
    out->is_serving = ke_json_bool(conditions, "serving", out->is_ready);
    out->is_terminating = ke_json_bool(conditions, "terminating", false);
}

/* hints.forZones or hints.forNodes: a list of objects with a name. */
static struct ke_str *read_hints(struct view_decoder *d, const cJSON *list, size_t *out_n)
{
    size_t n = view_list_len(list);
    struct ke_str *names = view_array(d, &n, sizeof(*names));
    if (names == NULL)
        return NULL;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        struct ke_str name = view_str(d, item, "name");
        if (!ke_str_is_empty(name))
            names[(*out_n)++] = name;
    }
    return names;
}

static void read_slice_endpoint(struct view_decoder *d, const cJSON *item,
                                struct model_endpoint_slice *out)
{
    struct model_slice_endpoint *endpoint = &out->endpoints[out->n_endpoints];
    const cJSON *addresses = ke_json_get(item, "addresses");
    if (view_list_len(addresses) == 0 ||
        !view_ip(ke_json_value_str(cJSON_GetArrayItem(addresses, 0)), &endpoint->ip) ||
        endpoint->ip.family != out->family) {
        memset(endpoint, 0, sizeof(*endpoint));
        return;
    }
    out->n_endpoints++;
    read_slice_conditions(ke_json_get(item, "conditions"), endpoint);
    endpoint->hostname = view_str(d, item, "hostname");
    endpoint->node_name = view_str(d, item, "nodeName");
    endpoint->zone = view_str(d, item, "zone");
    const cJSON *target = ke_json_get(item, "targetRef");
    endpoint->target_kind = view_str(d, target, "kind");
    endpoint->target_ns = view_str(d, target, "namespace");
    endpoint->target_name = view_str(d, target, "name");
    endpoint->target_uid = view_str(d, target, "uid");
    const cJSON *hints = ke_json_get(item, "hints");
    endpoint->zone_hints = read_hints(d, ke_json_get(hints, "forZones"), &endpoint->n_zone_hints);
    endpoint->node_hints = read_hints(d, ke_json_get(hints, "forNodes"), &endpoint->n_node_hints);
}

static void read_slice_ports(struct view_decoder *d, const cJSON *list,
                             struct model_endpoint_slice *out)
{
    size_t n = view_list_len(list);
    out->ports = view_array(d, &n, sizeof(*out->ports));
    if (out->ports == NULL)
        return;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        struct model_slice_port *port = &out->ports[out->n_ports];
        out->n_ports++;
        port->name = view_str(d, item, "name");
        port->proto = view_proto(item);
        port->port = view_port(item, "port");
    }
}

static enum ke_family read_address_type(struct ke_str text)
{
    if (ke_str_eq(text, KE_STR("IPv4")))
        return KE_FAMILY_IPV4;
    return ke_str_eq(text, KE_STR("IPv6")) ? KE_FAMILY_IPV6 : KE_FAMILY_NONE;
}

bool model_endpoint_slice_decode(const cJSON *json, struct ke_arena *arena,
                                 struct model_endpoint_slice *out)
{
    struct view_decoder d = { .arena = arena };
    memset(out, 0, sizeof(*out));
    view_meta(&d, json, &out->meta);
    out->family = read_address_type(ke_json_str(json, "addressType"));
    out->service_name =
        model_pairs_get(out->meta.labels, out->meta.n_labels, KE_STR("kubernetes.io/service-name"));
    const cJSON *list = ke_json_get(json, "endpoints");
    size_t n = view_list_len(list);
    out->endpoints = view_array(&d, &n, sizeof(*out->endpoints));
    const cJSON *item;
    if (out->endpoints == NULL)
        list = NULL;
    cJSON_ArrayForEach(item, list) {
        read_slice_endpoint(&d, item, out);
    }
    read_slice_ports(&d, ke_json_get(json, "ports"), out);
    return !d.is_out_of_memory;
}

/* ---- Pod ----------------------------------------------------------------------------------- */

static bool is_sidecar(const cJSON *container)
{
    return ke_str_eq(ke_json_str(container, "restartPolicy"), KE_STR("Always"));
}

/* Counts the ports of one list of containers; with out, also takes them. */
static void read_container_ports(struct view_decoder *d, const cJSON *containers,
                                 bool only_sidecars, struct model_pod *out, size_t *n_counted)
{
    const cJSON *container;
    cJSON_ArrayForEach(container, view_list(containers)) {
        const cJSON *list = ke_json_get(container, "ports");
        if (!cJSON_IsArray(list) || (only_sidecars && !is_sidecar(container)))
            continue;
        const cJSON *item;
        cJSON_ArrayForEach(item, list) {
            (*n_counted)++;
            if (out == NULL || view_port(item, "containerPort") == 0)
                continue;
            struct model_container_port *port = &out->ports[out->n_ports];
            out->n_ports++;
            port->name = view_str(d, item, "name");
            port->proto = view_proto(item);
            port->port = view_port(item, "containerPort");
        }
    }
}

static void read_pod_ports(struct view_decoder *d, const cJSON *spec, struct model_pod *out)
{
    const cJSON *containers = ke_json_get(spec, "containers");
    const cJSON *init_containers = ke_json_get(spec, "initContainers");
    size_t n = 0;
    read_container_ports(d, containers, false, NULL, &n);
    read_container_ports(d, init_containers, true, NULL, &n);
    out->ports = view_array(d, &n, sizeof(*out->ports));
    if (out->ports == NULL)
        return;
    n = 0;
    read_container_ports(d, containers, false, out, &n);
    read_container_ports(d, init_containers, true, out, &n);
}

static void read_pod_ips(const cJSON *status, struct model_pod *out)
{
    const cJSON *list = ke_json_get(status, "podIPs");
    const cJSON *item;
    cJSON_ArrayForEach(item, view_list(list)) {
        if (out->n_ips < KE_ARRAY_LEN(out->ips) &&
            view_ip(ke_json_str(item, "ip"), &out->ips[out->n_ips]))
            out->n_ips++;
    }
    if (out->n_ips == 0 && view_ip(ke_json_str(status, "podIP"), &out->ips[0]))
        out->n_ips = 1;
}

bool model_pod_decode(const cJSON *json, struct ke_arena *arena, struct model_pod *out)
{
    struct view_decoder d = { .arena = arena };
    memset(out, 0, sizeof(*out));
    view_meta(&d, json, &out->meta);
    const cJSON *spec = ke_json_get(json, "spec");
    out->node_name = view_str(&d, spec, "nodeName");
    out->hostname = view_str(&d, spec, "hostname");
    out->subdomain = view_str(&d, spec, "subdomain");
    out->service_account = view_str(&d, spec, "serviceAccountName");
    out->is_host_network = ke_json_bool(spec, "hostNetwork", false);
    read_pod_ports(&d, spec, out);

    const cJSON *status = ke_json_get(json, "status");
    out->phase = view_str(&d, status, "phase");
    read_pod_ips(status, out);
    const cJSON *ready = view_condition(json, "Ready");
    out->is_ready = is_condition_true(ready);
    if (!out->is_ready) {
        struct ke_str reason = ke_json_str(ready, "reason");
        out->not_ready_reason =
            reason.len > 0 ? view_copy(&d, reason) : view_str(&d, ready, "message");
    }
    return !d.is_out_of_memory;
}

/* ---- Node ---------------------------------------------------------------------------------- */

static void read_node_addresses(struct view_decoder *d, const cJSON *list, struct model_node *out)
{
    size_t n = view_list_len(list);
    out->internal_ips = view_array(d, &n, sizeof(*out->internal_ips));
    if (out->internal_ips == NULL)
        return;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (ke_str_eq(ke_json_str(item, "type"), KE_STR("InternalIP")) &&
            view_ip(ke_json_str(item, "address"), &out->internal_ips[out->n_internal_ips]))
            out->n_internal_ips++;
    }
}

bool model_node_decode(const cJSON *json, struct ke_arena *arena, struct model_node *out)
{
    struct view_decoder d = { .arena = arena };
    memset(out, 0, sizeof(*out));
    view_meta(&d, json, &out->meta);
    read_node_addresses(&d, ke_json_path(json, "status.addresses"), out);
    const cJSON *list = ke_json_path(json, "spec.podCIDRs");
    const cJSON *item;
    cJSON_ArrayForEach(item, view_list(list)) {
        if (out->n_pod_cidrs < KE_ARRAY_LEN(out->pod_cidrs) &&
            view_cidr(ke_json_value_str(item), &out->pod_cidrs[out->n_pod_cidrs]))
            out->n_pod_cidrs++;
    }
    if (out->n_pod_cidrs == 0 &&
        view_cidr(ke_json_path_str(json, "spec.podCIDR"), &out->pod_cidrs[0]))
        out->n_pod_cidrs = 1;
    out->is_ready = is_condition_true(view_condition(json, "Ready"));
    return !d.is_out_of_memory;
}
