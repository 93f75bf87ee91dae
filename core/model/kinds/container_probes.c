/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of probes and life cycle hooks. Source: Kubernetes apis/core/validation
 * (validateProbe, validateHandler). Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/podspec.h"
#include "core/model/names.h"
#include "core/model/values.h"

static void check_http_get(const cJSON *http, const struct model_path *path,
                           struct model_issues *issues)
{
    static const char *const schemes[] = { "HTTP", "HTTPS", NULL };
    if (model_is_unset(http, "path"))
        model_report_required(issues, model_path_child(path, "path"), "");
    model_check_port_or_name(issues, model_path_child(path, "port"), ke_json_get(http, "port"));
    (void)model_check_enum(issues, model_path_child(path, "scheme"), ke_json_str(http, "scheme"),
                           schemes);
    const cJSON *header;
    cJSON_ArrayForEach(header, ke_json_get(http, "httpHeaders")) {
        (void)model_check_name(issues, model_path_child(path, "httpHeaders"),
                               ke_json_str(header, "name"), model_name_header);
    }
}

static void check_action(const cJSON *action, const struct model_path *path,
                         struct model_issues *issues)
{
    struct ke_str type = ke_str_c(action->string);
    if (ke_str_eq_c(type, "exec")) {
        if (model_is_unset(action, "command"))
            model_report_required(issues, model_path_child(path, "command"), "");
    } else if (ke_str_eq_c(type, "httpGet")) {
        check_http_get(action, path, issues);
    } else if (ke_str_eq_c(type, "tcpSocket") || ke_str_eq_c(type, "grpc")) {
        model_check_port_or_name(issues, model_path_child(path, "port"),
                                 ke_json_get(action, "port"));
    }
}

/* Exactly one action. */
static void check_handler(const cJSON *handler, const struct model_path *path,
                          struct model_issues *issues)
{
    static const char *const types[] = { "exec", "httpGet", "tcpSocket", "grpc", "sleep" };
    size_t n = 0;
    for (size_t i = 0; i < KE_ARRAY_LEN(types); i++) {
        const cJSON *action = ke_json_get(handler, types[i]);
        if (action == NULL)
            continue;
        struct model_path at = model_path_child(path, types[i]);
        if (n++ > 0)
            model_report_forbidden(issues, at, "may not specify more than 1 handler type");
        else
            check_action(action, &at, issues);
    }
    if (n == 0)
        model_report_required(issues, *path, "must specify a handler type");
}

static void check_probe(const cJSON *container, const char *name, const struct model_path *path,
                        struct model_issues *issues)
{
    static const char *const counts[] = { "initialDelaySeconds", "timeoutSeconds", "periodSeconds",
                                          "successThreshold", "failureThreshold" };
    const cJSON *probe = ke_json_get(container, name);
    if (probe == NULL)
        return;
    struct model_path at = model_path_child(path, name);
    check_handler(probe, &at, issues);
    for (size_t i = 0; i < KE_ARRAY_LEN(counts); i++)
        (void)model_check_not_negative(issues, model_path_child(&at, counts[i]),
                                       ke_json_i64(probe, counts[i], 0));
    bool is_readiness = strcmp(name, "readinessProbe") == 0;
    int64_t success = ke_json_i64(probe, "successThreshold", 1);
    if (!is_readiness && success != 1)
        model_report_invalid_int(issues, model_path_child(&at, "successThreshold"), success,
                                 "must be 1");
    const cJSON *grace = ke_json_get(probe, "terminationGracePeriodSeconds");
    struct model_path grace_at = model_path_child(&at, "terminationGracePeriodSeconds");
    if (grace == NULL)
        return;
    if (grace->valuedouble <= 0)
        model_report_invalid_int(issues, grace_at, (int64_t)grace->valuedouble,
                                 "must be greater than 0");
    if (is_readiness)
        model_report_invalid_int(issues, grace_at, (int64_t)grace->valuedouble,
                                 "must not be set for readinessProbes");
}

void container_validate_probes(const cJSON *container, const struct model_path *path,
                               struct model_issues *issues)
{
    static const char *const hooks[] = { "postStart", "preStop" };
    const cJSON *lifecycle = ke_json_get(container, "lifecycle");
    struct model_path lifecycle_at = model_path_child(path, "lifecycle");
    for (size_t i = 0; i < KE_ARRAY_LEN(hooks); i++) {
        const cJSON *hook = ke_json_get(lifecycle, hooks[i]);
        struct model_path at = model_path_child(&lifecycle_at, hooks[i]);
        if (hook != NULL)
            check_handler(hook, &at, issues);
    }
    check_probe(container, "livenessProbe", path, issues);
    check_probe(container, "readinessProbe", path, issues);
    check_probe(container, "startupProbe", path, issues);
}
