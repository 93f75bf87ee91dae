/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_NET_TLS_MBED_SHIM_H
#define CORE_NET_TLS_MBED_SHIM_H
/*
 * mbedTLS 2.28 (Debian 12) and 3.6 (Debian 13): everything that differs between them, and nothing
 * else. No other file asks for a version; all include mbedTLS through this one. Private to
 * core/net/tls.
 */
/* 3.x renames the members of its structures unless this is said before its first header. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/asn1.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/ecp.h>
#include <mbedtls/error.h>
#include <mbedtls/md.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/pem.h>
#include <mbedtls/pk.h>
#include <mbedtls/platform.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha1.h>
#include <mbedtls/sha256.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>
#include <mbedtls/x509_csr.h>
#if MBEDTLS_VERSION_NUMBER < 0x03000000
#    include <mbedtls/ssl_internal.h>
#else
#    include <psa/crypto.h>
#endif

#include "core/base/rand.h"

/* The kernel's generator: no state, so contexts are free to be shared between threads. */
static inline int mbed_random(void *ctx, unsigned char *out, size_t len)
{
    (void)ctx;
    ke_rand_secure(out, len);
    return 0;
}

#if MBEDTLS_VERSION_NUMBER < 0x03000000

typedef mbedtls_ecp_group_id mbed_group;
#    define MBED_GROUP_P256   MBEDTLS_ECP_DP_SECP256R1
#    define MBED_GROUP_X25519 MBEDTLS_ECP_DP_CURVE25519
#    define MBED_GROUP_END    MBEDTLS_ECP_DP_NONE
#    define MBED_SUITES_TLS13

static inline bool mbed_start(void)
{
    return true;
}

static inline int mbed_parse_private_key(mbedtls_pk_context *key, const unsigned char *text,
                                         size_t len)
{
    return mbedtls_pk_parse_key(key, text, len, NULL, 0);
}

static inline int mbed_check_pair(mbedtls_pk_context *public_key, mbedtls_pk_context *private_key)
{
    return mbedtls_pk_check_pair(public_key, private_key);
}

/* sig: MBEDTLS_PK_SIGNATURE_MAX_SIZE bytes. */
static inline int mbed_sign_sha256(mbedtls_pk_context *key, const unsigned char hash[32],
                                   unsigned char *sig, size_t *sig_len)
{
    return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, 32, sig, sig_len, mbed_random, NULL);
}

static inline int mbed_sha256(const unsigned char *ptr, size_t len, unsigned char out[32])
{
    return mbedtls_sha256_ret(ptr, len, out, 0);
}

static inline int mbed_sha1(const unsigned char *ptr, size_t len, unsigned char out[20])
{
    return mbedtls_sha1_ret(ptr, len, out);
}

static inline void mbed_conf_groups(mbedtls_ssl_config *conf, const mbed_group *groups)
{
    mbedtls_ssl_conf_curves(conf, groups);
}

