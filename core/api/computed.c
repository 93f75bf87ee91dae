/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies and answers of kinds that are never stored. On the request's API loop. */
#include "core/api/computed.h"

#include "core/api/audit.h"
#include "core/api/body.h"
#include "core/api/options.h"
#include "core/api/read.h"
#include "core/api/server_impl.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/schema.h"

static const struct model_version *find_version(const struct model_kind *kind, const cJSON *body)
{
    struct ke_str wanted = ke_json_str(body, "apiVersion");
    for (size_t i = 1; i < MODEL_MAX_VERSIONS && kind->versions[i].group != NULL; i++) {
        char text[320];
        struct ke_buf out = KE_BUF_FIXED(text, sizeof(text));
        model_version_format(&kind->versions[i], &out);
        if (ke_str_eq(wanted, ke_buf_str(&out))) {
            return &kind->versions[i];
        }
    }
    return &kind->versions[0];
}

/* kind and apiVersion, when they are there, are those of the kind; they are set. */
static enum ke_code set_type(const struct model_kind *kind, const struct model_version *version,
                             cJSON *body, struct ke_err *err)
{
    char text[320];
    struct ke_buf expected = KE_BUF_FIXED(text, sizeof(text));
    model_version_format(version, &expected);
    struct ke_str its_kind = ke_json_str(body, "kind");
    struct ke_str its_version = ke_json_str(body, "apiVersion");
    if ((its_kind.len > 0 && !ke_str_eq_c(its_kind, kind->kind)) ||
        (its_version.len > 0 && !ke_str_eq(its_version, ke_buf_str(&expected)))) {
        return ke_fail(err, KE_MALFORMED,
                       "%.*s in version \"%.*s\" cannot be handled as a %s: no kind \"%.*s\" is "
                       "registered for version \"%.*s\"",
                       KE_STR_ARG(its_kind), KE_STR_ARG(its_version), kind->kind,
                       KE_STR_ARG(its_kind), KE_STR_ARG(its_version));
    }
    if (!ke_json_set_first(body, "apiVersion", cJSON_CreateString("")) ||
        !ke_json_set_str(body, "apiVersion", ke_buf_str(&expected)) ||
        !ke_json_set_first(body, "kind", cJSON_CreateString(kind->kind))) {
        return ke_fail(err, KE_NOMEM, "body");
    }
    return KE_OK;
}

static void print_unknown(const struct model_issues *unknown, struct ke_buf *out)
{
    for (size_t i = 0; i < unknown->n_items; i++) {
        ke_buf_add_c(out, i > 0 ? ", " : "");
        ke_buf_add_str(out, unknown->items[i].message);
    }
}

/* What fieldValidation says of members that the kind does not have. */
static enum ke_code judge_unknown(struct api_request *request, const struct model_kind *kind,
                                  const struct model_version *version,
                                  const struct resource_request *options,
                                  const struct model_issues *unknown, struct ke_err *err)
{
    if (unknown->n_items == 0) {
        return KE_OK;
    }
    if (options->is_strict) {
        ke_auto_buf text = KE_BUF_INIT(64U << 10);
        print_unknown(unknown, &text);
        return ke_fail(err, KE_MALFORMED,
                       "%s in version \"%s\" cannot be handled as a %s: strict decoding error: "
                       "%.*s",
                       kind->kind, version->version, kind->kind, KE_STR_ARG(ke_buf_str(&text)));
    }
    if (options->is_warning) {
        struct ke_str *warnings =
            ke_arena_alloc_n(request->arena, unknown->n_items, sizeof(*warnings));
        for (size_t i = 0; warnings != NULL && i < unknown->n_items; i++) {
            warnings[i] = unknown->items[i].message;
        }
        request->warnings = warnings;
        request->n_warnings = warnings != NULL ? unknown->n_items : 0;
    }
    return KE_OK;
}

