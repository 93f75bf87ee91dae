/* SPDX-License-Identifier: Apache-2.0 */
/* ComponentStatuses: computed when asked for, never stored. Pure; any thread. */
#include "core/model/kinds/kinds.h"

const struct model_kind model_kind_componentstatus = {
    .id = MODEL_COMPONENTSTATUS,
    .kind = "ComponentStatus",
    .list_kind = "ComponentStatusList",
    .plural = "componentstatuses",
    .singular = "componentstatus",
    .short_names = { "cs" },
    .prefix = "/registry/componentstatuses/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_computed = true,
    .durability = MODEL_MEMORY,
    .verbs = VERBS_READ,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.ComponentStatus" },
    },
};
