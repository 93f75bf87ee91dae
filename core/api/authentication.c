/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TokenRequest, TokenReview, SelfSubjectReview, and what verifiers of tokens elsewhere read: the
 * keys and where they are. On the request's API loop; a token is signed or checked there, which
 * takes about a millisecond. Source: Kubernetes pkg/registry/authentication,
 * pkg/routes/openidmetadata.go.
 */
#include "core/api/computed.h"
#include "core/api/read.h"
#include "core/api/server_impl.h"
#include "core/auth/token_request.h"
#include "core/base/json.h"
#include "core/base/limits.h"

#define MAX_AUDIENCES 64

/* ---- users -------------------------------------------------------------------------------------
 */

static bool add_text(cJSON *list, struct ke_str text)
{
    ke_auto_json *holder = cJSON_CreateObject();
    if (holder == NULL || !ke_json_set_str(holder, "a", text)) {
        return false;
    }
    cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(holder, "a");
    if (!cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        return false;
    }
    return true;
}

/* {"username","uid","groups","extra"}; extra is a list a key. */
static bool fill_user(cJSON *out, const struct auth_user *user)
{
    bool is_ok = ke_json_set_str(out, "username", user->name);
    if (is_ok && user->uid.len > 0) {
        is_ok = ke_json_set_str(out, "uid", user->uid);
    }
    cJSON *groups = is_ok ? ke_json_need_array(out, "groups") : NULL;
    is_ok = groups != NULL;
    for (size_t i = 0; is_ok && i < user->n_groups; i++) {
        is_ok = add_text(groups, user->groups[i]);
    }
    cJSON *extra = is_ok && user->n_extra > 0 ? ke_json_need_object(out, "extra") : NULL;
    for (size_t i = 0; is_ok && i < user->n_extra; i++) {
        char *key = extra != NULL ? ke_str_dup(user->extra[i].key) : NULL;
        cJSON *values = key != NULL ? ke_json_need_array(extra, key) : NULL;
        is_ok = values != NULL && add_text(values, user->extra[i].value);
        free(key);
    }
    return is_ok;
}

/* ---- TokenRequest ------------------------------------------------------------------------------
 */

void api_handle_token_request(struct api_request *request)
{
    struct auth_bearer *bearer = request->server->options.bearer;
    if (bearer == NULL) {
        api_respond_code(request, KE_NOT_FOUND, "the server could not find the requested resource");
        return;
    }
    const struct model_kind *kind = request->subresource->speaks;
    struct ke_err err;
    struct model_issues issues;
    ke_auto_json *body = api_computed_body(request, kind);
    if (body == NULL) {
        return;
    }
    model_issues_init(&issues, request->arena);
    struct token_request asked = {
        .ns = request->target.ns,
        .name = request->target.name,
        .asker = request->user,
        .body = body,
        .arena = request->arena,
        .issues = &issues,
    };
    enum ke_code rc = token_request_run(bearer, &asked, &err);
    if (rc == KE_INVALID) {
        api_computed_invalid(request, kind, asked.invalid_name, &issues);
    } else if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
    } else {
        if (asked.warning.len > 0) {
            request->warnings = &asked.warning;
            request->n_warnings = 1;
        }
        api_computed_respond(request, KE_TAKE(body));
        request->n_warnings = 0;
    }
}

/* ---- reviews -----------------------------------------------------------------------------------
 */

/* Why a token is refused, as upstream's chain of authenticators says it. */
static bool set_error(cJSON *status, const struct ke_err *err)
{
    ke_auto_buf text = KE_BUF_INIT(1024);
    ke_buf_addf(&text, "[invalid bearer token, %s]", err->msg);
    return text.failed == KE_OK && ke_json_set_str(status, "error", ke_buf_str(&text));
}

static bool fill_review(cJSON *status, const struct auth_bearer_result *result)
{
    cJSON *user = ke_json_need_object(status, "user");
    cJSON *audiences = ke_json_need_array(status, "audiences");
    bool is_ok = user != NULL && audiences != NULL &&
                 ke_json_set(status, "authenticated", cJSON_CreateBool(true)) &&
                 fill_user(user, &result->user);
    for (size_t i = 0; is_ok && i < result->n_audiences; i++) {
        is_ok = add_text(audiences, result->audiences[i]);
    }
    return is_ok;
}

