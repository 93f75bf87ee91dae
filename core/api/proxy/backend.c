/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections to servers behind the proxy. On an API loop.
 */
#include "core/api/proxy/backend.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limits.h"

static void on_ready(void *ctx, uint32_t events);

static void fail(struct proxy_backend *b, const char *what)
{
    struct ke_buf text = KE_BUF_FIXED(b->why, sizeof(b->why) - 1);
    if (b->is_failed) {
        return;
    }
    b->is_failed = true;
    ke_buf_add_c(&text, "dial tcp ");
    ke_endpoint_format(&b->at, &text);
    ke_buf_addf(&text, ": %s", what);
    b->why[text.len] = '\0';
}

static void watch_again(struct proxy_backend *b)
{
    uint32_t events = b->io_wants;
    bool has_out = proxy_backend_waiting(b) > 0 && !b->is_write_broken;
    if (!b->is_connected) {
        events = b->session != NULL && b->io_wants != 0 ? b->io_wants : (uint32_t)EPOLLOUT;
    } else {
        events |= b->wants_read ? EPOLLIN : 0U;
        events |= has_out && b->io_wants == 0 ? EPOLLOUT : 0U;
    }
    /* Unwatched while nothing is wanted: a hang-up would be reported for ever. */
    if (events == 0 || b->is_failed) {
        ke_loop_fd_del(b->watch);
        b->watch = NULL;
    } else if (b->watch != NULL) {
        b->is_failed = !ke_loop_fd_set(b->watch, events);
    } else {
        b->watch = ke_loop_fd_add(b->loop, b->fd, events, on_ready, b);
        b->is_failed = b->watch == NULL;
    }
}

size_t proxy_backend_waiting(const struct proxy_backend *b)
{
    return b->out.len - b->out_at;
}

struct ke_buf *proxy_backend_out(struct proxy_backend *b)
{
    return &b->out;
}

static ssize_t write_once(struct proxy_backend *b, const char *ptr, size_t len)
{
    if (b->session != NULL) {
        enum tls_want want = TLS_WANT_WRITE;
        ssize_t n = tls_write(b->session, ptr, len, &want);
        b->io_wants = n == -1 && want == TLS_WANT_READ ? (uint32_t)EPOLLIN : 0U;
        return n > 0 ? n : n == -1 ? -1 : -2;
    }
    for (;;) {
        ssize_t n = send(b->fd, ptr, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0 || errno != EINTR) {
            return n >= 0 ? n : errno == EAGAIN ? -1 : -2;
        }
    }
}

static void send_some(struct proxy_backend *b)
{
    while (b->is_connected && !b->is_write_broken && proxy_backend_waiting(b) > 0) {
        ssize_t n = write_once(b, b->out.ptr + b->out_at, proxy_backend_waiting(b));
        if (n == -1) {
            return;
        }
        if (n < 0) {
            /* It may have answered before it stopped to listen: what it says decides. */
            b->is_write_broken = true;
            b->out_at = b->out.len;
            return;
        }
        b->out_at += (size_t)n;
    }
    if (proxy_backend_waiting(b) == 0) {
        size_t max = b->out.max;
        ke_buf_free(&b->out);
        b->out.max = max;
        b->out_at = 0;
        if (b->is_ending && b->is_connected && b->session == NULL) {
            b->is_ending = false;
            (void)shutdown(b->fd, SHUT_WR);
        }
    }
}

void proxy_backend_flush(struct proxy_backend *b)
{
    if (b->is_write_broken) {
        b->out_at = b->out.len;
    }
    send_some(b);
    watch_again(b);
}

void proxy_backend_want(struct proxy_backend *b, bool wants_read)
{
    b->wants_read = wants_read;
    if (wants_read && b->session != NULL && b->is_connected && tls_pending(b->session) > 0) {
        ke_loop_timer_after(b->timer, 0); /* no descriptor tells of what is decrypted already */
    }
    watch_again(b);
}

ssize_t proxy_backend_read(struct proxy_backend *b, char *ptr, size_t max)
{
    if (b->is_failed) {
        return -2;
    }
    if (!b->is_connected) {
        return -1;
    }
    if (b->session != NULL) {
        enum tls_want want = TLS_WANT_READ;
        ssize_t n = tls_read(b->session, ptr, max, &want);
        b->io_wants = n == -1 && want == TLS_WANT_WRITE ? (uint32_t)EPOLLOUT : 0U;
        return n;
    }
    for (;;) {
        ssize_t n = recv(b->fd, ptr, max, MSG_DONTWAIT);
        if (n >= 0 || errno != EINTR) {
            return n >= 0 ? n : errno == EAGAIN ? -1 : -2;
        }
    }
}

