/* SPDX-License-Identifier: Apache-2.0 */
/* IngressClasses. Pure; any thread. */
#include "core/model/kinds/kinds.h"

const struct model_kind model_kind_ingressclass = {
    .id = MODEL_INGRESSCLASS,
    .kind = "IngressClass",
    .list_kind = "IngressClassList",
    .plural = "ingressclasses",
    .singular = "ingressclass",
    .prefix = "/registry/ingressclasses/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "networking.k8s.io", .version = "v1", .message = "networking.v1.IngressClass" },
        { .group = "networking.k8s.io", .version = "v1beta1", .message = "networking.v1beta1.IngressClass" },
    },
};
