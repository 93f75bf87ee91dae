/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements of the maps layout, in the kernel's encoding: every field of a key padded to four bytes,
 * addresses and ports in network order, slots and marks in host order.
 */
#include "proxy/nft_elements.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"

static const struct nft_set_info INFOS[NFT_SET_COUNT] = {
    [NFT_CLUSTER_IPS] = { "cluster_ips", "a", "", "" },
    [NFT_HAIRPIN] = { "hairpin", "fa", "", "" },
    [NFT_RANGED] = { "ranged", "acp", "", "" },
    [NFT_RANGES] = { "ranges", "acpf", "", "flags interval;" },
    [NFT_REFUSED] = { "refused", "acp", "v", "" },
    [NFT_SERVICES] = { "services", "acp", "v", "" },
    [NFT_EXTERNAL_KIND] = { "external_kind", "acp", "v", "" },
    [NFT_EXTERNAL] = { "external", "acp", "v", "" },
    [NFT_EXTERNAL_LOCAL] = { "external_local", "acp", "v", "" },
    [NFT_NODE_REFUSED] = { "node_refused", "cp", "v", "" },
    [NFT_NODE_KIND] = { "node_kind", "cp", "v", "" },
    [NFT_NODE] = { "node_ports", "cp", "v", "" },
    [NFT_NODE_LOCAL] = { "node_local", "cp", "v", "" },
    [NFT_BACKENDS] = { "backends", "acps", "b", "" },
    [NFT_NODE_BACKENDS] = { "node_backends", "cps", "b", "" },
    [NFT_MARKS] = { "marks", "acps", "m", "" },
    [NFT_NODE_MARKS] = { "node_marks", "cps", "m", "" },
    [NFT_MARKED] = { "marked", "acpm", "b", "" },
    [NFT_NODE_MARKED] = { "node_marked", "cpm", "b", "" },
    [NFT_AFFINITY] = { "affinity", "facp", "m", "flags dynamic,timeout; size 262144;" },
    [NFT_NODE_AFFINITY] = { "node_affinity", "fcp", "m", "flags dynamic,timeout; size 262144;" },
};

const struct nft_set_info *nft_set_info(enum nft_set_id id)
{
    return &INFOS[id];
}

bool nft_set_is_used(enum nft_set_id id, enum ke_family family)
{
    bool is_learned =
        id == NFT_AFFINITY || id == NFT_NODE_AFFINITY || id == NFT_MARKS || id == NFT_NODE_MARKS;
    return !is_learned || family == KE_FAMILY_IPV4;
}

/* ---- chains ---- */

static const char BASES[] = "nlpq";

void nft_chain_name(const struct nft_chain *chain, char out[NFT_CHAIN_NAME_MAX])
{
    char base = BASES[chain->base];
    if (chain->affinity_s == 0)
        (void)snprintf(out, NFT_CHAIN_NAME_MAX, "%c%u", base, chain->count);
    else
        (void)snprintf(out, NFT_CHAIN_NAME_MAX, "%c%u_%us", base, chain->count, chain->affinity_s);
}

bool nft_chain_parse(const char *name, struct nft_chain *out)
{
    struct ke_str rest = ke_str_c(name);
    const char *base = rest.len > 0 ? strchr(BASES, rest.ptr[0]) : NULL;
    if (base == NULL)
        return false;
    rest = ke_str_sub(rest, 1, rest.len);
    struct ke_str count = { 0 };
    uint64_t number = 0;
    uint64_t seconds = 0;
    if (!ke_str_split(&rest, '_', &count) || !ke_str_to_u64(count, UINT32_MAX, &number))
        return false;
    if (rest.ptr != NULL &&
        (!ke_str_has_suffix(rest, KE_STR("s")) ||
         !ke_str_to_u64(ke_str_sub(rest, 0, rest.len - 1), UINT32_MAX, &seconds)))
        return false;
    *out = (struct nft_chain){ .base = (enum nft_chain_base)(base - BASES),
                               .count = (uint32_t)number,
                               .affinity_s = (uint32_t)seconds };
    return true;
}

/* ---- keys and data ---- */

