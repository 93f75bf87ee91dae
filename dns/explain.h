/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_EXPLAIN_H
#define DNS_EXPLAIN_H
/*
 * What DNS would answer, in words: for the trace, and for a plan. Both ask the deciding code with a
 * query of their own and print its reply. Any thread registered with snap.
 */
#include "core/explain/explain.h"
#include "dns/answer.h"

/* Borrowed, as what it points to, for as long as explain lives. */
struct dns_explainer {
    const struct dns_zone *zone;
    struct endpoint_table *table;
};
enum ke_code dns_explainer_register(struct dns_explainer *explainer, struct explain *explain,
                                    struct ke_err *err) KE_MUST_CHECK;

#endif
