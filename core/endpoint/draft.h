/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ENDPOINT_DRAFT_H
#define CORE_ENDPOINT_DRAFT_H
/*
 * A Service and its slices put together: the ports of each family with their merged, sorted
 * endpoints, and what traffic uses of them. Everything lives in an arena until record.h packs it.
 * Pure.
 */
#include "core/base/mem.h"
#include "core/endpoint/policy.h"
#include "core/endpoint/table.h"
#include "core/model/views.h"

/* One endpoint of one slice. */
struct endpoint_origin {
    const struct model_slice_endpoint *endpoint;
    const struct model_endpoint_slice *slice;
    uint64_t slice_revision;
    bool is_packed; /* texts below are in the record being packed */
    struct ke_str hostname, node_name, zone, target_kind, target_ns, target_name;
};

struct endpoint_draft_port {
    struct model_service_port spec;
    unsigned family; /* 0: IPv4, 1: IPv6 */
    struct endpoint_candidate *candidates;
    size_t n_candidates, cap_candidates;
    struct endpoint_pick pick;
};

struct endpoint_draft {
    const struct model_service *service;
    bool is_proxied;
    bool has_endpoints;
    struct endpoint_draft_port *ports; /* those of IPv4, then those of IPv6 */
    size_t n_ports, cap_ports;
    size_t n_family_ports[2];
    struct endpoint_candidate *addresses; /* distinct, sorted */
    size_t n_addresses;
    size_t n_text; /* bytes of all texts, each counted wherever it is used */
};

struct endpoint_draft_input {
    const struct model_service *service;
    const struct model_endpoint_slice *const *slices; /* of this Service, any order */
    size_t n_slices;
    const struct endpoint_place *place;
};

/* False: out of memory. */
bool endpoint_draft_make(const struct endpoint_draft_input *in, struct ke_arena *arena,
                         struct endpoint_draft *out) KE_MUST_CHECK;

#endif
