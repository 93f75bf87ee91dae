/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_AUTH_H
#define CORE_API_AUTH_H
/*
 * Who asks and whether it may. A connection's identity comes from its client certificate or, on the
 * unix socket, from the kernel; a request without either is anonymous, and one with a token that
 * nobody issued is refused. Immutable once made; any thread.
 */
#include "core/api/server.h"

/* The identity a connection brought with it. */
struct api_identity; /* shared: refcounted */

/* CN is the user, each O a group; system:authenticated is added. NULL: out of memory. */
struct api_identity *api_identity_from_peer(const struct tls_peer *peer);
/* Root, by the credentials of a unix socket: system:admin in system:masters. */
struct api_identity *api_identity_local_root(void);
/* Who comes by the health listener: anonymous, and in system:monitoring. */
struct api_identity *api_identity_monitoring(void);
struct api_identity *api_identity_ref(struct api_identity *identity);
void api_identity_free(struct api_identity *identity); /* drops a reference; NULL is fine */
KE_AUTO_DEFINE(api_identity)
const struct auth_user *api_identity_user(const struct api_identity *identity);

/*
 * identity NULL: the connection brought none. authorization: the header, may be empty.
 * Errors: KE_UNAUTHENTICATED.
 */
enum ke_code api_authenticate(const struct api_identity *identity, struct ke_str authorization,
                              const struct auth_user **out, struct ke_err *err) KE_MUST_CHECK;

/* `pods is forbidden: User "bob" cannot list resource "pods" in API group "" at the cluster scope`
 */
void api_forbidden_message(const struct auth_attributes *attributes, struct ke_buf *out);

#endif
