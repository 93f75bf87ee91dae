/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol rules of DNS messages, one by one: which queries are dropped or refused, EDNS, what
 * is cut when a reply is too large, and how records are read and printed. RFC 1035, 2181, 6891,
 * 9619.
 */
#include <string.h>

#include "core/base/limits.h"
#include "dns/wire.h"
#include "test/support/base/test.h"

struct packet {
    uint8_t bytes[600];
    size_t len;
};

static void add(struct packet *packet, const void *bytes, size_t len)
{
    memcpy(packet->bytes + packet->len, bytes, len);
    packet->len += len;
}

#define ADD(packet, literal) add(packet, literal, sizeof(literal) - 1)

/* ID 0x1234, RD; A of a.b; room for more. */
static struct packet query(void)
{
    struct packet packet = { .len = 0 };
    ADD(&packet, "\x12\x34\x01\0\0\1\0\0\0\0\0\0\1A\1b\0\0\1\0\1");
    return packet;
}

/* OPT: size, version, DO, an option that nobody knows. */
static void add_opt(struct packet *packet, unsigned size, unsigned version, bool is_do)
{
    const uint8_t opt[] = { 0,
                            0,
                            41,
                            (uint8_t)(size >> 8),
                            (uint8_t)size,
                            0,
                            (uint8_t)version,
                            is_do ? 0x80 : 0,
                            0,
                            0,
                            6,
                            0xff,
                            0xf0,
                            0,
                            2,
                            'x',
                            'y' };
    add(packet, opt, sizeof(opt));
    packet->bytes[11]++;
}

static enum dns_parsed parse(const struct packet *packet, struct dns_query *out,
                             enum dns_rcode *rcode)
{
    *rcode = DNS_NOERROR;
    return dns_query_parse(packet->bytes, packet->len, out, rcode);
}

static void assert_refused(const struct packet *packet, enum dns_rcode wanted)
{
    struct dns_query parsed;
    enum dns_rcode rcode = DNS_NOERROR;
    uint8_t reply[512];
    assert_int_equal(parse(packet, &parsed, &rcode), DNS_PARSE_REFUSE);
    assert_int_equal(rcode, wanted);
    size_t len = dns_reply_error(&parsed, rcode, true, reply, sizeof(reply));
    assert_true(len >= DNS_HEADER_BYTES);
    assert_memory_equal(reply, packet->bytes, 2); /* the ID */
    assert_int_equal(reply[2] & 0x80, 0x80);
    assert_int_equal(reply[3] & 0x0f, wanted & 0x0f);
}

static void assert_dropped(const struct packet *packet)
{
    struct dns_query parsed;
    enum dns_rcode rcode = DNS_NOERROR;
    assert_int_equal(parse(packet, &parsed, &rcode), DNS_PARSE_DROP);
}

static void a_plain_query_is_read(void **state)
{
    struct packet packet = query();
    struct dns_query parsed;
    enum dns_rcode rcode;
    (void)state;
    assert_int_equal(parse(&packet, &parsed, &rcode), DNS_PARSED);
    assert_int_equal(parsed.id, 0x1234);
    assert_true(parsed.is_rd);
    assert_false(parsed.is_cd);
    assert_true(parsed.has_question);
    assert_int_equal(parsed.type, DNS_TYPE_A);
    assert_int_equal(parsed.rr_class, DNS_CLASS_IN);
    assert_int_equal(parsed.question_len, 9);
    assert_int_equal(parsed.name.n_labels, 2);
    assert_true(ke_str_eq_c(dns_name_label(&parsed.name, 0), "a"));
    assert_false(parsed.has_opt);
    assert_int_equal(dns_query_udp_limit(&parsed), 512);
}

static void what_is_no_header_is_dropped(void **state)
{
    struct packet packet = query();
    (void)state;
    for (packet.len = 0; packet.len < DNS_HEADER_BYTES; packet.len++)
        assert_dropped(&packet);
}

static void a_reply_is_never_replied_to(void **state)
{
    struct packet packet = query();
    (void)state;
    packet.bytes[2] |= 0x80;
    assert_dropped(&packet);
    packet.len = DNS_HEADER_BYTES;
    assert_dropped(&packet);
}

