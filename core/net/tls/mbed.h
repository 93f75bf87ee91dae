/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_NET_TLS_MBED_H
#define CORE_NET_TLS_MBED_H
/*
 * What tls and x509 share: PEM texts into mbedTLS objects, its errors into ours, and the extensions
 * that 2.28 does not parse. Private to core/net/tls. Any thread.
 */
#include <stdbool.h>

#include "core/base/addr.h"
#include "core/base/err.h"
#include "core/base/str.h"
#include "core/net/tls/mbed_shim.h"

/* "fmt: text of ret"; code is KE_NOMEM when ret says so. */
enum ke_code mbed_fail(struct ke_err *err, enum ke_code code, int ret, const char *what);

/* All certificates of a PEM text into an initialised chain. is_strict: one that cannot be parsed
 * fails; else it is skipped as long as one can (bundles of roots). Errors: KE_MALFORMED, KE_NOMEM.
 */
enum ke_code mbed_parse_certs(struct ke_str pem, bool is_strict, mbedtls_x509_crt *out,
                              struct ke_err *err) KE_MUST_CHECK;
/* Errors: KE_MALFORMED, KE_NOMEM. */
enum ke_code mbed_parse_key(struct ke_str pem, mbedtls_pk_context *out,
                            struct ke_err *err) KE_MUST_CHECK;
enum ke_code mbed_parse_public_key(struct ke_str pem, mbedtls_pk_context *out,
                                   struct ke_err *err) KE_MUST_CHECK;

/* Content of the extension with this OID (bytes of its value), or {NULL, 0}. Borrowed. */
struct ke_str mbed_cert_extension(const mbedtls_x509_crt *cert, struct ke_str oid);
/* Subject alternative names one by one: *at starts zeroed; false at the end. tag: MBED_NAME_*. */
struct mbed_names {
    const unsigned char *p, *end;
    bool is_started;
};
enum { MBED_NAME_DNS = 0x82, MBED_NAME_IP = 0x87 };
bool mbed_names_next(struct mbed_names *at, const mbedtls_x509_crt *cert, unsigned *tag,
                     struct ke_str *value);
/* An address of 4 or 16 bytes. */
bool mbed_name_to_ip(struct ke_str value, struct ke_ip *out);
/* Value of a subject attribute that is text without control characters. */
bool mbed_attribute(const mbedtls_x509_name *attribute, struct ke_str oid, struct ke_str *out);

#define MBED_OID_CN  KE_STR("\x55\x04\x03")
#define MBED_OID_O   KE_STR("\x55\x04\x0a")
#define MBED_OID_SKI KE_STR("\x55\x1d\x0e")
#define MBED_OID_SAN KE_STR("\x55\x1d\x11")

#endif
