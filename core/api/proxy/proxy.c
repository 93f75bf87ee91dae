/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Proxied requests: from the client's head to the head of the answer. On one API loop.
 * Source: kubernetes apimachinery util/proxy/upgradeaware.go.
 */
#include "core/api/proxy/proxy.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "core/api/proxy/exchange.h"
#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#define ARENA_BYTES (4 * LIMIT_HTTP_HEAD_BYTES)
#define LOW_BYTES   (PROXY_BACKEND_HIGH / 2)

bool api_is_proxy(const struct api_target *target)
{
    return target->is_resource && target->group.len == 0 &&
           ke_str_eq_c(target->subresource, "proxy") &&
           (ke_str_eq_c(target->resource, "pods") || ke_str_eq_c(target->resource, "services"));
}

bool api_is_proxy_uri(struct ke_str uri, struct ke_arena *arena)
{
    struct api_target target;
    struct ke_err err;
    struct ke_str path = ke_str_sub(uri, 0, ke_str_find(uri, '?'));
    /* Every request is asked: a look at the bytes spares most of them the parse. */
    return memmem(path.ptr, path.len, "/proxy", 6) != NULL &&
           api_target_parse(path, arena, &target, &err) == KE_OK && api_is_proxy(&target);
}

/* ---- life --------------------------------------------------------------------------------------
 */

void proxy_exchange_free(struct proxy_exchange *x)
{
    if (x == NULL) {
        return;
    }
    ke_list_remove(&x->ongoing.link);
    ke_loop_fd_del(x->hangup);
    ke_loop_timer_free(x->stall);
    proxy_backend_close(&x->backend);
    ke_buf_free(&x->in);
    ke_buf_free(&x->out);
    free(x->html);
    ke_arena_free(x->arena);
    api_server_give_fds(x->shard->server, 1);
    free(x);
}

void proxy_exchange_fail(struct proxy_exchange *x, const char *why)
{
    if (!x->is_failed) {
        x->is_failed = true;
        (void)snprintf(x->why, sizeof(x->why), "%s", why);
    }
}

void proxy_exchange_suspend(struct proxy_exchange *x)
{
    if (!x->is_suspended) {
        x->is_suspended = true;
        MHD_suspend_connection(x->mhd);
    }
}

void proxy_exchange_resume(struct proxy_exchange *x)
{
    if (x->is_suspended) {
        x->is_suspended = false;
        MHD_resume_connection(x->mhd);
    }
}

static void on_hangup(void *ctx, uint32_t events)
{
    struct proxy_exchange *x = ctx;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        ke_loop_fd_del(x->hangup);
        x->hangup = NULL;
        x->is_over = true;
        proxy_exchange_resume(x);
    }
}

static void on_stall(void *ctx)
{
    struct proxy_exchange *x = ctx;
    x->is_swallowing = true;
    proxy_exchange_resume(x);
}

static void end_ongoing(struct api_ongoing *ongoing)
{
    struct proxy_exchange *x = KE_CONTAINER_OF(ongoing, struct proxy_exchange, ongoing);
    x->is_over = true;
    proxy_exchange_resume(x);
}

/* ---- the answer's head -------------------------------------------------------------------------
 */

/* A whole head that is not an interim one is there. */
static void look_at_head(struct proxy_exchange *x)
{
    struct http_head head;
    while (x->in.len > 0) {
        switch (http_parse_response(ke_buf_str(&x->in), x->method, &head)) {
        case HTTP_OK:
            if (head.status >= 200 || (head.status == 101 && x->is_upgrade)) {
                x->is_head_there = true;
                return;
            }
            ke_buf_drop_front(&x->in, head.len);
            break;
        case HTTP_MORE:
            return;
        case HTTP_BAD:
        case HTTP_TOO_LARGE:
        case HTTP_URI_TOO_LONG:
        case HTTP_NOT_IMPLEMENTED:
        case HTTP_VERSION:
        default:
            proxy_exchange_fail(x, "malformed HTTP response");
            return;
        }
    }
}

