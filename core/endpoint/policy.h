/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ENDPOINT_POLICY_H
#define CORE_ENDPOINT_POLICY_H
/*
 * Which endpoints traffic uses: readiness with the fall-back to endpoints that still serve while
 * they terminate, topology hints, and the local set. Pure.
 * Source: kube-proxy pkg/proxy/topology.go; KEPs 1669, 2086, 2433, 3015, 4444.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/model/views.h"

/* Where this node is. */
struct endpoint_place {
    struct ke_str node_name;
    struct ke_str zone; /* empty: the Node has no zone label */
};

/* spec.trafficDistribution, for endpoints whose slice carries no hints. */
enum endpoint_preference {
    ENDPOINT_PREFER_NONE,
    ENDPOINT_PREFER_SAME_ZONE, /* PreferClose too */
    ENDPOINT_PREFER_SAME_NODE
};
enum endpoint_preference endpoint_preference_parse(struct ke_str traffic_distribution);

struct endpoint_origin; /* draft.h */

/* One endpoint that has the service port in question. */
struct endpoint_candidate {
    const struct model_slice_endpoint *endpoint;
    struct endpoint_origin *origin; /* where the builder got it from */
    uint32_t id;                    /* of the backend, given by the builder */
    uint16_t port;                  /* of the endpoint */
    bool is_local;                  /* on this node */
};

struct endpoint_pick {
    uint32_t *cluster;
    uint32_t n_cluster;
    uint32_t *local;
    uint32_t n_local;
};

/*
 * Fills cluster and local (room for n each) with positions in candidates, ascending.
 * Hints never apply to the local set.
 */
void endpoint_policy_pick(const struct endpoint_candidate *candidates, uint32_t n,
                          const struct endpoint_place *place, enum endpoint_preference preference,
                          struct endpoint_pick *pick);

#endif