static enum ke_code review(struct api_request *request, cJSON *body, struct ke_err *err)
{
    const cJSON *spec = ke_json_get(body, "spec");
    struct ke_str wanted[MAX_AUDIENCES];
    size_t n = 0;
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_get(spec, "audiences")) {
        if (n == MAX_AUDIENCES) {
            return ke_fail(err, KE_MALFORMED, "over %d audiences", MAX_AUDIENCES);
        }
        wanted[n++] = ke_json_value_str(it);
    }
    ke_json_del(body, "status");
    cJSON *status = ke_json_need_object(body, "status");
    struct auth_bearer_result *result = ke_arena_alloc(request->arena, sizeof(*result));
    if (status == NULL || result == NULL) {
        return ke_fail(err, KE_NOMEM, "review");
    }
    struct ke_err why;
    enum ke_code rc = ke_fail(&why, KE_UNAUTHENTICATED, "no token is known");
    if (request->server->options.bearer != NULL) {
        struct auth_bearer_question question = { .token = ke_json_str(spec, "token"),
                                                 .audiences = wanted,
                                                 .n_audiences = n };
        rc = auth_bearer_check(request->server->options.bearer, &question, request->arena, result,
                               &why);
    }
    if (rc != KE_OK && rc != KE_UNAUTHENTICATED) {
        *err = why;
        return rc;
    }
    bool is_ok = rc == KE_OK ? fill_review(status, result) : set_error(status, &why);
    return is_ok ? KE_OK : ke_fail(err, KE_NOMEM, "review");
}

void api_handle_token_review(struct api_request *request)
{
    struct ke_err err;
    ke_auto_json *body = api_computed_body(request, request->kind);
    if (body == NULL) {
        return;
    }
    struct ke_str ns = ke_json_path_str(body, "metadata.namespace");
    if (ns.len > 0) {
        ke_auto_buf text = KE_BUF_INIT(LIMIT_HTTP_HEAD_BYTES);
        ke_buf_addf(&text, "namespace is not allowed on this type: %.*s%c", KE_STR_ARG(ns), '\0');
        api_respond_code(request, KE_MALFORMED,
                         text.failed == KE_OK ? text.ptr : "namespace is not allowed on this type");
        return;
    }
    if (ke_json_path_str(body, "spec.token").len == 0) {
        api_respond_code(request, KE_MALFORMED,
                         "token is required for TokenReview in authentication");
        return;
    }
    enum ke_code rc = review(request, body, &err);
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
        return;
    }
    api_computed_respond(request, KE_TAKE(body));
}

void api_handle_self_subject_review(struct api_request *request)
{
    ke_auto_json *body = api_computed_body(request, request->kind);
    if (body == NULL) {
        return;
    }
    char now[64];
    struct ke_buf text = KE_BUF_FIXED(now, sizeof(now));
    ke_time_format_s(ke_wall_s(), &text);
    ke_json_del(body, "status");
    cJSON *meta = ke_json_need_object(body, "metadata");
    cJSON *status = ke_json_need_object(body, "status");
    cJSON *user = status != NULL ? ke_json_need_object(status, "userInfo") : NULL;
    if (meta == NULL || user == NULL ||
        !ke_json_set_str(meta, "creationTimestamp", ke_buf_str(&text)) ||
        !fill_user(user, request->user)) {
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    api_computed_respond(request, KE_TAKE(body));
}

/* ---- for verifiers elsewhere -------------------------------------------------------------------
 */

#define KEYS_PATH "/openid/v1/jwks"

static void respond_metadata(struct api_request *request, const char *type, struct ke_buf *body)
{
    if (body->failed != KE_OK) {
        ke_buf_free(body);
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    api_respond(request, 200, type, body);
}

static void respond_configuration(struct api_request *request)
{
    const struct api_options *options = &request->server->options;
    struct ke_str issuer = auth_bearer_issuer(options->bearer);
    struct ke_buf body = KE_BUF_INIT(LIMIT_PEM_BYTES);
    ke_buf_add_c(&body, "{\"issuer\":");
    ke_buf_add_json_str(&body, issuer);
    struct ke_str base = options->external_url.len > 0 ? options->external_url : issuer;
    struct ke_str uri = ke_arena_fmt(request->arena, "%.*s" KEYS_PATH, KE_STR_ARG(base));
    ke_buf_add_c(&body, ",\"jwks_uri\":");
    ke_buf_add_json_str(&body, uri);
    ke_buf_add_c(&body, ",\"response_types_supported\":[\"id_token\"],"
                        "\"subject_types_supported\":[\"public\"],"
                        "\"id_token_signing_alg_values_supported\":[");
    token_keys_print_algs(auth_bearer_keys(options->bearer), &body);
    ke_buf_add_c(&body, "]}");
    respond_metadata(request, "application/json", &body);
}

bool api_handle_openid(struct api_request *request)
{
    struct auth_bearer *bearer = request->server->options.bearer;
    struct ke_str path = request->target.path;
    if (bearer == NULL) {
        return false;
    }
    if (ke_str_eq_c(path, KEYS_PATH)) {
        struct ke_buf body = KE_BUF_INIT(LIMIT_PEM_BYTES);
        token_keys_print_jwks(auth_bearer_keys(bearer), &body);
        respond_metadata(request, "application/jwk-set+json", &body);
        return true;
    }
    if (ke_str_eq_c(path, "/.well-known/openid-configuration")) {
        respond_configuration(request);
        return true;
    }
    return false;
}
