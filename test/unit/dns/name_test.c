/* SPDX-License-Identifier: Apache-2.0 */
/* Names in wire form: limits, compression, text, zones, reverse trees. */
#include <string.h>

#include "dns/name.h"
#include "test/support/base/test.h"

static struct dns_name name_of(const char *text)
{
    struct dns_name name;
    if (!dns_name_from_text(ke_str_c(text), &name))
        fail_msg("no name: %s", text);
    return name;
}

static void assert_prints(const struct dns_name *name, const char *text)
{
    char memory[DNS_NAME_MAX * 4 + 4];
    struct ke_buf out = KE_BUF_FIXED(memory, sizeof(memory) - 1);
    dns_name_print(name, &out);
    assert_int_equal(out.failed, KE_OK);
    memory[out.len] = '\0';
    assert_string_equal(memory, text);
}

/* Three labels of 63 bytes and a last one: 3 * 64 + 1 + 61 + 1 = 255. */
static size_t longest(uint8_t out[300], size_t last)
{
    size_t len = 0;
    const size_t labels[] = { 63, 63, 63, last };
    for (size_t i = 0; i < 4; i++) {
        out[len++] = (uint8_t)labels[i];
        memset(out + len, 'A', labels[i]);
        len += labels[i];
    }
    out[len++] = 0;
    return len;
}

static void a_name_of_255_bytes_is_read_and_one_of_256_is_not(void **state)
{
    uint8_t bytes[300];
    struct dns_name name;
    size_t end = 0;
    (void)state;
    size_t len = longest(bytes, 61);
    assert_int_equal(len, DNS_NAME_MAX);
    assert_true(dns_name_read(bytes, len, 0, &name, &end));
    assert_int_equal(end, 255);
    assert_int_equal(name.len, 255);
    assert_int_equal(name.n_labels, 4);
    assert_int_equal(dns_name_label(&name, 3).len, 61);
    assert_int_equal(name.wire[1], 'a');
    len = longest(bytes, 62);
    assert_false(dns_name_read(bytes, len, 0, &name, &end));
    assert_false(dns_name_read_compressed(bytes, len, 0, &name, &end));
}

static void a_name_of_127_labels_is_read(void **state)
{
    uint8_t bytes[300];
    struct dns_name name;
    size_t end = 0;
    (void)state;
    for (size_t i = 0; i < 127; i++) {
        bytes[2 * i] = 1;
        bytes[2 * i + 1] = 'x';
    }
    bytes[254] = 0;
    assert_true(dns_name_read(bytes, 255, 0, &name, &end));
    assert_int_equal(name.n_labels, DNS_LABELS_MAX);
    assert_int_equal(name.at[127], 254);
}

static void a_name_that_is_cut_short_is_refused(void **state)
{
    static const uint8_t bytes[] = "\003abc\002de";
    struct dns_name name;
    size_t end = 0;
    (void)state;
    assert_true(dns_name_read(bytes, sizeof(bytes), 0, &name, &end));
    assert_int_equal(end, 8);
    for (size_t len = 0; len < sizeof(bytes); len++) {
        assert_false(dns_name_read(bytes, len, 0, &name, &end));
        assert_false(dns_name_read_compressed(bytes, len, 0, &name, &end));
    }
    assert_false(dns_name_read(bytes, sizeof(bytes), 100, &name, &end));
}

static void pointers_and_reserved_label_types_are_refused_in_questions(void **state)
{
    static const uint8_t pointer[] = { 1, 'a', 0, 1, 'b', 0xc0, 0 };
    static const uint8_t type01[] = { 0x41, 'a', 0 };
    static const uint8_t type10[] = { 0x81, 'a', 0 };
    struct dns_name name;
    size_t end = 0;
    (void)state;
    assert_false(dns_name_read(pointer, sizeof(pointer), 3, &name, &end));
    assert_false(dns_name_read(type01, sizeof(type01), 0, &name, &end));
    assert_false(dns_name_read(type10, sizeof(type10), 0, &name, &end));
    assert_false(dns_name_read_compressed(type01, sizeof(type01), 0, &name, &end));
    assert_false(dns_name_read_compressed(type10, sizeof(type10), 0, &name, &end));
}

static void pointers_go_backward_only(void **state)
{
    static const uint8_t good[] = { 3, 'c', 'o', 'm', 0, 1, 'b', 0xc0, 0, 1, 'a', 0xc0, 5, 9 };
    static const uint8_t self[] = { 0, 0xc0, 1 };
    static const uint8_t loop[] = { 1, 'a', 0xc0, 0 };
    static const uint8_t forward[] = { 0xc0, 2, 0 };
    static const uint8_t cut[] = { 0, 0xc0 };
    struct dns_name name;
    size_t end = 0;
    (void)state;
    assert_true(dns_name_read_compressed(good, sizeof(good), 9, &name, &end));
    assert_int_equal(end, 13);
    assert_prints(&name, "a.b.com.");
    assert_false(dns_name_read_compressed(self, sizeof(self), 1, &name, &end));
    assert_false(dns_name_read_compressed(loop, sizeof(loop), 0, &name, &end));
    assert_false(dns_name_read_compressed(forward, sizeof(forward), 0, &name, &end));
    assert_false(dns_name_read_compressed(cut, sizeof(cut), 1, &name, &end));
}

