/* SPDX-License-Identifier: Apache-2.0 */
/* The table as its readers see it: lookups, addresses that two services claim, walks. */
#include <stdio.h>

#include "core/endpoint/table.h"
#include "test/support/base/test.h"
#include "test/support/endpoint_objects.h"

#define WEB_SPEC                                                                                   \
    "'clusterIP':'10.32.0.5','clusterIPs':['10.32.0.5'],'selector':{'app':'web'},"                 \
    "'ports':[{'name':'http','protocol':'TCP','port':80,'targetPort':8080}]"
#define WEB_PORTS "{'name':'http','protocol':'TCP','port':8080}"
#define READY(ip) "{'addresses':['" ip "'],'conditions':{'ready':true}}"

static const struct endpoint_service *find(struct endpoint_table *table, const char *name)
{
    return endpoint_table_find(table, KE_STR("default"), ke_str_c(name));
}

static const struct endpoint_service *find_tcp(struct endpoint_table *table, const char *ip,
                                               uint16_t port)
{
    struct ke_ip address = test_ip(ip);
    return endpoint_table_find_address(table, &address, KE_PROTO_TCP, port, NULL);
}

static void assert_name(const struct endpoint_service *service, const char *name)
{
    assert_non_null(service);
    assert_int_equal(service->name.len, strlen(name));
    assert_memory_equal(service->name.ptr, name, service->name.len);
}

static void finds_a_service_by_name_address_and_endpoint(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "web", WEB_SPEC);
    test_put_slice(table, "default", "web-1", "web", WEB_PORTS,
                   READY("10.200.0.2") "," READY("10.200.0.1"));
    assert_false(endpoint_table_is_synced(table));
    endpoint_table_publish(table, 7);
    assert_true(endpoint_table_is_synced(table));
    ke_snap_read_begin();
    const struct endpoint_service *web = find(table, "web");
    assert_name(web, "web");
    assert_true(web->is_proxied && web->has_selector && web->has_endpoints);
    assert_int_equal(web->n_ports[0], 1);
    assert_int_equal(web->n_ports[1], 0);
    assert_int_equal(web->ports[0][0].n_backends, 2);
    assert_int_equal(web->ports[0][0].backends[0].ip.b[3], 1);
    assert_int_equal(web->ports[0][0].backends[1].ip.b[3], 2);
    assert_int_equal(web->ports[0][0].backends[0].port, 8080);
    assert_int_equal(web->n_addresses, 2);
    const struct endpoint_port *port = NULL;
    struct ke_ip ip = test_ip("10.32.0.5");
    assert_ptr_equal(endpoint_table_find_address(table, &ip, KE_PROTO_TCP, 80, &port), web);
    assert_ptr_equal(port, &web->ports[0][0]);
    assert_null(endpoint_table_find_address(table, &ip, KE_PROTO_UDP, 80, &port));
    assert_null(port);
    assert_null(find_tcp(table, "10.32.0.5", 81));
    assert_ptr_equal(endpoint_table_find_cluster_ip(table, &ip), web);
    uint32_t pos = 0;
    ip = test_ip("10.200.0.2");
    assert_ptr_equal(endpoint_table_next_by_backend(table, &ip, &pos), web);
    assert_null(endpoint_table_next_by_backend(table, &ip, &pos));
    assert_null(find(table, "we"));
    assert_null(endpoint_table_find(table, KE_STR("defaul"), KE_STR("tweb")));
    ke_snap_read_end();
    test_table_free(table);
}

static void forgets_a_deleted_service_everywhere(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "web", WEB_SPEC ",'type':'NodePort'");
    test_put_slice(table, "default", "web-1", "web", WEB_PORTS, READY("10.200.0.1"));
    endpoint_table_publish(table, 1);
    test_delete(table, MODEL_SERVICE, "default", "web");
    endpoint_table_publish(table, 2);
    struct ke_ip ip = test_ip("10.32.0.5");
    struct ke_ip backend = test_ip("10.200.0.1");
    uint32_t pos = 0;
    uint64_t walk = 0;
    ke_snap_read_begin();
    assert_null(find(table, "web"));
    assert_null(find_tcp(table, "10.32.0.5", 80));
    assert_null(endpoint_table_find_cluster_ip(table, &ip));
    assert_null(endpoint_table_next_by_backend(table, &backend, &pos));
    assert_null(endpoint_table_next(table, &walk));
    ke_snap_read_end();
    /* Its slice waits for it. */
    test_put_service(table, "default", "web", WEB_SPEC);
    endpoint_table_publish(table, 3);
    ke_snap_read_begin();
    assert_int_equal(find(table, "web")->ports[0][0].n_cluster, 1);
    ke_snap_read_end();
    test_table_free(table);
}

