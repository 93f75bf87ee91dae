/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: reading never fails badly, no input is a signed token, and what is read is spelled one
 * way. */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/net/jwt/jwt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char public_key[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n"
    "6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n"
    "-----END PUBLIC KEY-----\n";

static struct jws_key *the_key(void)
{
    static struct jws_key *key;
    struct ke_err err = KE_ERR_INIT;
    if (key == NULL && jws_key_new(KE_STR(public_key), &key, &err) != KE_OK)
        abort();
    return key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ke_err err = KE_ERR_INIT;
    struct jwt jwt;
    enum ke_code rc = jwt_parse(ke_str_of((const char *)data, size), &jwt, &err);
    if (rc == KE_OK) {
        if (jwt.claims == NULL || jwt.text.len >= size || jwt.signature.len == 0 ||
            jwt_verify(&jwt, the_key()))
            abort();
    }
    jwt_clear(&jwt);
    return 0;
}
