/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The four forms of an object. Pure.
 */
#include "core/api/encode.h"

#include <inttypes.h>

#include "core/api/table.h"
#include "core/base/json.h"
#include "core/model/form.h"

bool api_encoder_is_splice(const struct api_encoder *encoder)
{
    return encoder->accept.form == API_FORM_PLAIN && encoder->version->from_storage == NULL &&
           encoder->kind->custom == NULL;
}

/* A dry run's answer, or what is computed, has no revision: not even 0. */
static bool is_stored(const struct registry_object *object)
{
    return object->revision != 0;
}

static void hide_zero(const struct registry_object *object, cJSON *json)
{
    if (!is_stored(object)) {
        ke_json_del(ke_json_get_mut(json, "metadata"), "resourceVersion");
    }
}

/* ---- custom kinds: what is stored may be older than the schema by which it is shown ---- */

/* The stored bytes but for kind and apiVersion are what the client is to see. */
static bool is_current(const struct model_form *form, const struct registry_object *object)
{
    return form->definition == NULL || (object->form != 0 && object->form == model_form_mark(form));
}

/* A kind that is no longer defined is shown as it is stored. */
static struct model_form open_form(const struct api_encoder *encoder)
{
    struct model_form form = { .kind = NULL };
    struct ke_err err;
    if (encoder->kind->custom != NULL &&
        model_form_open(encoder->kind, encoder->version, &form, &err) != KE_OK) {
        form = (struct model_form){ .kind = NULL };
    }
    return form;
}

/* As clients of the encoder's version see it. */
static enum ke_code view(const struct api_encoder *encoder, const struct registry_object *object,
                         cJSON **out, struct ke_err *err)
{
    cJSON *json = registry_object_parse(object);
    struct model_form form = open_form(encoder);
    bool is_ok = json != NULL && (is_current(&form, object) || model_form_refresh(&form, json)) &&
                 model_version_from_storage(encoder->kind, encoder->version, json);
    model_form_close(&form);
    if (!is_ok) {
        cJSON_Delete(json);
        return ke_fail(err, KE_NOMEM, "show object");
    }
    hide_zero(object, json);
    *out = json;
    return KE_OK;
}

static bool can_splice(const struct api_encoder *encoder, const struct registry_object *object)
{
    if (!is_stored(object)) {
        return false;
    }
    if (encoder->kind->custom == NULL) {
        return api_encoder_is_splice(encoder);
    }
    struct model_form form = open_form(encoder);
    bool is_ok = is_current(&form, object);
    model_form_close(&form);
    return is_ok;
}

bool api_encoder_is_stored_bytes(const struct api_encoder *encoder,
                                 const struct registry_object *object)
{
    return encoder->accept.form == API_FORM_PLAIN && is_stored(object) &&
           encoder->version == &encoder->kind->versions[0] &&
           (encoder->kind->custom == NULL ||
            (object->kind == encoder->kind && can_splice(encoder, object)));
}

/* {"kind":"Pod","apiVersion":"v1", */
static void add_head(const struct api_encoder *encoder, const char *kind, struct ke_buf *out)
{
    ke_buf_addf(out, "{\"kind\":\"%s\",\"apiVersion\":\"", kind);
    model_version_format(encoder->version, out);
    ke_buf_add_c(out, "\",");
}

/* What follows kind and apiVersion, up to and with the closing brace. */
static struct ke_str behind_head(const struct registry_object *object)
{
    return ke_str_sub(object->json, object->head_len, object->json.len - object->head_len);
}

static bool is_stored_version(const struct api_encoder *encoder)
{
    return encoder->version == &encoder->kind->versions[0];
}

static enum ke_code parse(const struct registry_object *object, cJSON **out, struct ke_err *err)
{
    *out = registry_object_parse(object);
    if (*out == NULL) {
        return ke_fail(err, KE_NOMEM, "parse stored object");
    }
    hide_zero(object, *out);
    return KE_OK;
}

static enum ke_code encode_plain(const struct api_encoder *encoder,
                                 const struct registry_object *object, struct ke_buf *out,
                                 struct ke_err *err)
{
    if (encoder->kind->custom == NULL && is_stored_version(encoder) && is_stored(object)) {
        ke_buf_add_str(out, object->json);
        return KE_OK;
    }
    if (can_splice(encoder, object)) {
        add_head(encoder, encoder->kind->kind, out);
        ke_buf_add_str(out, behind_head(object));
        return KE_OK;
    }
    ke_auto_json *json = NULL;
    enum ke_code rc = view(encoder, object, &json, err);
    if (rc == KE_OK) {
        ke_json_print(json, out);
    }
    return rc;
}

