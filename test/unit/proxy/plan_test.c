/* SPDX-License-Identifier: Apache-2.0 */
/* From objects to elements: kube-proxy's rules, one statement a test. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/mem.h"
#include "proxy/nft_elements.h"
#include "proxy/plan.h"
#include "test/support/base/test.h"
#include "test/support/endpoint_objects.h"

#define TCP        "{'name':'http','protocol':'TCP','port':8080}"
#define UDP        "{'name':'dns','protocol':'UDP','port':5353}"
#define READY(ip)  "{'addresses':['" ip "'],'conditions':{'ready':true},'nodeName':'n2'}"
#define HERE(ip)   "{'addresses':['" ip "'],'conditions':{'ready':true},'nodeName':'n1'}"
#define CLUSTER_IP "'clusterIP':'10.32.0.5','clusterIPs':['10.32.0.5']"
#define HTTP_PORTS "'ports':[{'name':'http','protocol':'TCP','port':80,'targetPort':8080}]"
#define NODE_PORTS                                                                                 \
    "'ports':[{'name':'http','protocol':'TCP','port':80,'targetPort':8080,'nodePort':30080}]"

static struct ke_cidr services = { .ip = { KE_FAMILY_IPV4, { 10, 32 } }, .prefix = 16 };
static struct ke_cidr pods = { .ip = { KE_FAMILY_IPV4, { 10, 200 } }, .prefix = 16 };

static struct proxy_settings settings_plain(void)
{
    return (struct proxy_settings){ .service_cidrs = &services,
                                    .n_service_cidrs = 1,
                                    .cluster_cidrs = &pods,
                                    .n_cluster_cidrs = 1 };
}

/* What a service becomes, one element a line: "services 10.32.0.5 . tcp . 80 : goto n2". */
struct outcome {
    struct endpoint_table *table;
    struct proxy_plan *plan;
    struct ke_buf text;
};

static void make_plan(struct outcome *outcome, const char *name,
                      const struct proxy_settings *settings)
{
    struct ke_err err = KE_ERR_INIT;
    struct nft_elements elements = { 0 };
    struct proxy_plan *plan = NULL;
    ke_snap_read_begin();
    const struct endpoint_service *service =
        endpoint_table_find(outcome->table, KE_STR("default"), ke_str_c(name));
    assert_non_null(service);
    assert_int_equal(proxy_plan_make(outcome->table, settings, service, outcome->plan, &plan, &err),
                     KE_OK);
    ke_snap_read_end();
    free(outcome->plan);
    outcome->plan = plan;
    ke_buf_free(&outcome->text);
    outcome->text = (struct ke_buf)KE_BUF_INIT(1U << 20);
    nft_elements_add_plan(&elements, plan);
    for (size_t i = 0; i < elements.n; i++) {
        ke_buf_addf(&outcome->text, "%s ",
                    nft_set_info((enum nft_set_id)elements.items[i].set)->name);
        nft_element_print(&elements.items[i], &outcome->text);
        ke_buf_add_char(&outcome->text, '\n');
    }
    ke_buf_add_char(&outcome->text, '\0');
    nft_elements_deinit(&elements);
}

static void start(struct outcome *outcome, const char *spec, const char *ports,
                  const char *endpoints)
{
    struct proxy_settings settings = settings_plain();
    *outcome = (struct outcome){ .table = test_table_new() };
    test_put_service(outcome->table, "default", "web", spec);
    if (ports != NULL)
        test_put_slice(outcome->table, "default", "web-1", "web", ports, endpoints);
    endpoint_table_publish(outcome->table, 1);
    make_plan(outcome, "web", &settings);
}

static void finish(struct outcome *outcome)
{
    free(outcome->plan);
    ke_buf_free(&outcome->text);
    test_table_free(outcome->table);
}

static void assert_text(struct outcome *outcome, const char *expected)
{
    assert_string_equal(outcome->text.ptr, expected);
    finish(outcome);
}

static void a_cluster_ip_leads_to_a_slot_for_each_ready_backend(void **state)
{
    (void)state;
    struct outcome outcome;
    start(&outcome, CLUSTER_IP "," HTTP_PORTS, TCP,
          READY("10.200.0.1") "," READY(
              "10.200.0.2") ",{'addresses':['10.200.0.3'],'conditions':{'ready':false}}");
    assert_text(&outcome, "cluster_ips 10.32.0.5\n"
                          "hairpin 10.200.0.1 . 10.200.0.1\n"
                          "hairpin 10.200.0.2 . 10.200.0.2\n"
                          "services 10.32.0.5 . tcp . 80 : goto n2\n"
                          "backends 10.32.0.5 . tcp . 80 . 0 : 10.200.0.1 . 8080\n"
                          "backends 10.32.0.5 . tcp . 80 . 1 : 10.200.0.2 . 8080\n");
}

