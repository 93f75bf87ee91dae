/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_RESOLV_H
#define DNS_RESOLV_H
/*
 * The node's own resolvers, for names that are not ours. A stub resolver (127.0.0.53) is followed
 * to the resolvers behind it, and addresses at which we answer ourselves are left out: no loop.
 */
#include <stddef.h>
#include <stdint.h>

#include "core/base/addr.h"

#define DNS_MAX_UPSTREAMS 4

struct dns_upstreams {
    struct ke_endpoint items[DNS_MAX_UPSTREAMS];
    size_t n;
};
struct dns_resolv_files {
    const char *resolv_conf; /* "/etc/resolv.conf" */
    const char *behind_stub; /* read instead where that names a stub: DNS_BEHIND_STUB */
};
#define DNS_BEHIND_STUB "/run/systemd/resolve/resolv.conf"
/* own: where we listen; family NONE or unspecified stands for every address of the node. Reads
 * files; blocking but short. */
void dns_resolv_read(const struct dns_resolv_files *files, const struct ke_endpoint *own,
                     size_t n_own, struct dns_upstreams *out);
/* Changes when the files that dns_resolv_read reads do; 0: resolv_conf is not there. */
uint64_t dns_resolv_stamp(const struct dns_resolv_files *files);
/* Pure part: the nameservers of a resolv.conf text, in order. */
void dns_resolv_parse(struct ke_str text, struct dns_upstreams *out);

#endif
