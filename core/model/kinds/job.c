/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs, as objects: defaults, the selector that the server makes from the uid, and what an update
 * may change. Source: Kubernetes apis/batch, registry/batch/job. Pure; any thread.
 */
#include "core/model/kinds/job.h"

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/podspec.h"
#include "core/model/kinds/workload.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define LABEL_UID      "batch.kubernetes.io/controller-uid"
#define LABEL_NAME     "batch.kubernetes.io/job-name"
#define LABEL_OLD_UID  "controller-uid"
#define LABEL_OLD_NAME "job-name"

/* The label of a template and the metadata of the Job that it repeats, as they are printed. */
static const struct {
    const char *label, *member;
} generated[] = {
    { LABEL_UID, "uid" },
    { LABEL_OLD_UID, "uid" },
    { LABEL_NAME, "name" },
    { LABEL_OLD_NAME, "name" },
};

static bool default_conditions(cJSON *spec)
{
    cJSON *rule;
    cJSON_ArrayForEach(rule, ke_json_get_mut(ke_json_get_mut(spec, "podFailurePolicy"), "rules")) {
        cJSON *condition;
        cJSON_ArrayForEach(condition, ke_json_get_mut(rule, "onPodConditions")) {
            if (!model_default_str(condition, "status", "True"))
                return false;
        }
    }
    return true;
}

bool job_default_spec(cJSON *spec)
{
    return default_conditions(spec) && workload_default_template(spec);
}

static bool default_counts(cJSON *spec)
{
    bool has_none =
        ke_json_get(spec, "completions") == NULL && ke_json_get(spec, "parallelism") == NULL;
    bool is_by_index = ke_json_get(spec, "backoffLimitPerIndex") != NULL;
    return (!has_none || model_default_num(spec, "completions", 1)) &&
           model_default_num(spec, "parallelism", 1) &&
           model_default_num(spec, "backoffLimit", is_by_index ? INT32_MAX : 6);
}

/* The labels of the Job are the template's when it has none. */
static bool default_labels(cJSON *object)
{
    const cJSON *labels = ke_json_path(object, "spec.template.metadata.labels");
    cJSON *meta = ke_json_need_object(object, "metadata");
    if (meta == NULL)
        return false;
    return labels == NULL || labels->child == NULL || !model_is_unset(meta, "labels") ||
           model_set_copy(meta, "labels", labels);
}

static bool set_defaults(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    if (spec == NULL || ke_json_need_object(object, "status") == NULL)
        return false;
    bool has_policy = ke_json_get(spec, "podFailurePolicy") != NULL;
    return job_default_spec(spec) && default_counts(spec) &&
           model_default_str(spec, "completionMode", "NonIndexed") &&
           model_default_bool(spec, "suspend", false) &&
           model_default_bool(spec, "manualSelector", false) &&
           model_default_str(spec, "podReplacementPolicy",
                             has_policy ? "Failed" : "TerminatingOrFailed") &&
           default_labels(object);
}

/* Labels that only this Job's Pods carry, and the selector of one of them. What the client has said
 * stays, for validation to refuse. */
static bool generate_selector(cJSON *object, cJSON *spec)
{
    const cJSON *meta = ke_json_get(object, "metadata");
    cJSON *template = ke_json_need_object(spec, "template");
    cJSON *pod_meta = template != NULL ? ke_json_need_object(template, "metadata") : NULL;
    cJSON *labels = pod_meta != NULL ? ke_json_need_object(pod_meta, "labels") : NULL;
    cJSON *selector = ke_json_need_object(spec, "selector");
    cJSON *match = selector != NULL ? ke_json_need_object(selector, "matchLabels") : NULL;
    if (labels == NULL || match == NULL)
        return false;
    for (size_t i = 0; i < KE_ARRAY_LEN(generated); i++) {
        struct ke_str value = ke_json_str(meta, generated[i].member);
        if (ke_json_get(labels, generated[i].label) == NULL &&
            !ke_json_set_str(labels, generated[i].label, value))
            return false;
    }
    return ke_json_get(match, LABEL_UID) != NULL ||
           ke_json_set_str(match, LABEL_UID, ke_json_str(meta, "uid"));
}

static bool prepare_create(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    if (spec == NULL || !model_set_empty(object, "status"))
        return false;
    return ke_json_bool(spec, "manualSelector", false) ||
           (generate_selector(object, spec) && default_labels(object));
}