static void other_opcodes_are_not_implemented(void **state)
{
    (void)state;
    for (unsigned opcode = 1; opcode < 16; opcode++) {
        struct packet packet = query();
        uint8_t reply[512];
        struct dns_query parsed;
        enum dns_rcode rcode;
        packet.bytes[2] = (uint8_t)(opcode << 3);
        assert_refused(&packet, DNS_NOTIMP);
        (void)parse(&packet, &parsed, &rcode);
        assert_int_equal(dns_reply_error(&parsed, rcode, false, reply, sizeof(reply)), 12);
        assert_int_equal(reply[2] >> 3 & 15, opcode);
    }
}

static void counts_that_no_query_has_are_format_errors(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } rows[] = { { 5, 0 }, { 5, 2 }, { 4, 1 }, { 7, 1 }, { 6, 1 }, { 9, 1 }, { 11, 3 }, { 10, 1 } };
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(rows); i++) {
        struct packet packet = query();
        packet.bytes[rows[i].at] = rows[i].value;
        assert_refused(&packet, DNS_FORMERR);
    }
}

static void a_question_that_is_cut_short_is_a_format_error(void **state)
{
    struct packet packet = query();
    size_t whole = packet.len;
    (void)state;
    for (packet.len = DNS_HEADER_BYTES; packet.len < whole; packet.len++)
        assert_refused(&packet, DNS_FORMERR);
}

static void a_pointer_in_the_question_is_a_format_error(void **state)
{
    struct packet packet = query();
    (void)state;
    packet.bytes[12] = 0xc0;
    packet.bytes[13] = 0x0c;
    assert_refused(&packet, DNS_FORMERR);
    packet = query();
    packet.bytes[12] = 0x41;
    assert_refused(&packet, DNS_FORMERR);
}

static void an_additional_record_that_is_cut_short_is_a_format_error(void **state)
{
    struct packet packet = query();
    size_t question = packet.len;
    (void)state;
    add_opt(&packet, 1232, 0, false);
    size_t whole = packet.len;
    for (packet.len = question; packet.len < whole; packet.len++)
        assert_refused(&packet, DNS_FORMERR);
}

static void a_second_opt_is_a_format_error(void **state)
{
    struct packet packet = query();
    (void)state;
    add_opt(&packet, 1232, 0, false);
    add_opt(&packet, 1232, 0, false);
    assert_refused(&packet, DNS_FORMERR);
}

static void an_opt_that_has_an_owner_is_a_format_error(void **state)
{
    struct packet packet = query();
    (void)state;
    ADD(&packet, "\1x\0\0\x29\4\0\0\0\0\0\0\0");
    packet.bytes[11] = 1;
    assert_refused(&packet, DNS_FORMERR);
}

static void another_additional_record_is_passed_over(void **state)
{
    struct packet packet = query();
    struct dns_query parsed;
    enum dns_rcode rcode;
    (void)state;
    ADD(&packet, "\1x\0\0\x01\0\1\0\0\0\0\0\4\1\2\3\4");
    packet.bytes[11] = 1;
    add_opt(&packet, 4096, 0, true);
    assert_int_equal(parse(&packet, &parsed, &rcode), DNS_PARSED);
    assert_true(parsed.has_opt);
    assert_true(parsed.is_do);
}

static void an_edns_version_of_the_future_is_told_badvers_with_opt(void **state)
{
    struct packet packet = query();
    struct dns_query parsed;
    enum dns_rcode rcode;
    uint8_t reply[512];
    (void)state;
    add_opt(&packet, 1232, 1, false);
    assert_refused(&packet, DNS_BADVERS);
    (void)parse(&packet, &parsed, &rcode);
    size_t len = dns_reply_error(&parsed, rcode, false, reply, sizeof(reply));
    assert_int_equal(len, DNS_HEADER_BYTES + 9 + DNS_OPT_BYTES);
    assert_int_equal(reply[11], 1);
    const uint8_t *opt = reply + len - DNS_OPT_BYTES;
    assert_int_equal(opt[2], DNS_TYPE_OPT);
    assert_int_equal(opt[5], 1); /* extended: 16 >> 4 */
    assert_int_equal(opt[6], 0); /* our version */
}

