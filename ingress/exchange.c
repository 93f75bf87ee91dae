/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request on its way to an endpoint and its response on the way back: bodies are streamed with
 * bounded memory in both directions; an endpoint that cannot be reached is replaced by another. The
 * worker's thread.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "core/base/clock.h"
#include "ingress/client.h"

static void try_endpoint(struct ingress_client *client);

void ingress_exchange_abort(struct ingress_client *client)
{
    if (client->upstream == NULL)
        return;
    ingress_upstream_drop(client->worker->upstreams, client->upstream);
    client->upstream = NULL;
}

/* ---- bodies ---- */

/* One piece of a body out of input: data borrowed, used bytes. False: broken. */
static bool next_piece(struct ingress_body *body, struct ke_str input, struct ke_str *data,
                       size_t *used)
{
    if (body->framing == HTTP_BODY_CHUNKED)
        return http_chunked_next(&body->chunked, input, data, used, &body->is_done) == HTTP_OK;
    *data = input;
    if (body->framing == HTTP_BODY_LENGTH) {
        data->len = input.len < body->left ? input.len : (size_t)body->left;
        body->left -= data->len;
        body->is_done = body->left == 0;
    }
    *used = data->len;
    return true;
}

static void add_chunk(struct ke_buf *out, struct ke_str data)
{
    static const char digits[] = "0123456789abcdef";
    char size[2 * sizeof(data.len) + 2];
    size_t at = sizeof(size);
    size[--at] = '\n';
    size[--at] = '\r';
    for (size_t left = data.len; left > 0; left >>= 4)
        size[--at] = digits[left & 15];
    ke_buf_add(out, size + at, sizeof(size) - at);
    ke_buf_add_str(out, data);
    ke_buf_add_str(out, KE_STR("\r\n"));
}

/* From in to out, chunked again where it must be, until in is empty or out is full. False: broken.
 */
static bool move_body(struct ingress_body *body, struct ke_buf *in, struct ke_buf *out,
                      bool is_chunked_out)
{
    size_t pos = 0;
    bool is_good = true;
    while (!body->is_done && pos < in->len && out->len < LIMIT_INGRESS_BUFFER_BYTES && is_good) {
        struct ke_str data = { 0 };
        size_t used = 0;
        is_good = next_piece(body, ke_str_of(in->ptr + pos, in->len - pos), &data, &used);
        if (!is_good)
            break;
        pos += used;
        body->seen += data.len;
        if (is_chunked_out && data.len > 0)
            add_chunk(out, data);
        else
            ke_buf_add_str(out, data);
    }
    if (body->is_done && is_chunked_out)
        ke_buf_add_str(out, KE_STR("0\r\n\r\n"));
    ke_buf_drop_front(in, pos);
    return is_good && out->failed == KE_OK;
}

/* ---- to the endpoint ---- */

static void fail(struct ingress_client *client, unsigned status)
{
    if (client->has_response) {
        client->state = INGRESS_CLIENT_DEAD;
        client->stream.is_cut = true; /* a cut body must not look whole */
        ingress_exchange_abort(client);
        return;
    }
    ingress_client_answer(client, status, !client->request.is_done);
}

/* The endpoint may be answering already: the body goes on for as long as the answer does. */
static void pump_request(struct ingress_client *client)
{
    struct ingress_upstream_conn *conn = client->upstream;
    /* Nothing of the body is taken before there is somebody to take it: until then another
     * endpoint can be tried. */
    if (client->request.is_done || conn->is_connecting || conn->stream.is_unwritable)
        return;
    if (client->expects_continue && !client->has_response)
        ke_buf_add_str(&client->stream.out, KE_STR("HTTP/1.1 100 Continue\r\n\r\n"));
    client->expects_continue = false;
    if (!move_body(&client->request, &client->stream.in, &conn->stream.out,
                   client->request.framing == HTTP_BODY_CHUNKED)) {
        fail(client, 400);
        return;
    }
    if (client->request.seen > LIMIT_INGRESS_BODY_BYTES) {
        fail(client, 413);
        return;
    }
    if (!client->request.is_done && client->stream.has_eof && client->stream.in.len == 0)
        client->state = INGRESS_CLIENT_DEAD; /* gone in the middle of its body */
}

/* The endpoint did not take it, or closed a reused connection without a word. May it be sent again?
 */
static bool may_retry(const struct ingress_client *client)
{
    bool is_unsent = client->upstream->is_connecting;
    bool is_stale = client->upstream->is_reused && client->is_idempotent;
    return !client->has_response && client->upstream->stream.in.len == 0 &&
           client->request.seen == 0 && (is_unsent || is_stale);
}

static void lose_endpoint(struct ingress_client *client, unsigned status)
{
    bool is_stale = client->upstream->is_reused;
    client->lost_status = status;
    if (!may_retry(client)) {
        fail(client, status);
        return;
    }
    ingress_exchange_abort(client);
    atomic_fetch_add_explicit(&client->worker->options.counters->retries, 1, memory_order_relaxed);
    if (is_stale && client->tried.n > 0)
        client->tried.n--; /* the endpoint may be well: only the connection was old */
    try_endpoint(client);
}

