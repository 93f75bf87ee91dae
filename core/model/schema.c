/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups in the generated tables of messages. Constant data; any thread. */
#include "core/model/schema.h"

#include "core/base/buf.h"
#include "core/model/names.h"
#include "core/model/schema_tables.h"

/* References and text offsets start at 1; 0 is none. */
static const char *text_or_null(uint16_t at)
{
    return at == 0 ? NULL : &model_schema_text[at];
}

const struct model_message *model_schema_find(struct ke_str name)
{
    size_t low = 0;
    size_t high = model_schema_n_messages;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct model_message *message = &model_schema_messages[middle];
        int order = ke_str_cmp(ke_str_c(model_message_name(message)), name);
        if (order == 0)
            return message;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static const struct model_message *find_in_package(const char *package, struct ke_str kind)
{
    char memory[256];
    struct ke_buf name = KE_BUF_FIXED(memory, sizeof(memory));
    ke_buf_addf(&name, "%s.%.*s", package, KE_STR_ARG(kind));
    return name.failed == KE_OK ? model_schema_find(ke_buf_str(&name)) : NULL;
}

const struct model_message *model_schema_find_kind(struct ke_str api_version, struct ke_str kind)
{
    struct ke_str group;
    struct ke_str version;
    model_api_version_split(api_version, &group, &version);
    for (size_t i = 0; i < model_schema_n_packages; i++) {
        const struct model_package *package = &model_schema_packages[i];
        if (!ke_str_eq_c(group, &model_schema_text[package->group]) ||
            !ke_str_eq_c(version, &model_schema_text[package->version]))
            continue;
        const struct model_message *message =
            find_in_package(&model_schema_text[package->name], kind);
        if (message != NULL && message->has_type_meta)
            return message;
    }
    const struct model_message *shared = find_in_package("meta.v1", kind);
    return shared != NULL && shared->has_type_meta ? shared : NULL;
}

const char *model_message_name(const struct model_message *message)
{
    return &model_schema_text[message->name];
}

size_t model_message_index(const struct model_message *message)
{
    return (size_t)(message - model_schema_messages);
}

size_t model_schema_count(void)
{
    return model_schema_n_messages;
}

bool model_message_group(const struct model_message *message, const char **out_group,
                         const char **out_version)
{
    struct ke_str name = ke_str_c(model_message_name(message));
    while (name.len > 0 && name.ptr[name.len - 1] != '.')
        name.len--;
    if (name.len == 0)
        return false;
    name.len--;
    for (size_t i = 0; i < model_schema_n_packages; i++) {
        const struct model_package *package = &model_schema_packages[i];
        if (ke_str_eq_c(name, &model_schema_text[package->name])) {
            *out_group = &model_schema_text[package->group];
            *out_version = &model_schema_text[package->version];
            return true;
        }
    }
    return false;
}

/* FNV-1a, a number or the characters of a text at a time. */
static uint64_t mix_number(uint64_t hash, uint64_t number)
{
    return (hash ^ number) * 0x100000001b3;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = mix_number(hash, (unsigned char)*text);
    return mix_number(hash, 0);
}

uint64_t model_schema_fingerprint(void)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < model_schema_n_messages; i++) {
        const struct model_message *message = &model_schema_messages[i];
        hash = mix_text(hash, model_message_name(message));
        hash = mix_number(hash, message->has_type_meta);
        for (unsigned j = 0; j < message->n_fields; j++) {
            const struct model_field *field = model_message_field_at(message, j);
            hash = mix_text(hash, model_field_name(field));
            hash =
                mix_number(hash, (uint64_t)field->reference << 32 | (uint64_t)field->flags << 16 |
                                     (uint64_t)field->kind << 8 | field->extra);
        }
    }
    return hash;
}

const struct model_field *model_message_field_at(const struct model_message *message, unsigned i)
{
    return &model_schema_fields[message->first_field + i];
}

const struct model_field *model_schema_field(const struct model_message *message,
                                             struct ke_str name)
{
    for (unsigned i = 0; i < message->n_fields; i++) {
        const struct model_field *field = model_message_field_at(message, i);
        if ((field->flags & MODEL_FIELD_INLINE) != 0) {
            /* Inline members nest two deep at most. */
            const struct model_field *inner = model_schema_field(model_field_message(field), name);
            if (inner != NULL)
                return inner;
        } else if (ke_str_eq_c(name, model_field_name(field))) {
            return field;
        }
    }
    return NULL;
}

const struct model_field *model_message_field_by_number(const struct model_message *message,
                                                        uint32_t number)
{
    for (unsigned i = 0; i < message->n_fields; i++) {
        const struct model_field *field = model_message_field_at(message, i);
        if (field->number == number && number != 0)
            return field;
    }
    return NULL;
}

const char *model_field_name(const struct model_field *field)
{
    return &model_schema_text[field->name];
}

const struct model_message *model_field_message(const struct model_field *field)
{
    if (field->kind != MODEL_FIELD_MESSAGE)
        return NULL;
    return &model_schema_messages[field->reference - 1];
}

static const struct model_enum *find_enum(const struct model_field *field)
{
    if (field->kind != MODEL_FIELD_STRING || field->reference == 0)
        return NULL;
    return &model_schema_enums[field->reference - 1];
}

const char *model_field_enum(const struct model_field *field)
{
    const struct model_enum *row = find_enum(field);
    return row == NULL ? NULL : &model_schema_text[row->name];
}

const char *model_field_enum_value(const struct model_field *field, unsigned i)
{
    const struct model_enum *row = find_enum(field);
    if (row == NULL || i >= row->n_values)
        return NULL;
    return &model_schema_text[model_schema_enum_values[row->first_value + i]];
}

static const struct model_field_extra *find_extra(const struct model_field *field)
{
    static const struct model_field_extra NONE = { .merge_key = 0 };
    return field->extra == 0 ? &NONE : &model_schema_extras[field->extra - 1];
}

const char *model_field_merge_key(const struct model_field *field)
{
    return text_or_null(find_extra(field)->merge_key);
}

const char *model_field_list_type(const struct model_field *field)
{
    return text_or_null(find_extra(field)->list_type);
}

const char *model_field_list_keys(const struct model_field *field)
{
    return text_or_null(find_extra(field)->list_keys);
}

const char *model_field_map_type(const struct model_field *field)
{
    return text_or_null(find_extra(field)->map_type);
}

const char *model_field_default(const struct model_field *field)
{
    return text_or_null(find_extra(field)->default_value);
}
