/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_NET_TLS_TLS_INTERNAL_H
#define CORE_NET_TLS_TLS_INTERNAL_H
/* The structures behind tls.h, for its own files. */
#include <pthread.h>
#include <stdatomic.h>

#include "core/base/addr.h"
#include "core/base/limits.h"
#include "core/net/tls/mbed.h"
#include "core/net/tls/tls.h"

/*
 * Immutable once made, but for mbedTLS 2.28, which keeps a table of multiples of the curve's base
 * point in the key at its first use: tls_cert_new uses the key once, so that threads find it there.
 */
struct tls_cert {
    atomic_uint n_refs;
    mbedtls_x509_crt chain;
    mbedtls_pk_context key;
};

enum { TLS_MAX_ALPN = 8 };

struct tls_context {
    atomic_uint n_refs;
    bool is_server;
    bool does_verify; /* the peer's certificate: always (client), when sent (server) */
    mbedtls_ssl_config conf;
    mbedtls_x509_crt ca; /* used once before it is shared, as the keys of certificates */
    struct tls_cert *cert;
    tls_sni_fn *sni;
    void *sni_ctx;
    char *alpn_text[TLS_MAX_ALPN + 1];
    const char *alpn[TLS_MAX_ALPN + 1]; /* the same, as mbedTLS wants and keeps them */
    mbedtls_ssl_cache_context cache;    /* locks for itself */
    mbedtls_ssl_ticket_context tickets; /* locks for itself */
    atomic_uint_fast64_t n_handshakes, n_resumed;

    pthread_mutex_t lock; /* guards what follows: the last session of a client */
    mbedtls_ssl_session saved;
    bool has_saved;
    char saved_name[LIMIT_DNS_NAME_BYTES + 1];
};

struct tls_session {
    mbedtls_ssl_context ssl;
    struct tls_context *context; /* shared */
    struct tls_cert *cert;       /* shared; what sni returned */
    int fd;                      /* borrowed */
    bool is_open;                /* handshake done */
    bool is_failed;
    bool is_drained;      /* the last read of the descriptor found nothing */
    size_t write_len;     /* bytes that a write not finished has taken in */
    struct ke_ip peer_ip; /* client: the address the server's certificate must name */
    struct ke_str name;   /* client: server name; server: SNI; in name_text */
    char name_text[LIMIT_DNS_NAME_BYTES + 1];
};

/* mbedtls_ssl_conf_sni callback; arg is the context. */
int tls_session_choose_cert(void *arg, mbedtls_ssl_context *ssl, const unsigned char *name,
                            size_t len);
/* Client: keeps or takes out the session of the context. */
void tls_context_save(struct tls_context *context, struct tls_session *session);
bool tls_context_resume(struct tls_context *context, struct tls_session *session);

#endif
