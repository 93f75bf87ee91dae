/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One DNS thread: batches of datagrams in, answers out. A query that the table answers costs no
 * lock and no allocation; only what is forwarded is remembered on the heap.
 */
#include "dns/worker.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "dns/relay.h"
#include "dns/tcp.h"

#define BATCH          64
#define OUT_BYTES      2048 /* above every UDP limit: what does not fit is cut anyway */
#define FIRST_RETRY_MS 100  /* between tries to bind; doubles */
#define MAX_RETRY_MS   30000

struct udp_socket {
    struct dns_worker *worker;
    int fd;
    bool is_any; /* bound to every address: remember which was asked */
    struct ke_loop_fd *watch;
};

/* One batch: what came, and the replies being made. */
struct batch {
    struct mmsghdr in[BATCH];
    struct iovec in_vec[BATCH];
    uint8_t in_bytes[BATCH][LIMIT_DNS_QUERY_BYTES];
    struct sockaddr_storage peer[BATCH];
    struct dns_control control[BATCH];
    struct mmsghdr out[BATCH];
    struct iovec out_vec[BATCH];
    uint8_t out_bytes[BATCH][OUT_BYTES];
    unsigned n_out;
};

struct dns_worker {
    struct dns_worker_options options;
    struct ke_thread thread;
    struct ke_loop *loop;
    struct ke_loop_timer *retry;
    unsigned retry_ms;
    struct udp_socket sockets[DNS_MAX_LISTEN];
    size_t n_sockets;
    struct dns_tcp *tcp;
    struct dns_forwarder *forwarder;
    struct dns_counters counters;
    struct batch *batch;
    uint8_t big[LIMIT_DNS_TCP_BYTES]; /* TCP replies are made here */
};

/* A query that waits for an upstream. */
struct forwarded {
    struct dns_worker *worker;
    struct dns_client client; /* its peer is the one below */
    struct sockaddr_storage peer;
    bool is_external_name;
    uint8_t bytes[LIMIT_DNS_QUERY_BYTES];
    size_t len;
};

struct ke_loop *dns_worker_loop(struct dns_worker *worker)
{
    return worker->loop;
}

int64_t dns_worker_tcp_idle_ms(const struct dns_worker *worker)
{
    return worker->options.timing.tcp_idle_ms;
}

const struct dns_counters *dns_worker_counters(const struct dns_worker *worker)
{
    return &worker->counters;
}

/* One writer: no need for a locked instruction. */
static void count(_Atomic uint64_t *counter)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + 1, memory_order_relaxed);
}

static size_t client_limit(const struct dns_client *client, const struct dns_query *query)
{
    return client->tcp != NULL ? LIMIT_DNS_TCP_BYTES : dns_query_udp_limit(query);
}

/* ---- replies that come later ---- */

static void send_late(const struct dns_client *client, uint8_t *bytes, size_t len)
{
    if (client->tcp != NULL) {
        dns_tcp_send(client->tcp, client->tcp_id, bytes, len);
        return;
    }
    if (len == 0)
        return;
    struct dns_control control;
    struct sockaddr_storage peer = *client->peer;
    struct iovec vec = { bytes, len };
    struct msghdr message = {
        .msg_name = &peer, .msg_namelen = client->peer_len, .msg_iov = &vec, .msg_iovlen = 1
    };
    dns_control_write(&message, &control, &client->local);
    (void)sendmsg(client->fd, &message, MSG_DONTWAIT); /* a full socket drops, as UDP does */
}

