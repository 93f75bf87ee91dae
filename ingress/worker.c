/* SPDX-License-Identifier: Apache-2.0 */
/* One serving thread: listeners, accepting, expiry, draining. */
#include "ingress/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/rand.h"
#include "ingress/client.h"

#define TICK_NS   (1 * KE_S)
#define MAX_RETRY 30 /* seconds between tries to bind */
#define ACCEPTS   64 /* at most so many a turn: the clients that are there want their turn too */

/* ---- accepting ---- */

static void on_listener(void *ctx, uint32_t events)
{
    struct ingress_listener *listener = ctx;
    struct ingress_worker *worker = listener->worker;
    (void)events;
    for (int i = 0; i < ACCEPTS; i++) {
        struct sockaddr_storage sa = { 0 };
        struct ke_endpoint peer = { 0 };
        socklen_t len = sizeof(sa);
        int fd = accept4(listener->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && errno != ECONNABORTED && errno != EINTR) {
            /* Out of descriptors: a listener that stays readable would spin. The tick looks again.
             */
            if (errno != EAGAIN && ke_loop_fd_set(listener->watch, 0))
                worker->is_accept_paused = true;
            return;
        }
        if (fd < 0)
            continue;
        if (worker->n_clients >= worker->options.max_clients || worker->is_draining ||
            !ke_endpoint_from_sockaddr(&sa, &peer))
            (void)close(fd);
        else
            ingress_client_accept(listener, fd, &peer);
    }
}

