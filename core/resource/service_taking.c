/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds addresses and node ports for one Service: those it names, if they are free, and random free
 * ones for the rest. Source: registry/core/service/{ipallocator,portallocator}, storage/alloc.go.
 * Threads: any, under the lock of the service_alloc.
 */
#include "core/resource/service_taking.h"

#define TAKEN "provided IP is already allocated"

/* ---- holdings */

void service_holding_deinit(struct service_holding *holding)
{
    free(holding->ports);
}

static bool holding_has_ip(const struct service_holding *holding, const struct ke_ip *ip)
{
    for (size_t i = 0; i < holding->n_ips; i++) {
        if (ke_ip_eq(&holding->ips[i], ip))
            return true;
    }
    return false;
}

static bool holding_has_port(const struct service_holding *holding, uint16_t port)
{
    for (size_t i = 0; i < holding->n_ports; i++) {
        if (holding->ports[i] == port)
            return true;
    }
    return false;
}

static bool holding_add_port(struct service_holding *holding, int64_t port)
{
    if (port <= 0 || port > UINT16_MAX || holding_has_port(holding, (uint16_t)port))
        return true;
    if (!ke_grow((void **)&holding->ports, &holding->cap_ports, holding->n_ports + 1,
                 sizeof(uint16_t)))
        return false;
    holding->ports[holding->n_ports++] = (uint16_t)port;
    return true;
}

bool service_holding_read(const cJSON *service, struct service_holding *out)
{
    const cJSON *spec = ke_json_get(service, "spec");
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(spec, "clusterIPs")) {
        struct ke_err err = KE_ERR_INIT;
        if (out->n_ips < SERVICE_FAMILIES_MAX &&
            ke_ip_parse(ke_json_value_str(it), &out->ips[out->n_ips], &err) == KE_OK)
            out->n_ips++;
    }
    cJSON_ArrayForEach(it, ke_json_get(spec, "ports")) {
        if (!holding_add_port(out, ke_json_i64(it, "nodePort", 0)))
            return false;
    }
    return holding_add_port(out, ke_json_i64(spec, "healthCheckNodePort", 0));
}

struct service_range *service_alloc_find_range(struct service_alloc *alloc, enum ke_family family)
{
    for (size_t i = 0; i < alloc->n_ranges; i++) {
        if (alloc->ranges[i].cidr.ip.family == family)
            return &alloc->ranges[i];
    }
    return NULL;
}

bool service_alloc_ip_slot(const struct service_range *range, const struct ke_ip *ip, uint32_t *out)
{
    uint64_t index = 0;
    if (range == NULL || !ke_cidr_index(&range->cidr, ip, &index) || index == 0 ||
        index >= slots_size(range->slots))
        return false;
    if (ip->family == KE_FAMILY_IPV4 && index + 1 == ke_cidr_size(&range->cidr))
        return false;
    *out = (uint32_t)index;
    return true;
}

/* ---- what is free */

static bool is_claimed_port(const struct service_alloc *alloc, uint16_t port)
{
    KE_LIST_EACH(it, &alloc->claims) {
        const struct service_claim *claim = KE_CONTAINER_OF(it, struct service_claim, link);
        if (holding_has_port(&claim->holding, port))
            return true;
    }
    return false;
}

static bool is_claimed_ip(const struct service_alloc *alloc, const struct ke_ip *ip)
{
    KE_LIST_EACH(it, &alloc->claims) {
        const struct service_claim *claim = KE_CONTAINER_OF(it, struct service_claim, link);
        if (holding_has_ip(&claim->holding, ip))
            return true;
    }
    return false;
}

static bool is_own_of_other(const struct service_taking *taking, const struct ke_ip *ip)
{
    for (size_t i = 0; i < taking->alloc->n_own; i++) {
        const struct own_address *own = &taking->alloc->own[i];
        if (ke_ip_eq(&own->ip, ip))
            return !ke_str_eq_c(taking->op->request.ns, own->ns) ||
                   !ke_str_eq_c(taking->op->request.name, own->name);
    }
    return false;
}

static bool is_own(const struct service_alloc *alloc, const struct ke_ip *ip)
{
    for (size_t i = 0; i < alloc->n_own; i++) {
        if (ke_ip_eq(&alloc->own[i].ip, ip))
            return true;
    }
    return false;
}

static bool port_slot_is_free(void *ctx, uint32_t slot)
{
    const struct service_taking *taking = ctx;
    uint16_t port = (uint16_t)(taking->alloc->port_min + slot);
    return !is_claimed_port(taking->alloc, port) && !holding_has_port(&taking->wanted, port);
}

