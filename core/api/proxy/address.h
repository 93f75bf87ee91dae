/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_PROXY_ADDRESS_H
#define CORE_API_PROXY_ADDRESS_H
/*
 * Where a proxy request goes: [scheme:]NAME[:port] of a pod, or of a service one of its ready
 * endpoints. As upstream an endpoint counts only when it is a pod of the namespace that really has
 * the address, and no address counts that means something else on every host (loopback, link-local,
 * multicast): the API must not be a way around the network's borders. Reads objects, blocks for
 * nothing; any thread. Source: kubernetes registry/core/{pod,service}, proxyutil.IsProxyableIP.
 */
#include "core/api/target.h"
#include "core/base/addr.h"
#include "core/resource/resource.h"

struct proxy_name {
    bool is_tls;
    struct ke_str name, port; /* port: a number, a name or empty */
};
/* "https:web:8443"; false: not of that form. Borrowed from text. */
bool proxy_name_parse(struct ke_str text, struct proxy_name *out);

struct proxy_address {
    bool is_tls;
    struct ke_endpoint at;
};
/*
 * Errors, in upstream's words: KE_MALFORMED (`invalid service request "a:b:c:d"`, address not
 * allowed), KE_NOT_FOUND, KE_UNAVAILABLE (no endpoints available for service "x", no such port),
 * KE_NOMEM.
 */
enum ke_code proxy_find_address(struct resource_store *store, const struct api_target *target,
                                struct proxy_address *out, struct ke_err *err) KE_MUST_CHECK;

#endif
