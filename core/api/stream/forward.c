/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pods/portforward: many connections to a pod's ports over one of a client. On one API loop.
 *
 * SPDY, itself or in a WebSocket: each connection is a pair of streams, "error" and "data", of one
 * requestID. WebSocket channels: the ports are in the query, and port i has the channels 2i (data)
 * and 2i + 1 (error), once; each begins with its port in two bytes.
 * Source: kubernetes kubelet/pkg/cri/streaming/portforward.
 */
#include "core/api/server_impl.h"
#include "core/api/stream/call.h"
#include "core/api/stream/link.h"
#include "core/api/stream/stream.h"
#include "core/api/stream/tap.h"
#include "core/api/stream/wait.h"
#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#define NO_STREAM UINT32_MAX
#define MAX_PORTS 100 /* of channels: two each, and a byte says which */
#define GRACE_NS  (1 * KE_S)
#define POD_BYTES 4096

static const char tunnel_protocol[] = "SPDY/3.1+portforward.k8s.io";

struct forwards {
    struct api_shard *shard;
    struct api_link *link;
    struct ke_arena *arena;
    struct stream_pod pod;
    bool is_spdy;
    enum api_link_form form;
    uint16_t ports[MAX_PORTS]; /* channels */
    size_t n_ports;
    struct ke_list conns;
    size_t n_conns;
};

/* One connection to a port. */
struct conn {
    struct ke_list link;
    struct forwards *all;
    uint32_t data, error; /* streams; NO_STREAM: not there yet, or at its end */
    uint64_t request_id;
    uint16_t port;
    struct api_call *call;       /* NULL: not asked for yet */
    struct ke_loop_timer *timer; /* for the other stream of the pair; then for the last bytes */
    struct api_tap tap;
    struct ke_buf early; /* data before there is a connection */
    bool is_open;
    bool is_client_end; /* the client sends no more */
    bool is_port_end;   /* nor does the port */
    bool has_moved;     /* since the timer was set */
    bool is_full;
};

static void conn_free(struct conn *c)
{
    api_call_drop(c->call);
    api_tap_close(&c->tap);
    ke_loop_timer_free(c->timer);
    ke_buf_free(&c->early);
    api_server_give_fds(c->all->shard->server, 1);
    ke_list_remove(&c->link);
    c->all->n_conns--;
    free(c);
}

static void forwards_free(struct forwards *all)
{
    KE_LIST_EACH_SAFE(it, next, &all->conns)
    {
        conn_free(KE_CONTAINER_OF(it, struct conn, link));
    }
    ke_arena_free(all->arena);
    free(all);
}

static void resume_if_room(struct forwards *all)
{
    KE_LIST_EACH(it, &all->conns) {
        if (KE_CONTAINER_OF(it, struct conn, link)->is_full) {
            return;
        }
    }
    api_link_resume(all->link);
}

/* Ends both streams, with why on the error stream. */
static void conn_finish(struct conn *c, const char *why)
{
    struct forwards *all = c->all;
    if (why != NULL && c->error != NO_STREAM) {
        char text[640];
        struct ke_buf out = KE_BUF_FIXED(text, sizeof(text));
        ke_buf_addf(&out, "error forwarding port %u to pod %.*s, uid %.*s: %s", c->port,
                    KE_STR_ARG(all->pod.name), KE_STR_ARG(all->pod.uid), why);
        api_link_send(all->link, c->error, out.ptr, out.len);
    }
    if (c->data != NO_STREAM) {
        api_link_end(all->link, c->data);
    }
    if (c->error != NO_STREAM) {
        api_link_end(all->link, c->error);
    }
    conn_free(c);
    if (!all->is_spdy && all->n_conns == 0) {
        api_link_finish(all->link); /* its ports are through, and no more can come */
        forwards_free(all);
        return;
    }
    resume_if_room(all);
}

/* ---- the port ----------------------------------------------------------------------------------
 */

