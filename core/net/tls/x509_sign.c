/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making certificates. The DER is written here, from the end to the start as lengths come before
 * what they count; the library's writer keeps one organization only and has no names but the
 * subject's. Any thread. Source: RFC 5280 section 4, RFC 5758 section 3.2, RFC 7093.
 */
#include <time.h>

#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/net/tls/mbed.h"
#include "core/net/tls/x509.h"

enum {
    TAG_BOOLEAN = 0x01,
    TAG_INTEGER = 0x02,
    TAG_BIT_STRING = 0x03,
    TAG_OCTET_STRING = 0x04,
    TAG_OID = 0x06,
    TAG_UTF8 = 0x0c,
    TAG_UTC_TIME = 0x17,
    TAG_TIME = 0x18,
    TAG_SEQUENCE = 0x30,
    TAG_SET = 0x31,
    TAG_VERSION = 0xa0,
    TAG_EXTENSIONS = 0xa3,
    TAG_KEY_ID = 0x80,
    KEY_ID_BYTES = 20,
    SERIAL_BYTES = 16,
    SPKI_BYTES = 1200, /* RSA of 8192 bits takes 1062 */
    RSA_MIN_BITS = 2048,
    RSA_MAX_BITS = 8192,
    MAX_NAME_BYTES = 255
};

#define OID_ECDSA_SHA256  KE_STR("\x2a\x86\x48\xce\x3d\x04\x03\x02")
#define OID_KEY_USAGE     KE_STR("\x55\x1d\x0f")
#define OID_BASIC         KE_STR("\x55\x1d\x13")
#define OID_AUTHORITY_KEY KE_STR("\x55\x1d\x23")
#define OID_EXT_KEY_USAGE KE_STR("\x55\x1d\x25")
#define OID_SERVER_AUTH   KE_STR("\x2b\x06\x01\x05\x05\x07\x03\x01")
#define OID_CLIENT_AUTH   KE_STR("\x2b\x06\x01\x05\x05\x07\x03\x02")
/* DER of whole extension values */
#define BASIC_CA   KE_STR("\x30\x03\x01\x01\xff")
#define BASIC_LEAF KE_STR("\x30\x00")
#define USAGE_CA   KE_STR("\x03\x02\x01\x86") /* digitalSignature, keyCertSign, cRLSign */
#define USAGE_LEAF KE_STR("\x03\x02\x07\x80") /* digitalSignature */
#define USAGE_BOTH KE_STR("\x03\x02\x05\xa0") /* and keyEncipherment */

/* Bytes p..end are written; p moves towards start. Failure sticks. */
struct der {
    unsigned char *start, *p;
    bool is_full;
};

static void der_put(struct der *der, const void *ptr, size_t len)
{
    if (der->is_full || (size_t)(der->p - der->start) < len) {
        der->is_full = true;
        return;
    }
    der->p -= len;
    memcpy(der->p, ptr, len);
}

static void der_byte(struct der *der, unsigned byte)
{
    unsigned char b = (unsigned char)byte;
    der_put(der, &b, 1);
}

/* Tag and length in front of what was written since p was end. */
static void der_wrap(struct der *der, unsigned tag, const unsigned char *end)
{
    size_t len = (size_t)(end - der->p);
    if (len < 0x80) {
        der_byte(der, (unsigned)len);
    } else {
        unsigned n = 0;
        for (; len > 0; len >>= 8, n++)
            der_byte(der, len & 0xff);
        der_byte(der, 0x80 | n);
    }
    der_byte(der, tag);
}

static void der_value(struct der *der, unsigned tag, struct ke_str value)
{
    const unsigned char *end = der->p;
    der_put(der, value.ptr, value.len);
    der_wrap(der, tag, end);
}

static void der_algorithm(struct der *der)
{
    const unsigned char *end = der->p;
    der_value(der, TAG_OID, OID_ECDSA_SHA256);
    der_wrap(der, TAG_SEQUENCE, end);
}

