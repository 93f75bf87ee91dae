/* SPDX-License-Identifier: Apache-2.0 */
/* Proxy, DNS and ingress: the consumers of the endpoint table. Main thread; the hooks run on their
 * threads. */
#include "cmd/kedge/wire_parts.h"

static bool find_holder(void *ctx, enum ke_proto proto, const struct ke_endpoint *at,
                        struct ke_buf *out)
{
    (void)ctx;
    return host_port_holder(proto, at, out);
}

/* ---- service proxy ---- */

static enum ke_code choose_backend(struct wire *wire, struct ke_err *err)
{
    int mode = wire->options->proxy_mode;
    if (mode == PROXY_MODE_AUTO)
        return proxy_probe(&wire->proxy_backend, err);
    wire->proxy_backend = mode == PROXY_MODE_IPTABLES ? PROXY_IPTABLES : PROXY_NFTABLES;
    return KE_OK;
}

static enum ke_code start_proxy(struct wire *wire, struct ke_err *err)
{
    const struct agent_options *options = wire->options;
    enum ke_code rc = choose_backend(wire, err);
    if (rc != KE_OK)
        return rc;
    struct proxy_options proxy = {
        .backend = wire->proxy_backend,
        .settings = { .service_cidrs = options->service_cidr.items,
                      .n_service_cidrs = options->service_cidr.n,
                      .cluster_cidrs = options->cluster_cidr.items,
                      .n_cluster_cidrs = options->cluster_cidr.n,
                      .nodeport_addresses = options->nodeport_addresses.items,
                      .n_nodeport_addresses = options->nodeport_addresses.n,
                      .is_dns_held = false },
        .manage_forward = options->manage_forward,
        .table = endpoint_derive_table(wire->derive),
        .ledger = wire->ledger,
        .report = wire->report,
    };
    /* Without a responder of ours the address is a Service like any other: CoreDNS, say. */
    if (!options->dns_listen.is_off)
        proxy.settings.dns_address = options->cluster_dns;
    rc = proxy_cleanup_other(wire->proxy_backend, err); /* left by another mode */
    if (rc == KE_OK)
        rc = proxy_new(&proxy, &wire->proxy, err);
    if (rc == KE_OK)
        rc = proxy_explain_register(wire->proxy, wire->explain, err);
    return rc == KE_OK ? proxy_start(wire->proxy, err) : rc;
}

enum ke_code wire_start_proxy(struct wire *wire, struct ke_err *err)
{
    if (wire->options->proxy_mode == PROXY_MODE_NONE || start_proxy(wire, err) == KE_OK)
        return KE_OK;
    ke_log(KE_LOG_ERROR, "proxy.start_failed", KV_ERR(err), KV_C("next", "going on without"));
    report_part(wire->report, "proxy", false, ke_str_c(err->msg));
    proxy_free(wire->proxy);
    wire->proxy = NULL;
    return KE_OK;
}

/* ---- DNS ---- */

static void on_dns_held(void *ctx, bool is_held)
{
    struct wire *wire = ctx;
    if (wire->proxy != NULL)
        proxy_set_dns_held(wire->proxy, is_held);
}

/* The cluster DNS address is a /32 (or /128) on lo. */
static enum ke_code hold_address(struct wire *wire, struct ke_err *err)
{
    struct ke_cidr address = { .ip = wire->options->cluster_dns,
                               .prefix = 8 * ke_ip_len(&wire->options->cluster_dns) };
    return host_add_address(wire->ledger, "lo", &address, err);
}

static enum ke_code start_dns(struct wire *wire, struct ke_err *err)
{
    const struct agent_options *options = wire->options;
    struct ke_endpoint at = options->dns_listen.at;
    struct ke_cidr reverse[4];
    size_t n_reverse = 0;
    enum ke_code rc = KE_OK;
    for (size_t i = 0; i < options->service_cidr.n; i++)
        reverse[n_reverse++] = options->service_cidr.items[i];
    for (size_t i = 0; i < options->cluster_cidr.n; i++)
        reverse[n_reverse++] = options->cluster_cidr.items[i];
    if (at.ip.family == KE_FAMILY_NONE) {
        at.ip = options->cluster_dns;
        rc = hold_address(wire, err);
    }
    struct dns_options dns = {
        .settings = { .domain = ke_str_c(options->cluster_domain),
                      .address = options->cluster_dns,
                      .reverse = reverse,
                      .n_reverse = n_reverse,
                      .ttl_s = 5 },
        .listen = &at,
        .n_listen = 1,
        .upstreams = options->dns_upstream.items,
        .n_upstreams = options->dns_upstream.n,
        .table = endpoint_derive_table(wire->derive),
        .report = wire->report,
        .find_holder = find_holder,
        .on_held = on_dns_held,
        .ctx = wire,
    };
    if (rc == KE_OK)
        rc = dns_server_new(&dns, &wire->dns, err);
    if (rc == KE_OK)
        rc = dns_explain_register(wire->dns, wire->explain, err);
    return rc == KE_OK ? dns_server_start(wire->dns, err) : rc;
}

enum ke_code wire_start_dns(struct wire *wire, struct ke_err *err)
{
    if (wire->options->dns_listen.is_off || start_dns(wire, err) == KE_OK)
        return KE_OK;
    ke_log(KE_LOG_ERROR, "dns.start_failed", KV_ERR(err), KV_C("next", "going on without"));
    report_part(wire->report, "dns", false, ke_str_c(err->msg));
    return KE_OK;
}

/* ---- ingress ---- */

static enum ke_code start_ingress(struct wire *wire, struct ke_err *err)
{
    const struct agent_options *options = wire->options;
    struct ingress_options ingress = {
        .settings = { .class_name = ke_str_c(options->ingress_class),
                      .default_backend = ke_str_c(options->ingress_default_backend) },
        .http_listen = &options->ingress_http_listen.at,
        .n_http_listen = options->ingress_http_listen.is_off ? 0 : 1,
        .https_listen = &options->ingress_https_listen.at,
        .n_https_listen = options->ingress_https_listen.is_off ? 0 : 1,
        .hub = wire->hub,
        .table = endpoint_derive_table(wire->derive),
        .report = wire->report,
        .find_holder = find_holder,
        .ctx = wire,
    };
    enum ke_code rc = ingress_new(&ingress, &wire->ingress, err);
    if (rc == KE_OK)
        rc = ingress_explain_register(wire->ingress, wire->explain, err);
    return rc == KE_OK ? ingress_start(wire->ingress, err) : rc;
}

enum ke_code wire_start_ingress(struct wire *wire, struct ke_err *err)
{
    const struct agent_options *options = wire->options;
    if ((options->ingress_http_listen.is_off && options->ingress_https_listen.is_off) ||
        start_ingress(wire, err) == KE_OK)
        return KE_OK;
    ke_log(KE_LOG_ERROR, "ingress.start_failed", KV_ERR(err), KV_C("next", "going on without"));
    report_part(wire->report, "ingress", false, ke_str_c(err->msg));
    ingress_free(wire->ingress);
    wire->ingress = NULL;
    return KE_OK;
}
