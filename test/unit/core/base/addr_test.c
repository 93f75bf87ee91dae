/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/addr.h"
#include "test/support/base/test.h"

static struct ke_ip ip(const char *text)
{
    struct ke_ip out = { .family = KE_FAMILY_NONE };
    struct ke_err err = KE_ERR_INIT;
    if (ke_ip_parse(ke_str_c(text), &out, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return out;
}

static struct ke_cidr cidr(const char *text)
{
    struct ke_cidr out = { .prefix = 0 };
    struct ke_err err = KE_ERR_INIT;
    if (ke_cidr_parse(ke_str_c(text), &out, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return out;
}

static void text_is_that_of_rfc_5952(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        const char *want;
    } cases[] = {
        { "10.32.0.1", "10.32.0.1" },
        { "0.0.0.0", "0.0.0.0" },
        { "255.255.255.255", "255.255.255.255" },
        { "::", "::" },
        { "::1", "::1" },
        { "1::", "1::" },
        { "2001:DB8:0:0:0:0:0:1", "2001:db8::1" },
        { "2001:0db8::0001", "2001:db8::1" },
        { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, /* one group is not shortened */
        { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },          /* the longest run */
        { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },    /* the first of equals */
        { "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
        { "0:0:3:4:5:6:7:8", "::3:4:5:6:7:8" },
        { "0:2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
        { "fe80::a00:27ff:fe4e:66a1", "fe80::a00:27ff:fe4e:66a1" },
        { "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
        { "::ffff:192.0.2.1", "192.0.2.1" }, /* mapped is IPv4 */
        { "::FFFF:c000:201", "192.0.2.1" },
        { "abcd:ef01:2345:6789:abcd:ef01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        struct ke_ip value = ip(cases[i].in);
        char text[KE_IP_TEXT_MAX];
        assert_string_equal(ke_ip_text(&value, text), cases[i].want);
        struct ke_ip again = ip(text);
        assert_true(ke_ip_eq(&value, &again));
    }
}

static void what_is_not_an_address_is_refused(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.",
        ".1.2.3",
        "1..2.3",
        "256.1.1.1",
        "01.2.3.4",
        "1.2.3.04",
        "0x1.2.3.4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.-4",
        ":",
        ":::",
        "1::2::3",
        "12345::",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "fe80::1%eth0",
        "[::1]",
        "::1.2.3",
        "g::",
        "10.0.0.1/8",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(BAD); i++) {
        struct ke_ip out = { .family = KE_FAMILY_NONE };
        struct ke_err err = KE_ERR_INIT;
        assert_int_equal(ke_ip_parse(ke_str_c(BAD[i]), &out, &err), KE_MALFORMED);
        assert_int_equal(out.family, KE_FAMILY_NONE);
    }
    struct ke_ip out;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_ip_parse((struct ke_str){ NULL, 0 }, &out, &err), KE_MALFORMED);
    assert_int_equal(ke_ip_parse(KE_STR("::1\0"), &out, &err), KE_MALFORMED);
    assert_int_equal(ke_ip_parse(KE_STR("10.0.0.1\0"), &out, &err), KE_MALFORMED);
}

static void addresses_sort_by_family_then_bytes(void **state)
{
    (void)state;
    static const char *const SORTED[] = { "1.2.3.4", "1.2.3.5", "10.0.0.0", "::", "::1", "fd00::" };
    for (size_t i = 0; i < KE_ARRAY_LEN(SORTED); i++) {
        for (size_t j = 0; j < KE_ARRAY_LEN(SORTED); j++) {
            struct ke_ip a = ip(SORTED[i]);
            struct ke_ip b = ip(SORTED[j]);
            int order = ke_ip_cmp(&a, &b);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}

static void special_addresses_are_known(void **state)
{
    (void)state;
    struct ke_ip value = ip("127.3.2.1");
    assert_true(ke_ip_is_loopback(&value));
    value = ip("::1");
    assert_true(ke_ip_is_loopback(&value));
    value = ip("128.0.0.1");
    assert_false(ke_ip_is_loopback(&value));
    value = ip("0.0.0.0");
    assert_true(ke_ip_is_unspecified(&value));
    value = ip("::");
    assert_true(ke_ip_is_unspecified(&value));
    value = ip("169.254.0.1");
    assert_true(ke_ip_is_link_local(&value));
    value = ip("febf::1");
    assert_true(ke_ip_is_link_local(&value));
    value = ip("fec0::1");
    assert_false(ke_ip_is_link_local(&value));
    value = ip("239.0.0.1");
    assert_true(ke_ip_is_multicast(&value));
    value = ip("240.0.0.1");
    assert_false(ke_ip_is_multicast(&value));
    value = ip("ff02::1");
    assert_true(ke_ip_is_multicast(&value));
}

static void ranges_contain_overlap_and_count(void **state)
{
    (void)state;
    struct ke_cidr services = cidr("10.32.0.0/16");
    struct ke_ip inside = ip("10.32.255.255");
    struct ke_ip outside = ip("10.33.0.0");
    struct ke_ip other = ip("::");
    assert_true(ke_cidr_contains(&services, &inside));
    assert_false(ke_cidr_contains(&services, &outside));
    assert_false(ke_cidr_contains(&services, &other));
    assert_true(ke_cidr_size(&services) == 65536);

    struct ke_cidr odd = cidr("10.32.128.0/17");
    assert_true(ke_cidr_overlaps(&services, &odd));
    assert_true(ke_cidr_overlaps(&odd, &services));
    struct ke_cidr apart = cidr("10.33.0.0/16");
    assert_false(ke_cidr_overlaps(&services, &apart));
    struct ke_cidr all = cidr("0.0.0.0/0");
    assert_true(ke_cidr_overlaps(&all, &apart));
    assert_true(ke_cidr_size(&all) == (uint64_t)1 << 32);
    struct ke_cidr wide = cidr("fd00::/64");
    assert_true(ke_cidr_size(&wide) == (uint64_t)1 << 32);
    struct ke_cidr one = cidr("10.0.0.1/32");
    assert_true(ke_cidr_size(&one) == 1);
    struct ke_cidr bits = cidr("10.0.0.72/29");
    struct ke_ip last = ip("10.0.0.79");
    struct ke_ip past = ip("10.0.0.80");
    assert_true(ke_cidr_contains(&bits, &last));
    assert_false(ke_cidr_contains(&bits, &past));
}

static void nth_and_index_undo_each_other(void **state)
{
    (void)state;
    static const struct {
        const char *range;
        uint64_t n;
        const char *want; /* NULL: outside */
    } cases[] = {
        { "10.32.0.0/16", 0, "10.32.0.0" },
        { "10.32.0.0/16", 1, "10.32.0.1" },
        { "10.32.7.9/16", 256, "10.32.1.0" },
        { "10.32.0.0/16", 65535, "10.32.255.255" },
        { "10.32.0.0/16", 65536, NULL },
        { "10.0.0.8/30", 3, "10.0.0.11" },
        { "10.0.0.8/30", 4, NULL },
        { "10.0.0.1/32", 0, "10.0.0.1" },
        { "10.0.0.1/32", 1, NULL },
        { "fd00::/108", 0xfffff, "fd00::f:ffff" },
        { "fd00::/108", 0x100000, NULL },
        { "fd00::/16", 0xffffffff, "fd00::ffff:ffff" },
        { "0.0.0.0/0", 0xffffffff, "255.255.255.255" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        struct ke_cidr range = cidr(cases[i].range);
        struct ke_ip out = { .family = KE_FAMILY_NONE };
        assert_int_equal(ke_cidr_nth(&range, cases[i].n, &out), cases[i].want != NULL);
        if (cases[i].want == NULL)
            continue;
        char text[KE_IP_TEXT_MAX];
        assert_string_equal(ke_ip_text(&out, text), cases[i].want);
        uint64_t index = 0;
        assert_true(ke_cidr_index(&range, &out, &index));
        assert_true(index == cases[i].n);
    }
    struct ke_cidr wide = cidr("fd00::/16");
    struct ke_ip far = ip("fd00:1::");
    uint64_t index = 0;
    assert_false(ke_cidr_index(&wide, &far, &index));
    far = ip("fe00::");
    assert_false(ke_cidr_index(&wide, &far, &index));
}

static void ranges_are_parsed_strictly(void **state)
{
    (void)state;
    static const char *const BAD[] = { "10.0.0.0",    "10.0.0.0/",          "10.0.0.0/33",
                                       "10.0.0.0/-1", "10.0.0.0/08",        "10.0.0.0/8/8",
                                       "/8",          "fd00::/129",         "10.0.0/8",
                                       "10.0.0.0/ 8", "::ffff:10.0.0.0/95", "" };
    for (size_t i = 0; i < KE_ARRAY_LEN(BAD); i++) {
        struct ke_cidr out = { .prefix = 77 };
        struct ke_err err = KE_ERR_INIT;
        assert_int_equal(ke_cidr_parse(ke_str_c(BAD[i]), &out, &err), KE_MALFORMED);
        assert_int_equal(out.prefix, 77);
    }
    struct ke_cidr kept = cidr("10.1.2.3/8");
    ke_auto_buf text = KE_BUF_INIT(100);
    ke_cidr_format(&kept, &text);
    assert_true(ke_str_eq_c(ke_buf_str(&text), "10.1.2.3/8"));
    struct ke_cidr mapped = cidr("::ffff:10.0.0.0/104");
    assert_int_equal(mapped.prefix, 8);
    assert_int_equal(mapped.ip.family, KE_FAMILY_IPV4);
}

static void endpoints_round_trip_through_text_and_sockets(void **state)
{
    (void)state;
    static const char *const GOOD[] = { "10.0.0.1:80", "[fd00::1]:65535", "0.0.0.0:0", "[::]:53" };
    for (size_t i = 0; i < KE_ARRAY_LEN(GOOD); i++) {
        struct ke_endpoint ep = { .port = 0 };
        struct ke_err err = KE_ERR_INIT;
        assert_int_equal(ke_endpoint_parse(ke_str_c(GOOD[i]), &ep, &err), KE_OK);
        ke_auto_buf text = KE_BUF_INIT(100);
        ke_endpoint_format(&ep, &text);
        assert_true(ke_str_eq_c(ke_buf_str(&text), GOOD[i]));
        struct sockaddr_storage sa;
        struct ke_endpoint back = { .port = 1 };
        assert_true(ke_endpoint_to_sockaddr(&ep, &sa) > 0);
        assert_true(ke_endpoint_from_sockaddr(&sa, &back));
        assert_true(ke_ip_eq(&ep.ip, &back.ip));
        assert_int_equal(ep.port, back.port);
    }
    static const char *const BAD[] = {
        "10.0.0.1",  "10.0.0.1:",   "10.0.0.1:65536", "10.0.0.1:+1", ":80",    "fd00::1:80",
        "[fd00::1]", "[fd00::1]80", "[10.0.0.1]:80",  "[]:80",       "[::1]:", "10.0.0.1:80 ",
        "",          "[",           "10.0.0.1:000080"
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(BAD); i++) {
        struct ke_endpoint ep = { .port = 77 };
        struct ke_err err = KE_ERR_INIT;
        assert_int_equal(ke_endpoint_parse(ke_str_c(BAD[i]), &ep, &err), KE_MALFORMED);
        assert_int_equal(ep.port, 77);
    }
    struct sockaddr_storage unix_sa = { .ss_family = AF_UNIX };
    struct ke_endpoint ep;
    assert_false(ke_endpoint_from_sockaddr(&unix_sa, &ep));
}

static void protocols_have_upper_case_names(void **state)
{
    (void)state;
    enum ke_proto proto = KE_PROTO_TCP;
    assert_true(ke_proto_parse(KE_STR("UDP"), &proto));
    assert_int_equal(proto, KE_PROTO_UDP);
    assert_string_equal(ke_proto_name(KE_PROTO_SCTP), "SCTP");
    assert_false(ke_proto_parse(KE_STR("tcp"), &proto));
    assert_false(ke_proto_parse(KE_STR(""), &proto));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_that_of_rfc_5952),
        cmocka_unit_test(what_is_not_an_address_is_refused),
        cmocka_unit_test(addresses_sort_by_family_then_bytes),
        cmocka_unit_test(special_addresses_are_known),
        cmocka_unit_test(ranges_contain_overlap_and_count),
        cmocka_unit_test(nth_and_index_undo_each_other),
        cmocka_unit_test(ranges_are_parsed_strictly),
        cmocka_unit_test(endpoints_round_trip_through_text_and_sockets),
        cmocka_unit_test(protocols_have_upper_case_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
