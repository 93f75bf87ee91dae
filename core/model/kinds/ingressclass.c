/* SPDX-License-Identifier: Apache-2.0 */
/* IngressClasses; v1beta1 has the same members. Source: Kubernetes apis/networking. Pure. */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define CONTROLLER_BYTES_MAX 250

static bool set_defaults(cJSON *object)
{
    cJSON *parameters = ke_json_get_mut(ke_json_get_mut(object, "spec"), "parameters");
    return parameters == NULL || model_default_str(parameters, "scope", "Cluster");
}

static bool is_path_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           memchr("/-._~%!$&'()*+,;=:", c, 18) != NULL;
}

/* "example.com/name" */
static void check_controller(struct model_path path, struct ke_str controller,
                             struct model_issues *issues)
{
    if (ke_str_is_empty(controller)) {
        model_report_required(issues, path, "");
        return;
    }
    if (controller.len > CONTROLLER_BYTES_MAX)
        model_report_too_long(issues, path, CONTROLLER_BYTES_MAX);
    size_t slash = ke_str_find(controller, '/');
    if (slash == 0 || slash + 1 >= controller.len) {
        model_report_invalid(issues, path, controller,
                             "must be a domain-prefixed path (such as \"acme.io/foo\")");
        return;
    }
    (void)model_check_name(issues, path, ke_str_of(controller.ptr, slash), model_name_subdomain);
    struct ke_str rest = ke_str_of(controller.ptr + slash + 1, controller.len - slash - 1);
    for (size_t i = 0; i < rest.len; i++) {
        if (!is_path_char(rest.ptr[i])) {
            model_report_invalid(issues, path, rest,
                                 "Invalid path (regex used for validation is "
                                 "'[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')");
            return;
        }
    }
}

static void check_required_name(const cJSON *object, const struct model_path *path,
                                const char *name, struct model_issues *issues)
{
    struct ke_str value = ke_json_str(object, name);
    if (ke_str_is_empty(value))
        model_report_required(issues, model_path_child(path, name), "");
    else
        (void)model_check_name(issues, model_path_child(path, name), value,
                               model_name_path_segment);
}

static void check_parameters(const cJSON *parameters, const struct model_path *path,
                             struct model_issues *issues)
{
    static const char *const scopes[] = { "Cluster", "Namespace", NULL };
    if (ke_json_get(parameters, "apiGroup") != NULL)
        (void)model_check_name(issues, model_path_child(path, "apiGroup"),
                               ke_json_str(parameters, "apiGroup"), model_name_subdomain);
    check_required_name(parameters, path, "kind", issues);
    check_required_name(parameters, path, "name", issues);
    struct ke_str scope = ke_json_str(parameters, "scope");
    if (!model_check_enum(issues, model_path_child(path, "scope"), scope, scopes))
        return;
    struct model_path ns_at = model_path_child(path, "namespace");
    const cJSON *ns = ke_json_get(parameters, "namespace");
    if (ke_str_eq_c(scope, "Cluster")) {
        if (ns != NULL)
            model_report_forbidden(issues, ns_at, "`parameters.scope` is set to 'Cluster'");
    } else if (ns == NULL) {
        model_report_required(issues, ns_at, "`parameters.scope` is set to 'Namespace'");
    } else {
        (void)model_check_name(issues, ns_at, ke_json_value_str(ns), model_name_label);
    }
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path path = model_path_root("spec");
    struct model_path at = model_path_child(&path, "controller");
    struct ke_str controller = ke_json_str(spec, "controller");
    if (old != NULL && !model_same_member(spec, ke_json_get(old, "spec"), "controller"))
        model_report_invalid(issues, at, controller, "field is immutable");
    check_controller(at, controller, issues);
    const cJSON *parameters = ke_json_get(spec, "parameters");
    struct model_path parameters_at = model_path_child(&path, "parameters");
    if (parameters != NULL)
        check_parameters(parameters, &parameters_at, issues);
}

const struct model_kind model_kind_ingressclass = {
    .id = MODEL_INGRESSCLASS,
    .kind = "IngressClass",
    .list_kind = "IngressClassList",
    .plural = "ingressclasses",
    .singular = "ingressclass",
    .prefix = "/registry/ingressclasses/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "networking.k8s.io", .version = "v1", .message = "networking.v1.IngressClass" },
        { .group = "networking.k8s.io", .version = "v1beta1", .message = "networking.v1beta1.IngressClass" },
    },
    .set_defaults = set_defaults,
    .validate = validate,
};
