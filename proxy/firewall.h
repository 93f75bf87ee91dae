/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_FIREWALL_H
#define PROXY_FIREWALL_H
/*
 * Firewalls of others: an accept in our table cannot override a drop in another. What is found is
 * named, with the command that opens the path. Reads only, but for firewall_open_forward.
 */
#include "core/host/ledger.h"
#include "proxy/plan.h"

#define FIREWALL_FINDINGS_MAX 16

struct firewall_finding {
    char what[160]; /* "iptables-nft FORWARD policy DROP (Docker)" */
    char mend[200]; /* the command that opens the path; empty: nothing is closed */
    bool drops_forward;
    bool drops_input;
};

/* At most max findings; runs iptables, so it takes milliseconds. Any thread. */
size_t firewall_look(const struct proxy_settings *settings, struct firewall_finding *out,
                     size_t max);
/* One commented ACCEPT in front of FORWARD wherever something drops there, recorded in the ledger.
 * Errors: KE_IO. */
enum ke_code firewall_open_forward(struct host_ledger *ledger,
                                   const struct proxy_settings *settings,
                                   struct ke_err *err) KE_MUST_CHECK;

#endif