static void udp_sizes_stay_between_512_and_1232(void **state)
{
    static const struct {
        unsigned said;
        size_t limit;
    } rows[] = { { 0, 512 },     { 511, 512 },   { 512, 512 },   { 1000, 1000 },
                 { 1232, 1232 }, { 4096, 1232 }, { 65535, 1232 } };
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(rows); i++) {
        struct packet packet = query();
        struct dns_query parsed;
        enum dns_rcode rcode;
        add_opt(&packet, rows[i].said, 0, false);
        assert_int_equal(parse(&packet, &parsed, &rcode), DNS_PARSED);
        assert_int_equal(dns_query_udp_limit(&parsed), rows[i].limit);
    }
}

static void opt_and_do_come_back_exactly_when_they_were_sent(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct packet packet = query();
        struct dns_query parsed;
        struct dns_reply reply;
        enum dns_rcode rcode;
        uint8_t memory[512];
        if (i > 0)
            add_opt(&packet, 1400, 0, i == 2);
        assert_int_equal(parse(&packet, &parsed, &rcode), DNS_PARSED);
        dns_reply_begin(&reply, &parsed, memory, sizeof(memory));
        size_t len = dns_reply_finish(&reply, &parsed, 512, false);
        assert_int_equal(len, 21 + (i > 0 ? DNS_OPT_BYTES : 0U));
        assert_int_equal(memory[11], i > 0);
        if (i == 0)
            continue;
        const uint8_t *opt = memory + 21;
        assert_int_equal(opt[0], 0);
        assert_int_equal(opt[3] << 8 | opt[4], 1232);
        assert_int_equal(opt[7], i == 2 ? 0x80 : 0);
        assert_int_equal(opt[9] | opt[10], 0); /* no options of the client's */
    }
}

static void flags_of_the_reply_follow_the_query(void **state)
{
    struct packet packet = query();
    struct dns_query parsed;
    struct dns_reply reply;
    enum dns_rcode rcode;
    uint8_t memory[512];
    (void)state;
    packet.bytes[2] = 0x06; /* AA and TC mean nothing in a query; no RD */
    packet.bytes[3] = 0x30; /* AD, CD */
    assert_int_equal(parse(&packet, &parsed, &rcode), DNS_PARSED);
    dns_reply_begin(&reply, &parsed, memory, sizeof(memory));
    reply.rcode = DNS_NXDOMAIN;
    (void)dns_reply_finish(&reply, &parsed, 512, true);
    assert_int_equal(memory[2], 0x84);            /* QR, AA */
    assert_int_equal(memory[3], 0x80 | 0x10 | 3); /* RA, CD, rcode */
    packet.bytes[2] = 0x01;
    packet.bytes[3] = 0;
    assert_int_equal(parse(&packet, &parsed, &rcode), DNS_PARSED);
    dns_reply_begin(&reply, &parsed, memory, sizeof(memory));
    reply.is_aa = false;
    (void)dns_reply_finish(&reply, &parsed, 512, false);
    assert_int_equal(memory[2], 0x81);
    assert_int_equal(memory[3], 0);
    assert_memory_equal(memory + 12, packet.bytes + 12, 9); /* the question, its case too */
}

/* ---- cutting ---- */

struct cut {
    struct packet packet;
    struct dns_query query;
    struct dns_reply reply;
    uint8_t memory[2048];
};

static void begin(struct cut *cut, unsigned udp_size, size_t cap)
{
    enum dns_rcode rcode;
    cut->packet = query();
    if (udp_size > 0)
        add_opt(&cut->packet, udp_size, 0, false);
    assert_int_equal(parse(&cut->packet, &cut->query, &rcode), DNS_PARSED);
    dns_reply_begin(&cut->reply, &cut->query, cut->memory, cap);
}

/* n addresses of 16 bytes each, owner compressed. */
static void add_rrset(struct cut *cut, unsigned section, unsigned n)
{
    static const struct dns_owner owner = { .at = DNS_AT_QUESTION };
    dns_reply_section(&cut->reply, section);
    for (unsigned i = 0; i < n; i++) {
        struct ke_ip ip = { .family = KE_FAMILY_IPV4, .b = { 10, 0, 0, (uint8_t)i } };
        dns_reply_address(&cut->reply, &owner, &ip, 5);
    }
    dns_reply_end_rrset(&cut->reply);
}

