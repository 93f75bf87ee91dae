/* SPDX-License-Identifier: Apache-2.0 */
/* Outstanding questions to upstream resolvers: UDP, then TCP where the reply was cut. One thread.
 */
#include "dns/forward.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/list.h"
#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "dns/relay.h"

#define RESOLV_CHECK_NS (5 * KE_S)
#define KEY_MAX         (DNS_NAME_MAX + 8)

struct waiter {
    dns_forward_fn *fn;
    void *ctx;
};

struct question {
    struct ke_list all;
    struct dns_forwarder *forwarder;
    uint8_t key[KEY_MAX]; /* lower-case name, type, class, flags */
    size_t key_len;
    uint8_t packet[DNS_NAME_MAX + 64];
    size_t packet_len;
    unsigned n_tries;
    size_t upstream; /* of this try */
    int fd;
    struct ke_loop_fd *watch;
    struct ke_loop_timer *timer;
    bool is_tcp;
    size_t sent;      /* TCP: of length and packet */
    struct ke_buf in; /* TCP */
    struct waiter *waiters;
    size_t n_waiters, cap_waiters;
};

struct dns_forwarder {
    struct dns_forwarder_options options;
    struct dns_upstreams upstreams;
    int64_t checked_ns;
    uint64_t resolv_stamp;
    struct ke_map *by_key;
    struct ke_list questions;
    size_t n_questions;
    size_t next_upstream; /* the one that answered last goes first */
};

static void try_next(struct question *question);

struct dns_forwarder *dns_forwarder_new(const struct dns_forwarder_options *options)
{
    struct dns_forwarder *forwarder = ke_alloc(sizeof(*forwarder));
    if (forwarder == NULL)
        return NULL;
    forwarder->options = *options;
    forwarder->upstreams = options->fixed;
    forwarder->by_key = ke_map_new();
    ke_list_init(&forwarder->questions);
    if (forwarder->by_key == NULL) {
        free(forwarder);
        return NULL;
    }
    return forwarder;
}

static void close_try(struct question *question)
{
    ke_loop_fd_del(question->watch);
    question->watch = NULL;
    if (question->fd >= 0)
        (void)close(question->fd);
    question->fd = -1;
    ke_buf_free(&question->in);
}

/* Nobody else can join it from now on. */
static void forget_key(struct question *question)
{
    if (question->key_len > 0)
        (void)ke_map_del(question->forwarder->by_key,
                         ke_str_of((const char *)question->key, question->key_len));
    question->key_len = 0;
}

static void free_question(struct question *question)
{
    struct dns_forwarder *forwarder = question->forwarder;
    close_try(question);
    ke_loop_timer_free(question->timer);
    forget_key(question);
    ke_list_remove(&question->all);
    forwarder->n_questions--;
    free(question->waiters);
    free(question);
}

/* resolv.conf is looked at again when it changed, at most every five seconds. */
static void refresh(struct dns_forwarder *forwarder)
{
    int64_t now = ke_loop_now(forwarder->options.loop);
    bool is_fresh = forwarder->checked_ns != 0 && now - forwarder->checked_ns < RESOLV_CHECK_NS;
    if (forwarder->options.fixed.n > 0 || is_fresh)
        return;
    bool is_first = forwarder->checked_ns == 0;
    forwarder->checked_ns = now;
    uint64_t stamp = dns_resolv_stamp(&forwarder->options.files);
    if (!is_first && (stamp == forwarder->resolv_stamp || stamp == 0))
        return; /* as it was, or gone: perhaps being replaced */
    forwarder->resolv_stamp = stamp;
    dns_resolv_read(&forwarder->options.files, forwarder->options.own, forwarder->options.n_own,
                    &forwarder->upstreams);
}

bool dns_forwarder_has_upstream(struct dns_forwarder *forwarder)
{
    refresh(forwarder);
    return forwarder->upstreams.n > 0;
}

static void finish(struct question *question, const uint8_t *reply, size_t len)
{
    if (reply != NULL)
        question->forwarder->next_upstream = question->upstream;
    close_try(question);
    forget_key(question); /* a waiter may ask the same again */
    for (size_t i = 0; i < question->n_waiters; i++)
        question->waiters[i].fn(question->waiters[i].ctx, reply, len);
    free_question(question);
}

