/* SPDX-License-Identifier: Apache-2.0 */
/* The object cache: reads of any thread under a short read lock, publication by the one writer. */
#include "core/registry/cache.h"

#include <inttypes.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/mem.h"

#define TRIM_PER_CHANGE 2 /* keeps up with any rate of changes, without a long pause */
#define TRIM_AT_LEAST   64

static enum ke_code init_lock(pthread_rwlock_t *lock, struct ke_err *err)
{
    pthread_rwlockattr_t attr;
    int rc = pthread_rwlockattr_init(&attr);
    if (rc == 0) {
        rc = pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
        if (rc == 0)
            rc = pthread_rwlock_init(lock, &attr);
        (void)pthread_rwlockattr_destroy(&attr);
    }
    return rc == 0 ? KE_OK : ke_fail_errno(err, rc, "lock of the object cache");
}

struct registry_cache *registry_cache_new(const struct registry_cache_options *options,
                                          struct ke_err *err)
{
    struct registry_cache *cache = ke_alloc(sizeof(*cache));
    if (cache == NULL) {
        (void)ke_fail(err, KE_NOMEM, "object cache");
        return NULL;
    }
    if (init_lock(&cache->lock, err) != KE_OK) {
        free(cache);
        return NULL;
    }
    cache->history.max_bytes = options->history_bytes;
    cache->history.max_age_ns = options->history_ms * KE_MS;
    cache->clock = options->clock != NULL ? options->clock : &ke_clock_system;
    if (model_catalog_new(&cache->catalog, err) != KE_OK) {
        registry_cache_free(cache);
        return NULL;
    }
    return cache;
}

void registry_cache_free(struct registry_cache *cache)
{
    if (cache == NULL)
        return;
    registry_history_deinit(&cache->history);
    registry_tree_clear(&cache->tree);
    model_catalog_free(cache->catalog);
    (void)pthread_rwlock_destroy(&cache->lock);
    free(cache);
}

static void read_lock(struct registry_cache *cache)
{
    int rc = pthread_rwlock_rdlock(&cache->lock);
    KE_ASSERT(rc == 0);
}

static void unlock(struct registry_cache *cache)
{
    int rc = pthread_rwlock_unlock(&cache->lock);
    KE_ASSERT(rc == 0);
}

/* ---- start ---------------------------------------------------------------------------------- */

void registry_cache_load(struct registry_cache *cache, struct registry_object *object)
{
    registry_object_unref(registry_tree_put(&cache->tree, object));
}

enum ke_code registry_cache_define(struct registry_cache *cache,
                                   const struct registry_object *object, struct ke_err *err)
{
    if (object->kind->id != MODEL_CUSTOMRESOURCEDEFINITION)
        return KE_OK;
    ke_auto_json *json = registry_object_parse(object);
    if (json == NULL)
        return ke_fail(err, KE_NOMEM, "define %.*s", KE_STR_ARG(object->name));
    return model_catalog_put(cache->catalog, json, err);
}

enum ke_code registry_cache_load_change(struct registry_cache *cache,
                                        struct registry_change *change, struct ke_err *err)
{
    if (registry_cache_prepare(cache, 1, err) != KE_OK) {
        registry_change_clear(change);
        return err->code;
    }
    int64_t now_ns = cache->clock->now_ns(cache->clock->ctx);
    registry_history_append(&cache->history, change, now_ns);
    registry_history_trim(&cache->history, now_ns, SIZE_MAX);
    return KE_OK;
}

void registry_cache_start(struct registry_cache *cache, int64_t floor, int64_t revision)
{
    if (cache->history.floor < floor)
        cache->history.floor = floor;
    cache->restart_revision = revision;
    atomic_store(&cache->revision, revision);
}

/* ---- the writer ------------------------------------------------------------------------------ */

struct registry_object *registry_cache_find(struct registry_cache *cache, struct ke_str key)
{
    return registry_tree_find(&cache->tree, key);
}

enum ke_code registry_cache_prepare(struct registry_cache *cache, size_t n, struct ke_err *err)
{
    if (cache->history.n + n <= cache->history.cap)
        return KE_OK;
    int rc = pthread_rwlock_wrlock(&cache->lock);
    KE_ASSERT(rc == 0);
    bool is_done = registry_history_reserve(&cache->history, n);
    unlock(cache);
    return is_done ? KE_OK : ke_fail(err, KE_NOMEM, "history of %zu changes", n);
}

/*
 * Before the change can be seen, so that who has seen a definition established can use it. A
 * definition that finds no memory or no room leaves things as they were: its objects go on by the
 * definition before.
 */
static void follow_definitions(struct registry_cache *cache, const struct registry_change *change)
{
    struct ke_err err = KE_ERR_INIT;
    if (change->object->kind->id != MODEL_CUSTOMRESOURCEDEFINITION)
        return;
    if (change->type == REGISTRY_DELETE)
        model_catalog_remove(cache->catalog, change->object->name);
    else if (registry_cache_define(cache, change->object, &err) != KE_OK)
        ke_log(KE_LOG_ERROR, "registry.definition_not_served", KV_S("name", change->object->name),
               KV_ERR(&err));
}

