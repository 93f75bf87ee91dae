/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ENDPOINT_TABLE_H
#define CORE_ENDPOINT_TABLE_H
/*
 * The endpoint table: the only place that knows which backends a service port has right now. One
 * immutable record a service, replaced whole when it changes; indexes by name, by
 * address+protocol+port, by node port and by endpoint address. Readers take no lock: they read
 * between ke_snap_read_begin and _end and copy out what outlives it. The derive thread is the only
 * writer. Sources: Kubernetes Service v1, discovery EndpointSlice v1, KEPs 1669, 2086, 2433.
 */
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/snap.h"
#include "core/base/str.h"
#include "core/model/views.h"

struct endpoint_table;

struct endpoint_backend {
    uint32_t
        id; /* stable over record versions while service port, address and port stay; never 0 */
    struct ke_ip ip;
    uint16_t port;
    bool is_ready;
    bool is_serving;
    bool is_terminating;
    bool is_local;          /* on this node */
    struct ke_str hostname; /* of the endpoint, may be empty */
    struct ke_str node_name;
    struct ke_str zone;
    struct ke_str target_kind, target_ns, target_name; /* "Pod", ns, name: may be empty */
};

/* One service port of one address family. */
struct endpoint_port {
    struct ke_str name;
    enum ke_proto proto;
    uint16_t port;
    uint16_t node_port; /* 0: none */
    struct ke_str app_protocol;
    struct ke_str target_name; /* named target port, for messages */
    uint16_t target_number;
    /* Every endpoint that has this port, also the not ready, sorted by address then port. */
    const struct endpoint_backend *backends;
    uint32_t n_backends;
    /* What traffic uses by policy (P3, P4 of kube-proxy's rules), as positions in backends. */
    const uint32_t *cluster; /* externalTrafficPolicy/internalTrafficPolicy Cluster */
    uint32_t n_cluster;
    const uint32_t *local; /* Local; filled for every service */
    uint32_t n_local;
};

struct endpoint_service {
    uint64_t id;         /* stable for ns/name while it exists; never 0 */
    uint64_t generation; /* of the table when this record was published */
    int64_t created_us;  /* unix microseconds; the older of two claimants of an address owns it */
    struct ke_str ns;
    struct ke_str name;
    enum model_service_type type;
    bool is_headless;
    bool is_proxied; /* has an address that the proxy serves: not headless, not ExternalName, no
                        foreign service-proxy-name */
    struct ke_str external_name;
    struct ke_ip cluster_ips[2];
    uint32_t n_cluster_ips;
    const struct ke_ip *external_ips; /* spec.externalIPs */
    uint32_t n_external_ips;
    const struct ke_ip *lb_ips;
    uint32_t n_lb_ips;
    const struct ke_cidr *source_ranges;
    uint32_t n_source_ranges;
    bool has_client_ip_affinity;
    uint32_t affinity_timeout_s;
    bool is_internal_local;
    bool is_external_local;
    bool has_selector;
    bool has_endpoints; /* any slice with any endpoint of any condition */
    uint16_t health_check_node_port;
    /* Ports by family: ports[i] for IPv4 endpoints then IPv6; the same port appears once a family
     * the service (or, headless, its slices) has. */
    const struct endpoint_port *ports[2]; /* [0] IPv4, [1] IPv6 */
    uint32_t n_ports[2];
    /*
     * Headless services and endpoint names: every distinct endpoint address, whatever its ports
     * (slices without ports too), sorted by address. id and port mean nothing here.
     */
    const struct endpoint_backend *addresses;
    uint32_t n_addresses;
};

/* All lookups: between ke_snap_read_begin and _end; results valid until _end. NULL: not there. */
const struct endpoint_service *endpoint_table_find(struct endpoint_table *table, struct ke_str ns,
                                                   struct ke_str name);
/*
 * ClusterIP, external IP or load-balancer IP of a proxied service. port_out (may be NULL) receives
 * the matching port record. When several services claim one address and port, this is the one that
 * has it: as ClusterIP before otherwise, then the older, then by ns/name. The others are told (they
 * are in the dirty sets) when it gives the address up.
 */
