/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes' strategic merge patch: objects, and the directives $patch, $retainKeys,
 * $deleteFromPrimitiveList and $setElementOrder. Lists are merged in patch_list.c. Pure; any
 * thread. Depth is that of the patch, which parsing bounds.
 * Source: apimachinery strategicpatch.StrategicMergeMapPatch, whose results and texts these are.
 */
#include "core/model/patch_strategic.h"

#include "core/base/limits.h"

#define DIRECTIVE_PATCH  "$patch"
#define DIRECTIVE_RETAIN "$retainKeys"
#define PREFIX_DELETE    "$deleteFromPrimitiveList"
#define PREFIX_ORDER     "$setElementOrder"

enum ke_code patch_check_steps(const cJSON *target, const cJSON *patch, struct ke_err *err)
{
    size_t n_patch = (size_t)cJSON_GetArraySize(patch);
    size_t n_target = (size_t)cJSON_GetArraySize(target);
    if (n_patch * (n_target + n_patch) > LIMIT_MERGE_STEPS)
        return ke_fail(err, KE_TOO_LARGE, "the patch takes more than %u steps", LIMIT_MERGE_STEPS);
    return KE_OK;
}

void smp_discard(struct smp *s, cJSON *parent, cJSON *node)
{
    (void)cJSON_AddItemToArray(s->trash, cJSON_DetachItemViaPointer(parent, node));
}

static bool has_prefix(const cJSON *member, const char *prefix)
{
    return strncmp(member->string, prefix, strlen(prefix)) == 0;
}

static bool is_directive(const cJSON *member)
{
    return strcmp(member->string, DIRECTIVE_PATCH) == 0 ||
           strcmp(member->string, DIRECTIVE_RETAIN) == 0 || has_prefix(member, PREFIX_DELETE) ||
           has_prefix(member, PREFIX_ORDER);
}

bool smp_clean_value(struct smp *s, cJSON *value)
{
    if (!cJSON_IsObject(value) && !cJSON_IsArray(value))
        return true;
    bool is_object = cJSON_IsObject(value);
    struct ke_str directive = ke_json_str(value, DIRECTIVE_PATCH);
    if (ke_str_eq(directive, KE_STR("delete")))
        return false;
    /* In a list, {"$patch": "replace"} speaks of the list and is no element. */
    bool is_marker = directive.len > 0 && value->child != NULL && value->child->next == NULL &&
                     value->string == NULL;
    if (is_marker)
        return false;
    cJSON *next = NULL;
    for (cJSON *child = value->child; child != NULL; child = next) {
        next = child->next;
        bool is_gone = is_object && (cJSON_IsNull(child) || is_directive(child));
        if (is_gone || !smp_clean_value(s, child))
            smp_discard(s, value, child);
    }
    return true;
}

/* ---- the schema ---------------------------------------------------------------------------- */

struct smp_field {
    struct smp_type type;
    uint32_t flags; /* enum model_field_flag */
    const char *merge_key;
};

static enum ke_code look_up(const struct smp *s, struct smp_type type, const char *key,
                            struct smp_field *out)
{
    *out = (struct smp_field){ .flags = 0 };
    const struct model_field *field = type.map;
    if (field != NULL) {
        out->type.message = model_field_message(field);
        return KE_OK;
    }
    if (type.message == NULL)
        return KE_OK;
    field = model_schema_field(type.message, ke_str_c(key));
    if (field == NULL) {
        if (strcmp(key, "kind") == 0 || strcmp(key, "apiVersion") == 0)
            return KE_OK;
        const char *name = strrchr(model_message_name(type.message), '.');
        return ke_fail(s->err, KE_INVALID,
                       "unable to find api field in struct %s for the json field \"%s\"", name + 1,
                       key);
    }
    out->flags = field->flags;
    out->merge_key = model_field_merge_key(field);
    if ((field->flags & MODEL_FIELD_MAP) != 0)
        out->type.map = field;
    else
        out->type.message = model_field_message(field);
    return KE_OK;
}

/* ---- directives ---------------------------------------------------------------------------- */

static enum ke_code move_member(const struct smp *s, cJSON *from, cJSON *member, cJSON *to)
{
    ke_auto_ptr char *name = ke_str_dup(ke_str_c(member->string));
    cJSON *value = cJSON_DetachItemViaPointer(from, member);
    if (name == NULL) {
        cJSON_Delete(value);
        return ke_fail(s->err, KE_NOMEM, "strategic merge patch");
    }
    if (!ke_json_set(to, name, value))
        return ke_fail(s->err, KE_NOMEM, "strategic merge patch");
    return KE_OK;
}

