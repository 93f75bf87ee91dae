/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DaemonSets, as objects. The generation of the template, a field of old, lives on in an
 * annotation. Source: Kubernetes apis/apps, registry/apps/daemonset. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/podspec.h"
#include "core/model/kinds/workload.h"
#include "core/model/values.h"

#define TEMPLATE_GENERATION "deprecated.daemonset.template.generation"

static bool set_defaults(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    if (spec == NULL || ke_json_need_object(object, "status") == NULL ||
        !workload_default_template(spec) || !model_default_num(spec, "revisionHistoryLimit", 10))
        return false;
    cJSON *strategy = ke_json_need_object(spec, "updateStrategy");
    if (strategy == NULL || !model_default_str(strategy, "type", "RollingUpdate"))
        return false;
    if (!ke_str_eq_c(ke_json_str(strategy, "type"), "RollingUpdate"))
        return true;
    cJSON *rolling = ke_json_need_object(strategy, "rollingUpdate");
    return rolling != NULL && model_default_num(rolling, "maxUnavailable", 1) &&
           model_default_num(rolling, "maxSurge", 0);
}

static int64_t template_generation(const cJSON *object)
{
    const cJSON *notes = ke_json_path(object, "metadata.annotations");
    int64_t generation = 0;
    return ke_str_to_i64(ke_json_str(notes, TEMPLATE_GENERATION), &generation) ? generation : 0;
}

static bool set_template_generation(cJSON *object, int64_t generation)
{
    char text[24];
    struct ke_buf buf = KE_BUF_FIXED(text, sizeof(text));
    ke_buf_add_i64(&buf, generation);
    cJSON *meta = ke_json_need_object(object, "metadata");
    cJSON *notes = meta != NULL ? ke_json_need_object(meta, "annotations") : NULL;
    return notes != NULL && ke_json_set_str(notes, TEMPLATE_GENERATION, ke_buf_str(&buf));
}

static bool prepare_create(cJSON *object)
{
    static const char *const counts[] = { "currentNumberScheduled", "numberMisscheduled",
                                          "desiredNumberScheduled", "numberReady", NULL };
    int64_t generation = template_generation(object);
    return workload_zero_status(object, counts) &&
           set_template_generation(object, generation < 1 ? 1 : generation);
}

/* The generation is the server's: it counts changes of the template. */
static bool prepare_update(cJSON *object, const cJSON *old)
{
    int64_t generation = template_generation(old);
    if (!ke_json_equal(ke_json_path(object, "spec.template"), ke_json_path(old, "spec.template")))
        generation++;
    return set_template_generation(object, generation);
}

static void check_rolling(const cJSON *rolling, const struct model_path *path,
                          struct model_issues *issues)
{
    const cJSON *unavailable = ke_json_get(rolling, "maxUnavailable");
    const cJSON *surge = ke_json_get(rolling, "maxSurge");
    struct model_path unavailable_at = model_path_child(path, "maxUnavailable");
    struct model_path surge_at = model_path_child(path, "maxSurge");
    model_check_int_or_percent(issues, unavailable_at, unavailable);
    model_check_int_or_percent(issues, surge_at, surge);
    model_check_at_most_all(issues, unavailable_at, unavailable);
    model_check_at_most_all(issues, surge_at, surge);
    bool has_unavailable = model_int_or_percent(unavailable) != 0;
    bool has_surge = model_int_or_percent(surge) != 0;
    if (has_unavailable && has_surge) {
        model_report_invalid_raw(issues, surge_at, model_print_int_or_string(issues->arena, surge),
                                 "may not be set when maxUnavailable is non-zero");
    } else if (!has_unavailable && !has_surge) {
        model_report_required(issues, unavailable_at, "cannot be 0 when maxSurge is 0");
    }
}

static void check_strategy(const cJSON *spec, struct model_issues *issues)
{
    static const char *const types[] = { "OnDelete", "RollingUpdate", NULL };
    struct model_path root = model_path_root("spec");
    struct model_path path = model_path_child(&root, "updateStrategy");
    struct model_path rolling_at = model_path_child(&path, "rollingUpdate");
    const cJSON *strategy = ke_json_get(spec, "updateStrategy");
    struct ke_str type = ke_json_str(strategy, "type");
    if (ke_str_eq_c(type, "OnDelete"))
        return;
    if (!ke_str_eq_c(type, "RollingUpdate"))
        model_report_not_supported(issues, path, type, types);
    else if (ke_json_get(strategy, "rollingUpdate") == NULL)
        model_report_required(issues, rolling_at, "");
    else
        check_rolling(ke_json_get(strategy, "rollingUpdate"), &rolling_at, issues);
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    workload_check_selector(spec, "daemonset", issues);
    template_validate(spec, "DaemonSet", issues);
    workload_check_count(spec, "minReadySeconds", issues);
    check_strategy(spec, issues);
    workload_check_count(spec, "revisionHistoryLimit", issues);
    if (old != NULL)
        workload_check_selector_update(spec, ke_json_get(old, "spec"), issues);
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    workload_check_status_counts(object, issues);
    workload_check_collisions(object, old, issues);
}

const struct model_kind model_kind_daemonset = {
    .id = MODEL_DAEMONSET,
    .kind = "DaemonSet",
    .list_kind = "DaemonSetList",
    .plural = "daemonsets",
    .singular = "daemonset",
    .short_names = { "ds" },
    .categories = { "all" },
    .prefix = "/registry/daemonsets/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "apps", .version = "v1", .message = "apps.v1.DaemonSet" },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .set_defaults = set_defaults,
    .prepare_create = prepare_create,
    .prepare_update = prepare_update,
    .validate = validate,
    .validate_status = validate_status,
};
