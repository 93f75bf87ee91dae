/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statements of the DNS specification and of its best known implementation, one row each: a
 * question and the whole reply, as rcode and records in zone-file form (authority without its
 * serial).
 */
#include "core/base/json.h"
#include "core/endpoint/derive.h"
#include "dns/told.h"
#include "test/support/base/test.h"

struct object {
    enum model_kind_id kind;
    const char *json;
};

#define META(name) "\"metadata\":{\"namespace\":\"testns\",\"name\":\"" name "\""
#define SLICE(service)                                                                             \
    META(service "-1") ",\"labels\":{\"kubernetes.io/service-name\":\"" service "\"}}"
#define READY "\"conditions\":{\"ready\":true}"

static const struct object objects[] = {
    { MODEL_NAMESPACE, "{\"metadata\":{\"name\":\"testns\"}}" },
    { MODEL_SERVICE,
      "{" META(
          "svc1") "},\"spec\":{\"type\":\"ClusterIP\",\"clusterIP\":\"10.32.1.1\","
                  "\"clusterIPs\":[\"10.32.1.1\"],\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\","
                  "\"port\":80}]}}" },
    { MODEL_ENDPOINTSLICE,
      "{" SLICE("svc1") ",\"addressType\":\"IPv4\",\"endpoints\":[{\"addresses\":"
                        "[\"172.0.1.1\"]," READY
                        ",\"hostname\":\"ep1a\"}],\"ports\":[{\"name\":\"http\","
                        "\"protocol\":\"TCP\",\"port\":8080}]}" },
    { MODEL_SERVICE,
      "{" META(
          "dual") "},\"spec\":{\"type\":\"ClusterIP\",\"clusterIP\":\"10.32.1.2\","
                  "\"clusterIPs\":[\"10.32.1.2\",\"fd00::2\"],\"ports\":[{\"name\":\"http\",\"protocol\":"
                  "\"TCP\",\"port\":80}]}}" },
    { MODEL_SERVICE,
      "{" META(
          "unnamed") "},\"spec\":{\"type\":\"ClusterIP\",\"clusterIP\":\"10.32.1.3\","
                     "\"clusterIPs\":[\"10.32.1.3\"],\"ports\":[{\"protocol\":\"UDP\",\"port\":53}]}}" },
    { MODEL_SERVICE,
      "{" META(
          "hdls") "},\"spec\":{\"type\":\"ClusterIP\",\"clusterIP\":\"None\",\"clusterIPs\":"
                  "[\"None\"],\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\",\"port\":80}]}}" },
    { MODEL_ENDPOINTSLICE,
      "{" SLICE("hdls") ",\"addressType\":\"IPv4\",\"endpoints\":["
                        "{\"addresses\":[\"172.0.0.2\"]," READY ",\"hostname\":\"db\"},"
                        "{\"addresses\":[\"172.0.0.3\"]," READY "},"
                        "{\"addresses\":[\"172.0.0.9\"],\"conditions\":{\"ready\":false}}],"
                        "\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\",\"port\":80}]}" },
    { MODEL_SERVICE,
      "{" META("hdls6") "},\"spec\":{\"type\":\"ClusterIP\",\"clusterIP\":\"None\",\"clusterIPs\":"
                        "[\"None\"]}}" },
    { MODEL_ENDPOINTSLICE,
      "{" SLICE("hdls6") ",\"addressType\":\"IPv6\",\"endpoints\":[{\"addresses\":"
                         "[\"5678:abcd::2\"]," READY "},{\"addresses\":[\"5678:abcd::\"]," READY
                         "}]}" },
    { MODEL_SERVICE,
      "{" META("empty") "},\"spec\":{\"type\":\"ClusterIP\",\"clusterIP\":\"None\",\"clusterIPs\":"
                        "[\"None\"]}}" },
    { MODEL_SERVICE,
      "{" META(
          "ext") "},\"spec\":{\"type\":\"ExternalName\",\"externalName\":\"ext.example.net\"}}" },
    { MODEL_SERVICE, "{" META("inner") "},\"spec\":{\"type\":\"ExternalName\",\"externalName\":"
                                       "\"svc1.testns.svc.cluster.local\"}}" },
    { MODEL_SERVICE, "{" META("loop") "},\"spec\":{\"type\":\"ExternalName\",\"externalName\":"
                                      "\"loop.testns.svc.cluster.local\"}}" },
};

