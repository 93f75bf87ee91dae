/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schemas of an OpenAPI v3 document, out of the tables of messages: those of the group
 * version's kinds and all that they refer to. There are no descriptions: the tables have none.
 * Pure; any thread. Source: kube-openapi's schema generation; core/model/schema.h.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/api/docs_print.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/model/schema.h"

#define SINK_BYTES (16U << 10)
#define REF        "{\"$ref\":\"#/components/schemas/"

/* The kinds of fields that are schemas of their own. */
static const struct special {
    enum model_field_kind kind;
    const char *name, *schema;
} specials[] = {
    { MODEL_FIELD_TIME, "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
      "{\"type\":\"string\",\"format\":\"date-time\"}" },
    { MODEL_FIELD_MICROTIME, "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
      "{\"type\":\"string\",\"format\":\"date-time\"}" },
    { MODEL_FIELD_DURATION, "io.k8s.apimachinery.pkg.apis.meta.v1.Duration",
      "{\"type\":\"string\"}" },
    { MODEL_FIELD_QUANTITY, "io.k8s.apimachinery.pkg.api.resource.Quantity",
      "{\"oneOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}" },
    { MODEL_FIELD_INTORSTRING, "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
      "{\"oneOf\":[{\"type\":\"integer\"},{\"type\":\"string\"}],\"format\":\"int-or-string\"}" },
    { MODEL_FIELD_RAWEXTENSION, "io.k8s.apimachinery.pkg.runtime.RawExtension",
      "{\"type\":\"object\"}" },
    { MODEL_FIELD_FIELDSV1, "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
      "{\"type\":\"object\"}" },
    { MODEL_FIELD_JSON, "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON", "{}" },
    { MODEL_FIELD_SCHEMAORARRAY,
      "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray", "{}" },
    { MODEL_FIELD_SCHEMAORBOOL,
      "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool", "{}" },
    { MODEL_FIELD_SCHEMAORSTRINGS,
      "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray",
      "{}" },
};

static const struct special *special_of(const struct model_field *field)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(specials); i++) {
        if ((unsigned)specials[i].kind == field->kind) {
            return &specials[i];
        }
    }
    return NULL;
}

static_assert(KE_ARRAY_LEN(specials) == API_OPENAPI_SPECIALS, "one row each");

int api_openapi_special(const struct model_field *field)
{
    const struct special *special = special_of(field);
    return special != NULL ? (int)(special - specials) : -1;
}

const char *api_openapi_special_name(int special)
{
    return specials[special].name;
}

/* Besides the kinds: spoken by every group version. */
static const char *const common[] = {
    "meta.v1.DeleteOptions",
    "meta.v1.Status",
    "meta.v1.APIResourceList",
    "meta.v1.WatchEvent",
};

struct schemas {
    const struct api_docs *docs;
    const struct api_gv_docs *gv;
    const struct api_kinds *kinds;
    struct api_sink *sink;
    const struct model_message **queue; /* found; printed up to next */
    size_t n_queue, cap_queue, next;
    bool *is_found; /* by model_message_index */
    unsigned special_mask;
    bool has_any; /* a comma goes before the next */
};

static void find_message(struct schemas *s, const struct model_message *message)
{
    if (message == NULL || s->is_found[model_message_index(message)]) {
        return;
    }
    if (!ke_grow((void **)&s->queue, &s->cap_queue, s->n_queue + 1, sizeof(*s->queue))) {
        s->sink->failed = ke_fail(s->sink->err, KE_NOMEM, "OpenAPI");
        return;
    }
    s->is_found[model_message_index(message)] = true;
    s->queue[s->n_queue++] = message;
}

/* ---- names -------------------------------------------------------------------------------------
 */

