/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eviction: a delete of a pod that its disruption budget allows. The budget is counted down and the
 * pod deleted (or marked) in one commit; who else changes either meanwhile makes it start anew.
 * Source: Kubernetes pkg/registry/core/pod/storage/eviction.go. eviction_check_budget is pure; the
 * rest runs on the operation's thread.
 */
#include "core/resource/eviction.h"

#include "core/model/selector.h"
#include "core/resource/delete.h"
#include "core/resource/metadata.h"
#include "core/resource/operation.h"

#define DISRUPTED_MAX       2000
#define RETRY_AFTER_S       10
#define EVICTION_ATTEMPTS   20
#define CONDITION_TYPE_PDB  "DisruptionAllowed"
#define CONDITION_TYPE_POD  "DisruptionTarget"
#define REASON_INSUFFICIENT "InsufficientPods"
#define REASON_SYNC_FAILED  "SyncFailed"

static const char would_violate[] =
    "Cannot evict pod as it would violate the pod's disruption budget.";

/* ---- deciding */

static const cJSON *find_condition(const cJSON *status, const char *type)
{
    const cJSON *condition;
    cJSON_ArrayForEach(condition, ke_json_get(status, "conditions")) {
        if (ke_str_eq_c(ke_json_str(condition, "type"), type))
            return condition;
    }
    return NULL;
}

static bool is_ready(const cJSON *pod)
{
    const cJSON *ready = find_condition(ke_json_get(pod, "status"), "Ready");
    return ke_str_eq_c(ke_json_str(ready, "status"), "True");
}

/* It disturbs nobody any more: it has ended, has not begun, or is on its way out. */
static bool needs_no_budget(const cJSON *pod)
{
    struct ke_str phase = ke_json_path_str(pod, "status.phase");
    return ke_str_eq_c(phase, "Succeeded") || ke_str_eq_c(phase, "Failed") ||
           ke_str_eq_c(phase, "Pending") || metadata_is_deleting(pod);
}

enum eviction_verdict eviction_check_budget(const cJSON *budget, const cJSON *pod)
{
    const cJSON *status = ke_json_get(budget, "status");
    int64_t healthy = ke_json_i64(status, "currentHealthy", 0);
    int64_t needed = ke_json_i64(status, "desiredHealthy", 0);
    int64_t allowed = ke_json_i64(status, "disruptionsAllowed", 0);
    struct ke_str policy = ke_json_path_str(budget, "spec.unhealthyPodEvictionPolicy");
    if (!is_ready(pod) && (ke_str_eq_c(policy, "AlwaysAllow") || (healthy >= needed && needed > 0)))
        return EVICTION_OF_UNHEALTHY;
    if (ke_json_i64(status, "observedGeneration", 0) <
        ke_json_i64(ke_json_get(budget, "metadata"), "generation", 0))
        return EVICTION_NOT_PROCESSED;
    if (allowed < 0)
        return EVICTION_NEGATIVE;
    if (cJSON_GetArraySize(ke_json_get(status, "disruptedPods")) > DISRUPTED_MAX)
        return EVICTION_TOO_MANY;
    return allowed == 0 ? EVICTION_NOT_ALLOWED : EVICTION_COUNTED;
}

/* ---- doing */

static enum ke_code fail_budget(struct operation *op, const cJSON *budget,
                                enum eviction_verdict verdict)
{
    const cJSON *status = ke_json_get(budget, "status");
    struct ke_str name = ke_json_path_str(budget, "metadata.name");
    const cJSON *condition = find_condition(status, CONDITION_TYPE_PDB);
    op->detail_name = op->detail_group = op->detail_kind = (struct ke_str){ NULL, 0 };
    if (verdict == EVICTION_NEGATIVE || verdict == EVICTION_TOO_MANY) {
        const char *why = verdict == EVICTION_NEGATIVE
                              ? "pdb disruptions allowed is negative"
                              : "DisruptedPods map too big - too many evictions not confirmed by "
                                "PDB controller";
        op->detail_name = ke_arena_str(op->arena, name);
        op->detail_group = KE_STR("policy");
        op->detail_kind = KE_STR("poddisruptionbudget");
        return operation_fail(op, KE_DENIED, "poddisruptionbudget.policy \"%.*s\" is forbidden: %s",
                              KE_STR_ARG(name), why);
    }
    op->cause_reason = KE_STR("DisruptionBudget");
    if (verdict == EVICTION_NOT_PROCESSED) {
        op->retry_after_s = RETRY_AFTER_S;
        op->cause_message = ke_arena_fmt(
            op->arena, "The disruption budget %.*s is still being processed by the server.",
            KE_STR_ARG(name));
    } else if (ke_str_eq_c(ke_json_str(condition, "reason"), REASON_SYNC_FAILED)) {
        op->cause_message =
            ke_arena_fmt(op->arena,
                         "The disruption budget %.*s does not allow evicting pods "
                         "currently because it failed sync: %.*s",
                         KE_STR_ARG(name), KE_STR_ARG(ke_json_str(condition, "message")));
    } else {
        op->cause_message =
            ke_arena_fmt(op->arena,
                         "The disruption budget %.*s needs %lld healthy pods and "
                         "has %lld currently",
                         KE_STR_ARG(name), (long long)ke_json_i64(status, "desiredHealthy", 0),
                         (long long)ke_json_i64(status, "currentHealthy", 0));
    }
    return operation_fail(op, KE_LIMIT, "%s", would_violate);
}

