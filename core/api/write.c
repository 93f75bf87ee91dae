/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create, update, patch, delete, deletecollection: decodes options and body, submits to
 * core/resource, suspends the connection until the commit is done, answers. The completion runs on
 * the writer's thread and only keeps what the answer needs; the answer is made on the API loop.
 */
#include "core/api/audit.h"
#include "core/api/body.h"
#include "core/api/options.h"
#include "core/api/read.h"
#include "core/api/server_impl.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/model/field_manager.h"

/* What a completion leaves for the loop. */
struct write_work {
    struct resource_request request;
    struct ke_buf duplicates; /* its text is borrowed by request */
    cJSON *delete_body;       /* its texts are borrowed by request */
    enum ke_code code;
    struct registry_object *object;
    char *failure; /* Status */
    size_t failure_len;
    bool is_created, is_deleted, is_status;
    struct ke_str warnings[16];
    size_t n_warnings;
    struct registry_list deleted; /* deletecollection */
    uint32_t retry_after_s;
};

static void work_free(struct write_work *work)
{
    registry_object_unref(work->object);
    registry_list_free(&work->deleted);
    cJSON_Delete(work->delete_body);
    ke_buf_free(&work->duplicates);
    for (size_t i = 0; i < work->n_warnings; i++) {
        ke_autofree(&work->warnings[i].ptr);
    }
    free(work->failure);
    free(work);
}

/* ---- completion: on the writer's thread, or at once --------------------------------------------
 */

/* Conflicts name no object: details are the causes alone. NULL: out of memory. */
static struct api_cause *causes_of_apply(const struct resource_reply *reply)
{
    struct api_cause *causes = ke_alloc_n(reply->n_causes, sizeof(*causes));
    for (size_t i = 0; causes != NULL && i < reply->n_causes; i++) {
        causes[i] = (struct api_cause){
            .reason = reply->causes[i].reason,
            .message = reply->causes[i].message,
            .field = reply->causes[i].field,
        };
    }
    return causes;
}

/* The Status is made while the reply's texts live. */
static void keep_failure(struct write_work *work, const struct resource_reply *reply)
{
    struct api_status status = api_status_from(reply->code, &reply->err);
    struct api_cause cause = {
        .reason = reply->cause_reason,
        .message = reply->cause_message,
        .field = reply->cause_field,
    };
    ke_auto_buf body = KE_BUF_INIT(2 * LIMIT_REQUEST_BODY_BYTES);
    if (reply->message.len > 0 && ke_str_eq_c(status.message, reply->err.msg)) {
        status.message = reply->message;
    }
    if (reply->detail_kind.len > 0) {
        status.kind = reply->detail_kind;
        status.group = reply->detail_group;
        status.name = reply->detail_name;
    }
    status.issues = reply->issues;
    status.causes = &cause;
    status.n_causes = cause.reason.len > 0 ? 1 : 0;
    if (reply->is_told) {
        status.message = reply->message;
    }
    ke_auto_ptr struct api_cause *causes = NULL;
    if (reply->n_causes > 0) {
        causes = causes_of_apply(reply);
        status.causes = causes;
        status.n_causes = causes != NULL ? reply->n_causes : 0;
    }
    if (reply->is_explained) {
        status.reason = "";
        status.message = reply->message;
    }
    if (reply->retry_after_s > 0 || cause.reason.len > 0) {
        status.retry_after_s = reply->retry_after_s;
    }
    api_status_print(&status, &body);
    work->retry_after_s = status.retry_after_s;
    work->failure = ke_buf_take(&body, &work->failure_len);
}

static void keep_list(struct write_work *work, const struct registry_list *list)
{
    work->deleted.revision = list->revision;
    if (list->n_objects == 0) {
        return;
    }
    work->deleted.objects = ke_alloc_n(list->n_objects, sizeof(struct registry_object *));
    if (work->deleted.objects == NULL) {
        work->code = KE_NOMEM;
        return;
    }
    for (size_t i = 0; i < list->n_objects; i++) {
        work->deleted.objects[i] = registry_object_ref(list->objects[i]);
    }
    work->deleted.n_objects = list->n_objects;
}

static void on_reply(void *ctx, const struct resource_reply *reply)
{
    struct api_request *request = ctx;
    struct write_work *work = request->work;
    work->code = reply->code;
    work->is_created = reply->is_created;
    work->is_deleted = reply->is_deleted;
    work->is_status = reply->is_status;
    if (reply->object != NULL) {
        work->object = registry_object_ref(reply->object);
    }
    for (size_t i = 0; i < reply->n_warnings && i < KE_ARRAY_LEN(work->warnings); i++) {
        char *copy = ke_str_dup(reply->warnings[i]);
        if (copy != NULL) {
            work->warnings[work->n_warnings++] = ke_str_of(copy, reply->warnings[i].len);
        }
    }
    if (reply->code != KE_OK) {
        keep_failure(work, reply);
    } else if (reply->list != NULL) {
        keep_list(work, reply->list);
    }
    api_request_finish(request);
}

