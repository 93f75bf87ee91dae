/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver of writes: makes the operation, runs its verb, commits, tries again after a conflict
 * where the verb allows it, and answers once. Threads: the caller's until the commit, then the
 * registry's writer, where nothing here blocks.
 */
#include "core/resource/operation.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/auth/node.h"
#include "core/resource/managed.h"
#include "core/resource/permission.h"
void operation_discard(struct operation *op)
{
    if (op == NULL)
        return;
    struct turns *turns = op->store->turns;
    struct turn *turn = op->waiter.turn;
    struct turn *charge = op->charge.waiter.turn;
    service_claim_settle(op->claim);
    quota_forget(op);
    registry_object_unref(op->answer);
    cJSON_Delete(op->body);
    cJSON_Delete(op->managed);
    model_form_close(&op->form);
    ke_arena_free(op->arena);
    free(op);
    if (charge != NULL)
        turns_leave(turns, charge);
    if (turn != NULL)
        turns_leave(turns, turn);
}

static void fill_failure(const struct operation *op, struct resource_reply *reply)
{
    reply->err.code = reply->code;
    reply->err.sys = op->sys;
    reply->message = op->message;
    snprintf(reply->err.msg, sizeof(reply->err.msg), "%.*s", KE_STR_ARG(op->message));
    reply->detail_name = op->detail_name;
    reply->detail_group = op->detail_group;
    reply->detail_kind = op->detail_kind;
    reply->issues = op->has_issues ? &op->issues : NULL;
    reply->cause_reason = op->cause_reason;
    reply->cause_message = op->cause_message;
    reply->cause_field = op->cause_field;
    reply->causes = op->causes;
    reply->n_causes = op->n_causes;
    reply->is_explained = op->is_explained;
    reply->retry_after_s = op->retry_after_s;
    reply->is_told = op->is_told;
}

void operation_answer_failure(struct operation *op, enum ke_code code)
{
    struct resource_reply reply = { .code = code,
                                    .warnings = op->warnings,
                                    .n_warnings = op->n_warnings };
    fill_failure(op, &reply);
    op->done(op->ctx, &reply);
    operation_discard(op);
}

void operation_answer(struct operation *op, struct registry_object *object)
{
    struct resource_reply reply = { .code = KE_OK,
                                    .object = object,
                                    .is_created = op->is_created,
                                    .is_deleted = op->is_deleted,
                                    .is_status = op->answers_status,
                                    .warnings = op->warnings,
                                    .n_warnings = op->n_warnings };
    op->done(op->ctx, &reply);
    operation_discard(op);
}

enum ke_code operation_key(struct operation *op, const struct model_kind *kind, struct ke_str ns,
                           struct ke_str name, struct ke_str *out)
{
    ke_auto_buf key = KE_BUF_INIT(LIMIT_KEY_BYTES);
    model_kind_key(kind, ns, name, &key);
    if (key.failed == KE_TOO_LARGE)
        return operation_fail(op, KE_MALFORMED, "the name is too long");
    struct ke_str copy = ke_arena_str(op->arena, ke_buf_str(&key));
    if (key.failed != KE_OK || copy.ptr == NULL)
        return operation_fail_nomem(op);
    *out = copy;
    return KE_OK;
}

enum ke_code operation_current(struct operation *op, struct registry_object **out)
{
    struct ke_str key = { NULL, 0 };
    enum ke_code rc = operation_key(op, op->kind, op->request.ns, op->request.name, &key);
    if (rc != KE_OK)
        return rc;
    struct ke_err err = KE_ERR_INIT;
    rc = registry_get(op->store->registry, key, out, &err);
    if (rc != KE_OK && rc != KE_NOT_FOUND)
        return operation_fail_err(op, &err);
    return rc;
}

cJSON *operation_parse(const struct operation *op, const struct registry_object *stored)
{
    ke_auto_json *json = registry_object_parse(stored);
    bool is_current = stored->form != 0 && stored->form == model_form_mark(&op->form);
    if (json == NULL || (!is_current && !model_form_refresh(&op->form, json)))
        return NULL;
    return KE_TAKE(json);
}

