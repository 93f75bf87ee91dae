/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SERVICE phase: which service and port a request is for, by name, by address or by node port,
 * and if none, why not. Job threads; one read section a phase, nothing blocks in it.
 */
#include "core/endpoint/explain.h"

#include <stdlib.h>

#include "core/base/snap.h"
#include "core/endpoint/explain_service.h"

enum ke_code endpoint_explain_new(struct endpoint_table *table, struct registry *registry,
                                  struct endpoint_explain **out, struct ke_err *err)
{
    struct endpoint_explain *self = ke_alloc(sizeof(*self));
    if (self == NULL)
        return ke_fail(err, KE_NOMEM, "explain endpoints");
    self->table = table;
    self->registry = registry;
    *out = self;
    return KE_OK;
}

void endpoint_explain_free(struct endpoint_explain *self)
{
    free(self);
}

enum ke_code endpoint_explain_register(struct endpoint_explain *self, struct explain *explain,
                                       struct ke_err *err)
{
    enum ke_code rc =
        explain_register(explain, EXPLAIN_SERVICE, endpoint_explain_service, self, err);
    if (rc != KE_OK)
        return rc;
    return explain_register(explain, EXPLAIN_BACKEND, endpoint_explain_backends, self, err);
}

/* ---- ports ---------------------------------------------------------------------------------- */

static unsigned family_of(const struct endpoint_service *service,
                          const struct explain_request *request)
{
    if (request->has_address)
        return request->address.family == KE_FAMILY_IPV6 ? 1 : 0;
    return service->n_ports[0] > 0 ? 0 : 1;
}

/* service_port is the name or number that an ingress rule or the target gives. */
static bool port_is_meant(const struct endpoint_port *port, const struct explain_request *request)
{
    if (request->is_node_port)
        return port->node_port == request->port && port->node_port != 0;
    if (ke_str_is_empty(request->service_port))
        return request->port == 0 || port->port == request->port;
    uint64_t number = 0;
    if (ke_str_to_u64(request->service_port, UINT16_MAX, &number))
        return port->port == number;
    return ke_str_eq(port->name, request->service_port);
}

/* A target does not say its protocol: TCP is meant where there is TCP. */
const struct endpoint_port *endpoint_explain_find_port(const struct endpoint_service *service,
                                                       const struct explain_request *request)
{
    unsigned family = family_of(service, request);
    const struct endpoint_port *other = NULL;
    for (uint32_t i = 0; i < service->n_ports[family]; i++) {
        const struct endpoint_port *port = &service->ports[family][i];
        if (!port_is_meant(port, request))
            continue;
        if (port->proto == request->proto)
            return port;
        if (other == NULL)
            other = port;
    }
    return other;
}

/* "80/TCP (http), 443/TCP (https)" */
static struct ke_str list_ports(struct explain_walk *walk, const struct endpoint_service *service,
                                unsigned family)
{
    char memory[512];
    struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory));
    for (uint32_t i = 0; i < service->n_ports[family]; i++) {
        const struct endpoint_port *port = &service->ports[family][i];
        size_t before = text.len;
        ke_buf_addf(&text, "%s%u/%s", i > 0 ? ", " : "", port->port, ke_proto_name(port->proto));
        if (!ke_str_is_empty(port->name))
            ke_buf_addf(&text, " (%.*s)", KE_STR_ARG(port->name));
        if (text.failed == KE_OK)
            continue;
        text.len = before;
        break;
    }
    if (text.len == 0)
        return KE_STR("no ports");
    return ke_arena_str(explain_walk_arena(walk), ke_str_of(memory, text.len));
}

