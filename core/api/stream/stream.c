/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the streaming subresources share: which pod and container, whether a runtime is there, and
 * the choice of protocol. On the request's API loop.
 * Source: kubernetes registry/core/pod/strategy.go, apimachinery httpstream, wsstream.
 */
#include "core/api/stream/stream.h"

#include "core/api/server_impl.h"
#include "core/api/stream/wire.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/net/stream/websocket.h"

#define DEFAULT_CONTAINER "kubectl.kubernetes.io/default-container"

/* ---- pod and container -------------------------------------------------------------------------
 */

static const char *const container_lists[] = { "containers", "initContainers",
                                               "ephemeralContainers" };

static bool has_container(const cJSON *spec, struct ke_str name)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(container_lists); i++) {
        const cJSON *container;
        cJSON_ArrayForEach(container, ke_json_get(spec, container_lists[i])) {
            if (ke_str_eq(ke_json_str(container, "name"), name)) {
                return true;
            }
        }
    }
    return false;
}

static void add_names(const cJSON *spec, const char *list, struct ke_buf *out)
{
    const cJSON *container;
    const char *between = "";
    ke_buf_add_char(out, '[');
    cJSON_ArrayForEach(container, ke_json_get(spec, list)) {
        ke_buf_add_c(out, between);
        ke_buf_add_str(out, ke_json_str(container, "name"));
        between = " ";
    }
    ke_buf_add_char(out, ']');
}

static void respond_bad(struct api_request *request, struct ke_buf *message)
{
    struct api_status status = {
        .http = 400,
        .reason = "BadRequest",
        .message = ke_buf_str(message),
    };
    api_respond_status(request, &status);
}

static void respond_which(struct api_request *request, const cJSON *spec)
{
    ke_auto_buf message = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    ke_buf_addf(&message, "a container name must be specified for pod %.*s, choose one of: ",
                KE_STR_ARG(request->target.name));
    add_names(spec, container_lists[0], &message);
    if (cJSON_GetArraySize(ke_json_get(spec, container_lists[1])) > 0) {
        ke_buf_add_c(&message, " or one of the init containers: ");
        add_names(spec, container_lists[1], &message);
    }
    respond_bad(request, &message);
}

/* Asked for; or the pod's only one; or the one that its annotation names. */
static bool choose_container(struct api_request *request, const cJSON *pod, struct ke_str *out)
{
    const cJSON *spec = ke_json_get(pod, "spec");
    const cJSON *containers = ke_json_get(spec, container_lists[0]);
    struct ke_str name = api_query_get(&request->query, "container");
    if (name.len > 0 && !has_container(spec, name)) {
        ke_auto_buf message = KE_BUF_INIT(LIMIT_HTTP_HEAD_BYTES);
        ke_buf_addf(&message, "container %.*s is not valid for pod %.*s", KE_STR_ARG(name),
                    KE_STR_ARG(request->target.name));
        respond_bad(request, &message);
        return false;
    }
    if (name.len == 0 && cJSON_GetArraySize(containers) == 1) {
        name = ke_json_str(containers->child, "name");
    }
    if (name.len == 0) {
        const cJSON *annotations = ke_json_path(pod, "metadata.annotations");
        struct ke_str noted = ke_json_str(annotations, DEFAULT_CONTAINER);
        name = noted.len > 0 && has_container(spec, noted) ? noted : name;
    }
    if (name.len == 0) {
        respond_which(request, spec);
        return false;
    }
    *out = name;
    return true;
}

static bool keep(struct api_request *request, struct ke_str *text)
{
    *text = ke_arena_str(request->arena, *text);
    return text->ptr != NULL;
}

bool stream_find_pod(struct api_request *request, bool wants_container, struct stream_pod *out)
{
    struct ke_err err;
    ke_auto_object *object = NULL;
    enum ke_code rc = resource_get(request->server->options.store, request->kind,
                                   request->target.ns, request->target.name, &object, &err);
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
        return false;
    }
    ke_auto_json *pod = registry_object_parse(object);
    if (pod == NULL) {
        api_respond_code(request, KE_NOMEM, "");
        return false;
    }
    struct stream_pod found = {
        .ns = request->target.ns,
        .name = request->target.name,
        .uid = object->uid,
        .node = ke_json_path_str(pod, "spec.nodeName"),
    };
    if (wants_container && !choose_container(request, pod, &found.container)) {
        return false;
    }
    if (!keep(request, &found.uid) || !keep(request, &found.node) ||
        !keep(request, &found.container)) {
        api_respond_code(request, KE_NOMEM, "");
        return false;
    }
    *out = found;
    return true;
}

