/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and routes through libnl: a socket a call, as changes are rare. Any thread. */
#include "core/host/netlink.h"

#include <errno.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <sys/socket.h>

static void auto_sock(struct nl_sock **p)
{
    nl_socket_free(*p); /* closes; NULL is fine */
}

static void auto_rtnl_addr(struct rtnl_addr **p)
{
    if (*p != NULL)
        rtnl_addr_put(*p);
}

static void auto_rtnl_route(struct rtnl_route **p)
{
    if (*p != NULL)
        rtnl_route_put(*p);
}

static void auto_nl_addr(struct nl_addr **p)
{
    if (*p != NULL)
        nl_addr_put(*p);
}

static void auto_cache(struct nl_cache **p)
{
    if (*p != NULL)
        nl_cache_put(*p);
}

static int family_of(enum ke_family family)
{
    return family == KE_FAMILY_IPV4 ? AF_INET : AF_INET6;
}

static struct nl_sock *sock_open(void)
{
    struct nl_sock *sock = nl_socket_alloc();
    if (sock == NULL || nl_connect(sock, NETLINK_ROUTE) == 0)
        return sock;
    nl_socket_free(sock);
    return NULL;
}

static struct nl_addr *nl_addr_of(const struct ke_ip *ip, unsigned prefix)
{
    uint8_t bytes[16];
    memcpy(bytes, ip->b, sizeof(bytes));
    struct nl_addr *addr = nl_addr_build(family_of(ip->family), bytes, ke_ip_len(ip));
    if (addr != NULL)
        nl_addr_set_prefixlen(addr, (int)prefix);
    return addr;
}

static bool ip_of(const struct nl_addr *addr, struct ke_ip *out)
{
    int family = nl_addr_get_family(addr);
    unsigned len = nl_addr_get_len(addr);
    struct ke_ip ip = { .family = family == AF_INET ? KE_FAMILY_IPV4 : KE_FAMILY_IPV6 };
    if ((family != AF_INET && family != AF_INET6) || len > ke_ip_len(&ip))
        return false;
    memcpy(ip.b, nl_addr_get_binary_addr(addr), len);
    *out = ip;
    return true;
}

/* The kernel's answer in our words. */
static enum ke_code check(int rc, struct ke_err *err, const char *what, const char *link)
{
    if (rc == 0)
        return KE_OK;
    enum ke_code code = KE_IO;
    if (rc == -NLE_EXIST)
        code = KE_EXISTS;
    else if (rc == -NLE_NOADDR || rc == -NLE_OBJ_NOTFOUND || rc == -NLE_NODEV)
        code = KE_NOT_FOUND;
    return ke_fail(err, code, "%s on %s: %s", what, link, nl_geterror(rc));
}

static enum ke_code fail_nomem(struct ke_err *err, const char *link)
{
    return ke_fail(err, KE_NOMEM, "out of memory for a change on %s", link);
}

static enum ke_code find_link(const char *link, int *out, struct ke_err *err)
{
    unsigned index = if_nametoindex(link);
    if (index == 0)
        return ke_fail(err, KE_NOT_FOUND, "no link %s", link);
    *out = (int)index;
    return KE_OK;
}

/* ---- addresses ---- */

static enum ke_code make_address(const char *link, const struct ke_cidr *address,
                                 struct rtnl_addr **out, struct ke_err *err)
{
    int index = 0;
    enum ke_code rc = find_link(link, &index, err);
    if (rc != KE_OK)
        return rc;
    KE_CLEANUP(auto_rtnl_addr) struct rtnl_addr *made = rtnl_addr_alloc();
    KE_CLEANUP(auto_nl_addr) struct nl_addr *local = nl_addr_of(&address->ip, address->prefix);
    if (made == NULL || local == NULL || rtnl_addr_set_local(made, local) != 0)
        return fail_nomem(err, link);
    rtnl_addr_set_ifindex(made, index);
    rtnl_addr_set_family(made, family_of(address->ip.family));
    rtnl_addr_set_prefixlen(made, (int)address->prefix);
    if (address->ip.family == KE_FAMILY_IPV6)
        rtnl_addr_set_flags(made, IFA_F_NODAD); /* it can be bound at once */
    *out = KE_TAKE(made);
    return KE_OK;
}

typedef int address_call(struct nl_sock *sock, struct rtnl_addr *addr, int flags);

static enum ke_code change_address(address_call *call, int flags, const char *link,
                                   const struct ke_cidr *address, struct ke_err *err)
{
    KE_CLEANUP(auto_rtnl_addr) struct rtnl_addr *made = NULL;
    KE_CLEANUP(auto_sock) struct nl_sock *sock = NULL;
    enum ke_code rc = make_address(link, address, &made, err);
    if (rc != KE_OK)
        return rc;
    sock = sock_open();
    if (sock == NULL)
        return ke_fail(err, KE_IO, "no netlink socket for %s", link);
    char text[KE_IP_TEXT_MAX];
    return check(call(sock, made, flags), err, ke_ip_text(&address->ip, text), link);
}

enum ke_code netlink_add_address(const char *link, const struct ke_cidr *address,
                                 struct ke_err *err)
{
    return change_address(rtnl_addr_add, NLM_F_CREATE | NLM_F_EXCL, link, address, err);
}

enum ke_code netlink_del_address(const char *link, const struct ke_cidr *address,
                                 struct ke_err *err)
{
    return change_address(rtnl_addr_delete, 0, link, address, err);
}

struct address_search {
    int index;
    const struct ke_cidr *address;
    bool is_found;
};

