/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From head and body to the handler: what is asked, by whom, may they, and is it served. On the
 * request's API loop.
 */
#include "core/api/audit.h"
#include "core/api/computed.h"
#include "core/api/impersonate.h"
#include "core/api/proxy/proxy.h"
#include "core/api/server_impl.h"
#include "core/api/stream/stream.h"
#include "core/api/verify.h"
#include "core/base/limits.h"
#include "core/model/form.h"

/* The verb an authoriser is asked about, and a watch's parameter, as RequestInfo decides it. */
static struct ke_str resource_verb(const struct api_request *request)
{
    static const struct {
        const char *method, *named, *all;
    } verbs[] = {
        { "GET", "get", "list" },       { "HEAD", "get", "list" },
        { "POST", "create", "create" }, { "PUT", "update", "update" },
        { "PATCH", "patch", "patch" },  { "DELETE", "delete", "deletecollection" },
    };
    const struct api_target *target = &request->target;
    bool is_read = ke_str_eq_c(request->method, "GET") || ke_str_eq_c(request->method, "HEAD");
    if (is_read && target->is_old_watch) {
        return KE_STR("watch");
    }
    if (is_read && target->name.len == 0 && api_query_bool(&request->query, "watch")) {
        return KE_STR("watch");
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(verbs); i++) {
        if (ke_str_eq_c(request->method, verbs[i].method)) {
            return ke_str_c(target->name.len > 0 ? verbs[i].named : verbs[i].all);
        }
    }
    return KE_STR("");
}

