/* SPDX-License-Identifier: Apache-2.0 */
/* StatefulSets, as objects. Source: Kubernetes apis/apps, registry/apps/statefulset. Pure; any
 * thread. */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/podspec.h"
#include "core/model/kinds/workload.h"
#include "core/model/names.h"
#include "core/model/values.h"

/* The members of spec that an update may change. */
static const char *const changeable[] = { "replicas",
                                          "template",
                                          "updateStrategy",
                                          "minReadySeconds",
                                          "ordinals",
                                          "revisionHistoryLimit",
                                          "persistentVolumeClaimRetentionPolicy" };

/* A claim inside is an object of its own: it says its kind, and has the defaults of one. */
static bool default_claims(cJSON *spec)
{
    cJSON *claim;
    cJSON_ArrayForEach(claim, ke_json_get_mut(spec, "volumeClaimTemplates")) {
        cJSON *claim_spec = ke_json_need_object(claim, "spec");
        cJSON *status = ke_json_need_object(claim, "status");
        if (claim_spec == NULL || status == NULL ||
            !model_default_str(claim_spec, "volumeMode", "Filesystem") ||
            !model_default_str(status, "phase", "Pending") ||
            !ke_json_set_first(claim, "apiVersion", cJSON_CreateString("v1")) ||
            !ke_json_set_first(claim, "kind", cJSON_CreateString("PersistentVolumeClaim")))
            return false;
    }
    return true;
}

static bool set_defaults(cJSON *object)
{
    cJSON *spec = workload_set_defaults(object);
    if (spec == NULL || !model_default_str(spec, "podManagementPolicy", "OrderedReady") ||
        !model_default_num(spec, "revisionHistoryLimit", 10) || !default_claims(spec))
        return false;
    cJSON *strategy = ke_json_need_object(spec, "updateStrategy");
    cJSON *retention = ke_json_need_object(spec, "persistentVolumeClaimRetentionPolicy");
    if (strategy == NULL || retention == NULL ||
        !model_default_str(strategy, "type", "RollingUpdate") ||
        !model_default_str(retention, "whenDeleted", "Retain") ||
        !model_default_str(retention, "whenScaled", "Retain"))
        return false;
    if (!ke_str_eq_c(ke_json_str(strategy, "type"), "RollingUpdate"))
        return true;
    cJSON *rolling = ke_json_need_object(strategy, "rollingUpdate");
    return rolling != NULL && model_default_num(rolling, "partition", 0);
}

static bool prepare_create(cJSON *object)
{
    static const char *const counts[] = { "replicas", "availableReplicas", NULL };
    return workload_zero_status(object, counts);
}

static void check_strategy(const cJSON *spec, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    struct model_path path = model_path_child(&root, "updateStrategy");
    struct model_path rolling_at = model_path_child(&path, "rollingUpdate");
    const cJSON *strategy = ke_json_get(spec, "updateStrategy");
    const cJSON *rolling = ke_json_get(strategy, "rollingUpdate");
    struct ke_str type = ke_json_str(strategy, "type");
    if (ke_str_eq_c(type, "OnDelete")) {
        if (rolling != NULL)
            model_report_invalid_raw(issues, rolling_at, KE_STR("{...}"),
                                     "only allowed for updateStrategy 'RollingUpdate'");
        return;
    }
    if (!ke_str_eq_c(type, "RollingUpdate")) {
        model_report_invalid(issues, path, type, "must be 'RollingUpdate' or 'OnDelete'");
        return;
    }
    (void)model_check_not_negative(issues, model_path_child(&rolling_at, "partition"),
                                   ke_json_i64(rolling, "partition", 0));
    const cJSON *unavailable = ke_json_get(rolling, "maxUnavailable");
    struct model_path unavailable_at = model_path_child(&rolling_at, "maxUnavailable");
    if (unavailable == NULL)
        return;
    model_check_int_or_percent(issues, unavailable_at, unavailable);
    if (model_int_or_percent(unavailable) == 0) {
        model_report_invalid_raw(issues, unavailable_at,
                                 model_print_int_or_string(issues->arena, unavailable),
                                 "cannot be 0");
    }
    model_check_at_most_all(issues, unavailable_at, unavailable);
}

static void check_policies(const cJSON *spec, struct model_issues *issues)
{
    static const char *const kept[] = { "Delete", "Retain", NULL };
    struct model_path root = model_path_root("spec");
    struct model_path retention = model_path_child(&root, "persistentVolumeClaimRetentionPolicy");
    const cJSON *policy = ke_json_get(spec, "persistentVolumeClaimRetentionPolicy");
    struct ke_str management = ke_json_str(spec, "podManagementPolicy");
    if (!ke_str_eq_c(management, "OrderedReady") && !ke_str_eq_c(management, "Parallel"))
        model_report_invalid(issues, model_path_child(&root, "podManagementPolicy"), management,
                             "must be 'OrderedReady' or 'Parallel'");
    check_strategy(spec, issues);
    (void)model_check_enum(issues, model_path_child(&retention, "whenDeleted"),
                           ke_json_str(policy, "whenDeleted"), kept);
    (void)model_check_enum(issues, model_path_child(&retention, "whenScaled"),
                           ke_json_str(policy, "whenScaled"), kept);
}

static void check_update(const cJSON *spec, const cJSON *old, struct model_issues *issues)
{
    ke_auto_json *copy = cJSON_Duplicate(spec, true);
    for (size_t i = 0; copy != NULL && i < KE_ARRAY_LEN(changeable); i++) {
        if (!model_set_copy(copy, changeable[i], ke_json_get(old, changeable[i]))) {
            model_report_no_memory(issues);
            return;
        }
    }
    if (copy == NULL)
        model_report_no_memory(issues);
    else if (!ke_json_equal(copy, old)) {
        model_report_forbidden(issues, model_path_root("spec"),
                               "updates to statefulset spec for fields other than 'replicas', "
                               "'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
                               "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
                               "forbidden");
    }
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path root = model_path_root("spec");
    check_policies(spec, issues);
    workload_check_count(spec, "replicas", issues);
    workload_check_count(spec, "minReadySeconds", issues);
    workload_check_count(spec, "revisionHistoryLimit", issues);
    (void)model_check_not_negative(issues, model_path_child(&root, "ordinals.start"),
                                   ke_json_i64(ke_json_get(spec, "ordinals"), "start", 0));
    workload_check_selector(spec, "statefulset", issues);
    template_validate(spec, "StatefulSet", issues);
    if (old != NULL)
        check_update(spec, ke_json_get(old, "spec"), issues);
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const counts[] = { "readyReplicas", "currentReplicas", "updatedReplicas",
                                          "availableReplicas", NULL };
    workload_validate_status(object, counts, issues);
    workload_check_collisions(object, old, issues);
}

const struct model_kind model_kind_statefulset = {
    .id = MODEL_STATEFULSET,
    .kind = "StatefulSet",
    .list_kind = "StatefulSetList",
    .plural = "statefulsets",
    .singular = "statefulset",
    .short_names = { "sts" },
    .categories = { "all" },
    .prefix = "/registry/statefulsets/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "apps", .version = "v1", .message = "apps.v1.StatefulSet" },
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
