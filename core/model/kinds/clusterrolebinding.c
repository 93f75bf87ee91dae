/* SPDX-License-Identifier: Apache-2.0 */
/* ClusterRoleBindings: who has a ClusterRole everywhere. Pure; any thread. */
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/rbac.h"

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    rbac_validate_binding(object, old, false, issues);
}

const struct model_kind model_kind_clusterrolebinding = {
    .id = MODEL_CLUSTERROLEBINDING,
    .kind = "ClusterRoleBinding",
    .list_kind = "ClusterRoleBindingList",
    .plural = "clusterrolebindings",
    .singular = "clusterrolebinding",
    .prefix = "/registry/clusterrolebindings/",
    .name_rule = MODEL_NAME_PATH_SEGMENT,
    .can_update_unconditionally = true,
    .can_create_on_update = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = RBAC_GROUP, .version = "v1", .message = "rbac.v1.ClusterRoleBinding" },
    },
    .set_defaults = rbac_binding_set_defaults,
    .validate = validate,
};
