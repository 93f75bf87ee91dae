/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Validation of a container's environment. Source: Kubernetes apis/core/validation (ValidateEnv,
 * ValidateEnvFrom). Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/podspec.h"
#include "core/model/names.h"
#include "core/model/values.h"

static void check_value_from(const cJSON *env, const struct model_path *path,
                             struct model_issues *issues)
{
    const cJSON *from = ke_json_get(env, "valueFrom");
    if (from == NULL)
        return;
    struct model_path at = model_path_child(path, "valueFrom");
    const cJSON *field = ke_json_get(from, "fieldRef");
    const cJSON *resource = ke_json_get(from, "resourceFieldRef");
    const cJSON *config = ke_json_get(from, "configMapKeyRef");
    const cJSON *secret = ke_json_get(from, "secretKeyRef");
    struct model_path field_at = model_path_child(&at, "fieldRef");
    struct model_path resource_at = model_path_child(&at, "resourceFieldRef");
    struct model_path config_at = model_path_child(&at, "configMapKeyRef");
    struct model_path secret_at = model_path_child(&at, "secretKeyRef");
    if (field != NULL)
        podspec_check_field_ref(field, &field_at, issues);
    if (resource != NULL && model_is_unset(resource, "resource"))
        model_report_required(issues, model_path_child(&resource_at, "resource"), "");
    if (config != NULL)
        podspec_check_key_ref(config, &config_at, issues);
    if (secret != NULL)
        podspec_check_key_ref(secret, &secret_at, issues);
    int n = (field != NULL) + (resource != NULL) + (config != NULL) + (secret != NULL);
    if (n == 0) {
        model_report_invalid(issues, at, KE_STR(""),
                             "must specify one of: `fieldRef`, `resourceFieldRef`, "
                             "`configMapKeyRef` or `secretKeyRef`");
    } else if (!model_is_unset(env, "value")) {
        model_report_invalid(issues, at, KE_STR(""),
                             "may not be specified when `value` is not empty");
    } else if (n > 1) {
        model_report_invalid(issues, at, KE_STR(""),
                             "may not have more than one field specified at a time");
    }
}

static void check_from(const cJSON *from, const struct model_path *path,
                       struct model_issues *issues)
{
    static const char *const refs[] = { "configMapRef", "secretRef" };
    struct ke_str prefix = ke_json_str(from, "prefix");
    if (!ke_str_is_empty(prefix))
        (void)model_check_name(issues, model_path_child(path, "prefix"), prefix,
                               model_name_env_var);
    int n = 0;
    for (size_t i = 0; i < KE_ARRAY_LEN(refs); i++) {
        const cJSON *ref = ke_json_get(from, refs[i]);
        if (ref == NULL)
            continue;
        n++;
        struct model_path at = model_path_child(path, refs[i]);
        (void)model_check_name(issues, model_path_child(&at, "name"), ke_json_str(ref, "name"),
                               model_name_subdomain);
    }
    if (n == 0) {
        model_report_invalid(issues, *path, KE_STR(""),
                             "must specify one of: `configMapRef` or `secretRef`");
    } else if (n > 1) {
        model_report_invalid(issues, *path, KE_STR(""),
                             "may not have more than one field specified at a time");
    }
}

void container_validate_env(const cJSON *container, const struct model_path *path,
                            struct model_issues *issues)
{
    struct model_path list = model_path_child(path, "env");
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(container, "env")) {
        struct model_path at = model_path_index(&list, i++);
        struct ke_str name = ke_json_str(item, "name");
        if (ke_str_is_empty(name))
            model_report_required(issues, model_path_child(&at, "name"), "");
        else
            (void)model_check_name(issues, model_path_child(&at, "name"), name, model_name_env_var);
        check_value_from(item, &at, issues);
    }
    list = model_path_child(path, "envFrom");
    i = 0;
    cJSON_ArrayForEach(item, ke_json_get(container, "envFrom")) {
        struct model_path at = model_path_index(&list, i++);
        check_from(item, &at, issues);
    }
}
