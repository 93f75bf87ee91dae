/* SPDX-License-Identifier: Apache-2.0 */
/*
 * APIServices: one for each group version that is served here, and those of others, which kedge
 * stores and marks as not available: it does not aggregate. Source: kube-aggregator
 * apis/apiregistration/validation, v1/defaults.go. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define GROUP_PRIORITY_MAX   20000
#define VERSION_PRIORITY_MAX 1000
#define HTTPS_PORT           443

static bool set_defaults(cJSON *object)
{
    cJSON *service = ke_json_get_mut(ke_json_get_mut(object, "spec"), "service");
    return service == NULL || model_default_num(service, "port", HTTPS_PORT);
}

static bool prepare_create(cJSON *object)
{
    return model_set_empty(object, "status");
}

/* Its name is VERSION.GROUP. */
static void check_name(const cJSON *object, const cJSON *spec, struct model_issues *issues)
{
    struct model_path meta = model_path_root("metadata");
    struct ke_str name = ke_json_path_str(object, "metadata.name");
    struct ke_str wanted =
        ke_arena_fmt(issues->arena, "%.*s.%.*s", KE_STR_ARG(ke_json_str(spec, "version")),
                     KE_STR_ARG(ke_json_str(spec, "group")));
    if (ke_str_is_empty(name) || ke_str_eq(name, wanted))
        return;
    struct ke_str quoted = model_go_quote(issues->arena, wanted);
    struct ke_str detail = ke_arena_fmt(
        issues->arena, "must be `spec.version+\".\"+spec.group`: %.*s", KE_STR_ARG(quoted));
    model_report_invalid(issues, model_path_child(&meta, "name"), name,
                         detail.ptr != NULL ? detail.ptr : "");
}

static void check_priority(const cJSON *spec, const struct model_path *path, const char *name,
                           int64_t max, const char *detail, struct model_issues *issues)
{
    int64_t value = ke_json_i64(spec, name, 0);
    if (value <= 0 || value > max)
        model_report_invalid_int(issues, model_path_child(path, name), value, detail);
}

static void check_local(const cJSON *spec, const struct model_path *path,
                        struct model_issues *issues)
{
    if (!model_is_unset(spec, "caBundle")) {
        model_report_invalid(issues, model_path_child(path, "caBundle"),
                             ke_json_str(spec, "caBundle"),
                             "local APIServices may not have a caBundle");
    }
    if (ke_json_bool(spec, "insecureSkipTLSVerify", false)) {
        model_report_invalid_raw(issues, model_path_child(path, "insecureSkipTLSVerify"),
                                 KE_STR("true"),
                                 "local APIServices may not have insecureSkipTLSVerify");
    }
}

static void check_remote(const cJSON *spec, const cJSON *service, const struct model_path *path,
                         struct model_issues *issues)
{
    struct model_path at = model_path_child(path, "service");
    (void)model_check_required(issues, &at, service, "namespace");
    (void)model_check_required(issues, &at, service, "name");
    int64_t port = ke_json_i64(service, "port", HTTPS_PORT);
    if (port < 1 || port > 65535)
        model_report_invalid_int(issues, model_path_child(&at, "port"), port,
                                 "port is not valid: must be between 1 and 65535, inclusive");
    if (ke_json_bool(spec, "insecureSkipTLSVerify", false) && !model_is_unset(spec, "caBundle"))
        model_report_invalid_raw(issues, model_path_child(path, "insecureSkipTLSVerify"),
                                 KE_STR("true"), "may not be true if caBundle is present");
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path path = model_path_root("spec");
    struct ke_str group = ke_json_str(spec, "group");
    struct ke_str version = ke_json_str(spec, "version");
    check_name(object, spec, issues);
    if (ke_str_is_empty(group) && !ke_str_eq_c(version, "v1"))
        model_report_required(issues, model_path_child(&path, "group"),
                              "only v1 may have an empty group and it better be legacy kube");
    if (!ke_str_is_empty(group))
        (void)model_check_name(issues, model_path_child(&path, "group"), group,
                               model_name_subdomain);
    (void)model_check_name(issues, model_path_child(&path, "version"), version,
                           model_name_label_1035);
    check_priority(spec, &path, "groupPriorityMinimum", GROUP_PRIORITY_MAX,
                   "must be positive and less than 20000", issues);
    check_priority(spec, &path, "versionPriority", VERSION_PRIORITY_MAX,
                   "must be positive and less than 1000", issues);
    const cJSON *service = ke_json_get(spec, "service");
    if (service == NULL)
        check_local(spec, &path, issues);
    else
        check_remote(spec, service, &path, issues);
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const statuses[] = { "True", "False", "Unknown", NULL };
    (void)old;
    struct model_path root = model_path_root("status");
    struct model_path list = model_path_child(&root, "conditions");
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_path(object, "status.conditions")) {
        struct model_path at = model_path_index(&list, i++);
        (void)model_check_enum(issues, model_path_child(&at, "status"), ke_json_str(item, "status"),
                               statuses);
    }
}

const struct model_kind model_kind_apiservice = {
    .id = MODEL_APISERVICE,
    .kind = "APIService",
    .list_kind = "APIServiceList",
    .plural = "apiservices",
    .singular = "apiservice",
    .categories = { "api-extensions" },
    .prefix = "/registry/apiregistration.k8s.io/apiservices/",
    .name_rule = MODEL_NAME_PATH_SEGMENT,
    .has_status = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "apiregistration.k8s.io", .version = "v1", .message = "apiregistration.v1.APIService" },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .set_defaults = set_defaults,
    .prepare_create = prepare_create,
    .validate = validate,
    .validate_status = validate_status,
};
