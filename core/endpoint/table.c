/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The read side of the table. An index leads to an entry, the entry to the record of the moment; a
 * record says itself whether it still answers to what was asked for, so a reader that meets an
 * index entry older or newer than the record is never misled. Any registered thread, no lock, no
 * allocation.
 */
#include "core/endpoint/table.h"

#include "core/endpoint/state.h"

uint64_t endpoint_hash_name(struct ke_str ns, struct ke_str name)
{
    return ke_str_hash(ns) * UINT64_C(0x9e3779b97f4a7c15) ^ ke_str_hash(name);
}

uint64_t endpoint_hash_claim(const struct endpoint_claim_key *key)
{
    return ke_hash_bytes(key, sizeof(*key));
}

bool endpoint_claim_key_eq(const struct endpoint_claim_key *a, const struct endpoint_claim_key *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static const struct endpoint_service *record_of(struct endpoint_entry *entry)
{
    return atomic_load_explicit(&entry->record, memory_order_acquire);
}

const struct endpoint_service *endpoint_table_find(struct endpoint_table *table, struct ke_str ns,
                                                   struct ke_str name)
{
    struct endpoint_index_probe probe =
        endpoint_index_probe_start(&table->names, endpoint_hash_name(ns, name));
    struct endpoint_entry *entry;
    while ((entry = endpoint_index_probe_next(&probe)) != NULL) {
        const struct endpoint_service *service = record_of(entry);
        if (service != NULL && ke_str_eq(service->name, name) && ke_str_eq(service->ns, ns))
            return service;
    }
    return NULL;
}

/* The next service that claims the key, or NULL. */
static const struct endpoint_service *next_claimant(struct endpoint_index_probe *probe,
                                                    const struct endpoint_claim_key *key)
{
    struct endpoint_claim *claim;
    while ((claim = endpoint_index_probe_next(probe)) != NULL) {
        if (!endpoint_claim_key_eq(&claim->key, key))
            continue;
        const struct endpoint_service *service = record_of(claim->entry);
        if (service != NULL)
            return service;
    }
    return NULL;
}

static bool ips_have(const struct ke_ip *ips, uint32_t n, const struct ke_ip *ip)
{
    for (uint32_t i = 0; i < n; i++)
        if (ke_ip_eq(&ips[i], ip))
            return true;
    return false;
}

static bool has_cluster_ip(const struct endpoint_service *service, const struct ke_ip *ip)
{
    return ips_have(service->cluster_ips, service->n_cluster_ips, ip);
}

static bool has_address(const struct endpoint_service *service, const struct ke_ip *ip)
{
    return has_cluster_ip(service, ip) ||
           ips_have(service->external_ips, service->n_external_ips, ip) ||
           ips_have(service->lb_ips, service->n_lb_ips, ip);
}

static unsigned family_position(enum ke_family family)
{
    return family == KE_FAMILY_IPV6 ? 1 : 0;
}

static const struct endpoint_port *find_port(const struct endpoint_service *service,
                                             enum ke_family family, enum ke_proto proto,
                                             uint16_t port)
{
    unsigned position = family_position(family);
    for (uint32_t i = 0; i < service->n_ports[position]; i++) {
        const struct endpoint_port *candidate = &service->ports[position][i];
        if (candidate->port == port && candidate->proto == proto)
            return candidate;
    }
    return NULL;
}

/* Of two claimants of an address: has a the better right? */
static bool owns_before(const struct endpoint_service *a, const struct endpoint_service *b,
                        const struct ke_ip *ip)
{
    bool a_has = has_cluster_ip(a, ip);
    bool b_has = has_cluster_ip(b, ip);
    if (a_has != b_has)
        return a_has;
    if (a->created_us != b->created_us)
        return a->created_us < b->created_us;
    int by_ns = ke_str_cmp(a->ns, b->ns);
    return by_ns != 0 ? by_ns < 0 : ke_str_cmp(a->name, b->name) < 0;
}

const struct endpoint_service *endpoint_table_find_address(struct endpoint_table *table,
                                                           const struct ke_ip *ip,
                                                           enum ke_proto proto, uint16_t port,
                                                           const struct endpoint_port **port_out)
{
    struct endpoint_claim_key key = {
        .ip = *ip, .port = port, .proto = (uint8_t)proto, .kind = ENDPOINT_CLAIM_ADDRESS
    };
    struct endpoint_index_probe probe =
        endpoint_index_probe_start(&table->claims, endpoint_hash_claim(&key));
    const struct endpoint_service *owner = NULL;
    const struct endpoint_port *owner_port = NULL;
    const struct endpoint_service *service;
    while ((service = next_claimant(&probe, &key)) != NULL) {
        const struct endpoint_port *found = find_port(service, ip->family, proto, port);
        if (found == NULL || !service->is_proxied || !has_address(service, ip) ||
            (owner != NULL && !owns_before(service, owner, ip)))
            continue;
        owner = service;
        owner_port = found;
    }
    if (port_out != NULL)
        *port_out = owner_port;
    return owner;
}

static const struct endpoint_port *find_node_port(const struct endpoint_service *service,
                                                  enum ke_family family, enum ke_proto proto,
                                                  uint16_t node_port)
{
    unsigned position = family_position(family);
    for (uint32_t i = 0; i < service->n_ports[position]; i++) {
        const struct endpoint_port *candidate = &service->ports[position][i];
        if (candidate->node_port == node_port && candidate->proto == proto)
            return candidate;
    }
    return NULL;
}

const struct endpoint_service *endpoint_table_find_node_port(struct endpoint_table *table,
                                                             enum ke_family family,
                                                             enum ke_proto proto,
                                                             uint16_t node_port,
                                                             const struct endpoint_port **port_out)
{
    static const struct ke_ip no_ip;
    struct endpoint_claim_key key = { .port = node_port,
                                      .proto = (uint8_t)proto,
                                      .kind = ENDPOINT_CLAIM_NODE_PORT };
    struct endpoint_index_probe probe =
        endpoint_index_probe_start(&table->claims, endpoint_hash_claim(&key));
    const struct endpoint_service *owner = NULL;
    const struct endpoint_port *owner_port = NULL;
    const struct endpoint_service *service;
    while (node_port != 0 && (service = next_claimant(&probe, &key)) != NULL) {
        const struct endpoint_port *found = find_node_port(service, family, proto, node_port);
        if (found == NULL || !service->is_proxied ||
            (owner != NULL && !owns_before(service, owner, &no_ip)))
            continue;
        owner = service;
        owner_port = found;
    }
    if (port_out != NULL)
        *port_out = owner_port;
    return owner;
}

const struct endpoint_service *endpoint_table_find_cluster_ip(struct endpoint_table *table,
                                                              const struct ke_ip *ip)
{
    struct endpoint_claim_key key = { .ip = *ip, .kind = ENDPOINT_CLAIM_CLUSTER_IP };
    struct endpoint_index_probe probe =
        endpoint_index_probe_start(&table->claims, endpoint_hash_claim(&key));
    const struct endpoint_service *owner = NULL;
    const struct endpoint_service *service;
    while ((service = next_claimant(&probe, &key)) != NULL)
        if (has_cluster_ip(service, ip) && (owner == NULL || owns_before(service, owner, ip)))
            owner = service;
    return owner;
}

static bool has_backend(const struct endpoint_service *service, const struct ke_ip *ip)
{
    uint32_t low = 0;
    uint32_t high = service->n_addresses;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = ke_ip_cmp(&service->addresses[middle].ip, ip);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/*
 * Gives them by the number of their slot, so that a walk neither repeats nor misses one when the
 * index changes meanwhile. Few services share an endpoint: the square of their number is small.
 */
const struct endpoint_service *endpoint_table_next_by_backend(struct endpoint_table *table,
                                                              const struct ke_ip *ip, uint32_t *pos)
{
    struct endpoint_claim_key key = { .ip = *ip, .kind = ENDPOINT_CLAIM_BACKEND };
    struct endpoint_index_probe probe =
        endpoint_index_probe_start(&table->claims, endpoint_hash_claim(&key));
    const struct endpoint_service *best = NULL;
    uint32_t best_slot = UINT32_MAX;
    struct endpoint_claim *claim;
    while ((claim = endpoint_index_probe_next(&probe)) != NULL) {
        uint32_t slot = claim->entry->slot;
        if (!endpoint_claim_key_eq(&claim->key, &key) || slot < *pos || slot >= best_slot)
            continue;
        const struct endpoint_service *service = record_of(claim->entry);
        if (service == NULL || !has_backend(service, ip))
            continue;
        best = service;
        best_slot = slot;
    }
    *pos = best != NULL ? best_slot + 1 : UINT32_MAX;
    return best;
}

const struct endpoint_service *endpoint_table_next(struct endpoint_table *table, uint64_t *pos)
{
    const struct endpoint_slots *slots = ke_snap_load(&table->slots);
    while (slots != NULL && *pos < slots->cap) {
        struct endpoint_entry *entry =
            atomic_load_explicit(&slots->at[(*pos)++], memory_order_acquire);
        const struct endpoint_service *service = entry != NULL ? record_of(entry) : NULL;
        if (service != NULL)
            return service;
    }
    return NULL;
}

bool endpoint_table_has_namespace(struct endpoint_table *table, struct ke_str ns)
{
    struct endpoint_index_probe probe =
        endpoint_index_probe_start(&table->namespaces, ke_str_hash(ns));
    const struct endpoint_namespace *item;
    while ((item = endpoint_index_probe_next(&probe)) != NULL)
        if (ke_str_eq(ke_str_of(item->name, item->len), ns))
            return true;
    return false;
}

bool endpoint_table_is_node_address(struct endpoint_table *table, const struct ke_ip *ip)
{
    const struct endpoint_own_node *node = ke_snap_load(&table->own_node);
    return node != NULL && ips_have(node->ips, (uint32_t)node->n_ips, ip);
}

bool endpoint_table_is_synced(const struct endpoint_table *table)
{
    return atomic_load_explicit(&table->is_synced, memory_order_acquire);
}

uint64_t endpoint_table_generation(const struct endpoint_table *table)
{
    return atomic_load_explicit(&table->generation, memory_order_acquire);
}

int64_t endpoint_table_changed_wall_s(const struct endpoint_table *table)
{
    return atomic_load_explicit(&table->changed_wall_s, memory_order_relaxed);
}
