/* SPDX-License-Identifier: Apache-2.0 */
/* See token.h. */
#include "core/resource/token.h"

#include "core/base/json.h"
#include "core/base/limits.h"

#define TOKEN_JSON_MAX (2 * LIMIT_KEY_BYTES)
#define TOKEN_VERSION  "meta.k8s.io/v1"

void resource_token_encode(struct ke_str prefix, struct ke_str last_key, int64_t revision,
                           struct ke_buf *out)
{
    ke_auto_buf json = KE_BUF_INIT(TOKEN_JSON_MAX);
    struct ke_str start = last_key;
    (void)ke_str_cut_prefix(&start, prefix);
    ke_buf_add_c(&json, "{\"v\":\"" TOKEN_VERSION "\",\"rv\":");
    ke_buf_add_i64(&json, revision);
    ke_buf_add_c(&json, ",\"start\":");
    ke_buf_add_json_str(&json, start);
    if (json.failed == KE_OK)
        json.len--; /* the quote: the key goes on with a NUL */
    ke_buf_add_c(&json, "\\u0000\"}");
    if (json.failed == KE_OK)
        ke_buf_add_base64url(out, json.ptr, json.len);
    else
        out->failed = json.failed;
}

/* cJSON ends strings at a NUL: the escaped one at the end is cut off before parsing. */
static bool cut_nul(struct ke_buf *json)
{
    const struct ke_str end = KE_STR("\\u0000\"}");
    if (!ke_str_has_suffix(ke_buf_str(json), end))
        return false;
    json->len -= end.len;
    ke_buf_add_c(json, "\"}");
    return json->failed == KE_OK;
}

/* Nothing in a key leads elsewhere. */
static bool is_clean(struct ke_str start)
{
    if (start.len == 0 || start.ptr[0] == '/')
        return false;
    struct ke_str rest = start;
    struct ke_str part;
    while (ke_str_split(&rest, '/', &part)) {
        if (part.len == 0 || ke_str_eq_c(part, ".") || ke_str_eq_c(part, ".."))
            return false;
    }
    return true;
}

static enum ke_code read_token(const cJSON *object, struct ke_str prefix,
                               struct resource_token *out, struct ke_err *err)
{
    struct ke_str version = ke_json_str(object, "v");
    if (!ke_str_eq_c(version, TOKEN_VERSION)) {
        return ke_fail(
            err, KE_MALFORMED,
            "invalid continue token: continue key is not valid: server does not recognize this encoded version "
            "\"%.*s\"",
            KE_STR_ARG(version));
    }
    out->revision = ke_json_i64(object, "rv", 0);
    if (out->revision == 0) {
        return ke_fail(
            err, KE_MALFORMED,
            "invalid continue token: continue key is not valid: incorrect encoded start resourceVersion "
            "(version " TOKEN_VERSION ")");
    }
    struct ke_str start = ke_json_str(object, "start");
    if (!is_clean(start)) {
        return ke_fail(
            err, KE_MALFORMED,
            "invalid continue token: continue key is not valid: encoded start key is not within the list");
    }
    ke_buf_add_str(&out->start_key, prefix);
    ke_buf_add_str(&out->start_key, start);
    return ke_buf_check(&out->start_key, "continue key", err);
}

enum ke_code resource_token_decode(struct ke_str token, struct ke_str prefix,
                                   struct resource_token *out, struct ke_err *err)
{
    ke_auto_buf json = KE_BUF_INIT(TOKEN_JSON_MAX);
    out->start_key = (struct ke_buf)KE_BUF_INIT(LIMIT_KEY_BYTES);
    struct ke_err why = KE_ERR_INIT;
    if (ke_base64_decode(token, &json, &why) != KE_OK)
        return ke_fail(err, KE_MALFORMED, "invalid continue token: continue key is not valid: %s",
                       why.msg);
    bool has_nul = cut_nul(&json);
    ke_auto_json *object = NULL;
    if (ke_json_parse(ke_buf_str(&json), &object, &why) != KE_OK)
        return ke_fail(err, why.code == KE_NOMEM ? KE_NOMEM : KE_MALFORMED,
                       "invalid continue token: continue key is not valid: %s", why.msg);
    if (!has_nul) {
        return ke_fail(
            err, KE_MALFORMED,
            "invalid continue token: continue key is not valid: encoded start key has no end");
    }
    enum ke_code rc = read_token(object, prefix, out, err);
    if (rc != KE_OK)
        ke_buf_free(&out->start_key);
    return rc;
}
