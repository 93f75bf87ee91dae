/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DeleteOptions as clients send them: with a delete, or inside an eviction. Pure.
 * Source: apimachinery meta/v1 types.go, validation (ValidateDeleteOptions).
 */
#include "core/base/json.h"
#include "core/model/issues.h"
#include "core/resource/resource.h"

void resource_propagation_set(struct ke_str value, struct resource_request *out,
                              struct model_issues *issues)
{
    if (value.len == 0) {
        out->propagation = RESOURCE_PROPAGATION_UNSET;
    } else if (ke_str_eq_c(value, "Background")) {
        out->propagation = RESOURCE_BACKGROUND;
    } else if (ke_str_eq_c(value, "Foreground")) {
        out->propagation = RESOURCE_FOREGROUND;
    } else if (ke_str_eq_c(value, "Orphan")) {
        out->propagation = RESOURCE_ORPHAN;
    } else {
        model_issues_add(issues, MODEL_ISSUE_NOT_SUPPORTED, KE_STR("propagationPolicy"),
                         ke_arena_fmt(issues->arena,
                                      "Unsupported value: \"%.*s\": supported values: "
                                      "\"Foreground\", \"Background\", \"Orphan\", \"\"",
                                      KE_STR_ARG(value)));
    }
}

bool resource_dry_run_set(struct ke_str value, struct resource_request *out,
                          struct model_issues *issues)
{
    if (ke_str_eq_c(value, "All")) {
        out->is_dry_run = true;
        return true;
    }
    model_issues_add(issues, MODEL_ISSUE_NOT_SUPPORTED, KE_STR("dryRun"),
                     ke_arena_fmt(issues->arena,
                                  "Unsupported value: []string{\"%.*s\"}: supported values: "
                                  "\"All\"",
                                  KE_STR_ARG(value)));
    return false;
}

void resource_delete_options_apply(const cJSON *options, struct resource_request *out,
                                   struct model_issues *issues)
{
    const cJSON *item;
    const cJSON *preconditions = ke_json_get(options, "preconditions");
    const cJSON *orphan = ke_json_get(options, "orphanDependents");
    const cJSON *policy = ke_json_get(options, "propagationPolicy");
    out->grace_period_s = ke_json_i64(options, "gracePeriodSeconds", out->grace_period_s);
    out->precondition_uid = ke_json_str(preconditions, "uid");
    out->precondition_rv = ke_json_str(preconditions, "resourceVersion");
    if (policy != NULL && orphan != NULL) {
        model_issues_add(issues, MODEL_ISSUE_INVALID, KE_STR("propagationPolicy"),
                         ke_arena_fmt(issues->arena,
                                      "Invalid value: \"%.*s\": orphanDependents and "
                                      "deletionPropagation cannot be both set",
                                      KE_STR_ARG(ke_json_value_str(policy))));
    } else if (policy != NULL) {
        resource_propagation_set(ke_json_value_str(policy), out, issues);
    } else if (orphan != NULL) {
        out->propagation = cJSON_IsTrue(orphan) ? RESOURCE_ORPHAN : RESOURCE_BACKGROUND;
    }
    cJSON_ArrayForEach(item, ke_json_get(options, "dryRun")) {
        if (!resource_dry_run_set(ke_json_value_str(item), out, issues))
            return;
    }
}
