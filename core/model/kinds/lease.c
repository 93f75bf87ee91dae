/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: renewed every few seconds and worthless after a restart, so never on disk. Pure; any
 * thread. */
#include "core/model/kinds/kinds.h"

const struct model_kind model_kind_lease = {
    .id = MODEL_LEASE,
    .kind = "Lease",
    .list_kind = "LeaseList",
    .plural = "leases",
    .singular = "lease",
    .prefix = "/registry/leases/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .can_create_on_update = true,
    .durability = MODEL_MEMORY,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "coordination.k8s.io", .version = "v1", .message = "coordination.v1.Lease" },
    },
};
