/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a table record to the plan of a service. Two passes over one block: the room is counted from
 * upper bounds, then filled. Source: kube-proxy's rules, pkg/proxy/topology.go and proxier.go.
 */
#include "proxy/plan.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"

/* FNV-1a: not seeded, so that marks are the same in the next process. */
uint32_t proxy_target_mark(const struct ke_ip *ip, uint16_t port)
{
    uint32_t hash = 2166136261U;
    for (unsigned i = 0; i < ke_ip_len(ip); i++)
        hash = (hash ^ ip->b[i]) * 16777619U;
    hash = (hash ^ (uint32_t)(port >> 8)) * 16777619U;
    hash = (hash ^ (uint32_t)(port & 0xff)) * 16777619U;
    hash &= ~PROXY_MASQUERADE_MARK;
    return hash != 0 ? hash : 1;
}

bool proxy_family_is_used(const struct proxy_settings *settings, enum ke_family family)
{
    for (size_t i = 0; i < settings->n_service_cidrs; i++)
        if (settings->service_cidrs[i].ip.family == family)
            return true;
    return settings->n_service_cidrs == 0 && family == KE_FAMILY_IPV4;
}

struct making {
    struct endpoint_table *table;
    const struct proxy_settings *settings;
    const struct endpoint_service *service;
    const struct proxy_plan *old;
    struct proxy_plan *plan;
    struct proxy_target *next_target;
};

/* ---- room ---- */

struct room {
    size_t n_groups, n_targets, n_fronts, n_text;
};

static struct room count_room(const struct endpoint_service *service)
{
    struct room room = { .n_text = service->ns.len + service->name.len };
    for (unsigned family = 0; family < 2; family++) {
        for (uint32_t i = 0; i < service->n_ports[family]; i++) {
            const struct endpoint_port *port = &service->ports[family][i];
            room.n_groups += 3;
            room.n_targets += (size_t)port->n_cluster + port->n_local + port->n_backends;
            room.n_fronts +=
                (size_t)service->n_cluster_ips + service->n_external_ips + service->n_lb_ips + 1;
            room.n_text += port->name.len;
        }
    }
    return room;
}

static struct proxy_plan *allocate(const struct endpoint_service *service, char **out_text,
                                   struct proxy_target **out_targets)
{
    struct room room = count_room(service);
    size_t n_ranges = (size_t)service->n_source_ranges;
    size_t size = sizeof(struct proxy_plan) + room.n_groups * sizeof(struct proxy_group) +
                  room.n_fronts * sizeof(struct proxy_front) +
                  room.n_targets * sizeof(struct proxy_target) +
                  service->n_cluster_ips * sizeof(struct ke_ip) +
                  n_ranges * sizeof(struct ke_cidr) + room.n_text;
    struct proxy_plan *plan = ke_alloc(size);
    if (plan == NULL)
        return NULL;
    plan->n_bytes = size;
    plan->groups = (struct proxy_group *)(plan + 1);
    plan->fronts = (struct proxy_front *)(plan->groups + room.n_groups);
    *out_targets = (struct proxy_target *)(plan->fronts + room.n_fronts);
    plan->cluster_ips = (struct ke_ip *)(*out_targets + room.n_targets);
    plan->ranges = (struct ke_cidr *)(plan->cluster_ips + service->n_cluster_ips);
    *out_text = (char *)(plan->ranges + n_ranges);
    return plan;
}

static struct ke_str keep_text(char **at, struct ke_str text)
{
    struct ke_str kept = ke_str_of(*at, text.len);
    if (text.len > 0)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return kept;
}

/* ---- groups ---- */

static bool target_is(const struct proxy_target *target, const struct endpoint_backend *backend)
{
    return target->port == backend->port && ke_ip_eq(&target->ip, &backend->ip);
}

static const struct proxy_group *find_old_group(const struct proxy_plan *old,
                                                const struct proxy_group *group)
{
    for (uint32_t i = 0; old != NULL && i < old->n_groups; i++) {
        const struct proxy_group *other = &old->groups[i];
        if (other->family == group->family && other->proto == group->proto &&
            other->port == group->port && other->is_local == group->is_local)
            return other;
    }
    return NULL;
}

/* Puts a backend where it was, if that slot exists still; false: it is new, or must move. */
static bool keep_slot(const struct proxy_group *old, struct proxy_group *group,
                      const struct endpoint_backend *backend)
{
    for (uint32_t slot = 0; old != NULL && slot < old->n_targets && slot < group->n_targets;
         slot++) {
        if (!target_is(&old->targets[slot], backend))
            continue;
        group->targets[slot] = old->targets[slot];
        return true;
    }
    return false;
}

