/* SPDX-License-Identifier: Apache-2.0 */
/* CustomResourceDefinitions without their schemas: names, versions, columns, subresources. Pure. */
#include "core/model/kinds/crd.h"

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/definition.h"
#include "core/model/jsonpath.h"
#include "core/model/kind.h"
#include "core/model/names.h"
#include "core/model/structural.h"
#include "core/model/values.h"

#define NAME_BYTES            640
#define SELECTABLE_FIELDS_MAX 8
#define WARNING_BYTES_MAX     256

/* ---- names ----------------------------------------------------------------------------------- */

static void check_label(struct model_issues *issues, struct model_path at, struct ke_str name)
{
    (void)model_check_name(issues, at, name, model_name_label_1035);
}

/* A kind may be in mixed case. */
static void check_mixed_case(struct model_issues *issues, struct model_path at, struct ke_str name)
{
    char lower[NAME_BYTES];
    if (name.len >= sizeof(lower)) {
        model_report_too_long(issues, at, LIMIT_DNS_LABEL_BYTES);
        return;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    struct model_complaints complaints = model_name_label_1035(ke_str_of(lower, name.len));
    for (size_t i = 0; i < complaints.n; i++) {
        struct ke_str why =
            ke_arena_fmt(issues->arena, "may have mixed case, but should otherwise match: %s",
                         complaints.text[i]);
        model_report_invalid(issues, at, name, why.ptr != NULL ? why.ptr : "");
    }
}

static void check_list(struct model_issues *issues, const cJSON *names,
                       const struct model_path *path, const char *member)
{
    struct model_path at = model_path_child(path, member);
    size_t i = 0;
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(names, member)) {
        check_label(issues, model_path_index(&at, i++), ke_json_value_str(it));
    }
    if (i > MODEL_MAX_NAMES)
        model_report_too_many(issues, at, i, MODEL_MAX_NAMES);
}

static void check_names(struct model_issues *issues, const cJSON *names,
                        const struct model_path *path)
{
    struct ke_str plural = ke_json_str(names, "plural");
    struct ke_str singular = ke_json_str(names, "singular");
    struct ke_str kind = ke_json_str(names, "kind");
    struct ke_str list_kind = ke_json_str(names, "listKind");
    if (plural.len == 0)
        model_report_required(issues, model_path_child(path, "plural"), "");
    else
        check_label(issues, model_path_child(path, "plural"), plural);
    if (singular.len > 0)
        check_label(issues, model_path_child(path, "singular"), singular);
    if (kind.len == 0)
        model_report_required(issues, model_path_child(path, "kind"), "");
    else
        check_mixed_case(issues, model_path_child(path, "kind"), kind);
    if (list_kind.len > 0)
        check_mixed_case(issues, model_path_child(path, "listKind"), list_kind);
    if (kind.len > 0 && ke_str_eq(kind, list_kind))
        model_report_invalid(issues, model_path_child(path, "listKind"), list_kind,
                             "kind and listKind may not be the same");
    check_list(issues, names, path, "shortNames");
    check_list(issues, names, path, "categories");
}

static void check_group(struct model_issues *issues, const cJSON *spec,
                        const struct model_path *path)
{
    struct ke_str group = ke_json_str(spec, "group");
    struct model_path at = model_path_child(path, "group");
    if (group.len == 0) {
        model_report_required(issues, at, "");
        return;
    }
    if (model_check_name(issues, at, group, model_name_subdomain) &&
        ke_str_find(group, '.') == group.len)
        model_report_invalid(issues, at, group, "should be a domain with at least one dot");
}

static void check_object_name(struct model_issues *issues, const cJSON *object)
{
    char text[NAME_BYTES];
    struct ke_buf wanted = KE_BUF_FIXED(text, sizeof(text));
    ke_buf_add_str(&wanted, ke_json_path_str(object, "spec.names.plural"));
    ke_buf_add_char(&wanted, '.');
    ke_buf_add_str(&wanted, ke_json_path_str(object, "spec.group"));
    struct ke_str name = ke_json_path_str(object, "metadata.name");
    struct model_path meta = model_path_root("metadata");
    if (wanted.failed != KE_OK || !ke_str_eq(name, ke_buf_str(&wanted)))
        model_report_invalid(issues, model_path_child(&meta, "name"), name,
                             "must be spec.names.plural+\".\"+spec.group");
}

