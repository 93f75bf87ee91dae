/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes from the network to cluster DNS. The input is a query: parsed, answered from a small
 * table, and the reply, which must be whole and within its limit, walked and printed. The same
 * input is a reply of an upstream: matched, handed on, walked and printed. Its text is a
 * resolv.conf.
 */
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/mem.h"
#include "core/base/snap.h"
#include "core/endpoint/derive.h"
#include "dns/answer.h"
#include "dns/relay.h"
#include "dns/resolv.h"

/* NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct object {
    enum model_kind_id kind;
    const char *json;
};

#define META(name)  "{\"metadata\":{\"namespace\":\"ns\",\"name\":\"" name "\""
#define SLICE(name) META(name "-1") ",\"labels\":{\"kubernetes.io/service-name\":\"" name "\"}}"

static const struct object objects[] = {
    { MODEL_NAMESPACE, "{\"metadata\":{\"name\":\"ns\"}}" },
    { MODEL_SERVICE,
      META(
          "a") "},\"spec\":{\"clusterIP\":\"10.32.0.1\",\"clusterIPs\":[\"10.32.0.1\",\"fd00::1\"],"
               "\"ports\":[{\"name\":\"h\",\"port\":80},{\"name\":\"d\",\"port\":53,\"protocol\":"
               "\"UDP\"}]}}" },
    { MODEL_SERVICE, META("b") "},\"spec\":{\"clusterIP\":\"None\",\"clusterIPs\":[\"None\"],"
                               "\"ports\":[{\"name\":\"h\",\"port\":80}]}}" },
    { MODEL_ENDPOINTSLICE,
      SLICE(
          "b") ",\"addressType\":\"IPv4\",\"ports\":[{\"name\":\"h\",\"port\":80}],\"endpoints\":["
               "{\"addresses\":[\"10.200.0.1\"],\"hostname\":\"x\"},{\"addresses\":["
               "\"10.200.0.2\"],\"hostname\":\"x\"},{\"addresses\":[\"10.200.0.3\"]}]}" },
    { MODEL_SERVICE,
      META("e") "},\"spec\":{\"type\":\"ExternalName\",\"externalName\":\"e.example\"}}" },
    { MODEL_SERVICE,
      META(
          "i") "},\"spec\":{\"type\":\"ExternalName\",\"externalName\":\"a.ns.svc.cluster.local\"}}" },
    { MODEL_SERVICE,
      META(
          "l") "},\"spec\":{\"type\":\"ExternalName\",\"externalName\":\"l.ns.svc.cluster.local\"}}" },
};

static struct endpoint_table *table;
static struct dns_zone zone;

static void check(bool is_true)
{
    if (!is_true)
        abort();
}

static void make_table(void)
{
    struct ke_err err = KE_ERR_INIT;
    struct ke_cidr reverse[2];
    ke_snap_thread_register();
    table = endpoint_table_new(KE_STR("n1"), &err);
    check(table != NULL);
    for (size_t i = 0; i < KE_ARRAY_LEN(objects); i++) {
        ke_auto_json *json = NULL;
        check(ke_json_parse(ke_str_c(objects[i].json), &json, &err) == KE_OK &&
              endpoint_table_put_object(table, objects[i].kind, json));
    }
    endpoint_table_publish(table, 1);
    check(ke_cidr_parse(KE_STR("10.32.0.0/16"), &reverse[0], &err) == KE_OK &&
          ke_cidr_parse(KE_STR("fd00::/44"), &reverse[1], &err) == KE_OK);
    struct dns_settings settings = { .domain = KE_STR("cluster.local"),
                                     .address = reverse[0].ip,
                                     .reverse = reverse,
                                     .n_reverse = 2,
                                     .ttl_s = 5 };
    check(dns_zone_init(&zone, &settings, &err) == KE_OK);
}

/* Prints every record. True: the message was whole to its end. */
static bool walk(const uint8_t *bytes, size_t len)
{
    struct dns_walk records;
    struct dns_record record;
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    int more = 0;
    if (!dns_walk_begin(&records, bytes, len))
        return false;
    while ((more = dns_walk_next(&records, &record)) == 1) {
        check(record.data_at + record.data_len <= len && record.section < 3);
        ke_buf_clear(&text);
        dns_record_print(bytes, len, &record, &text);
    }
    return more == 0 && records.pos == len;
}