static struct ke_str path_verb(struct ke_str method, struct ke_arena *arena)
{
    char *text = ke_arena_alloc(arena, method.len + 1);
    for (size_t i = 0; text != NULL && i < method.len; i++) {
        char c = method.ptr[i];
        text[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return ke_str_of(text, text != NULL ? method.len : 0);
}

static void respond_not_found(struct api_request *request)
{
    struct api_status status = {
        .http = 404,
        .reason = "NotFound",
        .message = KE_STR("the server could not find the requested resource"),
        .details = API_DETAILS_EMPTY,
    };
    api_respond_status(request, &status);
}

/* A group or version that nobody serves is no API path at all. */
static void respond_no_kind(struct api_request *request)
{
    const struct api_target *target = &request->target;
    if (api_docs_find_gv(api_request_docs(request), target->group, target->version) == NULL) {
        api_respond_str(request, 404, "text/plain; charset=utf-8", KE_STR("404 page not found\n"));
    } else {
        respond_not_found(request);
    }
}

static unsigned verb_bit(struct ke_str verb)
{
    static const struct {
        const char *name;
        unsigned bit;
    } bits[] = {
        { "get", MODEL_VERB_GET },       { "list", MODEL_VERB_LIST },
        { "watch", MODEL_VERB_WATCH },   { "create", MODEL_VERB_CREATE },
        { "update", MODEL_VERB_UPDATE }, { "patch", MODEL_VERB_PATCH },
        { "delete", MODEL_VERB_DELETE }, { "deletecollection", MODEL_VERB_DELETECOLLECTION },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(bits); i++) {
        if (ke_str_eq_c(verb, bits[i].name)) {
            return bits[i].bit;
        }
    }
    return 0;
}

/* The kind and subresource are served with this verb; else answers. */
static bool find_kind(struct api_request *request)
{
    const struct api_target *target = &request->target;
    request->kind = model_catalog_by_plural(resource_store_catalog(request->server->options.store),
                                            target->group, target->version, target->resource,
                                            &request->version);
    if (request->kind == NULL) {
        respond_no_kind(request);
        return false;
    }
    /* A namespaced object has a namespace, a cluster-wide one has none. */
    bool is_odd = request->kind->is_namespaced ? target->ns.len == 0 && target->name.len > 0
                                               : target->ns.len > 0;
    unsigned served = request->kind->verbs;
    if (target->subresource.len > 0) {
        request->subresource =
            model_version_subresource(request->kind, request->version, target->subresource);
        is_odd = is_odd || request->subresource == NULL ||
                 (target->rest.len > 0 && !api_is_proxy(target));
        served = request->subresource != NULL ? request->subresource->verbs : 0;
    }
    if (is_odd) {
        respond_not_found(request);
        return false;
    }
    unsigned bit = verb_bit(request->verb);
    bool is_misplaced =
        bit == MODEL_VERB_CREATE && target->name.len > 0 && target->subresource.len == 0;
    bool is_nowhere =
        bit == MODEL_VERB_CREATE && request->kind->is_namespaced && target->ns.len == 0;
    if ((served & bit) == 0 || is_misplaced || is_nowhere) {
        api_respond_code(request, KE_METHOD, "");
        return false;
    }
    return true;
}

/* What is not stored, by the kind that is spoken. False: core/resource knows it. */
static bool handle_computed(struct api_request *request)
{
    static const struct {
        enum model_kind_id id;
        void (*handle)(struct api_request *request);
    } handlers[] = {
        { MODEL_COMPONENTSTATUS, api_handle_componentstatus },
        { MODEL_LOCALSUBJECTACCESSREVIEW, api_handle_access_review },
        { MODEL_SELFSUBJECTACCESSREVIEW, api_handle_access_review },
        { MODEL_SELFSUBJECTREVIEW, api_handle_self_subject_review },
        { MODEL_SELFSUBJECTRULESREVIEW, api_handle_access_review },
        { MODEL_SUBJECTACCESSREVIEW, api_handle_access_review },
        { MODEL_TOKENREQUEST, api_handle_token_request },
        { MODEL_TOKENREVIEW, api_handle_token_review },
    };
    const struct model_subresource *sub = request->subresource;
    const struct model_kind *spoken =
        sub != NULL && sub->speaks != NULL ? sub->speaks : request->kind;
    for (size_t i = 0; i < KE_ARRAY_LEN(handlers); i++) {
        if (handlers[i].id == spoken->id) {
            handlers[i].handle(request);
            return true;
        }
    }
    return false;
}

/* Reads of a deprecated version say so; writes say it with their other warnings. */
static void warn_of_version(struct api_request *request)
{
    struct model_form form;
    struct ke_err err;
    struct ke_str *text = ke_arena_alloc(request->arena, sizeof(*text));
    char memory[LIMIT_WARNING_BYTES];
    struct ke_buf buf = KE_BUF_FIXED(memory, sizeof(memory));
    if (request->kind->custom == NULL || text == NULL ||
        model_form_open(request->kind, request->version, &form, &err) != KE_OK) {
        return;
    }
    if (model_form_deprecation(&form, &buf)) {
        *text = ke_arena_str(request->arena, ke_buf_str(&buf));
        request->warnings = text;
        request->n_warnings = text->ptr != NULL ? 1 : 0;
    }
    model_form_close(&form);
}

static void dispatch_resource(struct api_request *request)
{
    if (!find_kind(request)) {
        return;
    }
    warn_of_version(request);
    if (request->subresource != NULL && request->subresource->is_connection) {
        if (api_is_proxy(&request->target)) {
            api_handle_proxy(request);
        } else {
            api_handle_stream(request);
        }
        return;
    }
    unsigned forms =
        (unsigned)API_FORM_PLAIN | (unsigned)API_FORM_TABLE | (unsigned)API_FORM_PARTIAL;
    const char *types = "application/json";
    /* Events follow each other as JSON lines; there is no such framing of YAML. */
    if (!ke_str_eq_c(request->verb, "watch")) {
        forms |= API_MAY_BE_YAML;
        types = "application/json, application/yaml";
    }
    enum api_negotiated negotiated =
        api_negotiate(api_request_header(request, MHD_HTTP_HEADER_ACCEPT), forms, &request->accept);
    if (negotiated != API_NEGOTIATED) {
        api_respond_not_acceptable(request, negotiated, types);
        return;
    }
    if (handle_computed(request)) {
        return;
    }
    if (ke_str_eq_c(request->verb, "get")) {
        api_handle_get(request);
    } else if (ke_str_eq_c(request->verb, "list")) {
        api_handle_list(request);
    } else if (ke_str_eq_c(request->verb, "watch")) {
        api_handle_watch(request);
    } else {
        api_handle_write(request);
    }
}

/* Goes on for as long as the client likes. */
static bool is_long_running(const struct api_request *request)
{
    static const char *const streams[] = { "attach", "exec", "log", "portforward", "proxy" };
    for (size_t i = 0; i < KE_ARRAY_LEN(streams); i++) {
        if (ke_str_eq_c(request->target.subresource, streams[i])) {
            return true;
        }
    }
    return ke_str_eq_c(request->verb, "watch") ||
           ke_str_has_prefix(request->target.path, KE_STR("/kedge/"));
}

/* False: answered, there are too many at a time. Whose rights count does not matter, but who sends
 * it does. */
static bool enter_flow(struct api_request *request)
{
    struct api_server *server = request->server;
    bool is_read = ke_str_eq_c(request->method, "GET") || ke_str_eq_c(request->method, "HEAD");
    request->flow_kind = is_read ? API_FLOW_READ : API_FLOW_WRITE;
    if (is_long_running(request) || api_flow_enter(server->flow, request->flow_kind,
                                                   request->user->name, &request->flow_user)) {
        return true;
    }
    ke_metric_add(server->dropped[request->flow_kind], 1);
    api_respond_code(request, KE_LIMIT, "too many requests, please try again later");
    return false;
}

/* Behind authentication: may they, and the handler. */
static void dispatch_known(struct api_request *request)
{
    if (!ke_str_eq_c(request->user->name, "system:anonymous")) {
        api_conn_prove(request->conn);
    }
    bool is_resource = request->target.is_resource;
    request->verb =
        is_resource ? resource_verb(request) : path_verb(request->method, request->arena);
    if (!enter_flow(request) || !api_impersonate(request) || !api_authorize(request)) {
        return;
    }
    bool is_proxied = ke_str_eq_c(request->target.subresource, "proxy");
    if (is_resource && !is_proxied && ke_str_eq_c(request->method, "HEAD")) {
        api_respond_code(request, KE_METHOD, "");
    } else if (is_resource) {
        dispatch_resource(request);
    } else {
        api_handle_path(request);
    }
}

void api_dispatch(struct api_request *request)
{
    struct ke_err err;
    request->audit = api_audit_begin(request);
    size_t mark = ke_str_find(request->uri, '?');
    struct ke_str path = ke_str_sub(request->uri, 0, mark);
    struct ke_str query = { NULL, 0 };
    if (mark < request->uri.len) {
        query = ke_str_sub(request->uri, mark + 1, request->uri.len - mark - 1);
    }
    enum ke_code rc = api_target_parse(path, request->arena, &request->target, &err);
    if (rc == KE_OK) {
        rc = api_query_parse(query, request->arena, &request->query, &err);
    }
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
        return;
    }
    api_verify(request, dispatch_known);
}
