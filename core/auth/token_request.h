/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_TOKEN_REQUEST_H
#define CORE_AUTH_TOKEN_REQUEST_H
/*
 * TokenRequest: a token for a service account, for some audiences, a while, and bound perhaps to an
 * object that ends it. Any thread; blocks for a signature. Source: Kubernetes
 * pkg/registry/core/serviceaccount/storage/token.go, apis/authentication/validation.
 */
#include "core/auth/bearer.h"
#include "core/model/issues.h"

struct token_request {
    struct ke_str ns, name;        /* of the account */
    const struct auth_user *asker; /* a node gets tokens of its own pods only; NULL: kedge itself */
    cJSON *body;                   /* as decoded; metadata, defaults and status are filled in */
    struct ke_arena *arena;        /* of texts */
    struct model_issues *issues;   /* filled with KE_INVALID */
    struct ke_str invalid_name;    /* of the object that the issues are about */
    struct ke_str warning;         /* set; empty: none */
};

/*
 * Errors, with upstream's words: KE_NOT_FOUND, KE_INVALID, KE_MALFORMED (it cannot be bound to that
 * object), KE_CONFLICT (that object has another uid), KE_DENIED (a node, for what is not its own),
 * KE_NOMEM, KE_TOO_LARGE.
 */
enum ke_code token_request_run(struct auth_bearer *bearer, struct token_request *request,
                               struct ke_err *err) KE_MUST_CHECK;

#endif
