/* SPDX-License-Identifier: Apache-2.0 */
/* TCP clients of one worker. All on the worker's thread. */
#include "dns/tcp.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/list.h"
#include "core/base/mem.h"

#define MAX_UNSENT (256U << 10)  /* a client that does not read is not read from */
#define PAUSE_NS   (100 * KE_MS) /* without descriptors: before the next accept */

struct connection {
    struct ke_list all;
    struct dns_tcp *tcp;
    uint64_t id;
    int fd;
    struct ke_ip peer;
    struct ke_loop_fd *watch;
    uint32_t events; /* watched for */
    struct ke_loop_timer *idle;
    struct ke_buf in;
    struct ke_buf out;
    unsigned n_later; /* replies that wait for an upstream */
    bool is_eof;      /* it says no more, but may still listen */
    bool is_broken;   /* closed at the end of its turn */
};

struct listener {
    int fd;
    struct ke_loop_fd *watch;
    struct dns_tcp *tcp;
};

struct dns_tcp {
    struct dns_worker *worker;
    struct listener listeners[DNS_MAX_LISTEN];
    size_t n_listeners;
    struct ke_loop_timer *pause;
    struct ke_list connections;
    size_t n_connections;
    uint64_t next_id;
};

/* Descriptors may be there again. */
static void on_pause(void *ctx)
{
    struct dns_tcp *tcp = ctx;
    for (size_t i = 0; i < tcp->n_listeners; i++) {
        if (!ke_loop_fd_set(tcp->listeners[i].watch, EPOLLIN))
            ke_loop_timer_after(tcp->pause, PAUSE_NS);
    }
}

struct dns_tcp *dns_tcp_new(struct dns_worker *worker)
{
    struct dns_tcp *tcp = ke_alloc(sizeof(*tcp));
    if (tcp == NULL)
        return NULL;
    tcp->worker = worker;
    ke_list_init(&tcp->connections);
    tcp->pause = ke_loop_timer_new(dns_worker_loop(worker), on_pause, tcp);
    if (tcp->pause == NULL) {
        free(tcp);
        return NULL;
    }
    return tcp;
}

static void close_connection(struct connection *connection)
{
    ke_loop_fd_del(connection->watch);
    ke_loop_timer_free(connection->idle);
    (void)close(connection->fd);
    ke_buf_free(&connection->in);
    ke_buf_free(&connection->out);
    ke_list_remove(&connection->all);
    connection->tcp->n_connections--;
    free(connection);
}

static void flush(struct connection *connection)
{
    while (connection->out.len > 0) {
        ssize_t n = send(connection->fd, connection->out.ptr, connection->out.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN)
            connection->is_broken = true;
        if (n <= 0)
            return;
        ke_buf_drop_front(&connection->out, (size_t)n);
    }
    if (connection->is_eof && connection->n_later == 0)
        connection->is_broken = true; /* all is said on both sides */
}

void dns_tcp_free(struct dns_tcp *tcp)
{
    if (tcp == NULL)
        return;
    KE_LIST_EACH_SAFE(it, tmp, &tcp->connections)
    {
        struct connection *connection = KE_CONTAINER_OF(it, struct connection, all);
        flush(connection); /* what was said to those who still waited */
        close_connection(connection);
    }
    for (size_t i = 0; i < tcp->n_listeners; i++) {
        ke_loop_fd_del(tcp->listeners[i].watch);
        (void)close(tcp->listeners[i].fd);
    }
    ke_loop_timer_free(tcp->pause);
    free(tcp);
}

static void on_idle(void *ctx)
{
    close_connection(ctx);
}

static void start_idle(struct connection *connection)
{
    ke_loop_timer_after(connection->idle, dns_worker_tcp_idle_ms(connection->tcp->worker) * KE_MS);
}

static void set_events(struct connection *connection)
{
    uint32_t events = connection->out.len > 0 ? EPOLLOUT : 0U;
    if (connection->out.len < MAX_UNSENT && !connection->is_eof)
        events |= EPOLLIN;
    if (events == connection->events)
        return;
    connection->events = events;
    if (!ke_loop_fd_set(connection->watch, events))
        connection->is_broken = true;
}

static void add_reply(struct connection *connection, const uint8_t *bytes, size_t len)
{
    ke_buf_add_be16(&connection->out, (uint16_t)len);
    ke_buf_add(&connection->out, bytes, len);
    if (connection->out.failed != KE_OK)
        connection->is_broken = true;
}

static void handle_message(struct connection *connection, const uint8_t *bytes, size_t len)
{
    struct dns_client client = { .tcp = connection->tcp, .tcp_id = connection->id };
    const uint8_t *reply = NULL;
    bool is_later = false;
    size_t n = dns_worker_handle(connection->tcp->worker, ke_str_of((const char *)bytes, len),
                                 &client, &reply, &is_later);
    if (n > 0)
        add_reply(connection, reply, n);
    connection->n_later += is_later ? 1 : 0;
}

