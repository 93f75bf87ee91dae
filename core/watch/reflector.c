/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists its kinds at one revision and follows them with one stream, so that changes of different
 * kinds arrive in the order in which they were made. Runs on the loop's thread; the writer's thread
 * only touches the event descriptor.
 */
#include "core/watch/reflector.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/mem.h"

#define EVENTS_A_TURN 256
#define ALL_KEYS      "/registry/"
#define RETRY_NS      (100 * KE_MS)

struct reflected_kind {
    enum model_kind_id id;
    const struct model_kind *kind; /* NULL: all custom kinds */
    struct ke_map *objects;        /* by registry key; each holding a reference */
};

struct watch_reflector {
    struct watch_hub *hub;
    struct ke_loop *loop;
    const struct watch_handler *handler;
    void *ctx;
    struct ke_loop_fd *watch;
    struct ke_loop_timer *retry;
    struct watch_stream *stream; /* NULL: must list */
    int wake_fd;
    bool is_synced;
    int64_t revision; /* everything up to it was delivered */
    bool has_custom;  /* then it follows all keys: those of kinds to come are not known yet */
    size_t n_kinds;
    struct reflected_kind kinds[];
};

static void wake(void *ctx)
{
    struct watch_reflector *reflector = ctx;
    uint64_t one = 1;
    /* A full counter is a wake that is still pending: nothing is lost. */
    ssize_t n = write(reflector->wake_fd, &one, sizeof(one));
    (void)n;
}

