/* SPDX-License-Identifier: Apache-2.0 */
/* Services. Pure; any thread. */
#include "core/model/kinds/kinds.h"

static const struct model_selectable fields[] = {
    { "spec.clusterIP", NULL, NULL },
    { "spec.type", NULL, NULL },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_service = {
    .id = MODEL_SERVICE,
    .kind = "Service",
    .list_kind = "ServiceList",
    .plural = "services",
    .singular = "service",
    .short_names = { "svc" },
    .categories = { "all" },
    .prefix = "/registry/services/specs/",
    .name_rule = MODEL_NAME_LABEL_1035,
    .is_namespaced = true,
    .has_status = true,
    .can_update_unconditionally = true,
    .can_create_on_update = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Service" },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = fields,
};
