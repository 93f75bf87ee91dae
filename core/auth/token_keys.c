/* SPDX-License-Identifier: Apache-2.0 */
/* A set of keys: which one is asked, and how they are shown. Any thread. */
#include "core/auth/token_keys.h"

#include "core/base/mem.h"

struct token_keys {
    struct jws_key *items[TOKEN_KEYS_MAX]; /* the first signs */
    size_t n_items;
};

static enum ke_code add(struct token_keys *keys, struct ke_str pem, struct ke_err *err)
{
    struct jws_key *key = NULL;
    if (keys->n_items == TOKEN_KEYS_MAX)
        return ke_fail(err, KE_TOO_LARGE, "over %d keys of tokens", TOKEN_KEYS_MAX);
    enum ke_code rc = jws_key_new(pem, &key, err);
    if (rc != KE_OK)
        return rc;
    /* The same key twice would be two members of one name in the key set. */
    for (size_t i = 0; i < keys->n_items; i++) {
        if (ke_str_eq(jws_key_id(keys->items[i]), jws_key_id(key))) {
            jws_key_free(key);
            return KE_OK;
        }
    }
    keys->items[keys->n_items++] = key;
    return KE_OK;
}

enum ke_code token_keys_new(struct ke_str signing_pem, const struct ke_str *others, size_t n_others,
                            struct token_keys **out, struct ke_err *err)
{
    KE_AUTO(token_keys) *keys = ke_alloc(sizeof(*keys));
    if (keys == NULL)
        return ke_fail(err, KE_NOMEM, "keys of tokens");
    enum ke_code rc = add(keys, signing_pem, err);
    if (rc == KE_OK && !jws_key_can_sign(keys->items[0]))
        rc = ke_fail(err, KE_MALFORMED, "the key that signs tokens must be a private P-256 key");
    for (size_t i = 0; i < n_others && rc == KE_OK; i++)
        rc = add(keys, others[i], err);
    if (rc == KE_OK)
        *out = KE_TAKE(keys);
    return rc;
}

void token_keys_free(struct token_keys *keys)
{
    if (keys == NULL)
        return;
    for (size_t i = 0; i < keys->n_items; i++)
        jws_key_free(keys->items[i]);
    free(keys);
}

bool token_keys_verify(struct token_keys *keys, const struct jwt *jwt)
{
    for (size_t i = 0; i < keys->n_items; i++) {
        struct jws_key *key = keys->items[i];
        bool is_named = jwt->key_id.len == 0 || ke_str_eq(jwt->key_id, jws_key_id(key));
        if (is_named && jwt_verify(jwt, key))
            return true;
    }
    return false;
}

enum ke_code token_keys_sign(struct token_keys *keys, struct ke_str claims, struct ke_buf *out,
                             struct ke_err *err)
{
    return jwt_sign(keys->items[0], claims, out, err);
}

void token_keys_print_jwks(const struct token_keys *keys, struct ke_buf *out)
{
    ke_buf_add_c(out, "{\"keys\":[");
    for (size_t i = 0; i < keys->n_items; i++) {
        ke_buf_add_c(out, i > 0 ? "," : "");
        jws_key_print_jwk(keys->items[i], out);
    }
    ke_buf_add_c(out, "]}");
}

void token_keys_print_algs(const struct token_keys *keys, struct ke_buf *out)
{
    bool has[2] = { false, false };
    const char *comma = "";
    for (size_t i = 0; i < keys->n_items; i++) {
        enum jws_alg alg = jws_key_alg(keys->items[i]);
        if (has[alg])
            continue;
        has[alg] = true;
        ke_buf_addf(out, "%s\"%s\"", comma, jws_alg_name(alg));
        comma = ",";
    }
}
