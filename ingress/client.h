/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INGRESS_CLIENT_H
#define INGRESS_CLIENT_H
/*
 * A client connection and the request it is in. client.c owns its life, exchange.c the way of one
 * request to an endpoint and back. Every callback ends in ingress_client_settle, the only place
 * that frees. The worker's thread.
 */
#include "ingress/head.h"
#include "ingress/worker.h"

enum ingress_client_state {
    INGRESS_CLIENT_HANDSHAKE, /* TLS */
    INGRESS_CLIENT_HEAD,      /* waiting for a request, or in the middle of its head */
    INGRESS_CLIENT_EXCHANGE,  /* one request on its way */
    INGRESS_CLIENT_FLUSH,     /* last words, then the end */
    INGRESS_CLIENT_LINGER,    /* said all; what still comes is dropped, so that the words arrive */
    INGRESS_CLIENT_DEAD
};

/* What the deadline is for. */
enum ingress_wait {
    INGRESS_WAIT_HANDSHAKE,
    INGRESS_WAIT_IDLE,
    INGRESS_WAIT_HEAD,
    INGRESS_WAIT_CONNECT,
    INGRESS_WAIT_RESPONSE, /* on the endpoint: to take the request, to answer, to go on */
    INGRESS_WAIT_STALL,    /* on the client: to send its body, to take the response */
    INGRESS_WAIT_LINGER
};

/* A body as it passes. */
struct ingress_body {
    enum http_framing framing;
    uint64_t left;               /* LENGTH */
    struct http_chunked chunked; /* CHUNKED */
    uint64_t seen;
    bool is_done;
};

struct ingress_client {
    struct ke_list all;
    struct ingress_worker *worker;
    struct ingress_stream stream;
    enum ingress_client_state state;
    struct ke_ip peer;
    uint16_t port;
    bool is_tls;
    struct ke_loop_timer *timer;
    int64_t timer_at_ns; /* the timer is armed for then, at the latest for the deadline */
    int64_t deadline_ns;
    enum ingress_wait wait;
    bool is_held;    /* requests wait until answers have gone */
    size_t n_parsed; /* bytes of an unfinished head that were looked at */

    /* the request */
    unsigned minor;
    bool is_keep_alive;
    bool is_head;
    bool is_idempotent;
    bool expects_continue;
    struct ingress_body request;
    struct ingress_destination to;
    struct ingress_tried tried;
    unsigned lost_status; /* what to answer when no endpoint is left to try */
    struct ke_buf head;   /* the request's head for the endpoint, kept while it may be sent again */

    /* the response */
    struct ingress_upstream_conn *upstream; /* NULL: none (yet) */
    bool has_response;                      /* its head went to the client */
    bool is_chunked_out;
    bool is_upstream_reusable;
    struct ingress_body response;
};

void ingress_client_accept(struct ingress_listener *listener, int fd,
                           const struct ke_endpoint *peer);
/* Everything that can be done with what is in the buffers, then settles. */
void ingress_client_advance(struct ingress_client *client);
/* The worker is going: an idle connection ends, one with a request on its way ends after it. */
void ingress_client_drain(struct ingress_client *client);
/* Interest, deadlines, memory, or the end. */
void ingress_client_settle(struct ingress_client *client);
void ingress_client_free(struct ingress_client *client);
void ingress_client_set_wait(struct ingress_client *client, enum ingress_wait wait);
/* An answer of our own, and what follows from it. */
void ingress_client_answer(struct ingress_client *client, unsigned status, bool is_close);
/* The exchange is over: the next request, or the end. */
void ingress_client_next(struct ingress_client *client);

/* exchange.c */
/* Copies the target: in a read section of the routes. False: it is no Service. */
bool ingress_exchange_set_target(struct ingress_client *client,
                                 const struct ingress_target *target);
/* head was parsed; its bytes are still in client->stream.in. */
void ingress_exchange_begin(struct ingress_client *client, const struct http_head *head,
                            struct ke_str path);
/* Moves what can be moved in both directions. */
void ingress_exchange_pump(struct ingress_client *client);
void ingress_exchange_timeout(struct ingress_client *client);
void ingress_exchange_abort(struct ingress_client *client); /* drops the upstream */
/* ke_loop_fd_fn of upstream connections; ctx is the connection. */
void ingress_exchange_on_upstream(void *ctx, uint32_t events);

#endif
