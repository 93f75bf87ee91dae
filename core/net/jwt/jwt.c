/* SPDX-License-Identifier: Apache-2.0 */
/* Reading, checking and writing compact tokens. Pure; any thread. */
#include "core/net/jwt/jwt.h"

#include "core/base/limits.h"

#define KEY_ID_MAX_BYTES 256

/*
 * Only one spelling of the bytes is taken: the library's decoder also takes padding, both alphabets
 * and spare bits, by which one token would have many forms. So what it read is written again.
 */
static enum ke_code decode(struct ke_str part, const char *what, struct ke_buf *out,
                           struct ke_err *err)
{
    ke_auto_buf again = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    enum ke_code rc = ke_base64_decode(part, out, err);
    if (rc == KE_MALFORMED)
        return ke_fail(err, KE_MALFORMED, "token: its %s is not base64url", what);
    if (rc != KE_OK)
        return rc;
    ke_buf_add_base64url(&again, out->ptr, out->len);
    rc = ke_buf_check(&again, what, err);
    if (rc == KE_OK && !ke_str_eq(ke_buf_str(&again), part))
        return ke_fail(err, KE_MALFORMED, "token: its %s is not base64url", what);
    return rc;
}

static size_t count_members(const cJSON *value)
{
    size_t n = 0;
    for (const cJSON *it = value->child; it != NULL; it = it->next)
        n += (cJSON_IsObject(value) ? 1 : 0) + count_members(it);
    return n;
}

/* Colons outside of strings: of valid JSON, one a member. */
static size_t count_colons(struct ke_str text)
{
    size_t n = 0;
    bool is_string = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (is_string && c == '\\')
            i++;
        else if (c == '"')
            is_string = !is_string;
        else if (c == ':' && !is_string)
            n++;
    }
    return n;
}

/* An object in which no member comes twice (the parser keeps the last of them). */
static enum ke_code parse_object(struct ke_str text, const char *what, cJSON **out,
                                 struct ke_err *err)
{
    ke_auto_json *json = NULL;
    enum ke_code rc = ke_json_parse(text, &json, err);
    if (rc == KE_NOMEM)
        return rc;
    if (rc != KE_OK || !cJSON_IsObject(json))
        return ke_fail(err, KE_MALFORMED, "token: its %s is not a JSON object", what);
    if (count_members(json) != count_colons(text))
        return ke_fail(err, KE_MALFORMED, "token: its %s has a member twice", what);
    *out = KE_TAKE(json);
    return KE_OK;
}

static enum ke_code read_header(struct jwt *jwt, struct ke_err *err)
{
    ke_auto_json *header = NULL;
    enum ke_code rc = parse_object(ke_buf_str(&jwt->header), "header", &header, err);
    if (rc != KE_OK)
        return rc;
    struct ke_str alg = ke_json_str(header, "alg");
    if (ke_str_eq_c(alg, jws_alg_name(JWS_ES256)))
        jwt->alg = JWS_ES256;
    else if (ke_str_eq_c(alg, jws_alg_name(JWS_RS256)))
        jwt->alg = JWS_RS256;
    else
        return ke_fail(err, KE_MALFORMED, "token: its algorithm is not served");
    /* No extension is understood, and those of a header that must be are named in crit. */
    if (ke_json_get(header, "crit") != NULL || ke_json_get(header, "b64") != NULL ||
        ke_json_get(header, "zip") != NULL)
        return ke_fail(err, KE_MALFORMED, "token: its header has an extension");
    const cJSON *kid = ke_json_get(header, "kid");
    if (kid == NULL)
        return KE_OK;
    struct ke_str text = ke_json_value_str(kid);
    if (!cJSON_IsString(kid) || text.len == 0 || text.len > KEY_ID_MAX_BYTES)
        return ke_fail(err, KE_MALFORMED, "token: its key has no good name");
    /* The bytes of the header are no longer needed: they keep the name. */
    ke_buf_clear(&jwt->header);
    ke_buf_add_str(&jwt->header, text);
    jwt->key_id = ke_buf_str(&jwt->header);
    return ke_buf_check(&jwt->header, "token", err);
}

