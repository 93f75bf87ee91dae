/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_PROXY_BACKEND_H
#define CORE_API_PROXY_BACKEND_H
/*
 * A connection to the server behind a proxy request, plain or with TLS whose certificate is not
 * verified (as upstream: a pod's name is in no certificate). Never blocks; embedded. On an API
 * loop.
 */
#include <sys/types.h>

#include "core/api/proxy/address.h"
#include "core/base/loop.h"
#include "core/net/tls/tls.h"

/* Bytes on their way to it at which its user should wait. */
#define PROXY_BACKEND_HIGH (64U << 10)

struct proxy_backend {
    struct ke_loop *loop;
    int fd; /* -1: not open */
    struct tls_session *session;
    struct ke_loop_fd *watch;
    struct ke_loop_timer *timer;
    void (*on_event)(void *ctx); /* readable when wanted, all sent, or failed */
    void *ctx;
    struct ke_buf out;
    size_t out_at;
    struct ke_endpoint at;
    bool is_connected, is_failed, is_write_broken, wants_read;
    bool is_ending;    /* nothing more will be written: half-close when all is sent */
    uint32_t io_wants; /* what TLS waits for besides */
    char why[128];     /* is_failed: "dial tcp 10.0.0.1:80: connect: connection refused" */
};

/* Errors: KE_UNAVAILABLE (as `why`), KE_NOMEM. Closed with proxy_backend_close in any case. */
enum ke_code proxy_backend_open(struct proxy_backend *backend, struct ke_loop *loop,
                                const struct proxy_address *address, struct tls_context *tls,
                                void (*on_event)(void *ctx), void *ctx,
                                struct ke_err *err) KE_MUST_CHECK;
void proxy_backend_close(struct proxy_backend *backend); /* a zeroed one is fine */
/* To be appended to; then flushed. */
struct ke_buf *proxy_backend_out(struct proxy_backend *backend);
void proxy_backend_flush(struct proxy_backend *backend);
size_t proxy_backend_waiting(const struct proxy_backend *backend); /* bytes not sent */
void proxy_backend_want(struct proxy_backend *backend, bool wants_read);
/* > 0 bytes; 0 the end; -1 nothing now; -2 failed. */
ssize_t proxy_backend_read(struct proxy_backend *backend, char *ptr, size_t max);

#endif
