/* SPDX-License-Identifier: Apache-2.0 */
/* ConfigMaps. Pure; any thread. */
#include "core/model/kinds/kinds.h"

const struct model_kind model_kind_configmap = {
    .id = MODEL_CONFIGMAP,
    .kind = "ConfigMap",
    .list_kind = "ConfigMapList",
    .plural = "configmaps",
    .singular = "configmap",
    .short_names = { "cm" },
    .prefix = "/registry/configmaps/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.ConfigMap" },
    },
};
