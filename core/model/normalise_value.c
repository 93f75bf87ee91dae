/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values of an object: does the JSON type fit, and is the text what it must be? Words are
 * those of Go's encoding/json as clients see them. Pure; any thread.
 */

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/model/normalise.h"
#include "core/model/quantity.h"

#define PATH_MAX_BYTES  1024
#define VALUE_MAX_BYTES 64

/* Members only: Go names no index and no key of a map. */
static void add_go_path(const struct normalise_place *place, struct ke_buf *out)
{
    if (place->parent == NULL)
        return;
    add_go_path(place->parent, out);
    if (place->name == NULL || place->is_key)
        return;
    if (out->len > 0)
        ke_buf_add_char(out, '.');
    ke_buf_add_c(out, place->name);
}

static const char *value_word(const cJSON *value)
{
    if (cJSON_IsString(value))
        return "string";
    if (cJSON_IsNumber(value))
        return "number";
    if (cJSON_IsBool(value))
        return "bool";
    return cJSON_IsArray(value) ? "array" : "object";
}

/* "core.v1.ServicePort" is v1.ServicePort in Go. */
static const char *go_name(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot != NULL ? dot + 1 : name;
}

static const char *struct_name(const struct model_message *message)
{
    const char *name = model_message_name(message);
    const char *dot = strrchr(name, '.');
    return dot != NULL ? dot + 1 : name;
}

static const char *element_type(const struct model_field *field)
{
    static const char *const NAMES[] = {
        [MODEL_FIELD_BOOL] = "bool",
        [MODEL_FIELD_INT32] = "int32",
        [MODEL_FIELD_INT64] = "int64",
        [MODEL_FIELD_DOUBLE] = "float64",
        [MODEL_FIELD_STRING] = "string",
        [MODEL_FIELD_BYTES] = "[]uint8",
        [MODEL_FIELD_TIME] = "v1.Time",
        [MODEL_FIELD_MICROTIME] = "v1.MicroTime",
        [MODEL_FIELD_DURATION] = "v1.Duration",
        [MODEL_FIELD_QUANTITY] = "resource.Quantity",
        [MODEL_FIELD_INTORSTRING] = "intstr.IntOrString",
        [MODEL_FIELD_RAWEXTENSION] = "runtime.RawExtension",
        [MODEL_FIELD_FIELDSV1] = "v1.FieldsV1",
        [MODEL_FIELD_JSON] = "v1.JSON",
        [MODEL_FIELD_STRINGS] = "[]string",
        [MODEL_FIELD_ANY] = "interface {}",
        [MODEL_FIELD_SCHEMAORARRAY] = "v1.JSONSchemaPropsOrArray",
        [MODEL_FIELD_SCHEMAORBOOL] = "v1.JSONSchemaPropsOrBool",
        [MODEL_FIELD_SCHEMAORSTRINGS] = "v1.JSONSchemaPropsOrStringArray",
    };
    if (field->kind == MODEL_FIELD_MESSAGE)
        return go_name(model_message_name(model_field_message(field)));
    const char *name = model_field_enum(field);
    return name != NULL ? go_name(name) : NAMES[field->kind];
}

void normalise_type_name(const struct model_field *field, bool is_element, struct ke_buf *out)
{
    bool is_map = (field->flags & MODEL_FIELD_MAP) != 0;
    if (!is_element && is_map && field->kind == MODEL_FIELD_QUANTITY) {
        ke_buf_add_c(out, "v1.ResourceList");
        return;
    }
    if (!is_element && is_map)
        ke_buf_add_c(out, "map[string]");
    else if (!is_element && (field->flags & MODEL_FIELD_LIST) != 0)
        ke_buf_add_c(out, "[]");
    ke_buf_add_c(out, element_type(field));
}

static enum ke_code fail_type(const struct normaliser *n, const struct normalise_slot *slot,
                              const char *value, const char *type)
{
    char path_memory[PATH_MAX_BYTES];
    struct ke_buf path = KE_BUF_FIXED(path_memory, sizeof(path_memory));
    add_go_path(slot->place, &path);
    if (path.len == 0)
        return ke_fail(n->err, KE_MALFORMED, "json: cannot unmarshal %s into Go value of type %s",
                       value, type);
    return ke_fail(n->err, KE_MALFORMED,
                   "json: cannot unmarshal %s into Go struct field %s.%.*s of type %s", value,
                   struct_name(slot->owner), KE_STR_ARG(ke_buf_str(&path)), type);
}

enum ke_code normalise_fail_type(const struct normaliser *n, const struct normalise_slot *slot,
                                 const cJSON *value, const char *type)
{
    return fail_type(n, slot, value_word(value), type);
}