/* Hands over the whole messages that are in, as long as there is room for replies. True: some. */
static bool take_messages(struct connection *connection)
{
    size_t pos = 0;
    while (!connection->is_broken && connection->in.len - pos >= 2 &&
           connection->out.len < MAX_UNSENT) {
        const uint8_t *at = (const uint8_t *)connection->in.ptr + pos;
        size_t len = (size_t)at[0] << 8 | at[1];
        if (len > LIMIT_DNS_QUERY_BYTES) {
            connection->is_broken = true;
            return false;
        }
        if (connection->in.len - pos - 2 < len)
            break;
        handle_message(connection, at + 2, len);
        pos += 2 + len;
    }
    if (pos == 0)
        return false;
    ke_buf_drop_front(&connection->in, pos);
    start_idle(connection);
    return true;
}

static void read_some(struct connection *connection)
{
    uint8_t *room = ke_buf_reserve(&connection->in, LIMIT_DNS_QUERY_BYTES);
    if (room == NULL) {
        connection->is_broken = true;
        return;
    }
    ssize_t n = recv(connection->fd, room, LIMIT_DNS_QUERY_BYTES, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0)
        connection->is_broken = true;
    else if (n == 0)
        connection->is_eof = true;
    else
        connection->in.len += (size_t)n;
}

/* Reads only when no whole message waits: so what is in never grows past its ceiling. */
static void on_connection(void *ctx, uint32_t events)
{
    struct connection *connection = ctx;
    flush(connection);
    while (!connection->is_broken && take_messages(connection))
        flush(connection);
    if (!connection->is_broken && (events & EPOLLIN) != 0 && connection->out.len < MAX_UNSENT) {
        read_some(connection);
        do
            flush(connection);
        while (!connection->is_broken && take_messages(connection));
    }
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0)
        connection->is_broken = true;
    if (!connection->is_broken)
        set_events(connection);
    if (connection->is_broken)
        close_connection(connection);
}

static void add_connection(struct dns_tcp *tcp, int fd, const struct ke_ip *peer)
{
    struct connection *connection = ke_alloc(sizeof(*connection));
    struct ke_loop *loop = dns_worker_loop(tcp->worker);
    if (connection == NULL) {
        (void)close(fd);
        return;
    }
    connection->tcp = tcp;
    connection->fd = fd;
    connection->peer = *peer;
    connection->events = EPOLLIN;
    connection->id = ++tcp->next_id;
    connection->in = (struct ke_buf)KE_BUF_INIT(4 * LIMIT_DNS_QUERY_BYTES);
    connection->out = (struct ke_buf)KE_BUF_INIT(MAX_UNSENT + LIMIT_DNS_TCP_BYTES + 2);
    ke_list_append(&tcp->connections, &connection->all);
    tcp->n_connections++;
    connection->idle = ke_loop_timer_new(loop, on_idle, connection);
    connection->watch = ke_loop_fd_add(loop, fd, EPOLLIN, on_connection, connection);
    if (connection->idle == NULL || connection->watch == NULL) {
        close_connection(connection);
        return;
    }
    start_idle(connection);
}

/* Room for one more of this client, and for one more at all? */
static bool is_welcome(const struct dns_tcp *tcp, const struct ke_ip *peer)
{
    size_t n_same = 0;
    KE_LIST_EACH(it, &tcp->connections)
        n_same += ke_ip_eq(&KE_CONTAINER_OF(it, struct connection, all)->peer, peer) ? 1 : 0;
    return tcp->n_connections < LIMIT_DNS_TCP_CLIENTS && n_same < LIMIT_DNS_TCP_PER_CLIENT;
}

static void on_listener(void *ctx, uint32_t events)
{
    struct listener *listener = ctx;
    struct dns_tcp *tcp = listener->tcp;
    (void)events;
    for (;;) {
        struct sockaddr_storage sa = { 0 };
        struct ke_endpoint peer = { 0 };
        socklen_t len = sizeof(sa);
        int fd = accept4(listener->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0 && ke_endpoint_from_sockaddr(&sa, &peer) && is_welcome(tcp, &peer.ip)) {
            add_connection(tcp, fd, &peer.ip);
        } else if (fd >= 0) {
            (void)close(fd);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (ke_loop_fd_set(listener->watch, 0))
                ke_loop_timer_after(tcp->pause, PAUSE_NS);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

bool dns_tcp_listen(struct dns_tcp *tcp, int fd)
{
    if (tcp->n_listeners == DNS_MAX_LISTEN)
        return false;
    struct listener *listener = &tcp->listeners[tcp->n_listeners];
    listener->fd = fd;
    listener->tcp = tcp;
    listener->watch =
        ke_loop_fd_add(dns_worker_loop(tcp->worker), fd, EPOLLIN, on_listener, listener);
    if (listener->watch == NULL)
        return false;
    tcp->n_listeners++;
    return true;
}

static struct connection *find_connection(struct dns_tcp *tcp, uint64_t id)
{
    KE_LIST_EACH(it, &tcp->connections) {
        struct connection *connection = KE_CONTAINER_OF(it, struct connection, all);
        if (connection->id == id)
            return connection;
    }
    return NULL;
}

void dns_tcp_send(struct dns_tcp *tcp, uint64_t id, const uint8_t *bytes, size_t len)
{
    struct connection *connection = find_connection(tcp, id);
    if (connection == NULL)
        return;
    connection->n_later--;
    if (len > 0)
        add_reply(connection, bytes, len);
    if (!connection->is_broken)
        flush(connection);
    if (!connection->is_broken)
        set_events(connection);
    if (connection->is_broken)
        close_connection(connection);
}
