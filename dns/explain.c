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

#define N_CANDIDATES 4

/* The search list of a pod's resolv.conf: name.NS.svc.ZONE, name.svc.ZONE, name.ZONE, name. A final
 * dot means the last alone. Empty: none. */
static struct ke_str candidate(const struct dns_explainer *explainer, struct ke_arena *arena,
                               const struct explain_request *request, unsigned i)
{
    char text[DNS_NAME_MAX * 4 + 4];
    struct ke_buf printed = KE_BUF_FIXED(text, sizeof(text));
    dns_name_print(&explainer->zone->domain, &printed);
    struct ke_str zone = ke_str_of(text, printed.len - 1); /* without its dot */
    struct ke_str ns = request->from_ns.len > 0 ? request->from_ns : KE_STR("default");
    struct ke_str host = request->host;
    bool is_whole = host.ptr[host.len - 1] == '.';
    if (i == 3)
        return is_whole ? ke_str_sub(host, 0, host.len - 1) : host;
    if (is_whole)
        return (struct ke_str){ 0 };
    if (i == 0)
        return ke_arena_fmt(arena, "%.*s.%.*s.svc.%.*s", KE_STR_ARG(host), KE_STR_ARG(ns),
                            KE_STR_ARG(zone));
    return ke_arena_fmt(arena, i == 1 ? "%.*s.svc.%.*s" : "%.*s.%.*s", KE_STR_ARG(host),
                        KE_STR_ARG(zone));
}

/* Which Service a whole name is the name of: SERVICE.NS.svc.ZONE. NULL: none. In a read section. */
static const struct endpoint_service *service_of(const struct dns_explainer *explainer,
                                                 struct ke_str text)
{
    struct dns_name name;
    unsigned n_above = 0;
    if (!dns_name_from_text(text, &name) ||
        !dns_name_is_in(&name, &explainer->zone->domain, &n_above) || n_above != 3 ||
        !ke_str_eq_c(dns_name_label(&name, 2), "svc"))
        return NULL;
    return endpoint_table_find(explainer->table, dns_name_label(&name, 1),
                               dns_name_label(&name, 0));
}

/* What is being asked in one walk. */
struct asking {
    const struct dns_explainer *explainer;
    struct explain_walk *walk;
    struct explain_request *request;
    struct dns_told *told;
};

static bool ask(struct asking *asking, struct ke_str name, enum dns_type type)
{
    return dns_ask_table(asking->explainer->zone, asking->explainer->table, name, type,
                         asking->told);
}

static bool has_answer(const struct dns_told *told)
{
    struct dns_walk records;
    struct dns_record record;
    return told->rcode == DNS_NOERROR && dns_walk_begin(&records, told->bytes, told->len) &&
           dns_walk_next(&records, &record) == 1 && record.section == DNS_SECTION_ANSWER;
}

/* A name that cluster DNS has records of. */
static bool try_records(struct asking *asking, struct ke_str name)
{
    static const enum dns_type types[] = { DNS_TYPE_A, DNS_TYPE_AAAA };
    for (size_t i = 0; i < KE_ARRAY_LEN(types); i++) {
        if (!ask(asking, name, types[i]) || asking->told->verdict != DNS_ANSWERED ||
            !has_answer(asking->told))
            continue;
        struct explain_hop *hop = explain_hop_add(asking->walk, EXPLAIN_NAME, EXPLAIN_PASS,
                                                  "%.*s %s is answered by cluster DNS",
                                                  KE_STR_ARG(name), dns_type_name(types[i]));
        struct ke_ip ip = { 0 };
        if (take_records(asking->walk, hop, asking->told, &ip)) {
            asking->request->has_address = true;
            asking->request->address = ip;
        }
        return true;
    }
    return false;
}

static void explain_alias(struct asking *asking, struct ke_str name,
                          const struct endpoint_service *service)
{
    struct explain_walk *walk = asking->walk;
    struct ke_ip none = { 0 };
    if (ask(asking, name, DNS_TYPE_A) && asking->told->verdict == DNS_EXTERNAL_NAME) {
        struct explain_hop *hop =
            explain_hop_add(walk, EXPLAIN_NAME, EXPLAIN_PASS,
                            "%.*s is an alias of %.*s, which the upstream resolvers are asked for",
                            KE_STR_ARG(name), KE_STR_ARG(service->external_name));
        (void)take_records(walk, hop, asking->told, &none);
        return;
    }
    struct explain_hop *hop = explain_hop_add(
        walk, EXPLAIN_NAME, EXPLAIN_STOP, "%.*s is an alias of %.*s: %s", KE_STR_ARG(name),
        KE_STR_ARG(service->external_name),
        asking->told->rcode == DNS_NOERROR ? "no address" : dns_rcode_name(asking->told->rcode));
    explain_hop_stop(walk, hop,
                     ke_arena_fmt(explain_walk_arena(walk),
                                  "Service %.*s/%.*s is an alias of %.*s, which has no address",
                                  KE_STR_ARG(service->ns), KE_STR_ARG(service->name),
                                  KE_STR_ARG(service->external_name)),
                     ke_arena_fmt(explain_walk_arena(walk), "kubectl -n %.*s edit service %.*s",
                                  KE_STR_ARG(service->ns), KE_STR_ARG(service->name)));
}