static void add_partial(const struct api_encoder *encoder, const cJSON *json, struct ke_buf *out)
{
    ke_buf_addf(out,
                "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/%s\","
                "\"metadata\":",
                encoder->accept.version);
    const cJSON *metadata = ke_json_get(json, "metadata");
    if (metadata != NULL) {
        ke_json_print(metadata, out);
    } else {
        ke_buf_add_c(out, "{}");
    }
    ke_buf_add_char(out, '}');
}

static void add_cells(const struct api_encoder *encoder, const cJSON *json, struct ke_buf *out)
{
    struct model_form form = open_form(encoder);
    if (form.custom != NULL) {
        api_table_print_custom_cells(form.custom, json, encoder->now_s, out);
    } else {
        api_table_print_cells(api_table_of(encoder->kind), json, encoder->now_s, out);
    }
    model_form_close(&form);
}

static void add_columns(const struct api_encoder *encoder, struct ke_buf *out)
{
    struct model_form form = open_form(encoder);
    if (form.custom != NULL) {
        api_table_print_custom_columns(form.custom, out);
    } else {
        api_table_print_columns(api_table_of(encoder->kind), out);
    }
    model_form_close(&form);
}

static enum ke_code add_row(const struct api_encoder *encoder, const struct registry_object *object,
                            struct ke_buf *out, struct ke_err *err)
{
    ke_auto_json *json = NULL;
    enum ke_code rc = encoder->kind->custom != NULL ? view(encoder, object, &json, err)
                                                    : parse(object, &json, err);
    if (rc != KE_OK) {
        return rc;
    }
    ke_buf_add_c(out, "{\"cells\":[");
    add_cells(encoder, json, out);
    ke_buf_add_c(out, "],\"object\":");
    if (encoder->include == API_INCLUDE_METADATA) {
        add_partial(encoder, json, out);
    } else if (encoder->include == API_INCLUDE_NONE) {
        ke_buf_add_c(out, "null");
    } else {
        rc = encode_plain(encoder, object, out, err);
    }
    ke_buf_add_char(out, '}');
    return rc;
}

static void add_table_head(const struct api_encoder *encoder, const struct api_list_meta *meta,
                           bool with_columns, struct ke_buf *out)
{
    ke_buf_addf(out,
                "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/%s\",\"metadata\":"
                "{\"resourceVersion\":\"%" PRId64 "\"",
                encoder->accept.version, meta->revision);
    if (meta->continue_token != NULL) {
        ke_buf_addf(out, ",\"continue\":\"%s\"", meta->continue_token);
    }
    if (meta->continue_token != NULL && meta->n_remaining >= 0) {
        ke_buf_addf(out, ",\"remainingItemCount\":%" PRId64, meta->n_remaining);
    }
    ke_buf_add_c(out, "},\"columnDefinitions\":");
    if (with_columns) {
        add_columns(encoder, out);
    } else {
        ke_buf_add_c(out, "[]");
    }
    ke_buf_add_c(out, ",\"rows\":[");
}

enum ke_code api_encode_object(const struct api_encoder *encoder,
                               const struct registry_object *object, bool with_columns,
                               struct ke_buf *out, struct ke_err *err)
{
    if (encoder->accept.form == API_FORM_TABLE) {
        struct api_list_meta meta = { .revision = object->revision };
        add_table_head(encoder, &meta, with_columns, out);
        enum ke_code rc = add_row(encoder, object, out, err);
        ke_buf_add_c(out, "]}");
        return rc;
    }
    if (encoder->accept.form == API_FORM_PARTIAL) {
        ke_auto_json *json = NULL;
        enum ke_code rc = parse(object, &json, err);
        if (rc == KE_OK) {
            add_partial(encoder, json, out);
        }
        return rc;
    }
    return encode_plain(encoder, object, out, err);
}

/* A list's element has no kind and apiVersion of its own. */
static enum ke_code encode_plain_item(const struct api_encoder *encoder,
                                      const struct registry_object *object, struct ke_buf *out,
                                      struct ke_err *err)
{
    if (can_splice(encoder, object)) {
        ke_buf_add_char(out, '{');
        ke_buf_add_str(out, behind_head(object));
        return KE_OK;
    }
    ke_auto_json *json = NULL;
    enum ke_code rc = view(encoder, object, &json, err);
    if (rc == KE_OK) {
        ke_json_del(json, "kind");
        ke_json_del(json, "apiVersion");
        ke_json_print(json, out);
    }
    return rc;
}