static void read_head(struct proxy_exchange *x)
{
    while (!x->is_head_there && !x->is_failed) {
        char *room = ke_buf_reserve(&x->in, API_SCRATCH_BYTES);
        if (room == NULL) {
            proxy_exchange_fail(x, "out of memory");
            return;
        }
        ssize_t n = proxy_backend_read(&x->backend, room, API_SCRATCH_BYTES);
        if (n == -1) {
            return;
        }
        if (n <= 0) {
            proxy_exchange_fail(x, x->backend.is_failed ? x->backend.why : "EOF");
            return;
        }
        x->in.len += (size_t)n;
        look_at_head(x);
    }
}

static void on_backend(void *ctx)
{
    struct proxy_exchange *x = ctx;
    if (x->wire != NULL) {
        proxy_tunnel_turn(x);
        return;
    }
    if (x->request == NULL) {
        proxy_backend_want(&x->backend, false);
        proxy_exchange_resume(x); /* the client's turn: it reads */
        return;
    }
    read_head(x);
    bool is_known = x->is_head_there || x->is_failed;
    if (is_known) {
        proxy_backend_want(&x->backend, false);
    }
    bool has_room = !x->is_body_over && proxy_backend_waiting(&x->backend) < LOW_BYTES;
    if (has_room) {
        ke_loop_timer_cancel(x->stall);
    }
    if (has_room || (is_known && x->is_body_over) || x->is_failed) {
        proxy_exchange_resume(x);
    }
}

/* ---- the request's body ------------------------------------------------------------------------
 */

static void finish(struct proxy_exchange *x)
{
    struct api_request *request = x->request;
    struct http_head head;
    if (!x->is_failed && http_parse_response(ke_buf_str(&x->in), x->method, &head) == HTTP_OK) {
        if (head.status == 101) {
            proxy_tunnel(x, &head);
        } else {
            proxy_answer(x, &head);
        }
        return;
    }
    struct ke_err err;
    (void)ke_fail(&err, KE_UNAVAILABLE, "error trying to reach service: %s", x->why);
    request->work = NULL;
    proxy_exchange_free(x);
    api_respond_error(request, KE_UNAVAILABLE, &err);
}

/* len 0: the end. How many bytes are taken; none: it waits. */
static size_t on_body(struct api_request *request, const char *ptr, size_t len)
{
    struct proxy_exchange *x = request->work;
    struct ke_buf *out = proxy_backend_out(&x->backend);
    if (x->is_over) {
        return len; /* nothing is answered: the connection ends */
    }
    if (len > 0) {
        if (x->is_failed || x->is_swallowing || x->backend.is_write_broken) {
            return len;
        }
        if (proxy_backend_waiting(&x->backend) >= PROXY_BACKEND_HIGH) {
            if (x->is_head_there) {
                ke_loop_timer_after(x->stall, API_STALL_MS * KE_MS);
            }
            proxy_exchange_suspend(x);
            return 0;
        }
        if (x->is_chunked_up) {
            ke_buf_addf(out, "%zx\r\n", len);
        }
        ke_buf_add(out, ptr, len);
        ke_buf_add_c(out, x->is_chunked_up ? "\r\n" : "");
        if (out->failed != KE_OK) {
            proxy_exchange_fail(x, "out of memory");
        }
        proxy_backend_flush(&x->backend);
        return len;
    }
    if (!x->is_body_over) {
        x->is_body_over = true;
        ke_buf_add_c(out, x->is_chunked_up ? "0\r\n\r\n" : "");
        proxy_backend_flush(&x->backend);
    }
    if (x->is_head_there || x->is_failed) {
        finish(x);
    } else {
        proxy_exchange_suspend(x);
    }
    return 0;
}

static bool is_waiting(const struct api_request *request)
{
    const struct proxy_exchange *x = request->work;
    return x != NULL && !x->is_over;
}

