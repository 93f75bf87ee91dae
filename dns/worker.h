/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_WORKER_H
#define DNS_WORKER_H
/*
 * One DNS thread: its loop, its sockets (several workers share a port by SO_REUSEPORT: the kernel
 * spreads clients over them), its forwarder and its TCP clients. Everything here belongs to that
 * thread but the counters.
 */
#include <stdatomic.h>

#include "core/base/loop.h"
#include "core/base/thread.h"
#include "dns/answer.h"
#include "dns/client.h"
#include "dns/forward.h"

#define DNS_MAX_LISTEN 4

/* Written by the worker alone, read by any thread. */
struct dns_counters {
    _Atomic uint64_t queries;
    _Atomic uint64_t forwarded;
    _Atomic uint64_t failed; /* SERVFAIL and REFUSED for want of an upstream */
};

struct dns_worker;
typedef void dns_worker_bound_fn(void *ctx, unsigned worker, bool is_bound, struct ke_str why);

struct dns_worker_options {
    unsigned index;
    unsigned n_workers;          /* above 1: the port is shared */
    const struct dns_zone *zone; /* borrowed, as is all below */
    struct endpoint_table *table;
    const struct ke_endpoint *listen;
    size_t n_listen;
    struct dns_upstreams upstreams;
    struct dns_timing timing; /* complete */
    struct dns_resolv_files files;
    bool (*find_holder)(void *ctx, enum ke_proto proto, const struct ke_endpoint *at,
                        struct ke_buf *out);
    void *find_holder_ctx;
    dns_worker_bound_fn *on_bound; /* each time all listeners are bound, or could not be */
    void *on_bound_ctx;
};
enum ke_code dns_worker_new(const struct dns_worker_options *options, struct dns_worker **out,
                            struct ke_err *err) KE_MUST_CHECK;
enum ke_code dns_worker_start(struct dns_worker *worker, struct ke_err *err) KE_MUST_CHECK;
void dns_worker_stop(struct dns_worker *worker);
void dns_worker_free(struct dns_worker *worker);

/* Any thread: tries to bind soon, and again with back-off until it can; on_bound tells. The first
 * worker makes sure that nobody else has the port, so the others bind after it. */
bool dns_worker_bind(struct dns_worker *worker) KE_MUST_CHECK;
const struct dns_counters *dns_worker_counters(const struct dns_worker *worker);

/*
 * For dns/tcp.c: one message came in. Returns the length of the reply, *reply borrowed until the
 * next call; 0: there is none, or (*is_later) it goes to client when it is there.
 */
size_t dns_worker_handle(struct dns_worker *worker, struct ke_str message,
                         const struct dns_client *client, const uint8_t **reply, bool *is_later);
struct ke_loop *dns_worker_loop(struct dns_worker *worker);
int64_t dns_worker_tcp_idle_ms(const struct dns_worker *worker);

#endif
