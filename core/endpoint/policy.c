/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic policy as kube-proxy decides it. Cluster: the ready endpoints, narrowed by topology; when
 * none is ready anywhere, those that serve while they terminate. Local: the same fall-back among
 * the endpoints of this node alone. An endpoint that does not serve is never used. Pure.
 */
#include "core/endpoint/policy.h"

enum topology { TOPOLOGY_ALL, TOPOLOGY_NODE, TOPOLOGY_ZONE };

enum endpoint_preference endpoint_preference_parse(struct ke_str traffic_distribution)
{
    if (ke_str_eq_c(traffic_distribution, "PreferClose") ||
        ke_str_eq_c(traffic_distribution, "PreferSameZone"))
        return ENDPOINT_PREFER_SAME_ZONE;
    if (ke_str_eq_c(traffic_distribution, "PreferSameNode"))
        return ENDPOINT_PREFER_SAME_NODE;
    return ENDPOINT_PREFER_NONE;
}

static bool names_have(const struct ke_str *names, size_t n, struct ke_str name)
{
    if (ke_str_is_empty(name))
        return false;
    for (size_t i = 0; i < n; i++)
        if (ke_str_eq(names[i], name))
            return true;
    return false;
}

/* What an endpoint is meant for: its hints, or without any what the slice controller would hint. */
struct hints {
    const struct ke_str *zones, *nodes;
    size_t n_zones, n_nodes;
};

static struct hints hints_of(const struct model_slice_endpoint *endpoint,
                             enum endpoint_preference preference)
{
    struct hints hints = { .zones = endpoint->zone_hints,
                           .nodes = endpoint->node_hints,
                           .n_zones = endpoint->n_zone_hints,
                           .n_nodes = endpoint->n_node_hints };
    if (hints.n_zones > 0 || hints.n_nodes > 0 || preference == ENDPOINT_PREFER_NONE)
        return hints;
    if (!ke_str_is_empty(endpoint->zone)) {
        hints.zones = &endpoint->zone;
        hints.n_zones = 1;
    }
    if (preference == ENDPOINT_PREFER_SAME_NODE && !ke_str_is_empty(endpoint->node_name)) {
        hints.nodes = &endpoint->node_name;
        hints.n_nodes = 1;
    }
    return hints;
}

/* Hints count only when every ready endpoint has them and one of them is for this place. */
static enum topology choose_topology(const struct endpoint_candidate *candidates, uint32_t n,
                                     const struct endpoint_place *place,
                                     enum endpoint_preference preference)
{
    bool all_have_node = true;
    bool all_have_zone = true;
    bool has_for_node = false;
    bool has_for_zone = false;
    for (uint32_t i = 0; i < n; i++) {
        if (!candidates[i].endpoint->is_ready)
            continue;
        struct hints hints = hints_of(candidates[i].endpoint, preference);
        all_have_node = all_have_node && hints.n_nodes > 0;
        all_have_zone = all_have_zone && hints.n_zones > 0;
        has_for_node = has_for_node || names_have(hints.nodes, hints.n_nodes, place->node_name);
        has_for_zone = has_for_zone || names_have(hints.zones, hints.n_zones, place->zone);
    }
    if (all_have_node && has_for_node)
        return TOPOLOGY_NODE;
    if (all_have_zone && has_for_zone)
        return TOPOLOGY_ZONE;
    return TOPOLOGY_ALL;
}

static bool is_for_place(const struct model_slice_endpoint *endpoint,
                         const struct endpoint_place *place, enum endpoint_preference preference,
                         enum topology topology)
{
    struct hints hints = hints_of(endpoint, preference);
    switch (topology) {
    case TOPOLOGY_NODE:
        return names_have(hints.nodes, hints.n_nodes, place->node_name);
    case TOPOLOGY_ZONE:
        return names_have(hints.zones, hints.n_zones, place->zone);
    case TOPOLOGY_ALL:
        break;
    }
    return true;
}

static bool serves_while_terminating(const struct model_slice_endpoint *endpoint)
{
    return endpoint->is_serving && endpoint->is_terminating;
}

static void pick_cluster(const struct endpoint_candidate *candidates, uint32_t n,
                         const struct endpoint_place *place, enum endpoint_preference preference,
                         struct endpoint_pick *pick)
{
    enum topology topology = choose_topology(candidates, n, place, preference);
    pick->n_cluster = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (candidates[i].endpoint->is_ready &&
            is_for_place(candidates[i].endpoint, place, preference, topology))
            pick->cluster[pick->n_cluster++] = i;
    }
    if (pick->n_cluster > 0)
        return;
    for (uint32_t i = 0; i < n; i++)
        if (serves_while_terminating(candidates[i].endpoint))
            pick->cluster[pick->n_cluster++] = i;
}

static void pick_local(const struct endpoint_candidate *candidates, uint32_t n,
                       struct endpoint_pick *pick)
{
    pick->n_local = 0;
    for (uint32_t i = 0; i < n; i++)
        if (candidates[i].is_local && candidates[i].endpoint->is_ready)
            pick->local[pick->n_local++] = i;
    if (pick->n_local > 0)
        return;
    for (uint32_t i = 0; i < n; i++)
        if (candidates[i].is_local && serves_while_terminating(candidates[i].endpoint))
            pick->local[pick->n_local++] = i;
}

void endpoint_policy_pick(const struct endpoint_candidate *candidates, uint32_t n,
                          const struct endpoint_place *place, enum endpoint_preference preference,
                          struct endpoint_pick *pick)
{
    pick_cluster(candidates, n, place, preference, pick);
    pick_local(candidates, n, pick);
}