static void der_bit_string(struct der *der, struct ke_str bytes)
{
    const unsigned char *end = der->p;
    der_put(der, bytes.ptr, bytes.len);
    der_byte(der, 0); /* unused bits */
    der_wrap(der, TAG_BIT_STRING, end);
}

/* UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5). */
static void der_time(struct der *der, int64_t unix_s)
{
    time_t t = (time_t)unix_s;
    struct tm tm;
    char text[32];
    if (gmtime_r(&t, &tm) == NULL || tm.tm_year < 50 || tm.tm_year > 9999 - 1900) {
        der->is_full = true;
        return;
    }
    bool is_utc = tm.tm_year < 150;
    struct ke_str all = { text, strftime(text, sizeof(text), "%Y%m%d%H%M%SZ", &tm) };
    der_value(der, is_utc ? TAG_UTC_TIME : TAG_TIME,
              is_utc ? ke_str_sub(all, 2, all.len - 2) : all);
}

static void der_attribute(struct der *der, struct ke_str oid, struct ke_str text)
{
    const unsigned char *end = der->p;
    der_value(der, TAG_UTF8, text);
    der_value(der, TAG_OID, oid);
    der_wrap(der, TAG_SEQUENCE, end);
    der_wrap(der, TAG_SET, end);
}

static void der_subject(struct der *der, const struct x509_request *request)
{
    const unsigned char *end = der->p;
    if (request->subject_der.len > 0) {
        der_put(der, request->subject_der.ptr, request->subject_der.len);
        return;
    }
    if (request->common_name.len > 0)
        der_attribute(der, MBED_OID_CN, request->common_name);
    for (size_t i = request->n_organizations; i-- > 0;)
        der_attribute(der, MBED_OID_O, request->organizations[i]);
    der_wrap(der, TAG_SEQUENCE, end);
}

/* ---- extensions --------------------------------------------------------------------------------
 */

/* Around the value written since end. */
static void der_extension(struct der *der, struct ke_str oid, bool is_critical,
                          const unsigned char *end)
{
    der_wrap(der, TAG_OCTET_STRING, end);
    if (is_critical)
        der_value(der, TAG_BOOLEAN, KE_STR("\xff"));
    der_value(der, TAG_OID, oid);
    der_wrap(der, TAG_SEQUENCE, end);
}

static void der_names(struct der *der, const struct x509_request *request)
{
    const unsigned char *end = der->p;
    if (request->names_der.len > 0) {
        der_put(der, request->names_der.ptr, request->names_der.len);
        der_extension(der, MBED_OID_SAN, false, end);
        return;
    }
    if (request->n_dns_names + request->n_ips == 0)
        return;
    for (size_t i = request->n_ips; i-- > 0;) {
        const struct ke_ip *ip = &request->ips[i];
        der_value(der, MBED_NAME_IP, ke_str_of((const char *)ip->b, ke_ip_len(ip)));
    }
    for (size_t i = request->n_dns_names; i-- > 0;)
        der_value(der, MBED_NAME_DNS, request->dns_names[i]);
    der_wrap(der, TAG_SEQUENCE, end);
    bool is_nameless = request->common_name.len + request->n_organizations == 0;
    der_extension(der, MBED_OID_SAN, is_nameless, end);
}

static void der_purposes(struct der *der, const struct x509_request *request)
{
    if (!request->is_server && !request->is_client)
        return;
    const unsigned char *end = der->p;
    if (request->is_client)
        der_value(der, TAG_OID, OID_CLIENT_AUTH);
    if (request->is_server)
        der_value(der, TAG_OID, OID_SERVER_AUTH);
    der_wrap(der, TAG_SEQUENCE, end);
    der_extension(der, OID_EXT_KEY_USAGE, false, end);
}

static void der_extensions(struct der *der, const struct x509_request *request,
                           struct ke_str subject_key, struct ke_str authority_key)
{
    const unsigned char *end = der->p;
    der_names(der, request);

    const unsigned char *at = der->p;
    der_value(der, TAG_KEY_ID, authority_key);
    der_wrap(der, TAG_SEQUENCE, at);
    der_extension(der, OID_AUTHORITY_KEY, false, at);

