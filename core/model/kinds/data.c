/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes and immutability of ConfigMaps and Secrets. Pure; any thread. */
#include "core/model/kinds/data.h"

#include "core/base/json.h"
#include "core/model/path.h"
#include "core/model/values.h"

size_t data_decoded_len(struct ke_str base64)
{
    size_t len = base64.len;
    while (len > 0 && base64.ptr[len - 1] == '=')
        len--;
    return len / 4 * 3 + len % 4 * 3 / 4;
}

void data_validate_immutable(const cJSON *object, const cJSON *old, const char *const *members,
                             struct model_issues *issues)
{
    static const char text[] = "field is immutable when `immutable` is set";
    if (!ke_json_bool(old, "immutable", false))
        return;
    if (!ke_json_bool(object, "immutable", false))
        model_report_forbidden(issues, model_path_root("immutable"), text);
    for (size_t i = 0; members[i] != NULL; i++) {
        if (!model_same_member(object, old, members[i]))
            model_report_forbidden(issues, model_path_root(members[i]), text);
    }
}
