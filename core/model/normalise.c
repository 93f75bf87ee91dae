/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks an object along its schema and leaves what Go's decoder and encoder would: known members
 * of the right type, nothing null or needlessly empty, everything that is always printed. Pure;
 * any thread.
 */
#include "core/model/normalise.h"

#include "core/base/json.h"
#include "core/base/limits.h"

static enum ke_code walk_message(struct normaliser *n, const struct model_message *message,
                                 cJSON *object, const struct normalise_place *place);

/* ---- unknown fields ------------------------------------------------------------------------ */

static void add_path(const struct normalise_place *place, struct ke_buf *out)
{
    if (place->parent == NULL)
        return;
    add_path(place->parent, out);
    if (place->name == NULL) {
        ke_buf_addf(out, "[%zu]", place->index);
        return;
    }
    if (out->len > 0)
        ke_buf_add_char(out, '.');
    ke_buf_add_c(out, place->name);
}

/* what: "unknown" or "duplicate". */
static void report_field(struct normaliser *n, const struct normalise_place *place,
                         const char *what)
{
    if (n->unknown == NULL)
        return;
    char memory[4096];
    struct ke_buf path = KE_BUF_FIXED(memory, sizeof(memory));
    add_path(place, &path);
    model_issues_add(
        n->unknown, MODEL_ISSUE_INVALID, ke_str_of(NULL, 0),
        ke_arena_fmt(n->unknown->arena, "%s field \"%.*s\"", what, KE_STR_ARG(ke_buf_str(&path))));
}

/* ---- lists, maps and special messages -------------------------------------------------------- */

static const struct model_message *json_schema_message(void)
{
    return model_schema_find(KE_STR("apiextensions.v1.JSONSchemaProps"));
}

/* JSONSchemaProps' members that are a schema or something else. */
static enum ke_code walk_schema_or(struct normaliser *n, const struct normalise_slot *slot,
                                   cJSON *value)
{
    const struct model_message *schema = json_schema_message();
    enum model_field_kind kind = (enum model_field_kind)slot->field->kind;
    if (cJSON_IsObject(value))
        return walk_message(n, schema, value, slot->place);
    if (kind == MODEL_FIELD_SCHEMAORBOOL && cJSON_IsBool(value))
        return KE_OK;
    if (kind == MODEL_FIELD_SCHEMAORBOOL || !cJSON_IsArray(value))
        return ke_fail(n->err, KE_MALFORMED, "boolean or JSON schema expected");
    size_t index = 0;
    cJSON *item;
    cJSON_ArrayForEach(item, value) {
        struct normalise_place place = { .parent = slot->place, .index = index++ };
        struct normalise_slot inner = { slot->owner, slot->field, &place };
        enum ke_code rc = KE_OK;
        if (kind == MODEL_FIELD_SCHEMAORSTRINGS)
            rc = cJSON_IsString(item) ? KE_OK : normalise_fail_type(n, &inner, item, "string");
        else if (cJSON_IsObject(item))
            rc = walk_message(n, schema, item, &place);
        else
            rc = normalise_fail_type(n, &inner, item, "v1.JSONSchemaProps");
        if (rc != KE_OK)
            return rc;
    }
    return KE_OK;
}

static enum ke_code walk_value(struct normaliser *n, const struct normalise_slot *slot,
                               cJSON *parent, cJSON *value)
{
    switch (slot->field->kind) {
    case MODEL_FIELD_MESSAGE:
        if (cJSON_IsObject(value))
            return walk_message(n, model_field_message(slot->field), value, slot->place);
        break;
    case MODEL_FIELD_SCHEMAORARRAY:
    case MODEL_FIELD_SCHEMAORBOOL:
    case MODEL_FIELD_SCHEMAORSTRINGS:
        return walk_schema_or(n, slot, value);
    default:
        return normalise_value(n, slot, parent, value);
    }
    char memory[256];
    struct ke_buf type = KE_BUF_FIXED(memory, sizeof(memory) - 1);
    normalise_type_name(slot->field, true, &type);
    memory[type.len] = '\0';
    return normalise_fail_type(n, slot, value, memory);
}