/* The condition of that type, made at the end of the list when it is not there. */
static cJSON *need_condition(cJSON *status, const char *type)
{
    cJSON *list = ke_json_need_array(status, "conditions");
    cJSON *condition;
    cJSON_ArrayForEach(condition, list) {
        if (ke_str_eq_c(ke_json_str(condition, "type"), type))
            return condition;
    }
    cJSON *made = list != NULL ? cJSON_CreateObject() : NULL;
    if (made == NULL || !cJSON_AddItemToArray(list, made)) {
        cJSON_Delete(made);
        return NULL;
    }
    return ke_json_set_str(made, "type", ke_str_c(type)) ? made : NULL;
}

static bool set_condition(cJSON *status, const char *type, const char *value, const char *reason,
                          const char *message, struct ke_str now)
{
    cJSON *condition = need_condition(status, type);
    if (condition == NULL)
        return false;
    bool is_same = ke_str_eq_c(ke_json_str(condition, "status"), value);
    return (is_same || ke_json_set_str(condition, "lastTransitionTime", now)) &&
           ke_json_set_str(condition, "status", ke_str_c(value)) &&
           ke_json_set_str(condition, "reason", ke_str_c(reason)) &&
           ke_json_set_str(condition, "message", ke_str_c(message));
}

/* One disruption less; the controller of budgets learns that this pod is going. */
static bool count_down(struct operation *op, cJSON *budget)
{
    cJSON *status = ke_json_get_mut(budget, "status");
    int64_t allowed = ke_json_i64(status, "disruptionsAllowed", 0) - 1;
    int64_t seen = ke_json_i64(status, "observedGeneration", 0);
    struct ke_str now = operation_timestamp(op, 0);
    cJSON *disrupted = ke_json_need_object(status, "disruptedPods");
    if (now.ptr == NULL || disrupted == NULL ||
        !ke_json_set(status, "disruptionsAllowed", cJSON_CreateNumber((double)allowed)))
        return false;
    if (allowed == 0) {
        if (!set_condition(status, CONDITION_TYPE_PDB, "False", REASON_INSUFFICIENT, "", now) ||
            !ke_json_set(need_condition(status, CONDITION_TYPE_PDB), "observedGeneration",
                         cJSON_CreateNumber((double)seen)))
            return false;
    }
    char name[LIMIT_DNS_NAME_BYTES + 1];
    if (op->request.name.len > LIMIT_DNS_NAME_BYTES)
        return false;
    memcpy(name, op->request.name.ptr, op->request.name.len);
    name[op->request.name.len] = '\0';
    return ke_json_set_str(disrupted, name, now);
}

/* Budgets of the namespace that select the pod: how many, and the first. */
static enum ke_code find_budgets(struct operation *op, const struct registry_object *pod,
                                 size_t *out_n, struct registry_object **out_first)
{
    const struct model_kind *kind = model_kind_by_id(MODEL_PODDISRUPTIONBUDGET);
    struct ke_str none = { NULL, 0 };
    struct registry_list list = { 0 };
    struct ke_err err = KE_ERR_INIT;
    struct ke_str prefix = none;
    enum ke_code rc = operation_key(op, kind, op->request.ns, none, &prefix);
    if (rc != KE_OK)
        return rc;
    rc = registry_list(op->store->registry, prefix, 0, none, 0, &list, &err);
    for (size_t i = 0; rc == KE_OK && i < list.n_objects; i++) {
        KE_AUTO(model_selector) *selector = NULL;
        ke_auto_json *budget = registry_object_parse(list.objects[i]);
        if (budget == NULL) {
            rc = ke_fail(&err, KE_NOMEM, "out of memory");
            break;
        }
        rc = model_selector_from_label_selector(ke_json_path(budget, "spec.selector"), &selector,
                                                &err);
        if (rc == KE_MALFORMED) { /* one that cannot select protects nothing */
            rc = KE_OK;
            continue;
        }
        if (rc == KE_OK && model_selector_matches(selector, pod->labels, pod->n_labels) &&
            (*out_n)++ == 0)
            *out_first = registry_object_ref(list.objects[i]);
    }
    registry_list_free(&list);
    return rc == KE_OK ? KE_OK : operation_fail_err(op, &err);
}

