/* SPDX-License-Identifier: Apache-2.0 */
/* ConfigMaps: keys, sizes, and that an immutable one stays as it is. Pure; any thread. */
#include "core/base/json.h"
#include "core/base/map.h"
#include "core/model/kinds/data.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/path.h"

/* A set of the members' names, as there may be many; NULL: out of memory. */
static struct ke_map *keys_of(const cJSON *object)
{
    KE_AUTO(ke_map) *keys = ke_map_new();
    if (keys == NULL)
        return NULL;
    cJSON *item;
    cJSON_ArrayForEach(item, object) {
        if (!ke_map_set(keys, ke_str_c(item->string), item, NULL))
            return NULL;
    }
    return KE_TAKE(keys);
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const members[] = { "data", "binaryData", NULL };
    if (old != NULL)
        data_validate_immutable(object, old, members, issues);
    const cJSON *data = ke_json_get(object, "data");
    const cJSON *binary = ke_json_get(object, "binaryData");
    struct model_path data_at = model_path_root("data");
    struct model_path binary_at = model_path_root("binaryData");
    KE_AUTO(ke_map) *keys = NULL;
    if (data != NULL && binary != NULL) {
        keys = keys_of(binary);
        if (keys == NULL)
            model_report_no_memory(issues);
    }
    size_t total = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, data) {
        struct ke_str key = ke_str_c(item->string);
        struct model_path at = model_path_key(&data_at, key);
        (void)model_check_name(issues, at, key, model_name_config_key);
        if (keys != NULL && ke_map_get(keys, key) != NULL)
            model_report_invalid(issues, at, key, "duplicate of key present in binaryData");
        total += ke_json_value_str(item).len;
    }
    cJSON_ArrayForEach(item, binary) {
        struct ke_str key = ke_str_c(item->string);
        (void)model_check_name(issues, model_path_key(&binary_at, key), key, model_name_config_key);
        total += data_decoded_len(ke_json_value_str(item));
    }
    if (total > LIMIT_DATA_BYTES)
        model_report_too_long(issues, model_path_root(""), LIMIT_DATA_BYTES);
}

const struct model_kind model_kind_configmap = {
    .id = MODEL_CONFIGMAP,
    .kind = "ConfigMap",
    .list_kind = "ConfigMapList",
    .plural = "configmaps",
    .singular = "configmap",
    .short_names = { "cm" },
    .prefix = "/registry/configmaps/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.ConfigMap" },
    },
    .validate = validate,
};
