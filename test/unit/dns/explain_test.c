/* SPDX-License-Identifier: Apache-2.0 */
/* What a trace says of names: the phase NAME, and what it hands to the phases behind. */
#include <string.h>

#include "core/base/json.h"
#include "core/explain/explain.h"
#include "dns/explain.h"
#include "test/support/base/test.h"
#include "test/support/endpoint_objects.h"

struct bench {
    struct endpoint_table *table;
    struct dns_zone zone;
    struct dns_explainer explainer;
    struct explain *explain;
    struct explain_request seen; /* what the next phase was given */
    bool was_seen;
    char service[64];
};

static void next_phase(void *ctx, struct explain_walk *walk, struct explain_request *request)
{
    struct bench *bench = ctx;
    struct ke_buf out = KE_BUF_FIXED(bench->service, sizeof(bench->service) - 1);
    bench->seen = *request;
    bench->was_seen = true;
    ke_buf_addf(&out, "%.*s/%.*s", KE_STR_ARG(request->service_ns),
                KE_STR_ARG(request->service_name));
    bench->service[out.len] = '\0';
    (void)explain_hop_add(walk, EXPLAIN_SERVICE, EXPLAIN_PASS, "seen");
}

static void make(struct bench *bench, bool is_filled)
{
    struct ke_err err = KE_ERR_INIT;
    *bench = (struct bench){ .table = test_table_new() };
    struct dns_settings settings = { .domain = KE_STR("cluster.local"),
                                     .address = test_ip("10.32.0.10"),
                                     .ttl_s = 5 };
    assert_int_equal(dns_zone_init(&bench->zone, &settings, &err), KE_OK);
    bench->explainer = (struct dns_explainer){ &bench->zone, bench->table };
    bench->explain = explain_new();
    assert_int_equal(dns_explainer_register(&bench->explainer, bench->explain, &err), KE_OK);
    assert_int_equal(explain_register(bench->explain, EXPLAIN_SERVICE, next_phase, bench, &err),
                     KE_OK);
    if (!is_filled)
        return;
    test_put(bench->table, MODEL_NAMESPACE, "{'metadata':{'name':'default'}}");
    test_put(bench->table, MODEL_NAMESPACE, "{'metadata':{'name':'shop'}}");
    test_put_service(bench->table, "default", "web",
                     "'clusterIP':'10.32.0.1','clusterIPs':['10.32.0.1'],'ports':[{'port':80}]");
    test_put_service(bench->table, "shop", "web",
                     "'clusterIP':'10.32.0.2','clusterIPs':['10.32.0.2'],'ports':[{'port':80}]");
    test_put_service(bench->table, "shop", "six",
                     "'clusterIP':'fd00::6','clusterIPs':['fd00::6'],'ports':[{'port':80}]");
    test_put_service(bench->table, "shop", "db", "'clusterIP':'None','clusterIPs':['None']");
    test_put_slice(bench->table, "shop", "db-1", "db", "",
                   "{'addresses':['10.200.0.1'],'hostname':'db-0'}");
    test_put_service(bench->table, "shop", "empty", "'clusterIP':'None','clusterIPs':['None']");
    test_put_service(bench->table, "shop", "ext",
                     "'type':'ExternalName','externalName':'db.example.net'");
    test_put_service(bench->table, "shop", "inner",
                     "'type':'ExternalName','externalName':'web.default.svc.cluster.local'");
    test_put_service(bench->table, "shop", "dead",
                     "'type':'ExternalName','externalName':'gone.default.svc.cluster.local'");
    endpoint_table_publish(bench->table, 1);
}

static void drop(struct bench *bench)
{
    explain_free(bench->explain);
    test_table_free(bench->table);
}

/* The first hop as "outcome: decision", to be freed. */
static cJSON *trace(struct bench *bench, const char *target, const char *from_ns)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf out = KE_BUF_INIT(1 << 20);
    cJSON *answer = NULL;
    bench->was_seen = false;
    if (explain_run(bench->explain, ke_str_c(target), ke_str_c(from_ns), KE_STR(""), &out, &err) !=
            KE_OK ||
        ke_json_parse(ke_buf_str(&out), &answer, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return answer;
}

static const char *hop_text(const cJSON *answer, const char *key)
{
    const cJSON *hop = cJSON_GetArrayItem(cJSON_GetObjectItem(answer, "hops"), 0);
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(hop, key));
    return text != NULL ? text : "";
}