static const struct reflected_kind *find_kind(const struct watch_reflector *reflector,
                                              enum model_kind_id id)
{
    for (size_t i = 0; i < reflector->n_kinds; i++) {
        if (reflector->kinds[i].id == id)
            return &reflector->kinds[i];
    }
    return NULL;
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Takes a reference of its own. */
static enum ke_code put(struct watch_reflector *reflector, struct ke_map *objects,
                        struct registry_object *object, struct ke_err *err)
{
    void *old = NULL;
    if (!ke_map_set(objects, object->key, object, &old))
        return ke_fail(err, KE_NOMEM, "reflect %.*s", KE_STR_ARG(object->key));
    (void)registry_object_ref(object);
    reflector->handler->on_put(reflector->ctx, object, old);
    registry_object_unref(old);
    return KE_OK;
}

static void forget(struct watch_reflector *reflector, struct ke_map *objects,
                   const struct registry_object *last)
{
    struct registry_object *old = ke_map_del(objects, last->key);
    if (old == NULL)
        return;
    reflector->handler->on_delete(reflector->ctx, last);
    registry_object_unref(old);
}

static enum ke_code deliver(struct watch_reflector *reflector, const struct watch_event *event,
                            struct ke_err *err)
{
    const struct reflected_kind *kind = find_kind(reflector, event->object->kind->id);
    if (kind == NULL)
        return KE_OK;
    if (event->type == REGISTRY_PUT)
        return put(reflector, kind->objects, event->object, err);
    forget(reflector, kind->objects, event->object);
    return KE_OK;
}

/* ---- listing --------------------------------------------------------------------------------- */

static int key_compare(const void *a, const void *b)
{
    const struct registry_object *const *x = a;
    const struct registry_object *const *y = b;
    return ke_str_cmp((*x)->key, (*y)->key);
}

/* Deletes what the list no longer has: a name that was taken anew since is a put of its own. */
static void sweep(struct watch_reflector *reflector, struct ke_map *objects,
                  const struct registry_list *list)
{
    size_t pos = 0;
    struct ke_str key;
    void *value = NULL;
    while (ke_map_next(objects, &pos, &key, &value)) {
        const struct registry_object *old = value;
        if (list->n_objects > 0 && bsearch(&old, list->objects, list->n_objects,
                                           sizeof(struct registry_object *), key_compare) != NULL)
            continue;
        forget(reflector, objects, old);
    }
}

static enum ke_code merge_list(struct watch_reflector *reflector, const struct reflected_kind *kind,
                               const struct registry_list *list, struct ke_err *err)
{
    struct ke_map *objects = kind->objects;
    sweep(reflector, objects, list);
    for (size_t i = 0; i < list->n_objects; i++) {
        struct registry_object *object = list->objects[i];
        if (object->kind->id != kind->id)
            continue;
        const struct registry_object *old = ke_map_get(objects, object->key);
        if (old != NULL && old->revision == object->revision)
            continue;
        if (put(reflector, objects, object, err) != KE_OK)
            return err->code;
    }
    return KE_OK;
}

static enum ke_code open_stream(struct watch_reflector *reflector, int64_t revision,
                                struct ke_err *err)
{
    if (reflector->has_custom)
        return watch_stream_open(reflector->hub, KE_STR(ALL_KEYS), revision, wake, reflector,
                                 &reflector->stream, err);
    struct ke_str *prefixes = ke_alloc_n(reflector->n_kinds, sizeof(*prefixes));
    if (prefixes == NULL)
        return ke_fail(err, KE_NOMEM, "reflector");
    for (size_t i = 0; i < reflector->n_kinds; i++) {
        KE_ASSERT(reflector->kinds[i].kind != NULL); /* only all custom kinds have none */
        prefixes[i] = ke_str_c(reflector->kinds[i].kind->prefix);
    }
    struct watch_stream_spec spec = { .prefixes = prefixes,
                                      .n_prefixes = reflector->n_kinds,
                                      .after = revision,
                                      .wake = wake,
                                      .ctx = reflector };
    enum ke_code rc = watch_stream_open_spec(reflector->hub, &spec, &reflector->stream, err);
    free(prefixes);
    return rc;
}

/* Every kind as it was at one revision, then the stream from there. */
static enum ke_code list_all(struct watch_reflector *reflector, struct ke_err *err)
{
    struct registry *registry = watch_hub_registry(reflector->hub);
    int64_t revision = 0;
    for (size_t i = 0; i < reflector->n_kinds; i++) {
        struct reflected_kind *kind = &reflector->kinds[i];
        struct registry_list list;
        const char *prefix = kind->kind != NULL ? kind->kind->prefix : ALL_KEYS;
        if (registry_list(registry, ke_str_c(prefix), revision, KE_STR(""), 0, &list, err) != KE_OK)
            return err->code;
        revision = list.revision;
        enum ke_code rc = merge_list(reflector, kind, &list, err);
        registry_list_free(&list);
        if (rc != KE_OK)
            return rc;
    }
    if (open_stream(reflector, revision, err) != KE_OK)
        return err->code;
    reflector->revision = revision;
    return KE_OK;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static void tell_batch(struct watch_reflector *reflector)
{
    if (reflector->handler->on_batch != NULL)
        reflector->handler->on_batch(reflector->ctx, reflector->revision);
}

static void drop_stream(struct watch_reflector *reflector)
{
    watch_stream_close(reflector->stream);
    reflector->stream = NULL;
}

static void start_over(struct watch_reflector *reflector, const struct ke_err *err)
{
    drop_stream(reflector);
    if (err->code == KE_GONE) {
        ke_log(KE_LOG_DEBUG, "watch.reflector_lists_again", KV_I("rv", reflector->revision));
        wake(reflector);
        return;
    }
    ke_log(KE_LOG_WARN, "watch.reflector_retries", KV_ERR(err));
    ke_loop_timer_after(reflector->retry, RETRY_NS);
}

static enum ke_code read_events(struct watch_reflector *reflector, struct ke_err *err)
{
    for (unsigned i = 0; i < EVENTS_A_TURN; i++) {
        struct watch_event event;
        enum ke_code rc = watch_stream_next(reflector->stream, &event, err);
        if (rc != KE_OK)
            return rc;
        rc = deliver(reflector, &event, err);
        watch_event_clear(&event);
        if (rc != KE_OK)
            return rc;
    }
    return KE_OK;
}

static void on_wake(void *ctx, uint32_t events)
{
    struct watch_reflector *reflector = ctx;
    (void)events;
    uint64_t count = 0;
    ssize_t n = read(reflector->wake_fd, &count, sizeof(count));
    (void)n;
    struct ke_err err = KE_ERR_INIT;
    bool has_listed = false;
    if (reflector->stream == NULL) {
        if (list_all(reflector, &err) != KE_OK) {
            start_over(reflector, &err);
            return;
        }
        has_listed = true;
    }
    int64_t before = reflector->revision;
    enum ke_code rc = read_events(reflector, &err);
    reflector->revision = watch_stream_revision(reflector->stream);
    if (has_listed && !reflector->is_synced) {
        reflector->is_synced = true;
        reflector->handler->on_synced(reflector->ctx);
    }
    if (has_listed || reflector->revision != before)
        tell_batch(reflector);
    if (rc == KE_OK)
        wake(reflector); /* there may be more: after the other work of this loop */
    else if (rc != KE_AGAIN)
        start_over(reflector, &err);
}

static void on_retry(void *ctx)
{
    wake(ctx);
}

/* ---- life ------------------------------------------------------------------------------------ */

static enum ke_code set_up(struct watch_reflector *reflector, struct ke_err *err)
{
    for (size_t i = 0; i < reflector->n_kinds; i++) {
        reflector->kinds[i].objects = ke_map_new();
        if (reflector->kinds[i].objects == NULL)
            return ke_fail(err, KE_NOMEM, "reflector");
    }
    reflector->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (reflector->wake_fd < 0)
        return ke_fail_errno(err, errno, "reflector: eventfd");
    reflector->watch =
        ke_loop_fd_add(reflector->loop, reflector->wake_fd, EPOLLIN, on_wake, reflector);
    reflector->retry = ke_loop_timer_new(reflector->loop, on_retry, reflector);
    if (reflector->watch == NULL || reflector->retry == NULL)
        return ke_fail(err, KE_NOMEM, "reflector");
    return KE_OK;
}

/* One call makes it; a struct for its arguments would be made up at each. */
enum ke_code /* NOLINTNEXTLINE(readability-function-size) */
watch_reflector_new(struct watch_hub *hub, struct ke_loop *loop, const enum model_kind_id *kinds,
                    size_t n_kinds, const struct watch_handler *handler, void *ctx,
                    struct watch_reflector **out, struct ke_err *err)
{
    struct watch_reflector *reflector =
        ke_alloc(sizeof(*reflector) + n_kinds * sizeof(struct reflected_kind));
    if (reflector == NULL)
        return ke_fail(err, KE_NOMEM, "reflector");
    reflector->hub = hub;
    reflector->loop = loop;
    reflector->handler = handler;
    reflector->ctx = ctx;
    reflector->wake_fd = -1;
    reflector->n_kinds = n_kinds;
    for (size_t i = 0; i < n_kinds; i++) {
        reflector->kinds[i].id = kinds[i];
        reflector->kinds[i].kind = kinds[i] != MODEL_CUSTOM ? model_kind_by_id(kinds[i]) : NULL;
        reflector->has_custom = reflector->has_custom || kinds[i] == MODEL_CUSTOM;
    }
    if (set_up(reflector, err) != KE_OK) {
        watch_reflector_free(reflector);
        return err->code;
    }
    *out = reflector;
    return KE_OK;
}

void watch_reflector_start(struct watch_reflector *reflector)
{
    wake(reflector);
}

static void free_objects(struct ke_map *objects)
{
    size_t pos = 0;
    struct ke_str key;
    void *value = NULL;
    while (objects != NULL && ke_map_next(objects, &pos, &key, &value))
        registry_object_unref(value);
    ke_map_free(objects);
}

void watch_reflector_free(struct watch_reflector *reflector)
{
    if (reflector == NULL)
        return;
    drop_stream(reflector);
    ke_loop_timer_free(reflector->retry);
    ke_loop_fd_del(reflector->watch);
    if (reflector->wake_fd >= 0)
        (void)close(reflector->wake_fd);
    for (size_t i = 0; i < reflector->n_kinds; i++)
        free_objects(reflector->kinds[i].objects);
    free(reflector);
}

bool watch_reflector_is_synced(const struct watch_reflector *reflector)
{
    return reflector->is_synced;
}

int64_t watch_reflector_revision(const struct watch_reflector *reflector)
{
    return reflector->stream != NULL ? watch_stream_revision(reflector->stream)
                                     : reflector->revision;
}

const struct registry_object *watch_reflector_find(const struct watch_reflector *reflector,
                                                   const struct model_kind *kind, struct ke_str ns,
                                                   struct ke_str name)
{
    const struct reflected_kind *reflected = find_kind(reflector, kind->id);
    char text[LIMIT_KEY_BYTES];
    struct ke_buf key = KE_BUF_FIXED(text, sizeof(text));
    if (reflected == NULL || name.len == 0)
        return NULL;
    model_kind_key(kind, ns, name, &key);
    return key.failed == KE_OK ? ke_map_get(reflected->objects, ke_buf_str(&key)) : NULL;
}

const struct registry_object *watch_reflector_get(const struct watch_reflector *reflector,
                                                  enum model_kind_id kind, struct ke_str ns,
                                                  struct ke_str name)
{
    const struct reflected_kind *reflected = find_kind(reflector, kind);
    if (reflected == NULL || reflected->kind == NULL)
        return NULL;
    return watch_reflector_find(reflector, reflected->kind, ns, name);
}

const struct registry_object *watch_reflector_find_key(const struct watch_reflector *reflector,
                                                       struct ke_str key)
{
    const struct registry_object *found = NULL;
    for (size_t i = 0; found == NULL && i < reflector->n_kinds; i++) {
        const struct model_kind *kind = reflector->kinds[i].kind;
        if (kind == NULL || ke_str_has_prefix(key, ke_str_c(kind->prefix)))
            found = ke_map_get(reflector->kinds[i].objects, key);
    }
    return found;
}

const struct registry_object *watch_reflector_next(const struct watch_reflector *reflector,
                                                   enum model_kind_id kind, size_t *pos)
{
    const struct reflected_kind *reflected = find_kind(reflector, kind);
    struct ke_str key;
    void *value = NULL;
    if (reflected == NULL || !ke_map_next(reflected->objects, pos, &key, &value))
        return NULL;
    return value;
}
