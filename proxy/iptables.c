/* SPDX-License-Identifier: Apache-2.0 */
/* Not there yet: asking for this mode fails. */
#include "proxy/iptables.h"

#include "proxy/iptables_text.h"

enum ke_code ipt_text_all(const struct proxy_plan *const *plans, size_t n,
                          const struct proxy_settings *settings, enum ke_family family,
                          struct ke_buf *out, struct ke_err *err)
{
    (void)plans, (void)n, (void)settings, (void)family, (void)out;
    return ke_fail(err, KE_UNAVAILABLE, "iptables mode is not available in this version");
}

enum ke_code ipt_applier_new(const struct proxy_settings *settings, struct ipt_applier **out,
                             struct ke_err *err)
{
    (void)settings, (void)out;
    return ke_fail(err, KE_UNAVAILABLE, "iptables mode is not available in this version");
}

void ipt_applier_free(struct ipt_applier *ipt)
{
    (void)ipt;
}

enum ke_code ipt_applier_load(struct ipt_applier *ipt, const struct proxy_plans *plans,
                              struct ke_err *err)
{
    (void)ipt, (void)plans;
    return ke_fail(err, KE_UNAVAILABLE, "iptables mode is not available in this version");
}

enum ke_code ipt_applier_change(struct ipt_applier *ipt, const struct proxy_change *changes,
                                size_t n, struct ke_err *err)
{
    (void)ipt, (void)changes, (void)n;
    return ke_fail(err, KE_UNAVAILABLE, "iptables mode is not available in this version");
}

enum ke_code ipt_cleanup(struct ke_err *err)
{
    (void)err;
    return KE_OK;
}