void api_openapi_print_name(const struct model_message *message, struct ke_buf *out)
{
    static const struct {
        const char *package, *root;
    } roots[] = {
        { "meta.", "io.k8s.apimachinery.pkg.apis." },
        { "version.", "io.k8s.apimachinery.pkg." },
        { "apiextensions.", "io.k8s.apiextensions-apiserver.pkg.apis." },
        { "apiregistration.", "io.k8s.kube-aggregator.pkg.apis." },
        { "", "io.k8s.api." },
    };
    struct ke_str name = ke_str_c(model_message_name(message));
    size_t i = 0;
    while (!ke_str_has_prefix(name, ke_str_c(roots[i].package))) {
        i++;
    }
    ke_buf_add_c(out, roots[i].root);
    ke_buf_add_str(out, name);
}

/* "com.example.v1.Foo": the group's labels backwards. */
static void print_custom_name(const struct api_kind *kind, struct ke_buf *out)
{
    struct ke_str rest = ke_str_c(kind->version->group);
    while (rest.len > 0) {
        size_t at = rest.len;
        while (at > 0 && rest.ptr[at - 1] != '.') {
            at--;
        }
        ke_buf_add(out, rest.ptr + at, rest.len - at);
        ke_buf_add_char(out, '.');
        rest.len = at > 0 ? at - 1 : 0;
    }
    ke_buf_addf(out, "%s.%s", kind->version->version, kind->kind->kind);
}

static const struct model_message *list_message(const struct api_kind *kind)
{
    char memory[256];
    struct ke_buf name = KE_BUF_FIXED(memory, sizeof(memory));
    ke_buf_addf(&name, "%sList", kind->version->message);
    return name.failed == KE_OK ? model_schema_find(ke_buf_str(&name)) : NULL;
}

void api_openapi_print_kind_name(const struct api_kind *kind, const char *suffix,
                                 struct ke_buf *out)
{
    const struct model_message *message = model_schema_find(ke_str_c(kind->version->message));
    if (message == NULL) {
        print_custom_name(kind, out);
    } else {
        api_openapi_print_name(message, out);
    }
    ke_buf_add_c(out, suffix);
}

/* ---- fields ------------------------------------------------------------------------------------
 */

/* Type of one value that is no reference. */
static void print_plain_type(const struct model_field *field, struct ke_buf *out)
{
    static const char *const types[] = {
        [MODEL_FIELD_BOOL] = "\"type\":\"boolean\"",
        [MODEL_FIELD_INT32] = "\"type\":\"integer\",\"format\":\"int32\"",
        [MODEL_FIELD_INT64] = "\"type\":\"integer\",\"format\":\"int64\"",
        [MODEL_FIELD_DOUBLE] = "\"type\":\"number\",\"format\":\"double\"",
        [MODEL_FIELD_STRING] = "\"type\":\"string\"",
        [MODEL_FIELD_BYTES] = "\"type\":\"string\",\"format\":\"byte\"",
        [MODEL_FIELD_STRINGS] =
            "\"type\":\"array\",\"items\":{\"type\":\"string\",\"default\":\"\"}",
        [MODEL_FIELD_ANY] = "\"type\":\"object\"",
    };
    bool is_known = field->kind < KE_ARRAY_LEN(types) && types[field->kind] != NULL;
    ke_buf_add_c(out, is_known ? types[field->kind] : "\"type\":\"object\"");
    if (model_field_enum(field) != NULL) {
        const char *value;
        ke_buf_add_c(out, ",\"enum\":[");
        for (unsigned i = 0; (value = model_field_enum_value(field, i)) != NULL; i++) {
            ke_buf_addf(out, "%s\"%s\"", i > 0 ? "," : "", value);
        }
        ke_buf_add_char(out, ']');
    }
}

/* The reference of a message or special kind. False: it is a plain type. */
static bool print_reference(struct schemas *s, const struct model_field *field, struct ke_buf *out)
{
    const struct special *special = special_of(field);
    const struct model_message *message = model_field_message(field);
    if (special == NULL && message == NULL) {
        return false;
    }
    ke_buf_add_c(out, REF);
    if (special != NULL) {
        s->special_mask |= 1U << (special - specials);
        ke_buf_add_c(out, special->name);
    } else {
        find_message(s, message);
        api_openapi_print_name(message, out);
    }
    ke_buf_add_c(out, "\"}");
    return true;
}

