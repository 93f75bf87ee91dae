/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kinds that make Pods from a template have in common. Source: Kubernetes
 * apis/apps/v1/defaults.go, apis/apps/validation. Pure; any thread.
 */
#include "core/model/kinds/workload.h"

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/podspec.h"
#include "core/model/names.h"
#include "core/model/values.h"

const struct model_scale workload_scale = {
    .spec_replicas = "spec.replicas",
    .status_replicas = "status.replicas",
    .selector = "spec.selector",
    .selector_form = MODEL_SCALE_LABEL_SELECTOR,
};

const struct model_scale workload_scale_of_labels = {
    .spec_replicas = "spec.replicas",
    .status_replicas = "status.replicas",
    .selector = "spec.selector",
    .selector_form = MODEL_SCALE_LABELS,
};

bool workload_default_template(cJSON *owner)
{
    cJSON *template = ke_json_get_mut(owner, "template");
    if (template == NULL)
        return true;
    cJSON *pod = ke_json_need_object(template, "spec");
    return pod != NULL && podspec_set_defaults(pod);
}

cJSON *workload_set_defaults(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    if (spec == NULL || !model_default_num(spec, "replicas", 1) ||
        ke_json_need_object(object, "status") == NULL)
        return NULL;
    return workload_default_template(spec) ? spec : NULL;
}

bool workload_zero_status(cJSON *object, const char *const *counts)
{
    if (!model_set_empty(object, "status"))
        return false;
    cJSON *status = ke_json_get_mut(object, "status");
    for (size_t i = 0; counts[i] != NULL; i++) {
        if (!model_default_num(status, counts[i], 0))
            return false;
    }
    return true;
}

bool workload_prepare_replicas(cJSON *object)
{
    static const char *const counts[] = { "replicas", NULL };
    return workload_zero_status(object, counts);
}

const struct model_selectable workload_replica_fields[] = {
    { "status.replicas", NULL, "0" },
    { NULL, NULL, NULL },
};

void workload_validate_replicas_status(const cJSON *object, const cJSON *old,
                                       struct model_issues *issues)
{
    static const char *const counts[] = { "fullyLabeledReplicas", "readyReplicas",
                                          "availableReplicas", NULL };
    (void)old;
    workload_validate_status(object, counts, issues);
}

void workload_check_count(const cJSON *spec, const char *name, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    (void)model_check_not_negative(issues, model_path_child(&root, name),
                                   ke_json_i64(spec, name, 0));
}

static void add_requirements(const cJSON *list, struct model_issues *issues, struct ke_buf *out)
{
    if (list == NULL) {
        ke_buf_add_c(out, "[]v1.LabelSelectorRequirement(nil)");
        return;
    }
    ke_buf_add_c(out, "[]v1.LabelSelectorRequirement{");
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        struct ke_str values = model_go_strings(issues->arena, ke_json_get(item, "values"));
        ke_buf_addf(out,
                    "%sv1.LabelSelectorRequirement{Key:\"%.*s\", Operator:\"%.*s\", "
                    "Values:%.*s}",
                    item != list->child ? ", " : "", KE_STR_ARG(ke_json_str(item, "key")),
                    KE_STR_ARG(ke_json_str(item, "operator")), KE_STR_ARG(values));
    }
    ke_buf_add_char(out, '}');
}

/* As Go's %#v prints it. */
static struct ke_str print_selector(const cJSON *selector, struct model_issues *issues)
{
    ke_auto_buf buf = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    ke_buf_add_c(&buf, "v1.LabelSelector{MatchLabels:");
    ke_buf_add_str(&buf, model_go_string_map(issues->arena, ke_json_get(selector, "matchLabels")));
    ke_buf_add_c(&buf, ", MatchExpressions:");
    add_requirements(ke_json_get(selector, "matchExpressions"), issues, &buf);
    ke_buf_add_char(&buf, '}');
    return buf.failed == KE_OK ? ke_arena_str(issues->arena, ke_buf_str(&buf)) : KE_STR("{...}");
}

void workload_check_selector(const cJSON *spec, const char *owner, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    struct model_path at = model_path_child(&root, "selector");
    const cJSON *selector = ke_json_get(spec, "selector");
    if (selector == NULL) {
        model_report_required(issues, at, "");
        return;
    }
    model_check_label_selector(issues, at, selector);
    if (!model_is_unset(selector, "matchLabels") || !model_is_unset(selector, "matchExpressions"))
        return;
    struct ke_str detail = ke_arena_fmt(issues->arena, "empty selector is invalid for %s", owner);
    model_report_invalid_raw(issues, at, print_selector(selector, issues),
                             detail.ptr != NULL ? detail.ptr : "");
}

void workload_check_selector_update(const cJSON *spec, const cJSON *old,
                                    struct model_issues *issues)
{
    if (model_same_member(spec, old, "selector"))
        return;
    struct model_path root = model_path_root("spec");
    model_report_invalid_raw(issues, model_path_child(&root, "selector"),
                             print_selector(ke_json_get(spec, "selector"), issues),
                             "field is immutable");
}

void workload_check_immutable(const cJSON *spec, const cJSON *old, const char *name,
                              struct model_issues *issues)
{
    if (model_same_member(spec, old, name))
        return;
    struct model_path root = model_path_root("spec");
    const cJSON *value = ke_json_get(spec, name);
    ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    if (value != NULL)
        ke_json_print(value, &text);
    else
        ke_buf_add_c(&text, "null");
    bool is_whole = text.failed == KE_OK;
    model_report_invalid_raw(issues, model_path_child(&root, name),
                             is_whole ? ke_buf_str(&text) : KE_STR("{...}"), "field is immutable");
}

void workload_check_status_counts(const cJSON *object, struct model_issues *issues)
{
    struct model_path root = model_path_root("status");
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(object, "status")) {
        if (cJSON_IsNumber(item))
            (void)model_check_not_negative(issues, model_path_child(&root, item->string),
                                           (int64_t)item->valuedouble);
    }
}

void workload_check_collisions(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char name[] = "collisionCount";
    const cJSON *was = ke_json_get(ke_json_get(old, "status"), name);
    int64_t now = ke_json_i64(ke_json_get(object, "status"), name, 0);
    struct model_path root = model_path_root("status");
    if (was != NULL && now < (int64_t)was->valuedouble)
        model_report_invalid_int(issues, model_path_child(&root, name), now,
                                 "cannot be decremented");
}

void workload_validate_status(const cJSON *object, const char *const *at_most_replicas,
                              struct model_issues *issues)
{
    const cJSON *status = ke_json_get(object, "status");
    struct model_path root = model_path_root("status");
    workload_check_status_counts(object, issues);
    int64_t replicas = ke_json_i64(status, "replicas", 0);
    for (size_t i = 0; at_most_replicas[i] != NULL; i++) {
        int64_t n = ke_json_i64(status, at_most_replicas[i], 0);
        if (n > replicas)
            model_report_invalid_int(issues, model_path_child(&root, at_most_replicas[i]), n,
                                     "cannot be greater than status.replicas");
    }
    int64_t available = ke_json_i64(status, "availableReplicas", 0);
    if (available > ke_json_i64(status, "readyReplicas", 0))
        model_report_invalid_int(issues, model_path_child(&root, "availableReplicas"), available,
                                 "cannot be greater than readyReplicas");
}
