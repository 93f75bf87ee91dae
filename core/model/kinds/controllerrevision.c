/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ControllerRevisions: a state of a DaemonSet or StatefulSet, kept for roll backs. The state never
 * changes. Source: Kubernetes apis/apps/validation. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    const cJSON *data = ke_json_get(object, "data");
    if (data == NULL)
        model_report_required(issues, model_path_root("data"), "data is mandatory");
    (void)model_check_not_negative(issues, model_path_root("revision"),
                                   ke_json_i64(object, "revision", 0));
    if (old == NULL || model_same_member(object, old, "data"))
        return;
    ke_auto_buf text = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
    if (data != NULL)
        ke_json_print(data, &text);
    model_report_invalid_raw(issues, model_path_root("data"),
                             text.failed == KE_OK ? ke_buf_str(&text) : KE_STR("{...}"),
                             "field is immutable");
}

const struct model_kind model_kind_controllerrevision = {
    .id = MODEL_CONTROLLERREVISION,
    .kind = "ControllerRevision",
    .list_kind = "ControllerRevisionList",
    .plural = "controllerrevisions",
    .singular = "controllerrevision",
    .prefix = "/registry/controllerrevisions/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "apps", .version = "v1", .message = "apps.v1.ControllerRevision" },
    },
    .validate = validate,
};
