/* SPDX-License-Identifier: Apache-2.0 */
/* See endpoints_build.h. Pure. */
#include "core/controller/endpoints_build.h"

#include <stdio.h>

#include "core/base/json.h"

/* A pod with the ports of the Service as they are on it. */
struct candidate {
    const struct endpoints_pod *from;
    const struct ke_ip *ip;
    uint16_t *ports; /* one a port of the Service; 0: it has none of that name */
};

struct candidates {
    struct candidate *items; /* sorted by address */
    size_t n;
    uint16_t *ports; /* of all */
};

bool endpoints_pod_counts(const struct model_pod *pod)
{
    return pod->n_ips > 0 && !ke_str_eq_c(pod->phase, "Succeeded") &&
           !ke_str_eq_c(pod->phase, "Failed");
}

bool endpoints_find_port(const struct model_pod *pod, const struct model_service_port *port,
                         uint16_t *out)
{
    if (port->target_port.number != 0) {
        *out = port->target_port.number;
        return true;
    }
    if (port->target_port.name.len == 0) {
        *out = port->port;
        return true;
    }
    for (size_t i = 0; i < pod->n_ports; i++) {
        if (pod->ports[i].proto == port->proto &&
            ke_str_eq(pod->ports[i].name, port->target_port.name)) {
            *out = pod->ports[i].port;
            return true;
        }
    }
    return false;
}

/* ---- candidates */

static const struct ke_ip *ip_of_family(const struct model_pod *pod, enum ke_family family)
{
    for (size_t i = 0; i < pod->n_ips; i++) {
        if (pod->ips[i].family == family)
            return &pod->ips[i];
    }
    return NULL;
}

static int by_address(const void *a, const void *b)
{
    const struct candidate *left = a;
    const struct candidate *right = b;
    int order = ke_ip_cmp(left->ip, right->ip);
    return order != 0 ? order : ke_str_cmp(left->from->pod->meta.uid, right->from->pod->meta.uid);
}

static void candidates_deinit(struct candidates *candidates)
{
    free(candidates->items);
    free(candidates->ports);
}

static bool candidates_init(const struct endpoints_input *input, enum ke_family family,
                            struct candidates *out)
{
    size_t n_ports = input->service->n_ports;
    out->items = ke_alloc_n(input->n_pods + 1, sizeof(*out->items));
    out->ports = ke_alloc_n((input->n_pods + 1) * (n_ports + 1), sizeof(*out->ports));
    if (out->items == NULL || out->ports == NULL)
        return false;
    for (size_t i = 0; i < input->n_pods; i++) {
        const struct model_pod *pod = input->pods[i].pod;
        const struct ke_ip *ip = ip_of_family(pod, family);
        if (ip == NULL || !endpoints_pod_counts(pod))
            continue;
        struct candidate *it = &out->items[out->n];
        *it = (struct candidate){ &input->pods[i], ip, &out->ports[out->n * (n_ports + 1)] };
        for (size_t p = 0; p < n_ports; p++) {
            if (!endpoints_find_port(pod, &input->service->ports[p], &it->ports[p]))
                it->ports[p] = 0;
        }
        out->n++;
    }
    qsort(out->items, out->n, sizeof(*out->items), by_address);
    return true;
}

static bool same_ports(const struct candidate *a, const struct candidate *b, size_t n_ports)
{
    return memcmp(a->ports, b->ports, n_ports * sizeof(uint16_t)) == 0;
}

static bool has_any_port(const struct candidate *it, size_t n_ports)
{
    for (size_t i = 0; i < n_ports; i++) {
        if (it->ports[i] != 0)
            return true;
    }
    return n_ports == 0;
}

/* ---- JSON of ports and references */

static bool add_item(cJSON *array, cJSON *item_given)
{
    if (item_given == NULL || !cJSON_AddItemToArray(array, item_given)) {
        cJSON_Delete(item_given);
        return false;
    }
    return true;
}

/* A slice says an empty name, Endpoints leave it out. */
static cJSON *make_port(const struct model_service_port *port, uint16_t number, bool is_slice)
{
    ke_auto_json *out = cJSON_CreateObject();
    bool has_name = is_slice || port->name.len > 0;
    if (out == NULL || (has_name && !ke_json_set_str(out, "name", port->name)) ||
        !ke_json_set_str(out, "protocol", ke_str_c(ke_proto_name(port->proto))) ||
        !ke_json_set(out, "port", cJSON_CreateNumber(number)) ||
        (port->app_protocol.len > 0 && !ke_json_set_str(out, "appProtocol", port->app_protocol)))
        return NULL;
    return KE_TAKE(out);
}

/* By name, then protocol: an order that does not depend on how the Service lists them. */
static bool comes_before(const struct model_service_port *a, const struct model_service_port *b)
{
    int order = ke_str_cmp(a->name, b->name);
    return order < 0 || (order == 0 && a->proto < b->proto);
}

