/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reviews of authorization.k8s.io: may somebody do something, and what may I do? Answered by
 * the authoriser that judges requests. On the request's API loop. Source:
 * pkg/registry/authorization.
 */
#include "core/api/computed.h"
#include "core/api/read.h"
#include "core/api/server_impl.h"
#include "core/auth/node.h"
#include "core/auth/rbac.h"
#include "core/base/json.h"
#include "core/base/limits.h"

#define REASON_BYTES 16384

/* ---- may somebody? */

static void read_resource(const cJSON *json, struct auth_attributes *out)
{
    out->is_resource = true;
    out->verb = ke_json_str(json, "verb");
    out->ns = ke_json_str(json, "namespace");
    out->group = ke_json_str(json, "group");
    out->version = ke_json_str(json, "version");
    out->resource = ke_json_str(json, "resource");
    out->subresource = ke_json_str(json, "subresource");
    out->name = ke_json_str(json, "name");
    out->field_selector = ke_json_path_str(json, "fieldSelector.rawSelector");
}

static void read_spec(const cJSON *spec, struct auth_attributes *out)
{
    const cJSON *resource = ke_json_get(spec, "resourceAttributes");
    const cJSON *path = ke_json_get(spec, "nonResourceAttributes");
    if (resource != NULL) {
        read_resource(resource, out);
    } else {
        out->path = ke_json_str(path, "path");
        out->verb = ke_json_str(path, "verb");
    }
}

/* spec.fieldSelector.requirements as a selector's text: what the node authoriser reads. */
static void add_requirements(const cJSON *spec, struct ke_buf *out)
{
    const cJSON *list = ke_json_path(spec, "resourceAttributes.fieldSelector.requirements");
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, list) {
        const cJSON *values = ke_json_get(it, "values");
        bool is_equality = ke_str_eq_c(ke_json_str(it, "operator"), "In") && values != NULL &&
                           values->child != NULL && values->child->next == NULL;
        if (is_equality) {
            ke_buf_addf(out, "%s%.*s=%.*s", out->len > 0 ? "," : "",
                        KE_STR_ARG(ke_json_str(it, "key")),
                        KE_STR_ARG(ke_json_value_str(values->child)));
        }
    }
}

/* False: it has more groups than are looked at. */
static bool read_user(const cJSON *spec, struct auth_user *out)
{
    bool is_whole = true;
    const cJSON *it = NULL;
    out->name = ke_json_str(spec, "user");
    out->uid = ke_json_str(spec, "uid");
    cJSON_ArrayForEach(it, ke_json_get(spec, "groups")) {
        if (out->n_groups < AUTH_MAX_GROUPS) {
            out->groups[out->n_groups++] = ke_json_value_str(it);
        } else {
            is_whole = false;
        }
    }
    const cJSON *value = NULL;
    cJSON_ArrayForEach(it, ke_json_get(spec, "extra")) {
        cJSON_ArrayForEach(value, it) {
            if (out->n_extra < AUTH_MAX_EXTRA) {
                out->extra[out->n_extra++] =
                    (struct auth_extra){ ke_str_c(it->string), ke_json_value_str(value) };
            }
        }
    }
    return is_whole;
}

/* status of the review, in place of what a client sent. */
static bool set_status(cJSON *review, bool is_allowed, bool is_whole, struct ke_str reason)
{
    ke_json_del(review, "status");
    cJSON *status = ke_json_need_object(review, "status");
    if (status == NULL || !ke_json_set(status, "allowed", cJSON_CreateBool(is_allowed))) {
        return false;
    }
    if (!is_whole &&
        !ke_json_set_str(status, "evaluationError",
                         KE_STR("not all groups were looked at: there are too many"))) {
        return false;
    }
    return reason.len == 0 || ke_json_set_str(status, "reason", reason);
}

/* Is it a review that can be answered? Else it is refused. */
static bool check(struct api_request *request, const cJSON *review)
{
    struct model_issues issues;
    const struct model_kind *kind = request->kind;
    model_issues_init(&issues, request->arena);
    if (kind->validate != NULL) {
        kind->validate(review, NULL, &issues);
    }
    if (issues.n_items > 0) {
        api_computed_invalid(request, kind, KE_STR(""), &issues);
    }
    return issues.n_items == 0;
}

static bool put_namespace(struct api_request *request, cJSON *review)
{
    struct ke_str ns = ke_json_path_str(review, "metadata.namespace");
    if (!request->kind->is_namespaced) {
        return true;
    }
    if (ns.len > 0 && !ke_str_eq(ns, request->target.ns)) {
        api_respond_code(request, KE_MALFORMED,
                         "the namespace of the provided object does not match the namespace sent "
                         "on the request");
        return false;
    }
    cJSON *meta = ke_json_need_object(review, "metadata");
    if (meta == NULL || !ke_json_set_str(meta, "namespace", request->target.ns)) {
        api_respond_code(request, KE_NOMEM, "");
        return false;
    }
    return true;
}