/* The service is known, the port is not one of its own. */
static void stop_at_port(struct explain_walk *walk, const struct endpoint_service *service,
                         const struct explain_request *request)
{
    struct ke_arena *arena = explain_walk_arena(walk);
    unsigned family = family_of(service, request);
    struct ke_str wanted = request->service_port;
    if (ke_str_is_empty(wanted))
        wanted = ke_arena_fmt(arena, "%u/%s", request->port, ke_proto_name(request->proto));
    struct ke_str ports = list_ports(walk, service, family);
    struct explain_hop *hop =
        explain_hop_add(walk, EXPLAIN_SERVICE, EXPLAIN_STOP, "%.*s/%.*s has no port %.*s",
                        KE_STR_ARG(service->ns), KE_STR_ARG(service->name), KE_STR_ARG(wanted));
    struct ke_str mend = { 0 };
    if (service->n_ports[family] > 0)
        mend = ke_arena_fmt(arena, "kedge trace %.*s.%.*s:%u", KE_STR_ARG(service->name),
                            KE_STR_ARG(service->ns), service->ports[family][0].port);
    explain_hop_stop(walk, hop,
                     ke_arena_fmt(arena,
                                  "port %.*s is not a port of Service %.*s/%.*s: it has %.*s",
                                  KE_STR_ARG(wanted), KE_STR_ARG(service->ns),
                                  KE_STR_ARG(service->name), KE_STR_ARG(ports)),
                     mend);
}

/* ---- a service is found --------------------------------------------------------------------- */

static const char *type_name(const struct endpoint_service *service)
{
    if (service->is_headless)
        return "headless";
    switch (service->type) {
    case MODEL_SERVICE_NODE_PORT:
        return "NodePort";
    case MODEL_SERVICE_LOAD_BALANCER:
        return "LoadBalancer";
    case MODEL_SERVICE_EXTERNAL_NAME:
        return "ExternalName";
    case MODEL_SERVICE_CLUSTER_IP:
        break;
    }
    return "ClusterIP";
}

static void describe_service(struct explain_walk *walk, struct explain_hop *hop,
                             const struct endpoint_service *service)
{
    char ip[KE_IP_TEXT_MAX];
    for (uint32_t i = 0; i < service->n_cluster_ips; i++)
        explain_hop_evidence(walk, hop, "cluster IP %s", ke_ip_text(&service->cluster_ips[i], ip));
    if (service->has_client_ip_affinity)
        explain_hop_evidence(walk, hop, "a client keeps its backend for %u s",
                             service->affinity_timeout_s);
    if (service->is_internal_local)
        explain_hop_evidence(walk, hop, "internalTrafficPolicy Local: backends of this node only");
    if (service->is_external_local)
        explain_hop_evidence(walk, hop, "externalTrafficPolicy Local: backends of this node only");
    if (!service->is_proxied && service->n_cluster_ips > 0)
        explain_hop_evidence(
            walk, hop, "label service.kubernetes.io/service-proxy-name: left to another proxy");
}

/* What the later phases go by. */
static void decide(struct explain_walk *walk, struct explain_request *request,
                   const struct endpoint_service *service, const struct endpoint_port *port)
{
    struct ke_arena *arena = explain_walk_arena(walk);
    request->service_ns = ke_arena_str(arena, service->ns);
    request->service_name = ke_arena_str(arena, service->name);
    if (port == NULL)
        return;
    request->proto = port->proto;
    if (!request->is_node_port)
        request->port = port->port;
    request->service_port = ke_arena_fmt(arena, "%u", port->port);
    /* An ingress goes to the backends itself: the address plays no part. */
    bool has_address = request->has_address || request->is_http || request->is_https;
    unsigned family = family_of(service, request);
    for (uint32_t i = 0; !has_address && i < service->n_cluster_ips; i++) {
        if ((service->cluster_ips[i].family == KE_FAMILY_IPV6) != (family == 1))
            continue;
        request->address = service->cluster_ips[i];
        request->has_address = has_address = true;
    }
}

static void pass_service(struct explain_walk *walk, struct explain_request *request,
                         const struct endpoint_service *service, const struct endpoint_port *port)
{
    struct explain_hop *hop = explain_hop_add(
        walk, EXPLAIN_SERVICE, EXPLAIN_PASS, "Service %.*s/%.*s (%s), port %u/%s%s%.*s",
        KE_STR_ARG(service->ns), KE_STR_ARG(service->name), type_name(service), port->port,
        ke_proto_name(port->proto), ke_str_is_empty(port->name) ? "" : " ", KE_STR_ARG(port->name));
    describe_service(walk, hop, service);
    if (request->is_node_port)
        explain_hop_evidence(walk, hop, "node port %u", port->node_port);
    explain_hop_evidence(walk, hop, "%u endpoints have the port, %u are used for it",
                         port->n_backends, port->n_cluster);
    decide(walk, request, service, port);
}

