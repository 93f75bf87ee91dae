/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes; their keys say minions, as they were once called. Pure; any thread. */
#include "core/model/kinds/kinds.h"

static const struct model_selectable fields[] = {
    { "spec.unschedulable", NULL, "false" },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_node = {
    .id = MODEL_NODE,
    .kind = "Node",
    .list_kind = "NodeList",
    .plural = "nodes",
    .singular = "node",
    .short_names = { "no" },
    .prefix = "/registry/minions/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .has_status = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Node" },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = fields,
};