static struct endpoint_table *make_table(bool with_objects)
{
    struct ke_err err = KE_ERR_INIT;
    struct endpoint_table *table = endpoint_table_new(KE_STR("node1"), &err);
    assert_non_null(table);
    for (size_t i = 0; with_objects && i < KE_ARRAY_LEN(objects); i++) {
        ke_auto_json *json = NULL;
        if (ke_json_parse(ke_str_c(objects[i].json), &json, &err) != KE_OK)
            fail_msg("object %zu: %s", i, err.msg);
        assert_true(endpoint_table_put_object(table, objects[i].kind, json));
    }
    if (with_objects)
        endpoint_table_publish(table, 1);
    return table;
}

static struct dns_zone make_zone(void)
{
    struct ke_cidr reverse[2];
    struct ke_err err = KE_ERR_INIT;
    struct dns_zone zone;
    assert_int_equal(ke_cidr_parse(KE_STR("10.32.0.0/16"), &reverse[0], &err), KE_OK);
    assert_int_equal(ke_cidr_parse(KE_STR("10.200.0.0/14"), &reverse[1], &err), KE_OK);
    struct dns_settings settings = {
        .domain = KE_STR("cluster.local"), .reverse = reverse, .n_reverse = 2, .ttl_s = 5
    };
    assert_int_equal(ke_ip_parse(KE_STR("10.32.0.10"), &settings.address, &err), KE_OK);
    assert_int_equal(dns_zone_init(&zone, &settings, &err), KE_OK);
    return zone;
}

/* "RCODE; record; record": answers, then "ns:" authority (owner and type only), "+:" additional.
 * Sorted by the caller's order. */
static void print_told(const struct dns_told *told, struct ke_buf *out)
{
    struct dns_walk walk;
    struct dns_record record;
    ke_buf_add_c(out, told->verdict == DNS_NOT_OURS ? "FORWARD" : dns_rcode_name(told->rcode));
    if (told->verdict == DNS_NOT_OURS)
        return;
    if (told->verdict == DNS_EXTERNAL_NAME)
        ke_buf_add_c(out, " (external)");
    assert_true(dns_walk_begin(&walk, told->bytes, told->len));
    while (dns_walk_next(&walk, &record) == 1) {
        ke_buf_add_c(out, record.section == 0 ? "; " : record.section == 1 ? "; ns: " : "; +: ");
        if (record.type == DNS_TYPE_SOA) {
            dns_name_print(&record.owner, out);
            ke_buf_add_c(out, " SOA");
        } else {
            dns_record_print(told->bytes, told->len, &record, out);
        }
    }
}

struct row {
    const char *name;
    enum dns_type type;
    const char *expected;
};

#define Z     "cluster.local"
#define SVC1  "svc1.testns.svc." Z
#define NO    "; ns: " Z ". SOA"
#define NX    "NXDOMAIN" NO
#define EMPTY "NOERROR" NO

