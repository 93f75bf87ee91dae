/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pods/log: the text of a runtime's descriptor, as a chunked answer or as WebSocket messages. While
 * nothing comes, an answer is a suspended connection and a watched descriptor. On one API loop.
 * Source: kubernetes registry/core/pod/rest/log.go, validation.ValidatePodLogOptions.
 */
#include <sys/epoll.h>
#include <unistd.h>

#include "core/api/read.h"
#include "core/api/server_impl.h"
#include "core/api/stream/link.h"
#include "core/api/stream/stream.h"
#include "core/api/stream/tap.h"
#include "core/api/stream/wait.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/model/path.h"
#include "core/model/values.h"

#define TEXT  "text/plain"
#define N_FDS 1

struct log {
    struct api_ongoing ongoing;
    struct api_shard *shard;
    struct api_tap tap;
    struct MHD_Connection *mhd; /* of a chunked answer */
    struct ke_loop_fd *hangup;
    bool is_suspended, is_over;
    struct api_link *link; /* of a WebSocket */
    enum api_link_form form;
};

static void log_free(void *cls)
{
    struct log *log = cls;
    ke_list_remove(&log->ongoing.link);
    ke_loop_fd_del(log->hangup);
    api_tap_close(&log->tap);
    api_server_give_fds(log->shard->server, N_FDS);
    free(log);
}

/* ---- chunked -----------------------------------------------------------------------------------
 */

static void resume(struct log *log)
{
    if (log->is_suspended) {
        log->is_suspended = false;
        MHD_resume_connection(log->mhd);
    }
}

static void end_ongoing(struct api_ongoing *ongoing)
{
    struct log *log = KE_CONTAINER_OF(ongoing, struct log, ongoing);
    log->is_over = true;
    resume(log);
}

/* libmicrohttpd asks for the next bytes. */
static ssize_t read_log(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct log *log = cls;
    (void)pos;
    ssize_t n = log->is_over ? 0 : api_tap_read(&log->tap, buf, max);
    if (n == 0) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (n > 0) {
        return n;
    }
    if (!api_tap_want(&log->tap, true)) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    log->is_suspended = true;
    MHD_suspend_connection(log->mhd);
    return 0;
}

static void on_hangup(void *ctx, uint32_t events)
{
    struct log *log = ctx;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        ke_loop_fd_del(log->hangup);
        log->hangup = NULL;
        end_ongoing(&log->ongoing);
    }
}

static void answer_chunked(struct api_request *request, struct log *log)
{
    struct MHD_Response *response = NULL;
    log->mhd = request->mhd;
    log->hangup =
        ke_loop_fd_add(log->shard->loop, request->conn->fd, EPOLLRDHUP | EPOLLET, on_hangup, log);
    if (log->hangup != NULL) {
        response =
            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_log, log, log_free);
    }
    if (response == NULL) {
        log_free(log);
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    log->ongoing.end = end_ongoing;
    api_respond_with(request, 200, TEXT, response);
    request->is_over = true;
}

/* ---- WebSocket ---------------------------------------------------------------------------------
 */

static void on_link_space(void *ctx)
{
    struct log *log = ctx;
    if (!api_tap_want(&log->tap, true)) {
        api_link_finish(log->link);
        log_free(log);
    }
}

static void on_link_gone(void *ctx)
{
    log_free(ctx);
}

static const struct api_link_user link_user = {
    .on_space = on_link_space,
    .on_gone = on_link_gone,
};

static void on_wire(void *ctx, struct api_wire *wire)
{
    struct log *log = ctx;
    log->link = wire != NULL ? api_link_new(wire, log->form, false, &link_user, log) : NULL;
    if (log->link == NULL) {
        api_wire_close(wire);
        log_free(log);
        return;
    }
    on_link_space(log);
}

