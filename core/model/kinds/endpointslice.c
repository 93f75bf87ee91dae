/* SPDX-License-Identifier: Apache-2.0 */
/* EndpointSlices: derived by a controller (then lazy) or made by hand (then durable). Pure; any
 * thread. */
#include "core/model/kinds/kinds.h"

const struct model_kind model_kind_endpointslice = {
    .id = MODEL_ENDPOINTSLICE,
    .kind = "EndpointSlice",
    .list_kind = "EndpointSliceList",
    .plural = "endpointslices",
    .singular = "endpointslice",
    .prefix = "/registry/endpointslices/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "discovery.k8s.io", .version = "v1", .message = "discovery.v1.EndpointSlice" },
    },
};
