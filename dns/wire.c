/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages: queries in, replies out. Pure; any thread. */
#include "dns/wire.h"

#include <string.h>

#include "core/base/cur.h"
#include "core/base/limits.h"

enum { FLAG_QR = 0x8000, FLAG_AA = 0x0400, FLAG_TC = 0x0200, FLAG_RD = 0x0100 };
enum { FLAG_RA = 0x0080, FLAG_AD = 0x0020, FLAG_CD = 0x0010 };

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* ---- queries ---- */

/* Skips one additional record; takes an OPT in. False: malformed, or a second OPT. */
static bool parse_additional(struct dns_query *query, struct ke_cur *cur)
{
    struct dns_name owner;
    size_t end = 0;
    if (!dns_name_read(query->bytes, query->len, cur->pos, &owner, &end))
        return false;
    cur->pos = end;
    uint16_t type = ke_cur_be16(cur);
    uint16_t rr_class = ke_cur_be16(cur);
    uint32_t ttl = ke_cur_be32(cur);
    (void)ke_cur_bytes(cur, ke_cur_be16(cur));
    if (cur->is_bad || type != DNS_TYPE_OPT)
        return !cur->is_bad;
    if (query->has_opt || owner.n_labels != 0)
        return false;
    query->has_opt = true;
    query->udp_size = rr_class > query->udp_size ? rr_class : query->udp_size;
    query->edns_version = (uint8_t)(ttl >> 16);
    query->is_do = (ttl & 0x8000) != 0;
    return true;
}

enum dns_parsed dns_query_parse(const uint8_t *bytes, size_t len, struct dns_query *out,
                                enum dns_rcode *rcode)
{
    if (len < DNS_HEADER_BYTES || (bytes[2] & 0x80) != 0)
        return DNS_PARSE_DROP;
    out->bytes = bytes;
    out->len = len;
    out->id = get16(bytes);
    out->opcode = (bytes[2] >> 3) & 0x0f;
    out->is_rd = (bytes[2] & 0x01) != 0;
    out->is_cd = (bytes[3] & FLAG_CD) != 0;
    out->has_question = false;
    out->question_len = 0;
    out->has_opt = false;
    out->is_do = false;
    out->edns_version = 0;
    out->udp_size = 512;
    *rcode = DNS_NOTIMP;
    if (out->opcode != 0)
        return DNS_PARSE_REFUSE;
    *rcode = DNS_FORMERR;
    unsigned n_additional = get16(bytes + 10);
    if (get16(bytes + 4) != 1 || get16(bytes + 6) != 0 || get16(bytes + 8) != 0 || n_additional > 2)
        return DNS_PARSE_REFUSE;
    struct ke_cur cur = ke_cur_of(bytes, len);
    if (!dns_name_read(bytes, len, DNS_HEADER_BYTES, &out->name, &cur.pos))
        return DNS_PARSE_REFUSE;
    out->type = ke_cur_be16(&cur);
    out->rr_class = ke_cur_be16(&cur);
    if (cur.is_bad)
        return DNS_PARSE_REFUSE;
    out->has_question = true;
    out->question_len = cur.pos - DNS_HEADER_BYTES;
    for (unsigned i = 0; i < n_additional; i++) {
        if (!parse_additional(out, &cur))
            return DNS_PARSE_REFUSE;
    }
    *rcode = DNS_BADVERS;
    return out->has_opt && out->edns_version > 0 ? DNS_PARSE_REFUSE : DNS_PARSED;
}

size_t dns_query_udp_limit(const struct dns_query *query)
{
    if (!query->has_opt)
        return 512;
    return query->udp_size < LIMIT_DNS_UDP_BYTES ? query->udp_size : LIMIT_DNS_UDP_BYTES;
}

/* ---- replies ---- */

void dns_reply_begin(struct dns_reply *reply, const struct dns_query *query, uint8_t *memory,
                     size_t cap)
{
    reply->ptr = memory;
    reply->cap = cap;
    reply->len = DNS_HEADER_BYTES + query->question_len;
    memset(reply->counts, 0, sizeof(reply->counts));
    reply->section = DNS_SECTION_ANSWER;
    reply->n_ends = 0;
    reply->has_overflowed = false;
    reply->rcode = DNS_NOERROR;
    reply->is_aa = true;
    reply->is_tc = false;
    memcpy(memory, query->bytes, reply->len);
    dns_reply_end_rrset(reply);
}

void dns_reply_section(struct dns_reply *reply, unsigned section)
{
    reply->section = section;
}

