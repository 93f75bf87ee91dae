/* SPDX-License-Identifier: Apache-2.0 */
/* Texts to objects and back, errors, extensions: what tls and x509 share. Any thread. */
#include "core/net/tls/mbed.h"

#include "core/base/buf.h"
#include "core/base/limits.h"

enum ke_code mbed_fail(struct ke_err *err, enum ke_code code, int ret, const char *what)
{
    char text[120] = "";
    mbedtls_strerror(ret, text, sizeof(text));
    bool is_nomem = ret == MBEDTLS_ERR_X509_ALLOC_FAILED || ret == MBEDTLS_ERR_PK_ALLOC_FAILED ||
                    ret == MBEDTLS_ERR_SSL_ALLOC_FAILED || ret == MBEDTLS_ERR_MPI_ALLOC_FAILED ||
                    ret == MBEDTLS_ERR_ECP_ALLOC_FAILED || ret == MBEDTLS_ERR_PEM_ALLOC_FAILED;
    return ke_fail(err, is_nomem ? KE_NOMEM : code, "%s: %s", what, text);
}

/* mbedTLS takes PEM only with its NUL. The copy may hold a private key: wiped before it is freed.
 */
static enum ke_code pem_copy(struct ke_str pem, const char *what, struct ke_buf *out,
                             struct ke_err *err)
{
    if (memchr(pem.ptr != NULL ? pem.ptr : "", '\0', pem.len) != NULL)
        return ke_fail(err, KE_MALFORMED, "%s: not PEM", what);
    ke_buf_add_str(out, pem);
    ke_buf_add_char(out, '\0');
    return ke_buf_check(out, what, err);
}

static void pem_wipe(struct ke_buf *buf)
{
    if (buf->ptr != NULL)
        explicit_bzero(buf->ptr, buf->cap);
}

enum ke_code mbed_parse_certs(struct ke_str pem, bool is_strict, mbedtls_x509_crt *out,
                              struct ke_err *err)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_PEM_BYTES);
    enum ke_code rc = pem_copy(pem, "certificate", &text, err);
    if (rc != KE_OK)
        return rc;
    int ret = mbedtls_x509_crt_parse(out, (unsigned char *)text.ptr, text.len);
    if (ret > 0 && is_strict)
        return ke_fail(err, KE_MALFORMED, "certificate: %d of the chain cannot be read", ret);
    if (ret < 0)
        return mbed_fail(err, KE_MALFORMED, ret, "certificate");
    return KE_OK;
}

enum ke_code mbed_parse_key(struct ke_str pem, mbedtls_pk_context *out, struct ke_err *err)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_PEM_BYTES);
    enum ke_code rc = pem_copy(pem, "private key", &text, err);
    if (rc != KE_OK)
        return rc;
    int ret = mbed_parse_private_key(out, (unsigned char *)text.ptr, text.len);
    pem_wipe(&text);
    return ret != 0 ? mbed_fail(err, KE_MALFORMED, ret, "private key") : KE_OK;
}

enum ke_code mbed_parse_public_key(struct ke_str pem, mbedtls_pk_context *out, struct ke_err *err)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_PEM_BYTES);
    enum ke_code rc = pem_copy(pem, "public key", &text, err);
    if (rc != KE_OK)
        return rc;
    int ret = mbedtls_pk_parse_public_key(out, (unsigned char *)text.ptr, text.len);
    return ret != 0 ? mbed_fail(err, KE_MALFORMED, ret, "public key") : KE_OK;
}

/* ---- extensions --------------------------------------------------------------------------------
 */

/* A value of this tag at *p, which moves behind it. */
static bool take(const unsigned char **p, const unsigned char *end, int tag, struct ke_str *out)
{
    unsigned char *at = (unsigned char *)(uintptr_t)*p; /* the reader moves it and writes nothing */
    size_t len = 0;
    if (mbedtls_asn1_get_tag(&at, end, &len, tag) != 0)
        return false;
    *out = ke_str_of((const char *)at, len);
    *p = at + len;
    return true;
}

#define SEQUENCE (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)

static const unsigned char *bytes_of(struct ke_str s)
{
    return (const unsigned char *)s.ptr;
}

struct ke_str mbed_cert_extension(const mbedtls_x509_crt *cert, struct ke_str oid)
{
    struct ke_str list;
    const unsigned char *p = cert->v3_ext.p;
    if (p == NULL || !take(&p, p + cert->v3_ext.len, SEQUENCE, &list))
        return (struct ke_str){ 0 };
    const unsigned char *end = bytes_of(list) + list.len;
    struct ke_str ext;
    for (p = bytes_of(list); p < end && take(&p, end, SEQUENCE, &ext);) {
        const unsigned char *q = bytes_of(ext);
        const unsigned char *ext_end = q + ext.len;
        struct ke_str id;
        struct ke_str value;
        if (!take(&q, ext_end, MBEDTLS_ASN1_OID, &id))
            return (struct ke_str){ 0 };
        (void)take(&q, ext_end, MBEDTLS_ASN1_BOOLEAN, &value); /* critical, when it is there */
        if (!take(&q, ext_end, MBEDTLS_ASN1_OCTET_STRING, &value))
            return (struct ke_str){ 0 };
        if (ke_str_eq(id, oid))
            return value;
    }
    return (struct ke_str){ 0 };
}

bool mbed_names_next(struct mbed_names *at, const mbedtls_x509_crt *cert, unsigned *tag,
                     struct ke_str *value)
{
    if (!at->is_started) {
        at->is_started = true;
        struct ke_str list = mbed_cert_extension(cert, MBED_OID_SAN);
        const unsigned char *p = bytes_of(list);
        if (p == NULL || !take(&p, p + list.len, SEQUENCE, &list))
            return false;
        at->p = bytes_of(list);
        at->end = at->p + list.len;
    }
    if (at->p == NULL || at->p >= at->end)
        return false;
    *tag = *at->p;
    return take(&at->p, at->end, (int)*tag, value);
}

bool mbed_name_to_ip(struct ke_str value, struct ke_ip *out)
{
    if (value.len != 4 && value.len != 16)
        return false;
    *out = (struct ke_ip){ .family = value.len == 4 ? KE_FAMILY_IPV4 : KE_FAMILY_IPV6 };
    memcpy(out->b, value.ptr, value.len);
    return true;
}

bool mbed_attribute(const mbedtls_x509_name *attribute, struct ke_str oid, struct ke_str *out)
{
    if (!ke_str_eq(ke_str_of((const char *)attribute->oid.p, attribute->oid.len), oid))
        return false;
    if (attribute->val.tag != MBEDTLS_ASN1_UTF8_STRING &&
        attribute->val.tag != MBEDTLS_ASN1_PRINTABLE_STRING &&
        attribute->val.tag != MBEDTLS_ASN1_IA5_STRING)
        return false;
    *out = ke_str_of((const char *)attribute->val.p, attribute->val.len);
    for (size_t i = 0; i < out->len; i++)
        if ((unsigned char)out->ptr[i] < 0x20 || out->ptr[i] == 0x7f)
            return false;
    return ke_str_is_utf8(*out);
}