/* An element of a list or map. */
static void print_element(struct schemas *s, const struct model_field *field, struct ke_buf *out)
{
    bool is_integer = field->kind == MODEL_FIELD_INT32 || field->kind == MODEL_FIELD_INT64;
    if (field->kind == MODEL_FIELD_MESSAGE) {
        ke_buf_add_c(out, "{\"allOf\":[");
        (void)print_reference(s, field, out);
        ke_buf_add_c(out, "],\"default\":{}}");
    } else if (!print_reference(s, field, out)) {
        ke_buf_add_char(out, '{');
        print_plain_type(field, out);
        if (field->kind == MODEL_FIELD_STRING) {
            ke_buf_add_c(out, ",\"default\":\"\"");
        } else if (is_integer) {
            ke_buf_add_c(out, ",\"default\":0");
        }
        ke_buf_add_char(out, '}');
    }
}

/* What the field has when nothing is said, as JSON text; NULL: nothing. */
static const char *default_of(const struct model_field *field)
{
    unsigned odd = MODEL_FIELD_LIST | MODEL_FIELD_MAP | MODEL_FIELD_POINTER;
    if (model_field_default(field) != NULL) {
        return model_field_default(field);
    }
    if ((field->flags & odd) != 0) {
        return NULL;
    }
    if (field->kind == MODEL_FIELD_MESSAGE) {
        return "{}";
    }
    if ((field->flags & MODEL_FIELD_OMITEMPTY) != 0) {
        return NULL;
    }
    if (field->kind == MODEL_FIELD_STRING) {
        return "\"\"";
    }
    if (field->kind == MODEL_FIELD_BOOL) {
        return "false";
    }
    return field->kind <= MODEL_FIELD_DOUBLE ? "0" : NULL;
}

static void print_list_keys(const char *keys, struct ke_buf *out)
{
    struct ke_str rest = ke_str_c(keys);
    struct ke_str key;
    const char *comma = "";
    ke_buf_add_c(out, ",\"x-kubernetes-list-map-keys\":[");
    while (ke_str_split(&rest, ',', &key)) {
        ke_buf_addf(out, "%s\"%.*s\"", comma, KE_STR_ARG(key));
        comma = ",";
    }
    ke_buf_add_char(out, ']');
}

/* Everything beside the type, each with a comma before it. */
static void print_siblings(const struct model_field *field, struct ke_buf *out)
{
    unsigned flags = field->flags;
    const char *patch = (flags & MODEL_FIELD_PATCH_MERGE) != 0     ? "merge"
                        : (flags & MODEL_FIELD_PATCH_REPLACE) != 0 ? "replace"
                                                                   : "";
    if (default_of(field) != NULL) {
        ke_buf_addf(out, ",\"default\":%s", default_of(field));
    }
    if (model_field_list_keys(field) != NULL) {
        print_list_keys(model_field_list_keys(field), out);
    }
    if (model_field_list_type(field) != NULL) {
        ke_buf_addf(out, ",\"x-kubernetes-list-type\":\"%s\"", model_field_list_type(field));
    }
    if (model_field_map_type(field) != NULL) {
        ke_buf_addf(out, ",\"x-kubernetes-map-type\":\"%s\"", model_field_map_type(field));
    }
    if (model_field_merge_key(field) != NULL) {
        ke_buf_addf(out, ",\"x-kubernetes-patch-merge-key\":\"%s\"", model_field_merge_key(field));
    }
    if (patch[0] != '\0' || (flags & MODEL_FIELD_PATCH_RETAIN_KEYS) != 0) {
        bool retains = (flags & MODEL_FIELD_PATCH_RETAIN_KEYS) != 0;
        ke_buf_addf(out, ",\"x-kubernetes-patch-strategy\":\"%s%s%s\"", patch,
                    retains && patch[0] != '\0' ? "," : "", retains ? "retainKeys" : "");
    }
}

