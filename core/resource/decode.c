/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what a client sent to an object of the stored version: kind and apiVersion, types, unknown
 * fields (an error, a warning or nothing: fieldValidation), conversion. Thread: the operation's.
 */
#include "core/model/schema.h"
#include "core/resource/operation.h"

#define VERSION_TEXT_MAX 320

/* Of what is spoken: as asked for the kind itself, else as the body says, else the first. */
static const struct model_version *find_version(const struct operation *op, const cJSON *object)
{
    if (op->spoken == op->kind)
        return op->version;
    const struct model_version *versions = op->spoken->versions;
    struct ke_str wanted = ke_json_str(object, "apiVersion");
    for (size_t i = 1; i < MODEL_MAX_VERSIONS && versions[i].group != NULL; i++) {
        char text[VERSION_TEXT_MAX];
        struct ke_buf buf = KE_BUF_FIXED(text, sizeof(text));
        model_version_format(&versions[i], &buf);
        if (ke_str_eq(wanted, ke_buf_str(&buf)))
            return &versions[i];
    }
    return &versions[0];
}

static enum ke_code check_type(struct operation *op, const struct model_version *version,
                               cJSON *object)
{
    char expected_text[VERSION_TEXT_MAX];
    struct ke_buf expected = KE_BUF_FIXED(expected_text, sizeof(expected_text));
    model_version_format(version, &expected);
    const char *kind_name = op->spoken->kind;
    struct ke_str kind = ke_json_str(object, "kind");
    struct ke_str api_version = ke_json_str(object, "apiVersion");
    bool is_kind_right = kind.len == 0 || ke_str_eq_c(kind, kind_name);
    bool is_version_right = api_version.len == 0 || ke_str_eq(api_version, ke_buf_str(&expected));
    if (is_kind_right && is_version_right) {
        if (!ke_json_set_first(object, "apiVersion", cJSON_CreateStringReference("")) ||
            !ke_json_set_str(object, "apiVersion", ke_buf_str(&expected)) ||
            !ke_json_set_first(object, "kind", cJSON_CreateString(kind_name)))
            return operation_fail_nomem(op);
        return KE_OK;
    }
    if (!is_version_right) {
        return operation_fail(
            op, KE_MALFORMED,
            "%.*s in version \"%.*s\" cannot be handled as a %s: no kind \"%.*s\" "
            "is registered for version \"%.*s\" in scheme "
            "\"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\"",
            KE_STR_ARG(kind), KE_STR_ARG(api_version), kind_name, KE_STR_ARG(kind),
            KE_STR_ARG(api_version));
    }
    const char *group = version->group[0] != '\0' ? version->group : "core";
    return operation_fail(op, KE_MALFORMED,
                          "%.*s in version \"%s\" cannot be handled as a %s: converting "
                          "(%s.%.*s) to (%s.%s): unknown conversion",
                          KE_STR_ARG(kind), version->version, kind_name, version->version,
                          KE_STR_ARG(kind), group, kind_name);
}

/* Keys that stood twice in a body of YAML, in the words of its decoder; an apply has its own. */
static struct ke_str yaml_duplicates(const struct operation *op)
{
    bool is_object = op->request.verb == RESOURCE_CREATE || op->request.verb == RESOURCE_UPDATE;
    return is_object ? op->request.yaml_duplicates : (struct ke_str){ NULL, 0 };
}

/* Found in the patch, and again in what came out of it. */
static bool is_repeated(const struct model_issues *unknown, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (ke_str_eq(unknown->items[k].message, unknown->items[i].message))
            return true;
    }
    return false;
}