static void assert_cut(struct cut *cut, size_t limit, const unsigned counts[3], bool is_tc)
{
    struct dns_walk walk;
    struct dns_record record;
    unsigned n = 0;
    size_t len = dns_reply_finish(&cut->reply, &cut->query, limit, false);
    assert_true(len <= limit);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(cut->memory[6 + 2 * i] << 8 | cut->memory[7 + 2 * i], counts[i]);
    assert_int_equal((cut->memory[2] & 2) != 0, is_tc);
    assert_true(dns_walk_begin(&walk, cut->memory, len));
    while (dns_walk_next(&walk, &record) == 1)
        n++;
    assert_int_equal(n, counts[0] + counts[1] + counts[2]);
    assert_int_equal(walk.pos, len);
}

static void a_reply_that_fits_to_the_byte_is_whole(void **state)
{
    struct cut cut;
    (void)state;
    begin(&cut, 0, sizeof(cut.memory));
    add_rrset(&cut, DNS_SECTION_ANSWER, 30); /* 21 + 480 = 501 */
    assert_cut(&cut, 512, (const unsigned[]){ 30, 0, 0 }, false);
    begin(&cut, 512, sizeof(cut.memory)); /* + OPT = 512 */
    add_rrset(&cut, DNS_SECTION_ANSWER, 30);
    assert_cut(&cut, 512, (const unsigned[]){ 30, 0, 1 }, false);
}

static void a_set_that_does_not_fit_goes_whole_with_tc(void **state)
{
    struct cut cut;
    (void)state;
    begin(&cut, 0, sizeof(cut.memory));
    add_rrset(&cut, DNS_SECTION_ANSWER, 31); /* 517 */
    assert_cut(&cut, 512, (const unsigned[]){ 0, 0, 0 }, true);
    begin(&cut, 0, sizeof(cut.memory));
    add_rrset(&cut, DNS_SECTION_ANSWER, 2);
    add_rrset(&cut, DNS_SECTION_ANSWER, 31);
    assert_cut(&cut, 512, (const unsigned[]){ 2, 0, 0 }, true);
}

static void opt_keeps_its_place_when_a_reply_is_cut(void **state)
{
    struct cut cut;
    (void)state;
    begin(&cut, 600, sizeof(cut.memory));
    add_rrset(&cut, DNS_SECTION_ANSWER, 36); /* 597 + 11 > 600 */
    assert_cut(&cut, 600, (const unsigned[]){ 0, 0, 1 }, true);
}

static void additional_data_goes_first_and_without_tc(void **state)
{
    struct cut cut;
    (void)state;
    begin(&cut, 0, sizeof(cut.memory));
    add_rrset(&cut, DNS_SECTION_ANSWER, 20);
    add_rrset(&cut, DNS_SECTION_AUTHORITY, 1);
    add_rrset(&cut, DNS_SECTION_ADDITIONAL, 20);
    assert_cut(&cut, 512, (const unsigned[]){ 20, 1, 0 }, false);
    begin(&cut, 1232, sizeof(cut.memory));
    add_rrset(&cut, DNS_SECTION_ANSWER, 20);
    add_rrset(&cut, DNS_SECTION_AUTHORITY, 1);
    add_rrset(&cut, DNS_SECTION_ADDITIONAL, 20);
    assert_cut(&cut, 1232, (const unsigned[]){ 20, 1, 21 }, false);
}

static void authority_that_is_lost_is_told_by_tc(void **state)
{
    struct cut cut;
    (void)state;
    begin(&cut, 0, sizeof(cut.memory));
    add_rrset(&cut, DNS_SECTION_ANSWER, 20);
    add_rrset(&cut, DNS_SECTION_AUTHORITY, 20);
    assert_cut(&cut, 512, (const unsigned[]){ 20, 0, 0 }, true);
}

static void more_than_the_memory_is_cut_the_same_way(void **state)
{
    struct cut cut;
    (void)state;
    begin(&cut, 1232, sizeof(cut.memory));
    add_rrset(&cut, DNS_SECTION_ANSWER, 200);
    add_rrset(&cut, DNS_SECTION_ADDITIONAL, 1);
    assert_cut(&cut, 1232, (const unsigned[]){ 0, 0, 1 }, true);
    begin(&cut, 1232, sizeof(cut.memory));
    add_rrset(&cut, DNS_SECTION_ANSWER, 10);
    add_rrset(&cut, DNS_SECTION_ADDITIONAL, 200);
    assert_cut(&cut, 1232, (const unsigned[]){ 10, 0, 1 }, false);
}