static void a_service_without_endpoints_is_refused(void **state)
{
    (void)state;
    struct outcome outcome;
    start(&outcome, "'type':'NodePort'," CLUSTER_IP "," NODE_PORTS, NULL, NULL);
    assert_text(&outcome, "cluster_ips 10.32.0.5\n"
                          "refused 10.32.0.5 . tcp . 80 : goto refuse\n"
                          "node_refused tcp . 30080 : goto refuse\n");
}

static void internal_policy_local_drops_without_a_local_backend(void **state)
{
    (void)state;
    struct outcome outcome;
    start(&outcome, CLUSTER_IP ",'internalTrafficPolicy':'Local'," HTTP_PORTS, TCP,
          READY("10.200.0.1"));
    assert_text(&outcome, "cluster_ips 10.32.0.5\n"
                          "refused 10.32.0.5 . tcp . 80 : drop\n");
}

static void internal_policy_local_uses_local_backends_only(void **state)
{
    (void)state;
    struct outcome outcome;
    start(&outcome, CLUSTER_IP ",'internalTrafficPolicy':'Local'," HTTP_PORTS, TCP,
          READY("10.200.0.1") "," HERE("10.200.0.2"));
    assert_text(&outcome, "cluster_ips 10.32.0.5\n"
                          "hairpin 10.200.0.2 . 10.200.0.2\n"
                          "services 10.32.0.5 . tcp . 80 : goto n1\n"
                          "backends 10.32.0.5 . tcp . 80 . 0 : 10.200.0.2 . 8080\n");
}

static void external_policy_local_keeps_outsiders_on_this_node(void **state)
{
    (void)state;
    struct outcome outcome;
    start(&outcome, "'type':'NodePort','externalTrafficPolicy':'Local'," CLUSTER_IP "," NODE_PORTS,
          TCP, READY("10.200.0.1") "," HERE("10.200.0.2"));
    assert_text(&outcome, "cluster_ips 10.32.0.5\n"
                          "hairpin 10.200.0.1 . 10.200.0.1\n"
                          "hairpin 10.200.0.2 . 10.200.0.2\n"
                          "services 10.32.0.5 . tcp . 80 : goto n2\n"
                          "node_kind tcp . 30080 : goto node_to_local\n"
                          "node_ports tcp . 30080 : goto p2\n"
                          "node_local tcp . 30080 : goto q1\n"
                          "backends 10.32.0.5 . tcp . 80 . 0 : 10.200.0.1 . 8080\n"
                          "backends 10.32.0.5 . tcp . 80 . 1 : 10.200.0.2 . 8080\n"
                          "node_backends tcp . 30080 . 0 : 10.200.0.1 . 8080\n"
                          "node_backends tcp . 30080 . 32768 : 10.200.0.2 . 8080\n"
                          "node_backends tcp . 30080 . 1 : 10.200.0.2 . 8080\n");
}

static void external_policy_local_drops_outsiders_without_a_local_backend(void **state)
{
    (void)state;
    struct outcome outcome;
    start(&outcome,
          CLUSTER_IP ",'externalTrafficPolicy':'Local','externalIPs':['192.0.2.9']," HTTP_PORTS,
          TCP, READY("10.200.0.1"));
    assert_non_null(
        strstr(outcome.text.ptr, "external_kind 192.0.2.9 . tcp . 80 : goto external_to_local\n"));
    assert_non_null(strstr(outcome.text.ptr, "external 192.0.2.9 . tcp . 80 : goto n1\n"));
    assert_non_null(strstr(outcome.text.ptr, "external_local 192.0.2.9 . tcp . 80 : drop\n"));
    finish(&outcome);
}

static void an_external_ip_is_masqueraded_and_spread(void **state)
{
    (void)state;
    struct outcome outcome;
    start(&outcome, CLUSTER_IP ",'externalIPs':['192.0.2.9']," HTTP_PORTS, TCP,
          READY("10.200.0.1"));
    assert_non_null(strstr(outcome.text.ptr,
                           "external_kind 192.0.2.9 . tcp . 80 : goto external_to_cluster\n"));
    assert_non_null(
        strstr(outcome.text.ptr, "backends 192.0.2.9 . tcp . 80 . 0 : 10.200.0.1 . 8080\n"));
    finish(&outcome);
}