    at = der->p;
    der_value(der, TAG_OCTET_STRING, subject_key);
    der_extension(der, MBED_OID_SKI, false, at);

    at = der->p;
    struct ke_str basic = request->is_ca ? BASIC_CA : BASIC_LEAF;
    der_put(der, basic.ptr, basic.len);
    der_extension(der, OID_BASIC, true, at);

    der_purposes(der, request);

    at = der->p;
    struct ke_str usage = request->is_encipherer ? USAGE_BOTH : USAGE_LEAF;
    if (request->is_ca)
        usage = USAGE_CA;
    der_put(der, usage.ptr, usage.len);
    der_extension(der, OID_KEY_USAGE, true, at);

    der_wrap(der, TAG_SEQUENCE, end);
    der_wrap(der, TAG_EXTENSIONS, end);
}

/* ---- keys and issuers --------------------------------------------------------------------------
 */

/* What goes into a certificate about its maker and its keys. */
struct signer {
    mbedtls_pk_context subject_key, ca_key;
    mbedtls_x509_crt ca_cert;
    mbedtls_pk_context *signing_key; /* one of the two */
    struct ke_str issuer;            /* DER of the name; empty: the subject's */
    unsigned char spki_buf[SPKI_BYTES];
    struct ke_str spki;
    uint8_t subject_id[SHA256_BYTES], authority_id[SHA256_BYTES];
    struct ke_str authority_key_id;
};

/* RFC 7093 section 2, method 1: the leftmost 160 bits of SHA-256 over the key's bits. */
static enum ke_code key_id(mbedtls_pk_context *key, uint8_t out[SHA256_BYTES], struct ke_err *err)
{
    unsigned char bits[SPKI_BYTES];
    unsigned char *p = bits + sizeof(bits);
    int len = mbedtls_pk_write_pubkey(&p, bits, key);
    if (len < 0)
        return mbed_fail(err, KE_MALFORMED, len, "public key");
    sha256(p, (size_t)len, out);
    return KE_OK;
}

static enum ke_code load_subject(struct signer *signer, struct ke_str key_pem, bool is_self_signed,
                                 struct ke_err *err)
{
    bool is_public = !is_self_signed &&
                     ke_str_has_prefix(ke_str_trim(key_pem), KE_STR("-----BEGIN PUBLIC KEY-----"));
    enum ke_code rc = is_public ? mbed_parse_public_key(key_pem, &signer->subject_key, err)
                                : mbed_parse_key(key_pem, &signer->subject_key, err);
    if (rc != KE_OK)
        return rc;
    size_t bits = mbedtls_pk_get_bitlen(&signer->subject_key);
    bool is_rsa = is_public && mbedtls_pk_can_do(&signer->subject_key, MBEDTLS_PK_RSA) &&
                  bits >= RSA_MIN_BITS && bits <= RSA_MAX_BITS;
    if (!is_rsa && !mbedtls_pk_can_do(&signer->subject_key, MBEDTLS_PK_ECDSA))
        return ke_fail(err, KE_MALFORMED, "the key is not one for ECDSA");
    int len = mbedtls_pk_write_pubkey_der(&signer->subject_key, signer->spki_buf, SPKI_BYTES);
    if (len < 0)
        return mbed_fail(err, KE_MALFORMED, len, "public key");
    signer->spki = ke_str_of((char *)signer->spki_buf + SPKI_BYTES - len, (size_t)len);
    return key_id(&signer->subject_key, signer->subject_id, err);
}

