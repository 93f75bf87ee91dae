/* SPDX-License-Identifier: Apache-2.0 */
/* See kind.h: shapes and conversions by a row of the table of kinds. */
#include "core/model/apply/kind.h"

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
    const struct model_version *version = find_version(ctx, api_version);
    const struct model_message *message =
        version != NULL ? model_schema_find(ke_str_c(version->message)) : NULL;
    if (message == NULL)
        return false;
    *out = model_shape_of_message(message);
    return true;
}

static cJSON *convert(const void *ctx, const cJSON *object, struct ke_str from, struct ke_str to)
{
    const struct model_version *old = find_version(ctx, from);
    const struct model_version *wanted = find_version(ctx, to);
    cJSON *copy = cJSON_Duplicate(object, true);
    if (copy != NULL && old != NULL && wanted != NULL && model_version_to_storage(ctx, old, copy) &&
        model_version_from_storage(ctx, wanted, copy))
        return copy;
    cJSON_Delete(copy);
    return NULL;
}

struct apply_versions apply_versions_of_kind(const struct model_kind *kind)
{
    return (struct apply_versions){ .ctx = kind, .shape = shape_of, .convert = convert };
}