/* The port has said all. What the client still sends may pass, but it is not waited for. */
static void port_ended(struct conn *c)
{
    c->is_port_end = true;
    (void)api_tap_want(&c->tap, false);
    if (c->data != NO_STREAM) {
        api_link_end(c->all->link, c->data);
        c->data = c->is_client_end ? NO_STREAM : c->data;
    }
    if (c->is_client_end || c->tap.is_broken) {
        c->data = NO_STREAM;
        conn_finish(c, NULL);
        return;
    }
    c->has_moved = false;
    ke_loop_timer_after(c->timer, GRACE_NS);
}

static void on_readable(void *ctx, struct api_tap *tap)
{
    struct conn *c = ctx;
    size_t room = api_link_room(c->all->link);
    if (room == 0 || c->is_port_end) {
        (void)api_tap_want(tap, false); /* until on_space */
        return;
    }
    char *scratch = c->all->shard->scratch;
    ssize_t n = api_tap_read(tap, scratch, room < API_SCRATCH_BYTES ? room : API_SCRATCH_BYTES);
    if (n > 0 && c->data != NO_STREAM) {
        api_link_send(c->all->link, c->data, scratch, (size_t)n);
    } else if (n == 0) {
        port_ended(c);
    }
}

static void on_drained(void *ctx, struct api_tap *tap)
{
    struct conn *c = ctx;
    (void)tap;
    c->has_moved = true;
    if (c->is_full) {
        c->is_full = false;
        resume_if_room(c->all);
    }
}

static const struct api_tap_user tap_user = { on_readable, on_drained };

static void on_news(void *ctx)
{
    struct conn *c = ctx;
    struct runtime_streams streams = { -1, -1, -1 };
    struct ke_err err;
    int exit_code = 0;
    enum api_call_news news = api_call_next(c->call, &streams, &exit_code, &err);
    if (news == API_CALL_FAILED) {
        conn_finish(c, err.msg);
        return;
    }
    if (news != API_CALL_OPENED) {
        return;
    }
    bool is_good = api_tap_open(&c->tap, c->all->shard->loop, streams.in, &tap_user, c) &&
                   api_tap_want(&c->tap, true) &&
                   api_tap_write(&c->tap, c->early.ptr, c->early.len);
    if (!is_good) {
        conn_finish(c, "out of memory");
        return;
    }
    c->is_open = true;
    ke_buf_free(&c->early);
    c->is_full = api_tap_kept(&c->tap) > 0 && c->is_full;
    if (c->is_client_end) {
        api_tap_end(&c->tap);
    }
    resume_if_room(c->all);
}

/* ---- connections -------------------------------------------------------------------------------
 */

static void on_timer(void *ctx)
{
    struct conn *c = ctx;
    if (c->call == NULL) { /* half a pair */
        if (c->data != NO_STREAM) {
            api_link_reset(c->all->link, c->data);
        }
        if (c->error != NO_STREAM) {
            api_link_reset(c->all->link, c->error);
        }
        c->data = NO_STREAM;
        c->error = NO_STREAM;
        conn_finish(c, NULL);
    } else if (c->has_moved && !c->tap.is_broken) {
        c->has_moved = false;
        ke_loop_timer_after(c->timer, GRACE_NS);
    } else {
        c->data = NO_STREAM; /* ended already */
        conn_finish(c, NULL);
    }
}

static struct conn *conn_new(struct forwards *all, uint64_t request_id, uint16_t port)
{
    struct api_server *server = all->shard->server;
    if (all->n_conns >= LIMIT_STREAM_FORWARDS || !api_server_take_fds(server, 1, 0)) {
        return NULL;
    }
    struct conn *c = ke_alloc(sizeof(*c));
    struct ke_loop_timer *timer =
        c != NULL ? ke_loop_timer_new(all->shard->loop, on_timer, c) : NULL;
    if (timer == NULL) {
        api_server_give_fds(server, 1);
        free(c);
        return NULL;
    }
    *c = (struct conn){
        .all = all,
        .data = NO_STREAM,
        .error = NO_STREAM,
        .request_id = request_id,
        .port = port,
        .timer = timer,
        .tap = { .fd = -1 },
        .early = KE_BUF_INIT(2 * LIMIT_STREAM_IN_BYTES),
    };
    ke_list_append(&all->conns, &c->link);
    all->n_conns++;
    ke_loop_timer_after(timer, LIMIT_STREAM_OPEN_MS * KE_MS);
    return c;
}

