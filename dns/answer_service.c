/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names below svc.ZONE: services, their ports and their endpoints. Labels in front of "svc":
 * [host | _port._proto] service namespace. Pure; in a read section of the table.
 */
#include <string.h>

#include "core/base/limits.h"
#include "dns/answer_state.h"

#define MAX_CNAMES 8

enum { FAMILY_4 = 0, FAMILY_6 = 1, N_FAMILIES = 2 };

static enum ke_family type_family(uint16_t type)
{
    return type == DNS_TYPE_A      ? KE_FAMILY_IPV4
           : type == DNS_TYPE_AAAA ? KE_FAMILY_IPV6
                                   : KE_FAMILY_NONE;
}

/* ---- endpoints ---- */

/* The label of an endpoint as asked for, and the address it spells: empty and NONE for none. */
struct endpoint_label {
    struct ke_str text;
    struct ke_ip ip;
};

static struct endpoint_label label_of(struct ke_str text)
{
    struct endpoint_label label = { .text = text };
    char dashed[DNS_LABEL_MAX + 1];
    if (!dns_label_address(text, &label.ip) ||
        !ke_str_eq(ke_str_of(dashed, dns_endpoint_label(&label.ip, dashed)), text))
        label.ip.family = KE_FAMILY_NONE; /* one address has one name */
    return label;
}

static bool endpoint_has_label(const struct endpoint_backend *endpoint,
                               const struct endpoint_label *label)
{
    if (endpoint->hostname.len > 0)
        return ke_str_eq_nocase(endpoint->hostname, label->text);
    return ke_ip_eq(&endpoint->ip, &label->ip);
}

static bool has_ready_endpoint(const struct endpoint_service *service)
{
    for (uint32_t i = 0; i < service->n_addresses; i++) {
        if (service->addresses[i].is_ready)
            return true;
    }
    return false;
}

/* Records of the ready endpoints of a family, of one name when label is not NULL. True: some
 * endpoint fits, of whatever family. */
static bool add_endpoints(struct dns_answering *state, const struct endpoint_service *service,
                          const struct endpoint_label *label, enum ke_family family)
{
    bool exists = false;
    uint32_t from = dns_rotation(service->n_addresses);
    for (uint32_t i = 0; i < service->n_addresses; i++) {
        const struct endpoint_backend *endpoint =
            &service->addresses[(from + i) % service->n_addresses];
        if (!endpoint->is_ready || (label != NULL && !endpoint_has_label(endpoint, label)))
            continue;
        exists = true;
        if (endpoint->ip.family == family)
            dns_reply_address(state->reply, &state->owner, &endpoint->ip, state->zone->ttl_s);
    }
    dns_reply_end_rrset(state->reply);
    return exists;
}

/* ---- SRV (D4, D5, D12) ---- */

/* What a SRV question selects: a port by name and protocol, one endpoint by its label, or all. */
struct srv_filter {
    struct ke_str port;
    struct ke_str proto;
    const struct endpoint_label *endpoint;
};

struct srv_target {
    struct ke_str label; /* of the endpoint, empty for the service itself */
    char dashed[DNS_LABEL_MAX + 1];
    const struct ke_ip *ip;
    uint16_t port;
};

typedef void srv_fn(void *ctx, struct srv_target *target);

static bool srv_wants_port(const struct srv_filter *filter, const struct endpoint_port *port)
{
    if (filter->port.len == 0)
        return true;
    return ke_str_eq_nocase(port->name, filter->port) &&
           ke_str_eq_nocase(ke_str_c(ke_proto_name(port->proto)), filter->proto);
}

static void srv_each_endpoint(const struct endpoint_port *port, const struct srv_filter *filter,
                              srv_fn *fn, void *ctx)
{
    for (uint32_t i = 0; i < port->n_backends; i++) {
        const struct endpoint_backend *backend = &port->backends[i];
        struct srv_target target = { .ip = &backend->ip, .port = backend->port };
        if (!backend->is_ready ||
            (filter->endpoint != NULL && !endpoint_has_label(backend, filter->endpoint)))
            continue;
        target.label =
            backend->hostname.len > 0
                ? backend->hostname
                : ke_str_of(target.dashed, dns_endpoint_label(&backend->ip, target.dashed));
        fn(ctx, &target);
    }
}

