/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an update of a Pod may change. Source: Kubernetes apis/core/validation (ValidatePodUpdate).
 * Pure; any thread.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/pod.h"
#include "core/model/kinds/podspec.h"
#include "core/model/meta.h"
#include "core/model/path.h"
#include "core/model/values.h"

static const char only[] =
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set "
    "to 1 if it was previously negative)";

static bool check_count(const cJSON *spec, const cJSON *old, const char *list,
                        struct model_issues *issues)
{
    if (cJSON_GetArraySize(ke_json_get(spec, list)) == cJSON_GetArraySize(ke_json_get(old, list)))
        return true;
    struct model_path root = model_path_root("spec");
    model_report_forbidden(issues, model_path_child(&root, list),
                           "pod updates may not add or remove containers");
    return false;
}

static void check_deadline(const cJSON *spec, const cJSON *old, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    struct model_path at = model_path_child(&root, "activeDeadlineSeconds");
    const cJSON *was = ke_json_get(old, "activeDeadlineSeconds");
    const cJSON *now = ke_json_get(spec, "activeDeadlineSeconds");
    if (was == NULL)
        return;
    if (now == NULL) {
        model_report_invalid_raw(issues, at, KE_STR("\"null\""),
                                 "must not update from a positive integer to nil value");
    } else if (was->valuedouble < now->valuedouble) {
        model_report_invalid_int(issues, at, (int64_t)now->valuedouble,
                                 "must be less than or equal to previous value");
    }
}

/* Only tolerationSeconds of one that was there may change. */
static bool is_same_toleration(const cJSON *a, const cJSON *b)
{
    return model_same_member(a, b, "key") && model_same_member(a, b, "operator") &&
           model_same_member(a, b, "value") && model_same_member(a, b, "effect");
}

static void check_tolerations(const cJSON *spec, const cJSON *old, struct model_issues *issues)
{
    const cJSON *was;
    cJSON_ArrayForEach(was, ke_json_get(old, "tolerations")) {
        const cJSON *list = ke_json_get(spec, "tolerations");
        const cJSON *now = list != NULL ? list->child : NULL;
        while (now != NULL && !is_same_toleration(was, now))
            now = now->next;
        if (now == NULL) {
            struct model_path root = model_path_root("spec");
            model_report_forbidden(
                issues, model_path_child(&root, "tolerations"),
                "existing toleration can not be modified except its tolerationSeconds");
            return;
        }
    }
}

static void check_gates(const cJSON *spec, const cJSON *old, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    struct model_path list = model_path_child(&root, "schedulingGates");
    size_t i = 0;
    const cJSON *now;
    cJSON_ArrayForEach(now, ke_json_get(spec, "schedulingGates")) {
        struct model_path at = model_path_index(&list, i++);
        const cJSON *all = ke_json_get(old, "schedulingGates");
        const cJSON *was = all != NULL ? all->child : NULL;
        while (was != NULL && !model_same_member(was, now, "name"))
            was = was->next;
        if (was != NULL)
            continue;
        struct ke_str detail = ke_arena_fmt(
            issues->arena, "only deletion is allowed, but found new scheduling gate '%.*s'",
            KE_STR_ARG(ke_json_str(now, "name")));
        model_report_forbidden(issues, model_path_child(&at, "name"),
                               detail.ptr != NULL ? detail.ptr : "");
    }
}

/* The images of old, so that they do not count as a change. */
static bool take_images(cJSON *spec, const cJSON *old, const char *list)
{
    const cJSON *all = ke_json_get(old, list);
    const cJSON *was = all != NULL ? all->child : NULL;
    cJSON *container;
    cJSON_ArrayForEach(container, ke_json_get_mut(spec, list)) {
        if (was == NULL)
            return true;
        if (!model_set_copy(container, "image", ke_json_get(was, "image")))
            return false;
        was = was->next;
    }
    return true;
}

