/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7396 JSON merge patch. Works on a copy that takes the target's place. Pure; any thread. */
#include "core/base/json.h"
#include "core/model/patch_strategic.h"

/* A new object of a merge patch: null members are orders to delete and not data. */
static void drop_nulls(cJSON *object)
{
    cJSON *next = NULL;
    for (cJSON *member = object->child; member != NULL; member = next) {
        next = member->next;
        if (cJSON_IsNull(member))
            cJSON_Delete(cJSON_DetachItemViaPointer(object, member));
        else if (cJSON_IsObject(member))
            drop_nulls(member);
    }
}

static enum ke_code merge_object(cJSON *target, const cJSON *patch, struct ke_err *err)
{
    enum ke_code rc = patch_check_steps(target, patch, err);
    if (rc != KE_OK)
        return rc;
    const cJSON *member;
    cJSON_ArrayForEach(member, patch) {
        cJSON *old = ke_json_get_mut(target, member->string);
        if (cJSON_IsNull(member)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(target, old));
            continue;
        }
        if (cJSON_IsObject(member) && cJSON_IsObject(old)) {
            rc = merge_object(old, member, err);
            if (rc != KE_OK)
                return rc;
            continue;
        }
        cJSON *copy = cJSON_Duplicate(member, true);
        if (cJSON_IsObject(copy))
            drop_nulls(copy);
        if (copy == NULL || !ke_json_set(target, member->string, copy))
            return ke_fail(err, KE_NOMEM, "merge patch");
    }
    return KE_OK;
}

enum ke_code model_patch_merge(cJSON **target, const cJSON *patch, struct ke_err *err)
{
    /* An object never becomes a list or a number by a patch of it. */
    if (!cJSON_IsObject(patch))
        return ke_fail(err, KE_MALFORMED, "Invalid JSON Patch");
    ke_auto_json *copy =
        cJSON_IsObject(*target) ? cJSON_Duplicate(*target, true) : cJSON_CreateObject();
    if (copy == NULL)
        return ke_fail(err, KE_NOMEM, "merge patch");
    enum ke_code rc = merge_object(copy, patch, err);
    if (rc != KE_OK)
        return rc;
    cJSON_Delete(*target);
    *target = KE_TAKE(copy);
    return KE_OK;
}
