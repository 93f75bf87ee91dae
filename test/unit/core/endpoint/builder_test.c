/* SPDX-License-Identifier: Apache-2.0 */
/* From objects to records: which services are proxied, how slices are merged, stable ids, headless
 * services, families, and what happens without memory. */
#include <stdio.h>

#include "core/base/json.h"
#include "core/endpoint/table.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"
#include "test/support/endpoint_objects.h"

#ifdef __SANITIZE_ADDRESS__
#    include <sanitizer/lsan_interface.h>
#endif

#define IP            "'clusterIP':'10.32.0.5','clusterIPs':['10.32.0.5'],"
#define DUAL          "'clusterIP':'10.32.0.5','clusterIPs':['10.32.0.5','fd32::5'],"
#define PORT_80       "'ports':[{'name':'http','protocol':'TCP','port':80,'targetPort':'web'}]"
#define HTTP(n)       "{'name':'http','protocol':'TCP','port':" #n "}"
#define READY(ip)     "{'addresses':['" ip "'],'conditions':{'ready':true}}"
#define NOT_READY(ip) "{'addresses':['" ip "'],'conditions':{'ready':false}}"

/* Between ke_snap_read_begin and _end. */
static const struct endpoint_service *find(struct endpoint_table *table, const char *name)
{
    return endpoint_table_find(table, KE_STR("default"), ke_str_c(name));
}

static void publish(struct endpoint_table *table)
{
    static int64_t revision;
    endpoint_table_publish(table, ++revision);
}

static void assert_text(struct ke_str text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    if (text.len > 0)
        assert_memory_equal(text.ptr, expected, text.len);
}

/* ---- P1: what is proxied -------------------------------------------------------------------- */

struct proxied_case {
    const char *name;
    const char *labels;
    const char *spec;
    bool is_proxied;
    uint32_t n_ports;
};

static const struct proxied_case proxied_cases[] = {
    { "cluster-ip", "", IP PORT_80, true, 1 },
    { "headless", "", "'clusterIP':'None','clusterIPs':['None']," PORT_80, false, 1 },
    { "no-address-yet", "", PORT_80, false, 1 },
    { "external-name", "", "'type':'ExternalName','externalName':'example.org'," PORT_80, false,
      0 },
    { "foreign-proxy", "'service.kubernetes.io/service-proxy-name':'other'", IP PORT_80, false, 1 },
    { "foreign-proxy-empty", "'service.kubernetes.io/service-proxy-name':''", IP PORT_80, false,
      1 },
};

static void proxies_what_kube_proxy_would(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(proxied_cases); i++) {
        const struct proxied_case *c = &proxied_cases[i];
        struct endpoint_table *table = test_table_new();
        test_put(table, MODEL_SERVICE,
                 "{'metadata':{'namespace':'default','name':'%s','labels':{%s}},'spec':{%s}}",
                 c->name, c->labels, c->spec);
        test_put_slice(table, "default", "s", c->name, HTTP(8080), READY("10.200.0.1"));
        publish(table);
        struct ke_ip ip = test_ip("10.32.0.5");
        ke_snap_read_begin();
        const struct endpoint_service *service = find(table, c->name);
        assert_non_null(service);
        if (service->is_proxied != c->is_proxied || service->n_ports[0] != c->n_ports)
            fail_msg("%s: is_proxied %d, %u ports", c->name, service->is_proxied,
                     service->n_ports[0]);
        const struct endpoint_service *found =
            endpoint_table_find_address(table, &ip, KE_PROTO_TCP, 80, NULL);
        assert_true((found != NULL) == c->is_proxied);
        ke_snap_read_end();
        test_table_free(table);
    }
}