static void explain_no_address(struct asking *asking, struct ke_str name,
                               const struct endpoint_service *service)
{
    (void)explain_hop_add(asking->walk, EXPLAIN_NAME, EXPLAIN_NOTE, "%.*s has no address: %s",
                          KE_STR_ARG(name),
                          service->is_headless ? "the Service is headless and has no ready endpoint"
                                               : "the Service has none");
}

/* The Service is there, though its name has no address: the phases behind say why. */
static bool try_service(struct asking *asking, struct ke_str name)
{
    struct ke_arena *arena = explain_walk_arena(asking->walk);
    ke_snap_read_begin();
    const struct endpoint_service *service = service_of(asking->explainer, name);
    if (service != NULL) {
        asking->request->service_ns = ke_arena_str(arena, service->ns);
        asking->request->service_name = ke_arena_str(arena, service->name);
        if (service->type == MODEL_SERVICE_EXTERNAL_NAME)
            explain_alias(asking, name, service);
        else
            explain_no_address(asking, name, service);
    }
    ke_snap_read_end();
    return service != NULL;
}

/* Nothing answered: say what was asked and what came. */
static void explain_failure(struct asking *asking)
{
    struct explain_walk *walk = asking->walk;
    struct ke_arena *arena = explain_walk_arena(walk);
    struct ke_str host = asking->request->host;
    bool is_foreign = false;
    struct explain_hop *hop =
        explain_hop_add(walk, EXPLAIN_NAME, EXPLAIN_STOP, "no answer for %.*s", KE_STR_ARG(host));
    for (unsigned i = 0; i < N_CANDIDATES; i++) {
        struct ke_str name = candidate(asking->explainer, arena, asking->request, i);
        if (name.len == 0 || !ask(asking, name, DNS_TYPE_A))
            continue;
        is_foreign = asking->told->verdict == DNS_NOT_OURS;
        const char *said = is_foreign ? "outside of the cluster domain, goes to upstream resolvers"
                           : asking->told->rcode == DNS_NOERROR
                               ? "no address"
                               : dns_rcode_name(asking->told->rcode);
        explain_hop_evidence(walk, hop, "%.*s A: %s", KE_STR_ARG(name), said);
    }
    if (!endpoint_table_is_synced(asking->explainer->table)) {
        explain_hop_stop(walk, hop, KE_STR("cluster DNS has not synced yet"), KE_STR(""));
        return;
    }
    bool has_dot = ke_str_find(host, '.') < host.len;
    struct ke_str cause = ke_arena_fmt(
        arena,
        is_foreign && has_dot
            ? "%.*s is the name of no Service; as a name outside of the cluster, cluster DNS "
              "forwards it to the upstream resolvers"
            : "cluster DNS does not know %.*s: there is no such Service",
        KE_STR_ARG(host));
    explain_hop_stop(walk, hop, cause, KE_STR("kubectl get services -A"));
}

static void explain_name(void *ctx, struct explain_walk *walk, struct explain_request *request)
{
    const struct dns_explainer *explainer = ctx;
    if (request->has_address || request->host.len == 0 || request->service_name.len > 0)
        return;
    struct ke_arena *arena = explain_walk_arena(walk);
    struct asking asking = { explainer, walk, request,
                             ke_arena_alloc(arena, sizeof(struct dns_told)) };
    if (asking.told == NULL) {
        (void)explain_hop_add(walk, EXPLAIN_NAME, EXPLAIN_STOP, "no memory to ask for names");
        return;
    }
    for (unsigned i = 0; i < N_CANDIDATES; i++) {
        struct ke_str name = candidate(explainer, arena, request, i);
        if (name.len > 0 && (try_records(&asking, name) || try_service(&asking, name)))
            return;
    }
    if (!request->is_http && !request->is_https)
        explain_failure(&asking);
}

enum ke_code dns_explainer_register(struct dns_explainer *explainer, struct explain *explain,
                                    struct ke_err *err)
{
    return explain_register(explain, EXPLAIN_NAME, explain_name, explainer, err);
}
