/* SPDX-License-Identifier: Apache-2.0 */
/* One way to treat objects, whatever stands behind their kind. */
#include "core/model/form.h"

#include "core/base/json.h"
#include "core/model/catalog.h"
#include "core/model/meta.h"
#include "core/model/schema.h"
#include "core/model/structural.h"

enum ke_code model_form_open(const struct model_kind *kind, const struct model_version *version,
                             struct model_form *out, struct ke_err *err)
{
    struct model_form form = { .kind = kind,
                               .version = version != NULL ? version : &kind->versions[0] };
    if (kind->custom != NULL) {
        form.definition = model_kind_definition(kind);
        if (form.definition != NULL)
            form.custom = model_definition_find(form.definition, ke_str_c(form.version->version));
        if (form.custom == NULL) {
            model_form_close(&form);
            return ke_fail(err, KE_NOT_FOUND, "the server could not find the requested resource");
        }
    }
    *out = form;
    return KE_OK;
}

void model_form_close(struct model_form *form)
{
    model_definition_unref(form->definition);
    *form = (struct model_form){ .kind = NULL };
}

/* metadata alone has a wire schema: it goes through it in a wrapper of its own. */
static enum ke_code normalise_metadata(cJSON *object, struct model_issues *unknown,
                                       struct ke_err *err)
{
    const struct model_message *message =
        model_schema_find(KE_STR("meta.v1.PartialObjectMetadata"));
    ke_auto_json *wrapper = cJSON_CreateObject();
    if (wrapper == NULL || message == NULL)
        return ke_fail(err, KE_NOMEM, "decode metadata");
    cJSON *metadata = cJSON_DetachItemFromObjectCaseSensitive(object, "metadata");
    if (metadata != NULL && !ke_json_set(wrapper, "metadata", metadata))
        return ke_fail(err, KE_NOMEM, "decode metadata");
    enum ke_code rc = model_schema_normalise(message, wrapper, unknown, err);
    if (rc != KE_OK)
        return rc;
    metadata = cJSON_DetachItemFromObjectCaseSensitive(wrapper, "metadata");
    if (metadata != NULL && !ke_json_set(object, "metadata", metadata))
        return ke_fail(err, KE_NOMEM, "decode metadata");
    return KE_OK;
}

/* `unknown field "metadata.x"` of an embedded object, with where that is. */
static void tell_embedded(const struct model_path *at, const struct model_issues *found,
                          struct model_issues *unknown)
{
    struct ke_str path = model_path_text(unknown, at);
    for (size_t i = 0; i < found->n_items; i++) {
        struct ke_str text = found->items[i].message;
        (void)ke_str_cut_prefix(&text, KE_STR("unknown field \""));
        model_issues_add(unknown, MODEL_ISSUE_INVALID, KE_STR(""),
                         ke_arena_fmt(unknown->arena, "unknown field \"%.*s.%.*s", KE_STR_ARG(path),
                                      KE_STR_ARG(text)));
    }
}

/* metadata of whole objects within the object. */
static enum ke_code normalise_embedded(const struct model_structural *schema,
                                       const struct model_path *at, cJSON *value,
                                       struct model_issues *unknown, struct ke_err *err)
{
    enum ke_code rc = KE_OK;
    if (schema->is_embedded && ke_json_get(value, "metadata") != NULL) {
        struct model_issues found;
        if (unknown != NULL)
            model_issues_init(&found, unknown->arena);
        rc = normalise_metadata(value, unknown != NULL ? &found : NULL, err);
        if (rc == KE_OK && unknown != NULL)
            tell_embedded(at, &found, unknown);
    }
    size_t i = 0;
    cJSON *next = NULL;
    for (cJSON *it = value->child; it != NULL && rc == KE_OK; it = next) {
        next = it->next;
        const struct model_structural *below = schema->items;
        struct model_path path = model_path_index(at, i++);
        if (cJSON_IsObject(value)) {
            below = model_structural_member(schema, ke_str_c(it->string));
            below = below != NULL ? below : schema->additional;
            path = model_path_child(at, it->string);
        }
        if (below != NULL && (cJSON_IsObject(it) || cJSON_IsArray(it)))
            rc = normalise_embedded(below, &path, it, unknown, err);
    }
    return rc;
}

static bool prune(const struct model_form *form, cJSON *object, struct model_issues *unknown)
{
    if (form->custom->schema == NULL || form->definition->keeps_unknown)
        return true;
    return model_structural_prune(form->custom->schema, object, true, unknown);
}

enum ke_code model_form_normalise(const struct model_form *form, cJSON *object,
                                  struct model_issues *unknown, struct ke_err *err)
{
    if (form->definition == NULL) {
        const struct model_message *message = model_schema_find(ke_str_c(form->version->message));
        if (message == NULL)
            return ke_fail(err, KE_BUG, "no schema for %s", form->version->message);
        return model_schema_normalise(message, object, unknown, err);
    }
    enum ke_code rc = normalise_metadata(object, unknown, err);
    if (rc == KE_OK && !prune(form, object, unknown))
        rc = ke_fail(err, KE_NOMEM, "decode %s", form->kind->kind);
    if (rc == KE_OK && form->custom->schema != NULL && form->custom->schema->has_embedded_below)
        rc = normalise_embedded(form->custom->schema, NULL, object, unknown, err);
    return rc;
}

bool model_form_deprecation(const struct model_form *form, struct ke_buf *out)
{
    if (form->custom == NULL || !form->custom->is_deprecated)
        return false;
    if (form->custom->warning != NULL)
        ke_buf_add_c(out, form->custom->warning);
    else
        ke_buf_addf(out, "%s/%s %s is deprecated", form->version->group, form->version->version,
                    form->kind->kind);
    return out->failed == KE_OK;
}

bool model_form_set_defaults(const struct model_form *form, cJSON *object)
{
    if (form->definition == NULL)
        return form->kind->set_defaults == NULL || form->kind->set_defaults(object);
    return form->custom->schema == NULL || model_structural_default(form->custom->schema, object);
}

static void validate_custom(const struct model_form *form, const cJSON *object, const cJSON *old,
                            struct model_issues *issues)
{
    model_meta_validate(form->kind, object, old, issues);
    if (form->custom->schema != NULL)
        model_structural_validate(form->custom->schema, NULL, object, old, issues);
}

void model_form_validate(const struct model_form *form, const cJSON *object, const cJSON *old,
                         struct model_issues *issues)
{
    if (form->definition != NULL)
        validate_custom(form, object, old, issues);
    else
        model_kind_validate(form->kind, object, old, issues);
}

void model_form_validate_status(const struct model_form *form, const cJSON *object,
                                const cJSON *old, struct model_issues *issues)
{
    if (form->definition != NULL)
        validate_custom(form, object, old, issues);
    else
        model_kind_validate_status(form->kind, object, old, issues);
}

bool model_form_refresh(const struct model_form *form, cJSON *object)
{
    if (form->definition == NULL)
        return true;
    return prune(form, object, NULL) && model_form_set_defaults(form, object);
}

uint32_t model_form_mark(const struct model_form *form)
{
    if (form->definition == NULL ||
        (!form->definition->has_one_schema && !form->custom->is_storage))
        return 0;
    return form->definition->number;
}