struct runtime_call stream_call(const struct stream_pod *pod, enum runtime_what what)
{
    return (struct runtime_call){
        .what = what,
        .node = pod->node,
        .ns = pod->ns,
        .pod = pod->name,
        .uid = pod->uid,
        .container = pod->container,
        .logs = { .since_us = INT64_MIN, .tail = -1, .max_bytes = -1 },
    };
}

/* ---- the node ----------------------------------------------------------------------------------
 */

static void respond_500(struct api_request *request, struct ke_str message, const char *reason)
{
    struct api_status status = { .http = 500, .reason = reason, .message = message };
    api_respond_status(request, &status);
}

bool stream_has_runtime(struct api_request *request, const struct stream_pod *pod)
{
    struct ke_err err;
    if (pod->node.len == 0) {
        struct ke_str message = ke_arena_fmt(
            request->arena, "pod %.*s does not have a host assigned", KE_STR_ARG(pod->name));
        ke_auto_buf text = KE_BUF_INIT(LIMIT_HTTP_HEAD_BYTES);
        ke_buf_add_str(&text, message);
        respond_bad(request, &text);
        return false;
    }
    if (request->server->options.runtime != NULL) {
        return true;
    }
    ke_auto_object *node = NULL;
    enum ke_code rc = resource_get(request->server->options.store, model_kind_by_id(MODEL_NODE),
                                   KE_STR(""), pod->node, &node, &err);
    if (rc != KE_OK) {
        api_respond_error(request, rc, &err);
        return false;
    }
    struct ke_str message = ke_arena_fmt(
        request->arena, "error dialing backend: nothing runs containers on node %.*s for kedge",
        KE_STR_ARG(pod->node));
    respond_500(request, message, "");
    return false;
}

void stream_respond_failure(struct api_request *request, enum ke_code rc, const struct ke_err *err)
{
    if (rc == KE_IO || rc == KE_BUG) {
        respond_500(request, ke_str_c(err->msg),
                    "InternalError"); /* its words are for the client */
    } else {
        api_respond_error(request, rc, err);
    }
}

void stream_respond_plain(struct api_request *request, enum ke_code rc, const struct ke_err *err)
{
    struct ke_buf body = KE_BUF_INIT(LIMIT_HTTP_HEAD_BYTES);
    ke_buf_addf(&body, "%s\n", err->msg);
    api_respond(request, api_status_http(rc), "text/plain; charset=utf-8", &body);
}

/* ---- protocols ---------------------------------------------------------------------------------
 */

static bool has_token(struct ke_str list, const char *token)
{
    struct ke_str rest = list;
    struct ke_str one;
    while (rest.ptr != NULL && ke_str_split(&rest, ',', &one)) {
        if (ke_str_eq_nocase(ke_str_trim(one), ke_str_c(token))) {
            return true;
        }
    }
    return false;
}

enum stream_upgrade stream_upgrade_of(const struct api_request *request)
{
    struct ke_str upgrade = api_request_header(request, MHD_HTTP_HEADER_UPGRADE);
    if (!has_token(api_request_header(request, MHD_HTTP_HEADER_CONNECTION), "upgrade")) {
        return STREAM_UPGRADE_NONE;
    }
    if (has_token(upgrade, "websocket")) {
        return STREAM_UPGRADE_WEBSOCKET;
    }
    return has_token(upgrade, "SPDY/3.1") ? STREAM_UPGRADE_SPDY : STREAM_UPGRADE_NONE;
}

bool api_is_websocket(const struct api_request *request)
{
    return stream_upgrade_of(request) == STREAM_UPGRADE_WEBSOCKET;
}

/* All values of a header, one after the other. */
struct gathered {
    const char *name;
    struct ke_buf *out;
};

static enum MHD_Result gather(void *cls, enum MHD_ValueKind kind, const char *name,
                              const char *value)
{
    const struct gathered *gathered = cls;
    (void)kind;
    if (ke_str_eq_nocase(ke_str_c(name), ke_str_c(gathered->name))) {
        ke_buf_add_c(gathered->out, gathered->out->len > 0 ? "," : "");
        ke_buf_add_c(gathered->out, value);
    }
    return MHD_YES;
}

static void add_list(struct ke_buf *out, struct ke_str commas)
{
    struct ke_str rest = commas;
    struct ke_str one;
    const char *between = "";
    ke_buf_add_char(out, '[');
    while (ke_str_split(&rest, ',', &one)) {
        ke_buf_add_c(out, between);
        ke_buf_add_str(out, ke_str_trim(one));
        between = " ";
    }
    ke_buf_add_char(out, ']');
}

