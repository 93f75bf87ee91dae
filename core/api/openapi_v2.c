/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAPI v2 as a protobuf document, for kubectl before 1.29: the definitions of all built-in
 * kinds, by which it explains and checks objects before it sends them, and of the paths the PATCH
 * of each kind with its parameters, by which it finds out what a server knows of (dryRun,
 * fieldValidation). Custom kinds are left out: what has no definition is not checked there. Pure;
 * any thread.
 *
 * Source: gnostic's openapiv2.proto for the field numbers; kube-openapi's util/proto reads it.
 */
#include <stdlib.h>
#include <string.h>

#include "core/api/docs_print.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/model/schema.h"

/* Numbers of fields in openapi.v2. */
enum {
    DOCUMENT_SWAGGER = 1,
    DOCUMENT_INFO = 2,
    DOCUMENT_PATHS = 8,
    DOCUMENT_DEFINITIONS = 9,
    SCHEMA_REF = 1,
    SCHEMA_FORMAT = 2,
    SCHEMA_REQUIRED = 19,
    SCHEMA_ADDITIONAL_PROPERTIES = 21,
    SCHEMA_TYPE = 22,
    SCHEMA_ITEMS = 23,
    SCHEMA_PROPERTIES = 25,
    SCHEMA_VENDOR_EXTENSION = 31,
    ONLY = 1, /* the one field of a wrapper */
    NAME = 1, /* of a named value */
    VALUE = 2,
    ANY_YAML = 2,
    PATHS_PATH = 2,
    PATH_PATCH = 8,
    OPERATION_PARAMETERS = 8,
    OPERATION_VENDOR_EXTENSION = 13,
    PARAMETERS_PARAMETER = 1,
    PARAMETER_NON_BODY = 2,
    NON_BODY_QUERY = 3,
    QUERY_NAME = 4,
};

#define TEXT_BYTES  1024
#define WIRE_LENGTH 2

struct definitions {
    const struct api_docs *docs;
    const struct model_message **queue; /* found; printed up to next */
    size_t n_queue, cap_queue, next;
    bool *is_found;
    unsigned special_mask;
    bool has_failed;
};

/* ---- the wire ----------------------------------------------------------------------------------
 */