static void add_ip(uint8_t *bytes, uint8_t *len, const struct ke_ip *ip)
{
    memcpy(bytes + *len, ip->b, ke_ip_len(ip));
    *len = (uint8_t)(*len + ke_ip_len(ip));
}

static void add_word(uint8_t *bytes, uint8_t *len, uint32_t host_order)
{
    memcpy(bytes + *len, &host_order, sizeof(host_order));
    *len = (uint8_t)(*len + sizeof(host_order));
}

static void add_port(uint8_t *bytes, uint8_t *len, uint16_t port)
{
    bytes[*len] = (uint8_t)(port >> 8);
    bytes[*len + 1] = (uint8_t)port;
    *len = (uint8_t)(*len + 4);
}

static struct nft_element *add(struct nft_elements *elements, enum ke_family family,
                               enum nft_set_id set)
{
    void *items = elements->items;
    if (!ke_grow(&items, &elements->cap, elements->n + 1, sizeof(*elements->items))) {
        elements->has_failed = true;
        return NULL;
    }
    elements->items = items;
    struct nft_element *element = &elements->items[elements->n++];
    *element = (struct nft_element){ .family = (uint8_t)family, .set = (uint8_t)set };
    return element;
}

static bool is_node(const struct proxy_front *front)
{
    return front->kind == PROXY_NODE_PORT;
}

/* An element whose key begins with the front. */
static struct nft_element *add_front(struct nft_elements *elements, const struct proxy_front *front,
                                     enum nft_set_id set)
{
    struct nft_element *element = add(elements, front->ip.family, set);
    if (element == NULL)
        return NULL;
    if (!is_node(front))
        add_ip(element->key, &element->key_len, &front->ip);
    element->key[element->key_len] = (uint8_t)front->proto;
    element->key_len = (uint8_t)(element->key_len + 4);
    add_port(element->key, &element->key_len, front->port);
    return element;
}

static void add_verdict(struct nft_elements *elements, const struct proxy_front *front,
                        enum nft_set_id set, const char *chain)
{
    struct nft_element *element = add_front(elements, front, set);
    if (element == NULL)
        return;
    element->verdict = chain != NULL ? NFT_VERDICT_GOTO : NFT_VERDICT_DROP;
    if (chain == NULL)
        return;
    size_t len = strlen(chain) + 1;
    KE_ASSERT(len <= sizeof(element->data));
    memcpy(element->data, chain, len);
    element->data_len = (uint8_t)len;
}

/* (front, slot or mark) -> backend */
static void add_backend(struct nft_elements *elements, const struct proxy_front *front,
                        enum nft_set_id set, uint32_t word, const struct proxy_target *target)
{
    struct nft_element *element = add_front(elements, front, set);
    if (element == NULL)
        return;
    add_word(element->key, &element->key_len, word);
    add_ip(element->data, &element->data_len, &target->ip);
    add_port(element->data, &element->data_len, target->port);
}

static void add_marked(struct nft_elements *elements, const struct proxy_front *front,
                       const struct proxy_target *target, uint32_t slot)
{
    enum nft_set_id marks = is_node(front) ? NFT_NODE_MARKS : NFT_MARKS;
    enum nft_set_id marked = is_node(front) ? NFT_NODE_MARKED : NFT_MARKED;
    uint32_t mark = slot;
    if (nft_set_is_used(marks, front->ip.family)) {
        mark = target->mark;
        struct nft_element *element = add_front(elements, front, marks);
        if (element == NULL)
            return;
        add_word(element->key, &element->key_len, slot);
        add_word(element->data, &element->data_len, mark);
    }
    add_backend(elements, front, marked, mark, target);
    add_backend(elements, front, marked, mark | PROXY_MASQUERADE_MARK, target);
}

