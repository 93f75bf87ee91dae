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
    int timeout_ms;          /* of connect and of each read */
};

struct http_client_request {
    struct ke_str method, path;         /* path with query */
    struct ke_str content_type, accept; /* may be empty */
    struct ke_str body;
};

/*
 * Whole answer into *body (its ceiling holds). Errors: KE_UNAVAILABLE (no connection), KE_TIMEOUT,
 * KE_MALFORMED, KE_TOO_LARGE. *status is the HTTP status also when it is an error status.
 */
enum ke_code http_client_call(const struct http_client_target *target,
                              const struct http_client_request *request, unsigned *status,
                              struct ke_buf *body, struct ke_err *err) KE_MUST_CHECK;
/* Pieces of the body as they come (watches); fn returns false to stop. */
typedef bool http_client_piece_fn(void *ctx, struct ke_str piece);
enum ke_code http_client_stream(const struct http_client_target *target,
                                const struct http_client_request *request, unsigned *status,
                                http_client_piece_fn *fn, void *ctx,
                                struct ke_err *err) KE_MUST_CHECK;

#endif
