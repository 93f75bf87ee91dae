/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Single values of a protobuf message as Go's JSON encoder prints them. Every length is checked
 * against the bytes there are. Pure; any thread.
 */
#include <inttypes.h>
#include <math.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/model/protobuf.h"

/* 0001-01-01 to 9999-12-31: what RFC 3339 can say. */
#define TIME_MIN_S (-INT64_C(62135596800))
#define TIME_MAX_S INT64_C(253402300799)

bool protobuf_next(struct ke_cur *cur, struct protobuf_item *out)
{
    if (ke_cur_left(cur) == 0)
        return false;
    uint64_t tag = ke_cur_varint(cur);
    *out = (struct protobuf_item){ .number = (uint32_t)(tag >> 3),
                                   .wire = (enum protobuf_wire)(tag & 7) };
    if (tag >> 3 == 0 || tag >> 3 > UINT32_MAX) {
        cur->is_bad = true;
        return false;
    }
    switch (tag & 7) {
    case WIRE_VARINT:
        out->number_value = ke_cur_varint(cur);
        break;
    case WIRE_FIXED64:
        out->number_value = ke_cur_le64(cur);
        break;
    case WIRE_FIXED32:
        out->number_value = ke_cur_le32(cur);
        break;
    case WIRE_BYTES: {
        uint64_t len = ke_cur_varint(cur);
        if (len > ke_cur_left(cur))
            cur->is_bad = true;
        else
            out->bytes = ke_cur_bytes(cur, (size_t)len);
        break;
    }
    default:
        cur->is_bad = true;
        break;
    }
    return !cur->is_bad;
}

enum ke_code protobuf_fail_eof(const struct protobuf_decoder *d)
{
    return ke_fail(d->err, KE_MALFORMED, "proto: malformed message");
}

enum ke_code protobuf_count(struct protobuf_decoder *d)
{
    d->n_nodes++;
    if (d->n_nodes > LIMIT_PROTOBUF_NODES)
        return ke_fail(d->err, KE_TOO_LARGE, "the body has more than %d values",
                       LIMIT_PROTOBUF_NODES);
    return KE_OK;
}

bool protobuf_is_varint(const struct model_field *field)
{
    return field->kind == MODEL_FIELD_BOOL || field->kind == MODEL_FIELD_INT32 ||
           field->kind == MODEL_FIELD_INT64;
}

static enum ke_code check_made(const struct protobuf_decoder *d, const cJSON *value)
{
    return value != NULL ? KE_OK : ke_fail(d->err, KE_NOMEM, "decode a protobuf body");
}

static enum ke_code make_string(const struct protobuf_decoder *d, struct ke_str text, cJSON **out)
{
    /* cJSON ends strings at a NUL: one inside would cut the value. */
    if (!ke_str_is_utf8(text) || (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL))
        return ke_fail(d->err, KE_MALFORMED, "proto: string field contains invalid UTF-8");
    ke_auto_ptr char *copy = ke_str_dup(text);
    *out = copy != NULL ? cJSON_CreateString(copy) : NULL;
    return check_made(d, *out);
}

static enum ke_code make_base64(const struct protobuf_decoder *d, struct ke_str bytes, cJSON **out)
{
    ke_auto_buf text = KE_BUF_INIT(2 * LIMIT_REQUEST_BODY_BYTES);
    ke_buf_add_base64(&text, bytes.ptr, bytes.len);
    ke_buf_add_char(&text, '\0');
    *out = text.failed == KE_OK ? cJSON_CreateString(text.ptr) : NULL;
    return check_made(d, *out);
}

static enum ke_code make_time(const struct protobuf_decoder *d, struct ke_str bytes, bool is_micro,
                              cJSON **out)
{
    if (bytes.len == 0)
        return KE_OK; /* the zero time */
    struct ke_cur cur = ke_cur_of(bytes.ptr, bytes.len);
    struct protobuf_item item;
    int64_t seconds = 0;
    int64_t nanos = 0;
    while (protobuf_next(&cur, &item)) {
        if (item.number == 1)
            seconds = (int64_t)item.number_value;
        else if (item.number == 2)
            nanos = (int32_t)item.number_value;
    }
    if (cur.is_bad || seconds < TIME_MIN_S || seconds > TIME_MAX_S || nanos < 0 ||
        nanos > 999999999)
        return ke_fail(d->err, KE_MALFORMED, "proto: time out of range");
    char memory[64];
    struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory) - 1);
    if (is_micro)
        ke_time_format_us(seconds * 1000000 + nanos / 1000, &text);
    else
        ke_time_format_s(seconds, &text);
    memory[text.len] = '\0';
    *out = cJSON_CreateString(memory);
    return check_made(d, *out);
}

