/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of pod templates and of the selectors that claim their Pods. Source: Kubernetes
 * apis/core/validation, apis/apps/validation. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/podspec.h"
#include "core/model/names.h"
#include "core/model/values.h"

static bool has_all(const cJSON *labels, const cJSON *wanted)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, wanted) {
        const cJSON *label = ke_json_get(labels, item->string);
        if (label == NULL || !ke_str_eq(ke_json_value_str(label), ke_json_value_str(item)))
            return false;
    }
    return true;
}

static bool is_one_of(const cJSON *values, struct ke_str text)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, values) {
        if (ke_str_eq(ke_json_value_str(item), text))
            return true;
    }
    return false;
}

static bool meets(const cJSON *labels, const cJSON *requirement)
{
    struct ke_str op = ke_json_str(requirement, "operator");
    struct ke_str key = ke_json_str(requirement, "key");
    const cJSON *label = NULL;
    cJSON_ArrayForEach(label, labels) {
        if (ke_str_eq_c(key, label->string))
            break;
    }
    bool is_in =
        label != NULL && is_one_of(ke_json_get(requirement, "values"), ke_json_value_str(label));
    if (ke_str_eq_c(op, "In"))
        return is_in;
    if (ke_str_eq_c(op, "NotIn"))
        return !is_in;
    if (ke_str_eq_c(op, "Exists"))
        return label != NULL;
    return !ke_str_eq_c(op, "DoesNotExist") || label == NULL;
}

/* Both are small enough to be compared. */
static bool check_counts(const cJSON *selector, const cJSON *labels,
                         const struct model_path *labels_at, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    struct model_path at = model_path_child(&root, "selector");
    return model_check_count(issues, *labels_at, labels) &&
           model_check_count(issues, at, selector) &&
           model_check_count(issues, model_path_child(&at, "matchLabels"),
                             ke_json_get(selector, "matchLabels")) &&
           model_check_count(issues, model_path_child(&at, "matchExpressions"),
                             ke_json_get(selector, "matchExpressions"));
}

static bool selects(const cJSON *selector, bool is_map, const cJSON *labels)
{
    if (is_map)
        return has_all(labels, selector);
    if (selector == NULL) /* selects nothing */
        return false;
    if (!has_all(labels, ke_json_get(selector, "matchLabels")))
        return false;
    const cJSON *requirement;
    cJSON_ArrayForEach(requirement, ke_json_get(selector, "matchExpressions")) {
        if (!meets(labels, requirement))
            return false;
    }
    return true;
}

void template_validate_pod(const cJSON *template, const struct model_path *path,
                           struct model_issues *issues)
{
    if (template == NULL) {
        model_report_required(issues, *path, "");
        return;
    }
    const cJSON *meta = ke_json_get(template, "metadata");
    model_check_labels(issues, model_path_child(path, "labels"), ke_json_get(meta, "labels"));
    model_check_annotations(issues, model_path_child(path, "annotations"),
                            ke_json_get(meta, "annotations"));
    const cJSON *spec = ke_json_get(template, "spec");
    struct model_path spec_at = model_path_child(path, "spec");
    podspec_validate(spec, &spec_at, false, issues);
    if (!model_is_unset(spec, "ephemeralContainers"))
        model_report_forbidden(issues, model_path_child(&spec_at, "ephemeralContainers"),
                               "ephemeral containers not allowed in pod template");
}

static void check_selected(const cJSON *workload_spec, bool is_map, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    struct model_path path = model_path_child(&root, "template");
    struct model_path meta_at = model_path_child(&path, "metadata");
    struct model_path labels_at = model_path_child(&meta_at, "labels");
    const cJSON *template = ke_json_get(workload_spec, "template");
    const cJSON *labels = ke_json_get(ke_json_get(template, "metadata"), "labels");
    const cJSON *selector = ke_json_get(workload_spec, "selector");
    if (template != NULL && check_counts(selector, labels, &labels_at, issues) &&
        !selects(selector, is_map, labels)) {
        model_report_invalid_raw(issues, labels_at, model_go_string_map(issues->arena, labels),
                                 "`selector` does not match template `labels`");
    }
}

void template_check_selected(const cJSON *workload_spec, struct model_issues *issues)
{
    check_selected(workload_spec, false, issues);
}

void template_validate(const cJSON *workload_spec, const char *owner, struct model_issues *issues)
{
    static const char *const always[] = { "Always", NULL };
    struct model_path root = model_path_root("spec");
    struct model_path path = model_path_child(&root, "template");
    struct model_path spec_at = model_path_child(&path, "spec");
    const cJSON *template = ke_json_get(workload_spec, "template");
    const cJSON *spec = ke_json_get(template, "spec");
    check_selected(workload_spec, strcmp(owner, TEMPLATE_OF_CONTROLLER) == 0, issues);
    template_validate_pod(template, &path, issues);
    struct ke_str restart = ke_json_str(spec, "restartPolicy");
    if (ke_str_eq_c(restart, "OnFailure") || ke_str_eq_c(restart, "Never"))
        model_report_not_supported(issues, model_path_child(&spec_at, "restartPolicy"), restart,
                                   always);
    if (ke_json_get(spec, "activeDeadlineSeconds") == NULL)
        return;
    struct ke_str detail =
        ke_arena_fmt(issues->arena, "activeDeadlineSeconds in %s is not Supported", owner);
    model_report_forbidden(issues, model_path_child(&spec_at, "activeDeadlineSeconds"),
                           detail.ptr != NULL ? detail.ptr : "");
}
