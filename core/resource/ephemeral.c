/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ephemeral containers: what may be added to a running pod, and nothing else of it changes.
 * Source: Kubernetes pkg/registry/core/pod (podEphemeralContainersStrategy). Thread: the
 * operation's.
 */
#include "core/model/kinds/pod.h"
#include "core/resource/operation.h"

/* old, with the ephemeral containers of object. */
static enum ke_code merge_ephemeral(struct operation *op, cJSON **object, const cJSON *old)
{
    static const char name[] = "ephemeralContainers";
    ke_auto_json *merged = cJSON_Duplicate(old, true);
    cJSON *spec = merged != NULL ? ke_json_need_object(merged, "spec") : NULL;
    cJSON *list = cJSON_DetachItemFromObjectCaseSensitive(ke_json_get_mut(*object, "spec"), name);
    if (spec == NULL) {
        cJSON_Delete(list);
        return operation_fail_nomem(op);
    }
    if (list == NULL)
        ke_json_del(spec, name);
    else if (!ke_json_set(spec, name, list))
        return operation_fail_nomem(op);
    cJSON_Delete(*object);
    *object = KE_TAKE(merged);
    return service_account_admit_ephemeral(op, ke_json_get(*object, "spec"));
}

static void validate_ephemeral(struct operation *op, const cJSON *object, const cJSON *old)
{
    pod_validate_ephemeral(object, old, &op->issues);
}

const struct operation_part part_ephemeral = {
    .name = "ephemeralcontainers",
    .counts_generation = true,
    .merge = merge_ephemeral,
    .validate = validate_ephemeral,
};
