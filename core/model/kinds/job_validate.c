/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of a JobSpec, in the order and words of Kubernetes apis/batch/validation
 * (validateJobSpec). Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/job.h"
#include "core/model/kinds/podspec.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define RULES_MAX       20
#define EXIT_CODES_MAX  255
#define CONDITIONS_MAX  20
#define PARALLELISM_MAX 100000 /* of an indexed Job */

static void check_counts(const cJSON *spec, const struct model_path *path,
                         struct model_issues *issues)
{
    static const char *const counts[] = {
        "parallelism",          "completions",      "activeDeadlineSeconds",   "backoffLimit",
        "backoffLimitPerIndex", "maxFailedIndexes", "ttlSecondsAfterFinished",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(counts); i++)
        (void)model_check_not_negative(issues, model_path_child(path, counts[i]),
                                       ke_json_i64(spec, counts[i], 0));
}

static void check_indexed(const cJSON *spec, const struct model_path *path,
                          struct model_issues *issues)
{
    int64_t parallelism = ke_json_i64(spec, "parallelism", 0);
    if (ke_json_get(spec, "completions") == NULL)
        model_report_required(issues, model_path_child(path, "completions"),
                              "when completion mode is Indexed");
    if (parallelism > PARALLELISM_MAX) {
        model_report_invalid_int(issues, model_path_child(path, "parallelism"), parallelism,
                                 "must be less than or equal to 100000 when completion mode is "
                                 "Indexed");
    }
    if (ke_json_get(spec, "maxFailedIndexes") != NULL &&
        ke_json_get(spec, "backoffLimitPerIndex") == NULL)
        model_report_required(issues, model_path_child(path, "backoffLimitPerIndex"),
                              "when maxFailedIndexes is specified");
    int64_t failed = ke_json_i64(spec, "maxFailedIndexes", 0);
    if (ke_json_get(spec, "completions") != NULL && failed > ke_json_i64(spec, "completions", 0))
        model_report_invalid_int(issues, model_path_child(path, "maxFailedIndexes"), failed,
                                 "must be less than or equal to completions");
}

static void check_mode(const cJSON *spec, const struct model_path *path,
                       struct model_issues *issues)
{
    static const char *const modes[] = { "Indexed", "NonIndexed", NULL };
    struct ke_str mode = ke_json_str(spec, "completionMode");
    if (ke_json_get(spec, "completionMode") != NULL)
        (void)model_check_enum(issues, model_path_child(path, "completionMode"), mode, modes);
    if (ke_str_eq_c(mode, "Indexed")) {
        check_indexed(spec, path, issues);
        return;
    }
    static const char *const only_indexed[] = { "backoffLimitPerIndex", "maxFailedIndexes" };
    for (size_t i = 0; i < KE_ARRAY_LEN(only_indexed); i++) {
        if (ke_json_get(spec, only_indexed[i]) != NULL) {
            model_report_invalid_int(issues, model_path_child(path, only_indexed[i]),
                                     ke_json_i64(spec, only_indexed[i], 0),
                                     "requires indexed completion mode");
        }
    }
    if (ke_json_get(spec, "successPolicy") != NULL)
        model_report_invalid_raw(issues, model_path_child(path, "successPolicy"), KE_STR("{...}"),
                                 "requires indexed completion mode");
}

/* ---- podFailurePolicy */

static bool is_container(const cJSON *spec, struct ke_str name)
{
    static const char *const lists[] = { "containers", "initContainers" };
    const cJSON *pod = ke_json_path(spec, "template.spec");
    for (size_t i = 0; i < KE_ARRAY_LEN(lists); i++) {
        const cJSON *container;
        cJSON_ArrayForEach(container, ke_json_get(pod, lists[i])) {
            if (ke_str_eq(ke_json_str(container, "name"), name))
                return true;
        }
    }
    return false;
}

