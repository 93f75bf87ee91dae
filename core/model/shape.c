/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See shape.h. The two backings differ only in where markers are read; a lookup is a walk over the
 * members of one message or of one "properties". Constant data; any thread.
 */
#include "core/model/shape.h"

#include "core/base/json.h"

static struct model_shape undeclared(void)
{
    return (struct model_shape){ .kind = MODEL_SHAPE_UNDECLARED };
}

static struct model_shape scalar(enum model_shape_scalar type)
{
    return (struct model_shape){ .kind = MODEL_SHAPE_SCALAR, .scalar = type };
}

static struct model_shape deduced(bool is_atomic)
{
    return (struct model_shape){ .kind = MODEL_SHAPE_DEDUCED, .is_atomic = is_atomic };
}

/* ---- the wire schema ----------------------------------------------------------------------- */

struct model_shape model_shape_of_message(const struct model_message *message)
{
    return (struct model_shape){ .kind = MODEL_SHAPE_OBJECT,
                                 .is_atomic = message->is_atomic,
                                 .message = message };
}

static bool is_marked(const char *marker, const char *value)
{
    return marker != NULL && strcmp(marker, value) == 0;
}

/* One value of the field: of its list or map an element. */
static struct model_shape value_of_field(const struct model_field *field)
{
    struct model_shape list = { .kind = MODEL_SHAPE_LIST, .is_atomic = true, .field = field };
    switch ((enum model_field_kind)field->kind) {
    case MODEL_FIELD_BOOL:
        return scalar(MODEL_SHAPE_BOOL);
    case MODEL_FIELD_INT32:
    case MODEL_FIELD_INT64:
    case MODEL_FIELD_DOUBLE:
        return scalar(MODEL_SHAPE_NUMBER);
    case MODEL_FIELD_STRING:
    case MODEL_FIELD_BYTES:
    case MODEL_FIELD_DURATION:
        return scalar(MODEL_SHAPE_STRING);
    case MODEL_FIELD_TIME:
    case MODEL_FIELD_MICROTIME:
    case MODEL_FIELD_QUANTITY:
    case MODEL_FIELD_INTORSTRING:
        return scalar(MODEL_SHAPE_ANY_SCALAR);
    case MODEL_FIELD_MESSAGE:
        return model_shape_of_message(model_field_message(field));
    case MODEL_FIELD_RAWEXTENSION:
    case MODEL_FIELD_FIELDSV1:
        return deduced(false);
    case MODEL_FIELD_STRINGS:
        return list;
    case MODEL_FIELD_JSON:
    case MODEL_FIELD_ANY:
    case MODEL_FIELD_SCHEMAORARRAY:
    case MODEL_FIELD_SCHEMAORBOOL:
    case MODEL_FIELD_SCHEMAORSTRINGS:
        return deduced(true);
    }
    return undeclared();
}

static struct model_shape list_of_field(const struct model_field *field)
{
    const char *type = model_field_list_type(field);
    struct model_shape shape = { .kind = MODEL_SHAPE_LIST, .field = field };
    if (is_marked(type, "map"))
        shape.list = MODEL_SHAPE_LIST_MAP;
    else if (is_marked(type, "set"))
        shape.list = MODEL_SHAPE_LIST_SET;
    shape.is_atomic = shape.list == MODEL_SHAPE_LIST_ATOMIC;
    return shape;
}

static struct model_shape shape_of_field(const struct model_field *field)
{
    unsigned flags = field->flags;
    struct model_shape shape;
    if ((flags & MODEL_FIELD_LIST) != 0) {
        shape = list_of_field(field);
    } else if ((flags & MODEL_FIELD_MAP) != 0) {
        shape = (struct model_shape){ .kind = MODEL_SHAPE_OBJECT,
                                      .is_atomic = is_marked(model_field_map_type(field), "atomic"),
                                      .field = field };
    } else {
        shape = value_of_field(field);
        if (field->kind == MODEL_FIELD_MESSAGE && model_field_map_type(field) != NULL)
            shape.is_atomic = is_marked(model_field_map_type(field), "atomic");
    }
    bool can_be_absent = (flags & (MODEL_FIELD_OMITEMPTY | MODEL_FIELD_OMITZERO)) != 0;
    bool can_be_null = (flags & (MODEL_FIELD_LIST | MODEL_FIELD_MAP | MODEL_FIELD_POINTER)) != 0;
    bool is_time = field->kind == MODEL_FIELD_TIME || field->kind == MODEL_FIELD_MICROTIME;
    shape.is_null_when_absent = (can_be_null && !can_be_absent) ||
                                (is_time && !can_be_null && (flags & MODEL_FIELD_OMITZERO) == 0);
    return shape;
}

