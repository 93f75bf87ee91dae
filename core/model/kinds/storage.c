/* SPDX-License-Identifier: Apache-2.0 */
/* What volumes and claims share. Source: Kubernetes apis/core/validation. Pure; any thread. */
#include "core/model/kinds/storage.h"

#include "core/base/json.h"
#include "core/model/names.h"
#include "core/model/values.h"

struct ke_str storage_lower(struct model_issues *issues, struct ke_str text)
{
    char *copy = ke_arena_alloc(issues->arena, text.len + 1);
    if (copy == NULL) {
        model_report_no_memory(issues);
        return (struct ke_str){ NULL, 0 };
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        copy[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return ke_str_of(copy, text.len);
}

void storage_check_access_modes(const cJSON *spec, const struct model_path *path,
                                const char *required, struct model_issues *issues)
{
    static const char *const modes[] = { "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce",
                                         "ReadWriteOncePod", NULL };
    struct model_path at = model_path_child(path, "accessModes");
    bool has_pod = false;
    bool has_other = false;
    const cJSON *list = ke_json_get(spec, "accessModes");
    if (cJSON_GetArraySize(list) == 0)
        model_report_required(issues, at, required);
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        struct ke_str mode = ke_json_value_str(item);
        bool is_known = false;
        for (size_t i = 0; modes[i] != NULL; i++)
            is_known = is_known || ke_str_eq_c(mode, modes[i]);
        if (!is_known)
            model_report_not_supported(issues, at, mode, modes);
        if (ke_str_eq_c(mode, "ReadWriteOncePod"))
            has_pod = true;
        else
            has_other = has_other || is_known;
    }
    if (has_pod && has_other)
        model_report_forbidden(issues, at, "may not use ReadWriteOncePod with other access modes");
}

void storage_check_mode(const cJSON *spec, const struct model_path *path,
                        struct model_issues *issues)
{
    static const char *const modes[] = { "Block", "Filesystem", NULL };
    if (!model_is_unset(spec, "volumeMode"))
        (void)model_check_enum(issues, model_path_child(path, "volumeMode"),
                               ke_json_str(spec, "volumeMode"), modes);
}

void storage_check_class(const cJSON *spec, const struct model_path *path,
                         struct model_issues *issues)
{
    static const char *const names[] = { "storageClassName", "volumeAttributesClassName" };
    for (size_t i = 0; i < KE_ARRAY_LEN(names); i++) {
        if (!model_is_unset(spec, names[i]))
            (void)model_check_name(issues, model_path_child(path, names[i]),
                                   ke_json_str(spec, names[i]), model_name_subdomain);
    }
}
