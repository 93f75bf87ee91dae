/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes from one socket to the other and back, on the proxy's loop. */
#include "proxy/relay.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#define BUFFER_BYTES (16U << 10)
#define TRIES_MAX    4

/* One direction: what was read from side and waits for the other one. */
struct half {
    char bytes[BUFFER_BYTES];
    size_t from, to;
    bool has_ended;     /* side will send no more */
    bool is_end_passed; /* and the other one knows */
};

struct relay {
    struct ke_list link;
    struct relays *relays;
    int fds[2]; /* client, backend */
    struct ke_loop_fd *watches[2];
    struct ke_loop_timer *timer; /* connecting */
    bool is_connected;
    struct ke_endpoint targets[TRIES_MAX];
    size_t n_targets, next_target;
    struct half halves[2];
};

void relays_init(struct relays *relays, struct ke_loop *loop)
{
    *relays = (struct relays){ .loop = loop };
    ke_list_init(&relays->all);
}

static void close_side(struct relay *relay, int side)
{
    ke_loop_fd_del(relay->watches[side]);
    relay->watches[side] = NULL;
    if (relay->fds[side] >= 0)
        (void)close(relay->fds[side]);
    relay->fds[side] = -1;
}

static void end(struct relay *relay)
{
    close_side(relay, 0);
    close_side(relay, 1);
    ke_loop_timer_free(relay->timer);
    ke_list_remove(&relay->link);
    relay->relays->n--;
    free(relay);
}

void relays_deinit(struct relays *relays)
{
    KE_LIST_EACH_SAFE(item, next, &relays->all)
    {
        end(KE_CONTAINER_OF(item, struct relay, link));
    }
}

/* ---- moving bytes ---- */

/* False: the connection broke. */
static bool fill(struct relay *relay, int side)
{
    struct half *half = &relay->halves[side];
    if (half->has_ended || half->from != half->to)
        return true;
    ssize_t n = recv(relay->fds[side], half->bytes, sizeof(half->bytes), MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    half->from = 0;
    half->to = (size_t)n;
    half->has_ended = n == 0;
    return true;
}

static bool drain(struct relay *relay, int side)
{
    struct half *half = &relay->halves[side];
    int other = relay->fds[1 - side];
    while (half->from < half->to) {
        ssize_t n = send(other, half->bytes + half->from, half->to - half->from,
                         MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        half->from += (size_t)n;
    }
    half->from = half->to = 0;
    if (half->has_ended && !half->is_end_passed) {
        (void)shutdown(other, SHUT_WR);
        half->is_end_passed = true;
    }
    return true;
}

static bool watch_what_is_needed(struct relay *relay)
{
    for (int side = 0; side < 2; side++) {
        const struct half *in = &relay->halves[side];
        const struct half *out = &relay->halves[1 - side];
        uint32_t events = 0;
        if (!in->has_ended && in->from == in->to)
            events |= EPOLLIN;
        if (out->from != out->to)
            events |= EPOLLOUT;
        if (!ke_loop_fd_set(relay->watches[side], events))
            return false;
    }
    return true;
}

static void move(struct relay *relay)
{
    bool is_alive = true;
    for (int side = 0; side < 2 && is_alive; side++)
        is_alive = fill(relay, side) && drain(relay, side);
    bool is_over = relay->halves[0].is_end_passed && relay->halves[1].is_end_passed;
    if (!is_alive || is_over || !watch_what_is_needed(relay))
        end(relay);
}

/* ---- connecting ---- */

static void try_next(struct relay *relay);

static void on_backend(void *ctx, uint32_t events)
{
    struct relay *relay = ctx;
    int failed = 0;
    socklen_t len = sizeof(failed);
    (void)events;
    if (!relay->is_connected) {
        if (getsockopt(relay->fds[1], SOL_SOCKET, SO_ERROR, &failed, &len) != 0 || failed != 0) {
            try_next(relay);
            return;
        }
        relay->is_connected = true;
        ke_loop_timer_cancel(relay->timer);
    }
    move(relay);
}

static void on_client(void *ctx, uint32_t events)
{
    struct relay *relay = ctx;
    if (relay->is_connected)
        move(relay);
    else if ((events & (EPOLLHUP | EPOLLERR)) != 0)
        end(relay);
}

static void on_timeout(void *ctx)
{
    try_next(ctx);
}

static bool connect_to(struct relay *relay, const struct ke_endpoint *target)
{
    struct sockaddr_storage address;
    socklen_t len = ke_endpoint_to_sockaddr(target, &address);
    int one = 1;
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (struct sockaddr *)&address, len) != 0 && errno != EINPROGRESS) {
        (void)close(fd);
        return false;
    }
    relay->fds[1] = fd;
    relay->watches[1] = ke_loop_fd_add(relay->relays->loop, fd, EPOLLOUT, on_backend, relay);
    return relay->watches[1] != NULL;
}

static void try_next(struct relay *relay)
{
    close_side(relay, 1);
    while (relay->next_target < relay->n_targets) {
        if (connect_to(relay, &relay->targets[relay->next_target++])) {
            ke_loop_timer_after(relay->timer, LIMIT_PROXY_RELAY_CONNECT_MS * KE_MS);
            return;
        }
        close_side(relay, 1);
    }
    end(relay);
}

void relays_start(struct relays *relays, int client, const struct ke_endpoint *targets, size_t n)
{
    int one = 1;
    struct relay *relay = relays->n < LIMIT_PROXY_RELAYS && n > 0 ? ke_alloc(sizeof(*relay)) : NULL;
    if (relay == NULL) {
        (void)close(client);
        return;
    }
    ke_list_append(&relays->all, &relay->link);
    relays->n++;
    relay->relays = relays;
    relay->fds[0] = client;
    relay->fds[1] = -1;
    relay->n_targets = n < TRIES_MAX ? n : TRIES_MAX;
    memcpy(relay->targets, targets, relay->n_targets * sizeof(*targets));
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    relay->timer = ke_loop_timer_new(relays->loop, on_timeout, relay);
    relay->watches[0] = ke_loop_fd_add(relays->loop, client, 0, on_client, relay);
    if (relay->timer == NULL || relay->watches[0] == NULL)
        end(relay);
    else
        try_next(relay);
}
