/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_NET_HTTP_CLIENT_H
#define CORE_NET_HTTP_CLIENT_H
/*
 * A blocking HTTP client for kedge's own commands: over the local socket or TCP, with or without
 * TLS. One thread.
 */
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/net/tls/tls.h"

struct http_client_target {
    const char *unix_path; /* or NULL */
    struct ke_str host;    /* name or address, for TCP and Host */
    uint16_t port;
    struct tls_context *tls; /* NULL: plain */
    int timeout_ms;          /* of connect, of each read and each write; 0: none */
};

struct http_client_request {
    struct ke_str method, path;         /* path with query */
    struct ke_str content_type, accept; /* may be empty */
    struct ke_str authorization;        /* value of the field, e.g. "Bearer x"; may be empty */
    struct ke_str body;
};

/*
 * Whole answer appended to *body (its ceiling holds). Errors: KE_UNAVAILABLE (no connection, or it
 * ended before the answer did), KE_TIMEOUT, KE_MALFORMED (the answer, or a request that cannot be
 * sent), KE_TOO_LARGE, KE_DENIED (the server's certificate), KE_NOMEM. *status is the HTTP status
 * also when it is an error status; set when the head has come, whatever happens to the body.
 */
enum ke_code http_client_call(const struct http_client_target *target,
                              const struct http_client_request *request, unsigned *status,
                              struct ke_buf *body, struct ke_err *err) KE_MUST_CHECK;
/* Pieces of the body as they come (watches); fn returns false to stop, which is KE_OK. *status is
 * set before the first. */
typedef bool http_client_piece_fn(void *ctx, struct ke_str piece);
enum ke_code http_client_stream(const struct http_client_target *target,
                                const struct http_client_request *request, unsigned *status,
                                http_client_piece_fn *fn, void *ctx,
                                struct ke_err *err) KE_MUST_CHECK;

#endif