/* `unknown field "spec.foo", unknown field "x"` */
static void join_unknown(const struct operation *op, const struct model_issues *unknown,
                         struct ke_buf *out)
{
    struct ke_str lines = yaml_duplicates(op);
    if (lines.len > 0)
        ke_buf_addf(out, "yaml: unmarshal errors:\n%.*s", KE_STR_ARG(lines));
    for (size_t i = 0; i < unknown->n_items; i++) {
        if (is_repeated(unknown, i))
            continue;
        if (out->len > 0)
            ke_buf_add_c(out, ", ");
        ke_buf_add_str(out, unknown->items[i].message);
    }
}

static enum ke_code fail_strict(struct operation *op, const struct model_version *version,
                                const struct model_issues *unknown, const cJSON *patch)
{
    ke_auto_buf text = KE_BUF_INIT(64U << 10);
    join_unknown(op, unknown, &text);
    struct ke_str what = ke_buf_str(&text);
    if (patch == NULL) {
        return operation_fail(op, KE_MALFORMED,
                              "%s in version \"%s\" cannot be handled as a %s: strict decoding "
                              "error: %.*s",
                              op->spoken->kind, version->version, op->spoken->kind,
                              KE_STR_ARG(what));
    }
    ke_auto_buf json = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    ke_auto_buf quoted = KE_BUF_INIT(2 * LIMIT_REQUEST_BODY_BYTES);
    ke_json_print(patch, &json);
    ke_buf_add_json_str(&quoted, ke_buf_str(&json));
    operation_issue(op, MODEL_ISSUE_INVALID, "patch",
                    "Invalid value: %.*s: strict decoding error: %.*s",
                    KE_STR_ARG(ke_buf_str(&quoted)), KE_STR_ARG(what));
    return operation_fail_invalid(op, (struct ke_str){ NULL, 0 });
}

static void warn_unknown(struct operation *op, const struct model_issues *unknown)
{
    struct ke_str lines = yaml_duplicates(op);
    operation_warn_lines(op, lines);
    for (size_t i = 0; i < unknown->n_items; i++) {
        if (!is_repeated(unknown, i))
            operation_warn(op, unknown->items[i].message);
    }
}

/* A list that is there but empty, or holds one entry that says nothing, gives up all ownership;
 * no list at all means a client that does not know it. */
static bool resets_managed(const cJSON *object)
{
    const cJSON *list = ke_json_path(object, "metadata.managedFields");
    if (!cJSON_IsArray(list))
        return false;
    const cJSON *first = list->child;
    return first == NULL || (first->next == NULL && cJSON_IsObject(first) && first->child == NULL);
}

enum ke_code operation_decode(struct operation *op, cJSON *object, const cJSON *patch)
{
    if (!cJSON_IsObject(object)) {
        return operation_fail(op, KE_MALFORMED,
                              "the object provided is unrecognized (must be of type %s)",
                              op->spoken->kind);
    }
    const struct model_version *version = find_version(op, object);
    enum ke_code rc = check_type(op, version, object);
    if (rc != KE_OK)
        return rc;
    struct model_issues unknown;
    model_issues_init(&unknown, op->arena);
    op->resets_managed = resets_managed(object);
    if (patch != NULL || op->spoken->custom != NULL)
        operation_find_duplicates(patch != NULL ? patch : object, &unknown);
    struct ke_err err = KE_ERR_INIT;
    const struct model_form other = { .kind = op->spoken, .version = version };
    const struct model_form *form = op->spoken == op->kind ? &op->form : &other;
    rc = model_form_normalise(form, object, &unknown, &err);
    if (rc == KE_MALFORMED)
        return operation_fail(op, rc, "%s in version \"%s\" cannot be handled as a %s: %s",
                              op->spoken->kind, version->version, op->spoken->kind, err.msg);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    if ((unknown.n_items > 0 || yaml_duplicates(op).len > 0) && op->request.is_strict)
        return fail_strict(op, version, &unknown, patch);
    if (op->request.is_warning)
        warn_unknown(op, &unknown);
    if (!model_version_to_storage(op->spoken, version, object))
        return operation_fail_nomem(op);
    return KE_OK;
}
