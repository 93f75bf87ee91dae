/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes between a TLS session and the socket pair whose other end libmicrohttpd serves. Runs on the
 * API loop that owns the connection. Nothing is buffered while both sides keep up: the loop's one
 * scratch block carries a record across, and what does not fit waits in a block of its own.
 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/api/server_impl.h"
#include "core/base/clock.h"
#include "core/base/mem.h"

/* Records moved a turn and direction, so that one client does not keep the loop. */
#define TURN_RECORDS 8

#define BRIDGE_FDS   2 /* the client and our end of the pair */

struct pending {
    char *ptr; /* NULL: nothing waits */
    size_t at, len;
};

struct api_bridge {
    struct ke_list link;
    struct api_shard *shard;
    struct tls_session *session;
    int net_fd;  /* the client */
    int pair_fd; /* towards libmicrohttpd */
    struct ke_loop_fd *net_watch, *pair_watch;
    struct pending up;   /* from the client */
    struct pending down; /* to the client: the very bytes tls_write must be offered again */
    bool read_wants_write, write_wants_read;
    bool is_draining; /* libmicrohttpd has closed: only `down` is left to do */
    int64_t moved_ns; /* when the client last took something */
};

static void bridge_free(struct api_bridge *bridge)
{
    api_server_give_fds(bridge->shard->server, BRIDGE_FDS);
    ke_loop_fd_del(bridge->net_watch);
    ke_loop_fd_del(bridge->pair_watch);
    tls_session_free(bridge->session);
    if (bridge->net_fd >= 0) {
        close(bridge->net_fd);
    }
    if (bridge->pair_fd >= 0) {
        close(bridge->pair_fd);
    }
    free(bridge->up.ptr);
    free(bridge->down.ptr);
    ke_list_remove(&bridge->link);
    free(bridge);
}

static bool pending_keep(struct pending *pending, const char *ptr, size_t len)
{
    pending->ptr = malloc(len);
    if (pending->ptr == NULL) {
        return false;
    }
    memcpy(pending->ptr, ptr, len);
    pending->at = 0;
    pending->len = len;
    return true;
}

static void pending_done(struct pending *pending)
{
    free(pending->ptr);
    *pending = (struct pending){ .ptr = NULL };
}

/* To libmicrohttpd. False: it is gone. */
static bool push_up(struct api_bridge *bridge, const char *ptr, size_t len)
{
    ssize_t n = send(bridge->pair_fd, ptr, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        return false;
    }
    size_t sent = n > 0 ? (size_t)n : 0;
    return sent == len || pending_keep(&bridge->up, ptr + sent, len - sent);
}

