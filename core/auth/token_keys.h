/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_TOKEN_KEYS_H
#define CORE_AUTH_TOKEN_KEYS_H
/*
 * The keys of service account tokens: one signs, all verify (a key that was taken out of use still
 * does, until its tokens have run out). Immutable once made; any thread.
 */
#include "core/net/jwt/jwt.h"

#define TOKEN_KEYS_MAX 16

struct token_keys;

/*
 * signing_pem: a private P-256 key. others: PEMs of public or private keys, each with one key.
 * Errors: KE_MALFORMED, KE_TOO_LARGE (over TOKEN_KEYS_MAX), KE_NOMEM.
 */
enum ke_code token_keys_new(struct ke_str signing_pem, const struct ke_str *others, size_t n_others,
                            struct token_keys **out, struct ke_err *err) KE_MUST_CHECK;
void token_keys_free(struct token_keys *keys); /* NULL is fine */
KE_AUTO_DEFINE(token_keys)

/* Signed by one of the keys, of the algorithm and (when it names one) of the name in its header? */
bool token_keys_verify(struct token_keys *keys, const struct jwt *jwt);
enum ke_code token_keys_sign(struct token_keys *keys, struct ke_str claims, struct ke_buf *out,
                             struct ke_err *err) KE_MUST_CHECK;
/* A JSON Web Key Set; appends. */
void token_keys_print_jwks(const struct token_keys *keys, struct ke_buf *out);
/* The algorithms of the keys, each once, as JSON strings with commas; appends. */
void token_keys_print_algs(const struct token_keys *keys, struct ke_buf *out);

#endif