static bool ip_slot_is_free(void *ctx, uint32_t slot)
{
    const struct service_taking *taking = ctx;
    struct ke_ip ip;
    return ke_cidr_nth(&taking->range->cidr, slot, &ip) && !is_claimed_ip(taking->alloc, &ip) &&
           !is_own(taking->alloc, &ip);
}

/* ---- addresses */

/* []string{"10.43.0.1"} */
static void format_ips(const cJSON *list, struct ke_buf *out)
{
    ke_buf_add_c(out, "[]string{");
    const cJSON *it;
    cJSON_ArrayForEach(it, list) {
        if (it != list->child)
            ke_buf_add_c(out, ", ");
        ke_buf_add_json_str(out, ke_json_value_str(it));
    }
    ke_buf_add_char(out, '}');
}

static void refuse_ip(struct service_taking *taking, const struct ke_ip *ip, const char *why)
{
    char text[KE_IP_TEXT_MAX];
    ke_auto_buf all = KE_BUF_INIT(4096);
    format_ips(ke_json_get(taking->spec, "clusterIPs"), &all);
    operation_issue(taking->op, MODEL_ISSUE_INVALID, "spec.clusterIPs",
                    "Invalid value: %.*s: failed to allocated ip:%s with error:%s",
                    KE_STR_ARG(ke_buf_str(&all)), ke_ip_text(ip, text), why);
}

static void refuse_outside(struct service_taking *taking, const struct ke_ip *ip)
{
    char text[160];
    struct ke_buf why = KE_BUF_FIXED(text, sizeof(text) - 1);
    ke_buf_add_c(&why, "provided IP is not in the valid range. The range of valid IPs is ");
    if (taking->range != NULL)
        ke_cidr_format(&taking->range->cidr, &why);
    text[why.len] = '\0';
    refuse_ip(taking, ip, text);
}

static void take_given_ip(struct service_taking *taking, struct ke_str text)
{
    struct ke_ip ip;
    struct ke_err err = KE_ERR_INIT;
    uint32_t slot = 0;
    if (ke_ip_parse(text, &ip, &err) != KE_OK || holding_has_ip(&taking->before, &ip))
        return; /* validation has seen it; ours already */
    taking->range = service_alloc_find_range(taking->alloc, ip.family);
    if (!service_alloc_ip_slot(taking->range, &ip, &slot)) {
        refuse_outside(taking, &ip);
        return;
    }
    if (slots_is_taken(taking->range->slots, slot) || is_claimed_ip(taking->alloc, &ip) ||
        is_own_of_other(taking, &ip)) {
        refuse_ip(taking, &ip, TAKEN);
        return;
    }
    taking->wanted.ips[taking->wanted.n_ips++] = ip;
}

/* False: out of memory. */
static bool take_any_ip(struct service_taking *taking, enum ke_family family, cJSON *list)
{
    uint32_t slot = 0;
    struct ke_ip ip;
    taking->range = service_alloc_find_range(taking->alloc, family);
    if (taking->range == NULL ||
        !slots_find(taking->range->slots, ip_slot_is_free, taking, &slot) ||
        !ke_cidr_nth(&taking->range->cidr, slot, &ip)) {
        operation_issue(taking->op, MODEL_ISSUE_INVALID, "spec.clusterIPs",
                        "Invalid value: []string(nil): failed to allocate a serviceIP: range is "
                        "full");
        return true;
    }
    char text[KE_IP_TEXT_MAX];
    cJSON *item = cJSON_CreateString(ke_ip_text(&ip, text));
    if (item == NULL || !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        return false;
    }
    taking->wanted.ips[taking->wanted.n_ips++] = ip;
    return true;
}

bool service_take_ips(struct service_taking *taking)
{
    cJSON *list = ke_json_need_array(taking->spec, "clusterIPs");
    if (list == NULL)
        return false;
    if (ke_str_eq_c(ke_json_value_str(list->child), "None"))
        return ke_json_set_str(taking->spec, "clusterIP", KE_STR("None"));
    const cJSON *given = list->child;
    const cJSON *family;
    size_t n = 0;
    cJSON_ArrayForEach(family, ke_json_get(taking->spec, "ipFamilies")) {
        if (n++ >= SERVICE_FAMILIES_MAX)
            break;
        if (given != NULL) {
            take_given_ip(taking, ke_json_value_str(given));
            given = given->next;
        } else if (!take_any_ip(taking, service_family_parse(ke_json_value_str(family)), list)) {
            return false;
        }
    }
    struct ke_str first = ke_json_value_str(list->child);
    return first.len == 0 || ke_json_set_str(taking->spec, "clusterIP", first);
}

