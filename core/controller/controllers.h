/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_CONTROLLERS_H
#define CORE_CONTROLLER_CONTROLLERS_H
/*
 * The controllers: what makes Endpoints and slices from Services and Pods, fills and empties
 * namespaces, registers this node, keeps the cluster's own Services, collects garbage, and turns
 * observations into Events and status. One thread of their own, one reflector over all kinds; they
 * write through core/resource like everybody else.
 */
#include "core/auth/bearer.h"
#include "core/base/addr.h"
#include "core/base/clock.h"
#include "core/explain/explain.h"
#include "core/report/report.h"
#include "core/resource/resource.h"

struct controllers;

struct controllers_options {
    struct resource_store *store;    /* borrowed, outlives the controllers */
    struct report *report;           /* borrowed; NULL: no Events and no status of observations */
    struct ke_str node_name;         /* empty: this node is not registered */
    const struct ke_ip *node_ips;    /* copied; the first is primary; at most one a family */
    size_t n_node_ips;               /* at most CONTROLLERS_NODE_IPS */
    const struct ke_cidr *pod_cidrs; /* copied; of this node, for Node.spec; may be none */
    size_t n_pod_cidrs;              /* at most CONTROLLERS_NODE_IPS */
    const struct ke_cidr
        *service_cidrs;          /* copied; shown as ServiceCIDR "kubernetes"; may be none */
    size_t n_service_cidrs;      /* at most CONTROLLERS_NODE_IPS */
    struct ke_ip api_service_ip; /* of Service default/kubernetes; family NONE: it is not kept */
    uint16_t api_port;           /* the API listens there, on node_ips[0] */
    struct ke_ip cluster_dns;    /* of Service kube-system/kube-dns */
    bool has_dns;                /* that Service is kept */
    struct ke_str ingress_class; /* an IngressClass of this name is made; empty: none */
    struct ke_str ca_pem;        /* for ConfigMap kube-root-ca.crt; empty: it is not made */
    struct ke_str ca_pair_pem;   /* certificate and key of who signs requests; empty: nobody does */
    struct auth_bearer *bearer;  /* borrowed; makes tokens of Secrets; NULL: nobody does */
    auth_authorize_fn *authorize; /* may a node have its certificate? NULL: none may by itself */
    void *authorize_ctx;
    struct ke_str kubelet_version; /* "v1.33.0+kedge": what the Node shows */
    struct ke_str runtime;         /* "containerd://1.7.2"; empty: none */
    const struct ke_clock *clock;  /* of timestamps; NULL: the system's */
};
#define CONTROLLERS_NODE_IPS 2

/* Texts are copied. Errors: KE_NOMEM, KE_IO. */
enum ke_code controllers_new(const struct controllers_options *options, struct controllers **out,
                             struct ke_err *err) KE_MUST_CHECK;
enum ke_code controllers_start(struct controllers *controllers, struct ke_err *err) KE_MUST_CHECK;
/* Everything was listed once. Any thread. */
bool controllers_is_ready(const struct controllers *controllers);
/* The default roles and bindings were written, or found. Any thread. */
bool controllers_have_roles(const struct controllers *controllers);
/* Ends the thread. Before registry_stop, so that its last writes are answered. */
void controllers_stop(struct controllers *controllers);
/* After registry_stop: answers to writes still come until then. */
void controllers_free(struct controllers *controllers);
KE_AUTO_DEFINE(controllers)

/* Registers why a Service has no ready endpoint: phase EXPLAIN_POLICY. explain is freed first. */
enum ke_code controllers_explain_register(struct controllers *controllers, struct explain *explain,
                                          struct ke_err *err) KE_MUST_CHECK;

#endif