static enum ke_code replace_members(struct smp *s, cJSON *original, cJSON *patch)
{
    while (original->child != NULL)
        smp_discard(s, original, original->child);
    while (patch->child != NULL) {
        if (is_directive(patch->child) || cJSON_IsNull(patch->child) ||
            !smp_clean_value(s, patch->child)) {
            smp_discard(s, patch, patch->child);
            continue;
        }
        enum ke_code rc = move_member(s, patch, patch->child, original);
        if (rc != KE_OK)
            return rc;
    }
    return KE_OK;
}

static enum ke_code apply_patch_directive(struct smp *s, cJSON *original, cJSON *patch,
                                          const cJSON *directive)
{
    struct ke_str text = ke_json_value_str(directive);
    if (ke_str_eq(text, KE_STR("replace")))
        return replace_members(s, original, patch);
    if (ke_str_eq(text, KE_STR("delete"))) {
        while (original->child != NULL)
            smp_discard(s, original, original->child);
        return KE_OK;
    }
    ke_auto_buf printed = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    ke_json_print(directive, &printed);
    ke_buf_add_c(&printed, " in map: ");
    ke_json_print(patch, &printed);
    return ke_fail(s->err, KE_MALFORMED, "unknown patch type: %.*s",
                   KE_STR_ARG(ke_buf_str(&printed)));
}

static bool is_listed(const cJSON *list, const char *name)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, list) {
        if (cJSON_IsString(item) && strcmp(item->valuestring, name) == 0)
            return true;
    }
    return false;
}

static enum ke_code apply_retain_keys(struct smp *s, cJSON *original, cJSON *patch)
{
    cJSON *keys = ke_json_get_mut(patch, DIRECTIVE_RETAIN);
    if (keys == NULL)
        return KE_OK;
    bool is_fine = cJSON_IsArray(keys) && cJSON_GetArraySize(keys) <= LIMIT_PATCH_LIST;
    for (cJSON *member = patch->child; is_fine && member != NULL; member = member->next) {
        if (!cJSON_IsNull(member) && !is_directive(member))
            is_fine = is_listed(keys, member->string);
    }
    if (!is_fine)
        return ke_fail(s->err, KE_MALFORMED, "invalid patch format of retainKeys");
    cJSON *next = NULL;
    for (cJSON *member = original->child; member != NULL; member = next) {
        next = member->next;
        if (!is_listed(keys, member->string))
            smp_discard(s, original, member);
    }
    smp_discard(s, patch, keys);
    return KE_OK;
}

/* "x" of "$setElementOrder/x"; NULL: not of that form. */
static const char *cut_key(const cJSON *member, const char *prefix)
{
    const char *rest = member->string + strlen(prefix);
    return rest[0] == '/' ? rest + 1 : NULL;
}

static enum ke_code merge_ordered_list(struct smp *s, const struct smp_lists *lists,
                                       const struct smp_field *field)
{
    enum ke_code rc = KE_OK;
    if ((field->flags & MODEL_FIELD_PATCH_MERGE) != 0) {
        rc = smp_merge_list(s, lists);
    } else {
        while (lists->original->child != NULL)
            smp_discard(s, lists->original, lists->original->child);
        while (lists->patch->child != NULL)
            (void)cJSON_AddItemToArray(
                lists->original, cJSON_DetachItemViaPointer(lists->patch, lists->patch->child));
    }
    return rc;
}

/* One $setElementOrder/x, together with x itself, which is taken out of the patch. */
static enum ke_code apply_order(struct smp *s, cJSON *original, cJSON *patch, struct smp_type type,
                                const cJSON *order)
{
    const char *key = cut_key(order, PREFIX_ORDER);
    cJSON *patch_list = key != NULL ? ke_json_get_mut(patch, key) : NULL;
    cJSON *list = key != NULL ? ke_json_get_mut(original, key) : NULL;
    if (key == NULL || !cJSON_IsArray(order) ||
        (patch_list != NULL && !cJSON_IsArray(patch_list)) ||
        (list != NULL && !cJSON_IsArray(list)))
        return ke_fail(s->err, KE_MALFORMED, "invalid patch format of setElementOrder list");
    struct smp_field field;
    enum ke_code rc = look_up(s, type, key, &field);
    if (rc != KE_OK || (list == NULL && patch_list == NULL))
        return rc;
    struct smp_lists lists = { list, patch_list, field.type, field.merge_key };
    rc = smp_check_element_order(s, &lists, order);
    if (rc != KE_OK)
        return rc;
    ke_auto_json *server_order = list != NULL ? cJSON_Duplicate(list, true) : cJSON_CreateArray();
    if (server_order == NULL)
        return ke_fail(s->err, KE_NOMEM, "strategic merge patch");
    if (list == NULL) {
        (void)smp_clean_value(s, patch_list);
        rc = move_member(s, patch, patch_list, original);
        list = rc == KE_OK ? ke_json_get_mut(original, key) : NULL;
    } else if (patch_list != NULL) {
        rc = merge_ordered_list(s, &lists, &field);
        smp_discard(s, patch, patch_list);
    }
    if (rc != KE_OK)
        return rc;
    return smp_apply_element_order(s, list, order, server_order, field.merge_key);
}

