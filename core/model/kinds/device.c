/* SPDX-License-Identifier: Apache-2.0 */
/* See device.h. Pure; any thread. */
#include "core/model/kinds/device.h"

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/names.h"
#include "core/model/values.h"

#define EXPRESSION_BYTES_MAX (10U << 10)
#define PARAMETERS_BYTES_MAX (10U << 10)
#define POOL_BYTES_MAX       LIMIT_DNS_NAME_BYTES

void device_check_driver(struct model_path path, struct ke_str driver, struct model_issues *issues)
{
    if (ke_str_is_empty(driver)) {
        model_report_required(issues, path, "");
        return;
    }
    if (driver.len > LIMIT_DNS_LABEL_BYTES)
        model_report_too_long(issues, path, LIMIT_DNS_LABEL_BYTES);
    (void)model_check_name(issues, path, driver, model_name_subdomain);
}

void device_check_pool(struct model_path path, struct ke_str pool, struct model_issues *issues)
{
    if (ke_str_is_empty(pool)) {
        model_report_required(issues, path, "");
        return;
    }
    if (pool.len > POOL_BYTES_MAX)
        model_report_too_long(issues, path, POOL_BYTES_MAX);
    struct ke_str rest = pool;
    struct ke_str part;
    while (ke_str_split(&rest, '/', &part)) {
        if (!model_check_name(issues, path, part, model_name_subdomain))
            return;
    }
}

bool device_check_count(const cJSON *list, struct model_path path, size_t max,
                        struct model_issues *issues)
{
    size_t n = (size_t)cJSON_GetArraySize(list);
    if (n <= max)
        return true;
    model_report_too_many(issues, path, n, max);
    return false;
}

void device_check_names(const cJSON *list, const struct model_path *path,
                        struct model_issues *issues)
{
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        struct model_path at = model_path_index(path, i++);
        struct model_path name_at = model_path_child(&at, "name");
        struct ke_str name = ke_json_str(item, "name");
        (void)model_check_name(issues, name_at, name, model_name_label);
        const cJSON *earlier = list->child;
        while (earlier != item && !ke_str_eq(ke_json_str(earlier, "name"), name))
            earlier = earlier->next;
        if (earlier != item)
            model_report_duplicate(issues, name_at, name);
    }
}

void device_check_selectors(const cJSON *selectors, const struct model_path *path,
                            struct model_issues *issues)
{
    struct model_path list = model_path_child(path, "selectors");
    if (!device_check_count(selectors, list, DEVICE_LIST_MAX, issues))
        return;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, selectors) {
        struct model_path at = model_path_index(&list, i++);
        struct model_path cel = model_path_child(&at, "cel");
        struct model_path expression = model_path_child(&cel, "expression");
        if (ke_json_get(item, "cel") == NULL) {
            model_report_required(issues, cel, "");
            continue;
        }
        struct ke_str text = ke_json_path_str(item, "cel.expression");
        if (ke_str_is_empty(text))
            model_report_required(issues, expression, "");
        else if (text.len > EXPRESSION_BYTES_MAX)
            model_report_too_long(issues, expression, EXPRESSION_BYTES_MAX);
    }
}

void device_check_config(const cJSON *config, const struct model_path *path,
                         struct model_issues *issues)
{
    const cJSON *opaque = ke_json_get(config, "opaque");
    struct model_path at = model_path_child(path, "opaque");
    struct model_path parameters_at = model_path_child(&at, "parameters");
    if (opaque == NULL) {
        model_report_required(issues, at, "");
        return;
    }
    device_check_driver(model_path_child(&at, "driver"), ke_json_str(opaque, "driver"), issues);
    const cJSON *parameters = ke_json_get(opaque, "parameters");
    if (parameters == NULL) {
        model_report_required(issues, parameters_at, "");
        return;
    }
    ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    ke_json_print(parameters, &text);
    if (text.failed != KE_OK || text.len > PARAMETERS_BYTES_MAX)
        model_report_too_long(issues, parameters_at, PARAMETERS_BYTES_MAX);
    else if (!cJSON_IsObject(parameters))
        model_report_invalid(issues, parameters_at, KE_STR("<value omitted>"),
                             "parameters must be a valid JSON object");
}