static bool is_type_meta(struct ke_str name)
{
    return ke_str_eq_c(name, "kind") || ke_str_eq_c(name, "apiVersion");
}

static struct model_shape member_of_message(const struct model_message *message, struct ke_str name)
{
    const struct model_field *field = model_schema_field(message, name);
    if (field != NULL)
        return shape_of_field(field);
    return message->has_type_meta && is_type_meta(name) ? scalar(MODEL_SHAPE_STRING) : undeclared();
}

static bool key_of_field(const struct model_field *field, size_t i, struct ke_str *out_name)
{
    const char *keys = model_field_list_keys(field);
    struct ke_str rest = ke_str_c(keys != NULL ? keys : "");
    struct ke_str name = { NULL, 0 };
    for (size_t k = 0; ke_str_split(&rest, ',', &name); k++) {
        if (k == i && name.len > 0) {
            *out_name = name;
            return true;
        }
    }
    return false;
}

static bool key_default_of_field(const struct model_field *field, struct ke_str key,
                                 struct ke_buf *out)
{
    const struct model_message *item = model_field_message(field);
    const struct model_field *member = item != NULL ? model_schema_field(item, key) : NULL;
    const char *text = member != NULL ? model_field_default(member) : NULL;
    if (text != NULL)
        ke_buf_add_c(out, text);
    return text != NULL;
}

/* ---- structural schemas -------------------------------------------------------------------- */

static struct model_shape list_of_structural(const struct model_structural *schema)
{
    struct model_shape shape = { .kind = MODEL_SHAPE_LIST, .structural = schema };
    if (schema->list == MODEL_STRUCTURAL_LIST_MAP)
        shape.list = MODEL_SHAPE_LIST_MAP;
    else if (schema->list == MODEL_STRUCTURAL_LIST_SET)
        shape.list = MODEL_SHAPE_LIST_SET;
    shape.is_atomic = shape.list == MODEL_SHAPE_LIST_ATOMIC;
    return shape;
}

static struct model_shape object_of_structural(const struct model_structural *schema)
{
    bool says_nothing = schema->n_members == 0 && schema->additional == NULL;
    if (says_nothing && !schema->is_embedded)
        return deduced(schema->is_atomic_map);
    return (struct model_shape){ .kind = MODEL_SHAPE_OBJECT,
                                 .is_atomic = schema->is_atomic_map,
                                 .structural = schema,
                                 .is_root = schema->is_embedded };
}

static struct model_shape shape_of_structural(const struct model_structural *schema)
{
    if (schema->is_int_or_string)
        return scalar(MODEL_SHAPE_ANY_SCALAR);
    switch ((enum model_structural_type)schema->type) {
    case MODEL_STRUCTURAL_STRING:
        return scalar(MODEL_SHAPE_STRING);
    case MODEL_STRUCTURAL_INTEGER:
    case MODEL_STRUCTURAL_NUMBER:
        return scalar(MODEL_SHAPE_NUMBER);
    case MODEL_STRUCTURAL_BOOLEAN:
        return scalar(MODEL_SHAPE_BOOL);
    case MODEL_STRUCTURAL_ARRAY:
        return list_of_structural(schema);
    case MODEL_STRUCTURAL_OBJECT:
        return object_of_structural(schema);
    case MODEL_STRUCTURAL_ANY:
        break;
    }
    /* What it holds is one value, unless the schema keeps what it does not know. */
    return deduced(!schema->keeps_unknown);
}

