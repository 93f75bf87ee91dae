/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and settings: made once, then shared by threads. */
#include <stdlib.h>

#include "core/base/mem.h"
#include "core/net/tls/tls_internal.h"

/* ---- certificates ------------------------------------------------------------------------------
 */

static enum ke_code cert_load(struct tls_cert *cert, struct ke_str chain_pem, struct ke_str key_pem,
                              struct ke_err *err)
{
    enum ke_code rc = mbed_parse_certs(chain_pem, true, &cert->chain, err);
    if (rc == KE_OK)
        rc = mbed_parse_key(key_pem, &cert->key, err);
    if (rc != KE_OK)
        return rc;
    if (mbed_check_pair(&cert->chain.pk, &cert->key) != 0)
        return ke_fail(err, KE_INVALID, "the private key is not that of the certificate");
    const unsigned char hash[32] = { 1 };
    unsigned char sig[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
    size_t sig_len = 0;
    int ret = mbed_sign_sha256(&cert->key, hash, sig, &sig_len); /* see struct tls_cert */
    return ret != 0 ? mbed_fail(err, KE_MALFORMED, ret, "private key") : KE_OK;
}

enum ke_code tls_cert_new(struct ke_str chain_pem, struct ke_str key_pem, struct tls_cert **out,
                          struct ke_err *err)
{
    struct tls_cert *cert = ke_alloc(sizeof(*cert));
    if (cert == NULL || !mbed_start()) {
        free(cert);
        return ke_fail(err, KE_NOMEM, "certificate");
    }
    atomic_init(&cert->n_refs, 1);
    mbedtls_x509_crt_init(&cert->chain);
    mbedtls_pk_init(&cert->key);
    enum ke_code rc = cert_load(cert, chain_pem, key_pem, err);
    if (rc != KE_OK) {
        tls_cert_unref(cert);
        return rc;
    }
    *out = cert;
    return KE_OK;
}

struct tls_cert *tls_cert_ref(struct tls_cert *cert)
{
    if (cert != NULL)
        atomic_fetch_add_explicit(&cert->n_refs, 1, memory_order_relaxed);
    return cert;
}

void tls_cert_unref(struct tls_cert *cert)
{
    if (cert == NULL || atomic_fetch_sub_explicit(&cert->n_refs, 1, memory_order_acq_rel) != 1)
        return;
    mbedtls_x509_crt_free(&cert->chain);
    mbedtls_pk_free(&cert->key);
    free(cert);
}

/* ---- settings ----------------------------------------------------------------------------------
 */

static const mbed_group groups[] = { MBED_GROUP_P256, MBED_GROUP_X25519, MBED_GROUP_END };

static const int suites[] = { MBED_SUITES_TLS13 MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                              MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                              MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
                              MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
                              MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                              MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                              0 };

/* The public keys of authorities keep the same table as private keys: one use, sure to fail, makes
 * it before they are shared. */
static void warm_authorities(mbedtls_x509_crt *ca)
{
    static const unsigned char sig[] = { 0x30, 6, 2, 1, 1, 2, 1, 1 }; /* r = s = 1 */
    unsigned char hash[32];
    memset(hash, 0x5a, sizeof(hash));
    for (; ca != NULL; ca = ca->next) {
        if (mbedtls_pk_can_do(&ca->pk, MBEDTLS_PK_ECDSA))
            (void)mbedtls_pk_verify(&ca->pk, MBEDTLS_MD_SHA256, hash, sizeof(hash), sig,
                                    sizeof(sig));
    }
}

static enum ke_code load_authorities(struct tls_context *context, struct ke_str pem,
                                     struct ke_err *err)
{
    if (pem.len == 0)
        return KE_OK;
    enum ke_code rc = mbed_parse_certs(pem, false, &context->ca, err);
    if (rc != KE_OK)
        return ke_wrap(err, "authorities");
    warm_authorities(&context->ca);
    mbedtls_ssl_conf_ca_chain(&context->conf, &context->ca, NULL);
    context->does_verify = true;
    return KE_OK;
}

static struct tls_context *context_alloc(bool is_server)
{
    struct tls_context *context = ke_alloc(sizeof(*context));
    if (context == NULL || pthread_mutex_init(&context->lock, NULL) != 0) {
        free(context);
        return NULL;
    }
    atomic_init(&context->n_refs, 1);
    context->is_server = is_server;
    mbedtls_ssl_config_init(&context->conf);
    mbedtls_x509_crt_init(&context->ca);
    mbedtls_ssl_cache_init(&context->cache);
    mbedtls_ssl_ticket_init(&context->tickets);
    mbedtls_ssl_session_init(&context->saved);
    return context;
}

static enum ke_code context_new(bool is_server, struct ke_str ca_pem, struct tls_cert *cert,
                                struct tls_context **out, struct ke_err *err)
{
    struct tls_context *context = mbed_start() ? context_alloc(is_server) : NULL;
    if (context == NULL)
        return ke_fail(err, KE_NOMEM, "TLS settings");
    mbedtls_ssl_config *conf = &context->conf;
    int ret =
        mbedtls_ssl_config_defaults(conf, is_server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
                                    MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (ret == 0 && cert != NULL) {
        context->cert = tls_cert_ref(cert);
        ret = mbedtls_ssl_conf_own_cert(conf, &cert->chain, &cert->key);
    }
    enum ke_code rc = ret != 0 ? mbed_fail(err, KE_NOMEM, ret, "TLS settings")
                               : load_authorities(context, ca_pem, err);
    if (rc != KE_OK) {
        tls_context_unref(context);
        return rc;
    }
    mbedtls_ssl_conf_rng(conf, mbed_random, NULL);
    mbed_conf_groups(conf, groups);
    mbed_conf_min_tls12(conf);
    mbedtls_ssl_conf_ciphersuites(conf, suites);
    *out = context;
    return KE_OK;
}

static int find_cached(MBED_CACHE_GET_PARAMS)
{
    struct tls_context *context = cache;
    int ret = mbedtls_ssl_cache_get(&context->cache, MBED_CACHE_ARGS);
    if (ret == 0)
        atomic_fetch_add_explicit(&context->n_resumed, 1, memory_order_relaxed);
    return ret;
}

static int store_cached(MBED_CACHE_SET_PARAMS)
{
    struct tls_context *context = cache;
    return mbedtls_ssl_cache_set(&context->cache, MBED_CACHE_ARGS);
}

static int write_ticket(void *arg, const mbedtls_ssl_session *session, unsigned char *start,
                        const unsigned char *end, size_t *len, uint32_t *lifetime)
{
    struct tls_context *context = arg;
    return mbedtls_ssl_ticket_write(&context->tickets, session, start, end, len, lifetime);
}

static int parse_ticket(void *arg, mbedtls_ssl_session *session, unsigned char *buf, size_t len)
{
    struct tls_context *context = arg;
    int ret = mbedtls_ssl_ticket_parse(&context->tickets, session, buf, len);
    if (ret == 0)
        atomic_fetch_add_explicit(&context->n_resumed, 1, memory_order_relaxed);
    return ret;
}

static enum ke_code set_resumption(struct tls_context *context, struct ke_err *err)
{
    mbedtls_ssl_cache_set_max_entries(&context->cache, LIMIT_TLS_CACHED_SESSIONS);
    mbedtls_ssl_cache_set_timeout(&context->cache, LIMIT_TLS_SESSION_S);
    mbedtls_ssl_conf_session_cache(&context->conf, context, find_cached, store_cached);
    int ret = mbedtls_ssl_ticket_setup(&context->tickets, mbed_random, NULL,
                                       MBEDTLS_CIPHER_AES_256_GCM, LIMIT_TLS_SESSION_S);
    if (ret != 0)
        return mbed_fail(err, KE_NOMEM, ret, "session tickets");
    mbedtls_ssl_conf_session_tickets_cb(&context->conf, write_ticket, parse_ticket, context);
    return KE_OK;
}

static enum ke_code set_alpn(struct tls_context *context, const char *const *alpn,
                             struct ke_err *err)
{
    if (alpn == NULL || alpn[0] == NULL)
        return KE_OK;
    for (size_t i = 0; alpn[i] != NULL; i++) {
        if (i == TLS_MAX_ALPN)
            return ke_fail(err, KE_INVALID, "more than %d protocols", TLS_MAX_ALPN);
        context->alpn_text[i] = ke_str_dup(ke_str_c(alpn[i]));
        if (context->alpn_text[i] == NULL)
            return ke_fail(err, KE_NOMEM, "protocols");
        context->alpn[i] = context->alpn_text[i];
    }
    int ret = mbedtls_ssl_conf_alpn_protocols(&context->conf, context->alpn);
    return ret != 0 ? mbed_fail(err, KE_INVALID, ret, "protocols") : KE_OK;
}

enum ke_code tls_server_new(const struct tls_server_options *options, struct tls_context **out,
                            struct ke_err *err)
{
    if (options->cert == NULL && options->sni == NULL)
        return ke_fail(err, KE_INVALID, "a TLS server without a certificate");
    struct tls_context *context = NULL;
    enum ke_code rc = context_new(true, options->client_ca_pem, options->cert, &context, err);
    if (rc != KE_OK || context == NULL)
        return rc;
    context->sni = options->sni;
    context->sni_ctx = options->sni_ctx;
    mbedtls_ssl_conf_sni(&context->conf, tls_session_choose_cert, context);
    /* OPTIONAL: the handshake function itself refuses a certificate that was sent and is bad. */
    mbedtls_ssl_conf_authmode(&context->conf, context->does_verify ? MBEDTLS_SSL_VERIFY_OPTIONAL
                                                                   : MBEDTLS_SSL_VERIFY_NONE);
    if (context->does_verify)
        mbed_conf_keep_client_certs(&context->conf);
    rc = set_resumption(context, err);
    if (rc == KE_OK)
        rc = set_alpn(context, options->alpn, err);
    if (rc != KE_OK) {
        tls_context_unref(context);
        return rc;
    }
    *out = context;
    return KE_OK;
}

enum ke_code tls_client_new(const struct tls_client_options *options, struct tls_context **out,
                            struct ke_err *err)
{
    struct tls_context *context = NULL;
    enum ke_code rc = context_new(false, options->ca_pem, options->cert, &context, err);
    if (rc != KE_OK || context == NULL)
        return rc;
    mbedtls_ssl_conf_authmode(&context->conf, context->does_verify ? MBEDTLS_SSL_VERIFY_REQUIRED
                                                                   : MBEDTLS_SSL_VERIFY_OPTIONAL);
    mbedtls_ssl_conf_session_tickets(&context->conf, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
    mbed_conf_signal_tickets(&context->conf);
    *out = context;
    return KE_OK;
}

struct tls_context *tls_context_ref(struct tls_context *context)
{
    if (context != NULL)
        atomic_fetch_add_explicit(&context->n_refs, 1, memory_order_relaxed);
    return context;
}

void tls_context_unref(struct tls_context *context)
{
    if (context == NULL ||
        atomic_fetch_sub_explicit(&context->n_refs, 1, memory_order_acq_rel) != 1)
        return;
    mbedtls_ssl_config_free(&context->conf);
    mbedtls_x509_crt_free(&context->ca);
    mbedtls_ssl_cache_free(&context->cache);
    mbedtls_ssl_ticket_free(&context->tickets);
    mbedtls_ssl_session_free(&context->saved);
    for (size_t i = 0; context->alpn_text[i] != NULL; i++)
        free(context->alpn_text[i]);
    tls_cert_unref(context->cert);
    (void)pthread_mutex_destroy(&context->lock);
    free(context);
}

struct tls_counts tls_context_counts(const struct tls_context *context)
{
    return (struct tls_counts){
        .n_handshakes = atomic_load_explicit(&context->n_handshakes, memory_order_relaxed),
        .n_resumed = atomic_load_explicit(&context->n_resumed, memory_order_relaxed)
    };
}

/* ---- the last session of a client --------------------------------------------------------------
 */

void tls_context_save(struct tls_context *context, struct tls_session *session)
{
    if (session->name.len == 0)
        return;
    mbedtls_ssl_session fresh;
    mbedtls_ssl_session_init(&fresh);
    if (mbedtls_ssl_get_session(&session->ssl, &fresh) != 0) {
        mbedtls_ssl_session_free(&fresh);
        return; /* the next connection pays a full handshake */
    }
    (void)pthread_mutex_lock(&context->lock);
    mbedtls_ssl_session old = context->saved;
    context->saved = fresh;
    context->has_saved = true;
    memcpy(context->saved_name, session->name_text, sizeof(context->saved_name));
    (void)pthread_mutex_unlock(&context->lock);
    mbedtls_ssl_session_free(&old);
}

bool tls_context_resume(struct tls_context *context, struct tls_session *session)
{
    int ret = 0;
    (void)pthread_mutex_lock(&context->lock);
    if (context->has_saved && ke_str_eq_c(session->name, context->saved_name))
        ret = mbedtls_ssl_set_session(&session->ssl, &context->saved);
    (void)pthread_mutex_unlock(&context->lock);
    return ret == 0;
}
