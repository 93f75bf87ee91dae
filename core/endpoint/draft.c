/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Merging slices. A slice port belongs to the service port of the same name and protocol. An
 * endpoint that is in several slices at once (it moves from one to another, or is listed by hand
 * too) counts once: the ready one before the serving one before the rest, then the one on this
 * node, then the one of the newest slice. Services without an address of their own take their
 * families, and ports that their spec does not list, from the slices. Pure.
 * Source: kube-proxy endpointslicecache.go; CoreDNS kubernetes plugin.
 */
#include "core/endpoint/draft.h"

#include <stdlib.h>

#define LABEL_PROXY_NAME     "service.kubernetes.io/service-proxy-name"
#define LABEL_HEADLESS_SLICE "service.kubernetes.io/headless"

struct maker {
    const struct endpoint_draft_input *in;
    struct ke_arena *arena;
    struct endpoint_draft *draft;
    bool has_family[2];
};

static bool has_label(const struct model_meta *meta, const char *key)
{
    return model_pairs_get(meta->labels, meta->n_labels, ke_str_c(key)).ptr != NULL;
}

static bool has_own_address(const struct model_service *service)
{
    return service->n_cluster_ips > 0 && !service->is_headless;
}

static unsigned family_position(enum ke_family family)
{
    return family == KE_FAMILY_IPV6 ? 1 : 0;
}

static bool slice_is_used(const struct maker *maker, const struct model_endpoint_slice *slice)
{
    if (slice->family == KE_FAMILY_NONE)
        return false;
    return !has_own_address(maker->in->service) || !has_label(&slice->meta, LABEL_HEADLESS_SLICE);
}

/* Room for one more in an array of the arena. */
static bool arena_grow(struct ke_arena *arena, void **array, size_t *cap, size_t n, size_t size)
{
    if (n < *cap)
        return true;
    size_t new_cap = *cap > 0 ? *cap * 2 : 4;
    void *grown = ke_arena_alloc_n(arena, new_cap, size);
    if (grown == NULL)
        return false;
    if (n > 0)
        memcpy(grown, *array, n * size);
    *array = grown;
    *cap = new_cap;
    return true;
}

static struct endpoint_draft_port *find_port(const struct endpoint_draft *draft, unsigned family,
                                             struct ke_str name, enum ke_proto proto)
{
    for (size_t i = 0; i < draft->n_ports; i++) {
        struct endpoint_draft_port *port = &draft->ports[i];
        if (port->family == family && port->spec.proto == proto && ke_str_eq(port->spec.name, name))
            return port;
    }
    return NULL;
}

static bool add_port(struct maker *maker, unsigned family, const struct model_service_port *spec)
{
    struct endpoint_draft *draft = maker->draft;
    void *ports = draft->ports;
    if (!arena_grow(maker->arena, &ports, &draft->cap_ports, draft->n_ports, sizeof(*draft->ports)))
        return false;
    draft->ports = ports;
    draft->ports[draft->n_ports++] =
        (struct endpoint_draft_port){ .spec = *spec, .family = family };
    draft->n_family_ports[family]++;
    draft->n_text += spec->name.len + spec->app_protocol.len + spec->target_port.name.len;
    return true;
}

static int compare_extra_ports(const void *a, const void *b)
{
    const struct endpoint_draft_port *x = a;
    const struct endpoint_draft_port *y = b;
    int by_name = ke_str_cmp(x->spec.name, y->spec.name);
    return by_name != 0 ? by_name : (int)x->spec.proto - (int)y->spec.proto;
}

