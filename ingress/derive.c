/* SPDX-License-Identifier: Apache-2.0 */
/* Objects to routes, kept up to date. Everything is owned by the derive thread but the published
 * routes. */
#include "ingress/derive.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/map.h"
#include "core/base/snap.h"
#include "core/base/thread.h"
#include "core/watch/reflector.h"

#define VIEW_BYTES (4U << 20)

/* A decoded object: its arena holds the view. */
struct item {
    struct ke_arena *arena;
    union {
        struct model_ingress ingress;
        struct model_ingress_class class_of;
    } view;
};

/* Of a Secret that an Ingress names, there or not. */
struct cached_cert {
    int64_t revision;      /* of the Secret; 0: not there */
    struct tls_cert *cert; /* NULL: it cannot be used */
    const char *why;
    uint64_t used_by; /* generation of the routes that asked for it last */
};

struct ingress_derive {
    struct ingress_derive_options options;
    struct ke_thread thread;
    struct ke_loop *loop;
    struct watch_reflector *reflector;
    struct ke_map *ingresses; /* registry key -> item */
    struct ke_map *classes;
    struct ke_map *certs; /* registry key -> cached_cert */
    char name_memory[256];
    uint64_t generation;
    bool is_dirty;
    _Atomic(struct ingress_routes *) routes;
};

static void free_item(struct item *item)
{
    if (item != NULL)
        ke_arena_free(item->arena); /* the item is in it */
}

static void retire_routes(void *ptr)
{
    ingress_routes_free(ptr);
}

/* ---- what the builder asks for ---- */

static struct cached_cert *need_cached(struct ingress_derive *derive, struct ke_str key)
{
    struct cached_cert *cached = ke_map_get(derive->certs, key);
    if (cached != NULL)
        return cached;
    cached = ke_alloc(sizeof(*cached));
    if (cached == NULL || !ke_map_set(derive->certs, key, cached, NULL)) {
        free(cached);
        return NULL;
    }
    return cached;
}

static void refresh_cert(struct cached_cert *cached, const struct registry_object *secret)
{
    if (secret != NULL && cached->revision == secret->revision)
        return;
    ke_auto_json *json = secret != NULL ? registry_object_parse(secret) : NULL;
    tls_cert_unref(cached->cert);
    cached->why = secret != NULL ? "out of memory" : "it does not exist";
    cached->cert = json != NULL ? ingress_cert_from_secret(json, &cached->why) : NULL;
    cached->revision = secret != NULL ? secret->revision : 0;
}

static struct tls_cert *find_cert(void *ctx, struct ke_str ns, struct ke_str name, const char **why)
{
    struct ingress_derive *derive = ctx;
    const struct registry_object *secret =
        watch_reflector_get(derive->reflector, MODEL_SECRET, ns, name);
    ke_auto_buf key = KE_BUF_INIT(LIMIT_KEY_BYTES);
    model_kind_key(model_kind_by_id(MODEL_SECRET), ns, name, &key);
    struct cached_cert *cached = key.failed == KE_OK ? need_cached(derive, ke_buf_str(&key)) : NULL;
    *why = "out of memory";
    if (cached == NULL)
        return NULL;
    refresh_cert(cached, secret);
    cached->used_by = derive->generation + 1;
    *why = cached->why;
    return cached->cert != NULL ? tls_cert_ref(cached->cert) : NULL;
}

static bool cert_name(void *ctx, struct ke_str ns, struct ke_str name, size_t i, struct ke_str *out)
{
    struct ingress_derive *derive = ctx;
    const struct registry_object *secret =
        watch_reflector_get(derive->reflector, MODEL_SECRET, ns, name);
    ke_auto_json *json = secret != NULL ? registry_object_parse(secret) : NULL;
    return json != NULL && ingress_cert_name(json, i, derive->name_memory, out);
}

/* ---- publishing ---- */

static bool was_served(const struct ingress_routes *routes, const struct ingress_served *one)
{
    return routes != NULL && routes->n_served > 0 &&
           bsearch(one, routes->served, routes->n_served, sizeof(*one), ingress_compare_served) !=
               NULL;
}

/* Status of what is served or no longer is, and an Event for each problem that was not there
 * before. */
