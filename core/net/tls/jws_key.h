/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_NET_TLS_JWS_KEY_H
#define CORE_NET_TLS_JWS_KEY_H
/*
 * Keys of signed tokens: ES256 (P-256) signs and verifies, RS256 (RSA of 2048 bits and more) only
 * verifies. A key is for one algorithm, its own: what a token's header says about it can only be
 * compared with that. Immutable once made; any thread. Blocking: a signature or a check of one
 * costs about a millisecond. Source: RFC 7515, 7517, 7518 sections 3.3, 3.4, 6.2, 6.3.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

enum jws_alg { JWS_ES256, JWS_RS256 };

#define JWS_ES256_BYTES         64   /* r and s, 32 bytes each, big-endian */
#define JWS_SIGNATURE_MAX_BYTES 1024 /* RSA of 8192 bits */
#define JWS_KEY_ID_BYTES        43   /* base64url of SHA-256 */

struct jws_key;

/*
 * PEM of a private or a public key, the first in the text. Errors: KE_MALFORMED (no key, or not one
 * of the two), KE_NOMEM.
 */
enum ke_code jws_key_new(struct ke_str pem, struct jws_key **out, struct ke_err *err) KE_MUST_CHECK;
void jws_key_free(struct jws_key *key); /* NULL is fine */
KE_AUTO_DEFINE(jws_key)

enum jws_alg jws_key_alg(const struct jws_key *key);
const char *jws_alg_name(enum jws_alg alg); /* "ES256" */
bool jws_key_can_sign(const struct jws_key *key);
/* base64url of SHA-256 of the public key's DER, as kube-apiserver names keys. Lives with the key.
 */
struct ke_str jws_key_id(const struct jws_key *key);

/* ES256 only. Errors: KE_INVALID (this key cannot sign), KE_NOMEM. */
enum ke_code jws_key_sign(struct jws_key *key, struct ke_str text, uint8_t out[JWS_ES256_BYTES],
                          struct ke_err *err) KE_MUST_CHECK;
bool jws_key_verify(struct jws_key *key, struct ke_str text, struct ke_str signature);

/* The public half as a JSON Web Key; appends. */
void jws_key_print_jwk(const struct jws_key *key, struct ke_buf *out);

#endif