static void send_head(struct ingress_client *client, const struct ingress_picked *picked)
{
    bool may_reuse = client->tried.n == 0 || client->is_idempotent;
    client->upstream = ingress_upstream_acquire(client->worker->upstreams, picked->id, &picked->at,
                                                may_reuse, client);
    if (client->upstream == NULL) {
        ingress_client_answer(client, 503, !client->request.is_done);
        return;
    }
    client->tried.ids[client->tried.n++] = picked->id;
    ke_buf_add_str(&client->upstream->stream.out, ke_buf_str(&client->head));
    ingress_client_set_wait(client, client->upstream->is_connecting ? INGRESS_WAIT_CONNECT
                                                                    : INGRESS_WAIT_RESPONSE);
    if (client->upstream->stream.has_failed)
        lose_endpoint(client, 502);
}

static void try_endpoint(struct ingress_client *client)
{
    struct ingress_picked picked = { 0 };
    bool is_spent = client->tried.n == LIMIT_INGRESS_TRIES;
    enum ingress_pick pick =
        is_spent ? INGRESS_NO_ENDPOINT
                 : ingress_pick_endpoint(client->worker->upstreams, client->worker->options.table,
                                         &client->to, &client->tried, &picked);
    if (pick == INGRESS_PICKED)
        send_head(client, &picked);
    else
        ingress_client_answer(client, client->tried.n > 0 ? client->lost_status : 503,
                              !client->request.is_done);
}

static bool copy_name(char *to, size_t size, struct ke_str from)
{
    if (from.len >= size)
        return false;
    if (from.len > 0)
        memcpy(to, from.ptr, from.len);
    to[from.len] = '\0';
    return true;
}

bool ingress_exchange_set_target(struct ingress_client *client, const struct ingress_target *target)
{
    struct ingress_destination *to = &client->to;
    to->port_number = target->port.number;
    return target->service.len > 0 && copy_name(to->ns, sizeof(to->ns), target->ns) &&
           copy_name(to->service, sizeof(to->service), target->service) &&
           copy_name(to->port_name, sizeof(to->port_name), target->port.name);
}

void ingress_exchange_begin(struct ingress_client *client, const struct http_head *head,
                            struct ke_str path)
{
    struct ingress_origin origin = { .peer = client->peer,
                                     .port = client->port,
                                     .is_tls = client->is_tls,
                                     .service = ke_str_c(client->to.service) };
    client->state = INGRESS_CLIENT_EXCHANGE;
    ke_buf_clear(&client->head);
    ingress_head_request(head, path, &origin, &client->head);
    if (client->head.failed != KE_OK)
        ingress_client_answer(client, 431, true);
    else
        try_endpoint(client);
}

/* ---- back to the client ---- */

/* A final head: decides how the body goes on and writes the head for the client. */
static void begin_response(struct ingress_client *client, const struct http_head *head)
{
    struct ingress_response_plan plan = { .client_minor = client->minor,
                                          .date = ke_str_c(client->worker->date) };
    client->response =
        (struct ingress_body){ .framing = head->framing, .left = head->content_length };
    client->response.is_done = head->framing == HTTP_BODY_NONE ||
                               (head->framing == HTTP_BODY_LENGTH && head->content_length == 0);
    client->is_upstream_reusable =
        head->is_keep_alive && head->framing != HTTP_BODY_UNTIL_CLOSE && client->request.is_done;
    plan.framing = head->framing;
    if (head->framing == HTTP_BODY_UNTIL_CLOSE || head->framing == HTTP_BODY_CHUNKED)
        plan.framing = client->minor > 0 ? HTTP_BODY_CHUNKED : HTTP_BODY_UNTIL_CLOSE;
    client->is_chunked_out = plan.framing == HTTP_BODY_CHUNKED;
    if (plan.framing == HTTP_BODY_UNTIL_CLOSE || !client->request.is_done ||
        client->worker->is_draining)
        client->is_keep_alive = false;
    plan.is_close = !client->is_keep_alive;
    ingress_head_response(head, &plan, &client->stream.out);
    client->has_response = true;
    atomic_fetch_add_explicit(&client->worker->options.counters->statuses[head->status / 100 % 6],
                              1, memory_order_relaxed);
}

/* True: a final head was taken off; false: not yet, or failed. */
static bool take_response_head(struct ingress_client *client)
{
    struct ingress_stream *from = &client->upstream->stream;
    struct http_head *head = &client->worker->head;
    struct ke_str method = client->is_head ? KE_STR("HEAD") : KE_STR("GET");
    for (;;) {
        enum http_result result =
            from->in.len > 0 ? http_parse_response(ke_buf_str(&from->in), method, head) : HTTP_MORE;
        if (result == HTTP_MORE && !from->has_eof && !from->has_failed)
            return false;
        if (result != HTTP_OK) {
            lose_endpoint(client, 502);
            return false;
        }
        if (head->status == 101 || head->status < 100 || head->status > 599) {
            fail(client, 502); /* we asked for no upgrade */
            return false;
        }
        size_t len = head->len;
        bool is_final = head->status >= 200;
        if (is_final)
            begin_response(client, head);
        ke_buf_drop_front(&from->in, len);
        if (is_final)
            return true;
    }
}

