/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_REGISTRY_CACHE_H
#define CORE_REGISTRY_CACHE_H
/*
 * The object cache: the live objects ordered by key and the recent changes, for implementations of
 * the registry. One writer thread changes it; any thread reads through registry_get, _list and
 * _history, which hold a lock only while they take references (writers are preferred, so a crowd of
 * readers does not keep a commit waiting). A list at an older revision undoes the history.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "core/base/clock.h"
#include "core/model/catalog.h"
#include "core/registry/history.h"
#include "core/registry/tree.h"

struct registry_cache {
    pthread_rwlock_t lock; /* guards tree and history; the writer thread reads both without */
    struct registry_tree tree;
    struct registry_history history;
    struct model_catalog *catalog; /* follows the CustomResourceDefinitions among the objects */
    _Atomic(int64_t) revision;
    int64_t restart_revision; /* kinds that are not durable have no history before it */
    const struct ke_clock *clock;
};

struct registry_cache_options {
    size_t history_bytes;
    int64_t history_ms;
    const struct ke_clock *clock; /* borrowed; NULL: the system's */
};

/* NULL: err. */
struct registry_cache *registry_cache_new(const struct registry_cache_options *options,
                                          struct ke_err *err);
void registry_cache_free(struct registry_cache *cache);
KE_AUTO_DEFINE(registry_cache)

/* ---- filling it at start, before anyone reads ---- */
void registry_cache_load(struct registry_cache *cache, struct registry_object *object); /* given */
/*
 * Object is stored: a CustomResourceDefinition is served from now on. Call it for all of them
 * before their objects are loaded: keys are recognised by the catalog. Errors: KE_NOMEM, KE_LIMIT,
 * KE_MALFORMED.
 */
enum ke_code registry_cache_define(struct registry_cache *cache,
                                   const struct registry_object *object,
                                   struct ke_err *err) KE_MUST_CHECK;
/* In revision order; references given, also on failure. Errors: KE_NOMEM. */
enum ke_code registry_cache_load_change(struct registry_cache *cache,
                                        struct registry_change *change,
                                        struct ke_err *err) KE_MUST_CHECK;
/* floor: the loaded history holds everything after it. revision: the cache starts with it; no
 * object has a higher one. */
void registry_cache_start(struct registry_cache *cache, int64_t floor, int64_t revision);

/* ---- for the writer thread ---- */
/* The live object, borrowed until the next publication; NULL: none. */
struct registry_object *registry_cache_find(struct registry_cache *cache, struct ke_str key);
/* Room in the history for n changes. Errors: KE_NOMEM. */
enum ke_code registry_cache_prepare(struct registry_cache *cache, size_t n,
                                    struct ke_err *err) KE_MUST_CHECK;
/* Makes prepared changes visible, all at once; takes references of its own; cannot fail. */
void registry_cache_publish(struct registry_cache *cache, const struct registry_change *changes,
                            size_t n);

/* ---- for core/registry, under the lock ---- */
/* Whether the history of prefix holds everything after a revision. Errors: KE_GONE. */
enum ke_code registry_cache_check_reach(const struct registry_cache *cache, struct ke_str prefix,
                                        int64_t after, struct ke_err *err) KE_MUST_CHECK;

/* Kinds whose every object is durable: their history survives a restart. */
bool registry_kind_has_history(const struct model_kind *kind);

#endif
