/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Update, and the part that patches share: what the server keeps, no-op writes, and the removal of
 * an object whose last finalizer goes. What may change where is part.c's.
 * Source: apiserver pkg/registry/rest/update.go, generic/registry/store.go. Thread: the
 * operation's.
 */
#include <inttypes.h>

#include "core/model/values.h"
#include "core/resource/managed.h"
#include "core/resource/metadata.h"
#include "core/resource/operation.h"
#include "core/resource/permission.h"

enum ke_code operation_check_names(struct operation *op, const cJSON *object)
{
    struct ke_str name = ke_json_path_str(object, "metadata.name");
    struct ke_str ns = ke_json_path_str(object, "metadata.namespace");
    struct ke_str wanted = op->request.name;
    if (name.len == 0) {
        return operation_fail(op, KE_MALFORMED,
                              "the name of the object (%.*s based on URL) was undeterminable: name "
                              "must be provided",
                              KE_STR_ARG(wanted));
    }
    if (!ke_str_eq(name, wanted)) {
        return operation_fail(op, KE_MALFORMED,
                              "the name of the object (%.*s) does not match the name on the URL "
                              "(%.*s)",
                              KE_STR_ARG(name), KE_STR_ARG(wanted));
    }
    if (op->kind->is_namespaced && ns.len > 0 && !ke_str_eq(ns, op->request.ns)) {
        return operation_fail(op, KE_MALFORMED,
                              "the namespace of the object (%.*s) does not match the namespace on "
                              "the request (%.*s)",
                              KE_STR_ARG(ns), KE_STR_ARG(op->request.ns));
    }
    return KE_OK;
}

static enum ke_code check_uid(struct operation *op, const cJSON *object, struct ke_str now)
{
    struct ke_str uid = ke_json_path_str(object, "metadata.uid");
    if (uid.len == 0 || ke_str_eq(uid, now))
        return KE_OK;
    return operation_fail_conflict(op,
                                   "Precondition failed: UID in precondition: %.*s, UID in object "
                                   "meta: %.*s",
                                   KE_STR_ARG(uid), KE_STR_ARG(now));
}

static enum ke_code check_revision(struct operation *op, const cJSON *object, int64_t revision)
{
    struct ke_str text = ke_json_path_str(object, "metadata.resourceVersion");
    if (text.len == 0 || ke_str_eq_c(text, "0")) {
        if (op->kind->can_update_unconditionally || !op->part->is_main)
            return KE_OK;
        operation_issue(op, MODEL_ISSUE_INVALID, "metadata.resourceVersion",
                        "Invalid value: \"\": must be specified for an update");
        return operation_fail_invalid(op, op->request.name);
    }
    uint64_t wanted = 0;
    if (!ke_str_to_u64(text, INT64_MAX, &wanted)) {
        operation_issue(op, MODEL_ISSUE_INVALID, "metadata.resourceVersion",
                        "Invalid value: \"%.*s\": strconv.ParseUint: parsing \"%.*s\": invalid "
                        "syntax",
                        KE_STR_ARG(text), KE_STR_ARG(text));
        return operation_fail_invalid(op, op->request.name);
    }
    if (op->request.verb == RESOURCE_UPDATE)
        op->is_conditional = true;
    return (int64_t)wanted == revision ? KE_OK : operation_fail_modified(op);
}

/* ---- storing */

/* The last finalizer of an object that is being deleted went: it goes too. */
static bool is_to_be_removed(const struct model_kind *kind, const cJSON *object)
{
    if (!metadata_is_deleting(object) || metadata_n_finalizers(object) > 0)
        return false;
    if (kind->id == MODEL_NAMESPACE)
        return namespace_is_empty_of_finalizers(object);
    return ke_json_i64(ke_json_get(object, "metadata"), "deletionGracePeriodSeconds", 0) == 0;
}

/* What the answer to a write of made is, when it is not made itself. */
static enum ke_code show_answer(struct operation *op, const struct registry_object *made)
{
    struct ke_err err = KE_ERR_INIT;
    if (op->part->show == NULL)
        return KE_OK;
    enum ke_code rc = part_show(op->part, op->kind, op->subresource, made, &op->answer, &err);
    return rc == KE_OK ? KE_OK : operation_fail_err(op, &err);
}

static enum ke_code answer_unstored(struct operation *op, struct registry_object *object)
{
    enum ke_code rc = op->answers_status ? KE_OK : show_answer(op, object);
    if (rc != KE_OK)
        return rc;
    operation_answer(op, op->answer != NULL ? op->answer : object);
    return KE_OK;
}

static enum ke_code answer_dry(struct operation *op, const struct registry_object *current,
                               struct registry_object *made)
{
    enum ke_code rc = quota_check(op, current, made);
    return rc == KE_OK ? answer_unstored(op, made) : rc;
}

