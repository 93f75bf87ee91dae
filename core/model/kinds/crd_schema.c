/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of structural schemas (KEP-1979): every place has a type, what only restricts values
 * (below allOf, anyOf, oneOf, not) declares nothing new, and what cannot be pruned or defaulted is
 * not there. Recursion ends at LIMIT_SCHEMA_DEPTH. Pure.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/crd.h"
#include "core/model/structural.h"
#include "core/model/values.h"

struct checker {
    struct model_issues *issues;
    unsigned depth;
};

static const char *const junctors[] = { "allOf", "anyOf", "oneOf" };

static void check_structure(struct checker *c, const cJSON *schema, const struct model_path *at,
                            const char *if_untyped);

static struct ke_str type_of(const cJSON *schema)
{
    return ke_json_str(schema, "type");
}

/* ---- what nobody may say --------------------------------------------------------------------- */

static void check_forbidden(struct checker *c, const cJSON *schema, const struct model_path *at)
{
    static const struct {
        const char *name, *why;
    } members[] = {
        { "additionalItems", "additionalItems is not supported" },
        { "definitions", "definitions is not supported" },
        { "dependencies", "dependencies are not supported" },
        { "id", "id is not supported" },
        { "patternProperties", "patternProperties is not supported" },
        { "$ref", "$ref is not supported" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(members); i++) {
        if (!model_is_unset(schema, members[i].name))
            model_report_forbidden(c->issues, model_path_child(at, members[i].name),
                                   members[i].why);
    }
    if (ke_json_bool(schema, "uniqueItems", false)) {
        model_report_forbidden(c->issues, model_path_child(at, "uniqueItems"),
                               "uniqueItems cannot be set to true since the runtime complexity "
                               "becomes quadratic");
    }
    const cJSON *additional = ke_json_get(schema, "additionalProperties");
    struct model_path additional_at = model_path_child(at, "additionalProperties");
    if (cJSON_IsFalse(additional))
        model_report_forbidden(c->issues, additional_at,
                               "additionalProperties cannot be set to false");
    if (additional != NULL && !model_is_unset(schema, "properties"))
        model_report_forbidden(c->issues, additional_at,
                               "additionalProperties and properties are mutual exclusive");
    if (cJSON_IsArray(ke_json_get(schema, "items")))
        model_report_forbidden(c->issues, model_path_child(at, "items"),
                               "items must be a schema object and not an array");
}

static void check_pattern(struct checker *c, const cJSON *schema, const struct model_path *at)
{
    struct ke_str text = ke_json_str(schema, "pattern");
    KE_AUTO(model_pattern) *pattern = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (text.len == 0)
        return;
    enum ke_code rc = model_pattern_new(text, &pattern, &err);
    if (rc == KE_NOMEM)
        model_report_no_memory(c->issues);
    if (rc != KE_MALFORMED)
        return;
    struct ke_str why = ke_arena_fmt(c->issues->arena,
                                     "must be a valid regular expression, but isn't: %s", err.msg);
    model_report_invalid(c->issues, model_path_child(at, "pattern"), text,
                         why.ptr != NULL ? why.ptr : err.msg);
}

static void check_type(struct checker *c, const cJSON *schema, const struct model_path *at)
{
    static const char *const types[] = { "array",  "boolean", "integer", "number",
                                         "object", "string",  NULL };
    struct ke_str type = type_of(schema);
    struct model_path type_at = model_path_child(at, "type");
    if (type.len == 0)
        return;
    if (ke_str_eq_c(type, "null")) {
        model_report_forbidden(c->issues, type_at,
                               "type cannot be set to null, use nullable as an alternative");
        return;
    }
    (void)model_check_enum(c->issues, type_at, type, types);
}

/* ---- what only restricts --------------------------------------------------------------------- */

static void check_restriction(struct checker *c, const cJSON *schema, const struct model_path *at,
                              const cJSON *declared);

static void check_empty(struct checker *c, const cJSON *schema, const struct model_path *at)
{
    static const struct {
        const char *name, *why;
    } members[] = {
        { "title", "must be empty to be structural" },
        { "description", "must be empty to be structural" },
        { "default", "must be undefined to be structural" },
        { "type", "must be empty to be structural" },
        { "nullable", "must be false to be structural" },
        { "additionalProperties", "must be undefined to be structural" },
        { "x-kubernetes-preserve-unknown-fields", "must be undefined to be structural" },
        { "x-kubernetes-embedded-resource", "must be false to be structural" },
        { "x-kubernetes-int-or-string", "must be false to be structural" },
        { "x-kubernetes-list-map-keys", "must be empty to be structural" },
        { "x-kubernetes-list-type", "must be undefined to be structural" },
        { "x-kubernetes-map-type", "must be undefined to be structural" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(members); i++) {
        const cJSON *value = ke_json_get(schema, members[i].name);
        if (value != NULL && !cJSON_IsFalse(value) && !model_is_unset(schema, members[i].name))
            model_report_forbidden(c->issues, model_path_child(at, members[i].name),
                                   members[i].why);
    }
}

static void report_undeclared(struct checker *c, struct model_path declared_at,
                              const struct model_path *here)
{
    struct ke_str text = model_path_text(c->issues, here);
    struct ke_str why =
        ke_arena_fmt(c->issues->arena, "because it is defined in %.*s", KE_STR_ARG(text));
    model_report_required(c->issues, declared_at, why.ptr != NULL ? why.ptr : "");
}

static void check_restricted_below(struct checker *c, const cJSON *schema,
                                   const struct model_path *at, const cJSON *declared)
{
    const cJSON *items = ke_json_get(schema, "items");
    const cJSON *declared_items = ke_json_get(declared, "items");
    struct model_path items_at = model_path_child(at, "items");
    if (items != NULL && declared_items == NULL)
        report_undeclared(c, items_at, &items_at);
    else if (items != NULL)
        check_restriction(c, items, &items_at, declared_items);
    struct model_path members_at = model_path_child(at, "properties");
    const cJSON *members = ke_json_get(declared, "properties");
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(schema, "properties")) {
        const cJSON *member = ke_json_get(members, it->string);
        struct model_path member_at = model_path_key(&members_at, ke_str_c(it->string));
        if (member == NULL)
            report_undeclared(c, member_at, &member_at);
        else
            check_restriction(c, it, &member_at, member);
    }
}

static void check_junctors(struct checker *c, const cJSON *schema, const struct model_path *at,
                           const cJSON *declared)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(junctors); i++) {
        struct model_path list_at = model_path_child(at, junctors[i]);
        size_t n = 0;
        const cJSON *it;
        cJSON_ArrayForEach(it, ke_json_get(schema, junctors[i])) {
            struct model_path one_at = model_path_index(&list_at, n++);
            check_restriction(c, it, &one_at, declared);
        }
    }
    const cJSON *negated = ke_json_get(schema, "not");
    struct model_path negated_at = model_path_child(at, "not");
    if (negated != NULL)
        check_restriction(c, negated, &negated_at, declared);
}

