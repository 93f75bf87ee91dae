/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_FORWARD_H
#define DNS_FORWARD_H
/*
 * Questions to other resolvers. Each try has a fresh random ID and a socket of its own, so a random
 * source port (RFC 5452); replies that do not match are ignored and the wait goes on. The next
 * upstream is asked when one is silent, fails or refuses. Equal questions that are outstanding
 * share one try. A truncated reply is asked for again over TCP. One
 * thread: the loop's.
 */
#include "core/base/loop.h"
#include "dns/resolv.h"
#include "dns/wire.h"

struct dns_forwarder;

/* reply NULL: no upstream answered. Borrowed during the call. */
typedef void dns_forward_fn(void *ctx, const uint8_t *reply, size_t len);

struct dns_forwarder_options {
    struct ke_loop *loop;          /* borrowed */
    struct dns_upstreams fixed;    /* n 0: as the files say, read again when it changes */
    struct dns_resolv_files files; /* their names borrowed */
    int64_t try_ms;                /* how long one try may take */
    const struct ke_endpoint *own; /* where we listen; borrowed */
    size_t n_own;
};
struct dns_forwarder *dns_forwarder_new(const struct dns_forwarder_options *options);
/* Whoever still waits is called with NULL first. */
void dns_forwarder_free(struct dns_forwarder *forwarder);
/* Is there anybody to ask? (RA) */
bool dns_forwarder_has_upstream(struct dns_forwarder *forwarder);
/* ask.id is ignored. False: nobody to ask, too much outstanding, or out of memory; fn will not run.
 */
bool dns_forward(struct dns_forwarder *forwarder, const struct dns_ask *ask, dns_forward_fn *fn,
                 void *ctx) KE_MUST_CHECK;

#endif