/* Headless services are names of their endpoints: the port asked for is one of theirs. */
static void pass_headless(struct explain_walk *walk, struct explain_request *request,
                          const struct endpoint_service *service)
{
    const struct endpoint_port *port = endpoint_explain_find_port(service, request);
    struct explain_hop *hop =
        explain_hop_add(walk, EXPLAIN_SERVICE, EXPLAIN_PASS,
                        "Service %.*s/%.*s (headless): clients go to its %u endpoints themselves",
                        KE_STR_ARG(service->ns), KE_STR_ARG(service->name), service->n_addresses);
    if (port == NULL && request->port != 0)
        explain_hop_evidence(walk, hop, "port %u is not among its ports", request->port);
    decide(walk, request, service, port);
}

static void on_service(struct explain_walk *walk, struct explain_request *request,
                       const struct endpoint_service *service)
{
    if (service->type == MODEL_SERVICE_EXTERNAL_NAME) {
        (void)explain_hop_add(walk, EXPLAIN_SERVICE, EXPLAIN_PASS,
                              "Service %.*s/%.*s (ExternalName): an alias of %.*s",
                              KE_STR_ARG(service->ns), KE_STR_ARG(service->name),
                              KE_STR_ARG(service->external_name));
        decide(walk, request, service, NULL);
        return;
    }
    if (service->is_headless) {
        pass_headless(walk, request, service);
        return;
    }
    const struct endpoint_port *port = endpoint_explain_find_port(service, request);
    if (port == NULL)
        stop_at_port(walk, service, request);
    else
        pass_service(walk, request, service, port);
}

static void by_name(const struct endpoint_explain *self, struct explain_walk *walk,
                    struct explain_request *request)
{
    const struct endpoint_service *service =
        endpoint_table_find(self->table, request->service_ns, request->service_name);
    if (service != NULL) {
        on_service(walk, request, service);
        return;
    }
    struct ke_arena *arena = explain_walk_arena(walk);
    struct explain_hop *hop =
        explain_hop_add(walk, EXPLAIN_SERVICE, EXPLAIN_STOP, "no Service %.*s/%.*s",
                        KE_STR_ARG(request->service_ns), KE_STR_ARG(request->service_name));
    explain_hop_stop(
        walk, hop,
        ke_arena_fmt(arena, "Service %.*s/%.*s does not exist", KE_STR_ARG(request->service_ns),
                     KE_STR_ARG(request->service_name)),
        ke_arena_fmt(arena, "kubectl -n %.*s get services", KE_STR_ARG(request->service_ns)));
}

/* ---- by address ----------------------------------------------------------------------------- */

/* An address without a port, as ping has it. */
static void stop_at_ping(struct explain_walk *walk, const struct endpoint_service *service,
                         const struct explain_request *request)
{
    struct ke_arena *arena = explain_walk_arena(walk);
    unsigned family = family_of(service, request);
    char ip[KE_IP_TEXT_MAX];
    (void)ke_ip_text(&request->address, ip);
    struct ke_str ports = list_ports(walk, service, family);
    struct explain_hop *hop = explain_hop_add(
        walk, EXPLAIN_SERVICE, EXPLAIN_STOP, "%s is the address of Service %.*s/%.*s, without port",
        ip, KE_STR_ARG(service->ns), KE_STR_ARG(service->name));
    struct ke_str mend = { 0 };
    if (service->n_ports[family] > 0) {
        mend = ke_arena_fmt(arena,
                            request->address.family == KE_FAMILY_IPV6 ? "kedge trace [%s]:%u"
                                                                      : "kedge trace %s:%u",
                            ip, service->ports[family][0].port);
    }
    explain_hop_stop(
        walk, hop,
        ke_arena_fmt(arena,
                     "%s is no machine but the address of Service %.*s/%.*s: it answers on its "
                     "ports only (%.*s), and to ping not at all",
                     ip, KE_STR_ARG(service->ns), KE_STR_ARG(service->name), KE_STR_ARG(ports)),
        mend);
}

