/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_NET_JWT_JWT_H
#define CORE_NET_JWT_JWT_H
/*
 * JSON Web Tokens in the compact form: header.claims.signature. Strict: what two readers could read
 * differently is refused (padding, spare bits, a member that comes twice, extensions marked
 * critical), and so is every algorithm but the two of jws_key.h; a header never brings a key. What
 * claims mean is the caller's. Pure; any thread. Source: RFC 7515 section 5.2, RFC 7519, RFC 8725.
 */
#include "core/base/json.h"
#include "core/net/tls/jws_key.h"

struct jwt {
    enum jws_alg alg;
    struct ke_buf header;    /* decoded */
    struct ke_str key_id;    /* of header; empty: it names none */
    cJSON *claims;           /* an object */
    struct ke_str text;      /* that is signed; of the token */
    struct ke_str signature; /* of signature_bytes */
    uint8_t signature_bytes[JWS_SIGNATURE_MAX_BYTES];
};

/*
 * Reads, without looking at the signature: nothing of it is true before jwt_verify. The token must
 * outlive *out; jwt_clear ends it, also after a failure. Errors: KE_MALFORMED, KE_TOO_LARGE
 * (LIMIT_TOKEN_BYTES), KE_NOMEM.
 */
enum ke_code jwt_parse(struct ke_str token, struct jwt *out, struct ke_err *err) KE_MUST_CHECK;
void jwt_clear(struct jwt *jwt);
/* Signed by this key, with its algorithm? The key's name is not compared. */
bool jwt_verify(const struct jwt *jwt, struct jws_key *key);

/* Appends the whole token. claims: JSON text. Errors: KE_INVALID (the key cannot sign),
 * KE_TOO_LARGE, KE_NOMEM. */
enum ke_code jwt_sign(struct jws_key *key, struct ke_str claims, struct ke_buf *out,
                      struct ke_err *err) KE_MUST_CHECK;

#endif
