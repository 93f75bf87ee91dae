/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_SHAPE_H
#define CORE_MODEL_SHAPE_H
/*
 * What lies at a place of an object: the view of a schema by which server-side apply merges and by
 * which it says who owns what. A shape is a small value that borrows from its schema, made anew at
 * each step down. Two things stand behind it: a message of the wire schema (core/model/schema.h)
 * and, for custom kinds, a compiled structural schema (core/model/structural.h). Constant data; any
 * thread.
 *
 *   struct model_shape spec = model_shape_member(&object, KE_STR("spec"));
 *   struct model_shape ports = model_shape_member(&spec, KE_STR("ports"));
 *   struct model_shape port = model_shape_element(&ports);
 *
 * Source: KEP-555 (merge strategy); the markers x-kubernetes-list-type, -list-map-keys, -map-type,
 * -preserve-unknown-fields, -int-or-string and -embedded-resource.
 */
#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/str.h"
#include "core/model/kind.h"
#include "core/model/schema.h"
#include "core/model/structural.h"

enum model_shape_kind {
    MODEL_SHAPE_SCALAR,
    MODEL_SHAPE_OBJECT, /* named members, or any names with values of one shape (a map), or both */
    MODEL_SHAPE_LIST,
    MODEL_SHAPE_DEDUCED,   /* free form: objects are granular, lists are atomic, down to the end */
    MODEL_SHAPE_UNDECLARED /* the schema knows no such member */
};

enum model_shape_list {
    MODEL_SHAPE_LIST_ATOMIC, /* one value */
    MODEL_SHAPE_LIST_SET,    /* scalars, each once */
    MODEL_SHAPE_LIST_MAP     /* objects, told apart by their keys */
};

enum model_shape_scalar {
    MODEL_SHAPE_ANY_SCALAR,
    MODEL_SHAPE_STRING,
    MODEL_SHAPE_NUMBER,
    MODEL_SHAPE_BOOL
};

struct model_shape {
    enum model_shape_kind kind;
    enum model_shape_scalar scalar; /* of a scalar */
    enum model_shape_list list;     /* of a list */
    bool is_atomic; /* object, deduced: one value, never looked into; lists: the same as ATOMIC */
    /* Go has no way to leave it out: absent in stored JSON is null on the wire (Pod
     * spec.containers). */
    bool is_null_when_absent;
    /* Behind it; at most one is set. */
    const struct model_message *message; /* of an object, or of the elements of a list or map */
    const struct model_field *field;     /* of a list or map, whose elements are element()'s */
    const struct model_structural *structural;
    bool is_root; /* of structural: kind, apiVersion and metadata are known */
};

/* A whole object (or any message) of the wire schema. */
struct model_shape model_shape_of_message(const struct model_message *message);
/*
 * A whole custom object; schema borrowed, lives as long as the shape and all that are made of it.
 * NULL: a version without a schema, everything but kind, apiVersion and metadata is free form.
 */
struct model_shape model_shape_of_structural(const struct model_structural *schema);

/* What lies at a member of an object (or of anything else: then UNDECLARED). */
struct model_shape model_shape_member(const struct model_shape *object, struct ke_str name);
/* Is it declared by its own name, not only as a key of a map? */
bool model_shape_names(const struct model_shape *object, struct ke_str name);
/* What the items of a list are. */
struct model_shape model_shape_element(const struct model_shape *list);

/* The keys of a LIST_MAP, in the schema's order; false: i is behind the last. */
bool model_shape_key(const struct model_shape *list, size_t i, struct ke_str *out_name);
/* Appends the default of a key as JSON text (`"TCP"`); false: it has none. */
bool model_shape_key_default(const struct model_shape *list, struct ke_str key, struct ke_buf *out);

#endif