/* Deletes the pod, and stores the budget (NULL: none) with it. */
static enum ke_code delete_pod(struct operation *op, struct registry_object *current, cJSON *pod,
                               struct registry_object *budget, const cJSON *counted)
{
    struct registry_op also = { .expected = 0 };
    struct ke_err err = KE_ERR_INIT;
    op->answers_status = true;
    if (budget == NULL)
        return operation_delete_current(op, current, pod, NULL);
    enum ke_code rc = registry_object_new(budget->kind, counted, &also.object, &err);
    if (rc != KE_OK)
        return operation_fail_err(op, &err);
    also.key = ke_arena_str(op->arena, budget->key);
    also.expected = budget->revision;
    if (also.key.ptr == NULL) {
        registry_object_unref(also.object);
        return operation_fail_nomem(op);
    }
    return operation_delete_current(op, current, pod, &also);
}

static enum ke_code evict(struct operation *op, struct registry_object *current, cJSON *pod)
{
    size_t n = 0;
    ke_auto_object *budget = NULL;
    ke_auto_json *counted = NULL;
    if (needs_no_budget(pod))
        return delete_pod(op, current, pod, NULL, NULL);
    enum ke_code rc = find_budgets(op, current, &n, &budget);
    if (rc != KE_OK)
        return rc;
    if (n > 1) {
        op->is_told = true;
        return operation_fail(op, KE_BUG,
                              "This pod has more than one PodDisruptionBudget, which the eviction "
                              "subresource does not support.");
    }
    cJSON *status = ke_json_need_object(pod, "status");
    struct ke_str now = operation_timestamp(op, 0);
    if (status == NULL || now.ptr == NULL ||
        !set_condition(status, CONDITION_TYPE_POD, "True", "EvictionByEvictionAPI",
                       "Eviction API: evicting", now))
        return operation_fail_nomem(op);
    if (n == 0)
        return delete_pod(op, current, pod, NULL, NULL);
    counted = registry_object_parse(budget);
    if (counted == NULL)
        return operation_fail_nomem(op);
    enum eviction_verdict verdict = eviction_check_budget(counted, pod);
    if (verdict == EVICTION_OF_UNHEALTHY)
        return delete_pod(op, current, pod, NULL, NULL);
    if (verdict != EVICTION_COUNTED)
        return fail_budget(op, counted, verdict);
    if (!count_down(op, counted))
        return operation_fail_nomem(op);
    return delete_pod(op, current, pod, budget, counted);
}

/* What the eviction says about the delete. */
static enum ke_code take_options(struct operation *op)
{
    const cJSON *options = ke_json_get(op->body, "deleteOptions");
    struct ke_str name = ke_json_path_str(op->body, "metadata.name");
    struct ke_str ns = ke_json_path_str(op->body, "metadata.namespace");
    if (!ke_str_eq(name, op->request.name))
        return operation_fail(op, KE_MALFORMED,
                              "name in URL does not match name in Eviction object");
    if (ns.len > 0 && !ke_str_eq(ns, op->request.ns)) {
        return operation_fail(op, KE_MALFORMED,
                              "the namespace of the provided object does not match the namespace "
                              "sent on the request");
    }
    op->request.grace_period_s = -1;
    op->request.propagation = RESOURCE_PROPAGATION_UNSET;
    if (options == NULL)
        return KE_OK;
    resource_delete_options_apply(options, &op->request, &op->issues);
    return op->issues.n_items == 0 ? KE_OK
                                   : operation_fail_invalid_kind(op, op->spoken, op->request.name);
}

static enum ke_code create_eviction(struct operation *op)
{
    if (!op->is_decoded) {
        enum ke_code rc = operation_decode(op, op->body, NULL);
        if (rc == KE_OK)
            rc = take_options(op);
        if (rc != KE_OK)
            return rc;
        op->is_decoded = true;
    }
    ke_auto_object *current = NULL;
    enum ke_code rc = operation_current(op, &current);
    if (rc == KE_NOT_FOUND)
        return operation_fail_not_found(op, op->kind, op->request.name);
    if (rc != KE_OK)
        return rc;
    ke_auto_json *pod = registry_object_parse(current);
    return pod != NULL ? evict(op, current, pod) : operation_fail_nomem(op);
}

const struct operation_part part_eviction = {
    .name = "eviction",
    .n_attempts = EVICTION_ATTEMPTS,
    .create = create_eviction,
};