static void report_changes(struct ingress_derive *derive, const struct ingress_routes *before,
                           const struct ingress_routes *now)
{
    for (size_t i = 0; i < now->n_served; i++) {
        if (!was_served(before, &now->served[i]))
            report_ingress_served(derive->options.report, now->served[i].ns, now->served[i].name,
                                  true);
    }
    for (size_t i = 0; before != NULL && i < before->n_served; i++) {
        if (!was_served(now, &before->served[i]))
            report_ingress_served(derive->options.report, before->served[i].ns,
                                  before->served[i].name, false);
    }
    for (size_t i = 0; i < now->n_problems; i++) {
        const struct ingress_problem *problem = &now->problems[i];
        bool is_known = problem->reason == NULL; /* no Event for it: most, where there are many */
        for (size_t j = 0; before != NULL && j < before->n_problems && !is_known; j++)
            is_known = ke_str_eq(before->problems[j].message, problem->message) &&
                       ke_str_eq(before->problems[j].name, problem->name);
        struct report_object about = { .api_version = KE_STR("networking.k8s.io/v1"),
                                       .kind = KE_STR("Ingress"),
                                       .ns = problem->ns,
                                       .name = problem->name };
        if (!is_known)
            report_event(derive->options.report, REPORT_WARNING, &about, problem->reason,
                         problem->message);
    }
}

/* The map's values as an array of pointers to their views. */
static const void **collect(const struct ke_map *map, size_t *n)
{
    const void **views = ke_alloc_n(ke_map_count(map) + 1, sizeof(*views));
    struct ke_str key = { 0 };
    void *value = NULL;
    size_t pos = 0;
    *n = 0;
    while (views != NULL && ke_map_next(map, &pos, &key, &value))
        views[(*n)++] = &((struct item *)value)->view;
    return views;
}

static void free_cert_value(void *value)
{
    struct cached_cert *cached = value;
    tls_cert_unref(cached->cert);
    free(cached);
}

/* Keys of Secrets that no Ingress names any more are not kept. */
static void forget_unused_certs(struct ingress_derive *derive)
{
    struct ke_str key = { 0 };
    void *value = NULL;
    size_t pos = 0;
    while (ke_map_next(derive->certs, &pos, &key, &value)) {
        const struct cached_cert *cached = value;
        if (cached->used_by != derive->generation)
            free_cert_value(ke_map_del(derive->certs, key));
    }
}

static void rebuild(struct ingress_derive *derive)
{
    struct ingress_input input = { .settings = derive->options.settings,
                                   .find_cert = find_cert,
                                   .cert_name = cert_name,
                                   .ctx = derive };
    ke_auto_ptr const void **ingresses = collect(derive->ingresses, &input.n_ingresses);
    ke_auto_ptr const void **classes = collect(derive->classes, &input.n_classes);
    if (ingresses == NULL || classes == NULL)
        return;
    input.ingresses = (const struct model_ingress *const *)ingresses;
    input.classes = (const struct model_ingress_class *const *)classes;
    struct ingress_routes *routes = ingress_routes_build(&input);
    if (routes == NULL) {
        ke_log(KE_LOG_ERROR, "ingress.build_failed", KV_C("err", "out of memory"),
               KV_C("next", "old routes stay"));
        return;
    }
    struct ingress_routes *before = atomic_load(&derive->routes);
    routes->generation = ++derive->generation;
    report_changes(derive, before, routes);
    ke_snap_publish(&derive->routes, routes);
    if (before != NULL)
        ke_snap_retire(before, retire_routes);
    derive->is_dirty = false;
    forget_unused_certs(derive);
}

/* ---- reflector ---- */

static struct item *decode(const struct registry_object *object)
{
    struct ke_arena *arena = ke_arena_new(VIEW_BYTES);
    struct item *item = arena != NULL ? ke_arena_alloc(arena, sizeof(*item)) : NULL;
    ke_auto_json *json = item != NULL ? registry_object_parse(object) : NULL;
    bool is_class = object->kind->id == MODEL_INGRESSCLASS;
    bool is_good = json != NULL;
    if (is_good)
        is_good = is_class ? model_ingress_class_decode(json, arena, &item->view.class_of)
                           : model_ingress_decode(json, arena, &item->view.ingress);
    if (!is_good) {
        ke_arena_free(arena);
        return NULL;
    }
    item->arena = arena;
    return item;
}

