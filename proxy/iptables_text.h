/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_IPTABLES_TEXT_H
#define PROXY_IPTABLES_TEXT_H
/* kube-proxy's chains as text for iptables-restore --noflush. Pure. */
#include "proxy/plan.h"

/* The whole ruleset of a family. Errors: KE_NOMEM, KE_TOO_LARGE. */
enum ke_code ipt_text_all(const struct proxy_plan *const *plans, size_t n,
                          const struct proxy_settings *settings, enum ke_family family,
                          struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;

#endif