static void ignores_fqdn_slices_and_headless_slices_of_other_services(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "web", IP PORT_80);
    test_put_service(table, "default", "bare", "'clusterIP':'None'," PORT_80);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "web" : "bare";
        test_put(table, MODEL_ENDPOINTSLICE,
                 "{'metadata':{'namespace':'default','name':'%s-f','labels':{"
                 "'kubernetes.io/service-name':'%s'}},'addressType':'FQDN','ports':[" HTTP(
                     80) "],"
                         "'endpoints':[{'addresses':['example.org']}]}",
                 name, name);
        test_put(
            table, MODEL_ENDPOINTSLICE,
            "{'metadata':{'namespace':'default','name':'%s-h','labels':{"
            "'kubernetes.io/service-name':'%s','service.kubernetes.io/headless':''}},"
            "'addressType':'IPv4','ports':[" HTTP(8080) "],"
                                                        "'endpoints':[" READY("10.200.0.1") "]}",
            name, name);
    }
    publish(table);
    ke_snap_read_begin();
    assert_int_equal(find(table, "web")->n_addresses, 0);
    assert_false(find(table, "web")->has_endpoints);
    assert_int_equal(find(table, "bare")->n_addresses, 1);
    ke_snap_read_end();
    test_table_free(table);
}

/* ---- merging -------------------------------------------------------------------------------- */

static void put_slice_at(struct endpoint_table *table, const char *name, int revision,
                         const char *endpoints)
{
    test_put(table, MODEL_ENDPOINTSLICE,
             "{'metadata':{'namespace':'default','name':'%s','resourceVersion':'%d','labels':{"
             "'kubernetes.io/service-name':'web'}},'addressType':'IPv4','ports':[" HTTP(
                 8080) "],"
                       "'endpoints':[%s]}",
             name, revision, endpoints);
}

static void an_address_in_several_slices_counts_once_and_the_ready_one_wins(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "web", IP PORT_80);
    put_slice_at(table, "a", 9, NOT_READY("10.200.0.1") "," READY("10.200.0.2"));
    put_slice_at(table, "b", 2, READY("10.200.0.1") "," READY("10.200.0.1"));
    publish(table);
    ke_snap_read_begin();
    const struct endpoint_port *port = &find(table, "web")->ports[0][0];
    assert_int_equal(port->n_backends, 2);
    assert_int_equal(port->n_cluster, 2);
    assert_true(port->backends[0].is_ready);
    assert_int_equal(find(table, "web")->n_addresses, 2);
    ke_snap_read_end();
    test_table_free(table);
}

static void of_two_equal_ones_the_newest_slice_wins(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "web", IP PORT_80);
    put_slice_at(table, "a", 10, "{'addresses':['10.200.0.1'],'nodeName':'new'}");
    put_slice_at(table, "b", 9, "{'addresses':['10.200.0.1'],'nodeName':'old'}");
    publish(table);
    ke_snap_read_begin();
    assert_text(find(table, "web")->ports[0][0].backends[0].node_name, "new");
    ke_snap_read_end();
    put_slice_at(table, "b", 11, "{'addresses':['10.200.0.1'],'nodeName':'newer'}");
    publish(table);
    ke_snap_read_begin();
    assert_text(find(table, "web")->ports[0][0].backends[0].node_name, "newer");
    ke_snap_read_end();
    test_table_free(table);
}

static void slices_match_ports_by_name_and_protocol(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "web",
                     IP "'ports':[{'name':'http','protocol':'TCP','port':80},"
                        "{'name':'dns','protocol':'UDP','port':53},"
                        "{'name':'dns-tcp','protocol':'TCP','port':53}]");
    test_put_slice(table, "default", "a", "web",
                   HTTP(8080) ",{'name':'dns','protocol':'UDP','port':1053},"
                              "{'name':'dns-tcp','protocol':'UDP','port':9},{'name':'x','port':7}",
                   READY("10.200.0.1"));
    test_put_slice(table, "default", "b", "web", HTTP(9090), READY("10.200.0.2"));
    publish(table);
    ke_snap_read_begin();
    const struct endpoint_service *web = find(table, "web");
    assert_int_equal(web->n_ports[0], 3);
    assert_int_equal(web->ports[0][0].n_backends, 2);
    assert_int_equal(web->ports[0][0].backends[0].port, 8080);
    assert_int_equal(web->ports[0][0].backends[1].port, 9090);
    assert_int_equal(web->ports[0][1].n_backends, 1);
    assert_int_equal(web->ports[0][1].backends[0].port, 1053);
    assert_int_equal(web->ports[0][2].n_backends, 0);
    assert_int_equal(web->n_addresses, 2);
    ke_snap_read_end();
    test_table_free(table);
}

