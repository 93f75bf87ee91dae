/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_TOLD_H
#define DNS_TOLD_H
/*
 * What DNS would answer: the trace and the plan ask the deciding code with a query of their own and
 * print its reply. Any thread registered with snap.
 */
#include "core/base/limits.h"
#include "dns/answer.h"

/* Large: keep it on the heap. */
struct dns_told {
    enum dns_verdict verdict;
    enum dns_rcode rcode;
    struct dns_name target; /* of an alias that leads out of the zone */
    uint8_t bytes[LIMIT_DNS_TCP_BYTES];
    size_t len;
};
/* Asks for name and type as a client over TCP would. False: the name cannot be asked for. */
bool dns_ask_table(const struct dns_zone *zone, struct endpoint_table *table, struct ke_str name,
                   enum dns_type type, struct dns_told *out);

#endif