static enum ke_code fail_element(const struct normaliser *n, const struct normalise_slot *slot,
                                 const cJSON *value)
{
    return fail_type(n, slot, value_word(value), element_type(slot->field));
}

static enum ke_code check_integer(const struct normaliser *n, const struct normalise_slot *slot,
                                  const cJSON *value, bool is_32, const char *type)
{
    if (!cJSON_IsNumber(value))
        return normalise_fail_type(n, slot, value, type);
    int64_t number = 0;
    if (ke_json_value_i64(value, &number) &&
        (!is_32 || (number >= INT32_MIN && number <= INT32_MAX)))
        return KE_OK;
    char memory[VALUE_MAX_BYTES];
    struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory) - 1);
    ke_buf_add_c(&text, "number ");
    ke_json_print(value, &text);
    memory[text.len] = '\0';
    return fail_type(n, slot, memory, type);
}

static enum ke_code replace_text(const struct normaliser *n, cJSON *parent, cJSON *value,
                                 const struct ke_buf *text)
{
    char terminated[VALUE_MAX_BYTES + 1];
    size_t len = text->len < VALUE_MAX_BYTES ? text->len : VALUE_MAX_BYTES;
    memcpy(terminated, text->ptr, len);
    terminated[len] = '\0';
    if (cJSON_IsString(value) && strcmp(value->valuestring, terminated) == 0)
        return KE_OK;
    cJSON *fresh = cJSON_CreateString(terminated);
    if (fresh == NULL)
        return ke_fail(n->err, KE_NOMEM, "normalise a value");
    if (value->string != NULL) {
        fresh->string = cJSON_malloc(strlen(value->string) + 1);
        if (fresh->string == NULL) {
            cJSON_Delete(fresh);
            return ke_fail(n->err, KE_NOMEM, "normalise a value");
        }
        memcpy(fresh->string, value->string, strlen(value->string) + 1);
    }
    (void)cJSON_ReplaceItemViaPointer(parent, value, fresh);
    return KE_OK;
}

static enum ke_code check_quantity(const struct normaliser *n, cJSON *parent, cJSON *value)
{
    ke_auto_buf printed = KE_BUF_INIT(4096);
    struct ke_str text = ke_json_value_str(value);
    if (!cJSON_IsString(value)) {
        ke_json_print(value, &printed);
        if (printed.failed == KE_NOMEM)
            return ke_fail(n->err, KE_NOMEM, "normalise a value");
        text = ke_buf_str(&printed);
    }
    struct model_quantity quantity;
    enum ke_code rc = model_quantity_parse(ke_str_trim(text), &quantity, n->err);
    if (rc != KE_OK)
        return rc;
    char memory[VALUE_MAX_BYTES];
    struct ke_buf canonical = KE_BUF_FIXED(memory, sizeof(memory));
    model_quantity_format(&quantity, &canonical);
    return replace_text(n, parent, value, &canonical);
}

static bool has_six_fraction_digits(struct ke_str text)
{
    size_t dot = ke_str_find(text, '.');
    size_t i = dot + 1;
    while (i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9')
        i++;
    return dot < text.len && i == dot + 7;
}

static enum ke_code check_time(const struct normaliser *n, const struct normalise_slot *slot,
                               cJSON *parent, cJSON *value)
{
    if (!cJSON_IsString(value))
        return fail_type(n, slot, value_word(value), "string");
    bool is_micro = slot->field->kind == MODEL_FIELD_MICROTIME;
    struct ke_str text = ke_json_value_str(value);
    struct ke_err parse_err = KE_ERR_INIT;
    int64_t us = 0;
    if (ke_time_parse_us(text, &us, &parse_err) != KE_OK ||
        (is_micro && !has_six_fraction_digits(text))) {
        return ke_fail(n->err, KE_MALFORMED,
                       "parsing time \"%.*s\" as \"2006-01-02T15:04:05%sZ07:00\": cannot parse "
                       "\"%.*s\" as \"2006\"",
                       KE_STR_ARG(text), is_micro ? ".000000" : "", KE_STR_ARG(text));
    }
    char memory[VALUE_MAX_BYTES];
    struct ke_buf out = KE_BUF_FIXED(memory, sizeof(memory));
    if (is_micro)
        ke_time_format_us(us, &out);
    else
        ke_time_format_s((us - ((us % 1000000) + 1000000) % 1000000) / 1000000, &out);
    return replace_text(n, parent, value, &out);
}

/* Standard alphabet, padded; line breaks are skipped as Go skips them. */
static enum ke_code check_base64(const struct normaliser *n, const struct normalise_slot *slot,
                                 const cJSON *value)
{
    if (!cJSON_IsString(value))
        return fail_element(n, slot, value);
    struct ke_str text = ke_json_value_str(value);
    size_t n_digits = 0;
    size_t n_padding = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n' || c == '\r')
            continue;
        bool is_digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                        (c >= '0' && c <= '9') || c == '+' || c == '/';
        n_padding += c == '=' ? 1 : 0;
        n_digits += is_digit ? 1 : 0;
        bool is_too_early = c == '=' && (n_digits % 4 < 2 || n_digits % 4 + n_padding > 4);
        if ((!is_digit && c != '=') || (is_digit && n_padding > 0) || is_too_early)
            return ke_fail(n->err, KE_MALFORMED, "illegal base64 data at input byte %zu", i);
    }
    if ((n_digits + n_padding) % 4 != 0)
        return ke_fail(n->err, KE_MALFORMED, "illegal base64 data at input byte %zu", text.len);
    return KE_OK;
}

