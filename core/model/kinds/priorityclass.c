/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PriorityClasses: names of numbers. Two are the system's and cannot be otherwise. That only one is
 * the default is core/resource's to see. Source: Kubernetes apis/scheduling. Pure; any thread.
 */
#include "core/model/kinds/priorityclass.h"

#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/path.h"
#include "core/model/values.h"

#define HIGHEST_OF_USERS 1000000000

static const struct {
    const char *name;
    int64_t value;
} system_classes[] = {
    { "system-node-critical", 2000001000 },
    { "system-cluster-critical", 2000000000 },
};

bool priorityclass_is_system(struct ke_str name)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(system_classes); i++) {
        if (ke_str_eq_c(name, system_classes[i].name))
            return true;
    }
    return false;
}

static bool set_defaults(cJSON *object)
{
    return model_default_str(object, "preemptionPolicy", "PreemptLowerPriority");
}

/* What keeps a class with the reserved prefix from being one of the system's; NULL: nothing. */
static const char *system_complaint(const cJSON *object, struct model_issues *issues)
{
    struct ke_str name = ke_json_path_str(object, "metadata.name");
    struct ke_str text =
        ke_arena_fmt(issues->arena, "%.*s is not a known system priority class", KE_STR_ARG(name));
    for (size_t i = 0; i < KE_ARRAY_LEN(system_classes); i++) {
        if (!ke_str_eq_c(name, system_classes[i].name))
            continue;
        if (ke_json_i64(object, "value", 0) != system_classes[i].value) {
            text = ke_arena_fmt(issues->arena, "value of %s priority class must be %lld",
                                system_classes[i].name, (long long)system_classes[i].value);
        } else if (ke_json_bool(object, "globalDefault", false)) {
            text = ke_arena_fmt(issues->arena, "globalDefault of %s priority class must be false",
                                system_classes[i].name);
        } else {
            return NULL;
        }
        break;
    }
    return text.ptr != NULL ? text.ptr : "";
}

static void check_value(const cJSON *object, struct model_issues *issues)
{
    struct model_path meta = model_path_root("metadata");
    if (ke_str_has_prefix(ke_json_path_str(object, "metadata.name"), KE_STR("system-"))) {
        const char *complaint = system_complaint(object, issues);
        if (complaint == NULL)
            return;
        struct ke_str detail =
            ke_arena_fmt(issues->arena,
                         "priority class names with 'system-' prefix are reserved for system use "
                         "only. error: %s",
                         complaint);
        model_report_forbidden(issues, model_path_child(&meta, "name"),
                               detail.ptr != NULL ? detail.ptr : "");
    } else if (ke_json_i64(object, "value", 0) > HIGHEST_OF_USERS) {
        model_report_forbidden(issues, model_path_root("value"),
                               "maximum allowed value of a user defined priority is 1000000000");
    }
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const policies[] = { "Never", "PreemptLowerPriority", NULL };
    struct ke_str policy = ke_json_str(object, "preemptionPolicy");
    if (old == NULL) {
        check_value(object, issues);
        (void)model_check_enum(issues, model_path_root("preemptionPolicy"), policy, policies);
        return;
    }
    if (ke_json_i64(object, "value", 0) != ke_json_i64(old, "value", 0))
        model_report_forbidden(issues, model_path_root("value"),
                               "may not be changed in an update.");
    if (!model_same_member(object, old, "preemptionPolicy"))
        model_report_invalid(issues, model_path_root("preemptionPolicy"), policy,
                             "field is immutable");
}

const struct model_kind model_kind_priorityclass = {
    .id = MODEL_PRIORITYCLASS,
    .kind = "PriorityClass",
    .list_kind = "PriorityClassList",
    .plural = "priorityclasses",
    .singular = "priorityclass",
    .short_names = { "pc" },
    .prefix = "/registry/priorityclasses/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "scheduling.k8s.io", .version = "v1", .message = "scheduling.v1.PriorityClass" },
    },
    .set_defaults = set_defaults,
    .validate = validate,
};
