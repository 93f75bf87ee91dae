/* SPDX-License-Identifier: Apache-2.0 */
/* What clients are told about CustomResourceDefinitions and their versions. Thread: the
 * operation's. */
#include "core/resource/operation.h"

static void warn(struct operation *op, struct ke_str text)
{
    if (text.ptr != NULL && op->n_warnings < LIMIT_WARNINGS)
        op->warnings[op->n_warnings++] = text;
}

/* Is there a rule anywhere in a schema? */
static bool has_rules(const cJSON *schema, unsigned depth)
{
    const cJSON *it;
    if (depth == 0)
        return false;
    cJSON_ArrayForEach(it, schema) {
        bool is_rule = it->string != NULL && strcmp(it->string, "x-kubernetes-validations") == 0 &&
                       cJSON_IsArray(it);
        if (is_rule || has_rules(it, depth - 1))
            return true;
    }
    return false;
}

void definition_warn(struct operation *op, const cJSON *object)
{
    const cJSON *version;
    if (op->kind->id != MODEL_CUSTOMRESOURCEDEFINITION || op->n_attempts > 0)
        return;
    cJSON_ArrayForEach(version, ke_json_path(object, "spec.versions")) {
        if (!has_rules(ke_json_get(version, "schema"), LIMIT_JSON_DEPTH))
            continue;
        struct ke_str name = ke_json_str(version, "name");
        warn(op, ke_arena_fmt(op->arena,
                              "spec.versions[%.*s].schema: x-kubernetes-validations are stored but "
                              "not evaluated by this server",
                              KE_STR_ARG(name)));
    }
}

void definition_warn_version(struct operation *op)
{
    char memory[LIMIT_WARNING_BYTES];
    struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory));
    if (model_form_deprecation(&op->form, &text))
        warn(op, ke_arena_str(op->arena, ke_buf_str(&text)));
}
