/* SPDX-License-Identifier: Apache-2.0 */
/* See ensure.h. */
#include "core/controller/ensure.h"

#include "core/base/json.h"

static bool list_is_within(const cJSON *wanted, const cJSON *list)
{
    const cJSON *other = list->child;
    for (const cJSON *it = wanted->child; it != NULL; it = it->next) {
        if (other == NULL || !ensure_is_within(it, other))
            return false;
        other = other->next;
    }
    return other == NULL;
}

bool ensure_is_within(const cJSON *wanted, const cJSON *object)
{
    if (object == NULL)
        return cJSON_IsNull(wanted);
    if (cJSON_IsArray(wanted))
        return cJSON_IsArray(object) && list_is_within(wanted, object);
    if (!cJSON_IsObject(wanted))
        return ke_json_equal(wanted, object);
    for (const cJSON *it = wanted->child; it != NULL; it = it->next) {
        if (!ensure_is_within(it, ke_json_get(object, it->string)))
            return false;
    }
    return cJSON_IsObject(object);
}

cJSON *ensure_parse(struct ke_buf *buf)
{
    cJSON *json = NULL;
    struct ke_err err = KE_ERR_INIT;
    bool is_ok = buf->failed == KE_OK && ke_json_parse(ke_buf_str(buf), &json, &err) == KE_OK;
    ke_buf_clear(buf);
    return is_ok ? json : NULL;
}

void ensure_object(struct controller_env *env, struct work_item *item,
                   const struct ensure_target *target, cJSON *wanted)
{
    ke_auto_json *body = wanted;
    if (body == NULL) {
        work_item_again(item, work_backoff_ns(1));
        return;
    }
    const struct registry_object *now =
        watch_reflector_get(env->reflector, target->kind, target->ns, target->name);
    struct resource_request request = { .verb = RESOURCE_CREATE,
                                        .kind = model_kind_by_id(target->kind),
                                        .ns = target->ns };
    if (now != NULL) {
        ke_auto_json *json = registry_object_parse(now);
        if (json == NULL) {
            work_item_again(item, work_backoff_ns(1));
            return;
        }
        if (ensure_is_within(body, json))
            return;
        request.verb = RESOURCE_PATCH;
        request.patch = RESOURCE_PATCH_MERGE;
        request.name = target->name;
        request.subresource = target->subresource;
    }
    request.body = KE_TAKE(body);
    work_item_write(item, &request);
}
