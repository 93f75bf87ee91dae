/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members that stand twice in a text without a schema to walk it by: patches, whose outcome no
 * longer says so, and custom objects. Pure.
 */
#include "core/resource/operation.h"

/* Where the walk is, as links on the stack. name NULL: an index. */
struct place {
    const struct place *parent; /* NULL: the patch itself */
    const char *name;
    size_t index;
};

static void print_place(const struct place *place, struct ke_buf *out)
{
    if (place->parent == NULL)
        return;
    print_place(place->parent, out);
    if (place->name == NULL) {
        ke_buf_addf(out, "[%zu]", place->index);
        return;
    }
    if (out->len > 0)
        ke_buf_add_char(out, '.');
    ke_buf_add_c(out, place->name);
}

static void walk(struct model_issues *issues, const struct place *at, const cJSON *value)
{
    if (ke_json_is_duplicate(value)) {
        ke_auto_buf path = KE_BUF_INIT(LIMIT_ISSUE_TEXT_BYTES);
        print_place(at, &path);
        model_issues_add(
            issues, MODEL_ISSUE_INVALID, ke_str_of(NULL, 0),
            ke_arena_fmt(issues->arena, "duplicate field \"%.*s\"", KE_STR_ARG(ke_buf_str(&path))));
    }
    size_t index = 0;
    if (!cJSON_IsObject(value) && !cJSON_IsArray(value))
        return;
    for (const cJSON *it = value->child; it != NULL; it = it->next, index++) {
        struct place inner = { at, cJSON_IsObject(value) ? it->string : NULL, index };
        walk(issues, &inner, it);
    }
}

void operation_find_duplicates(const cJSON *value, struct model_issues *issues)
{
    struct place root = { .parent = NULL };
    walk(issues, &root, value);
}
