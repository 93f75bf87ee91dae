/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_RELAY_H
#define DNS_RELAY_H
/* What an upstream said, made into what a client is told. Pure; bytes from the network. */
#include "dns/wire.h"

/* Is it the reply to our question: ID, direction, and the question itself, whatever its case? */
bool dns_reply_matches(const uint8_t *reply, size_t len, const uint8_t *asked, size_t asked_len);
/*
 * The upstream's message (one that matches the query's question) with the client's ID and the case
 * of its question; cut to nothing but TC where it is over limit. out: LIMIT_DNS_TCP_BYTES. Returns
 * its length.
 */
size_t dns_relay_whole(const struct dns_query *query, const uint8_t *reply, size_t len,
                       size_t limit, uint8_t *out);
/*
 * Adds the upstream's address records behind our CNAME, its rcode and its TC (D16); SERVFAIL when
 * reply is NULL or malformed.
 */
void dns_relay_external(struct dns_reply *ours, const struct dns_query *query, const uint8_t *reply,
                        size_t len);

#endif
