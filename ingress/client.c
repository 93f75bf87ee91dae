/* SPDX-License-Identifier: Apache-2.0 */
/* Client connections: handshake, request heads, routing, our own answers, deadlines. The worker's
 * thread. */
#include "ingress/client.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "ingress/path.h"

static void on_client(void *ctx, uint32_t events);
static void advance(struct ingress_client *client);

/* ---- deadlines ---- */

static int64_t wait_ms(const struct ingress_timeouts *timeouts, enum ingress_wait wait)
{
    switch (wait) {
    case INGRESS_WAIT_HANDSHAKE:
        return timeouts->handshake_ms;
    case INGRESS_WAIT_IDLE:
        return timeouts->idle_ms;
    case INGRESS_WAIT_HEAD:
        return timeouts->head_ms;
    case INGRESS_WAIT_CONNECT:
        return timeouts->connect_ms;
    case INGRESS_WAIT_RESPONSE:
        return timeouts->response_ms;
    case INGRESS_WAIT_STALL:
        return timeouts->stall_ms;
    case INGRESS_WAIT_LINGER:
        break;
    }
    return timeouts->linger_ms;
}

void ingress_client_set_wait(struct ingress_client *client, enum ingress_wait wait)
{
    const struct ingress_worker *worker = client->worker;
    client->wait = wait;
    client->deadline_ns =
        ke_loop_now(worker->loop) + wait_ms(&worker->options.timeouts, wait) * KE_MS;
    /* A later deadline leaves the timer alone: it looks again when it fires. */
    if (client->timer_at_ns == 0 || client->deadline_ns < client->timer_at_ns) {
        client->timer_at_ns = client->deadline_ns;
        ke_loop_timer_set(client->timer, client->deadline_ns);
    }
}

static unsigned status_of(enum http_result result)
{
    switch (result) {
    case HTTP_TOO_LARGE:
        return 431;
    case HTTP_URI_TOO_LONG:
        return 414;
    case HTTP_NOT_IMPLEMENTED:
        return 501;
    case HTTP_VERSION:
        return 505;
    case HTTP_OK:
    case HTTP_MORE:
    case HTTP_BAD:
        break;
    }
    return 400;
}

/* What there is of a head may be wrong already: then that is the answer, not that it is late. */
static unsigned status_when_late(struct ingress_client *client)
{
    enum http_result result =
        http_parse_request(ke_buf_str(&client->stream.in), &client->worker->head);
    return result == HTTP_MORE || result == HTTP_OK ? 408 : status_of(result);
}

static void on_deadline(struct ingress_client *client)
{
    switch (client->wait) {
    case INGRESS_WAIT_HEAD:
        client->is_head = false;
        if (client->stream.in.len > 0)
            ingress_client_answer(client, status_when_late(client), true);
        else
            client->state = INGRESS_CLIENT_DEAD; /* said nothing: is told nothing */
        break;
    case INGRESS_WAIT_CONNECT:
    case INGRESS_WAIT_RESPONSE:
        ingress_exchange_timeout(client);
        break;
    case INGRESS_WAIT_STALL:
        if (client->state == INGRESS_CLIENT_EXCHANGE && !client->has_response)
            ingress_client_answer(client, 408, true);
        else
            client->state = INGRESS_CLIENT_DEAD;
        client->stream.is_cut = client->state == INGRESS_CLIENT_DEAD;
        break;
    case INGRESS_WAIT_HANDSHAKE:
    case INGRESS_WAIT_LINGER:
    case INGRESS_WAIT_IDLE:
        client->state = INGRESS_CLIENT_DEAD;
        break;
    }
}

static void on_timer(void *ctx)
{
    struct ingress_client *client = ctx;
    client->timer_at_ns = 0;
    if (client->deadline_ns > ke_loop_now(client->worker->loop)) {
        client->timer_at_ns = client->deadline_ns;
        ke_loop_timer_set(client->timer, client->deadline_ns);
        return;
    }
    on_deadline(client);
    ingress_client_advance(client);
}

/* ---- life ---- */

