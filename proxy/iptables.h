/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_IPTABLES_H
#define PROXY_IPTABLES_H
/*
 * The iptables applier: kube-proxy's chains and names through iptables-restore --noflush, only the
 * chains of services that changed. Legacy or nft backend, as the host uses. One thread.
 */
#include "proxy/plan.h"

struct ipt_applier;

/* settings: borrowed. Errors: KE_NOMEM, KE_UNAVAILABLE (no iptables). */
enum ke_code ipt_applier_new(const struct proxy_settings *settings, struct ipt_applier **out,
                             struct ke_err *err) KE_MUST_CHECK;
void ipt_applier_free(struct ipt_applier *ipt); /* rules stay */
enum ke_code ipt_applier_load(struct ipt_applier *ipt, const struct proxy_plans *plans,
                              struct ke_err *err) KE_MUST_CHECK;
/* plans: all that are in effect before the changes. */
enum ke_code ipt_applier_change(struct ipt_applier *ipt, const struct proxy_plans *plans,
                                const struct proxy_change *changes, size_t n,
                                struct ke_err *err) KE_MUST_CHECK;
/* Are the rules still there? One chain and one jump are asked for. */
bool ipt_applier_is_intact(const struct ipt_applier *ipt);
/* The rules of one chain of nat, as `iptables -S` prints them. Any thread. Errors: KE_IO (also: no
 * such chain). */
enum ke_code ipt_chain_read(const struct ipt_applier *ipt, enum ke_family family, const char *chain,
                            struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;
/* Removes our chains and the jumps to them, in all variants of iptables there are. */
enum ke_code ipt_cleanup(struct ke_err *err) KE_MUST_CHECK;

#endif