static enum ke_code check_strings(const struct normaliser *n, const struct normalise_slot *slot,
                                  const cJSON *value)
{
    if (!cJSON_IsArray(value))
        return fail_element(n, slot, value);
    const cJSON *item;
    cJSON_ArrayForEach(item, value) {
        if (!cJSON_IsString(item))
            return fail_type(n, slot, value_word(item), "string");
    }
    return KE_OK;
}

enum ke_code normalise_value(const struct normaliser *n, const struct normalise_slot *slot,
                             cJSON *parent, cJSON *value)
{
    switch (slot->field->kind) {
    case MODEL_FIELD_BOOL:
        return cJSON_IsBool(value) ? KE_OK : fail_element(n, slot, value);
    case MODEL_FIELD_INT32:
    case MODEL_FIELD_INT64:
        return check_integer(n, slot, value, slot->field->kind == MODEL_FIELD_INT32,
                             element_type(slot->field));
    case MODEL_FIELD_DOUBLE:
        return cJSON_IsNumber(value) ? KE_OK : fail_element(n, slot, value);
    case MODEL_FIELD_STRING:
        return cJSON_IsString(value) ? KE_OK : fail_element(n, slot, value);
    case MODEL_FIELD_DURATION:
        return cJSON_IsString(value) ? KE_OK : fail_type(n, slot, value_word(value), "string");
    case MODEL_FIELD_BYTES:
        return check_base64(n, slot, value);
    case MODEL_FIELD_TIME:
    case MODEL_FIELD_MICROTIME:
        return check_time(n, slot, parent, value);
    case MODEL_FIELD_QUANTITY:
        return check_quantity(n, parent, value);
    case MODEL_FIELD_INTORSTRING:
        return cJSON_IsString(value) ? KE_OK : check_integer(n, slot, value, true, "int32");
    case MODEL_FIELD_STRINGS:
        return check_strings(n, slot, value);
    case MODEL_FIELD_MESSAGE:
    case MODEL_FIELD_RAWEXTENSION:
    case MODEL_FIELD_FIELDSV1:
    case MODEL_FIELD_JSON:
    case MODEL_FIELD_ANY:
    case MODEL_FIELD_SCHEMAORARRAY:
    case MODEL_FIELD_SCHEMAORBOOL:
    case MODEL_FIELD_SCHEMAORSTRINGS:
        return KE_OK; /* free, or walked by normalise.c */
    }
    return KE_OK;
}

cJSON *normalise_zero(const struct model_field *field)
{
    switch (field->kind) {
    case MODEL_FIELD_BOOL:
        return cJSON_CreateFalse();
    case MODEL_FIELD_INT32:
    case MODEL_FIELD_INT64:
    case MODEL_FIELD_DOUBLE:
    case MODEL_FIELD_INTORSTRING:
        return cJSON_CreateNumber(0);
    case MODEL_FIELD_STRING:
    case MODEL_FIELD_BYTES:
        return cJSON_CreateString("");
    case MODEL_FIELD_QUANTITY:
        return cJSON_CreateString("0");
    case MODEL_FIELD_DURATION:
        return cJSON_CreateString("0s");
    case MODEL_FIELD_MESSAGE:
        return cJSON_CreateObject();
    case MODEL_FIELD_STRINGS:
        return cJSON_CreateArray();
    case MODEL_FIELD_TIME:
    case MODEL_FIELD_MICROTIME:
    case MODEL_FIELD_RAWEXTENSION:
    case MODEL_FIELD_FIELDSV1:
    case MODEL_FIELD_JSON:
    case MODEL_FIELD_ANY:
    case MODEL_FIELD_SCHEMAORARRAY:
    case MODEL_FIELD_SCHEMAORBOOL:
    case MODEL_FIELD_SCHEMAORSTRINGS:
        return cJSON_CreateNull();
    }
    return NULL;
}
