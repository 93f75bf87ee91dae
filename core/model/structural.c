/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles an openAPIV3Schema. Texts that only people read (descriptions, examples) are left out.
 */
#include "core/model/structural.h"

#include "core/base/json.h"
#include "core/base/limits.h"

struct compiler {
    struct ke_arena *arena;
    struct model_structural_owned *owned;
    struct ke_err *err;
};

void model_structural_owned_deinit(struct model_structural_owned *owned)
{
    cJSON_Delete(owned->json);
    for (size_t i = 0; i < owned->n_patterns; i++)
        model_pattern_free(owned->patterns[i]);
    free(owned->patterns);
    *owned = (struct model_structural_owned){ .json = NULL };
}

static enum ke_code no_memory(struct compiler *c)
{
    return ke_fail(c->err, KE_NOMEM, "compile a schema");
}

static enum ke_code compile(struct compiler *c, const cJSON *schema, unsigned depth,
                            const struct model_structural **out);

/* ---- parts ----------------------------------------------------------------------------------- */

static enum ke_code keep_text(struct compiler *c, struct ke_str text, const char **out)
{
    struct ke_str copy = ke_arena_str(c->arena, text);
    *out = copy.ptr;
    return copy.ptr != NULL ? KE_OK : no_memory(c);
}

static enum ke_code keep_texts(struct compiler *c, const cJSON *list, const char *const **out,
                               size_t *out_n)
{
    int n = cJSON_GetArraySize(list);
    *out_n = 0;
    if (n <= 0)
        return KE_OK;
    const char **texts = ke_arena_alloc_n(c->arena, (size_t)n, sizeof(*texts));
    if (texts == NULL)
        return no_memory(c);
    const cJSON *it;
    cJSON_ArrayForEach(it, list) {
        if (keep_text(c, ke_json_value_str(it), &texts[*out_n]) != KE_OK)
            return KE_NOMEM;
        (*out_n)++;
    }
    *out = texts;
    return KE_OK;
}

/* A copy that lives as long as the schema. */
static enum ke_code keep_json(struct compiler *c, const cJSON *value, const cJSON **out)
{
    if (value == NULL)
        return KE_OK;
    if (c->owned->json == NULL)
        c->owned->json = cJSON_CreateArray();
    cJSON *copy = c->owned->json != NULL ? cJSON_Duplicate(value, true) : NULL;
    if (copy == NULL || !cJSON_AddItemToArray(c->owned->json, copy)) {
        cJSON_Delete(copy);
        return no_memory(c);
    }
    *out = copy;
    return KE_OK;
}

static enum ke_code keep_pattern(struct compiler *c, struct ke_str text,
                                 struct model_structural_checks *checks)
{
    struct model_structural_owned *owned = c->owned;
    struct model_pattern *pattern = NULL;
    if (text.ptr == NULL || text.len == 0)
        return KE_OK;
    if (keep_text(c, text, &checks->pattern_text) != KE_OK)
        return KE_NOMEM;
    if (!ke_grow((void **)&owned->patterns, &owned->cap_patterns, owned->n_patterns + 1,
                 sizeof(struct model_pattern *)))
        return no_memory(c);
    enum ke_code rc = model_pattern_new(text, &pattern, c->err);
    if (rc != KE_OK)
        return rc;
    owned->patterns[owned->n_patterns++] = pattern;
    checks->pattern = pattern;
    return KE_OK;
}

