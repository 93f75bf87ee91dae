/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets: stringData is a way to write data and never stored; the known types say which keys they
 * need. Source: Kubernetes apis/core/validation, apis/core/v1/conversion. Pure; any thread.
 */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kinds/data.h"
#include "core/model/kinds/kinds.h"
#include "core/model/names.h"
#include "core/model/values.h"

static bool fold_one(cJSON *data, const char *key, struct ke_str text)
{
    ke_auto_buf encoded = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES * 2);
    ke_buf_add_base64(&encoded, text.ptr, text.len);
    if (encoded.failed != KE_OK)
        return false;
    return ke_json_set_str(data, key, ke_buf_str(&encoded));
}

static bool set_defaults(cJSON *object)
{
    if (!model_default_str(object, "type", "Opaque"))
        return false;
    cJSON *strings = ke_json_get_mut(object, "stringData");
    if (strings == NULL)
        return true;
    cJSON *data = strings->child != NULL ? ke_json_need_object(object, "data") : NULL;
    if (data == NULL && strings->child != NULL)
        return false;
    const cJSON *item;
    cJSON_ArrayForEach(item, strings) {
        if (!fold_one(data, item->string, ke_json_value_str(item)))
            return false;
    }
    ke_json_del(object, "stringData");
    return true;
}

static void require_key(const cJSON *data, const char *key, struct model_issues *issues)
{
    struct model_path root = model_path_root("data");
    if (ke_json_get(data, key) == NULL)
        model_report_required(issues, model_path_key(&root, ke_str_c(key)), "");
}

/* The content of key is a JSON object, however encoded. */
static void check_json(const cJSON *data, const char *key, struct model_issues *issues)
{
    require_key(data, key, issues);
    const cJSON *value = ke_json_get(data, key);
    if (value == NULL)
        return;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    ke_auto_json *parsed = NULL;
    enum ke_code rc = ke_base64_decode(ke_json_value_str(value), &text, &err);
    if (rc == KE_OK)
        rc = ke_json_parse(ke_buf_str(&text), &parsed, &err);
    if (rc == KE_OK && !cJSON_IsObject(parsed))
        rc = ke_fail(&err, KE_MALFORMED, "json: cannot unmarshal into a map");
    if (rc == KE_OK)
        return;
    struct model_path root = model_path_root("data");
    model_report_invalid(issues, model_path_key(&root, ke_str_c(key)),
                         KE_STR("<secret contents redacted>"), err.msg);
}

static void check_token(const cJSON *object, struct model_issues *issues)
{
    static const char key[] = "kubernetes.io/service-account.name";
    const cJSON *annotations = ke_json_path(object, "metadata.annotations");
    if (!model_is_unset(annotations, key))
        return;
    struct model_path meta = model_path_root("metadata");
    struct model_path at = model_path_child(&meta, "annotations");
    model_report_required(issues, model_path_key(&at, ke_str_c(key)), "");
}

static void check_type(const cJSON *object, struct model_issues *issues)
{
    struct ke_str type = ke_json_str(object, "type");
    const cJSON *data = ke_json_get(object, "data");
    if (ke_str_eq_c(type, "kubernetes.io/service-account-token")) {
        check_token(object, issues);
    } else if (ke_str_eq_c(type, "kubernetes.io/dockercfg")) {
        check_json(data, ".dockercfg", issues);
    } else if (ke_str_eq_c(type, "kubernetes.io/dockerconfigjson")) {
        check_json(data, ".dockerconfigjson", issues);
    } else if (ke_str_eq_c(type, "kubernetes.io/basic-auth")) {
        /* One of the two is enough. */
        if (ke_json_get(data, "username") == NULL && ke_json_get(data, "password") == NULL) {
            require_key(data, "username", issues);
            require_key(data, "password", issues);
        }
    } else if (ke_str_eq_c(type, "kubernetes.io/ssh-auth")) {
        if (model_is_unset(data, "ssh-privatekey")) {
            struct model_path root = model_path_root("data");
            model_report_required(issues, model_path_key(&root, KE_STR("ssh-privatekey")), "");
        }
    } else if (ke_str_eq_c(type, "kubernetes.io/tls")) {
        require_key(data, "tls.crt", issues);
        require_key(data, "tls.key", issues);
    }
}

static void validate(const cJSON *object, const cJSON *old, struct model_issues *issues)
{
    static const char *const members[] = { "data", NULL };
    if (old != NULL) {
        if (!model_same_member(object, old, "type")) {
            model_report_invalid(issues, model_path_root("type"), ke_json_str(object, "type"),
                                 "field is immutable");
        }
        data_validate_immutable(object, old, members, issues);
    }
    struct model_path root = model_path_root("data");
    size_t total = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, ke_json_get(object, "data")) {
        struct ke_str key = ke_str_c(item->string);
        (void)model_check_name(issues, model_path_key(&root, key), key, model_name_config_key);
        total += data_decoded_len(ke_json_value_str(item));
    }
    if (total > LIMIT_DATA_BYTES)
        model_report_too_long(issues, root, LIMIT_DATA_BYTES);
    check_type(object, issues);
}

static const struct model_selectable fields[] = {
    { "type", NULL, NULL },
    { NULL, NULL, NULL },
};

const struct model_kind model_kind_secret = {
    .id = MODEL_SECRET,
    .kind = "Secret",
    .list_kind = "SecretList",
    .plural = "secrets",
    .singular = "secret",
    .prefix = "/registry/secrets/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .is_namespaced = true,
    .can_update_unconditionally = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "", .version = "v1", .message = "core.v1.Secret" },
    },
    .fields = fields,
    .set_defaults = set_defaults,
    .validate = validate,
};
