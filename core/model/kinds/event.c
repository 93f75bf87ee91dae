/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events: kept for an hour and written behind, as they tell and do not decide. Their names are made
 * by clients and only have to fit into a path. Source: Kubernetes apis/core/validation/events.go.
 * Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"

static void check_text(const cJSON *object, const char *name, size_t max,
                       struct model_issues *issues)
{
    struct ke_str text = ke_json_str(object, name);
    struct model_path at = model_path_root(name);
    if (ke_str_is_empty(text)) {
        model_report_required(issues, at, "");
    } else if (text.len > max) {
        struct ke_str detail = ke_arena_fmt(issues->arena, "can have at most %zu characters", max);
        model_report_invalid(issues, at, KE_STR(""), detail.ptr != NULL ? detail.ptr : "");
    }
}

/* Events with eventTime are of the newer form, which must say who reports. */
static void check_new_form(const cJSON *object, struct model_issues *issues)
{
    struct ke_str by = ke_json_str(object, "reportingComponent");
    struct model_path at = model_path_root("reportingComponent");
    if (ke_str_is_empty(by))
        model_report_required(issues, at, "");
    (void)model_check_name(issues, at, by, model_name_qualified);
    check_text(object, "reportingInstance", 128, issues);
    check_text(object, "action", 128, issues);
    check_text(object, "reason", 128, issues);
    if (ke_json_str(object, "message").len > 1024)
        model_report_invalid(issues, model_path_root("message"), KE_STR(""),
                             "can have at most 1024 characters");
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    struct ke_str ns = ke_json_path_str(object, "metadata.namespace");
    struct ke_str about = ke_json_path_str(object, "involvedObject.namespace");
    bool is_new = ke_json_get(object, "eventTime") != NULL;
    bool is_bad = !ke_str_is_empty(about) && !is_new && !ke_str_eq(ns, about);
    /* What has no namespace is told of in default. */
    if (ke_str_is_empty(about))
        is_bad = !ke_str_eq_c(ns, "default") && !(is_new && ke_str_eq_c(ns, "kube-system"));
    if (is_bad) {
        struct model_path root = model_path_root("involvedObject");
        model_report_invalid(issues, model_path_child(&root, "namespace"), about,
                             "does not match event.namespace");
    }
    if (is_new)
        check_new_form(object, issues);
    (void)model_check_name(issues, model_path_root("namespace"), ns, model_name_subdomain);
}

static const struct model_selectable fields[] = {
    { "involvedObject.kind", NULL, NULL },
    { "involvedObject.namespace", NULL, NULL },
    { "involvedObject.name", NULL, NULL },
    { "involvedObject.uid", NULL, NULL },
    { "involvedObject.apiVersion", NULL, NULL },
    { "involvedObject.resourceVersion", NULL, NULL },
    { "involvedObject.fieldPath", NULL, NULL },
    { "reason", NULL, NULL },
    { "reportingComponent", NULL, NULL },
    { "source", "source.component", NULL },
    { "type", NULL, NULL },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_event = {
    .id = MODEL_EVENT,
    .kind = "Event",
    .list_kind = "EventList",
    .plural = "events",
    .singular = "event",
    .short_names = { "ev" },
    .prefix = "/registry/events/",
    .name_rule = MODEL_NAME_PATH_SEGMENT,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .can_create_on_update = true,
    .durability = MODEL_LAZY,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Event" },
    },
    .fields = fields,
    .validate = validate,
};