static enum ke_code load_ca(struct signer *signer, struct ke_str cert_pem, struct ke_str key_pem,
                            struct ke_err *err)
{
    enum ke_code rc = mbed_parse_certs(cert_pem, true, &signer->ca_cert, err);
    if (rc == KE_OK)
        rc = mbed_parse_key(key_pem, &signer->ca_key, err);
    if (rc != KE_OK)
        return ke_wrap(err, "authority");
    if (!mbedtls_pk_can_do(&signer->ca_key, MBEDTLS_PK_ECDSA))
        return ke_fail(err, KE_MALFORMED, "the authority's key is not one for ECDSA");
    if (mbed_check_pair(&signer->ca_cert.pk, &signer->ca_key) != 0)
        return ke_fail(err, KE_MALFORMED, "the authority's key is not that of its certificate");
    signer->signing_key = &signer->ca_key;
    signer->issuer =
        ke_str_of((char *)signer->ca_cert.subject_raw.p, signer->ca_cert.subject_raw.len);
    /* Its own idea of its identifier, when it has one: what others look for. */
    struct ke_str ext = mbed_cert_extension(&signer->ca_cert, MBED_OID_SKI);
    if (ext.len > 2 && ext.ptr[0] == TAG_OCTET_STRING &&
        (size_t)(uint8_t)ext.ptr[1] == ext.len - 2 && ext.len - 2 < 0x80) {
        signer->authority_key_id = ke_str_sub(ext, 2, ext.len - 2);
        return KE_OK;
    }
    signer->authority_key_id = ke_str_of((char *)signer->authority_id, KEY_ID_BYTES);
    return key_id(&signer->ca_key, signer->authority_id, err);
}

/* ---- the certificate ---------------------------------------------------------------------------
 */

static void der_to_be_signed(struct der *der, const struct x509_request *request,
                             const struct signer *signer)
{
    const unsigned char *end = der->p;
    der_extensions(der, request, ke_str_of((const char *)signer->subject_id, KEY_ID_BYTES),
                   signer->authority_key_id);
    der_put(der, signer->spki.ptr, signer->spki.len);
    der_subject(der, request);

    const unsigned char *at = der->p;
    der_time(der, request->not_after_s);
    der_time(der, request->not_before_s);
    der_wrap(der, TAG_SEQUENCE, at);

    if (signer->issuer.len > 0)
        der_put(der, signer->issuer.ptr, signer->issuer.len);
    else
        der_subject(der, request);
    der_algorithm(der);

    unsigned char serial[SERIAL_BYTES];
    ke_rand_secure(serial, sizeof(serial));
    serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, and no leading zeros */
    der_value(der, TAG_INTEGER, ke_str_of((char *)serial, sizeof(serial)));

    at = der->p;
    der_value(der, TAG_INTEGER, KE_STR("\x02"));
    der_wrap(der, TAG_VERSION, at);
    der_wrap(der, TAG_SEQUENCE, end);
}

static enum ke_code write_pem(const unsigned char *der, size_t len, struct ke_buf *out,
                              struct ke_err *err)
{
    size_t size = len / 3 * 4 + len / 48 + 128;
    size_t pem_len = 0;
    unsigned char *pem = ke_buf_reserve(out, size);
    if (pem != NULL) {
        int ret =
            mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n",
                                     der, len, pem, size, &pem_len);
        if (ret != 0)
            return mbed_fail(err, KE_BUG, ret, "write the certificate");
        out->len += pem_len - 1; /* without its NUL */
    }
    return ke_buf_check(out, "certificate", err);
}