/* Every (port, address) pair the question selects, in order. */
static void srv_each(const struct endpoint_service *service, const struct srv_filter *filter,
                     srv_fn *fn, void *ctx)
{
    bool by_endpoint = service->is_headless || filter->endpoint != NULL;
    for (int family = 0; family < N_FAMILIES; family++) {
        for (uint32_t i = 0; i < service->n_ports[family]; i++) {
            const struct endpoint_port *port = &service->ports[family][i];
            if (!srv_wants_port(filter, port))
                continue;
            if (by_endpoint) {
                srv_each_endpoint(port, filter, fn, ctx);
                continue;
            }
            for (uint32_t j = 0; j < service->n_cluster_ips; j++) {
                enum ke_family wanted = family == FAMILY_4 ? KE_FAMILY_IPV4 : KE_FAMILY_IPV6;
                struct srv_target target = { .ip = &service->cluster_ips[j], .port = port->port };
                if (service->cluster_ips[j].family == wanted)
                    fn(ctx, &target);
            }
        }
    }
}

static void count_target(void *ctx, struct srv_target *target)
{
    unsigned *n = ctx;
    (void)target;
    (*n)++;
}

/* Places of the targets written so far: to leave out what would be the same record twice, and to
 * point to from ADDITIONAL. */
struct srv_writer {
    struct dns_answering *state;
    const struct endpoint_service *service;
    uint16_t weight;
    struct {
        uint16_t at; /* of the target's name in the reply, where it is for the first time */
        uint16_t port;
        uint8_t label_len;
        struct ke_ip ip;
    } done[LIMIT_DNS_SRV_RECORDS];
    unsigned n_done;
};

static bool same_label(const struct srv_writer *writer, unsigned i, struct ke_str label)
{
    if (writer->done[i].label_len != label.len)
        return false;
    return label.len == 0 ||
           memcmp(writer->state->reply->ptr + writer->done[i].at + 1, label.ptr, label.len) == 0;
}

static void write_label(struct dns_reply *reply, struct ke_str label)
{
    uint8_t len = (uint8_t)label.len;
    dns_reply_bytes(reply, &len, 1);
    dns_reply_bytes(reply, label.ptr, label.len);
}

/* Whole and uncompressed: RFC 2782 forbids compression of SRV targets. */
static void write_target_name(struct srv_writer *writer, struct ke_str label)
{
    static const uint8_t svc[] = "\003svc";
    struct dns_reply *reply = writer->state->reply;
    if (label.len > 0)
        write_label(reply, label);
    write_label(reply, writer->service->name);
    write_label(reply, writer->service->ns);
    dns_reply_bytes(reply, svc, sizeof(svc) - 1);
    dns_reply_bytes(reply, writer->state->zone_wire, writer->state->zone->domain.len);
}

static void write_srv(void *ctx, struct srv_target *target)
{
    struct srv_writer *writer = ctx;
    struct dns_reply *reply = writer->state->reply;
    struct ke_str label = target->label;
    bool is_known = false;
    uint16_t known_at = 0;
    if (label.len > DNS_LABEL_MAX || writer->n_done == LIMIT_DNS_SRV_RECORDS)
        return;
    for (unsigned i = 0; i < writer->n_done && !is_known; i++) {
        if (!same_label(writer, i, label))
            continue;
        known_at = writer->done[i].at;
        is_known = writer->done[i].port == target->port;
    }
    uint16_t name_at = known_at;
    if (!is_known) { /* perhaps a name with another port */
        size_t at =
            dns_reply_rr(reply, &writer->state->owner, DNS_TYPE_SRV, writer->state->zone->ttl_s);
        dns_reply_be16(reply, 0); /* priority */
        dns_reply_be16(reply, writer->weight);
        dns_reply_be16(reply, target->port);
        name_at = known_at != 0 ? known_at : (uint16_t)reply->len;
        write_target_name(writer, label);
        dns_reply_rr_end(reply, at);
    }
    if (reply->has_overflowed)
        return;
    writer->done[writer->n_done].at = name_at;
    writer->done[writer->n_done].port = target->port;
    writer->done[writer->n_done].label_len = (uint8_t)label.len;
    writer->done[writer->n_done].ip = *target->ip;
    writer->n_done++;
}