static enum ke_code make_quantity(const struct protobuf_decoder *d, struct ke_str bytes,
                                  cJSON **out)
{
    struct ke_cur cur = ke_cur_of(bytes.ptr, bytes.len);
    struct protobuf_item item;
    struct ke_str text = ke_str_of(NULL, 0);
    while (protobuf_next(&cur, &item)) {
        if (item.number == 1)
            text = item.bytes;
    }
    if (cur.is_bad)
        return protobuf_fail_eof(d);
    return make_string(d, text.len > 0 ? text : KE_STR("0"), out);
}

static enum ke_code make_int_or_string(const struct protobuf_decoder *d, struct ke_str bytes,
                                       cJSON **out)
{
    struct ke_cur cur = ke_cur_of(bytes.ptr, bytes.len);
    struct protobuf_item item;
    int64_t type = 0;
    int32_t number = 0;
    struct ke_str text = ke_str_of(NULL, 0);
    while (protobuf_next(&cur, &item)) {
        if (item.number == 1)
            type = (int64_t)item.number_value;
        else if (item.number == 2)
            number = (int32_t)item.number_value;
        else if (item.number == 3)
            text = item.bytes;
    }
    if (cur.is_bad)
        return protobuf_fail_eof(d);
    if (type == 1)
        return make_string(d, text, out);
    if (type != 0)
        return ke_fail(d->err, KE_MALFORMED, "impossible IntOrString.Type");
    *out = cJSON_CreateNumber(number);
    return check_made(d, *out);
}

/* A message around JSON text: the value itself. */
static enum ke_code make_embedded(struct protobuf_decoder *d, struct ke_str bytes, cJSON **out)
{
    struct ke_cur cur = ke_cur_of(bytes.ptr, bytes.len);
    struct protobuf_item item;
    struct ke_str text = ke_str_of(NULL, 0);
    while (protobuf_next(&cur, &item)) {
        if (item.number == 1)
            text = item.bytes;
    }
    if (cur.is_bad)
        return protobuf_fail_eof(d);
    if (text.len == 0)
        return KE_OK;
    return ke_json_parse(text, out, d->err);
}

/* Appends to a list that is made when it is needed. */
static enum ke_code append(struct protobuf_decoder *d, cJSON **list, cJSON *value)
{
    if (*list == NULL)
        *list = cJSON_CreateArray();
    if (*list == NULL) {
        cJSON_Delete(value);
        return ke_fail(d->err, KE_NOMEM, "decode a protobuf body");
    }
    (void)cJSON_AddItemToArray(*list, value);
    return protobuf_count(d);
}

static enum ke_code make_strings(struct protobuf_decoder *d, struct ke_str bytes, cJSON **out)
{
    struct ke_cur cur = ke_cur_of(bytes.ptr, bytes.len);
    struct protobuf_item item;
    ke_auto_json *list = cJSON_CreateArray();
    enum ke_code rc = check_made(d, list);
    while (rc == KE_OK && protobuf_next(&cur, &item)) {
        cJSON *value = NULL;
        if (item.number != 1)
            continue;
        rc = make_string(d, item.bytes, &value);
        if (rc == KE_OK)
            rc = append(d, &list, value);
    }
    if (rc == KE_OK && cur.is_bad)
        rc = protobuf_fail_eof(d);
    if (rc == KE_OK)
        *out = KE_TAKE(list);
    return rc;
}

static enum ke_code make_schema(struct protobuf_decoder *d, struct ke_str bytes, cJSON **out)
{
    ke_auto_json *object = cJSON_CreateObject();
    enum ke_code rc = check_made(d, object);
    if (rc == KE_OK)
        rc = protobuf_message(d, model_schema_find(KE_STR("apiextensions.v1.JSONSchemaProps")),
                              bytes, object);
    if (rc == KE_OK)
        *out = KE_TAKE(object);
    return rc;
}