static bool is_protected(struct ke_str group)
{
    return ke_str_eq_c(group, "k8s.io") || ke_str_eq_c(group, "kubernetes.io") ||
           ke_str_has_suffix(group, KE_STR(".k8s.io")) ||
           ke_str_has_suffix(group, KE_STR(".kubernetes.io"));
}

/* Groups of the project itself are for what its reviewers agreed to (KEP-1111). */
static void check_approval(struct model_issues *issues, const cJSON *object)
{
    struct ke_str text =
        ke_json_str(ke_json_path(object, "metadata.annotations"), "api-approved.kubernetes.io");
    struct model_path meta = model_path_root("metadata");
    struct model_path notes = model_path_child(&meta, "annotations");
    struct model_path at = model_path_key(&notes, KE_STR("api-approved.kubernetes.io"));
    if (!is_protected(ke_json_path_str(object, "spec.group")))
        return;
    if (text.len == 0) {
        model_report_required(issues, at,
                              "protected groups must have approval annotation "
                              "\"api-approved.kubernetes.io\", see "
                              "https://github.com/kubernetes/enhancements/pull/1111");
    } else if (!ke_str_has_prefix(text, KE_STR("unapproved")) &&
               !ke_str_has_prefix(text, KE_STR("https://")) &&
               !ke_str_has_prefix(text, KE_STR("http://"))) {
        model_report_invalid(issues, at, text,
                             "protected groups must have approval annotation "
                             "\"api-approved.kubernetes.io\" with either a URL or a reason "
                             "starting with \"unapproved\", see "
                             "https://github.com/kubernetes/enhancements/pull/1111");
    }
}

/* ---- versions -------------------------------------------------------------------------------- */

static void check_column(struct model_issues *issues, const cJSON *column,
                         const struct model_path *path)
{
    static const char *const types[] = { "boolean", "date", "integer", "number", "string", NULL };
    static const char *const formats[] = { "byte",  "date",  "date-time", "double", "float",
                                           "int32", "int64", "password",  NULL };
    struct ke_str type = ke_json_str(column, "type");
    struct ke_str format = ke_json_str(column, "format");
    struct ke_str json_path = ke_json_str(column, "jsonPath");
    struct ke_err err = KE_ERR_INIT;
    bool is_known = false;
    if (ke_json_str(column, "name").len == 0)
        model_report_required(issues, model_path_child(path, "name"), "");
    for (size_t i = 0; types[i] != NULL; i++)
        is_known = is_known || ke_str_eq_c(type, types[i]);
    if (type.len == 0) {
        model_report_required(issues, model_path_child(path, "type"),
                              "must be one of boolean,date,integer,number,string");
    } else if (!is_known) {
        model_report_invalid(issues, model_path_child(path, "type"), type,
                             "must be one of boolean,date,integer,number,string");
    }
    is_known = format.len == 0;
    for (size_t i = 0; formats[i] != NULL; i++)
        is_known = is_known || ke_str_eq_c(format, formats[i]);
    if (!is_known) {
        model_report_invalid(issues, model_path_child(path, "format"), format,
                             "must be one of byte,date,date-time,double,float,int32,int64,"
                             "password");
    }
    if (json_path.len == 0)
        model_report_required(issues, model_path_child(path, "jsonPath"), "");
    else if (model_jsonpath_check(json_path, &err) != KE_OK)
        model_report_invalid(issues, model_path_child(path, "jsonPath"), json_path, err.msg);
}

