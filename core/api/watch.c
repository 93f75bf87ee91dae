/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches: an answer that goes on, one line an event. While nothing happens a watch is a suspended
 * connection and a position in the hub's log: no buffer, no arena, no thread. The hub wakes it from
 * the writer's thread through the shard; everything else happens on the shard's loop. Its client's
 * leaving is seen by a watch on the socket, for libmicrohttpd does not poll suspended connections.
 */
#include "core/api/watch.h"

#include <inttypes.h>
#include <sys/epoll.h>

#include "core/api/encode.h"
#include "core/api/options.h"
#include "core/api/read.h"
#include "core/api/revision.h"
#include "core/api/server_impl.h"
#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/rand.h"

#define BOOKMARK_NS   (60 * KE_S)
#define MIN_TIMEOUT_S 1800        /* without timeoutSeconds: between this and twice as long */
#define EVENTS_BYTES  (16U << 10) /* encoded at a time */

struct api_watch {
    struct ke_list link; /* of the shard */
    struct api_shard *shard;
    struct MHD_Connection *mhd;
    struct watch_stream *stream; /* NULL: cut off or never opened */
    struct ke_loop_fd *hangup;
    struct api_waiter waiter;
    struct model_selector *labels, *fields;
    struct ke_metric *running; /* the gauge that counts it */
    struct api_encoder encoder;
    struct registry_list initial; /* objects that come as ADDED first */
    size_t next_initial;
    struct ke_buf out; /* encoded, not yet read; empty while idle */
    size_t out_at;
    int64_t deadline_ns;
    int64_t bookmark_ns;   /* when the next is due; INT64_MAX: none */
    int64_t last_revision; /* told to the client: a bookmark must say more */
    int64_t initial_end;   /* the bookmark behind the initial events says at least this; -1: none */
    bool is_raw;           /* /kedge/v1/registry/watch */
    bool is_suspended;
    bool has_columns; /* the first Table was sent */
    bool is_over;     /* the stream of events is at its end; `out` may not be */
    bool is_client_gone;
};

/* ---- encoding ----------------------------------------------------------------------------------
 */

static void begin_event(struct api_watch *watch, const char *type)
{
    ke_buf_addf(&watch->out, "{\"type\":\"%s\",\"object\":", type);
}

static enum ke_code add_event(struct api_watch *watch, const char *type,
                              const struct registry_object *object, struct ke_err *err)
{
    begin_event(watch, type);
    watch->encoder.now_s = ke_wall_s();
    enum ke_code rc =
        api_encode_object(&watch->encoder, object, !watch->has_columns, &watch->out, err);
    watch->has_columns = true;
    ke_buf_add_c(&watch->out, "}\n");
    watch->last_revision = object->revision;
    return rc;
}

static void add_error(struct api_watch *watch, enum ke_code code, const struct ke_err *err)
{
    struct api_status status = api_status_from(code, err);
    begin_event(watch, "ERROR");
    api_status_print(&status, &watch->out);
    ke_buf_add_c(&watch->out, "}\n");
    watch->is_over = true;
}

static void add_bookmark(struct api_watch *watch)
{
    int64_t revision = watch_stream_revision(watch->stream);
    if (revision <= watch->last_revision) {
        return;
    }
    begin_event(watch, "BOOKMARK");
    api_encode_bookmark(&watch->encoder, revision, &watch->out);
    ke_buf_add_c(&watch->out, "}\n");
    watch->last_revision = revision;
}

/* The bookmark that says: these were all there are. Once, when the stream is as new as was asked.
 */
static void add_initial_end(struct api_watch *watch)
{
    int64_t revision = watch_stream_revision(watch->stream);
    if (watch->initial_end < 0 || revision < watch->initial_end) {
        return;
    }
    begin_event(watch, "BOOKMARK");
    api_encode_initial_end(&watch->encoder, revision, &watch->out);
    ke_buf_add_c(&watch->out, "}\n");
    watch->last_revision = revision;
    watch->initial_end = -1;
}

