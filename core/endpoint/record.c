/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packing. A draft is laid out in scratch memory first, with pointers as if it lay where the old
 * record is: when the bytes are the same nothing has changed, and there is no new record.
 * (Rejected: a comparison field by field, which forgets the field that is added next year.)
 * Otherwise it is laid out again where it stays. Structures come first, texts behind them; a text
 * that the endpoint before has too is shared with it. Pure.
 */
#include "core/endpoint/record.h"

#include <stdlib.h>

#include "core/base/snap.h"

/* What lies in front of the service, for its size. */
struct block {
    size_t size; /* of all */
    struct endpoint_service service;
};

struct packer {
    char *memory;                         /* where it is written */
    uintptr_t address;                    /* what pointers are counted from */
    size_t used;                          /* of the structures */
    size_t n_structs;                     /* their end: the texts begin here */
    size_t n_text;                        /* of the texts */
    const struct endpoint_origin *before; /* the endpoint packed last */
    struct ke_str ns; /* of the service, packed: targets are nearly always in it */
};

#define PACK_ALIGN _Alignof(struct block)

static const struct block *block_of(const struct endpoint_service *service)
{
    const void *at = (const char *)service - offsetof(struct block, service);
    return at;
}

static size_t aligned(size_t size)
{
    return (size + PACK_ALIGN - 1) & ~(PACK_ALIGN - 1);
}

/* Room for n structures: where to write them, and in *out what to point at. */
static void *pack_array(struct packer *packer, size_t n, size_t size, const void **out)
{
    size_t at = packer->used;
    packer->used += aligned(n * size);
    *out = n > 0 ? (const void *)(packer->address + at) : NULL; /* NOLINT: an address, not memory */
    return packer->memory + at;
}

static const void *pack_copy(struct packer *packer, const void *from, size_t n, size_t size)
{
    const void *out;
    void *to = pack_array(packer, n, size, &out);
    if (n > 0)
        memcpy(to, from, n * size);
    return out;
}

static struct ke_str pack_text(struct packer *packer, struct ke_str text)
{
    if (text.len == 0)
        return (struct ke_str){ 0 };
    size_t at = packer->n_structs + packer->n_text;
    memcpy(packer->memory + at, text.ptr, text.len);
    packer->n_text += text.len;
    /* NOLINTNEXTLINE: an address, not memory */
    return ke_str_of((const char *)(packer->address + at), text.len);
}

static struct ke_str pack_shared(struct packer *packer, struct ke_str text, struct ke_str before,
                                 struct ke_str before_packed)
{
    return ke_str_eq(text, before) ? before_packed : pack_text(packer, text);
}

static void pack_origin(struct packer *packer, struct endpoint_origin *origin, struct ke_str ns)
{
    if (origin->is_packed)
        return;
    static const struct model_slice_endpoint no_endpoint;
    static const struct endpoint_origin nothing = { .endpoint = &no_endpoint };
    const struct endpoint_origin *before = packer->before != NULL ? packer->before : &nothing;
    const struct model_slice_endpoint *old = before->endpoint;
    const struct model_slice_endpoint *ep = origin->endpoint;
    origin->hostname = pack_text(packer, ep->hostname);
    origin->node_name = pack_shared(packer, ep->node_name, old->node_name, before->node_name);
    origin->zone = pack_shared(packer, ep->zone, old->zone, before->zone);
    origin->target_kind =
        pack_shared(packer, ep->target_kind, old->target_kind, before->target_kind);
    origin->target_ns = pack_shared(packer, ep->target_ns, ns, packer->ns);
    origin->target_name = ke_str_eq(ep->target_name, ep->hostname)
                              ? origin->hostname
                              : pack_text(packer, ep->target_name);
    origin->is_packed = true;
    packer->before = origin;
}

static const struct endpoint_backend *pack_backends(struct packer *packer, struct ke_str ns,
                                                    const struct endpoint_candidate *candidates,
                                                    size_t n)
{
    const void *out;
    struct endpoint_backend *backends = pack_array(packer, n, sizeof(*backends), &out);
    for (size_t i = 0; i < n; i++) {
        const struct model_slice_endpoint *ep = candidates[i].endpoint;
        struct endpoint_origin *origin = candidates[i].origin;
        pack_origin(packer, origin, ns);
        struct endpoint_backend *backend = &backends[i];
        backend->id = candidates[i].id;
        backend->ip = ep->ip;
        backend->port = candidates[i].port;
        backend->is_ready = ep->is_ready;
        backend->is_serving = ep->is_serving;
        backend->is_terminating = ep->is_terminating;
        backend->is_local = candidates[i].is_local;
        backend->hostname = origin->hostname;
        backend->node_name = origin->node_name;
        backend->zone = origin->zone;
        backend->target_kind = origin->target_kind;
        backend->target_ns = origin->target_ns;
        backend->target_name = origin->target_name;
    }
    return out;
}

