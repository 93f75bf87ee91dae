/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_SHARD_H
#define CORE_API_SHARD_H
/*
 * An API loop: one thread, one event loop and one libmicrohttpd daemon in external epoll mode, and
 * everything that lives on it: connections, TLS bridges, requests, watches. Only api_shard_give,
 * api_shard_wake and api_shard_stop may be called from other threads.
 */
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "core/api/auth.h"
#include "core/base/addr.h"
#include "core/base/list.h"
#include "core/base/loop.h"
#include "core/base/thread.h"

struct api_bridge;
struct api_request;
struct api_server;
struct api_wire;

#define API_SCRATCH_BYTES 16384 /* as a TLS record */

/* Memory of a connection in libmicrohttpd: request head and answer buffer. */
#define API_CONNECTION_MEMORY 8192
/* A connection that is silent for so long is closed; watches are exempt while they wait. */
#define API_IDLE_S 120
/* A client that takes nothing of its last answer for so long is cut off. */
#define API_STALL_MS 10000
/* From the first byte to the end of a request's head, and of its body. */
#define API_SLOW_REQUEST_MS 30000

struct api_conn {
    struct ke_list link;
    struct ke_list stranger_link; /* among the strangers, while nobody knows who it is */
    struct api_shard *shard;
    struct api_identity *identity; /* NULL: anonymous */
    struct api_audit *audit;       /* of an answer that outlives its request; NULL: none */
    int fd;                        /* the one libmicrohttpd has */
    unsigned n_fds;                /* descriptors it costs */
    struct ke_ip peer;             /* of the client; no family: on the unix socket */
    int64_t deadline_ns;           /* of the request being received; 0: none */
    bool is_started;               /* libmicrohttpd has told us of it, and will of its end */
    struct api_wire *wire;         /* it has been, or will be, upgraded; NULL: not */
    struct api_request *request; /* being received or answered; NULL: none, or its watch goes on */
};

/* Something that wants its turn on the loop: embedded, woken from any thread. */
struct api_waiter {
    struct ke_list link; /* in the shard's woken list */
    bool is_woken;
    void (*run)(struct api_waiter *waiter); /* on the loop */
};

/* An answer that goes on for as long as it likes: embedded, told when the server stops. */
struct api_ongoing {
    struct ke_list link; /* of the shard */
    void (*end)(struct api_ongoing *ongoing);
};

struct api_shard {
    struct api_server *server;
    struct ke_loop *loop;
    struct MHD_Daemon *daemon;
    struct ke_thread thread;
    struct ke_loop_fd *daemon_watch;
    struct ke_loop_fd *wake_watch;
    struct ke_loop_timer *sweep; /* slow requests */
    struct ke_list conns;
    struct ke_list strangers; /* connections without a known user, the longest idle first */
    unsigned n_strangers;
    size_t stranger_bytes; /* of large bodies that they are sending */
    struct ke_list bridges;
    struct ke_list watches;
    struct ke_list wires;   /* upgraded connections */
    struct ke_list ongoing; /* answers that go on */
    struct ke_list waits;   /* requests that wait for a runtime (core/api/stream) */
    struct ke_loop_timer *watch_timer;
    int64_t watch_next_ns; /* when watch_timer fires; INT64_MAX: not armed */
    atomic_bool is_stopping;
    bool is_sweeping;
    bool is_ending; /* on the loop: no new watches, end all */
    int wake_fd;
    pthread_mutex_t wake_lock; /* guards woken and every waiter's is_woken */
    struct ke_list woken;
    char scratch[API_SCRATCH_BYTES];
};

enum ke_code api_shard_init(struct api_shard *shard, struct api_server *server, unsigned max_conns,
                            struct ke_err *err) KE_MUST_CHECK;
enum ke_code api_shard_start(struct api_shard *shard, const char *name,
                             struct ke_err *err) KE_MUST_CHECK;
/* Asks the loop to end; then join. Any thread. */
void api_shard_stop(struct api_shard *shard);
void api_shard_deinit(struct api_shard *shard);

/* A new client. fd, session (NULL: plain) and identity (NULL: anonymous) are given. Any thread. */
void api_shard_give(struct api_shard *shard, int fd, struct tls_session *session,
                    struct api_identity *identity);
void api_shard_wake(struct api_shard *shard, struct api_waiter *waiter); /* any thread */
/* No run after it returns. On the loop. */
void api_shard_forget(struct api_shard *shard, struct api_waiter *waiter);

/* Between these a client has API_SLOW_REQUEST_MS to get its request across. On the loop. */
void api_conn_begin_request(struct api_conn *conn);
void api_conn_end_request(struct api_conn *conn);

/* Its user is known: it is not closed in favour of others any more. On the loop. */
void api_conn_prove(struct api_conn *conn);

/* Looks at all clients once a second while one of them has a deadline. On the loop. */
void api_shard_arm_sweep(struct api_shard *shard);

/* The TLS side of a connection: moves bytes between the session and a socket pair. fd and session
 * are given, and two descriptors of the budget; returns the end for libmicrohttpd, or -1. On the
 * loop. */
int api_bridge_open(struct api_shard *shard, int fd, struct tls_session *session);
/* Closes those whose client does not take what is left for it. True: some may still. */
bool api_bridges_sweep(struct api_shard *shard, int64_t now_ns);
void api_bridge_close_all(struct api_shard *shard);

#endif