/* Each pointer leads to a label and the pointer before it: the name would grow past its limit. */
static void a_chain_of_pointers_ends_at_the_limit_of_names(void **state)
{
    uint8_t bytes[4096] = { 0 };
    struct dns_name name;
    size_t end = 0;
    size_t pos = 1;
    size_t before = 0;
    (void)state;
    while (pos + 12 < sizeof(bytes)) {
        size_t at = pos;
        bytes[pos++] = 9;
        memset(bytes + pos, 'a', 9);
        pos += 9;
        bytes[pos++] = (uint8_t)(0xc0 | before >> 8);
        bytes[pos++] = (uint8_t)before;
        before = at;
    }
    assert_false(dns_name_read_compressed(bytes, sizeof(bytes), before, &name, &end));
}

static void text_is_read_with_and_without_the_final_dot(void **state)
{
    static const char *const wrong[] = { "..", ".a", "a..", "a..b", "a.b.." };
    struct dns_name name = name_of("WWW.Example.com");
    struct dns_name same = name_of("www.example.com.");
    struct dns_name root = name_of(".");
    (void)state;
    assert_true(dns_name_eq(&name, &same));
    assert_prints(&name, "www.example.com.");
    assert_prints(&root, ".");
    assert_int_equal(name_of("").n_labels, 0);
    for (size_t i = 0; i < KE_ARRAY_LEN(wrong); i++) {
        if (dns_name_from_text(ke_str_c(wrong[i]), &name))
            fail_msg("taken: %s", wrong[i]);
    }
    char label[65];
    memset(label, 'a', sizeof(label));
    assert_true(dns_name_from_text(ke_str_of(label, 63), &name));
    assert_false(dns_name_from_text(ke_str_of(label, 64), &name));
}

static void bytes_that_do_not_print_come_out_as_numbers(void **state)
{
    static const uint8_t bytes[] = { 7, 'a', '.', 0, ' ', '\\', 0x7f, 0xff, 1, '"', 0 };
    struct dns_name name;
    size_t end = 0;
    (void)state;
    assert_true(dns_name_read(bytes, sizeof(bytes), 0, &name, &end));
    assert_prints(&name, "a\\046\\000\\032\\092\\127\\255.\".");
}

static void zones_are_compared_by_whole_labels(void **state)
{
    struct dns_name zone = name_of("cluster.local");
    struct dns_name root = name_of(".");
    struct dns_name below = name_of("a.svc.CLUSTER.local");
    struct dns_name not_below = name_of("xcluster.local");
    struct dns_name above = name_of("local");
    unsigned n = 99;
    (void)state;
    assert_true(dns_name_is_in(&below, &zone, &n));
    assert_int_equal(n, 2);
    assert_true(dns_name_is_in(&zone, &zone, &n));
    assert_int_equal(n, 0);
    assert_true(dns_name_is_in(&below, &root, &n));
    assert_int_equal(n, 4);
    assert_false(dns_name_is_in(&not_below, &zone, &n));
    assert_false(dns_name_is_in(&above, &zone, &n));
}

static void reverse_names_give_their_address(void **state)
{
    static const struct {
        const char *name;
        int what;
        unsigned n_bits;
    } rows[] = {
        { "1.2.3.10.in-addr.arpa", DNS_REVERSE_WHOLE, 32 },
        { "3.10.in-addr.arpa", DNS_REVERSE_PART, 16 },
        { "in-addr.arpa", DNS_REVERSE_PART, 0 },
        { "256.3.10.in-addr.arpa", DNS_REVERSE_BAD, 16 },
        { "01.3.10.in-addr.arpa", DNS_REVERSE_BAD, 16 },
        { "x.1.2.3.10.in-addr.arpa", DNS_REVERSE_BAD, 32 },
        { "1.2.3.10.in-addr.arpa.com", DNS_REVERSE_NO, 0 },
        { "arpa", DNS_REVERSE_NO, 0 },
        { "1.0.0.D.F.ip6.arpa", DNS_REVERSE_PART, 20 },
        { "10.ip6.arpa", DNS_REVERSE_BAD, 0 },
        { "g.ip6.arpa", DNS_REVERSE_BAD, 0 },
    };
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(rows); i++) {
        struct dns_name name = name_of(rows[i].name);
        struct dns_reverse reverse;
        dns_name_reverse(&name, &reverse);
        if ((int)reverse.what != rows[i].what || reverse.n_bits != rows[i].n_bits)
            fail_msg("%s: %d, %u bits", rows[i].name, (int)reverse.what, reverse.n_bits);
    }
    struct dns_name six = name_of("2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.D.F."
                                  "ip6.arpa");
    struct dns_reverse reverse;
    dns_name_reverse(&six, &reverse);
    assert_int_equal(reverse.what, DNS_REVERSE_WHOLE);
    assert_int_equal(reverse.b[0], 0xfd);
    assert_int_equal(reverse.b[1], 0x01);
    assert_int_equal(reverse.b[15], 0x02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_of_255_bytes_is_read_and_one_of_256_is_not),
        cmocka_unit_test(a_name_of_127_labels_is_read),
        cmocka_unit_test(a_name_that_is_cut_short_is_refused),
        cmocka_unit_test(pointers_and_reserved_label_types_are_refused_in_questions),
        cmocka_unit_test(pointers_go_backward_only),
        cmocka_unit_test(a_chain_of_pointers_ends_at_the_limit_of_names),
        cmocka_unit_test(text_is_read_with_and_without_the_final_dot),
        cmocka_unit_test(bytes_that_do_not_print_come_out_as_numbers),
        cmocka_unit_test(zones_are_compared_by_whole_labels),
        cmocka_unit_test(reverse_names_give_their_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
