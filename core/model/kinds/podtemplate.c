/* SPDX-License-Identifier: Apache-2.0 */
/* PodTemplates: a template that nobody acts on. Source: Kubernetes apis/core. Pure; any thread. */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"
#include "core/model/kinds/podspec.h"
#include "core/model/kinds/workload.h"

static bool set_defaults(cJSON *object)
{
    return ke_json_need_object(object, "template") != NULL && workload_default_template(object);
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    (void)old;
    struct model_path path = model_path_root("template");
    template_validate_pod(ke_json_get(object, "template"), &path, issues);
}

const struct model_kind model_kind_podtemplate = {
    .id = MODEL_PODTEMPLATE,
    .kind = "PodTemplate",
    .list_kind = "PodTemplateList",
    .plural = "podtemplates",
    .singular = "podtemplate",
    .prefix = "/registry/podtemplates/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .has_generation = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.PodTemplate" },
    },
    .set_defaults = set_defaults,
    .validate = validate,
};
