/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_REGISTRY_REGISTRY_H
#define CORE_REGISTRY_REGISTRY_H
/*
 * The registry contract: keys, objects and revisions. Reads come from the object cache and never
 * touch a disk; a commit takes a batch, all or nothing, is queued, and answers by callback.
 * Committed changes are reported in revision order to one observer (core/watch). Implementations:
 * store/sqlite, test/support/mem_registry; both keep their objects in core/registry/cache.
 *
 * A prefix is empty (everything), ends with a slash (all keys below it), or is one whole key. So
 * "/registry/pods/" never meets "/registry/podtemplates/x", nor "/registry/pods/a/b" the key
 * "/registry/pods/a/bc".
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/model/catalog.h"
#include "core/registry/object.h"

#define REGISTRY_ANY    ((int64_t)-1) /* no expectation */
#define REGISTRY_ABSENT ((int64_t)0)  /* must not exist */

struct registry;

struct registry_op {
    struct ke_str key; /* borrowed until registry_commit returns */
    int64_t expected;  /* REGISTRY_ANY, REGISTRY_ABSENT, or the revision it must have */
    struct registry_object *object; /* given (also on failure); NULL: delete the key */
};

struct registry_result {
    enum ke_code code; /* KE_OK; KE_CONFLICT, KE_EXISTS, KE_NOT_FOUND (delete, or expected > 0 of a
                          missing one); KE_LIMIT queue full; KE_IO: disk; KE_UNAVAILABLE: closing */
    struct ke_err err;
    size_t failed_op; /* which one did not match */
    int64_t revision; /* of the last op */
    struct registry_object *const
        *objects; /* one an op, in order, with revisions: what was stored, or for deletes the
                     tombstone; borrowed during the callback: ref to keep */
    size_t n_objects;
};
/*
 * Runs on the writer thread, after the observer was told; must not block; may commit again. Only
 * KE_LIMIT and KE_UNAVAILABLE (and KE_NOMEM of the queueing itself) are answered on the caller's
 * thread, before registry_commit returns.
 */
typedef void registry_done_fn(void *ctx, const struct registry_result *result);

enum registry_change_type { REGISTRY_PUT, REGISTRY_DELETE };
struct registry_change {
    enum registry_change_type type;
    int64_t revision;
    struct registry_object *object;   /* new state; for DELETE the last state with this revision */
    struct registry_object *previous; /* NULL: it did not exist */
};
/* Called on the writer's thread in revision order, before the commit's callback; must not block.
 * changes borrowed. */
typedef void registry_observer_fn(void *ctx, const struct registry_change *changes, size_t n);

struct registry_list {
    struct registry_object **objects; /* sorted by key, each holding a reference */
    size_t n_objects;
    int64_t revision;   /* of the snapshot */
    size_t n_remaining; /* after a limit */
};
void registry_list_free(struct registry_list *list); /* contents; the struct is the caller's */

struct registry_history_query {
    const struct ke_str *prefixes;
    size_t n_prefixes;
    int64_t after; /* changes with a revision above this one */
    size_t max;    /* at most so many; 0 only asks whether the history reaches back */
};

struct registry_vtbl {
    const char *name; /* "sqlite" */
    void (*commit)(struct registry *registry, struct registry_op *ops, size_t n_ops,
                   registry_done_fn *done, void *ctx);
    void (*set_observer)(struct registry *registry, registry_observer_fn *fn, void *ctx);
    /* KE_OK, or why writes fail now (disk full, ...). */
    enum ke_code (*health)(struct registry *registry, struct ke_err *err);
    uint64_t (*bytes_written)(struct registry *registry); /* to disk since start */
    void (*stop)(struct registry *registry);
    void (*free)(struct registry *registry);
};

struct registry_cache;

/* First member of each implementation. */
struct registry {
    const struct registry_vtbl *vtbl;
    struct registry_cache *cache; /* what all reads are answered from */
};

/* All of these: any thread. */
/* ops borrowed, its objects given (also on failure); n_ops > 0. */
void registry_commit(struct registry *registry, struct registry_op *ops, size_t n_ops,
                     registry_done_fn *done, void *ctx);
/* Returned: a reference. Errors: KE_NOT_FOUND. */
enum ke_code registry_get(struct registry *registry, struct ke_str key,
                          struct registry_object **out, struct ke_err *err) KE_MUST_CHECK;
/*
 * Takes references only: 10,000 objects cost well under a millisecond. at_revision 0: now.
 * start_after: a key, or empty. limit 0: all. Errors: KE_GONE (older than the history), KE_TIMEOUT
 * (newer than now), KE_NOMEM.
 */
enum ke_code registry_list(struct registry *registry, struct ke_str prefix, int64_t at_revision,
                           struct ke_str start_after, size_t limit, struct registry_list *out,
                           struct ke_err *err) KE_MUST_CHECK;
/*
 * Changes in order, each holding references (registry_change_clear). *out_through: everything under
 * the prefixes up to this revision has been given (so: the next `after`). Errors: KE_GONE when the
 * history does not reach back, or the kind's history ended with a restart (lazy and memory kinds).
 */
enum ke_code registry_history(struct registry *registry, const struct registry_history_query *query,
                              struct registry_change *out, size_t *out_n, int64_t *out_through,
                              struct ke_err *err) KE_MUST_CHECK;
void registry_change_clear(struct registry_change *change);
int64_t registry_revision(struct registry *registry);        /* of the last change */
int64_t registry_oldest_revision(struct registry *registry); /* history holds all after this */
/* Once, before the first commit. */
void registry_set_observer(struct registry *registry, registry_observer_fn *fn, void *ctx);
/* All kinds whose objects it knows, the custom ones among its objects included. Borrowed. */
struct model_catalog *registry_catalog(struct registry *registry);
/* KE_OK, or why writes fail now (disk full, ...). */
enum ke_code registry_health(struct registry *registry, struct ke_err *err);
uint64_t registry_bytes_written(struct registry *registry);
/* Refuses new commits, finishes queued ones, flushes. Not from a callback of the registry. */
void registry_stop(struct registry *registry);
void registry_free(struct registry *registry); /* stops; NULL is fine */
KE_AUTO_DEFINE(registry)

/* Blocks until the commit is done; for threads that are not the writer and not an event loop. */
enum ke_code registry_commit_wait(struct registry *registry, struct registry_op *ops, size_t n_ops,
                                  int64_t *out_revision, struct ke_err *err) KE_MUST_CHECK;

/* Whether key is under prefix (see above). */
bool registry_key_is_under(struct ke_str key, struct ke_str prefix);

#endif
