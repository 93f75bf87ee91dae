/* SPDX-License-Identifier: Apache-2.0 */
/* ReplicationControllers, as objects. Pure; any thread. */
#include "core/model/kinds/kinds.h"

static const struct model_selectable fields[] = {
    { "status.replicas", NULL, "0" },
    { NULL, NULL, NULL },
};

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
        { .group = "", .version = "v1", .message = "core.v1.ReplicationController" },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = fields,
};
