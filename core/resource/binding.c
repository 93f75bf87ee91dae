/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binding: a scheduler gives a pod its node, once. Source: Kubernetes
 * pkg/registry/core/pod/storage (BindingREST), apis/core/validation (ValidatePodBinding). Thread:
 * the operation's.
 */
#include "core/model/path.h"
#include "core/resource/metadata.h"
#include "core/resource/operation.h"

static enum ke_code check_binding(struct operation *op)
{
    static const char *const kinds[] = { "Node", "<empty>", NULL };
    struct ke_str name = ke_json_path_str(op->body, "metadata.name");
    struct ke_str ns = ke_json_path_str(op->body, "metadata.namespace");
    struct ke_str kind = ke_json_path_str(op->body, "target.kind");
    struct model_path target = model_path_root("target");
    if (!ke_str_eq(name, op->request.name))
        return operation_fail(op, KE_MALFORMED,
                              "name in URL does not match name in Binding object");
    if (ns.len > 0 && !ke_str_eq(ns, op->request.ns)) {
        return operation_fail(op, KE_MALFORMED,
                              "the namespace of the provided object does not match the namespace "
                              "sent on the request");
    }
    if (kind.len > 0 && !ke_str_eq_c(kind, "Node"))
        model_report_not_supported(&op->issues, model_path_child(&target, "kind"), kind, kinds);
    if (ke_json_path_str(op->body, "target.name").len == 0)
        model_report_required(&op->issues, model_path_child(&target, "name"), "");
    return op->issues.n_items == 0 ? KE_OK
                                   : operation_fail_invalid_kind(op, op->spoken, op->request.name);
}

static enum ke_code fail_unbound(struct operation *op, struct ke_str why)
{
    op->detail_name = op->request.name;
    op->detail_kind = KE_STR("pods/binding");
    return operation_fail(op, KE_CONFLICT,
                          "Operation cannot be fulfilled on pods/binding \"%.*s\": %.*s",
                          KE_STR_ARG(op->request.name), KE_STR_ARG(why));
}

/* Why this pod cannot be given a node now; KE_OK: it can. */
static enum ke_code check_pod(struct operation *op, const struct registry_object *current,
                              const cJSON *pod)
{
    struct ke_str name = op->request.name;
    struct ke_str node = ke_json_path_str(pod, "spec.nodeName");
    struct ke_str uid = ke_json_path_str(op->body, "metadata.uid");
    struct ke_str wanted = ke_json_path_str(op->body, "metadata.resourceVersion");
    int64_t revision = 0;
    if (uid.len > 0 && !ke_str_eq(uid, current->uid)) {
        return fail_unbound(op, ke_arena_fmt(op->arena,
                                             "Precondition failed: UID in precondition: %.*s, UID "
                                             "in object meta: %.*s",
                                             KE_STR_ARG(uid), KE_STR_ARG(current->uid)));
    }
    if (wanted.len > 0 && (!ke_str_to_i64(wanted, &revision) || revision != current->revision)) {
        return fail_unbound(op, ke_arena_fmt(op->arena,
                                             "Precondition failed: ResourceVersion in "
                                             "precondition: %.*s, ResourceVersion in object meta: "
                                             "%lld",
                                             KE_STR_ARG(wanted), (long long)current->revision));
    }
    if (metadata_is_deleting(pod)) {
        return fail_unbound(op, ke_arena_fmt(op->arena,
                                             "pod %.*s is being deleted, cannot be assigned to a "
                                             "host",
                                             KE_STR_ARG(name)));
    }
    if (node.len > 0) {
        return fail_unbound(op,
                            ke_arena_fmt(op->arena, "pod %.*s is already assigned to node \"%.*s\"",
                                         KE_STR_ARG(name), KE_STR_ARG(node)));
    }
    if (cJSON_GetArraySize(ke_json_path(pod, "spec.schedulingGates")) > 0) {
        return fail_unbound(op,
                            ke_arena_fmt(op->arena, "pod %.*s has non-empty .spec.schedulingGates",
                                         KE_STR_ARG(name)));
    }
    return KE_OK;
}

static bool set_scheduled(struct operation *op, cJSON *pod)
{
    struct ke_str now = operation_timestamp(op, 0);
    cJSON *status = ke_json_need_object(pod, "status");
    cJSON *list = status != NULL ? ke_json_need_array(status, "conditions") : NULL;
    cJSON *condition = NULL;
    if (list == NULL || now.ptr == NULL)
        return false;
    cJSON_ArrayForEach(condition, list) {
        if (ke_str_eq_c(ke_json_str(condition, "type"), "PodScheduled"))
            break;
    }
    if (condition == NULL) {
        condition = cJSON_CreateObject();
        if (condition == NULL || !cJSON_AddItemToArray(list, condition)) {
            cJSON_Delete(condition);
            return false;
        }
    }
    ke_json_del(condition, "reason");
    ke_json_del(condition, "message");
    return ke_json_set_str(condition, "type", KE_STR("PodScheduled")) &&
           ke_json_set_str(condition, "status", KE_STR("True")) &&
           ke_json_set_str(condition, "lastTransitionTime", now);
}

static bool assign(struct operation *op, cJSON *pod)
{
    cJSON *spec = ke_json_need_object(pod, "spec");
    cJSON *meta = ke_json_need_object(pod, "metadata");
    if (spec == NULL || meta == NULL ||
        !ke_json_set_str(spec, "nodeName", ke_json_path_str(op->body, "target.name")))
        return false;
    const cJSON *note;
    cJSON_ArrayForEach(note, ke_json_path(op->body, "metadata.annotations")) {
        cJSON *notes = ke_json_need_object(meta, "annotations");
        if (notes == NULL || !ke_json_set_str(notes, note->string, ke_json_value_str(note)))
            return false;
    }
    return set_scheduled(op, pod);
}

static enum ke_code create_binding(struct operation *op)
{
    enum ke_code rc = KE_OK;
    if (!op->is_decoded) {
        rc = operation_decode(op, op->body, NULL);
        if (rc == KE_OK)
            rc = check_binding(op);
        if (rc != KE_OK)
            return rc;
        op->is_decoded = true;
    }
    ke_auto_object *current = NULL;
    rc = operation_current(op, &current);
    if (rc == KE_NOT_FOUND)
        return operation_fail_not_found(op, op->kind, op->request.name);
    if (rc != KE_OK)
        return rc;
    ke_auto_json *old = registry_object_parse(current);
    ke_auto_json *pod = old != NULL ? cJSON_Duplicate(old, true) : NULL;
    if (pod == NULL)
        return operation_fail_nomem(op);
    rc = check_pod(op, current, pod);
    if (rc != KE_OK)
        return rc;
    op->answers_status = true;
    return assign(op, pod) ? operation_store(op, current, old, pod) : operation_fail_nomem(op);
}

enum ke_code binding_redirect(struct operation *op)
{
    op->kind = model_kind_by_id(MODEL_POD);
    op->version = &op->kind->versions[0];
    op->request.kind = op->kind;
    op->request.version = op->version;
    op->request.subresource = KE_STR("binding");
    op->request.name = ke_arena_str(op->arena, ke_json_path_str(op->body, "metadata.name"));
    if (op->request.name.ptr == NULL)
        return operation_fail_nomem(op);
    if (op->request.name.len > 0)
        return KE_OK;
    return operation_fail(op, KE_MALFORMED, "name must be provided");
}

const struct operation_part part_binding = {
    .name = "binding",
    .create = create_binding,
};
