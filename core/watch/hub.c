/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wakes the streams. The log they share is the registry's own history, so nothing is kept twice; a
 * stream that was read empty needs no place in it at all: the hub gives it a position again with
 * the first change that concerns it. Streams are found by prefix: a change asks only for the
 * prefixes of its own key, however many streams there are. Writer thread (observe) and the streams'
 * threads.
 */
#include "core/watch/hub.h"

#include <pthread.h>

#include "core/base/list.h"
#include "core/base/map.h"
#include "core/base/mem.h"

struct watch_hub {
    struct registry *registry;
    pthread_mutex_t lock; /* guards all below, and of each stream what it says there */
    pthread_cond_t woken; /* a wake call has returned */
    struct ke_map *topics;
    struct ke_list ready; /* streams to wake */
    int64_t observed;     /* everything up to this revision was told to the streams */
};

/* The streams of one prefix. */
struct watch_topic {
    struct ke_list links;
};

struct watch_link {
    struct ke_list node; /* in the topic */
    struct watch_stream *stream;
    struct watch_topic *topic; /* NULL: not in one yet */
};

struct watch_stream {
    struct watch_hub *hub;
    watch_wake_fn *wake;
    void *ctx;
    /* Guarded by the hub's lock: */
    struct ke_list ready_node;
    bool is_idle;     /* read empty: waits for its wake */
    bool is_waking;   /* the writer is inside wake */
    int64_t position; /* everything up to here was delivered; only the reader's while not idle */
    /* Constant: */
    size_t n_prefixes;
    struct ke_str *prefixes;
    struct watch_link links[];
};

static void lock(struct watch_hub *hub)
{
    int rc = pthread_mutex_lock(&hub->lock);
    KE_ASSERT(rc == 0);
}

static void unlock(struct watch_hub *hub)
{
    int rc = pthread_mutex_unlock(&hub->lock);
    KE_ASSERT(rc == 0);
}

/* ---- the writer's side ----------------------------------------------------------------------- */

static void notify_topic(struct watch_hub *hub, struct ke_str prefix, int64_t revision)
{
    struct watch_topic *topic = ke_map_get(hub->topics, prefix);
    if (topic == NULL)
        return;
    KE_LIST_EACH(node, &topic->links) {
        struct watch_stream *stream = KE_CONTAINER_OF(node, struct watch_link, node)->stream;
        if (!stream->is_idle || revision <= stream->position)
            continue;
        stream->is_idle = false;
        stream->position = revision - 1;
        ke_list_append(&hub->ready, &stream->ready_node);
    }
}

/* "", "/", "/registry/", "/registry/pods/", ..., and the key itself. */
static void notify_change(struct watch_hub *hub, const struct registry_change *change)
{
    struct ke_str key = change->object->key;
    notify_topic(hub, KE_STR(""), change->revision);
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] == '/')
            notify_topic(hub, ke_str_of(key.ptr, i + 1), change->revision);
    }
    notify_topic(hub, key, change->revision);
}

static void wake_ready(struct watch_hub *hub)
{
    while (!ke_list_is_empty(&hub->ready)) {
        struct watch_stream *stream =
            KE_CONTAINER_OF(hub->ready.next, struct watch_stream, ready_node);
        ke_list_remove(&stream->ready_node);
        stream->is_waking = true;
        unlock(hub);
        stream->wake(stream->ctx);
        lock(hub);
        stream->is_waking = false; /* close waits for this: the stream is still there */
        (void)pthread_cond_broadcast(&hub->woken);
    }
}

static void observe(void *ctx, const struct registry_change *changes, size_t n)
{
    struct watch_hub *hub = ctx;
    if (n == 0)
        return;
    lock(hub);
    if (ke_map_count(hub->topics) > 0) {
        for (size_t i = 0; i < n; i++)
            notify_change(hub, &changes[i]);
    }
    hub->observed = changes[n - 1].revision;
    wake_ready(hub);
    unlock(hub);
}

/* ---- the hub --------------------------------------------------------------------------------- */

struct watch_hub *watch_hub_new(struct registry *registry, struct ke_err *err)
{
    struct watch_hub *hub = ke_alloc(sizeof(*hub));
    struct ke_map *topics = ke_map_new();
    if (hub == NULL || topics == NULL) {
        free(hub);
        ke_map_free(topics);
        (void)ke_fail(err, KE_NOMEM, "watch hub");
        return NULL;
    }
    hub->registry = registry;
    hub->topics = topics;
    (void)pthread_mutex_init(&hub->lock, NULL);
    (void)pthread_cond_init(&hub->woken, NULL);
    ke_list_init(&hub->ready);
    hub->observed = registry_revision(registry);
    registry_set_observer(registry, observe, hub);
    return hub;
}

void watch_hub_free(struct watch_hub *hub)
{
    if (hub == NULL)
        return;
    KE_ASSERT(ke_map_count(hub->topics) == 0);
    registry_set_observer(hub->registry, NULL, NULL);
    ke_map_free(hub->topics);
    (void)pthread_cond_destroy(&hub->woken);
    (void)pthread_mutex_destroy(&hub->lock);
    free(hub);
}

struct registry *watch_hub_registry(struct watch_hub *hub)
{
    return hub->registry;
}

/* ---- streams --------------------------------------------------------------------------------- */