void dns_reply_bytes(struct dns_reply *reply, const void *ptr, size_t len)
{
    if (reply->cap - reply->len < len) {
        reply->has_overflowed = true;
        return;
    }
    memcpy(reply->ptr + reply->len, ptr, len);
    reply->len += len;
}

void dns_reply_be16(struct dns_reply *reply, uint16_t v)
{
    uint8_t b[2];
    put16(b, v);
    dns_reply_bytes(reply, b, sizeof(b));
}

void dns_reply_be32(struct dns_reply *reply, uint32_t v)
{
    uint8_t b[4];
    put16(b, v >> 16);
    put16(b + 2, v & 0xffff);
    dns_reply_bytes(reply, b, sizeof(b));
}

size_t dns_reply_rr(struct dns_reply *reply, const struct dns_owner *owner, uint16_t type,
                    uint32_t ttl_s)
{
    if (owner->wire != NULL)
        dns_reply_bytes(reply, owner->wire, owner->len);
    else
        dns_reply_be16(reply, (uint16_t)(0xc000 | owner->at));
    dns_reply_be16(reply, type);
    dns_reply_be16(reply, DNS_CLASS_IN);
    dns_reply_be32(reply, ttl_s);
    size_t at = reply->len;
    dns_reply_be16(reply, 0);
    return at;
}

void dns_reply_rr_end(struct dns_reply *reply, size_t at)
{
    if (reply->has_overflowed)
        return;
    put16(reply->ptr + at, (unsigned)(reply->len - at - 2));
    reply->counts[reply->section]++;
}

void dns_reply_address(struct dns_reply *reply, const struct dns_owner *owner,
                       const struct ke_ip *ip, uint32_t ttl_s)
{
    size_t at = dns_reply_rr(reply, owner,
                             ip->family == KE_FAMILY_IPV4 ? DNS_TYPE_A : DNS_TYPE_AAAA, ttl_s);
    dns_reply_bytes(reply, ip->b, ke_ip_len(ip));
    dns_reply_rr_end(reply, at);
}

void dns_reply_end_rrset(struct dns_reply *reply)
{
    if (reply->has_overflowed || reply->n_ends == DNS_MAX_RRSETS)
        return;
    reply->ends[reply->n_ends].len = reply->len;
    memcpy(reply->ends[reply->n_ends].counts, reply->counts, sizeof(reply->counts));
    reply->n_ends++;
}

/* Back to the last whole RRset that fits. TC unless only additional data went (RFC 2181 section 9).
 */
static void cut(struct dns_reply *reply, size_t limit)
{
    bool was_whole = !reply->has_overflowed;
    unsigned last = reply->n_ends;
    uint16_t had[3];
    memcpy(had, reply->counts, sizeof(had));
    while (last > 1 && reply->ends[last - 1].len > limit)
        last--;
    reply->len = reply->ends[last - 1].len;
    memcpy(reply->counts, reply->ends[last - 1].counts, sizeof(had));
    bool lost_only_additional = was_whole
                                    ? reply->counts[0] == had[0] && reply->counts[1] == had[1]
                                    : reply->section == DNS_SECTION_ADDITIONAL &&
                                          reply->counts[0] == had[0] && reply->counts[1] == had[1];
    if (!lost_only_additional)
        reply->is_tc = true;
}

static void write_header(uint8_t *ptr, const struct dns_query *query, unsigned flags,
                         const uint16_t counts[3], unsigned n_opt)
{
    put16(ptr, query->id);
    flags |= FLAG_QR | (unsigned)query->opcode << 11;
    flags |= query->is_rd ? FLAG_RD : 0;
    flags |= query->is_cd ? FLAG_CD : 0;
    put16(ptr + 2, flags);
    put16(ptr + 4, query->has_question ? 1 : 0);
    put16(ptr + 6, counts[0]);
    put16(ptr + 8, counts[1]);
    put16(ptr + 10, counts[2] + n_opt);
}

static size_t write_opt(uint8_t *ptr, const struct dns_query *query, enum dns_rcode rcode)
{
    const uint8_t opt[DNS_OPT_BYTES] = { 0,
                                         0,
                                         DNS_TYPE_OPT,
                                         LIMIT_DNS_UDP_BYTES >> 8,
                                         LIMIT_DNS_UDP_BYTES & 0xff,
                                         (uint8_t)((unsigned)rcode >> 4),
                                         0,
                                         query->is_do ? 0x80 : 0,
                                         0,
                                         0,
                                         0 };
    memcpy(ptr, opt, sizeof(opt));
    return sizeof(opt);
}

