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

struct dns_told {
    enum dns_verdict verdict;
    enum dns_rcode rcode;
    uint8_t bytes[4096];
    size_t len;
};
/* Asks for name and type as a client over TCP would. False: the name cannot be asked for. */
bool dns_ask_table(const struct dns_zone *zone, struct endpoint_table *table, struct ke_str name,
                   enum dns_type type, struct dns_told *out);

#endif
