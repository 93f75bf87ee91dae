/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and the API server. Main thread. */
#include <stdlib.h>

#include "cmd/kedge/version.h"
#include "cmd/kedge/wire_parts.h"
#include "store/sqlite/sqlite_registry.h"

#define PATH_BYTES 4096

/* ":6443" is every address; the kubeconfig names the node's. */
static void print_server(const struct wire *wire, struct ke_buf *out)
{
    struct ke_endpoint at = wire->options->api_listen.at;
    if (at.ip.family == KE_FAMILY_NONE || ke_ip_is_unspecified(&at.ip))
        at.ip = wire->node_ip;
    ke_buf_add_c(out, "https://");
    ke_endpoint_format(&at, out);
}

static enum ke_code ensure_pki(struct wire *wire, struct api_pki *out, struct ke_err *err)
{
    const struct agent_options *options = wire->options;
    struct ke_ip ips[3] = { wire->node_ip, wire->api_service_ip, options->api_listen.at.ip };
    bool has_listen = ips[2].family != KE_FAMILY_NONE && !ke_ip_is_unspecified(&ips[2]);
    ke_auto_buf dir = KE_BUF_INIT(PATH_BYTES);
    ke_auto_buf kubeconfig = KE_BUF_INIT(PATH_BYTES);
    ke_auto_buf server = KE_BUF_INIT(256);
    ke_buf_addf(&dir, "%s/pki", options->data_dir);
    if (options->kubeconfig_out[0] != '\0')
        ke_buf_add_c(&kubeconfig, options->kubeconfig_out);
    else
        ke_buf_addf(&kubeconfig, "%s/pki/admin.kubeconfig", options->data_dir);
    print_server(wire, &server);
    struct api_pki_options pki = { .dir = ke_buf_str(&dir),
                                   .node_name = ke_str_c(options->node_name),
                                   .cluster_domain = ke_str_c(options->cluster_domain),
                                   .ips = ips,
                                   .n_ips = has_listen ? 3 : 2,
                                   .build_time_s = KEDGE_BUILD_TIME,
                                   .kubeconfig_path = ke_buf_str(&kubeconfig),
                                   .kubeconfig_server = ke_buf_str(&server) };
    return api_pki_ensure(&pki, out, err);
}

static enum ke_code make_tls(const struct api_pki *pki, struct tls_context **out,
                             struct ke_err *err)
{
    static const char *const alpn[] = { "http/1.1", NULL };
    struct tls_cert *cert = NULL;
    struct ke_str pem = ke_buf_str(&pki->server_pem);
    enum ke_code rc = tls_cert_new(pem, pem, &cert, err);
    if (rc != KE_OK)
        return rc;
    struct tls_server_options options = { .cert = cert,
                                          .client_ca_pem = ke_buf_str(&pki->ca_pem),
                                          .alpn = alpn };
    rc = tls_server_new(&options, out, err);
    tls_cert_unref(cert);
    return rc;
}

enum ke_code wire_make_pki(struct wire *wire, struct ke_err *err)
{
    enum ke_code rc = ensure_pki(wire, &wire->pki, err);
    if (rc != KE_OK)
        return rc;
    wire->has_pki = true;
    return make_tls(&wire->pki, &wire->api_tls, err);
}

enum ke_code wire_renew_pki(struct wire *wire, struct ke_err *err)
{
    struct api_pki renewed;
    struct tls_context *tls = NULL;
    enum ke_code rc = ensure_pki(wire, &renewed, err);
    if (rc != KE_OK)
        return rc;
    if (renewed.is_server_new)
        rc = make_tls(&renewed, &tls, err);
    if (rc == KE_OK && tls != NULL) {
        api_server_set_tls(wire->api, tls);
        tls_context_unref(wire->api_tls);
        wire->api_tls = tls;
    }
    if (rc != KE_OK) {
        api_pki_deinit(&renewed);
        return rc;
    }
    api_pki_deinit(&wire->pki);
    wire->pki = renewed;
    return KE_OK;
}

