/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ingresses: stored as networking.k8s.io/v1 and served to older manifests as they were written.
 * Source: Kubernetes apis/networking. Pure; any thread.
 */
#include "core/model/kinds/ingress.h"

#include "core/base/json.h"
#include "core/model/path.h"
#include "core/model/values.h"

static bool set_defaults(cJSON *object)
{
    cJSON *status = ke_json_need_object(object, "status");
    return status != NULL && ke_json_need_object(object, "spec") != NULL &&
           model_default_object(status, "loadBalancer");
}

static bool prepare_create(cJSON *object)
{
    return model_set_empty(object, "status") &&
           model_default_object(ke_json_get_mut(object, "status"), "loadBalancer");
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    struct model_path status = model_path_root("status");
    struct model_path lb = model_path_child(&status, "loadBalancer");
    model_check_lb_ingress(issues, model_path_child(&lb, "ingress"),
                           ke_json_path(object, "status.loadBalancer.ingress"));
}

const struct model_kind model_kind_ingress = {
    .id = MODEL_INGRESS,
    .kind = "Ingress",
    .list_kind = "IngressList",
    .plural = "ingresses",
    .singular = "ingress",
    .short_names = { "ing" },
    .prefix = "/registry/ingress/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "networking.k8s.io", .version = "v1", .message = "networking.v1.Ingress" },
        { .group = "networking.k8s.io", .version = "v1beta1", .message = "networking.v1beta1.Ingress", .to_storage = ingress_from_v1beta1, .from_storage = ingress_to_v1beta1 },
        { .group = "extensions", .version = "v1beta1", .message = "extensions.v1beta1.Ingress",
          .to_storage = ingress_from_v1beta1,
          .from_storage = ingress_to_v1beta1 },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .set_defaults = set_defaults,
    .prepare_create = prepare_create,
    .validate = ingress_validate,
    .validate_status = validate_status,
};