static void check_code_values(const cJSON *codes, const struct model_path *path,
                              struct model_issues *issues)
{
    const cJSON *values = ke_json_get(codes, "values");
    int n = cJSON_GetArraySize(values);
    if (n == 0) {
        model_report_invalid_raw(issues, *path, KE_STR("[]int32(nil)"),
                                 "at least one value is required");
    } else if (n > EXIT_CODES_MAX) {
        model_report_too_many(issues, *path, (size_t)n, EXIT_CODES_MAX);
    }
    bool is_in = ke_str_eq_c(ke_json_str(codes, "operator"), "In");
    bool is_ordered = true;
    size_t i = 0;
    const cJSON *value;
    cJSON_ArrayForEach(value, values) {
        struct model_path at = model_path_index(path, i++);
        if (is_in && value->valuedouble == 0)
            model_report_invalid_int(issues, at, 0, "must not be 0 for the In operator");
        if (value->prev->next == NULL) /* the first: prev is the last */
            continue;
        if (value->prev->valuedouble > value->valuedouble)
            is_ordered = false;
        else if (value->prev->valuedouble >= value->valuedouble)
            model_report_duplicate_raw(issues, at, model_print_int_or_string(issues->arena, value));
    }
    if (!is_ordered)
        model_report_invalid_raw(issues, *path, KE_STR("[...]"), "must be ordered");
}

static void check_exit_codes(const cJSON *spec, const cJSON *codes, const struct model_path *path,
                             struct model_issues *issues)
{
    static const char *const operators[] = { "In", "NotIn", NULL };
    struct ke_str op = ke_json_str(codes, "operator");
    struct model_path op_at = model_path_child(path, "operator");
    if (op.len == 0)
        model_report_required(issues, op_at, "valid values: [\"In\" \"NotIn\"]");
    else
        (void)model_check_enum(issues, op_at, op, operators);
    struct ke_str name = ke_json_str(codes, "containerName");
    if (ke_json_get(codes, "containerName") != NULL && !is_container(spec, name)) {
        model_report_invalid(issues, model_path_child(path, "containerName"), name,
                             "must be one of the container or initContainer names in the pod "
                             "template");
    }
    struct model_path values_at = model_path_child(path, "values");
    check_code_values(codes, &values_at, issues);
}

static void check_conditions(const cJSON *conditions, const struct model_path *path,
                             struct model_issues *issues)
{
    static const char *const states[] = { "False", "True", "Unknown", NULL };
    int n = cJSON_GetArraySize(conditions);
    if (n > CONDITIONS_MAX) {
        model_report_too_many(issues, *path, (size_t)n, CONDITIONS_MAX);
        return;
    }
    size_t i = 0;
    const cJSON *condition;
    cJSON_ArrayForEach(condition, conditions) {
        struct model_path at = model_path_index(path, i++);
        (void)model_check_name(issues, model_path_child(&at, "type"),
                               ke_json_str(condition, "type"), model_name_qualified);
        (void)model_check_enum(issues, model_path_child(&at, "status"),
                               ke_json_str(condition, "status"), states);
    }
}

static void check_action(const cJSON *spec, const cJSON *rule, const struct model_path *path,
                         struct model_issues *issues)
{
    static const char *const actions[] = { "Count", "FailIndex", "FailJob", "Ignore", NULL };
    struct ke_str action = ke_json_str(rule, "action");
    struct model_path at = model_path_child(path, "action");
    if (action.len == 0) {
        model_report_required(issues, at,
                              "valid values: [\"Count\" \"FailIndex\" \"FailJob\" \"Ignore\"]");
    } else if (ke_str_eq_c(action, "FailIndex") &&
               ke_json_get(spec, "backoffLimitPerIndex") == NULL) {
        model_report_invalid(issues, at, action, "requires the backoffLimitPerIndex to be set");
    } else {
        (void)model_check_enum(issues, at, action, actions);
    }
}

static void check_failure_rule(const cJSON *spec, const cJSON *rule, const struct model_path *path,
                               struct model_issues *issues)
{
    const cJSON *codes = ke_json_get(rule, "onExitCodes");
    const cJSON *conditions = ke_json_get(rule, "onPodConditions");
    bool has_conditions = cJSON_GetArraySize(conditions) > 0;
    struct model_path codes_at = model_path_child(path, "onExitCodes");
    struct model_path conditions_at = model_path_child(path, "onPodConditions");
    check_action(spec, rule, path, issues);
    if (codes != NULL)
        check_exit_codes(spec, codes, &codes_at, issues);
    check_conditions(conditions, &conditions_at, issues);
    if (codes != NULL && has_conditions) {
        model_report_invalid_raw(issues, *path, KE_STR("{...}"),
                                 "specifying both OnExitCodes and OnPodConditions is not "
                                 "supported");
    }
    if (codes == NULL && !has_conditions)
        model_report_invalid_raw(issues, *path, KE_STR("{...}"),
                                 "specifying one of OnExitCodes and OnPodConditions is required");
}

