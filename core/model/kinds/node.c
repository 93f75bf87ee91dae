/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nodes; their keys say minions, as they were once called. A node registers itself together with
 * its status, so create keeps it. Source: Kubernetes apis/core. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"
/* podCIDR is the first of podCIDRs; clients may know only one of the two. */
static bool set_defaults(cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    if (spec == NULL || ke_json_need_object(object, "status") == NULL)
        return false;
    const cJSON *list = ke_json_get(spec, "podCIDRs");
    struct ke_str first = ke_json_value_str(list != NULL ? list->child : NULL);
    if (model_is_unset(spec, "podCIDR"))
        return list == NULL || list->child == NULL || model_set_copy(spec, "podCIDR", list->child);
    if (ke_str_eq(ke_json_str(spec, "podCIDR"), first))
        return true;
    cJSON *copy = cJSON_Duplicate(ke_json_get(spec, "podCIDR"), true);
    ke_json_del(spec, "podCIDRs");
    cJSON *fresh = ke_json_need_array(spec, "podCIDRs");
    if (fresh == NULL || copy == NULL) {
        cJSON_Delete(copy);
        return false;
    }
    return cJSON_AddItemToArray(fresh, copy);
}

static bool is_taint_repeated(const cJSON *taints, const cJSON *taint)
{
    const cJSON *earlier;
    cJSON_ArrayForEach(earlier, taints) {
        if (earlier == taint)
            return false;
        if (model_same_member(earlier, taint, "key") && model_same_member(earlier, taint, "effect"))
            return true;
    }
    return false;
}

/* Upstream says metadata.taints; so do clients' tests. */
static void check_taints(const cJSON *taints, struct model_issues *issues)
{
    static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute", NULL };
    struct model_path root = model_path_root("metadata");
    struct model_path list = model_path_child(&root, "taints");
    if (!model_check_count(issues, list, taints))
        return;
    size_t i = 0;
    const cJSON *taint;
    cJSON_ArrayForEach(taint, taints) {
        struct model_path at = model_path_index(&list, i++);
        (void)model_check_name(issues, model_path_child(&at, "key"), ke_json_str(taint, "key"),
                               model_name_qualified);
        (void)model_check_name(issues, model_path_child(&at, "value"), ke_json_str(taint, "value"),
                               model_name_label_value);
        (void)model_check_enum(issues, model_path_child(&at, "effect"),
                               ke_json_str(taint, "effect"), effects);
        if (is_taint_repeated(taints, taint))
            model_report_duplicate(issues, at, ke_json_str(taint, "key"));
    }
}

static void check_cidrs(const cJSON *cidrs, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    struct model_path list = model_path_child(&root, "podCIDRs");
    size_t i = 0;
    bool has_v6 = false;
    bool has_v4 = false;
    const cJSON *item;
    cJSON_ArrayForEach(item, cidrs) {
        struct ke_str text = ke_json_value_str(item);
        (void)model_check_cidr(issues, model_path_index(&list, i++), text);
        bool is_v6 = ke_str_find(text, ':') != text.len;
        has_v6 = has_v6 || is_v6;
        has_v4 = has_v4 || !is_v6;
    }
    if (i > 2 || (i == 2 && !(has_v4 && has_v6))) {
        model_report_invalid_raw(issues, list, model_go_strings(issues->arena, cidrs),
                                 "may specify no more than one CIDR for each IP family");
    }
}

static void check_update(const cJSON *spec, const cJSON *old, struct model_issues *issues)
{
    struct model_path root = model_path_root("spec");
    if (!model_is_unset(old, "podCIDRs") && !model_same_member(spec, old, "podCIDRs")) {
        model_report_forbidden(issues, model_path_child(&root, "podCIDRs"),
                               "node updates may not change podCIDR except from \"\" to valid");
    }
    if (!model_is_unset(old, "providerID") && !model_same_member(spec, old, "providerID")) {
        model_report_forbidden(issues, model_path_child(&root, "providerID"),
                               "node updates may not change providerID except from \"\" to valid");
    }
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    check_taints(ke_json_get(spec, "taints"), issues);
    check_cidrs(ke_json_get(spec, "podCIDRs"), issues);
    if (old != NULL)
        check_update(spec, ke_json_get(old, "spec"), issues);
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    struct model_path root = model_path_root("status");
    struct model_path list = model_path_child(&root, "addresses");
    const cJSON *addresses = ke_json_path(object, "status.addresses");
    if (!model_check_count(issues, list, addresses))
        return;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, addresses) {
        struct model_path at = model_path_index(&list, i++);
        const cJSON *earlier = addresses->child;
        while (earlier != item && !(model_same_member(earlier, item, "type") &&
                                    model_same_member(earlier, item, "address")))
            earlier = earlier->next;
        if (earlier != item) {
            struct ke_str printed = ke_arena_fmt(
                issues->arena, "core.NodeAddress{Type:\"%.*s\", Address:\"%.*s\"}",
                KE_STR_ARG(ke_json_str(item, "type")), KE_STR_ARG(ke_json_str(item, "address")));
            model_report_duplicate_raw(issues, at, printed);
        }
    }
}

static const struct model_selectable fields[] = {
    { "spec.unschedulable", NULL, "false" },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_node = {
    .id = MODEL_NODE,
    .kind = "Node",
    .list_kind = "NodeList",
    .plural = "nodes",
    .singular = "node",
    .short_names = { "no" },
    .prefix = "/registry/minions/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .has_status = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Node" },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = fields,
    .set_defaults = set_defaults,
    .validate = validate,
    .validate_status = validate_status,
};