static bool has_evidence(const cJSON *answer, const char *wanted)
{
    const cJSON *hop = cJSON_GetArrayItem(cJSON_GetObjectItem(answer, "hops"), 0);
    const cJSON *line = NULL;
    cJSON_ArrayForEach(line, cJSON_GetObjectItem(hop, "evidence")) {
        if (strcmp(line->valuestring, wanted) == 0)
            return true;
    }
    return false;
}

static void every_way_to_say_a_service_finds_its_address(void **state)
{
    static const struct {
        const char *target, *from_ns, *name, *address;
    } rows[] = {
        { "web", "", "web.default.svc.cluster.local A", "10.32.0.1" },
        { "web", "shop", "web.shop.svc.cluster.local A", "10.32.0.2" },
        { "WEB.Shop", "", "web.shop.svc.cluster.local A", "10.32.0.2" },
        { "web.shop.svc", "", "web.shop.svc.cluster.local A", "10.32.0.2" },
        { "web.shop.svc.cluster.local", "", "web.shop.svc.cluster.local A", "10.32.0.2" },
        { "web.shop.svc.cluster.local.", "", "web.shop.svc.cluster.local A", "10.32.0.2" },
        { "http://web.shop/", "", "web.shop.svc.cluster.local A", "10.32.0.2" },
        { "six.shop:80", "", "six.shop.svc.cluster.local AAAA", "fd00::6" },
        { "db.shop", "", "db.shop.svc.cluster.local A", "10.200.0.1" },
        { "db-0.db", "shop", "db-0.db.shop.svc.cluster.local A", "10.200.0.1" },
        { "10-1-2-3.shop.pod", "", "10-1-2-3.shop.pod.cluster.local A", "10.1.2.3" },
        { "inner.shop", "", "inner.shop.svc.cluster.local A", "10.32.0.1" },
    };
    struct bench bench;
    (void)state;
    make(&bench, true);
    for (size_t i = 0; i < KE_ARRAY_LEN(rows); i++) {
        char ip[KE_IP_TEXT_MAX];
        char wanted[200];
        struct ke_buf out = KE_BUF_FIXED(wanted, sizeof(wanted) - 1);
        ke_auto_json *answer = trace(&bench, rows[i].target, rows[i].from_ns);
        const char *name = rows[i].name;
        ke_buf_addf(&out, "%s is answered by cluster DNS", name);
        wanted[out.len] = '\0';
        assert_string_equal(hop_text(answer, "outcome"), "pass");
        assert_string_equal(hop_text(answer, "decision"), wanted);
        assert_true(bench.was_seen && bench.seen.has_address);
        assert_string_equal(ke_ip_text(&bench.seen.address, ip), rows[i].address);
    }
    ke_auto_json *answer = trace(&bench, "web.shop:80", "");
    assert_true(has_evidence(answer, "web.shop.svc.cluster.local. 5 IN A 10.32.0.2"));
    assert_int_equal(bench.seen.port, 80);
    drop(&bench);
}

static void an_alias_to_elsewhere_is_named(void **state)
{
    struct bench bench;
    (void)state;
    make(&bench, true);
    ke_auto_json *answer = trace(&bench, "ext.shop", "");
    assert_string_equal(hop_text(answer, "outcome"), "pass");
    assert_string_equal(hop_text(answer, "decision"),
                        "ext.shop.svc.cluster.local is an alias of db.example.net, which the "
                        "upstream resolvers are asked for");
    assert_true(has_evidence(answer, "ext.shop.svc.cluster.local. 5 IN CNAME db.example.net."));
    assert_false(bench.seen.has_address);
    assert_string_equal(bench.service, "shop/ext");
    drop(&bench);
}

