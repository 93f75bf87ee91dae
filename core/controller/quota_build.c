/* SPDX-License-Identifier: Apache-2.0 */
/* See quota_build.h. Pure. */
#include "core/controller/quota_build.h"

#include "core/base/json.h"
#include "core/model/values.h"

void quota_tally_init(struct quota_tally *tally, const cJSON *quota, int64_t now_s)
{
    *tally = (struct quota_tally){ .quota = quota,
                                   .hard = ke_json_path(quota, "spec.hard"),
                                   .now_s = now_s };
}

enum quota_relation quota_tally_relation(const struct quota_tally *tally,
                                         const struct model_kind *kind)
{
    enum quota_relation strongest = QUOTA_NONE;
    const cJSON *item;
    cJSON_ArrayForEach(item, tally->hard) {
        enum quota_relation relation = quota_relation_of(kind, ke_str_c(item->string));
        if (relation > strongest)
            strongest = relation;
    }
    return strongest == QUOTA_ONE && quota_has_scopes(tally->quota) ? QUOTA_WITHIN : strongest;
}

void quota_tally_add(struct quota_tally *tally, const struct model_kind *kind, const cJSON *object)
{
    if (object != NULL && !quota_matches(tally->quota, kind, object))
        return;
    size_t i = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, tally->hard) {
        if (i >= LIMIT_RESOURCE_NAMES)
            return;
        struct model_quantity amount =
            quota_amount(kind, object, ke_str_c(item->string), tally->now_s);
        model_quantity_add(&tally->used[i], &amount, &tally->used[i]);
        i++;
    }
}

cJSON *quota_tally_status(const struct quota_tally *tally)
{
    ke_auto_json *status = cJSON_CreateObject();
    cJSON *hard = status != NULL ? ke_json_need_object(status, "hard") : NULL;
    cJSON *used = status != NULL ? ke_json_need_object(status, "used") : NULL;
    size_t i = 0;
    const cJSON *item;
    if (hard == NULL || used == NULL)
        return NULL;
    cJSON_ArrayForEach(item, tally->hard) {
        char text[64];
        struct ke_buf amount = KE_BUF_FIXED(text, sizeof(text));
        if (i >= LIMIT_RESOURCE_NAMES)
            break;
        model_quantity_format(&tally->used[i++], &amount);
        if (amount.failed != KE_OK || !model_set_copy(hard, item->string, item) ||
            !ke_json_set_str(used, item->string, ke_buf_str(&amount)))
            return NULL;
    }
    return KE_TAKE(status);
}