static enum ke_code normalise(struct api_request *request, const struct model_kind *kind,
                              const struct resource_request *options, cJSON *body,
                              struct ke_err *err)
{
    const struct model_version *version = find_version(kind, body);
    struct model_issues unknown;
    model_issues_init(&unknown, request->arena);
    enum ke_code rc = set_type(kind, version, body, err);
    if (rc != KE_OK) {
        return rc;
    }
    const struct model_message *message = model_schema_find(ke_str_c(version->message));
    if (message == NULL) {
        return ke_fail(err, KE_BUG, "no schema for %s", version->message);
    }
    struct ke_err why;
    rc = model_schema_normalise(message, body, &unknown, &why);
    if (rc == KE_MALFORMED) {
        return ke_fail(err, rc, "%s in version \"%s\" cannot be handled as a %s: %s", kind->kind,
                       version->version, kind->kind, why.msg);
    }
    if (rc != KE_OK) {
        *err = why;
        return rc;
    }
    return judge_unknown(request, kind, version, options, &unknown, err);
}

cJSON *api_computed_body(struct api_request *request, const struct model_kind *kind)
{
    struct ke_err err = KE_ERR_INIT;
    struct model_issues issues;
    struct resource_request options = { .verb = RESOURCE_CREATE };
    ke_auto_json *body = NULL;
    model_issues_init(&issues, request->arena);
    enum api_body_error decoded =
        api_body_object(api_request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE),
                        ke_buf_str(&request->body), kind, &kind->versions[0], NULL, &body, &err);
    if (decoded == API_BODY_UNSUPPORTED) {
        struct api_status status = {
            .http = 415,
            .reason = "UnsupportedMediaType",
            .message = KE_STR("the body of the request was in an unknown format - accepted media "
                              "types include: application/json, "
                              "application/vnd.kubernetes.protobuf"),
        };
        api_respond_status(request, &status);
        return NULL;
    }
    enum ke_code rc = decoded == API_BODY_BAD ? err.code : KE_OK;
    if (decoded == API_BODY_OK) {
        api_audit_object(request, body);
    }
    if (rc == KE_OK) {
        rc = api_write_options_parse(&request->query, "CreateOptions", &options, &issues, &err);
    }
    if (rc == KE_OK) {
        rc = normalise(request, kind, &options, body, &err);
    }
    if (rc != KE_OK) {
        api_respond_invalid(request, rc, &err, &issues);
        return NULL;
    }
    return KE_TAKE(body);
}

/* kind, apiVersion, metadata, as upstream. Go prints the time of what was never made as null. */
static bool put_in_order(cJSON *object)
{
    static const char *const first[] = { "metadata", "apiVersion", "kind" };
    cJSON *meta = ke_json_need_object(object, "metadata");
    if (meta == NULL || (ke_json_get(meta, "creationTimestamp") == NULL &&
                         !ke_json_set(meta, "creationTimestamp", cJSON_CreateNull()))) {
        return false;
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(first); i++) {
        cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(object, first[i]);
        if (item != NULL && !ke_json_set_first(object, first[i], item)) {
            return false;
        }
    }
    return true;
}

void api_computed_respond(struct api_request *request, cJSON *object)
{
    struct ke_buf text = KE_BUF_INIT(2 * LIMIT_REQUEST_BODY_BYTES);
    bool is_whole = put_in_order(object);
    ke_json_print(object, &text);
    cJSON_Delete(object);
    ke_buf_add_char(&text, '\n');
    if (!is_whole || text.failed != KE_OK) {
        ke_buf_free(&text);
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    api_respond_json(request, 201, &text);
}

void api_computed_invalid(struct api_request *request, const struct model_kind *kind,
                          struct ke_str name, const struct model_issues *issues)
{
    struct ke_err err;
    const char *group = kind->versions[0].group;
    (void)ke_fail(&err, KE_INVALID, "%s%s%s \"%.*s\" is invalid", kind->kind,
                  group[0] != '\0' ? "." : "", group, KE_STR_ARG(name));
    api_respond_invalid(request, KE_INVALID, &err, issues);
}
