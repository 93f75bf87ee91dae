/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_PROXY_IMPL_H
#define PROXY_PROXY_IMPL_H
/* What proxy.c, status.c and explain.c share. Everything but the atomics belongs to the proxy's
 * thread. */
#include <stdatomic.h>

#include "core/base/loop.h"
#include "core/base/metrics.h"
#include "core/base/thread.h"
#include "proxy/iptables.h"
#include "proxy/nfnl.h"
#include "proxy/nft.h"
#include "proxy/node_port.h"
#include "proxy/plan.h"
#include "proxy/proxy.h"

struct proxy {
    enum proxy_backend backend;
    bool manage_forward;
    struct endpoint_table *table;
    struct host_ledger *ledger;
    struct report *report;
    struct proxy_settings *settings;

    struct ke_thread thread;
    struct ke_loop *loop;
    struct endpoint_consumer *consumer;
    int wake_fd;
    struct ke_loop_fd *wake_watch;
    struct ke_loop_timer *timer;       /* a try again, or a repair */
    struct ke_loop_timer *check_timer; /* iptables mode */
    int64_t retry_ms;

    struct proxy_plans *plans; /* in effect */
    bool needs_full;
    bool is_loaded; /* the kernel had the plans once */
    uint64_t taken_generation;
    struct nft_applier *nft; /* one of these two */
    struct ipt_applier *iptables;
    struct node_ports *node_ports;
    struct nfnl_socket conntrack;
    struct nfnl_socket monitor;
    struct ke_loop_fd *monitor_watch;
    int64_t repaired_ns;

    atomic_bool is_dns_held; /* wanted */
    _Atomic uint64_t applied_generation;
    _Atomic size_t n_services;
    _Atomic int64_t last_sync_us;      /* how long it took */
    _Atomic int64_t last_sync_wall_us; /* when; 0: never */
    _Atomic uint64_t n_repairs;
    struct ke_metric *sync_duration, *sync_failures;
};

#endif
