/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf bodies to JSON: the envelope, and the walk over messages along the schema. Strict
 * against malformed bytes; depth, values and map entries are bounded. Pure; any thread.
 * Source: apimachinery runtime/serializer/protobuf; the rules of "absent or zero" are those of
 * Go's encoders: presence means something for pointers only.
 */
#include "core/model/protobuf.h"

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/model/depth.h"

static enum ke_code fail_memory(const struct protobuf_decoder *d)
{
    return ke_fail(d->err, KE_NOMEM, "decode a protobuf body");
}

/* The member's object or list, made when it is not there. */
static enum ke_code need_container(struct protobuf_decoder *d, cJSON *object, const char *name,
                                   bool is_list, cJSON **out)
{
    *out = ke_json_get_mut(object, name);
    if (*out != NULL)
        return KE_OK;
    *out = is_list ? ke_json_need_array(object, name) : ke_json_need_object(object, name);
    return *out != NULL ? protobuf_count(d) : fail_memory(d);
}

static enum ke_code check_message_wire(const struct protobuf_decoder *d,
                                       const struct model_field *field,
                                       const struct protobuf_item *item)
{
    if (item->wire == WIRE_BYTES)
        return KE_OK;
    return ke_fail(d->err, KE_MALFORMED, "proto: wrong wireType = %d for field %s", (int)item->wire,
                   model_field_name(field));
}

/* One element or map value: a message or anything else. *out may stay NULL: null. */
static enum ke_code read_element(struct protobuf_decoder *d, const struct model_field *field,
                                 const struct protobuf_item *item, cJSON **out)
{
    if (field->kind != MODEL_FIELD_MESSAGE)
        return protobuf_value(d, field, item, out);
    enum ke_code rc = check_message_wire(d, field, item);
    if (rc == KE_OK)
        rc = protobuf_count(d);
    if (rc != KE_OK)
        return rc;
    ke_auto_json *object = cJSON_CreateObject();
    if (object == NULL)
        return fail_memory(d);
    rc = protobuf_message(d, model_field_message(field), item->bytes, object);
    if (rc == KE_OK)
        *out = KE_TAKE(object);
    return rc;
}

static enum ke_code append_element(struct protobuf_decoder *d, const struct model_field *field,
                                   const struct protobuf_item *item, cJSON *list)
{
    cJSON *value = NULL;
    enum ke_code rc = read_element(d, field, item, &value);
    if (rc != KE_OK)
        return rc;
    if (value == NULL)
        value = cJSON_CreateNull();
    if (value == NULL)
        return fail_memory(d);
    (void)cJSON_AddItemToArray(list, value);
    return KE_OK;
}

static enum ke_code read_list(struct protobuf_decoder *d, const struct model_field *field,
                              const struct protobuf_item *item, cJSON *object)
{
    cJSON *list = NULL;
    enum ke_code rc = need_container(d, object, model_field_name(field), true, &list);
    if (rc != KE_OK)
        return rc;
    if (!protobuf_is_varint(field) || item->wire != WIRE_BYTES)
        return append_element(d, field, item, list);
    /* packed */
    struct ke_cur cur = ke_cur_of(item->bytes.ptr, item->bytes.len);
    while (rc == KE_OK && ke_cur_left(&cur) > 0) {
        struct protobuf_item element = { .wire = WIRE_VARINT };
        element.number_value = ke_cur_varint(&cur);
        rc = cur.is_bad ? protobuf_fail_eof(d) : append_element(d, field, &element, list);
    }
    return rc;
}

/* A map is a list to cJSON: each entry costs a walk over those before it. */
static enum ke_code count_entry(struct protobuf_decoder *d, const cJSON *map)
{
    size_t n = (size_t)cJSON_GetArraySize(map);
    if (n >= LIMIT_PROTOBUF_MAP)
        return ke_fail(d->err, KE_TOO_LARGE, "a map has more than %d entries", LIMIT_PROTOBUF_MAP);
    d->n_steps += n;
    if (d->n_steps > LIMIT_PROTOBUF_STEPS)
        return ke_fail(d->err, KE_TOO_LARGE, "the maps of the body have too many entries");
    return KE_OK;
}

