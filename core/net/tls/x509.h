/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_NET_TLS_X509_H
#define CORE_NET_TLS_X509_H
/*
 * Making and reading certificates: P-256 keys, ECDSA-SHA256. Texts are PEM. Also the digests that
 * the project needs. Any thread; blocking (a signature costs about a millisecond). Source: RFC
 * 5280.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/buf.h"
#include "core/base/err.h"

struct x509_request {
    struct ke_str common_name;
    const struct ke_str *organizations;
    size_t n_organizations;
    const struct ke_str *dns_names;
    size_t n_dns_names;
    const struct ke_ip *ips;
    size_t n_ips;
    bool is_ca;
    bool is_server;     /* extended key usage serverAuth */
    bool is_client;     /* clientAuth */
    bool is_encipherer; /* key usage keyEncipherment besides digitalSignature; not of a CA */
    /* As x509_csr gives them; instead of common_name and organizations, and of the names. Empty:
     * none. */
    struct ke_str subject_der, names_der;
    int64_t not_before_s, not_after_s; /* unix */
};

/* A new private key. Errors: KE_NOMEM, KE_IO. */
enum ke_code x509_key_new(struct ke_buf *out_key_pem, struct ke_err *err) KE_MUST_CHECK;
/*
 * key_pem: the subject's private key; with ca_*, its public key will do, RSA too (2048 bits and
 * more). ca_* empty: self-signed.
 * Random serial, subject and authority key identifiers (first 20 bytes of SHA-256: RFC 7093), at
 * least one name or address unless a common name is there. Errors: KE_MALFORMED (a key or
 * certificate that is none, a key that is not elliptic or not the CA's), KE_INVALID (a name that
 * cannot be in a certificate, times the wrong way round), KE_TOO_LARGE, KE_NOMEM.
 */
enum ke_code x509_sign(const struct x509_request *request, struct ke_str key_pem,
                       struct ke_str ca_cert_pem, struct ke_str ca_key_pem,
                       struct ke_buf *out_cert_pem, struct ke_err *err) KE_MUST_CHECK;

struct x509_info {
    char common_name[256]; /* terminated; no NUL inside */
    int64_t not_before_s, not_after_s;
    bool is_ca;
    char dns_names[16][256]; /* the first sixteen */
    size_t n_dns_names;
    struct ke_ip ips[16];
    size_t n_ips;
};
/* The first certificate of the text. Errors: KE_MALFORMED (also names with NUL or over 255 bytes).
 */
enum ke_code x509_read(struct ke_str cert_pem, struct x509_info *out,
                       struct ke_err *err) KE_MUST_CHECK;
/* Was the first certificate of cert signed by one of ca? Whether either has expired is not asked.
 */
bool x509_is_signed_by(struct ke_str cert_pem, struct ke_str ca_pem);

/* A certificate signing request (PKCS #10, RFC 2986). */
struct x509_csr {
    struct ke_buf public_key_pem;
    struct ke_buf subject_der; /* a Name */
    struct ke_buf names_der;   /* GeneralNames; empty: none */
    char common_name[256];     /* the only one; terminated */
    char organizations[16][256];
    size_t n_organizations;
    size_t n_dns_names, n_ips, n_emails, n_uris; /* in names_der, which has no others */
};
/*
 * The first PEM block, whose signature must be right: who asks has the key. x509_csr_clear ends
 * *out, also after a failure. Errors, in words for its maker: KE_MALFORMED, KE_NOMEM.
 */
enum ke_code x509_csr_read(struct ke_str pem, struct x509_csr *out,
                           struct ke_err *err) KE_MUST_CHECK;
void x509_csr_clear(struct x509_csr *csr);

#define SHA256_BYTES 32
void sha256(const void *ptr, size_t len, uint8_t out[SHA256_BYTES]);
/* For the handshake of WebSocket (RFC 6455) alone: no security rests on it. */
#define SHA1_BYTES 20
void sha1(const void *ptr, size_t len, uint8_t out[SHA1_BYTES]);

#endif