size_t dns_reply_finish(struct dns_reply *reply, const struct dns_query *query, size_t limit,
                        bool is_ra)
{
    size_t opt_len = query->has_opt ? DNS_OPT_BYTES : 0;
    limit = limit < reply->cap ? limit : reply->cap;
    if (reply->has_overflowed || reply->len + opt_len > limit)
        cut(reply, limit - opt_len);
    unsigned flags = (reply->is_aa ? FLAG_AA : 0U) | (reply->is_tc ? FLAG_TC : 0U) |
                     (is_ra ? FLAG_RA : 0U) | ((unsigned)reply->rcode & 0x0f);
    write_header(reply->ptr, query, flags, reply->counts, query->has_opt ? 1 : 0);
    if (query->has_opt)
        reply->len += write_opt(reply->ptr + reply->len, query, reply->rcode);
    return reply->len;
}

size_t dns_reply_error(const struct dns_query *query, enum dns_rcode rcode, bool is_ra,
                       uint8_t *memory, size_t cap)
{
    static const uint16_t none[3] = { 0 };
    size_t len = DNS_HEADER_BYTES + query->question_len;
    if (len + DNS_OPT_BYTES > cap)
        return 0;
    if (query->question_len > 0)
        memcpy(memory + DNS_HEADER_BYTES, query->bytes + DNS_HEADER_BYTES, query->question_len);
    write_header(memory, query, (is_ra ? FLAG_RA : 0U) | ((unsigned)rcode & 0x0f), none,
                 query->has_opt ? 1 : 0);
    if (query->has_opt)
        len += write_opt(memory + len, query, rcode);
    return len;
}

size_t dns_ask_write(const struct dns_ask *ask, uint8_t *memory, size_t cap)
{
    size_t need = DNS_HEADER_BYTES + ask->name_len + 4 + (ask->has_opt ? DNS_OPT_BYTES : 0);
    if (need > cap)
        return 0;
    memset(memory, 0, DNS_HEADER_BYTES);
    put16(memory, ask->id);
    put16(memory + 2, FLAG_RD | (ask->is_cd ? FLAG_CD : 0U));
    put16(memory + 4, 1);
    put16(memory + 10, ask->has_opt ? 1 : 0);
    uint8_t *p = memory + DNS_HEADER_BYTES;
    memcpy(p, ask->name_wire, ask->name_len);
    p += ask->name_len;
    put16(p, ask->type);
    put16(p + 2, ask->rr_class);
    if (ask->has_opt) {
        struct dns_query like = { .is_do = ask->is_do };
        (void)write_opt(p + 4, &like, DNS_NOERROR);
    }
    return need;
}

/* ---- walking replies ---- */

bool dns_walk_begin(struct dns_walk *walk, const uint8_t *bytes, size_t len)
{
    struct dns_name name;
    size_t end = 0;
    *walk = (struct dns_walk){ .bytes = bytes, .len = len };
    if (len < DNS_HEADER_BYTES || (bytes[2] & 0x80) == 0 || get16(bytes + 4) != 1 ||
        !dns_name_read(bytes, len, DNS_HEADER_BYTES, &name, &end) || end + 4 > len)
        return false;
    walk->pos = end + 4;
    for (unsigned i = 0; i < 3; i++)
        walk->left[i] = get16(bytes + 6 + 2 * (size_t)i);
    return true;
}

int dns_walk_next(struct dns_walk *walk, struct dns_record *out)
{
    unsigned section = 0;
    while (section < 3 && walk->left[section] == 0)
        section++;
    if (section == 3)
        return 0;
    walk->left[section]--;
    struct ke_cur cur = ke_cur_of(walk->bytes, walk->len);
    out->section = section;
    if (!dns_name_read_compressed(walk->bytes, walk->len, walk->pos, &out->owner, &cur.pos))
        return -1;
    out->type = ke_cur_be16(&cur);
    out->rr_class = ke_cur_be16(&cur);
    out->ttl_s = ke_cur_be32(&cur);
    out->data_len = ke_cur_be16(&cur);
    out->data_at = cur.pos;
    (void)ke_cur_bytes(&cur, out->data_len);
    if (cur.is_bad)
        return -1;
    walk->pos = cur.pos;
    return 1;
}

