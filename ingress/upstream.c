/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints as one worker sees them: choice, connections, pool. The worker's thread. */
#include "ingress/upstream.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/map.h"
#include "core/base/rand.h"

struct ingress_upstream {
    uint32_t id;
    struct ke_list idle; /* newest last */
    unsigned n_idle;
    unsigned n_in_flight;
};

struct ingress_upstreams {
    struct ke_loop *loop;
    ke_loop_fd_fn *on_event;
    struct ke_map *by_id;
    struct ke_list all_idle; /* oldest first */
    size_t n_idle;
};

static struct ke_str id_key(const uint32_t *id)
{
    return ke_str_of((const char *)id, sizeof(*id));
}

struct ingress_upstreams *ingress_upstreams_new(struct ke_loop *loop, ke_loop_fd_fn *on_event)
{
    struct ingress_upstreams *upstreams = ke_alloc(sizeof(*upstreams));
    if (upstreams == NULL)
        return NULL;
    upstreams->loop = loop;
    upstreams->on_event = on_event;
    upstreams->by_id = ke_map_new();
    ke_list_init(&upstreams->all_idle);
    if (upstreams->by_id == NULL) {
        free(upstreams);
        return NULL;
    }
    return upstreams;
}

/* Forgets an endpoint of which nothing is left. */
static void forget(struct ingress_upstreams *upstreams, struct ingress_upstream *upstream)
{
    if (upstream->n_idle > 0 || upstream->n_in_flight > 0)
        return;
    (void)ke_map_del(upstreams->by_id, id_key(&upstream->id));
    free(upstream);
}

static void take_from_pool(struct ingress_upstreams *upstreams, struct ingress_upstream_conn *conn)
{
    ke_list_remove(&conn->idle);
    ke_list_remove(&conn->all_idle);
    conn->upstream->n_idle--;
    upstreams->n_idle--;
}

static void close_idle(struct ingress_upstreams *upstreams, struct ingress_upstream_conn *conn)
{
    struct ingress_upstream *upstream = conn->upstream;
    take_from_pool(upstreams, conn);
    ingress_stream_close(&conn->stream);
    free(conn);
    forget(upstreams, upstream);
}

void ingress_upstreams_free(struct ingress_upstreams *upstreams)
{
    if (upstreams == NULL)
        return;
    KE_LIST_EACH_SAFE(it, tmp, &upstreams->all_idle)
    close_idle(upstreams, KE_CONTAINER_OF(it, struct ingress_upstream_conn, all_idle));
    ke_map_free(upstreams->by_id);
    free(upstreams);
}

void ingress_upstreams_expire(struct ingress_upstreams *upstreams, int64_t now_ns)
{
    while (!ke_list_is_empty(&upstreams->all_idle)) {
        struct ingress_upstream_conn *oldest =
            KE_CONTAINER_OF(upstreams->all_idle.next, struct ingress_upstream_conn, all_idle);
        if (now_ns - oldest->idle_since_ns < LIMIT_INGRESS_POOL_IDLE_MS * KE_MS)
            return;
        close_idle(upstreams, oldest);
    }
}

/* ---- choice ---- */

const struct endpoint_port *ingress_find_port(struct endpoint_table *table, struct ke_str ns,
                                              struct ke_str service,
                                              const struct model_port_ref *ref,
                                              enum ingress_pick *why)
{
    const struct endpoint_service *found = endpoint_table_find(table, ns, service);
    const struct endpoint_port *empty = NULL;
    *why = found == NULL ? INGRESS_NO_SERVICE : INGRESS_NO_PORT;
    for (int family = 0; found != NULL && family < 2; family++) {
        for (uint32_t i = 0; i < found->n_ports[family]; i++) {
            const struct endpoint_port *port = &found->ports[family][i];
            bool is_it = ref->name.len > 0  ? ke_str_eq(port->name, ref->name)
                         : ref->number != 0 ? port->port == ref->number
                                            : true; /* no port named: the first */
            if (!is_it || port->proto != KE_PROTO_TCP)
                continue;
            if (port->n_cluster > 0)
                return port;
            empty = port;
            *why = INGRESS_NO_ENDPOINT;
        }
    }
    return empty;
}

static unsigned in_flight(const struct ingress_upstreams *upstreams, uint32_t id)
{
    const struct ingress_upstream *upstream = ke_map_get(upstreams->by_id, id_key(&id));
    return upstream != NULL ? upstream->n_in_flight : 0;
}

static bool is_tried(uint32_t id, const struct ingress_tried *tried)
{
    for (size_t i = 0; i < tried->n; i++) {
        if (tried->ids[i] == id)
            return true;
    }
    return false;
}

/* The first endpoint from a random place on that was not tried. */
static const struct endpoint_backend *any_backend(const struct endpoint_port *port,
                                                  const struct ingress_tried *tried)
{
    uint32_t from = ke_rand_below(port->n_cluster);
    for (uint32_t i = 0; i < port->n_cluster; i++) {
        const struct endpoint_backend *backend =
            &port->backends[port->cluster[(from + i) % port->n_cluster]];
        if (!is_tried(backend->id, tried))
            return backend;
    }
    return NULL;
}