/* The backends of a group at a front, and the front's way to them. */
static void add_group(struct nft_elements *elements, const struct proxy_front *front,
                      const struct proxy_group *group, enum nft_set_id set, uint32_t affinity_s)
{
    bool is_outside = set == NFT_EXTERNAL_LOCAL || set == NFT_NODE_LOCAL;
    struct nft_chain chain = { .count = group->n_targets, .affinity_s = affinity_s };
    if (is_node(front))
        chain.base = is_outside ? NFT_CHAIN_NODE_LOCAL : NFT_CHAIN_NODE;
    else
        chain.base = is_outside ? NFT_CHAIN_LOCAL : NFT_CHAIN_FRONT;
    char name[NFT_CHAIN_NAME_MAX];
    nft_chain_name(&chain, name);
    add_verdict(elements, front, set, group->n_targets > 0 ? name : NULL);
    for (uint32_t i = 0; i < group->n_targets; i++) {
        uint32_t slot = i + (is_outside ? NFT_LOCAL_SLOT : 0);
        if (affinity_s > 0)
            add_marked(elements, front, &group->targets[i], slot);
        else
            add_backend(elements, front, is_node(front) ? NFT_NODE_BACKENDS : NFT_BACKENDS, slot,
                        &group->targets[i]);
    }
}

static void add_hairpins(struct nft_elements *elements, const struct proxy_group *group)
{
    for (uint32_t i = 0; i < group->n_targets; i++) {
        const struct ke_ip *ip = &group->targets[i].ip;
        struct nft_element *element = add(elements, ip->family, NFT_HAIRPIN);
        if (element == NULL)
            return;
        add_ip(element->key, &element->key_len, ip);
        add_ip(element->key, &element->key_len, ip);
    }
}

static void range_bounds(const struct ke_cidr *range, struct ke_ip *first, struct ke_ip *last)
{
    *first = *last = range->ip;
    for (unsigned bit = range->prefix; bit < 8 * ke_ip_len(&range->ip); bit++) {
        uint8_t mask = (uint8_t)(0x80U >> (bit % 8));
        first->b[bit / 8] = (uint8_t)(first->b[bit / 8] & ~mask);
        last->b[bit / 8] |= mask;
    }
}

static void add_range(struct nft_elements *elements, const struct proxy_front *front,
                      const struct ke_cidr *range)
{
    struct ke_ip first;
    struct ke_ip last;
    range_bounds(range, &first, &last);
    struct nft_element *element = add_front(elements, front, NFT_RANGES);
    if (element == NULL)
        return;
    element->data_len = element->key_len;
    memcpy(element->data, element->key, element->key_len);
    add_ip(element->key, &element->key_len, &first);
    add_ip(element->data, &element->data_len, &last);
}

/* The node itself may come from the load balancer's address, where it holds it. */
static void add_ranges(struct nft_elements *elements, const struct proxy_front *front,
                       const struct proxy_plan *plan)
{
    bool has_own = false;
    (void)add_front(elements, front, NFT_RANGED);
    for (uint32_t i = 0; i < plan->n_ranges; i++) {
        const struct ke_cidr *range = &plan->ranges[i];
        bool is_covered = false;
        if (range->ip.family != front->ip.family)
            continue;
        for (uint32_t j = 0; j < plan->n_ranges && !is_covered; j++)
            is_covered = j != i && plan->ranges[j].ip.family == range->ip.family &&
                         ke_cidr_contains(&plan->ranges[j], &range->ip) &&
                         (plan->ranges[j].prefix < range->prefix ||
                          (plan->ranges[j].prefix == range->prefix && j < i));
        if (is_covered)
            continue; /* the kernel refuses what overlaps */
        has_own = has_own || ke_cidr_contains(range, &front->ip);
        add_range(elements, front, range);
    }
    struct ke_cidr own = { .ip = front->ip, .prefix = 8 * ke_ip_len(&front->ip) };
    if (!has_own)
        add_range(elements, front, &own);
}

