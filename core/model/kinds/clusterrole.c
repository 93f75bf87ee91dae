/* SPDX-License-Identifier: Apache-2.0 */
/* ClusterRoles: what may be done anywhere, and sums of other ClusterRoles. Pure; any thread. */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/rbac.h"
#include "core/model/names.h"
#include "core/model/values.h"

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    const cJSON *aggregation = ke_json_get(object, "aggregationRule");
    struct model_path root = model_path_root("aggregationRule");
    struct model_path path = model_path_child(&root, "clusterRoleSelectors");
    const cJSON *selector = NULL;
    size_t i = 0;
    rbac_validate_rules(object, false, issues);
    if (aggregation == NULL)
        return;
    if (model_is_unset(aggregation, "clusterRoleSelectors")) {
        model_report_required(issues, path,
                              "at least one clusterRoleSelector required if aggregationRule is "
                              "non-nil");
    }
    cJSON_ArrayForEach(selector, ke_json_get(aggregation, "clusterRoleSelectors")) {
        model_check_label_selector(issues, model_path_index(&path, i++), selector);
    }
}

const struct model_kind model_kind_clusterrole = {
    .id = MODEL_CLUSTERROLE,
    .kind = "ClusterRole",
    .list_kind = "ClusterRoleList",
    .plural = "clusterroles",
    .singular = "clusterrole",
    .prefix = "/registry/clusterroles/",
    .name_rule = MODEL_NAME_PATH_SEGMENT,
    .can_update_unconditionally = true,
    .can_create_on_update = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = RBAC_GROUP, .version = "v1", .message = "rbac.v1.ClusterRole" },
    },
    .validate = validate,
};
