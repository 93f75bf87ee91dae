/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PodDisruptionBudgets. An empty selector selects all Pods in v1 and none in v1beta1; each version
 * shows the other's meaning by a requirement on a label that no Pod has. Source: Kubernetes
 * apis/policy (helper.go, v1 and v1beta1/conversion.go), registry/policy. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/workload.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define MARK "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match"

/* ---- conversion */

static bool is_empty(const cJSON *selector)
{
    return model_is_unset(selector, "matchLabels") && model_is_unset(selector, "matchExpressions");
}

/* Nothing but one requirement on the mark. */
static bool is_marked(const cJSON *selector, const char *op)
{
    const cJSON *list = ke_json_get(selector, "matchExpressions");
    const cJSON *only = list != NULL ? list->child : NULL;
    return model_is_unset(selector, "matchLabels") && only != NULL && only->next == NULL &&
           ke_str_eq_c(ke_json_str(only, "key"), MARK) &&
           ke_str_eq_c(ke_json_str(only, "operator"), op);
}

static bool set_mark(cJSON *selector, const char *op)
{
    cJSON *list = ke_json_need_array(selector, "matchExpressions");
    cJSON *only = cJSON_CreateObject();
    if (list == NULL || only == NULL || !cJSON_AddItemToArray(list, only)) {
        cJSON_Delete(only);
        return false;
    }
    return ke_json_set_str(only, "key", KE_STR(MARK)) &&
           ke_json_set_str(only, "operator", ke_str_c(op));
}

/* Turns emptiness as one version means it into what the other needs for it. */
static bool convert_selector(cJSON *object, const char *empty_becomes, const char *becomes_empty)
{
    cJSON *selector = ke_json_get_mut(ke_json_get_mut(object, "spec"), "selector");
    if (selector == NULL)
        return true;
    if (is_empty(selector))
        return set_mark(selector, empty_becomes);
    if (is_marked(selector, becomes_empty))
        ke_json_del(selector, "matchExpressions");
    return true;
}

static bool from_v1beta1(cJSON *object)
{
    return convert_selector(object, "Exists", "DoesNotExist");
}

static bool to_v1beta1(cJSON *object)
{
    return convert_selector(object, "DoesNotExist", "Exists");
}

/* ---- the object */

static bool set_defaults(cJSON *object)
{
    return ke_json_need_object(object, "spec") != NULL &&
           ke_json_need_object(object, "status") != NULL;
}

static bool prepare_create(cJSON *object)
{
    static const char *const counts[] = { "disruptionsAllowed", "currentHealthy", "desiredHealthy",
                                          "expectedPods", NULL };
    return workload_zero_status(object, counts);
}

static void check_amount(const cJSON *spec, const char *name, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    const cJSON *value = ke_json_get(spec, name);
    if (value == NULL)
        return;
    model_check_int_or_percent(issues, model_path_child(&root, name), value);
    model_check_at_most_all(issues, model_path_child(&root, name), value);
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const policies[] = { "AlwaysAllow", "IfHealthyBudget", NULL };
    (void)old;
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path root = model_path_root("spec");
    if (ke_json_get(spec, "minAvailable") != NULL && ke_json_get(spec, "maxUnavailable") != NULL) {
        ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
        ke_json_print(spec, &text);
        model_report_invalid_raw(issues, root,
                                 text.failed == KE_OK ? ke_buf_str(&text) : KE_STR("{...}"),
                                 "minAvailable and maxUnavailable cannot be both set");
    }
    check_amount(spec, "minAvailable", issues);
    check_amount(spec, "maxUnavailable", issues);
    if (ke_json_get(spec, "selector") != NULL)
        model_check_label_selector(issues, model_path_child(&root, "selector"),
                                   ke_json_get(spec, "selector"));
    if (ke_json_get(spec, "unhealthyPodEvictionPolicy") != NULL)
        (void)model_check_enum(issues, model_path_child(&root, "unhealthyPodEvictionPolicy"),
                               ke_json_str(spec, "unhealthyPodEvictionPolicy"), policies);
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    workload_check_status_counts(object, issues);
}

const struct model_kind model_kind_poddisruptionbudget = {
    .id = MODEL_PODDISRUPTIONBUDGET,
    .kind = "PodDisruptionBudget",
    .list_kind = "PodDisruptionBudgetList",
    .plural = "poddisruptionbudgets",
    .singular = "poddisruptionbudget",
    .short_names = { "pdb" },
    .prefix = "/registry/poddisruptionbudgets/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .has_generation = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "policy", .version = "v1", .message = "policy.v1.PodDisruptionBudget" },
        {
            .group = "policy",
            .version = "v1beta1",
            .message = "policy.v1beta1.PodDisruptionBudget",
            .to_storage = from_v1beta1,
            .from_storage = to_v1beta1,
        },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .set_defaults = set_defaults,
    .prepare_create = prepare_create,
    .validate = validate,
    .validate_status = validate_status,
};