/* They are kept decoded: what changed must be seen all the same. */
static void one_of_many_slices_changes_moves_and_goes(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "web", IP PORT_80);
    static const char *const slices[] = { "a", "b", "c", "d", "e" };
    for (unsigned i = 0; i < KE_ARRAY_LEN(slices); i++) {
        char endpoint[80];
        (void)snprintf(endpoint, sizeof(endpoint), "{'addresses':['10.200.0.%u']}", i + 1);
        test_put_slice(table, "default", slices[i], "web", HTTP(8080), endpoint);
    }
    publish(table);
    test_put_slice(table, "default", "c", "web", HTTP(8080),
                   READY("10.200.0.3") "," READY("10.200.0.33"));
    publish(table);
    ke_snap_read_begin();
    assert_int_equal(find(table, "web")->n_addresses, 6);
    ke_snap_read_end();
    test_delete(table, MODEL_ENDPOINTSLICE, "default", "a");
    test_put_slice(table, "default", "d", "other", HTTP(8080), READY("10.200.0.4"));
    publish(table);
    ke_snap_read_begin();
    const struct endpoint_service *web = find(table, "web");
    assert_int_equal(web->n_addresses, 4);
    assert_int_equal(web->addresses[0].ip.b[3], 2);
    assert_int_equal(web->addresses[1].ip.b[3], 3);
    assert_int_equal(web->addresses[2].ip.b[3], 5);
    assert_int_equal(web->addresses[3].ip.b[3], 33);
    ke_snap_read_end();
    test_table_free(table);
}

static void a_slice_that_changes_its_service_moves(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "a", IP PORT_80);
    test_put_service(table, "default", "b", "'clusterIP':'None'," PORT_80);
    test_put_slice(table, "default", "s", "a", HTTP(8080), READY("10.200.0.1"));
    publish(table);
    test_put_slice(table, "default", "s", "b", HTTP(8080), READY("10.200.0.1"));
    publish(table);
    ke_snap_read_begin();
    assert_int_equal(find(table, "a")->n_addresses, 0);
    assert_int_equal(find(table, "b")->n_addresses, 1);
    ke_snap_read_end();
    test_put(table, MODEL_ENDPOINTSLICE,
             "{'metadata':{'namespace':'default','name':'s'},'addressType':'IPv4'}");
    publish(table);
    ke_snap_read_begin();
    assert_int_equal(find(table, "b")->n_addresses, 0);
    ke_snap_read_end();
    test_table_free(table);
}

static void families_follow_the_addresses_of_the_service(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "one", IP PORT_80);
    test_put_service(table, "default", "two", DUAL PORT_80);
    for (int i = 0; i < 2; i++) {
        const char *service = i == 0 ? "one" : "two";
        char second[16];
        (void)snprintf(second, sizeof(second), "six-of-%s", service);
        test_put_slice(table, "default", service, service, HTTP(8080), READY("10.200.0.1"));
        test_put_slice6(table, "default", second, service, HTTP(8080), READY("fd20::1"));
    }
    publish(table);
    struct ke_ip ip = test_ip("fd32::5");
    const struct endpoint_port *port = NULL;
    ke_snap_read_begin();
    assert_int_equal(find(table, "one")->n_ports[0], 1);
    assert_int_equal(find(table, "one")->n_ports[1], 0);
    assert_int_equal(find(table, "two")->n_ports[1], 1);
    assert_int_equal(find(table, "two")->ports[1][0].n_cluster, 1);
    assert_int_equal(find(table, "two")->ports[1][0].backends[0].ip.family, KE_FAMILY_IPV6);
    assert_int_equal(find(table, "two")->n_addresses, 2);
    assert_ptr_equal(endpoint_table_find_address(table, &ip, KE_PROTO_TCP, 80, &port),
                     find(table, "two"));
    assert_ptr_equal(port, &find(table, "two")->ports[1][0]);
    ke_snap_read_end();
    test_table_free(table);
}