/* {"type":"integer"}, {"type":"string"}: how x-kubernetes-int-or-string is said for others. */
static bool is_int_or_string(const cJSON *schema)
{
    return ke_json_bool(schema, "x-kubernetes-int-or-string", false);
}

static void check_restriction(struct checker *c, const cJSON *schema, const struct model_path *at,
                              const cJSON *declared)
{
    if (c->depth >= LIMIT_SCHEMA_DEPTH)
        return;
    c->depth++;
    if (!is_int_or_string(declared))
        check_empty(c, schema, at);
    check_forbidden(c, schema, at);
    check_pattern(c, schema, at);
    check_restricted_below(c, schema, at, declared);
    check_junctors(c, schema, at, declared);
    c->depth--;
}

/* ---- lists and maps -------------------------------------------------------------------------- */

static bool has_string(const cJSON *list, struct ke_str text)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, list) {
        if (ke_str_eq(ke_json_value_str(it), text))
            return true;
    }
    return false;
}

static void check_map_keys(struct checker *c, const cJSON *schema, const struct model_path *at)
{
    const cJSON *keys = ke_json_get(schema, "x-kubernetes-list-map-keys");
    const cJSON *items = ke_json_get(schema, "items");
    const cJSON *members = ke_json_get(items, "properties");
    struct model_path keys_at = model_path_child(at, "x-kubernetes-list-map-keys");
    struct model_path items_at = model_path_child(at, "items");
    struct model_path members_at = model_path_child(&items_at, "properties");
    if (cJSON_GetArraySize(keys) <= 0)
        model_report_required(c->issues, keys_at,
                              "must not be empty if x-kubernetes-list-type is map");
    size_t i = 0;
    const cJSON *it;
    cJSON_ArrayForEach(it, keys) {
        struct ke_str name = ke_json_value_str(it);
        struct model_path key_at = model_path_index(&keys_at, i++);
        const cJSON *member = cJSON_IsString(it) ? ke_json_get(members, it->valuestring) : NULL;
        struct model_path member_at = model_path_key(&members_at, name);
        if (member == NULL) {
            model_report_invalid(c->issues, key_at, name,
                                 "entries must all be names of item properties");
            continue;
        }
        if (ke_str_eq_c(type_of(member), "object") || ke_str_eq_c(type_of(member), "array")) {
            model_report_invalid(c->issues, model_path_child(&member_at, "type"), type_of(member),
                                 "must be a scalar type if parent array's x-kubernetes-list-type "
                                 "is map");
        }
        if (!has_string(ke_json_get(items, "required"), name) &&
            ke_json_get(member, "default") == NULL) {
            model_report_required(c->issues, model_path_child(&member_at, "default"),
                                  "this property is in x-kubernetes-list-map-keys, so it must have "
                                  "a default or be a required property");
        }
    }
}

