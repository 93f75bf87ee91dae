/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kedge's own endpoints: the registry as keys, traces, status. On the request's API loop; a trace
 * runs on a thread of its own, API_MAX_JOBS at a time, with the connection suspended.
 */
#include <inttypes.h>

#include "core/api/ranges.h"
#include "core/api/server_impl.h"
#include "core/api/watch.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/snap.h"

#define TEXT "text/plain; charset=utf-8"

static struct registry *registry_of(struct api_request *request)
{
    return watch_hub_registry(resource_store_hub(request->server->options.store));
}

/* ---- registry ----------------------------------------------------------------------------------
 */

/* The key, or its part up to the next slash behind the prefix; each once (keys come sorted). */
static void add_key(struct ke_buf *out, struct ke_str key, size_t prefix_len, bool is_recursive,
                    struct ke_str *last)
{
    struct ke_str shown = key;
    if (!is_recursive && prefix_len < key.len) {
        struct ke_str rest = ke_str_sub(key, prefix_len, key.len - prefix_len);
        size_t slash = ke_str_find(rest, '/');
        shown.len = slash < rest.len ? prefix_len + slash + 1 : key.len;
    }
    if (!ke_str_eq(shown, *last)) {
        ke_buf_add_str(out, shown);
        ke_buf_add_char(out, '\n');
        *last = shown;
    }
}

/* The computed keys that sort before `before` (empty: all that are left). */
static void add_ranges(struct ke_buf *out, unsigned *next, struct ke_str before,
                       struct ke_str prefix, bool is_recursive, struct ke_str *last)
{
    for (; *next < API_RANGE_COUNT; ++*next) {
        struct ke_str key = api_range_key((enum api_range) * next);
        if (before.len > 0 && ke_str_cmp(key, before) > 0) {
            return;
        }
        if (ke_str_has_prefix(key, prefix)) {
            add_key(out, key, prefix.len, is_recursive, last);
        }
    }
}

static void handle_ls(struct api_request *request)
{
    struct ke_err err;
    struct registry_list list = { .n_objects = 0 };
    struct ke_str prefix = api_query_get(&request->query, "prefix");
    bool is_recursive = api_query_bool(&request->query, "recursive");
    if (prefix.len > 0 && prefix.ptr[prefix.len - 1] != '/') {
        prefix = ke_arena_fmt(request->arena, "%.*s/", KE_STR_ARG(prefix));
    }
    enum ke_code rc = registry_list(registry_of(request), prefix, 0, KE_STR(""), 0, &list, &err);
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
        return;
    }
    struct ke_buf body = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    struct ke_str last = { NULL, 0 };
    unsigned next_range = 0;
    for (size_t i = 0; i < list.n_objects; i++) {
        struct ke_str key = list.objects[i]->key;
        add_ranges(&body, &next_range, key, prefix, is_recursive, &last);
        add_key(&body, key, prefix.len, is_recursive, &last);
    }
    add_ranges(&body, &next_range, KE_STR(""), prefix, is_recursive, &last);
    api_respond(request, 200, TEXT, &body);
    registry_list_free(&list);
}

static void handle_get(struct api_request *request)
{
    struct ke_err err;
    ke_auto_object *object = NULL;
    struct ke_buf body = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    struct ke_str key = api_query_get(&request->query, "key");
    for (enum api_range range = 0; range < API_RANGE_COUNT; range++) {
        if (!ke_str_eq(key, api_range_key(range))) {
            continue;
        }
        enum ke_code made = api_range_print(&request->server->options, range, &body, &err);
        if (made == KE_OK) {
            api_respond(request, 200, "application/json", &body);
        } else {
            ke_buf_free(&body);
            api_respond_error(request, made, &err);
        }
        return;
    }
    enum ke_code rc = registry_get(registry_of(request), key, &object, &err);
    if (rc == KE_NOT_FOUND) {
        (void)ke_fail(&err, rc, "key \"%.*s\" not found", KE_STR_ARG(key));
    }
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
        return;
    }
    ke_buf_add_str(&body, object->json);
    api_respond(request, 200, "application/json", &body);
}

static void handle_watch(struct api_request *request)
{
    struct ke_err err;
    int64_t after = 0;
    enum ke_code rc = api_query_i64(&request->query, "revision", &after, &err);
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
        return;
    }
    if (api_query_get(&request->query, "revision").len == 0) {
        after = registry_revision(registry_of(request));
    }
    /* The watch outlives the request's arena; the stream keeps a copy of its prefix. */
    api_watch_registry(request, api_query_get(&request->query, "prefix"), after);
}

/* ---- trace -------------------------------------------------------------------------------------
 */

enum job_state { JOB_FREE, JOB_RUNNING, JOB_FINISHED };

struct trace {
    struct ke_str target, from_ns, from_pod; /* of the request's arena */
    struct ke_buf answer;
    enum ke_code code;
    struct ke_err err;
};

static void job_run(void *ctx)
{
    struct api_job *job = ctx;
    struct trace *trace = job->request->work;
    ke_snap_thread_register();
    ke_snap_offline();
    ke_snap_online();
    trace->code = explain_run(job->server->options.explain, trace->target, trace->from_ns,
                              trace->from_pod, &trace->answer, &trace->err);
    ke_snap_thread_unregister();
    struct api_request *request = job->request;
    atomic_store(&job->state, JOB_FINISHED);
    api_request_finish(request);
}

