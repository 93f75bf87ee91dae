/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces: emptied before they go (spec.finalizers), named as a DNS label. No deletecollection,
 * as upstream. Pure; any thread. */
#include "core/model/kinds/kinds.h"

static const struct model_selectable fields[] = {
    { "status.phase", NULL, NULL },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_namespace = {
    .id = MODEL_NAMESPACE,
    .kind = "Namespace",
    .list_kind = "NamespaceList",
    .plural = "namespaces",
    .singular = "namespace",
    .short_names = { "ns" },
    .prefix = "/registry/namespaces/",
    .name_rule = MODEL_NAME_LABEL,
    .has_status = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_READ | MODEL_VERB_WATCH | VERBS_WRITE,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Namespace" },
    },
    .subresources = {
        { .name = "finalize", .verbs = MODEL_VERB_UPDATE },
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = fields,
};
