/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases: renewed every few seconds and worthless after a restart, so never on disk. Pure; any
 * thread.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    const cJSON *spec = ke_json_get(object, "spec");
    struct model_path path = model_path_root("spec");
    int64_t duration = ke_json_i64(spec, "leaseDurationSeconds", 1);
    if (duration <= 0) {
        model_report_invalid_int(issues, model_path_child(&path, "leaseDurationSeconds"), duration,
                                 "must be greater than 0");
    }
    (void)model_check_not_negative(issues, model_path_child(&path, "leaseTransitions"),
                                   ke_json_i64(spec, "leaseTransitions", 0));
}

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
    .validate = validate,
};
