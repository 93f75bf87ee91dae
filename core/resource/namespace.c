/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces: an object needs one that exists and is not being emptied; some may not be deleted.
 * Source: apiserver plugin/namespace/lifecycle.
 * Thread: the operation's.
 */
#include "core/resource/operation.h"

static const char *const immortal[] = { "default", "kube-system", "kube-public" };

static bool is_terminating(const struct registry_object *ns)
{
    struct ke_str phase = model_pairs_get(ns->fields, ns->n_fields, KE_STR("status.phase"));
    return ke_str_eq_c(phase, "Terminating");
}

enum ke_code namespace_admit_create(struct operation *op)
{
    if (!op->kind->is_namespaced)
        return KE_OK;
    struct ke_str ns = op->request.ns;
    const struct model_kind *kind = model_kind_by_id(MODEL_NAMESPACE);
    ke_auto_object *object = NULL;
    struct ke_str key = { NULL, 0 };
    struct ke_err err = KE_ERR_INIT;
    if (ns.len == 0)
        return operation_fail_not_found(op, kind, ns);
    enum ke_code rc = operation_key(op, kind, (struct ke_str){ NULL, 0 }, ns, &key);
    if (rc != KE_OK)
        return rc; /* and it has said why */
    rc = registry_get(op->store->registry, key, &object, &err);
    if (rc == KE_NOT_FOUND)
        return operation_fail_not_found(op, kind, ns);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    if (!is_terminating(object))
        return KE_OK;
    op->cause_reason = KE_STR("NamespaceTerminating");
    op->cause_message =
        ke_arena_fmt(op->arena, "namespace %.*s is being terminated", KE_STR_ARG(ns));
    op->cause_field = KE_STR("metadata.namespace");
    return operation_fail_forbidden(op, ke_json_path_str(op->body, "metadata.name"),
                                    "unable to create new content in namespace %.*s because it is "
                                    "being terminated",
                                    KE_STR_ARG(ns));
}

enum ke_code namespace_admit_delete(struct operation *op)
{
    if (op->kind->id != MODEL_NAMESPACE)
        return KE_OK;
    for (size_t i = 0; i < KE_ARRAY_LEN(immortal); i++) {
        if (ke_str_eq_c(op->request.name, immortal[i]))
            return operation_fail_forbidden(op, op->request.name,
                                            "this namespace may not be deleted");
    }
    return KE_OK;
}

bool namespace_is_empty_of_finalizers(const cJSON *object)
{
    const cJSON *list = ke_json_path(object, "spec.finalizers");
    return list == NULL || list->child == NULL;
}
