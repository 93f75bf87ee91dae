/* SPDX-License-Identifier: Apache-2.0 */
/* ReplicationControllers, as objects. Source: Kubernetes apis/core. Pure; any thread. */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/podspec.h"
#include "core/model/kinds/workload.h"
#include "core/model/values.h"

/* Selector and labels are those of the template when they are not said. */
static bool set_defaults(cJSON *object)
{
    cJSON *spec = workload_set_defaults(object);
    if (spec == NULL)
        return false;
    const cJSON *labels = ke_json_path(spec, "template.metadata.labels");
    if (labels == NULL || labels->child == NULL)
        return true;
    cJSON *meta = ke_json_need_object(object, "metadata");
    if (meta == NULL)
        return false;
    return (!model_is_unset(spec, "selector") || model_set_copy(spec, "selector", labels)) &&
           (!model_is_unset(meta, "labels") || model_set_copy(meta, "labels", labels));
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path root = model_path_root("spec");
    workload_check_count(spec, "minReadySeconds", issues);
    if (model_is_unset(spec, "selector"))
        model_report_required(issues, model_path_child(&root, "selector"), "");
    workload_check_count(spec, "replicas", issues);
    template_validate(spec, TEMPLATE_OF_CONTROLLER, issues);
}

const struct model_kind model_kind_replicationcontroller = {
    .id = MODEL_REPLICATIONCONTROLLER,
    .kind = "ReplicationController",
    .list_kind = "ReplicationControllerList",
    .plural = "replicationcontrollers",
    .singular = "replicationcontroller",
    .short_names = { "rc" },
    .categories = { "all" },
    .prefix = "/registry/controllers/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.ReplicationController", .orphans_dependents = true },
    },
    .subresources = {
        { .name = "scale", .verbs = VERBS_STATUS, .speaks = &model_kind_scale, .scale = &workload_scale_of_labels },
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = workload_replica_fields,
    .set_defaults = set_defaults,
    .prepare_create = workload_prepare_replicas,
    .validate = validate,
    .validate_status = workload_validate_replicas_status,
};