static void affinity_remembers_marks_away_from_the_masquerade_bit(void **state)
{
    (void)state;
    struct outcome outcome;
    start(&outcome,
          CLUSTER_IP ",'sessionAffinity':'ClientIP','sessionAffinityConfig':{'clientIP':{"
                     "'timeoutSeconds':7}}," HTTP_PORTS,
          TCP, READY("10.200.0.1"));
    struct ke_ip ip = test_ip("10.200.0.1");
    uint32_t mark = proxy_target_mark(&ip, 8080);
    char expected[512];
    assert_int_equal(mark & PROXY_MASQUERADE_MARK, 0);
    assert_non_null(strstr(outcome.text.ptr, "services 10.32.0.5 . tcp . 80 : goto n1_7s\n"));
    (void)snprintf(expected, sizeof(expected), "marks 10.32.0.5 . tcp . 80 . 0 : 0x%08x\n", mark);
    assert_non_null(strstr(outcome.text.ptr, expected));
    (void)snprintf(expected, sizeof(expected),
                   "marked 10.32.0.5 . tcp . 80 . 0x%08x : 10.200.0.1 . 8080\n",
                   mark | PROXY_MASQUERADE_MARK);
    assert_non_null(strstr(outcome.text.ptr, expected));
    finish(&outcome);
}

static void source_ranges_guard_the_load_balancer_address_only(void **state)
{
    (void)state;
    struct outcome outcome = { .table = test_table_new() };
    struct proxy_settings settings = settings_plain();
    test_put(outcome.table, MODEL_SERVICE,
             "{'metadata':{'namespace':'default','name':'web'},'spec':{'type':'LoadBalancer',"
             "'loadBalancerSourceRanges':['203.0.113.0/24','203.0.113.128/25']," CLUSTER_IP
             "," NODE_PORTS "},'status':{'loadBalancer':{'ingress':[{'ip':'192.0.2.1'}]}}}");
    test_put_slice(outcome.table, "default", "web-1", "web", TCP, READY("10.200.0.1"));
    endpoint_table_publish(outcome.table, 1);
    make_plan(&outcome, "web", &settings);
    assert_non_null(strstr(outcome.text.ptr, "ranged 192.0.2.1 . tcp . 80\n"));
    assert_non_null(
        strstr(outcome.text.ptr, "ranges 192.0.2.1 . tcp . 80 . 203.0.113.0-203.0.113.255\n"));
    assert_null(strstr(outcome.text.ptr, "203.0.113.128")); /* covered by the other */
    assert_null(strstr(outcome.text.ptr, "ranged 10.32.0.5"));
    finish(&outcome);
}

static void the_dns_address_stays_out_of_the_maps(void **state)
{
    (void)state;
    struct outcome outcome;
    start(&outcome, CLUSTER_IP "," HTTP_PORTS, TCP, READY("10.200.0.1"));
    struct proxy_settings settings = settings_plain();
    settings.dns_address = test_ip("10.32.0.5");
    make_plan(&outcome, "web", &settings);
    assert_text(&outcome, "cluster_ips 10.32.0.5\n");
}

static void headless_and_foreign_services_have_no_plan(void **state)
{
    (void)state;
    struct outcome outcome = { .table = test_table_new() };
    struct proxy_settings settings = settings_plain();
    test_put_service(outcome.table, "default", "web",
                     "'clusterIP':'None','clusterIPs':['None']," HTTP_PORTS);
    endpoint_table_publish(outcome.table, 1);
    make_plan(&outcome, "web", &settings);
    assert_null(outcome.plan);
    finish(&outcome);
}

static void ipv6_is_the_same_by_family(void **state)
{
    (void)state;
    struct outcome outcome = { .table = test_table_new() };
    struct ke_cidr ranges[2] = { services, { .ip = test_ip("fd32::"), .prefix = 108 } };
    struct proxy_settings settings = settings_plain();
    settings.service_cidrs = ranges;
    settings.n_service_cidrs = 2;
    test_put_service(
        outcome.table, "default", "web",
        "'clusterIP':'fd32::5','clusterIPs':['fd32::5'],'ipFamilies':['IPv6']," HTTP_PORTS);
    test_put_slice6(outcome.table, "default", "web-1", "web", TCP, READY("fd00::1"));
    endpoint_table_publish(outcome.table, 1);
    make_plan(&outcome, "web", &settings);
    assert_text(&outcome, "cluster_ips fd32::5\n"
                          "hairpin fd00::1 . fd00::1\n"
                          "services fd32::5 . tcp . 80 : goto n1\n"
                          "backends fd32::5 . tcp . 80 . 0 : fd00::1 . 8080\n");
}

/* ---- changes ---- */

static void replan(struct outcome *outcome, const char *endpoints)
{
    struct proxy_settings settings = settings_plain();
    test_put_slice(outcome->table, "default", "web-1", "web", TCP, endpoints);
    endpoint_table_publish(outcome->table, 2);
    make_plan(outcome, "web", &settings);
}

