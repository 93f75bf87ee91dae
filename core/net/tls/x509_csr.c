/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate signing requests. The library reads the outer form; version 2.28 skips the
 * attributes, in which the names are, and never checks the signature: both are done here. Any
 * thread. Source: RFC 2986, RFC 5280 section 4.2.1.6.
 */
#include "core/base/limits.h"
#include "core/net/tls/mbed.h"
#include "core/net/tls/x509.h"

enum {
    TAG_CONSTRUCTED = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE,
    TAG_SET = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SET,
    TAG_ATTRIBUTES = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED,
    NAME_EMAIL = 0x81,
    NAME_URI = 0x86,
    KEY_PEM_BYTES = 4096,
    MAX_NAMES = 256
};

#define OID_EXTENSION_REQUEST KE_STR("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x0e")

/* A part of the DER; the whole of it is read in order. */
struct part {
    unsigned char *p;
    const unsigned char *end;
};

/* The content of the next value, which must have this tag. */
static bool take(struct part *part, int tag, struct part *out)
{
    size_t len = 0;
    if (mbedtls_asn1_get_tag(&part->p, part->end, &len, tag) != 0)
        return false;
    *out = (struct part){ part->p, part->p + len };
    part->p += len;
    return true;
}

static bool is_next(const struct part *part, unsigned tag)
{
    return part->p < part->end && *part->p == tag;
}

static bool take_oid(struct part *part, struct ke_str wanted, bool *out_is_it)
{
    struct part oid;
    if (!take(part, MBEDTLS_ASN1_OID, &oid))
        return false;
    *out_is_it = ke_str_eq(ke_str_of((char *)oid.p, (size_t)(oid.end - oid.p)), wanted);
    return true;
}

/* Texts of names are visible ASCII: what ends up in logs and comparisons is what is seen. */
static bool is_visible(const struct part *value)
{
    for (const unsigned char *p = value->p; p < value->end; p++) {
        if (*p <= ' ' || *p >= 0x7f)
            return false;
    }
    return value->p < value->end;
}

static bool read_name(struct part *names, struct x509_csr *out)
{
    struct part value;
    unsigned char tag = *names->p;
    if (!take(names, tag, &value))
        return false;
    size_t len = (size_t)(value.end - value.p);
    switch (tag) {
    case MBED_NAME_DNS:
        out->n_dns_names++;
        return is_visible(&value);
    case MBED_NAME_IP:
        out->n_ips++;
        return len == 4 || len == 16;
    case NAME_EMAIL:
        out->n_emails++;
        return is_visible(&value);
    case NAME_URI:
        out->n_uris++;
        return is_visible(&value);
    default:
        return false;
    }
}

/* GeneralNames, all of kinds that are known. */
static bool read_names(struct part extension, struct x509_csr *out)
{
    struct part names;
    struct part whole = extension;
    if (out->names_der.len > 0 || !take(&extension, TAG_CONSTRUCTED, &names) ||
        extension.p != extension.end || names.p == names.end)
        return false;
    for (size_t i = 0; names.p < names.end; i++) {
        if (i == MAX_NAMES || !read_name(&names, out))
            return false;
    }
    ke_buf_add(&out->names_der, whole.p, (size_t)(whole.end - whole.p));
    return true;
}

/* Extensions: of those asked for only the names count, usages are asked for elsewhere. */
static bool read_extensions(struct part extensions, struct x509_csr *out)
{
    while (extensions.p < extensions.end) {
        struct part extension;
        struct part flag;
        struct part value;
        bool is_san = false;
        if (!take(&extensions, TAG_CONSTRUCTED, &extension) ||
            !take_oid(&extension, MBED_OID_SAN, &is_san) ||
            (is_next(&extension, MBEDTLS_ASN1_BOOLEAN) &&
             !take(&extension, MBEDTLS_ASN1_BOOLEAN, &flag)) ||
            !take(&extension, MBEDTLS_ASN1_OCTET_STRING, &value) || extension.p != extension.end)
            return false;
        if (is_san && !read_names(value, out))
            return false;
    }
    return true;
}

static bool read_attributes(struct part attributes, struct x509_csr *out)
{
    while (attributes.p < attributes.end) {
        struct part attribute;
        struct part values;
        struct part extensions;
        bool is_request = false;
        if (!take(&attributes, TAG_CONSTRUCTED, &attribute) ||
            !take_oid(&attribute, OID_EXTENSION_REQUEST, &is_request) ||
            !take(&attribute, TAG_SET, &values))
            return false;
        if (is_request && (!take(&values, TAG_CONSTRUCTED, &extensions) || values.p != values.end ||
                           !read_extensions(extensions, out)))
            return false;
    }
    return true;
}

/* CertificationRequestInfo: version, subject, key, attributes. */
static bool read_info(const mbedtls_x509_csr *csr, struct x509_csr *out)
{
    struct part whole = { csr->cri.p, csr->cri.p + csr->cri.len };
    struct part info;
    struct part skipped;
    struct part attributes;
    if (!take(&whole, TAG_CONSTRUCTED, &info) || !take(&info, MBEDTLS_ASN1_INTEGER, &skipped) ||
        !take(&info, TAG_CONSTRUCTED, &skipped) || !take(&info, TAG_CONSTRUCTED, &skipped))
        return false;
    return info.p == info.end ||
           (take(&info, TAG_ATTRIBUTES, &attributes) && read_attributes(attributes, out));
}

/* ---- subject, key and signature ----------------------------------------------------------------
 */