/* The three of JSONSchemaProps: a schema, or a bool, or a list of schemas or strings. */
static enum ke_code make_schema_or(struct protobuf_decoder *d, const struct model_field *field,
                                   struct ke_str bytes, cJSON **out)
{
    bool is_bool = field->kind == MODEL_FIELD_SCHEMAORBOOL;
    uint32_t schema_number = is_bool ? 2 : 1;
    bool allows = false;
    struct ke_cur cur = ke_cur_of(bytes.ptr, bytes.len);
    struct protobuf_item item;
    ke_auto_json *schema = NULL;
    ke_auto_json *list = NULL;
    enum ke_code rc = KE_OK;
    while (rc == KE_OK && protobuf_next(&cur, &item)) {
        cJSON *value = NULL;
        if (item.number == schema_number) {
            rc = make_schema(d, item.bytes, &value);
            cJSON_Delete(schema);
            schema = value;
        } else if (is_bool) {
            allows = item.number == 1 ? item.number_value != 0 : allows;
        } else if (item.number == 2) {
            rc = field->kind == MODEL_FIELD_SCHEMAORARRAY ? make_schema(d, item.bytes, &value)
                                                          : make_string(d, item.bytes, &value);
            if (rc == KE_OK)
                rc = append(d, &list, value);
        }
    }
    if (rc == KE_OK && cur.is_bad)
        rc = protobuf_fail_eof(d);
    if (rc != KE_OK)
        return rc;
    if (list != NULL)
        *out = KE_TAKE(list);
    else if (schema != NULL)
        *out = KE_TAKE(schema);
    else if (is_bool)
        *out = cJSON_CreateBool(allows);
    return is_bool ? check_made(d, *out) : KE_OK;
}

static enum ke_code make_scalar(const struct protobuf_decoder *d, const struct model_field *field,
                                uint64_t bits, cJSON **out)
{
    double number = 0;
    if (field->kind == MODEL_FIELD_BOOL) {
        *out = cJSON_CreateBool(bits != 0);
        return check_made(d, *out);
    }
    if (field->kind == MODEL_FIELD_INT64) {
        *out = ke_json_new_i64((int64_t)bits);
        return check_made(d, *out);
    }
    if (field->kind == MODEL_FIELD_INT32)
        number = (double)(int32_t)bits;
    else
        memcpy(&number, &bits, sizeof(number));
    if (!isfinite(number))
        return ke_fail(d->err, KE_MALFORMED, "json: unsupported value: %g", number);
    *out = cJSON_CreateNumber(number);
    return check_made(d, *out);
}

static enum protobuf_wire wire_of(const struct model_field *field)
{
    if (protobuf_is_varint(field))
        return WIRE_VARINT;
    return field->kind == MODEL_FIELD_DOUBLE ? WIRE_FIXED64 : WIRE_BYTES;
}

enum ke_code protobuf_value(struct protobuf_decoder *d, const struct model_field *field,
                            const struct protobuf_item *item, cJSON **out)
{
    enum ke_code rc = protobuf_count(d);
    if (rc != KE_OK)
        return rc;
    if (item->wire != wire_of(field))
        return ke_fail(d->err, KE_MALFORMED, "proto: wrong wireType = %d for field %s",
                       (int)item->wire, model_field_name(field));
    switch (field->kind) {
    case MODEL_FIELD_BOOL:
    case MODEL_FIELD_INT32:
    case MODEL_FIELD_INT64:
    case MODEL_FIELD_DOUBLE:
        return make_scalar(d, field, item->number_value, out);
    case MODEL_FIELD_STRING:
        return make_string(d, item->bytes, out);
    case MODEL_FIELD_BYTES:
        return make_base64(d, item->bytes, out);
    case MODEL_FIELD_TIME:
    case MODEL_FIELD_MICROTIME:
        return make_time(d, item->bytes, field->kind == MODEL_FIELD_MICROTIME, out);
    case MODEL_FIELD_QUANTITY:
        return make_quantity(d, item->bytes, out);
    case MODEL_FIELD_INTORSTRING:
        return make_int_or_string(d, item->bytes, out);
    case MODEL_FIELD_RAWEXTENSION:
    case MODEL_FIELD_FIELDSV1:
    case MODEL_FIELD_JSON:
        return make_embedded(d, item->bytes, out);
    case MODEL_FIELD_STRINGS:
        return make_strings(d, item->bytes, out);
    case MODEL_FIELD_SCHEMAORARRAY:
    case MODEL_FIELD_SCHEMAORBOOL:
    case MODEL_FIELD_SCHEMAORSTRINGS:
        return make_schema_or(d, field, item->bytes, out);
    default: /* no message has a field of another kind with a number */
        return ke_fail(d->err, KE_MALFORMED, "proto: field %s has no protobuf form",
                       model_field_name(field));
    }
}

enum ke_code protobuf_empty_value(struct protobuf_decoder *d, const struct model_field *field,
                                  cJSON **out)
{
    const struct protobuf_item empty = { .wire = wire_of(field), .bytes = KE_STR("") };
    return protobuf_value(d, field, &empty, out);
}