static const struct row rows[] = {
    /* D1 */
    { "dns-version." Z, DNS_TYPE_TXT, "NOERROR; dns-version." Z ". 28800 IN TXT \"1.1.0\"" },
    { "dns-version." Z, DNS_TYPE_A, EMPTY },
    /* D2 */
    { SVC1, DNS_TYPE_A, "NOERROR; " SVC1 ". 5 IN A 10.32.1.1" },
    { SVC1, DNS_TYPE_AAAA, EMPTY },
    { "dual.testns.svc." Z, DNS_TYPE_AAAA, "NOERROR; dual.testns.svc." Z ". 5 IN AAAA fd00::2" },
    /* D3: dual and unnamed have no endpoints at all */
    { "dual.testns.svc." Z, DNS_TYPE_A, "NOERROR; dual.testns.svc." Z ". 5 IN A 10.32.1.2" },
    /* D4 */
    { "_http._tcp." SVC1, DNS_TYPE_SRV,
      "NOERROR; _http._tcp." SVC1 ". 5 IN SRV 0 100 80 " SVC1 ".; +: " SVC1 ". 5 IN A 10.32.1.1" },
    { "_http._udp." SVC1, DNS_TYPE_SRV, NX },
    { "_nope._tcp." SVC1, DNS_TYPE_SRV, NX },
    { "_http._tcp.dual.testns.svc." Z, DNS_TYPE_SRV,
      "NOERROR; _http._tcp.dual.testns.svc." Z ". 5 IN SRV 0 50 80 dual.testns.svc." Z
      ".; +: dual.testns.svc." Z ". 5 IN A 10.32.1.2; +: dual.testns.svc." Z
      ". 5 IN AAAA fd00::2" },
    /* D5: also unnamed ports */
    { "unnamed.testns.svc." Z, DNS_TYPE_SRV,
      "NOERROR; unnamed.testns.svc." Z ". 5 IN SRV 0 100 53 unnamed.testns.svc." Z
      ".; +: unnamed.testns.svc." Z ". 5 IN A 10.32.1.3" },
    /* D6 */
    { "http.tcp." SVC1, DNS_TYPE_SRV,
      "NOERROR; http.tcp." SVC1 ". 5 IN SRV 0 100 80 " SVC1 ".; +: " SVC1 ". 5 IN A 10.32.1.1" },
    /* D7, D8 */
    { "hdls.testns.svc." Z, DNS_TYPE_AAAA, EMPTY },
    { "hdls6.testns.svc." Z, DNS_TYPE_A, EMPTY },
    { "empty.testns.svc." Z, DNS_TYPE_A, NX },
    /* D9, D10, D11 */
    { "db.hdls.testns.svc." Z, DNS_TYPE_A, "NOERROR; db.hdls.testns.svc." Z ". 5 IN A 172.0.0.2" },
    { "db.hdls.testns.svc." Z, DNS_TYPE_AAAA, EMPTY },
    { "172-0-0-3.hdls.testns.svc." Z, DNS_TYPE_A,
      "NOERROR; 172-0-0-3.hdls.testns.svc." Z ". 5 IN A 172.0.0.3" },
    { "172-0-0-2.hdls.testns.svc." Z, DNS_TYPE_A, NX },
    { "172-0-0-9.hdls.testns.svc." Z, DNS_TYPE_A, NX },
    { "nobody.hdls.testns.svc." Z, DNS_TYPE_A, NX },
    { "5678-abcd--2.hdls6.testns.svc." Z, DNS_TYPE_AAAA,
      "NOERROR; 5678-abcd--2.hdls6.testns.svc." Z ". 5 IN AAAA 5678:abcd::2" },
    { "5678-abcd--0.hdls6.testns.svc." Z, DNS_TYPE_AAAA,
      "NOERROR; 5678-abcd--0.hdls6.testns.svc." Z ". 5 IN AAAA 5678:abcd::" },
    { "ep1a." SVC1, DNS_TYPE_A, "NOERROR; ep1a." SVC1 ". 5 IN A 172.0.1.1" },
    /* D14, D15 */
    { "1.1.32.10.in-addr.arpa", DNS_TYPE_PTR,
      "NOERROR; 1.1.32.10.in-addr.arpa. 5 IN PTR " SVC1 "." },
    { "1.1.0.172.in-addr.arpa", DNS_TYPE_PTR,
      "NOERROR; 1.1.0.172.in-addr.arpa. 5 IN PTR ep1a." SVC1 "." },
    { "3.0.0.172.in-addr.arpa", DNS_TYPE_PTR,
      "NOERROR; 3.0.0.172.in-addr.arpa. 5 IN PTR 172-0-0-3.hdls.testns.svc." Z "." },
    { "9.9.32.10.in-addr.arpa", DNS_TYPE_PTR, "NXDOMAIN; ns: 32.10.in-addr.arpa. SOA" },
    { "1.2.203.10.in-addr.arpa", DNS_TYPE_PTR, "NXDOMAIN; ns: 203.10.in-addr.arpa. SOA" },
    { "x.9.32.10.in-addr.arpa", DNS_TYPE_PTR, "NXDOMAIN; ns: 32.10.in-addr.arpa. SOA" },
    { "9.32.10.in-addr.arpa", DNS_TYPE_PTR, "NOERROR; ns: 32.10.in-addr.arpa. SOA" },
    { "1.1.32.10.in-addr.arpa", DNS_TYPE_A, "NOERROR; ns: 32.10.in-addr.arpa. SOA" },
    { "1.0.0.127.in-addr.arpa", DNS_TYPE_PTR, "NXDOMAIN" },
    { "1.1.168.192.in-addr.arpa", DNS_TYPE_PTR, "FORWARD" },
    { "10.in-addr.arpa", DNS_TYPE_SOA, "FORWARD" },
    /* D16, D17 */
    { "ext.testns.svc." Z, DNS_TYPE_A,
      "NOERROR (external); ext.testns.svc." Z ". 5 IN CNAME ext.example.net." },
    { "ext.testns.svc." Z, DNS_TYPE_CNAME,
      "NOERROR; ext.testns.svc." Z ". 5 IN CNAME ext.example.net." },
    { "ext.testns.svc." Z, DNS_TYPE_SRV, EMPTY },
    { "sub.ext.testns.svc." Z, DNS_TYPE_A, NX },
    { "inner.testns.svc." Z, DNS_TYPE_A,
      "NOERROR; inner.testns.svc." Z ". 5 IN CNAME " SVC1 ".; " SVC1 ". 5 IN A 10.32.1.1" },
    /* D18 */
    { "10-1-2-3.testns.pod." Z, DNS_TYPE_A, "NOERROR; 10-1-2-3.testns.pod." Z ". 5 IN A 10.1.2.3" },
    { "fd00--7.testns.pod." Z, DNS_TYPE_AAAA,
      "NOERROR; fd00--7.testns.pod." Z ". 5 IN AAAA fd00::7" },
    { "10-1-2-3.testns.pod." Z, DNS_TYPE_AAAA, EMPTY },
    { "10-1-2-3.nope.pod." Z, DNS_TYPE_A, NX },
    { "hello.testns.pod." Z, DNS_TYPE_A, NX },
    { "10-1-2-300.testns.pod." Z, DNS_TYPE_A, NX },
    /* D19, D20 */
    { "svc." Z, DNS_TYPE_A, EMPTY },
    { "pod." Z, DNS_TYPE_A, EMPTY },
    { "testns.svc." Z, DNS_TYPE_A, EMPTY },
    { "testns.pod." Z, DNS_TYPE_A, EMPTY },
    { "nope.svc." Z, DNS_TYPE_A, NX },
    { "nope.testns.svc." Z, DNS_TYPE_A, NX },
    { "other." Z, DNS_TYPE_A, NX },
    { "a.b.c." SVC1, DNS_TYPE_A, NX },
    /* D22 */
    { Z, DNS_TYPE_SOA, "NOERROR; " Z ". SOA" },
    { Z, DNS_TYPE_NS, "NOERROR; " Z ". 5 IN NS ns.dns." Z ".; +: ns.dns." Z ". 5 IN A 10.32.0.10" },
    { Z, DNS_TYPE_A, EMPTY },
    { "ns.dns." Z, DNS_TYPE_A, "NOERROR; ns.dns." Z ". 5 IN A 10.32.0.10" },
    { "ns.dns." Z, DNS_TYPE_AAAA, EMPTY },
    { "dns." Z, DNS_TYPE_A, EMPTY },
    { SVC1, DNS_TYPE_NS, EMPTY },
    /* D23 */
    { SVC1, DNS_TYPE_TXT, EMPTY },
    { "nope.testns.svc." Z, DNS_TYPE_TXT, NX },
    /* D28, D30, RFC 8482, special names, others' names */
    { Z, DNS_TYPE_AXFR, "REFUSED" },
    { Z, DNS_TYPE_IXFR, "REFUSED" },
    { "*.testns.svc." Z, DNS_TYPE_A, NX },
    { SVC1, DNS_TYPE_ANY, "NOERROR; " SVC1 ". 5 IN HINFO \"RFC8482\" \"\"" },
    { "localhost", DNS_TYPE_A, "NOERROR; localhost. 5 IN A 127.0.0.1" },
    { "a.localhost", DNS_TYPE_AAAA, "NOERROR; a.localhost. 5 IN AAAA ::1" },
    { "x.invalid", DNS_TYPE_A, "NXDOMAIN" },
    { "www.example.net", DNS_TYPE_A, "FORWARD" },
    { "local", DNS_TYPE_A, "FORWARD" },
    { "xcluster.local", DNS_TYPE_A, "FORWARD" },
};