static void respond_no_protocol(struct api_request *request, struct ke_str offered,
                                const char *const *ours)
{
    struct ke_buf body = KE_BUF_INIT(4 * LIMIT_HTTP_HEAD_BYTES);
    ke_buf_add_c(&body, "unable to upgrade: unable to negotiate protocol: client supports ");
    add_list(&body, offered);
    ke_buf_add_c(&body, ", server accepts [");
    for (size_t i = 0; ours[i] != NULL; i++) {
        ke_buf_addf(&body, "%s%s", i > 0 ? " " : "", ours[i]);
    }
    ke_buf_add_c(&body, "]\n");
    api_respond(request, 403, "text/plain; charset=utf-8", &body);
}

/* The opening handshake: RFC 6455 section 4.2.1. */
static bool check_handshake(struct api_request *request)
{
    struct ke_str version = api_request_header(request, MHD_HTTP_HEADER_SEC_WEBSOCKET_VERSION);
    if (!ke_str_eq_c(request->method, "GET")) {
        api_respond_code(request, KE_MALFORMED, "a WebSocket begins with GET");
        return false;
    }
    if (!ke_str_eq_c(version, "13")) {
        struct MHD_Response *response =
            MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
        if (response != NULL) {
            (void)MHD_add_response_header(response, MHD_HTTP_HEADER_SEC_WEBSOCKET_VERSION, "13");
        }
        api_respond_with(request, 426, "text/plain", response);
        return false;
    }
    if (!ws_key_is_valid(api_request_header(request, MHD_HTTP_HEADER_SEC_WEBSOCKET_KEY))) {
        api_respond_code(request, KE_MALFORMED, "bad Sec-WebSocket-Key");
        return false;
    }
    return true;
}

const char *stream_choose(struct api_request *request, enum stream_upgrade upgrade,
                          const char *const *ours)
{
    bool is_websocket = upgrade == STREAM_UPGRADE_WEBSOCKET;
    ke_auto_buf offered = KE_BUF_INIT(LIMIT_HTTP_HEAD_BYTES);
    struct gathered gathered = {
        .name = is_websocket ? MHD_HTTP_HEADER_SEC_WEBSOCKET_PROTOCOL : "X-Stream-Protocol-Version",
        .out = &offered,
    };
    if (is_websocket && !check_handshake(request)) {
        return NULL;
    }
    (void)MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, gather, &gathered);
    if (!is_websocket && offered.len == 0) {
        struct ke_str text = KE_STR("unable to upgrade: X-Stream-Protocol-Version header is "
                                    "required\n");
        api_respond_str(request, 400, "text/plain; charset=utf-8", text);
        return NULL;
    }
    const char *chosen =
        offered.failed == KE_OK ? ws_choose_protocol(ke_buf_str(&offered), ours) : NULL;
    if (chosen == NULL) {
        respond_no_protocol(request, ke_buf_str(&offered), ours);
    }
    return chosen;
}

bool stream_accept(struct api_request *request, enum stream_upgrade upgrade, const char *protocol,
                   void (*start)(void *ctx, struct api_wire *wire), void *ctx)
{
    struct api_wire_header headers[3];
    size_t n = 0;
    char accept[WS_ACCEPT_TEXT];
    if (upgrade == STREAM_UPGRADE_SPDY) {
        headers[n++] =
            (struct api_wire_header){ KE_STR(MHD_HTTP_HEADER_UPGRADE), KE_STR("SPDY/3.1") };
        headers[n++] =
            (struct api_wire_header){ KE_STR("X-Stream-Protocol-Version"), ke_str_c(protocol) };
        return api_wire_accept(request, headers, n, start, ctx);
    }
    ws_accept_key(api_request_header(request, MHD_HTTP_HEADER_SEC_WEBSOCKET_KEY), accept);
    headers[n++] = (struct api_wire_header){ KE_STR(MHD_HTTP_HEADER_UPGRADE), KE_STR("websocket") };
    headers[n++] =
        (struct api_wire_header){ KE_STR(MHD_HTTP_HEADER_SEC_WEBSOCKET_ACCEPT), ke_str_c(accept) };
    if (protocol[0] != '\0') {
        headers[n++] = (struct api_wire_header){ KE_STR(MHD_HTTP_HEADER_SEC_WEBSOCKET_PROTOCOL),
                                                 ke_str_c(protocol) };
    }
    return api_wire_accept(request, headers, n, start, ctx);
}

void api_handle_stream(struct api_request *request)
{
    struct ke_str name = request->target.subresource;
    if (ke_str_eq_c(name, "log")) {
        stream_handle_log(request);
    } else if (stream_upgrade_of(request) == STREAM_UPGRADE_NONE) {
        api_respond_code(request, KE_MALFORMED, "Upgrade request required");
    } else if (ke_str_eq_c(name, "portforward")) {
        stream_handle_forward(request);
    } else {
        stream_handle_exec(request, ke_str_eq_c(name, "attach"));
    }
}
