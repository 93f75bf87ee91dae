/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures of tokens. JWS carries an ECDSA signature as r and s side by side, not as the DER that
 * the library's pk layer speaks: so the layer below it is used. Any thread.
 */
#include "core/net/tls/jws_key.h"

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/net/tls/mbed.h"
#include "core/net/tls/x509.h"

enum {
    COORDINATE_BYTES = 32,
    RSA_MIN_BITS = 2048,
    RSA_MAX_BITS = 8 * JWS_SIGNATURE_MAX_BYTES,
    SPKI_BYTES = 2048, /* RSA of 8192 bits takes 1062 */
    EXPONENT_BYTES = 8
};

struct jws_key {
    mbedtls_pk_context pk;
    enum jws_alg alg;
    bool can_sign;
    char id[JWS_KEY_ID_BYTES];
};

enum jws_alg jws_key_alg(const struct jws_key *key)
{
    return key->alg;
}

const char *jws_alg_name(enum jws_alg alg)
{
    return alg == JWS_ES256 ? "ES256" : "RS256";
}

bool jws_key_can_sign(const struct jws_key *key)
{
    return key->can_sign;
}

struct ke_str jws_key_id(const struct jws_key *key)
{
    return ke_str_of(key->id, sizeof(key->id));
}

void jws_key_free(struct jws_key *key)
{
    if (key == NULL)
        return;
    mbedtls_pk_free(&key->pk);
    free(key);
}

/* ---- signatures --------------------------------------------------------------------------------
 */

static int sign_raw(mbedtls_ecp_keypair *pair, const uint8_t hash[SHA256_BYTES],
                    uint8_t out[JWS_ES256_BYTES])
{
    mbedtls_mpi r;
    mbedtls_mpi s;
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&s);
    int ret =
        mbedtls_ecdsa_sign(&pair->grp, &r, &s, &pair->d, hash, SHA256_BYTES, mbed_random, NULL);
    if (ret == 0)
        ret = mbedtls_mpi_write_binary(&r, out, COORDINATE_BYTES);
    if (ret == 0)
        ret = mbedtls_mpi_write_binary(&s, out + COORDINATE_BYTES, COORDINATE_BYTES);
    mbedtls_mpi_free(&r);
    mbedtls_mpi_free(&s);
    return ret;
}

enum ke_code jws_key_sign(struct jws_key *key, struct ke_str text, uint8_t out[JWS_ES256_BYTES],
                          struct ke_err *err)
{
    if (!key->can_sign)
        return ke_fail(err, KE_INVALID, "the key cannot sign");
    uint8_t hash[SHA256_BYTES];
    sha256(text.ptr, text.len, hash);
    int ret = sign_raw(mbedtls_pk_ec(key->pk), hash, out);
    return ret == 0 ? KE_OK : mbed_fail(err, KE_NOMEM, ret, "sign a token");
}

static bool verify_raw(mbedtls_ecp_keypair *pair, const uint8_t hash[SHA256_BYTES],
                       const uint8_t signature[JWS_ES256_BYTES])
{
    mbedtls_mpi r;
    mbedtls_mpi s;
    mbedtls_mpi_init(&r);
    mbedtls_mpi_init(&s);
    bool is_good =
        mbedtls_mpi_read_binary(&r, signature, COORDINATE_BYTES) == 0 &&
        mbedtls_mpi_read_binary(&s, signature + COORDINATE_BYTES, COORDINATE_BYTES) == 0 &&
        mbedtls_ecdsa_verify(&pair->grp, hash, SHA256_BYTES, &pair->Q, &r, &s) == 0;
    mbedtls_mpi_free(&r);
    mbedtls_mpi_free(&s);
    return is_good;
}

bool jws_key_verify(struct jws_key *key, struct ke_str text, struct ke_str signature)
{
    uint8_t hash[SHA256_BYTES];
    const uint8_t *bytes = (const uint8_t *)signature.ptr;
    sha256(text.ptr, text.len, hash);
    if (key->alg == JWS_ES256)
        return signature.len == JWS_ES256_BYTES && verify_raw(mbedtls_pk_ec(key->pk), hash, bytes);
    return signature.len == mbedtls_pk_get_len(&key->pk) &&
           mbedtls_pk_verify(&key->pk, MBEDTLS_MD_SHA256, hash, sizeof(hash), bytes,
                             signature.len) == 0;
}

/* ---- keys --------------------------------------------------------------------------------------
 */

static bool is_private(struct ke_str pem)
{
    static const char mark[] = "PRIVATE KEY-----";
    return pem.len > 0 && memmem(pem.ptr, pem.len, mark, sizeof(mark) - 1) != NULL;
}

static enum ke_code choose_alg(struct jws_key *key, struct ke_err *err)
{
    size_t bits = mbedtls_pk_get_bitlen(&key->pk);
    const mbedtls_ecp_keypair *pair = mbedtls_pk_ec(key->pk);
    if (mbedtls_pk_can_do(&key->pk, MBEDTLS_PK_ECDSA) && pair != NULL &&
        pair->grp.id == MBEDTLS_ECP_DP_SECP256R1) {
        key->alg = JWS_ES256;
        return KE_OK;
    }
    if (mbedtls_pk_can_do(&key->pk, MBEDTLS_PK_RSA) && bits >= RSA_MIN_BITS &&
        bits <= RSA_MAX_BITS) {
        key->alg = JWS_RS256;
        key->can_sign = false;
        return KE_OK;
    }
    return ke_fail(err, KE_MALFORMED, "a key of tokens is P-256, or RSA of %d to %d bits",
                   RSA_MIN_BITS, RSA_MAX_BITS);
}