static void check_scale_path(struct model_issues *issues, const cJSON *scale,
                             const struct model_path *path, const char *member, const char *below,
                             bool is_required)
{
    struct ke_str value = ke_json_str(scale, member);
    struct model_path at = model_path_child(path, member);
    if (value.len == 0) {
        if (is_required)
            model_report_required(issues, at, "");
        return;
    }
    if (!model_jsonpath_is_simple(value) || value.len >= LIMIT_SCALE_PATH_BYTES) {
        model_report_invalid(issues, at, value, "must be a simple json path with dots only");
        return;
    }
    bool is_below = ke_str_has_prefix(value, ke_str_c(below)) ||
                    (!is_required && ke_str_has_prefix(value, KE_STR(".spec.")));
    if (!is_below) {
        struct ke_str why = is_required
                                ? ke_arena_fmt(issues->arena, "should be a json path under %.*s",
                                               (int)strlen(below) - 1, below)
                                : KE_STR("should be a json path under either .spec or .status");
        model_report_invalid(issues, at, value, why.ptr != NULL ? why.ptr : "");
    }
}

static void check_subresources(struct model_issues *issues, const cJSON *sub,
                               const struct model_path *path)
{
    const cJSON *scale = ke_json_get(sub, "scale");
    struct model_path at = model_path_child(path, "scale");
    if (scale == NULL)
        return;
    check_scale_path(issues, scale, &at, "specReplicasPath", ".spec.", true);
    check_scale_path(issues, scale, &at, "statusReplicasPath", ".status.", true);
    check_scale_path(issues, scale, &at, "labelSelectorPath", ".status.", false);
}

/* What lies at ".spec.color" in a schema; NULL: nothing declared. */
static const cJSON *schema_at(const cJSON *schema, struct ke_str path)
{
    struct ke_str rest = path;
    struct ke_str name;
    char text[LIMIT_JSONPATH_NAME_BYTES];
    (void)ke_str_cut_prefix(&rest, KE_STR("."));
    while (schema != NULL && ke_str_split(&rest, '.', &name)) {
        if (name.len >= sizeof(text))
            return NULL;
        memcpy(text, name.ptr, name.len);
        text[name.len] = '\0';
        schema = ke_json_get(ke_json_get(schema, "properties"), text);
    }
    return schema;
}

static void check_selectable(struct model_issues *issues, const cJSON *version,
                             const struct model_path *path)
{
    struct model_path list_at = model_path_child(path, "selectableFields");
    const cJSON *list = ke_json_get(version, "selectableFields");
    size_t i = 0;
    const cJSON *it;
    cJSON_ArrayForEach(it, list) {
        struct ke_str value = ke_json_str(it, "jsonPath");
        struct model_path one_at = model_path_index(&list_at, i++);
        struct model_path at = model_path_child(&one_at, "jsonPath");
        const cJSON *schema = schema_at(ke_json_path(version, "schema.openAPIV3Schema"), value);
        struct ke_str type = ke_json_str(schema, "type");
        if (value.len == 0) {
            model_report_required(issues, at, "");
        } else if (!model_jsonpath_is_simple(value)) {
            model_report_invalid(issues, at, value, "is an invalid path: must be a simple path");
        } else if (ke_str_has_prefix(value, KE_STR(".metadata."))) {
            model_report_invalid(issues, at, value, "must not point to fields in metadata");
        } else if (schema == NULL) {
            model_report_invalid(issues, at, value,
                                 "is an invalid path: does not refer to a valid "
                                 "field");
        } else if (!ke_str_eq_c(type, "string") && !ke_str_eq_c(type, "boolean") &&
                   !ke_str_eq_c(type, "integer")) {
            model_report_invalid(issues, at, value,
                                 "must point to a field of type string, boolean or integer. Enum "
                                 "string fields and strings with formats are allowed.");
        }
        const cJSON *before;
        cJSON_ArrayForEach(before, list) {
            if (before == it)
                break;
            if (value.len > 0 && ke_str_eq(ke_json_str(before, "jsonPath"), value))
                model_report_duplicate(issues, at, value);
        }
    }
    if (i > SELECTABLE_FIELDS_MAX)
        model_report_too_many(issues, list_at, i, SELECTABLE_FIELDS_MAX);
}