enum ke_code api_encode_item(const struct api_encoder *encoder,
                             const struct registry_object *object, struct ke_buf *out,
                             struct ke_err *err)
{
    if (encoder->accept.form == API_FORM_TABLE) {
        return add_row(encoder, object, out, err);
    }
    if (encoder->accept.form == API_FORM_PARTIAL) {
        return api_encode_object(encoder, object, false, out, err);
    }
    return encode_plain_item(encoder, object, out, err);
}

void api_encode_list_head(const struct api_encoder *encoder, const struct api_list_meta *meta,
                          struct ke_buf *out)
{
    if (encoder->accept.form == API_FORM_TABLE) {
        add_table_head(encoder, meta, true, out);
        return;
    }
    if (encoder->accept.form == API_FORM_PARTIAL) {
        ke_buf_addf(out,
                    "{\"kind\":\"PartialObjectMetadataList\",\"apiVersion\":\"meta.k8s.io/%s\",",
                    encoder->accept.version);
    } else {
        add_head(encoder, encoder->kind->list_kind, out);
    }
    ke_buf_addf(out, "\"metadata\":{\"resourceVersion\":\"%" PRId64 "\"", meta->revision);
    if (meta->continue_token != NULL) {
        ke_buf_addf(out, ",\"continue\":\"%s\"", meta->continue_token);
    }
    if (meta->continue_token != NULL && meta->n_remaining >= 0) {
        ke_buf_addf(out, ",\"remainingItemCount\":%" PRId64, meta->n_remaining);
    }
    ke_buf_add_c(out, "},\"items\":[");
}

void api_encode_list_tail(const struct api_encoder *encoder, struct ke_buf *out)
{
    (void)encoder;
    ke_buf_add_c(out, "]}\n");
}

static void add_bookmark_meta(int64_t revision, bool is_initial_end, struct ke_buf *out)
{
    ke_buf_addf(out,
                "\"metadata\":{\"resourceVersion\":\"%" PRId64 "\",\"creationTimestamp\":null%s}}",
                revision,
                is_initial_end ? ",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}" : "");
}

static void add_partial_head(const struct api_encoder *encoder, struct ke_buf *out)
{
    ke_buf_addf(out, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/%s\",",
                encoder->accept.version);
}

static void add_bookmark_row(const struct api_encoder *encoder, int64_t revision,
                             struct ke_buf *out)
{
    ke_auto_json *nothing = cJSON_CreateObject();
    ke_buf_add_c(out, "{\"cells\":[");
    if (nothing != NULL) {
        api_table_print_cells(api_table_of(encoder->kind), nothing, encoder->now_s, out);
    }
    ke_buf_add_c(out, "],\"object\":");
    if (encoder->include == API_INCLUDE_NONE) {
        ke_buf_add_c(out, "null}");
        return;
    }
    if (encoder->include == API_INCLUDE_METADATA) {
        add_partial_head(encoder, out);
    } else {
        add_head(encoder, encoder->kind->kind, out);
    }
    add_bookmark_meta(revision, true, out);
    ke_buf_add_char(out, '}');
}

static void add_bookmark(const struct api_encoder *encoder, int64_t revision, bool is_initial_end,
                         struct ke_buf *out)
{
    if (encoder->accept.form == API_FORM_TABLE) {
        struct api_list_meta meta = { .revision = revision };
        add_table_head(encoder, &meta, false, out);
        if (is_initial_end) {
            add_bookmark_row(encoder, revision, out);
        }
        ke_buf_add_c(out, "]}");
        return;
    }
    if (encoder->accept.form == API_FORM_PARTIAL) {
        add_partial_head(encoder, out);
    } else {
        add_head(encoder, encoder->kind->kind, out);
    }
    add_bookmark_meta(revision, is_initial_end, out);
}

void api_encode_bookmark(const struct api_encoder *encoder, int64_t revision, struct ke_buf *out)
{
    add_bookmark(encoder, revision, false, out);
}

void api_encode_initial_end(const struct api_encoder *encoder, int64_t revision, struct ke_buf *out)
{
    add_bookmark(encoder, revision, true, out);
}
