/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_APPLY_MANAGERS_H
#define CORE_MODEL_APPLY_MANAGERS_H
/*
 * Who owns which fields of an object, and what becomes of that when one of them writes: an update
 * takes what it changes; an apply owns what it says, gives up what it no longer says (which goes
 * when nobody else owns it) and meets a conflict where it would change what another owns.
 * And metadata.managedFields, as that is stored. Pure; one thread; all in the work's arena.
 * Source: KEP-555; structured-merge-diff (merge.Updater); apimachinery managedfields.
 */
#include "core/model/apply/tree.h"

struct apply_manager {
    struct ke_str name;
    struct ke_str operation;   /* "Apply" or "Update" (a client may have stored anything) */
    struct ke_str api_version; /* of its fields */
    struct ke_str subresource; /* "" or "status", ... */
    struct ke_str time;        /* RFC 3339; empty: none */
    const struct apply_set *fields;
};

struct apply_managers {
    struct apply_manager *items;
    size_t n, cap;
};

/* Two entries of one name are one manager unless these differ; appliers are one in all versions. */
bool apply_manager_is_same(const struct apply_manager *a, const struct apply_manager *b);
/* `"kubectl"`, `"kubectl" with subresource "status" using apps/v1`: how messages name it. */
void apply_manager_print(const struct apply_manager *manager, struct ke_buf *out);

/* ---- metadata.managedFields */

/*
 * False: not entries that can be read (or out of memory: the work says so). is_ours: as
 * apply_set_parse. Texts are borrowed from json.
 */
bool apply_managers_parse(struct apply_work *work, const cJSON *json, bool is_ours,
                          struct apply_managers *out) KE_MUST_CHECK;
/* Returned (cJSON_Delete), in upstream's order; NULL: out of memory. */
cJSON *apply_managers_print(struct apply_work *work, struct apply_managers *managers);
/* Merges the oldest Update entries of each version into "ancient-changes" while there are more
 * than max of them. */
void apply_managers_cap(struct apply_work *work, struct apply_managers *managers, size_t max);

/* ---- writing */

/* The versions of a kind: how their objects look and how one becomes the other. */
struct apply_versions {
    const void *ctx;
    /* False: not served (any more); its managers are forgotten. */
    bool (*shape)(const void *ctx, struct ke_str api_version, struct model_shape *out);
    /* Returned (cJSON_Delete): object, of version from, in version to. NULL: out of memory. */
    cJSON *(*convert)(const void *ctx, const cJSON *object, struct ke_str from, struct ke_str to);
};

/* Which members of the top a write changes, and so can own: the rest is reset by the server. */
struct apply_scope {
    const char *only[4];  /* when the first is not NULL: these alone */
    const char *never[4]; /* else all but these */
};

struct apply_write {
    const struct apply_versions *versions;
    const struct apply_scope *scope;
    struct apply_manager manager; /* who writes; fields and time are not looked at */
    struct ke_str now;            /* for time */
    bool is_forced;               /* apply: takes what others own */
};

/*
 * An object of manager.api_version was old and is to be object: changes managers in place. Fields
 * that the server alone sets (names, uid, revision) are nobody's.
 */
void apply_managers_update(struct apply_work *work, const struct apply_write *write,
                           const cJSON *old, const cJSON *object, struct apply_managers *managers);

/* A manager and what it owns of that which an apply would change; fields is that. */
struct apply_conflicts {
    struct apply_manager *items; /* by manager */
    size_t n;
    size_t n_fields; /* of all */
};

struct apply_outcome {
    cJSON *object; /* to be freed; NULL: nothing changed, or there are conflicts */
    struct apply_conflicts conflicts;
};

/*
 * Applies config (checked, of manager.api_version) to live. out->object is of the same version.
 * With conflicts (not forced) managers are to be thrown away. False: out of memory.
 */
bool apply_managers_apply(struct apply_work *work, const struct apply_write *write,
                          const cJSON *live, const cJSON *config, struct apply_managers *managers,
                          struct apply_outcome *out) KE_MUST_CHECK;

/* "Apply failed with 1 conflict: conflict with "m1": .spec.replicas", or a list of them. */
void apply_conflicts_print(const struct apply_conflicts *conflicts, struct ke_buf *out);

#endif