/* The descriptor has something: for a suspended answer, or for the WebSocket. */
static void on_readable(void *ctx, struct api_tap *tap)
{
    struct log *log = ctx;
    if (log->link == NULL) {
        (void)api_tap_want(tap, false);
        resume(log);
        return;
    }
    size_t room = api_link_room(log->link);
    if (room == 0) {
        (void)api_tap_want(tap, false); /* until on_space */
        return;
    }
    char *scratch = log->shard->scratch;
    ssize_t n = api_tap_read(tap, scratch, room < API_SCRATCH_BYTES ? room : API_SCRATCH_BYTES);
    if (n > 0) {
        api_link_send(log->link, 0, scratch, (size_t)n);
    } else if (n == 0) {
        api_link_finish(log->link);
        log_free(log);
    }
}

static void on_drained(void *ctx, struct api_tap *tap)
{
    (void)ctx; /* nothing is written to it */
    (void)tap;
}

/* ---- beginning ---------------------------------------------------------------------------------
 */

static const struct api_tap_user tap_user = { on_readable, on_drained };

static struct log *log_new(struct api_request *request, int fd)
{
    if (!api_server_take_fds(request->server, N_FDS, 0)) {
        return NULL;
    }
    struct log *log = ke_alloc(sizeof(*log));
    if (log == NULL) {
        api_server_give_fds(request->server, N_FDS);
        return NULL;
    }
    log->shard = request->shard;
    ke_list_append(&request->shard->ongoing, &log->ongoing.link);
    if (!api_tap_open(&log->tap, request->shard->loop, fd, &tap_user, log)) {
        log->tap.fd = -1; /* the caller closes it */
        log_free(log);
        return NULL;
    }
    return log;
}

static void upgrade(struct api_request *request, struct log *log)
{
    static const char *const protocols[] = { "binary.k8s.io", "base64.binary.k8s.io", "", NULL };
    const char *protocol = stream_choose(request, STREAM_UPGRADE_WEBSOCKET, protocols);
    if (protocol == NULL) {
        log_free(log);
        return;
    }
    log->form = protocol == protocols[1] ? API_LINK_BINARY_BASE64 : API_LINK_BINARY;
    ke_list_remove(&log->ongoing.link); /* its wire is ended with the others */
    if (!stream_accept(request, STREAM_UPGRADE_WEBSOCKET, protocol, on_wire, log)) {
        log_free(log);
    }
}

static void on_opened(struct api_request *request, void *ctx, enum ke_code rc,
                      const struct runtime_streams *streams, const struct ke_err *err)
{
    (void)ctx;
    if (rc != KE_OK) {
        stream_respond_failure(request, rc, err);
        return;
    }
    struct log *log = log_new(request, streams->out);
    if (log == NULL) {
        (void)close(streams->out);
        api_respond_code(request, KE_UNAVAILABLE, "out of memory or descriptors");
    } else if (api_is_websocket(request)) {
        upgrade(request, log);
    } else {
        answer_chunked(request, log);
    }
}

/* ---- options -----------------------------------------------------------------------------------
 */

struct numbers {
    int64_t tail, max_bytes, since_s;
};

static enum ke_code parse_numbers(const struct api_query *query, struct numbers *out,
                                  struct ke_err *err)
{
    enum ke_code rc = api_query_i64(query, "tailLines", &out->tail, err);
    if (rc == KE_OK) {
        rc = api_query_i64(query, "limitBytes", &out->max_bytes, err);
    }
    return rc == KE_OK ? api_query_i64(query, "sinceSeconds", &out->since_s, err) : rc;
}

static bool is_given(const struct api_query *query, const char *key)
{
    return api_query_get(query, key).len > 0;
}