/* ---- ids ------------------------------------------------------------------------------------ */

static uint32_t id_of(const struct endpoint_service *service, uint32_t port, uint8_t last_byte)
{
    for (uint32_t i = 0; i < service->ports[0][port].n_backends; i++)
        if (service->ports[0][port].backends[i].ip.b[3] == last_byte)
            return service->ports[0][port].backends[i].id;
    return 0;
}

static void backends_keep_their_ids_while_they_are_there(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "web",
                     IP "'ports':[{'name':'http','protocol':'TCP','port':80},"
                        "{'name':'admin','protocol':'TCP','port':81}]");
    const char *ports = HTTP(8080) ",{'name':'admin','protocol':'TCP','port':8081}";
    test_put_slice(table, "default", "a", "web", ports,
                   READY("10.200.0.5") "," READY("10.200.0.7"));
    publish(table);
    ke_snap_read_begin();
    uint32_t five = id_of(find(table, "web"), 0, 5);
    uint32_t seven = id_of(find(table, "web"), 0, 7);
    uint32_t admin = id_of(find(table, "web"), 1, 5);
    uint64_t service_id = find(table, "web")->id;
    ke_snap_read_end();
    assert_true(five != 0 && seven != 0 && admin != 0);
    assert_true(five != seven && five != admin && seven != admin);
    test_put_slice(table, "default", "a", "web", ports,
                   READY("10.200.0.9") "," NOT_READY("10.200.0.5") "," READY("10.200.0.3"));
    test_put_slice(table, "default", "b", "web", ports, READY("10.200.0.6"));
    publish(table);
    ke_snap_read_begin();
    const struct endpoint_service *web = find(table, "web");
    assert_int_equal(web->id, service_id);
    assert_int_equal(id_of(web, 0, 5), five);
    assert_int_equal(id_of(web, 1, 5), admin);
    assert_int_equal(id_of(web, 0, 7), 0);
    uint32_t new_ids[] = { id_of(web, 0, 3), id_of(web, 0, 6), id_of(web, 0, 9) };
    for (size_t i = 0; i < KE_ARRAY_LEN(new_ids); i++)
        assert_true(new_ids[i] > admin && new_ids[i] > seven);
    ke_snap_read_end();
    /* Another target port is another backend. */
    test_put_slice(table, "default", "a", "web", HTTP(9999), READY("10.200.0.5"));
    publish(table);
    ke_snap_read_begin();
    assert_true(id_of(find(table, "web"), 0, 5) != five);
    ke_snap_read_end();
    test_table_free(table);
}

/* ---- headless ------------------------------------------------------------------------------- */