void ingress_client_accept(struct ingress_listener *listener, int fd,
                           const struct ke_endpoint *peer)
{
    struct ingress_worker *worker = listener->worker;
    struct ingress_client *client = ke_alloc(sizeof(*client));
    int on = 1;
    if (client == NULL) {
        (void)close(fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    client->worker = worker;
    client->peer = peer->ip;
    client->port = listener->port;
    client->is_tls = listener->is_tls;
    client->request.is_done = true; /* nothing was asked yet */
    client->head = (struct ke_buf)KE_BUF_INIT(4 * LIMIT_HTTP_HEAD_BYTES);
    client->timer = ke_loop_timer_new(worker->loop, on_timer, client);
    client->stream =
        (struct ingress_stream){ .loop = worker->loop, .fn = on_client, .ctx = client };
    ke_list_append(&worker->clients, &client->all);
    worker->n_clients++;
    atomic_fetch_add_explicit(&worker->options.counters->connections, 1, memory_order_relaxed);
    bool is_open = ingress_stream_open(&client->stream, fd, EPOLLIN | EPOLLRDHUP);
    if (is_open && client->is_tls)
        client->stream.tls = tls_session_new(worker->options.tls, fd, (struct ke_str){ 0 });
    if (!is_open || client->timer == NULL || (client->is_tls && client->stream.tls == NULL)) {
        ingress_client_free(client);
        return;
    }
    client->state = client->is_tls ? INGRESS_CLIENT_HANDSHAKE : INGRESS_CLIENT_HEAD;
    ingress_client_set_wait(client, client->is_tls ? INGRESS_WAIT_HANDSHAKE : INGRESS_WAIT_HEAD);
}

void ingress_client_free(struct ingress_client *client)
{
    struct ingress_worker *worker = client->worker;
    ingress_exchange_abort(client);
    ingress_stream_close(&client->stream);
    ke_loop_timer_free(client->timer);
    ke_buf_free(&client->head);
    ke_list_remove(&client->all);
    worker->n_clients--;
    atomic_fetch_sub_explicit(&worker->options.counters->connections, 1, memory_order_relaxed);
    free(client);
}

/* Closing with bytes unread would reset the connection and take our last words with it. */
static void end_or_linger(struct ingress_client *client)
{
    struct ingress_stream *stream = &client->stream;
    bool has_unread = !client->request.is_done || stream->in.len > 0;
    bool may_lose = has_unread && !stream->has_eof && !stream->has_failed;
    client->state = may_lose ? INGRESS_CLIENT_LINGER : INGRESS_CLIENT_DEAD;
    if (!may_lose)
        return;
    if (stream->tls != NULL)
        tls_close_notify(stream->tls);
    (void)shutdown(stream->fd, SHUT_WR);
    ke_buf_clear(&stream->in);
    ingress_client_set_wait(client, INGRESS_WAIT_LINGER);
}

/* Requests are not taken while the answers to earlier ones pile up. */
static bool is_clogged(const struct ingress_client *client)
{
    return client->stream.out.len >= LIMIT_INGRESS_BUFFER_BYTES;
}

static bool wants_input(const struct ingress_client *client)
{
    const struct ingress_stream *stream = &client->stream;
    if (stream->has_eof || client->state == INGRESS_CLIENT_FLUSH)
        return false;
    if (client->state == INGRESS_CLIENT_HEAD && is_clogged(client))
        return false;
    return stream->in.len < stream->in.max;
}

/* Between requests: waiting for the client to take what it asked for, or for its next request. */
static void settle_idle(struct ingress_client *client)
{
    bool is_taking = client->stream.out.len > 0;
    if (is_taking && client->wait != INGRESS_WAIT_STALL)
        ingress_client_set_wait(client, INGRESS_WAIT_STALL);
    else if (!is_taking && client->wait == INGRESS_WAIT_STALL)
        ingress_client_set_wait(client,
                                client->stream.in.len > 0 ? INGRESS_WAIT_HEAD : INGRESS_WAIT_IDLE);
    ingress_stream_trim(&client->stream);
    if (client->stream.in.len == 0)
        ke_buf_free(&client->head);
}

void ingress_client_settle(struct ingress_client *client)
{
    (void)ingress_stream_flush(&client->stream);
    while (client->is_held && !is_clogged(client)) {
        client->is_held = false;
        advance(client);
        (void)ingress_stream_flush(&client->stream);
    }
    if (client->state == INGRESS_CLIENT_FLUSH && client->stream.out.len == 0)
        end_or_linger(client);
    if (client->stream.has_failed || client->stream.is_unwritable)
        client->state = INGRESS_CLIENT_DEAD;
    if (client->state == INGRESS_CLIENT_DEAD) {
        ingress_client_free(client);
        return;
    }
    if (client->state == INGRESS_CLIENT_HEAD)
        settle_idle(client);
    ingress_stream_want(&client->stream, wants_input(client));
}

void ingress_client_drain(struct ingress_client *client)
{
    if (client->state == INGRESS_CLIENT_HANDSHAKE)
        client->state = INGRESS_CLIENT_DEAD;
    if (client->state == INGRESS_CLIENT_HEAD) {
        (void)ingress_stream_fill(&client->stream); /* what came just now is still answered */
        advance(client);
    }
    if (client->state == INGRESS_CLIENT_HEAD && client->stream.in.len == 0)
        client->state = INGRESS_CLIENT_FLUSH;
    ingress_client_settle(client);
}

/* ---- our own answers ---- */

static void answer_with(struct ingress_client *client, struct ingress_answer *answer)
{
    answer->is_close = answer->is_close || !client->is_keep_alive || client->worker->is_draining;
    answer->has_no_body = client->is_head;
    answer->date = ke_str_c(client->worker->date);
    atomic_fetch_add_explicit(&client->worker->options.counters->statuses[answer->status / 100], 1,
                              memory_order_relaxed);
    ingress_head_answer(answer, &client->stream.out);
    client->is_keep_alive = !answer->is_close;
    ingress_client_next(client);
}

void ingress_client_answer(struct ingress_client *client, unsigned status, bool is_close)
{
    struct ingress_answer answer = { .status = status,
                                     .is_close = is_close,
                                     .retry_after_s = status == 503 ? 1 : 0 };
    ingress_exchange_abort(client);
    answer_with(client, &answer);
}

static void answer_redirect(struct ingress_client *client, const struct http_head *head,
                            struct ke_str host)
{
    char port[8] = "";
    uint16_t number = client->worker->options.listen[1][0].port;
    struct ke_buf port_text = KE_BUF_FIXED(port, sizeof(port));
    if (number != 443)
        ke_buf_addf(&port_text, ":%u", number);
    ke_auto_buf location = KE_BUF_INIT(LIMIT_HTTP_HEAD_BYTES + 512);
    ke_buf_addf(&location, "https://%.*s%.*s%.*s", KE_STR_ARG(host),
                KE_STR_ARG(ke_buf_str(&port_text)), KE_STR_ARG(head->path));
    struct ingress_answer answer = { .status = 308,
                                     .location = ke_buf_str(&location),
                                     .is_close = !client->request.is_done };
    answer_with(client, &answer);
}

void ingress_client_next(struct ingress_client *client)
{
    client->upstream = NULL;
    if (!client->is_keep_alive || client->worker->is_draining) {
        client->state = INGRESS_CLIENT_FLUSH;
        ingress_client_set_wait(client, INGRESS_WAIT_STALL);
        return;
    }
    client->state = INGRESS_CLIENT_HEAD;
    ingress_client_set_wait(client, INGRESS_WAIT_IDLE);
}

/* ---- requests ---- */

static bool is_idempotent(struct ke_str method)
{
    return ke_str_eq_c(method, "GET") || ke_str_eq_c(method, "HEAD") ||
           ke_str_eq_c(method, "OPTIONS") || ke_str_eq_c(method, "PUT") ||
           ke_str_eq_c(method, "DELETE");
}

/* Refusals that need no route. 0: none. */
static unsigned refusal(const struct ingress_client *client, const struct http_head *head)
{
    enum http_scheme own = client->is_tls ? HTTP_SCHEME_HTTPS : HTTP_SCHEME_HTTP;
    if (head->scheme != HTTP_SCHEME_NONE && head->scheme != own)
        return 400;
    if (ke_str_eq_c(head->method, "TRACE") || ke_str_eq_c(head->method, "CONNECT"))
        return 405;
    if (head->has_expect_other)
        return 417;
    if (head->framing == HTTP_BODY_LENGTH && head->content_length > LIMIT_INGRESS_BODY_BYTES)
        return 413;
    return 0;
}

static void take_request(struct ingress_client *client, const struct http_head *head)
{
    client->minor = head->minor;
    client->is_keep_alive = head->is_keep_alive;
    client->is_head = ke_str_eq_c(head->method, "HEAD");
    client->is_idempotent = is_idempotent(head->method);
    client->expects_continue = head->has_expect_continue;
    client->request = (struct ingress_body){ .framing = head->framing,
                                             .left = head->content_length,
                                             .is_done = head->framing == HTTP_BODY_NONE ||
                                                        (head->framing == HTTP_BODY_LENGTH &&
                                                         head->content_length == 0) };
    client->tried.n = 0;
    client->has_response = false;
    client->response = (struct ingress_body){ 0 };
    atomic_fetch_add_explicit(&client->worker->options.counters->requests, 1, memory_order_relaxed);
}

/* The path as it is matched and forwarded, with its query behind it. False: 400. */
static bool make_path(struct ingress_worker *worker, const struct http_head *head,
                      struct ke_str *path, struct ke_str *whole)
{
    size_t query_at = ke_str_find(head->path, '?');
    struct ke_str raw = ke_str_sub(head->path, 0, query_at);
    if (!ingress_path_normalise(raw, worker->path, path))
        return false;
    *whole = head->path;
    if (path->ptr == raw.ptr)
        return true;
    size_t query_len = head->path.len - query_at;
    if (path->len + query_len > sizeof(worker->path))
        return false;
    if (query_len > 0)
        memcpy(worker->path + path->len, head->path.ptr + query_at, query_len);
    *whole = ke_str_of(worker->path, path->len + query_len);
    return true;
}

/* Routes and begins. The answer closes where a body would be left unread. */
static void route(struct ingress_client *client, const struct http_head *head)
{
    struct ingress_worker *worker = client->worker;
    char host_memory[LIMIT_DNS_NAME_BYTES + 3];
    struct ke_str host = { 0 }; /* of HTTP/1.0 without Host: every host's rules */
    struct ke_str path = { 0 };
    struct ke_str whole = { 0 };
    struct ingress_found found = { 0 };
    bool has_body = !client->request.is_done;
    if (!make_path(worker, head, &path, &whole) ||
        (head->host.len > 0 && !ingress_host_normalise(head->host, host_memory, &host))) {
        ingress_client_answer(client, 400, true);
        return;
    }
    ke_snap_read_begin();
    const struct ingress_routes *routes = ingress_derive_routes(worker->options.derive);
    if (routes != NULL)
        (void)ingress_routes_find(routes, host, path, &found);
    bool is_redirect = found.target != NULL && found.target->is_redirected && !client->is_tls &&
                       worker->options.n_listen[1] > 0 && host.len > 0;
    bool has_target = found.target != NULL && ingress_exchange_set_target(client, found.target);
    ke_snap_read_end();
    if (is_redirect)
        answer_redirect(client, head, host);
    else if (found.target == NULL)
        ingress_client_answer(client, routes == NULL ? 503 : 404, has_body);
    else if (!has_target)
        ingress_client_answer(client, 503, has_body);
    else
        ingress_exchange_begin(client, head, whole);
}

/* A head that comes in drops is not read again from its start for each drop. */
static bool is_worth_parsing(const struct ingress_client *client)
{
    size_t from = client->n_parsed;
    const struct ke_buf *in = &client->stream.in;
    if (from == 0 || in->len >= 2 * from || in->len >= LIMIT_HTTP_HEAD_BYTES)
        return true;
    if (from < LIMIT_HTTP_REQUEST_LINE_BYTES && in->len >= LIMIT_HTTP_REQUEST_LINE_BYTES)
        return true;
    return memchr(in->ptr + from, '\n', in->len - from) != NULL;
}

/* The head is not whole. */
static void await_head(struct ingress_client *client)
{
    if (client->stream.has_eof)
        client->state = INGRESS_CLIENT_FLUSH;
    else if (client->stream.in.len > 0 && client->wait == INGRESS_WAIT_IDLE)
        ingress_client_set_wait(client, INGRESS_WAIT_HEAD);
}

/* Takes one request off the input. True: go on, there may be another. */
static bool take_head(struct ingress_client *client)
{
    struct http_head *head = &client->worker->head;
    struct ke_str input = ke_buf_str(&client->stream.in);
    if (is_clogged(client))
        (void)ingress_stream_flush(&client->stream);
    client->is_held = is_clogged(client);
    if (client->is_held)
        return false;
    enum http_result result = HTTP_MORE;
    if (input.len > 0 && is_worth_parsing(client)) {
        result = http_parse_request(input, head);
        client->n_parsed = input.len; /* what was not looked at counts the next time */
    }
    if (result == HTTP_MORE) {
        await_head(client);
        return false;
    }
    client->n_parsed = 0;
    if (result != HTTP_OK) {
        client->is_head = false;
        ingress_client_answer(client, status_of(result), true);
        return false;
    }
    size_t len = head->len;
    take_request(client, head);
    unsigned status = refusal(client, head);
    if (status != 0) {
        ingress_client_answer(client, status,
                              !client->request.is_done || status == 400 || head->path.len == 0);
    } else if (ke_str_eq_c(head->path, "*")) {
        ingress_client_answer(client, 204, !client->request.is_done);
    } else {
        route(client, head);
    }
    ke_buf_drop_front(&client->stream.in, len);
    return true;
}

static void shake_hands(struct ingress_client *client)
{
    enum tls_want want = TLS_WANT_READ;
    struct ke_err ignored = KE_ERR_INIT;
    enum ke_code rc = tls_handshake(client->stream.tls, &want, &ignored);
    client->stream.tls_wants_write = rc == KE_AGAIN && want == TLS_WANT_WRITE;
    if (rc == KE_AGAIN)
        return;
    if (rc != KE_OK) {
        client->state = INGRESS_CLIENT_DEAD;
        return;
    }
    client->state = INGRESS_CLIENT_HEAD;
    ingress_client_set_wait(client, INGRESS_WAIT_HEAD);
}

/* What TLS has decrypted already is seen by no poll: take it now that there is room. */
static bool take_hidden_input(struct ingress_client *client)
{
    bool is_open = client->state == INGRESS_CLIENT_EXCHANGE || client->state == INGRESS_CLIENT_HEAD;
    return is_open && client->stream.tls != NULL && wants_input(client) &&
           tls_pending(client->stream.tls) > 0 && ingress_stream_fill(&client->stream);
}

/* Everything that can be done with what is in the buffers. */
static void advance(struct ingress_client *client)
{
    bool goes_on = true;
    while (goes_on) {
        goes_on = client->state == INGRESS_CLIENT_HEAD && take_head(client);
        if (client->state == INGRESS_CLIENT_EXCHANGE) {
            ingress_exchange_pump(client);
            goes_on = client->state == INGRESS_CLIENT_HEAD;
        }
        goes_on = goes_on || take_hidden_input(client);
    }
}

static void linger(struct ingress_client *client)
{
    ke_buf_clear(&client->stream.in);
    if (client->stream.has_eof)
        client->state = INGRESS_CLIENT_DEAD;
}

void ingress_client_advance(struct ingress_client *client)
{
    advance(client);
    ingress_client_settle(client);
}

static void serve(struct ingress_client *client, uint32_t events)
{
    if ((events & EPOLLOUT) != 0 && ingress_stream_flush(&client->stream) &&
        client->wait == INGRESS_WAIT_STALL)
        ingress_client_set_wait(client, INGRESS_WAIT_STALL);
    if (wants_input(client))
        (void)ingress_stream_fill(&client->stream);
    if (client->state == INGRESS_CLIENT_LINGER)
        linger(client);
    advance(client);
}

static void on_client(void *ctx, uint32_t events)
{
    struct ingress_client *client = ctx;
    if (client->state == INGRESS_CLIENT_HANDSHAKE)
        shake_hands(client);
    if (client->state != INGRESS_CLIENT_HANDSHAKE && client->state != INGRESS_CLIENT_DEAD)
        serve(client, events);
    if ((events & (EPOLLERR | EPOLLHUP)) != 0)
        client->state = INGRESS_CLIENT_DEAD;
    ingress_client_settle(client);
}
