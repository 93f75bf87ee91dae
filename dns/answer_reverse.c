/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reverse names (D14, D15): service addresses and endpoints. Names of ranges that are ours are
 * answered here to the end; what else we do not know is forwarded. Pure; in a read section of the
 * table.
 */
#include <string.h>

#include "dns/answer_state.h"

static void add_ptr(struct dns_answering *state, struct ke_str host,
                    const struct endpoint_service *service)
{
    static const uint8_t svc[] = "\003svc";
    struct dns_reply *reply = state->reply;
    const struct ke_str labels[] = { host, service->name, service->ns };
    size_t at = dns_reply_rr(reply, &state->owner, DNS_TYPE_PTR, state->zone->ttl_s);
    for (size_t i = 0; i < KE_ARRAY_LEN(labels); i++) {
        uint8_t len = (uint8_t)labels[i].len;
        if (len > 0 && labels[i].len <= DNS_LABEL_MAX) {
            dns_reply_bytes(reply, &len, 1);
            dns_reply_bytes(reply, labels[i].ptr, len);
        }
    }
    dns_reply_bytes(reply, svc, sizeof(svc) - 1);
    dns_reply_bytes(reply, state->zone->domain.wire, state->zone->domain.len);
    dns_reply_rr_end(reply, at);
}

static const struct endpoint_backend *find_ready(const struct endpoint_service *service,
                                                 const struct ke_ip *ip)
{
    for (uint32_t i = 0; i < service->n_addresses; i++) {
        if (service->addresses[i].is_ready && ke_ip_eq(&service->addresses[i].ip, ip))
            return &service->addresses[i];
    }
    return NULL;
}

/* One PTR a service that has the address. */
static void add_endpoint_ptrs(struct dns_answering *state, const struct ke_ip *ip)
{
    uint32_t pos = 0;
    const struct endpoint_service *service = NULL;
    while ((service = endpoint_table_next_by_backend(state->table, ip, &pos)) != NULL) {
        const struct endpoint_backend *endpoint = find_ready(service, ip);
        char dashed[DNS_LABEL_MAX + 1];
        if (endpoint == NULL)
            continue;
        struct ke_str host = endpoint->hostname;
        if (host.len == 0)
            host = ke_str_of(dashed, dns_endpoint_label(ip, dashed));
        add_ptr(state, host, service);
    }
}

/* Labels of the reverse zone that holds the range, counted from the end: whole octets or nibbles.
 */
static const struct ke_cidr *owned_range(const struct dns_answering *state,
                                         const struct dns_reverse *reverse, unsigned *n_zone_labels)
{
    struct ke_ip ip = { .family = reverse->family == 4 ? KE_FAMILY_IPV4 : KE_FAMILY_IPV6 };
    unsigned step = reverse->family == 4 ? 8 : 4;
    memcpy(ip.b, reverse->b, ke_ip_len(&ip));
    for (size_t i = 0; i < state->zone->n_reverse; i++) {
        const struct ke_cidr *range = &state->zone->reverse[i];
        unsigned n_parts = (range->prefix + step - 1) / step;
        if (range->ip.family == ip.family && reverse->n_bits >= n_parts * step &&
            ke_cidr_contains(range, &ip)) {
            *n_zone_labels = n_parts + 2;
            return range;
        }
    }
    return NULL;
}

/* 127.0.0.0/8, 0.0.0.0/8 and the first IPv6 addresses never leave the node (RFC 6303). */
static bool is_local_only(const struct dns_reverse *reverse)
{
    static const uint8_t zero[15] = { 0 };
    if (reverse->family == 4)
        return reverse->n_bits >= 8 && (reverse->b[0] == 127 || reverse->b[0] == 0);
    return reverse->n_bits == 128 && memcmp(reverse->b, zero, sizeof(zero)) == 0 &&
           reverse->b[15] <= 1;
}

static enum dns_verdict answer_unknown(struct dns_answering *state,
                                       const struct dns_reverse *reverse)
{
    unsigned n_zone_labels = 0;
    if (owned_range(state, reverse, &n_zone_labels) == NULL) {
        if (!is_local_only(reverse))
            return DNS_NOT_OURS;
        state->reply->rcode = DNS_NXDOMAIN;
        return DNS_ANSWERED;
    }
    if (!endpoint_table_is_synced(state->table)) {
        state->reply->rcode = DNS_SERVFAIL;
        state->reply->is_aa = false;
        return DNS_ANSWERED;
    }
    state->n_above = state->name->n_labels - n_zone_labels;
    return reverse->what == DNS_REVERSE_PART ? dns_answer_no_such_type(state)
                                             : dns_answer_nxdomain(state);
}

enum dns_verdict dns_answer_reverse(struct dns_answering *state)
{
    struct dns_reverse reverse;
    dns_name_reverse(state->name, &reverse);
    if (reverse.what == DNS_REVERSE_NO)
        return DNS_NOT_OURS;
    if (reverse.what != DNS_REVERSE_WHOLE)
        return answer_unknown(state, &reverse);
    struct ke_ip ip = { .family = reverse.family == 4 ? KE_FAMILY_IPV4 : KE_FAMILY_IPV6 };
    memcpy(ip.b, reverse.b, ke_ip_len(&ip));
    const struct endpoint_service *service = endpoint_table_find_cluster_ip(state->table, &ip);
    if (service != NULL)
        add_ptr(state, (struct ke_str){ 0 }, service);
    else
        add_endpoint_ptrs(state, &ip);
    if (state->reply->counts[DNS_SECTION_ANSWER] == 0)
        return answer_unknown(state, &reverse);
    if (state->query->type == DNS_TYPE_PTR) {
        dns_reply_end_rrset(state->reply);
        return DNS_ANSWERED;
    }
    /* The name exists, the type does not: take the records back. */
    state->reply->len = state->reply->ends[0].len;
    state->reply->counts[DNS_SECTION_ANSWER] = 0;
    state->reply->has_overflowed = false;
    unsigned n_zone_labels = 0;
    state->n_above = owned_range(state, &reverse, &n_zone_labels) != NULL
                         ? state->name->n_labels - n_zone_labels
                         : 0;
    return dns_answer_no_such_type(state);
}