static void finds_node_ports_by_family(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(
        table, "default", "web",
        "'type':'NodePort','clusterIP':'10.32.0.5','clusterIPs':['10.32.0.5','fd32::5'],"
        "'ports':[{'protocol':'TCP','port':80,'nodePort':30080},"
        "{'name':'dns','protocol':'UDP','port':53,'nodePort':30080}]");
    endpoint_table_publish(table, 1);
    ke_snap_read_begin();
    const struct endpoint_service *web = find(table, "web");
    const struct endpoint_port *port = NULL;
    assert_ptr_equal(
        endpoint_table_find_node_port(table, KE_FAMILY_IPV6, KE_PROTO_UDP, 30080, &port), web);
    assert_ptr_equal(port, &web->ports[1][1]);
    assert_ptr_equal(
        endpoint_table_find_node_port(table, KE_FAMILY_IPV4, KE_PROTO_TCP, 30080, &port), web);
    assert_ptr_equal(port, &web->ports[0][0]);
    assert_null(endpoint_table_find_node_port(table, KE_FAMILY_IPV4, KE_PROTO_TCP, 80, NULL));
    assert_null(endpoint_table_find_node_port(table, KE_FAMILY_IPV4, KE_PROTO_TCP, 0, NULL));
    ke_snap_read_end();
    test_table_free(table);
}

static void put_rival(struct endpoint_table *table, const char *name, const char *created,
                      const char *cluster_ip)
{
    test_put(table, MODEL_SERVICE,
             "{'metadata':{'namespace':'default','name':'%s','creationTimestamp':'%s'},"
             "'spec':{'clusterIP':'%s','clusterIPs':['%s'],'externalIPs':['192.0.2.1'],"
             "'ports':[{'protocol':'TCP','port':80}]}}",
             name, created, cluster_ip, cluster_ip);
}

static void the_older_of_two_claimants_has_an_external_address(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    put_rival(table, "young", "2026-02-01T00:00:00Z", "10.32.0.2");
    put_rival(table, "old", "2026-01-01T00:00:00Z", "10.32.0.3");
    put_rival(table, "even", "2026-01-01T00:00:00Z", "10.32.0.4");
    endpoint_table_publish(table, 1);
    ke_snap_read_begin();
    assert_name(find_tcp(table, "192.0.2.1", 80), "even");
    ke_snap_read_end();
    test_delete(table, MODEL_SERVICE, "default", "even");
    endpoint_table_publish(table, 2);
    ke_snap_read_begin();
    assert_name(find_tcp(table, "192.0.2.1", 80), "old");
    ke_snap_read_end();
    test_table_free(table);
}

static void a_cluster_ip_beats_an_older_external_address(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    put_rival(table, "thief", "2020-01-01T00:00:00Z", "10.32.0.2");
    put_rival(table, "owner", "2026-01-01T00:00:00Z", "192.0.2.1");
    endpoint_table_publish(table, 1);
    ke_snap_read_begin();
    assert_name(find_tcp(table, "192.0.2.1", 80), "owner");
    ke_snap_read_end();
    test_table_free(table);
}

static void a_new_port_and_address_replace_the_old_ones(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "web", WEB_SPEC);
    endpoint_table_publish(table, 1);
    test_put_service(table, "default", "web",
                     "'clusterIP':'10.32.0.5','clusterIPs':['10.32.0.5'],"
                     "'externalIPs':['192.0.2.9'],'ports':[{'protocol':'TCP','port':81}]");
    endpoint_table_publish(table, 2);
    ke_snap_read_begin();
    assert_null(find_tcp(table, "10.32.0.5", 80));
    assert_name(find_tcp(table, "10.32.0.5", 81), "web");
    assert_name(find_tcp(table, "192.0.2.9", 81), "web");
    ke_snap_read_end();
    test_table_free(table);
}

static void services_share_an_endpoint_address(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    for (int i = 0; i < 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "s%d", i);
        test_put_service(table, "default", name, "'clusterIP':'None','ports':[]");
        test_put_slice(table, "default", name, name, "", READY("10.200.0.9"));
    }
    endpoint_table_publish(table, 1);
    test_delete(table, MODEL_SERVICE, "default", "s2");
    endpoint_table_publish(table, 2);
    struct ke_ip ip = test_ip("10.200.0.9");
    uint32_t pos = 0;
    uint32_t n = 0;
    ke_snap_read_begin();
    const struct endpoint_service *service;
    while ((service = endpoint_table_next_by_backend(table, &ip, &pos)) != NULL) {
        assert_false(ke_str_eq_c(service->name, "s2"));
        n++;
    }
    ke_snap_read_end();
    assert_int_equal(n, 4);
    test_table_free(table);
}