static enum ke_code read_signature(struct jwt *jwt, struct ke_str part, struct ke_err *err)
{
    struct ke_buf bytes = KE_BUF_FIXED((char *)jwt->signature_bytes, sizeof(jwt->signature_bytes));
    enum ke_code rc = decode(part, "signature", &bytes, err);
    jwt->signature = ke_buf_str(&bytes);
    if (rc == KE_OK && bytes.len == 0)
        return ke_fail(err, KE_MALFORMED, "token: not signed");
    return rc;
}

static enum ke_code parse(struct jwt *jwt, struct ke_str token, struct ke_err *err)
{
    struct ke_str parts[3];
    struct ke_str rest = token;
    for (size_t i = 0; i < KE_ARRAY_LEN(parts); i++) {
        if (!ke_str_split(&rest, '.', &parts[i]))
            return ke_fail(err, KE_MALFORMED, "token: not three parts");
    }
    if (rest.ptr != NULL)
        return ke_fail(err, KE_MALFORMED, "token: not three parts");
    jwt->text = ke_str_sub(token, 0, parts[0].len + 1 + parts[1].len);
    enum ke_code rc = decode(parts[0], "header", &jwt->header, err);
    if (rc == KE_OK)
        rc = read_header(jwt, err);
    if (rc == KE_OK)
        rc = read_signature(jwt, parts[2], err);
    if (rc != KE_OK)
        return rc;
    ke_auto_buf claims = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    rc = decode(parts[1], "claims", &claims, err);
    return rc == KE_OK ? parse_object(ke_buf_str(&claims), "claims", &jwt->claims, err) : rc;
}

enum ke_code jwt_parse(struct ke_str token, struct jwt *out, struct ke_err *err)
{
    *out = (struct jwt){ .header = KE_BUF_INIT(LIMIT_TOKEN_BYTES) };
    if (token.len > LIMIT_TOKEN_BYTES)
        return ke_fail(err, KE_TOO_LARGE, "token over %u bytes", LIMIT_TOKEN_BYTES);
    if (token.len == 0)
        return ke_fail(err, KE_MALFORMED, "token: empty");
    return parse(out, token, err);
}

void jwt_clear(struct jwt *jwt)
{
    ke_buf_free(&jwt->header);
    cJSON_Delete(jwt->claims);
    jwt->claims = NULL;
}

bool jwt_verify(const struct jwt *jwt, struct jws_key *key)
{
    /* Not the header decides how a key is used, but the key. */
    return jwt->alg == jws_key_alg(key) &&
           jws_key_verify(key, jwt->text,
                          ke_str_of((const char *)jwt->signature_bytes, jwt->signature.len));
}

enum ke_code jwt_sign(struct jws_key *key, struct ke_str claims, struct ke_buf *out,
                      struct ke_err *err)
{
    ke_auto_buf header = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    ke_auto_buf token = KE_BUF_INIT(LIMIT_TOKEN_BYTES);
    uint8_t signature[JWS_ES256_BYTES];
    ke_buf_addf(&header, "{\"alg\":\"%s\",\"kid\":\"%.*s\"}", jws_alg_name(jws_key_alg(key)),
                KE_STR_ARG(jws_key_id(key)));
    ke_buf_add_base64url(&token, header.ptr, header.len);
    ke_buf_add_char(&token, '.');
    ke_buf_add_base64url(&token, claims.ptr, claims.len);
    enum ke_code rc = ke_buf_check(&header, "token", err);
    if (rc == KE_OK)
        rc = ke_buf_check(&token, "token", err);
    if (rc == KE_OK)
        rc = jws_key_sign(key, ke_buf_str(&token), signature, err);
    if (rc != KE_OK)
        return rc;
    ke_buf_add_char(&token, '.');
    ke_buf_add_base64url(&token, signature, sizeof(signature));
    rc = ke_buf_check(&token, "token", err);
    if (rc != KE_OK)
        return rc;
    ke_buf_add_str(out, ke_buf_str(&token));
    return ke_buf_check(out, "token", err);
}