static bool conn_start(struct conn *c)
{
    struct runtime_call call = stream_call(&c->all->pod, RUNTIME_FORWARD);
    call.port = c->port;
    ke_loop_timer_cancel(c->timer);
    c->call = api_call_new(c->all->shard, &call, on_news, c);
    if (c->call == NULL) {
        return false;
    }
    api_call_start(c->call);
    return true;
}

static struct conn *find_request(struct forwards *all, uint64_t request_id)
{
    KE_LIST_EACH(it, &all->conns) {
        struct conn *c = KE_CONTAINER_OF(it, struct conn, link);
        if (c->request_id == request_id) {
            return c;
        }
    }
    return NULL;
}

static struct conn *find_stream(struct forwards *all, uint32_t stream)
{
    KE_LIST_EACH(it, &all->conns) {
        struct conn *c = KE_CONTAINER_OF(it, struct conn, link);
        if (c->data == stream || c->error == stream) {
            return c;
        }
    }
    return NULL;
}

/* ---- the client --------------------------------------------------------------------------------
 */

static bool on_open(void *ctx, uint32_t stream, const struct spdy_frame *frame)
{
    struct forwards *all = ctx;
    uint64_t port = 0;
    uint64_t id = 0;
    struct ke_str type = spdy_frame_header(frame, "streamtype");
    struct ke_str id_text = spdy_frame_header(frame, "requestid");
    bool is_data = ke_str_eq_c(type, "data");
    if ((!is_data && !ke_str_eq_c(type, "error")) ||
        !ke_str_to_u64(spdy_frame_header(frame, "port"), UINT16_MAX, &port) || port == 0) {
        return false;
    }
    if (id_text.len == 0) {
        /* Clients of old do not number their requests: the error stream comes first. */
        id = is_data ? stream - 2 : stream;
    } else if (!ke_str_to_u64(id_text, UINT64_MAX, &id)) {
        return false;
    }
    struct conn *c = find_request(all, id);
    if (c == NULL) {
        c = conn_new(all, id, (uint16_t)port);
    }
    if (c == NULL || c->port != port || c->call != NULL ||
        (is_data ? c->data : c->error) != NO_STREAM) {
        return false;
    }
    if (is_data) {
        c->data = stream;
    } else {
        c->error = stream;
    }
    if (c->data == NO_STREAM || c->error == NO_STREAM) {
        return true;
    }
    if (!conn_start(c)) {
        conn_free(c);
        return false;
    }
    return true;
}

/* What may wait for one port: less when there are many. */
static size_t max_kept(const struct forwards *all)
{
    size_t share = LIMIT_STREAM_OUT_BYTES / (all->n_conns + 1);
    return share < LIMIT_STREAM_IN_BYTES ? share : LIMIT_STREAM_IN_BYTES;
}

static bool on_data(void *ctx, uint32_t stream, const char *ptr, size_t len)
{
    struct forwards *all = ctx;
    struct conn *c = find_stream(all, stream);
    if (c == NULL || stream != c->data || c->is_client_end) {
        return true; /* of a connection that is over: thrown away */
    }
    c->has_moved = true;
    size_t kept = 0;
    if (c->is_open) {
        if (!api_tap_write(&c->tap, ptr, len)) {
            conn_finish(c, "out of memory");
            return true;
        }
        kept = api_tap_kept(&c->tap);
    } else {
        ke_buf_add(&c->early, ptr, len);
        kept = c->early.len;
    }
    c->is_full = kept >= max_kept(all);
    return !c->is_full;
}

