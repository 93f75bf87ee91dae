/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_BOOTSTRAP_H
#define CORE_AUTH_BOOTSTRAP_H
/*
 * Bootstrap tokens: "ID.SECRET", each a Secret kube-system/bootstrap-token-ID, with which a node
 * asks for its first certificate. Pure; any thread. Source: Kubernetes
 * plugin/pkg/auth/authenticator/token/bootstrap, cluster-bootstrap/{token,util}.
 */
#include "core/auth/user.h"
#include "core/base/json.h"

#define BOOTSTRAP_NAMESPACE    "kube-system"
#define BOOTSTRAP_NAME_PREFIX  "bootstrap-token-"
#define BOOTSTRAP_SECRET_TYPE  "bootstrap.kubernetes.io/token"
#define BOOTSTRAP_GROUP        "system:bootstrappers"
#define BOOTSTRAP_ID_BYTES     6
#define BOOTSTRAP_SECRET_BYTES 16

/* [a-z0-9]{6}.[a-z0-9]{16}? Parts are borrowed from token. */
bool bootstrap_token_split(struct ke_str token, struct ke_str *out_id, struct ke_str *out_secret);
/* "system:bootstrappers:..." as auth-extra-groups may name it? */
bool bootstrap_group_is_valid(struct ke_str group);
/* data.KEY of the Secret, decoded into out; false: absent or not base64. */
bool bootstrap_value(const cJSON *secret, const char *key, struct ke_buf *out);
/* Has the Secret an expiration that is past, or cannot be read? Absent: never. */
bool bootstrap_is_expired(const cJSON *secret, int64_t now_s);
/* When, unix seconds; 0: never, or not known. */
int64_t bootstrap_expiration_s(const cJSON *secret);

/*
 * Is the token that of this Secret, and may it authenticate now? The secret part is compared in
 * constant time. out: texts in arena. Errors: KE_UNAUTHENTICATED, KE_NOMEM.
 */
enum ke_code bootstrap_check(const cJSON *secret, struct ke_str token, int64_t now_s,
                             struct ke_arena *arena, struct auth_user *out,
                             struct ke_err *err) KE_MUST_CHECK;

#endif