enum ke_code operation_make(struct operation *op, const cJSON *json, struct registry_object **out)
{
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = registry_object_new(op->kind, json, out, &err);
    /* Who owns what is worth less than the object. */
    ke_auto_json *bare = rc == KE_TOO_LARGE ? managed_without(json) : NULL;
    if (bare != NULL)
        rc = registry_object_new(op->kind, bare, out, &err);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    registry_object_set_form(*out, model_form_mark(&op->form));
    return KE_OK;
}

struct ke_str operation_timestamp(struct operation *op, int64_t plus_s)
{
    const struct ke_clock *clock = op->store->clock;
    char text[64];
    struct ke_buf buf = KE_BUF_FIXED(text, sizeof(text));
    ke_time_format_s(clock->wall_us(clock->ctx) / 1000000 + plus_s, &buf);
    return ke_arena_str(op->arena, ke_buf_str(&buf));
}

/* ---- commit */

static bool can_try_again(const struct operation *op, enum ke_code code)
{
    unsigned most = op->part->n_attempts > 0 ? op->part->n_attempts : OPERATION_ATTEMPTS;
    if (op->n_attempts >= most)
        return false;
    if ((op->request.verb == RESOURCE_CREATE && op->part->is_main) || op->is_created)
        return code == KE_EXISTS && (op->is_name_generated || op->request.verb != RESOURCE_CREATE);
    return (code == KE_CONFLICT || code == KE_NOT_FOUND) && !op->is_conditional;
}

static enum ke_code fail_exists(struct operation *op)
{
    ke_auto_object *there = NULL;
    struct ke_str key = { NULL, 0 };
    struct ke_err err = KE_ERR_INIT;
    bool is_deleting = false;
    if (operation_key(op, op->kind, op->request.ns, op->request.name, &key) == KE_OK &&
        registry_get(op->store->registry, key, &there, &err) == KE_OK) {
        ke_auto_json *json = registry_object_parse(there);
        is_deleting = ke_json_path_str(json, "metadata.deletionTimestamp").len > 0;
    }
    return operation_fail_exists(op, op->request.name, is_deleting);
}

static enum ke_code fail_commit(struct operation *op, const struct registry_result *result)
{
    if (result->code == KE_EXISTS)
        return fail_exists(op);
    if (result->code == KE_CONFLICT)
        return operation_fail_modified(op);
    if (result->code == KE_NOT_FOUND)
        return operation_fail_not_found(op, op->kind, op->request.name);
    if (result->code != KE_LIMIT)
        return operation_fail_err(op, &result->err);
    op->retry_after_s = 1;
    return operation_fail(op, KE_LIMIT,
                          "Too many requests, please try again later: the commit queue is full");
}

/* Before another attempt, which decides anew whether it is charged at all. */
static void end_charge(struct operation *op)
{
    struct turn *turn = op->charge.waiter.turn;
    quota_forget(op);
    op->charge.waiter.turn = NULL;
    if (turn != NULL)
        turns_leave(op->store->turns, turn);
}

static void commit_done(void *ctx, const struct registry_result *result)
{
    struct operation *op = ctx;
    bool is_conflict = result->code == KE_CONFLICT || result->code == KE_NOT_FOUND;
    if (is_conflict && result->failed_op > 0 && quota_try_again(op))
        return;
    service_claim_settle(op->claim);
    op->claim = NULL;
    if (result->code == KE_OK) {
        /* Quotas that were charged with it come behind. */
        struct registry_object *stored = result->n_objects > 0 ? result->objects[0] : NULL;
        if (op->answer != NULL)
            registry_object_set_revision(op->answer,
                                         stored != NULL ? stored->revision : result->revision);
        if (op->answers_status)
            stored = NULL;
        operation_answer(op, op->answer != NULL ? op->answer : stored);
        return;
    }
    if (can_try_again(op, result->code)) {
        op->n_attempts++;
        end_charge(op);
        operation_run(op);
        return;
    }
    operation_answer_failure(op, fail_commit(op, result));
}

