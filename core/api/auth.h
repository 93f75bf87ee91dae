/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_AUTH_H
#define CORE_API_AUTH_H
/*
 * Who asks and whether it may. A connection's identity comes from its client certificate or, on the
 * unix socket, from the kernel; else from a request's bearer token; a request without any is
 * anonymous. Immutable once made; any thread.
 */
#include "core/api/server.h"
#include "core/auth/bearer.h"

/* The identity a connection brought with it. */
struct api_identity; /* shared: refcounted */

/* CN is the user, each O a group; system:authenticated is added. NULL: out of memory. */
struct api_identity *api_identity_from_peer(const struct tls_peer *peer);
/* Root, by the credentials of a unix socket: system:admin in system:masters. */
struct api_identity *api_identity_local_root(void);
/* Who comes by the health listener: anonymous, and in system:monitoring. */
struct api_identity *api_identity_monitoring(void);
/* It came by that listener, whose paths no role can close. NULL: no. */
bool api_identity_is_monitor(const struct api_identity *identity);
struct api_identity *api_identity_ref(struct api_identity *identity);
void api_identity_free(struct api_identity *identity); /* drops a reference; NULL is fine */
KE_AUTO_DEFINE(api_identity)

/* What a request shows of who sends it. */
struct api_credentials {
    const struct api_identity *identity; /* of the connection; NULL: it brought none */
    struct ke_str authorization;         /* the header, may be empty */
    struct ke_str protocols; /* Sec-WebSocket-Protocol, may be empty: a browser has no other way to
                                send a token (base64url.bearer.authorization.k8s.io.TOKEN) */
    struct auth_bearer *bearer; /* NULL: no token is good */
    bool is_quick;              /* rather answer KE_AGAIN than check a signature */
};
/*
 * A certificate goes before a token, as upstream; what a token's user needs lives in arena. A bad
 * token is refused, never anonymous. Errors: KE_UNAUTHENTICATED, KE_AGAIN (is_quick), KE_NOMEM,
 * KE_IO.
 */
enum ke_code api_authenticate(const struct api_credentials *credentials, struct ke_arena *arena,
                              const struct auth_user **out, struct ke_err *err) KE_MUST_CHECK;
/* Does this WebSocket protocol name only carry a token? Such a one is never chosen. */
bool api_protocol_is_token(struct ke_str protocol);

/* `pods is forbidden: User "bob" cannot list resource "pods" in API group "" at the cluster scope`
 */
void api_forbidden_message(const struct auth_attributes *attributes, struct ke_buf *out);

#endif
