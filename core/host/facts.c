/* SPDX-License-Identifier: Apache-2.0 */
/* What the host is like: addresses and routes, read fresh each time. Any thread. */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/host/ledger.h"
#include "core/host/netlink.h"

bool host_has_route(const struct ke_cidr *dst)
{
    return netlink_has_route(dst);
}

static bool ip_from_sockaddr(const struct sockaddr *sa, struct ke_ip *out)
{
    struct sockaddr_storage storage = { .ss_family = AF_UNSPEC };
    struct ke_endpoint ep;
    if (sa == NULL || (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
        return false;
    memcpy(&storage, sa,
           sa->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    if (!ke_endpoint_from_sockaddr(&storage, &ep))
        return false;
    *out = ep.ip;
    return true;
}

static unsigned prefix_of(const struct ke_ip *mask)
{
    unsigned bits = 0;
    while (bits < ke_ip_len(mask) * 8 && (mask->b[bits / 8] & (0x80U >> (bits % 8))) != 0)
        bits++;
    return bits;
}

/* The address of an entry of a link that is up. */
static bool cidr_of(const struct ifaddrs *entry, struct ke_cidr *out)
{
    struct ke_ip mask;
    if ((entry->ifa_flags & IFF_UP) == 0 || !ip_from_sockaddr(entry->ifa_addr, &out->ip))
        return false;
    /* A mask of IPv6 begins with ones, mapped IPv4 with zeros: it is never read as that. */
    out->prefix =
        ip_from_sockaddr(entry->ifa_netmask, &mask) ? prefix_of(&mask) : ke_ip_len(&out->ip) * 8;
    return true;
}

size_t host_addresses(struct ke_cidr *out, size_t max)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return 0;
    size_t n = 0;
    for (const struct ifaddrs *it = all; it != NULL && n < max; it = it->ifa_next) {
        if (cidr_of(it, &out[n]))
            n++;
    }
    freeifaddrs(all);
    return n;
}

static bool is_global(const struct ke_ip *ip)
{
    return !ke_ip_is_loopback(ip) && !ke_ip_is_link_local(ip) && !ke_ip_is_unspecified(ip) &&
           !ke_ip_is_multicast(ip);
}

/* The source that the kernel takes towards a far address: a connected UDP socket sends nothing. */
static bool source_of_default_route(enum ke_family family, struct ke_ip *out)
{
    /* Of the ranges for documentation: nobody has a route of its own for them. */
    struct ke_endpoint far = { .ip = { .family = family, .b = { 192, 0, 2, 1 } }, .port = 9 };
    if (family == KE_FAMILY_IPV6)
        far.ip = (struct ke_ip){ .family = family, .b = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
    struct sockaddr_storage sa;
    socklen_t len = ke_endpoint_to_sockaddr(&far, &sa);
    ke_auto_fd fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&sa, len) != 0)
        return false;
    struct ke_endpoint mine;
    len = sizeof(sa);
    if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0 ||
        !ke_endpoint_from_sockaddr(&sa, &mine))
        return false;
    *out = mine.ip;
    return is_global(out);
}

static bool first_global(enum ke_family family, struct ke_ip *out)
{
    struct ifaddrs *all = NULL;
    if (getifaddrs(&all) != 0)
        return false;
    bool is_found = false;
    for (const struct ifaddrs *it = all; it != NULL && !is_found; it = it->ifa_next) {
        struct ke_cidr cidr;
        /* What sits on a loopback link is a service's address rather than the node's. */
        is_found = (it->ifa_flags & IFF_LOOPBACK) == 0 && cidr_of(it, &cidr) &&
                   cidr.ip.family == family && is_global(&cidr.ip);
        if (is_found)
            *out = cidr.ip;
    }
    freeifaddrs(all);
    return is_found;
}

enum ke_code host_default_address(enum ke_family family, struct ke_ip *out, struct ke_err *err)
{
    struct ke_ip ip;
    if (!source_of_default_route(family, &ip) && !first_global(family, &ip))
        return ke_fail(err, KE_NOT_FOUND, "no IPv%d address of this node was found", (int)family);
    *out = ip;
    return KE_OK;
}