static void check_numbers(const struct api_query *query, const struct numbers *n,
                          struct model_issues *issues)
{
    if (is_given(query, "tailLines") && n->tail < 0) {
        model_report_invalid_int(issues, model_path_root("tailLines"), n->tail,
                                 "must be greater than or equal to 0");
    }
    if (is_given(query, "limitBytes") && n->max_bytes < 1) {
        model_report_invalid_int(issues, model_path_root("limitBytes"), n->max_bytes,
                                 "must be greater than 0");
    }
    if (is_given(query, "sinceSeconds") && is_given(query, "sinceTime")) {
        model_report_forbidden(issues, model_path_root(""),
                               "at most one of `sinceTime` or `sinceSeconds` may be specified");
    } else if (is_given(query, "sinceSeconds") && n->since_s < 1) {
        model_report_invalid_int(issues, model_path_root("sinceSeconds"), n->since_s,
                                 "must be greater than 0");
    }
}

static bool take_stream(const struct api_query *query, struct runtime_logs *out,
                        struct model_issues *issues)
{
    static const char *const names[] = { "All", "Stdout", "Stderr", NULL };
    struct ke_str name = api_query_get(query, "stream");
    out->stream = RUNTIME_LOG_ALL;
    if (name.len == 0) {
        return true;
    }
    if (!model_check_enum(issues, model_path_root("stream"), name, names)) {
        return false;
    }
    if (!ke_str_eq_c(name, "All")) {
        out->stream = ke_str_eq_c(name, "Stdout") ? RUNTIME_LOG_STDOUT : RUNTIME_LOG_STDERR;
        if (is_given(query, "tailLines")) {
            model_report_forbidden(issues, model_path_root("tailLines"),
                                   "`tailLines` and specific `stream` are mutually exclusive for "
                                   "now");
        }
    }
    return true;
}

static enum ke_code parse_since(const struct api_query *query, const struct numbers *n,
                                int64_t *out_us, struct ke_err *err)
{
    struct ke_str since = api_query_get(query, "sinceTime");
    if (since.len > 0) {
        return ke_time_parse_us(since, out_us, err);
    }
    if (n->since_s > 0) {
        int64_t now_us = ke_wall_us();
        *out_us = n->since_s < now_us / 1000000 ? now_us - n->since_s * 1000000 : 0;
    }
    return KE_OK;
}

/* False: answered. */
static bool take_options(struct api_request *request, struct runtime_logs *out)
{
    struct ke_err err;
    struct model_issues issues;
    const struct api_query *query = &request->query;
    struct numbers n = { .tail = -1, .max_bytes = -1 };
    enum ke_code rc = parse_numbers(query, &n, &err);
    if (rc == KE_OK) {
        rc = parse_since(query, &n, &out->since_us, &err);
    }
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
        return false;
    }
    model_issues_init(&issues, request->arena);
    check_numbers(query, &n, &issues);
    (void)take_stream(query, out, &issues);
    if (issues.n_items > 0) {
        (void)ke_fail(&err, KE_INVALID, "PodLogOptions \"%.*s\" is invalid",
                      KE_STR_ARG(request->target.name));
        api_respond_invalid(request, KE_INVALID, &err, &issues);
        return false;
    }
    out->is_followed = api_query_bool(query, "follow");
    out->is_previous = api_query_bool(query, "previous");
    out->has_times = api_query_bool(query, "timestamps");
    out->tail = is_given(query, "tailLines") ? n.tail : -1;
    out->max_bytes = is_given(query, "limitBytes") ? n.max_bytes : -1;
    return true;
}

void stream_handle_log(struct api_request *request)
{
    struct stream_pod pod;
    struct runtime_logs logs = { .since_us = INT64_MIN };
    if (!take_options(request, &logs) || !stream_find_pod(request, true, &pod)) {
        return;
    }
    if (pod.node.len == 0) {
        api_respond_str(request, 200, TEXT, KE_STR("")); /* nothing has been said yet */
        return;
    }
    if (!stream_has_runtime(request, &pod)) {
        return;
    }
    struct runtime_call call = stream_call(&pod, RUNTIME_LOGS);
    call.logs = logs;
    api_wait_start(request, &call, on_opened, NULL);
}
