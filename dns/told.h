/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_TOLD_H
#define DNS_TOLD_H
/*
 * What DNS would answer: the trace and the plan ask the deciding code with a query of their own and
 * print its reply. Any thread registered with snap.
 */
#include "dns/answer.h"

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