enum ingress_pick ingress_pick_endpoint(struct ingress_upstreams *upstreams,
                                        struct endpoint_table *table,
                                        const struct ingress_destination *to,
                                        const struct ingress_tried *tried,
                                        struct ingress_picked *out)
{
    struct model_port_ref ref = { .number = to->port_number, .name = ke_str_c(to->port_name) };
    enum ingress_pick why = INGRESS_NO_SERVICE;
    const struct endpoint_backend *first = NULL;
    ke_snap_read_begin();
    const struct endpoint_port *port =
        ingress_find_port(table, ke_str_c(to->ns), ke_str_c(to->service), &ref, &why);
    if (port != NULL && port->n_cluster > 0) {
        first = any_backend(port, tried);
        const struct endpoint_backend *second = any_backend(port, tried);
        if (first != NULL && in_flight(upstreams, second->id) < in_flight(upstreams, first->id))
            first = second;
        why = INGRESS_NO_ENDPOINT;
    }
    if (first != NULL) {
        *out = (struct ingress_picked){ first->id, { .ip = first->ip, .port = first->port } };
        why = INGRESS_PICKED;
    }
    ke_snap_read_end();
    return why;
}

/* ---- connections ---- */

static struct ingress_upstream *need_upstream(struct ingress_upstreams *upstreams, uint32_t id)
{
    struct ingress_upstream *upstream = ke_map_get(upstreams->by_id, id_key(&id));
    if (upstream != NULL)
        return upstream;
    upstream = ke_alloc(sizeof(*upstream));
    if (upstream == NULL)
        return NULL;
    upstream->id = id;
    ke_list_init(&upstream->idle);
    if (!ke_map_set(upstreams->by_id, id_key(&id), upstream, NULL)) {
        free(upstream);
        return NULL;
    }
    return upstream;
}

/* Has the peer closed it, or said something unasked, since the loop last looked? */
static bool is_quiet(const struct ingress_upstream_conn *conn)
{
    char c = 0;
    ssize_t n = recv(conn->stream.fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 && errno == EAGAIN;
}

static struct ingress_upstream_conn *reuse(struct ingress_upstreams *upstreams,
                                           struct ingress_upstream *upstream, void *owner)
{
    while (!ke_list_is_empty(&upstream->idle)) {
        struct ingress_upstream_conn *conn =
            KE_CONTAINER_OF(upstream->idle.prev, struct ingress_upstream_conn, idle);
        take_from_pool(upstreams, conn);
        if (is_quiet(conn)) {
            conn->is_reused = true;
            conn->owner = owner;
            return conn;
        }
        ingress_stream_close(&conn->stream);
        free(conn);
    }
    return NULL;
}

static struct ingress_upstream_conn *connect_new(struct ingress_upstreams *upstreams,
                                                 struct ingress_upstream *upstream,
                                                 const struct ke_endpoint *at, void *owner)
{
    struct sockaddr_storage sa;
    socklen_t len = ke_endpoint_to_sockaddr(at, &sa);
    int on = 1;
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct ingress_upstream_conn *conn = fd >= 0 ? ke_alloc(sizeof(*conn)) : NULL;
    if (conn == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return NULL;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    conn->pool = upstreams;
    conn->upstream = upstream;
    conn->owner = owner;
    ke_list_init(&conn->idle);
    ke_list_init(&conn->all_idle);
    conn->is_connecting = true; /* until the loop says otherwise, also when it failed at once */
    conn->stream =
        (struct ingress_stream){ .loop = upstreams->loop, .fn = upstreams->on_event, .ctx = conn };
    bool has_failed = connect(fd, (const struct sockaddr *)&sa, len) != 0 && errno != EINPROGRESS;
    if (!ingress_stream_open(&conn->stream, fd, EPOLLOUT)) {
        free(conn);
        return NULL;
    }
    conn->stream.has_failed = has_failed;
    return conn;
}

struct ingress_upstream_conn *ingress_upstream_acquire(struct ingress_upstreams *upstreams,
                                                       uint32_t id, const struct ke_endpoint *at,
                                                       bool may_reuse, void *owner)
{
    struct ingress_upstream *upstream = need_upstream(upstreams, id);
    if (upstream == NULL)
        return NULL;
    struct ingress_upstream_conn *conn = may_reuse ? reuse(upstreams, upstream, owner) : NULL;
    if (conn == NULL)
        conn = connect_new(upstreams, upstream, at, owner);
    if (conn == NULL) {
        forget(upstreams, upstream);
        return NULL;
    }
    upstream->n_in_flight++;
    return conn;
}

void ingress_upstream_drop(struct ingress_upstreams *upstreams, struct ingress_upstream_conn *conn)
{
    struct ingress_upstream *upstream = conn->upstream;
    if (conn->owner == NULL) { /* something happened on an idle one */
        close_idle(upstreams, conn);
        return;
    }
    upstream->n_in_flight--;
    ingress_stream_close(&conn->stream);
    free(conn);
    forget(upstreams, upstream);
}

void ingress_upstream_release(struct ingress_upstreams *upstreams,
                              struct ingress_upstream_conn *conn)
{
    struct ingress_upstream *upstream = conn->upstream;
    const struct ingress_stream *stream = &conn->stream;
    bool is_clean = !stream->has_eof && !stream->has_failed && !stream->is_unwritable &&
                    !stream->is_hung && stream->in.len == 0 && stream->out.len == 0;
    if (!is_clean || upstream->n_idle >= LIMIT_INGRESS_POOL) {
        ingress_upstream_drop(upstreams, conn);
        return;
    }
    upstream->n_in_flight--;
    conn->owner = NULL;
    conn->idle_since_ns = ke_loop_now(upstreams->loop);
    ingress_stream_trim(&conn->stream);
    ingress_stream_want(&conn->stream, true);
    ke_list_append(&upstream->idle, &conn->idle);
    ke_list_append(&upstreams->all_idle, &conn->all_idle);
    upstream->n_idle++;
    upstreams->n_idle++;
}