static void every_statement_has_its_answer(void **state)
{
    (void)state;
    struct endpoint_table *table = make_table(true);
    struct dns_zone zone = make_zone();
    for (size_t i = 0; i < KE_ARRAY_LEN(rows); i++) {
        struct dns_told told;
        ke_auto_buf text = KE_BUF_INIT(8192);
        assert_true(dns_ask_table(&zone, table, ke_str_c(rows[i].name), rows[i].type, &told));
        print_told(&told, &text);
        ke_buf_add_char(&text, '\0');
        if (strcmp(text.ptr, rows[i].expected) != 0)
            fail_msg("%s %u\n  expected %s\n  got      %s", rows[i].name, rows[i].type,
                     rows[i].expected, text.ptr);
    }
    endpoint_table_free(table);
}

static unsigned count_records(const struct dns_told *told, unsigned section)
{
    struct dns_walk walk;
    struct dns_record record;
    unsigned n = 0;
    assert_true(dns_walk_begin(&walk, told->bytes, told->len));
    while (dns_walk_next(&walk, &record) == 1)
        n += record.section == section ? 1 : 0;
    return n;
}

static void a_headless_service_gives_its_ready_endpoints(void **state)
{
    (void)state;
    struct endpoint_table *table = make_table(true);
    struct dns_zone zone = make_zone();
    struct dns_told told;
    assert_true(
        dns_ask_table(&zone, table, KE_STR("hdls.testns.svc.cluster.local"), DNS_TYPE_A, &told));
    assert_int_equal(count_records(&told, DNS_SECTION_ANSWER), 2);
    assert_true(
        dns_ask_table(&zone, table, KE_STR("hdls.testns.svc.cluster.local"), DNS_TYPE_SRV, &told));
    assert_int_equal(count_records(&told, DNS_SECTION_ANSWER), 2);
    assert_int_equal(count_records(&told, DNS_SECTION_ADDITIONAL), 2);
    endpoint_table_free(table);
}