static void more_sets_than_are_remembered_are_still_cut_at_a_whole_one(void **state)
{
    struct cut cut;
    (void)state;
    begin(&cut, 0, sizeof(cut.memory));
    for (unsigned i = 0; i < 100; i++)
        add_rrset(&cut, DNS_SECTION_ANSWER, 1); /* 21 + 1600 */
    assert_cut(&cut, 512, (const unsigned[]){ 30, 0, 0 }, true);
    begin(&cut, 0, sizeof(cut.memory));
    for (unsigned i = 0; i < 100; i++)
        add_rrset(&cut, DNS_SECTION_ANSWER, 1);
    assert_cut(&cut, 1650, (const unsigned[]){ 100, 0, 0 }, false);
}

/* ---- questions of our own ---- */

static void a_question_of_ours_reads_back(void **state)
{
    uint8_t memory[300];
    struct dns_name name;
    struct dns_query parsed;
    enum dns_rcode rcode = DNS_NOERROR;
    (void)state;
    assert_true(dns_name_from_text(KE_STR("ns.example"), &name));
    struct dns_ask ask = { .id = 77,
                           .name_wire = name.wire,
                           .name_len = name.len,
                           .type = DNS_TYPE_AAAA,
                           .rr_class = DNS_CLASS_IN,
                           .has_opt = true,
                           .is_do = true,
                           .is_cd = true };
    size_t len = dns_ask_write(&ask, memory, sizeof(memory));
    assert_int_equal(dns_query_parse(memory, len, &parsed, &rcode), DNS_PARSED);
    assert_int_equal(parsed.id, 77);
    assert_true(parsed.is_rd && parsed.is_cd && parsed.has_opt && parsed.is_do);
    assert_int_equal(parsed.udp_size, LIMIT_DNS_UDP_BYTES);
    assert_int_equal(parsed.type, DNS_TYPE_AAAA);
    assert_true(dns_name_eq(&parsed.name, &name));
    assert_int_equal(dns_ask_write(&ask, memory, len - 1), 0);
}

/* ---- walking and printing ---- */

#define HEADER "\0\1\x80\0\0\1\0\1\0\0\0\0\1a\0\0\1\0\1"

static void assert_record(const char *record, size_t len, const char *wanted)
{
    struct packet packet = { .len = 0 };
    struct dns_walk walk;
    struct dns_record parsed;
    char text[2048];
    struct ke_buf out = KE_BUF_FIXED(text, sizeof(text) - 1);
    ADD(&packet, HEADER);
    add(&packet, record, len);
    assert_true(dns_walk_begin(&walk, packet.bytes, packet.len));
    assert_int_equal(dns_walk_next(&walk, &parsed), 1);
    dns_record_print(packet.bytes, packet.len, &parsed, &out);
    text[out.len] = '\0';
    assert_string_equal(text, wanted);
    /* No prefix of it is a record. */
    for (size_t n = 0; n < len; n++) {
        assert_true(dns_walk_begin(&walk, packet.bytes, packet.len - len + n));
        assert_int_equal(dns_walk_next(&walk, &parsed), -1);
    }
}
#define ASSERT_RECORD(record, wanted) assert_record(record, sizeof(record) - 1, wanted)

static void records_print_as_in_a_zone_file(void **state)
{
    (void)state;
    ASSERT_RECORD("\xc0\x0c\0\1\0\1\0\0\0\5\0\4\12\0\0\1", "a. 5 IN A 10.0.0.1");
    ASSERT_RECORD("\xc0\x0c\0\x1c\0\1\0\0\0\5\0\x10\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1",
                  "a. 5 IN AAAA fd00::1");
    ASSERT_RECORD("\1b\xc0\x0c\0\5\0\1\0\0\0\0\0\2\xc0\x0c", "b.a. 0 IN CNAME a.");
    ASSERT_RECORD("\xc0\x0c\0\x21\0\1\0\0\0\5\0\11\0\0\0\x64\0\x50\1s\0",
                  "a. 5 IN SRV 0 100 80 s.");
    ASSERT_RECORD("\xc0\x0c\0\x10\0\1\0\0\0\5\0\7\2\"\n\3abc",
                  "a. 5 IN TXT \"\\034\\010\" \"abc\"");
    ASSERT_RECORD("\xc0\x0c\0\6\0\1\0\0\0\5\0\x18\xc0\x0c\xc0\x0c\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4"
                  "\0\0\0\5",
                  "a. 5 IN SOA a. a. 1 2 3 4 5");
    ASSERT_RECORD("\xc0\x0c\1\1\0\1\0\0\0\5\0\2\xab\xcd", "a. 5 IN TYPE257 \\# 2 abcd");
}