enum ke_code operation_commit(struct operation *op, int64_t expected,
                              struct registry_object *object)
{
    struct registry_op change = { .expected = expected, .object = object };
    enum ke_code rc = operation_key(op, op->kind, op->request.ns, op->request.name, &change.key);
    if (rc != KE_OK) {
        registry_object_unref(object);
        return rc;
    }
    registry_commit(op->store->registry, &change, 1, commit_done, op);
    return KE_OK;
}

void operation_commit_all(struct operation *op, struct registry_op *changes, size_t n)
{
    registry_commit(op->store->registry, changes, n, commit_done, op);
}

/* ---- run */

static void forget_attempt(struct operation *op)
{
    registry_object_unref(op->answer);
    op->answer = NULL;
    op->is_created = false;
    op->is_deleted = false;
    op->answers_status = false;
    op->has_issues = false;
    cJSON_Delete(op->managed);
    op->managed = NULL;
    op->n_causes = 0;
    model_issues_init(&op->issues, op->arena);
}

/* POST to a subresource. Who is no node pays nothing for it. */
static enum ke_code create_part(struct operation *op)
{
    struct ke_str node;
    if (op->request.asker == NULL || !auth_node_identify(op->request.asker, &node))
        return op->part->create(op);
    ke_auto_object *current = NULL;
    enum ke_code rc = operation_current(op, &current);
    if (rc != KE_OK)
        return rc == KE_NOT_FOUND ? operation_fail_not_found(op, op->kind, op->request.name) : rc;
    ke_auto_json *object = registry_object_parse(current);
    if (object == NULL)
        return operation_fail_nomem(op);
    rc = node_restriction_admit_post(op, object);
    return rc == KE_OK ? op->part->create(op) : rc;
}

void operation_run(struct operation *op)
{
    forget_attempt(op);
    enum ke_code rc = KE_BUG;
    switch (op->request.verb) {
    case RESOURCE_CREATE:
        rc = op->part->is_main ? operation_create(op) : create_part(op);
        break;
    case RESOURCE_UPDATE:
        rc = operation_update(op);
        break;
    case RESOURCE_PATCH:
        rc = operation_patch(op);
        break;
    case RESOURCE_DELETE:
        rc = operation_delete(op);
        break;
    case RESOURCE_DELETE_COLLECTION:
        rc = operation_delete_collection(op);
        break;
    }
    if (rc != KE_OK)
        operation_answer_failure(op, rc);
}

void operation_take_turn(struct turn_waiter *waiter)
{
    operation_run(KE_CONTAINER_OF(waiter, struct operation, waiter));
}

/*
 * Writes that read before they write wait for those of the same object; the others just run. Those
 * of a quota wait for all that are charged in its namespace.
 */
static enum ke_code begin(struct operation *op)
{
    struct ke_str key = { NULL, 0 };
    struct ke_err err = KE_ERR_INIT;
    bool is_new = op->request.verb == RESOURCE_CREATE && op->part->is_main;
    if (is_new || op->request.verb == RESOURCE_DELETE_COLLECTION) {
        operation_run(op);
        return KE_OK;
    }
    enum ke_code rc = op->kind->id == MODEL_RESOURCEQUOTA
                          ? quota_turn_key(op, &key)
                          : operation_key(op, op->kind, op->request.ns, op->request.name, &key);
    if (rc != KE_OK)
        return rc;
    op->waiter.run = operation_take_turn;
    if (turns_enter(op->store->turns, key, &op->waiter, &err) != KE_OK)
        return operation_fail_nomem(op);
    return KE_OK;
}

static unsigned needed_verb(enum resource_verb verb)
{
    switch (verb) {
    case RESOURCE_CREATE:
        return MODEL_VERB_CREATE;
    case RESOURCE_UPDATE:
        return MODEL_VERB_UPDATE;
    case RESOURCE_PATCH:
        return MODEL_VERB_PATCH;
    case RESOURCE_DELETE:
        return MODEL_VERB_DELETE;
    case RESOURCE_DELETE_COLLECTION:
        return MODEL_VERB_DELETECOLLECTION;
    }
    return 0;
}