/* The request is going: the client has left before it was answered. */
static void on_free(struct api_request *request)
{
    proxy_exchange_free(request->work);
}

static const struct api_request_stream stream = { on_body, is_waiting, on_free };

/* ---- beginning ---------------------------------------------------------------------------------
 */

struct fields {
    const struct proxy_request *request;
    struct ke_buf *out;
};

static enum MHD_Result put_field(void *cls, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    const struct fields *fields = cls;
    (void)kind;
    if (proxy_passes_request(fields->request, ke_str_c(name))) {
        proxy_put_field(ke_str_c(name), ke_str_c(value), fields->out);
    }
    return MHD_YES;
}

static bool is_upgrade(struct ke_str connection)
{
    struct ke_str rest = connection;
    struct ke_str one;
    while (rest.ptr != NULL && ke_str_split(&rest, ',', &one)) {
        if (ke_str_eq_nocase(ke_str_trim(one), KE_STR("upgrade"))) {
            return true;
        }
    }
    return false;
}

/* A browser that goes to a page names the type; for what the page needs it takes anything. */
static bool wants_html(struct ke_str accept)
{
    struct ke_str rest = accept;
    struct ke_str one;
    while (rest.ptr != NULL && ke_str_split(&rest, ',', &one)) {
        if (ke_str_eq_nocase(api_media_type(one), KE_STR("text/html"))) {
            return true;
        }
    }
    return false;
}

static struct proxy_request describe(struct proxy_exchange *x, struct ke_str path,
                                     struct ke_buf *client)
{
    struct api_request *request = x->request;
    struct ke_str uri = request->uri;
    size_t mark = ke_str_find(uri, '?');
    struct ke_str accept = api_request_header(request, MHD_HTTP_HEADER_ACCEPT);
    if (request->conn->peer.family != KE_FAMILY_NONE) {
        ke_ip_format(&request->conn->peer, client);
    }
    return (struct proxy_request){
        .method = x->method,
        .prefix = x->links.prefix,
        .path = path,
        .query = mark < uri.len ? ke_str_sub(uri, mark + 1, uri.len - mark - 1) : KE_STR(""),
        .connection = api_request_header(request, MHD_HTTP_HEADER_CONNECTION),
        .forwarded = api_request_header(request, "X-Forwarded-For"),
        .client = ke_buf_str(client),
        .is_chunked = x->is_chunked_up,
        .is_upgrade = x->is_upgrade,
        .wants_html = wants_html(accept),
    };
}

static void send_head(struct proxy_exchange *x, struct ke_str path)
{
    char memory[KE_IP_TEXT_MAX];
    struct ke_buf client = KE_BUF_FIXED(memory, sizeof(memory));
    struct ke_buf *out = proxy_backend_out(&x->backend);
    x->is_chunked_up = api_request_header(x->request, MHD_HTTP_HEADER_TRANSFER_ENCODING).len > 0;
    struct proxy_request what = describe(x, path, &client);
    struct fields fields = { &what, out };

    proxy_begin_request(&what, out);
    (void)MHD_get_connection_values(x->mhd, MHD_HEADER_KIND, put_field, &fields);
    if (x->is_upgrade) {
        proxy_put_field(KE_STR("Connection"), KE_STR("Upgrade"), out);
        proxy_put_field(KE_STR("Upgrade"), api_request_header(x->request, MHD_HTTP_HEADER_UPGRADE),
                        out);
    }
    proxy_end_head(&what, out);
    proxy_backend_want(&x->backend, true);
    proxy_backend_flush(&x->backend);
}