static void apply(struct registry_cache *cache, const struct registry_change *change,
                  int64_t now_ns)
{
    struct registry_object *old = NULL;
    if (change->type == REGISTRY_PUT)
        old = registry_tree_put(&cache->tree, registry_object_ref(change->object));
    else
        old = registry_tree_del(&cache->tree, change->object->key);
    registry_object_unref(old); /* change->previous still holds it */
    struct registry_change kept = *change;
    (void)registry_object_ref(change->object);
    if (change->previous != NULL)
        (void)registry_object_ref(change->previous);
    registry_history_append(&cache->history, &kept, now_ns);
}

void registry_cache_publish(struct registry_cache *cache, const struct registry_change *changes,
                            size_t n)
{
    if (n == 0)
        return;
    for (size_t i = 0; i < n; i++)
        follow_definitions(cache, &changes[i]);
    int64_t now_ns = cache->clock->now_ns(cache->clock->ctx);
    int rc = pthread_rwlock_wrlock(&cache->lock);
    KE_ASSERT(rc == 0);
    for (size_t i = 0; i < n; i++)
        apply(cache, &changes[i], now_ns);
    atomic_store(&cache->revision, changes[n - 1].revision);
    registry_history_trim(&cache->history, now_ns, n * TRIM_PER_CHANGE + TRIM_AT_LEAST);
    unlock(cache);
}

/* ---- prefixes -------------------------------------------------------------------------------- */

bool registry_key_is_under(struct ke_str key, struct ke_str prefix)
{
    if (prefix.len == 0 || prefix.ptr[prefix.len - 1] == '/')
        return ke_str_has_prefix(key, prefix);
    return ke_str_eq(key, prefix);
}

static bool is_under_any(struct ke_str key, const struct ke_str *prefixes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (registry_key_is_under(key, prefixes[i]))
            return true;
    }
    return false;
}

bool registry_kind_has_history(const struct model_kind *kind)
{
    return kind->durability == MODEL_DURABLE && kind->durability_of == NULL;
}

/* Whether the history of something under prefix ended with the last restart. */
static bool ends_with_restart(struct ke_str prefix)
{
    const struct model_kind *kind = NULL;
    for (unsigned i = 0; (kind = model_kind_at(i)) != NULL; i++) {
        struct ke_str at = ke_str_c(kind->prefix);
        if (!registry_kind_has_history(kind) &&
            (ke_str_has_prefix(at, prefix) || ke_str_has_prefix(prefix, at)))
            return true;
    }
    return false;
}

enum ke_code registry_cache_check_reach(const struct registry_cache *cache, struct ke_str prefix,
                                        int64_t after, struct ke_err *err)
{
    int64_t floor = cache->history.floor;
    if (after < cache->restart_revision && ends_with_restart(prefix))
        floor = cache->restart_revision;
    if (after < floor) {
        return ke_fail(err, KE_GONE,
                       "The resourceVersion %" PRId64 " is too old: the history begins at %" PRId64,
                       after, floor);
    }
    return KE_OK;
}

struct model_catalog *registry_catalog(struct registry *registry)
{
    return registry->cache->catalog;
}

/* ---- reads ----------------------------------------------------------------------------------- */

enum ke_code registry_get(struct registry *registry, struct ke_str key,
                          struct registry_object **out, struct ke_err *err)
{
    struct registry_cache *cache = registry->cache;
    read_lock(cache);
    struct registry_object *object = registry_tree_find(&cache->tree, key);
    if (object != NULL)
        (void)registry_object_ref(object);
    unlock(cache);
    if (object == NULL)
        return ke_fail(err, KE_NOT_FOUND, "%.*s not found", KE_STR_ARG(key));
    *out = object;
    return KE_OK;
}

enum ke_code registry_history(struct registry *registry, const struct registry_history_query *query,
                              struct registry_change *out, size_t *out_n, int64_t *out_through,
                              struct ke_err *err)
{
    struct registry_cache *cache = registry->cache;
    const struct registry_history *history = &cache->history;
    enum ke_code rc = KE_OK;
    read_lock(cache);
    for (size_t i = 0; i < query->n_prefixes && rc == KE_OK; i++)
        rc = registry_cache_check_reach(cache, query->prefixes[i], query->after, err);
    if (rc == KE_OK) {
        size_t n = 0;
        size_t i = registry_history_seek(history, query->after);
        int64_t through = query->after;
        for (; i < history->n && n < query->max; i++) {
            const struct registry_change *change = registry_history_at(history, i);
            through = change->revision;
            if (!is_under_any(change->object->key, query->prefixes, query->n_prefixes))
                continue;
            out[n] = *change;
            (void)registry_object_ref(change->object);
            if (change->previous != NULL)
                (void)registry_object_ref(change->previous);
            n++;
        }
        int64_t revision = atomic_load(&cache->revision);
        *out_through = i == history->n && revision > through ? revision : through;
        *out_n = n;
    }
    unlock(cache);
    return rc;
}

int64_t registry_revision(struct registry *registry)
{
    return atomic_load(&registry->cache->revision);
}

int64_t registry_oldest_revision(struct registry *registry)
{
    read_lock(registry->cache);
    int64_t floor = registry->cache->history.floor;
    unlock(registry->cache);
    return floor;
}