static bool matches(const struct api_watch *watch, const struct registry_object *object)
{
    return object != NULL &&
           model_selector_matches(watch->labels, object->labels, object->n_labels) &&
           registry_object_matches(object, watch->encoder.kind, watch->fields);
}

/* As a client with this selector sees the change. */
static enum ke_code add_change(struct api_watch *watch, const struct watch_event *event,
                               struct ke_err *err)
{
    const struct registry_object *before =
        event->previous != NULL || event->type == REGISTRY_PUT ? event->previous : event->object;
    bool is_now = event->type == REGISTRY_PUT && matches(watch, event->object);
    bool was = matches(watch, before);
    if (is_now) {
        return add_event(watch, was ? "MODIFIED" : "ADDED", event->object, err);
    }
    if (!was) {
        return KE_OK;
    }
    if (event->type == REGISTRY_DELETE) {
        return add_event(watch, "DELETED", event->object, err);
    }
    /* It left the selector: what it was, with the revision of the change. */
    ke_auto_object *left = registry_object_at_revision(before, event->revision);
    if (left == NULL) {
        return ke_fail(err, KE_NOMEM, "watch event");
    }
    return add_event(watch, "DELETED", left, err);
}

/* {"type":"PUT","revision":N,"key":K,"object":{...}} */
static void add_raw(struct api_watch *watch, const struct watch_event *event)
{
    ke_buf_addf(&watch->out, "{\"type\":\"%s\",\"revision\":%" PRId64 ",\"key\":",
                event->type == REGISTRY_PUT ? "PUT" : "DELETE", event->revision);
    ke_buf_add_json_str(&watch->out, event->object->key);
    ke_buf_add_c(&watch->out, ",\"object\":");
    ke_buf_add_str(&watch->out, event->object->json);
    ke_buf_add_c(&watch->out, "}\n");
}

/* ---- producing ---------------------------------------------------------------------------------
 */

static enum ke_code produce_initial(struct api_watch *watch, struct ke_err *err)
{
    enum ke_code rc = KE_OK;
    while (rc == KE_OK && watch->next_initial < watch->initial.n_objects &&
           watch->out.len < EVENTS_BYTES) {
        rc = add_event(watch, "ADDED", watch->initial.objects[watch->next_initial++], err);
    }
    if (watch->initial.n_objects > 0 && watch->next_initial == watch->initial.n_objects) {
        registry_list_free(&watch->initial);
        watch->initial = (struct registry_list){ .n_objects = 0 };
        watch->next_initial = 0;
    }
    return rc;
}

/* One event of the stream. KE_AGAIN: nothing there; KE_GONE and others end the watch. */
static enum ke_code produce_one(struct api_watch *watch, struct ke_err *err)
{
    struct watch_event event = { .revision = 0 };
    enum ke_code rc = watch_stream_next(watch->stream, &event, err);
    if (rc != KE_OK) {
        return rc;
    }
    if (watch->is_raw) {
        add_raw(watch, &event);
    } else {
        rc = add_change(watch, &event, err);
    }
    watch_event_clear(&event);
    return rc == KE_OK ? ke_buf_check(&watch->out, "watch events", err) : rc;
}

static void produce_timed(struct api_watch *watch, int64_t now_ns)
{
    bool is_late = now_ns >= watch->deadline_ns;
    if (watch->bookmark_ns != INT64_MAX && watch->initial_end < 0 &&
        (is_late || now_ns >= watch->bookmark_ns)) {
        add_bookmark(watch);
        watch->bookmark_ns = now_ns + BOOKMARK_NS;
    }
    watch->is_over = watch->is_over || is_late;
}

