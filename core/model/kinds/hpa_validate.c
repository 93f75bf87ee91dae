/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a HorizontalPodAutoscaler watches and how fast it acts, in the words of Kubernetes
 * apis/autoscaling/validation. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/horizontalpodautoscaler.h"
#include "core/model/names.h"
#include "core/model/quantity.h"
#include "core/model/values.h"

#define WINDOW_SECONDS_MAX 3600
#define PERIOD_SECONDS_MAX 1800

/* ---- metrics */

static bool is_positive(const cJSON *value)
{
    struct model_quantity quantity;
    struct ke_err err = KE_ERR_INIT;
    return model_quantity_parse(ke_json_value_str(value), &quantity, &err) == KE_OK &&
           !quantity.is_negative && !model_quantity_is_zero(&quantity);
}

static void check_target(const cJSON *source, const struct model_path *path,
                         struct model_issues *issues)
{
    static const char *const quantities[] = { "value", "averageValue" };
    const cJSON *target = ke_json_get(source, "target");
    struct model_path at = model_path_child(path, "target");
    struct ke_str type = ke_json_str(target, "type");
    struct model_path type_at = model_path_child(&at, "type");
    if (type.len == 0)
        model_report_required(issues, type_at, "must specify a metric target type");
    if (!ke_str_eq_c(type, "Utilization") && !ke_str_eq_c(type, "Value") &&
        !ke_str_eq_c(type, "AverageValue"))
        model_report_invalid(issues, type_at, type,
                             "must be either Utilization, Value, or AverageValue");
    for (size_t i = 0; i < KE_ARRAY_LEN(quantities); i++) {
        const cJSON *value = ke_json_get(target, quantities[i]);
        if (value != NULL && !is_positive(value))
            model_report_invalid(issues, model_path_child(&at, quantities[i]),
                                 ke_json_value_str(value), "must be positive");
    }
    int64_t utilization = ke_json_i64(target, "averageUtilization", 1);
    if (utilization < 1)
        model_report_invalid_int(issues, model_path_child(&at, "averageUtilization"), utilization,
                                 "must be greater than 0");
}

static void check_name(const cJSON *from, const struct model_path *path, const char *what,
                       struct model_issues *issues)
{
    struct ke_str name = ke_json_str(from, "name");
    struct model_path at = model_path_child(path, "name");
    if (name.len == 0)
        model_report_required(issues, at, what);
    else
        (void)model_check_name(issues, at, name, model_name_path_segment);
}

static void check_resource(const cJSON *source, const struct model_path *path,
                           struct model_issues *issues)
{
    const cJSON *target = ke_json_get(source, "target");
    struct model_path at = model_path_child(path, "target");
    bool has_share = ke_json_get(target, "averageUtilization") != NULL;
    bool has_value = ke_json_get(target, "averageValue") != NULL;
    if (model_is_unset(source, "name"))
        model_report_required(issues, model_path_child(path, "name"),
                              "must specify a resource name");
    check_target(source, path, issues);
    if (!has_share && !has_value)
        model_report_required(issues, model_path_child(&at, "averageUtilization"),
                              "must set either a target raw value or a target utilization");
    if (has_share && has_value)
        model_report_forbidden(issues, model_path_child(&at, "averageValue"),
                               "may not set both a target raw value and a target utilization");
}

static void check_container_resource(const cJSON *source, const struct model_path *path,
                                     struct model_issues *issues)
{
    check_resource(source, path, issues);
    if (model_is_unset(source, "container"))
        model_report_required(issues, model_path_child(path, "container"),
                              "must specify a container name");
}

static void check_pods(const cJSON *source, const struct model_path *path,
                       struct model_issues *issues)
{
    struct model_path metric = model_path_child(path, "metric");
    struct model_path at = model_path_child(path, "target");
    check_name(ke_json_get(source, "metric"), &metric, "must specify a metric name", issues);
    check_target(source, path, issues);
    if (!is_positive(ke_json_path(source, "target.averageValue")))
        model_report_required(issues, model_path_child(&at, "averageValue"),
                              "must specify a positive target averageValue");
}

static void check_object(const cJSON *source, const struct model_path *path,
                         struct model_issues *issues)
{
    static const char *const members[] = { "kind", "name" };
    struct model_path described = model_path_child(path, "describedObject");
    struct model_path metric = model_path_child(path, "metric");
    struct model_path at = model_path_child(path, "target");
    const cJSON *ref = ke_json_get(source, "describedObject");
    for (size_t i = 0; i < KE_ARRAY_LEN(members); i++) {
        if (model_is_unset(ref, members[i]))
            model_report_required(issues, model_path_child(&described, members[i]), "");
    }
    check_name(ke_json_get(source, "metric"), &metric, "must specify a metric name", issues);
    check_target(source, path, issues);
    if (ke_json_path(source, "target.value") == NULL &&
        ke_json_path(source, "target.averageValue") == NULL)
        model_report_required(issues, model_path_child(&at, "averageValue"),
                              "must set either a target value or averageValue");
}

