/* SPDX-License-Identifier: Apache-2.0 */
/* Ingresses, stored as networking.k8s.io/v1 and served to older manifests as they were written.
 * Pure; any thread. */
#include "core/model/kinds/kinds.h"

const struct model_kind model_kind_ingress = {
    .id = MODEL_INGRESS,
    .kind = "Ingress",
    .list_kind = "IngressList",
    .plural = "ingresses",
    .singular = "ingress",
    .short_names = { "ing" },
    .prefix = "/registry/ingress/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "networking.k8s.io", .version = "v1", .message = "networking.v1.Ingress" },
        { .group = "networking.k8s.io", .version = "v1beta1", .message = "networking.v1beta1.Ingress" },
        { .group = "extensions", .version = "v1beta1", .message = "extensions.v1beta1.Ingress" },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
};
