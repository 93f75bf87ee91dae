/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_ACCEPTOR_H
#define CORE_API_ACCEPTOR_H
/*
 * The listeners and the handshake thread. Connections of the unix socket are handed to an API loop
 * as they are; those of TCP when their TLS handshake is done. A handshake costs milliseconds of
 * CPU, so it never runs on an API loop.
 */
#include "core/base/addr.h"
#include "core/base/err.h"
#include "core/net/tls/tls.h"

struct api_acceptor;
struct api_server;

/* Binds every listener of the server's options. Errors: KE_IO, KE_EXISTS, KE_NOMEM. */
enum ke_code api_acceptor_new(struct api_server *server, struct api_acceptor **out,
                              struct ke_err *err) KE_MUST_CHECK;
enum ke_code api_acceptor_start(struct api_acceptor *acceptor, struct ke_err *err) KE_MUST_CHECK;
void api_acceptor_stop(struct api_acceptor *acceptor); /* closes the listeners; joins */
void api_acceptor_free(struct api_acceptor *acceptor);
bool api_acceptor_address(const struct api_acceptor *acceptor, size_t i, struct ke_endpoint *out);
/* For handshakes from now on. Any thread. tls is borrowed: a reference is taken. */
void api_acceptor_set_tls(struct api_acceptor *acceptor, struct tls_context *tls);
/* A socket that listens, or -1 with errno; no family: all addresses of both. */
int api_acceptor_listen_at(const struct ke_endpoint *address);

#endif