static struct ke_str print_json(const cJSON *value, struct model_issues *issues)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    if (value != NULL)
        ke_json_print(value, &text);
    return text.failed == KE_OK ? ke_arena_str(issues->arena, ke_buf_str(&text)) : KE_STR("{...}");
}

static void check_generated_label(const cJSON *labels, const char *name, struct ke_str wanted,
                                  struct model_issues *issues)
{
    struct model_path spec = model_path_root("spec");
    struct model_path template = model_path_child(&spec, "template");
    struct model_path meta = model_path_child(&template, "metadata");
    struct model_path all = model_path_child(&meta, "labels");
    struct model_path at = model_path_key(&all, ke_str_c(name));
    struct ke_str detail = ke_arena_fmt(issues->arena, "must be '%.*s'", KE_STR_ARG(wanted));
    const char *text = detail.ptr != NULL ? detail.ptr : "";
    const cJSON *label = ke_json_get(labels, name);
    if (label == NULL)
        model_report_required(issues, at, text);
    else if (!ke_str_eq(ke_json_value_str(label), wanted))
        model_report_invalid_raw(issues, at, model_go_string_map(issues->arena, labels), text);
}

/* A selector that is not the client's is the server's, whatever the client wrote there. */
static void check_generated(const cJSON *object, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    const cJSON *labels = ke_json_path(spec, "template.metadata.labels");
    const cJSON *meta = ke_json_get(object, "metadata");
    struct model_path root = model_path_root("spec");
    if (ke_json_bool(spec, "manualSelector", false) || ke_json_get(spec, "selector") == NULL)
        return;
    for (size_t i = 0; i < KE_ARRAY_LEN(generated); i++)
        check_generated_label(labels, generated[i].label, ke_json_str(meta, generated[i].member),
                              issues);
    const cJSON *match = ke_json_path(spec, "selector.matchLabels");
    struct ke_str uid = ke_json_str(meta, "uid");
    const cJSON *item;
    cJSON_ArrayForEach(item, match) {
        bool is_uid =
            strcmp(item->string, LABEL_UID) == 0 || strcmp(item->string, LABEL_OLD_UID) == 0;
        if (!is_uid || !ke_str_eq(ke_json_value_str(item), uid)) {
            model_report_invalid_raw(issues, model_path_child(&root, "selector"),
                                     print_json(ke_json_get(spec, "selector"), issues),
                                     "`selector` not auto-generated");
            return;
        }
    }
}

/* The last Pod of an indexed Job gets the longest host name. */
static void check_longest_name(const cJSON *object, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    int64_t completions = ke_json_i64(spec, "completions", 0);
    if (!ke_str_eq_c(ke_json_str(spec, "completionMode"), "Indexed") || completions <= 0)
        return;
    struct ke_str name = ke_json_path_str(object, "metadata.name");
    struct ke_str longest =
        ke_arena_fmt(issues->arena, "%.*s-%lld", KE_STR_ARG(name), (long long)(completions - 1));
    if (longest.ptr == NULL || model_name_label(longest).n == 0)
        return;
    struct ke_str detail = ke_arena_fmt(
        issues->arena, "will not able to create pod with invalid DNS label: %s", longest.ptr);
    struct model_path meta = model_path_root("metadata");
    model_report_invalid(issues, model_path_child(&meta, "name"), name,
                         detail.ptr != NULL ? detail.ptr : "");
}

/* ---- update */

static void check_completions(const cJSON *spec, const cJSON *old, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    if (model_same_member(spec, old, "completions"))
        return;
    bool is_indexed = ke_str_eq_c(ke_json_str(spec, "completionMode"), "Indexed");
    if (!is_indexed || ke_json_get(spec, "completions") == NULL ||
        ke_json_get(old, "completions") == NULL)
        workload_check_immutable(spec, old, "completions", issues);
    else if (ke_json_i64(spec, "completions", 0) != ke_json_i64(spec, "parallelism", 0)) {
        model_report_invalid_int(issues, model_path_child(&root, "completions"),
                                 ke_json_i64(spec, "completions", 0),
                                 "can only be modified in tandem with spec.parallelism");
    }
}