static bool is_ready_hook(void *ctx, struct ke_buf *out_why)
{
    return wire_is_ready(ctx, out_why);
}

static bool find_holder_hook(void *ctx, const struct ke_endpoint *at, struct ke_buf *out)
{
    (void)ctx;
    return host_port_holder(KE_PROTO_TCP, at, out);
}

static enum ke_code rekey_hook(void *ctx, struct ke_err *err)
{
    struct wire *wire = ctx;
    return sqlite_registry_rekey(wire->registry, err);
}

static enum ke_code rekey_state_hook(void *ctx, struct ke_err *err)
{
    struct wire *wire = ctx;
    uint64_t n_written = 0;
    return sqlite_registry_rekey_state(wire->registry, &n_written, err);
}

enum ke_code wire_start_api(struct wire *wire, struct ke_err *err)
{
    const struct agent_options *options = wire->options;
    ke_auto_buf socket = KE_BUF_INIT(PATH_BYTES);
    ke_buf_addf(&socket, "%s/kedge.sock", options->run_dir);
    ke_buf_add_char(&socket, '\0');
    ke_auto_buf url = KE_BUF_INIT(256);
    print_server(wire, &url);
    struct api_options api = {
        .store = wire->store,
        .report = wire->report,
        .explain = wire->explain,
        .bearer = wire->bearer,
        .external_url = ke_buf_str(&url),
        .audit = wire->audit,
        .authorize = auth_authority_authorize,
        .authorize_ctx = wire->authority,
        .rbac = auth_authority_rbac(wire->authority),
        .hooks = { .ctx = wire,
                   .is_ready = is_ready_hook,
                   .print_status = wire_print_status,
                   .rekey = rekey_hook,
                   .rekey_state = rekey_state_hook,
                   .find_holder = find_holder_hook },
        .unix_path = socket.ptr,
        .tls = wire->api_tls,
        .listen = &options->api_listen.at,
        .n_listen = 1,
        .monitor = options->metrics_listen.is_off ? NULL : &options->metrics_listen.at,
        .max_reads = options->max_requests_inflight,
        .max_writes = options->max_mutating_requests_inflight,
        .git_version = ke_str_c(KEDGE_KUBERNETES_VERSION),
        .n_service_cidrs = options->service_cidr.n,
        .node_port_min = options->node_port_range.min,
        .node_port_max = options->node_port_range.max,
    };
    for (size_t i = 0; i < options->service_cidr.n; i++)
        api.service_cidrs[i] = options->service_cidr.items[i];
    enum ke_code rc = api_server_new(&api, &wire->api, err);
    return rc == KE_OK ? api_server_start(wire->api, err) : rc;
}

enum ke_code wire_start_controllers(struct wire *wire, struct ke_err *err)
{
    const struct agent_options *options = wire->options;
    struct controllers_options controllers = {
        .store = wire->store,
        .report = wire->report,
        .node_name = ke_str_c(options->node_name),
        .node_ips = &wire->node_ip,
        .n_node_ips = 1,
        .service_cidrs = options->service_cidr.items,
        .n_service_cidrs = options->service_cidr.n,
        .api_service_ip = wire->api_service_ip,
        .api_port = options->api_listen.at.port,
        .cluster_dns = options->cluster_dns,
        .has_dns = !options->dns_listen.is_off,
        .ingress_class = ke_str_c(options->ingress_class),
        .ca_pem = ke_buf_str(&wire->pki.ca_pem),
        .ca_pair_pem = ke_buf_str(&wire->pki.ca_pair_pem),
        .bearer = wire->bearer,
        .authorize = auth_authority_authorize,
        .authorize_ctx = wire->authority,
        .kubelet_version = ke_str_c(KEDGE_KUBERNETES_VERSION),
    };
    enum ke_code rc = controllers_new(&controllers, &wire->controllers, err);
    if (rc == KE_OK)
        rc = controllers_explain_register(wire->controllers, wire->explain, err);
    return rc == KE_OK ? controllers_start(wire->controllers, err) : rc;
}