static void a_headless_service_has_names_and_ports_of_its_slices(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "db", "'clusterIP':'None','clusterIPs':['None'],'ports':[]");
    test_put_slice(table, "default", "a", "db", "",
                   "{'addresses':['10.200.0.2'],'hostname':'db-1','nodeName':'n1','zone':'z',"
                   "'targetRef':{'kind':'Pod','namespace':'default','name':'db-1'}},"
                   "{'addresses':['10.200.0.1'],'hostname':'db-0','conditions':{'ready':false}}");
    test_put_slice(table, "default", "b", "db", "{'name':'pg','port':5432,'protocol':'TCP'}",
                   READY("10.200.0.3"));
    publish(table);
    ke_snap_read_begin();
    const struct endpoint_service *db = find(table, "db");
    assert_true(db->is_headless && !db->is_proxied);
    assert_int_equal(db->n_cluster_ips, 0);
    assert_int_equal(db->n_addresses, 3);
    assert_text(db->addresses[0].hostname, "db-0");
    assert_false(db->addresses[0].is_ready);
    assert_text(db->addresses[1].hostname, "db-1");
    assert_text(db->addresses[1].node_name, "n1");
    assert_text(db->addresses[1].zone, "z");
    assert_text(db->addresses[1].target_kind, "Pod");
    assert_text(db->addresses[1].target_ns, "default");
    assert_text(db->addresses[1].target_name, "db-1");
    assert_true(db->addresses[1].is_local && !db->addresses[2].is_local);
    assert_text(db->addresses[2].hostname, "");
    assert_int_equal(db->n_ports[0], 1);
    assert_text(db->ports[0][0].name, "pg");
    assert_int_equal(db->ports[0][0].port, 5432);
    assert_int_equal(db->ports[0][0].n_cluster, 1);
    ke_snap_read_end();
    test_table_free(table);
}

static void a_service_without_slices_has_no_backends(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "web", IP PORT_80 ",'selector':{'app':'web'}");
    publish(table);
    ke_snap_read_begin();
    const struct endpoint_service *web = find(table, "web");
    assert_false(web->has_endpoints);
    assert_int_equal(web->ports[0][0].n_backends, 0);
    assert_int_equal(web->n_addresses, 0);
    assert_text(web->ports[0][0].target_name, "web");
    ke_snap_read_end();
    test_table_free(table);
}

/* ---- the rest of the record ----------------------------------------------------------------- */

static void carries_the_policies_of_the_service(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put(table, MODEL_SERVICE,
             "{'metadata':{'namespace':'default','name':'web'},'spec':{'type':'LoadBalancer'," IP
             "'externalIPs':['192.0.2.1','192.0.2.2'],'sessionAffinity':'ClientIP',"
             "'sessionAffinityConfig':{'clientIP':{'timeoutSeconds':600}},"
             "'internalTrafficPolicy':'Local','externalTrafficPolicy':'Local',"
             "'healthCheckNodePort':31000,'loadBalancerSourceRanges':['203.0.113.0/24'],"
             "'ports':[{'name':'http','protocol':'TCP','port':80,'nodePort':30080,"
             "'appProtocol':'kubernetes.io/h2c'}]},"
             "'status':{'loadBalancer':{'ingress':[{'ip':'198.51.100.1'},"
             "{'ip':'198.51.100.2','ipMode':'Proxy'}]}}}");
    publish(table);
    ke_snap_read_begin();
    const struct endpoint_service *web = find(table, "web");
    assert_int_equal(web->type, MODEL_SERVICE_LOAD_BALANCER);
    assert_int_equal(web->n_external_ips, 2);
    assert_int_equal(web->external_ips[1].b[3], 2);
    assert_int_equal(web->n_lb_ips, 1);
    assert_int_equal(web->n_source_ranges, 1);
    assert_int_equal(web->source_ranges[0].prefix, 24);
    assert_true(web->has_client_ip_affinity && web->is_internal_local && web->is_external_local);
    assert_int_equal(web->affinity_timeout_s, 600);
    assert_int_equal(web->health_check_node_port, 31000);
    assert_int_equal(web->ports[0][0].node_port, 30080);
    assert_text(web->ports[0][0].app_protocol, "kubernetes.io/h2c");
    ke_snap_read_end();
    test_table_free(table);
}

static void put_node(struct endpoint_table *table, const char *zone)
{
    test_put(table, MODEL_NODE,
             "{'metadata':{'name':'n1','labels':{'topology.kubernetes.io/zone':'%s'}}}", zone);
}