static void on_upstream(void *ctx, const uint8_t *reply, size_t len)
{
    struct forwarded *waiting = ctx;
    struct dns_worker *worker = waiting->worker;
    struct dns_query query;
    enum dns_rcode rcode = DNS_NOERROR;
    size_t n = 0;
    (void)dns_query_parse(waiting->bytes, waiting->len, &query, &rcode); /* it parsed before */
    size_t limit = client_limit(&waiting->client, &query);
    if (reply == NULL)
        count(&worker->counters.failed);
    if (waiting->is_external_name) {
        struct dns_reply ours;
        struct dns_name target;
        dns_reply_begin(&ours, &query, worker->big, sizeof(worker->big));
        ke_snap_read_begin();
        enum dns_verdict verdict =
            dns_answer(worker->options.zone, worker->options.table, &query, &ours, &target);
        ke_snap_read_end();
        if (verdict == DNS_EXTERNAL_NAME)
            dns_relay_external(&ours, &query, reply, len);
        n = dns_reply_finish(&ours, &query, limit, true);
    } else if (reply != NULL) {
        n = dns_relay_whole(&query, reply, len, limit, worker->big);
    } else {
        n = dns_reply_error(&query, DNS_SERVFAIL, true, worker->big, sizeof(worker->big));
    }
    send_late(&waiting->client, worker->big, n);
    free(waiting);
}

static bool forward(struct dns_worker *worker, const struct dns_query *query,
                    const struct dns_client *client, const struct dns_name *target)
{
    struct forwarded *waiting = ke_alloc(sizeof(*waiting));
    if (waiting == NULL)
        return false;
    waiting->worker = worker;
    waiting->client = *client;
    if (client->tcp == NULL) {
        waiting->peer = *client->peer;
        waiting->client.peer = &waiting->peer;
    }
    waiting->is_external_name = target != NULL;
    memcpy(waiting->bytes, query->bytes, query->len);
    waiting->len = query->len;
    struct dns_ask ask = { .name_wire = query->bytes + DNS_HEADER_BYTES,
                           .name_len = query->name.len,
                           .type = query->type,
                           .rr_class = query->rr_class,
                           .has_opt = query->has_opt || target != NULL,
                           .is_do = query->is_do,
                           .is_cd = query->is_cd };
    if (target != NULL) {
        ask.name_wire = target->wire;
        ask.name_len = target->len;
    }
    if (!dns_forward(worker->forwarder, &ask, on_upstream, waiting)) {
        free(waiting);
        return false;
    }
    count(&worker->counters.forwarded);
    return true;
}

/* ---- one query ---- */

/* Length of the reply in out; 0: none now (dropped, or *is_later). */
static size_t answer(struct dns_worker *worker, struct ke_str message,
                     const struct dns_client *client, struct ke_buf *out, bool *is_later)
{
    struct dns_query query;
    struct dns_reply reply;
    struct dns_name target;
    uint8_t *room = (uint8_t *)out->ptr;
    enum dns_rcode rcode = DNS_NOERROR;
    enum dns_parsed parsed =
        dns_query_parse((const uint8_t *)message.ptr, message.len, &query, &rcode);
    if (parsed == DNS_PARSE_DROP)
        return 0;
    count(&worker->counters.queries);
    bool is_ra = dns_forwarder_has_upstream(worker->forwarder);
    if (parsed == DNS_PARSE_REFUSE)
        return dns_reply_error(&query, rcode, is_ra, room, out->cap);
    dns_reply_begin(&reply, &query, room, out->cap);
    ke_snap_read_begin();
    enum dns_verdict verdict =
        dns_answer(worker->options.zone, worker->options.table, &query, &reply, &target);
    ke_snap_read_end();
    if (verdict == DNS_ANSWERED)
        return dns_reply_finish(&reply, &query, client_limit(client, &query), is_ra);
    bool is_external = verdict == DNS_EXTERNAL_NAME;
    *is_later = (query.is_rd || is_external) && is_ra &&
                forward(worker, &query, client, is_external ? &target : NULL);
    if (*is_later)
        return 0;
    count(&worker->counters.failed);
    if (!is_external)
        return dns_reply_error(&query, DNS_REFUSED, is_ra, room, out->cap);
    reply.rcode = DNS_SERVFAIL; /* an alias alone would be taken for "no addresses" */
    return dns_reply_finish(&reply, &query, client_limit(client, &query), is_ra);
}