static void on_message_end(void *ctx, uint32_t stream)
{
    (void)ctx;
    (void)stream;
}

static void on_end(void *ctx, uint32_t stream)
{
    struct conn *c = find_stream(ctx, stream);
    if (c == NULL || stream != c->data || c->is_client_end) {
        return; /* the client never writes on the error stream: its end says nothing */
    }
    c->is_client_end = true;
    if (c->is_open) {
        api_tap_end(&c->tap);
    }
    if (c->is_port_end) {
        c->data = NO_STREAM;
        conn_finish(c, NULL);
    }
}

static void on_reset(void *ctx, uint32_t stream)
{
    struct conn *c = find_stream(ctx, stream);
    if (c == NULL) {
        return;
    }
    if (stream == c->error) {
        c->error = NO_STREAM;
    } else {
        c->data = NO_STREAM;
        conn_finish(c, NULL);
    }
}

static void on_space(void *ctx)
{
    struct forwards *all = ctx;
    KE_LIST_EACH(it, &all->conns) {
        struct conn *c = KE_CONTAINER_OF(it, struct conn, link);
        if (c->is_open && !c->is_port_end) {
            (void)api_tap_want(&c->tap, true);
        }
    }
}

static void on_gone(void *ctx)
{
    forwards_free(ctx);
}

static const struct api_link_user link_user = {
    .on_open = on_open,
    .on_data = on_data,
    .on_message_end = on_message_end,
    .on_end = on_end,
    .on_reset = on_reset,
    .on_space = on_space,
    .on_gone = on_gone,
};

/* ---- beginning ---------------------------------------------------------------------------------
 */

/* The ports of the query, one connection each. */
static bool open_ports(struct forwards *all)
{
    for (size_t i = 0; i < all->n_ports; i++) {
        const char port[2] = { (char)(all->ports[i] & 0xff), (char)(all->ports[i] >> 8) };
        struct conn *c = conn_new(all, i, all->ports[i]);
        if (c == NULL) {
            return false;
        }
        c->data = (uint32_t)(2 * i);
        c->error = (uint32_t)(2 * i + 1);
        api_link_send(all->link, c->data, port, sizeof(port));
        api_link_send(all->link, c->error, port, sizeof(port));
        if (!conn_start(c)) {
            return false;
        }
    }
    return true;
}

static void on_wire(void *ctx, struct api_wire *wire)
{
    struct forwards *all = ctx;
    if (wire == NULL) {
        forwards_free(all);
        return;
    }
    all->link = api_link_new(wire, all->form, false, &link_user, all);
    if (all->link == NULL) {
        forwards_free(all);
        api_wire_close(wire);
        return;
    }
    if (!all->is_spdy && !open_ports(all)) {
        api_link_finish(all->link);
        forwards_free(all);
    }
}

static bool add_port(struct api_request *request, struct forwards *all, struct ke_str text)
{
    uint64_t port = 0;
    struct ke_err err;
    if (!ke_str_to_u64(text, UINT16_MAX, &port)) {
        (void)ke_fail(&err, KE_MALFORMED, "unable to parse \"%.*s\" as a port", KE_STR_ARG(text));
    } else if (port == 0) {
        (void)ke_fail(&err, KE_MALFORMED, "port \"%.*s\" must be > 0", KE_STR_ARG(text));
    } else if (all->n_ports == MAX_PORTS) {
        (void)ke_fail(&err, KE_MALFORMED, "more than %d ports", MAX_PORTS);
    } else {
        all->ports[all->n_ports++] = (uint16_t)port;
        return true;
    }
    api_respond_error(request, KE_MALFORMED, &err);
    return false;
}

