/* SPDX-License-Identifier: Apache-2.0 */
/* Depth of a JSON tree. Pure; any thread. */
#include "core/model/depth.h"

size_t model_json_depth(const cJSON *value)
{
    size_t deepest = 0;
    for (const cJSON *child = value->child; child != NULL; child = child->next) {
        size_t depth = model_json_depth(child);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}