static void check_external(const cJSON *source, const struct model_path *path,
                           struct model_issues *issues)
{
    struct model_path metric = model_path_child(path, "metric");
    struct model_path at = model_path_child(path, "target");
    bool has_value = ke_json_path(source, "target.value") != NULL;
    bool has_average = ke_json_path(source, "target.averageValue") != NULL;
    check_name(ke_json_get(source, "metric"), &metric, "must specify a metric name", issues);
    check_target(source, path, issues);
    if (!has_value && !has_average)
        model_report_required(issues, model_path_child(&at, "averageValue"),
                              "must set either a target value for metric or a per-pod target");
    if (has_value && has_average)
        model_report_forbidden(issues, model_path_child(&at, "value"),
                               "may not set both a target value for metric and a per-pod target");
}

static const struct {
    const char *type, *member;
    void (*check)(const cJSON *source, const struct model_path *path, struct model_issues *issues);
} sources[] = {
    { "ContainerResource", "containerResource", check_container_resource },
    { "External", "external", check_external },
    { "Object", "object", check_object },
    { "Pods", "pods", check_pods },
    { "Resource", "resource", check_resource },
};

static void check_metric(const cJSON *metric, const struct model_path *path,
                         struct model_issues *issues)
{
    static const char *const types[] = { "ContainerResource", "External", "Object", "Pods",
                                         "Resource",          NULL };
    struct ke_str type = ke_json_str(metric, "type");
    struct model_path type_at = model_path_child(path, "type");
    if (type.len == 0)
        model_report_required(issues, type_at, "must specify a metric source type");
    else
        (void)model_check_enum(issues, type_at, type, types);
    size_t n_present = 0;
    for (size_t i = 0; i < KE_ARRAY_LEN(sources); i++) {
        const cJSON *source = ke_json_get(metric, sources[i].member);
        struct model_path at = model_path_child(path, sources[i].member);
        bool is_wanted = ke_str_eq_c(type, sources[i].type);
        if (source == NULL && is_wanted)
            model_report_required(issues, at,
                                  "must populate information for the given metric source");
        if (source == NULL)
            continue;
        if (n_present++ == 0)
            sources[i].check(source, &at, issues);
        if (!is_wanted)
            model_report_forbidden(issues, at, "must populate the given metric source only");
    }
}

void hpa_validate_metrics(const cJSON *metrics, const struct model_path *path,
                          struct model_issues *issues)
{
    size_t i = 0;
    const cJSON *metric;
    cJSON_ArrayForEach(metric, metrics) {
        struct model_path at = model_path_index(path, i++);
        check_metric(metric, &at, issues);
    }
}

/* ---- behavior */

static void check_policy(const cJSON *policy, const struct model_path *path,
                         struct model_issues *issues)
{
    static const char *const types[] = { "Percent", "Pods", NULL };
    int64_t value = ke_json_i64(policy, "value", 0);
    int64_t period = ke_json_i64(policy, "periodSeconds", 0);
    struct model_path period_at = model_path_child(path, "periodSeconds");
    (void)model_check_enum(issues, model_path_child(path, "type"), ke_json_str(policy, "type"),
                           types);
    if (value <= 0)
        model_report_invalid_int(issues, model_path_child(path, "value"), value,
                                 "must be greater than zero");
    if (period <= 0)
        model_report_invalid_int(issues, period_at, period, "must be greater than zero");
    if (period > PERIOD_SECONDS_MAX)
        model_report_invalid_int(issues, period_at, period, "must be less than or equal to 1800");
}

static void check_rules(const cJSON *rules, const struct model_path *path,
                        struct model_issues *issues)
{
    static const char *const choices[] = { "Disabled", "Max", "Min", NULL };
    if (rules == NULL)
        return;
    int64_t window = ke_json_i64(rules, "stabilizationWindowSeconds", 0);
    struct model_path window_at = model_path_child(path, "stabilizationWindowSeconds");
    if (window < 0)
        model_report_invalid_int(issues, window_at, window,
                                 "must be greater than or equal to zero");
    if (window > WINDOW_SECONDS_MAX)
        model_report_invalid_int(issues, window_at, window, "must be less than or equal to 3600");
    if (ke_json_get(rules, "selectPolicy") != NULL)
        (void)model_check_enum(issues, model_path_child(path, "selectPolicy"),
                               ke_json_str(rules, "selectPolicy"), choices);
    struct model_path list = model_path_child(path, "policies");
    const cJSON *policies = ke_json_get(rules, "policies");
    if (cJSON_GetArraySize(policies) == 0)
        model_report_required(issues, list, "must specify at least one Policy");
    size_t i = 0;
    const cJSON *policy;
    cJSON_ArrayForEach(policy, policies) {
        struct model_path at = model_path_index(&list, i++);
        check_policy(policy, &at, issues);
    }
}

void hpa_validate_behavior(const cJSON *behavior, const struct model_path *path,
                           struct model_issues *issues)
{
    struct model_path up = model_path_child(path, "scaleUp");
    struct model_path down = model_path_child(path, "scaleDown");
    check_rules(ke_json_get(behavior, "scaleUp"), &up, issues);
    check_rules(ke_json_get(behavior, "scaleDown"), &down, issues);
}
