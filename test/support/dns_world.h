/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_DNS_WORLD_H
#define TEST_SUPPORT_DNS_WORLD_H
/*
 * A whole DNS server on loopback over a small table, an upstream that the test plays on a thread of
 * its own, and clients over UDP and TCP. What the upstream does is said by the first label of the
 * name: ok, big (cut over UDP), hold (answers when released). One thread; what fails is asserted.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "core/base/limits.h"
#include "dns/dns.h"
#include "dns/wire.h"

#define DNS_WORLD_DEADLINE_MS 5000
#define DNS_WORLD_MANY        200 /* addresses of the Service "many" */
#define DNS_WORLD_TC          1

struct dns_upstream {
    struct ke_endpoint at;
    int udp, tcp, wake;
    pthread_t thread;
    _Atomic unsigned n_held;
    _Atomic bool is_released, is_over;
    struct held {
        uint8_t bytes[600];
        size_t len;
        struct sockaddr_storage from;
        socklen_t from_len;
    } held[16];
};

struct dns_world {
    struct endpoint_table *table;
    struct report *report;
    struct dns_server *server;
    struct dns_upstream upstream;
    struct ke_endpoint at;
    int held_fd; /* counts on_held(true) */
    _Atomic int n_held, n_not_held;
};

struct dns_wish {
    bool has_no_upstream;
    unsigned n_threads;
    const char *listen; /* "127.0.0.1" */
    int64_t try_ms, idle_ms;
    struct ke_endpoint at; /* port 0: a free one */
};

struct dns_sent {
    uint8_t bytes[300];
    size_t len;
};

struct dns_got {
    uint8_t bytes[LIMIT_DNS_TCP_BYTES];
    size_t len;
};

/* A bound socket; -1: the address is taken. */
int dns_world_open_at(const struct ke_endpoint *at, int type);
int dns_world_connect_to(const struct ke_endpoint *at, int type);
bool dns_world_is_readable(int fd, int timeout_ms);
/* A port of 127.0.0.1 that is free for UDP and TCP. */
struct ke_endpoint dns_world_free_port(void);
/* What it holds is answered now, and from now on at once. */
void dns_world_upstream_release(struct dns_upstream *upstream);
void dns_world_await_held(const struct dns_upstream *upstream, unsigned n);
void dns_world_await_serving(struct dns_world *bench);
/* Started, maybe not serving yet. */
void dns_world_prepare(struct dns_world *bench, const struct dns_wish *wish);
/* Started and serving. */
void dns_world_make(struct dns_world *bench, const struct dns_wish *wish);
void dns_world_drop(struct dns_world *bench);
/* The text's case is kept. */
struct dns_sent dns_world_question_for(const char *text, uint16_t type);
void dns_world_take_datagram(int fd, struct dns_got *reply);
void dns_world_say(int fd, const struct dns_sent *question);
void dns_world_ask_udp(struct dns_world *bench, const struct dns_sent *question,
                       struct dns_got *reply);
void dns_world_take_message(int fd, struct dns_got *reply);
size_t dns_world_frame(const struct dns_sent *question, uint8_t *out);
void dns_world_say_tcp(int fd, const struct dns_sent *question);
void dns_world_ask_tcp(struct dns_world *bench, const struct dns_sent *question,
                       struct dns_got *reply);
void dns_world_assert_closed(int fd);
/* flags: DNS_WORLD_TC or 0. */
void dns_world_assert_reply(const struct dns_got *reply, const struct dns_sent *question,
                            enum dns_rcode rcode, unsigned n_answers, unsigned flags);
/* Says how long an answer over UDP may be. */
void dns_world_add_opt(struct dns_sent *question, unsigned size);

#endif
