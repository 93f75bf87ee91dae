/* SPDX-License-Identifier: Apache-2.0 */
/* What this host can do, and the removal of what kedge did. Any thread. */
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "proxy/command.h"
#include "proxy/iptables.h"
#include "proxy/nft.h"
#include "proxy/nft_text.h"
#include "proxy/proxy.h"

/* Everything that the rules use, in a table that is deleted in the same transaction. */
static const char TRIAL[] =
    "table ip kedge_trial {\n"
    "\tmap verdicts { typeof ip daddr . meta l4proto . th dport : verdict; }\n"
    "\tmap backends { typeof ip daddr . meta l4proto . th dport . numgen random mod 65536 : "
    "ip daddr . th dport; }\n"
    "\tset ranges { typeof ip daddr . meta l4proto . th dport . ip saddr; flags interval; }\n"
    "\tmap learned { typeof ip saddr . ip daddr . meta l4proto . th dport : meta mark; flags "
    "dynamic,timeout; }\n"
    "\tchain pick { dnat ip to ip daddr . meta l4proto . th dport . numgen random mod 3 map "
    "@backends; }\n"
    "\tchain refuse {\n\t\treject with tcp reset\n\t\treject\n\t}\n"
    "\tchain filter { type filter hook prerouting priority -110; ct state new ip daddr . meta "
    "l4proto . th dport vmap @verdicts; fib daddr type local goto refuse; }\n"
    "\tchain nat { type nat hook prerouting priority -100; ip daddr . meta l4proto . th dport "
    "vmap @verdicts; }\n"
    "\tchain raw { type filter hook output priority -300; ip daddr 192.0.2.1 notrack; }\n"
    "\tchain post { type nat hook postrouting priority 100; masquerade fully-random; }\n"
    "}\ndelete table ip kedge_trial\n";

enum ke_code proxy_probe(enum proxy_backend *out, struct ke_err *err)
{
    struct ke_err nft = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(16384);
    ke_buf_add_c(&text, TRIAL);
    if (nft_run_text(&text, false, &nft) == KE_OK) {
        *out = PROXY_NFTABLES;
        return KE_OK;
    }
    if (command_exists("iptables-restore")) {
        *out = PROXY_IPTABLES;
        return KE_OK;
    }
    return ke_fail(err, KE_UNAVAILABLE,
                   "no service proxy is possible: %.200s; and iptables-restore is not installed",
                   nft.msg);
}

static enum ke_code nft_cleanup(struct ke_err *err)
{
    struct nfnl_socket socket = { .fd = -1 };
    if (nfnl_open(&socket, 0, err) != KE_OK)
        return KE_OK; /* no netfilter: nothing can be there */
    enum ke_code rc = nft_table_delete(&socket, KE_FAMILY_IPV4, err);
    struct ke_err second = KE_ERR_INIT;
    enum ke_code rc6 = nft_table_delete(&socket, KE_FAMILY_IPV6, &second);
    nfnl_close(&socket);
    if (rc == KE_OK && rc6 != KE_OK)
        *err = second;
    return rc != KE_OK ? rc : rc6;
}

enum ke_code proxy_cleanup_other(enum proxy_backend keep, struct ke_err *err)
{
    return keep == PROXY_NFTABLES ? ipt_cleanup(err) : nft_cleanup(err);
}

enum ke_code proxy_cleanup(struct ke_err *err)
{
    enum ke_code rc = nft_cleanup(err);
    struct ke_err second = KE_ERR_INIT;
    enum ke_code other = ipt_cleanup(&second);
    if (rc == KE_OK && other != KE_OK)
        *err = second;
    return rc != KE_OK ? rc : other;
}