static void write_srv_addresses(struct srv_writer *writer)
{
    dns_reply_section(writer->state->reply, DNS_SECTION_ADDITIONAL);
    for (unsigned i = 0; i < writer->n_done; i++) {
        bool is_done = false;
        for (unsigned j = 0; j < i && !is_done; j++)
            is_done = writer->done[j].at == writer->done[i].at &&
                      ke_ip_eq(&writer->done[j].ip, &writer->done[i].ip);
        uint16_t at = writer->done[i].at;
        struct dns_owner owner = { .at = at };
        if (!is_done && at < 0x4000)
            dns_reply_address(writer->state->reply, &owner, &writer->done[i].ip,
                              writer->state->zone->ttl_s);
    }
    dns_reply_end_rrset(writer->state->reply);
}

static enum dns_verdict answer_srv(struct dns_answering *state,
                                   const struct endpoint_service *service,
                                   const struct srv_filter *filter)
{
    struct srv_writer writer;
    unsigned n = 0;
    srv_each(service, filter, count_target, &n);
    if (n == 0)
        return filter->port.len > 0 ? dns_answer_nxdomain(state) : dns_answer_no_such_type(state);
    writer.state = state;
    writer.service = service;
    writer.weight = (uint16_t)(n < 100 ? 100 / n : 1);
    writer.n_done = 0;
    srv_each(service, filter, write_srv, &writer);
    dns_reply_end_rrset(state->reply);
    write_srv_addresses(&writer);
    return DNS_ANSWERED;
}

/* ---- ExternalName (D16, D17) ---- */

static enum dns_verdict answer_external(struct dns_answering *state,
                                        const struct endpoint_service *service)
{
    struct dns_reply *reply = state->reply;
    struct dns_name target;
    uint16_t type = state->query->type;
    bool is_address = type_family(type) != KE_FAMILY_NONE;
    if (!is_address && type != DNS_TYPE_CNAME)
        return dns_answer_no_such_type(state);
    if (!dns_name_from_text(service->external_name, &target) || target.n_labels == 0 ||
        state->depth == MAX_CNAMES) {
        reply->rcode = DNS_SERVFAIL;
        return DNS_ANSWERED;
    }
    size_t at = dns_reply_rr(reply, &state->owner, DNS_TYPE_CNAME, state->zone->ttl_s);
    uint16_t target_at = (uint16_t)reply->len;
    dns_reply_bytes(reply, target.wire, target.len);
    dns_reply_rr_end(reply, at);
    dns_reply_end_rrset(reply);
    if (!is_address)
        return DNS_ANSWERED;
    *state->target = target;
    struct dns_answering next = *state;
    next.name = state->target;
    next.owner = (struct dns_owner){ .at = target_at };
    next.zone_wire = state->zone->domain.wire;
    next.depth++;
    if (dns_name_is_in(&target, &state->zone->domain, &next.n_above))
        return dns_answer_in_zone(&next);
    return DNS_EXTERNAL_NAME;
}

/* ---- dispatch ---- */

