/* SPDX-License-Identifier: Apache-2.0 */
/* See audit.h. */
#include "core/api/audit.h"

#include "core/api/server_impl.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/rand.h"

#define ID_CHARS      64
#define REASON_BYTES  64
#define MESSAGE_BYTES 1024

struct api_audit {
    struct audit_log *log;
    char id[ID_CHARS + 1];
    int64_t received_us;
    unsigned http;
    char reason[REASON_BYTES];
    struct ke_buf message;
    bool is_decided, is_allowed;
    struct ke_buf decision; /* reason */
    struct ke_buf object;   /* printed; empty: not shown */
    char name[256];         /* of the object sent, which a create does not name elsewhere */
    struct ke_buf body;     /* of a record without request: what is between stage and status */
    enum audit_level level;
};

static int64_t now_us(void)
{
    return ke_clock_system.wall_us(ke_clock_system.ctx);
}

static bool is_id(struct ke_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c <= ' ' || c > '~') {
            return false;
        }
    }
    return text.len > 0 && text.len <= ID_CHARS;
}

/* Health and metrics are asked for by machines every few seconds. */
static bool is_audited(const struct api_request *request)
{
    static const char *const quiet[] = { "/healthz", "/livez", "/readyz", "/metrics" };
    for (size_t i = 0; i < KE_ARRAY_LEN(quiet); i++) {
        struct ke_str path = ke_str_sub(request->uri, 0, strlen(quiet[i]));
        if (ke_str_eq_c(path, quiet[i])) {
            return false;
        }
    }
    return true;
}

struct api_audit *api_audit_begin(struct api_request *request)
{
    struct audit_log *log = request->server->options.audit;
    enum audit_level level = audit_log_level(log);
    struct api_audit *audit =
        level != AUDIT_NONE && is_audited(request) ? ke_alloc(sizeof(*audit)) : NULL;
    if (audit == NULL) {
        return NULL;
    }
    struct ke_str id = api_request_header(request, "Audit-Id");
    audit->log = log;
    audit->level = AUDIT_METADATA;
    audit->received_us = now_us();
    audit->message = (struct ke_buf)KE_BUF_INIT(MESSAGE_BYTES);
    audit->decision = (struct ke_buf)KE_BUF_INIT(MESSAGE_BYTES);
    audit->object = (struct ke_buf)KE_BUF_INIT(LIMIT_AUDIT_OBJECT_BYTES);
    audit->body = (struct ke_buf)KE_BUF_INIT(LIMIT_AUDIT_LINE_BYTES);
    if (is_id(id)) {
        memcpy(audit->id, id.ptr, id.len);
    } else {
        ke_rand_uuid(audit->id);
    }
    return audit;
}

const char *api_audit_id(const struct api_audit *audit)
{
    return audit->id;
}

void api_audit_decided(struct api_audit *audit, bool is_allowed, struct ke_str reason)
{
    if (audit == NULL) {
        return;
    }
    audit->is_decided = true;
    audit->is_allowed = is_allowed;
    ke_buf_clear(&audit->decision);
    ke_buf_add_str(&audit->decision, reason);
}

/* What may hold secrets is never shown. */
static bool may_show(const struct api_request *request)
{
    static const char *const hidden[] = { "secrets", "configmaps", "tokenreviews" };
    for (size_t i = 0; i < KE_ARRAY_LEN(hidden); i++) {
        if (ke_str_eq_c(request->target.resource, hidden[i])) {
            return false;
        }
    }
    return !ke_str_eq_c(request->target.subresource, "token");
}