/* Fills `out` with what there is. */
static void produce(struct api_watch *watch)
{
    struct ke_err err;
    enum ke_code rc = produce_initial(watch, &err);
    while (rc == KE_OK && !watch->is_over && watch->initial.n_objects == 0 &&
           watch->out.len < EVENTS_BYTES) {
        add_initial_end(watch);
        rc = produce_one(watch, &err);
    }
    if (rc == KE_AGAIN) {
        add_initial_end(watch);
    }
    if (rc != KE_OK && rc != KE_AGAIN) {
        add_error(watch, rc, &err);
    } else if (watch->initial.n_objects == 0) {
        produce_timed(watch, ke_now_ns());
    }
    if (watch->shard->is_ending) {
        watch->is_over = true;
    }
}

static void suspend(struct api_watch *watch)
{
    ke_buf_free(&watch->out);
    watch->out.max = LIMIT_RESPONSE_BYTES;
    watch->is_suspended = true;
    MHD_suspend_connection(watch->mhd);
}

static void resume(struct api_watch *watch)
{
    if (watch->is_suspended) {
        watch->is_suspended = false;
        MHD_resume_connection(watch->mhd);
    }
}

/* libmicrohttpd asks for the next bytes. */
static ssize_t read_events(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct api_watch *watch = cls;
    (void)pos;
    if (watch->is_client_gone) {
        /* Not END_WITH_ERROR: libmicrohttpd then keeps the closed connection until the oldest idle
         * one times out. The last chunk fails to be written, and that frees it at once. */
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (watch->out_at == watch->out.len) {
        ke_buf_clear(&watch->out);
        watch->out_at = 0;
        if (!watch->is_over) {
            produce(watch);
        }
    }
    size_t n = watch->out.len - watch->out_at;
    if (n == 0 && watch->is_over) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (n == 0) {
        suspend(watch);
        return 0;
    }
    n = n < max ? n : max;
    memcpy(buf, watch->out.ptr + watch->out_at, n);
    watch->out_at += n;
    return (ssize_t)n;
}

/* ---- waking ------------------------------------------------------------------------------------
 */

static void on_stream(void *ctx) /* on the writer's thread */
{
    struct api_watch *watch = ctx;
    api_shard_wake(watch->shard, &watch->waiter);
}

static void on_woken(struct api_waiter *waiter)
{
    resume(KE_CONTAINER_OF(waiter, struct api_watch, waiter));
}

static void on_hangup(void *ctx, uint32_t events)
{
    struct api_watch *watch = ctx;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
        watch->is_client_gone = true;
        ke_loop_fd_del(watch->hangup);
        watch->hangup = NULL;
        resume(watch);
    }
}

static int64_t next_turn_ns(const struct api_watch *watch)
{
    return watch->bookmark_ns < watch->deadline_ns ? watch->bookmark_ns : watch->deadline_ns;
}

static void on_watch_timer(void *ctx)
{
    struct api_shard *shard = ctx;
    int64_t now_ns = ke_now_ns();
    int64_t next_ns = INT64_MAX;
    KE_LIST_EACH(it, &shard->watches) {
        struct api_watch *watch = KE_CONTAINER_OF(it, struct api_watch, link);
        int64_t at_ns = next_turn_ns(watch);
        if (at_ns <= now_ns) {
            resume(watch);
            at_ns = now_ns + BOOKMARK_NS;
            at_ns = at_ns < watch->deadline_ns ? at_ns : watch->deadline_ns;
        }
        next_ns = at_ns < next_ns && at_ns > now_ns ? at_ns : next_ns;
    }
    shard->watch_next_ns = next_ns;
    if (next_ns != INT64_MAX) {
        ke_loop_timer_set(shard->watch_timer, next_ns);
    }
}

static bool arm_timer(struct api_shard *shard, int64_t at_ns)
{
    if (shard->watch_timer == NULL) {
        shard->watch_timer = ke_loop_timer_new(shard->loop, on_watch_timer, shard);
        if (shard->watch_timer == NULL) {
            return false;
        }
    }
    if (at_ns < shard->watch_next_ns) {
        shard->watch_next_ns = at_ns;
        ke_loop_timer_set(shard->watch_timer, at_ns);
    }
    return true;
}