static void a_walk_sees_each_service_once_while_the_table_grows(void **state)
{
    (void)state;
    enum { N_BEFORE = 100, N_AFTER = 1000 };
    struct endpoint_table *table = test_table_new();
    char name[16];
    for (int i = 0; i < N_BEFORE; i++) {
        (void)snprintf(name, sizeof(name), "s%d", i);
        test_put_service(table, "default", name, "'clusterIP':'None'");
    }
    endpoint_table_publish(table, 1);
    bool is_seen[N_BEFORE] = { false };
    uint64_t pos = 0;
    for (int i = 0; i < N_BEFORE; i++) {
        ke_snap_read_begin();
        const struct endpoint_service *service = endpoint_table_next(table, &pos);
        assert_non_null(service);
        uint64_t number = 0;
        assert_true(ke_str_to_u64(ke_str_sub(service->name, 1, 8), N_BEFORE - 1, &number));
        assert_false(is_seen[number]);
        is_seen[number] = true;
        ke_snap_read_end();
        if (i != N_BEFORE / 2)
            continue;
        for (int j = N_BEFORE; j < N_AFTER; j++) {
            (void)snprintf(name, sizeof(name), "t%d", j);
            test_put_service(table, "default", name, "'clusterIP':'None'");
        }
        endpoint_table_publish(table, 2);
    }
    test_table_free(table);
}

static void knows_namespaces_and_the_addresses_of_this_node(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put(table, MODEL_NAMESPACE, "{'metadata':{'name':'shop'}}");
    test_put(table, MODEL_NODE,
             "{'metadata':{'name':'n1'},'status':{'addresses':[{'type':'InternalIP',"
             "'address':'192.0.2.10'}]}}");
    test_put(table, MODEL_NODE,
             "{'metadata':{'name':'n2'},'status':{'addresses':[{'type':'InternalIP',"
             "'address':'192.0.2.11'}]}}");
    endpoint_table_publish(table, 1);
    struct ke_ip own = test_ip("192.0.2.10");
    struct ke_ip other = test_ip("192.0.2.11");
    ke_snap_read_begin();
    assert_true(endpoint_table_has_namespace(table, KE_STR("shop")));
    assert_false(endpoint_table_has_namespace(table, KE_STR("sho")));
    assert_true(endpoint_table_is_node_address(table, &own));
    assert_false(endpoint_table_is_node_address(table, &other));
    ke_snap_read_end();
    test_delete(table, MODEL_NAMESPACE, "", "shop");
    ke_snap_read_begin();
    assert_false(endpoint_table_has_namespace(table, KE_STR("shop")));
    ke_snap_read_end();
    test_table_free(table);
}

static void a_change_that_makes_no_difference_makes_no_record(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "web", WEB_SPEC);
    test_put_slice(table, "default", "web-1", "web", WEB_PORTS, READY("10.200.0.1"));
    endpoint_table_publish(table, 1);
    uint64_t generation = endpoint_table_generation(table);
    ke_snap_read_begin();
    const struct endpoint_service *before = find(table, "web");
    test_put(table, MODEL_SERVICE,
             "{'metadata':{'namespace':'default','name':'web','annotations':{'a':'b'},"
             "'creationTimestamp':'2026-01-01T00:00:00Z'},'spec':{" WEB_SPEC "}}");
    endpoint_table_publish(table, 2);
    assert_ptr_equal(find(table, "web"), before);
    ke_snap_read_end();
    assert_int_equal(endpoint_table_generation(table), generation);
    test_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_service_by_name_address_and_endpoint),
        cmocka_unit_test(forgets_a_deleted_service_everywhere),
        cmocka_unit_test(finds_node_ports_by_family),
        cmocka_unit_test(the_older_of_two_claimants_has_an_external_address),
        cmocka_unit_test(a_cluster_ip_beats_an_older_external_address),
        cmocka_unit_test(a_new_port_and_address_replace_the_old_ones),
        cmocka_unit_test(services_share_an_endpoint_address),
        cmocka_unit_test(a_walk_sees_each_service_once_while_the_table_grows),
        cmocka_unit_test(knows_namespaces_and_the_addresses_of_this_node),
        cmocka_unit_test(a_change_that_makes_no_difference_makes_no_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
