/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes request bodies. Pure.
 */
#include "core/api/body.h"

#include "core/api/negotiate.h"
#include "core/base/json.h"
#include "core/model/schema.h"
#include "core/model/yaml.h"

#define SHOWN_BYTES 64 /* of a body that cannot be read */

enum format { FORMAT_JSON, FORMAT_YAML, FORMAT_PROTOBUF, FORMAT_OTHER };

/* Without a type a body is JSON, as for upstream. */
static enum format body_format(struct ke_str content_type)
{
    struct ke_str type = api_media_type(content_type);
    if (type.len == 0 || ke_str_eq_nocase(type, KE_STR("application/json"))) {
        return FORMAT_JSON;
    }
    if (ke_str_eq_nocase(type, KE_STR("application/yaml"))) {
        return FORMAT_YAML;
    }
    if (ke_str_eq_nocase(type, KE_STR("application/vnd.kubernetes.protobuf"))) {
        return FORMAT_PROTOBUF;
    }
    return FORMAT_OTHER;
}

static enum ke_code unrecognized(struct ke_str body, const char *kind, const struct ke_err *why,
                                 struct ke_err *err)
{
    struct ke_str shown = ke_str_sub(body, 0, body.len < SHOWN_BYTES ? body.len : SHOWN_BYTES);
    return ke_fail(err, KE_MALFORMED,
                   "the object provided is unrecognized (must be of type %s): couldn't get "
                   "version/kind; json parse error: %.200s (%.*s)",
                   kind, why->msg, KE_STR_ARG(shown));
}

static enum ke_code parse_text(enum format format, struct ke_str body, const char *kind,
                               struct ke_buf *duplicates, cJSON **out, struct ke_err *err)
{
    struct ke_err why;
    cJSON *json = NULL;
    enum ke_code rc = format == FORMAT_YAML ? model_yaml_parse(body, &json, duplicates, &why)
                                            : ke_json_parse(body, &json, &why);
    if (rc == KE_OK && !cJSON_IsObject(json)) {
        cJSON_Delete(json);
        rc = ke_fail(&why, KE_MALFORMED, "cannot unmarshal into an object");
    }
    if (rc == KE_MALFORMED) {
        return unrecognized(body, kind, &why, err);
    }
    if (rc != KE_OK) {
        *err = why;
        return rc;
    }
    *out = json;
    return KE_OK;
}

static enum ke_code decode(enum format format, struct ke_str body,
                           const struct model_message *message, const char *kind,
                           struct ke_buf *duplicates, cJSON **out, struct ke_err *err)
{
    if (format == FORMAT_PROTOBUF) {
        return model_protobuf_decode(body, message, out, err);
    }
    return parse_text(format, body, kind, duplicates, out, err);
}

enum api_body_error api_body_object(struct ke_str content_type, struct ke_str body,
                                    const struct model_kind *kind,
                                    const struct model_version *version, struct ke_buf *duplicates,
                                    cJSON **out, struct ke_err *err)
{
    enum format format = body_format(content_type);
    bool is_unreadable = format == FORMAT_PROTOBUF && kind->custom != NULL; /* has no numbers */
    if (format == FORMAT_OTHER || is_unreadable) {
        return API_BODY_UNSUPPORTED;
    }
    const struct model_message *message = model_schema_find(ke_str_c(version->message));
    enum ke_code rc = decode(format, body, message, kind->kind, duplicates, out, err);
    return rc == KE_OK ? API_BODY_OK : API_BODY_BAD;
}

enum api_body_error api_body_delete_options(struct ke_str content_type, struct ke_str body,
                                            cJSON **out, struct ke_err *err)
{
    *out = NULL;
    if (body.len == 0) {
        return API_BODY_OK;
    }
    enum format format = body_format(content_type);
    if (format == FORMAT_OTHER) {
        return API_BODY_UNSUPPORTED;
    }
    cJSON *json = NULL;
    const struct model_message *message = model_schema_find(KE_STR("meta.v1.DeleteOptions"));
    if (decode(format, body, message, "DeleteOptions", NULL, &json, err) != KE_OK) {
        return API_BODY_BAD;
    }
    struct ke_str kind = ke_json_str(json, "kind");
    if (kind.len > 0 && !ke_str_eq_c(kind, "DeleteOptions")) {
        (void)ke_fail(err, KE_MALFORMED, "expected DeleteOptions, got %.*s", KE_STR_ARG(kind));
        cJSON_Delete(json);
        return API_BODY_BAD;
    }
    *out = json;
    return API_BODY_OK;
}

enum api_body_error api_body_patch(struct ke_str content_type, struct ke_str body,
                                   struct ke_buf *duplicates, cJSON **out,
                                   enum resource_patch *out_type, struct ke_err *err)
{
    struct ke_str type = api_media_type(content_type);
    if (ke_str_eq_c(type, "application/json-patch+json")) {
        *out_type = RESOURCE_PATCH_JSON;
    } else if (ke_str_eq_c(type, "application/merge-patch+json")) {
        *out_type = RESOURCE_PATCH_MERGE;
    } else if (ke_str_eq_c(type, "application/strategic-merge-patch+json")) {
        *out_type = RESOURCE_PATCH_STRATEGIC;
    } else if (ke_str_eq_c(type, "application/apply-patch+yaml")) {
        *out_type = RESOURCE_PATCH_APPLY;
    } else {
        return API_BODY_UNSUPPORTED;
    }
    struct ke_err why;
    enum ke_code rc = *out_type == RESOURCE_PATCH_APPLY
                          ? model_yaml_parse(body, out, duplicates, &why)
                          : ke_json_parse(body, out, &why);
    if (rc == KE_OK) {
        return API_BODY_OK;
    }
    if (rc == KE_MALFORMED) {
        (void)ke_fail(err, rc, "error decoding patch: %s", why.msg);
    } else {
        *err = why;
    }
    return API_BODY_BAD;
}