void api_watches_end(struct api_shard *shard)
{
    KE_LIST_EACH(it, &shard->watches) {
        resume(KE_CONTAINER_OF(it, struct api_watch, link));
    }
}

/* ---- beginning and end -------------------------------------------------------------------------
 */

static void watch_free(void *cls)
{
    struct api_watch *watch = cls;
    ke_metric_add(watch->running, (uint64_t)-1);
    watch_stream_close(watch->stream);
    api_shard_forget(watch->shard, &watch->waiter);
    ke_loop_fd_del(watch->hangup);
    ke_list_remove(&watch->link);
    model_selector_free(watch->labels);
    model_selector_free(watch->fields);
    registry_list_free(&watch->initial);
    ke_buf_free(&watch->out);
    free(watch);
}

static struct api_watch *watch_new(struct api_request *request)
{
    struct api_watch *watch = ke_alloc(sizeof(*watch));
    if (watch == NULL) {
        return NULL;
    }
    watch->shard = request->shard;
    watch->mhd = request->mhd;
    watch->waiter.run = on_woken;
    ke_list_init(&watch->waiter.link);
    watch->out.max = LIMIT_RESPONSE_BYTES;
    watch->bookmark_ns = INT64_MAX;
    watch->initial_end = -1;
    ke_list_append(&request->shard->watches, &watch->link);
    return watch;
}

/* Queues the endless answer. watch is given. */
static void answer_watch(struct api_request *request, struct api_watch *watch)
{
    struct api_shard *shard = request->shard;
    watch->hangup =
        ke_loop_fd_add(shard->loop, request->conn->fd, EPOLLRDHUP | EPOLLET, on_hangup, watch);
    struct MHD_Response *response = NULL;
    if (watch->hangup != NULL && arm_timer(shard, next_turn_ns(watch))) {
        response =
            MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1, read_events, watch, watch_free);
    }
    if (response == NULL) {
        watch_free(watch);
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    ke_metric_add(request->server->watchers, 1);
    struct api_series_key key = api_request_series(request, 0);
    watch->running = api_metrics_running(request->server->metrics, &key);
    ke_metric_add(watch->running, 1);
    api_respond_with(request, 200, "application/json", response);
    request->is_over = true;
}

static int64_t deadline_of(int64_t timeout_s)
{
    if (timeout_s == 0) {
        timeout_s = MIN_TIMEOUT_S + (int64_t)ke_rand_below(MIN_TIMEOUT_S);
    }
    int64_t longest_s = INT64_MAX / KE_S / 2 - ke_now_ns() / KE_S;
    return ke_now_ns() + (timeout_s < longest_s ? timeout_s : longest_s) * KE_S;
}

/* What is there now comes first, as ADDED; *out_after is where the stream goes on. */
static enum ke_code list_initial(struct api_request *request, struct api_watch *watch,
                                 int64_t *out_after, struct ke_err *err)
{
    struct resource_list list = { .n_remaining = -1 };
    struct resource_list_options options = {
        .ns = request->target.ns,
        .labels = watch->labels,
        .fields = watch->fields,
    };
    enum ke_code rc =
        resource_list(request->server->options.store, request->kind, &options, &list, err);
    if (rc != KE_OK) {
        return rc;
    }
    *out_after = list.items.revision;
    watch->initial = list.items;
    list.items = (struct registry_list){ .n_objects = 0 };
    resource_list_free(&list);
    return KE_OK;
}

static enum ke_code open_stream(struct api_request *request, struct api_watch *watch, int64_t after,
                                struct ke_err *err)
{
    char memory[LIMIT_KEY_BYTES];
    struct ke_buf prefix = KE_BUF_FIXED(memory, sizeof(memory));
    model_kind_key(request->kind, request->target.ns, KE_STR(""), &prefix);
    enum ke_code rc = ke_buf_check(&prefix, "watch prefix", err);
    if (rc != KE_OK) {
        return rc;
    }
    struct watch_hub *hub = resource_store_hub(request->server->options.store);
    watch->last_revision = after;
    return watch_stream_open(hub, ke_buf_str(&prefix), after, on_stream, watch, &watch->stream,
                             err);
}

