/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd's callbacks: collects head and body, hands the request to the dispatcher, suspends
 * and resumes it while it waits. On its API loop, but for api_request_finish.
 */
#include "core/api/request.h"

#include "core/api/audit.h"
#include "core/api/proxy/proxy.h"
#include "core/api/server_impl.h"
#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

/* A body up to this is read to its end, though it is refused. */
#define API_THROWN_AWAY_BYTES (32U << 20)

static struct api_conn *conn_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info != NULL ? info->socket_context : NULL;
}

struct ke_str api_request_header(const struct api_request *request, const char *name)
{
    return ke_str_c(MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name));
}

void api_request_free(struct api_request *request)
{
    if (request == NULL) {
        return;
    }
    request->conn->request = NULL;
    if (request->stream != NULL && request->work != NULL) {
        request->stream->on_free(request);
    }
    api_audit_end(request->audit, request);
    api_docs_unref(request->docs);
    if (request->flow_user != NULL) {
        api_flow_leave(request->server->flow, request->flow_kind, request->flow_user);
    }
    ke_buf_free(&request->body);
    request->shard->stranger_bytes -= request->stranger_bytes;
    ke_arena_free(request->arena);
    free(request);
}

struct api_docs *api_request_docs(struct api_request *request)
{
    if (request->docs == NULL) {
        request->docs = api_server_docs(request->server);
    }
    return request->docs;
}

void *api_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct api_shard *shard = cls;
    struct api_conn *conn = conn_of(mhd);
    struct api_request *request = ke_alloc(sizeof(*request));
    if (request == NULL || conn == NULL) {
        free(request);
        return NULL;
    }
    request->server = shard->server;
    request->shard = shard;
    request->conn = conn;
    conn->request = request;
    request->mhd = mhd;
    request->body.max = LIMIT_REQUEST_BODY_BYTES;
    request->started_ns = ke_now_ns();
    request->arena = ke_arena_new(API_ARENA_BYTES);
    if (request->arena != NULL) {
        request->uri = ke_arena_str(request->arena, ke_str_c(uri));
    }
    if (request->uri.ptr == NULL) {
        api_request_free(request);
        return NULL;
    }
    api_conn_begin_request(conn);
    return request;
}

/* The work is done: answers. */
static void end_wait(struct api_request *request)
{
    atomic_store(&request->wait, API_WAIT_NONE);
    atomic_fetch_sub(&request->server->n_waiting, 1);
    request->on_done(request);
}

static void refuse_body(struct api_request *request)
{
    struct ke_err err;
    if (request->is_crowded) {
        api_respond_code(request, KE_LIMIT, "too many requests, please try again later");
        return;
    }
    (void)ke_fail(&err, KE_TOO_LARGE, "Request entity too large: limit is %u",
                  LIMIT_REQUEST_BODY_BYTES);
    api_respond_error(request, KE_TOO_LARGE, &err);
}

/* Dispatched at its head: answered, taken on, or who asks is yet to be verified. */
static enum MHD_Result begun_stream(const struct api_request *request)
{
    bool is_good = request->is_queued || request->stream != NULL ||
                   atomic_load(&request->wait) != API_WAIT_NONE;
    return is_good ? MHD_YES : MHD_NO;
}

/* The head is there. */
static enum MHD_Result begin_body(struct api_request *request, const char *method)
{
    uint64_t body_len = 0;
    request->phase = API_PHASE_BODY;
    request->method = ke_arena_str(request->arena, ke_str_c(method));
    if (request->method.ptr == NULL) {
        return MHD_NO;
    }
    struct ke_str length = api_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (length.ptr != NULL &&
        api_request_header(request, MHD_HTTP_HEADER_TRANSFER_ENCODING).ptr != NULL) {
        /* One of the two is a lie: what follows may be meant as another's request (RFC 9112 6.1).
         */
        request->phase = API_PHASE_WORK;
        request->is_last = true;
        api_respond_code(request, KE_MALFORMED, "both Content-Length and Transfer-Encoding");
        return request->is_queued ? MHD_YES : MHD_NO;
    }
    if (api_is_proxy_uri(request->uri, request->arena)) {
        request->phase = API_PHASE_STREAM;
        api_conn_end_request(request->conn); /* it may take as long as it goes on */
        api_dispatch(request);
        return begun_stream(request);
    }
    if (length.len > 0 && ke_str_to_u64(length, UINT64_MAX, &body_len) &&
        body_len > LIMIT_REQUEST_BODY_BYTES) {
        /* Most clients look for an answer behind their body only: a little more is thrown away. */
        request->is_too_large = true;
        bool is_asking = api_request_header(request, MHD_HTTP_HEADER_EXPECT).len > 0;
        if (is_asking || body_len > API_THROWN_AWAY_BYTES) {
            request->phase = API_PHASE_WORK;
            refuse_body(request);
            return request->is_queued ? MHD_YES : MHD_NO;
        }
    }
    return MHD_YES;
}

/* Who asks is known when the body is there: until then all of them together may send so much. */
static bool has_room(struct api_request *request, size_t len)
{
    size_t n = request->body.len + len;
    if (ke_list_is_empty(&request->conn->stranger_link) || n <= LIMIT_STRANGER_BODY_BYTES) {
        return true;
    }
    size_t others = request->shard->stranger_bytes - request->stranger_bytes;
    if (others + n > LIMIT_STRANGER_BYTES) {
        return false;
    }
    request->shard->stranger_bytes = others + n;
    request->stranger_bytes = n;
    return true;
}

