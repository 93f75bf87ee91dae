/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Upgrades through the proxy: once the server behind has said 101, bytes both ways, whatever they
 * mean. On one API loop.
 */
#include "core/api/proxy/exchange.h"
#include "core/api/stream/wire.h"

#define MAX_FIELDS LIMIT_HTTP_HEADERS

/* Client to server behind. */
static size_t on_bytes(void *ctx, char *ptr, size_t len)
{
    struct proxy_exchange *x = ctx;
    if (proxy_backend_waiting(&x->backend) >= PROXY_BACKEND_HIGH) {
        return 0;
    }
    ke_buf_add(proxy_backend_out(&x->backend), ptr, len);
    proxy_backend_flush(&x->backend);
    return len;
}

static void on_space(void *ctx)
{
    struct proxy_exchange *x = ctx;
    proxy_backend_want(&x->backend, true);
}

static void on_gone(void *ctx, bool is_stop)
{
    (void)is_stop;
    proxy_exchange_free(ctx);
}

void proxy_tunnel_turn(struct proxy_exchange *x)
{
    struct api_wire *wire = x->wire;
    char *scratch = x->shard->scratch;
    if (proxy_backend_waiting(&x->backend) < PROXY_BACKEND_HIGH / 2) {
        api_wire_resume(wire);
    }
    size_t room = api_wire_room(wire);
    if (room == 0) {
        proxy_backend_want(&x->backend, false); /* until on_space */
        return;
    }
    ssize_t n = x->backend.out.failed != KE_OK
                    ? -2
                    : proxy_backend_read(&x->backend, scratch,
                                         room < API_SCRATCH_BYTES ? room : API_SCRATCH_BYTES);
    if (n > 0) {
        ke_buf_add(api_wire_out(wire), scratch, (size_t)n);
        api_wire_flush(wire);
        proxy_backend_want(&x->backend, true); /* TLS may hold more */
    } else if (n != -1) {
        api_wire_finish(wire, true);
        proxy_exchange_free(x);
    }
}

static void on_wire(void *ctx, struct api_wire *wire)
{
    static const struct api_wire_user user = { on_bytes, on_space, on_gone };
    struct proxy_exchange *x = ctx;
    if (wire == NULL) {
        proxy_exchange_free(x);
        return;
    }
    x->wire = wire;
    api_wire_use(wire, &user, x);
    /* What came with the head. */
    ke_buf_add(api_wire_out(wire), x->in.ptr + x->in_at, x->in.len - x->in_at);
    ke_buf_free(&x->in);
    api_wire_flush(wire);
    proxy_backend_want(&x->backend, true);
}

void proxy_tunnel(struct proxy_exchange *x, const struct http_head *head)
{
    struct api_request *request = x->request;
    struct api_wire_header headers[MAX_FIELDS];
    size_t n = 0;
    for (size_t i = 0; i < head->n_headers; i++) {
        if (proxy_passes_answer(head, head->headers[i].name, true)) {
            headers[n++] =
                (struct api_wire_header){ head->headers[i].name, head->headers[i].value };
        }
    }
    request->work = NULL;
    x->request = NULL;
    x->in_at = head->len;
    ke_list_remove(&x->ongoing.link); /* its wire is ended with the others */
    ke_loop_fd_del(x->hangup);
    x->hangup = NULL;
    if (!api_wire_accept(request, headers, n, on_wire, x)) {
        proxy_exchange_free(x);
    }
}
