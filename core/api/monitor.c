/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain HTTP for health checks and metrics. Its connections are served by the API loops like all
 * others; what sets them apart is who they are.
 */
#include "core/api/monitor.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/api/acceptor.h"
#include "core/api/server_impl.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/base/rand.h"

#define ACCEPTS_A_TURN 16
#define RETRY_MIN_NS   (1 * KE_S)
#define RETRY_MAX_NS   (30 * KE_S)
#define PART           "metrics"

struct api_monitor {
    struct api_server *server;
    struct ke_loop *loop;
    struct api_identity *identity; /* of every connection */
    int fd;                        /* -1: not listening (yet) */
    struct ke_loop_fd *watch;
    struct ke_loop_timer *timer; /* listens again */
    int64_t retry_ns;
};

static void tell(struct api_monitor *monitor, bool is_healthy, struct ke_str message)
{
    if (monitor->server->options.report != NULL) {
        report_part(monitor->server->options.report, PART, is_healthy, message);
    }
}

static void wait_for_retry(struct api_monitor *monitor)
{
    int64_t jitter_ns = (int64_t)ke_rand_below((uint32_t)(monitor->retry_ns / 4000)) * 1000;
    ke_loop_timer_after(monitor->timer, monitor->retry_ns + jitter_ns);
    monitor->retry_ns = monitor->retry_ns * 2 < RETRY_MAX_NS ? monitor->retry_ns * 2 : RETRY_MAX_NS;
}

static void take_client(struct api_monitor *monitor, int fd)
{
    if (!api_server_take_fds(monitor->server, 1, API_LOCAL_FDS)) {
        close(fd);
        return;
    }
    api_shard_give(api_server_pick_shard(monitor->server), fd, NULL,
                   api_identity_ref(monitor->identity));
}

static void on_client(void *ctx, uint32_t events)
{
    struct api_monitor *monitor = ctx;
    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(monitor->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            take_client(monitor, fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* Deaf for a moment rather than spinning. */
            if (ke_loop_fd_set(monitor->watch, 0)) {
                ke_loop_timer_after(monitor->timer, RETRY_MIN_NS);
            }
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

/* Why it cannot listen, with the program that holds the port where one is found. */
static void explain_failure(struct api_monitor *monitor, int failed, struct ke_buf *out)
{
    const struct api_options *options = &monitor->server->options;
    struct ke_err err;
    ke_buf_add_c(out, "listen on ");
    ke_endpoint_format(options->monitor, out);
    (void)ke_fail_errno(&err, failed, "cannot listen");
    if (failed == EADDRINUSE && options->hooks.find_holder != NULL) {
        ke_buf_add_c(out, ": held by ");
        if (options->hooks.find_holder(options->hooks.ctx, options->monitor, out)) {
            return;
        }
        ke_buf_add_c(out, "another program");
        return;
    }
    ke_buf_addf(out, ": %s", err.msg);
}

static void listen_or_retry(void *ctx)
{
    struct api_monitor *monitor = ctx;
    const struct ke_endpoint *at = monitor->server->options.monitor;
    if (monitor->fd >= 0) {
        /* The pause of on_client is over. */
        if (!ke_loop_fd_set(monitor->watch, EPOLLIN)) {
            ke_loop_timer_after(monitor->timer, RETRY_MIN_NS);
        }
        return;
    }
    monitor->fd = api_acceptor_listen_at(at);
    if (monitor->fd >= 0) {
        monitor->watch = ke_loop_fd_add(monitor->loop, monitor->fd, EPOLLIN, on_client, monitor);
    }
    if (monitor->watch != NULL) {
        monitor->retry_ns = RETRY_MIN_NS;
        tell(monitor, true, KE_STR(""));
        ke_log(KE_LOG_INFO, "api.monitor_listening", KV_U("port", at->port));
        return;
    }
    int failed = monitor->fd >= 0 ? ENOMEM : errno;
    if (monitor->fd >= 0) {
        close(monitor->fd);
        monitor->fd = -1;
    }
    char text[256];
    struct ke_buf why = KE_BUF_FIXED(text, sizeof(text));
    explain_failure(monitor, failed, &why);
    if (monitor->retry_ns == RETRY_MIN_NS) {
        ke_log(KE_LOG_WARN, "api.monitor_failed", KV_S("err", ke_buf_str(&why)),
               KV_C("next", "retrying"));
    }
    tell(monitor, false, ke_buf_str(&why));
    wait_for_retry(monitor);
}

enum ke_code api_monitor_new(struct api_server *server, struct ke_loop *loop,
                             struct api_monitor **out, struct ke_err *err)
{
    struct api_monitor *monitor = ke_alloc(sizeof(*monitor));
    if (monitor == NULL) {
        return ke_fail(err, KE_NOMEM, "health listener");
    }
    *monitor =
        (struct api_monitor){ .server = server, .loop = loop, .fd = -1, .retry_ns = RETRY_MIN_NS };
    monitor->identity = api_identity_monitoring();
    monitor->timer = ke_loop_timer_new(loop, listen_or_retry, monitor);
    if (monitor->identity == NULL || monitor->timer == NULL) {
        api_monitor_free(monitor);
        return ke_fail(err, KE_NOMEM, "health listener");
    }
    listen_or_retry(monitor);
    *out = monitor;
    return KE_OK;
}

void api_monitor_free(struct api_monitor *monitor)
{
    if (monitor == NULL) {
        return;
    }
    ke_loop_fd_del(monitor->watch);
    if (monitor->fd >= 0) {
        close(monitor->fd);
    }
    ke_loop_timer_free(monitor->timer);
    api_identity_free(monitor->identity);
    free(monitor);
}