/* An element that is null becomes the zero value, in place. *item is given the new one. */
static enum ke_code replace_null(struct normaliser *n, const struct model_field *field,
                                 cJSON *parent, cJSON **item)
{
    cJSON *zero = normalise_zero(field);
    if (zero == NULL)
        return ke_fail(n->err, KE_NOMEM, "normalise a value");
    if ((*item)->string != NULL) {
        zero->string = ke_str_dup(ke_str_c((*item)->string));
        if (zero->string == NULL) {
            cJSON_Delete(zero);
            return ke_fail(n->err, KE_NOMEM, "normalise a value");
        }
    }
    (void)cJSON_ReplaceItemViaPointer(parent, *item, zero);
    *item = zero;
    return KE_OK;
}

static enum ke_code walk_elements(struct normaliser *n, const struct normalise_slot *slot,
                                  cJSON *container)
{
    bool is_map = (slot->field->flags & MODEL_FIELD_MAP) != 0;
    size_t index = 0;
    cJSON *next = NULL;
    for (cJSON *item = container->child; item != NULL; item = next) {
        next = item->next;
        bool is_duplicate = ke_json_is_duplicate(item);
        if (cJSON_IsNull(item)) {
            enum ke_code rc = replace_null(n, slot->field, container, &item);
            if (rc != KE_OK)
                return rc;
            if (cJSON_IsNull(item)) {
                index++;
                continue; /* null is a value here */
            }
        }
        struct normalise_place place = { .parent = slot->place,
                                         .name = is_map ? item->string : NULL,
                                         .index = index,
                                         .is_key = is_map };
        if (is_duplicate)
            report_field(n, &place, "duplicate");
        struct normalise_slot inner = { slot->owner, slot->field, &place };
        enum ke_code rc = walk_value(n, &inner, container, item);
        if (rc != KE_OK)
            return rc;
        index++;
    }
    return KE_OK;
}

static enum ke_code walk_field(struct normaliser *n, const struct normalise_slot *slot,
                               cJSON *parent, cJSON *value)
{
    bool is_list = (slot->field->flags & MODEL_FIELD_LIST) != 0;
    bool is_map = (slot->field->flags & MODEL_FIELD_MAP) != 0;
    if (!is_list && !is_map)
        return walk_value(n, slot, parent, value);
    if (is_list ? cJSON_IsArray(value) : cJSON_IsObject(value))
        return walk_elements(n, slot, value);
    char memory[256];
    struct ke_buf type = KE_BUF_FIXED(memory, sizeof(memory) - 1);
    normalise_type_name(slot->field, false, &type);
    memory[type.len] = '\0';
    return normalise_fail_type(n, slot, value, memory);
}

/* ---- absent and zero ----------------------------------------------------------------------- */

/* What omitempty leaves out. */
static bool is_left_out(const struct model_field *field, const cJSON *value)
{
    if ((field->flags & MODEL_FIELD_OMITEMPTY) == 0)
        return false;
    if ((field->flags & (MODEL_FIELD_LIST | MODEL_FIELD_MAP)) != 0)
        return value->child == NULL;
    if ((field->flags & MODEL_FIELD_POINTER) != 0)
        return false;
    switch (field->kind) {
    case MODEL_FIELD_STRING:
    case MODEL_FIELD_BYTES:
        return value->valuestring[0] == '\0';
    case MODEL_FIELD_BOOL:
        return cJSON_IsFalse(value);
    case MODEL_FIELD_INT32:
    case MODEL_FIELD_INT64:
    case MODEL_FIELD_DOUBLE:
        return value->valuedouble == 0;
    case MODEL_FIELD_STRINGS:
        return value->child == NULL;
    default:
        return false;
    }
}

/* Always printed: structs that are no pointer, and scalars without omitempty. */
static bool is_always_there(const struct model_field *field)
{
    unsigned absent = MODEL_FIELD_LIST | MODEL_FIELD_MAP | MODEL_FIELD_POINTER |
                      MODEL_FIELD_OMITZERO | MODEL_FIELD_INLINE;
    if ((field->flags & absent) != 0)
        return false;
    switch (field->kind) {
    case MODEL_FIELD_MESSAGE:
        return true;
    case MODEL_FIELD_STRING:
    case MODEL_FIELD_BOOL:
    case MODEL_FIELD_INT32:
    case MODEL_FIELD_INT64:
    case MODEL_FIELD_DOUBLE:
        return (field->flags & MODEL_FIELD_OMITEMPTY) == 0;
    default:
        return false;
    }
}

