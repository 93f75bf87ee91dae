/* SPDX-License-Identifier: Apache-2.0 */
/* Deployments, as objects. Source: Kubernetes apis/apps. Pure; any thread. */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/podspec.h"
#include "core/model/kinds/workload.h"
#include "core/model/names.h"
#include "core/model/values.h"

static bool default_strategy(cJSON *spec)
{
    cJSON *strategy = ke_json_need_object(spec, "strategy");
    if (strategy == NULL || !model_default_str(strategy, "type", "RollingUpdate"))
        return false;
    if (!ke_str_eq_c(ke_json_str(strategy, "type"), "RollingUpdate"))
        return true;
    cJSON *rolling = ke_json_need_object(strategy, "rollingUpdate");
    return rolling != NULL && model_default_str(rolling, "maxUnavailable", "25%") &&
           model_default_str(rolling, "maxSurge", "25%");
}

static bool set_defaults(cJSON *object)
{
    cJSON *spec = workload_set_defaults(object);
    return spec != NULL && default_strategy(spec) &&
           model_default_num(spec, "revisionHistoryLimit", 10) &&
           model_default_num(spec, "progressDeadlineSeconds", 600);
}

static bool prepare_create(cJSON *object)
{
    return workload_reset_status(object, false);
}

/* The number of an IntOrString, percents counted as such. */
static int64_t number_of(const cJSON *value)
{
    if (cJSON_IsNumber(value))
        return (int64_t)value->valuedouble;
    struct ke_str text = ke_json_value_str(value);
    uint64_t number = 0;
    if (text.len < 2 || !ke_str_to_u64(ke_str_sub(text, 0, text.len - 1), INT32_MAX, &number))
        return 0;
    return (int64_t)number;
}

static void check_amount(const cJSON *value, struct model_path path, struct model_issues *issues)
{
    if (cJSON_IsString(value)) {
        struct ke_str text = ke_json_value_str(value);
        struct model_complaints c = model_name_percent(text);
        for (size_t i = 0; i < c.n; i++)
            model_report_invalid_raw(issues, path, text, c.text[i]);
    } else {
        (void)model_check_not_negative(issues, path, number_of(value));
    }
}

static void check_rolling(const cJSON *rolling, const struct model_path *path,
                          struct model_issues *issues)
{
    const cJSON *unavailable = ke_json_get(rolling, "maxUnavailable");
    const cJSON *surge = ke_json_get(rolling, "maxSurge");
    struct model_path at = model_path_child(path, "maxUnavailable");
    check_amount(unavailable, at, issues);
    check_amount(surge, model_path_child(path, "maxSurge"), issues);
    struct ke_str text = cJSON_IsString(unavailable)
                             ? ke_json_value_str(unavailable)
                             : ke_arena_fmt(issues->arena, "%d", (int)number_of(unavailable));
    if (number_of(unavailable) == 0 && number_of(surge) == 0)
        model_report_invalid_raw(issues, at, text, "may not be 0 when `maxSurge` is 0");
    if (cJSON_IsString(unavailable) && number_of(unavailable) > 100)
        model_report_invalid_raw(issues, at, text, "must not be greater than 100%");
}

static void check_strategy(const cJSON *spec, struct model_issues *issues)
{
    static const char *const types[] = { "Recreate", "RollingUpdate", NULL };
    struct model_path root = model_path_root("spec");
    struct model_path path = model_path_child(&root, "strategy");
    struct model_path rolling_at = model_path_child(&path, "rollingUpdate");
    const cJSON *strategy = ke_json_get(spec, "strategy");
    const cJSON *rolling = ke_json_get(strategy, "rollingUpdate");
    struct ke_str type = ke_json_str(strategy, "type");
    if (ke_str_eq_c(type, "RollingUpdate")) {
        check_rolling(rolling, &rolling_at, issues);
    } else if (!ke_str_eq_c(type, "Recreate")) {
        model_report_not_supported(issues, model_path_child(&path, "type"), type, types);
    } else if (rolling != NULL) {
        model_report_forbidden(issues, rolling_at,
                               "may not be specified when strategy `type` is 'Recreate'");
    }
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path root = model_path_root("spec");
    workload_check_count(spec, "replicas", issues);
    workload_check_selector(spec, issues);
    template_validate(spec, false, issues);
    check_strategy(spec, issues);
    workload_check_count(spec, "minReadySeconds", issues);
    workload_check_count(spec, "revisionHistoryLimit", issues);
    workload_check_count(spec, "progressDeadlineSeconds", issues);
    int64_t deadline = ke_json_i64(spec, "progressDeadlineSeconds", INT32_MAX);
    if (deadline <= ke_json_i64(spec, "minReadySeconds", 0))
        model_report_invalid_int(issues, model_path_child(&root, "progressDeadlineSeconds"),
                                 deadline, "must be greater than minReadySeconds");
    if (old != NULL)
        workload_check_selector_update(spec, ke_json_get(old, "spec"), issues);
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const counts[] = { "updatedReplicas", "readyReplicas", "availableReplicas",
                                          NULL };
    (void)old;
    workload_validate_status(object, counts, issues);
}

const struct model_kind model_kind_deployment = {
    .id = MODEL_DEPLOYMENT,
    .kind = "Deployment",
    .list_kind = "DeploymentList",
    .plural = "deployments",
    .singular = "deployment",
    .short_names = { "deploy" },
    .categories = { "all" },
    .prefix = "/registry/deployments/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "apps", .version = "v1", .message = "apps.v1.Deployment" },
    },
    .subresources = {
        { .name = "scale", .verbs = VERBS_STATUS, .speaks = &model_kind_scale, .scale = &workload_scale },
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .set_defaults = set_defaults,
    .prepare_create = prepare_create,
    .validate = validate,
    .validate_status = validate_status,
};