/* ---- node ports */

static void refuse_port(struct service_taking *taking, const char *field, int64_t port)
{
    const struct service_alloc *alloc = taking->alloc;
    bool is_inside = port >= alloc->port_min && port <= alloc->port_max;
    if (is_inside) {
        operation_issue(taking->op, MODEL_ISSUE_INVALID, field,
                        "Invalid value: %lld: provided port is already allocated", (long long)port);
    } else {
        operation_issue(taking->op, MODEL_ISSUE_INVALID, field,
                        "Invalid value: %lld: provided port is not in the valid range. The range "
                        "of valid ports is %u-%u",
                        (long long)port, alloc->port_min, alloc->port_max);
    }
}

/* False: out of memory. A port that it holds or was given a moment ago is its own. */
static bool take_given_port(struct service_taking *taking, const char *field, int64_t port)
{
    const struct service_alloc *alloc = taking->alloc;
    if (port > 0 && port <= UINT16_MAX &&
        (holding_has_port(&taking->before, (uint16_t)port) ||
         holding_has_port(&taking->wanted, (uint16_t)port)))
        return true;
    if (port < alloc->port_min || port > alloc->port_max ||
        slots_is_taken(alloc->ports, (uint32_t)(port - alloc->port_min)) ||
        is_claimed_port(alloc, (uint16_t)port)) {
        refuse_port(taking, field, port);
        return true;
    }
    return holding_add_port(&taking->wanted, port);
}

/* False: out of memory. *out 0: the range is full (an issue says so). */
static bool take_any_port(struct service_taking *taking, const char *field, int64_t *out)
{
    uint32_t slot = 0;
    if (!slots_find(taking->alloc->ports, port_slot_is_free, taking, &slot)) {
        operation_issue(taking->op, MODEL_ISSUE_INVALID, field,
                        "Invalid value: 0: failed to allocate a nodePort: range is full");
        *out = 0;
        return true;
    }
    *out = (int64_t)taking->alloc->port_min + slot;
    return holding_add_port(&taking->wanted, *out);
}

/* The node port that another port of the same number has or asks for (53/TCP and 53/UDP). */
static int64_t shared_node_port(const cJSON *ports, const cJSON *port)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ports) {
        int64_t node_port = ke_json_i64(it, "nodePort", 0);
        if (it != port && node_port > 0 &&
            ke_json_i64(it, "port", 0) == ke_json_i64(port, "port", 0) &&
            !ke_str_eq(ke_json_str(it, "protocol"), ke_json_str(port, "protocol")))
            return node_port;
    }
    return 0;
}

static bool take_port(struct service_taking *taking, cJSON *ports, cJSON *port, int index)
{
    char field[48];
    struct ke_buf text = KE_BUF_FIXED(field, sizeof(field) - 1);
    ke_buf_addf(&text, "spec.ports[%d].nodePort", index);
    field[text.len] = '\0';
    int64_t node_port = ke_json_i64(port, "nodePort", 0);
    if (node_port == 0)
        node_port = shared_node_port(ports, port);
    bool is_ok = node_port != 0 ? take_given_port(taking, field, node_port)
                                : take_any_port(taking, field, &node_port);
    if (!is_ok || node_port == 0)
        return is_ok;
    return ke_json_set(port, "nodePort", cJSON_CreateNumber((double)node_port));
}

bool service_take_ports(struct service_taking *taking)
{
    struct ke_str type = ke_json_str(taking->spec, "type");
    bool is_lb = ke_str_eq_c(type, "LoadBalancer");
    bool is_wanted = ke_str_eq_c(type, "NodePort") ||
                     (is_lb && ke_json_bool(taking->spec, "allocateLoadBalancerNodePorts", true));
    cJSON *ports = ke_json_get_mut(taking->spec, "ports");
    int index = 0;
    for (cJSON *it = ports != NULL ? ports->child : NULL; it != NULL; it = it->next, index++) {
        bool is_given = ke_json_i64(it, "nodePort", 0) != 0;
        if ((is_wanted || (is_lb && is_given)) && !take_port(taking, ports, it, index))
            return false;
    }
    if (!is_lb || !ke_str_eq_c(ke_json_str(taking->spec, "externalTrafficPolicy"), "Local"))
        return true;
    int64_t health = ke_json_i64(taking->spec, "healthCheckNodePort", 0);
    if (health != 0)
        return take_given_port(taking, "spec.healthCheckNodePort", health);
    return take_any_port(taking, "spec.healthCheckNodePort", &health) &&
           (health == 0 ||
            ke_json_set(taking->spec, "healthCheckNodePort", cJSON_CreateNumber((double)health)));
}
