/* SPDX-License-Identifier: Apache-2.0 */
/* Roles: what may be done in one namespace. Pure; any thread. */
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/rbac.h"

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    rbac_validate_rules(object, true, issues);
}

const struct model_kind model_kind_role = {
    .id = MODEL_ROLE,
    .kind = "Role",
    .list_kind = "RoleList",
    .plural = "roles",
    .singular = "role",
    .prefix = "/registry/roles/",
    .name_rule = MODEL_NAME_PATH_SEGMENT,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .can_create_on_update = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = RBAC_GROUP, .version = "v1", .message = "rbac.v1.Role" },
    },
    .validate = validate,
};
