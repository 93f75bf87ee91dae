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

#define MAX_UNSENT (256U << 10) /* a client that does not read is not read from */

struct connection {
    struct ke_list all;
    struct dns_tcp *tcp;
    uint64_t id;
    int fd;
    struct ke_loop_fd *watch;
    struct ke_loop_timer *idle;
    struct ke_buf in;
    struct ke_buf out;
    bool is_broken; /* closed at the end of its turn */
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
    struct ke_list connections;
    size_t n_connections;
    uint64_t next_id;
};

struct dns_tcp *dns_tcp_new(struct dns_worker *worker)
{
    struct dns_tcp *tcp = ke_alloc(sizeof(*tcp));
    if (tcp == NULL)
        return NULL;
    tcp->worker = worker;
    ke_list_init(&tcp->connections);
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

void dns_tcp_free(struct dns_tcp *tcp)
{
    if (tcp == NULL)
        return;
    KE_LIST_EACH_SAFE(it, tmp, &tcp->connections)
    close_connection(KE_CONTAINER_OF(it, struct connection, all));
    for (size_t i = 0; i < tcp->n_listeners; i++) {
        ke_loop_fd_del(tcp->listeners[i].watch);
        (void)close(tcp->listeners[i].fd);
    }
    free(tcp);
}

static void on_idle(void *ctx)
{
    close_connection(ctx);
}

static void set_events(struct connection *connection)
{
    bool has_unsent = connection->out.len > 0;
    uint32_t events = has_unsent ? EPOLLOUT : 0U;
    if (connection->out.len < MAX_UNSENT)
        events |= EPOLLIN;
    if (!ke_loop_fd_set(connection->watch, events))
        connection->is_broken = true;
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
}

/* Hands over every whole message that is in. */
static void take_messages(struct connection *connection)
{
    struct dns_client client = { .tcp = connection->tcp, .tcp_id = connection->id };
    size_t pos = 0;
    while (!connection->is_broken && connection->in.len - pos >= 2) {
        const uint8_t *at = (const uint8_t *)connection->in.ptr + pos;
        size_t len = (size_t)at[0] << 8 | at[1];
        if (len > LIMIT_DNS_QUERY_BYTES) {
            connection->is_broken = true;
            return;
        }
        if (connection->in.len - pos - 2 < len)
            break;
        dns_worker_handle(connection->tcp->worker, at + 2, len, &client);
        pos += 2 + len;
        ke_loop_timer_after(connection->idle, LIMIT_DNS_TCP_IDLE_MS * KE_MS);
    }
    ke_buf_drop_front(&connection->in, pos);
}

static void read_some(struct connection *connection)
{
    uint8_t *room = ke_buf_reserve(&connection->in, LIMIT_DNS_QUERY_BYTES);
    ssize_t n = room != NULL ? recv(connection->fd, room, LIMIT_DNS_QUERY_BYTES, 0) : 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        connection->is_broken = true;
        return;
    }
    connection->in.len += (size_t)n;
    take_messages(connection);
}

static void on_connection(void *ctx, uint32_t events)
{
    struct connection *connection = ctx;
    if ((events & EPOLLIN) != 0)
        read_some(connection);
    else if ((events & (EPOLLERR | EPOLLHUP)) != 0)
        connection->is_broken = true;
    if (!connection->is_broken)
        flush(connection);
    if (!connection->is_broken)
        set_events(connection);
    if (connection->is_broken)
        close_connection(connection);
}

static void add_connection(struct dns_tcp *tcp, int fd)
{
    struct connection *connection = ke_alloc(sizeof(*connection));
    struct ke_loop *loop = dns_worker_loop(tcp->worker);
    if (connection == NULL) {
        (void)close(fd);
        return;
    }
    connection->tcp = tcp;
    connection->fd = fd;
    connection->id = ++tcp->next_id;
    connection->in = (struct ke_buf)KE_BUF_INIT(2 * LIMIT_DNS_QUERY_BYTES + 2);
    connection->out = (struct ke_buf)KE_BUF_INIT(MAX_UNSENT + LIMIT_DNS_TCP_BYTES + 2);
    ke_list_append(&tcp->connections, &connection->all);
    tcp->n_connections++;
    connection->idle = ke_loop_timer_new(loop, on_idle, connection);
    connection->watch = ke_loop_fd_add(loop, fd, EPOLLIN, on_connection, connection);
    if (connection->idle == NULL || connection->watch == NULL) {
        close_connection(connection);
        return;
    }
    ke_loop_timer_after(connection->idle, LIMIT_DNS_TCP_IDLE_MS * KE_MS);
}

static void on_listener(void *ctx, uint32_t events)
{
    struct listener *listener = ctx;
    (void)events;
    for (;;) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (listener->tcp->n_connections >= LIMIT_DNS_TCP_CLIENTS)
            (void)close(fd);
        else
            add_connection(listener->tcp, fd);
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
    if (connection == NULL || connection->is_broken || len > LIMIT_DNS_TCP_BYTES)
        return;
    ke_buf_add_be16(&connection->out, (uint16_t)len);
    ke_buf_add(&connection->out, bytes, len);
    if (connection->out.failed != KE_OK)
        connection->is_broken = true;
    else
        set_events(connection);
}
