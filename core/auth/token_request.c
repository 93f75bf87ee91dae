/* SPDX-License-Identifier: Apache-2.0 */
/* Checks what is asked for, and signs. Any thread. */
#include "core/auth/token_request.h"

#include <inttypes.h>

#include "core/auth/node.h"
#include "core/base/limits.h"
#include "core/model/names.h"

#define DEFAULT_S 3600
#define MIN_S     600
#define MAX_S     ((int64_t)365 * 24 * 60 * 60) /* more is cut, with a warning */
#define ASKED_MAX ((int64_t)1 << 32)
/*
 * What a pod's own token asks for. Clients from before 1.21 do not read the file again: such a
 * token lives for a year, and warns when the hour is over (KEP-1205).
 */
#define POD_TOKEN_S 3607

static enum ke_code look_up(struct auth_bearer *bearer, enum model_kind_id kind, struct ke_str ns,
                            struct ke_str name, struct registry_object **out, struct ke_err *err)
{
    ke_auto_buf key = KE_BUF_INIT(LIMIT_KEY_BYTES);
    const struct model_kind *row = model_kind_by_id(kind);
    struct ke_str key_ns = row->is_namespaced ? ns : (struct ke_str){ NULL, 0 };
    /* What cannot be a name is nobody's: it must not make a key of another kind. */
    bool is_name = name.len > 0 && memchr(name.ptr, '/', name.len) == NULL;
    enum ke_code rc = KE_NOT_FOUND;
    if (is_name) {
        model_kind_key(row, key_ns, name, &key);
        rc = key.failed == KE_TOO_LARGE ? KE_NOT_FOUND : ke_buf_check(&key, "token", err);
    }
    if (rc == KE_OK)
        rc = registry_get(auth_bearer_registry(bearer), ke_buf_str(&key), out, err);
    if (rc == KE_NOT_FOUND)
        (void)ke_fail(err, rc, "%s \"%.*s\" not found", row->plural, KE_STR_ARG(name));
    return rc;
}

/* ---- what was asked ----------------------------------------------------------------------------
 */

static void check_same(struct token_request *request, const char *member, struct ke_str wanted,
                       const char *detail)
{
    struct model_path meta = model_path_root("metadata");
    struct ke_str value = ke_json_str(ke_json_get(request->body, "metadata"), member);
    if (value.len > 0 && !ke_str_eq(value, wanted)) {
        model_report_invalid(request->issues, model_path_child(&meta, member), value, detail);
        request->invalid_name = request->name;
    }
}

static enum ke_code set_defaults(struct auth_bearer *bearer, struct token_request *request,
                                 struct ke_err *err)
{
    cJSON *meta = ke_json_need_object(request->body, "metadata");
    cJSON *spec = ke_json_need_object(request->body, "spec");
    cJSON *audiences = spec != NULL ? ke_json_need_array(spec, "audiences") : NULL;
    size_t n = 0;
    const struct ke_str *own = auth_bearer_audiences(bearer, &n);
    char now[64];
    struct ke_buf now_text = KE_BUF_FIXED(now, sizeof(now));
    ke_time_format_s(auth_bearer_now_s(bearer), &now_text);
    bool is_ok = meta != NULL && audiences != NULL &&
                 ke_json_set_str(meta, "name", request->name) &&
                 ke_json_set_str(meta, "namespace", request->ns) &&
                 ke_json_set_str(meta, "creationTimestamp", ke_buf_str(&now_text));
    bool has_none = audiences != NULL && audiences->child == NULL;
    for (size_t i = 0; is_ok && has_none && i < n; i++) {
        char *text = ke_str_dup(own[i]);
        cJSON *item = text != NULL ? cJSON_CreateString(text) : NULL;
        free(text);
        is_ok = item != NULL && cJSON_AddItemToArray(audiences, item);
    }
    if (is_ok && ke_json_get(spec, "expirationSeconds") == NULL)
        is_ok = ke_json_set(spec, "expirationSeconds", cJSON_CreateNumber(DEFAULT_S));
    return is_ok ? KE_OK : ke_fail(err, KE_NOMEM, "token");
}

static void check_spec(struct token_request *request, int64_t seconds)
{
    struct model_path spec = model_path_root("spec");
    struct model_path at = model_path_child(&spec, "expirationSeconds");
    const cJSON *audiences = ke_json_path(request->body, "spec.audiences");
    int n = cJSON_GetArraySize(audiences);
    if (n > TOKEN_MAX_AUDIENCES)
        model_report_too_many(request->issues, model_path_child(&spec, "audiences"), (size_t)n,
                              TOKEN_MAX_AUDIENCES);
    if (seconds < MIN_S) {
        model_report_invalid_int(request->issues, at, seconds,
                                 "may not specify a duration less than 10 minutes");
    } else if (seconds > ASKED_MAX) {
        model_report_invalid_int(request->issues, at, seconds,
                                 "may not specify a duration larger than 2^32 seconds");
    }
}

/* ---- what it is bound to -----------------------------------------------------------------------
 */