/* `too old resource version: 1 (826)` */
static void too_old(struct api_request *request, struct api_watch *watch, int64_t after)
{
    struct ke_err err;
    struct registry *registry =
        watch_hub_registry(resource_store_hub(request->server->options.store));
    (void)ke_fail(&err, KE_GONE, "too old resource version: %" PRId64 " (%" PRId64 ")", after,
                  registry_oldest_revision(registry));
    add_error(watch, KE_GONE, &err);
}

/* The old path names one object: a watch with metadata.name=NAME. */
static enum ke_code select_name(struct api_request *request, struct api_list_options *options,
                                struct ke_err *err)
{
    struct ke_str name = request->target.name;
    if (name.len == 0) {
        return KE_OK;
    }
    if (options->fields != NULL) {
        return ke_fail(err, KE_MALFORMED, "a watch of one object takes no field selector");
    }
    struct ke_str text = ke_arena_fmt(request->arena, "metadata.name=%.*s", KE_STR_ARG(name));
    return text.ptr == NULL ? ke_fail(err, KE_NOMEM, "watch")
                            : model_selector_parse_fields(text, &options->fields, err);
}

void api_handle_watch(struct api_request *request)
{
    struct ke_err err;
    struct model_issues issues;
    struct api_list_options options;
    model_issues_init(&issues, request->arena);
    enum ke_code rc =
        api_list_options_parse(&request->query, request->kind, true, &options, &issues, &err);
    if (rc != KE_OK) {
        api_respond_invalid(request, rc, &err, &issues);
        return;
    }
    /* A watch from the future just waits. */
    if (api_hold_for_revision(request, options.revision_text, options.is_bad_revision, 0,
                              api_handle_watch)) {
        api_list_options_clear(&options);
        return;
    }
    rc = select_name(request, &options, &err);
    struct api_watch *watch = rc == KE_OK ? watch_new(request) : NULL;
    if (watch == NULL) {
        api_list_options_clear(&options);
        api_respond_error(request, rc != KE_OK ? rc : KE_NOMEM, &err);
        return;
    }
    watch->labels = options.labels;
    watch->fields = options.fields;
    watch->encoder = api_request_encoder(request);
    watch->deadline_ns = deadline_of(options.timeout_s);
    if (options.allow_bookmarks) {
        watch->bookmark_ns = ke_now_ns() + BOOKMARK_NS;
    }
    int64_t after = options.revision;
    if (options.has_initial_events) {
        rc = list_initial(request, watch, &after, &err);
    } else if (!options.has_revision || after == 0) {
        after = registry_revision(
            watch_hub_registry(resource_store_hub(request->server->options.store)));
    }
    if (options.is_watch_list && options.allow_bookmarks) {
        watch->initial_end = options.revision > after ? options.revision : after;
    }
    if (rc == KE_OK) {
        rc = open_stream(request, watch, after, &err);
    }
    if (rc == KE_GONE) {
        too_old(request, watch, after);
        rc = KE_OK;
    }
    if (rc != KE_OK) {
        watch_free(watch);
        api_respond_error(request, rc, &err);
        return;
    }
    answer_watch(request, watch);
}

void api_watch_registry(struct api_request *request, struct ke_str prefix, int64_t after)
{
    struct ke_err err;
    struct watch_hub *hub = resource_store_hub(request->server->options.store);
    struct api_watch *watch = watch_new(request);
    if (watch == NULL) {
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    watch->is_raw = true;
    watch->deadline_ns = INT64_MAX;
    enum ke_code rc = watch_stream_open(hub, prefix, after, on_stream, watch, &watch->stream, &err);
    if (rc != KE_OK) {
        watch_free(watch);
        api_respond_error(request, rc, &err);
        return;
    }
    answer_watch(request, watch);
}
