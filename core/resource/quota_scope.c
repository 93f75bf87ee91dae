/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which objects a quota is for (scopes), and what it makes containers say. See quota_usage.h. Pure;
 * any thread. Source: Kubernetes pkg/quota/v1/evaluator/core/pods.go.
 */
#include "core/base/json.h"
#include "core/resource/pod_resources.h"
#include "core/resource/quota_usage.h"

static bool is_in(const cJSON *list, struct ke_str text)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (ke_str_eq(ke_json_value_str(item), text))
            return true;
    }
    return false;
}

/* Does a term of (anti-)affinity look into other namespaces than the pod's own? */
static bool term_crosses(const cJSON *term)
{
    return ke_json_get(term, "namespaceSelector") != NULL ||
           cJSON_GetArraySize(ke_json_get(term, "namespaces")) > 0;
}

static bool crosses_namespaces(const cJSON *spec)
{
    static const char *const sides[] = { "podAffinity", "podAntiAffinity" };
    for (size_t i = 0; i < KE_ARRAY_LEN(sides); i++) {
        const cJSON *side = ke_json_get(ke_json_get(spec, "affinity"), sides[i]);
        const cJSON *term;
        cJSON_ArrayForEach(term,
                           ke_json_get(side, "requiredDuringSchedulingIgnoredDuringExecution")) {
            if (term_crosses(term))
                return true;
        }
        cJSON_ArrayForEach(term,
                           ke_json_get(side, "preferredDuringSchedulingIgnoredDuringExecution")) {
            if (term_crosses(ke_json_get(term, "podAffinityTerm")))
                return true;
        }
    }
    return false;
}

/* As a label selector would: what is not there is not In and is NotIn. */
static bool priority_matches(const cJSON *spec, struct ke_str operator, const cJSON * values)
{
    struct ke_str class = ke_json_str(spec, "priorityClassName");
    if (ke_str_eq_c(operator, "Exists"))
        return class.len > 0;
    if (ke_str_eq_c(operator, "DoesNotExist"))
        return class.len == 0;
    bool is_listed = class.len > 0 && is_in(values, class);
    return ke_str_eq_c(operator, "In") ? is_listed : !is_listed;
}

static bool pod_matches(const cJSON *pod, struct ke_str scope, struct ke_str operator,
                        const cJSON * values)
{
    const cJSON *spec = ke_json_get(pod, "spec");
    const cJSON *deadline = ke_json_get(spec, "activeDeadlineSeconds");
    bool is_terminating = deadline != NULL && deadline->valuedouble >= 0;
    bool is_best_effort = ke_str_eq_c(ke_json_path_str(pod, "status.qosClass"), "BestEffort");
    if (ke_str_eq_c(scope, "Terminating"))
        return is_terminating;
    if (ke_str_eq_c(scope, "NotTerminating"))
        return !is_terminating;
    if (ke_str_eq_c(scope, "BestEffort"))
        return is_best_effort;
    if (ke_str_eq_c(scope, "NotBestEffort"))
        return !is_best_effort;
    if (ke_str_eq_c(scope, "PriorityClass"))
        return priority_matches(spec, operator, values);
    return ke_str_eq_c(scope, "CrossNamespacePodAffinity") && crosses_namespaces(spec);
}

static bool claim_matches(const cJSON *claim, struct ke_str scope, struct ke_str operator,
                          const cJSON * values)
{
    struct ke_str class = ke_json_path_str(claim, "spec.volumeAttributesClassName");
    if (!ke_str_eq_c(scope, "VolumeAttributesClass"))
        return false;
    if (ke_str_eq_c(operator, "Exists"))
        return class.len > 0;
    if (ke_str_eq_c(operator, "DoesNotExist"))
        return class.len == 0;
    bool is_listed = class.len > 0 && is_in(values, class);
    return ke_str_eq_c(operator, "In") ? is_listed : !is_listed;
}

static bool scope_matches(const struct model_kind *kind, const cJSON *object, struct ke_str scope,
                          struct ke_str operator, const cJSON * values)
{
    if (kind->id == MODEL_POD)
        return pod_matches(object, scope, operator, values);
    return kind->id == MODEL_PERSISTENTVOLUMECLAIM &&
           claim_matches(object, scope, operator, values);
}

bool quota_has_scopes(const cJSON *quota)
{
    const cJSON *spec = ke_json_get(quota, "spec");
    return cJSON_GetArraySize(ke_json_get(spec, "scopes")) > 0 ||
           cJSON_GetArraySize(ke_json_path(spec, "scopeSelector.matchExpressions")) > 0;
}

bool quota_matches(const cJSON *quota, const struct model_kind *kind, const cJSON *object)
{
    const cJSON *spec = ke_json_get(quota, "spec");
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(spec, "scopes")) {
        if (!scope_matches(kind, object, ke_json_value_str(item), KE_STR("Exists"), NULL))
            return false;
    }
    cJSON_ArrayForEach(item, ke_json_path(spec, "scopeSelector.matchExpressions")) {
        if (!scope_matches(kind, object, ke_json_str(item, "scopeName"),
                           ke_json_str(item, "operator"), ke_json_get(item, "values")))
            return false;
    }
    return true;
}

/* ---- what containers must say */

/* Sorted, as the words are. Ephemeral storage and the rest may be left out. */
static const struct demand {
    const char *resource;
    enum pod_resources_side side;
    const char *name;
} demands[] = {
    { "cpu", POD_REQUESTS, "cpu" },
    { "limits.cpu", POD_LIMITS, "cpu" },
    { "limits.memory", POD_LIMITS, "memory" },
    { "memory", POD_REQUESTS, "memory" },
    { "requests.cpu", POD_REQUESTS, "cpu" },
    { "requests.memory", POD_REQUESTS, "memory" },
};

/* The names of those that leave it out, in order; each looks for the next greater one. */
static void add_silent(const struct demand *demand, const cJSON *pod, struct ke_buf *out)
{
    static const char *const lists[] = { "containers", "initContainers" };
    struct ke_str last = { NULL, 0 };
    size_t n = 0;
    for (;;) {
        struct ke_str next = { NULL, 0 };
        for (size_t i = 0; i < KE_ARRAY_LEN(lists); i++) {
            const cJSON *it;
            cJSON_ArrayForEach(it, ke_json_get(ke_json_get(pod, "spec"), lists[i])) {
                struct ke_str name = ke_json_str(it, "name");
                if (ke_json_get(pod_resources_of(it, demand->side), demand->name) == NULL &&
                    (last.ptr == NULL || ke_str_cmp(name, last) > 0) &&
                    (next.ptr == NULL || ke_str_cmp(name, next) < 0))
                    next = name;
            }
        }
        if (next.ptr == NULL)
            return;
        if (n++ == 0)
            ke_buf_addf(out, "%s%s for: ", out->len > 0 ? "; " : "", demand->resource);
        else
            ke_buf_add_char(out, ',');
        ke_buf_add_str(out, next);
        last = next;
    }
}

void quota_list_missing(const cJSON *hard, const cJSON *pod, struct ke_buf *out)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(demands); i++) {
        if (ke_json_get(hard, demands[i].resource) != NULL)
            add_silent(&demands[i], pod, out);
    }
}