/* Each writes down from the end of its room: what is signed, and the whole with its signature. */
static enum ke_code build(const struct x509_request *request, const struct signer *signer,
                          struct der *body, struct der *whole, struct ke_buf *out,
                          struct ke_err *err)
{
    const unsigned char *body_end = body->p;
    der_to_be_signed(body, request, signer);
    if (body->is_full)
        return ke_fail(err, KE_TOO_LARGE, "certificate over %u bytes", LIMIT_CERT_BYTES);
    size_t signed_len = (size_t)(body_end - body->p);
    unsigned char hash[SHA256_BYTES];
    unsigned char sig[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
    size_t sig_len = 0;
    sha256(body->p, signed_len, hash);
    int ret = mbed_sign_sha256(signer->signing_key, hash, sig, &sig_len);
    if (ret != 0)
        return mbed_fail(err, KE_MALFORMED, ret, "sign the certificate");
    const unsigned char *end = whole->p;
    der_bit_string(whole, ke_str_of((char *)sig, sig_len));
    der_algorithm(whole);
    der_put(whole, body->p, signed_len);
    der_wrap(whole, TAG_SEQUENCE, end);
    if (whole->is_full)
        return ke_fail(err, KE_TOO_LARGE, "certificate over %u bytes", LIMIT_CERT_BYTES);
    return write_pem(whole->p, (size_t)(end - whole->p), out, err);
}

static bool text_is_valid(struct ke_str text)
{
    return text.len > 0 && text.len <= MAX_NAME_BYTES && ke_str_is_utf8(text) &&
           memchr(text.ptr, '\0', text.len) == NULL;
}

static enum ke_code check_request(const struct x509_request *request, struct ke_err *err)
{
    if (request->not_after_s <= request->not_before_s)
        return ke_fail(err, KE_INVALID, "certificate ends before it begins");
    if (request->common_name.len > 0 && !text_is_valid(request->common_name))
        return ke_fail(err, KE_INVALID, "common name cannot be in a certificate");
    if (request->common_name.len + request->n_dns_names + request->n_ips +
            request->subject_der.len ==
        0)
        return ke_fail(err, KE_INVALID, "certificate without a name");
    for (size_t i = 0; i < request->n_organizations; i++)
        if (!text_is_valid(request->organizations[i]))
            return ke_fail(err, KE_INVALID, "organization %zu cannot be in a certificate", i);
    for (size_t i = 0; i < request->n_dns_names; i++) {
        struct ke_str name = request->dns_names[i];
        bool is_good = text_is_valid(name);
        for (size_t k = 0; is_good && k < name.len; k++)
            is_good = name.ptr[k] > ' ' && name.ptr[k] < 0x7f;
        if (!is_good)
            return ke_fail(err, KE_INVALID, "DNS name %zu cannot be in a certificate", i);
    }
    for (size_t i = 0; i < request->n_ips; i++)
        if (request->ips[i].family == KE_FAMILY_NONE)
            return ke_fail(err, KE_INVALID, "address %zu cannot be in a certificate", i);
    return KE_OK;
}

static enum ke_code load_and_build(struct signer *signer, const struct x509_request *request,
                                   const struct ke_str pems[3], struct ke_buf *out,
                                   struct ke_err *err)
{
    bool is_self_signed = pems[1].len == 0;
    enum ke_code rc = load_subject(signer, pems[0], is_self_signed, err);
    if (rc != KE_OK)
        return rc;
    signer->signing_key = &signer->subject_key;
    signer->authority_key_id = ke_str_of((char *)signer->subject_id, KEY_ID_BYTES);
    if (!is_self_signed)
        rc = load_ca(signer, pems[1], pems[2], err);
    if (rc != KE_OK)
        return rc;
    ke_auto_ptr unsigned char *memory = ke_alloc((size_t)2 * LIMIT_CERT_BYTES);
    if (memory == NULL)
        return ke_fail(err, KE_NOMEM, "certificate");
    unsigned char *middle = memory + LIMIT_CERT_BYTES;
    struct der body = { .start = memory, .p = middle };
    struct der whole = { .start = middle, .p = middle + LIMIT_CERT_BYTES };
    return build(request, signer, &body, &whole, out, err);
}

enum ke_code x509_sign(const struct x509_request *request, struct ke_str key_pem,
                       struct ke_str ca_cert_pem, struct ke_str ca_key_pem,
                       struct ke_buf *out_cert_pem, struct ke_err *err)
{
    enum ke_code rc = check_request(request, err);
    if (rc != KE_OK)
        return rc;
    if (!mbed_start())
        return ke_fail(err, KE_NOMEM, "start the crypto library");
    struct signer signer = { 0 };
    mbedtls_pk_init(&signer.subject_key);
    mbedtls_pk_init(&signer.ca_key);
    mbedtls_x509_crt_init(&signer.ca_cert);
    const struct ke_str pems[3] = { key_pem, ca_cert_pem, ca_key_pem };
    rc = load_and_build(&signer, request, pems, out_cert_pem, err);
    mbedtls_pk_free(&signer.subject_key);
    mbedtls_pk_free(&signer.ca_key);
    mbedtls_x509_crt_free(&signer.ca_cert);
    return rc;
}