/* An entry is a message of key and value, either of which may be missing. */
static enum ke_code read_map_entry(struct protobuf_decoder *d, const struct model_field *field,
                                   const struct protobuf_item *item, cJSON *object)
{
    cJSON *map = NULL;
    enum ke_code rc = check_message_wire(d, field, item);
    if (rc == KE_OK)
        rc = need_container(d, object, model_field_name(field), false, &map);
    if (rc != KE_OK)
        return rc;
    struct ke_cur cur = ke_cur_of(item->bytes.ptr, item->bytes.len);
    struct protobuf_item part;
    struct ke_str key = KE_STR("");
    ke_auto_json *value = NULL;
    while (rc == KE_OK && protobuf_next(&cur, &part)) {
        if (part.number == 1 && part.wire == WIRE_BYTES) {
            key = part.bytes;
        } else if (part.number == 2) {
            cJSON_Delete(value);
            value = NULL;
            rc = read_element(d, field, &part, &value);
        }
    }
    if (rc == KE_OK && cur.is_bad)
        rc = protobuf_fail_eof(d);
    if (rc == KE_OK && value == NULL) {
        const struct protobuf_item empty = { .wire = WIRE_BYTES, .bytes = KE_STR("") };
        rc = field->kind == MODEL_FIELD_MESSAGE ? read_element(d, field, &empty, &value)
                                                : protobuf_empty_value(d, field, &value);
    }
    if (rc != KE_OK)
        return rc;
    if (!ke_str_is_utf8(key) || memchr(key.ptr, '\0', key.len) != NULL)
        return ke_fail(d->err, KE_MALFORMED, "proto: string field contains invalid UTF-8");
    rc = count_entry(d, map);
    if (rc != KE_OK)
        return rc;
    ke_auto_ptr char *name = ke_str_dup(key);
    if (name == NULL)
        return fail_memory(d);
    cJSON *taken = value != NULL ? KE_TAKE(value) : cJSON_CreateNull();
    if (taken == NULL || !ke_json_set(map, name, taken))
        return fail_memory(d);
    return KE_OK;
}

/* Go writes zero for scalars that are no pointer: with omitempty its JSON leaves them out. */
static bool is_zero_left_out(const struct model_field *field, const cJSON *value)
{
    if ((field->flags & MODEL_FIELD_POINTER) != 0 || (field->flags & MODEL_FIELD_OMITEMPTY) == 0)
        return false;
    switch (field->kind) {
    case MODEL_FIELD_BOOL:
        return cJSON_IsFalse(value);
    case MODEL_FIELD_INT32:
    case MODEL_FIELD_INT64:
    case MODEL_FIELD_DOUBLE:
        return value->valuedouble == 0;
    case MODEL_FIELD_STRING:
    case MODEL_FIELD_BYTES:
        return value->valuestring[0] == '\0';
    default:
        return false;
    }
}

static enum ke_code read_single(struct protobuf_decoder *d, const struct model_field *field,
                                const struct protobuf_item *item, cJSON *object)
{
    const char *name = model_field_name(field);
    if (field->kind == MODEL_FIELD_MESSAGE) {
        cJSON *inner = object;
        enum ke_code rc = check_message_wire(d, field, item);
        if (rc == KE_OK && (field->flags & MODEL_FIELD_INLINE) == 0)
            rc = need_container(d, object, name, false, &inner);
        if (rc != KE_OK)
            return rc;
        return protobuf_message(d, model_field_message(field), item->bytes, inner);
    }
    cJSON *value = NULL;
    enum ke_code rc = protobuf_value(d, field, item, &value);
    if (rc != KE_OK)
        return rc;
    if (value == NULL || is_zero_left_out(field, value)) {
        cJSON_Delete(value);
        ke_json_del(object, name); /* the last one counts */
        return KE_OK;
    }
    return ke_json_set(object, name, value) ? KE_OK : fail_memory(d);
}

static enum ke_code read_field(struct protobuf_decoder *d, const struct model_field *field,
                               const struct protobuf_item *item, cJSON *object)
{
    if ((field->flags & MODEL_FIELD_LIST) != 0)
        return read_list(d, field, item, object);
    if ((field->flags & MODEL_FIELD_MAP) != 0)
        return read_map_entry(d, field, item, object);
    return read_single(d, field, item, object);
}

enum ke_code protobuf_message(struct protobuf_decoder *d, const struct model_message *message,
                              struct ke_str bytes, cJSON *object)
{
    if (d->depth == LIMIT_PROTOBUF_DEPTH)
        return ke_fail(d->err, KE_MALFORMED, "proto: nested more than %d deep",
                       LIMIT_PROTOBUF_DEPTH);
    d->depth++;
    struct ke_cur cur = ke_cur_of(bytes.ptr, bytes.len);
    struct protobuf_item item;
    enum ke_code rc = KE_OK;
    while (rc == KE_OK && protobuf_next(&cur, &item)) {
        const struct model_field *field = model_message_field_by_number(message, item.number);
        if (field != NULL)
            rc = read_field(d, field, &item, object);
    }
    d->depth--;
    if (rc == KE_OK && cur.is_bad)
        rc = protobuf_fail_eof(d);
    return rc;
}