const struct endpoint_service *endpoint_table_find_address(struct endpoint_table *table,
                                                           const struct ke_ip *ip,
                                                           enum ke_proto proto, uint16_t port,
                                                           const struct endpoint_port **port_out);
const struct endpoint_service *endpoint_table_find_node_port(struct endpoint_table *table,
                                                             enum ke_family family,
                                                             enum ke_proto proto,
                                                             uint16_t node_port,
                                                             const struct endpoint_port **port_out);
/* The service that owns this ClusterIP, whatever the port (reverse DNS, reject of unused ports). */
const struct endpoint_service *endpoint_table_find_cluster_ip(struct endpoint_table *table,
                                                              const struct ke_ip *ip);
/* Services that have this endpoint address: *pos from 0; NULL at the end. */
const struct endpoint_service *endpoint_table_next_by_backend(struct endpoint_table *table,
                                                              const struct ke_ip *ip,
                                                              uint32_t *pos);
/* All services: *pos from 0; NULL at the end. Sees each service that is there throughout exactly
 * once. */
const struct endpoint_service *endpoint_table_next(struct endpoint_table *table, uint64_t *pos);
bool endpoint_table_has_namespace(struct endpoint_table *table, struct ke_str ns);
/* An internal address of this node's Node object. */
bool endpoint_table_is_node_address(struct endpoint_table *table, const struct ke_ip *ip);
/* First full sync done: before it nothing may be programmed or denied. */
bool endpoint_table_is_synced(const struct endpoint_table *table);
uint64_t endpoint_table_generation(const struct endpoint_table *table);
int64_t endpoint_table_changed_wall_s(
    const struct endpoint_table *table); /* of the last change: DNS serial */

/*
 * A consumer is told which services changed since it last looked, and acknowledges what it applied.
 * wake runs on the derive thread when something changed after the consumer had taken all; must only
 * wake.
 */
struct endpoint_consumer;
typedef void endpoint_wake_fn(void *ctx);
/* name: literal, in status and metrics ("proxy"). NULL: out of memory. The first take names all
 * services. */
struct endpoint_consumer *endpoint_consumer_new(struct endpoint_table *table, const char *name,
                                                endpoint_wake_fn *wake, void *ctx);
void endpoint_consumer_free(struct endpoint_consumer *consumer);
struct endpoint_dirty {
    struct ke_str ns;
    struct ke_str name;
};
struct endpoint_dirty_set {
    struct endpoint_dirty
        *items; /* names copied; a name that is not found in the table any more was deleted */
    size_t n_items;
    uint64_t generation; /* take covers everything up to this */
    bool is_full;        /* items are all services there are: whatever else is held is gone */
    void *memory;
};
/*
 * False: nothing changed (or not synced yet, or out of memory: wake again later). The first take
 * after the sync is_full and true even without services. Any thread, not within a read section.
 */
bool endpoint_consumer_take(struct endpoint_consumer *consumer,
                            struct endpoint_dirty_set *out) KE_MUST_CHECK;
void endpoint_dirty_set_free(struct endpoint_dirty_set *set);
void endpoint_consumer_ack(struct endpoint_consumer *consumer, uint64_t generation);

struct endpoint_consumer_state {
    const char *name;
    uint64_t acked_generation;
};
/* For status: copies up to max states, returns the number. */
size_t endpoint_table_consumers(struct endpoint_table *table, struct endpoint_consumer_state *out,
                                size_t max);

/*
 * Completes when every consumer has acknowledged the changes of a registry revision (KE_OK), or at
 * the deadline (KE_TIMEOUT; a table without a derive thread notices it at its next publish or ack),
 * or when the table goes away (KE_CLOSED), or without memory (KE_NOMEM). fn runs once, perhaps
 * before await returns, on an unspecified thread; it must not block nor call back into the table.
 */
typedef void endpoint_await_fn(void *ctx, enum ke_code code);
void endpoint_table_await(struct endpoint_table *table, int64_t revision, int64_t timeout_ms,
                          endpoint_await_fn *fn, void *ctx);

#endif
