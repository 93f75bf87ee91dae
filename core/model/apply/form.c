/* SPDX-License-Identifier: Apache-2.0 */
/* See form.h: shapes and conversions by the row of a kind, and by its definition. */
#include "core/model/apply/form.h"

static const struct model_version *find_version(const struct model_kind *kind,
                                                struct ke_str api_version)
{
    for (size_t i = 0; i < MODEL_MAX_VERSIONS && kind->versions[i].group != NULL; i++) {
        char memory[256];
        struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory));
        model_version_format(&kind->versions[i], &text);
        if (text.failed == KE_OK && ke_str_eq(ke_buf_str(&text), api_version))
            return &kind->versions[i];
    }
    return NULL;
}

static bool shape_of(const void *ctx, struct ke_str api_version, struct model_shape *out)
{
    const struct model_form *form = ctx;
    const struct model_version *version = find_version(form->kind, api_version);
    if (version == NULL)
        return false;
    if (form->definition != NULL) {
        const struct model_definition_version *custom =
            model_definition_find(form->definition, ke_str_c(version->version));
        if (custom != NULL)
            *out = model_shape_of_structural(custom->schema);
        return custom != NULL;
    }
    const struct model_message *message = model_schema_find(ke_str_c(version->message));
    if (message != NULL)
        *out = model_shape_of_message(message);
    return message != NULL;
}

static cJSON *convert(const void *ctx, const cJSON *object, struct ke_str from, struct ke_str to)
{
    const struct model_kind *kind = ((const struct model_form *)ctx)->kind;
    const struct model_version *old = find_version(kind, from);
    const struct model_version *wanted = find_version(kind, to);
    cJSON *copy = cJSON_Duplicate(object, true);
    if (copy != NULL && old != NULL && wanted != NULL &&
        model_version_to_storage(kind, old, copy) && model_version_from_storage(kind, wanted, copy))
        return copy;
    cJSON_Delete(copy);
    return NULL;
}

struct apply_versions apply_versions_of_form(const struct model_form *form)
{
    return (struct apply_versions){ .ctx = form, .shape = shape_of, .convert = convert };
}