/* ?ports=80&ports=81,82 */
static bool take_ports(struct api_request *request, struct forwards *all)
{
    const struct api_query *query = &request->query;
    for (size_t i = 0; i < query->n_params; i++) {
        struct ke_str rest = query->params[i].value;
        struct ke_str one;
        if (!ke_str_eq_c(query->params[i].key, "ports") &&
            !ke_str_eq_c(query->params[i].key, "port")) {
            continue;
        }
        while (rest.ptr != NULL && ke_str_split(&rest, ',', &one)) {
            if (!add_port(request, all, one)) {
                return false;
            }
        }
    }
    if (all->n_ports == 0) {
        api_respond_code(request, KE_MALFORMED, "query parameter \"port\" is required");
        return false;
    }
    return true;
}

struct plan {
    struct stream_pod pod;
    enum stream_upgrade upgrade;
    const char *protocol;
};

static struct forwards *forwards_new(struct api_request *request, const struct plan *plan)
{
    struct forwards *all = ke_alloc(sizeof(*all));
    if (all == NULL) {
        return NULL;
    }
    ke_list_init(&all->conns);
    all->shard = request->shard;
    all->arena = ke_arena_new(POD_BYTES);
    bool is_tunnel = plan->protocol == tunnel_protocol;
    bool is_websocket = plan->upgrade == STREAM_UPGRADE_WEBSOCKET;
    all->is_spdy = !is_websocket || is_tunnel;
    all->form = !is_websocket ? API_LINK_SPDY : is_tunnel ? API_LINK_TUNNEL : API_LINK_CHANNELS;
    if (strcmp(plan->protocol, "v4.base64.channel.k8s.io") == 0) {
        all->form = API_LINK_CHANNELS_BASE64;
    }
    const struct stream_pod *pod = &plan->pod;
    if (all->arena != NULL) {
        all->pod = (struct stream_pod){
            .ns = ke_arena_str(all->arena, pod->ns),
            .name = ke_arena_str(all->arena, pod->name),
            .uid = ke_arena_str(all->arena, pod->uid),
            .node = ke_arena_str(all->arena, pod->node),
            .container = { "", 0 },
        };
    }
    if (all->pod.ns.ptr == NULL || all->pod.name.ptr == NULL || all->pod.uid.ptr == NULL ||
        all->pod.node.ptr == NULL) {
        forwards_free(all);
        return NULL;
    }
    return all;
}

/* The pod runs, or not. */
static void on_found(struct api_request *request, void *ctx, enum ke_code rc,
                     const struct runtime_streams *streams, const struct ke_err *err)
{
    const struct plan *plan = ctx;
    (void)streams;
    if (rc != KE_OK) {
        stream_respond_plain(request, rc, err);
        return;
    }
    struct forwards *all = forwards_new(request, plan);
    if (all == NULL) {
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    if (!all->is_spdy && !take_ports(request, all)) {
        forwards_free(all);
        return;
    }
    if (!stream_accept(request, plan->upgrade, plan->protocol, on_wire, all)) {
        forwards_free(all);
    }
}

void stream_handle_forward(struct api_request *request)
{
    static const char *const spdy[] = { "portforward.k8s.io", NULL };
    static const char *const websocket[] = { tunnel_protocol, "v4.channel.k8s.io",
                                             "v4.base64.channel.k8s.io", "", NULL };
    struct plan *plan = ke_arena_alloc(request->arena, sizeof(*plan));
    if (plan == NULL) {
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    plan->upgrade = stream_upgrade_of(request);
    if (!stream_find_pod(request, false, &plan->pod) || !stream_has_runtime(request, &plan->pod)) {
        return;
    }
    plan->protocol = stream_choose(request, plan->upgrade,
                                   plan->upgrade == STREAM_UPGRADE_SPDY ? spdy : websocket);
    if (plan->protocol == NULL) {
        return;
    }
    struct runtime_call find = stream_call(&plan->pod, RUNTIME_FIND);
    api_wait_start(request, &find, on_found, plan);
}