static void check_deprecation(struct model_issues *issues, const cJSON *version,
                              const struct model_path *path)
{
    const cJSON *warning = ke_json_get(version, "deprecationWarning");
    struct ke_str text = ke_json_value_str(warning);
    struct model_path at = model_path_child(path, "deprecationWarning");
    if (warning == NULL)
        return;
    if (!ke_json_bool(version, "deprecated", false))
        model_report_invalid(issues, at, text, "can only be set for deprecated versions");
    if (text.len == 0)
        model_report_invalid(issues, at, text, "must not be an empty string");
    if (text.len > WARNING_BYTES_MAX)
        model_report_invalid(issues, at, text, "must be <= 256 characters long");
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < ' ' || c == 0x7f) {
            model_report_invalid(issues, at, text, "must only contain printable UTF-8 characters");
            break;
        }
    }
}

static void check_version(struct model_issues *issues, const cJSON *version,
                          const struct model_path *path)
{
    check_label(issues, model_path_child(path, "name"), ke_json_str(version, "name"));
    check_deprecation(issues, version, path);
    const cJSON *schema = ke_json_path(version, "schema.openAPIV3Schema");
    struct model_path outer_at = model_path_child(path, "schema");
    struct model_path schema_path = model_path_child(&outer_at, "openAPIV3Schema");
    if (schema == NULL)
        model_report_required(issues, schema_path, "schemas are required");
    else
        crd_validate_schema(schema, &schema_path, issues);
    struct model_path columns_at = model_path_child(path, "additionalPrinterColumns");
    size_t i = 0;
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(version, "additionalPrinterColumns")) {
        struct model_path column_at = model_path_index(&columns_at, i++);
        check_column(issues, it, &column_at);
    }
    struct model_path sub_at = model_path_child(path, "subresources");
    check_subresources(issues, ke_json_get(version, "subresources"), &sub_at);
    check_selectable(issues, version, path);
}

static struct ke_str print_names(struct model_issues *issues, const cJSON *versions)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    const cJSON *it;
    ke_buf_add_char(&text, '[');
    cJSON_ArrayForEach(it, versions) {
        ke_buf_add_c(&text, text.len > 1 ? "," : "");
        ke_buf_add_json_str(&text, ke_json_str(it, "name"));
    }
    ke_buf_add_char(&text, ']');
    return ke_arena_str(issues->arena, ke_buf_str(&text));
}

static void check_versions(struct model_issues *issues, const cJSON *spec,
                           const struct model_path *path)
{
    const cJSON *versions = ke_json_get(spec, "versions");
    struct model_path at = model_path_child(path, "versions");
    size_t n = 0;
    size_t n_storage = 0;
    bool is_unique = true;
    const cJSON *it;
    const cJSON *before;
    cJSON_ArrayForEach(it, versions) {
        struct model_path one_at = model_path_index(&at, n++);
        check_version(issues, it, &one_at);
        n_storage += ke_json_bool(it, "storage", false) ? 1 : 0;
        for (before = versions->child; before != it; before = before->next)
            is_unique =
                is_unique && !ke_str_eq(ke_json_str(before, "name"), ke_json_str(it, "name"));
    }
    if (n > MODEL_MAX_VERSIONS)
        model_report_too_many(issues, at, n, MODEL_MAX_VERSIONS);
    if (!is_unique)
        model_report_invalid_raw(issues, at, print_names(issues, versions),
                                 "must contain unique version names");
    if (n_storage != 1)
        model_report_invalid_raw(issues, at, print_names(issues, versions),
                                 "must have exactly one version marked as storage version");
}

/* ---- conversion ------------------------------------------------------------------------------ */

static void check_conversion(struct model_issues *issues, const cJSON *spec,
                             const struct model_path *path)
{
    static const char *const strategies[] = { "None", "Webhook", NULL };
    const cJSON *conversion = ke_json_get(spec, "conversion");
    struct ke_str strategy = ke_json_str(conversion, "strategy");
    struct model_path at = model_path_child(path, "conversion");
    struct model_path strategy_at = model_path_child(&at, "strategy");
    if (conversion == NULL || !model_check_enum(issues, strategy_at, strategy, strategies))
        return;
    if (ke_str_eq_c(strategy, "Webhook")) {
        model_report_forbidden(issues, strategy_at,
                               "conversion by webhook is not supported by this server, use None");
    } else if (ke_json_get(conversion, "webhook") != NULL) {
        model_report_forbidden(issues, model_path_child(&at, "webhook"),
                               "should not be set when strategy is not set to Webhook");
    }
}

