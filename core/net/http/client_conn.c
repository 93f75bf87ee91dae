/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting, and moving bytes with or without TLS. One thread; blocks in poll only (and in the
 * resolver, when the host is a name). */
#include "core/net/http/client_conn.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/addr.h"
#include "core/base/clock.h"
#include "core/base/limits.h"

static enum ke_code wait_for(const struct client_conn *conn, short events, struct ke_err *err)
{
    struct pollfd pollfd = { .fd = conn->fd, .events = events };
    int64_t end_ns = ke_now_ns() + conn->timeout_ms * KE_MS;
    int left_ms = conn->timeout_ms;
    for (;;) {
        int n = poll(&pollfd, 1, left_ms);
        if (n > 0)
            return KE_OK;
        if (n == 0)
            return ke_fail(err, KE_TIMEOUT, "no answer within %d ms", conn->timeout_ms);
        if (errno != EINTR)
            return ke_fail(err, KE_UNAVAILABLE, "wait for the peer");
        if (conn->timeout_ms >= 0) { /* a signal does not start the time again */
            int64_t left_ns = end_ns - ke_now_ns();
            left_ms = left_ns > 0 ? (int)(left_ns / KE_MS) : 0;
        }
    }
}

static enum ke_code connect_to(struct client_conn *conn, const struct sockaddr *sa, socklen_t len,
                               struct ke_err *err)
{
    conn->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (conn->fd < 0)
        return ke_fail(err, KE_UNAVAILABLE, "no socket");
    int on = 1;
    if (sa->sa_family != AF_UNIX)
        (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    int sys = connect(conn->fd, sa, len) == 0 ? 0 : errno;
    if (sys == EINPROGRESS) {
        enum ke_code rc = wait_for(conn, POLLOUT, err);
        if (rc != KE_OK)
            return rc;
        socklen_t size = sizeof(sys);
        if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &sys, &size) != 0)
            sys = errno;
    }
    if (sys == 0)
        return KE_OK;
    (void)ke_fail_errno(err, sys, "connect");
    err->code = KE_UNAVAILABLE;
    return KE_UNAVAILABLE;
}

static enum ke_code connect_unix(struct client_conn *conn, const char *path, struct ke_err *err)
{
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    size_t len = strlen(path);
    if (len >= sizeof(sa.sun_path))
        return ke_fail(err, KE_MALFORMED, "path of the socket is too long");
    memcpy(sa.sun_path, path, len + 1);
    enum ke_code rc = connect_to(conn, (const struct sockaddr *)&sa, sizeof(sa), err);
    return rc != KE_OK ? ke_wrap(err, "%s", path) : KE_OK;
}

static void close_fd(struct client_conn *conn)
{
    if (conn->fd >= 0)
        (void)close(conn->fd);
    conn->fd = -1;
}

/* Each address of the host in turn. */
static enum ke_code connect_tcp(struct client_conn *conn, struct ke_str host, uint16_t port,
                                struct ke_err *err)
{
    char name[LIMIT_DNS_NAME_BYTES + 1];
    char service[8];
    if (host.len == 0 || host.len >= sizeof(name) || memchr(host.ptr, '\0', host.len) != NULL)
        return ke_fail(err, KE_MALFORMED, "not a host name: \"%.*s\"", KE_STR_ARG(host));
    memcpy(name, host.ptr, host.len);
    name[host.len] = '\0';
    (void)snprintf(service, sizeof(service), "%u", port);
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
    struct addrinfo *found = NULL;
    int ret = getaddrinfo(name, service, &hints, &found);
    if (ret != 0)
        return ke_fail(err, KE_UNAVAILABLE, "%s: %s", name, gai_strerror(ret));
    enum ke_code rc = ke_fail(err, KE_UNAVAILABLE, "no address");
    for (const struct addrinfo *at = found; at != NULL && rc != KE_OK; at = at->ai_next) {
        close_fd(conn);
        rc = connect_to(conn, at->ai_addr, at->ai_addrlen, err);
    }
    freeaddrinfo(found);
    return rc != KE_OK ? ke_wrap(err, "%s port %u", name, port) : KE_OK;
}

