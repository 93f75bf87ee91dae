/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_NET_TLS_SEAL_H
#define CORE_NET_TLS_SEAL_H
/*
 * Authenticated encryption of stored values: AES-256-GCM, a fresh random nonce each time. One key
 * is good for 2^32 values. Pure but for randomness; any thread. Source: NIST SP 800-38D.
 */
#include <stdint.h>

#include "core/base/buf.h"

#define TLS_SEAL_KEY_BYTES 32

/*
 * Appends nonce, ciphertext and tag of plain. with: authenticated, not stored: it must be the same
 * when opened, so that a value cannot be put in another's place. Errors: KE_NOMEM, KE_TOO_LARGE.
 */
enum ke_code tls_seal(const uint8_t key[TLS_SEAL_KEY_BYTES], struct ke_str with,
                      struct ke_str plain, struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;
/* Appends the plain value. Errors: KE_MALFORMED (another key, another `with`, or changed),
 * KE_NOMEM, KE_TOO_LARGE; out is as it was then. */
enum ke_code tls_unseal(const uint8_t key[TLS_SEAL_KEY_BYTES], struct ke_str with,
                        struct ke_str sealed, struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;
/* Overwrites memory that held a key, in a way that compilers keep. */
void tls_wipe(void *ptr, size_t len);

#endif
