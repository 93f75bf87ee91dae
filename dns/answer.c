/* SPDX-License-Identifier: Apache-2.0 */
/* The zone's own names, pods, and where each name goes. Pure; in a read section of the table. */
#include "dns/answer.h"

#include <string.h>

#include "core/base/rand.h"
#include "dns/answer_state.h"

#define VERSION_TTL_S 28800 /* D1 */
#define SOA_REFRESH_S 7200
#define SOA_RETRY_S   1800
#define SOA_EXPIRE_S  86400

enum ke_code dns_zone_init(struct dns_zone *zone, const struct dns_settings *settings,
                           struct ke_err *err)
{
    struct dns_zone made = { .address = settings->address, .ttl_s = settings->ttl_s };
    if (!dns_name_from_text(settings->domain, &made.domain) || made.domain.n_labels == 0)
        return ke_fail(err, KE_INVALID, "\"%.*s\" is no DNS domain", KE_STR_ARG(settings->domain));
    if (settings->n_reverse > DNS_MAX_REVERSE)
        return ke_fail(err, KE_INVALID, "at most %d reverse ranges", DNS_MAX_REVERSE);
    if (settings->n_reverse > 0)
        memcpy(made.reverse, settings->reverse, settings->n_reverse * sizeof(made.reverse[0]));
    made.n_reverse = settings->n_reverse;
    *zone = made;
    return KE_OK;
}

uint32_t dns_rotation(uint32_t n)
{
    return n > 1 ? ke_rand_below(n) : 0;
}

size_t dns_endpoint_label(const struct ke_ip *ip, char out[DNS_LABEL_MAX + 1])
{
    char text[KE_IP_TEXT_MAX];
    (void)ke_ip_text(ip, text);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        out[i] = (char)(text[i] == '.' || text[i] == ':' ? '-' : text[i]);
    if (len > 0 && out[len - 1] == '-')
        out[len++] = '0'; /* a label may not end in a hyphen */
    return len;
}

/* ---- negative answers ---- */

static void add_soa(struct dns_answering *state, unsigned section, const struct dns_owner *owner)
{
    static const uint8_t ns[] = "\002ns\003dns";
    static const uint8_t hostmaster[] = "\012hostmaster";
    struct dns_reply *reply = state->reply;
    const struct dns_name *domain = &state->zone->domain;
    dns_reply_section(reply, section);
    size_t at = dns_reply_rr(reply, owner, DNS_TYPE_SOA, state->zone->ttl_s);
    dns_reply_bytes(reply, ns, sizeof(ns) - 1);
    dns_reply_bytes(reply, domain->wire, domain->len);
    dns_reply_bytes(reply, hostmaster, sizeof(hostmaster) - 1);
    dns_reply_bytes(reply, domain->wire, domain->len);
    dns_reply_be32(reply, (uint32_t)endpoint_table_changed_wall_s(state->table));
    dns_reply_be32(reply, SOA_REFRESH_S);
    dns_reply_be32(reply, SOA_RETRY_S);
    dns_reply_be32(reply, SOA_EXPIRE_S);
    dns_reply_be32(reply, state->zone->ttl_s);
    dns_reply_rr_end(reply, at);
    dns_reply_end_rrset(reply);
}

/* The zone's name as an owner: a pointer into the question where it ends in the zone. */
static struct dns_owner zone_owner(const struct dns_answering *state)
{
    if (state->name == &state->query->name)
        return (struct dns_owner){ .at = (uint16_t)(DNS_AT_QUESTION +
                                                    state->name->at[state->n_above]) };
    return (struct dns_owner){ .wire = state->zone->domain.wire, .len = state->zone->domain.len };
}

enum dns_verdict dns_answer_nodata(struct dns_answering *state)
{
    struct dns_owner owner = zone_owner(state);
    add_soa(state, DNS_SECTION_AUTHORITY, &owner);
    return DNS_ANSWERED;
}

enum dns_verdict dns_answer_nxdomain(struct dns_answering *state)
{
    state->reply->rcode = DNS_NXDOMAIN;
    return dns_answer_nodata(state);
}