/* ---- connecting --------------------------------------------------------------------------------
 */

static void shake_hands(struct proxy_backend *b)
{
    struct ke_err err;
    enum tls_want want = TLS_WANT_READ;
    enum ke_code rc = tls_handshake(b->session, &want, &err);
    if (rc == KE_AGAIN) {
        b->io_wants = want == TLS_WANT_READ ? EPOLLIN : EPOLLOUT;
        return;
    }
    b->io_wants = 0;
    if (rc != KE_OK) {
        fail(b, "tls: handshake failure");
        return;
    }
    b->is_connected = true;
}

static bool is_refused(struct proxy_backend *b)
{
    int failed = 0;
    socklen_t len = sizeof(failed);
    if (getsockopt(b->fd, SOL_SOCKET, SO_ERROR, &failed, &len) == 0 && failed == 0) {
        return false;
    }
    fail(b, failed == ECONNREFUSED   ? "connect: connection refused"
            : failed == EHOSTUNREACH ? "connect: no route to host"
                                     : "connect: connection failed");
    return true;
}

static void go_on_connecting(struct proxy_backend *b)
{
    bool is_shaking = b->session != NULL && b->io_wants != 0;
    if (!is_shaking && is_refused(b)) {
        return;
    }
    if (b->session != NULL) {
        shake_hands(b);
    } else {
        b->is_connected = true;
    }
    if (b->is_connected) {
        ke_loop_timer_cancel(b->timer);
    }
}

static void on_ready(void *ctx, uint32_t events)
{
    struct proxy_backend *b = ctx;
    (void)events;
    bool was_connected = b->is_connected;
    if (!b->is_connected) {
        go_on_connecting(b);
    }
    send_some(b);
    watch_again(b);
    if (was_connected || b->is_connected || b->is_failed) {
        b->on_event(b->ctx);
    }
}

/* It takes too long; or there are decrypted bytes. */
static void on_timer(void *ctx)
{
    struct proxy_backend *b = ctx;
    if (!b->is_connected) {
        fail(b, "i/o timeout");
        watch_again(b);
    }
    b->on_event(b->ctx);
}

/* NOLINTNEXTLINE(readability-function-size): what a connection is made of */
enum ke_code proxy_backend_open(struct proxy_backend *b, struct ke_loop *loop,
                                const struct proxy_address *address, struct tls_context *tls,
                                void (*on_event)(void *ctx), void *ctx, struct ke_err *err)
{
    struct sockaddr_storage sa;
    const int on = 1;
    *b = (struct proxy_backend){
        .loop = loop, .fd = -1, .at = address->at, .on_event = on_event, .ctx = ctx
    };
    b->out.max = LIMIT_STREAM_OUT_BYTES;
    socklen_t len = ke_endpoint_to_sockaddr(&address->at, &sa);
    b->fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    b->timer = ke_loop_timer_new(loop, on_timer, b);
    if (b->fd < 0 || b->timer == NULL) {
        return ke_fail(err, KE_NOMEM, "out of memory or descriptors");
    }
    (void)setsockopt(b->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    (void)setsockopt(b->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (address->is_tls) {
        b->session = tls_session_new(tls, b->fd, KE_STR(""));
        if (b->session == NULL) {
            return ke_fail(err, KE_NOMEM, "out of memory");
        }
    }
    if (connect(b->fd, (const struct sockaddr *)&sa, len) != 0 && errno != EINPROGRESS) {
        fail(b, errno == ENETUNREACH ? "connect: network is unreachable"
                                     : "connect: connection failed");
        return ke_fail(err, KE_UNAVAILABLE, "%s", b->why);
    }
    ke_loop_timer_after(b->timer, LIMIT_PROXY_DIAL_MS * KE_MS);
    watch_again(b);
    return b->watch != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "out of memory");
}

void proxy_backend_close(struct proxy_backend *b)
{
    if (b->loop == NULL) {
        return;
    }
    ke_loop_fd_del(b->watch);
    ke_loop_timer_free(b->timer);
    tls_session_free(b->session);
    if (b->fd >= 0) {
        close(b->fd);
    }
    ke_buf_free(&b->out);
    *b = (struct proxy_backend){ .fd = -1 };
}