static void add_front_elements(struct nft_elements *elements, const struct proxy_plan *plan,
                               const struct proxy_front *front)
{
    if (front->has_ranges)
        add_ranges(elements, front, plan);
    if (front->deny != PROXY_DENY_NONE) {
        add_verdict(elements, front, is_node(front) ? NFT_NODE_REFUSED : NFT_REFUSED,
                    front->deny == PROXY_DENY_REJECT ? "refuse" : NULL);
        return;
    }
    if (front->kind == PROXY_CLUSTER_IP) {
        add_group(elements, front, front->group, NFT_SERVICES, plan->affinity_s);
        return;
    }
    const char *kind = is_node(front) ? "node_to_cluster" : "external_to_cluster";
    if (front->outside != NULL)
        kind = is_node(front) ? "node_to_local" : "external_to_local";
    add_verdict(elements, front, is_node(front) ? NFT_NODE_KIND : NFT_EXTERNAL_KIND, kind);
    add_group(elements, front, front->group, is_node(front) ? NFT_NODE : NFT_EXTERNAL,
              plan->affinity_s);
    if (front->outside != NULL)
        add_group(elements, front, front->outside,
                  is_node(front) ? NFT_NODE_LOCAL : NFT_EXTERNAL_LOCAL, plan->affinity_s);
}

int nft_element_cmp_key(const struct nft_element *a, const struct nft_element *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    if (a->set != b->set)
        return a->set < b->set ? -1 : 1;
    return memcmp(a->key, b->key, sizeof(a->key));
}

bool nft_element_eq(const struct nft_element *a, const struct nft_element *b)
{
    return nft_element_cmp_key(a, b) == 0 && a->verdict == b->verdict &&
           memcmp(a->data, b->data, sizeof(a->data)) == 0;
}

static int compare(const void *a, const void *b)
{
    return nft_element_cmp_key(a, b);
}

/* From a position on: sorted, each key once. */
static void sort_from(struct nft_elements *elements, size_t from)
{
    if (elements->n <= from)
        return;
    qsort(elements->items + from, elements->n - from, sizeof(*elements->items), compare);
    size_t kept = from + 1;
    for (size_t i = from + 1; i < elements->n; i++)
        if (nft_element_cmp_key(&elements->items[i], &elements->items[kept - 1]) != 0)
            elements->items[kept++] = elements->items[i];
    elements->n = kept;
}

void nft_elements_sort(struct nft_elements *elements)
{
    sort_from(elements, 0);
}

void nft_elements_add_plan(struct nft_elements *elements, const struct proxy_plan *plan)
{
    size_t from = elements->n;
    if (plan == NULL)
        return;
    for (uint32_t i = 0; i < plan->n_cluster_ips; i++) {
        struct nft_element *element = add(elements, plan->cluster_ips[i].family, NFT_CLUSTER_IPS);
        if (element != NULL)
            add_ip(element->key, &element->key_len, &plan->cluster_ips[i]);
    }
    for (uint32_t i = 0; i < plan->n_fronts; i++) {
        const struct proxy_front *front = &plan->fronts[i];
        add_front_elements(elements, plan, front);
        if (front->deny == PROXY_DENY_NONE)
            add_hairpins(elements, front->group);
        if (front->deny == PROXY_DENY_NONE && front->outside != NULL)
            add_hairpins(elements, front->outside);
    }
    sort_from(elements, from);
}

void nft_elements_deinit(struct nft_elements *elements)
{
    free(elements->items);
    *elements = (struct nft_elements){ 0 };
}

static void copy_to(struct nft_elements *elements, const struct nft_element *element)
{
    struct nft_element *copy = add(elements, KE_FAMILY_NONE, NFT_CLUSTER_IPS);
    if (copy != NULL)
        *copy = *element;
}

void nft_elements_diff(const struct nft_elements *old, const struct nft_elements *new,
                       struct nft_elements *out_gone, struct nft_elements *out_added)
{
    size_t i = 0;
    size_t j = 0;
    while (i < old->n || j < new->n) {
        int order = 0;
        if (i == old->n)
            order = 1;
        else if (j == new->n)
            order = -1;
        else
            order = nft_element_cmp_key(&old->items[i], &new->items[j]);
        if (order < 0) {
            copy_to(out_gone, &old->items[i++]);
        } else if (order > 0) {
            copy_to(out_added, &new->items[j++]);
        } else {
            if (!nft_element_eq(&old->items[i], &new->items[j])) {
                copy_to(out_gone, &old->items[i]);
                copy_to(out_added, &new->items[j]);
            }
            i++;
            j++;
        }
    }
}