void api_audit_object(struct api_request *request, const cJSON *object)
{
    struct api_audit *audit = request->audit;
    if (audit == NULL) {
        return;
    }
    struct ke_buf name = KE_BUF_FIXED(audit->name, sizeof(audit->name) - 1);
    ke_buf_add_str(&name, ke_json_path_str(object, "metadata.name"));
    audit->name[name.len] = '\0';
    if (audit_log_level(audit->log) != AUDIT_REQUEST || !may_show(request)) {
        return;
    }
    audit->level = AUDIT_REQUEST;
    ke_buf_clear(&audit->object);
    if (object != NULL) {
        ke_json_print(object, &audit->object);
    }
    if (audit->object.failed != KE_OK) {
        ke_buf_clear(&audit->object); /* too large: told without it */
    }
}

void api_audit_answered(struct api_audit *audit, unsigned http)
{
    audit->http = http;
}

void api_audit_failure(struct api_audit *audit, struct ke_str text)
{
    ke_auto_json *status = NULL;
    struct ke_err err;
    if (audit == NULL || ke_json_parse(text, &status, &err) != KE_OK) {
        return;
    }
    struct ke_buf reason = KE_BUF_FIXED(audit->reason, sizeof(audit->reason) - 1);
    ke_buf_add_str(&reason, ke_json_str(status, "reason"));
    audit->reason[reason.len] = '\0';
    ke_buf_clear(&audit->message);
    ke_buf_add_str(&audit->message, ke_str_sub(ke_json_str(status, "message"), 0, MESSAGE_BYTES));
}

/* ---- printing -------------------------------------------------------------------------------- */

static void add_member(struct ke_buf *out, const char *name, struct ke_str value)
{
    if (value.len > 0) {
        ke_buf_addf(out, ",\"%s\":", name);
        ke_buf_add_json_str(out, value);
    }
}

static void add_user(struct ke_buf *out, const char *name, const struct auth_user *user)
{
    ke_buf_addf(out, ",\"%s\":{\"username\":", name);
    ke_buf_add_json_str(out, user->name);
    add_member(out, "uid", user->uid);
    for (size_t i = 0; i < user->n_groups; i++) {
        ke_buf_add_c(out, i == 0 ? ",\"groups\":[" : ",");
        ke_buf_add_json_str(out, user->groups[i]);
    }
    ke_buf_add_c(out, user->n_groups > 0 ? "]" : "");
    for (size_t i = 0; i < user->n_extra; i++) {
        bool is_same = i > 0 && ke_str_eq(user->extra[i].key, user->extra[i - 1].key);
        if (is_same) {
            ke_buf_add_char(out, ',');
        } else {
            ke_buf_add_c(out, i == 0 ? ",\"extra\":{" : "],");
            ke_buf_add_json_str(out, user->extra[i].key);
            ke_buf_add_c(out, ":[");
        }
        ke_buf_add_json_str(out, user->extra[i].value);
    }
    ke_buf_add_c(out, user->n_extra > 0 ? "]}}" : "}");
}

static void add_source(struct ke_buf *out, const struct api_request *request)
{
    char text[KE_IP_TEXT_MAX];
    const struct ke_ip *ip = &request->conn->peer;
    if (ip->family != KE_FAMILY_NONE) {
        ke_buf_addf(out, ",\"sourceIPs\":[\"%s\"]", ke_ip_text(ip, text));
    }
}

static void add_object_ref(struct ke_buf *out, const struct api_request *request)
{
    const struct api_target *target = &request->target;
    if (!target->is_resource) {
        return;
    }
    ke_buf_add_c(out, ",\"objectRef\":{\"resource\":");
    ke_buf_add_json_str(out, target->resource);
    bool is_namespace = target->group.len == 0 && ke_str_eq_c(target->resource, "namespaces");
    add_member(out, "namespace", is_namespace ? target->name : target->ns);
    add_member(out, "name", target->name.len > 0 ? target->name : ke_str_c(request->audit->name));
    add_member(out, "apiGroup", target->group);
    add_member(out, "apiVersion", target->version);
    add_member(out, "subresource", target->subresource);
    ke_buf_add_char(out, '}');
}