/* Ports that only the slices of a service without an address name. */
static bool add_slice_ports(struct maker *maker, unsigned family)
{
    struct endpoint_draft *draft = maker->draft;
    size_t first = draft->n_ports;
    for (size_t i = 0; i < maker->in->n_slices; i++) {
        const struct model_endpoint_slice *slice = maker->in->slices[i];
        if (!slice_is_used(maker, slice) || family_position(slice->family) != family)
            continue;
        for (size_t j = 0; j < slice->n_ports; j++) {
            const struct model_slice_port *port = &slice->ports[j];
            if (port->port == 0 || find_port(draft, family, port->name, port->proto) != NULL)
                continue;
            struct model_service_port spec = { .name = port->name,
                                               .proto = port->proto,
                                               .port = port->port,
                                               .target_port = { .number = port->port } };
            if (!add_port(maker, family, &spec))
                return false;
        }
    }
    if (draft->n_ports > first)
        qsort(&draft->ports[first], draft->n_ports - first, sizeof(*draft->ports),
              compare_extra_ports);
    return true;
}

static void find_families(struct maker *maker)
{
    const struct model_service *service = maker->in->service;
    if (service->type == MODEL_SERVICE_EXTERNAL_NAME)
        return;
    if (has_own_address(service)) {
        for (size_t i = 0; i < service->n_cluster_ips; i++)
            maker->has_family[family_position(service->cluster_ips[i].family)] = true;
        return;
    }
    for (size_t i = 0; i < maker->in->n_slices; i++)
        if (slice_is_used(maker, maker->in->slices[i]))
            maker->has_family[family_position(maker->in->slices[i]->family)] = true;
}

static bool add_ports(struct maker *maker)
{
    const struct model_service *service = maker->in->service;
    for (unsigned family = 0; family < 2; family++) {
        if (!maker->has_family[family])
            continue;
        for (size_t i = 0; i < service->n_ports; i++)
            if (!add_port(maker, family, &service->ports[i]))
                return false;
        if (!has_own_address(service) && !add_slice_ports(maker, family))
            return false;
    }
    return true;
}

static bool add_candidate(struct maker *maker, struct endpoint_draft_port *port,
                          struct endpoint_origin *origin, uint16_t number)
{
    void *candidates = port->candidates;
    if (!arena_grow(maker->arena, &candidates, &port->cap_candidates, port->n_candidates,
                    sizeof(*port->candidates)))
        return false;
    port->candidates = candidates;
    const struct endpoint_place *place = maker->in->place;
    port->candidates[port->n_candidates++] =
        (struct endpoint_candidate){ .endpoint = origin->endpoint,
                                     .origin = origin,
                                     .port = number,
                                     .is_local =
                                         !ke_str_is_empty(place->node_name) &&
                                         ke_str_eq(origin->endpoint->node_name, place->node_name) };
    return true;
}

static size_t text_of_endpoint(const struct model_slice_endpoint *ep)
{
    return ep->hostname.len + ep->node_name.len + ep->zone.len + ep->target_kind.len +
           ep->target_ns.len + ep->target_name.len;
}

static bool add_slice(struct maker *maker, const struct model_endpoint_slice *slice,
                      struct endpoint_draft_port *addresses)
{
    struct endpoint_draft *draft = maker->draft;
    struct endpoint_origin *origins =
        ke_arena_alloc_n(maker->arena, slice->n_endpoints, sizeof(*origins));
    if (origins == NULL && slice->n_endpoints > 0)
        return false;
    uint64_t revision = 0;
    if (!ke_str_to_u64(slice->meta.resource_version, UINT64_MAX, &revision))
        revision = 0;
    for (size_t i = 0; i < slice->n_endpoints; i++) {
        origins[i] = (struct endpoint_origin){ .endpoint = &slice->endpoints[i],
                                               .slice = slice,
                                               .slice_revision = revision };
        if (slice->endpoints[i].ip.family != slice->family)
            continue;
        draft->has_endpoints = true;
        draft->n_text += text_of_endpoint(&slice->endpoints[i]);
        if (!add_candidate(maker, addresses, &origins[i], 0))
            return false;
    }
    for (size_t j = 0; j < slice->n_ports; j++) {
        const struct model_slice_port *from = &slice->ports[j];
        struct endpoint_draft_port *port =
            find_port(draft, family_position(slice->family), from->name, from->proto);
        if (port == NULL || from->port == 0)
            continue;
        for (size_t i = 0; i < slice->n_endpoints; i++) {
            if (slice->endpoints[i].ip.family == slice->family &&
                !add_candidate(maker, port, &origins[i], from->port))
                return false;
        }
    }
    return true;
}

