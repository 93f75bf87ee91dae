/* SPDX-License-Identifier: Apache-2.0 */
/* Pods. Pure; any thread. */
#include "core/model/kinds/kinds.h"

static const struct model_selectable fields[] = {
    { "spec.nodeName", NULL, NULL },
    { "spec.restartPolicy", NULL, NULL },
    { "spec.schedulerName", NULL, NULL },
    { "spec.serviceAccountName", NULL, NULL },
    { "spec.hostNetwork", NULL, "false" },
    { "status.phase", NULL, NULL },
    { "status.podIP", NULL, NULL },
    { "status.podIPs", "status.podIP", NULL },
    { "status.nominatedNodeName", NULL, NULL },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_pod = {
    .id = MODEL_POD,
    .kind = "Pod",
    .list_kind = "PodList",
    .plural = "pods",
    .singular = "pod",
    .short_names = { "po" },
    .categories = { "all" },
    .prefix = "/registry/pods/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_status = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Pod" },
    },
    .subresources = {
        { .name = "status", .verbs = VERBS_STATUS },
    },
    .fields = fields,
};