static void finish(struct ingress_client *client)
{
    struct ingress_upstream_conn *conn = client->upstream;
    client->upstream = NULL;
    if (client->is_upstream_reusable)
        ingress_upstream_release(client->worker->upstreams, conn);
    else
        ingress_upstream_drop(client->worker->upstreams, conn);
    ingress_client_next(client);
}

static void pump_response(struct ingress_client *client)
{
    struct ingress_stream *from = &client->upstream->stream;
    if (!client->has_response && !take_response_head(client))
        return;
    if (!client->response.is_done &&
        !move_body(&client->response, &from->in, &client->stream.out, client->is_chunked_out)) {
        fail(client, 502);
        return;
    }
    bool is_ended = from->in.len == 0 && (from->has_eof || from->has_failed);
    if (!client->response.is_done && is_ended) {
        if (client->response.framing != HTTP_BODY_UNTIL_CLOSE || from->has_failed) {
            fail(client, 502);
            return;
        }
        client->response.is_done = true;
        if (client->is_chunked_out)
            ke_buf_add_str(&client->stream.out, KE_STR("0\r\n\r\n"));
    }
    if (client->response.is_done)
        finish(client);
}

/* ---- both ways ---- */

static bool is_under_way(const struct ingress_client *client)
{
    return client->upstream != NULL && client->state == INGRESS_CLIENT_EXCHANGE;
}

static void want_upstream(struct ingress_client *client)
{
    struct ingress_stream *stream = &client->upstream->stream;
    bool wants = client->stream.out.len < LIMIT_INGRESS_BUFFER_BYTES &&
                 stream->in.len < stream->in.max && !stream->has_eof;
    ingress_stream_want(stream, wants && !client->upstream->is_connecting);
}

/* On whom the exchange waits now: its time begins anew with every byte that moves. */
static void set_wait(struct ingress_client *client, bool has_moved)
{
    enum ingress_wait wait = INGRESS_WAIT_RESPONSE;
    const struct ingress_stream *upstream = &client->upstream->stream;
    bool owes_body = !client->request.is_done && upstream->out.len == 0 && !upstream->is_unwritable;
    if (client->upstream->is_connecting)
        return;
    if (client->has_response ? client->stream.out.len > 0 : owes_body)
        wait = INGRESS_WAIT_STALL;
    if (has_moved || client->wait != wait)
        ingress_client_set_wait(client, wait);
}

void ingress_exchange_pump(struct ingress_client *client)
{
    if (client->upstream == NULL)
        return;
    const struct ingress_upstream_conn *conn = client->upstream;
    struct ingress_stream *upstream = &client->upstream->stream;
    uint64_t before = client->request.seen + client->response.seen;
    pump_request(client);
    if (!is_under_way(client))
        return;
    bool has_moved = !conn->is_connecting && ingress_stream_flush(upstream);
    if (upstream->is_unwritable) /* what it said before it went can still be read */
        (void)ingress_stream_fill(upstream);
    if (upstream->in.len > 0 || upstream->has_eof || upstream->has_failed)
        pump_response(client);
    if (!is_under_way(client))
        return;
    /* What went to the client makes room: flush before looking whether to read on. */
    if (client->stream.out.len > 0)
        has_moved = ingress_stream_flush(&client->stream) || has_moved;
    has_moved = has_moved || client->request.seen + client->response.seen != before;
    set_wait(client, has_moved);
    want_upstream(client);
}

void ingress_exchange_timeout(struct ingress_client *client)
{
    if (client->wait == INGRESS_WAIT_CONNECT && client->upstream != NULL)
        lose_endpoint(client, 504);
    else
        fail(client, 504);
}

static void finish_connect(struct ingress_client *client)
{
    int failed = 0;
    socklen_t len = sizeof(failed);
    if (getsockopt(client->upstream->stream.fd, SOL_SOCKET, SO_ERROR, &failed, &len) != 0 ||
        failed != 0) {
        lose_endpoint(client, 502);
        return;
    }
    client->upstream->is_connecting = false;
    ingress_client_set_wait(client, INGRESS_WAIT_RESPONSE);
}

void ingress_exchange_on_upstream(void *ctx, uint32_t events)
{
    struct ingress_upstream_conn *conn = ctx;
    struct ingress_client *client = conn->owner;
    if (client == NULL) { /* an idle one was closed, or said something unasked */
        ingress_upstream_drop(conn->pool, conn);
        return;
    }
    conn->stream.is_hung = (events & (EPOLLHUP | EPOLLERR)) != 0;
    if (conn->is_connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
        finish_connect(client);
    else if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        (void)ingress_stream_fill(&conn->stream);
    ingress_client_advance(client);
}
