/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_TOKEN_CLAIMS_H
#define CORE_AUTH_TOKEN_CLAIMS_H
/*
 * What a service account token says: bound ones, and the older kind that lives in a Secret. Pure;
 * any thread. Times are unix seconds. Source: Kubernetes pkg/serviceaccount/claims.go, legacy.go;
 * KEP-1205, KEP-4193.
 */
#include "core/base/json.h"

#define TOKEN_MAX_AUDIENCES 16
#define TOKEN_LEGACY_ISSUER "kubernetes/serviceaccount"

struct token_ref {
    struct ke_str name; /* empty: not bound to one */
    struct ke_str uid;
};

struct token_claims {
    bool is_legacy; /* of a Secret: no times, no audiences; bound to secret by name alone */
    struct ke_str issuer, subject, id;
    struct ke_str audiences[TOKEN_MAX_AUDIENCES];
    size_t n_audiences;
    int64_t issued_s, not_before_s, expires_s;
    int64_t warn_after_s; /* 0: none */
    struct ke_str ns;
    struct token_ref account, pod, node, secret;
};

/* Texts are borrowed from json. Errors: KE_MALFORMED (a claim that is missing or of a wrong type,
 * or a subject that is not the account). */
enum ke_code token_claims_read(const cJSON *json, struct token_claims *out,
                               struct ke_err *err) KE_MUST_CHECK;
/* JSON; appends. subject is made from the account. */
void token_claims_print(const struct token_claims *claims, struct ke_buf *out);

#endif