/* ---- the answer: on the loop -------------------------------------------------------------------
 */

static void respond_failure(struct api_request *request, struct write_work *work)
{
    unsigned http = api_status_http(work->code);
    if (http >= 500) {
        ke_metric_add(request->server->requests_failed, 1);
    }
    if (work->failure == NULL) {
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    api_respond_status_text(request, http, work->retry_after_s, &work->failure, work->failure_len);
}

/* {"kind":"Status",...,"status":"Success","details":{name, group, kind, uid}} */
static void respond_deleted(struct api_request *request, const struct registry_object *object)
{
    struct api_status status = {
        .http = 200,
        .reason = "",
        .details = API_DETAILS_EMPTY,
        .name = object->name,
        .group = ke_str_c(request->version->group),
        .kind = ke_str_c(request->kind->plural),
        .uid = object->uid,
        .is_success = true,
    };
    api_respond_status(request, &status);
}

static void respond_collection(struct api_request *request, struct write_work *work)
{
    struct resource_list list = { .items = work->deleted, .n_remaining = -1 };
    work->deleted = (struct registry_list){ .n_objects = 0 };
    api_respond_list(request, &list);
}

static void on_done(struct api_request *request)
{
    struct write_work *work = request->work;
    request->work = NULL;
    request->warnings = work->warnings;
    request->n_warnings = work->n_warnings;
    enum resource_verb verb = work->request.verb;
    if (work->code != KE_OK) {
        respond_failure(request, work);
    } else if (verb == RESOURCE_DELETE_COLLECTION) {
        respond_collection(request, work);
    } else if (work->is_status) {
        struct api_status status = { .http = 201, .reason = "", .is_success = true };
        api_respond_status(request, &status);
    } else if (work->object == NULL) {
        api_respond_code(request, KE_BUG, "");
    } else if (verb == RESOURCE_DELETE && work->is_deleted) {
        respond_deleted(request, work->object);
    } else {
        bool is_new = verb == RESOURCE_CREATE || work->is_created;
        api_respond_object(request, is_new ? 201 : 200, work->object);
    }
    request->n_warnings = 0;
    work_free(work);
}

/* ---- the request -------------------------------------------------------------------------------
 */

/* Is the body of a custom kind (not what a subresource of it speaks)? */
static bool is_custom(const struct api_request *request)
{
    bool is_spoken = request->subresource != NULL && request->subresource->speaks != NULL;
    return request->kind->custom != NULL && !is_spoken;
}

static void respond_unsupported(struct api_request *request, bool is_patch)
{
    struct api_status status = {
        .http = 415,
        .reason = "UnsupportedMediaType",
        .message = KE_STR("the body of the request was in an unknown format - accepted media types "
                          "include: application/json, application/yaml, "
                          "application/vnd.kubernetes.protobuf"),
    };
    if (is_patch) {
        status.message = KE_STR("415: Unsupported Media Type");
        status.details = API_DETAILS_EMPTY;
        if (is_custom(request)) {
            status.message =
                KE_STR("the body of the request was in an unknown format - accepted media types "
                       "include: application/json-patch+json, application/merge-patch+json, "
                       "application/apply-patch+yaml");
        }
    }
    api_respond_status(request, &status);
}

static enum api_body_error take_body(struct api_request *request, struct write_work *work,
                                     struct ke_err *err)
{
    struct ke_str type = api_request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE);
    struct ke_str body = ke_buf_str(&request->body);
    struct resource_request *write = &work->request;
    if (write->verb == RESOURCE_PATCH) {
        enum api_body_error rc =
            api_body_patch(type, body, &work->duplicates, &write->body, &write->patch, err);
        /* Nothing says how lists of a custom kind are merged but server-side apply. */
        bool is_refused =
            rc == API_BODY_OK && write->patch == RESOURCE_PATCH_STRATEGIC && is_custom(request);
        if (is_refused) {
            cJSON_Delete(write->body);
            write->body = NULL;
            return API_BODY_UNSUPPORTED;
        }
        return rc;
    }
    if (write->verb == RESOURCE_CREATE || write->verb == RESOURCE_UPDATE) {
        const struct model_subresource *sub = request->subresource;
        bool is_spoken = sub != NULL && sub->speaks != NULL;
        return api_body_object(type, body, is_spoken ? sub->speaks : request->kind,
                               is_spoken ? &sub->speaks->versions[0] : request->version,
                               &work->duplicates, &write->body, err);
    }
    return api_body_delete_options(type, body, &work->delete_body, err);
}

