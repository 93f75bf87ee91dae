/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What upstream's admission plugins put into a new pod: the service account, the default
 * tolerations, the priority. There is no projected token volume here: the pod agent mounts what a
 * pod's own volumes name. Source: plugin/pkg/admission/{serviceaccount,defaulttolerationseconds,
 * priority}. Thread: the operation's.
 */
#include "core/resource/operation.h"

#define TOLERATION_SECONDS 300

static const char *const tolerated[] = { "node.kubernetes.io/not-ready",
                                         "node.kubernetes.io/unreachable" };

static enum ke_code set_service_account(struct operation *op, cJSON *spec)
{
    struct ke_str name = ke_json_str(spec, "serviceAccountName");
    if (name.len == 0)
        name = ke_json_str(spec, "serviceAccount");
    bool is_named = name.len > 0 && !ke_str_eq_c(name, "default");
    if (name.len == 0)
        name = KE_STR("default");
    struct ke_str kept = ke_arena_str(op->arena, name);
    if (kept.ptr == NULL || !ke_json_set_str(spec, "serviceAccountName", kept) ||
        !ke_json_set_str(spec, "serviceAccount", kept))
        return operation_fail_nomem(op);
    if (!is_named) /* every namespace gets it, though perhaps a moment later than its first pod */
        return KE_OK;
    ke_auto_object *account = NULL;
    struct ke_str key = { NULL, 0 };
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc =
        operation_key(op, model_kind_by_id(MODEL_SERVICEACCOUNT), op->request.ns, kept, &key);
    if (rc == KE_OK)
        rc = registry_get(op->store->registry, key, &account, &err);
    if (rc != KE_NOT_FOUND)
        return rc == KE_OK ? KE_OK : operation_fail_err(op, &err);
    return operation_fail_forbidden(op, op->request.name,
                                    "error looking up service account %.*s/%.*s: serviceaccount "
                                    "\"%.*s\" not found",
                                    KE_STR_ARG(op->request.ns), KE_STR_ARG(kept), KE_STR_ARG(kept));
}

static bool tolerates(const cJSON *list, const char *key)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, list) {
        struct ke_str its_key = ke_json_str(it, "key");
        struct ke_str effect = ke_json_str(it, "effect");
        if ((its_key.len == 0 || ke_str_eq_c(its_key, key)) &&
            (effect.len == 0 || ke_str_eq_c(effect, "NoExecute")))
            return true;
    }
    return false;
}

static bool add_toleration(cJSON *list, const char *key)
{
    ke_auto_json *item = cJSON_CreateObject();
    if (item == NULL || !ke_json_set_str(item, "key", ke_str_c(key)) ||
        !ke_json_set_str(item, "operator", KE_STR("Exists")) ||
        !ke_json_set_str(item, "effect", KE_STR("NoExecute")) ||
        !ke_json_set(item, "tolerationSeconds", cJSON_CreateNumber(TOLERATION_SECONDS)) ||
        !cJSON_AddItemToArray(list, item))
        return false;
    (void)KE_TAKE(item);
    return true;
}

static bool set_tolerations(cJSON *spec)
{
    cJSON *list = ke_json_need_array(spec, "tolerations");
    if (list == NULL)
        return false;
    bool is_missing[KE_ARRAY_LEN(tolerated)];
    for (size_t i = 0; i < KE_ARRAY_LEN(tolerated); i++)
        is_missing[i] = !tolerates(list, tolerated[i]);
    for (size_t i = 0; i < KE_ARRAY_LEN(tolerated); i++) {
        if (is_missing[i] && !add_toleration(list, tolerated[i]))
            return false;
    }
    return true;
}

static bool set_priority(cJSON *spec)
{
    if (ke_json_get(spec, "priority") == NULL &&
        !ke_json_set(spec, "priority", cJSON_CreateNumber(0)))
        return false;
    return ke_json_get(spec, "preemptionPolicy") != NULL ||
           ke_json_set_str(spec, "preemptionPolicy", KE_STR("PreemptLowerPriority"));
}

enum ke_code pod_admit_create(struct operation *op, cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    if (spec == NULL || !set_tolerations(spec) || !set_priority(spec))
        return operation_fail_nomem(op);
    return set_service_account(op, spec);
}
