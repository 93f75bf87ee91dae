/* SPDX-License-Identifier: Apache-2.0 */
/* May the one who asks do it? And the refusal. On the request's API loop. */
#include "core/api/audit.h"
#include "core/api/auth.h"
#include "core/api/server_impl.h"
#include "core/api/stream/stream.h"
#include "core/base/limits.h"
#include "core/model/names.h"
#include "core/model/selector.h"

#define REASON_BYTES 16384

void api_respond_forbidden(struct api_request *request, const struct auth_attributes *asked,
                           struct ke_str reason)
{
    ke_auto_buf message = KE_BUF_INIT(2 * LIMIT_HTTP_HEAD_BYTES);
    api_forbidden_message(asked, &message);
    if (reason.len > 0) {
        ke_buf_addf(&message, ": %.*s", KE_STR_ARG(reason));
    }
    struct api_status status = {
        .http = 403,
        .reason = "Forbidden",
        .message = ke_buf_str(&message),
        .details = API_DETAILS_EMPTY,
    };
    if (asked->is_resource) {
        status.kind = asked->resource;
        status.group = asked->group;
        status.name = asked->name;
    }
    api_respond_status(request, &status);
}

/* Who comes by the health listener sees what it is for, whatever the roles say. */
static bool ask(struct api_request *request, const struct auth_attributes *asked,
                struct ke_buf *reason)
{
    const struct api_options *options = &request->server->options;
    if (api_identity_is_monitor(request->conn->identity)) {
        return api_authorize_default(NULL, asked, reason);
    }
    return options->authorize(options->authorize_ctx, asked, reason);
}

bool api_ask(struct api_request *request, const struct auth_attributes *asked)
{
    ke_auto_buf reason = KE_BUF_INIT(REASON_BYTES);
    if (request->audit == NULL && ask(request, asked, NULL)) {
        return true; /* nobody wants to know why */
    }
    bool is_allowed = ask(request, asked, &reason);
    api_audit_decided(request->audit, is_allowed, ke_buf_str(&reason));
    if (is_allowed) {
        return true;
    }
    api_respond_forbidden(request, asked, ke_buf_str(&reason));
    return false;
}

/* A list of the one object with a name is judged like the object. */
static struct ke_str selected_name(struct api_request *request, struct ke_str selector)
{
    KE_AUTO(model_selector) *fields = NULL;
    struct ke_str name = { NULL, 0 };
    struct ke_err err;
    if (selector.len == 0 || model_selector_parse_fields(selector, &fields, &err) != KE_OK ||
        !model_selector_equality(fields, KE_STR("metadata.name"), &name) ||
        model_name_path_segment(name).n > 0) {
        return KE_STR("");
    }
    return ke_arena_str(request->arena, name);
}

/* A WebSocket begins with GET, and SPDY may: who may only read a pod's exec, attach or portforward
 * must not run anything by it. Source: KEP-4006. */
static bool runs_by_get(const struct api_request *request)
{
    const struct api_target *target = &request->target;
    return target->is_resource && target->group.len == 0 && ke_str_eq_c(target->resource, "pods") &&
           ke_str_eq_c(request->method, "GET") &&
           (ke_str_eq_c(target->subresource, "exec") ||
            ke_str_eq_c(target->subresource, "attach") ||
            ke_str_eq_c(target->subresource, "portforward")) &&
           stream_upgrade_of(request) != STREAM_UPGRADE_NONE;
}

bool api_authorize(struct api_request *request)
{
    const struct api_target *target = &request->target;
    struct auth_attributes asked = {
        .user = request->user,
        .verb = request->verb,
        .is_resource = target->is_resource,
        .group = target->group,
        .version = target->version,
        .resource = target->resource,
        .subresource = target->subresource,
        .ns = target->ns,
        .name = target->name,
        .path = target->path,
        .field_selector = api_query_get(&request->query, "fieldSelector"),
    };
    /* A Namespace counts as being in itself: who may view what is in it may view it. */
    if (asked.group.len == 0 && asked.ns.len == 0 && ke_str_eq_c(asked.resource, "namespaces")) {
        asked.ns = asked.name;
    }
    if (asked.name.len == 0 &&
        (ke_str_eq_c(asked.verb, "list") || ke_str_eq_c(asked.verb, "watch"))) {
        asked.name = selected_name(request, asked.field_selector);
    }
    if (!api_ask(request, &asked)) {
        return false;
    }
    if (runs_by_get(request)) {
        asked.verb = KE_STR("create");
        return api_ask(request, &asked);
    }
    return true;
}