static void print_field(struct schemas *s, const struct model_field *field, struct ke_buf *out)
{
    char memory[1024];
    struct ke_buf siblings = KE_BUF_FIXED(memory, sizeof(memory));
    print_siblings(field, &siblings);
    if ((field->flags & (MODEL_FIELD_LIST | MODEL_FIELD_MAP)) != 0) {
        bool is_list = (field->flags & MODEL_FIELD_LIST) != 0;
        ke_buf_add_c(out, is_list ? "{\"type\":\"array\",\"items\":"
                                  : "{\"type\":\"object\",\"additionalProperties\":");
        print_element(s, field, out);
        ke_buf_add_str(out, ke_buf_str(&siblings));
        ke_buf_add_char(out, '}');
        return;
    }
    bool is_reference = special_of(field) != NULL || field->kind == MODEL_FIELD_MESSAGE;
    if (is_reference && siblings.len == 0) {
        (void)print_reference(s, field, out);
        return;
    }
    ke_buf_add_char(out, '{');
    if (is_reference) { /* a reference stands alone: what is beside it wraps it */
        ke_buf_add_c(out, "\"allOf\":[");
        (void)print_reference(s, field, out);
        ke_buf_add_char(out, ']');
    } else {
        print_plain_type(field, out);
    }
    ke_buf_add_str(out, ke_buf_str(&siblings));
    ke_buf_add_char(out, '}');
}

/* Inline members stand among their parent's. */
static void print_fields(struct schemas *s, const struct model_message *message, bool *is_first,
                         struct ke_buf *out)
{
    for (unsigned i = 0; i < message->n_fields; i++) {
        const struct model_field *field = model_message_field_at(message, i);
        if ((field->flags & MODEL_FIELD_INLINE) != 0) {
            print_fields(s, model_field_message(field), is_first, out);
            continue;
        }
        ke_buf_addf(out, "%s\"%s\":", *is_first ? "" : ",", model_field_name(field));
        print_field(s, field, out);
        *is_first = false;
    }
}

static void print_required(const struct model_message *message, size_t *n, struct ke_buf *out)
{
    for (unsigned i = 0; i < message->n_fields; i++) {
        const struct model_field *field = model_message_field_at(message, i);
        if ((field->flags & MODEL_FIELD_INLINE) != 0) {
            print_required(model_field_message(field), n, out);
        } else if ((field->flags & MODEL_FIELD_REQUIRED) != 0) {
            ke_buf_addf(out, "%s\"%s\"", (*n)++ > 0 ? "," : ",\"required\":[",
                        model_field_name(field));
        }
    }
}

/* ---- messages ----------------------------------------------------------------------------------
 */

static void print_gvk(const char *group, const char *version, struct ke_str kind,
                      struct ke_buf *out)
{
    ke_buf_addf(out, "{\"group\":\"%s\",\"kind\":\"%.*s\",\"version\":\"%s\"}", group,
                KE_STR_ARG(kind), version);
}

/* The group versions in which a message is an object of its own. Options and events are so in all
 * built-in ones. */
