/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAPI v2 as JSON: the schemas of custom kinds, for clients that look there whether what they
 * defined is published. (kubectl reads v2 as protobuf and v3; built-in kinds are in those.) Pure
 * but for reading the catalog; any thread. Source: apiextensions-apiserver pkg/controller/openapi.
 */
#include "core/api/docs_print.h"
#include "core/base/json.h"
#include "core/base/limits.h"

#define SINK_BYTES (16U << 10)

/* What v2 has no words for goes, down to the bottom. */
static void cut_to_v2(cJSON *schema, unsigned depth)
{
    static const char *const unknown[] = { "nullable", "anyOf", "oneOf", "not" };
    if (depth == 0 || !cJSON_IsObject(schema)) {
        return;
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(unknown); i++) {
        ke_json_del(schema, unknown[i]);
    }
    cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get_mut(schema, "properties")) {
        cut_to_v2(it, depth - 1);
    }
    cut_to_v2(ke_json_get_mut(schema, "items"), depth - 1);
    cut_to_v2(ke_json_get_mut(schema, "additionalProperties"), depth - 1);
}

static bool add_always(cJSON *schema)
{
    static const char *const always[] = { "apiVersion", "kind" };
    cJSON *properties = ke_json_need_object(schema, "properties");
    for (size_t i = 0; i < KE_ARRAY_LEN(always); i++) {
        cJSON *one = properties != NULL ? ke_json_need_object(properties, always[i]) : NULL;
        if (one == NULL || !ke_json_set_str(one, "type", KE_STR("string"))) {
            return false;
        }
    }
    cJSON *metadata = ke_json_need_object(properties, "metadata");
    return metadata != NULL && ke_json_set_str(metadata, "type", KE_STR("object"));
}

/* As it was defined, with the members that every object has. False: out of memory. */
static bool print_schema(const struct api_kind *kind, struct ke_buf *out)
{
    struct ke_err err;
    ke_auto_definition *definition = model_kind_definition(kind->kind);
    const struct model_definition_version *version =
        definition == NULL ? NULL
                           : model_definition_find(definition, ke_str_c(kind->version->version));
    ke_auto_json *schema = NULL;
    if (version != NULL && version->schema_json != NULL &&
        ke_json_parse(ke_str_c(version->schema_json), &schema, &err) != KE_OK) {
        return false;
    }
    if (schema == NULL) {
        schema = cJSON_CreateObject();
    }
    if (schema == NULL || !ke_json_set_str(schema, "type", KE_STR("object")) ||
        !add_always(schema)) {
        return false;
    }
    cut_to_v2(schema, LIMIT_SCHEMA_DEPTH + 1);
    ke_json_print(schema, out);
    out->len--; /* the closing brace: more follows */
    ke_buf_addf(out,
                ",\"x-kubernetes-group-version-kind\":[{\"group\":\"%s\",\"kind\":\"%s\","
                "\"version\":\"%s\"}]}",
                kind->version->group, kind->kind->kind, kind->version->version);
    return true;
}

static void print_kinds(const struct api_docs *docs, const struct api_gv_docs *gv, bool *is_first,
                        struct api_sink *sink)
{
    ke_auto_kinds kinds = api_kinds_of(docs, gv->group, gv->version);
    struct ke_buf *out = &sink->piece;
    bool is_ok = !kinds.has_failed;
    for (size_t i = 0; i < kinds.n && is_ok; i++) {
        if (kinds.items[i].kind->custom == NULL) {
            continue;
        }
        ke_buf_add_c(out, *is_first ? "\"" : ",\"");
        api_openapi_print_kind_name(&kinds.items[i], "", out);
        ke_buf_add_c(out, "\":");
        is_ok = print_schema(&kinds.items[i], out);
        *is_first = false;
        api_sink_flush(sink, SINK_BYTES);
    }
    if (!is_ok) {
        sink->failed = ke_fail(sink->err, KE_NOMEM, "OpenAPI");
    }
}

void api_openapi_v2_json_print(const struct api_docs *docs, struct api_sink *sink)
{
    struct ke_buf *out = &sink->piece;
    bool is_first = true;
    ke_buf_add_c(out, "{\"swagger\":\"2.0\",\"info\":{\"title\":\"Kubernetes\",\"version\":");
    ke_buf_add_json_str(out, docs->git_version);
    ke_buf_add_c(out, "},\"paths\":{},\"definitions\":{");
    for (size_t i = 0; i < docs->n_gvs && sink->failed == KE_OK; i++) {
        print_kinds(docs, &docs->gvs[i], &is_first, sink);
    }
    ke_buf_add_c(out, "}}\n");
}