static void pack_port(struct packer *packer, struct ke_str ns,
                      const struct endpoint_draft_port *draft, struct endpoint_port *port)
{
    port->name = pack_text(packer, draft->spec.name);
    port->proto = draft->spec.proto;
    port->port = draft->spec.port;
    port->node_port = draft->spec.node_port;
    port->app_protocol = pack_text(packer, draft->spec.app_protocol);
    port->target_name = pack_text(packer, draft->spec.target_port.name);
    port->target_number = draft->spec.target_port.number;
    port->backends = pack_backends(packer, ns, draft->candidates, draft->n_candidates);
    port->n_backends = (uint32_t)draft->n_candidates;
    port->n_cluster = draft->pick.n_cluster;
    port->cluster = pack_copy(packer, draft->pick.cluster, draft->pick.n_cluster, sizeof(uint32_t));
    port->n_local = draft->pick.n_local;
    port->local = pack_copy(packer, draft->pick.local, draft->pick.n_local, sizeof(uint32_t));
}

/* With a single port the addresses are its backends: then they are not packed twice. */
static bool addresses_are_backends(const struct endpoint_draft *draft)
{
    if (draft->n_ports != 1 || draft->ports[0].n_candidates != draft->n_addresses)
        return false;
    for (size_t i = 0; i < draft->n_addresses; i++)
        if (draft->ports[0].candidates[i].origin != draft->addresses[i].origin)
            return false;
    return true;
}

static void pack_addresses(struct packer *packer, const struct endpoint_draft *draft,
                           struct endpoint_service *service)
{
    service->n_addresses = (uint32_t)draft->n_addresses;
    if (!addresses_are_backends(draft)) {
        service->addresses =
            pack_backends(packer, draft->service->meta.ns, draft->addresses, draft->n_addresses);
        return;
    }
    unsigned family = draft->ports[0].family;
    const struct endpoint_port *port =
        (const void *)(packer->memory + ((uintptr_t)service->ports[family] - packer->address));
    service->addresses = port->backends;
}

static void pack_ports(struct packer *packer, const struct endpoint_draft *draft,
                       struct endpoint_service *service)
{
    size_t next = 0;
    for (unsigned family = 0; family < 2; family++) {
        size_t n = draft->n_family_ports[family];
        const void *out;
        struct endpoint_port *ports = pack_array(packer, n, sizeof(*ports), &out);
        service->ports[family] = out;
        service->n_ports[family] = (uint32_t)n;
        for (size_t i = 0; i < n; i++)
            pack_port(packer, draft->service->meta.ns, &draft->ports[next++], &ports[i]);
    }
}

static void pack_policies(const struct endpoint_draft *draft, struct endpoint_service *service)
{
    const struct model_service *from = draft->service;
    service->type = from->type;
    service->is_headless = from->is_headless;
    service->is_proxied = draft->is_proxied;
    service->has_client_ip_affinity = from->has_client_ip_affinity;
    service->affinity_timeout_s = from->affinity_timeout_s;
    service->is_internal_local = from->is_internal_local;
    service->is_external_local = from->is_external_local;
    service->has_selector = from->n_selector > 0;
    service->has_endpoints = draft->has_endpoints;
    service->health_check_node_port = from->health_check_node_port;
}

static void pack_service(struct packer *packer, const struct endpoint_draft *draft,
                         const struct endpoint_record_input *in, uint64_t generation)
{
    const struct model_service *from = draft->service;
    const void *unused;
    struct block *block = pack_array(packer, 1, sizeof(*block), &unused);
    struct endpoint_service *service = &block->service;
    service->id = in->id;
    service->generation = generation;
    service->created_us = from->meta.created_us;
    service->ns = pack_text(packer, from->meta.ns);
    packer->ns = service->ns;
    service->name = pack_text(packer, from->meta.name);
    service->external_name = pack_text(packer, from->external_name);
    pack_policies(draft, service);
    service->n_cluster_ips = from->is_headless ? 0 : (uint32_t)from->n_cluster_ips;
    for (uint32_t i = 0; i < service->n_cluster_ips; i++)
        service->cluster_ips[i] = from->cluster_ips[i];
    service->n_external_ips = (uint32_t)from->n_external_ips;
    service->external_ips =
        pack_copy(packer, from->external_ips, from->n_external_ips, sizeof(struct ke_ip));
    service->n_lb_ips = (uint32_t)from->n_lb_ips;
    service->lb_ips = pack_copy(packer, from->lb_ips, from->n_lb_ips, sizeof(struct ke_ip));
    service->n_source_ranges = (uint32_t)from->n_source_ranges;
    service->source_ranges =
        pack_copy(packer, from->source_ranges, from->n_source_ranges, sizeof(struct ke_cidr));
    pack_ports(packer, draft, service);
    pack_addresses(packer, draft, service);
    KE_ASSERT(packer->used == packer->n_structs && packer->n_text <= draft->n_text);
    block->size = packer->n_structs + packer->n_text;
}