static int open_listener(const struct ke_endpoint *at, struct ke_err *err)
{
    struct ke_endpoint bind_at = *at;
    struct sockaddr_storage sa;
    int on = 1;
    if (at->ip.family == KE_FAMILY_NONE)
        bind_at.ip.family = KE_FAMILY_IPV6; /* every address of both families */
    int v6_only = at->ip.family != KE_FAMILY_NONE;
    socklen_t len = ke_endpoint_to_sockaddr(&bind_at, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 && errno == EAFNOSUPPORT && at->ip.family == KE_FAMILY_NONE) {
        bind_at.ip.family = KE_FAMILY_IPV4; /* a kernel without IPv6 */
        len = ke_endpoint_to_sockaddr(&bind_at, &sa);
        fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    if (fd < 0) {
        (void)ke_fail_errno(err, errno, "socket");
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (sa.ss_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only));
    if (bind(fd, (const struct sockaddr *)&sa, len) == 0 && listen(fd, 1024) == 0)
        return fd;
    (void)ke_fail_errno(err, errno, "listen");
    (void)close(fd);
    return -1;
}

static void close_listeners(struct ingress_worker *worker, bool is_tls)
{
    size_t kept = 0;
    for (size_t i = 0; i < worker->n_listeners; i++) {
        struct ingress_listener *listener = &worker->listeners[i];
        if (listener->is_tls == is_tls && listener->fd >= 0) {
            ke_loop_fd_del(listener->watch);
            (void)close(listener->fd);
            listener->fd = -1;
        }
        kept = listener->fd >= 0 ? i + 1 : kept;
    }
    worker->n_listeners = kept; /* slots do not move: the loop holds pointers to them */
}

static struct ingress_listener *free_slot(struct ingress_worker *worker)
{
    for (size_t i = 0; i < worker->n_listeners; i++) {
        if (worker->listeners[i].fd < 0)
            return &worker->listeners[i];
    }
    return worker->n_listeners < KE_ARRAY_LEN(worker->listeners)
               ? &worker->listeners[worker->n_listeners++]
               : NULL;
}

static bool bind_one(struct ingress_worker *worker, const struct ke_endpoint *at, bool is_tls,
                     struct ke_err *err)
{
    int fd = open_listener(at, err);
    struct ingress_listener *slot = fd >= 0 ? free_slot(worker) : NULL;
    if (slot == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    *slot =
        (struct ingress_listener){ .worker = worker, .fd = fd, .is_tls = is_tls, .port = at->port };
    slot->watch = ke_loop_fd_add(worker->loop, fd, EPOLLIN, on_listener, slot);
    if (slot->watch != NULL)
        return true;
    (void)close(fd);
    slot->fd = -1;
    (void)ke_fail(err, KE_NOMEM, "out of memory");
    return false;
}

static void describe_failure(struct ingress_worker *worker, const struct ke_endpoint *at,
                             const struct ke_err *err, struct ke_buf *out)
{
    ke_buf_addf(out, "cannot listen on port %u: %s", at->port, err->msg);
    size_t len = out->len;
    ke_buf_add_c(out, ": held by ");
    if (worker->options.find_holder == NULL ||
        !worker->options.find_holder(worker->options.find_holder_ctx, KE_PROTO_TCP, at, out))
        out->len = len;
}

static void try_bind(struct ingress_worker *worker, bool is_tls)
{
    ke_auto_buf why = KE_BUF_INIT(1024);
    struct ke_err err = KE_ERR_INIT;
    bool is_bound = true;
    size_t n = worker->options.n_listen[is_tls];
    for (size_t i = 0; i < n && is_bound; i++) {
        const struct ke_endpoint *at = &worker->options.listen[is_tls][i];
        is_bound = bind_one(worker, at, is_tls, &err);
        if (!is_bound)
            describe_failure(worker, at, &err, &why);
    }
    worker->options.on_bound(worker->options.on_bound_ctx, worker->options.index, is_tls, is_bound,
                             ke_buf_str(&why));
    if (is_bound)
        return;
    close_listeners(worker, is_tls);
    unsigned next = worker->retry_s[is_tls] == 0 ? 1 : worker->retry_s[is_tls] * 2;
    worker->retry_s[is_tls] = next > MAX_RETRY ? MAX_RETRY : next;
    ke_loop_timer_after(worker->retry[is_tls],
                        worker->retry_s[is_tls] * KE_S + (int64_t)ke_rand_below(500) * KE_MS);
}

static void try_bind_http(void *ctx)
{
    try_bind(ctx, false);
}

static void try_bind_https(void *ctx)
{
    try_bind(ctx, true);
}

static void set_date(struct ingress_worker *worker)
{
    time_t now = (time_t)ke_wall_s();
    struct tm tm;
    if (gmtime_r(&now, &tm) == NULL ||
        strftime(worker->date, sizeof(worker->date), "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
        worker->date[0] = '\0';
}

static void begin(void *ctx)
{
    struct ingress_worker *worker = ctx;
    set_date(worker);
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        if (worker->options.n_listen[is_tls] > 0)
            try_bind(worker, is_tls != 0);
    }
    ke_loop_timer_after(worker->tick, TICK_NS);
}

/* ---- time and draining ---- */

static void stop_if_drained(struct ingress_worker *worker)
{
    if (worker->is_draining &&
        (worker->n_clients == 0 || ke_loop_now(worker->loop) >= worker->drain_until_ns))
        ke_loop_stop(worker->loop);
}

static void on_tick(void *ctx)
{
    struct ingress_worker *worker = ctx;
    ingress_upstreams_expire(worker->upstreams, ke_loop_now(worker->loop));
    set_date(worker);
    for (size_t i = 0; worker->is_accept_paused && i < worker->n_listeners; i++) {
        if (worker->listeners[i].fd >= 0 && !ke_loop_fd_set(worker->listeners[i].watch, EPOLLIN))
            ke_log(KE_LOG_ERROR, "ingress.accept_failed", KV_U("port", worker->listeners[i].port));
    }
    worker->is_accept_paused = false;
    stop_if_drained(worker);
    ke_loop_timer_after(worker->tick, worker->is_draining ? TICK_NS / 50 : TICK_NS);
}

/* Who is in the queue is let in, new connections go elsewhere, idle ones end, requests in flight
 * are finished. */
static void drain(void *ctx)
{
    struct ingress_worker *worker = ctx;
    for (size_t i = 0; i < worker->n_listeners; i++) {
        if (worker->listeners[i].fd >= 0)
            on_listener(&worker->listeners[i], EPOLLIN);
    }
    worker->is_draining = true;
    worker->drain_until_ns = ke_loop_now(worker->loop) + worker->options.timeouts.drain_ms * KE_MS;
    close_listeners(worker, false);
    close_listeners(worker, true);
    KE_LIST_EACH_SAFE(it, tmp, &worker->clients)
    {
        ingress_client_drain(KE_CONTAINER_OF(it, struct ingress_client, all));
    }
    ke_loop_timer_after(worker->tick, 0);
}

/* ---- life ---- */

static void run(void *ctx)
{
    struct ingress_worker *worker = ctx;
    ke_loop_run(worker->loop);
}

enum ke_code ingress_worker_new(const struct ingress_worker_options *options,
                                struct ingress_worker **out, struct ke_err *err)
{
    struct ingress_worker *worker = ke_alloc(sizeof(*worker));
    if (worker == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    worker->options = *options;
    ke_list_init(&worker->clients);
    worker->loop = ke_loop_new(err);
    if (worker->loop != NULL) {
        worker->retry[0] = ke_loop_timer_new(worker->loop, try_bind_http, worker);
        worker->retry[1] = ke_loop_timer_new(worker->loop, try_bind_https, worker);
        worker->tick = ke_loop_timer_new(worker->loop, on_tick, worker);
        worker->upstreams = ingress_upstreams_new(worker->loop, ingress_exchange_on_upstream);
    }
    if (worker->retry[0] == NULL || worker->retry[1] == NULL || worker->tick == NULL ||
        worker->upstreams == NULL) {
        ingress_worker_free(worker);
        return ke_fail(err, KE_NOMEM, "out of memory");
    }
    *out = worker;
    return KE_OK;
}

enum ke_code ingress_worker_start(struct ingress_worker *worker, struct ke_err *err)
{
    if (!ke_loop_post(worker->loop, begin, worker))
        return ke_fail(err, KE_NOMEM, "out of memory");
    return ke_thread_start(&worker->thread, "ingress", run, worker, err);
}

void ingress_worker_stop(struct ingress_worker *worker)
{
    if (!ke_loop_post(worker->loop, drain, worker))
        ke_loop_stop(worker->loop);
    ke_thread_join(&worker->thread);
}

void ingress_worker_free(struct ingress_worker *worker)
{
    if (worker == NULL)
        return;
    KE_LIST_EACH_SAFE(it, tmp, &worker->clients)
    {
        ingress_client_free(KE_CONTAINER_OF(it, struct ingress_client, all));
    }
    close_listeners(worker, false);
    close_listeners(worker, true);
    ingress_upstreams_free(worker->upstreams);
    ke_loop_timer_free(worker->retry[0]);
    ke_loop_timer_free(worker->retry[1]);
    ke_loop_timer_free(worker->tick);
    ke_loop_free(worker->loop);
    free(worker);
}