static void check_list_type(struct checker *c, const cJSON *schema, const struct model_path *at)
{
    static const char *const lists[] = { "atomic", "map", "set", NULL };
    static const char *const maps[] = { "atomic", "granular", NULL };
    struct ke_str list = ke_json_str(schema, "x-kubernetes-list-type");
    struct ke_str map = ke_json_str(schema, "x-kubernetes-map-type");
    struct model_path list_at = model_path_child(at, "x-kubernetes-list-type");
    struct model_path type_at = model_path_child(at, "type");
    bool is_map = ke_str_eq_c(list, "map");
    if (list.len > 0 && model_check_enum(c->issues, list_at, list, lists) &&
        !ke_str_eq_c(type_of(schema), "array"))
        model_report_invalid(c->issues, type_at, type_of(schema),
                             "must be array if x-kubernetes-list-type is specified");
    if (is_map)
        check_map_keys(c, schema, at);
    else if (cJSON_GetArraySize(ke_json_get(schema, "x-kubernetes-list-map-keys")) > 0)
        model_report_invalid(c->issues, list_at, list,
                             "must be map if x-kubernetes-list-map-keys is non-empty");
    if (map.len > 0)
        (void)model_check_enum(c->issues, model_path_child(at, "x-kubernetes-map-type"), map, maps);
}

/* ---- extensions ------------------------------------------------------------------------------ */

static void check_extensions(struct checker *c, const cJSON *schema, const struct model_path *at)
{
    bool is_embedded = ke_json_bool(schema, "x-kubernetes-embedded-resource", false);
    bool keeps_unknown = ke_json_bool(schema, "x-kubernetes-preserve-unknown-fields", false);
    struct ke_str type = type_of(schema);
    struct model_path type_at = model_path_child(at, "type");
    if (is_int_or_string(schema) && type.len > 0)
        model_report_invalid(c->issues, type_at, type,
                             "must be empty if x-kubernetes-int-or-string is true");
    if (is_embedded && !ke_str_eq_c(type, "object"))
        model_report_invalid(c->issues, type_at, type,
                             "must be object if x-kubernetes-embedded-resource is true");
    if (is_embedded && !keeps_unknown && model_is_unset(schema, "properties")) {
        model_report_required(c->issues, model_path_child(at, "properties"),
                              "must not be empty if x-kubernetes-embedded-resource is true without "
                              "x-kubernetes-preserve-unknown-fields");
    }
    if (cJSON_IsFalse(ke_json_get(schema, "x-kubernetes-preserve-unknown-fields"))) {
        model_report_invalid_raw(c->issues,
                                 model_path_child(at, "x-kubernetes-preserve-unknown-fields"),
                                 KE_STR("false"), "must be true or undefined");
    }
}

/* ---- defaults -------------------------------------------------------------------------------- */

