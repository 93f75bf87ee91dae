/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of upstreams on their way to clients. Pure; any thread. */
#include "dns/relay.h"

#include <string.h>

#include "core/base/limits.h"

bool dns_reply_matches(const uint8_t *reply, size_t len, const uint8_t *asked, size_t asked_len)
{
    struct dns_name name;
    struct dns_name asked_name;
    size_t end = 0;
    size_t asked_end = 0;
    if (len < DNS_HEADER_BYTES || (reply[2] & 0x80) == 0 || memcmp(reply, asked, 2) != 0 ||
        reply[4] != 0 || reply[5] != 1)
        return false;
    return dns_name_read(reply, len, DNS_HEADER_BYTES, &name, &end) &&
           dns_name_read(asked, asked_len, DNS_HEADER_BYTES, &asked_name, &asked_end) &&
           dns_name_eq(&name, &asked_name) && end + 4 <= len && asked_end + 4 <= asked_len &&
           memcmp(reply + end, asked + asked_end, 4) == 0;
}

size_t dns_relay_whole(const struct dns_query *query, const uint8_t *reply, size_t len,
                       size_t limit, uint8_t *out)
{
    size_t head = DNS_HEADER_BYTES + query->question_len;
    if (len < head)
        return dns_reply_error(query, DNS_SERVFAIL, true, out, LIMIT_DNS_TCP_BYTES);
    if (len > limit) {
        struct dns_reply cut;
        dns_reply_begin(&cut, query, out, LIMIT_DNS_TCP_BYTES);
        cut.is_aa = false;
        cut.is_tc = true;
        cut.rcode = (enum dns_rcode)(reply[3] & 0x0f);
        return dns_reply_finish(&cut, query, limit, true);
    }
    memcpy(out, reply, len);
    memcpy(out, query->bytes, 2);
    memcpy(out + DNS_HEADER_BYTES, query->bytes + DNS_HEADER_BYTES, query->question_len);
    out[2] = (uint8_t)((out[2] & ~0x05) | (query->is_rd ? 0x01 : 0));
    out[3] |= 0x80; /* RA; AA was cleared: not our data */
    return len;
}

void dns_relay_external(struct dns_reply *ours, const struct dns_query *query, const uint8_t *reply,
                        size_t len)
{
    struct dns_walk walk;
    struct dns_record record;
    if (reply == NULL || !dns_walk_begin(&walk, reply, len)) {
        ours->rcode = DNS_SERVFAIL;
        return;
    }
    enum dns_rcode rcode = (enum dns_rcode)(reply[3] & 0x0f);
    ours->is_tc = (reply[2] & 0x02) != 0;
    ours->rcode = rcode;
    int more = 0;
    while ((more = dns_walk_next(&walk, &record)) == 1 && record.section == DNS_SECTION_ANSWER) {
        struct dns_owner owner = { .wire = record.owner.wire, .len = record.owner.len };
        struct dns_name target;
        size_t end = 0;
        if (record.type == query->type) {
            size_t at = dns_reply_rr(ours, &owner, record.type, record.ttl_s);
            dns_reply_bytes(ours, reply + record.data_at, record.data_len);
            dns_reply_rr_end(ours, at);
        } else if (record.type == DNS_TYPE_CNAME &&
                   dns_name_read_compressed(reply, len, record.data_at, &target, &end)) {
            size_t at = dns_reply_rr(ours, &owner, record.type, record.ttl_s);
            dns_reply_bytes(ours, target.wire, target.len);
            dns_reply_rr_end(ours, at);
        }
    }
    dns_reply_end_rrset(ours);
    if (more < 0)
        ours->rcode = DNS_SERVFAIL;
}
