/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_DNS_H
#define DNS_DNS_H
/*
 * Cluster DNS: answers names of the cluster domain and of its reverse zones from the endpoint
 * table, forwards everything else. start/stop own the threads. The listen address must exist on the
 * node when it starts (cmd puts it on lo). Sources: Kubernetes DNS specification 1.1.0, RFC 1035,
 * 6891, 7766, 9619.
 */
#include <stddef.h>

#include "core/base/addr.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/endpoint/table.h"
#include "core/explain/explain.h"
#include "core/report/report.h"

struct dns_server;

struct dns_settings {
    struct ke_str domain;          /* "cluster.local" */
    struct ke_ip address;          /* of the DNS service: ns.dns.DOMAIN */
    const struct ke_cidr *reverse; /* ranges whose reverse names are ours: services and pods */
    size_t n_reverse;
    uint32_t ttl_s; /* 5 */
};

/* How long is waited; 0: as core/base/limits.h says. Tests wait less. */
struct dns_timing {
    int64_t forward_try_ms;
    int64_t tcp_idle_ms;
};

struct dns_options {
    struct dns_settings settings;     /* copied */
    const struct ke_endpoint *listen; /* UDP and TCP on each */
    size_t n_listen;
    const struct ke_endpoint *upstreams; /* n 0: as resolv_conf says */
    size_t n_upstreams;
    const char *resolv_conf; /* "/etc/resolv.conf"; 127.0.0.53 in it is followed to the real ones */
    unsigned n_threads;      /* 0: one */
    struct dns_timing timing;
    struct endpoint_table *table; /* borrowed */
    struct report *report;        /* borrowed */
    /* Appends who holds a port ("nginx (pid 12)"); may be NULL. Any thread. */
    bool (*find_holder)(void *ctx, enum ke_proto proto, const struct ke_endpoint *at,
                        struct ke_buf *out);
    /* Called (any thread) when the listeners begin or cease to hold the address. May be NULL. */
    void (*on_held)(void *ctx, bool is_held);
    void *ctx;
};

enum ke_code dns_server_new(const struct dns_options *options, struct dns_server **out,
                            struct ke_err *err) KE_MUST_CHECK;
/* A port that cannot be bound is retried with back-off and reported (part "dns"); not an error. */
enum ke_code dns_server_start(struct dns_server *server, struct ke_err *err) KE_MUST_CHECK;
/* Who still waits for an upstream is told SERVFAIL. Once; there is no start after it. */
void dns_server_stop(struct dns_server *server);
void dns_server_free(struct dns_server *server); /* NULL is fine */
bool dns_server_is_serving(const struct dns_server *server);

/* Provider of the phase NAME. */
enum ke_code dns_explain_register(struct dns_server *server, struct explain *explain,
                                  struct ke_err *err) KE_MUST_CHECK;
/* {"serving":true,"listen":[...],"upstreams":[...],"queries":N,"forwarded":N,"failed":N}; any
 * thread. */
void dns_print_status(struct dns_server *server, struct ke_buf *out);

/* Every name and record that the table gives, one a line in zone-file form, sorted. Pure. */
enum ke_code dns_plan_print(struct endpoint_table *table, const struct dns_settings *settings,
                            struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;

#endif
