/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between a runtime's threads and an API loop. What the runtime says is kept under the call's lock
 * and the loop is woken; a call that the API has dropped throws it away.
 */
#include "core/api/stream/call.h"

#include <unistd.h>

#include "core/api/server_impl.h"

struct api_call {
    struct runtime_call call;
    struct api_shard *shard;
    struct api_waiter waiter;
    api_call_fn *on_news;
    void *ctx;
    struct ke_arena *arena;
    pthread_mutex_t lock; /* guards all below */
    unsigned n_refs;
    bool is_dropped; /* by the API */
    bool is_said;    /* the runtime's last word */
    bool is_started;
    bool has_streams, has_end;
    enum api_call_news end;
    struct runtime_streams streams;
    int exit_code;
    struct ke_err err;
};

static struct api_call *of(struct runtime_call *call)
{
    return KE_CONTAINER_OF(call, struct api_call, call);
}

static void close_streams(struct runtime_streams *streams)
{
    const int fds[] = { streams->in, streams->out, streams->err };
    for (size_t i = 0; i < KE_ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    *streams = (struct runtime_streams){ -1, -1, -1 };
}

static void call_free(struct api_call *call)
{
    close_streams(&call->streams);
    pthread_mutex_destroy(&call->lock);
    ke_arena_free(call->arena);
    free(call);
}

/* Unlocks, and frees with the last reference. */
static void unref_locked(struct api_call *call)
{
    bool is_last = --call->n_refs == 0;
    pthread_mutex_unlock(&call->lock);
    if (is_last) {
        call_free(call);
    }
}

/* ---- the runtime's side: any thread ------------------------------------------------------------
 */

/* Locked. The shard is there as long as the call is not dropped. */
static void tell(struct api_call *call)
{
    if (!call->is_dropped) {
        api_shard_wake(call->shard, &call->waiter);
    }
}

static void say_last(struct api_call *call, enum api_call_news what)
{
    call->has_end = what != API_CALL_NOTHING;
    call->end = what;
    call->is_said = true;
    tell(call);
    unref_locked(call);
}

void runtime_call_done(struct runtime_call *runtime_call)
{
    struct api_call *call = of(runtime_call);
    pthread_mutex_lock(&call->lock);
    say_last(call, API_CALL_DONE);
}

void runtime_call_opened(struct runtime_call *runtime_call, const struct runtime_streams *streams)
{
    struct api_call *call = of(runtime_call);
    struct runtime_streams given = *streams;
    bool is_last = call->call.what == RUNTIME_FORWARD || call->call.what == RUNTIME_LOGS;
    pthread_mutex_lock(&call->lock);
    if (call->is_dropped) {
        close_streams(&given);
    } else {
        call->streams = given;
        call->has_streams = true;
    }
    if (is_last) {
        say_last(call, API_CALL_NOTHING);
        return;
    }
    tell(call);
    pthread_mutex_unlock(&call->lock);
}

void runtime_call_exited(struct runtime_call *runtime_call, int code)
{
    struct api_call *call = of(runtime_call);
    pthread_mutex_lock(&call->lock);
    call->exit_code = code;
    say_last(call, API_CALL_EXITED);
}

void runtime_call_failed(struct runtime_call *runtime_call, enum ke_code code, const char *message)
{
    struct api_call *call = of(runtime_call);
    pthread_mutex_lock(&call->lock);
    (void)ke_fail(&call->err, code, "%s", message);
    say_last(call, API_CALL_FAILED);
}

/* ---- the API's side: its loop ------------------------------------------------------------------
 */

static void on_woken(struct api_waiter *waiter)
{
    struct api_call *call = KE_CONTAINER_OF(waiter, struct api_call, waiter);
    call->on_news(call->ctx);
}

static bool copy_texts(struct api_call *call, const struct runtime_call *from)
{
    struct runtime_call *to = &call->call;
    const struct {
        struct ke_str *to, from;
    } texts[] = {
        { &to->node, from->node },
        { &to->ns, from->ns },
        { &to->pod, from->pod },
        { &to->uid, from->uid },
        { &to->container, from->container },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(texts); i++) {
        *texts[i].to = ke_arena_str(call->arena, texts[i].from);
        if (texts[i].to->ptr == NULL) {
            return false;
        }
    }
    struct ke_str *command = ke_arena_alloc_n(call->arena, from->n_command + 1, sizeof(*command));
    for (size_t i = 0; command != NULL && i < from->n_command; i++) {
        command[i] = ke_arena_str(call->arena, from->command[i]);
        if (command[i].ptr == NULL) {
            return false;
        }
    }
    to->command = command;
    return command != NULL;
}

struct api_call *api_call_new(struct api_shard *shard, const struct runtime_call *what,
                              api_call_fn *on_news, void *ctx)
{
    struct api_call *call = ke_alloc(sizeof(*call));
    if (call == NULL) {
        return NULL;
    }
    call->call = *what;
    call->call.of_runtime = NULL;
    call->shard = shard;
    call->waiter.run = on_woken;
    ke_list_init(&call->waiter.link);
    call->on_news = on_news;
    call->ctx = ctx;
    call->n_refs = 1;
    call->streams = (struct runtime_streams){ -1, -1, -1 };
    pthread_mutex_init(&call->lock, NULL);
    call->arena = ke_arena_new(API_CALL_BYTES);
    if (call->arena == NULL || !copy_texts(call, what)) {
        call_free(call);
        return NULL;
    }
    return call;
}

void api_call_start(struct api_call *call)
{
    const struct api_runtime *runtime = call->shard->server->options.runtime;
    call->is_started = true;
    call->n_refs = 2;
    runtime->start(runtime->ctx, &call->call);
}

void api_call_resize(struct api_call *call, uint16_t width, uint16_t height)
{
    const struct api_runtime *runtime = call->shard->server->options.runtime;
    pthread_mutex_lock(&call->lock);
    bool is_said = call->is_said;
    pthread_mutex_unlock(&call->lock);
    if (!is_said) {
        runtime->resize(runtime->ctx, &call->call, width, height);
    }
}

void api_call_drop(struct api_call *call)
{
    if (call == NULL) {
        return;
    }
    const struct api_runtime *runtime = call->shard->server->options.runtime;
    pthread_mutex_lock(&call->lock);
    call->is_dropped = true;
    bool is_open = call->is_started && !call->is_said;
    close_streams(&call->streams);
    pthread_mutex_unlock(&call->lock);
    api_shard_forget(call->shard, &call->waiter);
    if (is_open) {
        runtime->abandon(runtime->ctx, &call->call);
    }
    pthread_mutex_lock(&call->lock);
    unref_locked(call);
}

enum api_call_news api_call_next(struct api_call *call, struct runtime_streams *streams,
                                 int *exit_code, struct ke_err *err)
{
    enum api_call_news news = API_CALL_NOTHING;
    pthread_mutex_lock(&call->lock);
    if (call->has_streams) {
        news = API_CALL_OPENED;
        call->has_streams = false;
        *streams = call->streams;
        call->streams = (struct runtime_streams){ -1, -1, -1 };
    } else if (call->has_end) {
        news = call->end;
        call->has_end = false;
        *exit_code = call->exit_code;
        *err = call->err;
    }
    pthread_mutex_unlock(&call->lock);
    return news;
}
