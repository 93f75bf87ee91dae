/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims: the index entries that lead from an address, a node port or an endpoint address to a
 * service. When a record replaces another, new claims are added before it is published and old ones
 * removed after, so that a reader finds the service at every moment; a claim that both records make
 * is left alone. Services that share an address with one that gives or takes a claim are reported
 * as changed too: who owns the address may be another now. Writer only.
 */
#include <stdlib.h>

#include "core/base/snap.h"
#include "core/endpoint/builder.h"

struct key_list {
    struct endpoint_claim_key *keys;
    size_t n, cap;
};

static bool add_key(struct key_list *list, enum endpoint_claim_kind kind, const struct ke_ip *ip,
                    const struct endpoint_port *port)
{
    void *keys = list->keys;
    if (!ke_grow(&keys, &list->cap, list->n + 1, sizeof(*list->keys)))
        return false;
    list->keys = keys;
    struct endpoint_claim_key key = { .kind = (uint8_t)kind };
    if (ip != NULL)
        key.ip = *ip;
    if (port != NULL) {
        key.proto = (uint8_t)port->proto;
        key.port = kind == ENDPOINT_CLAIM_NODE_PORT ? port->node_port : port->port;
    }
    list->keys[list->n++] = key;
    return true;
}

static bool add_addresses(struct key_list *list, const struct endpoint_port *port,
                          enum ke_family family, const struct ke_ip *ips, uint32_t n_ips)
{
    for (uint32_t i = 0; i < n_ips; i++)
        if (ips[i].family == family && !add_key(list, ENDPOINT_CLAIM_ADDRESS, &ips[i], port))
            return false;
    return true;
}

static bool add_ports(struct key_list *list, const struct endpoint_service *record,
                      unsigned position)
{
    enum ke_family family = position == 0 ? KE_FAMILY_IPV4 : KE_FAMILY_IPV6;
    for (uint32_t i = 0; i < record->n_ports[position]; i++) {
        const struct endpoint_port *port = &record->ports[position][i];
        if (!add_addresses(list, port, family, record->cluster_ips, record->n_cluster_ips) ||
            !add_addresses(list, port, family, record->external_ips, record->n_external_ips) ||
            !add_addresses(list, port, family, record->lb_ips, record->n_lb_ips))
            return false;
        if (port->node_port != 0 && !add_key(list, ENDPOINT_CLAIM_NODE_PORT, NULL, port))
            return false;
    }
    return true;
}

static int compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct endpoint_claim_key));
}

/* All keys of a record, sorted, each once. False: out of memory. */
static bool list_keys(const struct endpoint_service *record, struct key_list *list)
{
    for (unsigned position = 0; record->is_proxied && position < 2; position++)
        if (!add_ports(list, record, position))
            return false;
    for (uint32_t i = 0; i < record->n_cluster_ips; i++)
        if (!add_key(list, ENDPOINT_CLAIM_CLUSTER_IP, &record->cluster_ips[i], NULL))
            return false;
    for (uint32_t i = 0; i < record->n_addresses; i++)
        if (!add_key(list, ENDPOINT_CLAIM_BACKEND, &record->addresses[i].ip, NULL))
            return false;
    if (list->n == 0)
        return true;
    qsort(list->keys, list->n, sizeof(*list->keys), compare_keys);
    size_t kept = 1;
    for (size_t i = 1; i < list->n; i++)
        if (!endpoint_claim_key_eq(&list->keys[i], &list->keys[kept - 1]))
            list->keys[kept++] = list->keys[i];
    list->n = kept;
    return true;
}