static int compare_flags(bool x, bool y)
{
    return (int)y - (int)x;
}

static int compare_addresses(const struct endpoint_candidate *x, const struct endpoint_candidate *y)
{
    int by_ip = ke_ip_cmp(&x->endpoint->ip, &y->endpoint->ip);
    return by_ip != 0 ? by_ip : (int)x->port - (int)y->port;
}

/* By address, then port; of the same ones the best first. */
static int compare_candidates(const void *a, const void *b)
{
    const struct endpoint_candidate *x = a;
    const struct endpoint_candidate *y = b;
    int order = compare_addresses(x, y);
    if (order == 0)
        order = compare_flags(x->endpoint->is_ready, y->endpoint->is_ready);
    if (order == 0)
        order = compare_flags(x->endpoint->is_serving, y->endpoint->is_serving);
    if (order == 0)
        order = compare_flags(x->is_local, y->is_local);
    if (order == 0)
        order = (x->origin->slice_revision < y->origin->slice_revision) -
                (x->origin->slice_revision > y->origin->slice_revision);
    if (order == 0)
        order = ke_str_cmp(x->origin->slice->meta.name, y->origin->slice->meta.name);
    if (order == 0) /* twice in one slice: as listed */
        order = (x->endpoint > y->endpoint) - (x->endpoint < y->endpoint);
    return order;
}

static size_t sort_and_merge(struct endpoint_candidate *candidates, size_t n)
{
    if (n == 0)
        return 0;
    qsort(candidates, n, sizeof(*candidates), compare_candidates);
    size_t kept = 1;
    for (size_t i = 1; i < n; i++)
        if (compare_addresses(&candidates[i], &candidates[kept - 1]) != 0)
            candidates[kept++] = candidates[i];
    return kept;
}

static bool pick_backends(struct maker *maker, struct endpoint_draft_port *port)
{
    port->n_candidates = sort_and_merge(port->candidates, port->n_candidates);
    size_t n = port->n_candidates;
    if (n == 0)
        return true;
    uint32_t *positions = ke_arena_alloc_n(maker->arena, 2 * n, sizeof(*positions));
    if (positions == NULL || n > UINT32_MAX)
        return false;
    port->pick.cluster = positions;
    port->pick.local = positions + n;
    endpoint_policy_pick(port->candidates, (uint32_t)n, maker->in->place,
                         endpoint_preference_parse(maker->in->service->traffic_distribution),
                         &port->pick);
    return true;
}

bool endpoint_draft_make(const struct endpoint_draft_input *in, struct ke_arena *arena,
                         struct endpoint_draft *out)
{
    const struct model_service *service = in->service;
    struct endpoint_draft draft = {
        .service = service,
        .is_proxied = has_own_address(service) && service->type != MODEL_SERVICE_EXTERNAL_NAME &&
                      !has_label(&service->meta, LABEL_PROXY_NAME),
        .n_text = service->meta.ns.len + service->meta.name.len + service->external_name.len,
    };
    struct maker maker = { .in = in, .arena = arena, .draft = &draft };
    find_families(&maker);
    if (!add_ports(&maker))
        return false;
    struct endpoint_draft_port addresses = { 0 };
    for (size_t i = 0; i < in->n_slices; i++) {
        if (service->type != MODEL_SERVICE_EXTERNAL_NAME && slice_is_used(&maker, in->slices[i]) &&
            !add_slice(&maker, in->slices[i], &addresses))
            return false;
    }
    for (size_t i = 0; i < draft.n_ports; i++)
        if (!pick_backends(&maker, &draft.ports[i]))
            return false;
    draft.addresses = addresses.candidates;
    draft.n_addresses = sort_and_merge(addresses.candidates, addresses.n_candidates);
    *out = draft;
    return true;
}