static enum ke_code apply_orders(struct smp *s, cJSON *original, cJSON *patch, struct smp_type type)
{
    for (;;) {
        cJSON *order = patch->child;
        while (order != NULL && !has_prefix(order, PREFIX_ORDER))
            order = order->next;
        if (order == NULL)
            return KE_OK;
        enum ke_code rc = apply_order(s, original, patch, type, order);
        if (rc != KE_OK)
            return rc;
        smp_discard(s, patch, order);
    }
}

/* ---- members ------------------------------------------------------------------------------- */

static bool is_same_type(const cJSON *a, const cJSON *b)
{
    if (cJSON_IsBool(a))
        return cJSON_IsBool(b);
    return (a->type & 0xff) == (b->type & 0xff);
}

static enum ke_code delete_from_list(struct smp *s, cJSON *original, const cJSON *member)
{
    const char *key = cut_key(member, PREFIX_DELETE);
    if (key == NULL || !cJSON_IsArray(member))
        return ke_fail(s->err, KE_MALFORMED, "invalid patch format of primitive list");
    cJSON *list = ke_json_get_mut(original, key);
    if (cJSON_GetArraySize(member) > LIMIT_PATCH_LIST)
        return ke_fail(s->err, KE_TOO_LARGE, "%s has more than %d elements", member->string,
                       LIMIT_PATCH_LIST);
    if (cJSON_IsArray(list))
        smp_delete_from_list(s, list, member);
    return KE_OK;
}

/* The patch's value takes the place of what is there. */
static enum ke_code take_member(struct smp *s, cJSON *original, cJSON *patch, cJSON *member)
{
    if (smp_clean_value(s, member))
        return move_member(s, patch, member, original);
    cJSON *old = ke_json_get_mut(original, member->string);
    if (old != NULL)
        smp_discard(s, original, old);
    return KE_OK;
}

static enum ke_code merge_member(struct smp *s, cJSON *original, cJSON *patch, cJSON *member,
                                 struct smp_type type)
{
    if (has_prefix(member, PREFIX_DELETE))
        return delete_from_list(s, original, member);
    cJSON *old = ke_json_get_mut(original, member->string);
    if (cJSON_IsNull(member)) {
        if (old != NULL)
            smp_discard(s, original, old);
        return KE_OK;
    }
    if (old == NULL || !is_same_type(old, member))
        return take_member(s, original, patch, member);
    struct smp_field field;
    enum ke_code rc = look_up(s, type, member->string, &field);
    if (rc != KE_OK)
        return rc;
    if (cJSON_IsObject(member) && (field.flags & MODEL_FIELD_PATCH_REPLACE) == 0)
        return smp_merge_map(s, old, member, field.type);
    if (cJSON_IsArray(member) && (field.flags & MODEL_FIELD_PATCH_MERGE) != 0) {
        struct smp_lists lists = { old, member, field.type, field.merge_key };
        return smp_merge_list(s, &lists);
    }
    return take_member(s, original, patch, member);
}

enum ke_code smp_merge_map(struct smp *s, cJSON *original, cJSON *patch, struct smp_type type)
{
    const cJSON *directive = ke_json_get(patch, DIRECTIVE_PATCH);
    if (directive != NULL)
        return apply_patch_directive(s, original, patch, directive);
    enum ke_code rc = patch_check_steps(original, patch, s->err);
    if (rc == KE_OK)
        rc = apply_retain_keys(s, original, patch);
    if (rc == KE_OK)
        rc = apply_orders(s, original, patch, type);
    cJSON *next = NULL;
    for (cJSON *member = patch->child; rc == KE_OK && member != NULL; member = next) {
        next = member->next;
        rc = merge_member(s, original, patch, member, type);
    }
    return rc;
}

enum ke_code model_patch_strategic(cJSON **target, const cJSON *patch,
                                   const struct model_message *schema, struct ke_err *err)
{
    if (!cJSON_IsObject(patch) || !cJSON_IsObject(*target))
        return ke_fail(err, KE_MALFORMED, "invalid JSON document");
    ke_auto_json *trash = cJSON_CreateArray();
    ke_auto_json *result = cJSON_Duplicate(*target, true);
    ke_auto_json *consumed = cJSON_Duplicate(patch, true);
    if (trash == NULL || result == NULL || consumed == NULL)
        return ke_fail(err, KE_NOMEM, "strategic merge patch");
    struct smp s = { .trash = trash, .err = err };
    enum ke_code rc = smp_merge_map(&s, result, consumed, (struct smp_type){ .message = schema });
    if (rc != KE_OK)
        return rc;
    cJSON_Delete(*target);
    *target = KE_TAKE(result);
    return KE_OK;
}