static struct endpoint_claim *find_claim(const struct endpoint_building *building,
                                         const struct endpoint_claim_key *key)
{
    size_t low = 0;
    size_t high = building->n_claims;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_keys(&building->claims[middle]->key, key);
        if (order == 0)
            return building->claims[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool is_new(const struct endpoint_building *building, const struct endpoint_claim *claim)
{
    return find_claim(building, &claim->key) != claim;
}

void endpoint_claims_discard(const struct endpoint_building *building,
                             struct endpoint_claim_change *change)
{
    for (size_t i = 0; i < change->n_claims; i++)
        if (is_new(building, change->claims[i]))
            free(change->claims[i]);
    free(change->claims);
    *change = (struct endpoint_claim_change){ 0 };
}

static bool make_claims(const struct endpoint_building *building, struct endpoint_entry *entry,
                        const struct key_list *list, struct endpoint_claim_change *change)
{
    change->claims = ke_alloc_n(list->n, sizeof(struct endpoint_claim *));
    if (change->claims == NULL)
        return false;
    for (size_t i = 0; i < list->n; i++) {
        struct endpoint_claim *claim = find_claim(building, &list->keys[i]);
        if (claim == NULL) {
            claim = ke_alloc(sizeof(*claim));
            if (claim == NULL)
                return false;
            claim->key = list->keys[i];
            claim->entry = entry;
            change->n_new++;
        }
        change->claims[change->n_claims++] = claim;
    }
    return true;
}

bool endpoint_claims_prepare(struct endpoint_table *table, const struct endpoint_building *building,
                             struct endpoint_entry *entry, const struct endpoint_service *record,
                             struct endpoint_claim_change *out)
{
    struct key_list list = { 0 };
    *out = (struct endpoint_claim_change){ 0 };
    bool is_made = list_keys(record, &list) && make_claims(building, entry, &list, out) &&
                   endpoint_index_reserve(&table->claims, out->n_new);
    free(list.keys);
    if (!is_made)
        endpoint_claims_discard(building, out);
    return is_made;
}

/* The other services that claim the same address or node port. */
static void mark_rivals(struct endpoint_table *table, const struct endpoint_claim *claim)
{
    if (claim->key.kind != ENDPOINT_CLAIM_ADDRESS && claim->key.kind != ENDPOINT_CLAIM_NODE_PORT)
        return;
    struct endpoint_index_probe probe =
        endpoint_index_probe_start(&table->claims, endpoint_hash_claim(&claim->key));
    struct endpoint_claim *other;
    while ((other = endpoint_index_probe_next(&probe)) != NULL) {
        if (other == claim || !endpoint_claim_key_eq(&other->key, &claim->key))
            continue;
        struct endpoint_building *rival = other->entry->building;
        if (ke_list_is_empty(&rival->changed))
            ke_list_append(&table->builder->changed, &rival->changed);
    }
}

void endpoint_claims_add(struct endpoint_table *table, const struct endpoint_building *building,
                         const struct endpoint_claim_change *change)
{
    for (size_t i = 0; i < change->n_claims; i++) {
        struct endpoint_claim *claim = change->claims[i];
        if (!is_new(building, claim))
            continue;
        endpoint_index_add(&table->claims, endpoint_hash_claim(&claim->key), claim);
        mark_rivals(table, claim);
    }
}

static bool is_kept(const struct endpoint_claim_change *change, const struct endpoint_claim *claim,
                    size_t *at)
{
    while (*at < change->n_claims && compare_keys(&change->claims[*at]->key, &claim->key) < 0)
        (*at)++;
    return *at < change->n_claims && change->claims[*at] == claim;
}

void endpoint_claims_finish(struct endpoint_table *table, struct endpoint_building *building,
                            struct endpoint_claim_change *change)
{
    size_t at = 0;
    for (size_t i = 0; i < building->n_claims; i++) {
        struct endpoint_claim *claim = building->claims[i];
        if (is_kept(change, claim, &at))
            continue;
        bool was_there =
            endpoint_index_remove(&table->claims, endpoint_hash_claim(&claim->key), claim);
        KE_ASSERT(was_there);
        mark_rivals(table, claim);
        ke_snap_retire(claim, free);
    }
    free(building->claims);
    building->claims = change->claims;
    building->n_claims = change->n_claims;
    *change = (struct endpoint_claim_change){ 0 };
}
