/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints: derived by the endpoints controller (then lazy) or made by hand (then durable). Pure;
 * any thread. */
#include "core/model/kinds/kinds.h"

const struct model_kind model_kind_endpoints = {
    .id = MODEL_ENDPOINTS,
    .kind = "Endpoints",
    .list_kind = "EndpointsList",
    .plural = "endpoints",
    .singular = "endpoints",
    .short_names = { "ep" },
    .prefix = "/registry/services/endpoints/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .can_create_on_update = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Endpoints" },
    },
};
