/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_SCHEMA_H
#define CORE_MODEL_SCHEMA_H
/*
 * The wire schema of every message, as constant tables generated at build time from
 * core/model/schema/kubernetes-types.json. The tables hold indexes instead of pointers (no
 * relocations, 12 bytes a field): read them through the functions below. Any thread.
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
    MODEL_FIELD_ANY,
    MODEL_FIELD_SCHEMAORARRAY, /* the three of apiextensions' JSONSchemaProps */
    MODEL_FIELD_SCHEMAORBOOL,
    MODEL_FIELD_SCHEMAORSTRINGS
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
    uint16_t name;      /* model_field_name */
    uint16_t reference; /* model_field_message, model_field_enum */
    uint16_t flags;     /* enum model_field_flag, or-ed */
    uint8_t number;     /* protobuf; 0: none */
    uint8_t kind;       /* enum model_field_kind; of the elements where list or map */
    uint8_t extra;      /* the functions on markers */
};

struct model_message {
    uint16_t name; /* model_message_name */
    uint16_t first_field;
    uint8_t n_fields;
    bool has_type_meta; /* its JSON has kind and apiVersion */
    bool is_atomic;     /* one value for server-side apply */
};

/* NULL: unknown. */
const struct model_message *model_schema_find(struct ke_str name);
/* Of an object by "apps/v1" or "v1" and its kind; options and the like (meta.v1) go by any group
 * version. NULL: unknown. */
const struct model_message *model_schema_find_kind(struct ke_str api_version, struct ke_str kind);
const char *model_message_name(const struct model_message *message); /* "core.v1.Pod" */
/* Its place among the model_schema_count messages. */
size_t model_message_index(const struct model_message *message);
size_t model_schema_count(void);
/* Group and version of its package; false: it belongs to none. */
bool model_message_group(const struct model_message *message, const char **out_group,
                         const char **out_version);
/* Of all that the tables say: the same in every process of a program. */
uint64_t model_schema_fingerprint(void);
/* In the order of JSON output, i < n_fields; inline members are one field with an empty name. */
const struct model_field *model_message_field_at(const struct model_message *message, unsigned i);
/* Also looks into inline members. NULL: no such field. */
const struct model_field *model_schema_field(const struct model_message *message,
                                             struct ke_str name);
/* By protobuf number, of this message alone. NULL: no such field. */
const struct model_field *model_message_field_by_number(const struct model_message *message,
                                                        uint32_t number);
const char *model_field_name(const struct model_field *field); /* JSON name, "" when inline */
/* Of a MODEL_FIELD_MESSAGE; NULL for other kinds. */
const struct model_message *model_field_message(const struct model_field *field);
/* Name of a string's enum ("core.v1.Protocol"), or NULL; values: i from 0, NULL at the end. */
const char *model_field_enum(const struct model_field *field);
const char *model_field_enum_value(const struct model_field *field, unsigned i);
/* Markers; each NULL where there is none. */
const char *model_field_merge_key(const struct model_field *field); /* patchMergeKey */
const char *model_field_list_type(const struct model_field *field); /* "map", "set", "atomic" */
const char *model_field_list_keys(const struct model_field *field); /* "port,protocol" */
const char *model_field_map_type(const struct model_field *field);  /* also structType */
const char *model_field_default(const struct model_field *field);   /* as JSON text */

/*
 * Brings a decoded object to the form that Go's decoder and encoder would leave behind: types are
 * checked; members that are null, or empty and marked omitempty, are removed; structs and scalars
 * that are always printed are added (but kind and apiVersion); null elements become zero;
 * quantities are made canonical, times and base64 checked.
 * unknown (may be NULL) is given each unknown member, which is removed, and each that stood there
 * twice (ke_json_is_duplicate): message is upstream's text `unknown field "spec.foo"`, `duplicate
 * field "spec.foo"`; field is empty.
 * Errors: KE_MALFORMED with the text that stands behind `cannot be handled as a Service: `, such
 * as `json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type
 * int32`; KE_TOO_LARGE; KE_NOMEM. On failure the object may be changed in part: throw it away.
 */
enum ke_code model_schema_normalise(const struct model_message *message, cJSON *object,
                                    struct model_issues *unknown, struct ke_err *err) KE_MUST_CHECK;

/*
 * A protobuf body with its envelope ("k8s\0" + Unknown) to JSON, kind and apiVersion first when
 * the envelope has them. The message is the one of that group version and kind; if_untyped is
 * taken when the envelope names none or one that has no schema. *out is as Go's JSON encoder would
 * print it but for null members; normalise it like a JSON body. Unknown numbers are skipped.
 * Errors: KE_MALFORMED, KE_TOO_LARGE, KE_NOMEM.
 */
enum ke_code model_protobuf_decode(struct ke_str body, const struct model_message *if_untyped,
                                   cJSON **out, struct ke_err *err) KE_MUST_CHECK;

#endif