/* The node of a pod, for information: its uid when it is there. */
static enum ke_code add_node_of(struct auth_bearer *bearer, struct token_request *request,
                                const cJSON *pod, struct token_claims *claims, struct ke_err *err)
{
    struct ke_str node = ke_json_path_str(pod, "spec.nodeName");
    if (node.len == 0)
        return KE_OK;
    ke_auto_object *object = NULL;
    enum ke_code rc = look_up(bearer, MODEL_NODE, request->ns, node, &object, err);
    if (rc != KE_OK && rc != KE_NOT_FOUND)
        return rc;
    claims->node.name = ke_arena_str(request->arena, node);
    if (rc == KE_OK)
        claims->node.uid = ke_arena_str(request->arena, object->uid);
    bool is_ok = claims->node.name.ptr != NULL && (rc != KE_OK || claims->node.uid.ptr != NULL);
    return is_ok ? KE_OK : ke_fail(err, KE_NOMEM, "token");
}

static enum ke_code check_pod(struct auth_bearer *bearer, struct token_request *request,
                              const struct registry_object *object, struct token_claims *claims,
                              struct ke_err *err)
{
    ke_auto_json *pod = registry_object_parse(object);
    if (pod == NULL)
        return ke_fail(err, KE_NOMEM, "token");
    if (!ke_str_eq(ke_json_path_str(pod, "spec.serviceAccountName"), request->name)) {
        return ke_fail(
            err, KE_MALFORMED,
            "cannot bind token for serviceaccount \"%.*s\" to pod running with different "
            "serviceaccount name.",
            KE_STR_ARG(request->name));
    }
    return add_node_of(bearer, request, pod, claims, err);
}

/* ---- nodes -------------------------------------------------------------------------------------
 */

static enum ke_code forbid(const struct token_request *request, const char *why, struct ke_err *err)
{
    return ke_fail(err, KE_DENIED, "serviceaccounts \"%.*s\" is forbidden: %s",
                   KE_STR_ARG(request->name), why);
}

/* A node asks for its pods, and says which pod it means. Source:
 * plugin/pkg/admission/noderestriction. */
static enum ke_code check_node(struct auth_bearer *bearer, const struct token_request *request,
                               struct ke_err *err)
{
    struct ke_str node;
    const cJSON *ref = ke_json_path(request->body, "spec.boundObjectRef");
    if (request->asker == NULL || !auth_node_identify(request->asker, &node))
        return KE_OK;
    if (!ke_str_eq_c(ke_json_str(ref, "apiVersion"), "v1") ||
        !ke_str_eq_c(ke_json_str(ref, "kind"), "Pod") || ke_json_str(ref, "name").len == 0)
        return forbid(request, "node requested token not bound to a pod", err);
    if (ke_json_str(ref, "uid").len == 0)
        return forbid(request, "node requested token with a pod binding without a uid", err);
    ke_auto_object *object = NULL;
    enum ke_code rc =
        look_up(bearer, MODEL_POD, request->ns, ke_json_str(ref, "name"), &object, err);
    if (rc != KE_OK)
        return rc;
    ke_auto_json *pod = registry_object_parse(object);
    if (pod == NULL)
        return ke_fail(err, KE_NOMEM, "token");
    if (!ke_str_eq(ke_json_path_str(pod, "spec.nodeName"), node))
        return forbid(request, "node requested token bound to a pod scheduled on a different node",
                      err);
    return KE_OK;
}

static const struct {
    const char *kind;
    enum model_kind_id id;
} bindable[] = {
    { "Pod", MODEL_POD },
    { "Node", MODEL_NODE },
    { "Secret", MODEL_SECRET },
};

static struct token_ref *ref_of(struct token_claims *claims, enum model_kind_id id)
{
    if (id == MODEL_POD)
        return &claims->pod;
    return id == MODEL_NODE ? &claims->node : &claims->secret;
}

static enum ke_code bind(struct auth_bearer *bearer, struct token_request *request,
                         struct token_claims *claims, struct ke_err *err)
{
    const cJSON *ref = ke_json_path(request->body, "spec.boundObjectRef");
    struct ke_str version = ke_json_str(ref, "apiVersion");
    struct ke_str kind = ke_json_str(ref, "kind");
    struct ke_str name = ke_json_str(ref, "name");
    struct ke_str uid = ke_json_str(ref, "uid");
    struct ke_str group;
    struct ke_str only_version;
    size_t i = 0;
    if (ref == NULL)
        return KE_OK;
    model_api_version_split(version, &group, &only_version);
    while (i < KE_ARRAY_LEN(bindable) && !ke_str_eq_c(kind, bindable[i].kind))
        i++;
    if (i == KE_ARRAY_LEN(bindable) || group.len > 0) {
        return ke_fail(err, KE_MALFORMED,
                       "cannot bind token to object of type %.*s/%.*s, Kind=%.*s",
                       KE_STR_ARG(group), KE_STR_ARG(only_version), KE_STR_ARG(kind));
    }
    ke_auto_object *object = NULL;
    enum ke_code rc = look_up(bearer, bindable[i].id, request->ns, name, &object, err);
    if (rc == KE_OK && bindable[i].id == MODEL_POD)
        rc = check_pod(bearer, request, object, claims, err);
    if (rc != KE_OK)
        return rc;
    if (uid.len > 0 && !ke_str_eq(uid, object->uid)) {
        return ke_fail(
            err, KE_CONFLICT,
            "Operation cannot be fulfilled on %.*s \"%.*s\": the UID in the bound object "
            "reference (%.*s) does not match the UID in record. The object might have "
            "been deleted and then recreated",
            KE_STR_ARG(kind), KE_STR_ARG(name), KE_STR_ARG(uid));
    }
    struct token_ref *out = ref_of(claims, bindable[i].id);
    out->name = ke_arena_str(request->arena, name);
    out->uid = ke_arena_str(request->arena, object->uid);
    return out->name.ptr != NULL && out->uid.ptr != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "token");
}