void api_openapi_print_gvks(const struct api_docs *docs, const struct model_message *message,
                            struct ke_buf *out)
{
    struct ke_str rest = ke_str_c(model_message_name(message));
    struct ke_str package = { NULL, 0 };
    struct ke_str version = { NULL, 0 };
    if (!message->has_type_meta || !ke_str_split(&rest, '.', &package) ||
        !ke_str_split(&rest, '.', &version)) {
        return;
    }
    bool is_everywhere = ke_str_eq_c(package, "meta") &&
                         (ke_str_eq_c(rest, "DeleteOptions") || ke_str_eq_c(rest, "WatchEvent"));
    ke_buf_add_char(out, '[');
    if (ke_str_eq_c(package, "meta") && !is_everywhere) {
        print_gvk("", "v1", rest, out);
    } else if (!is_everywhere) {
        const char *group = NULL;
        const char *name = NULL;
        if (model_message_group(message, &group, &name)) {
            print_gvk(group, name, rest, out);
        }
    }
    const char *comma = "";
    for (size_t i = 0; is_everywhere && i < docs->n_gvs; i++) {
        if (docs->gvs[i].is_built_in) {
            ke_buf_add_c(out, comma);
            print_gvk(docs->gvs[i].group, docs->gvs[i].version, rest, out);
            comma = ",";
        }
    }
    ke_buf_add_char(out, ']');
}

static struct ke_buf *begin_schema(struct schemas *s)
{
    ke_buf_add_c(&s->sink->piece, s->has_any ? ",\"" : "\"");
    s->has_any = true;
    return &s->sink->piece;
}

static void print_message(struct schemas *s, const struct model_message *message)
{
    struct ke_buf *out = begin_schema(s);
    bool is_first = !message->has_type_meta;
    size_t n_required = 0;
    api_openapi_print_name(message, out);
    ke_buf_add_c(out, "\":{\"type\":\"object\"");
    print_required(message, &n_required, out);
    ke_buf_add_c(out, n_required > 0 ? "]" : "");
    if (message->n_fields > 0 || message->has_type_meta) {
        ke_buf_add_c(out, ",\"properties\":{");
        if (message->has_type_meta) {
            ke_buf_add_c(out,
                         "\"apiVersion\":{\"type\":\"string\"},\"kind\":{\"type\":\"string\"}");
        }
        is_first = !message->has_type_meta;
        print_fields(s, message, &is_first, out);
        ke_buf_add_char(out, '}');
    }
    if (message->is_atomic) {
        ke_buf_add_c(out, ",\"x-kubernetes-map-type\":\"atomic\"");
    }
    if (message->has_type_meta) {
        ke_buf_add_c(out, ",\"x-kubernetes-group-version-kind\":");
        api_openapi_print_gvks(s->docs, message, out);
    }
    ke_buf_add_char(out, '}');
    api_sink_flush(s->sink, SINK_BYTES);
}

static void print_specials(struct schemas *s)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(specials); i++) {
        if ((s->special_mask & 1U << i) != 0) {
            struct ke_buf *out = begin_schema(s);
            ke_buf_addf(out, "%s\":%s", specials[i].name, specials[i].schema);
        }
    }
    ke_buf_add_c(begin_schema(s),
                 "io.k8s.apimachinery.pkg.apis.meta.v1.Patch\":{\"type\":\"object\"}");
}

/* ---- custom kinds ------------------------------------------------------------------------------
 */

/* The schema as it was defined, with the members that every object has. False: out of memory. */
static bool print_definition(const struct api_kind *kind, struct ke_buf *out)
{
    struct ke_err err;
    ke_auto_definition *definition = model_kind_definition(kind->kind);
    const struct model_definition_version *version =
        definition == NULL ? NULL
                           : model_definition_find(definition, ke_str_c(kind->version->version));
    ke_auto_json *schema = NULL;
    if (version != NULL && version->schema_json != NULL) {
        enum ke_code rc = ke_json_parse(ke_str_c(version->schema_json), &schema, &err);
        if (rc != KE_OK && rc != KE_MALFORMED) {
            return false;
        }
    }
    if (schema == NULL) {
        ke_buf_add_c(out, "{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true");
    } else {
        static const char *const always[][2] = {
            { "apiVersion", "{\"type\":\"string\"}" },
            { "kind", "{\"type\":\"string\"}" },
            { "metadata",
              "{\"$ref\":\"#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta\"}" },
        };
        cJSON *properties = ke_json_need_object(schema, "properties");
        for (size_t i = 0; properties != NULL && i < KE_ARRAY_LEN(always); i++) {
            cJSON *value = NULL;
            if (ke_json_parse(ke_str_c(always[i][1]), &value, &err) != KE_OK ||
                !ke_json_set(properties, always[i][0], value)) {
                return false;
            }
        }
        if (properties == NULL) {
            return false;
        }
        ke_json_print(schema, out);
        out->len--; /* the closing brace: more follows */
    }
    return true;
}

