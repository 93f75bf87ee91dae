/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_SERVER_IMPL_H
#define CORE_API_SERVER_IMPL_H
/*
 * The inside of struct api_server, for the files of core/api only. Immutable between start and
 * stop but for what says so.
 */
#include <stdatomic.h>

#include "core/api/docs.h"
#include "core/api/request.h"
#include "core/api/server.h"
#include "core/api/shard.h"
#include "core/base/metrics.h"

#define API_MAX_LOOPS  8
#define API_MAX_LISTEN 8
#define API_MAX_JOBS   4  /* traces at a time */
#define API_LOCAL_FDS  32 /* of the budget, for clients of the unix socket alone */

struct api_acceptor; /* core/api/acceptor.h */
struct api_verifier; /* core/api/verify.h */

/* A trace at work: its thread is joined when the slot is used again, or at the end. */
struct api_job {
    struct ke_thread thread;
    _Atomic int state; /* 0 free, 1 running, 2 finished: to be joined */
    struct api_server *server;
    struct api_request *request;
};

struct api_server {
    struct api_options options; /* texts and arrays copied into arena */
    struct ke_arena *arena;
    struct api_docs_options docs_options;
    pthread_mutex_t docs_lock; /* guards docs */
    struct api_docs *docs;     /* of the newest catalog anyone has asked for */
    struct api_shard *shards;
    unsigned n_shards;
    atomic_uint next_shard;
    struct api_acceptor *acceptor;
    struct api_verifier *verifier;
    struct tls_context *proxy_tls; /* to servers behind the proxy: verifies nothing */
    unsigned fd_budget;
    atomic_uint fds_used;
    atomic_uint n_waiting;     /* requests whose work another thread does */
    atomic_bool is_stopping;   /* refuses new work */
    pthread_mutex_t jobs_lock; /* guards the choice of a slot in jobs */
    struct api_job jobs[API_MAX_JOBS];
    struct api_flow *flow;
    struct api_metrics *metrics;
    struct ke_metric *requests_failed, *watchers, *connections;
    struct ke_metric *dropped[API_FLOW_KINDS]; /* requests refused: too many at a time */
    int64_t started_s;
};

/* Takes n descriptors of the budget when n_left are free after it; false: full. */
bool api_server_take_fds(struct api_server *server, unsigned n, unsigned n_left);
void api_server_give_fds(struct api_server *server, unsigned n);
struct api_shard *api_server_pick_shard(struct api_server *server);

/* authorize.c: May it? Asked of the authoriser; answers 403 when not. */
bool api_ask(struct api_request *request, const struct auth_attributes *asked);
/* The same about the request itself. */
bool api_authorize(struct api_request *request);

/* A reference to the documents of what is served now. */
struct api_docs *api_server_docs(struct api_server *server);

/* Handlers. */
void api_handle_path(struct api_request *request);   /* not a resource */
void api_handle_get(struct api_request *request);    /* get */
void api_handle_list(struct api_request *request);   /* list */
void api_handle_watch(struct api_request *request);  /* watch */
void api_handle_write(struct api_request *request);  /* create update patch delete... */
void api_handle_kedge(struct api_request *request);  /* /kedge/v1/... */
void api_handle_health(struct api_request *request); /* /healthz /livez /readyz */
void api_handle_componentstatus(struct api_request *request);

/* Ends every watch of the shard; on its loop. */
void api_watches_end(struct api_shard *shard);
/* Waits for the traces at work and joins their threads. */
void api_jobs_join(struct api_server *server);

#endif
