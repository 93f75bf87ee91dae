/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a revision: a stream of everything from just before it is woken by the change that
 * reaches it; a timer on the loop ends the wait without. On the loop but for on_reached.
 */
#include "core/api/revision.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "core/api/server_impl.h"
#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/watch/hub.h"

struct revision_wait {
    struct api_request *request;
    struct watch_stream *stream;
    struct ke_loop_timer *timer;
    atomic_bool is_finished;
    api_request_fn *again;
};

static void finish(struct revision_wait *wait)
{
    if (!atomic_exchange(&wait->is_finished, true)) {
        api_request_finish(wait->request);
    }
}

static void on_reached(void *ctx) /* on the writer's thread */
{
    finish(ctx);
}

static void on_late(void *ctx)
{
    finish(ctx);
}

static void wait_free(struct revision_wait *wait)
{
    watch_stream_close(wait->stream);
    ke_loop_timer_free(wait->timer);
    free(wait);
}

static void on_done(struct api_request *request)
{
    struct revision_wait *wait = request->work;
    api_request_fn *again = wait->again;
    request->work = NULL;
    wait_free(wait);
    request->has_waited = true;
    again(request);
}

/* As upstream's untyped error comes out: a 500 without a reason. */
static void refuse_text(struct api_request *request, struct ke_str text)
{
    ke_auto_buf message = KE_BUF_INIT(4096);
    struct ke_str shown = ke_str_sub(text, 0, 1024);
    ke_buf_addf(&message,
                "resourceVersion: Invalid value: \"%.*s\": strconv.ParseUint: parsing \"%.*s\": "
                "invalid syntax",
                KE_STR_ARG(shown), KE_STR_ARG(shown));
    struct api_status status = {
        .http = 500,
        .reason = "",
        .message = ke_buf_str(&message),
        .details = API_DETAILS_NONE,
    };
    api_respond_status(request, &status);
}

static void refuse_future(struct api_request *request, int64_t revision, int64_t current)
{
    struct ke_err err;
    (void)ke_fail(&err, KE_TIMEOUT,
                  "Timeout: Too large resource version: %" PRId64 ", current: %" PRId64, revision,
                  current);
    struct api_cause cause = {
        .reason = KE_STR("ResourceVersionTooLarge"),
        .message = KE_STR("Too large resource version"),
    };
    struct api_status status = api_status_from(KE_TIMEOUT, &err);
    status.causes = &cause;
    status.n_causes = 1;
    status.retry_after_s = 1;
    api_respond_status(request, &status);
}

/* Reads the stream empty: from then on it wakes. KE_OK: the revision is there already. */
static enum ke_code arm(struct revision_wait *wait, struct ke_err *err)
{
    struct watch_event event = { .revision = 0 };
    enum ke_code rc = watch_stream_next(wait->stream, &event, err);
    watch_event_clear(&event);
    return rc;
}

static enum ke_code start(struct api_request *request, int64_t revision, api_request_fn *again,
                          struct ke_err *err)
{
    struct watch_hub *hub = resource_store_hub(request->server->options.store);
    struct revision_wait *wait = ke_alloc(sizeof(*wait));
    if (wait == NULL) {
        return ke_fail(err, KE_NOMEM, "wait for a revision");
    }
    wait->request = request;
    wait->again = again;
    atomic_init(&wait->is_finished, false);
    enum ke_code rc =
        watch_stream_open(hub, KE_STR(""), revision - 1, on_reached, wait, &wait->stream, err);
    if (rc == KE_OK) {
        wait->timer = ke_loop_timer_new(request->shard->loop, on_late, wait);
        rc = wait->timer != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "wait for a revision");
    }
    if (rc != KE_OK) {
        wait_free(wait);
        return rc;
    }
    request->work = wait;
    api_request_start_wait(request, on_done);
    ke_loop_timer_after(wait->timer, API_FUTURE_MS * KE_MS);
    if (arm(wait, err) != KE_AGAIN) {
        finish(wait);
    }
    api_request_settle(request);
    return KE_OK;
}

bool api_hold_for_revision(struct api_request *request, struct ke_str text, bool is_bad,
                           int64_t revision, api_request_fn *again)
{
    if (is_bad) {
        refuse_text(request, text);
        return true;
    }
    struct watch_hub *hub = resource_store_hub(request->server->options.store);
    int64_t current = registry_revision(watch_hub_registry(hub));
    if (revision <= current) {
        return false;
    }
    if (request->has_waited) {
        refuse_future(request, revision, current);
        return true;
    }
    struct ke_err err;
    enum ke_code rc = start(request, revision, again, &err);
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
    }
    return true;
}
