/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_HOST_NETLINK_H
#define CORE_HOST_NETLINK_H
/* Private to core/host: addresses and routes of the kernel, each call with a socket of its own. Any
 * thread. */
#include "core/base/addr.h"
#include "core/base/err.h"

/* Errors: KE_EXISTS, KE_NOT_FOUND (no such link), KE_IO. */
enum ke_code netlink_add_address(const char *link, const struct ke_cidr *address,
                                 struct ke_err *err) KE_MUST_CHECK;
bool netlink_has_address(const char *link, const struct ke_cidr *address);
/* Errors: KE_NOT_FOUND (no such link, or the address is not there), KE_IO. */
enum ke_code netlink_del_address(const char *link, const struct ke_cidr *address,
                                 struct ke_err *err) KE_MUST_CHECK;
struct netlink_route {
    struct ke_cidr dst;
    const char *link;
    struct ke_ip src;
};
/* Errors: KE_EXISTS (a route to dst, whoever made it), KE_NOT_FOUND (no such link), KE_IO. */
enum ke_code netlink_add_route(const struct netlink_route *route, struct ke_err *err) KE_MUST_CHECK;
/* Takes away the route that is exactly this. Errors: KE_NOT_FOUND, KE_IO. */
enum ke_code netlink_del_route(const struct netlink_route *route, struct ke_err *err) KE_MUST_CHECK;
/* Whether the main table has a route to exactly dst. */
bool netlink_has_exact_route(const struct ke_cidr *dst);
/* Whether a unicast route of the main table, not the default route, covers dst. */
bool netlink_has_route(const struct ke_cidr *dst);

#endif