void dns_forwarder_free(struct dns_forwarder *forwarder)
{
    if (forwarder == NULL)
        return;
    while (!ke_list_is_empty(&forwarder->questions))
        finish(KE_CONTAINER_OF(forwarder->questions.next, struct question, all), NULL, 0);
    ke_map_free(forwarder->by_key);
    free(forwarder);
}

static void start_timer(struct question *question)
{
    ke_loop_timer_after(question->timer, question->forwarder->options.try_ms * KE_MS);
}

/* ---- TCP ---- */

static void read_tcp(struct question *question)
{
    for (;;) {
        uint8_t *room = ke_buf_reserve(&question->in, 4096);
        ssize_t n = room != NULL ? read(question->fd, room, 4096) : -1;
        if (n < 0 && room != NULL && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            try_next(question);
            return;
        }
        question->in.len += (size_t)n;
        const uint8_t *bytes = (const uint8_t *)question->in.ptr;
        size_t want = question->in.len >= 2 ? ((size_t)bytes[0] << 8 | bytes[1]) + 2 : 2;
        if (question->in.len < want || want == 2)
            continue;
        if (!dns_reply_matches(bytes + 2, want - 2, question->packet, question->packet_len)) {
            try_next(question);
            return;
        }
        struct ke_buf whole = question->in; /* finish closes the try */
        question->in = (struct ke_buf)KE_BUF_INIT(LIMIT_DNS_TCP_BYTES + 8192);
        finish(question, (const uint8_t *)whole.ptr + 2, want - 2);
        ke_buf_free(&whole);
        return;
    }
}

static void write_tcp(struct question *question)
{
    uint8_t framed[sizeof(question->packet) + 2];
    framed[0] = (uint8_t)(question->packet_len >> 8);
    framed[1] = (uint8_t)question->packet_len;
    memcpy(framed + 2, question->packet, question->packet_len);
    size_t total = question->packet_len + 2;
    ssize_t n = send(question->fd, framed + question->sent, total - question->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        try_next(question);
        return;
    }
    question->sent += (size_t)n;
    if (question->sent == total && !ke_loop_fd_set(question->watch, EPOLLIN))
        try_next(question);
}

static void on_tcp(void *ctx, uint32_t events)
{
    struct question *question = ctx;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0)
        try_next(question);
    else if ((events & EPOLLOUT) != 0)
        write_tcp(question);
    else
        read_tcp(question);
}

/* ---- UDP ---- */