static void check_default(struct checker *c, const cJSON *schema, const struct model_path *at)
{
    const cJSON *value = ke_json_get(schema, "default");
    struct model_path default_at = model_path_child(at, "default");
    struct model_structural_owned owned = { .json = NULL };
    const struct model_structural *compiled = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (value == NULL)
        return;
    KE_AUTO(ke_arena) *arena = ke_arena_new(LIMIT_DEFINITION_BYTES);
    ke_auto_json *pruned = cJSON_Duplicate(value, true);
    enum ke_code rc = arena != NULL && pruned != NULL
                          ? model_structural_new(schema, arena, &owned, &compiled, &err)
                          : KE_NOMEM;
    if (rc == KE_OK && !model_structural_prune(compiled, pruned, false, NULL))
        rc = KE_NOMEM;
    if (rc == KE_NOMEM)
        model_report_no_memory(c->issues);
    if (rc == KE_OK && !ke_json_equal(pruned, value)) {
        ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
        ke_json_print(value, &text);
        model_report_invalid_raw(c->issues, default_at, ke_buf_str(&text),
                                 "must not have unknown fields");
    }
    if (rc == KE_OK)
        model_structural_validate(compiled, &default_at, value, NULL, c->issues);
    model_structural_owned_deinit(&owned);
}

/* ---- the structure --------------------------------------------------------------------------- */

static void check_below(struct checker *c, const cJSON *schema, const struct model_path *at)
{
    struct model_path members_at = model_path_child(at, "properties");
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(schema, "properties")) {
        struct model_path member_at = model_path_key(&members_at, ke_str_c(it->string));
        check_structure(c, it, &member_at, "must not be empty for specified object fields");
    }
    const cJSON *items = ke_json_get(schema, "items");
    struct model_path items_at = model_path_child(at, "items");
    if (cJSON_IsObject(items))
        check_structure(c, items, &items_at, "must not be empty for specified array items");
    else if (items == NULL && ke_str_eq_c(type_of(schema), "array"))
        model_report_required(c->issues, items_at, "must be specified");
    const cJSON *additional = ke_json_get(schema, "additionalProperties");
    struct model_path additional_at = model_path_child(at, "additionalProperties");
    if (cJSON_IsObject(additional))
        check_structure(c, additional, &additional_at,
                        "must not be empty for specified object fields");
}

static void check_structure(struct checker *c, const cJSON *schema, const struct model_path *at,
                            const char *if_untyped)
{
    if (c->depth >= LIMIT_SCHEMA_DEPTH) {
        model_report_invalid(c->issues, *at, KE_STR(""), "is nested too deep");
        return;
    }
    c->depth++;
    check_type(c, schema, at);
    if (type_of(schema).len == 0 && !is_int_or_string(schema) &&
        !ke_json_bool(schema, "x-kubernetes-preserve-unknown-fields", false))
        model_report_required(c->issues, model_path_child(at, "type"), if_untyped);
    check_forbidden(c, schema, at);
    check_pattern(c, schema, at);
    check_extensions(c, schema, at);
    check_list_type(c, schema, at);
    check_default(c, schema, at);
    check_junctors(c, schema, at, schema);
    check_below(c, schema, at);
    c->depth--;
}

/* Of metadata only the names can be restricted. */
static void check_metadata(struct checker *c, const cJSON *schema, const struct model_path *at)
{
    const cJSON *metadata = ke_json_path(schema, "properties.metadata");
    struct model_path members_at = model_path_child(at, "properties");
    struct model_path metadata_at = model_path_key(&members_at, KE_STR("metadata"));
    bool is_more = false;
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(metadata, "properties")) {
        is_more =
            is_more || (strcmp(it->string, "name") != 0 && strcmp(it->string, "generateName") != 0);
    }
    if (is_more) {
        model_report_forbidden(c->issues, metadata_at,
                               "must not specify anything other than name and generateName, but "
                               "metadata is implicitly specified");
    }
}

void crd_validate_schema(const cJSON *schema, const struct model_path *at,
                         struct model_issues *issues)
{
    struct checker checker = { .issues = issues };
    struct ke_str type = type_of(schema);
    struct model_path type_at = model_path_child(at, "type");
    if (type.len > 0 && !ke_str_eq_c(type, "object"))
        model_report_invalid(issues, type_at, type, "must be object at the root");
    check_metadata(&checker, schema, at);
    check_structure(&checker, schema, at, "must not be empty at the root");
}
