/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H
/*
 * The service proxy: keeps the kernel's rules equal to the endpoint table. One plan, two appliers
 * (nftables, iptables). start/stop own the thread; rules stay when it stops or dies. Only kedge's
 * own table (or, in iptables mode, the KUBE-* chains) is touched.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/base/addr.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/endpoint/table.h"
#include "core/explain/explain.h"
#include "core/host/ledger.h"
#include "core/report/report.h"

struct proxy;

enum proxy_backend { PROXY_NFTABLES, PROXY_IPTABLES };

/* What rules depend on besides the table: also all that a pure plan needs. */
struct proxy_settings {
    const struct ke_cidr *service_cidrs;
    size_t n_service_cidrs;
    const struct ke_cidr *cluster_cidrs; /* pods: other sources are masqueraded */
    size_t n_cluster_cidrs;
    const struct ke_cidr *nodeport_addresses; /* n 0: every local address */
    size_t n_nodeport_addresses;
    /* Kept out of conntrack and out of the maps; family NONE: nobody answers there. */
    struct ke_ip dns_address;
    bool is_dns_held; /* the local responder holds it; false: it is rejected */
};

struct proxy_options {
    enum proxy_backend backend;
    struct proxy_settings settings;
    bool manage_forward; /* add one commented ACCEPT where another firewall drops FORWARD */
    struct endpoint_table *table; /* borrowed, as are the next two; they outlive the proxy */
    struct host_ledger *ledger;
    struct report *report;
};

/* The backend that fits this host: nftables where the kernel has all that is needed, else iptables.
 * Errors: KE_UNAVAILABLE (neither; says what is missing). */
enum ke_code proxy_probe(enum proxy_backend *out, struct ke_err *err) KE_MUST_CHECK;

/* Settings are copied. Errors: KE_NOMEM, KE_IO, KE_UNAVAILABLE. */
enum ke_code proxy_new(const struct proxy_options *options, struct proxy **out,
                       struct ke_err *err) KE_MUST_CHECK;
enum ke_code proxy_start(struct proxy *proxy, struct ke_err *err) KE_MUST_CHECK;
void proxy_stop(struct proxy *proxy);
void proxy_free(struct proxy *proxy); /* NULL is fine */
/* DNS began or ceased to hold its address. Any thread. */
void proxy_set_dns_held(struct proxy *proxy, bool is_held);

/* Removes every rule of both backends (uninstall, change of mode). Nothing there is fine. */
enum ke_code proxy_cleanup(struct ke_err *err) KE_MUST_CHECK;
enum ke_code proxy_cleanup_other(enum proxy_backend keep, struct ke_err *err) KE_MUST_CHECK;

/* Providers of the phases POLICY and KERNEL. */
enum ke_code proxy_explain_register(struct proxy *proxy, struct explain *explain,
                                    struct ke_err *err) KE_MUST_CHECK;
/* {"backend":"nftables","generation":N,"services":N,"last_sync_ms":...,"drift":[...],"foreign_firewalls":[...]}.
 * Any thread; reads the kernel on a socket of its own. */
void proxy_print_status(struct proxy *proxy, struct ke_buf *out);

/* The whole ruleset for a table as text: no root, no kernel. Deterministic. */
enum ke_code proxy_plan_print(struct endpoint_table *table, enum proxy_backend backend,
                              const struct proxy_settings *settings, struct ke_buf *out,
                              struct ke_err *err) KE_MUST_CHECK;

#endif
