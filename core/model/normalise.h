/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_NORMALISE_H
#define CORE_MODEL_NORMALISE_H
/*
 * Inside of core/model only: what the walk over an object (normalise.c) and the checks of single
 * values (normalise_value.c) share.
 */
#include "core/model/schema.h"

/* Where the walk is, as links on the stack. name NULL: an index. */
struct normalise_place {
    const struct normalise_place *parent; /* NULL: the object itself */
    const char *name;
    size_t index;
    bool is_key; /* of a map: shown for unknown fields, not in type errors */
};

struct normaliser {
    struct model_issues *unknown; /* NULL: not asked for */
    struct ke_err *err;
    size_t n_added; /* members that were not there, so far */
};

/* The field being read: the message whose member it is, and where. */
struct normalise_slot {
    const struct model_message *owner;
    const struct model_field *field;
    const struct normalise_place *place;
};

/* "json: cannot unmarshal VALUE into Go struct field Owner.path of type TYPE". */
enum ke_code normalise_fail_type(const struct normaliser *n, const struct normalise_slot *slot,
                                 const cJSON *value, const char *type);
/* The Go type of a field (with its list or map), or of its elements. */
void normalise_type_name(const struct model_field *field, bool is_element, struct ke_buf *out);
/* One value that is no message, no list and no map. value may be replaced in parent. */
enum ke_code normalise_value(const struct normaliser *n, const struct normalise_slot *slot,
                             cJSON *parent, cJSON *value) KE_MUST_CHECK;
/* What Go's decoder makes of a null element; NULL: out of memory. */
cJSON *normalise_zero(const struct model_field *field);

#endif
