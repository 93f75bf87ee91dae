/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_REGISTRY_OBJECT_H
#define CORE_REGISTRY_OBJECT_H
/*
 * A live object: one immutable, reference-counted block that holds the exact JSON bytes a client
 * gets back and the metadata that selectors, keys and watches ask for, packed at the one parse.
 * Bytes begin with {"kind":"X","apiVersion":"v1", in the stored version; list items skip that
 * prefix; the resourceVersion has a fixed-width slot (digits, then spaces behind the closing quote)
 * that the writer fills before the object is published. Any thread may read and ref; only the
 * writer that is committing it may set the revision.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/str.h"
#include "core/model/kind.h"
#include "core/model/selector.h"

struct registry_object {
    /* All read-only for everyone but core/registry. */
    int64_t revision; /* of the last change; 0 until committed */
    const struct model_kind *kind;
    enum model_durability durability; /* of this object (model_kind_durability) */
    struct ke_str key;                /* "/registry/pods/ns/name" */
    struct ke_str ns;
    struct ke_str name;
    struct ke_str uid;
    const struct model_pair *labels; /* sorted by key */
    uint32_t n_labels;
    const struct model_pair
        *fields; /* selectable fields incl. metadata.name and .namespace, sorted */
    uint32_t n_fields;
    uint32_t form; /* of custom kinds: the mark of the form it was written in; 0: not known */
    uint32_t
        head_len; /* bytes of {"kind":...,"apiVersion":..., : item = '{' + json from head_len */
    struct ke_str json; /* whole */
};

/*
 * Builds one from a complete, defaulted, validated object of the stored version (kind and
 * apiVersion are put first, then metadata, whose resourceVersion is replaced by the slot). Errors:
 * KE_TOO_LARGE (LIMIT_OBJECT_BYTES), KE_MALFORMED (no name), KE_NOMEM.
 */
enum ke_code registry_object_new(const struct model_kind *kind, const cJSON *json,
                                 struct registry_object **out, struct ke_err *err) KE_MUST_CHECK;
/* From stored bytes, at load. Errors: KE_MALFORMED, KE_NOMEM. */
enum ke_code registry_object_load(const struct model_kind *kind, struct ke_str json,
                                  int64_t revision, struct registry_object **out,
                                  struct ke_err *err) KE_MUST_CHECK;
/* The same object with another revision: what a DELETED event carries. NULL: out of memory. */
struct registry_object *registry_object_at_revision(const struct registry_object *object,
                                                    int64_t revision);
/* Before it is given to others: the mark of the form it was made in (core/model/form.h). */
void registry_object_set_form(struct registry_object *object, uint32_t mark);
/* Writer only, before publishing. */
void registry_object_set_revision(struct registry_object *object, int64_t revision);
struct registry_object *registry_object_ref(const struct registry_object *object);
void registry_object_unref(const struct registry_object *object); /* NULL is fine */
/* A parsed copy (cJSON_Delete); NULL: out of memory. */
cJSON *registry_object_parse(const struct registry_object *object);

/* Does a field selector (NULL: all) of kind match? Of a custom kind whose fields changed since the
 * object was stored they are read from its text; out of memory: no. */
bool registry_object_matches(const struct registry_object *object, const struct model_kind *kind,
                             const struct model_selector *fields);

static inline void registry_object_autounref(struct registry_object **p)
{
    registry_object_unref(*p);
}
#define ke_auto_object KE_CLEANUP(registry_object_autounref) struct registry_object

#endif
