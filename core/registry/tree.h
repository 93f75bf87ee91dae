/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_REGISTRY_TREE_H
#define CORE_REGISTRY_TREE_H
/*
 * The live objects ordered by key: a treap whose links sit in the objects, so that changing it
 * never allocates. Its depth follows from a seeded hash of the keys, which nobody outside can
 * choose. Guarded by the owner (core/registry/cache).
 */
#include "core/registry/object.h"

struct registry_tree {
    struct registry_object *root;
};

/* Borrowed, or NULL. */
struct registry_object *registry_tree_find(const struct registry_tree *tree, struct ke_str key);
/* object: a reference is given. Returned: the reference to what had its key, or NULL. */
struct registry_object *registry_tree_put(struct registry_tree *tree,
                                          struct registry_object *object);
/* Returned: the reference to what was there, or NULL. */
struct registry_object *registry_tree_del(struct registry_tree *tree, struct ke_str key);
size_t registry_tree_count(const struct registry_tree *tree);
/* How many keys are smaller than key. */
size_t registry_tree_rank(const struct registry_tree *tree, struct ke_str key);

/* False ends the walk. */
typedef bool registry_tree_visit_fn(void *ctx, struct registry_object *object);
/* In order, from the first key that is not smaller than from. */
void registry_tree_walk(const struct registry_tree *tree, struct ke_str from,
                        registry_tree_visit_fn *visit, void *ctx);
/* Drops all references. */
void registry_tree_clear(struct registry_tree *tree);

#endif