static void answer_access(struct api_request *request, cJSON *given)
{
    ke_auto_json *review = given;
    const struct api_options *options = &request->server->options;
    const cJSON *spec = ke_json_get(review, "spec");
    struct auth_user user = { .n_groups = 0 };
    struct auth_attributes asked = { .user = request->user };
    ke_auto_buf reason = KE_BUF_INIT(REASON_BYTES);
    ke_auto_buf selector = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    if (!put_namespace(request, review) || !check(request, review)) {
        return;
    }
    bool is_whole = true;
    if (request->kind->id != MODEL_SELFSUBJECTACCESSREVIEW) {
        is_whole = read_user(spec, &user);
        asked.user = &user;
    }
    read_spec(spec, &asked);
    add_requirements(spec, &selector);
    if (selector.len > 0) {
        asked.field_selector = ke_buf_str(&selector);
    }
    bool is_allowed = options->authorize(options->authorize_ctx, &asked, &reason);
    if (!set_status(review, is_allowed, is_whole, ke_buf_str(&reason))) {
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    api_computed_respond(request, KE_TAKE(review));
}

/* ---- what may I? */

static bool add_texts(cJSON *rule, const char *member, const struct rbac_texts *texts)
{
    if (texts->n == 0) {
        return true;
    }
    cJSON *list = ke_json_need_array(rule, member);
    for (size_t i = 0; list != NULL && i < texts->n; i++) {
        ke_auto_ptr char *text = ke_str_dup(texts->items[i]);
        cJSON *item = text != NULL ? cJSON_CreateString(text) : NULL;
        if (!cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            return false;
        }
    }
    return list != NULL;
}

static bool add_rule(cJSON *list, const struct rbac_rule *rule, bool is_resource)
{
    cJSON *it = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, it)) {
        cJSON_Delete(it);
        return false;
    }
    if (!add_texts(it, "verbs", &rule->verbs)) {
        return false;
    }
    return is_resource ? add_texts(it, "apiGroups", &rule->groups) &&
                             add_texts(it, "resources", &rule->resources) &&
                             add_texts(it, "resourceNames", &rule->names)
                       : add_texts(it, "nonResourceURLs", &rule->urls);
}

static bool add_rules(cJSON *status, const struct rbac_rules *rules)
{
    cJSON *resources = ke_json_need_array(status, "resourceRules");
    cJSON *paths = ke_json_need_array(status, "nonResourceRules");
    bool is_ok = resources != NULL && paths != NULL;
    for (size_t i = 0; is_ok && i < rules->n; i++) {
        const struct rbac_rule *rule = &rules->items[i];
        if (rule->resources.n > 0) {
            is_ok = add_rule(resources, rule, true);
        }
        if (is_ok && rule->urls.n > 0) {
            is_ok = add_rule(paths, rule, false);
        }
    }
    return is_ok;
}

static cJSON *make_rules_review(struct api_request *request, struct ke_str ns)
{
    ke_auto_json *answer = cJSON_CreateObject();
    ke_auto_buf problems = KE_BUF_INIT(REASON_BYTES);
    struct rbac_rules rules = { NULL, 0 };
    struct rbac *rbac = request->server->options.rbac;
    struct ke_str node;
    bool is_ok = answer != NULL &&
                 ke_json_set_str(answer, "kind", KE_STR("SelfSubjectRulesReview")) &&
                 ke_json_set_str(answer, "apiVersion", KE_STR("authorization.k8s.io/v1"));
    is_ok =
        is_ok && ke_json_need_object(answer, "metadata") != NULL &&
        ke_json_set(ke_json_get_mut(answer, "metadata"), "creationTimestamp", cJSON_CreateNull()) &&
        ke_json_need_object(answer, "spec") != NULL;
    if (is_ok && rbac != NULL) {
        is_ok = rbac_rules_of(rbac, request->user, ns, request->arena, &rules, &problems);
    }
    if (is_ok && auth_node_identify(request->user, &node)) {
        ke_buf_addf(&problems, "%snode authorizer does not support user rule resolution",
                    problems.len > 0 ? ", " : "");
    }
    cJSON *status = is_ok ? ke_json_need_object(answer, "status") : NULL;
    if (status == NULL || !add_rules(status, &rules) ||
        !ke_json_set(status, "incomplete", cJSON_CreateBool(problems.len > 0))) {
        return NULL;
    }
    if (problems.len > 0 && !ke_json_set_str(status, "evaluationError", ke_buf_str(&problems))) {
        return NULL;
    }
    return KE_TAKE(answer);
}

static void answer_rules(struct api_request *request, cJSON *given)
{
    ke_auto_json *review = given;
    struct ke_str ns = ke_json_path_str(review, "spec.namespace");
    if (ns.len == 0) {
        api_respond_code(request, KE_MALFORMED, "no namespace on request");
        return;
    }
    cJSON *answer = make_rules_review(request, ns);
    if (answer == NULL) {
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    api_computed_respond(request, answer);
}

void api_handle_access_review(struct api_request *request)
{
    cJSON *review = api_computed_body(request, request->kind);
    if (review == NULL) {
        return;
    }
    if (request->kind->id == MODEL_SELFSUBJECTRULESREVIEW) {
        answer_rules(request, review);
    } else {
        answer_access(request, review);
    }
}
