/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_NET_HTTP_CLIENT_CONN_H
#define CORE_NET_HTTP_CLIENT_CONN_H
/* A blocking byte stream with a time limit on each wait: private to the client. One thread. */
#include "core/net/http/client.h"

struct client_conn {
    int fd; /* owned; -1: none */
    struct tls_session *tls;
    int timeout_ms; /* -1: none */
};
/* Errors: KE_UNAVAILABLE, KE_TIMEOUT, KE_MALFORMED (target), KE_DENIED, KE_NOMEM. */
enum ke_code client_conn_open(const struct http_client_target *target, struct client_conn *out,
                              struct ke_err *err) KE_MUST_CHECK;
void client_conn_close(struct client_conn *conn);
/* KE_CLOSED: the peer takes no more. Errors: also KE_TIMEOUT, KE_UNAVAILABLE. */
enum ke_code client_conn_write(struct client_conn *conn, struct ke_str bytes,
                               struct ke_err *err) KE_MUST_CHECK;
/* *n bytes, 0 at the end. Errors: KE_TIMEOUT, KE_UNAVAILABLE. */
enum ke_code client_conn_read(struct client_conn *conn, char *buf, size_t len, size_t *n,
                              struct ke_err *err) KE_MUST_CHECK;

#endif
