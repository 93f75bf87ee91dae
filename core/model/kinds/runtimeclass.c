/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RuntimeClasses: which handler of the container runtime runs a pod, what that costs and where it
 * can. Source: Kubernetes apis/node/validation. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/podspec.h"
#include "core/model/names.h"
#include "core/model/values.h"

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    struct ke_str handler = ke_json_str(object, "handler");
    struct model_path handler_at = model_path_root("handler");
    if (old != NULL) {
        if (!model_same_member(object, old, "handler"))
            model_report_invalid(issues, handler_at, handler, "field is immutable");
        return;
    }
    (void)model_check_name(issues, handler_at, handler, model_name_label);
    struct model_path overhead = model_path_root("overhead");
    const cJSON *fixed = ke_json_path(object, "overhead.podFixed");
    struct model_path fixed_at = model_path_child(&overhead, "podFixed");
    container_validate_amounts(fixed, &fixed_at, issues);
    struct model_path scheduling = model_path_root("scheduling");
    model_check_labels(issues, model_path_child(&scheduling, "nodeSelector"),
                       ke_json_path(object, "scheduling.nodeSelector"));
    struct model_path tolerations_at = model_path_child(&scheduling, "tolerations");
    tolerations_validate(ke_json_path(object, "scheduling.tolerations"), &tolerations_at, issues);
}

const struct model_kind model_kind_runtimeclass = {
    .id = MODEL_RUNTIMECLASS,
    .kind = "RuntimeClass",
    .list_kind = "RuntimeClassList",
    .plural = "runtimeclasses",
    .singular = "runtimeclass",
    .prefix = "/registry/runtimeclasses/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "node.k8s.io", .version = "v1", .message = "node.v1.RuntimeClass" },
    },
    .validate = validate,
};