static size_t structs_of(const struct endpoint_draft *draft)
{
    const struct model_service *from = draft->service;
    size_t size = aligned(sizeof(struct block));
    size += aligned(from->n_external_ips * sizeof(struct ke_ip));
    size += aligned(from->n_lb_ips * sizeof(struct ke_ip));
    size += aligned(from->n_source_ranges * sizeof(struct ke_cidr));
    for (unsigned family = 0; family < 2; family++)
        size += aligned(draft->n_family_ports[family] * sizeof(struct endpoint_port));
    for (size_t i = 0; i < draft->n_ports; i++) {
        const struct endpoint_draft_port *port = &draft->ports[i];
        size += aligned(port->n_candidates * sizeof(struct endpoint_backend));
        size += aligned(port->pick.n_cluster * sizeof(uint32_t));
        size += aligned(port->pick.n_local * sizeof(uint32_t));
    }
    if (!addresses_are_backends(draft))
        size += aligned(draft->n_addresses * sizeof(struct endpoint_backend));
    return size;
}

static const struct endpoint_port *old_port_of(const struct endpoint_service *old,
                                               const struct endpoint_draft_port *port)
{
    for (uint32_t i = 0; old != NULL && i < old->n_ports[port->family]; i++) {
        const struct endpoint_port *candidate = &old->ports[port->family][i];
        if (candidate->proto == port->spec.proto && ke_str_eq(candidate->name, port->spec.name))
            return candidate;
    }
    return NULL;
}

static uint32_t next_backend_id(uint32_t *last)
{
    *last = *last == UINT32_MAX ? 1 : *last + 1;
    return *last;
}

/* Both sides are sorted by address and port: one walk over both. */
static void give_ids(struct endpoint_draft_port *port, const struct endpoint_service *old,
                     uint32_t *last_backend_id)
{
    const struct endpoint_port *old_port = old_port_of(old, port);
    uint32_t n_old = old_port != NULL ? old_port->n_backends : 0;
    uint32_t at = 0;
    for (size_t i = 0; i < port->n_candidates; i++) {
        struct endpoint_candidate *candidate = &port->candidates[i];
        int order = -1;
        while (at < n_old) {
            const struct endpoint_backend *backend = &old_port->backends[at];
            order = ke_ip_cmp(&candidate->endpoint->ip, &backend->ip);
            if (order == 0)
                order = (int)candidate->port - (int)backend->port;
            if (order <= 0)
                break;
            at++;
            order = -1;
        }
        candidate->id = order == 0 ? old_port->backends[at].id : next_backend_id(last_backend_id);
    }
}

static void forget_packing(const struct endpoint_draft *draft)
{
    for (size_t i = 0; i < draft->n_addresses; i++)
        draft->addresses[i].origin->is_packed = false;
    for (size_t i = 0; i < draft->n_ports; i++)
        for (size_t j = 0; j < draft->ports[i].n_candidates; j++)
            draft->ports[i].candidates[j].origin->is_packed = false;
}

enum ke_code endpoint_record_build(const struct endpoint_record_input *in, struct ke_arena *arena,
                                   struct endpoint_service **out, struct ke_err *err)
{
    struct endpoint_draft draft;
    if (!endpoint_draft_make(&in->from, arena, &draft))
        return ke_fail(err, KE_NOMEM, "put a service and its endpoints together");
    for (size_t i = 0; i < draft.n_ports; i++)
        give_ids(&draft.ports[i], in->old, in->last_backend_id);

    size_t n_structs = structs_of(&draft);
    struct block *scratch = ke_arena_alloc(arena, n_structs + draft.n_text);
    if (scratch == NULL)
        return ke_fail(err, KE_NOMEM, "lay out a service record");
    const struct block *old = in->old != NULL ? block_of(in->old) : NULL;
    struct packer packer = { .memory = (char *)scratch,
                             .address = (uintptr_t)(old != NULL ? old : scratch),
                             .n_structs = n_structs };
    pack_service(&packer, &draft, in, old != NULL ? old->service.generation : 0);
    if (old != NULL && old->size == scratch->size && memcmp(old, scratch, old->size) == 0) {
        *out = NULL;
        return KE_OK;
    }

    struct block *block = ke_alloc(scratch->size);
    if (block == NULL)
        return ke_fail(err, KE_NOMEM, "make a service record");
    forget_packing(&draft);
    packer = (struct packer){ .memory = (char *)block,
                              .address = (uintptr_t)block,
                              .n_structs = n_structs };
    pack_service(&packer, &draft, in, in->generation);
    *out = &block->service;
    return KE_OK;
}

void endpoint_record_free(struct endpoint_service *service)
{
    if (service != NULL)
        free(KE_CONTAINER_OF(service, struct block, service));
}

void endpoint_record_retire(struct endpoint_service *service)
{
    ke_snap_retire(KE_CONTAINER_OF(service, struct block, service), free);
}