size_t dns_worker_handle(struct dns_worker *worker, struct ke_str message,
                         const struct dns_client *client, const uint8_t **reply, bool *is_later)
{
    struct ke_buf room = KE_BUF_FIXED((char *)worker->big, sizeof(worker->big));
    *reply = worker->big;
    *is_later = false;
    return answer(worker, message, client, &room, is_later);
}

/* ---- datagrams ---- */

/* What a receive changes. */
static void reset_slot(struct batch *batch, unsigned i)
{
    struct msghdr *header = &batch->in[i].msg_hdr;
    header->msg_namelen = sizeof(batch->peer[i]);
    header->msg_controllen = sizeof(batch->control[i].bytes);
}

static void init_batch(struct batch *batch)
{
    for (unsigned i = 0; i < BATCH; i++) {
        batch->in_vec[i] = (struct iovec){ batch->in_bytes[i], LIMIT_DNS_QUERY_BYTES };
        batch->in[i].msg_hdr = (struct msghdr){ .msg_name = &batch->peer[i],
                                                .msg_iov = &batch->in_vec[i],
                                                .msg_iovlen = 1,
                                                .msg_control = batch->control[i].bytes };
        reset_slot(batch, i);
    }
}

static void handle_datagram(struct dns_worker *worker, const struct udp_socket *socket, unsigned i)
{
    struct batch *batch = worker->batch;
    struct mmsghdr *in = &batch->in[i];
    struct dns_client client = { .fd = socket->fd,
                                 .peer = &batch->peer[i],
                                 .peer_len = in->msg_hdr.msg_namelen };
    if ((in->msg_hdr.msg_flags & MSG_TRUNC) != 0)
        return;
    if (socket->is_any)
        dns_control_read(&in->msg_hdr, &client.local);
    unsigned slot = batch->n_out;
    struct ke_buf room = KE_BUF_FIXED((char *)batch->out_bytes[slot], OUT_BYTES);
    struct ke_str message = ke_str_of((const char *)batch->in_bytes[i], in->msg_len);
    bool is_later = false;
    size_t n = answer(worker, message, &client, &room, &is_later);
    if (n == 0)
        return;
    batch->out_vec[slot] = (struct iovec){ batch->out_bytes[slot], n };
    batch->out[slot].msg_hdr = (struct msghdr){ .msg_name = &batch->peer[i],
                                                .msg_namelen = client.peer_len,
                                                .msg_iov = &batch->out_vec[slot],
                                                .msg_iovlen = 1 };
    if (socket->is_any)
        dns_control_write(&batch->out[slot].msg_hdr, &batch->control[i], &client.local);
    batch->n_out++;
}

static void send_batch(struct dns_worker *worker, int fd)
{
    struct batch *batch = worker->batch;
    unsigned sent = 0;
    while (sent < batch->n_out) {
        int n = sendmmsg(fd, batch->out + sent, batch->n_out - sent, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
            return;                      /* full: the clients ask again */
        sent += n > 0 ? (unsigned)n : 1; /* one that cannot be sent does not hold up the rest */
    }
}

static void on_datagrams(void *ctx, uint32_t events)
{
    struct udp_socket *socket = ctx;
    struct dns_worker *worker = socket->worker;
    struct batch *batch = worker->batch;
    (void)events;
    int n = recvmmsg(socket->fd, batch->in, BATCH, MSG_DONTWAIT, NULL);
    batch->n_out = 0;
    for (int i = 0; i < n; i++)
        handle_datagram(worker, socket, (unsigned)i);
    send_batch(worker, socket->fd);
    for (int i = 0; i < n; i++)
        reset_slot(batch, (unsigned)i);
}

/* ---- binding ---- */

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

/* is_any: the address asked is wanted with each. No fragments on a forged MTU (RFC 9715). */
static void set_udp_options(int fd, sa_family_t family, bool is_any)
{
    if (family == AF_INET6) {
        (void)set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT);
        (void)set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, is_any);
        return;
    }
    (void)set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
    (void)set_option(fd, IPPROTO_IP, IP_PKTINFO, is_any);
}

