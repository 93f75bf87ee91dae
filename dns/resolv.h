/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_RESOLV_H
#define DNS_RESOLV_H
/*
 * The node's own resolvers, for names that are not ours. A stub resolver (127.0.0.53) is followed
 * to the resolvers behind it, and addresses at which we answer ourselves are left out: no loop.
 */
#include <stddef.h>

#include "core/base/addr.h"

#define DNS_MAX_UPSTREAMS 4

struct dns_upstreams {
    struct ke_endpoint items[DNS_MAX_UPSTREAMS];
    size_t n;
};
/* own: where we listen; family NONE or unspecified stands for every address of the node. Reads
 * files; blocking but short. */
void dns_resolv_read(const char *resolv_conf, const struct ke_endpoint *own, size_t n_own,
                     struct dns_upstreams *out);
/* Pure part: the nameservers of a resolv.conf text, in order. */
void dns_resolv_parse(struct ke_str text, struct dns_upstreams *out);

#endif
