/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Create: names, namespace, metadata, defaults, admission, validation, allocation, commit.
 * Source: apiserver pkg/registry/rest/create.go and generic/registry/store.go. Thread: the
 * operation's.
 */
#include "core/base/rand.h"
#include "core/model/meta.h"
#include "core/resource/csr.h"
#include "core/resource/managed.h"
#include "core/resource/metadata.h"
#include "core/resource/operation.h"
#include "core/resource/permission.h"

static enum ke_code check_namespace(struct operation *op, const cJSON *object)
{
    struct ke_str ns = ke_json_path_str(object, "metadata.namespace");
    if (!op->kind->is_namespaced || ns.len == 0 || ke_str_eq(ns, op->request.ns))
        return KE_OK;
    return operation_fail(op, KE_MALFORMED,
                          "the namespace of the provided object does not match the namespace sent "
                          "on the request");
}

static bool has_text(const cJSON *object, const char *path)
{
    return ke_json_path_str(object, path).len > 0;
}

/* From the body, from the request (an update that creates), or made up from generateName. */
static enum ke_code choose_name(struct operation *op, cJSON *object)
{
    struct ke_str name = ke_json_path_str(object, "metadata.name");
    struct ke_str base = ke_json_path_str(object, "metadata.generateName");
    char generated[MODEL_GENERATED_MAX];
    if (name.len == 0 && op->request.verb == RESOURCE_CREATE && base.len > 0) {
        uint8_t random[MODEL_GENERATED_RANDOM];
        ke_rand_secure(random, sizeof(random));
        name = ke_str_c(model_meta_generate_name(base, random, generated));
        op->is_name_generated = true;
        cJSON *meta = ke_json_need_object(object, "metadata");
        if (meta == NULL || !ke_json_set_str(meta, "name", name))
            return operation_fail_nomem(op);
    }
    op->request.name = ke_arena_str(op->arena, name);
    return op->request.name.ptr != NULL ? KE_OK : operation_fail_nomem(op);
}

static enum ke_code prepare(struct operation *op, cJSON *object)
{
    const struct model_kind *kind = op->kind;
    if (kind->custom != NULL && model_version_has_status(kind, op->version))
        ke_json_del(object, "status"); /* a part of its own, not for whoever creates */
    if (!model_form_set_defaults(&op->form, object))
        return operation_fail_nomem(op);
    enum ke_code rc = managed_update(op, object, NULL);
    if (rc == KE_OK && kind->id == MODEL_POD)
        rc = limit_range_default(op, object);
    if (rc != KE_OK)
        return rc;
    if (!metadata_prepare_create(kind, object, op->request.ns, operation_timestamp(op, 0)) ||
        (kind->prepare_create != NULL && !kind->prepare_create(object)))
        return operation_fail_nomem(op);
    if (kind->id == MODEL_POD)
        return pod_admit_create(op, object);
    if (kind->id == MODEL_INGRESS)
        return ingress_admit_create(op, object);
    if (kind->id == MODEL_CERTIFICATESIGNINGREQUEST)
        return csr_admit_create(op, object);
    if (kind->id == MODEL_PERSISTENTVOLUME || kind->id == MODEL_PERSISTENTVOLUMECLAIM)
        return volume_admit_create(op, object);
    return priority_admit_class(op, object);
}

static enum ke_code finish(struct operation *op, cJSON *object)
{
    enum ke_code rc = node_restriction_admit(op, object, NULL);
    if (rc == KE_OK)
        rc = escalation_admit(op, object, NULL);
    if (rc != KE_OK)
        return rc;
    model_form_validate(&op->form, object, NULL, &op->issues);
    if (op->issues.n_items > 0)
        return operation_fail_invalid(op, op->request.name);
    rc = limit_range_check(op, object, NULL);
    if (rc == KE_OK && op->kind->id == MODEL_SERVICE)
        rc = service_alloc_take(op, object, NULL);
    if (rc != KE_OK)
        return rc;
    struct registry_object *made = NULL;
    rc = operation_make(op, object, &made);
    if (rc != KE_OK)
        return rc;
    definition_warn(op, object);
    op->is_created = true;
    if (!op->request.is_dry_run)
        return quota_commit(op, REGISTRY_ABSENT, NULL, made);
    ke_auto_object *answer = made;
    ke_auto_object *there = NULL;
    rc = operation_current(op, &there);
    if (rc == KE_OK)
        return operation_fail_exists(op, op->request.name, false);
    if (rc == KE_NOT_FOUND)
        rc = quota_check(op, NULL, answer);
    if (rc != KE_OK)
        return rc;
    operation_answer(op, answer);
    return KE_OK;
}

enum ke_code operation_create_object(struct operation *op, cJSON *given)
{
    ke_auto_json *object = given;
    enum ke_code rc = choose_name(op, object);
    if (rc == KE_OK)
        rc = prepare(op, object);
    if (rc == KE_OK)
        rc = finish(op, object);
    return rc;
}

enum ke_code operation_create(struct operation *op)
{
    if (!op->is_decoded) {
        enum ke_code rc = operation_decode(op, op->body, NULL);
        if (rc != KE_OK)
            return rc;
        op->is_decoded = true;
    }
    enum ke_code rc = check_namespace(op, op->body);
    if (rc != KE_OK)
        return rc;
    struct ke_str rv = ke_json_path_str(op->body, "metadata.resourceVersion");
    if (op->request.verb == RESOURCE_CREATE && rv.len > 0 && !ke_str_eq_c(rv, "0"))
        return operation_fail(op, KE_MALFORMED,
                              "resourceVersion should not be set on objects to be created");
    rc = namespace_admit_create(op);
    if (rc != KE_OK)
        return rc;
    /* Another attempt starts from the body as it came. */
    bool may_try_again =
        op->request.verb != RESOURCE_CREATE || !has_text(op->body, "metadata.name");
    cJSON *object = may_try_again ? cJSON_Duplicate(op->body, true) : KE_TAKE(op->body);
    return object != NULL ? operation_create_object(op, object) : operation_fail_nomem(op);
}