static struct proxy_exchange *exchange_new(struct api_request *request, struct ke_str prefix,
                                           const struct ke_endpoint *at)
{
    char memory[64];
    struct ke_buf backend = KE_BUF_FIXED(memory, sizeof(memory));
    if (!api_server_take_fds(request->server, 1, 0)) {
        return NULL;
    }
    struct proxy_exchange *x = ke_alloc(sizeof(*x));
    if (x == NULL) {
        api_server_give_fds(request->server, 1);
        return NULL;
    }
    x->shard = request->shard;
    x->request = request;
    x->mhd = request->mhd;
    x->client_fd = request->conn->fd;
    x->ongoing.end = end_ongoing;
    x->in.max = LIMIT_HTTP_HEAD_BYTES + 2 * API_SCRATCH_BYTES;
    x->out.max = LIMIT_STREAM_OUT_BYTES;
    ke_list_append(&x->shard->ongoing, &x->ongoing.link);
    x->arena = ke_arena_new(ARENA_BYTES);
    ke_endpoint_format(at, &backend);
    if (x->arena != NULL) {
        x->links.prefix = ke_arena_str(x->arena, prefix);
        x->links.backend = ke_arena_str(x->arena, ke_buf_str(&backend));
        x->links.host = ke_arena_str(x->arena, api_request_header(request, MHD_HTTP_HEADER_HOST));
        x->method = ke_arena_str(x->arena, request->method);
    }
    x->hangup = ke_loop_fd_add(x->shard->loop, x->client_fd, EPOLLRDHUP | EPOLLET, on_hangup, x);
    x->stall = ke_loop_timer_new(x->shard->loop, on_stall, x);
    if (x->hangup == NULL || x->stall == NULL || x->method.ptr == NULL ||
        x->links.prefix.ptr == NULL || x->links.backend.ptr == NULL || x->links.host.ptr == NULL) {
        proxy_exchange_free(x);
        return NULL;
    }
    return x;
}

/* An empty path and GET: to the same with a slash, so that relative links hold. */
static bool redirect_root(struct api_request *request, struct ke_str prefix, struct ke_str path)
{
    bool is_read = ke_str_eq_c(request->method, "GET") || ke_str_eq_c(request->method, "HEAD");
    if (path.len > 0 || !is_read) {
        return false;
    }
    size_t mark = ke_str_find(request->uri, '?');
    struct ke_str query = ke_str_sub(request->uri, mark, request->uri.len - mark);
    struct ke_str to =
        ke_arena_fmt(request->arena, "%.*s/%.*s", KE_STR_ARG(prefix), KE_STR_ARG(query));
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (response != NULL && to.ptr != NULL) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_LOCATION, to.ptr);
    }
    api_respond_with(request, 301, "text/plain", response);
    return true;
}

void api_handle_proxy(struct api_request *request)
{
    struct ke_err err;
    struct ke_str prefix = { "", 0 };
    struct ke_str path = { "", 0 };
    struct proxy_address address;
    struct ke_str raw = ke_str_sub(request->uri, 0, ke_str_find(request->uri, '?'));
    bool wants_upgrade = is_upgrade(api_request_header(request, MHD_HTTP_HEADER_CONNECTION)) &&
                         api_request_header(request, MHD_HTTP_HEADER_UPGRADE).len > 0;
    if (request->phase != API_PHASE_STREAM || !proxy_split_path(raw, &prefix, &path)) {
        api_respond_code(request, KE_MALFORMED, "not a path of a proxy");
        return;
    }
    enum ke_code rc =
        proxy_find_address(request->server->options.store, &request->target, &address, &err);
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
        return;
    }
    if (!wants_upgrade && redirect_root(request, prefix, path)) {
        return;
    }
    struct proxy_exchange *x = exchange_new(request, prefix, &address.at);
    if (x == NULL) {
        api_respond_code(request, KE_UNAVAILABLE, "out of memory or descriptors");
        return;
    }
    x->is_upgrade = wants_upgrade;
    request->work = x;
    request->stream = &stream;
    rc = proxy_backend_open(&x->backend, x->shard->loop, &address, request->server->proxy_tls,
                            on_backend, x, &err);
    if (rc != KE_OK) {
        proxy_exchange_fail(x, err.msg);
        return; /* answered behind the body */
    }
    send_head(x, path);
}