static void stop_at_node_port(struct explain_walk *walk, const struct explain_request *request)
{
    struct ke_arena *arena = explain_walk_arena(walk);
    struct explain_hop *hop =
        explain_hop_add(walk, EXPLAIN_SERVICE, EXPLAIN_STOP, "no Service has node port %u/%s",
                        request->port, ke_proto_name(request->proto));
    explain_hop_stop(
        walk, hop,
        ke_arena_fmt(arena,
                     "no Service has node port %u/%s: only what listens on the node itself "
                     "answers there",
                     request->port, ke_proto_name(request->proto)),
        KE_STR("kubectl get services -A"));
}

static bool by_node_port(const struct endpoint_explain *self, struct explain_walk *walk,
                         struct explain_request *request)
{
    if (request->port == 0 || (!request->is_node_port && !ke_ip_is_loopback(&request->address) &&
                               !endpoint_table_is_node_address(self->table, &request->address)))
        return false;
    const struct endpoint_port *port = NULL;
    const struct endpoint_service *service = endpoint_table_find_node_port(
        self->table, request->address.family, request->proto, request->port, &port);
    if (service == NULL) {
        stop_at_node_port(walk, request);
        return true;
    }
    request->is_node_port = true;
    pass_service(walk, request, service, port);
    return true;
}

/* An endpoint's own address: no service is in between. */
static bool by_endpoint(const struct endpoint_explain *self, struct explain_walk *walk,
                        const struct explain_request *request)
{
    uint32_t pos = 0;
    const struct endpoint_service *service =
        endpoint_table_next_by_backend(self->table, &request->address, &pos);
    if (service == NULL)
        return false;
    char ip[KE_IP_TEXT_MAX];
    struct explain_hop *hop = explain_hop_add(walk, EXPLAIN_SERVICE, EXPLAIN_NOTE,
                                              "%s is an endpoint: no Service is in between",
                                              ke_ip_text(&request->address, ip));
    for (; service != NULL;
         service = endpoint_table_next_by_backend(self->table, &request->address, &pos))
        explain_hop_evidence(walk, hop, "endpoint of Service %.*s/%.*s", KE_STR_ARG(service->ns),
                             KE_STR_ARG(service->name));
    return true;
}

static void by_address(const struct endpoint_explain *self, struct explain_walk *walk,
                       struct explain_request *request)
{
    static const enum ke_proto protos[] = { KE_PROTO_TCP, KE_PROTO_UDP, KE_PROTO_SCTP };
    const struct endpoint_port *port = NULL;
    const struct endpoint_service *service = NULL;
    for (size_t i = 0; service == NULL && i < KE_ARRAY_LEN(protos); i++) {
        service = endpoint_table_find_address(self->table, &request->address, protos[i],
                                              request->port, &port);
    }
    if (service != NULL) {
        pass_service(walk, request, service, port);
        return;
    }
    service = endpoint_table_find_cluster_ip(self->table, &request->address);
    if (service != NULL && request->port == 0 && ke_str_is_empty(request->host)) {
        stop_at_ping(walk, service, request);
        return;
    }
    if (service != NULL) {
        on_service(walk, request, service);
        return;
    }
    if (by_node_port(self, walk, request) || by_endpoint(self, walk, request))
        return;
    struct ke_arena *arena = explain_walk_arena(walk);
    char ip[KE_IP_TEXT_MAX];
    (void)ke_ip_text(&request->address, ip);
    struct explain_hop *hop =
        explain_hop_add(walk, EXPLAIN_SERVICE, EXPLAIN_STOP, "no Service has the address %s", ip);
    explain_hop_stop(walk, hop,
                     ke_arena_fmt(arena, "no Service and no endpoint has the address %s", ip),
                     KE_STR("kubectl get services,endpoints -A"));
}

void endpoint_explain_service(void *ctx, struct explain_walk *walk, struct explain_request *request)
{
    const struct endpoint_explain *self = ctx;
    if (!endpoint_table_is_synced(self->table)) {
        explain_hop_stop(walk,
                         explain_hop_add(walk, EXPLAIN_SERVICE, EXPLAIN_STOP,
                                         "the endpoint table is not filled yet"),
                         KE_STR("kedge has not read all Services and EndpointSlices yet"),
                         KE_STR("kedge status"));
        return;
    }
    ke_snap_read_begin();
    if (!ke_str_is_empty(request->service_name))
        by_name(self, walk, request);
    else if (request->has_address)
        by_address(self, walk, request);
    ke_snap_read_end();
}