/* Different backends of a group have different marks. */
static void set_mark(const struct proxy_group *group, struct proxy_target *target)
{
    uint32_t mark = proxy_target_mark(&target->ip, target->port);
    for (uint32_t i = 0; i < group->n_targets; i++) {
        if (&group->targets[i] == target || group->targets[i].mark != mark)
            continue;
        mark = ((mark + 1) & ~PROXY_MASQUERADE_MARK) | 1;
        i = UINT32_MAX; /* look again */
    }
    target->mark = mark;
}

static const struct proxy_group *add_group(struct making *making, const struct endpoint_port *port,
                                           enum ke_family family, bool is_local)
{
    struct proxy_group *group = &making->plan->groups[making->plan->n_groups++];
    const uint32_t *picked = is_local ? port->local : port->cluster;
    *group = (struct proxy_group){ .family = family,
                                   .proto = port->proto,
                                   .port = port->port,
                                   .is_local = is_local,
                                   .targets = making->next_target,
                                   .n_targets = is_local ? port->n_local : port->n_cluster };
    making->next_target += group->n_targets;
    const struct proxy_group *old = find_old_group(making->old, group);
    for (uint32_t i = 0; i < group->n_targets; i++)
        (void)keep_slot(old, group, &port->backends[picked[i]]);
    uint32_t hole = 0;
    for (uint32_t i = 0; i < group->n_targets; i++) {
        const struct endpoint_backend *backend = &port->backends[picked[i]];
        if (keep_slot(old, group, backend))
            continue;
        while (group->targets[hole].port != 0)
            hole++;
        group->targets[hole].ip = backend->ip;
        group->targets[hole].port = backend->port;
        if (making->service->has_client_ip_affinity)
            set_mark(group, &group->targets[hole]);
    }
    for (uint32_t i = 0; i < group->n_targets; i++) {
        if (!making->service->has_client_ip_affinity)
            group->targets[i].mark = 0;
        else if (group->targets[i].mark == 0)
            set_mark(group, &group->targets[i]);
    }
    return group;
}

static const struct proxy_group *add_serving(struct making *making,
                                             const struct endpoint_port *port,
                                             enum ke_family family)
{
    if (port->proto != KE_PROTO_UDP)
        return NULL;
    struct proxy_group *group = &making->plan->groups[making->plan->n_groups];
    *group = (struct proxy_group){ .family = family, .targets = making->next_target };
    for (uint32_t i = 0; i < port->n_backends; i++) {
        const struct endpoint_backend *backend = &port->backends[i];
        if (backend->is_serving || backend->is_ready)
            group->targets[group->n_targets++] =
                (struct proxy_target){ .ip = backend->ip, .port = backend->port };
    }
    making->next_target += group->n_targets;
    making->plan->n_groups++;
    return group;
}

/* ---- fronts ---- */

/* What a port's fronts share. */
struct port_groups {
    const struct endpoint_port *port;
    enum ke_family family;
    const struct proxy_group *cluster;
    const struct proxy_group *local; /* NULL: no policy asks for it */
    const struct proxy_group *serving;
    struct ke_str name;
};

static bool owns(const struct making *making, enum proxy_front_kind kind, const struct ke_ip *ip,
                 const struct port_groups *groups)
{
    const struct endpoint_port *port = groups->port;
    const struct endpoint_service *owner =
        kind == PROXY_NODE_PORT
            ? endpoint_table_find_node_port(making->table, groups->family, port->proto,
                                            port->node_port, NULL)
            : endpoint_table_find_address(making->table, ip, port->proto, port->port, NULL);
    return owner == making->service;
}

static void add_front(struct making *making, enum proxy_front_kind kind, const struct ke_ip *ip,
                      const struct port_groups *groups)
{
    const struct endpoint_service *service = making->service;
    const struct endpoint_port *port = groups->port;
    bool is_internal = kind == PROXY_CLUSTER_IP;
    bool is_local = is_internal ? service->is_internal_local : service->is_external_local;
    if (ip->family != groups->family || !owns(making, kind, ip, groups))
        return;
    struct proxy_front *front = &making->plan->fronts[making->plan->n_fronts++];
    *front = (struct proxy_front){ .kind = kind,
                                   .proto = port->proto,
                                   .ip = *ip,
                                   .port = kind == PROXY_NODE_PORT ? port->node_port : port->port,
                                   .group = groups->cluster,
                                   .serving = groups->serving,
                                   .port_name = groups->name,
                                   .service_port = port->port };
    front->has_ranges = kind == PROXY_LB_IP && service->n_source_ranges > 0;
    if (port->n_cluster == 0)
        front->deny = PROXY_DENY_REJECT;
    else if (is_internal && is_local && port->n_local == 0)
        front->deny = PROXY_DENY_DROP;
    if (is_internal && is_local)
        front->group = groups->local;
    else if (is_local)
        front->outside = groups->local;
}

