/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The derive thread: a loop with a reflector of Services, EndpointSlices, Namespaces and Nodes on
 * it, whose events go to the builder; each burst is published once. It also times the awaits. Only
 * this thread writes the table.
 */
#include "core/endpoint/derive.h"

#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/loop.h"
#include "core/base/mem.h"
#include "core/base/metrics.h"
#include "core/base/thread.h"
#include "core/endpoint/builder.h"
#include "core/watch/reflector.h"

#define RETRY_NS KE_S /* after running out of memory */

struct endpoint_derive {
    struct endpoint_table *table;
    struct ke_loop *loop;
    struct watch_reflector *reflector;
    struct ke_loop_timer *await_timer;
    struct ke_loop_timer *retry_timer;
    struct ke_thread thread;
    struct ke_metric *publish_seconds;
    bool has_missed; /* an object could not be taken: take all again */
};

static const enum model_kind_id derived_kinds[] = { MODEL_NAMESPACE, MODEL_NODE, MODEL_SERVICE,
                                                    MODEL_ENDPOINTSLICE };

static void publish(struct endpoint_derive *derive, int64_t revision)
{
    int64_t began_ns = ke_now_ns();
    /* What was missed is not in the table: the revision is not complete. */
    bool is_done = endpoint_builder_publish(derive->table, derive->has_missed ? -1 : revision);
    ke_metric_observe_ns(derive->publish_seconds, ke_now_ns() - began_ns);
    if (!is_done || derive->has_missed)
        ke_loop_timer_after(derive->retry_timer, RETRY_NS);
}

static void on_put(void *ctx, const struct registry_object *object,
                   const struct registry_object *old)
{
    struct endpoint_derive *derive = ctx;
    (void)old;
    if (endpoint_builder_put(derive->table, object))
        return;
    derive->has_missed = true;
    ke_log(KE_LOG_WARN, "endpoint.object_missed", KV_S("namespace", object->ns),
           KV_S("name", object->name), KV_C("err", "out of memory, taken again soon"));
}

static void on_delete(void *ctx, const struct registry_object *object)
{
    struct endpoint_derive *derive = ctx;
    endpoint_builder_delete(derive->table, object->kind->id, object->ns, object->name);
}

/* The batch that follows publishes. */
static void on_synced(void *ctx)
{
    const struct endpoint_derive *derive = ctx;
    ke_log(KE_LOG_INFO, "endpoint.synced", KV_I("rv", watch_reflector_revision(derive->reflector)));
}

static void on_batch(void *ctx, int64_t revision)
{
    struct endpoint_derive *derive = ctx;
    if (watch_reflector_is_synced(derive->reflector))
        publish(derive, revision);
}

static const struct watch_handler derive_handler = {
    .on_put = on_put, .on_delete = on_delete, .on_synced = on_synced, .on_batch = on_batch
};

static void on_retry(void *ctx)
{
    struct endpoint_derive *derive = ctx;
    bool has_missed = derive->has_missed;
    derive->has_missed = false;
    for (size_t i = 0; has_missed && i < KE_ARRAY_LEN(derived_kinds); i++) {
        size_t pos = 0;
        const struct registry_object *object;
        while ((object = watch_reflector_next(derive->reflector, derived_kinds[i], &pos)) != NULL)
            on_put(derive, object, NULL);
    }
    publish(derive, watch_reflector_revision(derive->reflector));
}

/* ---- awaits --------------------------------------------------------------------------------- */

static void on_await_timer(void *ctx)
{
    struct endpoint_derive *derive = ctx;
    int64_t next_ns = endpoint_consumers_expire(derive->table);
    if (next_ns != INT64_MAX)
        ke_loop_timer_set(derive->await_timer, next_ns);
}

/* The revision that is awaited may be one of a kind that is not followed here. */
static void on_await(void *ctx)
{
    struct endpoint_derive *derive = ctx;
    if (watch_reflector_is_synced(derive->reflector))
        publish(derive, watch_reflector_revision(derive->reflector));
    on_await_timer(derive);
}

/* Any thread. Without memory for it the await ends with the next change instead. */
static void arm(void *ctx)
{
    struct endpoint_derive *derive = ctx;
    if (!ke_loop_post(derive->loop, on_await, derive))
        ke_log(KE_LOG_WARN, "endpoint.await_not_timed", KV_C("err", "out of memory"));
}

/* ---- life ----------------------------------------------------------------------------------- */

static enum ke_code set_up(struct endpoint_derive *derive, struct watch_hub *hub,
                           struct ke_str node_name, struct ke_err *err)
{
    derive->table = endpoint_table_new(node_name, err);
    if (derive->table == NULL)
        return err->code;
    derive->loop = ke_loop_new(err);
    if (derive->loop == NULL)
        return err->code;
    derive->await_timer = ke_loop_timer_new(derive->loop, on_await_timer, derive);
    derive->retry_timer = ke_loop_timer_new(derive->loop, on_retry, derive);
    if (derive->await_timer == NULL || derive->retry_timer == NULL)
        return ke_fail(err, KE_NOMEM, "endpoint table");
    enum ke_code rc =
        watch_reflector_new(hub, derive->loop, derived_kinds, KE_ARRAY_LEN(derived_kinds),
                            &derive_handler, derive, &derive->reflector, err);
    if (rc != KE_OK)
        return ke_wrap(err, "endpoint table");
    endpoint_consumers_set_arm(derive->table->consumers, arm, derive);
    return KE_OK;
}

enum ke_code endpoint_derive_new(struct watch_hub *hub, struct ke_str node_name,
                                 struct endpoint_derive **out, struct ke_err *err)
{
    struct endpoint_derive *derive = ke_alloc(sizeof(*derive));
    if (derive == NULL)
        return ke_fail(err, KE_NOMEM, "endpoint table");
    derive->publish_seconds =
        ke_metric_histogram("kedge_endpoint_publish_duration_seconds", "",
                            "Time to publish one burst of changes to the endpoint table.");
    if (set_up(derive, hub, node_name, err) != KE_OK) {
        endpoint_derive_free(derive);
        return err->code;
    }
    *out = derive;
    return KE_OK;
}

static void run(void *ctx)
{
    struct endpoint_derive *derive = ctx;
    watch_reflector_start(derive->reflector);
    ke_loop_run(derive->loop);
}

enum ke_code endpoint_derive_start(struct endpoint_derive *derive, struct ke_err *err)
{
    return ke_thread_start(&derive->thread, "derive", run, derive, err);
}

void endpoint_derive_stop(struct endpoint_derive *derive)
{
    if (!derive->thread.is_started)
        return;
    ke_loop_stop(derive->loop);
    ke_thread_join(&derive->thread);
    endpoint_consumers_close(derive->table);
}

void endpoint_derive_free(struct endpoint_derive *derive)
{
    if (derive == NULL)
        return;
    KE_ASSERT(!derive->thread.is_started);
    watch_reflector_free(derive->reflector);
    ke_loop_timer_free(derive->await_timer);
    ke_loop_timer_free(derive->retry_timer);
    ke_loop_free(derive->loop);
    endpoint_table_free(derive->table);
    free(derive);
}

struct endpoint_table *endpoint_derive_table(struct endpoint_derive *derive)
{
    return derive->table;
}