/* ---- the envelope -------------------------------------------------------------------------- */

struct envelope {
    struct ke_str api_version;
    struct ke_str kind;
    struct ke_str raw;
};

static bool read_type_meta(struct ke_str bytes, struct envelope *out)
{
    struct ke_cur cur = ke_cur_of(bytes.ptr, bytes.len);
    struct protobuf_item item;
    while (protobuf_next(&cur, &item)) {
        if (item.wire == WIRE_BYTES && item.number == 1)
            out->api_version = item.bytes;
        else if (item.wire == WIRE_BYTES && item.number == 2)
            out->kind = item.bytes;
    }
    return !cur.is_bad;
}

static enum ke_code read_envelope(struct ke_str body, struct envelope *out, struct ke_err *err)
{
    static const struct ke_str MAGIC = { "k8s\0", 4 };
    if (body.len == 0)
        return ke_fail(err, KE_MALFORMED, "empty data");
    if (!ke_str_cut_prefix(&body, MAGIC)) {
        return ke_fail(err, KE_MALFORMED,
                       "provided data does not appear to be a protobuf message, expected prefix "
                       "[107 56 115 0]");
    }
    struct ke_cur cur = ke_cur_of(body.ptr, body.len);
    struct protobuf_item item;
    bool is_fine = true;
    while (is_fine && protobuf_next(&cur, &item)) {
        if (item.wire == WIRE_BYTES && item.number == 1)
            is_fine = read_type_meta(item.bytes, out);
        else if (item.wire == WIRE_BYTES && item.number == 2)
            out->raw = item.bytes;
    }
    if (!is_fine || cur.is_bad || !ke_str_is_utf8(out->api_version) || !ke_str_is_utf8(out->kind))
        return ke_fail(err, KE_MALFORMED, "proto: malformed envelope");
    return KE_OK;
}

static enum ke_code choose_message(const struct envelope *envelope,
                                   const struct model_message *if_untyped,
                                   const struct model_message **out, struct ke_err *err)
{
    bool is_typed = envelope->kind.len > 0 && envelope->api_version.len > 0;
    *out = is_typed ? model_schema_find_kind(envelope->api_version, envelope->kind) : if_untyped;
    if (*out != NULL)
        return KE_OK;
    return ke_fail(err, KE_MALFORMED, "no kind \"%.*s\" is registered for version \"%.*s\"",
                   KE_STR_ARG(envelope->kind), KE_STR_ARG(envelope->api_version));
}

enum ke_code model_protobuf_decode(struct ke_str body, const struct model_message *if_untyped,
                                   cJSON **out, struct ke_err *err)
{
    struct envelope envelope = { .raw = KE_STR("") };
    const struct model_message *message = NULL;
    if (body.len > LIMIT_REQUEST_BODY_BYTES)
        return ke_fail(err, KE_TOO_LARGE, "the body is larger than %u bytes",
                       LIMIT_REQUEST_BODY_BYTES);
    enum ke_code rc = read_envelope(body, &envelope, err);
    if (rc == KE_OK)
        rc = choose_message(&envelope, if_untyped, &message, err);
    if (rc != KE_OK)
        return rc;
    ke_auto_json *object = cJSON_CreateObject();
    struct protobuf_decoder d = { .err = err };
    if (object == NULL)
        return fail_memory(&d);
    if ((envelope.kind.len > 0 && !ke_json_set_str(object, "kind", envelope.kind)) ||
        (envelope.api_version.len > 0 &&
         !ke_json_set_str(object, "apiVersion", envelope.api_version)))
        return fail_memory(&d);
    rc = protobuf_message(&d, message, envelope.raw, object);
    if (rc != KE_OK)
        return rc;
    /* Embedded JSON is as deep as any, under messages: what is stored must parse again. */
    if (model_json_depth(object) > LIMIT_JSON_DEPTH)
        return ke_fail(err, KE_MALFORMED, "proto: nested more than %d deep", LIMIT_JSON_DEPTH);
    *out = KE_TAKE(object);
    return KE_OK;
}
