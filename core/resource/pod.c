/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What upstream's admission plugins put into a new pod: the default tolerations, and what comes
 * with its service account (service_account.c) and its classes (pod_classes.c). Source:
 * plugin/pkg/admission/defaulttolerationseconds. Thread: the operation's.
 */
#include "core/resource/operation.h"

#define TOLERATION_SECONDS 300

static const char *const tolerated[] = { "node.kubernetes.io/not-ready",
                                         "node.kubernetes.io/unreachable" };

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

enum ke_code pod_admit_create(struct operation *op, cJSON *object)
{
    cJSON *spec = ke_json_need_object(object, "spec");
    if (spec == NULL)
        return operation_fail_nomem(op);
    enum ke_code rc = service_account_admit(op, object, spec);
    if (rc == KE_OK)
        rc = priority_admit_pod(op, spec);
    if (rc == KE_OK && !set_tolerations(spec))
        rc = operation_fail_nomem(op);
    return rc == KE_OK ? runtime_class_admit(op, spec) : rc;
}