const char *dns_rcode_name(enum dns_rcode rcode)
{
    switch (rcode) {
    case DNS_NOERROR:
        return "NOERROR";
    case DNS_FORMERR:
        return "FORMERR";
    case DNS_SERVFAIL:
        return "SERVFAIL";
    case DNS_NXDOMAIN:
        return "NXDOMAIN";
    case DNS_NOTIMP:
        return "NOTIMP";
    case DNS_REFUSED:
        return "REFUSED";
    case DNS_BADVERS:
        return "BADVERS";
    }
    return "?";
}

const char *dns_type_name(uint16_t type)
{
    static const struct {
        uint16_t type;
        const char *name;
    } names[] = {
        { DNS_TYPE_A, "A" },     { DNS_TYPE_NS, "NS" },     { DNS_TYPE_CNAME, "CNAME" },
        { DNS_TYPE_SOA, "SOA" }, { DNS_TYPE_PTR, "PTR" },   { DNS_TYPE_HINFO, "HINFO" },
        { DNS_TYPE_TXT, "TXT" }, { DNS_TYPE_AAAA, "AAAA" }, { DNS_TYPE_SRV, "SRV" },
        { DNS_TYPE_OPT, "OPT" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(names); i++) {
        if (names[i].type == type)
            return names[i].name;
    }
    return NULL;
}

/* A name inside the data; moves *pos behind it. */
static void print_name_at(const uint8_t *bytes, size_t len, size_t *pos, struct ke_buf *out)
{
    struct dns_name name;
    size_t end = 0;
    if (!dns_name_read_compressed(bytes, len, *pos, &name, &end))
        return;
    dns_name_print(&name, out);
    *pos = end;
}

static void print_soa(const uint8_t *bytes, size_t len, size_t pos, struct ke_buf *out)
{
    print_name_at(bytes, len, &pos, out);
    ke_buf_add_char(out, ' ');
    print_name_at(bytes, len, &pos, out);
    struct ke_cur cur = ke_cur_of(bytes, len);
    cur.pos = pos;
    for (int i = 0; i < 5; i++)
        ke_buf_addf(out, " %u", (unsigned)ke_cur_be32(&cur));
}

static void print_text(const uint8_t *data, size_t len, struct ke_buf *out)
{
    for (size_t i = 0; i < len; i += 1 + (size_t)data[i]) {
        size_t n = data[i];
        if (i + 1 + n > len)
            return;
        ke_buf_add_c(out, i > 0 ? " \"" : "\"");
        for (size_t j = i + 1; j <= i + n; j++) {
            if (data[j] < ' ' || data[j] >= 0x7f || data[j] == '"' || data[j] == '\\')
                ke_buf_addf(out, "\\%03u", data[j]);
            else
                ke_buf_add_u8(out, data[j]);
        }
        ke_buf_add_char(out, '"');
    }
}

static void print_address(const uint8_t *data, enum ke_family family, struct ke_buf *out)
{
    struct ke_ip ip = { .family = family };
    memcpy(ip.b, data, ke_ip_len(&ip));
    ke_ip_format(&ip, out);
}

void dns_record_print(const uint8_t *bytes, size_t len, const struct dns_record *record,
                      struct ke_buf *out)
{
    const uint8_t *data = bytes + record->data_at;
    size_t pos = record->data_at;
    dns_name_print(&record->owner, out);
    const char *type = dns_type_name(record->type);
    if (type != NULL)
        ke_buf_addf(out, " %u IN %s ", (unsigned)record->ttl_s, type);
    else
        ke_buf_addf(out, " %u IN TYPE%u ", (unsigned)record->ttl_s, record->type);
    switch (record->type) {
    case DNS_TYPE_A:
        if (record->data_len == 4)
            print_address(data, KE_FAMILY_IPV4, out);
        break;
    case DNS_TYPE_AAAA:
        if (record->data_len == 16)
            print_address(data, KE_FAMILY_IPV6, out);
        break;
    case DNS_TYPE_CNAME:
    case DNS_TYPE_PTR:
    case DNS_TYPE_NS:
        print_name_at(bytes, len, &pos, out);
        break;
    case DNS_TYPE_SRV:
        if (record->data_len < 7)
            break;
        ke_buf_addf(out, "%u %u %u ", get16(data), get16(data + 2), get16(data + 4));
        pos += 6;
        print_name_at(bytes, len, &pos, out);
        break;
    case DNS_TYPE_SOA:
        print_soa(bytes, len, pos, out);
        break;
    case DNS_TYPE_TXT:
    case DNS_TYPE_HINFO:
        print_text(data, record->data_len, out);
        break;
    default:
        ke_buf_addf(out, "\\# %zu ", record->data_len);
        ke_buf_add_hex(out, data, record->data_len);
        break;
    }
}