static void records_with_data_of_the_wrong_size_print_without_reading_on(void **state)
{
    (void)state;
    ASSERT_RECORD("\xc0\x0c\0\1\0\1\0\0\0\5\0\2\12\0", "a. 5 IN A ");
    ASSERT_RECORD("\xc0\x0c\0\x1c\0\1\0\0\0\5\0\0", "a. 5 IN AAAA ");
    ASSERT_RECORD("\xc0\x0c\0\x21\0\1\0\0\0\5\0\1\0", "a. 5 IN SRV ");
    ASSERT_RECORD("\xc0\x0c\0\x10\0\1\0\0\0\5\0\1\7", "a. 5 IN TXT ");
}

static void what_is_no_reply_is_not_walked(void **state)
{
    static const uint8_t bytes[] = HEADER;
    uint8_t changed[sizeof(bytes) - 1];
    struct dns_walk walk;
    (void)state;
    for (size_t len = 0; len < sizeof(changed); len++)
        assert_false(dns_walk_begin(&walk, bytes, len));
    assert_true(dns_walk_begin(&walk, bytes, sizeof(changed)));
    memcpy(changed, bytes, sizeof(changed));
    changed[2] = 0; /* a query */
    assert_false(dns_walk_begin(&walk, changed, sizeof(changed)));
    changed[2] = 0x80;
    changed[5] = 0; /* no question */
    assert_false(dns_walk_begin(&walk, changed, sizeof(changed)));
}

static void codes_and_types_have_names(void **state)
{
    (void)state;
    assert_string_equal(dns_rcode_name(DNS_NXDOMAIN), "NXDOMAIN");
    assert_string_equal(dns_rcode_name((enum dns_rcode)9), "?");
    assert_string_equal(dns_type_name(DNS_TYPE_SRV), "SRV");
    assert_null(dns_type_name(9999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_query_is_read),
        cmocka_unit_test(what_is_no_header_is_dropped),
        cmocka_unit_test(a_reply_is_never_replied_to),
        cmocka_unit_test(other_opcodes_are_not_implemented),
        cmocka_unit_test(counts_that_no_query_has_are_format_errors),
        cmocka_unit_test(a_question_that_is_cut_short_is_a_format_error),
        cmocka_unit_test(a_pointer_in_the_question_is_a_format_error),
        cmocka_unit_test(an_additional_record_that_is_cut_short_is_a_format_error),
        cmocka_unit_test(a_second_opt_is_a_format_error),
        cmocka_unit_test(an_opt_that_has_an_owner_is_a_format_error),
        cmocka_unit_test(another_additional_record_is_passed_over),
        cmocka_unit_test(an_edns_version_of_the_future_is_told_badvers_with_opt),
        cmocka_unit_test(udp_sizes_stay_between_512_and_1232),
        cmocka_unit_test(opt_and_do_come_back_exactly_when_they_were_sent),
        cmocka_unit_test(flags_of_the_reply_follow_the_query),
        cmocka_unit_test(a_reply_that_fits_to_the_byte_is_whole),
        cmocka_unit_test(a_set_that_does_not_fit_goes_whole_with_tc),
        cmocka_unit_test(opt_keeps_its_place_when_a_reply_is_cut),
        cmocka_unit_test(additional_data_goes_first_and_without_tc),
        cmocka_unit_test(authority_that_is_lost_is_told_by_tc),
        cmocka_unit_test(more_than_the_memory_is_cut_the_same_way),
        cmocka_unit_test(more_sets_than_are_remembered_are_still_cut_at_a_whole_one),
        cmocka_unit_test(a_question_of_ours_reads_back),
        cmocka_unit_test(records_print_as_in_a_zone_file),
        cmocka_unit_test(records_with_data_of_the_wrong_size_print_without_reading_on),
        cmocka_unit_test(what_is_no_reply_is_not_walked),
        cmocka_unit_test(codes_and_types_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
