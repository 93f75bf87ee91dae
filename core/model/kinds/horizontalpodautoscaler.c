/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HorizontalPodAutoscalers, as objects, stored as v2. Source: Kubernetes apis/autoscaling
 * (v2/defaults.go, validation), registry/autoscaling. Pure; any thread.
 */
#include "core/model/kinds/horizontalpodautoscaler.h"

#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/workload.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define CPU_PERCENT    80
#define PERIOD_SECONDS 15

/* What is scaled when nobody says by what: the average use of processors. */
static bool default_metrics(cJSON *spec)
{
    cJSON *list = ke_json_need_array(spec, "metrics");
    if (list == NULL || list->child != NULL)
        return list != NULL;
    cJSON *metric = cJSON_CreateObject();
    if (metric == NULL || !cJSON_AddItemToArray(list, metric)) {
        cJSON_Delete(metric);
        return false;
    }
    cJSON *resource = ke_json_set_str(metric, "type", KE_STR("Resource"))
                          ? ke_json_need_object(metric, "resource")
                          : NULL;
    cJSON *target = resource != NULL && ke_json_set_str(resource, "name", KE_STR("cpu"))
                        ? ke_json_need_object(resource, "target")
                        : NULL;
    return target != NULL && ke_json_set_str(target, "type", KE_STR("Utilization")) &&
           ke_json_set(target, "averageUtilization", cJSON_CreateNumber(CPU_PERCENT));
}

static bool add_policy(cJSON *list, const char *type, int value)
{
    cJSON *policy = cJSON_CreateObject();
    if (policy == NULL || !cJSON_AddItemToArray(list, policy)) {
        cJSON_Delete(policy);
        return false;
    }
    return ke_json_set_str(policy, "type", ke_str_c(type)) &&
           ke_json_set(policy, "value", cJSON_CreateNumber(value)) &&
           ke_json_set(policy, "periodSeconds", cJSON_CreateNumber(PERIOD_SECONDS));
}

static bool default_rules(cJSON *behavior, const char *name, bool is_up)
{
    cJSON *rules = ke_json_need_object(behavior, name);
    if (rules == NULL || !model_default_str(rules, "selectPolicy", "Max") ||
        (is_up && !model_default_num(rules, "stabilizationWindowSeconds", 0)))
        return false;
    if (ke_json_get(rules, "policies") != NULL)
        return true;
    cJSON *list = ke_json_need_array(rules, "policies");
    return list != NULL && (!is_up || add_policy(list, "Pods", 4)) &&
           add_policy(list, "Percent", 100);
}

/* One direction said, both are filled in. */
static bool default_behavior(cJSON *spec)
{
    cJSON *behavior = ke_json_get_mut(spec, "behavior");
    if (ke_json_get(behavior, "scaleUp") == NULL && ke_json_get(behavior, "scaleDown") == NULL)
        return true;
    return default_rules(behavior, "scaleUp", true) && default_rules(behavior, "scaleDown", false);
}

static bool set_defaults(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    return spec != NULL && ke_json_need_object(object, "status") != NULL &&
           ke_json_need_object(spec, "scaleTargetRef") != NULL &&
           model_default_num(spec, "minReplicas", 1) && default_metrics(spec) &&
           default_behavior(spec);
}

static bool prepare_create(cJSON *object)
{
    static const char *const counts[] = { "desiredReplicas", NULL };
    return workload_zero_status(object, counts);
}

static void check_bounds(const cJSON *spec, const struct model_path *root,
                         struct model_issues *issues)
{
    int64_t least = ke_json_i64(spec, "minReplicas", 1);
    int64_t most = ke_json_i64(spec, "maxReplicas", 0);
    struct model_path most_at = model_path_child(root, "maxReplicas");
    if (least < 1)
        model_report_invalid_int(issues, model_path_child(root, "minReplicas"), least,
                                 "must be greater than or equal to 1");
    if (most < 1)
        model_report_invalid_int(issues, most_at, most, "must be greater than 0");
    if (most < least)
        model_report_invalid_int(issues, most_at, most,
                                 "must be greater than or equal to `minReplicas`");
}

static void check_target(const cJSON *ref, const struct model_path *path,
                         struct model_issues *issues)
{
    static const char *const members[] = { "kind", "name" };
    for (size_t i = 0; i < KE_ARRAY_LEN(members); i++) {
        struct ke_str value = ke_json_str(ref, members[i]);
        struct model_path at = model_path_child(path, members[i]);
        if (value.len == 0)
            model_report_required(issues, at, "");
        else
            (void)model_check_name(issues, at, value, model_name_path_segment);
    }
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path root = model_path_root("spec");
    struct model_path target = model_path_child(&root, "scaleTargetRef");
    struct model_path metrics = model_path_child(&root, "metrics");
    struct model_path behavior = model_path_child(&root, "behavior");
    check_bounds(spec, &root, issues);
    check_target(ke_json_get(spec, "scaleTargetRef"), &target, issues);
    hpa_validate_metrics(ke_json_get(spec, "metrics"), &metrics, issues);
    hpa_validate_behavior(ke_json_get(spec, "behavior"), &behavior, issues);
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const counts[] = { "currentReplicas", "desiredReplicas" };
    (void)old;
    const cJSON *status = ke_json_get(object, "status");
    struct model_path root = model_path_root("status");
    for (size_t i = 0; i < KE_ARRAY_LEN(counts); i++)
        (void)model_check_not_negative(issues, model_path_child(&root, counts[i]),
                                       ke_json_i64(status, counts[i], 0));
}

const struct model_kind model_kind_horizontalpodautoscaler = {
    .id = MODEL_HORIZONTALPODAUTOSCALER,
    .kind = "HorizontalPodAutoscaler",
    .list_kind = "HorizontalPodAutoscalerList",
    .plural = "horizontalpodautoscalers",
    .singular = "horizontalpodautoscaler",
    .short_names = { "hpa" },
    .categories = { "all" },
    .prefix = "/registry/horizontalpodautoscalers/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "autoscaling", .version = "v2", .message = "autoscaling.v2.HorizontalPodAutoscaler" },
        {
            .group = "autoscaling",
            .version = "v1",
            .message = "autoscaling.v1.HorizontalPodAutoscaler",
            .to_storage = hpa_from_v1,
            .from_storage = hpa_to_v1,
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