/* Can this part be written by this verb at all? Deletes are of whole objects only. */
static bool part_has_verb(const struct operation_part *part, enum resource_verb verb)
{
    if (part->is_main)
        return true;
    if (verb == RESOURCE_CREATE)
        return part->create != NULL;
    return part->merge != NULL && (verb == RESOURCE_UPDATE || verb == RESOURCE_PATCH);
}

/* Which part is written, and may it be written by this verb? */
static enum ke_code find_part(struct operation *op)
{
    struct ke_str name = op->request.subresource;
    unsigned verbs = op->kind->verbs;
    op->part = part_find(name);
    op->spoken = op->kind;
    if (name.len > 0) {
        op->subresource = model_version_subresource(op->kind, op->version, name);
        if (op->subresource == NULL || op->part == NULL)
            return operation_fail(op, KE_NOT_FOUND,
                                  "the server could not find the requested resource");
        verbs = op->subresource->verbs;
        if (op->subresource->speaks != NULL)
            op->spoken = op->subresource->speaks;
    }
    if ((verbs & needed_verb(op->request.verb)) == 0 || !part_has_verb(op->part, op->request.verb))
        return operation_fail(op, KE_METHOD,
                              "the server does not allow this method on the requested resource");
    return KE_OK;
}

/* The kind may be gone since the request was read. */
static enum ke_code open_form(struct operation *op)
{
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = model_form_open(op->kind, op->version, &op->form, &err);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    definition_warn_version(op);
    if (op->form.definition != NULL && op->form.definition->is_terminating &&
        op->request.verb == RESOURCE_CREATE)
        return operation_fail(op, KE_METHOD,
                              "create not allowed while custom resource definition is terminating");
    return KE_OK;
}

/* The request outlives the caller's memory: retries run on the writer's thread. */
static bool copy_texts(struct operation *op)
{
    struct ke_str *texts[] = { &op->request.ns,
                               &op->request.name,
                               &op->request.subresource,
                               &op->request.field_manager,
                               &op->request.yaml_duplicates,
                               &op->request.precondition_uid,
                               &op->request.precondition_rv,
                               &op->request.label_selector,
                               &op->request.field_selector };
    for (size_t i = 0; i < KE_ARRAY_LEN(texts); i++) {
        *texts[i] = ke_arena_str(op->arena, *texts[i]);
        if (texts[i]->ptr == NULL)
            return false;
    }
    if (op->request.asker != NULL) {
        op->request.asker = auth_user_copy(op->request.asker, op->arena);
        return op->request.asker != NULL;
    }
    return true;
}

static struct operation *operation_new(struct resource_store *store,
                                       const struct resource_request *request)
{
    struct operation *op = ke_alloc(sizeof(*op));
    if (op == NULL)
        return NULL;
    op->store = store;
    op->request = *request;
    op->request.body = NULL;
    op->kind = request->kind;
    op->version = request->version != NULL ? request->version : &request->kind->versions[0];
    op->arena = ke_arena_new(LIMIT_OPERATION_BYTES);
    if (op->arena == NULL || !copy_texts(op)) {
        operation_discard(op);
        return NULL;
    }
    return op;
}

void resource_submit(struct resource_store *store, struct resource_request *request,
                     resource_done_fn *done, void *ctx)
{
    struct operation *op = operation_new(store, request);
    if (op == NULL) {
        struct resource_reply reply = { .code = KE_NOMEM, .message = KE_STR("out of memory") };
        (void)ke_fail(&reply.err, KE_NOMEM, "out of memory");
        cJSON_Delete(request->body);
        request->body = NULL;
        done(ctx, &reply);
        return;
    }
    op->done = done;
    op->ctx = ctx;
    op->body = request->body;
    request->body = NULL;
    model_issues_init(&op->issues, op->arena);
    enum ke_code rc = op->kind->id == MODEL_BINDING ? binding_redirect(op) : KE_OK;
    if (rc == KE_OK)
        rc = open_form(op);
    if (rc == KE_OK)
        rc = find_part(op);
    if (rc == KE_OK)
        rc = begin(op);
    if (rc != KE_OK)
        operation_answer_failure(op, rc);
}
