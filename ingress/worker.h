/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INGRESS_WORKER_H
#define INGRESS_WORKER_H
/*
 * One serving thread: its loop, its listeners (SO_REUSEPORT), its clients and its upstream
 * connections. Everything belongs to that thread but the counters.
 */
#include <stdatomic.h>

#include "core/base/thread.h"
#include "core/net/http/http1.h"
#include "ingress/derive.h"
#include "ingress/upstream.h"

#define INGRESS_MAX_LISTEN 4
#define INGRESS_DATE_BYTES 32

struct ingress_counters {
    _Atomic uint64_t requests;
    _Atomic uint64_t connections; /* open now */
    _Atomic uint64_t statuses[6]; /* by class: [2] is 2xx */
    _Atomic uint64_t retries;
};

typedef void ingress_bound_fn(void *ctx, unsigned worker, bool is_tls, bool is_bound,
                              struct ke_str why);

struct ingress_worker_options {
    unsigned index;
    const struct ke_endpoint *listen[2]; /* [0] HTTP, [1] HTTPS; borrowed, as is all below */
    size_t n_listen[2];
    unsigned max_clients;
    struct ingress_timeouts timeouts;
    struct ingress_derive *derive;
    struct endpoint_table *table;
    struct tls_context *tls;
    struct ingress_counters *counters;
    bool (*find_holder)(void *ctx, enum ke_proto proto, const struct ke_endpoint *at,
                        struct ke_buf *out);
    void *find_holder_ctx;
    ingress_bound_fn *on_bound; /* all listeners of a kind are bound, or could not be */
    void *on_bound_ctx;
};

struct ingress_listener {
    struct ingress_worker *worker;
    int fd;
    struct ke_loop_fd *watch;
    bool is_tls;
    uint16_t port;
};

struct ingress_worker {
    struct ingress_worker_options options;
    struct ke_thread thread;
    struct ke_loop *loop;
    struct ke_loop_timer *retry[2];
    unsigned retry_s[2];
    struct ke_loop_timer *tick;
    struct ingress_listener listeners[2 * INGRESS_MAX_LISTEN];
    size_t n_listeners;
    struct ingress_upstreams *upstreams;
    struct ke_list clients;
    unsigned n_clients;
    bool is_accept_paused; /* until the next tick */
    bool is_draining;
    int64_t drain_until_ns;
    char date[INGRESS_DATE_BYTES]; /* now, as a Date field says it */
    struct http_head head;         /* scratch of one parse: 3 KB are not on every stack */
    char path[LIMIT_HTTP_HEAD_BYTES];
};

enum ke_code ingress_worker_new(const struct ingress_worker_options *options,
                                struct ingress_worker **out, struct ke_err *err) KE_MUST_CHECK;
enum ke_code ingress_worker_start(struct ingress_worker *worker, struct ke_err *err) KE_MUST_CHECK;
void ingress_worker_stop(struct ingress_worker *worker); /* drains */
void ingress_worker_free(struct ingress_worker *worker);

#endif
