/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_APPLY_SET_H
#define CORE_MODEL_APPLY_SET_H
/*
 * Sets of fields: what a manager owns, what a change touched. A set is a tree by path elements; the
 * end of every path in it is marked as a member (inner places may be members too: `.` in JSON).
 * Sets are constant once made and share branches; NULL is the empty set. All live in one arena and
 * end with it. Out of memory is sticky in the work and asked for once, at the end. One thread.
 * Source: KEP-555, FieldsV1 of meta/v1 ManagedFieldsEntry.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/mem.h"
#include "core/base/str.h"
#include "core/model/shape.h"

struct apply_work {
    struct ke_arena *arena; /* borrowed */
    bool has_failed;        /* out of memory: what was returned since is not whole */
};

enum apply_element_type {
    APPLY_FIELD, /* f: a member's name */
    APPLY_KEY,   /* k: an item of a list map, by the JSON of its keys, sorted by name */
    APPLY_VALUE, /* v: an item of a set, its JSON */
    APPLY_INDEX  /* i: an item of any list, in decimal */
};

struct apply_element {
    enum apply_element_type type;
    struct ke_str text; /* borrowed: from the arena, or from JSON that outlives the set */
};

struct apply_node {
    struct apply_element element;
    bool is_member;
    const struct apply_set *below; /* NULL: nothing */
};

/* Sorted by element; a node is a member or has something below it. */
struct apply_set {
    size_t n;
    const struct apply_node *nodes;
};

/* Fields by name, keys and values by what they say (numbers as numbers), indexes by number. */
int apply_element_compare(const struct apply_element *a, const struct apply_element *b);
/* As conflicts and errors show it: `.spec`, `[name="c"]`, `[="v"]`, `[0]`. */
void apply_element_print(const struct apply_element *element, struct ke_buf *out);
/*
 * The element of one item of a list set or map. False: it has none, *why (borrowed, constant or
 * from the arena) says why not.
 */
bool apply_element_of_item(struct apply_work *work, const struct model_shape *list,
                           const cJSON *item, struct apply_element *out, struct ke_str *why);

/* Builds a set, in any order of elements, each once. */
struct apply_builder {
    struct apply_node *nodes;
    size_t n, cap;
};
/* Nodes that are neither member nor have something below are left out. */
void apply_builder_add(struct apply_work *work, struct apply_builder *builder,
                       struct apply_element element, bool is_member, const struct apply_set *below);
const struct apply_set *apply_builder_finish(struct apply_work *work,
                                             struct apply_builder *builder);

const struct apply_set *apply_set_union(struct apply_work *work, const struct apply_set *a,
                                        const struct apply_set *b);
const struct apply_set *apply_set_intersection(struct apply_work *work, const struct apply_set *a,
                                               const struct apply_set *b);
/* Members of a that are not members of b. */
const struct apply_set *apply_set_difference(struct apply_work *work, const struct apply_set *a,
                                             const struct apply_set *b);
/* With inner places that the schema declares by name as members. */
const struct apply_set *apply_set_with_named(struct apply_work *work, const struct apply_set *set,
                                             const struct model_shape *shape);
bool apply_set_equal(const struct apply_set *a, const struct apply_set *b);
/* The node of an element of the top; NULL: nothing there. */
const struct apply_node *apply_set_find(const struct apply_set *set,
                                        const struct apply_element *element);
size_t apply_set_count(const struct apply_set *set); /* members */

/* Calls visit for each member with its path as text; members of a level before what is below. */
typedef void apply_visit_fn(void *ctx, struct ke_str path);
void apply_set_visit(const struct apply_set *set, apply_visit_fn *visit, void *ctx);

/*
 * FieldsV1. Texts of *out are borrowed from json. is_ours: written by apply_set_print, so keys are
 * as they must be; else they are checked and made so. False: not a set of fields, or out of memory
 * (the work says which).
 */
bool apply_set_parse(struct apply_work *work, const cJSON *json, bool is_ours,
                     const struct apply_set **out) KE_MUST_CHECK;
/* Returned (cJSON_Delete); NULL: out of memory. */
cJSON *apply_set_print(const struct apply_set *set);

#endif
