/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_REQUEST_H
#define CORE_API_REQUEST_H
/*
 * One HTTP request, from its first line to its answer. Lives on one API loop; a request that waits
 * (for a commit, for a trace) is suspended there and resumed by whoever finishes its work.
 */
#include "core/api/flow.h"
#include "core/api/metrics.h"
#include "core/api/negotiate.h"
#include "core/api/shard.h"
#include "core/api/status.h"
#include "core/api/style.h"
#include "core/api/target.h"

enum api_phase {
    API_PHASE_HEAD,   /* receiving the head */
    API_PHASE_BODY,   /* receiving the body */
    API_PHASE_STREAM, /* dispatched; its body goes to `stream` as it comes */
    API_PHASE_WORK,   /* dispatched; answered, or waiting */
};

enum api_wait { API_WAIT_NONE, API_WAIT_SUSPENDED, API_WAIT_DONE };

struct api_request;
typedef void api_request_fn(struct api_request *request);

/* Who takes a body as it comes, and answers behind it. */
struct api_request_stream {
    /* Bytes taken; fewer than len, or len 0 (the end) without an answer: it has suspended the
     * connection, and is asked again when that is resumed. */
    size_t (*on_body)(struct api_request *request, const char *ptr, size_t len);
    bool (*is_waiting)(const struct api_request *request); /* there will be an answer */
    void (*on_free)(struct api_request *request);          /* there was none, and will not be */
};

/* All that a request allocates for its own work. */
#define API_ARENA_BYTES (1U << 20)

struct api_request {
    struct api_server *server;
    struct api_shard *shard;
    struct api_conn *conn;
    struct MHD_Connection *mhd;
    struct ke_arena *arena;
    enum api_phase phase;
    bool is_queued; /* an answer is on its way */
    bool is_over;   /* which may take hours and needs nothing of the request: free it now */
    bool is_too_large;
    bool is_crowded; /* strangers sent too much at a time: its body is thrown away */
    bool is_lost;    /* its client left as it was resumed: answers go nowhere */
    struct ke_str uri, method;
    struct ke_buf body;
    size_t stranger_bytes; /* of it that count against those of the shard */
    int64_t started_ns;

    struct api_target target;
    struct api_query query;
    const struct auth_user *user;         /* whose rights count */
    const struct auth_user *impersonator; /* who acts as that one; NULL: nobody */
    struct api_docs *docs;                /* api_request_docs; a reference */
    struct ke_str verb;                   /* as the authoriser knows it */
    const struct model_kind *kind;
    const struct model_version *version;
    const struct model_subresource *subresource;
    struct api_accept accept;
    const struct ke_str *warnings;
    size_t n_warnings;

    unsigned http;                   /* the status answered; 0: none yet */
    struct api_flow_user *flow_user; /* counted among the requests under way; NULL: not */
    enum api_flow_kind flow_kind;
    bool is_last;             /* of its connection, which is closed behind the answer */
    bool has_cache_control;   /* the answer says itself how long it lasts */
    bool has_waited;          /* for a revision: not a second time */
    _Atomic int wait;         /* enum api_wait */
    struct api_waiter waiter; /* resumes it on the loop */
    api_request_fn *on_done;  /* on the loop, when the work is done */
    void *work;               /* of the handler that waits */
    const struct api_request_stream *stream; /* NULL: the body is collected first */
    struct api_audit *audit;                 /* owned; NULL: not audited */
};

/* Header of the request; empty when absent. */
struct ke_str api_request_header(const struct api_request *request, const char *name);

/*
 * Waiting: start, hand the work to another thread, settle. That thread calls finish once, maybe
 * before settle is reached; on_done then runs on the loop and must answer.
 */
void api_request_start_wait(struct api_request *request, api_request_fn *on_done);
void api_request_settle(struct api_request *request);
void api_request_finish(struct api_request *request); /* any thread; request is gone after it */

/* What its metrics go by. code 0: as something that goes on. */
struct api_series_key api_request_series(const struct api_request *request, unsigned code);

/* The documents of what is served; the same for the whole request. */
struct api_docs *api_request_docs(struct api_request *request);

/* Answers. Each queues one; when memory fails the connection is closed. body is given. */
void api_respond(struct api_request *request, unsigned http, const char *type, struct ke_buf *body);
void api_respond_str(struct api_request *request, unsigned http, const char *type,
                     struct ke_str body);
/* How this client wants its JSON written. */
enum api_style api_request_style(const struct api_request *request);
/* JSON text, written so. body is given. */
void api_respond_json(struct api_request *request, unsigned http, struct ke_buf *body);
void api_respond_status(struct api_request *request, const struct api_status *status);
/* A printed Status, given: *text is NULL afterwards. */
void api_respond_status_text(struct api_request *request, unsigned http, uint32_t retry_after_s,
                             char **text, size_t len);
void api_respond_error(struct api_request *request, enum ke_code code, const struct ke_err *err);
/* The same with the fixed text of a code. */
void api_respond_code(struct api_request *request, enum ke_code code, const char *message);
/* reason: of the authoriser, may be empty. */
void api_respond_forbidden(struct api_request *request, const struct auth_attributes *asked,
                           struct ke_str reason);
void api_respond_not_acceptable(struct api_request *request, enum api_negotiated why,
                                const char *types);
/* response is given; NULL closes the connection. */
void api_respond_with(struct api_request *request, unsigned http, const char *type,
                      struct MHD_Response *response);
/* gzip is asked for and worth it. */
bool api_wants_gzip(const struct api_request *request, size_t body_len);

/* The callbacks of libmicrohttpd. */
void *api_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result api_on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_len, void **req_cls);
void api_on_completed(void *cls, struct MHD_Connection *mhd, void **req_cls,
                      enum MHD_RequestTerminationCode why);

/* NULL is fine. Its connection knows it no more. */
void api_request_free(struct api_request *request);

/* Behind the head and body: who, what, and the handler. */
void api_dispatch(struct api_request *request);

#endif
