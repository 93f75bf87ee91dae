/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_BEARER_H
#define CORE_AUTH_BEARER_H
/*
 * Bearer tokens: service account tokens (bound, and those of Secrets) and bootstrap tokens. Who
 * comes with one is known by what is stored now: each check looks the account, and what the token
 * is bound to, up in the registry's cache of objects (no list, no copy that lags), so a token ends
 * with its account at once. Only the signature is remembered, by the token's hash, for ten minutes:
 * checking one costs one to two milliseconds, the rest ten microseconds. Any thread; never waits
 * for another's signature check.
 * Source: Kubernetes pkg/serviceaccount/{jwt,claims,legacy}.go,
 * plugin/pkg/auth/authenticator/token/bootstrap.
 */
#include "core/auth/token_claims.h"
#include "core/auth/token_keys.h"
#include "core/auth/user.h"
#include "core/base/clock.h"
#include "core/registry/registry.h"

struct auth_bearer;

#define AUTH_BEARER_AUDIENCES 8

struct auth_bearer_options {
    struct registry *registry;      /* borrowed; NULL: no token is good, issuing only */
    struct token_keys *keys;        /* borrowed */
    struct ke_str issuer;           /* "https://kubernetes.default.svc.cluster.local"; copied */
    const struct ke_str *audiences; /* of the API itself; copied; none: the issuer */
    size_t n_audiences;             /* at most AUTH_BEARER_AUDIENCES */
    const struct ke_clock *clock;   /* NULL: the system's */
};

/* Errors: KE_INVALID (too many audiences), KE_NOMEM. */
enum ke_code auth_bearer_new(const struct auth_bearer_options *options, struct auth_bearer **out,
                             struct ke_err *err) KE_MUST_CHECK;
void auth_bearer_free(struct auth_bearer *bearer); /* NULL is fine */
KE_AUTO_DEFINE(auth_bearer)

struct ke_str auth_bearer_issuer(const struct auth_bearer *bearer);
const struct ke_str *auth_bearer_audiences(const struct auth_bearer *bearer, size_t *out_n);
struct token_keys *auth_bearer_keys(const struct auth_bearer *bearer);
struct registry *auth_bearer_registry(const struct auth_bearer *bearer);
int64_t auth_bearer_now_s(const struct auth_bearer *bearer);

struct auth_bearer_result {
    struct auth_user user;                        /* texts in the caller's arena */
    struct ke_str audiences[TOKEN_MAX_AUDIENCES]; /* asked for and had */
    size_t n_audiences;
};
struct auth_bearer_question {
    struct ke_str token;
    const struct ke_str *audiences; /* for whom it must be: one of them is enough */
    size_t n_audiences;             /* 0: the API itself */
    bool is_quick;                  /* rather answer KE_AGAIN than check a signature */
};
/*
 * Errors: KE_UNAUTHENTICATED (why, as upstream words it: not for strangers), KE_AGAIN (is_quick,
 * and the token is not remembered; err is not set), KE_NOMEM, KE_IO.
 */
enum ke_code auth_bearer_check(struct auth_bearer *bearer,
                               const struct auth_bearer_question *question, struct ke_arena *arena,
                               struct auth_bearer_result *out, struct ke_err *err) KE_MUST_CHECK;

/*
 * Signs claims of this issuer: account, ns, audiences, times and bindings as given, the issuer and
 * a new id are set here (neither for legacy ones). Blocks for a signature. Errors: KE_NOMEM,
 * KE_TOO_LARGE.
 */
enum ke_code auth_bearer_issue(struct auth_bearer *bearer, const struct token_claims *claims,
                               struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;

/* How often a signature was checked, and how often that was remembered. */
struct auth_bearer_counts {
    uint64_t n_verified, n_remembered;
};
struct auth_bearer_counts auth_bearer_counts(const struct auth_bearer *bearer);

#endif
