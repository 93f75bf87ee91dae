/* SPDX-License-Identifier: Apache-2.0 */
/* New P-256 keys, and the digest. Any thread. */
#include "core/base/limits.h"
#include "core/net/tls/mbed.h"
#include "core/net/tls/x509.h"

enum { KEY_PEM_BYTES = 512 }; /* a P-256 key in PEM takes 228 */

enum ke_code x509_key_new(struct ke_buf *out_key_pem, struct ke_err *err)
{
    if (!mbed_start())
        return ke_fail(err, KE_IO, "start the crypto library");
    mbedtls_pk_context key;
    mbedtls_pk_init(&key);
    unsigned char pem[KEY_PEM_BYTES];
    int ret = mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
    if (ret == 0)
        ret = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key), mbed_random, NULL);
    if (ret == 0)
        ret = mbedtls_pk_write_key_pem(&key, pem, sizeof(pem));
    mbedtls_pk_free(&key);
    if (ret != 0)
        return mbed_fail(err, KE_IO, ret, "make a key");
    ke_buf_add_c(out_key_pem, (const char *)pem);
    explicit_bzero(pem, sizeof(pem));
    return ke_buf_check(out_key_pem, "key", err);
}

void sha256(const void *ptr, size_t len, uint8_t out[SHA256_BYTES])
{
    KE_ASSERT(mbed_sha256(ptr, len, out) == 0); /* software, no allocation: cannot fail */
}

void sha1(const void *ptr, size_t len, uint8_t out[SHA1_BYTES])
{
    KE_ASSERT(mbed_sha1(ptr, len, out) == 0); /* as sha256 */
}
