/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON values as YAML, by libyaml's emitter: what would not read back as the text it is gets
 * quotes, texts of several lines are literal blocks, lines are never folded. Pure.
 */
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "core/base/json.h"
#include "core/base/json_sort.h"
#include "core/base/mem.h"
#include "core/model/yaml.h"
#include "core/model/yaml_scalar.h"

#define NUMBER_MAX_BYTES 64

static int write_out(void *ctx, unsigned char *bytes, size_t len)
{
    struct ke_buf *out = ctx;
    ke_buf_add(out, bytes, len);
    return out->failed == KE_OK;
}

/* libyaml copies the text, and takes a pointer that is not const. */
static bool emit_scalar(yaml_emitter_t *emitter, struct ke_str text, yaml_scalar_style_t style)
{
    yaml_event_t event;
    union {
        const char *in;
        yaml_char_t *out;
    } bytes = { .in = text.ptr };
    return yaml_scalar_event_initialize(&event, NULL, NULL, bytes.out, (int)text.len, 1, 1,
                                        style) != 0 &&
           yaml_emitter_emit(emitter, &event) != 0;
}

static bool emit_string(yaml_emitter_t *emitter, const char *string)
{
    struct ke_str text = ke_str_c(string);
    yaml_scalar_style_t style = YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    if (ke_str_find(text, '\n') < text.len)
        style = YAML_LITERAL_SCALAR_STYLE;
    else if (yaml_scalar_resolve(text).type == YAML_SCALAR_STRING &&
             !yaml_scalar_is_ambiguous(text))
        style = YAML_PLAIN_SCALAR_STYLE;
    return emit_scalar(emitter, text, style);
}

static bool emit_value(yaml_emitter_t *emitter, const cJSON *value);

static bool emit_object(yaml_emitter_t *emitter, const cJSON *value)
{
    yaml_event_t event;
    size_t n = (size_t)cJSON_GetArraySize(value);
    if (yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE) == 0 ||
        yaml_emitter_emit(emitter, &event) == 0)
        return false;
    struct json_member *members = n > 0 ? json_sort_members(value, n) : NULL;
    if (n > 0 && members == NULL)
        return false;
    bool is_good = true;
    for (size_t i = 0; is_good && i < n; i++)
        is_good =
            emit_string(emitter, members[i].node->string) && emit_value(emitter, members[i].node);
    free(members);
    return is_good && yaml_mapping_end_event_initialize(&event) != 0 &&
           yaml_emitter_emit(emitter, &event) != 0;
}

static bool emit_list_begin(yaml_emitter_t *emitter)
{
    yaml_event_t event;
    return yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE) !=
               0 &&
           yaml_emitter_emit(emitter, &event) != 0;
}

static bool emit_list_end(yaml_emitter_t *emitter)
{
    yaml_event_t event;
    return yaml_sequence_end_event_initialize(&event) != 0 &&
           yaml_emitter_emit(emitter, &event) != 0;
}

static bool emit_list(yaml_emitter_t *emitter, const cJSON *value)
{
    bool is_good = emit_list_begin(emitter);
    for (const cJSON *it = value->child; is_good && it != NULL; it = it->next)
        is_good = emit_value(emitter, it);
    return is_good && emit_list_end(emitter);
}

static bool emit_plain(yaml_emitter_t *emitter, const cJSON *value)
{
    char memory[NUMBER_MAX_BYTES];
    struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory));
    ke_json_print(value, &text);
    return emit_scalar(emitter, ke_buf_str(&text), YAML_PLAIN_SCALAR_STYLE);
}

/* As deep as the value, which a parser has bounded. */
static bool emit_value(yaml_emitter_t *emitter, const cJSON *value)
{
    if (cJSON_IsObject(value))
        return emit_object(emitter, value);
    if (cJSON_IsArray(value))
        return emit_list(emitter, value);
    if (cJSON_IsString(value))
        return emit_string(emitter, value->valuestring);
    return emit_plain(emitter, value);
}

static bool emit_document(yaml_emitter_t *emitter, const cJSON *value, bool is_item)
{
    yaml_event_t event;
    if (yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING) == 0 ||
        yaml_emitter_emit(emitter, &event) == 0 ||
        yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1) == 0 ||
        yaml_emitter_emit(emitter, &event) == 0)
        return false;
    if ((is_item && !emit_list_begin(emitter)) || !emit_value(emitter, value) ||
        (is_item && !emit_list_end(emitter)))
        return false;
    return yaml_document_end_event_initialize(&event, 1) != 0 &&
           yaml_emitter_emit(emitter, &event) != 0 &&
           yaml_stream_end_event_initialize(&event) != 0 && yaml_emitter_emit(emitter, &event) != 0;
}

static enum ke_code print(const cJSON *value, bool is_item, struct ke_buf *out, struct ke_err *err)
{
    yaml_emitter_t emitter;
    if (yaml_emitter_initialize(&emitter) == 0)
        return ke_fail(err, KE_NOMEM, "print YAML");
    yaml_emitter_set_output(&emitter, write_out, out);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    yaml_emitter_set_indent(&emitter, 2);
    bool is_good = emit_document(&emitter, value, is_item);
    yaml_emitter_delete(&emitter);
    if (is_good || out->failed != KE_OK)
        return KE_OK;
    return ke_fail(err, KE_NOMEM, "print YAML");
}

enum ke_code model_yaml_print(const cJSON *value, struct ke_buf *out, struct ke_err *err)
{
    return print(value, false, out, err);
}

enum ke_code model_yaml_print_item(const cJSON *value, struct ke_buf *out, struct ke_err *err)
{
    return print(value, true, out, err);
}