enum dns_verdict dns_answer_no_such_type(struct dns_answering *state)
{
    static const uint8_t rfc8482[] = "\007RFC8482\000"; /* CPU, and an empty OS */
    if (state->query->type != DNS_TYPE_ANY)
        return dns_answer_nodata(state);
    size_t at = dns_reply_rr(state->reply, &state->owner, DNS_TYPE_HINFO, state->zone->ttl_s);
    dns_reply_bytes(state->reply, rfc8482, sizeof(rfc8482) - 1);
    dns_reply_rr_end(state->reply, at);
    dns_reply_end_rrset(state->reply);
    return DNS_ANSWERED;
}

/* ---- the zone itself ---- */

static void add_ns_glue(struct dns_answering *state, const struct dns_owner *ns_owner,
                        unsigned section)
{
    if (state->zone->address.family == KE_FAMILY_NONE)
        return;
    dns_reply_section(state->reply, section);
    dns_reply_address(state->reply, ns_owner, &state->zone->address, state->zone->ttl_s);
    dns_reply_end_rrset(state->reply);
}

static enum dns_verdict answer_apex(struct dns_answering *state)
{
    static const uint8_t ns[] = "\002ns\003dns";
    struct dns_reply *reply = state->reply;
    if (state->query->type == DNS_TYPE_SOA) {
        add_soa(state, DNS_SECTION_ANSWER, &state->owner);
        return DNS_ANSWERED;
    }
    if (state->query->type != DNS_TYPE_NS)
        return dns_answer_no_such_type(state);
    size_t at = dns_reply_rr(reply, &state->owner, DNS_TYPE_NS, state->zone->ttl_s);
    struct dns_owner ns_owner = { .at = (uint16_t)reply->len };
    dns_reply_bytes(reply, ns, sizeof(ns) - 1);
    dns_reply_bytes(reply, state->zone_wire, state->zone->domain.len);
    dns_reply_rr_end(reply, at);
    dns_reply_end_rrset(reply);
    add_ns_glue(state, &ns_owner, DNS_SECTION_ADDITIONAL);
    return DNS_ANSWERED;
}

/* "dns" and "ns.dns" (D22). */
static enum dns_verdict answer_dns(struct dns_answering *state)
{
    const struct ke_ip *ip = &state->zone->address;
    if (state->n_above == 1)
        return dns_answer_no_such_type(state);
    if (state->n_above != 2 || !ke_str_eq_c(dns_name_label(state->name, 0), "ns"))
        return dns_answer_nxdomain(state);
    uint16_t has_type = ip->family == KE_FAMILY_IPV6 ? DNS_TYPE_AAAA : DNS_TYPE_A;
    if (state->query->type != has_type || ip->family == KE_FAMILY_NONE)
        return dns_answer_no_such_type(state);
    add_ns_glue(state, &state->owner, DNS_SECTION_ANSWER);
    return DNS_ANSWERED;
}

static enum dns_verdict answer_version(struct dns_answering *state)
{
    static const uint8_t version[] = "\0051.1.0";
    if (state->n_above != 1)
        return dns_answer_nxdomain(state);
    if (state->query->type != DNS_TYPE_TXT)
        return dns_answer_no_such_type(state);
    size_t at = dns_reply_rr(state->reply, &state->owner, DNS_TYPE_TXT, VERSION_TTL_S);
    dns_reply_bytes(state->reply, version, sizeof(version) - 1);
    dns_reply_rr_end(state->reply, at);
    dns_reply_end_rrset(state->reply);
    return DNS_ANSWERED;
}

/* ---- pods (D18, insecure: the address is read off the name) ---- */

bool dns_label_address(struct ke_str label, struct ke_ip *out)
{
    char text[DNS_LABEL_MAX + 1];
    struct ke_err ignored = KE_ERR_INIT;
    memcpy(text, label.ptr, label.len);
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < label.len; i++) {
            if (label.ptr[i] == '-')
                text[i] = pass == 0 ? '.' : ':';
            else if (label.ptr[i] == '.' || label.ptr[i] == ':')
                return false;
        }
        if (ke_ip_parse(ke_str_of(text, label.len), out, &ignored) == KE_OK)
            return true;
    }
    return false;
}

