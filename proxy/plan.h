/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_PLAN_H
#define PROXY_PLAN_H
/*
 * What the proxy does for one service, in words that both appliers understand: the addresses and
 * ports at which requests come in (fronts) and the lists of backends they go to (groups). Made from
 * a table record by pure code. One block of memory, immutable, owned by whoever made it.
 */
#include "core/endpoint/table.h"
#include "proxy/proxy.h"

#define PROXY_MASQUERADE_MARK 0x4000U /* as kube-proxy's: network plug-ins know it */

struct proxy_target {
    struct ke_ip ip;
    uint16_t port;
    uint32_t mark; /* stands for ip and port in the affinity map; bit 0x4000 is never set */
};

/* The backends of one service port under one policy. Their order is the order of slots: a target
 * that stays keeps its slot, but for the one moved into a hole. */
struct proxy_group {
    enum ke_family family;
    enum ke_proto proto;
    uint16_t port; /* of the service */
    bool is_local; /* only those on this node */
    struct proxy_target *targets;
    uint32_t n_targets;
};

enum proxy_front_kind {
    PROXY_CLUSTER_IP,
    PROXY_EXTERNAL_IP,
    PROXY_LB_IP,
    PROXY_NODE_PORT /* ip holds the family alone */
};

enum proxy_deny { PROXY_DENY_NONE, PROXY_DENY_REJECT, PROXY_DENY_DROP };

struct proxy_front {
    enum proxy_front_kind kind;
    enum ke_proto proto;
    struct ke_ip ip;
    uint16_t port;
    enum proxy_deny deny;            /* for every client */
    const struct proxy_group *group; /* where everybody goes; without targets: see deny */
    /* externalTrafficPolicy Local: where clients from outside go, dropped when it is empty; NULL:
     * not Local. Pods and the node itself go to group. */
    const struct proxy_group *outside;
    const struct proxy_group *serving; /* UDP: all that still serve: whose flows stay; else NULL */
    bool has_ranges;                   /* only sources in the plan's ranges get through */
    struct ke_str port_name;
    uint16_t service_port;
};

struct proxy_plan {
    struct ke_str ns, name;
    uint32_t affinity_s; /* 0: none */
    struct proxy_group *groups;
    uint32_t n_groups;
    struct proxy_front *fronts; /* in order of ports, then kinds */
    uint32_t n_fronts;
    struct ke_ip *cluster_ips; /* that this service owns */
    uint32_t n_cluster_ips;
    struct ke_cidr *ranges;
    uint32_t n_ranges;
    size_t n_bytes;
};

/*
 * out: returned (free); NULL when nothing is to be done for the service. old: what is in effect for
 * it (slots are kept), or NULL. Between ke_snap_read_begin and _end. Errors: KE_NOMEM.
 */
enum ke_code proxy_plan_make(struct endpoint_table *table, const struct proxy_settings *settings,
                             const struct endpoint_service *service, const struct proxy_plan *old,
                             struct proxy_plan **out, struct ke_err *err) KE_MUST_CHECK;

/* The mark of a backend: from address and port alone, so that it is the same after a restart. */
uint32_t proxy_target_mark(const struct ke_ip *ip, uint16_t port);
bool proxy_family_is_used(const struct proxy_settings *settings, enum ke_family family);

/* A copy of settings in one block (free), or NULL. */
struct proxy_settings *proxy_settings_copy(const struct proxy_settings *settings);

/* All plans of a table, by "ns/name". */
struct proxy_plans;
struct proxy_plans *proxy_plans_new(void);
void proxy_plans_free(struct proxy_plans *plans); /* with the plans */
KE_AUTO_DEFINE(proxy_plans)
struct proxy_plan *proxy_plans_get(const struct proxy_plans *plans, struct ke_str ns,
                                   struct ke_str name);
/* plan: given; NULL removes. The one before goes to *old (returned). False: out of memory. */
bool proxy_plans_set(struct proxy_plans *plans, struct ke_str ns, struct ke_str name,
                     struct proxy_plan *plan, struct proxy_plan **old) KE_MUST_CHECK;
/* Any order; *pos from 0. */
const struct proxy_plan *proxy_plans_next(const struct proxy_plans *plans, size_t *pos);
size_t proxy_plans_count(const struct proxy_plans *plans);
/* Borrowed plans sorted by namespace and name; the array is returned (free). NULL: out of memory.
 */
const struct proxy_plan **proxy_plans_sorted(const struct proxy_plans *plans);

/* A service that goes from old to new; either may be NULL. */
struct proxy_change {
    const struct proxy_plan *old;
    const struct proxy_plan *new;
};

#endif
