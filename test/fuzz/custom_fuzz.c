/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hostile CustomResourceDefinition and a hostile object of it: [definition, object]. What
 * validation lets through must compile and serve; pruning and defaulting twice is as good as once.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/model/catalog.h"
#include "core/model/form.h"
#include "core/model/jsonpath.h"
#include "core/model/schema.h"

static bool establish(cJSON *crd)
{
    cJSON *status = ke_json_need_object(crd, "status");
    ke_auto_json *condition = cJSON_CreateObject();
    cJSON *conditions = status != NULL ? ke_json_need_array(status, "conditions") : NULL;
    if (conditions == NULL || condition == NULL ||
        !ke_json_set_str(condition, "type", KE_STR("Established")) ||
        !ke_json_set_str(condition, "status", KE_STR("True")) ||
        !cJSON_AddItemToArray(conditions, condition))
        return false;
    (void)KE_TAKE(condition);
    return ke_json_set(status, "acceptedNames",
                       cJSON_Duplicate(ke_json_path(crd, "spec.names"), true));
}

/* As a create would; false: refused. */
static bool admit(cJSON *crd)
{
    const struct model_kind *kind = model_kind_by_id(MODEL_CUSTOMRESOURCEDEFINITION);
    struct ke_err err = KE_ERR_INIT;
    struct model_issues issues;
    KE_AUTO(ke_arena) *arena = ke_arena_new(64U << 20);
    if (arena == NULL ||
        model_schema_normalise(model_schema_find(ke_str_c(kind->versions[0].message)), crd, NULL,
                               &err) != KE_OK ||
        !kind->set_defaults(crd) || !kind->prepare_create(crd))
        return false;
    model_issues_init(&issues, arena);
    kind->validate(crd, NULL, &issues);
    return issues.n_items == 0;
}

static void show(const struct model_form *form, const cJSON *object)
{
    for (size_t i = 0; i < form->custom->n_columns; i++)
        (void)model_jsonpath_find(object, ke_str_c(form->custom->columns[i].path));
}

static void write_object(const struct model_form *form, const cJSON *given)
{
    struct ke_err err = KE_ERR_INIT;
    struct model_issues issues;
    ke_auto_json *object = cJSON_Duplicate(given, true);
    KE_AUTO(ke_arena) *arena = ke_arena_new(64U << 20);
    if (object == NULL || arena == NULL)
        return;
    model_issues_init(&issues, arena);
    if (model_form_normalise(form, object, &issues, &err) != KE_OK ||
        !model_form_set_defaults(form, object))
        return;
    ke_auto_json *again = cJSON_Duplicate(object, true);
    if (again == NULL || !model_form_set_defaults(form, again))
        return;
    KE_ASSERT(ke_json_equal(again, object));
    model_issues_init(&issues, arena);
    model_form_validate(form, object, NULL, &issues);
    model_form_validate_status(form, object, given, &issues);
    show(form, object);
}

static void define(const cJSON *crd, const cJSON *object)
{
    struct ke_err err = KE_ERR_INIT;
    KE_AUTO(model_catalog) *catalog = NULL;
    const struct model_kind *kind = NULL;
    size_t pos = MODEL_KIND_COUNT;
    if (model_catalog_new(&catalog, &err) != KE_OK)
        return;
    enum ke_code rc = model_catalog_put(catalog, crd, &err);
    KE_ASSERT(rc == KE_OK || rc == KE_NOMEM || rc == KE_TOO_LARGE);
    while ((kind = model_catalog_next(catalog, &pos)) != NULL) {
        for (size_t i = 0; i < MODEL_MAX_VERSIONS && kind->versions[i].group != NULL; i++) {
            struct model_form form;
            rc = model_form_open(kind, &kind->versions[i], &form, &err);
            KE_ASSERT(rc == KE_OK);
            write_object(&form, object);
            model_form_close(&form);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ke_err err = KE_ERR_INIT;
    cJSON *both = NULL;
    if (ke_json_parse(ke_str_of((const char *)data, size), &both, &err) != KE_OK)
        return 0;
    cJSON *crd = cJSON_GetArrayItem(both, 0);
    cJSON *object = cJSON_GetArrayItem(both, 1);
    if (cJSON_IsObject(crd) && cJSON_IsObject(object) && admit(crd) && establish(crd))
        define(crd, object);
    cJSON_Delete(both);
    return 0;
}