static enum ke_code make_id(struct jws_key *key, struct ke_err *err)
{
    unsigned char spki[SPKI_BYTES];
    int len = mbedtls_pk_write_pubkey_der(&key->pk, spki, sizeof(spki));
    if (len < 0)
        return mbed_fail(err, KE_MALFORMED, len, "public key");
    uint8_t hash[SHA256_BYTES];
    sha256(spki + sizeof(spki) - len, (size_t)len, hash);
    struct ke_buf id = KE_BUF_FIXED(key->id, sizeof(key->id));
    ke_buf_add_base64url(&id, hash, sizeof(hash));
    KE_ASSERT(id.failed == KE_OK && id.len == sizeof(key->id));
    return KE_OK;
}

/* Version 2.28 of the library keeps a table in the key at its first use: it is used here, before
 * threads share it. The signature is nobody's. */
static void warm_up(struct jws_key *key)
{
    const uint8_t nothing[JWS_ES256_BYTES] = { [COORDINATE_BYTES - 1] = 1,
                                               [JWS_ES256_BYTES - 1] = 1 };
    if (key->alg == JWS_ES256)
        (void)jws_key_verify(key, KE_STR(""), ke_str_of((const char *)nothing, sizeof(nothing)));
}

static enum ke_code load(struct jws_key *key, struct ke_str pem, struct ke_err *err)
{
    key->can_sign = is_private(pem);
    enum ke_code rc = key->can_sign ? mbed_parse_key(pem, &key->pk, err)
                                    : mbed_parse_public_key(pem, &key->pk, err);
    if (rc == KE_OK)
        rc = choose_alg(key, err);
    if (rc == KE_OK)
        rc = make_id(key, err);
    if (rc == KE_OK)
        warm_up(key);
    return rc;
}

enum ke_code jws_key_new(struct ke_str pem, struct jws_key **out, struct ke_err *err)
{
    if (!mbed_start())
        return ke_fail(err, KE_NOMEM, "start the crypto library");
    KE_AUTO(jws_key) *key = ke_alloc(sizeof(*key));
    if (key == NULL)
        return ke_fail(err, KE_NOMEM, "key of tokens");
    mbedtls_pk_init(&key->pk);
    enum ke_code rc = load(key, pem, err);
    if (rc == KE_OK)
        *out = KE_TAKE(key);
    return rc;
}

/* ---- printing ----------------------------------------------------------------------------------
 */

static void print_ec(const mbedtls_ecp_keypair *pair, struct ke_buf *out)
{
    uint8_t x[COORDINATE_BYTES];
    uint8_t y[COORDINATE_BYTES];
    KE_ASSERT(mbedtls_mpi_write_binary(&pair->Q.X, x, sizeof(x)) == 0 &&
              mbedtls_mpi_write_binary(&pair->Q.Y, y, sizeof(y)) == 0);
    ke_buf_add_c(out, ",\"crv\":\"P-256\",\"x\":\"");
    ke_buf_add_base64url(out, x, sizeof(x));
    ke_buf_add_c(out, "\",\"y\":\"");
    ke_buf_add_base64url(out, y, sizeof(y));
    ke_buf_add_c(out, "\"");
}

static void print_rsa(const mbedtls_rsa_context *rsa, struct ke_buf *out)
{
    uint8_t n[JWS_SIGNATURE_MAX_BYTES];
    uint8_t e[EXPONENT_BYTES];
    size_t len = mbedtls_rsa_get_len(rsa);
    if (mbedtls_rsa_export_raw(rsa, n, len, NULL, 0, NULL, 0, NULL, 0, e, sizeof(e)) != 0) {
        out->failed = KE_NOMEM;
        return;
    }
    size_t n_zeros = 0;
    while (n_zeros < sizeof(e) - 1 && e[n_zeros] == 0)
        n_zeros++;
    ke_buf_add_c(out, ",\"n\":\"");
    ke_buf_add_base64url(out, n, len);
    ke_buf_add_c(out, "\",\"e\":\"");
    ke_buf_add_base64url(out, e + n_zeros, sizeof(e) - n_zeros);
    ke_buf_add_c(out, "\"");
}

void jws_key_print_jwk(const struct jws_key *key, struct ke_buf *out)
{
    ke_buf_addf(out, "{\"use\":\"sig\",\"kty\":\"%s\",\"kid\":\"%.*s\",\"alg\":\"%s\"",
                key->alg == JWS_ES256 ? "EC" : "RSA", KE_STR_ARG(jws_key_id(key)),
                jws_alg_name(key->alg));
    if (key->alg == JWS_ES256)
        print_ec(mbedtls_pk_ec(key->pk), out);
    else
        print_rsa(mbedtls_pk_rsa(key->pk), out);
    ke_buf_add_char(out, '}');
}
