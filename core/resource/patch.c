/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patch: the object as the client's version shows it, patched, and from there the way of an update.
 * Without a resourceVersion in the patch a conflict means: read, patch and try again.
 * Source: apiserver pkg/endpoints/handlers/patch.go. Thread: the operation's.
 */
#include "core/model/patch.h"

#include "core/model/schema.h"
#include "core/resource/operation.h"

static const struct model_version *patched_version(const struct operation *op)
{
    return op->spoken == op->kind ? op->version : &op->spoken->versions[0];
}

/* Of a custom kind metadata alone has one: clients are refused before, controllers patch that. */
static const struct model_message *patched_message(const struct operation *op)
{
    const char *name =
        op->spoken->custom != NULL ? "meta.v1.PartialObjectMetadata" : patched_version(op)->message;
    return model_schema_find(ke_str_c(name));
}

/* What the patch is applied to: the object as the client's version or the part shows it. */
static cJSON *patched_object(struct operation *op, const struct registry_object *current)
{
    ke_auto_json *object = operation_parse(op, current);
    if (object == NULL)
        return NULL;
    if (op->part->show != NULL) {
        cJSON *shown = NULL;
        return op->part->show(op->kind, op->subresource, object, &shown) ? shown : NULL;
    }
    return model_version_from_storage(op->kind, op->version, object) ? KE_TAKE(object) : NULL;
}

static enum ke_code apply(struct operation *op, cJSON **object, struct ke_err *err)
{
    switch (op->request.patch) {
    case RESOURCE_PATCH_JSON:
        return model_patch_json(object, op->body, err);
    case RESOURCE_PATCH_MERGE:
        return model_patch_merge(object, op->body, err);
    case RESOURCE_PATCH_STRATEGIC:
        return model_patch_strategic(object, op->body, patched_message(op), err);
    case RESOURCE_PATCH_APPLY:
        break; /* core/resource/apply.c */
    }
    return ke_fail(err, KE_BUG, "unknown kind of patch");
}

static enum ke_code fail_patch(struct operation *op, enum ke_code code, const struct ke_err *err)
{
    if (code == KE_INVALID) { /* upstream says no more */
        return operation_fail(op, code,
                              "the server rejected our request due to an error in our "
                              "request");
    }
    return operation_fail(op, code, "%s", err->msg);
}

/* Did the patch say which resourceVersion it is for? */
static bool names_revision(const struct operation *op, const cJSON *patched,
                           const struct registry_object *current)
{
    if (op->request.patch != RESOURCE_PATCH_JSON)
        return ke_json_path_str(op->body, "metadata.resourceVersion").len > 0;
    int64_t revision = 0;
    struct ke_str text = ke_json_path_str(patched, "metadata.resourceVersion");
    return !ke_str_to_i64(text, &revision) || revision != current->revision;
}

static enum ke_code check_identity(struct operation *op, const cJSON *patched)
{
    struct ke_str name = ke_json_path_str(patched, "metadata.name");
    struct ke_str ns = ke_json_path_str(patched, "metadata.namespace");
    if (!ke_str_eq(name, op->request.name)) {
        return operation_fail(op, KE_MALFORMED,
                              "the name of the object (%.*s) does not match the name on the URL "
                              "(%.*s)",
                              KE_STR_ARG(name), KE_STR_ARG(op->request.name));
    }
    if (op->kind->is_namespaced && !ke_str_eq(ns, op->request.ns)) {
        return operation_fail(op, KE_MALFORMED,
                              "the namespace of the object (%.*s) does not match the namespace on "
                              "the request (%.*s)",
                              KE_STR_ARG(ns), KE_STR_ARG(op->request.ns));
    }
    return KE_OK;
}

enum ke_code operation_patch(struct operation *op)
{
    if (op->request.patch == RESOURCE_PATCH_APPLY)
        return operation_apply(op);
    ke_auto_object *current = NULL;
    enum ke_code rc = operation_current(op, &current);
    if (rc == KE_NOT_FOUND)
        return operation_fail_not_found(op, op->kind, op->request.name);
    if (rc != KE_OK)
        return rc;
    ke_auto_json *object = patched_object(op, current);
    if (object == NULL)
        return operation_fail_nomem(op);
    struct ke_err err = KE_ERR_INIT;
    rc = apply(op, &object, &err);
    if (rc != KE_OK)
        return fail_patch(op, rc, &err);
    op->is_conditional = names_revision(op, object, current);
    rc = operation_decode(op, object, op->body);
    if (rc == KE_OK)
        rc = check_identity(op, object);
    if (rc != KE_OK)
        return rc;
    return operation_replace(op, current, KE_TAKE(object));
}