enum ke_code operation_store(struct operation *op, struct registry_object *current,
                             const cJSON *old, const cJSON *object)
{
    bool is_removed = is_to_be_removed(op->kind, object);
    if (ke_json_equal(object, old) && !is_removed)
        return answer_unstored(op, current);
    ke_auto_object *made = NULL;
    enum ke_code rc = operation_make(op, object, &made);
    if (rc != KE_OK)
        return rc;
    registry_object_set_revision(made, current->revision);
    if (op->request.is_dry_run)
        return answer_dry(op, current, made);
    rc = op->answers_status ? KE_OK : show_answer(op, made);
    if (rc != KE_OK)
        return rc;
    if (!is_removed)
        return quota_commit(op, current->revision, current, KE_TAKE(made));
    if (op->answer == NULL)
        op->answer = KE_TAKE(made);
    return quota_commit(op, current->revision, current, NULL);
}

/* object, given and complete, is checked and stored. */
static enum ke_code check_and_store(struct operation *op, struct registry_object *current,
                                    cJSON *object, const cJSON *old)
{
    enum ke_code rc = node_restriction_admit(op, object, old);
    if (rc == KE_OK)
        rc = escalation_admit(op, object, old);
    if (rc != KE_OK)
        return rc;
    if (op->part->validate != NULL)
        op->part->validate(op, object, old);
    if (op->issues.n_items > 0)
        return operation_fail_invalid(op, op->request.name);
    rc = limit_range_check(op, object, old);
    if (rc == KE_OK && op->kind->id == MODEL_PERSISTENTVOLUMECLAIM && op->part->is_main)
        rc = volume_check_growth(op, object, old);
    if (rc == KE_OK && op->kind->id == MODEL_SERVICE && op->part->is_main)
        rc = service_alloc_take(op, object, old);
    if (rc == KE_OK && !managed_ignore_times(object, old))
        rc = operation_fail_nomem(op);
    if (rc != KE_OK)
        return rc;
    return operation_store(op, current, old, object);
}

/* Where status is no part of its own it counts like any member. */
static bool counts_as_change(const struct operation *op, const cJSON *object, const cJSON *old)
{
    if (metadata_spec_differs(object, old))
        return true;
    return op->kind->custom != NULL && !model_version_has_status(op->kind, op->version) &&
           !model_same_member(object, old, "status");
}

/*
 * What a client wrote counts for ownership as it came, before the server keeps of old what it
 * keeps; parts that say little of the object are looked at when it is whole again.
 */
static enum ke_code merge(struct operation *op, cJSON **object, const cJSON *old)
{
    bool says_all = op->part->is_main || op->part == &part_status;
    enum ke_code rc = says_all ? managed_update(op, *object, old) : KE_OK;
    if (rc == KE_OK)
        rc = op->part->merge(op, object, old);
    if (rc == KE_OK && !says_all)
        rc = managed_update(op, *object, old);
    return rc;
}

enum ke_code operation_replace(struct operation *op, struct registry_object *current, cJSON *object)
{
    ke_auto_json *next = object;
    ke_auto_json *old = operation_parse(op, current);
    if (old == NULL)
        return operation_fail_nomem(op);
    enum ke_code rc = check_uid(op, next, current->uid);
    if (rc == KE_OK)
        rc = check_revision(op, next, current->revision);
    if (rc != KE_OK)
        return rc;
    if (op->spoken == op->kind && !model_form_set_defaults(&op->form, next))
        return operation_fail_nomem(op);
    rc = merge(op, &next, old);
    if (rc != KE_OK)
        return rc;
    if (!metadata_prepare_update(op->kind, next, old))
        return operation_fail_nomem(op);
    if (op->part->counts_generation && op->kind->has_generation &&
        counts_as_change(op, next, old) && !metadata_bump_generation(next))
        return operation_fail_nomem(op);
    definition_warn(op, next);
    return check_and_store(op, current, next, old);
}

enum ke_code operation_update(struct operation *op)
{
    if (!op->is_decoded) {
        enum ke_code rc = operation_decode(op, op->body, NULL);
        if (rc != KE_OK)
            return rc;
        op->is_decoded = true;
    }
    enum ke_code rc = operation_check_names(op, op->body);
    if (rc != KE_OK)
        return rc;
    ke_auto_object *current = NULL;
    rc = operation_current(op, &current);
    if (rc == KE_NOT_FOUND) {
        if (!op->kind->can_create_on_update || !op->part->is_main)
            return operation_fail_not_found(op, op->kind, op->request.name);
        rc = check_uid(op, op->body, (struct ke_str){ NULL, 0 });
        if (rc == KE_OK)
            rc = creation_admit(op);
        return rc == KE_OK ? operation_create(op) : rc;
    }
    if (rc != KE_OK)
        return rc;
    cJSON *object = cJSON_Duplicate(op->body, true);
    if (object == NULL)
        return operation_fail_nomem(op);
    return operation_replace(op, current, object);
}