static struct watch_stream *stream_new(struct watch_hub *hub, const struct watch_stream_spec *spec)
{
    size_t n = spec->n_prefixes;
    size_t bytes =
        sizeof(struct watch_stream) + n * (sizeof(struct watch_link) + sizeof(struct ke_str));
    for (size_t i = 0; i < n; i++)
        bytes += spec->prefixes[i].len;
    struct watch_stream *stream = ke_alloc(bytes);
    if (stream == NULL)
        return NULL;
    stream->hub = hub;
    stream->wake = spec->wake;
    stream->ctx = spec->ctx;
    stream->position = spec->after;
    stream->n_prefixes = n;
    stream->prefixes = (struct ke_str *)(void *)&stream->links[n];
    ke_list_init(&stream->ready_node);
    char *text = (char *)&stream->prefixes[n];
    for (size_t i = 0; i < n; i++) {
        stream->prefixes[i] = ke_str_of(text, spec->prefixes[i].len);
        if (spec->prefixes[i].len > 0)
            memcpy(text, spec->prefixes[i].ptr, spec->prefixes[i].len);
        text += spec->prefixes[i].len;
        ke_list_init(&stream->links[i].node);
        stream->links[i].stream = stream;
    }
    return stream;
}

static bool subscribe(struct watch_hub *hub, struct watch_link *link, struct ke_str prefix)
{
    struct watch_topic *topic = ke_map_get(hub->topics, prefix);
    if (topic == NULL) {
        topic = ke_alloc(sizeof(*topic));
        if (topic == NULL)
            return false;
        ke_list_init(&topic->links);
        if (!ke_map_set(hub->topics, prefix, topic, NULL)) {
            free(topic);
            return false;
        }
    }
    link->topic = topic;
    ke_list_append(&topic->links, &link->node);
    return true;
}

static void unsubscribe(struct watch_stream *stream)
{
    for (size_t i = 0; i < stream->n_prefixes; i++) {
        struct watch_link *link = &stream->links[i];
        if (link->topic == NULL)
            continue;
        ke_list_remove(&link->node);
        if (ke_list_is_empty(&link->topic->links))
            free(ke_map_del(stream->hub->topics, stream->prefixes[i]));
        link->topic = NULL;
    }
}

static enum ke_code check_reach(struct watch_stream *stream, struct ke_err *err)
{
    struct registry_history_query query = { .prefixes = stream->prefixes,
                                            .n_prefixes = stream->n_prefixes,
                                            .after = stream->position };
    size_t n = 0;
    int64_t through = 0;
    return registry_history(stream->hub->registry, &query, NULL, &n, &through, err);
}

enum ke_code watch_stream_open_spec(struct watch_hub *hub, const struct watch_stream_spec *spec,
                                    struct watch_stream **out, struct ke_err *err)
{
    struct watch_stream *stream = stream_new(hub, spec);
    if (stream == NULL)
        return ke_fail(err, KE_NOMEM, "watch stream");
    lock(hub);
    bool is_done = true;
    for (size_t i = 0; i < stream->n_prefixes && is_done; i++)
        is_done = subscribe(hub, &stream->links[i], stream->prefixes[i]);
    unlock(hub);
    enum ke_code rc = is_done ? check_reach(stream, err) : ke_fail(err, KE_NOMEM, "watch stream");
    if (rc != KE_OK) {
        watch_stream_close(stream);
        return rc;
    }
    *out = stream;
    return KE_OK;
}

/* The common case in one call. */
enum ke_code /* NOLINTNEXTLINE(readability-function-size) */
watch_stream_open(struct watch_hub *hub, struct ke_str prefix, int64_t after, watch_wake_fn *wake,
                  void *ctx, struct watch_stream **out, struct ke_err *err)
{
    struct watch_stream_spec spec = {
        .prefixes = &prefix, .n_prefixes = 1, .after = after, .wake = wake, .ctx = ctx
    };
    return watch_stream_open_spec(hub, &spec, out, err);
}

void watch_stream_close(struct watch_stream *stream)
{
    if (stream == NULL)
        return;
    struct watch_hub *hub = stream->hub;
    lock(hub);
    unsubscribe(stream);
    ke_list_remove(&stream->ready_node);
    while (stream->is_waking)
        (void)pthread_cond_wait(&hub->woken, &hub->lock);
    unlock(hub);
    free(stream);
}

/* Nothing was found up to through: idle, unless the hub has told of more meanwhile. */
static bool go_idle(struct watch_stream *stream, int64_t through)
{
    lock(stream->hub);
    stream->position = through;
    stream->is_idle = stream->hub->observed <= through;
    bool is_idle = stream->is_idle;
    unlock(stream->hub);
    return is_idle;
}

enum ke_code watch_stream_next(struct watch_stream *stream, struct watch_event *out,
                               struct ke_err *err)
{
    lock(stream->hub);
    bool is_idle = stream->is_idle;
    unlock(stream->hub);
    while (!is_idle) {
        struct registry_history_query query = { .prefixes = stream->prefixes,
                                                .n_prefixes = stream->n_prefixes,
                                                .after = stream->position,
                                                .max = 1 };
        struct registry_change change = { .object = NULL };
        size_t n = 0;
        int64_t through = 0;
        if (registry_history(stream->hub->registry, &query, &change, &n, &through, err) != KE_OK)
            return err->code;
        if (n > 0) {
            lock(stream->hub);
            stream->position = through;
            unlock(stream->hub);
            *out = (struct watch_event){ .type = change.type,
                                         .revision = change.revision,
                                         .object = change.object,
                                         .previous = change.previous };
            return KE_OK;
        }
        is_idle = go_idle(stream, through);
    }
    return KE_AGAIN;
}

int64_t watch_stream_revision(const struct watch_stream *stream)
{
    struct watch_hub *hub = stream->hub;
    lock(hub);
    int64_t revision = stream->position;
    if (stream->is_idle && hub->observed > revision)
        revision = hub->observed;
    unlock(hub);
    return revision;
}

void watch_event_clear(struct watch_event *event)
{
    registry_object_unref(event->object);
    registry_object_unref(event->previous);
    event->object = NULL;
    event->previous = NULL;
}