static enum dns_verdict answer_addresses(struct dns_answering *state,
                                         const struct endpoint_service *service)
{
    enum ke_family family = type_family(state->query->type);
    uint16_t before = state->reply->counts[DNS_SECTION_ANSWER];
    if (service->is_headless) {
        (void)add_endpoints(state, service, NULL, family);
    } else {
        for (uint32_t i = 0; i < service->n_cluster_ips; i++) {
            if (service->cluster_ips[i].family == family)
                dns_reply_address(state->reply, &state->owner, &service->cluster_ips[i],
                                  state->zone->ttl_s);
        }
        dns_reply_end_rrset(state->reply);
    }
    bool has_data =
        state->reply->counts[DNS_SECTION_ANSWER] > before || state->reply->has_overflowed;
    return has_data ? DNS_ANSWERED : dns_answer_nodata(state); /* D2, D7: NODATA */
}

static enum dns_verdict answer_whole(struct dns_answering *state,
                                     const struct endpoint_service *service)
{
    static const struct srv_filter all = { 0 };
    if (service->is_headless && !has_ready_endpoint(service))
        return dns_answer_nxdomain(state); /* D8 */
    if (state->query->type == DNS_TYPE_SRV)
        return answer_srv(state, service, &all);
    if (type_family(state->query->type) == KE_FAMILY_NONE)
        return dns_answer_no_such_type(state); /* D23 */
    return answer_addresses(state, service);
}

static enum dns_verdict answer_endpoint(struct dns_answering *state,
                                        const struct endpoint_service *service)
{
    struct endpoint_label label = label_of(dns_name_label(state->name, 0));
    enum ke_family family = type_family(state->query->type);
    uint16_t before = state->reply->counts[DNS_SECTION_ANSWER];
    if (!add_endpoints(state, service, &label, family))
        return dns_answer_nxdomain(state); /* D9 */
    if (state->query->type == DNS_TYPE_SRV)
        return answer_srv(state, service, &(struct srv_filter){ .endpoint = &label });
    if (state->reply->counts[DNS_SECTION_ANSWER] == before && !state->reply->has_overflowed)
        return dns_answer_no_such_type(state);
    return DNS_ANSWERED;
}

static bool has_port(const struct endpoint_service *service, const struct srv_filter *filter)
{
    for (int family = 0; family < N_FAMILIES; family++) {
        for (uint32_t i = 0; i < service->n_ports[family]; i++) {
            if (srv_wants_port(filter, &service->ports[family][i]))
                return true;
        }
    }
    return false;
}

/* _port._proto.service: the underscores are optional (D6). */
static enum dns_verdict answer_port(struct dns_answering *state,
                                    const struct endpoint_service *service)
{
    struct srv_filter filter = { .port = dns_name_label(state->name, 0),
                                 .proto = dns_name_label(state->name, 1) };
    (void)ke_str_cut_prefix(&filter.port, KE_STR("_"));
    (void)ke_str_cut_prefix(&filter.proto, KE_STR("_"));
    if (filter.port.len == 0 || !has_port(service, &filter) ||
        (service->is_headless && !has_ready_endpoint(service)))
        return dns_answer_nxdomain(state);
    if (state->query->type == DNS_TYPE_SRV)
        return answer_srv(state, service, &filter);
    return dns_answer_no_such_type(state);
}

enum dns_verdict dns_answer_service(struct dns_answering *state)
{
    unsigned n = state->n_above;
    if (n == 1)
        return dns_answer_no_such_type(state); /* D19 */
    struct ke_str ns = dns_name_label(state->name, n - 2);
    if (n == 2)
        return endpoint_table_has_namespace(state->table, ns) ? dns_answer_no_such_type(state)
                                                              : dns_answer_nxdomain(state);
    const struct endpoint_service *service =
        endpoint_table_find(state->table, ns, dns_name_label(state->name, n - 3));
    if (service == NULL || n > 5)
        return dns_answer_nxdomain(state);
    if (service->type == MODEL_SERVICE_EXTERNAL_NAME)
        return n == 3 ? answer_external(state, service) : dns_answer_nxdomain(state);
    if (n == 3)
        return answer_whole(state, service);
    if (n == 4)
        return answer_endpoint(state, service);
    return answer_port(state, service);
}
