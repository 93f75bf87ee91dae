/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_AUTH_TOKEN_CACHE_H
#define CORE_AUTH_TOKEN_CACHE_H
/*
 * Tokens whose signature was found good lately, by SHA-256 of their text, with their claims. What
 * is true of accounts is not in here. Bounded; the oldest of a set goes first. Any thread.
 */
#include <stdint.h>

#include "core/auth/token_claims.h"
#include "core/net/tls/x509.h"

struct token_cache;
/* One token's claims: shared, immutable. */
struct token_record;

struct token_cache *token_cache_new(void); /* NULL: out of memory */
void token_cache_free(struct token_cache *cache);
KE_AUTO_DEFINE(token_cache)

/* json given, also on failure; claims borrow from it. NULL: out of memory. Returned: a reference.
 */
struct token_record *token_record_new(cJSON *json, const struct token_claims *claims);
void token_record_free(struct token_record *record); /* drops a reference; NULL is fine */
KE_AUTO_DEFINE(token_record)
const struct token_claims *token_record_claims(const struct token_record *record);

/* Returned: a reference; NULL: not known, or not since now_ns. */
struct token_record *token_cache_get(struct token_cache *cache, const uint8_t hash[SHA256_BYTES],
                                     int64_t now_ns);
/* Holds a reference of its own until until_ns. */
void token_cache_put(struct token_cache *cache, const uint8_t hash[SHA256_BYTES],
                     struct token_record *record, int64_t until_ns);

#endif
