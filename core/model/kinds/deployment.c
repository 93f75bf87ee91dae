/* SPDX-License-Identifier: Apache-2.0 */
/* Deployments, as objects. Source: Kubernetes apis/apps. Pure; any thread. */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/podspec.h"
#include "core/model/kinds/workload.h"
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
    return model_set_empty(object, "status");
}

static void check_rolling(const cJSON *rolling, const struct model_path *path,
                          struct model_issues *issues)
{
    const cJSON *unavailable = ke_json_get(rolling, "maxUnavailable");
    const cJSON *surge = ke_json_get(rolling, "maxSurge");
    struct model_path at = model_path_child(path, "maxUnavailable");
    model_check_int_or_percent(issues, at, unavailable);
    model_check_int_or_percent(issues, model_path_child(path, "maxSurge"), surge);
    if (model_int_or_percent(unavailable) == 0 && model_int_or_percent(surge) == 0)
        model_report_invalid_raw(issues, at, model_print_int_or_string(issues->arena, unavailable),
                                 "may not be 0 when `maxSurge` is 0");
    model_check_at_most_all(issues, at, unavailable);
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
    workload_check_selector(spec, "deployment", issues);
    template_validate(spec, "ReplicaSet", issues);
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
