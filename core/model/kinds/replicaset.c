/* SPDX-License-Identifier: Apache-2.0 */
/* ReplicaSets, as objects. Pure; any thread. */
#include "core/model/kinds/kinds.h"

static const struct model_selectable fields[] = {
    { "status.replicas", NULL, "0" },
    { NULL, NULL, NULL },
};

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
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = fields,
};