static void add_port(struct making *making, const struct endpoint_port *port, enum ke_family family,
                     char **text)
{
    const struct endpoint_service *service = making->service;
    struct port_groups groups = { .port = port,
                                  .family = family,
                                  .cluster = add_group(making, port, family, false),
                                  .serving = add_serving(making, port, family),
                                  .name = keep_text(text, port->name) };
    if (service->is_internal_local || service->is_external_local)
        groups.local = add_group(making, port, family, true);
    const struct ke_ip *dns = &making->settings->dns_address;
    for (uint32_t i = 0; i < service->n_cluster_ips; i++)
        if (dns->family == KE_FAMILY_NONE || !ke_ip_eq(&service->cluster_ips[i], dns))
            add_front(making, PROXY_CLUSTER_IP, &service->cluster_ips[i], &groups);
    for (uint32_t i = 0; i < service->n_external_ips; i++)
        add_front(making, PROXY_EXTERNAL_IP, &service->external_ips[i], &groups);
    for (uint32_t i = 0; i < service->n_lb_ips; i++)
        add_front(making, PROXY_LB_IP, &service->lb_ips[i], &groups);
    struct ke_ip any = { .family = family };
    if (port->node_port != 0)
        add_front(making, PROXY_NODE_PORT, &any, &groups);
}

static void add_cluster_ips(struct making *making)
{
    const struct endpoint_service *service = making->service;
    struct proxy_plan *plan = making->plan;
    for (uint32_t i = 0; i < service->n_cluster_ips; i++) {
        const struct ke_ip *ip = &service->cluster_ips[i];
        if (proxy_family_is_used(making->settings, ip->family) &&
            endpoint_table_find_cluster_ip(making->table, ip) == service)
            plan->cluster_ips[plan->n_cluster_ips++] = *ip;
    }
}

enum ke_code proxy_plan_make(struct endpoint_table *table, const struct proxy_settings *settings,
                             const struct endpoint_service *service, const struct proxy_plan *old,
                             struct proxy_plan **out, struct ke_err *err)
{
    if (!service->is_proxied) {
        *out = NULL;
        return KE_OK;
    }
    char *text = NULL;
    struct making making = { .table = table, .settings = settings, .service = service, .old = old };
    making.plan = allocate(service, &text, &making.next_target);
    if (making.plan == NULL)
        return ke_fail(err, KE_NOMEM, "plan service %.*s/%.*s", KE_STR_ARG(service->ns),
                       KE_STR_ARG(service->name));
    struct proxy_plan *plan = making.plan;
    plan->ns = keep_text(&text, service->ns);
    plan->name = keep_text(&text, service->name);
    plan->affinity_s = service->has_client_ip_affinity ? service->affinity_timeout_s : 0;
    for (uint32_t i = 0; i < service->n_source_ranges; i++)
        plan->ranges[plan->n_ranges++] = service->source_ranges[i];
    add_cluster_ips(&making);
    static const enum ke_family families[] = { KE_FAMILY_IPV4, KE_FAMILY_IPV6 };
    for (unsigned family = 0; family < 2; family++) {
        for (uint32_t i = 0;
             proxy_family_is_used(settings, families[family]) && i < service->n_ports[family]; i++)
            add_port(&making, &service->ports[family][i], families[family], &text);
    }
    *out = plan;
    return KE_OK;
}

/* ---- settings ---- */

struct proxy_settings *proxy_settings_copy(const struct proxy_settings *settings)
{
    const struct ke_cidr *lists[] = { settings->service_cidrs, settings->cluster_cidrs,
                                      settings->nodeport_addresses };
    size_t counts[] = { settings->n_service_cidrs, settings->n_cluster_cidrs,
                        settings->n_nodeport_addresses };
    size_t n_cidrs = counts[0] + counts[1] + counts[2];
    struct proxy_settings *copy = ke_alloc(sizeof(*copy) + n_cidrs * sizeof(struct ke_cidr));
    if (copy == NULL)
        return NULL;
    *copy = *settings;
    struct ke_cidr *at = (struct ke_cidr *)(copy + 1);
    const struct ke_cidr **kept[] = { &copy->service_cidrs, &copy->cluster_cidrs,
                                      &copy->nodeport_addresses };
    for (size_t i = 0; i < 3; i++) {
        if (counts[i] > 0)
            memcpy(at, lists[i], counts[i] * sizeof(*at));
        *kept[i] = at;
        at += counts[i];
    }
    return copy;
}
