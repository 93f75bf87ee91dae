/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_SCHEMA_H
#define CORE_MODEL_SCHEMA_H
/*
 * The wire schema of every message, as constant tables generated at build time from
 * core/model/schema/kubernetes-types.json. Any thread.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/str.h"
#include "core/model/issues.h"

enum model_field_kind {
    MODEL_FIELD_BOOL,
    MODEL_FIELD_INT32,
    MODEL_FIELD_INT64,
    MODEL_FIELD_DOUBLE,
    MODEL_FIELD_STRING,
    MODEL_FIELD_BYTES,
    MODEL_FIELD_MESSAGE,
    MODEL_FIELD_TIME,
    MODEL_FIELD_MICROTIME,
    MODEL_FIELD_DURATION,
    MODEL_FIELD_QUANTITY,
    MODEL_FIELD_INTORSTRING,
    MODEL_FIELD_RAWEXTENSION,
    MODEL_FIELD_FIELDSV1,
    MODEL_FIELD_JSON,
    MODEL_FIELD_STRINGS,
    MODEL_FIELD_ANY
};

enum model_field_flag {
    MODEL_FIELD_LIST = 1 << 0,
    MODEL_FIELD_MAP = 1 << 1,
    MODEL_FIELD_POINTER = 1 << 2,
    MODEL_FIELD_OMITEMPTY = 1 << 3,
    MODEL_FIELD_OMITZERO = 1 << 4,
    MODEL_FIELD_INLINE = 1 << 5,
    MODEL_FIELD_REQUIRED = 1 << 6,
    MODEL_FIELD_PATCH_MERGE = 1 << 7,       /* patchStrategy merge */
    MODEL_FIELD_PATCH_RETAIN_KEYS = 1 << 8, /* patchStrategy retainKeys */
    MODEL_FIELD_PATCH_REPLACE = 1 << 9
};

struct model_field {
    const char *name; /* JSON name */
    uint32_t number;  /* protobuf; 0: none */
    enum model_field_kind kind;
    uint32_t flags;
    const struct model_message *message; /* for MODEL_FIELD_MESSAGE */
    const char *merge_key;               /* patchMergeKey, or NULL */
    const char *list_type;               /* "map", "set", "atomic" or NULL */
    const char *default_value;           /* or NULL */
};

struct model_message {
    const char *name; /* "core.v1.Pod" */
    bool has_type_meta;
    const struct model_field *fields;
    unsigned n_fields;
};

const struct model_message *model_schema_find(struct ke_str name); /* NULL: unknown */
/* Also looks into inline members. NULL: no such field. */
const struct model_field *model_schema_field(const struct model_message *message,
                                             struct ke_str name);

/* Checks types of every known field and reports wrong types as a decoding error in upstream's words
 * (json: cannot unmarshal string into Go struct field ...): KE_MALFORMED. Unknown fields are
 * dropped from the object and their paths reported to unknown (may be NULL) as upstream's strict
 * decoder words them (unknown field "spec.foo"). null members are removed as Go's decoder would.
 * Quantities are made canonical. */
enum ke_code model_schema_normalise(const struct model_message *message, cJSON *object,
                                    struct model_issues *unknown, struct ke_err *err) KE_MUST_CHECK;

/*
 * A protobuf body with its envelope ("k8s\0" + Unknown) to JSON. kind and apiVersion come from the
 * envelope, or from the arguments when it has none. Errors: KE_MALFORMED, KE_TOO_LARGE, KE_NOMEM.
 */
enum ke_code model_protobuf_decode(struct ke_str body, const struct model_message *if_untyped,
                                   cJSON **out, struct ke_err *err) KE_MUST_CHECK;

#endif
