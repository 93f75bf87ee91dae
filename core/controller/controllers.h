/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_CONTROLLERS_H
#define CORE_CONTROLLER_CONTROLLERS_H
/*
 * The controllers: one thread with one reflector over all kinds they need, writing through
 * core/resource. start/stop own the thread. Each controller is one file; this header is all that
 * cmd sees.
 */
#include "core/base/addr.h"
#include "core/base/err.h"
#include "core/explain/explain.h"
#include "core/report/report.h"
#include "core/resource/resource.h"

struct controllers;

struct controllers_options {
    struct resource_store *store; /* borrowed, as is report */
    struct report *report;
    struct ke_str node_name;
    const struct ke_ip *node_ips; /* first is primary */
    size_t n_node_ips;
    const struct ke_cidr *pod_cidrs; /* of this node: spec.podCIDRs; n 0: none */
    size_t n_pod_cidrs;
    struct ke_ip api_service_ip; /* of default/kubernetes */
    uint16_t api_port;
    struct ke_ip cluster_dns;      /* of kube-system/kube-dns */
    bool has_dns;                  /* this node answers DNS: kube-dns has endpoints */
    struct ke_str ingress_class;   /* IngressClass object made at start; empty: none */
    struct ke_str ca_pem;          /* kube-root-ca.crt */
    struct ke_str kubelet_version; /* nodeInfo */
};

/* Texts and arrays are copied. Errors: KE_NOMEM, KE_IO. */
enum ke_code controllers_new(const struct controllers_options *options, struct controllers **out,
                             struct ke_err *err) KE_MUST_CHECK;
enum ke_code controllers_start(struct controllers *controllers, struct ke_err *err) KE_MUST_CHECK;
void controllers_stop(struct controllers *controllers);
void controllers_free(struct controllers *controllers); /* NULL is fine */
/* Why a service has no endpoints: a provider of the phase POLICY. */
enum ke_code controllers_explain_register(struct controllers *controllers, struct explain *explain,
                                          struct ke_err *err) KE_MUST_CHECK;

#endif