static enum ke_code start_tls(struct client_conn *conn, const struct http_client_target *target,
                              struct ke_err *err)
{
    conn->tls = tls_session_new(target->tls, conn->fd, target->host);
    if (conn->tls == NULL)
        return ke_fail(err, KE_NOMEM, "TLS session");
    for (;;) {
        enum tls_want want = TLS_WANT_READ;
        enum ke_code rc = tls_handshake(conn->tls, &want, err);
        if (rc == KE_CLOSED || rc == KE_IO) {
            err->code = KE_UNAVAILABLE;
            return KE_UNAVAILABLE;
        }
        if (rc != KE_AGAIN)
            return rc;
        rc = wait_for(conn, want == TLS_WANT_READ ? POLLIN : POLLOUT, err);
        if (rc != KE_OK)
            return ke_wrap(err, "TLS handshake");
    }
}

enum ke_code client_conn_open(const struct http_client_target *target, struct client_conn *out,
                              struct ke_err *err)
{
    struct client_conn conn = { .fd = -1,
                                .timeout_ms = target->timeout_ms > 0 ? target->timeout_ms : -1 };
    enum ke_code rc = target->unix_path != NULL
                          ? connect_unix(&conn, target->unix_path, err)
                          : connect_tcp(&conn, target->host, target->port, err);
    if (rc == KE_OK && target->tls != NULL)
        rc = start_tls(&conn, target, err);
    if (rc != KE_OK) {
        client_conn_close(&conn);
        return rc;
    }
    *out = conn;
    return KE_OK;
}

void client_conn_close(struct client_conn *conn)
{
    if (conn->tls != NULL)
        tls_close_notify(conn->tls);
    tls_session_free(conn->tls);
    conn->tls = NULL;
    close_fd(conn);
}

/* As tls_write: > 0, -1 with *want, or -2. */
static ssize_t write_some(struct client_conn *conn, struct ke_str bytes, enum tls_want *want)
{
    if (conn->tls != NULL)
        return tls_write(conn->tls, bytes.ptr, bytes.len, want);
    *want = TLS_WANT_WRITE;
    ssize_t n = send(conn->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? -1 : -2;
    return n;
}

enum ke_code client_conn_write(struct client_conn *conn, struct ke_str bytes, struct ke_err *err)
{
    while (bytes.len > 0) {
        enum tls_want want = TLS_WANT_WRITE;
        ssize_t n = write_some(conn, bytes, &want);
        if (n == -2)
            return ke_fail(err, KE_CLOSED, "the peer takes no more");
        if (n == -1) {
            enum ke_code rc = wait_for(conn, want == TLS_WANT_READ ? POLLIN : POLLOUT, err);
            if (rc != KE_OK)
                return rc;
            continue;
        }
        bytes = ke_str_of(bytes.ptr + n, bytes.len - (size_t)n);
    }
    return KE_OK;
}

static ssize_t read_some(struct client_conn *conn, char *buf, size_t len, enum tls_want *want)
{
    if (conn->tls != NULL)
        return tls_read(conn->tls, buf, len, want);
    *want = TLS_WANT_READ;
    ssize_t n = recv(conn->fd, buf, len, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? -1 : -2;
    return n;
}

enum ke_code client_conn_read(struct client_conn *conn, char *buf, size_t len, size_t *n,
                              struct ke_err *err)
{
    for (;;) {
        enum tls_want want = TLS_WANT_READ;
        ssize_t got = read_some(conn, buf, len, &want);
        if (got >= 0) {
            *n = (size_t)got;
            return KE_OK;
        }
        if (got == -2)
            return ke_fail(err, KE_UNAVAILABLE, "the connection broke off");
        enum ke_code rc = wait_for(conn, want == TLS_WANT_READ ? POLLIN : POLLOUT, err);
        if (rc != KE_OK)
            return rc;
    }
}
