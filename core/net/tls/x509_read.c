/* SPDX-License-Identifier: Apache-2.0 */
/* Reading certificates. Any thread. */
#include <time.h>

#include "core/net/tls/mbed.h"
#include "core/net/tls/x509.h"

static int64_t unix_of(const mbedtls_x509_time *t)
{
    struct tm tm = { .tm_year = t->year - 1900,
                     .tm_mon = t->mon - 1,
                     .tm_mday = t->day,
                     .tm_hour = t->hour,
                     .tm_min = t->min,
                     .tm_sec = t->sec };
    return timegm(&tm);
}

static bool copy_text(struct ke_str text, char out[256])
{
    if (text.len > 255 || memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    return true;
}

static enum ke_code read_names(const mbedtls_x509_crt *cert, struct x509_info *out,
                               struct ke_err *err)
{
    for (const mbedtls_x509_name *name = &cert->subject; name != NULL; name = name->next) {
        struct ke_str text;
        if (mbed_attribute(name, MBED_OID_CN, &text) && !copy_text(text, out->common_name))
            return ke_fail(err, KE_MALFORMED, "certificate: common name too long");
    }
    struct mbed_names at = { 0 };
    unsigned tag = 0;
    struct ke_str value;
    while (mbed_names_next(&at, cert, &tag, &value)) {
        if (tag == MBED_NAME_DNS && out->n_dns_names < KE_ARRAY_LEN(out->dns_names)) {
            if (!copy_text(value, out->dns_names[out->n_dns_names++]))
                return ke_fail(err, KE_MALFORMED, "certificate: not a DNS name");
        } else if (tag == MBED_NAME_IP && out->n_ips < KE_ARRAY_LEN(out->ips)) {
            if (!mbed_name_to_ip(value, &out->ips[out->n_ips++]))
                return ke_fail(err, KE_MALFORMED, "certificate: not an address");
        }
    }
    return KE_OK;
}

enum ke_code x509_read(struct ke_str cert_pem, struct x509_info *out, struct ke_err *err)
{
    mbedtls_x509_crt cert;
    mbedtls_x509_crt_init(&cert);
    struct x509_info info = { 0 };
    enum ke_code rc = mbed_parse_certs(cert_pem, true, &cert, err);
    if (rc == KE_OK)
        rc = read_names(&cert, &info, err);
    if (rc == KE_OK) {
        info.not_before_s = unix_of(&cert.valid_from);
        info.not_after_s = unix_of(&cert.valid_to);
        info.is_ca = cert.ca_istrue != 0;
        *out = info;
    }
    mbedtls_x509_crt_free(&cert);
    return rc;
}

bool x509_is_signed_by(struct ke_str cert_pem, struct ke_str ca_pem)
{
    mbedtls_x509_crt cert;
    mbedtls_x509_crt ca;
    mbedtls_x509_crt_init(&cert);
    mbedtls_x509_crt_init(&ca);
    struct ke_err err = KE_ERR_INIT;
    bool is_signed = false;
    if (mbed_start() && mbed_parse_certs(cert_pem, true, &cert, &err) == KE_OK &&
        mbed_parse_certs(ca_pem, false, &ca, &err) == KE_OK) {
        uint32_t flags = 0;
        int ret = mbedtls_x509_crt_verify(&cert, &ca, NULL, NULL, &flags, NULL, NULL);
        const uint32_t times = MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE;
        is_signed =
            ret == 0 || (ret == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED && (flags & ~times) == 0);
    }
    mbedtls_x509_crt_free(&cert);
    mbedtls_x509_crt_free(&ca);
    return is_signed;
}