static enum MHD_Result take_body(struct api_request *request, const char *upload, size_t *len)
{
    if (!request->is_too_large && !request->is_crowded && !has_room(request, *len)) {
        request->is_crowded = true;
        ke_buf_free(&request->body);
        request->shard->stranger_bytes -= request->stranger_bytes;
        request->stranger_bytes = 0;
    }
    if (!request->is_too_large && !request->is_crowded) {
        ke_buf_add(&request->body, upload, *len);
        request->is_too_large = request->body.failed == KE_TOO_LARGE;
    }
    *len = 0;
    return request->body.failed == KE_NOMEM ? MHD_NO : MHD_YES;
}

struct api_series_key api_request_series(const struct api_request *request, unsigned code)
{
    const struct api_target *target = &request->target;
    const char *scope = "";
    if (request->kind != NULL) {
        scope = target->name.len > 0 ? "resource" : target->ns.len > 0 ? "namespace" : "cluster";
    }
    return (struct api_series_key){
        .kind = request->kind,
        .version = request->version,
        .sub = request->subresource,
        .verb =
            api_metrics_verb(request->kind != NULL ? request->verb : KE_STR(""), request->method),
        .scope = scope,
        .is_dry_run = api_query_get(&request->query, "dryRun").len > 0,
        .code = code,
    };
}

static void count_request(const struct api_request *request)
{
    struct api_series_key key = api_request_series(request, request->http);
    if (request->http != 0) {
        api_metrics_count(request->server->metrics, &key, ke_now_ns() - request->started_ns);
    }
}

/* True: answered, or it will be. */
static bool stream_body(struct api_request *request, const char *upload, size_t *len)
{
    if (request->stream == NULL || request->work == NULL) {
        *len = 0; /* answered at its head: what follows is thrown away */
        return request->is_queued;
    }
    *len -= request->stream->on_body(request, upload, *len);
    return request->is_queued || (request->work != NULL && request->stream->is_waiting(request));
}

/* libmicrohttpd sets the number of parameters. NOLINTNEXTLINE(readability-function-size) */
enum MHD_Result api_on_request(void *cls, struct MHD_Connection *mhd, const char *url,
                               const char *method, const char *version, const char *upload,
                               size_t *upload_len, void **req_cls)
{
    struct api_request *request = *req_cls;
    (void)cls;
    (void)mhd;
    (void)url;
    (void)version;
    if (request == NULL) {
        return MHD_NO; /* out of memory when its first line came */
    }
    if (request->phase == API_PHASE_HEAD) {
        return begin_body(request, method);
    }
    bool is_streamed = request->phase == API_PHASE_STREAM;
    if (is_streamed && atomic_load(&request->wait) == API_WAIT_DONE) {
        end_wait(request); /* still at the head: nothing of the body has come */
        return begun_stream(request);
    }
    bool is_streaming = is_streamed && stream_body(request, upload, upload_len);
    if (!is_streamed && *upload_len > 0) {
        return take_body(request, upload, upload_len);
    }
    if (request->phase == API_PHASE_BODY) {
        request->phase = API_PHASE_WORK;
        api_conn_end_request(request->conn);
        if (request->is_too_large || request->is_crowded) {
            refuse_body(request);
        } else {
            api_dispatch(request);
        }
    } else if (atomic_load(&request->wait) == API_WAIT_DONE) {
        end_wait(request);
    }
    bool is_waiting = atomic_load(&request->wait) != API_WAIT_NONE;
    bool is_good = request->is_queued || is_waiting || is_streaming;
    if (request->is_over) {
        count_request(request);
        request->conn->audit = api_audit_start(request);
        api_request_free(request);
        *req_cls = NULL;
    }
    return is_good ? MHD_YES : MHD_NO;
}

void api_on_completed(void *cls, struct MHD_Connection *mhd, void **req_cls,
                      enum MHD_RequestTerminationCode why)
{
    struct api_request *request = *req_cls;
    (void)cls;
    if (request == NULL) {
        struct api_conn *conn = conn_of(mhd);
        api_audit_end(conn != NULL ? KE_TAKE(conn->audit) : NULL, NULL);
        return;
    }
    api_conn_end_request(request->conn);
    if (atomic_load(&request->wait) == API_WAIT_DONE) {
        /* libmicrohttpd saw the end of the client before it asked for the answer: whoever worked
         * for it must still let go of what it made. */
        request->is_lost = true;
        end_wait(request);
    }
    if (why == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        count_request(request);
    }
    api_request_free(request);
    *req_cls = NULL;
}

/* ---- waiting -----------------------------------------------------------------------------------
 */

static void on_finished(struct api_waiter *waiter)
{
    struct api_request *request = KE_CONTAINER_OF(waiter, struct api_request, waiter);
    MHD_resume_connection(request->mhd);
}

void api_request_start_wait(struct api_request *request, api_request_fn *on_done)
{
    atomic_fetch_add(&request->server->n_waiting, 1);
    request->waiter.run = on_finished;
    request->on_done = on_done;
    atomic_store(&request->wait, API_WAIT_NONE);
}

void api_request_settle(struct api_request *request)
{
    if (atomic_load(&request->wait) == API_WAIT_DONE) {
        end_wait(request);
        return;
    }
    MHD_suspend_connection(request->mhd);
    int expected = API_WAIT_NONE;
    if (!atomic_compare_exchange_strong(&request->wait, &expected, API_WAIT_SUSPENDED)) {
        api_shard_wake(request->shard, &request->waiter); /* done meanwhile */
    }
}

/*
 * Through our own loop: libmicrohttpd has no descriptor for being woken in the epoll set of a
 * daemon that does not listen, so resuming from another thread would wait for the next timer.
 */
void api_request_finish(struct api_request *request)
{
    struct api_shard *shard = request->shard;
    struct api_waiter *waiter = &request->waiter;
    if (atomic_exchange(&request->wait, API_WAIT_DONE) == API_WAIT_SUSPENDED) {
        api_shard_wake(shard, waiter);
    }
}