static bool open_try(struct question *question, bool is_tcp)
{
    struct dns_forwarder *forwarder = question->forwarder;
    const struct ke_endpoint *at = &forwarder->upstreams.items[question->upstream];
    struct sockaddr_storage sa;
    socklen_t len = ke_endpoint_to_sockaddr(at, &sa);
    close_try(question);
    question->is_tcp = is_tcp;
    question->sent = 0;
    question->fd =
        socket(sa.ss_family, (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (question->fd < 0)
        return false;
    return connect(question->fd, (const struct sockaddr *)&sa, len) == 0 || errno == EINPROGRESS;
}

static void go_tcp(struct question *question)
{
    start_timer(question);
    if (open_try(question, true))
        question->watch = ke_loop_fd_add(question->forwarder->options.loop, question->fd, EPOLLOUT,
                                         on_tcp, question);
    if (question->watch == NULL)
        try_next(question);
}

/* Another upstream may know better, as resolver libraries see it. */
static bool is_refusal(const uint8_t *reply)
{
    unsigned rcode = reply[3] & 0x0fU;
    return rcode == DNS_SERVFAIL || rcode == DNS_NOTIMP || rcode == DNS_REFUSED;
}

static void on_udp(void *ctx, uint32_t events)
{
    struct question *question = ctx;
    uint8_t reply[4096];
    (void)events;
    for (;;) {
        ssize_t n = recv(question->fd, reply, sizeof(reply), MSG_TRUNC); /* the whole length */
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n < 0) {
            try_next(question); /* port unreachable and the like */
            return;
        }
        bool is_cut = (size_t)n > sizeof(reply);
        size_t len = is_cut ? sizeof(reply) : (size_t)n;
        if (!dns_reply_matches(reply, len, question->packet, question->packet_len))
            continue; /* forged or late: the true one may still come */
        if (is_cut || (reply[2] & 0x02) != 0)
            go_tcp(question);
        else if (is_refusal(reply) && question->n_tries < question->forwarder->upstreams.n &&
                 question->n_tries < LIMIT_DNS_FORWARD_TRIES)
            try_next(question);
        else
            finish(question, reply, len);
        return;
    }
}

static void on_timeout(void *ctx)
{
    try_next(ctx);
}

/* One more try at the next upstream; out of tries: nobody answered. */
static void try_next(struct question *question)
{
    struct dns_forwarder *forwarder = question->forwarder;
    close_try(question);
    while (question->n_tries < LIMIT_DNS_FORWARD_TRIES && forwarder->upstreams.n > 0) {
        question->upstream =
            (forwarder->next_upstream + question->n_tries) % forwarder->upstreams.n;
        question->n_tries++;
        ke_rand_secure(question->packet, 2); /* the ID */
        if (open_try(question, false) && send(question->fd, question->packet, question->packet_len,
                                              0) == (ssize_t)question->packet_len)
            question->watch =
                ke_loop_fd_add(forwarder->options.loop, question->fd, EPOLLIN, on_udp, question);
        if (question->watch != NULL) {
            start_timer(question);
            return;
        }
        close_try(question);
    }
    finish(question, NULL, 0);
}

static void on_first_try(void *ctx)
{
    struct question *question = ctx;
    if (question->n_tries > 0) {
        on_timeout(question);
        return;
    }
    try_next(question);
}

static struct question *new_question(struct dns_forwarder *forwarder, const struct dns_ask *ask,
                                     struct ke_str key)
{
    struct question *question = ke_alloc(sizeof(*question));
    if (question == NULL)
        return NULL;
    question->forwarder = forwarder;
    question->fd = -1;
    question->in = (struct ke_buf)KE_BUF_INIT(LIMIT_DNS_TCP_BYTES + 8192);
    memcpy(question->key, key.ptr, key.len);
    question->key_len = key.len;
    question->packet_len = dns_ask_write(ask, question->packet, sizeof(question->packet));
    question->timer = ke_loop_timer_new(forwarder->options.loop, on_first_try, question);
    if (question->timer == NULL || question->packet_len == 0 ||
        !ke_map_set(forwarder->by_key, key, question, NULL)) {
        ke_loop_timer_free(question->timer);
        free(question);
        return NULL;
    }
    ke_list_append(&forwarder->questions, &question->all);
    forwarder->n_questions++;
    return question;
}

static size_t make_key(const struct dns_ask *ask, uint8_t key[KEY_MAX])
{
    struct dns_name name;
    size_t end = 0;
    if (!dns_name_read(ask->name_wire, ask->name_len, 0, &name, &end))
        return 0;
    memcpy(key, name.wire, name.len);
    const uint8_t rest[] = { (uint8_t)(ask->type >> 8), (uint8_t)ask->type,
                             (uint8_t)(ask->rr_class >> 8), (uint8_t)ask->rr_class,
                             (uint8_t)((ask->has_opt ? 1 : 0) | (ask->is_do ? 2 : 0) |
                                       (ask->is_cd ? 4 : 0)) };
    memcpy(key + name.len, rest, sizeof(rest));
    return name.len + sizeof(rest);
}

static bool add_waiter(struct question *question, dns_forward_fn *fn, void *ctx)
{
    void *waiters = question->waiters;
    if (question->n_waiters == LIMIT_DNS_WAITERS)
        return false;
    if (!ke_grow(&waiters, &question->cap_waiters, question->n_waiters + 1,
                 sizeof(struct waiter))) {
        if (question->n_waiters == 0)
            free_question(question);
        return false;
    }
    question->waiters = waiters;
    question->waiters[question->n_waiters++] = (struct waiter){ fn, ctx };
    return true;
}

bool dns_forward(struct dns_forwarder *forwarder, const struct dns_ask *ask, dns_forward_fn *fn,
                 void *ctx)
{
    uint8_t key_bytes[KEY_MAX];
    size_t key_len = make_key(ask, key_bytes);
    struct ke_str key = ke_str_of((const char *)key_bytes, key_len);
    if (key_len == 0 || !dns_forwarder_has_upstream(forwarder))
        return false;
    struct question *question = ke_map_get(forwarder->by_key, key);
    if (question == NULL && forwarder->n_questions < LIMIT_DNS_FORWARDS)
        question = new_question(forwarder, ask, key);
    if (question == NULL || !add_waiter(question, fn, ctx))
        return false;
    if (question->n_waiters == 1)
        ke_loop_timer_after(question->timer, 0); /* never calls back from in here */
    return true;
}