/* ---- the answer --------------------------------------------------------------------------------
 */

/* Are all of them the API's own? */
static bool is_for_api(struct auth_bearer *bearer, const struct token_claims *claims)
{
    size_t n = 0;
    const struct ke_str *own = auth_bearer_audiences(bearer, &n);
    for (size_t i = 0; i < claims->n_audiences; i++) {
        bool is_own = false;
        for (size_t k = 0; k < n; k++)
            is_own = is_own || ke_str_eq(claims->audiences[i], own[k]);
        if (!is_own)
            return false;
    }
    return true;
}

static enum ke_code set_times(struct auth_bearer *bearer, struct token_request *request,
                              int64_t asked_s, struct token_claims *claims, struct ke_err *err)
{
    int64_t seconds = asked_s;
    if (asked_s > MAX_S) {
        seconds = MAX_S;
        request->warning = ke_arena_fmt(request->arena,
                                        "requested expiration of %" PRId64
                                        " seconds shortened to %" PRId64 " seconds",
                                        asked_s, seconds);
        if (!ke_json_set(ke_json_get_mut(request->body, "spec"), "expirationSeconds",
                         cJSON_CreateNumber((double)seconds)))
            return ke_fail(err, KE_NOMEM, "token");
    }
    claims->issued_s = auth_bearer_now_s(bearer);
    claims->not_before_s = claims->issued_s;
    claims->expires_s = claims->issued_s + seconds;
    if (claims->pod.name.len > 0 && seconds == POD_TOKEN_S && is_for_api(bearer, claims)) {
        claims->warn_after_s = claims->expires_s;
        claims->expires_s = claims->issued_s + MAX_S;
    }
    return KE_OK;
}

static enum ke_code answer(struct auth_bearer *bearer, struct token_request *request,
                           const struct token_claims *claims, struct ke_err *err)
{
    ke_auto_buf token = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    char at[64];
    struct ke_buf at_text = KE_BUF_FIXED(at, sizeof(at));
    enum ke_code rc = auth_bearer_issue(bearer, claims, &token, err);
    if (rc != KE_OK)
        return rc;
    /* The holder is told the hour, not the grace behind it. */
    ke_time_format_s(claims->warn_after_s > 0 ? claims->warn_after_s : claims->expires_s, &at_text);
    ke_json_del(request->body, "status");
    cJSON *status = ke_json_need_object(request->body, "status");
    if (status == NULL || !ke_json_set_str(status, "token", ke_buf_str(&token)) ||
        !ke_json_set_str(status, "expirationTimestamp", ke_buf_str(&at_text)))
        return ke_fail(err, KE_NOMEM, "token");
    return KE_OK;
}

enum ke_code token_request_run(struct auth_bearer *bearer, struct token_request *request,
                               struct ke_err *err)
{
    ke_auto_object *account = NULL;
    struct token_claims claims = { .ns = request->ns };
    enum ke_code rc =
        look_up(bearer, MODEL_SERVICEACCOUNT, request->ns, request->name, &account, err);
    if (rc != KE_OK)
        return rc;
    check_same(request, "name", request->name, "must match the service account name if specified");
    check_same(request, "namespace", request->ns,
               "must match the service account namespace if specified");
    if (request->issues->n_items > 0)
        return ke_fail(err, KE_INVALID, "TokenRequest");
    rc = set_defaults(bearer, request, err);
    if (rc != KE_OK)
        return rc;
    int64_t seconds = ke_json_i64(ke_json_get(request->body, "spec"), "expirationSeconds", 0);
    check_spec(request, seconds);
    if (request->issues->n_items > 0)
        return ke_fail(err, KE_INVALID, "TokenRequest");
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(request->body, "spec.audiences"))
        claims.audiences[claims.n_audiences++] = ke_json_value_str(it);
    claims.account = (struct token_ref){ account->name, account->uid };
    rc = check_node(bearer, request, err);
    if (rc == KE_OK)
        rc = bind(bearer, request, &claims, err);
    if (rc == KE_OK)
        rc = set_times(bearer, request, seconds, &claims, err);
    return rc == KE_OK ? answer(bearer, request, &claims, err) : rc;
}
