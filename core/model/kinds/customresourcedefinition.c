/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CustomResourceDefinitions. What they mean once established is core/model/catalog.h; whether they
 * are is decided by core/controller/definition.c. Source: apiextensions-apiserver
 * pkg/apis/apiextensions (defaults, validation, strategy). Pure.
 */
#include "core/base/json.h"
#include "core/model/kinds/crd.h"
#include "core/model/kinds/kinds.h"
#include "core/model/values.h"

#define NAME_BYTES 512

/* ---- defaults */

/* singular is the kind in lower case, listKind the kind with List behind it. */
static bool default_names(cJSON *names)
{
    char text[NAME_BYTES];
    struct ke_str kind = ke_json_str(names, "kind");
    if (kind.len == 0 || kind.len + sizeof("List") > sizeof(text))
        return true; /* refused by validation */
    for (size_t i = 0; i < kind.len; i++) {
        char c = kind.ptr[i];
        text[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    text[kind.len] = '\0';
    if (!model_default_str(names, "singular", text))
        return false;
    memcpy(text, kind.ptr, kind.len);
    memcpy(text + kind.len, "List", sizeof("List"));
    return model_default_str(names, "listKind", text);
}

static bool set_defaults(cJSON *object)
{
    cJSON *spec = ke_json_get_mut(object, "spec");
    cJSON *names = ke_json_get_mut(spec, "names");
    if (names != NULL && !default_names(names))
        return false;
    cJSON *conversion = spec != NULL ? ke_json_need_object(spec, "conversion") : NULL;
    return spec == NULL ||
           (conversion != NULL && model_default_str(conversion, "strategy", "None"));
}

/* ---- status */

/* storedVersions names every version in which objects may lie on disk: the client takes them out
 * when it has rewritten all objects. */
static bool add_stored_version(cJSON *object)
{
    cJSON *status = ke_json_need_object(object, "status");
    cJSON *stored = status != NULL ? ke_json_need_array(status, "storedVersions") : NULL;
    const cJSON *version;
    if (stored == NULL)
        return false;
    cJSON_ArrayForEach(version, ke_json_path(object, "spec.versions")) {
        if (!ke_json_bool(version, "storage", false))
            continue;
        struct ke_str name = ke_json_str(version, "name");
        bool is_there = false;
        const cJSON *it;
        cJSON_ArrayForEach(it, stored) {
            is_there = is_there || ke_str_eq(ke_json_value_str(it), name);
        }
        cJSON *made = is_there ? NULL : cJSON_Duplicate(ke_json_get(version, "name"), true);
        if (!is_there && (made == NULL || !cJSON_AddItemToArray(stored, made))) {
            cJSON_Delete(made);
            return false;
        }
    }
    return true;
}

static bool prepare_create(cJSON *object)
{
    ke_json_del(object, "status");
    cJSON *status = ke_json_need_object(object, "status");
    cJSON *names = status != NULL ? ke_json_need_object(status, "acceptedNames") : NULL;
    return names != NULL && ke_json_set_str(names, "plural", KE_STR("")) &&
           ke_json_set_str(names, "kind", KE_STR("")) && add_stored_version(object);
}

static bool prepare_update(cJSON *object, const cJSON *old)
{
    (void)old;
    return add_stored_version(object);
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    crd_validate(object, old, issues);
}

static void validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    crd_validate_status(object, old, issues);
}

const struct model_kind model_kind_customresourcedefinition = {
    .id = MODEL_CUSTOMRESOURCEDEFINITION,
    .kind = "CustomResourceDefinition",
    .list_kind = "CustomResourceDefinitionList",
    .plural = "customresourcedefinitions",
    .singular = "customresourcedefinition",
    .short_names = { "crd", "crds" },
    .categories = { "api-extensions" },
    .prefix = "/registry/apiextensions.k8s.io/customresourcedefinitions/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .has_status = true,
    .has_generation = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "apiextensions.k8s.io", .version = "v1", .message = "apiextensions.v1.CustomResourceDefinition" },
    },
    .set_defaults = set_defaults,
    .prepare_create = prepare_create,
    .prepare_update = prepare_update,
    .validate = validate,
    .validate_status = validate_status,
    .subresources = { { .name = "status", .verbs = VERBS_STATUS } },
};
