/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_NET_TLS_TLS_H
#define CORE_NET_TLS_TLS_H
/*
 * TLS contract; mbedTLS is behind it and no type of it comes out. A context is immutable once in
 * use and shared by threads; a session belongs to one thread. Non-blocking on a borrowed
 * descriptor, which should have TCP_NODELAY set: a handshake is many small writes. Curves P-256 and
 * X25519, authenticated ciphers with forward secrecy only, session tickets and cache on, TLS 1.2 at
 * least (1.3 where the library has it). A session takes about 37 KB, nearly all of it the two
 * record buffers.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/err.h"
#include "core/base/str.h"

struct tls_cert;    /* certificate chain + private key, shared (ref) */
struct tls_context; /* server or client settings, shared (ref) */
struct tls_session;

/* PEM texts; the key must belong to the first certificate. Errors: KE_MALFORMED, KE_INVALID (key of
 * another certificate), KE_NOMEM. */
enum ke_code tls_cert_new(struct ke_str chain_pem, struct ke_str key_pem, struct tls_cert **out,
                          struct ke_err *err) KE_MUST_CHECK;
struct tls_cert *tls_cert_ref(struct tls_cert *cert);
void tls_cert_unref(struct tls_cert *cert);

/*
 * Called during the handshake with the lower-cased SNI name. Returns a referenced certificate, or
 * NULL to refuse. Must not block. Without a default certificate it is also called with an empty
 * name when a session is made: what it returns then serves clients that send no name, NULL refuses
 * them.
 */
typedef struct tls_cert *tls_sni_fn(void *ctx, struct ke_str name);

struct tls_server_options {
    struct tls_cert *cert; /* default; may be NULL when sni is set */
    tls_sni_fn *sni;       /* may be NULL */
    void *sni_ctx;
    struct ke_str client_ca_pem; /* asks for a client certificate and verifies it when one is sent;
                                    empty: does not ask */
    const char *const *alpn;     /* NULL-terminated, e.g. {"http/1.1", NULL}; may be NULL; a client
                                    that offers others only is refused */
};
/* Errors: KE_MALFORMED (client_ca_pem), KE_INVALID (neither cert nor sni, or too many protocols),
 * KE_NOMEM. */
enum ke_code tls_server_new(const struct tls_server_options *options, struct tls_context **out,
                            struct ke_err *err) KE_MUST_CHECK;
struct tls_client_options {
    struct ke_str ca_pem;  /* trusted roots; empty: no verification */
    struct tls_cert *cert; /* client certificate or NULL */
};
/* Errors: KE_MALFORMED (ca_pem), KE_NOMEM. */
enum ke_code tls_client_new(const struct tls_client_options *options, struct tls_context **out,
                            struct ke_err *err) KE_MUST_CHECK;
struct tls_context *tls_context_ref(struct tls_context *context);
void tls_context_unref(struct tls_context *context);
/* Handshakes that a server context has completed, and how often it took up an earlier session. Any
 * thread. */
struct tls_counts {
    uint64_t n_handshakes, n_resumed;
};
struct tls_counts tls_context_counts(const struct tls_context *context);

/*
 * fd borrowed, non-blocking. server_name: client side SNI and name check (IP names too; no SNI for
 * those); empty on the server, and on a client that checks the chain but no name. NULL: out of
 * memory, or a name that cannot be one. A client context offers its last session to the same name
 * again.
 */
struct tls_session *tls_session_new(struct tls_context *context, int fd, struct ke_str server_name);
void tls_session_free(struct tls_session *session);
KE_AUTO_DEFINE(tls_session)

enum tls_want { TLS_WANT_READ, TLS_WANT_WRITE };
/* KE_OK done; KE_AGAIN: wait for *want; KE_CLOSED; KE_DENIED (peer certificate), KE_MALFORMED,
 * KE_IO. */
enum ke_code tls_handshake(struct tls_session *session, enum tls_want *want, struct ke_err *err);
/*
 * > 0 bytes; 0 end of stream; -1 with *want: again; -2: failed, also when the connection ends
 * without the end-of-stream message (it may have been cut). A write that is to be done again must
 * be given the same bytes first; there may be more of them.
 */
ssize_t tls_read(struct tls_session *session, void *buf, size_t len, enum tls_want *want);
ssize_t tls_write(struct tls_session *session, const void *buf, size_t len, enum tls_want *want);
/* Bytes already decrypted, which poll does not see. */
size_t tls_pending(const struct tls_session *session);
void tls_close_notify(struct tls_session *session);

/* Client certificate, when one was sent and verified (now, or when the session began that was taken
 * up). Names live as long as the session; the first sixteen organizations. */
struct tls_peer {
    struct ke_str common_name;
    struct ke_str organizations[16];
    size_t n_organizations;
};
bool tls_session_peer(struct tls_session *session, struct tls_peer *out);
/* Server: the lower-cased name the client asked for; empty: none. Lives as long as the session. */
struct ke_str tls_session_sni(struct tls_session *session);

#endif
