/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_ANSWER_STATE_H
#define DNS_ANSWER_STATE_H
/* One answer in the making: shared by the answer_*.c files and by nobody else. */
#include "dns/answer.h"

struct dns_answering {
    const struct dns_zone *zone;
    struct endpoint_table *table;
    const struct dns_query *query;
    struct dns_reply *reply;
    struct dns_name *target; /* of a CNAME that leads out of the zone */
    /* The name that is being answered: the question's, or the in-zone target of a CNAME before it.
     */
    const struct dns_name *name;
    struct dns_owner owner;   /* of its records */
    const uint8_t *zone_wire; /* the zone's part of the name in the query's case (D24) */
    const struct ke_ip *ip;   /* reverse: of the name */
    unsigned n_above;         /* labels in front of the zone */
    unsigned depth;           /* CNAMEs followed */
};

/* NOERROR without records, with the SOA of the zone (D21); and NXDOMAIN with it. */
enum dns_verdict dns_answer_nodata(struct dns_answering *state);
enum dns_verdict dns_answer_nxdomain(struct dns_answering *state);
/* The name exists but the type has no data: NODATA, or HINFO for ANY (RFC 8482). */
enum dns_verdict dns_answer_no_such_type(struct dns_answering *state);

/* answer_service.c: names below svc.ZONE; n_above counts the labels incl. "svc". */
enum dns_verdict dns_answer_service(struct dns_answering *state);
/* answer.c: again for state->name (a CNAME's target inside the zone). */
enum dns_verdict dns_answer_in_zone(struct dns_answering *state);
/* answer_reverse.c: names under in-addr.arpa and ip6.arpa; DNS_NOT_OURS when nothing is known. */
enum dns_verdict dns_answer_reverse(struct dns_answering *state);

/* "10-0-0-1", "fd00--1": the address that a label spells. */
bool dns_label_address(struct ke_str label, struct ke_ip *out);

/* Starting at a random one spreads clients that take the first. */
uint32_t dns_rotation(uint32_t n);

#endif
