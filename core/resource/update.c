/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Update, and the part that patches share: what may change where (object, status, finalize), what
 * the server keeps, no-op writes, and the removal of an object whose last finalizer goes.
 * Source: apiserver pkg/registry/rest/update.go, generic/registry/store.go. Thread: the
 * operation's.
 */
#include <inttypes.h>

#include "core/resource/metadata.h"
#include "core/resource/operation.h"
#include "core/resource/service_families.h"

static enum ke_code check_names(struct operation *op, const cJSON *object)
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
        if (op->kind->can_update_unconditionally || op->part != OPERATION_MAIN)
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

/* ---- what may change */

static bool copy_member(cJSON *object, const cJSON *from, const char *name)
{
    const cJSON *value = ke_json_get(from, name);
    if (value == NULL) {
        ke_json_del(object, name);
        return true;
    }
    return ke_json_set(object, name, cJSON_Duplicate(value, true));
}

/* old, with only metadata and status of object. */
static bool keep_all_but_status(cJSON **object, const cJSON *old)
{
    ke_auto_json *merged = cJSON_Duplicate(old, true);
    if (merged == NULL || !copy_member(merged, *object, "metadata") ||
        !copy_member(merged, *object, "status"))
        return false;
    cJSON_Delete(*object);
    *object = KE_TAKE(merged);
    return true;
}

/* old, with only spec.finalizers of object. */
static bool keep_all_but_spec_finalizers(cJSON **object, const cJSON *old)
{
    ke_auto_json *merged = cJSON_Duplicate(old, true);
    cJSON *spec = merged != NULL ? ke_json_need_object(merged, "spec") : NULL;
    if (spec == NULL || !copy_member(spec, ke_json_get(*object, "spec"), "finalizers"))
        return false;
    cJSON_Delete(*object);
    *object = KE_TAKE(merged);
    return true;
}

static bool merge_main(struct operation *op, cJSON *object, const cJSON *old)
{
    const struct model_kind *kind = op->kind;
    if (kind->has_status && !copy_member(object, old, "status"))
        return false;
    if (kind->prepare_update != NULL && !kind->prepare_update(object, old))
        return false;
    if (kind->id == MODEL_SERVICE)
        service_trim_families(object, old);
    if (kind->id == MODEL_NAMESPACE) {
        /* spec.finalizers change through /finalize only */
        cJSON *spec = ke_json_need_object(object, "spec");
        if (spec == NULL || !copy_member(spec, ke_json_get(old, "spec"), "finalizers"))
            return false;
    }
    return true;
}

static bool merge(struct operation *op, cJSON **object, const cJSON *old)
{
    if (op->kind->set_defaults != NULL && !op->kind->set_defaults(*object))
        return false;
    bool is_ok = false;
    switch (op->part) {
    case OPERATION_MAIN:
        is_ok = merge_main(op, *object, old);
        break;
    case OPERATION_STATUS:
        is_ok = keep_all_but_status(object, old) &&
                (op->kind->prepare_status == NULL || op->kind->prepare_status(*object, old));
        break;
    case OPERATION_FINALIZE:
        is_ok = keep_all_but_spec_finalizers(object, old);
        break;
    }
    if (!is_ok || !metadata_prepare_update(op->kind, *object, old))
        return false;
    if (op->kind->id == MODEL_NAMESPACE && !namespace_prepare(*object, false))
        return false;
    if (op->part == OPERATION_MAIN && op->kind->has_generation &&
        metadata_spec_differs(*object, old))
        return metadata_bump_generation(*object);
    return true;
}

static enum ke_code validate(struct operation *op, const cJSON *object, const cJSON *old)
{
    if (op->part == OPERATION_MAIN)
        model_kind_validate(op->kind, object, old, &op->issues);
    else if (op->part == OPERATION_STATUS)
        model_kind_validate_status(op->kind, object, old, &op->issues);
    return op->issues.n_items > 0 ? operation_fail_invalid(op, op->request.name) : KE_OK;
}

/* The last finalizer of an object that is being deleted went: it goes too. */
static bool is_to_be_removed(const struct model_kind *kind, const cJSON *object)
{
    if (!metadata_is_deleting(object) || metadata_n_finalizers(object) > 0)
        return false;
    if (kind->id == MODEL_NAMESPACE)
        return namespace_is_empty_of_finalizers(object);
    return ke_json_i64(ke_json_get(object, "metadata"), "deletionGracePeriodSeconds", 0) == 0;
}

static enum ke_code store(struct operation *op, const struct registry_object *current,
                          const cJSON *object)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry_object *made = NULL;
    enum ke_code rc = registry_object_new(op->kind, object, &made, &err);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    if (op->request.is_dry_run) {
        ke_auto_object *answer = made;
        registry_object_set_revision(answer, current->revision);
        operation_answer(op, answer);
        return KE_OK;
    }
    if (!is_to_be_removed(op->kind, object))
        return operation_commit(op, current->revision, made);
    op->answer = made;
    return operation_commit(op, current->revision, NULL);
}

enum ke_code operation_replace(struct operation *op, struct registry_object *current, cJSON *object)
{
    ke_auto_json *next = object;
    ke_auto_json *old = registry_object_parse(current);
    if (old == NULL)
        return operation_fail_nomem(op);
    enum ke_code rc = check_uid(op, next, current->uid);
    if (rc == KE_OK)
        rc = check_revision(op, next, current->revision);
    if (rc != KE_OK)
        return rc;
    if (!merge(op, &next, old))
        return operation_fail_nomem(op);
    rc = validate(op, next, old);
    if (rc != KE_OK)
        return rc;
    if (op->kind->id == MODEL_SERVICE && op->part == OPERATION_MAIN) {
        rc = service_alloc_take(op, next, old);
        if (rc != KE_OK)
            return rc;
    }
    if (ke_json_equal(next, old) && !is_to_be_removed(op->kind, next)) {
        operation_answer(op, current);
        return KE_OK;
    }
    return store(op, current, next);
}

enum ke_code operation_update(struct operation *op)
{
    if (!op->is_decoded) {
        enum ke_code rc = operation_decode(op, op->body, NULL);
        if (rc != KE_OK)
            return rc;
        op->is_decoded = true;
    }
    enum ke_code rc = check_names(op, op->body);
    if (rc != KE_OK)
        return rc;
    ke_auto_object *current = NULL;
    rc = operation_current(op, &current);
    if (rc == KE_NOT_FOUND) {
        if (!op->kind->can_create_on_update || op->part != OPERATION_MAIN)
            return operation_fail_not_found(op, op->kind, op->request.name);
        rc = check_uid(op, op->body, (struct ke_str){ NULL, 0 });
        return rc == KE_OK ? operation_create(op) : rc;
    }
    if (rc != KE_OK)
        return rc;
    cJSON *object = cJSON_Duplicate(op->body, true);
    if (object == NULL)
        return operation_fail_nomem(op);
    return operation_replace(op, current, object);
}
