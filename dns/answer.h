/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_ANSWER_H
#define DNS_ANSWER_H
/*
 * What cluster DNS answers: a pure function of the endpoint table and the query. No lock, no
 * allocation, no I/O; the caller is in a read section of the table. Statements D1 to D30 name the
 * cases in the code. Sources: Kubernetes DNS specification 1.1.0; RFC 1034, 2308, 2782, 8482.
 */
#include "core/endpoint/table.h"
#include "dns/dns.h"
#include "dns/wire.h"

#define DNS_MAX_REVERSE 8

/* The settings, prepared. Immutable; any thread. */
struct dns_zone {
    struct dns_name domain; /* cluster.local */
    struct ke_ip address;
    struct ke_cidr reverse[DNS_MAX_REVERSE];
    size_t n_reverse;
    uint32_t ttl_s;
};
/* Errors: KE_INVALID (domain, too many ranges). */
enum ke_code dns_zone_init(struct dns_zone *zone, const struct dns_settings *settings,
                           struct ke_err *err) KE_MUST_CHECK;

enum dns_verdict {
    DNS_ANSWERED,     /* reply holds the whole answer: finish and send it */
    DNS_NOT_OURS,     /* outside of our zones: forward the query as it is */
    DNS_EXTERNAL_NAME /* reply holds the CNAME; target is to be asked for elsewhere and its records
                         added */
};
/*
 * reply was begun with dns_reply_begin. target (may not be NULL) is set for DNS_EXTERNAL_NAME.
 * is_ra of the reply is the caller's. A query of a class or type that we never answer (AXFR, CH...)
 * is answered here too.
 */
enum dns_verdict dns_answer(const struct dns_zone *zone, struct endpoint_table *table,
                            const struct dns_query *query, struct dns_reply *reply,
                            struct dns_name *target);

/* "10-0-0-1": the name of an endpoint without a hostname (D10). Fits in DNS_LABEL_MAX. */
size_t dns_endpoint_label(const struct ke_ip *ip, char out[DNS_LABEL_MAX + 1]);

#endif