static struct ke_map *map_of(struct ingress_derive *derive, const struct registry_object *object)
{
    return object->kind->id == MODEL_INGRESSCLASS ? derive->classes : derive->ingresses;
}

static void on_put(void *ctx, const struct registry_object *object,
                   const struct registry_object *old)
{
    struct ingress_derive *derive = ctx;
    (void)old;
    if (object->kind->id == MODEL_SECRET) { /* most are nothing to us */
        derive->is_dirty = derive->is_dirty || ke_map_get(derive->certs, object->key) != NULL;
        return;
    }
    derive->is_dirty = true;
    struct item *item = decode(object);
    void *before = NULL;
    if (item == NULL || !ke_map_set(map_of(derive, object), object->key, item, &before)) {
        ke_log(KE_LOG_ERROR, "ingress.decode_failed", KV_S("name", object->name));
        free_item(item);
        return;
    }
    free_item(before);
}

static void on_delete(void *ctx, const struct registry_object *object)
{
    struct ingress_derive *derive = ctx;
    bool is_secret = object->kind->id == MODEL_SECRET;
    if (!is_secret || ke_map_get(derive->certs, object->key) != NULL)
        derive->is_dirty = true;
    if (!is_secret)
        free_item(ke_map_del(map_of(derive, object), object->key));
}

static void on_synced(void *ctx)
{
    rebuild(ctx);
}

static void on_batch(void *ctx, int64_t revision)
{
    struct ingress_derive *derive = ctx;
    (void)revision;
    if (derive->is_dirty && watch_reflector_is_synced(derive->reflector))
        rebuild(derive);
}

static const struct watch_handler handler = { on_put, on_delete, on_synced, on_batch };

/* ---- life ---- */

enum ke_code ingress_derive_new(const struct ingress_derive_options *options,
                                struct ingress_derive **out, struct ke_err *err)
{
    static const enum model_kind_id kinds[] = { MODEL_INGRESS, MODEL_INGRESSCLASS, MODEL_SECRET };
    struct ingress_derive *derive = ke_alloc(sizeof(*derive));
    if (derive == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    derive->options = *options;
    derive->ingresses = ke_map_new();
    derive->classes = ke_map_new();
    derive->certs = ke_map_new();
    derive->loop = ke_loop_new(err);
    enum ke_code rc = KE_OK;
    if (derive->ingresses == NULL || derive->classes == NULL || derive->certs == NULL ||
        derive->loop == NULL)
        rc = ke_fail(err, KE_NOMEM, "out of memory");
    if (rc == KE_OK)
        rc = watch_reflector_new(options->hub, derive->loop, kinds, KE_ARRAY_LEN(kinds), &handler,
                                 derive, &derive->reflector, err);
    if (rc != KE_OK) {
        ingress_derive_free(derive);
        return rc;
    }
    *out = derive;
    return KE_OK;
}

static void run(void *ctx)
{
    struct ingress_derive *derive = ctx;
    ke_loop_run(derive->loop);
}

enum ke_code ingress_derive_start(struct ingress_derive *derive, struct ke_err *err)
{
    watch_reflector_start(derive->reflector);
    return ke_thread_start(&derive->thread, "ingress-routes", run, derive, err);
}

void ingress_derive_stop(struct ingress_derive *derive)
{
    ke_loop_stop(derive->loop);
    ke_thread_join(&derive->thread);
}

static void free_map(struct ke_map *map, void (*free_value)(void *value))
{
    struct ke_str key = { 0 };
    void *value = NULL;
    size_t pos = 0;
    while (map != NULL && ke_map_next(map, &pos, &key, &value))
        free_value(value);
    ke_map_free(map);
}

static void free_item_value(void *value)
{
    free_item(value);
}

void ingress_derive_free(struct ingress_derive *derive)
{
    if (derive == NULL)
        return;
    watch_reflector_free(derive->reflector);
    ke_loop_free(derive->loop);
    free_map(derive->ingresses, free_item_value);
    free_map(derive->classes, free_item_value);
    free_map(derive->certs, free_cert_value);
    ingress_routes_free(atomic_load(&derive->routes)); /* no reader is left */
    free(derive);
}

const struct ingress_routes *ingress_derive_routes(struct ingress_derive *derive)
{
    return ke_snap_load(&derive->routes);
}

bool ingress_derive_is_synced(struct ingress_derive *derive)
{
    return ke_snap_load(&derive->routes) != NULL;
}