static void print_custom(struct schemas *s, const struct api_kind *kind)
{
    struct ke_buf *out = begin_schema(s);
    print_custom_name(kind, out);
    ke_buf_add_c(out, "\":");
    if (!print_definition(kind, out)) {
        s->sink->failed = ke_fail(s->sink->err, KE_NOMEM, "OpenAPI");
        return;
    }
    ke_buf_add_c(out, ",\"x-kubernetes-group-version-kind\":[");
    print_gvk(kind->version->group, kind->version->version, ke_str_c(kind->kind->kind), out);
    ke_buf_add_c(out, "]}");
    out = begin_schema(s);
    print_custom_name(kind, out);
    ke_buf_add_c(
        out, "List\":{\"type\":\"object\",\"required\":[\"items\"],\"properties\":{"
             "\"apiVersion\":{\"type\":\"string\"},\"items\":{\"type\":\"array\",\"items\":" REF);
    print_custom_name(kind, out);
    ke_buf_add_c(out, "\"}},\"kind\":{\"type\":\"string\"},\"metadata\":" REF
                      "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta\"}},"
                      "\"x-kubernetes-group-version-kind\":[");
    print_gvk(kind->version->group, kind->version->version, ke_str_c(kind->kind->list_kind), out);
    ke_buf_add_c(out, "]}");
    api_sink_flush(s->sink, SINK_BYTES);
}

/* ---- all ---------------------------------------------------------------------------------------
 */

static void find_kind(struct schemas *s, const struct api_kind *kind)
{
    find_message(s, model_schema_find(ke_str_c(kind->version->message)));
    find_message(s, list_message(kind));
    const struct model_subresource *sub = kind->kind->subresources;
    for (size_t i = 0; i < MODEL_MAX_SUBRESOURCES && sub[i].name != NULL; i++) {
        if (sub[i].speaks != NULL) {
            find_message(s, model_schema_find(ke_str_c(sub[i].speaks->versions[0].message)));
        }
    }
}

static void print_all(struct schemas *s)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(common); i++) {
        find_message(s, model_schema_find(ke_str_c(common[i])));
    }
    for (size_t i = 0; i < s->kinds->n; i++) {
        const struct api_kind *kind = &s->kinds->items[i];
        find_kind(s, kind);
        if (kind->kind->custom != NULL) {
            find_message(s, model_schema_find(KE_STR("meta.v1.ObjectMeta")));
            find_message(s, model_schema_find(KE_STR("meta.v1.ListMeta")));
            print_custom(s, kind);
        }
    }
    while (s->next < s->n_queue && s->sink->failed == KE_OK) {
        print_message(s, s->queue[s->next++]);
    }
    print_specials(s);
}

void api_openapi_print_schemas(const struct api_docs *docs, const struct api_gv_docs *gv,
                               const struct api_kinds *kinds, struct api_sink *sink)
{
    struct schemas s = { .docs = docs, .gv = gv, .kinds = kinds, .sink = sink };
    s.is_found = ke_alloc_n(model_schema_count(), sizeof(bool));
    if (s.is_found == NULL) {
        sink->failed = ke_fail(sink->err, KE_NOMEM, "OpenAPI");
        return;
    }
    ke_buf_add_c(&sink->piece, "\"schemas\":{");
    print_all(&s);
    ke_buf_add_char(&sink->piece, '}');
    free(s.is_found);
    free(s.queue);
}
