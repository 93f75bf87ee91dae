/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FieldsV1, the JSON of a set: {"f:spec":{".":{},"f:replicas":{}}}. A leaf is a member, `.` makes
 * an inner place one. Pure.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/apply/set.h"

/* ---- parsing ------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    const cJSON *const *x = a;
    const cJSON *const *y = b;
    return strcmp((*x)->string, (*y)->string);
}

/* Members sorted by name, without blanks: what apply_element_of_item would have made. */
static bool print_sorted(struct apply_work *work, const cJSON *keys, struct ke_buf *out)
{
    int n = cJSON_GetArraySize(keys);
    const cJSON **members = ke_arena_alloc_n(work->arena, (size_t)n, sizeof(*members));
    if (n <= 0 || members == NULL)
        return false;
    size_t i = 0;
    for (const cJSON *it = keys->child; it != NULL; it = it->next)
        members[i++] = it;
    qsort(members, i, sizeof(cJSON *), compare_names);
    for (size_t k = 0; k < i; k++) {
        ke_buf_add_char(out, k == 0 ? '{' : ',');
        ke_buf_add_json_str(out, ke_str_c(members[k]->string));
        ke_buf_add_char(out, ':');
        ke_json_print(members[k], out);
    }
    ke_buf_add_char(out, '}');
    return true;
}

/* A key or value of a client, in the form that ours have. */
static bool canonical_text(struct apply_work *work, struct apply_element *element)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *value = NULL;
    if (ke_json_parse(element->text, &value, &err) != KE_OK)
        return false;
    ke_auto_buf text = KE_BUF_INIT(2 * LIMIT_REQUEST_BODY_BYTES);
    if (element->type == APPLY_VALUE)
        ke_json_print(value, &text);
    else if (!cJSON_IsObject(value) || !print_sorted(work, value, &text))
        return false;
    element->text = ke_arena_str(work->arena, ke_buf_str(&text));
    if (text.failed != KE_OK || element->text.ptr == NULL)
        work->has_failed = true;
    return !work->has_failed;
}

static bool is_index(struct ke_str text)
{
    uint64_t index = 0;
    return ke_str_to_u64(text, INT32_MAX, &index);
}

static bool parse_element(struct apply_work *work, const char *name, bool is_ours,
                          struct apply_element *out)
{
    struct ke_str text = ke_str_c(name);
    if (text.len < 2 || text.ptr[1] != ':')
        return false;
    out->text = ke_str_sub(text, 2, text.len - 2);
    switch (text.ptr[0]) {
    case 'f':
        out->type = APPLY_FIELD;
        return true;
    case 'k':
        out->type = APPLY_KEY;
        return is_ours || canonical_text(work, out);
    case 'v':
        out->type = APPLY_VALUE;
        return is_ours || canonical_text(work, out);
    case 'i':
        out->type = APPLY_INDEX;
        return is_index(out->text);
    default:
        return false;
    }
}

static bool parse_level(struct apply_work *work, const cJSON *json, bool is_ours,
                        const struct apply_set **out, bool *out_is_member)
{
    struct apply_builder builder = { .nodes = NULL };
    bool has_dot = false;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, json) {
        if (strcmp(it->string, ".") == 0) {
            has_dot = true;
            continue;
        }
        struct apply_element element = { .type = APPLY_FIELD };
        const struct apply_set *below = NULL;
        bool is_member = false;
        if (!cJSON_IsObject(it) || !parse_element(work, it->string, is_ours, &element) ||
            !parse_level(work, it, is_ours, &below, &is_member))
            return false;
        apply_builder_add(work, &builder, element, is_member, below);
    }
    const struct apply_set *set = apply_builder_finish(work, &builder);
    for (size_t i = 1; set != NULL && i < set->n; i++) {
        if (apply_element_compare(&set->nodes[i - 1].element, &set->nodes[i].element) == 0)
            return false; /* the same key written in two ways */
    }
    *out_is_member = has_dot || set == NULL;
    *out = set;
    return !work->has_failed;
}

bool apply_set_parse(struct apply_work *work, const cJSON *json, bool is_ours,
                     const struct apply_set **out)
{
    bool is_member = false;
    return cJSON_IsObject(json) && parse_level(work, json, is_ours, out, &is_member);
}

/* ---- printing ------------------------------------------------------------------------------ */

static bool add_named(cJSON *object, const struct apply_element *element, cJSON *value)
{
    static const char TYPES[] = { 'f', 'k', 'v', 'i' };
    size_t len = element->text.len;
    char *name = cJSON_malloc(len + 3);
    if (value == NULL || name == NULL) {
        cJSON_free(name);
        cJSON_Delete(value);
        return false;
    }
    name[0] = TYPES[element->type];
    name[1] = ':';
    memcpy(name + 2, element->text.ptr, len);
    name[len + 2] = '\0';
    value->string = name;
    (void)cJSON_AddItemToArray(object, value); /* appends, keeps the name */
    return true;
}

cJSON *apply_set_print(const struct apply_set *set)
{
    ke_auto_json *object = cJSON_CreateObject();
    if (object == NULL)
        return NULL;
    for (size_t i = 0; set != NULL && i < set->n; i++) {
        const struct apply_node *node = &set->nodes[i];
        cJSON *value = apply_set_print(node->below);
        if (value != NULL && node->is_member && node->below != NULL &&
            !ke_json_set_first(value, ".", cJSON_CreateObject())) {
            cJSON_Delete(value);
            return NULL;
        }
        if (!add_named(object, &node->element, value))
            return NULL;
    }
    return KE_TAKE(object);
}