static void match_address(struct nl_object *object, void *arg)
{
    struct address_search *search = arg;
    struct rtnl_addr *addr = (struct rtnl_addr *)object;
    const struct nl_addr *local = rtnl_addr_get_local(addr);
    struct ke_ip ip;
    if (rtnl_addr_get_ifindex(addr) != search->index || local == NULL || !ip_of(local, &ip))
        return;
    if (ke_ip_eq(&ip, &search->address->ip) &&
        (unsigned)rtnl_addr_get_prefixlen(addr) == search->address->prefix)
        search->is_found = true;
}

bool netlink_has_address(const char *link, const struct ke_cidr *address)
{
    struct address_search search = { .index = (int)if_nametoindex(link), .address = address };
    KE_CLEANUP(auto_sock) struct nl_sock *sock = sock_open();
    KE_CLEANUP(auto_cache) struct nl_cache *cache = NULL;
    if (sock == NULL || rtnl_addr_alloc_cache(sock, &cache) != 0)
        return false;
    nl_cache_foreach(cache, match_address, &search);
    return search.is_found;
}

/* ---- routes ---- */

static enum ke_code fill_route(struct rtnl_route *made, const struct netlink_route *route,
                               int index, struct ke_err *err)
{
    KE_CLEANUP(auto_nl_addr) struct nl_addr *dst = nl_addr_of(&route->dst.ip, route->dst.prefix);
    KE_CLEANUP(auto_nl_addr)
    struct nl_addr *src = nl_addr_of(&route->src, ke_ip_len(&route->src) * 8);
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    if (dst == NULL || src == NULL || hop == NULL) {
        if (hop != NULL)
            rtnl_route_nh_free(hop);
        return fail_nomem(err, route->link);
    }
    bool is_ipv4 = route->dst.ip.family == KE_FAMILY_IPV4;
    rtnl_route_nh_set_ifindex(hop, index);
    rtnl_route_add_nexthop(made, hop); /* given */
    (void)rtnl_route_set_family(made, (uint8_t)family_of(route->dst.ip.family));
    (void)rtnl_route_set_type(made, RTN_UNICAST);
    rtnl_route_set_table(made, RT_TABLE_MAIN);
    rtnl_route_set_protocol(made, RTPROT_STATIC);
    rtnl_route_set_scope(made, is_ipv4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE);
    if (rtnl_route_set_dst(made, dst) != 0 || rtnl_route_set_pref_src(made, src) != 0)
        return ke_fail(err, KE_BUG, "a route and its source of different families");
    return KE_OK;
}

typedef int route_call(struct nl_sock *sock, struct rtnl_route *route, int flags);

static enum ke_code change_route(route_call *call, int flags, const struct netlink_route *route,
                                 struct ke_err *err)
{
    int index = 0;
    enum ke_code rc = find_link(route->link, &index, err);
    if (rc != KE_OK)
        return rc;
    KE_CLEANUP(auto_rtnl_route) struct rtnl_route *made = rtnl_route_alloc();
    KE_CLEANUP(auto_sock) struct nl_sock *sock = sock_open();
    if (made == NULL)
        return fail_nomem(err, route->link);
    if (sock == NULL)
        return ke_fail(err, KE_IO, "no netlink socket for %s", route->link);
    rc = fill_route(made, route, index, err);
    if (rc != KE_OK)
        return rc;
    ke_auto_buf text = KE_BUF_INIT(100);
    ke_cidr_format(&route->dst, &text);
    ke_buf_add_char(&text, '\0');
    int answer = call(sock, made, flags);
    /* ESRCH, "no such process": libnl has no word of its own for a route that is not there. */
    if (answer == -NLE_OBJ_NOTFOUND || answer == -nl_syserr2nlerr(ESRCH))
        return ke_fail(err, KE_NOT_FOUND, "no route to %s on %s", text.ptr, route->link);
    return check(answer, err, text.ptr, route->link);
}

enum ke_code netlink_add_route(const struct netlink_route *route, struct ke_err *err)
{
    return change_route(rtnl_route_add, NLM_F_CREATE | NLM_F_EXCL, route, err);
}

enum ke_code netlink_del_route(const struct netlink_route *route, struct ke_err *err)
{
    return change_route(rtnl_route_delete, 0, route, err);
}

struct route_search {
    const struct ke_cidr *dst;
    bool is_exact; /* that very range, else any that covers it but the default route */
    bool is_found;
};

static void match_route(struct nl_object *object, void *arg)
{
    struct route_search *search = arg;
    struct rtnl_route *route = (struct rtnl_route *)object;
    struct ke_cidr there = { .prefix = 0 };
    const struct nl_addr *dst = rtnl_route_get_dst(route);
    if (rtnl_route_get_table(route) != RT_TABLE_MAIN || dst == NULL || !ip_of(dst, &there.ip))
        return;
    there.prefix = nl_addr_get_prefixlen(dst);
    if (there.prefix > search->dst->prefix || !ke_cidr_contains(&there, &search->dst->ip))
        return;
    bool is_match = search->is_exact
                        ? there.prefix == search->dst->prefix
                        : there.prefix > 0 && rtnl_route_get_type(route) == RTN_UNICAST;
    search->is_found = search->is_found || is_match;
}

static bool search_routes(const struct ke_cidr *dst, bool is_exact)
{
    KE_CLEANUP(auto_sock) struct nl_sock *sock = sock_open();
    KE_CLEANUP(auto_cache) struct nl_cache *cache = NULL;
    if (sock == NULL || rtnl_route_alloc_cache(sock, family_of(dst->ip.family), 0, &cache) != 0)
        return false;
    struct route_search search = { .dst = dst, .is_exact = is_exact };
    nl_cache_foreach(cache, match_route, &search);
    return search.is_found;
}

bool netlink_has_route(const struct ke_cidr *dst)
{
    return search_routes(dst, false);
}

bool netlink_has_exact_route(const struct ke_cidr *dst)
{
    return search_routes(dst, true);
}
