/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_BASE_CARRY_H
#define TEST_SUPPORT_BASE_CARRY_H
/*
 * What core/resource does to the metadata of an update before core/model sees it, for tests of
 * core/model alone: what a client cannot change comes from the object of before. But for a uid that
 * differs, which stays for validation to refuse.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/base/attr.h"
#include "core/base/json.h"

/* False: out of memory. */
static inline bool carry_over(cJSON *object, const cJSON *old)
{
    static const char *const members[] = { "uid", "creationTimestamp", "generation",
                                           "deletionTimestamp", "deletionGracePeriodSeconds" };
    cJSON *meta = ke_json_need_object(object, "metadata");
    const cJSON *before = ke_json_get(old, "metadata");
    if (meta == NULL)
        return false;
    for (size_t i = 0; i < KE_ARRAY_LEN(members); i++) {
        const cJSON *value = ke_json_get(before, members[i]);
        if (i == 0 && !ke_str_is_empty(ke_json_str(meta, "uid")))
            continue;
        if (value == NULL)
            ke_json_del(meta, members[i]);
        else if (!ke_json_set(meta, members[i], cJSON_Duplicate(value, true)))
            return false;
    }
    return true;
}

#endif