static void the_zone_of_this_node_decides_over_hints(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "web", IP PORT_80);
    test_put_slice(table, "default", "a", "web", HTTP(8080),
                   "{'addresses':['10.200.0.1'],'hints':{'forZones':[{'name':'a'}]}},"
                   "{'addresses':['10.200.0.2'],'hints':{'forZones':[{'name':'b'}]}}");
    publish(table);
    ke_snap_read_begin();
    assert_int_equal(find(table, "web")->ports[0][0].n_cluster, 2);
    ke_snap_read_end();
    put_node(table, "b");
    publish(table);
    ke_snap_read_begin();
    assert_int_equal(find(table, "web")->ports[0][0].n_cluster, 1);
    assert_int_equal(find(table, "web")->ports[0][0].cluster[0], 1);
    ke_snap_read_end();
    put_node(table, "a");
    publish(table);
    ke_snap_read_begin();
    assert_int_equal(find(table, "web")->ports[0][0].cluster[0], 0);
    ke_snap_read_end();
    test_table_free(table);
}

/* ---- odd input and no memory ---------------------------------------------------------------- */

static void odd_objects_do_no_harm(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    test_put_service(table, "default", "web", "'clusterIP':7,'clusterIPs':[null],'ports':[1,{}]");
    test_put_slice(table, "default", "a", "web", "{},{'port':99999},null",
                   "{},{'addresses':[]},{'addresses':['x']},{'addresses':['fd00::1']},null,7");
    test_put_slice(table, "default", "b", "nobody", "", "");
    test_delete(table, MODEL_SERVICE, "default", "missing");
    test_delete(table, MODEL_ENDPOINTSLICE, "default", "missing");
    publish(table);
    ke_snap_read_begin();
    assert_int_equal(find(table, "web")->n_addresses, 0);
    assert_null(find(table, "nobody"));
    ke_snap_read_end();
    test_table_free(table);
}

/* ke_snap_retire without memory leaks what it is given, as its contract says: not a finding here.
 */
static void may_leak(bool is_so)
{
#ifdef __SANITIZE_ADDRESS__
    if (is_so)
        __lsan_disable();
    else
        __lsan_enable();
#else
    (void)is_so;
#endif
}

/* Whatever fails: the old state or the new one, never less; and then it works. */
static void fail_each_allocation(bool has_many_slices)
{
    unsigned n_failed = 0;
    for (size_t n = 1;; n++) {
        struct endpoint_table *table = test_table_new();
        test_put_service(table, "default", "web", IP PORT_80);
        test_put_slice(table, "default", "a", "web", HTTP(8080), READY("10.200.0.1"));
        for (int i = 0; i < (has_many_slices ? 3 : 0); i++)
            test_put_slice(table, "default", i == 0 ? "b" : i == 1 ? "c" : "d", "web", "", "");
        may_leak(true);
        publish(table);
        may_leak(false);
        test_put_slice(table, "default", "a", "web", HTTP(8080),
                       READY("10.200.0.1") "," READY("10.200.0.2"));
        test_put_service(table, "default", "new", "'clusterIP':'None'," PORT_80);
        test_alloc_fail_at(n);
        publish(table);
        bool has_failed = test_alloc_end();
        ke_snap_read_begin();
        const struct endpoint_service *web = find(table, "web");
        assert_non_null(web);
        assert_true(web->n_addresses == 1 || web->n_addresses == 2);
        ke_snap_read_end();
        publish(table);
        struct ke_ip ip = test_ip("10.200.0.2");
        uint32_t pos = 0;
        ke_snap_read_begin();
        assert_int_equal(find(table, "web")->n_addresses, 2);
        assert_non_null(find(table, "new"));
        assert_ptr_equal(endpoint_table_next_by_backend(table, &ip, &pos), find(table, "web"));
        ke_snap_read_end();
        test_table_free(table);
        if (!has_failed)
            break;
        n_failed++;
    }
    assert_true(n_failed > 20);
}

static void without_memory_a_service_stays_as_it_was(void **state)
{
    (void)state;
    fail_each_allocation(false);
    fail_each_allocation(true);
}

static cJSON *parse(const char *text)
{
    struct ke_err err = KE_ERR_INIT;
    cJSON *json = NULL;
    assert_int_equal(ke_json_parse(ke_str_c(text), &json, &err), KE_OK);
    return json;
}