static inline void mbed_conf_min_tls12(mbedtls_ssl_config *conf)
{
    mbedtls_ssl_conf_min_version(conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
}

/* Replaces the certificate of this handshake; mbedtls_ssl_set_hs_own_cert appends, and the first
 * one wins. */
static inline int mbed_set_handshake_cert(mbedtls_ssl_context *ssl, mbedtls_x509_crt *chain,
                                          mbedtls_pk_context *key)
{
    if (ssl->handshake->sni_key_cert == NULL)
        return mbedtls_ssl_set_hs_own_cert(ssl, chain, key);
    ssl->handshake->sni_key_cert->cert = chain;
    ssl->handshake->sni_key_cert->key = key;
    return 0;
}

/* Signatures of the functions of the session cache: the same but for the id, which 2.28 takes from
 * the session. */
#    define MBED_CACHE_GET_PARAMS void *cache, mbedtls_ssl_session *session
#    define MBED_CACHE_SET_PARAMS void *cache, const mbedtls_ssl_session *session
#    define MBED_CACHE_ARGS       session

/* Tickets of TLS 1.3 do not carry the client's certificate: a session taken up would be anonymous.
 */
static inline void mbed_conf_keep_client_certs(mbedtls_ssl_config *conf)
{
    (void)conf;
}

static inline bool mbed_is_new_ticket(int ret)
{
    (void)ret;
    return false;
}

static inline void mbed_conf_signal_tickets(mbedtls_ssl_config *conf)
{
    (void)conf;
}

#else /* 3.x */

typedef uint16_t mbed_group;
#    define MBED_GROUP_P256   MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1
#    define MBED_GROUP_X25519 MBEDTLS_SSL_IANA_TLS_GROUP_X25519
#    define MBED_GROUP_END    MBEDTLS_SSL_IANA_TLS_GROUP_NONE
#    define MBED_SUITES_TLS13                                                                      \
        MBEDTLS_TLS1_3_AES_128_GCM_SHA256, MBEDTLS_TLS1_3_AES_256_GCM_SHA384,                      \
            MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,

/* TLS 1.3 computes with PSA. Safe to repeat, from any thread. */
static inline bool mbed_start(void)
{
    return psa_crypto_init() == PSA_SUCCESS;
}

static inline int mbed_parse_private_key(mbedtls_pk_context *key, const unsigned char *text,
                                         size_t len)
{
    return mbedtls_pk_parse_key(key, text, len, NULL, 0, mbed_random, NULL);
}

static inline int mbed_check_pair(mbedtls_pk_context *public_key, mbedtls_pk_context *private_key)
{
    return mbedtls_pk_check_pair(public_key, private_key, mbed_random, NULL);
}

static inline int mbed_sign_sha256(mbedtls_pk_context *key, const unsigned char hash[32],
                                   unsigned char *sig, size_t *sig_len)
{
    return mbedtls_pk_sign(key, MBEDTLS_MD_SHA256, hash, 32, sig, MBEDTLS_PK_SIGNATURE_MAX_SIZE,
                           sig_len, mbed_random, NULL);
}

static inline int mbed_sha256(const unsigned char *ptr, size_t len, unsigned char out[32])
{
    return mbedtls_sha256(ptr, len, out, 0);
}

static inline int mbed_sha1(const unsigned char *ptr, size_t len, unsigned char out[20])
{
    return mbedtls_sha1(ptr, len, out);
}

static inline void mbed_conf_groups(mbedtls_ssl_config *conf, const mbed_group *groups)
{
    mbedtls_ssl_conf_groups(conf, groups);
}

static inline void mbed_conf_min_tls12(mbedtls_ssl_config *conf)
{
    mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
}

static inline int mbed_set_handshake_cert(mbedtls_ssl_context *ssl, mbedtls_x509_crt *chain,
                                          mbedtls_pk_context *key)
{
    int ret = mbedtls_ssl_set_hs_own_cert(ssl, NULL, NULL);
    return ret != 0 ? ret : mbedtls_ssl_set_hs_own_cert(ssl, chain, key);
}

#    define MBED_CACHE_GET_PARAMS                                                                  \
        void *cache, const unsigned char *id, size_t id_len, mbedtls_ssl_session *session
#    define MBED_CACHE_SET_PARAMS                                                                  \
        void *cache, const unsigned char *id, size_t id_len, const mbedtls_ssl_session *session
#    define MBED_CACHE_ARGS id, id_len, session

static inline void mbed_conf_keep_client_certs(mbedtls_ssl_config *conf)
{
    mbedtls_ssl_conf_new_session_tickets(conf, 0);
}

/* A TLS 1.3 server sent a ticket: not data, the session can be saved now. */
static inline bool mbed_is_new_ticket(int ret)
{
    return ret == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
}

static inline void mbed_conf_signal_tickets(mbedtls_ssl_config *conf)
{
#    if MBEDTLS_VERSION_NUMBER >= 0x03060100
    mbedtls_ssl_conf_tls13_enable_signal_new_session_tickets(
        conf, MBEDTLS_SSL_TLS1_3_SIGNAL_NEW_SESSION_TICKETS_ENABLED);
#    else
    (void)conf;
#    endif
}

#endif
#endif