static void an_alias_to_nothing_is_the_cause(void **state)
{
    struct bench bench;
    (void)state;
    make(&bench, true);
    ke_auto_json *answer = trace(&bench, "dead.shop", "");
    assert_string_equal(hop_text(answer, "outcome"), "stop");
    assert_string_equal(hop_text(answer, "decision"), "dead.shop.svc.cluster.local is an alias of "
                                                      "gone.default.svc.cluster.local: NXDOMAIN");
    assert_string_equal(hop_text(answer, "mend"), "kubectl -n shop edit service dead");
    assert_false(bench.was_seen);
    drop(&bench);
}

static void a_headless_service_without_endpoints_is_left_to_the_next_phases(void **state)
{
    struct bench bench;
    (void)state;
    make(&bench, true);
    ke_auto_json *answer = trace(&bench, "empty.shop", "");
    assert_string_equal(hop_text(answer, "outcome"), "note");
    assert_string_equal(hop_text(answer, "decision"),
                        "empty.shop.svc.cluster.local has no address: the Service is headless and "
                        "has no ready endpoint");
    assert_true(bench.was_seen);
    assert_string_equal(bench.service, "shop/empty");
    drop(&bench);
}

static void a_name_of_nothing_stops_with_what_was_asked(void **state)
{
    struct bench bench;
    (void)state;
    make(&bench, true);
    ke_auto_json *answer = trace(&bench, "nothing", "shop");
    assert_string_equal(hop_text(answer, "outcome"), "stop");
    assert_string_equal(hop_text(answer, "cause"),
                        "cluster DNS does not know nothing: there is no such Service");
    assert_string_equal(hop_text(answer, "mend"), "kubectl get services -A");
    assert_true(has_evidence(answer, "nothing.shop.svc.cluster.local A: NXDOMAIN"));
    assert_true(has_evidence(answer, "nothing.cluster.local A: NXDOMAIN"));
    assert_false(bench.was_seen);
    drop(&bench);
}

static void a_name_of_elsewhere_is_said_to_be_forwarded(void **state)
{
    struct bench bench;
    (void)state;
    make(&bench, true);
    ke_auto_json *answer = trace(&bench, "www.example.com", "");
    assert_string_equal(hop_text(answer, "outcome"), "stop");
    assert_string_equal(hop_text(answer, "cause"),
                        "www.example.com is the name of no Service; as a name outside of the "
                        "cluster, cluster DNS forwards it to the upstream resolvers");
    assert_true(has_evidence(
        answer, "www.example.com A: outside of the cluster domain, goes to upstream resolvers"));
    /* Of an URL the name may be an Ingress's: the next phase knows. */
    ke_auto_json *of_url = trace(&bench, "https://www.example.com/", "");
    assert_string_equal(hop_text(of_url, "phase"), "service");
    assert_true(bench.was_seen);
    assert_false(bench.seen.has_address);
    drop(&bench);
}

static void before_the_sync_nothing_is_said_to_be_missing(void **state)
{
    struct bench bench;
    (void)state;
    make(&bench, false);
    ke_auto_json *answer = trace(&bench, "web", "");
    assert_string_equal(hop_text(answer, "outcome"), "stop");
    assert_string_equal(hop_text(answer, "cause"), "cluster DNS has not synced yet");
    drop(&bench);
}

static void an_address_needs_no_name(void **state)
{
    struct bench bench;
    (void)state;
    make(&bench, true);
    ke_auto_json *answer = trace(&bench, "10.32.0.1:80", "");
    assert_string_equal(hop_text(answer, "phase"), "service");
    drop(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_to_say_a_service_finds_its_address),
        cmocka_unit_test(an_alias_to_elsewhere_is_named),
        cmocka_unit_test(an_alias_to_nothing_is_the_cause),
        cmocka_unit_test(a_headless_service_without_endpoints_is_left_to_the_next_phases),
        cmocka_unit_test(a_name_of_nothing_stops_with_what_was_asked),
        cmocka_unit_test(a_name_of_elsewhere_is_said_to_be_forwarded),
        cmocka_unit_test(before_the_sync_nothing_is_said_to_be_missing),
        cmocka_unit_test(an_address_needs_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
