/* SPDX-License-Identifier: Apache-2.0 */
/* Deployments, as objects. Pure; any thread. */
#include "core/model/kinds/kinds.h"

const struct model_kind model_kind_deployment = {
    .id = MODEL_DEPLOYMENT,
    .kind = "Deployment",
    .list_kind = "DeploymentList",
    .plural = "deployments",
    .singular = "deployment",
    .short_names = { "deploy" },
    .categories = { "all" },
    .prefix = "/registry/deployments/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "apps", .version = "v1", .message = "apps.v1.Deployment" },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
};