static bool flush_up(struct api_bridge *bridge)
{
    struct pending *up = &bridge->up;
    if (up->ptr == NULL) {
        return true;
    }
    ssize_t n =
        send(bridge->pair_fd, up->ptr + up->at, up->len - up->at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    up->at += (size_t)n;
    if (up->at == up->len) {
        pending_done(up);
    }
    return true;
}

/* From the client. False: it is gone. */
static bool pump_up(struct api_bridge *bridge)
{
    if (!flush_up(bridge)) {
        return false;
    }
    char *scratch = bridge->shard->scratch;
    bridge->read_wants_write = false;
    for (int i = 0; bridge->up.ptr == NULL; i++) {
        /* What the session has decrypted already does not wake us again: take it all. */
        if (i >= TURN_RECORDS && tls_pending(bridge->session) == 0) {
            return true;
        }
        enum tls_want want = TLS_WANT_READ;
        ssize_t n = tls_read(bridge->session, scratch, API_SCRATCH_BYTES, &want);
        if (n == -1) {
            bridge->read_wants_write = want == TLS_WANT_WRITE;
            return true;
        }
        if (n <= 0 || !push_up(bridge, scratch, (size_t)n)) {
            return false;
        }
    }
    return true;
}

/* Offers bytes to the session; the rest is kept. False: the client is gone. */
static bool push_down(struct api_bridge *bridge, const char *ptr, size_t len)
{
    size_t at = 0;
    bridge->write_wants_read = false;
    while (at < len) {
        enum tls_want want = TLS_WANT_WRITE;
        ssize_t n = tls_write(bridge->session, ptr + at, len - at, &want);
        if (n == -1) {
            bridge->write_wants_read = want == TLS_WANT_READ;
            break;
        }
        if (n <= 0) {
            return false;
        }
        at += (size_t)n;
    }
    if (at > 0) {
        bridge->moved_ns = ke_now_ns();
    }
    if (at == len) {
        if (bridge->down.ptr != NULL) {
            pending_done(&bridge->down);
        }
        return true;
    }
    if (bridge->down.ptr != NULL) {
        bridge->down.at += at;
        return true;
    }
    return pending_keep(&bridge->down, ptr + at, len - at);
}

/* From libmicrohttpd. False: all is said, close. */
static bool pump_down(struct api_bridge *bridge)
{
    char *scratch = bridge->shard->scratch;
    struct pending *down = &bridge->down;
    if (down->ptr != NULL && !push_down(bridge, down->ptr + down->at, down->len - down->at)) {
        return false;
    }
    for (int i = 0; down->ptr == NULL && !bridge->is_draining; i++) {
        if (i >= TURN_RECORDS && bridge->pair_watch != NULL) {
            return true;
        }
        ssize_t n = recv(bridge->pair_fd, scratch, API_SCRATCH_BYTES, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return true;
        }
        if (n <= 0) {
            bridge->is_draining = true;
            api_shard_arm_sweep(bridge->shard);
            break;
        }
        if (!push_down(bridge, scratch, (size_t)n)) {
            return false;
        }
    }
    return down->ptr != NULL || !bridge->is_draining;
}

static bool watch_again(struct api_bridge *bridge)
{
    uint32_t net = bridge->up.ptr == NULL || bridge->write_wants_read ? EPOLLIN : 0U;
    uint32_t pair = bridge->down.ptr == NULL && !bridge->is_draining ? EPOLLIN : 0U;
    if (bridge->read_wants_write || (bridge->down.ptr != NULL && !bridge->write_wants_read)) {
        net |= EPOLLOUT;
    }
    if (bridge->up.ptr != NULL) {
        pair |= EPOLLOUT;
    }
    return ke_loop_fd_set(bridge->net_watch, net) &&
           (bridge->pair_watch == NULL || ke_loop_fd_set(bridge->pair_watch, pair));
}

static void bridge_turn(struct api_bridge *bridge)
{
    bool is_alive = pump_down(bridge);
    if (is_alive && !bridge->is_draining) {
        is_alive = pump_up(bridge);
    }
    if (is_alive && watch_again(bridge)) {
        return;
    }
    if (bridge->is_draining) {
        tls_close_notify(bridge->session);
    }
    bridge_free(bridge);
}

static void net_ready(void *ctx, uint32_t events)
{
    struct api_bridge *bridge = ctx;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        bridge_free(bridge);
        return;
    }
    bridge_turn(bridge);
}

static void pair_ready(void *ctx, uint32_t events)
{
    struct api_bridge *bridge = ctx;
    /* A hang-up is reported for ever, also while the client is too slow to take the rest. */
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
        ke_loop_fd_del(bridge->pair_watch);
        bridge->pair_watch = NULL;
    }
    bridge_turn(bridge);
}

int api_bridge_open(struct api_shard *shard, int fd, struct tls_session *session)
{
    int pair[2] = { -1, -1 };
    struct api_bridge *bridge = ke_alloc(sizeof(*bridge));
    if (bridge == NULL ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0) {
        free(bridge);
        tls_session_free(session);
        close(fd);
        api_server_give_fds(shard->server, BRIDGE_FDS);
        return -1;
    }
    *bridge = (struct api_bridge){
        .shard = shard,
        .moved_ns = ke_now_ns(),
        .session = session,
        .net_fd = fd,
        .pair_fd = pair[0],
    };
    ke_list_append(&shard->bridges, &bridge->link);
    bridge->net_watch = ke_loop_fd_add(shard->loop, fd, EPOLLIN, net_ready, bridge);
    bridge->pair_watch = ke_loop_fd_add(shard->loop, pair[0], EPOLLIN, pair_ready, bridge);
    /* A first request that came with the end of the handshake is in the session already. */
    if (bridge->net_watch == NULL || bridge->pair_watch == NULL || !pump_up(bridge) ||
        !watch_again(bridge)) {
        bridge_free(bridge);
        close(pair[1]);
        return -1;
    }
    return pair[1];
}

bool api_bridges_sweep(struct api_shard *shard, int64_t now_ns)
{
    bool is_any = false;
    KE_LIST_EACH_SAFE(it, next, &shard->bridges)
    {
        struct api_bridge *bridge = KE_CONTAINER_OF(it, struct api_bridge, link);
        if (!bridge->is_draining) {
            continue;
        }
        if (now_ns - bridge->moved_ns >= API_STALL_MS * KE_MS) {
            bridge_free(bridge);
        } else {
            is_any = true;
        }
    }
    return is_any;
}

void api_bridge_close_all(struct api_shard *shard)
{
    KE_LIST_EACH_SAFE(it, next, &shard->bridges)
    {
        bridge_free(KE_CONTAINER_OF(it, struct api_bridge, link));
    }
}