/* Structs that are no pointer cannot contain themselves: the recursion ends. */
static enum ke_code add_always_there(struct normaliser *n, const struct model_message *message,
                                     cJSON *object)
{
    for (unsigned i = 0; i < message->n_fields; i++) {
        const struct model_field *field = model_message_field_at(message, i);
        const char *name = model_field_name(field);
        enum ke_code rc = KE_OK;
        if ((field->flags & MODEL_FIELD_INLINE) != 0) {
            rc = add_always_there(n, model_field_message(field), object);
        } else if (is_always_there(field) && ke_json_get(object, name) == NULL) {
            cJSON *zero = normalise_zero(field);
            if (zero == NULL || !ke_json_set(object, name, zero))
                return ke_fail(n->err, KE_NOMEM, "normalise an object");
            n->n_added++;
            if (n->n_added > LIMIT_NORMALISE_ADDED)
                return ke_fail(n->err, KE_TOO_LARGE, "more than %d fields are left to be filled in",
                               LIMIT_NORMALISE_ADDED);
            if (field->kind == MODEL_FIELD_MESSAGE)
                rc = add_always_there(n, model_field_message(field), zero);
        }
        if (rc != KE_OK)
            return rc;
    }
    return KE_OK;
}

/* ---- messages ------------------------------------------------------------------------------ */

static void drop_member(cJSON *object, cJSON *member)
{
    cJSON_Delete(cJSON_DetachItemViaPointer(object, member));
}

static bool is_type_meta(const struct model_message *message, const char *name)
{
    return message->has_type_meta && (strcmp(name, "kind") == 0 || strcmp(name, "apiVersion") == 0);
}

static enum ke_code walk_member(struct normaliser *n, const struct model_message *message,
                                cJSON *object, cJSON *member, const struct normalise_place *parent)
{
    struct normalise_place place = { .parent = parent, .name = member->string };
    const struct model_field *field = model_schema_field(message, ke_str_c(member->string));
    struct normalise_slot slot = { message, field, &place };
    if (field == NULL && is_type_meta(message, member->string)) {
        if (ke_json_is_duplicate(member))
            report_field(n, &place, "duplicate");
        if (cJSON_IsNull(member))
            drop_member(object, member);
        else if (!cJSON_IsString(member))
            return normalise_fail_type(n, &slot, member, "string");
        return KE_OK;
    }
    if (field == NULL)
        report_field(n, &place, "unknown");
    else if (ke_json_is_duplicate(member))
        report_field(n, &place, "duplicate");
    if (field == NULL || cJSON_IsNull(member)) {
        drop_member(object, member);
        return KE_OK;
    }
    enum ke_code rc = walk_field(n, &slot, object, member);
    if (rc != KE_OK)
        return rc;
    /* The walk may have put another node in its place. */
    cJSON *now = ke_json_get_mut(object, model_field_name(field));
    if (now != NULL && is_left_out(field, now))
        drop_member(object, now);
    return KE_OK;
}

static enum ke_code walk_message(struct normaliser *n, const struct model_message *message,
                                 cJSON *object, const struct normalise_place *place)
{
    cJSON *next = NULL;
    for (cJSON *member = object->child; member != NULL; member = next) {
        next = member->next;
        enum ke_code rc = walk_member(n, message, object, member, place);
        if (rc != KE_OK)
            return rc;
    }
    return add_always_there(n, message, object);
}

enum ke_code model_schema_normalise(const struct model_message *message, cJSON *object,
                                    struct model_issues *unknown, struct ke_err *err)
{
    struct normaliser n = { .unknown = unknown, .err = err };
    struct normalise_place root = { .parent = NULL };
    if (!cJSON_IsObject(object)) {
        struct normalise_slot slot = { message, NULL, &root };
        const char *name = strchr(model_message_name(message), '.');
        return normalise_fail_type(&n, &slot, object, name + 1);
    }
    return walk_message(&n, message, object, &root);
}
