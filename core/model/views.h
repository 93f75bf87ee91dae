/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_VIEWS_H
#define CORE_MODEL_VIEWS_H
/*
 * Typed views of the objects that kedge acts on, decoded from the stored JSON into an arena: all
 * strings and arrays live there. Decoding never fails on odd content (what does not fit is left
 * out), only on memory. Immutable afterwards.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/mem.h"
#include "core/model/selector.h"

/* What every object has. */
struct model_meta {
    struct ke_str ns;
    struct ke_str name;
    struct ke_str uid;
    struct ke_str resource_version;
    int64_t generation;
    int64_t created_us;        /* unix microseconds, 0: absent */
    int64_t deleted_us;        /* deletionTimestamp, 0: absent */
    struct model_pair *labels; /* sorted by key */
    size_t n_labels;
    struct model_pair *annotations; /* sorted by key */
    size_t n_annotations;
};
/* {NULL,0}: absent. */
struct ke_str model_pairs_get(const struct model_pair *pairs, size_t n_pairs, struct ke_str key);

struct model_port_ref { /* IntOrString of a port */
    uint16_t number;    /* 0: by name */
    struct ke_str name;
};

struct model_service_port {
    struct ke_str name; /* may be empty when the only one */
    enum ke_proto proto;
    struct ke_str app_protocol;
    uint16_t port;
    uint16_t node_port; /* 0: none */
    struct model_port_ref target_port;
};

enum model_service_type {
    MODEL_SERVICE_CLUSTER_IP,
    MODEL_SERVICE_NODE_PORT,
    MODEL_SERVICE_LOAD_BALANCER,
    MODEL_SERVICE_EXTERNAL_NAME
};

struct model_service {
    struct model_meta meta;
    enum model_service_type type;
    bool is_headless; /* clusterIP: None */
    struct ke_ip cluster_ips[2];
    size_t n_cluster_ips;
    struct ke_ip *external_ips;
    size_t n_external_ips;
    struct ke_ip *lb_ips; /* status.loadBalancer.ingress with ipMode VIP or none */
    size_t n_lb_ips;
    struct ke_cidr *source_ranges;
    size_t n_source_ranges;
    struct ke_str external_name;
    struct model_pair *selector; /* sorted; n 0: no selector */
    size_t n_selector;
    struct model_service_port *ports;
    size_t n_ports;
    bool has_client_ip_affinity;
    uint32_t affinity_timeout_s;
    bool is_internal_local; /* internalTrafficPolicy: Local */
    bool is_external_local; /* externalTrafficPolicy: Local */
    bool publish_not_ready;
    uint16_t health_check_node_port;
    struct ke_str traffic_distribution;
};

struct model_slice_endpoint {
    struct ke_ip ip; /* the first address */
    bool is_ready;   /* nil = true */
    bool is_serving;
    bool is_terminating;
    struct ke_str hostname;
    struct ke_str node_name;
    struct ke_str zone;
    struct ke_str target_kind, target_ns, target_name, target_uid;
    struct ke_str *zone_hints; /* hints.forZones[].name */
    size_t n_zone_hints;
    struct ke_str *node_hints; /* hints.forNodes[].name */
    size_t n_node_hints;
};

struct model_slice_port {
    struct ke_str name;
    enum ke_proto proto;
    uint16_t port; /* 0: all ports */
};

struct model_endpoint_slice {
    struct model_meta meta;
    enum ke_family family;      /* NONE for FQDN */
    struct ke_str service_name; /* label kubernetes.io/service-name */
    struct model_slice_endpoint *endpoints;
    size_t n_endpoints;
    struct model_slice_port *ports;
    size_t n_ports;
};

struct model_container_port {
    struct ke_str name;
    enum ke_proto proto;
    uint16_t port;
};

struct model_pod {
    struct model_meta meta;
    struct ke_str node_name;
    struct ke_str hostname, subdomain;
    struct ke_str phase;
    struct ke_str service_account;
    bool is_host_network;
    bool is_ready;                  /* condition Ready is True */
    struct ke_str not_ready_reason; /* reason or message of the Ready condition when not */
    struct ke_ip ips[2];
    size_t n_ips;
    struct model_container_port
        *ports; /* of all containers (and restartable init containers), in order */
    size_t n_ports;
};

struct model_node {
    struct model_meta meta;
    struct ke_ip *internal_ips;
    size_t n_internal_ips;
    struct ke_cidr pod_cidrs[2];
    size_t n_pod_cidrs;
    bool is_ready;
};

enum model_path_type { MODEL_PATH_EXACT, MODEL_PATH_PREFIX, MODEL_PATH_IMPLEMENTATION };

struct model_ingress_backend {
    struct ke_str service; /* empty: a resource backend or none */
    struct model_port_ref port;
    struct ke_str resource_kind, resource_name;
};

struct model_ingress_path {
    struct ke_str path; /* never empty: "/" */
    enum model_path_type type;
    struct model_ingress_backend backend;
};

struct model_ingress_rule {
    struct ke_str host; /* empty: all hosts */
    struct model_ingress_path *paths;
    size_t n_paths;
};

struct model_ingress_tls {
    struct ke_str *hosts;
    size_t n_hosts;
    struct ke_str secret;
};

struct model_ingress {
    struct model_meta meta;
    struct ke_str class_name;       /* spec.ingressClassName, empty: absent */
    struct ke_str class_annotation; /* kubernetes.io/ingress.class, empty: absent */
    bool has_default_backend;
    struct model_ingress_backend default_backend;
    struct model_ingress_rule *rules;
    size_t n_rules;
    struct model_ingress_tls *tls;
    size_t n_tls;
};

struct model_ingress_class {
    struct model_meta meta;
    struct ke_str controller;
    bool is_default;
};

/* Each: false only when out of memory. json borrowed during the call only. */
bool model_service_decode(const cJSON *json, struct ke_arena *arena,
                          struct model_service *out) KE_MUST_CHECK;
bool model_endpoint_slice_decode(const cJSON *json, struct ke_arena *arena,
                                 struct model_endpoint_slice *out) KE_MUST_CHECK;
bool model_pod_decode(const cJSON *json, struct ke_arena *arena,
                      struct model_pod *out) KE_MUST_CHECK;
bool model_node_decode(const cJSON *json, struct ke_arena *arena,
                       struct model_node *out) KE_MUST_CHECK;
bool model_ingress_decode(const cJSON *json, struct ke_arena *arena,
                          struct model_ingress *out) KE_MUST_CHECK;
bool model_ingress_class_decode(const cJSON *json, struct ke_arena *arena,
                                struct model_ingress_class *out) KE_MUST_CHECK;

#endif