/* A copy of spec in which everything that may change is as it was; NULL: out of memory. */
static cJSON *without_allowed_changes(const cJSON *spec, const cJSON *old)
{
    static const char *const free_members[] = { "activeDeadlineSeconds", "tolerations",
                                                "schedulingGates" };
    ke_auto_json *copy = cJSON_Duplicate(spec, true);
    if (copy == NULL || !take_images(copy, old, "containers") ||
        !take_images(copy, old, "initContainers"))
        return NULL;
    for (size_t i = 0; i < KE_ARRAY_LEN(free_members); i++) {
        if (!model_set_copy(copy, free_members[i], ke_json_get(old, free_members[i])))
            return NULL;
    }
    static const char grace[] = "terminationGracePeriodSeconds";
    if (ke_json_i64(old, grace, 0) < 0 && ke_json_i64(copy, grace, 0) == 1 &&
        !model_set_copy(copy, grace, ke_json_get(old, grace)))
        return NULL;
    return KE_TAKE(copy);
}

static void add_change(const cJSON *spec, const cJSON *old, const char *name, struct ke_buf *out)
{
    if (model_same_member(spec, old, name))
        return;
    const cJSON *sides[] = { ke_json_get(old, name), ke_json_get(spec, name) };
    for (size_t i = 0; i < KE_ARRAY_LEN(sides); i++) {
        if (sides[i] == NULL)
            continue;
        ke_buf_addf(out, "%c\t%s: ", i == 0 ? '-' : '+', name);
        ke_json_print(sides[i], out);
        ke_buf_add_char(out, '\n');
    }
}

/* The members that differ, as lines with - and +: upstream shows a diff of its Go structs. */
static void report_changes(const cJSON *spec, const cJSON *old, struct model_issues *issues)
{
    ke_auto_buf lines = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    const cJSON *member;
    cJSON_ArrayForEach(member, old)
        add_change(spec, old, member->string, &lines);
    cJSON_ArrayForEach(member, spec) {
        if (ke_json_get(old, member->string) == NULL)
            add_change(spec, old, member->string, &lines);
    }
    if (lines.failed == KE_OK && lines.len == 0)
        return;
    struct ke_str detail =
        ke_arena_fmt(issues->arena, "%s\n%.*s", only, KE_STR_ARG(ke_buf_str(&lines)));
    model_report_forbidden(issues, model_path_root("spec"), detail.ptr != NULL ? detail.ptr : only);
}

void pod_validate_update(const cJSON *spec, const cJSON *old, struct model_issues *issues)
{
    if (!check_count(spec, old, "containers", issues) ||
        !check_count(spec, old, "initContainers", issues))
        return;
    check_deadline(spec, old, issues);
    check_tolerations(spec, old, issues);
    check_gates(spec, old, issues);
    ke_auto_json *copy = without_allowed_changes(spec, old);
    if (copy == NULL) {
        model_report_no_memory(issues);
        return;
    }
    report_changes(copy, old, issues);
}

/* What was there is there still, and the same. */
static void check_kept(const cJSON *list, const cJSON *was, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    struct ke_str name = ke_json_str(was, "name");
    const cJSON *now = list != NULL ? list->child : NULL;
    while (now != NULL && !model_same_member(now, was, "name"))
        now = now->next;
    if (now != NULL && ke_json_equal(now, was))
        return;
    struct ke_str detail =
        ke_arena_fmt(issues->arena, "existing ephemeral containers \"%.*s\" may not be %s\n",
                     KE_STR_ARG(name), now == NULL ? "removed" : "changed");
    model_report_forbidden(issues, model_path_child(&root, "ephemeralContainers"),
                           detail.ptr != NULL ? detail.ptr : "");
}

void pod_validate_ephemeral(const cJSON *pod, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(pod, "spec");
    const cJSON *notes = ke_json_path(old, "metadata.annotations");
    struct model_path root = model_path_root("spec");
    model_meta_validate(&model_kind_pod, pod, old, issues);
    containers_validate_ephemeral(spec, &root, issues);
    if (ke_json_get(notes, "kubernetes.io/config.mirror") != NULL) {
        model_report_forbidden(issues, model_path_root(""),
                               "static pods do not support ephemeral containers");
        return;
    }
    const cJSON *was;
    cJSON_ArrayForEach(was, ke_json_path(old, "spec.ephemeralContainers"))
        check_kept(ke_json_get(spec, "ephemeralContainers"), was, issues);
}
