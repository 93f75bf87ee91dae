/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DNS_WIRE_H
#define DNS_WIRE_H
/*
 * DNS messages: reading a query, writing a reply. Pure, no allocation: a reply is built in the
 * caller's memory, and cut at whole RRsets when it does not fit. RFC 1035, 2181, 6891, 9619.
 */
#include "core/base/addr.h"
#include "dns/name.h"

enum dns_type {
    DNS_TYPE_A = 1,
    DNS_TYPE_NS = 2,
    DNS_TYPE_CNAME = 5,
    DNS_TYPE_SOA = 6,
    DNS_TYPE_PTR = 12,
    DNS_TYPE_HINFO = 13,
    DNS_TYPE_TXT = 16,
    DNS_TYPE_AAAA = 28,
    DNS_TYPE_SRV = 33,
    DNS_TYPE_OPT = 41,
    DNS_TYPE_IXFR = 251,
    DNS_TYPE_AXFR = 252,
    DNS_TYPE_ANY = 255
};
enum { DNS_CLASS_IN = 1 };

enum dns_rcode {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_SERVFAIL = 2,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5,
    DNS_BADVERS = 16
};

#define DNS_HEADER_BYTES 12
#define DNS_OPT_BYTES    11

struct dns_query {
    const uint8_t *bytes; /* borrowed: the whole message */
    size_t len;
    uint16_t id;
    uint8_t opcode;
    bool is_rd; /* recursion desired */
    bool is_cd;
    bool has_question;
    struct dns_name name;
    uint16_t type;
    uint16_t rr_class;
    size_t question_len; /* bytes behind the header */
    bool has_opt;
    bool is_do;
    uint8_t edns_version;
    uint16_t udp_size; /* the client's, 512 where it says less or nothing */
};

enum dns_parsed {
    DNS_PARSED,      /* answer it */
    DNS_PARSE_DROP,  /* say nothing: too short, or a reply */
    DNS_PARSE_REFUSE /* answer with *rcode at once */
};
enum dns_parsed dns_query_parse(const uint8_t *bytes, size_t len, struct dns_query *out,
                                enum dns_rcode *rcode);

/* Where a name stands in the reply, for compression: offset below 0x4000, or 0 for none. */
#define DNS_AT_QUESTION DNS_HEADER_BYTES
#define DNS_MAX_RRSETS  64

struct dns_reply {
    uint8_t *ptr; /* borrowed */
    size_t cap;
    size_t len;
    uint16_t counts[3]; /* answer, authority, additional (without OPT) */
    unsigned section;   /* of what is added now */
    /* Ends of whole RRsets so far, to cut at. */
    struct {
        size_t len;
        uint16_t counts[3];
    } ends[DNS_MAX_RRSETS];
    unsigned n_ends;
    bool has_overflowed; /* more than cap */
    enum dns_rcode rcode;
    bool is_aa;
    bool is_tc;
};

enum { DNS_SECTION_ANSWER, DNS_SECTION_AUTHORITY, DNS_SECTION_ADDITIONAL };

/* Copies header and question of the query. cap: at least 512. */
void dns_reply_begin(struct dns_reply *reply, const struct dns_query *query, uint8_t *memory,
                     size_t cap);
/* Sections only go forward. */
void dns_reply_section(struct dns_reply *reply, unsigned section);
/* One record is one call to _rr with the owner's place (or owner NULL and at), then the data, then
 * _rr_end. */
struct dns_owner {
    const uint8_t *wire; /* whole name, or NULL */
    size_t len;
    uint16_t at; /* used when wire is NULL: a pointer to there */
};
/* Returns the place of the data's length, to hand to _rr_end. */
size_t dns_reply_rr(struct dns_reply *reply, const struct dns_owner *owner, uint16_t type,
                    uint32_t ttl_s);
void dns_reply_rr_end(struct dns_reply *reply, size_t at);
void dns_reply_bytes(struct dns_reply *reply, const void *ptr, size_t len);
void dns_reply_be16(struct dns_reply *reply, uint16_t v);
void dns_reply_be32(struct dns_reply *reply, uint32_t v);
void dns_reply_address(struct dns_reply *reply, const struct dns_owner *owner,
                       const struct ke_ip *ip, uint32_t ttl_s);
/* All records of one set are in. */
void dns_reply_end_rrset(struct dns_reply *reply);
/*
 * Finishes: cuts to limit bytes (512 .. cap; additional data first, then whole RRsets with TC),
 * adds OPT where the query had one, writes counts and flags. Returns the length.
 */
size_t dns_reply_finish(struct dns_reply *reply, const struct dns_query *query, size_t limit,
                        bool is_ra);
/* A reply of header, question (if it was read) and rcode. Returns its length; memory of 512 bytes
 * is enough. */
size_t dns_reply_error(const struct dns_query *query, enum dns_rcode rcode, bool is_ra,
                       uint8_t *memory, size_t cap);
/* What a UDP reply to this query may have. */
size_t dns_query_udp_limit(const struct dns_query *query);

/* A query of our own, with a question for name and an OPT where wanted. Returns its length; needs
 * 300 bytes. */
struct dns_ask {
    uint16_t id;
    const uint8_t *name_wire; /* in the case to be used */
    size_t name_len;
    uint16_t type, rr_class;
    bool has_opt, is_do, is_cd;
};
size_t dns_ask_write(const struct dns_ask *ask, uint8_t *memory, size_t cap);

/* Walks the records of a whole reply. */
struct dns_walk {
    const uint8_t *bytes;
    size_t len;
    size_t pos;
    unsigned left[3];
};
struct dns_record {
    unsigned section;
    struct dns_name owner;
    uint16_t type, rr_class;
    uint32_t ttl_s;
    size_t data_at, data_len; /* in the message */
};
/* False: no reply to a question, or malformed. */
bool dns_walk_begin(struct dns_walk *walk, const uint8_t *bytes, size_t len);
/* 1: one more; 0: the end; -1: malformed. */
int dns_walk_next(struct dns_walk *walk, struct dns_record *out);
/* Zone-file line without newline: "name. TTL IN TYPE data". */
void dns_record_print(const uint8_t *bytes, size_t len, const struct dns_record *record,
                      struct ke_buf *out);
const char *dns_rcode_name(enum dns_rcode rcode);
const char *dns_type_name(uint16_t type); /* NULL: none known */

#endif