static void check_failure_policy(const cJSON *spec, const struct model_path *path,
                                 struct model_issues *issues)
{
    const cJSON *rules = ke_json_path(spec, "podFailurePolicy.rules");
    struct model_path policy = model_path_child(path, "podFailurePolicy");
    struct model_path at = model_path_child(&policy, "rules");
    int n = cJSON_GetArraySize(rules);
    if (n > RULES_MAX) {
        model_report_too_many(issues, at, (size_t)n, RULES_MAX);
        return;
    }
    size_t i = 0;
    const cJSON *rule;
    cJSON_ArrayForEach(rule, rules) {
        struct model_path rule_at = model_path_index(&at, i++);
        check_failure_rule(spec, rule, &rule_at, issues);
    }
}

static void check_success_policy(const cJSON *spec, const struct model_path *path,
                                 struct model_issues *issues)
{
    struct model_path policy = model_path_child(path, "successPolicy");
    struct model_path at = model_path_child(&policy, "rules");
    const cJSON *rules = ke_json_path(spec, "successPolicy.rules");
    int n = cJSON_GetArraySize(rules);
    if (ke_json_get(spec, "successPolicy") == NULL)
        return;
    if (n == 0) {
        model_report_required(issues, at,
                              "at least one rules must be specified in the "
                              "successPolicy");
    }
    if (n > RULES_MAX) {
        model_report_too_many(issues, at, (size_t)n, RULES_MAX);
        return;
    }
    int64_t completions = ke_json_i64(spec, "completions", 0);
    size_t i = 0;
    const cJSON *rule;
    cJSON_ArrayForEach(rule, rules) {
        struct model_path rule_at = model_path_index(&at, i++);
        struct model_path count_at = model_path_child(&rule_at, "succeededCount");
        const cJSON *count = ke_json_get(rule, "succeededCount");
        if (count == NULL && ke_json_get(rule, "succeededIndexes") == NULL) {
            model_report_required(issues, rule_at,
                                  "at least one of succeededCount or succeededIndexes must be "
                                  "specified");
        }
        int64_t n_wanted = model_int_or_percent(count);
        if (model_check_not_negative(issues, count_at, n_wanted) && n_wanted > completions) {
            model_report_invalid_int(issues, count_at, n_wanted,
                                     "must be less than or equal to the number of specified "
                                     "completions");
        }
    }
}

/* ---- the spec */

static void check_restart(const cJSON *spec, const struct model_path *path,
                          struct model_issues *issues)
{
    static const char *const policies[] = { "Never", "OnFailure", NULL };
    struct model_path template = model_path_child(path, "template");
    struct model_path pod = model_path_child(&template, "spec");
    struct model_path at = model_path_child(&pod, "restartPolicy");
    struct ke_str restart = ke_json_path_str(spec, "template.spec.restartPolicy");
    bool is_known = ke_str_eq_c(restart, "OnFailure") || ke_str_eq_c(restart, "Never");
    if (ke_str_eq_c(restart, "Always")) /* which is what not saying it means */
        model_report_required(issues, at, "valid values: \"OnFailure\", \"Never\"");
    else if (!is_known)
        model_report_not_supported(issues, at, restart, policies);
    else if (ke_json_get(spec, "podFailurePolicy") != NULL && !ke_str_eq_c(restart, "Never"))
        model_report_invalid(issues, at, restart,
                             "only \"Never\" is supported when podFailurePolicy is specified");
}

static void check_replacement(const cJSON *spec, const struct model_path *path,
                              struct model_issues *issues)
{
    static const char *const with_policy[] = { "Failed", NULL };
    static const char *const policies[] = { "Failed", "TerminatingOrFailed", NULL };
    if (ke_json_get(spec, "podReplacementPolicy") == NULL)
        return;
    bool has_policy = ke_json_get(spec, "podFailurePolicy") != NULL;
    (void)model_check_enum(issues, model_path_child(path, "podReplacementPolicy"),
                           ke_json_str(spec, "podReplacementPolicy"),
                           has_policy ? with_policy : policies);
}

void job_validate_spec(const cJSON *spec, const struct model_path *path,
                       struct model_issues *issues)
{
    struct model_path template = model_path_child(path, "template");
    check_counts(spec, path, issues);
    check_mode(spec, path, issues);
    check_failure_policy(spec, path, issues);
    check_success_policy(spec, path, issues);
    check_replacement(spec, path, issues);
    template_validate_pod(ke_json_get(spec, "template"), &template, issues);
    if (ke_json_get(spec, "template") != NULL)
        check_restart(spec, path, issues);
}
