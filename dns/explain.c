/* SPDX-License-Identifier: Apache-2.0 */
/* The NAME phase of a trace: which name was meant, what cluster DNS says, which address follows. */
#include "dns/explain.h"

#include <string.h>

#include "dns/told.h"

/* Prints the records as evidence; takes the first address. True: there was one. */
static bool take_records(struct explain_walk *walk, struct explain_hop *hop,
                         const struct dns_told *told, struct ke_ip *out)
{
    struct dns_walk records;
    struct dns_record record;
    bool has_address = false;
    if (!dns_walk_begin(&records, told->bytes, told->len))
        return false;
    while (dns_walk_next(&records, &record) == 1) {
        char text[1024];
        struct ke_buf line = KE_BUF_FIXED(text, sizeof(text));
        dns_record_print(told->bytes, told->len, &record, &line);
        explain_hop_evidence(walk, hop, "%.*s", KE_STR_ARG(ke_buf_str(&line)));
        if (has_address || record.section != DNS_SECTION_ANSWER)
            continue;
        if (record.type == DNS_TYPE_A && record.data_len == 4)
            out->family = KE_FAMILY_IPV4;
        else if (record.type == DNS_TYPE_AAAA && record.data_len == 16)
            out->family = KE_FAMILY_IPV6;
        else
            continue;
        memcpy(out->b, told->bytes + record.data_at, record.data_len);
        has_address = true;
    }
    return has_address;
}

/* The search list of a pod's resolv.conf: name.NS.svc.ZONE, name.svc.ZONE, name.ZONE, name. */
static struct ke_str candidate(const struct dns_explainer *explainer, struct ke_arena *arena,
                               const struct explain_request *request, unsigned i)
{
    char text[DNS_NAME_MAX * 4 + 4];
    struct ke_buf zone = KE_BUF_FIXED(text, sizeof(text));
    dns_name_print(&explainer->zone->domain, &zone);
    struct ke_str ns = request->from_ns.len > 0 ? request->from_ns : KE_STR("default");
    struct ke_str host = request->host;
    switch (i) {
    case 0:
        return ke_arena_fmt(arena, "%.*s.%.*s.svc.%.*s", KE_STR_ARG(host), KE_STR_ARG(ns),
                            KE_STR_ARG(ke_buf_str(&zone)));
    case 1:
        return ke_arena_fmt(arena, "%.*s.svc.%.*s", KE_STR_ARG(host),
                            KE_STR_ARG(ke_buf_str(&zone)));
    case 2:
        return ke_arena_fmt(arena, "%.*s.%.*s", KE_STR_ARG(host), KE_STR_ARG(ke_buf_str(&zone)));
    case 3:
        return ke_arena_fmt(arena, "%.*s.", KE_STR_ARG(host));
    default:
        return (struct ke_str){ 0 };
    }
}

static bool try_name(const struct dns_explainer *explainer, struct explain_walk *walk,
                     struct explain_request *request, struct ke_str name)
{
    static const enum dns_type types[] = { DNS_TYPE_A, DNS_TYPE_AAAA };
    struct dns_told told;
    for (size_t i = 0; i < KE_ARRAY_LEN(types); i++) {
        if (!dns_ask_table(explainer->zone, explainer->table, name, types[i], &told) ||
            told.verdict != DNS_ANSWERED || told.rcode != DNS_NOERROR)
            continue;
        struct dns_walk records;
        struct dns_record record;
        if (!dns_walk_begin(&records, told.bytes, told.len) ||
            dns_walk_next(&records, &record) != 1 || record.section != DNS_SECTION_ANSWER)
            continue;
        struct explain_hop *hop =
            explain_hop_add(walk, EXPLAIN_NAME, EXPLAIN_PASS, "%.*s %s is answered by cluster DNS",
                            KE_STR_ARG(name), dns_type_name(types[i]));
        struct ke_ip ip = { 0 };
        if (take_records(walk, hop, &told, &ip)) {
            request->has_address = true;
            request->address = ip;
        }
        return true;
    }
    return false;
}

/* Nothing answered: say what was asked and what came. */
static void explain_failure(const struct dns_explainer *explainer, struct explain_walk *walk,
                            const struct explain_request *request)
{
    struct ke_arena *arena = explain_walk_arena(walk);
    bool is_synced = endpoint_table_is_synced(explainer->table);
    struct explain_hop *hop = explain_hop_add(walk, EXPLAIN_NAME, EXPLAIN_STOP,
                                              "no answer for %.*s", KE_STR_ARG(request->host));
    for (unsigned i = 0; i < 4; i++) {
        struct dns_told told;
        struct ke_str name = candidate(explainer, arena, request, i);
        if (!dns_ask_table(explainer->zone, explainer->table, name, DNS_TYPE_A, &told))
            continue;
        const char *said = told.verdict != DNS_ANSWERED ? "outside of the cluster domain"
                           : told.rcode == DNS_NOERROR  ? "no address"
                                                        : dns_rcode_name(told.rcode);
        explain_hop_evidence(walk, hop, "%.*s A: %s", KE_STR_ARG(name), said);
    }
    if (!is_synced) {
        explain_hop_stop(walk, hop, KE_STR("cluster DNS has not synced yet"), KE_STR(""));
        return;
    }
    struct ke_str cause =
        ke_arena_fmt(arena, "cluster DNS does not know %.*s: there is no such service",
                     KE_STR_ARG(request->host));
    explain_hop_stop(walk, hop, cause, KE_STR("kubectl get services -A"));
}
static void explain_name(void *ctx, struct explain_walk *walk, struct explain_request *request)
{
    const struct dns_explainer *explainer = ctx;
    if (request->has_address || request->host.len == 0 || request->service_name.len > 0)
        return;
    struct ke_arena *arena = explain_walk_arena(walk);
    for (unsigned i = 0; i < 4; i++) {
        if (try_name(explainer, walk, request, candidate(explainer, arena, request, i)))
            return;
    }
    if (!request->is_http && !request->is_https)
        explain_failure(explainer, walk, request);
}

enum ke_code dns_explainer_register(struct dns_explainer *explainer, struct explain *explain,
                                    struct ke_err *err)
{
    return explain_register(explain, EXPLAIN_NAME, explain_name, explainer, err);
}