/* While it waits, where its Pods may run can still be said. */
static bool copy_placement(cJSON *template, const cJSON *old)
{
    static const char *const of_spec[] = { "nodeSelector", "tolerations", "schedulingGates",
                                           "affinity" };
    static const char *const of_meta[] = { "labels", "annotations" };
    cJSON *spec = ke_json_need_object(template, "spec");
    cJSON *meta = ke_json_need_object(template, "metadata");
    if (spec == NULL || meta == NULL)
        return false;
    for (size_t i = 0; i < KE_ARRAY_LEN(of_spec); i++) {
        if (!model_set_copy(spec, of_spec[i], ke_json_get(ke_json_get(old, "spec"), of_spec[i])))
            return false;
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(of_meta); i++) {
        if (!model_set_copy(meta, of_meta[i],
                            ke_json_get(ke_json_get(old, "metadata"), of_meta[i])))
            return false;
    }
    return true;
}

static void check_template(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    const cJSON *was = ke_json_get(old, "spec");
    ke_auto_json *copy = cJSON_Duplicate(spec, true);
    bool is_waiting =
        ke_json_bool(was, "suspend", false) && ke_json_path(old, "status.startTime") == NULL;
    cJSON *template = copy != NULL ? ke_json_need_object(copy, "template") : NULL;
    if (template == NULL || (is_waiting && !copy_placement(template, ke_json_get(was, "template"))))
        model_report_no_memory(issues);
    else
        workload_check_immutable(copy, was, "template", issues);
}

static void check_update(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const immutable[] = { "completionMode", "podFailurePolicy",
                                             "backoffLimitPerIndex", "managedBy", "successPolicy" };
    const cJSON *spec = ke_json_get(object, "spec");
    const cJSON *was = ke_json_get(old, "spec");
    check_completions(spec, was, issues);
    workload_check_selector_update(spec, was, issues);
    check_template(object, old, issues);
    for (size_t i = 0; i < KE_ARRAY_LEN(immutable); i++)
        workload_check_immutable(spec, was, immutable[i], issues);
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path path = model_path_root("spec");
    struct model_path selector_at = model_path_child(&path, "selector");
    if (old == NULL)
        check_generated(object, issues);
    job_validate_spec(spec, &path, issues);
    if (ke_json_get(spec, "selector") == NULL)
        model_report_required(issues, selector_at, "");
    else
        model_check_label_selector(issues, selector_at, ke_json_get(spec, "selector"));
    template_check_selected(spec, issues);
    if (old == NULL)
        check_longest_name(object, issues);
    else
        check_update(object, old, issues);
}

static bool has_condition(const cJSON *status, const char *type)
{
    const cJSON *condition;
    cJSON_ArrayForEach(condition, ke_json_get(status, "conditions")) {
        if (ke_str_eq_c(ke_json_str(condition, "type"), type) &&
            ke_str_eq_c(ke_json_str(condition, "status"), "True"))
            return true;
    }
    return false;
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    const cJSON *status = ke_json_get(object, "status");
    struct model_path root = model_path_root("status");
    workload_check_status_counts(object, issues);
    if (ke_json_i64(status, "ready", 0) > ke_json_i64(status, "active", 0)) {
        model_report_invalid_int(issues, model_path_child(&root, "ready"),
                                 ke_json_i64(status, "ready", 0),
                                 "cannot set more ready pods than active");
    }
    bool is_complete = has_condition(status, "Complete");
    if (is_complete && has_condition(status, "Failed"))
        model_report_invalid_raw(issues, model_path_child(&root, "conditions"), KE_STR("[...]"),
                                 "cannot set Complete=True and Failed=true conditions");
    if (ke_json_get(status, "completionTime") != NULL && !is_complete) {
        model_report_invalid(issues, model_path_child(&root, "completionTime"),
                             ke_json_str(status, "completionTime"),
                             "cannot set completionTime when there is no Complete=True condition");
    }
}

static const struct model_selectable fields[] = {
    { "status.successful", "status.succeeded", "0" },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_job = {
    .id = MODEL_JOB,
    .kind = "Job",
    .list_kind = "JobList",
    .plural = "jobs",
    .singular = "job",
    .categories = { "all" },
    .prefix = "/registry/jobs/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "batch", .version = "v1", .message = "batch.v1.Job", .orphans_dependents = true },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = fields,
    .set_defaults = set_defaults,
    .prepare_create = prepare_create,
    .validate = validate,
    .validate_status = validate_status,
};