static cJSON *make_ports(const struct model_service *service, const uint16_t *numbers,
                         bool is_slice)
{
    ke_auto_json *list = cJSON_CreateArray();
    const struct model_service_port *last = NULL;
    for (size_t done = 0; list != NULL && done < service->n_ports; done++) {
        const struct model_service_port *next = NULL;
        for (size_t i = 0; i < service->n_ports; i++) {
            const struct model_service_port *it = &service->ports[i];
            if ((last == NULL || comes_before(last, it)) &&
                (next == NULL || comes_before(it, next)))
                next = it;
        }
        if (next == NULL)
            break;
        uint16_t number = numbers[next - service->ports];
        if (number != 0 && !add_item(list, make_port(next, number, is_slice)))
            return NULL;
        last = next;
    }
    return KE_TAKE(list);
}

static cJSON *make_target(const struct model_pod *pod)
{
    ke_auto_json *ref = cJSON_CreateObject();
    if (ref == NULL || !ke_json_set_str(ref, "kind", KE_STR("Pod")) ||
        !ke_json_set_str(ref, "namespace", pod->meta.ns) ||
        !ke_json_set_str(ref, "name", pod->meta.name) ||
        !ke_json_set_str(ref, "uid", pod->meta.uid))
        return NULL;
    return KE_TAKE(ref);
}

/* What both kinds of endpoint say of a pod besides its address. */
static bool set_pod(const struct model_service *service, const struct model_pod *pod, cJSON *out)
{
    bool has_hostname = pod->hostname.len > 0 && ke_str_eq(pod->subdomain, service->meta.name);
    return (!has_hostname || ke_json_set_str(out, "hostname", pod->hostname)) &&
           (pod->node_name.len == 0 || ke_json_set_str(out, "nodeName", pod->node_name)) &&
           ke_json_set(out, "targetRef", make_target(pod));
}

/* Labels of the Service, with ours in the place of any of the same name. */
static cJSON *copy_labels(const struct model_service *service)
{
    ke_auto_json *labels = cJSON_CreateObject();
    for (size_t i = 0; labels != NULL && i < service->meta.n_labels; i++) {
        char key[512];
        snprintf(key, sizeof(key), "%.*s", KE_STR_ARG(service->meta.labels[i].key));
        if (!ke_json_set_str(labels, key, service->meta.labels[i].value))
            return NULL;
    }
    if (labels == NULL ||
        (service->is_headless && !ke_json_set_str(labels, SLICE_LABEL_HEADLESS, KE_STR(""))))
        return NULL;
    if (!service->is_headless)
        ke_json_del(labels, SLICE_LABEL_HEADLESS);
    return KE_TAKE(labels);
}

/* ---- slices */

static cJSON *make_endpoint(const struct model_service *service, const struct candidate *it)
{
    const struct model_pod *pod = it->from->pod;
    char ip[KE_IP_TEXT_MAX];
    bool is_terminating = pod->meta.deleted_us != 0;
    /* "ready" is never true of a terminating pod, unless asked for. */
    bool is_ready = service->publish_not_ready || (pod->is_ready && !is_terminating);
    ke_auto_json *out = cJSON_CreateObject();
    cJSON *addresses = out != NULL ? ke_json_need_array(out, "addresses") : NULL;
    if (addresses == NULL || !add_item(addresses, cJSON_CreateString(ke_ip_text(it->ip, ip))))
        return NULL;
    cJSON *conditions = ke_json_need_object(out, "conditions");
    if (conditions == NULL || !ke_json_set(conditions, "ready", cJSON_CreateBool(is_ready)) ||
        !ke_json_set(conditions, "serving", cJSON_CreateBool(pod->is_ready)) ||
        !ke_json_set(conditions, "terminating", cJSON_CreateBool(is_terminating)) ||
        !set_pod(service, pod, out) ||
        (it->from->zone.len > 0 && !ke_json_set_str(out, "zone", it->from->zone)))
        return NULL;
    return KE_TAKE(out);
}

static bool add_to_group(const struct endpoints_input *input, const struct candidate *it,
                         struct slice_group *group)
{
    return add_item(group->endpoints, make_endpoint(input->service, it));
}

/* The candidates that no earlier one shares its ports with begin a group each. */
static bool build_family(const struct endpoints_input *input, enum ke_family family,
                         const struct candidates *all, struct slices_wish *wish)
{
    size_t n_ports = input->service->n_ports;
    size_t first = wish->n_groups;
    for (size_t i = 0; i < all->n; i++) {
        bool is_first = true;
        for (size_t j = 0; j < i && is_first; j++)
            is_first = !same_ports(&all->items[i], &all->items[j], n_ports);
        if (!is_first)
            continue;
        struct slice_group *group = slices_wish_add_group(
            wish, family, make_ports(input->service, all->items[i].ports, true));
        if (group == NULL)
            return false;
        for (size_t j = i; j < all->n; j++) {
            if (same_ports(&all->items[i], &all->items[j], n_ports) &&
                !add_to_group(input, &all->items[j], group))
                return false;
        }
    }
    return wish->n_groups > first ||
           slices_wish_add_group(wish, family, cJSON_CreateArray()) != NULL;
}

