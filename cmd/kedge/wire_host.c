/* SPDX-License-Identifier: Apache-2.0 */
/* What the node needs before the consumers start: its address, forwarding, a route to the services.
 * Main thread. */
#include "cmd/kedge/wire_parts.h"

enum ke_code wire_find_node_ip(struct wire *wire, struct ke_err *err)
{
    const struct agent_options *options = wire->options;
    if (!ke_cidr_nth(&options->service_cidr.items[0], 1, &wire->api_service_ip))
        return ke_fail(err, KE_INVALID, "--service-cidr: no first address");
    wire->node_ip = options->node_ip;
    if (wire->node_ip.family != KE_FAMILY_NONE)
        return KE_OK;
    enum ke_family first = options->service_cidr.items[0].ip.family;
    if (host_default_address(first, &wire->node_ip, err) == KE_OK)
        return KE_OK;
    return ke_fail(err, KE_NOT_FOUND,
                   "this node has no address but loopback: configure a network, or give --node-ip");
}

/* Only where no route covers the range: a unicast route on lo. Never one of type local: every
 * wildcard listener of the node would answer on every service address. */
static enum ke_code ensure_route(struct wire *wire, const struct ke_cidr *range, struct ke_err *err)
{
    if (range->ip.family != wire->node_ip.family || host_has_route(range))
        return KE_OK;
    return host_add_route(wire->ledger, range, "lo", &wire->node_ip, err);
}

enum ke_code wire_prepare_host(struct wire *wire, struct ke_err *err)
{
    const struct agent_options *options = wire->options;
    bool has_ipv6 = false;
    enum ke_code rc = KE_OK;
    if (options->proxy_mode == PROXY_MODE_NONE)
        return KE_OK;
    for (size_t i = 0; rc == KE_OK && i < options->service_cidr.n; i++) {
        rc = ensure_route(wire, &options->service_cidr.items[i], err);
        has_ipv6 = has_ipv6 || options->service_cidr.items[i].ip.family == KE_FAMILY_IPV6;
    }
    if (rc == KE_OK)
        rc = host_set_sysctl(wire->ledger, "net.ipv4.ip_forward", "1", err);
    if (rc == KE_OK && has_ipv6)
        rc = host_set_sysctl(wire->ledger, "net.ipv6.conf.all.forwarding", "1", err);
    if (rc == KE_OK)
        return KE_OK;
    /* The API and what is local still work: degraded, not fatal. */
    ke_log(KE_LOG_WARN, "host.prepare_failed", KV_ERR(err), KV_C("next", "going on without"));
    report_part(wire->report, "host", false, ke_str_c(err->msg));
    return KE_OK;
}
