/* SPDX-License-Identifier: Apache-2.0 */
/* See limits_index.h. Threads: any, under the lock. */
#include "core/resource/limits_index.h"

#include <pthread.h>

#include "core/base/map.h"
#include "core/base/mem.h"
#include "core/watch/hub.h"

#define N_KINDS 2

static const enum model_kind_id followed[N_KINDS] = { MODEL_RESOURCEQUOTA, MODEL_LIMITRANGE };

struct limits_index {
    pthread_mutex_t lock; /* guards everything below */
    struct watch_hub *hub;
    struct watch_stream *stream; /* NULL: list again */
    struct ke_map *by_ns;        /* namespace to struct limits_count, heap; none is all zero */
};

static void forget_all(struct limits_index *index)
{
    size_t pos = 0;
    struct ke_str ns;
    void *count = NULL;
    while (ke_map_next(index->by_ns, &pos, &ns, &count)) {
        (void)ke_map_del(index->by_ns, ns);
        free(count);
    }
}

/* False: out of memory. */
static bool change(struct limits_index *index, const struct registry_object *object, bool is_more)
{
    struct limits_count *count = ke_map_get(index->by_ns, object->ns);
    if (count == NULL) {
        count = is_more ? ke_alloc(sizeof(*count)) : NULL;
        if (count == NULL)
            return !is_more;
        if (!ke_map_set(index->by_ns, object->ns, count, NULL)) {
            free(count);
            return false;
        }
    }
    size_t *n = object->kind->id == MODEL_RESOURCEQUOTA ? &count->n_quotas : &count->n_limit_ranges;
    if (is_more)
        (*n)++;
    else if (*n > 0)
        (*n)--;
    if (count->n_quotas + count->n_limit_ranges == 0) {
        (void)ke_map_del(index->by_ns, object->ns);
        free(count);
    }
    return true;
}

/* The stream is read when somebody writes, not before. */
static void ignore_wake(void *ctx)
{
    (void)ctx;
}

/* All objects of one kind at the revision of the first list (*revision 0: the first). */
static enum ke_code list_kind(struct limits_index *index, enum model_kind_id id, int64_t *revision,
                              struct ke_err *err)
{
    struct registry_list list = { .objects = NULL };
    enum ke_code rc =
        registry_list(watch_hub_registry(index->hub), ke_str_c(model_kind_by_id(id)->prefix),
                      *revision, (struct ke_str){ NULL, 0 }, 0, &list, err);
    if (rc != KE_OK)
        return rc;
    *revision = list.revision;
    bool is_ok = true;
    for (size_t i = 0; is_ok && i < list.n_objects; i++)
        is_ok = change(index, list.objects[i], true);
    registry_list_free(&list);
    return is_ok ? KE_OK : ke_fail(err, KE_NOMEM, "out of memory");
}

/* From scratch: at first, or when the stream was cut off. */
static enum ke_code list_again(struct limits_index *index, struct ke_err *err)
{
    struct ke_str prefixes[N_KINDS];
    int64_t revision = 0;
    forget_all(index);
    for (size_t i = 0; i < N_KINDS; i++) {
        prefixes[i] = ke_str_c(model_kind_by_id(followed[i])->prefix);
        enum ke_code rc = list_kind(index, followed[i], &revision, err);
        if (rc != KE_OK)
            return rc;
    }
    struct watch_stream_spec spec = {
        .prefixes = prefixes, .n_prefixes = N_KINDS, .after = revision, .wake = ignore_wake
    };
    return watch_stream_open_spec(index->hub, &spec, &index->stream, err);
}

static bool apply(struct limits_index *index, const struct watch_event *event)
{
    if (event->type == REGISTRY_DELETE)
        return change(index, event->object, false);
    return event->previous != NULL || change(index, event->object, true);
}

/* Applies everything that was committed until now. */
static enum ke_code catch_up(struct limits_index *index, struct ke_err *err)
{
    while (index->stream != NULL) {
        struct watch_event event;
        enum ke_code rc = watch_stream_next(index->stream, &event, err);
        if (rc == KE_AGAIN)
            return KE_OK;
        bool is_ok = rc == KE_OK;
        if (is_ok) {
            is_ok = apply(index, &event);
            watch_event_clear(&event);
        }
        if (!is_ok) {
            watch_stream_close(index->stream);
            index->stream = NULL;
        }
    }
    return list_again(index, err);
}

enum ke_code limits_index_count(struct limits_index *index, struct ke_str ns,
                                struct limits_count *out, struct ke_err *err)
{
    (void)pthread_mutex_lock(&index->lock);
    enum ke_code rc = catch_up(index, err);
    if (rc == KE_OK) {
        const struct limits_count *count = ke_map_get(index->by_ns, ns);
        *out = count != NULL ? *count : (struct limits_count){ .n_quotas = 0 };
    }
    (void)pthread_mutex_unlock(&index->lock);
    return rc;
}

enum ke_code limits_index_new(struct watch_hub *hub, struct limits_index **out, struct ke_err *err)
{
    struct limits_index *index = ke_alloc(sizeof(*index));
    if (index == NULL)
        return ke_fail(err, KE_NOMEM, "index of limits");
    index->hub = hub;
    index->by_ns = ke_map_new();
    if (index->by_ns == NULL || pthread_mutex_init(&index->lock, NULL) != 0) {
        ke_map_free(index->by_ns);
        free(index);
        return ke_fail(err, KE_NOMEM, "index of limits");
    }
    *out = index;
    return KE_OK;
}

void limits_index_free(struct limits_index *index)
{
    if (index == NULL)
        return;
    watch_stream_close(index->stream);
    forget_all(index);
    ke_map_free(index->by_ns);
    (void)pthread_mutex_destroy(&index->lock);
    free(index);
}