static enum ke_code take_options(struct api_request *request, struct write_work *work,
                                 struct model_issues *issues, struct ke_err *err)
{
    struct resource_request *write = &work->request;
    const char *const names[] = {
        [RESOURCE_CREATE] = "CreateOptions",
        [RESOURCE_UPDATE] = "UpdateOptions",
        [RESOURCE_PATCH] = "PatchOptions",
    };
    if (write->verb == RESOURCE_DELETE || write->verb == RESOURCE_DELETE_COLLECTION) {
        return api_delete_options_parse(&request->query, work->delete_body, write, issues, err);
    }
    return api_write_options_parse(&request->query, names[write->verb], write, issues, err);
}

/* Selectors of a deletecollection are checked here, where their words are known. */
static enum ke_code take_selectors(struct api_request *request, struct write_work *work,
                                   struct model_issues *issues, struct ke_err *err)
{
    struct api_list_options list;
    enum ke_code rc =
        api_list_options_parse(&request->query, request->kind, false, &list, issues, err);
    if (rc != KE_OK) {
        return rc;
    }
    api_list_options_clear(&list);
    work->request.label_selector = api_query_get(&request->query, "labelSelector");
    work->request.field_selector = api_query_get(&request->query, "fieldSelector");
    return KE_OK;
}

static enum resource_verb write_verb(struct ke_str verb)
{
    if (ke_str_eq_c(verb, "create")) {
        return RESOURCE_CREATE;
    }
    if (ke_str_eq_c(verb, "update")) {
        return RESOURCE_UPDATE;
    }
    if (ke_str_eq_c(verb, "patch")) {
        return RESOURCE_PATCH;
    }
    return ke_str_eq_c(verb, "delete") ? RESOURCE_DELETE : RESOURCE_DELETE_COLLECTION;
}

/* Who does not say who it is goes by the name of its program. */
static void name_manager(struct api_request *request, struct resource_request *write)
{
    if (write->field_manager.len > 0) {
        return;
    }
    struct ke_str agent = api_request_header(request, MHD_HTTP_HEADER_USER_AGENT);
    write->field_manager = model_field_manager_of_agent(agent, request->arena);
}

static void submit(struct api_request *request, struct write_work *work)
{
    ke_buf_free(&request->body);
    request->work = work;
    api_request_start_wait(request, on_done);
    resource_submit(request->server->options.store, &work->request, on_reply, request);
    api_request_settle(request);
}

void api_handle_write(struct api_request *request)
{
    struct ke_err err;
    struct model_issues issues;
    if (atomic_load(&request->server->is_stopping)) {
        api_respond_code(request, KE_UNAVAILABLE, "the server is shutting down");
        return;
    }
    struct write_work *work = ke_alloc(sizeof(*work));
    if (work == NULL) {
        api_respond_code(request, KE_NOMEM, "");
        return;
    }
    work->request = (struct resource_request){
        .verb = write_verb(request->verb),
        .kind = request->kind,
        .version = request->version,
        .ns = request->target.ns,
        .name = request->target.name,
        .subresource = request->target.subresource,
        .asker = request->user,
        .grace_period_s = -1,
    };
    work->duplicates = (struct ke_buf)KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    model_issues_init(&issues, request->arena);
    enum api_body_error decoded = take_body(request, work, &err);
    work->request.yaml_duplicates = ke_buf_str(&work->duplicates);
    if (decoded == API_BODY_UNSUPPORTED) {
        respond_unsupported(request, work->request.verb == RESOURCE_PATCH);
        work_free(work);
        return;
    }
    enum ke_code rc = decoded == API_BODY_BAD ? err.code : KE_OK;
    if (decoded == API_BODY_OK) {
        api_audit_object(request,
                         work->request.body != NULL ? work->request.body : work->delete_body);
    }
    if (rc == KE_OK) {
        rc = take_options(request, work, &issues, &err);
    }
    if (rc == KE_OK && work->request.verb == RESOURCE_DELETE_COLLECTION) {
        rc = take_selectors(request, work, &issues, &err);
    }
    if (rc != KE_OK) {
        cJSON_Delete(work->request.body);
        api_respond_invalid(request, rc, &err, &issues);
        work_free(work);
        return;
    }
    name_manager(request, &work->request);
    submit(request, work);
}
