/* SPDX-License-Identifier: Apache-2.0 */
/* RoleBindings: who has a role in one namespace. Pure; any thread. */
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/rbac.h"

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    rbac_validate_binding(object, old, true, issues);
}

const struct model_kind model_kind_rolebinding = {
    .id = MODEL_ROLEBINDING,
    .kind = "RoleBinding",
    .list_kind = "RoleBindingList",
    .plural = "rolebindings",
    .singular = "rolebinding",
    .prefix = "/registry/rolebindings/",
    .name_rule = MODEL_NAME_PATH_SEGMENT,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .can_create_on_update = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = RBAC_GROUP, .version = "v1", .message = "rbac.v1.RoleBinding" },
    },
    .set_defaults = rbac_binding_set_defaults,
    .validate = validate,
};