static void a_chain_of_external_names_ends(void **state)
{
    (void)state;
    struct endpoint_table *table = make_table(true);
    struct dns_zone zone = make_zone();
    struct dns_told told;
    assert_true(
        dns_ask_table(&zone, table, KE_STR("loop.testns.svc.cluster.local"), DNS_TYPE_A, &told));
    assert_int_equal(told.verdict, DNS_ANSWERED);
    assert_int_equal(told.rcode, DNS_SERVFAIL);
    endpoint_table_free(table);
}

static void nothing_is_denied_before_the_first_sync(void **state)
{
    (void)state;
    struct endpoint_table *table = make_table(false);
    struct dns_zone zone = make_zone();
    struct dns_told told;
    assert_true(
        dns_ask_table(&zone, table, KE_STR("svc1.testns.svc.cluster.local"), DNS_TYPE_A, &told));
    assert_int_equal(told.rcode, DNS_SERVFAIL);
    assert_true(dns_ask_table(&zone, table, KE_STR("1.1.32.10.in-addr.arpa"), DNS_TYPE_PTR, &told));
    assert_int_equal(told.rcode, DNS_SERVFAIL);
    endpoint_table_free(table);
}

/* The question goes back byte for byte, and names made from it have its case (D24). */
static void the_case_of_the_question_comes_back(void **state)
{
    (void)state;
    static const uint8_t question[] =
        "\005_hTTp\004_TcP\004SVC1\006TestNs\003sVc\007Cluster\005LOCAL";
    uint8_t packet[512];
    uint8_t memory[2048];
    struct endpoint_table *table = make_table(true);
    struct dns_zone zone = make_zone();
    struct dns_ask ask = { .id = 7,
                           .name_wire = question,
                           .name_len = sizeof(question),
                           .type = DNS_TYPE_SRV,
                           .rr_class = DNS_CLASS_IN };
    struct dns_query query;
    struct dns_reply reply;
    struct dns_name target;
    enum dns_rcode rcode = DNS_NOERROR;
    size_t len = dns_ask_write(&ask, packet, sizeof(packet));
    assert_int_equal(dns_query_parse(packet, len, &query, &rcode), DNS_PARSED);
    dns_reply_begin(&reply, &query, memory, sizeof(memory));
    ke_snap_read_begin();
    assert_int_equal(dns_answer(&zone, table, &query, &reply, &target), DNS_ANSWERED);
    ke_snap_read_end();
    len = dns_reply_finish(&reply, &query, sizeof(memory), false);
    assert_memory_equal(memory + DNS_HEADER_BYTES, packet + DNS_HEADER_BYTES, sizeof(question) + 4);
    assert_non_null(
        memmem(memory + DNS_HEADER_BYTES + sizeof(question) + 4, len, "\007Cluster\005LOCAL", 15));
    endpoint_table_free(table);
}

static int set_up(void **state)
{
    (void)state;
    ke_snap_thread_register();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    ke_snap_thread_unregister();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_has_its_answer),
        cmocka_unit_test(a_headless_service_gives_its_ready_endpoints),
        cmocka_unit_test(a_chain_of_external_names_ends),
        cmocka_unit_test(nothing_is_denied_before_the_first_sync),
        cmocka_unit_test(the_case_of_the_question_comes_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