static void check_reply(const struct dns_query *query, uint8_t *bytes, size_t len, size_t limit)
{
    check(len >= DNS_HEADER_BYTES && len <= limit && (bytes[2] & 0x80) != 0);
    check(memcmp(bytes, query->bytes, 2) == 0);
    if (query->has_question)
        check(walk(bytes, len));
}

static void answer(const uint8_t *data, size_t size)
{
    struct dns_query query;
    struct dns_reply reply;
    struct dns_name target;
    enum dns_rcode rcode = DNS_NOERROR;
    enum dns_parsed parsed = dns_query_parse(data, size, &query, &rcode);
    if (parsed == DNS_PARSE_DROP)
        return;
    /* As large as said, so that a byte too many is seen. */
    size_t limit = parsed == DNS_PARSED ? dns_query_udp_limit(&query) : 512;
    size_t cap = size % 2 == 0 ? limit : 2048;
    ke_auto_ptr uint8_t *memory = ke_alloc(cap);
    check(memory != NULL);
    if (parsed == DNS_PARSE_REFUSE) {
        check_reply(&query, memory, dns_reply_error(&query, rcode, true, memory, cap), 512);
        return;
    }
    dns_reply_begin(&reply, &query, memory, cap);
    ke_snap_read_begin();
    enum dns_verdict verdict = dns_answer(&zone, table, &query, &reply, &target);
    ke_snap_read_end();
    if (verdict == DNS_EXTERNAL_NAME)
        check(target.n_labels > 0 && target.len <= DNS_NAME_MAX);
    check_reply(&query, memory, dns_reply_finish(&reply, &query, limit, true), limit);
}

/* The input as what an upstream said to a question of ours: the input's own, so that it fits. */
static void relay(const uint8_t *data, size_t size)
{
    static uint8_t whole[LIMIT_DNS_TCP_BYTES];
    static const uint8_t address[] = { 0, 1, 0, 1 };
    uint8_t packet[DNS_HEADER_BYTES + DNS_NAME_MAX + 4] = { [5] = 1 };
    struct dns_query query;
    struct dns_reply ours;
    enum dns_rcode rcode = DNS_NOERROR;
    size_t end = 0;
    if (size < DNS_HEADER_BYTES || !dns_name_read(data, size, DNS_HEADER_BYTES, &query.name, &end))
        return;
    memcpy(packet, data, 2);
    memcpy(packet + DNS_HEADER_BYTES, data + DNS_HEADER_BYTES, end - DNS_HEADER_BYTES);
    memcpy(packet + end, size >= end + 4 ? data + end : address, 4);
    check(dns_query_parse(packet, end + 4, &query, &rcode) == DNS_PARSED);
    if (dns_reply_matches(data, size, packet, end + 4)) {
        size_t limit = dns_query_udp_limit(&query);
        size_t len = dns_relay_whole(&query, data, size, limit, whole);
        check(len >= end + 4 && len <= limit && (whole[2] & 0x80) != 0);
    }
    dns_reply_begin(&ours, &query, whole, sizeof(whole));
    dns_relay_external(&ours, &query, data, size);
    check_reply(&query, whole, dns_reply_finish(&ours, &query, sizeof(whole), true), sizeof(whole));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_upstreams upstreams;
    if (table == NULL)
        make_table();
    if (size > LIMIT_DNS_TCP_BYTES)
        return 0;
    if (size <= LIMIT_DNS_QUERY_BYTES)
        answer(data, size);
    relay(data, size);
    (void)walk(data, size);
    dns_resolv_parse(ke_str_of((const char *)data, size), &upstreams);
    check(upstreams.n <= DNS_MAX_UPSTREAMS);
    return 0;
}
