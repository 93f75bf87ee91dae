/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_APPLY_TREE_H
#define CORE_MODEL_APPLY_TREE_H
/*
 * Objects under a shape: which fields one has, in which two differ, one merged into another, fields
 * taken out. Objects are JSON of one version of a kind. Pure; one thread; sets live in the work's
 * arena and borrow names from the objects.
 * Source: KEP-555; behaviour of structured-merge-diff (typed).
 */
#include "core/model/apply/set.h"

/*
 * Is the object what its shape says: known members, right types, items that can be told apart and
 * are there once? The problems found go to out as upstream words them: one is "PATH: WHAT", more
 * are "errors:" and a line each. True: none.
 */
bool apply_tree_check(struct apply_work *work, const struct model_shape *shape, const cJSON *object,
                      struct ke_buf *out);

/*
 * All that the object says: leaves, items of lists, keys of maps, empty and null members. Items
 * that stand there twice count as one leaf.
 */
const struct apply_set *apply_tree_fields(struct apply_work *work, const struct model_shape *shape,
                                          const cJSON *object);

struct apply_changes {
    const struct apply_set *added, *modified, *removed;
};
/* From a to b. */
void apply_tree_compare(struct apply_work *work, const struct model_shape *shape, const cJSON *a,
                        const cJSON *b, struct apply_changes *out);

/*
 * Returned (cJSON_Delete): live with what config says; config has passed apply_tree_check. Items
 * that both have stand in the order of config. NULL: out of memory (the work says so).
 */
cJSON *apply_tree_merge(struct apply_work *work, const struct model_shape *shape, const cJSON *live,
                        const cJSON *config);

/*
 * Takes the members of the set, and all below them, out of object, in place. Lists and objects that
 * lose all they had become null, and so still count as there, until apply_tree_drop_emptied takes
 * them out of the object or a copy of it.
 */
void apply_tree_remove(struct apply_work *work, const struct model_shape *shape, cJSON *object,
                       const struct apply_set *set);
void apply_tree_drop_emptied(cJSON *object);

/* ---- shared by the files behind this header */

enum apply_form { APPLY_LEAF, APPLY_MAP, APPLY_LIST };
/* How a value is walked where this shape lies; NULL values are null. */
enum apply_form apply_form_of(const struct model_shape *shape, const cJSON *value);

/* The members of an object that is walked often: sorted by name when there are many. */
struct apply_members {
    const cJSON *object;
    const cJSON **sorted; /* NULL: few, or no memory for it */
    size_t n;
};
struct apply_members apply_members_of(struct apply_work *work, const cJSON *object);
const cJSON *apply_members_find(const struct apply_members *members, const char *name);

/* One item of a list and what it is called; items in the list's order. */
struct apply_item {
    const cJSON *value;
    struct apply_element element;
    size_t place;  /* in the list */
    size_t rank;   /* in sorted */
    size_t n_same; /* items of this element in the list */
    bool is_first; /* of those */
};
struct apply_items {
    struct apply_item *items;   /* in order of the list */
    struct apply_item **sorted; /* by element, then place */
    size_t n;
};
/* Items that cannot be told apart by their shape (which only live objects can have) are left out.
 */
struct apply_items apply_items_of(struct apply_work *work, const struct model_shape *list,
                                  const cJSON *array);
/* The first of its element; NULL: none. */
const struct apply_item *apply_items_find(const struct apply_items *items,
                                          const struct apply_element *element);

#endif
