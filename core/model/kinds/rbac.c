/* SPDX-License-Identifier: Apache-2.0 */
/* See rbac.h. */
#include "core/model/kinds/rbac.h"

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/names.h"
#include "core/model/values.h"

static const char *const role_kinds[] = { "Role", "ClusterRole", NULL };
static const char *const role_groups[] = { RBAC_GROUP, NULL };
static const char *const no_group[] = { "", NULL };
static const char *const subject_kinds[] = { "ServiceAccount", "User", "Group", NULL };

/* ---- rules */

static void validate_rule(const cJSON *rule, const struct model_path *path, bool is_namespaced,
                          struct model_issues *issues)
{
    const cJSON *urls = ke_json_get(rule, "nonResourceURLs");
    if (model_is_unset(rule, "verbs"))
        model_report_required(issues, model_path_child(path, "verbs"),
                              "verbs must contain at least one value");
    if (!model_is_unset(rule, "nonResourceURLs")) {
        struct model_path at = model_path_child(path, "nonResourceURLs");
        struct ke_str printed = model_go_strings(issues->arena, urls);
        if (is_namespaced)
            model_report_invalid_raw(issues, at, printed,
                                     "namespaced rules cannot apply to non-resource URLs");
        if (!model_is_unset(rule, "apiGroups") || !model_is_unset(rule, "resources") ||
            !model_is_unset(rule, "resourceNames")) {
            model_report_invalid_raw(issues, at, printed,
                                     "rules cannot apply to both regular resources and "
                                     "non-resource URLs");
        }
        return;
    }
    if (model_is_unset(rule, "apiGroups"))
        model_report_required(issues, model_path_child(path, "apiGroups"),
                              "resource rules must supply at least one api group");
    if (model_is_unset(rule, "resources"))
        model_report_required(issues, model_path_child(path, "resources"),
                              "resource rules must supply at least one resource");
}

void rbac_validate_rules(const cJSON *object, bool is_namespaced, struct model_issues *issues)
{
    struct model_path path = model_path_root("rules");
    const cJSON *rule = NULL;
    size_t i = 0;
    cJSON_ArrayForEach(rule, ke_json_get(object, "rules")) {
        struct model_path at = model_path_index(&path, i++);
        validate_rule(rule, &at, is_namespaced, issues);
    }
}

/* ---- bindings */

bool rbac_binding_set_defaults(cJSON *object)
{
    cJSON *ref = ke_json_get_mut(object, "roleRef");
    if (ref != NULL && !model_default_str(ref, "apiGroup", RBAC_GROUP))
        return false;
    cJSON *subject = NULL;
    cJSON_ArrayForEach(subject, ke_json_get_mut(object, "subjects")) {
        struct ke_str kind = ke_json_str(subject, "kind");
        bool is_ours = ke_str_eq_c(kind, "User") || ke_str_eq_c(kind, "Group");
        if (is_ours && !model_default_str(subject, "apiGroup", RBAC_GROUP))
            return false;
    }
    return true;
}

static void validate_account(const cJSON *subject, const struct model_path *path,
                             bool is_namespaced, struct model_issues *issues)
{
    struct ke_str name = ke_json_str(subject, "name");
    struct ke_str group = ke_json_str(subject, "apiGroup");
    if (name.len > 0)
        (void)model_check_name(issues, model_path_child(path, "name"), name, model_name_subdomain);
    if (group.len > 0)
        model_report_not_supported(issues, model_path_child(path, "apiGroup"), group, no_group);
    if (!is_namespaced && ke_json_str(subject, "namespace").len == 0)
        model_report_required(issues, model_path_child(path, "namespace"), "");
}

static void validate_subject(const cJSON *subject, const struct model_path *path,
                             bool is_namespaced, struct model_issues *issues)
{
    struct ke_str kind = ke_json_str(subject, "kind");
    struct ke_str group = ke_json_str(subject, "apiGroup");
    if (ke_json_str(subject, "name").len == 0)
        model_report_required(issues, model_path_child(path, "name"), "");
    if (ke_str_eq_c(kind, "ServiceAccount")) {
        validate_account(subject, path, is_namespaced, issues);
    } else if (ke_str_eq_c(kind, "User") || ke_str_eq_c(kind, "Group")) {
        if (!ke_str_eq_c(group, RBAC_GROUP))
            model_report_not_supported(issues, model_path_child(path, "apiGroup"), group,
                                       role_groups);
    } else {
        model_report_not_supported(issues, model_path_child(path, "kind"), kind, subject_kinds);
    }
}

static void validate_ref(const cJSON *ref, bool is_namespaced, struct model_issues *issues)
{
    struct model_path path = model_path_root("roleRef");
    struct ke_str group = ke_json_str(ref, "apiGroup");
    struct ke_str kind = ke_json_str(ref, "kind");
    struct ke_str name = ke_json_str(ref, "name");
    const char *const *kinds = is_namespaced ? role_kinds : role_kinds + 1;
    if (!ke_str_eq_c(group, RBAC_GROUP))
        model_report_not_supported(issues, model_path_child(&path, "apiGroup"), group, role_groups);
    if (!ke_str_eq_c(kind, "ClusterRole") && !(is_namespaced && ke_str_eq_c(kind, "Role")))
        model_report_not_supported(issues, model_path_child(&path, "kind"), kind, kinds);
    if (name.len == 0)
        model_report_required(issues, model_path_child(&path, "name"), "");
    else
        (void)model_check_name(issues, model_path_child(&path, "name"), name,
                               model_name_path_segment);
}

static void validate_ref_kept(const cJSON *ref, const cJSON *old, struct model_issues *issues)
{
    if (model_same_member(ref, old, "apiGroup") && model_same_member(ref, old, "kind") &&
        model_same_member(ref, old, "name"))
        return;
    struct ke_str group = model_go_quote(issues->arena, ke_json_str(ref, "apiGroup"));
    struct ke_str kind = model_go_quote(issues->arena, ke_json_str(ref, "kind"));
    struct ke_str name = model_go_quote(issues->arena, ke_json_str(ref, "name"));
    struct ke_str printed =
        ke_arena_fmt(issues->arena, "rbac.RoleRef{APIGroup:%.*s, Kind:%.*s, Name:%.*s}",
                     KE_STR_ARG(group), KE_STR_ARG(kind), KE_STR_ARG(name));
    model_report_invalid_raw(issues, model_path_root("roleRef"), printed, "cannot change roleRef");
}

void rbac_validate_binding(const cJSON *object, const cJSON *old, bool is_namespaced,
                           struct model_issues *issues)
{
    struct model_path path = model_path_root("subjects");
    const cJSON *ref = ke_json_get(object, "roleRef");
    const cJSON *subjects = ke_json_get(object, "subjects");
    const cJSON *subject = NULL;
    size_t i = 0;
    validate_ref(ref, is_namespaced, issues);
    cJSON_ArrayForEach(subject, subjects) {
        struct model_path at = model_path_index(&path, i++);
        validate_subject(subject, &at, is_namespaced, issues);
    }
    if (old != NULL)
        validate_ref_kept(ref, ke_json_get(old, "roleRef"), issues);
}
