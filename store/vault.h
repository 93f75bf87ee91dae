/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_VAULT_H
#define STORE_VAULT_H
/*
 * Which values are encrypted on disk, and how: those of Secrets, as
 * "k8s:enc:aesgcm:v1:KEYID:" and the sealed bytes. The registry key of the object is authenticated
 * with the value, so that nobody with a pen and the file can give one Secret another's content.
 * Keys are in a file that only root can read; the newest seals, all open. One thread at a time.
 *
 * The key file: a comment, then one line a key, newest first: "aesgcm:v1 KEYID BASE64".
 */
#include "core/base/buf.h"
#include "core/base/err.h"

struct vault;

/*
 * Reads the key file; none is no error: then there is no key. path copied. A file that others than
 * its owner can read is closed to them. Errors: KE_MALFORMED (the file is no key file), KE_IO,
 * KE_NOMEM.
 */
enum ke_code vault_open(const char *path, struct vault **out, struct ke_err *err) KE_MUST_CHECK;
void vault_free(struct vault *vault); /* NULL is fine */
KE_AUTO_DEFINE(vault)
const char *vault_path(const struct vault *vault);
bool vault_has_key(const struct vault *vault);
/*
 * Makes a key that seals from now on; it is in the file, on disk, when this returns KE_OK, and not
 * used otherwise. The oldest beyond VAULT_MAX_KEYS is forgotten. Errors: KE_IO, KE_NOMEM.
 */
#define VAULT_MAX_KEYS 8
enum ke_code vault_add_key(struct vault *vault, struct ke_err *err) KE_MUST_CHECK;

/* Does the value at this registry key belong into the vault? */
bool vault_wants(struct ke_str key);
bool vault_is_sealed(struct ke_str value);
/* Sealed by the newest key? */
bool vault_is_current(const struct vault *vault, struct ke_str value);
/* Into out, cleared first. Errors: KE_NOMEM, KE_TOO_LARGE. */
enum ke_code vault_seal(const struct vault *vault, struct ke_str key, struct ke_str plain,
                        struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;
/* vault may be NULL: no key is known. Errors: KE_INVALID (no such key: names it and the file),
 * KE_MALFORMED (the value was changed or moved, or the key is another one), KE_NOMEM. */
enum ke_code vault_unseal(const struct vault *vault, struct ke_str key, struct ke_str value,
                          struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;

#endif