static void put_varint(uint64_t value, struct ke_buf *out)
{
    while (value >= 0x80) {
        ke_buf_add_u8(out, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    ke_buf_add_u8(out, (uint8_t)value);
}

static void put(unsigned number, struct ke_str bytes, struct ke_buf *out)
{
    put_varint((uint64_t)number << 3 | WIRE_LENGTH, out);
    put_varint(bytes.len, out);
    ke_buf_add_str(out, bytes);
}

/* A message that was built, which is emptied. */
static void put_message(unsigned number, struct ke_buf *message, struct ke_buf *out)
{
    put(number, ke_buf_str(message), out);
    if (message->failed != KE_OK) {
        out->failed = message->failed;
    }
    ke_buf_free(message);
}

static struct ke_buf message_new(void)
{
    return (struct ke_buf)KE_BUF_INIT(LIMIT_FILE_BYTES);
}

static void put_type(const char *type, struct ke_buf *out)
{
    struct ke_buf item = message_new();
    put(ONLY, ke_str_c(type), &item);
    put_message(SCHEMA_TYPE, &item, out);
}

/* x-kubernetes-...: its value as JSON, which is YAML too. */
static void put_extension_as(unsigned number, const char *name, struct ke_str json,
                             struct ke_buf *out)
{
    struct ke_buf any = message_new();
    struct ke_buf named = message_new();
    put(ANY_YAML, json, &any);
    put(NAME, ke_str_c(name), &named);
    put_message(VALUE, &any, &named);
    put_message(number, &named, out);
}

static void put_extension(const char *name, struct ke_str json, struct ke_buf *out)
{
    put_extension_as(SCHEMA_VENDOR_EXTENSION, name, json, out);
}

/* ---- fields ------------------------------------------------------------------------------------
 */

static void find_message(struct definitions *d, const struct model_message *message)
{
    if (message == NULL || d->is_found[model_message_index(message)]) {
        return;
    }
    if (!ke_grow((void **)&d->queue, &d->cap_queue, d->n_queue + 1, sizeof(*d->queue))) {
        d->has_failed = true;
        return;
    }
    d->is_found[model_message_index(message)] = true;
    d->queue[d->n_queue++] = message;
}

static void put_reference(struct ke_str name, struct ke_buf *out)
{
    char text[TEXT_BYTES];
    struct ke_buf reference = KE_BUF_FIXED(text, sizeof(text));
    ke_buf_add_c(&reference, "#/definitions/");
    ke_buf_add_str(&reference, name);
    put(SCHEMA_REF, ke_buf_str(&reference), out);
}

static void put_plain(const struct model_field *field, struct ke_buf *out)
{
    static const struct {
        const char *type, *format;
    } types[] = {
        [MODEL_FIELD_BOOL] = { "boolean", "" },       [MODEL_FIELD_INT32] = { "integer", "int32" },
        [MODEL_FIELD_INT64] = { "integer", "int64" }, [MODEL_FIELD_DOUBLE] = { "number", "double" },
        [MODEL_FIELD_STRING] = { "string", "" },      [MODEL_FIELD_BYTES] = { "string", "byte" },
    };
    if (field->kind == MODEL_FIELD_STRINGS) {
        struct ke_buf element = message_new();
        struct ke_buf items = message_new();
        put_type("string", &element);
        put_message(ONLY, &element, &items);
        put_type("array", out);
        put_message(SCHEMA_ITEMS, &items, out);
    } else if (field->kind >= KE_ARRAY_LEN(types) || types[field->kind].type == NULL) {
        put_type("object", out);
    } else {
        put_type(types[field->kind].type, out);
        if (types[field->kind].format[0] != '\0') {
            put(SCHEMA_FORMAT, ke_str_c(types[field->kind].format), out);
        }
    }
}

static void put_element(struct definitions *d, const struct model_field *field, struct ke_buf *out)
{
    char text[TEXT_BYTES];
    struct ke_buf name = KE_BUF_FIXED(text, sizeof(text));
    const struct model_message *message = model_field_message(field);
    int special = api_openapi_special(field);
    if (message != NULL) {
        find_message(d, message);
        api_openapi_print_name(message, &name);
        put_reference(ke_buf_str(&name), out);
    } else if (special >= 0) {
        d->special_mask |= 1U << special;
        put_reference(ke_str_c(api_openapi_special_name(special)), out);
    } else {
        put_plain(field, out);
    }
}

/* What a patch and an apply go by. */
static void put_markers(const struct model_field *field, struct ke_buf *out)
{
    unsigned flags = field->flags;
    bool merges = (flags & MODEL_FIELD_PATCH_MERGE) != 0;
    bool retains = (flags & MODEL_FIELD_PATCH_RETAIN_KEYS) != 0;
    if (model_field_merge_key(field) != NULL) {
        put_extension("x-kubernetes-patch-merge-key", ke_str_c(model_field_merge_key(field)), out);
    }
    if (merges || retains) {
        put_extension("x-kubernetes-patch-strategy",
                      merges && retains ? KE_STR("merge,retainKeys")
                      : merges          ? KE_STR("merge")
                                        : KE_STR("retainKeys"),
                      out);
    } else if ((flags & MODEL_FIELD_PATCH_REPLACE) != 0) {
        put_extension("x-kubernetes-patch-strategy", KE_STR("replace"), out);
    }
    if (model_field_list_type(field) != NULL) {
        put_extension("x-kubernetes-list-type", ke_str_c(model_field_list_type(field)), out);
    }
}

static void put_field(struct definitions *d, const struct model_field *field, struct ke_buf *out)
{
    struct ke_buf element = message_new();
    struct ke_buf wrapper = message_new();
    if ((field->flags & (MODEL_FIELD_LIST | MODEL_FIELD_MAP)) == 0) {
        put_element(d, field, out);
    } else {
        bool is_list = (field->flags & MODEL_FIELD_LIST) != 0;
        put_element(d, field, &element);
        put_message(ONLY, &element, &wrapper);
        put_type(is_list ? "array" : "object", out);
        put_message(is_list ? SCHEMA_ITEMS : SCHEMA_ADDITIONAL_PROPERTIES, &wrapper, out);
    }
    put_markers(field, out);
}

/* A name and its schema, which is emptied. */
static void put_named(const char *name, struct ke_buf *schema, struct ke_buf *out)
{
    struct ke_buf named = message_new();
    put(NAME, ke_str_c(name), &named);
    put_message(VALUE, schema, &named);
    put_message(ONLY, &named, out);
}

/* ---- definitions -------------------------------------------------------------------------------
 */

/* Inline members stand among their parent's. */
static void put_properties(struct definitions *d, const struct model_message *message,
                           struct ke_buf *required, struct ke_buf *out)
{
    for (unsigned i = 0; i < message->n_fields; i++) {
        const struct model_field *field = model_message_field_at(message, i);
        if ((field->flags & MODEL_FIELD_INLINE) != 0) {
            put_properties(d, model_field_message(field), required, out);
            continue;
        }
        struct ke_buf schema = message_new();
        put_field(d, field, &schema);
        put_named(model_field_name(field), &schema, out);
        if ((field->flags & MODEL_FIELD_REQUIRED) != 0) {
            put(SCHEMA_REQUIRED, ke_str_c(model_field_name(field)), required);
        }
    }
}

static void put_definition(struct definitions *d, const struct model_message *message,
                           struct ke_buf *out)
{
    static const char *const type_meta[] = { "apiVersion", "kind" };
    char text[TEXT_BYTES];
    struct ke_buf name = KE_BUF_FIXED(text, sizeof(text) - 1);
    struct ke_buf schema = message_new();
    struct ke_buf properties = message_new();
    for (size_t i = 0; message->has_type_meta && i < KE_ARRAY_LEN(type_meta); i++) {
        struct ke_buf string = message_new();
        put_type("string", &string);
        put_named(type_meta[i], &string, &properties);
    }
    put_properties(d, message, &schema, &properties);
    put_type("object", &schema);
    if (properties.len > 0) {
        put_message(SCHEMA_PROPERTIES, &properties, &schema);
    }
    struct ke_buf gvks = message_new();
    api_openapi_print_gvks(d->docs, message, &gvks);
    if (gvks.len > 0) {
        put_extension("x-kubernetes-group-version-kind", ke_buf_str(&gvks), &schema);
    }
    ke_buf_free(&gvks);
    api_openapi_print_name(message, &name);
    text[name.len] = '\0';
    put_named(text, &schema, out);
}

/* Where v2 has no word for it, a special kind may be anything. */
static void put_special(int special, struct ke_buf *out)
{
    static const struct {
        const char *suffix, *type, *format;
    } rows[] = {
        { ".Time", "string", "date-time" },
        { ".MicroTime", "string", "date-time" },
        { ".Duration", "string", "" },
        { ".Quantity", "string", "" },
        { ".IntOrString", "string", "int-or-string" },
        { ".RawExtension", "object", "" },
        { ".FieldsV1", "object", "" },
    };
    const char *name = api_openapi_special_name(special);
    struct ke_buf schema = message_new();
    for (size_t i = 0; i < KE_ARRAY_LEN(rows); i++) {
        if (ke_str_has_suffix(ke_str_c(name), ke_str_c(rows[i].suffix))) {
            put_type(rows[i].type, &schema);
            if (rows[i].format[0] != '\0') {
                put(SCHEMA_FORMAT, ke_str_c(rows[i].format), &schema);
            }
            break;
        }
    }
    put_named(name, &schema, out);
}

static void find_kinds(struct definitions *d)
{
    const struct model_kind *kind;
    size_t pos = 0;
    find_message(d, model_schema_find(KE_STR("meta.v1.DeleteOptions")));
    find_message(d, model_schema_find(KE_STR("meta.v1.Status")));
    while ((kind = model_catalog_next(d->docs->catalog, &pos)) != NULL) {
        for (size_t i = 0; i < MODEL_MAX_VERSIONS && kind->versions[i].group != NULL; i++) {
            char text[TEXT_BYTES];
            struct ke_buf list = KE_BUF_FIXED(text, sizeof(text));
            ke_buf_addf(&list, "%sList", kind->versions[i].message);
            find_message(d, model_schema_find(ke_str_c(kind->versions[i].message)));
            find_message(d, model_schema_find(ke_buf_str(&list)));
        }
    }
}

static void put_definitions(struct definitions *d, struct ke_buf *out)
{
    find_kinds(d);
    while (d->next < d->n_queue && !d->has_failed && out->failed == KE_OK) {
        put_definition(d, d->queue[d->next++], out);
    }
    for (int i = 0; i < API_OPENAPI_SPECIALS; i++) {
        if ((d->special_mask & 1U << i) != 0) {
            put_special(i, out);
        }
    }
    if (d->has_failed) {
        out->failed = KE_NOMEM;
    }
}

/* ---- paths -------------------------------------------------------------------------------------
 */

static void put_parameter(const char *name, struct ke_buf *out)
{
    struct ke_buf query = message_new();
    struct ke_buf non_body = message_new();
    struct ke_buf parameter = message_new();
    struct ke_buf item = message_new();
    put(QUERY_NAME, ke_str_c(name), &query);
    put_message(NON_BODY_QUERY, &query, &non_body);
    put_message(PARAMETER_NON_BODY, &non_body, &parameter);
    put_message(PARAMETERS_PARAMETER, &parameter, &item);
    put_message(OPERATION_PARAMETERS, &item, out);
}

static void put_path(const struct model_kind *kind, const struct model_version *version,
                     struct ke_buf *out)
{
    static const char *const parameters[] = { "dryRun", "fieldManager", "fieldValidation" };
    char url_text[TEXT_BYTES];
    char gvk_text[TEXT_BYTES];
    struct ke_buf url = KE_BUF_FIXED(url_text, sizeof(url_text));
    struct ke_buf gvk = KE_BUF_FIXED(gvk_text, sizeof(gvk_text));
    bool is_core = version->group[0] == '\0';
    ke_buf_addf(&url, "/%s%s%s/%s/%s%s/{name}", is_core ? "api" : "apis", is_core ? "" : "/",
                version->group, version->version,
                kind->is_namespaced ? "namespaces/{namespace}/" : "", kind->plural);
    ke_buf_addf(&gvk, "{\"group\":\"%s\",\"kind\":\"%s\",\"version\":\"%s\"}", version->group,
                kind->kind, version->version);
    struct ke_buf operation = message_new();
    struct ke_buf item = message_new();
    struct ke_buf named = message_new();
    for (size_t i = 0; i < KE_ARRAY_LEN(parameters); i++) {
        put_parameter(parameters[i], &operation);
    }
    put_extension_as(OPERATION_VENDOR_EXTENSION, "x-kubernetes-group-version-kind",
                     ke_buf_str(&gvk), &operation);
    put_message(PATH_PATCH, &operation, &item);
    put(NAME, ke_buf_str(&url), &named);
    put_message(VALUE, &item, &named);
    put_message(PATHS_PATH, &named, out);
}

static void put_paths(const struct api_docs *docs, struct ke_buf *out)
{
    const struct model_kind *kind;
    size_t pos = 0;
    while ((kind = model_catalog_next(docs->catalog, &pos)) != NULL) {
        bool is_patched = kind->custom == NULL && (kind->verbs & MODEL_VERB_PATCH) != 0;
        for (size_t i = 0; is_patched && i < MODEL_MAX_VERSIONS && kind->versions[i].group != NULL;
             i++) {
            if (!kind->versions[i].is_unserved) {
                put_path(kind, &kind->versions[i], out);
            }
        }
    }
}

void api_openapi_v2_print(const struct api_docs *docs, struct api_sink *sink)
{
    struct definitions d = { .docs = docs };
    struct ke_buf info = message_new();
    struct ke_buf definitions = message_new();
    d.is_found = ke_alloc_n(model_schema_count(), sizeof(bool));
    d.has_failed = d.is_found == NULL;
    if (d.is_found != NULL) {
        put_definitions(&d, &definitions);
    }
    free(d.is_found);
    free(d.queue);
    put(1, KE_STR("Kubernetes"), &info);
    put(2, docs->git_version, &info);
    put(DOCUMENT_SWAGGER, KE_STR("2.0"), &sink->piece);
    put_message(DOCUMENT_INFO, &info, &sink->piece);
    struct ke_buf paths = message_new();
    put_paths(docs, &paths);
    put_message(DOCUMENT_PATHS, &paths, &sink->piece);
    put_message(DOCUMENT_DEFINITIONS, &definitions, &sink->piece);
    if (d.has_failed) {
        sink->failed = ke_fail(sink->err, KE_NOMEM, "OpenAPI");
    }
}