static void a_backend_that_leaves_is_replaced_by_the_last(void **state)
{
    (void)state;
    struct outcome outcome;
    start(&outcome, CLUSTER_IP "," HTTP_PORTS, TCP,
          READY("10.200.0.1") "," READY("10.200.0.2") "," READY("10.200.0.3"));
    replan(&outcome, READY("10.200.0.2") "," READY("10.200.0.3"));
    const struct proxy_group *group = outcome.plan->fronts[0].group;
    assert_int_equal(group->n_targets, 2);
    assert_int_equal(group->targets[0].ip.b[3], 3);
    assert_int_equal(group->targets[1].ip.b[3], 2);
    finish(&outcome);
}

static void a_backend_exchanged_takes_the_free_slot(void **state)
{
    (void)state;
    struct outcome outcome;
    start(&outcome, CLUSTER_IP "," HTTP_PORTS, TCP,
          READY("10.200.0.1") "," READY("10.200.0.2") "," READY("10.200.0.3"));
    replan(&outcome, READY("10.200.0.0") "," READY("10.200.0.1") "," READY("10.200.0.3"));
    const struct proxy_group *group = outcome.plan->fronts[0].group;
    assert_int_equal(group->targets[0].ip.b[3], 1);
    assert_int_equal(group->targets[1].ip.b[3], 0);
    assert_int_equal(group->targets[2].ip.b[3], 3);
    finish(&outcome);
}

static void a_change_of_one_backend_changes_its_elements_only(void **state)
{
    (void)state;
    struct outcome outcome;
    struct nft_elements old = { 0 };
    struct nft_elements new = { 0 };
    struct nft_elements gone = { 0 };
    struct nft_elements added = { 0 };
    start(&outcome, CLUSTER_IP "," HTTP_PORTS, TCP, READY("10.200.0.1") "," READY("10.200.0.2"));
    nft_elements_add_plan(&old, outcome.plan);
    replan(&outcome, READY("10.200.0.1") "," READY("10.200.0.9"));
    nft_elements_add_plan(&new, outcome.plan);
    nft_elements_diff(&old, &new, &gone, &added);
    assert_int_equal(gone.n, 2); /* a hairpin and a slot */
    assert_int_equal(added.n, 2);
    nft_elements_deinit(&gone);
    nft_elements_deinit(&added);
    nft_elements_diff(&new, &new, &gone, &added);
    assert_int_equal(gone.n + added.n, 0);
    nft_elements_deinit(&old);
    nft_elements_deinit(&new);
    nft_elements_deinit(&gone);
    nft_elements_deinit(&added);
    finish(&outcome);
}

static void chain_names_can_be_read_back(void **state)
{
    (void)state;
    struct nft_chain chain = { .base = NFT_CHAIN_NODE_LOCAL, .count = 12, .affinity_s = 10800 };
    struct nft_chain read = { 0 };
    char name[NFT_CHAIN_NAME_MAX];
    nft_chain_name(&chain, name);
    assert_string_equal(name, "q12_10800s");
    assert_true(nft_chain_parse(name, &read));
    assert_memory_equal(&read, &chain, sizeof(chain));
    assert_true(nft_chain_parse("n3", &read));
    assert_int_equal(read.affinity_s, 0);
    assert_false(nft_chain_parse("refuse", &read));
    assert_false(nft_chain_parse("node_to_local", &read));
    assert_false(nft_chain_parse("", &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cluster_ip_leads_to_a_slot_for_each_ready_backend),
        cmocka_unit_test(a_service_without_endpoints_is_refused),
        cmocka_unit_test(internal_policy_local_drops_without_a_local_backend),
        cmocka_unit_test(internal_policy_local_uses_local_backends_only),
        cmocka_unit_test(external_policy_local_keeps_outsiders_on_this_node),
        cmocka_unit_test(external_policy_local_drops_outsiders_without_a_local_backend),
        cmocka_unit_test(an_external_ip_is_masqueraded_and_spread),
        cmocka_unit_test(affinity_remembers_marks_away_from_the_masquerade_bit),
        cmocka_unit_test(source_ranges_guard_the_load_balancer_address_only),
        cmocka_unit_test(the_dns_address_stays_out_of_the_maps),
        cmocka_unit_test(headless_and_foreign_services_have_no_plan),
        cmocka_unit_test(ipv6_is_the_same_by_family),
        cmocka_unit_test(a_backend_that_leaves_is_replaced_by_the_last),
        cmocka_unit_test(a_backend_exchanged_takes_the_free_slot),
        cmocka_unit_test(a_change_of_one_backend_changes_its_elements_only),
        cmocka_unit_test(chain_names_can_be_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
