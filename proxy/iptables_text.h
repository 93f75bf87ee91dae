/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_IPTABLES_TEXT_H
#define PROXY_IPTABLES_TEXT_H
/*
 * kube-proxy's chains as text for iptables-restore --noflush. The chains that every service is
 * named in are always written whole; those of one service only when it changed. Pure.
 */
#include "proxy/plan.h"

#define IPT_CHAIN_MAX 29

/* Chains of one service, for the table nat. */
struct ipt_chains {
    char (*names)[IPT_CHAIN_MAX];
    size_t n, cap;
    bool has_failed;
};
void ipt_chains_deinit(struct ipt_chains *chains);
/* The names of a plan's chains of a family, sorted, each once. */
void ipt_chains_of(const struct proxy_plan *plan, enum ke_family family, struct ipt_chains *out);

struct ipt_text {
    enum ke_family family;
    const struct proxy_settings *settings;
    const struct proxy_plan *const *plans; /* all, sorted */
    size_t n_plans;
    /* By position in plans: whose own chains are written. NULL: all. */
    const bool *is_changed;
    /* Chains to be removed. */
    const struct ipt_chains *gone;
};
/* A restore file of raw, filter and nat. Errors: KE_NOMEM, KE_TOO_LARGE. */
enum ke_code ipt_text_make(const struct ipt_text *in, struct ke_buf *out,
                           struct ke_err *err) KE_MUST_CHECK;
enum ke_code ipt_text_all(const struct proxy_plan *const *plans, size_t n,
                          const struct proxy_settings *settings, enum ke_family family,
                          struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;

/* Jumps from the built-in chains: {table, chain, target and match words}. */
struct ipt_jump {
    const char *table;
    const char *chain;
    const char *words[16]; /* after -I CHAIN; NULL-terminated */
};
extern const struct ipt_jump IPT_JUMPS[];
extern const size_t IPT_N_JUMPS;

/* Is it one of the chains that this mode makes? */
bool ipt_is_own_chain(struct ke_str name);

#endif