/* ---- whole ----------------------------------------------------------------------------------- */

static void check_stored_versions(struct model_issues *issues, const cJSON *object)
{
    struct model_path status = model_path_root("status");
    struct model_path at = model_path_child(&status, "storedVersions");
    const cJSON *versions = ke_json_path(object, "spec.versions");
    size_t i = 0;
    bool has_storage = false;
    struct ke_str storage = { NULL, 0 };
    const cJSON *version;
    const cJSON *it;
    cJSON_ArrayForEach(version, versions) {
        if (ke_json_bool(version, "storage", false))
            storage = ke_json_str(version, "name");
    }
    cJSON_ArrayForEach(it, ke_json_path(object, "status.storedVersions")) {
        struct ke_str name = ke_json_value_str(it);
        bool is_there = false;
        cJSON_ArrayForEach(version, versions) {
            is_there = is_there || ke_str_eq(ke_json_str(version, "name"), name);
        }
        if (!is_there)
            model_report_invalid(issues, model_path_index(&at, i), name,
                                 "must appear in spec.versions");
        has_storage = has_storage || ke_str_eq(name, storage);
        i++;
    }
    if (i == 0)
        model_report_invalid_raw(issues, at, KE_STR("[]"), "must have at least one stored version");
    else if (!has_storage && storage.len > 0) {
        struct ke_str why =
            ke_arena_fmt(issues->arena, "must have the storage version %.*s", KE_STR_ARG(storage));
        model_report_invalid_raw(
            issues, at,
            model_go_strings(issues->arena, ke_json_path(object, "status.storedVersions")),
            why.ptr != NULL ? why.ptr : "");
    }
}

static void check_immutable(struct model_issues *issues, const cJSON *object, const cJSON *old,
                            const char *path)
{
    struct ke_str value = ke_json_path_str(object, path);
    if (!ke_str_eq(value, ke_json_path_str(old, path)))
        model_report_invalid(issues, model_path_root(path), value, "field is immutable");
}

static bool is_established(const cJSON *object)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(object, "status.conditions")) {
        if (ke_str_eq_c(ke_json_str(it, "type"), "Established"))
            return ke_str_eq_c(ke_json_str(it, "status"), "True");
    }
    return false;
}

/* A last guard: what validation lets through must compile, or it could never be served. */
static void check_compiles(struct model_issues *issues, const cJSON *object)
{
    struct model_definition *definition = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (issues->n_items > 0)
        return;
    enum ke_code rc = model_definition_new(object, 1, &definition, &err);
    model_definition_unref(definition);
    if (rc == KE_NOMEM)
        model_report_no_memory(issues);
    else if (rc != KE_OK)
        model_report_invalid(issues, model_path_root("spec"), KE_STR(""), err.msg);
}

void crd_validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const scopes[] = { "Cluster", "Namespaced", NULL };
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path path = model_path_root("spec");
    check_object_name(issues, object);
    check_group(issues, spec, &path);
    (void)model_check_enum(issues, model_path_child(&path, "scope"), ke_json_str(spec, "scope"),
                           scopes);
    if (ke_json_bool(spec, "preserveUnknownFields", false)) {
        model_report_invalid_raw(issues, model_path_child(&path, "preserveUnknownFields"),
                                 KE_STR("true"),
                                 "cannot set to true, set x-kubernetes-preserve-unknown-fields to "
                                 "true in spec.versions[*].schema instead");
    }
    check_versions(issues, spec, &path);
    struct model_path names_at = model_path_child(&path, "names");
    check_names(issues, ke_json_get(spec, "names"), &names_at);
    check_conversion(issues, spec, &path);
    if (old == NULL)
        check_approval(issues, object);
    if (old != NULL) {
        check_immutable(issues, object, old, "spec.group");
        check_immutable(issues, object, old, "spec.names.plural");
        check_stored_versions(issues, object);
    }
    if (old != NULL && is_established(old)) {
        check_immutable(issues, object, old, "spec.scope");
        check_immutable(issues, object, old, "spec.names.kind");
    }
    check_compiles(issues, object);
}

void crd_validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    check_stored_versions(issues, object);
}