static bool copy_text(struct ke_str text, char out[256])
{
    if (text.len > 255 || !ke_str_is_utf8(text))
        return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

static bool has_oid(const mbedtls_x509_name *name, struct ke_str oid)
{
    return ke_str_eq(ke_str_of((const char *)name->oid.p, name->oid.len), oid);
}

static enum ke_code read_subject(const mbedtls_x509_csr *csr, struct x509_csr *out,
                                 struct ke_err *err)
{
    ke_buf_add(&out->subject_der, csr->subject_raw.p, csr->subject_raw.len);
    for (const mbedtls_x509_name *name = &csr->subject; name != NULL; name = name->next) {
        struct ke_str text;
        bool is_cn = has_oid(name, MBED_OID_CN);
        bool is_o = has_oid(name, MBED_OID_O);
        if (!is_cn && !is_o)
            continue;
        /* A name that is read one way here and another way by who trusts it is refused. */
        bool is_ok = mbed_attribute(name, is_cn ? MBED_OID_CN : MBED_OID_O, &text);
        if (is_ok && is_cn)
            is_ok = out->common_name[0] == '\0' && copy_text(text, out->common_name);
        if (is_ok && is_o)
            is_ok = out->n_organizations < KE_ARRAY_LEN(out->organizations) &&
                    copy_text(text, out->organizations[out->n_organizations++]);
        if (!is_ok)
            return ke_fail(err, KE_MALFORMED, "x509: the subject cannot be that of a user");
    }
    return ke_buf_check(&out->subject_der, "subject", err);
}

static enum ke_code read_key(mbedtls_x509_csr *csr, struct x509_csr *out, struct ke_err *err)
{
    unsigned char pem[KEY_PEM_BYTES];
    int ret = mbedtls_pk_write_pubkey_pem(&csr->pk, pem, sizeof(pem));
    if (ret != 0)
        return mbed_fail(err, KE_MALFORMED, ret, "x509: public key");
    ke_buf_add_c(&out->public_key_pem, (const char *)pem);
    return ke_buf_check(&out->public_key_pem, "public key", err);
}

static bool is_strong(mbedtls_md_type_t md)
{
    return md == MBEDTLS_MD_SHA256 || md == MBEDTLS_MD_SHA384 || md == MBEDTLS_MD_SHA512;
}

static enum ke_code check_signature(mbedtls_x509_csr *csr, struct ke_err *err)
{
    unsigned char hash[MBEDTLS_MD_MAX_SIZE];
    const mbedtls_md_info_t *md = mbedtls_md_info_from_type(csr->sig_md);
    if (md == NULL || !is_strong(csr->sig_md))
        return ke_fail(err, KE_MALFORMED, "x509: cannot verify signature: insecure algorithm");
    int ret = mbedtls_md(md, csr->cri.p, csr->cri.len, hash);
    if (ret == 0)
        ret = mbedtls_pk_verify_ext(csr->sig_pk, csr->sig_opts, &csr->pk, csr->sig_md, hash,
                                    mbedtls_md_get_size(md), csr->sig.p, csr->sig.len);
    return ret == 0 ? KE_OK : mbed_fail(err, KE_MALFORMED, ret, "x509: wrong signature");
}

static enum ke_code read_all(mbedtls_x509_csr *csr, struct x509_csr *out, struct ke_err *err)
{
    enum ke_code rc = check_signature(csr, err);
    if (rc == KE_OK)
        rc = read_subject(csr, out, err);
    if (rc == KE_OK)
        rc = read_key(csr, out, err);
    if (rc == KE_OK && !read_info(csr, out))
        rc = ke_fail(err, KE_MALFORMED, "x509: invalid subject alternative names");
    return rc == KE_OK ? ke_buf_check(&out->names_der, "names", err) : rc;
}

/* The first block of the text: the library would also take a DER without any. */
static bool is_request(struct ke_str pem)
{
    static const char begin[] = "-----BEGIN ";
    const char *at = pem.len > 0 ? memmem(pem.ptr, pem.len, begin, sizeof(begin) - 1) : NULL;
    if (at == NULL || memchr(pem.ptr, '\0', pem.len) != NULL)
        return false;
    size_t from = (size_t)(at - pem.ptr) + sizeof(begin) - 1;
    return ke_str_has_prefix(ke_str_sub(pem, from, pem.len - from),
                             KE_STR("CERTIFICATE REQUEST-----"));
}

enum ke_code x509_csr_read(struct ke_str pem, struct x509_csr *out, struct ke_err *err)
{
    *out = (struct x509_csr){ .public_key_pem = KE_BUF_INIT(LIMIT_PEM_BYTES),
                              .subject_der = KE_BUF_INIT(LIMIT_CERT_BYTES),
                              .names_der = KE_BUF_INIT(LIMIT_CERT_BYTES) };
    if (!is_request(pem))
        return ke_fail(err, KE_MALFORMED, "PEM block type must be CERTIFICATE REQUEST");
    if (!mbed_start())
        return ke_fail(err, KE_NOMEM, "start the crypto library");
    ke_auto_buf text = KE_BUF_INIT(LIMIT_PEM_BYTES);
    ke_buf_add_str(&text, pem);
    ke_buf_add_char(&text, '\0');
    enum ke_code rc = ke_buf_check(&text, "request", err);
    if (rc != KE_OK)
        return rc;
    mbedtls_x509_csr csr;
    mbedtls_x509_csr_init(&csr);
    int ret = mbedtls_x509_csr_parse(&csr, (unsigned char *)text.ptr, text.len);
    rc = ret == 0 ? read_all(&csr, out, err)
                  : mbed_fail(err, KE_MALFORMED, ret, "x509: malformed certificate request");
    mbedtls_x509_csr_free(&csr);
    return rc;
}

void x509_csr_clear(struct x509_csr *csr)
{
    ke_buf_free(&csr->public_key_pem);
    ke_buf_free(&csr->subject_der);
    ke_buf_free(&csr->names_der);
}