/* From requestURI to objectRef. */
static void print_body(struct ke_buf *out, const struct api_request *request)
{
    ke_buf_add_c(out, ",\"requestURI\":");
    ke_buf_add_json_str(out, request->uri);
    add_member(out, "verb", request->verb);
    if (request->impersonator != NULL) {
        add_user(out, "user", request->impersonator);
        add_user(out, "impersonatedUser", request->user);
    } else if (request->user != NULL) {
        add_user(out, "user", request->user);
    }
    add_source(out, request);
    add_member(out, "userAgent", api_request_header(request, MHD_HTTP_HEADER_USER_AGENT));
    add_object_ref(out, request);
}

static void print_status(struct ke_buf *out, const struct api_audit *audit)
{
    ke_buf_add_c(out, ",\"responseStatus\":{\"metadata\":{}");
    if (audit->http >= 400 || audit->http == 0) {
        ke_buf_add_c(out, ",\"status\":\"Failure\"");
        add_member(out, "message", ke_buf_str(&audit->message));
        add_member(out, "reason", ke_str_c(audit->reason));
    }
    if (audit->http != 0) {
        ke_buf_addf(out, ",\"code\":%u", audit->http);
    }
    ke_buf_add_char(out, '}');
}

static void print_annotations(struct ke_buf *out, const struct api_audit *audit)
{
    if (!audit->is_decided) {
        return;
    }
    ke_buf_addf(out, ",\"annotations\":{\"authorization.k8s.io/decision\":\"%s\"",
                audit->is_allowed ? "allow" : "forbid");
    ke_buf_add_c(out, ",\"authorization.k8s.io/reason\":");
    ke_buf_add_json_str(out, ke_buf_str(&audit->decision));
    ke_buf_add_char(out, '}');
}

static void tell(struct api_audit *audit, const char *stage, struct ke_str body)
{
    struct ke_buf out = KE_BUF_INIT(LIMIT_AUDIT_LINE_BYTES);
    ke_buf_addf(&out,
                "{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"%s\","
                "\"auditID\":",
                audit->level == AUDIT_REQUEST ? "Request" : "Metadata");
    ke_buf_add_json_str(&out, ke_str_c(audit->id));
    ke_buf_addf(&out, ",\"stage\":\"%s\"", stage);
    ke_buf_add_str(&out, body);
    print_status(&out, audit);
    if (audit->object.len > 0) {
        ke_buf_add_c(&out, ",\"requestObject\":");
        ke_buf_add_str(&out, ke_buf_str(&audit->object));
    }
    ke_buf_add_c(&out, ",\"requestReceivedTimestamp\":\"");
    ke_time_format_us(audit->received_us, &out);
    ke_buf_add_c(&out, "\",\"stageTimestamp\":\"");
    ke_time_format_us(now_us(), &out);
    ke_buf_add_char(&out, '"');
    print_annotations(&out, audit);
    ke_buf_add_c(&out, "}\n");
    size_t len = 0;
    char *line = ke_buf_take(&out, &len);
    ke_buf_free(&out);
    if (line != NULL) {
        audit_log_add(audit->log, line, len);
    }
}

struct api_audit *api_audit_start(struct api_request *request)
{
    struct api_audit *audit = request->audit;
    if (audit == NULL) {
        return NULL;
    }
    print_body(&audit->body, request);
    request->audit = NULL;
    tell(audit, "ResponseStarted", ke_buf_str(&audit->body));
    return audit;
}

void api_audit_end(struct api_audit *audit, const struct api_request *request)
{
    if (audit == NULL) {
        return;
    }
    if (request != NULL) {
        print_body(&audit->body, request);
    }
    if (audit->http == 0) { /* what was asked for may have been done all the same */
        ke_buf_clear(&audit->message);
        ke_buf_add_c(&audit->message, "the client left before it was answered");
    }
    tell(audit, "ResponseComplete", ke_buf_str(&audit->body));
    ke_buf_free(&audit->message);
    ke_buf_free(&audit->decision);
    ke_buf_free(&audit->object);
    ke_buf_free(&audit->body);
    free(audit);
}
