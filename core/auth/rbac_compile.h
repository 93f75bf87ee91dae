/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_RBAC_COMPILE_H
#define CORE_AUTH_RBAC_COMPILE_H
/*
 * Inside core/auth: what rbac.c keeps of roles and bindings, and the snapshot it makes of them: a
 * hash table from subject to the bindings that name it. Items are read once from their object and
 * shared by the snapshots that hold them. Pure; snapshots are immutable.
 */
#include <stdatomic.h>

#include "core/auth/rules.h"
#include "core/registry/object.h"

enum rbac_subject_kind { RBAC_USER, RBAC_GROUP, RBAC_ACCOUNT };

struct rbac_subject {
    enum rbac_subject_kind kind;
    struct ke_str name; /* of an account "system:serviceaccount:NS:NAME", as it comes in requests */
    struct ke_str account, ns; /* of an account; ns as upstream describes it */
};

/* A role or a binding. Shared: refcounted, any thread. */
struct rbac_item {
    atomic_uint n_refs;
    struct ke_arena *arena;
    enum model_kind_id kind;
    struct ke_str key, ns, name;
    struct rbac_rules rules; /* of a role */
    /* of a binding: */
    bool is_cluster_role;
    struct ke_str role_key; /* what it refers to */
    struct ke_str role_name;
    const struct rbac_subject *subjects;
    size_t n_subjects;
};

/* NULL: out of memory. */
struct rbac_item *rbac_item_new(const struct registry_object *object);
void rbac_item_unref(struct rbac_item *item); /* NULL is fine */

/* One subject of one binding. */
struct rbac_grant {
    const struct rbac_grant *next; /* of the same bucket, cluster-wide ones first, by name */
    uint64_t hash;
    const struct rbac_item *binding;
    const struct rbac_item *role; /* NULL: not there */
    const struct rbac_subject *subject;
};

struct rbac_snapshot {
    struct rbac_item **items; /* holds a reference of each; sorted by key */
    size_t n_items;
    struct rbac_grant *grants;
    size_t n_grants;
    const struct rbac_grant **buckets;
    size_t mask;
};

/* items: given in any order, their references are borrowed. NULL: out of memory. */
struct rbac_snapshot *rbac_snapshot_new(struct rbac_item *const *items, size_t n_items);
void rbac_snapshot_free(void *ptr); /* a struct rbac_snapshot; NULL is fine */

/* Walks the grants of one subject in one scope (ns empty: cluster-wide): *at NULL at first. */
struct rbac_asker {
    enum rbac_subject_kind kind;
    struct ke_str name;
    struct ke_str ns;
    uint64_t hash;
};
struct rbac_asker rbac_asker_of(enum rbac_subject_kind kind, struct ke_str name, struct ke_str ns);
const struct rbac_grant *rbac_snapshot_next(const struct rbac_snapshot *snapshot,
                                            const struct rbac_asker *asker,
                                            const struct rbac_grant *at);

#endif