struct model_shape model_shape_of_structural(const struct model_structural *schema)
{
    return (
        struct model_shape){ .kind = MODEL_SHAPE_OBJECT, .structural = schema, .is_root = true };
}

static bool is_root_member(struct ke_str name)
{
    return is_type_meta(name) || ke_str_eq_c(name, "metadata");
}

static struct model_shape member_of_root(struct ke_str name)
{
    if (is_type_meta(name))
        return scalar(MODEL_SHAPE_STRING);
    return model_shape_of_message(model_schema_find(KE_STR("meta.v1.ObjectMeta")));
}

static struct model_shape member_of_structural(const struct model_shape *object, struct ke_str name)
{
    const struct model_structural *schema = object->structural;
    if (object->is_root && is_root_member(name))
        return member_of_root(name);
    if (schema == NULL)
        return deduced(false);
    const struct model_structural *member = model_structural_member(schema, name);
    if (member != NULL)
        return shape_of_structural(member);
    if (schema->additional != NULL)
        return shape_of_structural(schema->additional);
    return schema->has_additional || schema->keeps_unknown ? deduced(false) : undeclared();
}

static bool key_of_structural(const struct model_structural *schema, size_t i,
                              struct ke_str *out_name)
{
    if (schema->checks == NULL || i >= schema->checks->n_list_keys)
        return false;
    *out_name = ke_str_c(schema->checks->list_keys[i]);
    return true;
}

static bool key_default_of_structural(const struct model_structural *schema, struct ke_str key,
                                      struct ke_buf *out)
{
    const struct model_structural *member =
        schema->items != NULL ? model_structural_member(schema->items, key) : NULL;
    const cJSON *value = member != NULL ? member->default_value : NULL;
    if (value != NULL)
        ke_json_print(value, out);
    return value != NULL;
}

/* ---- both ---------------------------------------------------------------------------------- */

struct model_shape model_shape_member(const struct model_shape *object, struct ke_str name)
{
    if (object->kind == MODEL_SHAPE_DEDUCED)
        return deduced(object->is_atomic);
    if (object->kind != MODEL_SHAPE_OBJECT)
        return undeclared();
    if (object->message != NULL)
        return member_of_message(object->message, name);
    if (object->field != NULL)
        return value_of_field(object->field);
    return member_of_structural(object, name);
}

bool model_shape_names(const struct model_shape *object, struct ke_str name)
{
    if (object->kind != MODEL_SHAPE_OBJECT || object->field != NULL)
        return false;
    if (object->message != NULL)
        return member_of_message(object->message, name).kind != MODEL_SHAPE_UNDECLARED;
    if (object->is_root && is_root_member(name))
        return true;
    return object->structural != NULL && model_structural_member(object->structural, name) != NULL;
}

struct model_shape model_shape_element(const struct model_shape *list)
{
    if (list->kind == MODEL_SHAPE_DEDUCED)
        return deduced(true);
    if (list->kind != MODEL_SHAPE_LIST)
        return undeclared();
    if (list->field != NULL && list->field->kind == MODEL_FIELD_STRINGS)
        return scalar(MODEL_SHAPE_STRING);
    if (list->field != NULL)
        return value_of_field(list->field);
    bool says_items = list->structural != NULL && list->structural->items != NULL;
    return says_items ? shape_of_structural(list->structural->items) : deduced(true);
}

bool model_shape_key(const struct model_shape *list, size_t i, struct ke_str *out_name)
{
    if (list->list != MODEL_SHAPE_LIST_MAP)
        return false;
    if (list->field != NULL)
        return key_of_field(list->field, i, out_name);
    return list->structural != NULL && key_of_structural(list->structural, i, out_name);
}

bool model_shape_key_default(const struct model_shape *list, struct ke_str key, struct ke_buf *out)
{
    if (list->field != NULL)
        return key_default_of_field(list->field, key, out);
    return list->structural != NULL && key_default_of_structural(list->structural, key, out);
}