/* A free slot with no thread in it; NULL: all at work. */
static struct api_job *take_job(struct api_server *server)
{
    struct api_job *found = NULL;
    pthread_mutex_lock(&server->jobs_lock);
    for (size_t i = 0; i < API_MAX_JOBS && found == NULL; i++) {
        struct api_job *job = &server->jobs[i];
        int state = atomic_load(&job->state);
        if (state == JOB_FINISHED) {
            ke_thread_join(&job->thread); /* it has nothing left to do */
        }
        if (state != JOB_RUNNING) {
            atomic_store(&job->state, JOB_RUNNING);
            found = job;
        }
    }
    pthread_mutex_unlock(&server->jobs_lock);
    return found;
}

void api_jobs_join(struct api_server *server)
{
    for (size_t i = 0; i < API_MAX_JOBS; i++) {
        if (atomic_load(&server->jobs[i].state) != JOB_FREE) {
            ke_thread_join(&server->jobs[i].thread);
            atomic_store(&server->jobs[i].state, JOB_FREE);
        }
    }
}

static void trace_done(struct api_request *request)
{
    struct trace *trace = request->work;
    request->work = NULL;
    if (trace->code == KE_OK) {
        api_respond(request, 200, "application/json", &trace->answer);
    } else {
        api_respond_error(request, trace->code, &trace->err);
    }
    ke_buf_free(&trace->answer);
    free(trace);
}

static void start_trace(struct api_request *request, struct trace *trace)
{
    struct ke_err err;
    struct api_job *job = take_job(request->server);
    if (job == NULL) {
        free(trace);
        api_respond_code(request, KE_LIMIT, "four traces are running already: try again");
        return;
    }
    job->server = request->server;
    job->request = request;
    request->work = trace;
    api_request_start_wait(request, trace_done);
    enum ke_code rc = ke_thread_start(&job->thread, "kedge-trace", job_run, job, &err);
    if (rc != KE_OK) {
        atomic_store(&job->state, JOB_FREE);
        trace->code = rc;
        trace->err = err;
        api_request_finish(request);
    }
    api_request_settle(request);
}

static void handle_trace(struct api_request *request)
{
    struct ke_str target = api_query_get(&request->query, "target");
    struct ke_str from = api_query_get(&request->query, "from");
    if (atomic_load(&request->server->is_stopping)) {
        api_respond_code(request, KE_UNAVAILABLE, "the server is shutting down");
        return;
    }
    if (target.len == 0) {
        api_respond_code(request, KE_MALFORMED, "target: required");
        return;
    }
    struct trace *trace = ke_alloc(sizeof(*trace));
    if (trace == NULL) {
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    size_t slash = ke_str_find(from, '/');
    trace->target = target;
    trace->answer.max = LIMIT_RESPONSE_BYTES;
    trace->from_pod = from;
    if (slash < from.len) {
        trace->from_ns = ke_str_sub(from, 0, slash);
        trace->from_pod = ke_str_sub(from, slash + 1, from.len - slash - 1);
    }
    start_trace(request, trace);
}

static void handle_rekey(struct api_request *request)
{
    const struct api_hooks *hooks = &request->server->options.hooks;
    struct ke_err err = KE_ERR_INIT;
    struct ke_buf body = KE_BUF_INIT(4096);
    bool is_begin = ke_str_eq_c(request->method, "POST");
    if (!is_begin && !ke_str_eq_c(request->method, "GET")) {
        api_respond_code(request, KE_METHOD, "");
        return;
    }
    enum ke_code rc = is_begin ? hooks->rekey(hooks->ctx, &err) : KE_OK;
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
        return;
    }
    rc = is_begin ? KE_AGAIN : hooks->rekey_state(hooks->ctx, &err);
    const char *state = rc == KE_AGAIN ? "running" : "failed";
    ke_buf_addf(&body, "{\"state\":\"%s\",\"message\":", rc == KE_OK ? "done" : state);
    ke_buf_add_json_str(&body, rc == KE_OK || rc == KE_AGAIN ? KE_STR("") : ke_str_c(err.msg));
    ke_buf_add_c(&body, "}\n");
    api_respond(request, 200, "application/json", &body);
}

static void handle_status(struct api_request *request)
{
    const struct api_hooks *hooks = &request->server->options.hooks;
    struct ke_buf body = KE_BUF_INIT(LIMIT_RESPONSE_BYTES);
    hooks->print_status(hooks->ctx, &body);
    api_respond(request, 200, "application/json", &body);
}

void api_handle_kedge(struct api_request *request)
{
    const struct api_options *options = &request->server->options;
    struct ke_str path = request->target.path;
    if (ke_str_eq_c(path, "/kedge/v1/registry/ls")) {
        handle_ls(request);
    } else if (ke_str_eq_c(path, "/kedge/v1/registry/get")) {
        handle_get(request);
    } else if (ke_str_eq_c(path, "/kedge/v1/registry/watch")) {
        handle_watch(request);
    } else if (ke_str_eq_c(path, "/kedge/v1/registry/rekey") && options->hooks.rekey != NULL) {
        handle_rekey(request);
    } else if (ke_str_eq_c(path, "/kedge/v1/trace") && options->explain != NULL) {
        handle_trace(request);
    } else if (ke_str_eq_c(path, "/kedge/v1/status") && options->hooks.print_status != NULL) {
        handle_status(request);
    } else {
        api_respond_code(request, KE_NOT_FOUND, "the server could not find the requested resource");
    }
}
