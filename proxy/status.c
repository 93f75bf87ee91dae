/* SPDX-License-Identifier: Apache-2.0 */
/* The proxy's part of `kedge status`. Any thread: atomics, and a kernel socket of its own. */
#include "core/base/limits.h"
#include "proxy/firewall.h"
#include "proxy/proxy_impl.h"

static const enum ke_family FAMILIES[] = { KE_FAMILY_IPV4, KE_FAMILY_IPV6 };

static void print_drift(struct proxy *proxy, struct nfnl_socket *socket, struct ke_buf *out)
{
    bool is_first = true;
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned set = 0; set < NFT_AFFINITY; set++) {
            size_t found = 0;
            struct ke_err err = KE_ERR_INIT;
            enum nft_set_id id = (enum nft_set_id)set;
            if (!proxy_family_is_used(proxy->settings, FAMILIES[i]) ||
                !nft_set_is_used(id, FAMILIES[i]))
                continue;
            size_t expected = nft_applier_expected(proxy->nft, id, FAMILIES[i]);
            enum ke_code rc = nft_set_count_elements(socket, id, FAMILIES[i], &found, &err);
            if (rc == KE_OK && found == expected)
                continue;
            ke_buf_addf(out, "%s\"%s kedge %s: %zu elements, %zu expected%s\"", is_first ? "" : ",",
                        FAMILIES[i] == KE_FAMILY_IPV4 ? "ip" : "ip6", nft_set_info(id)->name, found,
                        expected, rc == KE_NOT_FOUND ? " (not there)" : "");
            is_first = false;
        }
    }
}

static void print_firewalls(const struct proxy *proxy, struct ke_buf *out)
{
    struct firewall_finding findings[FIREWALL_FINDINGS_MAX];
    size_t n = firewall_look(proxy->settings, findings, FIREWALL_FINDINGS_MAX);
    for (size_t i = 0; i < n; i++) {
        ke_buf_add_c(out, i == 0 ? "{\"what\":" : ",{\"what\":");
        ke_buf_add_json_str(out, ke_str_c(findings[i].what));
        ke_buf_add_c(out, ",\"mend\":");
        ke_buf_add_json_str(out, ke_str_c(findings[i].mend));
        ke_buf_add_char(out, '}');
    }
}

void proxy_print_status(struct proxy *proxy, struct ke_buf *out)
{
    struct nfnl_socket socket = { .fd = -1 };
    struct ke_err err = KE_ERR_INIT;
    int64_t wall_us = atomic_load(&proxy->last_sync_wall_us);
    ke_buf_addf(out, "{\"backend\":\"%s\",\"generation\":",
                proxy->backend == PROXY_NFTABLES ? "nftables" : "iptables");
    ke_buf_add_u64(out, atomic_load(&proxy->applied_generation));
    ke_buf_add_c(out, ",\"services\":");
    ke_buf_add_u64(out, atomic_load(&proxy->n_services));
    ke_buf_addf(out, ",\"last_sync_ms\":%.3f", (double)atomic_load(&proxy->last_sync_us) / 1000.0);
    if (wall_us != 0) {
        ke_buf_add_c(out, ",\"last_sync_time\":\"");
        ke_time_format_s(wall_us / 1000000, out);
        ke_buf_add_char(out, '"');
    }
    ke_buf_add_c(out, ",\"repairs\":");
    ke_buf_add_u64(out, atomic_load(&proxy->n_repairs));
    ke_buf_add_c(out, ",\"drift\":[");
    if (proxy->nft != NULL && wall_us != 0 && nfnl_open(&socket, 0, &err) == KE_OK)
        print_drift(proxy, &socket, out);
    nfnl_close(&socket);
    ke_buf_add_c(out, "],\"foreign_firewalls\":[");
    print_firewalls(proxy, out);
    ke_buf_add_c(out, "]}");
}
