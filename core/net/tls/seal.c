/* SPDX-License-Identifier: Apache-2.0 */
/* See seal.h. */
#include "core/net/tls/seal.h"

#include <mbedtls/gcm.h>
#include <mbedtls/platform_util.h>

#include "core/base/rand.h"
#include "core/net/tls/mbed.h"

#define KEY_BITS    (8 * TLS_SEAL_KEY_BYTES)
#define NONCE_BYTES 12
#define TAG_BYTES   16

static const unsigned char *bytes_of(struct ke_str s)
{
    return (const unsigned char *)(s.ptr != NULL ? s.ptr : "");
}

enum ke_code tls_seal(const uint8_t key[TLS_SEAL_KEY_BYTES], struct ke_str with,
                      struct ke_str plain, struct ke_buf *out, struct ke_err *err)
{
    unsigned char *nonce = ke_buf_reserve(out, NONCE_BYTES + plain.len + TAG_BYTES);
    if (nonce == NULL)
        return ke_buf_check(out, "sealed value", err);
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    ke_rand_secure(nonce, NONCE_BYTES);
    int rc = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, KEY_BITS);
    if (rc == 0) {
        rc = mbedtls_gcm_crypt_and_tag(
            &gcm, MBEDTLS_GCM_ENCRYPT, plain.len, nonce, NONCE_BYTES, bytes_of(with), with.len,
            bytes_of(plain), nonce + NONCE_BYTES, TAG_BYTES, nonce + NONCE_BYTES + plain.len);
    }
    mbedtls_gcm_free(&gcm);
    if (rc != 0)
        return mbed_fail(err, KE_BUG, rc, "seal a value");
    out->len += NONCE_BYTES + plain.len + TAG_BYTES;
    return KE_OK;
}

enum ke_code tls_unseal(const uint8_t key[TLS_SEAL_KEY_BYTES], struct ke_str with,
                        struct ke_str sealed, struct ke_buf *out, struct ke_err *err)
{
    if (sealed.len < NONCE_BYTES + TAG_BYTES)
        return ke_fail(err, KE_MALFORMED, "a sealed value is too short");
    size_t len = sealed.len - NONCE_BYTES - TAG_BYTES;
    const unsigned char *nonce = bytes_of(sealed);
    const unsigned char *tag = nonce + NONCE_BYTES + len;
    unsigned char *plain = ke_buf_reserve(out, len);
    if (plain == NULL)
        return ke_buf_check(out, "opened value", err);
    mbedtls_gcm_context gcm;
    mbedtls_gcm_init(&gcm);
    int rc = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, KEY_BITS);
    if (rc == 0)
        rc = mbedtls_gcm_auth_decrypt(&gcm, len, nonce, NONCE_BYTES, bytes_of(with), with.len, tag,
                                      TAG_BYTES, nonce + NONCE_BYTES, plain);
    mbedtls_gcm_free(&gcm);
    if (rc != 0)
        return mbed_fail(err, KE_MALFORMED, rc, "open a sealed value");
    out->len += len;
    return KE_OK;
}

void tls_wipe(void *ptr, size_t len)
{
    mbedtls_platform_zeroize(ptr, len);
}
