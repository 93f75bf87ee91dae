/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of /kedge/v1/status. Runs on API threads while the agent runs; reads only. */
#include "cmd/kedge/version.h"
#include "cmd/kedge/wire_parts.h"
#include "core/base/clock.h"

#define DAY_S ((int64_t)24 * 60 * 60)

static void print_parts(struct wire *wire, struct ke_buf *out)
{
    const char *name = NULL;
    bool is_healthy = false;
    ke_auto_buf message = KE_BUF_INIT(4096);
    ke_buf_add_c(out, ",\"parts\":[");
    for (size_t i = 0; report_part_at(wire->report, i, &name, &is_healthy, &message); i++) {
        ke_buf_addf(out, "%s{\"name\":\"%s\",\"healthy\":%s,\"message\":", i > 0 ? "," : "", name,
                    is_healthy ? "true" : "false");
        ke_buf_add_json_str(out, ke_buf_str(&message));
        ke_buf_add_char(out, '}');
        ke_buf_clear(&message);
    }
    ke_buf_add_char(out, ']');
}

static void print_table(struct wire *wire, struct ke_buf *out)
{
    struct endpoint_consumer_state states[8];
    struct endpoint_table *table = endpoint_derive_table(wire->derive);
    size_t n = endpoint_table_consumers(table, states, KE_ARRAY_LEN(states));
    ke_buf_addf(out, ",\"table\":{\"synced\":%s,\"generation\":",
                endpoint_table_is_synced(table) ? "true" : "false");
    ke_buf_add_u64(out, endpoint_table_generation(table));
    ke_buf_add_c(out, ",\"consumers\":[");
    for (size_t i = 0; i < n; i++) {
        ke_buf_addf(out, "%s{\"name\":\"%s\",\"generation\":", i > 0 ? "," : "", states[i].name);
        ke_buf_add_u64(out, states[i].acked_generation);
        ke_buf_add_char(out, '}');
    }
    ke_buf_add_c(out, "]}");
}

static void print_listener(struct ke_buf *out, const char *what, const struct listen_address *at,
                           bool *is_first)
{
    if (at->is_off)
        return;
    char text[128];
    struct ke_buf line = KE_BUF_FIXED(text, sizeof(text));
    ke_buf_addf(&line, "%s ", what);
    if (at->at.ip.family == KE_FAMILY_NONE)
        ke_buf_addf(&line, "*:%u", at->at.port);
    else
        ke_endpoint_format(&at->at, &line);
    if (!*is_first)
        ke_buf_add_char(out, ',');
    ke_buf_add_json_str(out, ke_buf_str(&line));
    *is_first = false;
}

static void print_listeners(struct wire *wire, struct ke_buf *out)
{
    const struct agent_options *options = wire->options;
    struct listen_address dns = options->dns_listen;
    bool is_first = true;
    if (dns.at.ip.family == KE_FAMILY_NONE)
        dns.at.ip = options->cluster_dns;
    ke_buf_add_c(out, ",\"listeners\":[");
    print_listener(out, "api https", &options->api_listen, &is_first);
    print_listener(out, "dns", &dns, &is_first);
    print_listener(out, "ingress http", &options->ingress_http_listen, &is_first);
    print_listener(out, "ingress https", &options->ingress_https_listen, &is_first);
    print_listener(out, "health and metrics http", &options->metrics_listen, &is_first);
    ke_buf_add_char(out, ']');
}

static void print_certificates(struct wire *wire, struct ke_buf *out)
{
    const struct {
        const char *name;
        int64_t not_after_s;
    } certificates[] = { { "ca", wire->pki.ca_not_after_s },
                         { "server", wire->pki.server_not_after_s },
                         { "admin", wire->pki.admin_not_after_s } };
    ke_buf_add_c(out, ",\"certificates\":[");
    for (size_t i = 0; i < KE_ARRAY_LEN(certificates); i++) {
        ke_buf_addf(out, "%s{\"name\":\"%s\",\"days_left\":", i > 0 ? "," : "",
                    certificates[i].name);
        ke_buf_add_i64(out, (certificates[i].not_after_s - ke_wall_s()) / DAY_S);
        ke_buf_add_char(out, '}');
    }
    ke_buf_add_char(out, ']');
}

static void print_registry(struct wire *wire, struct ke_buf *out)
{
    struct ke_err err = KE_ERR_INIT;
    bool is_healthy = registry_health(wire->registry, &err) == KE_OK;
    ke_buf_add_c(out, ",\"registry\":{\"revision\":");
    ke_buf_add_i64(out, registry_revision(wire->registry));
    ke_buf_add_c(out, ",\"bytes_written\":");
    ke_buf_add_u64(out, registry_bytes_written(wire->registry));
    ke_buf_addf(out, ",\"healthy\":%s,\"message\":", is_healthy ? "true" : "false");
    ke_buf_add_json_str(out, is_healthy ? KE_STR("") : ke_str_c(err.msg));
    ke_buf_add_char(out, '}');
}

void wire_print_status(void *ctx, struct ke_buf *out)
{
    struct wire *wire = ctx;
    char text[512];
    struct ke_buf why = KE_BUF_FIXED(text, sizeof(text));
    bool is_ready = wire_is_ready(wire, &why);
    ke_buf_add_c(out, "{\"node\":");
    ke_buf_add_json_str(out, ke_str_c(wire->options->node_name));
    ke_buf_addf(out, ",\"version\":\"%s\",\"ready\":%s,\"why\":", KEDGE_VERSION,
                is_ready ? "true" : "false");
    ke_buf_add_json_str(out, ke_buf_str(&why));
    if (atomic_load(&wire->is_running)) {
        print_listeners(wire, out);
        print_parts(wire, out);
        print_table(wire, out);
        print_registry(wire, out);
        print_certificates(wire, out);
        if (wire->proxy != NULL) {
            ke_buf_add_c(out, ",\"proxy\":");
            proxy_print_status(wire->proxy, out);
        }
        if (wire->dns != NULL) {
            ke_buf_add_c(out, ",\"dns\":");
            dns_print_status(wire->dns, out);
        }
        if (wire->ingress != NULL) {
            ke_buf_add_c(out, ",\"ingress\":");
            ingress_print_status(wire->ingress, out);
        }
    }
    ke_buf_add_char(out, '}');
}