static enum model_structural_type type_of(struct ke_str name)
{
    static const struct {
        const char *name;
        enum model_structural_type type;
    } types[] = {
        { "object", MODEL_STRUCTURAL_OBJECT }, { "array", MODEL_STRUCTURAL_ARRAY },
        { "string", MODEL_STRUCTURAL_STRING }, { "integer", MODEL_STRUCTURAL_INTEGER },
        { "number", MODEL_STRUCTURAL_NUMBER }, { "boolean", MODEL_STRUCTURAL_BOOLEAN },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(types); i++) {
        if (ke_str_eq_c(name, types[i].name))
            return types[i].type;
    }
    return MODEL_STRUCTURAL_ANY;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static void read_bounds(const cJSON *schema, struct model_structural_checks *checks)
{
    const cJSON *minimum = ke_json_get(schema, "minimum");
    const cJSON *maximum = ke_json_get(schema, "maximum");
    const cJSON *multiple = ke_json_get(schema, "multipleOf");
    checks->has_minimum = cJSON_IsNumber(minimum);
    checks->has_maximum = cJSON_IsNumber(maximum);
    checks->has_multiple_of = cJSON_IsNumber(multiple) && multiple->valuedouble > 0;
    checks->minimum = checks->has_minimum ? minimum->valuedouble : 0;
    checks->maximum = checks->has_maximum ? maximum->valuedouble : 0;
    checks->multiple_of = checks->has_multiple_of ? multiple->valuedouble : 0;
    checks->is_minimum_exclusive = ke_json_bool(schema, "exclusiveMinimum", false);
    checks->is_maximum_exclusive = ke_json_bool(schema, "exclusiveMaximum", false);
    checks->min_length = ke_json_i64(schema, "minLength", -1);
    checks->max_length = ke_json_i64(schema, "maxLength", -1);
    checks->min_items = ke_json_i64(schema, "minItems", -1);
    checks->max_items = ke_json_i64(schema, "maxItems", -1);
    checks->min_properties = ke_json_i64(schema, "minProperties", -1);
    checks->max_properties = ke_json_i64(schema, "maxProperties", -1);
    checks->has_unique_items = ke_json_bool(schema, "uniqueItems", false);
}

static enum ke_code compile_list(struct compiler *c, const cJSON *list, unsigned depth,
                                 const struct model_structural *const **out, size_t *out_n)
{
    int n = cJSON_GetArraySize(list);
    if (n <= 0)
        return KE_OK;
    const struct model_structural **schemas =
        ke_arena_alloc_n(c->arena, (size_t)n, sizeof(struct model_structural *));
    if (schemas == NULL)
        return no_memory(c);
    const cJSON *it;
    cJSON_ArrayForEach(it, list) {
        enum ke_code rc = compile(c, it, depth + 1, &schemas[*out_n]);
        if (rc != KE_OK)
            return rc;
        (*out_n)++;
    }
    *out = schemas;
    return KE_OK;
}

static enum ke_code read_junctors(struct compiler *c, const cJSON *schema, unsigned depth,
                                  struct model_structural_checks *checks)
{
    enum ke_code rc =
        compile_list(c, ke_json_get(schema, "allOf"), depth, &checks->all_of, &checks->n_all_of);
    if (rc == KE_OK)
        rc = compile_list(c, ke_json_get(schema, "anyOf"), depth, &checks->any_of,
                          &checks->n_any_of);
    if (rc == KE_OK)
        rc = compile_list(c, ke_json_get(schema, "oneOf"), depth, &checks->one_of,
                          &checks->n_one_of);
    const cJSON *negated = ke_json_get(schema, "not");
    if (rc == KE_OK && negated != NULL)
        rc = compile(c, negated, depth + 1, &checks->negated);
    return rc;
}

static bool has_checks(const cJSON *schema)
{
    static const char *const names[] = {
        "format",        "pattern",     "enum",
        "minLength",     "maxLength",   "minItems",
        "maxItems",      "minimum",     "minProperties",
        "maxProperties", "maximum",     "allOf",
        "multipleOf",    "uniqueItems", "anyOf",
        "oneOf",         "not",         "x-kubernetes-list-map-keys",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(names); i++) {
        if (ke_json_get(schema, names[i]) != NULL)
            return true;
    }
    return false;
}

static enum ke_code read_checks(struct compiler *c, const cJSON *schema, unsigned depth,
                                struct model_structural *out)
{
    if (!has_checks(schema))
        return KE_OK;
    struct model_structural_checks *checks = ke_arena_alloc(c->arena, sizeof(*checks));
    if (checks == NULL)
        return no_memory(c);
    read_bounds(schema, checks);
    struct ke_str format = ke_json_str(schema, "format");
    enum ke_code rc = KE_OK;
    if (format.len > 0) {
        rc = keep_text(c, format, &checks->format);
        if (rc == KE_OK && !model_format_is_known(checks->format))
            checks->format = NULL;
    }
    if (rc == KE_OK)
        rc = keep_pattern(c, ke_json_str(schema, "pattern"), checks);
    const cJSON *values = ke_json_get(schema, "enum");
    if (rc == KE_OK && cJSON_GetArraySize(values) > 0)
        rc = keep_json(c, values, &checks->enumeration);
    if (rc == KE_OK)
        rc = keep_texts(c, ke_json_get(schema, "x-kubernetes-list-map-keys"), &checks->list_keys,
                        &checks->n_list_keys);
    if (rc == KE_OK)
        rc = read_junctors(c, schema, depth, checks);
    out->checks = checks;
    return rc;
}

/* ---- below ----------------------------------------------------------------------------------- */

static int member_compare(const void *a, const void *b)
{
    return strcmp(((const struct model_structural_member *)a)->name,
                  ((const struct model_structural_member *)b)->name);
}

static enum ke_code read_members(struct compiler *c, const cJSON *properties, unsigned depth,
                                 struct model_structural *out)
{
    int n = cJSON_GetArraySize(properties);
    if (n <= 0)
        return KE_OK;
    struct model_structural_member *members =
        ke_arena_alloc_n(c->arena, (size_t)n, sizeof(*members));
    if (members == NULL)
        return no_memory(c);
    const cJSON *it;
    cJSON_ArrayForEach(it, properties) {
        struct model_structural_member *member = &members[out->n_members];
        enum ke_code rc = keep_text(c, ke_str_c(it->string), &member->name);
        if (rc == KE_OK)
            rc = compile(c, it, depth + 1, &member->schema);
        if (rc != KE_OK)
            return rc;
        out->has_embedded_below = out->has_embedded_below || member->schema->has_embedded_below;
        out->n_members++;
    }
    qsort(members, out->n_members, sizeof(*members), member_compare);
    out->members = members;
    return KE_OK;
}

static enum ke_code read_below(struct compiler *c, const cJSON *schema, unsigned depth,
                               struct model_structural *out)
{
    enum ke_code rc = read_members(c, ke_json_get(schema, "properties"), depth, out);
    const cJSON *items = ke_json_get(schema, "items");
    if (rc == KE_OK && cJSON_IsObject(items))
        rc = compile(c, items, depth + 1, &out->items);
    const cJSON *additional = ke_json_get(schema, "additionalProperties");
    out->has_additional = cJSON_IsTrue(additional) || cJSON_IsObject(additional);
    out->forbids_additional = cJSON_IsFalse(additional);
    if (rc == KE_OK && cJSON_IsObject(additional))
        rc = compile(c, additional, depth + 1, &out->additional);
    out->has_embedded_below = out->has_embedded_below ||
                              (out->items != NULL && out->items->has_embedded_below) ||
                              (out->additional != NULL && out->additional->has_embedded_below);
    size_t n_required = 0;
    if (rc == KE_OK)
        rc = keep_texts(c, ke_json_get(schema, "required"), &out->required, &n_required);
    out->n_required = (uint32_t)n_required;
    return rc;
}

static enum ke_code compile(struct compiler *c, const cJSON *schema, unsigned depth,
                            const struct model_structural **out)
{
    if (depth > LIMIT_SCHEMA_DEPTH)
        return ke_fail(c->err, KE_MALFORMED, "the schema is nested more than %d deep",
                       LIMIT_SCHEMA_DEPTH);
    struct model_structural *made = ke_arena_alloc(c->arena, sizeof(*made));
    if (made == NULL)
        return no_memory(c);
    made->type = (uint8_t)type_of(ke_json_str(schema, "type"));
    struct ke_str list = ke_json_str(schema, "x-kubernetes-list-type");
    made->list = MODEL_STRUCTURAL_LIST_ATOMIC;
    if (ke_str_eq_c(list, "set"))
        made->list = MODEL_STRUCTURAL_LIST_SET;
    else if (ke_str_eq_c(list, "map"))
        made->list = MODEL_STRUCTURAL_LIST_MAP;
    made->is_nullable = ke_json_bool(schema, "nullable", false);
    made->is_atomic_map = ke_str_eq_c(ke_json_str(schema, "x-kubernetes-map-type"), "atomic");
    made->is_int_or_string = ke_json_bool(schema, "x-kubernetes-int-or-string", false);
    made->keeps_unknown = ke_json_bool(schema, "x-kubernetes-preserve-unknown-fields", false);
    made->is_embedded = ke_json_bool(schema, "x-kubernetes-embedded-resource", false);
    made->has_embedded_below = made->is_embedded;
    enum ke_code rc = keep_json(c, ke_json_get(schema, "default"), &made->default_value);
    if (rc == KE_OK)
        rc = read_below(c, schema, depth, made);
    if (rc == KE_OK)
        rc = read_checks(c, schema, depth, made);
    if (rc == KE_OK)
        *out = made;
    return rc;
}

enum ke_code model_structural_new(const cJSON *schema, struct ke_arena *arena,
                                  struct model_structural_owned *owned,
                                  const struct model_structural **out, struct ke_err *err)
{
    struct compiler compiler = { .arena = arena, .owned = owned, .err = err };
    return compile(&compiler, schema, 0, out);
}

const struct model_structural *model_structural_member(const struct model_structural *schema,
                                                       struct ke_str name)
{
    size_t low = 0;
    size_t high = schema->n_members;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = ke_str_cmp(name, ke_str_c(schema->members[mid].name));
        if (order == 0)
            return schema->members[mid].schema;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}
