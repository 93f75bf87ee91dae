/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the deciding code, as a client would ask it. Any thread registered with snap. */
#include "dns/told.h"

bool dns_ask_table(const struct dns_zone *zone, struct endpoint_table *table, struct ke_str name,
                   enum dns_type type, struct dns_told *out)
{
    struct dns_name wire;
    uint8_t packet[DNS_NAME_MAX + 64];
    struct dns_query query;
    struct dns_reply reply;
    enum dns_rcode rcode = DNS_NOERROR;
    if (!dns_name_from_text(name, &wire))
        return false;
    struct dns_ask ask = {
        .name_wire = wire.wire, .name_len = wire.len, .type = type, .rr_class = DNS_CLASS_IN
    };
    size_t len = dns_ask_write(&ask, packet, sizeof(packet));
    if (dns_query_parse(packet, len, &query, &rcode) != DNS_PARSED)
        return false;
    dns_reply_begin(&reply, &query, out->bytes, sizeof(out->bytes));
    ke_snap_read_begin();
    out->verdict = dns_answer(zone, table, &query, &reply, &out->target);
    ke_snap_read_end();
    out->rcode = reply.rcode;
    out->len = dns_reply_finish(&reply, &query, sizeof(out->bytes), true);
    return true;
}