static enum dns_verdict answer_pod(struct dns_answering *state)
{
    unsigned n = state->n_above;
    struct ke_ip ip = { 0 };
    if (n == 1)
        return dns_answer_no_such_type(state);
    if (!endpoint_table_has_namespace(state->table, dns_name_label(state->name, n - 2)))
        return dns_answer_nxdomain(state);
    if (n == 2)
        return dns_answer_no_such_type(state);
    if (n != 3 || !dns_label_address(dns_name_label(state->name, 0), &ip))
        return dns_answer_nxdomain(state);
    uint16_t has_type = ip.family == KE_FAMILY_IPV6 ? DNS_TYPE_AAAA : DNS_TYPE_A;
    if (state->query->type != has_type)
        return dns_answer_no_such_type(state);
    dns_reply_address(state->reply, &state->owner, &ip, state->zone->ttl_s);
    dns_reply_end_rrset(state->reply);
    return DNS_ANSWERED;
}

/* ---- where a name goes ---- */

enum dns_verdict dns_answer_in_zone(struct dns_answering *state)
{
    if (state->n_above == 0)
        return answer_apex(state);
    struct ke_str tree = dns_name_label(state->name, state->n_above - 1);
    if (ke_str_eq_c(tree, "svc"))
        return dns_answer_service(state);
    if (ke_str_eq_c(tree, "pod"))
        return answer_pod(state);
    if (ke_str_eq_c(tree, "dns"))
        return answer_dns(state);
    if (ke_str_eq_c(tree, "dns-version"))
        return answer_version(state);
    return dns_answer_nxdomain(state); /* D20 */
}

static enum dns_verdict refuse(struct dns_answering *state, enum dns_rcode rcode)
{
    state->reply->rcode = rcode;
    state->reply->is_aa = false;
    return DNS_ANSWERED;
}

/* localhost and .invalid never leave the node (RFC 6761). */
static enum dns_verdict answer_special(struct dns_answering *state)
{
    static const struct ke_ip loopback4 = { .family = KE_FAMILY_IPV4, .b = { 127, 0, 0, 1 } };
    static const struct ke_ip loopback6 = { .family = KE_FAMILY_IPV6, .b = { [15] = 1 } };
    const struct dns_name *name = state->name;
    struct ke_str top =
        name->n_labels > 0 ? dns_name_label(name, name->n_labels - 1U) : (struct ke_str){ 0 };
    if (ke_str_eq_c(top, "invalid")) {
        state->reply->rcode = DNS_NXDOMAIN;
        return DNS_ANSWERED;
    }
    if (!ke_str_eq_c(top, "localhost"))
        return state->query->type == DNS_TYPE_ANY ? dns_answer_no_such_type(state) : DNS_NOT_OURS;
    if (state->query->type == DNS_TYPE_A)
        dns_reply_address(state->reply, &state->owner, &loopback4, state->zone->ttl_s);
    else if (state->query->type == DNS_TYPE_AAAA)
        dns_reply_address(state->reply, &state->owner, &loopback6, state->zone->ttl_s);
    dns_reply_end_rrset(state->reply);
    return DNS_ANSWERED;
}

enum dns_verdict dns_answer(const struct dns_zone *zone, struct endpoint_table *table,
                            const struct dns_query *query, struct dns_reply *reply,
                            struct dns_name *target)
{
    struct dns_answering state = { .zone = zone,
                                   .table = table,
                                   .query = query,
                                   .reply = reply,
                                   .target = target,
                                   .name = &query->name,
                                   .owner = { .at = DNS_AT_QUESTION } };
    if (query->rr_class != DNS_CLASS_IN || query->type == DNS_TYPE_AXFR ||
        query->type == DNS_TYPE_IXFR || query->type == DNS_TYPE_OPT)
        return refuse(&state, DNS_REFUSED); /* D28 */
    if (dns_name_is_in(&query->name, &zone->domain, &state.n_above)) {
        if (!endpoint_table_is_synced(table))
            return refuse(&state, DNS_SERVFAIL); /* D27: never a wrong NXDOMAIN */
        state.zone_wire = query->bytes + DNS_HEADER_BYTES + query->name.at[state.n_above];
        return dns_answer_in_zone(&state);
    }
    state.zone_wire = zone->domain.wire;
    enum dns_verdict verdict = dns_answer_reverse(&state);
    return verdict == DNS_NOT_OURS ? answer_special(&state) : verdict;
}