static bool is_any_address(const struct ke_endpoint *at)
{
    return at->ip.family == KE_FAMILY_NONE || ke_ip_is_unspecified(&at->ip);
}

/*
 * Bound, not yet listening; or -1. Only who shares the port with other workers sets SO_REUSEPORT,
 * and UDP never sets SO_REUSEADDR: another server's socket would be shared or robbed unnoticed.
 */
static int open_socket(const struct ke_endpoint *at, int type, bool is_shared, struct ke_err *err)
{
    struct ke_endpoint bind_at = *at;
    struct sockaddr_storage sa;
    if (bind_at.ip.family == KE_FAMILY_NONE)
        bind_at.ip.family = KE_FAMILY_IPV6; /* every address of both families */
    socklen_t len = ke_endpoint_to_sockaddr(&bind_at, &sa);
    int fd = socket(sa.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        (void)ke_fail_errno(err, errno, "socket");
        return -1;
    }
    if (is_shared)
        (void)set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (sa.ss_family == AF_INET6)
        (void)set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, at->ip.family != KE_FAMILY_NONE);
    if (type == SOCK_STREAM)
        (void)set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1); /* of our own past connections */
    else
        set_udp_options(fd, sa.ss_family, is_any_address(at));
    if (bind(fd, (const struct sockaddr *)&sa, len) != 0) {
        (void)ke_fail_errno(err, errno, "bind");
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* A socket of the worker. Where workers share, the first one looks who else may be there. */
static int open_listener(const struct dns_worker *worker, const struct ke_endpoint *at, int type,
                         struct ke_err *err)
{
    bool is_shared = worker->options.n_workers > 1;
    if (is_shared && worker->options.index == 0) {
        int probe = open_socket(at, type, false, err);
        if (probe < 0)
            return -1;
        (void)close(probe);
    }
    int fd = open_socket(at, type, is_shared, err);
    if (fd >= 0 && type == SOCK_STREAM && listen(fd, 128) != 0) {
        (void)ke_fail_errno(err, errno, "listen");
        (void)close(fd);
        return -1;
    }
    return fd;
}

static void close_listeners(struct dns_worker *worker)
{
    for (size_t i = 0; i < worker->n_sockets; i++) {
        ke_loop_fd_del(worker->sockets[i].watch);
        (void)close(worker->sockets[i].fd);
    }
    worker->n_sockets = 0;
    dns_tcp_free(worker->tcp);
    worker->tcp = NULL;
}

static bool bind_udp(struct dns_worker *worker, const struct ke_endpoint *at, struct ke_err *err)
{
    struct udp_socket *slot = &worker->sockets[worker->n_sockets];
    int fd = open_listener(worker, at, SOCK_DGRAM, err);
    if (fd < 0)
        return false;
    slot->worker = worker;
    slot->fd = fd;
    slot->is_any = is_any_address(at);
    slot->watch = ke_loop_fd_add(worker->loop, fd, EPOLLIN, on_datagrams, slot);
    if (slot->watch == NULL) {
        (void)close(fd);
        (void)ke_fail(err, KE_NOMEM, "out of memory");
        return false;
    }
    worker->n_sockets++;
    return true;
}

static bool bind_tcp(struct dns_worker *worker, const struct ke_endpoint *at, struct ke_err *err)
{
    int fd = open_listener(worker, at, SOCK_STREAM, err);
    if (fd < 0)
        return false;
    if (dns_tcp_listen(worker->tcp, fd))
        return true;
    (void)close(fd);
    (void)ke_fail(err, KE_NOMEM, "out of memory");
    return false;
}

static void describe_failure(struct dns_worker *worker, const struct ke_endpoint *at,
                             enum ke_proto proto, const struct ke_err *err, struct ke_buf *out)
{
    ke_buf_add_c(out, "cannot listen on ");
    ke_endpoint_format(at, out);
    ke_buf_addf(out, "/%s: %s", proto == KE_PROTO_UDP ? "udp" : "tcp", err->msg);
    size_t len = out->len;
    ke_buf_add_c(out, ": held by ");
    if (worker->options.find_holder == NULL ||
        !worker->options.find_holder(worker->options.find_holder_ctx, proto, at, out))
        out->len = len;
}

static bool bind_all(struct dns_worker *worker, struct ke_buf *why)
{
    struct ke_err err = KE_ERR_INIT;
    worker->tcp = dns_tcp_new(worker);
    if (worker->tcp == NULL) {
        ke_buf_add_c(why, "out of memory");
        return false;
    }
    for (size_t i = 0; i < worker->options.n_listen; i++) {
        const struct ke_endpoint *at = &worker->options.listen[i];
        bool has_udp = bind_udp(worker, at, &err);
        if (has_udp && bind_tcp(worker, at, &err))
            continue;
        describe_failure(worker, at, has_udp ? KE_PROTO_TCP : KE_PROTO_UDP, &err, why);
        close_listeners(worker);
        return false;
    }
    return true;
}

static void try_bind(void *ctx)
{
    struct dns_worker *worker = ctx;
    ke_auto_buf why = KE_BUF_INIT(1024);
    bool is_bound = bind_all(worker, &why);
    worker->options.on_bound(worker->options.on_bound_ctx, worker->options.index, is_bound,
                             ke_buf_str(&why));
    if (is_bound)
        return;
    worker->retry_ms = worker->retry_ms == 0 ? FIRST_RETRY_MS : worker->retry_ms * 2;
    worker->retry_ms = worker->retry_ms > MAX_RETRY_MS ? MAX_RETRY_MS : worker->retry_ms;
    ke_loop_timer_after(worker->retry,
                        (worker->retry_ms + ke_rand_below(worker->retry_ms / 2)) * KE_MS);
}

/* ---- life ---- */

static void run(void *ctx)
{
    struct dns_worker *worker = ctx;
    ke_snap_thread_register();
    ke_loop_run(worker->loop);
    /* Who still waits is told so while the sockets are open. */
    dns_forwarder_free(worker->forwarder);
    worker->forwarder = NULL;
    close_listeners(worker);
    ke_snap_thread_unregister();
}

enum ke_code dns_worker_new(const struct dns_worker_options *options, struct dns_worker **out,
                            struct ke_err *err)
{
    struct dns_worker *worker = ke_alloc(sizeof(*worker));
    if (worker == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    worker->options = *options;
    worker->batch = ke_alloc(sizeof(*worker->batch));
    if (worker->batch != NULL)
        init_batch(worker->batch);
    worker->loop = ke_loop_new(err);
    if (worker->loop != NULL)
        worker->retry = ke_loop_timer_new(worker->loop, try_bind, worker);
    struct dns_forwarder_options forwarder = { .loop = worker->loop,
                                               .fixed = options->upstreams,
                                               .files = options->files,
                                               .try_ms = options->timing.forward_try_ms,
                                               .own = options->listen,
                                               .n_own = options->n_listen };
    if (worker->retry != NULL)
        worker->forwarder = dns_forwarder_new(&forwarder);
    if (worker->forwarder == NULL || worker->batch == NULL) {
        dns_worker_free(worker);
        return ke_fail(err, KE_NOMEM, "out of memory");
    }
    *out = worker;
    return KE_OK;
}

enum ke_code dns_worker_start(struct dns_worker *worker, struct ke_err *err)
{
    return ke_thread_start(&worker->thread, "dns", run, worker, err);
}

bool dns_worker_bind(struct dns_worker *worker)
{
    return ke_loop_post(worker->loop, try_bind, worker);
}

void dns_worker_stop(struct dns_worker *worker)
{
    ke_loop_stop(worker->loop);
    ke_thread_join(&worker->thread);
}

void dns_worker_free(struct dns_worker *worker)
{
    if (worker == NULL)
        return;
    close_listeners(worker);
    dns_forwarder_free(worker->forwarder);
    ke_loop_timer_free(worker->retry);
    ke_loop_free(worker->loop);
    free(worker->batch);
    free(worker);
}
