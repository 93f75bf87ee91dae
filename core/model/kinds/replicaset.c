/* SPDX-License-Identifier: Apache-2.0 */
/* ReplicaSets, as objects. Source: Kubernetes apis/apps. Pure; any thread. */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/podspec.h"
#include "core/model/kinds/workload.h"

static bool set_defaults(cJSON *object)
{
    return workload_set_defaults(object) != NULL;
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *spec = ke_json_get(object, "spec");
    workload_check_count(spec, "replicas", issues);
    workload_check_count(spec, "minReadySeconds", issues);
    workload_check_selector(spec, "deployment", issues);
    template_validate(spec, "ReplicaSet", issues);
    if (old != NULL)
        workload_check_selector_update(spec, ke_json_get(old, "spec"), issues);
}

const struct model_kind model_kind_replicaset = {
    .id = MODEL_REPLICASET,
    .kind = "ReplicaSet",
    .list_kind = "ReplicaSetList",
    .plural = "replicasets",
    .singular = "replicaset",
    .short_names = { "rs" },
    .categories = { "all" },
    .prefix = "/registry/replicasets/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "apps", .version = "v1", .message = "apps.v1.ReplicaSet" },
    },
    .subresources = {
        { .name = "scale", .verbs = VERBS_STATUS, .speaks = &model_kind_scale, .scale = &workload_scale },
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = workload_replica_fields,
    .set_defaults = set_defaults,
    .prepare_create = workload_prepare_replicas,
    .validate = validate,
    .validate_status = workload_validate_replicas_status,
};