bool endpoints_build_slices(const struct endpoints_input *input, struct slices_wish *wish)
{
    const struct model_meta *meta = &input->service->meta;
    wish->ns = meta->ns;
    wish->name = meta->name;
    wish->uid = meta->uid;
    wish->api_version = KE_STR("v1");
    wish->kind = KE_STR("Service");
    wish->labels = copy_labels(input->service);
    if (wish->labels == NULL || !ke_json_set_str(wish->labels, SLICE_LABEL_SERVICE, meta->name) ||
        !ke_json_set_str(wish->labels, SLICE_LABEL_MANAGED_BY, KE_STR(SLICE_BY_ENDPOINTS)))
        return false;
    for (size_t i = 0; i < input->n_families; i++) {
        struct candidates all = { .n = 0 };
        bool is_ok = candidates_init(input, input->families[i], &all) &&
                     build_family(input, input->families[i], &all, wish);
        candidates_deinit(&all);
        if (!is_ok)
            return false;
    }
    return true;
}

/* ---- Endpoints */

static cJSON *make_address(const struct model_service *service, const struct candidate *it)
{
    char ip[KE_IP_TEXT_MAX];
    ke_auto_json *out = cJSON_CreateObject();
    if (out == NULL || !ke_json_set_str(out, "ip", ke_str_c(ke_ip_text(it->ip, ip))) ||
        !set_pod(service, it->from->pod, out))
        return NULL;
    return KE_TAKE(out);
}

/* A terminating pod is in Endpoints only when not-ready ones are asked for. */
static bool is_in_endpoints(const struct model_service *service, const struct candidate *it)
{
    return has_any_port(it, service->n_ports) &&
           (it->from->pod->meta.deleted_us == 0 || service->publish_not_ready);
}

static bool add_address(const struct model_service *service, const struct candidate *it,
                        cJSON *subset)
{
    bool is_ready = it->from->pod->is_ready || service->publish_not_ready;
    cJSON *list = ke_json_need_array(subset, is_ready ? "addresses" : "notReadyAddresses");
    return list != NULL && add_item(list, make_address(service, it));
}

/* Ports are last: that is how upstream prints a subset. */
static cJSON *make_subset(const struct model_service *service, const struct candidates *all,
                          size_t first, size_t *room)
{
    ke_auto_json *subset = cJSON_CreateObject();
    for (size_t i = first; subset != NULL && i < all->n; i++) {
        const struct candidate *it = &all->items[i];
        if (*room == 0 || !is_in_endpoints(service, it) ||
            !same_ports(it, &all->items[first], service->n_ports))
            continue;
        if (!add_address(service, it, subset))
            return NULL;
        (*room)--;
    }
    if (subset == NULL || service->n_ports == 0)
        return KE_TAKE(subset);
    if (!ke_json_set(subset, "ports", make_ports(service, all->items[first].ports, false)))
        return NULL;
    return KE_TAKE(subset);
}

static bool begins_subset(const struct model_service *service, const struct candidates *all,
                          size_t i)
{
    if (!is_in_endpoints(service, &all->items[i]))
        return false;
    for (size_t j = 0; j < i; j++) {
        if (is_in_endpoints(service, &all->items[j]) &&
            same_ports(&all->items[i], &all->items[j], service->n_ports))
            return false;
    }
    return true;
}

static bool add_subsets(const struct model_service *service, const struct candidates *all,
                        cJSON *object)
{
    size_t room = ENDPOINTS_ADDRESSES_MAX;
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++)
        n += is_in_endpoints(service, &all->items[i]) ? 1 : 0;
    for (size_t i = 0; i < all->n && room > 0; i++) {
        if (!begins_subset(service, all, i))
            continue;
        cJSON *subsets = ke_json_need_array(object, "subsets");
        if (subsets == NULL || !add_item(subsets, make_subset(service, all, i, &room)))
            return false;
    }
    if (n <= ENDPOINTS_ADDRESSES_MAX)
        return true;
    cJSON *meta = ke_json_need_object(object, "metadata");
    cJSON *annotations = meta != NULL ? ke_json_need_object(meta, "annotations") : NULL;
    return annotations != NULL &&
           ke_json_set_str(annotations, ENDPOINTS_OVER_CAPACITY, KE_STR("truncated"));
}

cJSON *endpoints_build_object(const struct endpoints_input *input)
{
    const struct model_service *service = input->service;
    ke_auto_json *object = cJSON_CreateObject();
    cJSON *meta = object != NULL ? ke_json_need_object(object, "metadata") : NULL;
    cJSON *labels = copy_labels(service);
    if (meta == NULL || labels == NULL ||
        !ke_json_set_str(labels, ENDPOINTS_LABEL_MANAGED, KE_STR(ENDPOINTS_BY))) {
        cJSON_Delete(labels);
        return NULL;
    }
    if (!ke_json_set(meta, "labels", labels) ||
        !ke_json_set_str(meta, "name", service->meta.name) ||
        !ke_json_set_str(meta, "namespace", service->meta.ns))
        return NULL;
    struct candidates all = { .n = 0 };
    bool is_ok = input->n_families == 0 || (candidates_init(input, input->families[0], &all) &&
                                            add_subsets(service, &all, object));
    candidates_deinit(&all);
    return is_ok ? KE_TAKE(object) : NULL;
}
