/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_CONNTRACK_H
#define PROXY_CONNTRACK_H
/*
 * Removal of stale UDP flows from connection tracking: a flow to a front whose backend does not
 * serve any more (or that was never translated) would go on to where it went. TCP is left alone: it
 * ends by itself. One thread.
 */
#include "proxy/nfnl.h"
#include "proxy/plan.h"

/* What to look for. Borrows from the plans. */
struct conntrack_front {
    struct ke_ip ip; /* of a node port: the family alone */
    uint16_t port;
    bool is_node_port;
    bool is_foreign_space;             /* no address of a service: only translated flows are ours */
    const struct proxy_group *serving; /* NULL: the front is gone */
};
struct conntrack_search {
    struct conntrack_front *fronts;
    size_t n, cap;
    bool has_failed; /* out of memory */
};
/* Adds the UDP fronts of a service whose serving backends differ between old and new. */
void conntrack_search_add(struct conntrack_search *search, const struct proxy_change *change);
void conntrack_search_deinit(struct conntrack_search *search);

/* Removes what is stale; *out_n: how many flows. Errors: KE_IO, KE_NOMEM, KE_TIMEOUT. */
enum ke_code conntrack_clean(struct nfnl_socket *socket, struct conntrack_search *search,
                             size_t *out_n, struct ke_err *err) KE_MUST_CHECK;

#endif