static void an_object_is_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    static const struct {
        enum model_kind_id kind;
        const char *text;
    } objects[] = {
        { MODEL_SERVICE, "{\"metadata\":{\"namespace\":\"default\",\"name\":\"web\"},"
                         "\"spec\":{\"clusterIP\":\"None\"}}" },
        { MODEL_ENDPOINTSLICE,
          "{\"metadata\":{\"namespace\":\"default\",\"name\":\"web-1\",\"labels\":{"
          "\"kubernetes.io/service-name\":\"web\"}},\"addressType\":\"IPv4\","
          "\"endpoints\":[{\"addresses\":[\"10.200.0.1\"]}]}" },
        { MODEL_NAMESPACE, "{\"metadata\":{\"name\":\"default\"}}" },
        { MODEL_NODE, "{\"metadata\":{\"name\":\"n1\",\"labels\":{"
                      "\"topology.kubernetes.io/zone\":\"z\"}},\"status\":{\"addresses\":[{"
                      "\"type\":\"InternalIP\",\"address\":\"192.0.2.1\"}]}}" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(objects); i++) {
        ke_auto_json *json = parse(objects[i].text);
        struct endpoint_table *table = test_table_new();
        unsigned n_failed = 0;
        for (size_t n = 1;; n++) {
            test_alloc_fail_at(n);
            bool is_put = endpoint_table_put_object(table, objects[i].kind, json);
            if (!test_alloc_end()) {
                assert_true(is_put);
                break;
            }
            assert_false(is_put);
            publish(table);
            n_failed++;
        }
        assert_true(n_failed > 2);
        publish(table);
        struct ke_ip ip = test_ip("192.0.2.1");
        ke_snap_read_begin();
        assert_true((find(table, "web") != NULL) == (objects[i].kind == MODEL_SERVICE));
        assert_true(endpoint_table_has_namespace(table, KE_STR("default")) ==
                    (objects[i].kind == MODEL_NAMESPACE));
        assert_true(endpoint_table_is_node_address(table, &ip) == (objects[i].kind == MODEL_NODE));
        ke_snap_read_end();
        test_table_free(table);
    }
}

static void a_table_is_made_whole_or_not_at_all(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct ke_err err = KE_ERR_INIT;
        test_alloc_fail_at(n);
        struct endpoint_table *table = endpoint_table_new(KE_STR("n1"), &err);
        bool has_failed = test_alloc_end();
        assert_true((table == NULL) == has_failed);
        endpoint_table_free(table);
        if (!has_failed)
            break;
        assert_int_equal(err.code, KE_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proxies_what_kube_proxy_would),
        cmocka_unit_test(ignores_fqdn_slices_and_headless_slices_of_other_services),
        cmocka_unit_test(an_address_in_several_slices_counts_once_and_the_ready_one_wins),
        cmocka_unit_test(of_two_equal_ones_the_newest_slice_wins),
        cmocka_unit_test(slices_match_ports_by_name_and_protocol),
        cmocka_unit_test(one_of_many_slices_changes_moves_and_goes),
        cmocka_unit_test(a_slice_that_changes_its_service_moves),
        cmocka_unit_test(families_follow_the_addresses_of_the_service),
        cmocka_unit_test(backends_keep_their_ids_while_they_are_there),
        cmocka_unit_test(a_headless_service_has_names_and_ports_of_its_slices),
        cmocka_unit_test(a_service_without_slices_has_no_backends),
        cmocka_unit_test(carries_the_policies_of_the_service),
        cmocka_unit_test(the_zone_of_this_node_decides_over_hints),
        cmocka_unit_test(odd_objects_do_no_harm),
        cmocka_unit_test(without_memory_a_service_stays_as_it_was),
        cmocka_unit_test(an_object_is_taken_whole_or_not_at_all),
        cmocka_unit_test(a_table_is_made_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
