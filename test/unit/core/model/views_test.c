/* SPDX-License-Identifier: Apache-2.0 */
/* Typed views: what is read, what absent means, and that odd content is left out. */
#include "core/base/json.h"
#include "core/model/views.h"
#include "test/support/base/test.h"

struct fixture {
    struct ke_arena *arena;
    cJSON *json;
};

static int set_up(void **state)
{
    struct fixture *f = ke_alloc(sizeof(*f));
    assert_non_null(f);
    f->arena = ke_arena_new(1 << 20);
    *state = f;
    return f->arena == NULL;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    cJSON_Delete(f->json);
    ke_arena_free(f->arena);
    free(f);
    return 0;
}

/* Single quotes stand for double ones. */
static const cJSON *load(struct fixture *f, const char *text)
{
    char *copy = ke_str_dup(ke_str_c(text));
    assert_non_null(copy);
    for (char *c = copy; *c != '\0'; c++)
        *c = *c == '\'' ? '"' : *c;
    struct ke_err err = KE_ERR_INIT;
    cJSON_Delete(f->json);
    f->json = NULL;
    enum ke_code rc = ke_json_parse(ke_str_c(copy), &f->json, &err);
    free(copy);
    if (rc != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    return f->json;
}

static void assert_text(struct ke_str s, const char *expected)
{
    if (!ke_str_eq_c(s, expected))
        fail_msg("%.*s, expected %s", KE_STR_ARG(s), expected);
}

static void assert_ip(const struct ke_ip *ip, const char *expected)
{
    char text[KE_IP_TEXT_MAX];
    assert_string_equal(ke_ip_text(ip, text), expected);
}

static void service_is_read_whole(void **state)
{
    struct fixture *f = *state;
    struct model_service svc;
    const cJSON *json = load(
        f, "{'metadata':{'name':'web','namespace':'d','uid':'u','resourceVersion':'7',"
           "'generation':3,'creationTimestamp':'1970-01-01T00:00:01Z','labels':{'b':'2','a':'1'},"
           "'annotations':{'z':'y'}},'spec':{'type':'LoadBalancer','clusterIP':'10.32.0.5',"
           "'clusterIPs':['10.32.0.5','fd00::5'],'externalIPs':['1.2.3.4','bad'],"
           "'loadBalancerSourceRanges':[' 10.0.0.0/8 ','x'],'selector':{'q':'1','p':'2'},"
           "'ports':[{'name':'http','port':80,'targetPort':'web','nodePort':30080},"
           "{'port':53,'protocol':'UDP','targetPort':5353},{'port':90},{'port':70000}],"
           "'sessionAffinity':'ClientIP','externalTrafficPolicy':'Local',"
           "'internalTrafficPolicy':'Local','healthCheckNodePort':31000,"
           "'publishNotReadyAddresses':true,'trafficDistribution':'PreferClose'},"
           "'status':{'loadBalancer':{'ingress':[{'ip':'9.9.9.9'},{'ip':'8.8.8.8','ipMode':"
           "'Proxy'},{'ip':'7.7.7.7','ipMode':'VIP'},{'hostname':'x'}]}}}");
    assert_true(model_service_decode(json, f->arena, &svc));
    assert_text(svc.meta.name, "web");
    assert_text(svc.meta.ns, "d");
    assert_int_equal(svc.meta.generation, 3);
    assert_true(svc.meta.created_us == 1000000);
    assert_text(svc.meta.labels[0].key, "a");
    assert_text(model_pairs_get(svc.meta.labels, svc.meta.n_labels, KE_STR("b")), "2");
    assert_null(model_pairs_get(svc.meta.labels, svc.meta.n_labels, KE_STR("c")).ptr);
    assert_int_equal(svc.type, MODEL_SERVICE_LOAD_BALANCER);
    assert_int_equal(svc.n_cluster_ips, 2);
    assert_ip(&svc.cluster_ips[1], "fd00::5");
    assert_int_equal(svc.n_external_ips, 1);
    assert_int_equal(svc.n_lb_ips, 2);
    assert_ip(&svc.lb_ips[1], "7.7.7.7");
    assert_int_equal(svc.n_source_ranges, 1);
    assert_text(svc.selector[0].key, "p");
    assert_int_equal(svc.n_ports, 3);
    assert_text(svc.ports[0].target_port.name, "web");
    assert_int_equal(svc.ports[0].node_port, 30080);
    assert_int_equal(svc.ports[1].proto, KE_PROTO_UDP);
    assert_int_equal(svc.ports[1].target_port.number, 5353);
    assert_int_equal(svc.ports[2].target_port.number, 90);
    assert_true(svc.has_client_ip_affinity && svc.is_external_local && svc.is_internal_local);
    assert_int_equal(svc.affinity_timeout_s, 10800);
    assert_int_equal(svc.health_check_node_port, 31000);
    assert_true(svc.publish_not_ready);
    assert_false(svc.is_headless);
    assert_text(svc.traffic_distribution, "PreferClose");
}

static void service_kinds_differ_in_their_addresses(void **state)
{
    struct fixture *f = *state;
    struct model_service svc;
    assert_true(model_service_decode(load(f, "{'spec':{'clusterIP':'None'}}"), f->arena, &svc));
    assert_true(svc.is_headless);
    assert_int_equal(svc.n_cluster_ips, 0);
    assert_true(model_service_decode(load(f, "{'spec':{'clusterIP':'10.0.0.1','status':{}}}"),
                                     f->arena, &svc));
    assert_int_equal(svc.n_cluster_ips, 1);
    assert_int_equal(svc.type, MODEL_SERVICE_CLUSTER_IP);
    assert_true(model_service_decode(
        load(f, "{'spec':{'type':'ExternalName','externalName':'x.y','clusterIP':'10.0.0.1'}}"),
        f->arena, &svc));
    assert_int_equal(svc.n_cluster_ips, 0);
    assert_text(svc.external_name, "x.y");
    /* an address in the status of another type is a left-over */
    assert_true(model_service_decode(
        load(f, "{'spec':{'type':'NodePort'},'status':{'loadBalancer':{'ingress':[{'ip':"
                "'1.1.1.1'}]}}}"),
        f->arena, &svc));
    assert_int_equal(svc.n_lb_ips, 0);
}

static void absent_conditions_of_an_endpoint_mean_ready(void **state)
{
    struct fixture *f = *state;
    struct model_endpoint_slice slice;
    const cJSON *json =
        load(f, "{'metadata':{'labels':{'kubernetes.io/service-name':'web'}},'addressType':'IPv4',"
                "'endpoints':[{'addresses':['10.0.0.1']},"
                "{'addresses':['10.0.0.2'],'conditions':{'ready':false}},"
                "{'addresses':['10.0.0.3'],'conditions':{'ready':false,'serving':true,"
                "'terminating':true},'nodeName':'n','zone':'z','hostname':'h','targetRef':{'kind':"
                "'Pod','namespace':'d','name':'p','uid':'u'}},"
                "{'addresses':['fd00::1']},{'addresses':[]},{'addresses':['nope']}],"
                "'ports':[{'name':'http','port':80},{'protocol':'UDP','port':53},{}]}");
    assert_true(model_endpoint_slice_decode(json, f->arena, &slice));
    assert_text(slice.service_name, "web");
    assert_int_equal(slice.n_endpoints, 3);
    assert_true(slice.endpoints[0].is_ready && slice.endpoints[0].is_serving);
    assert_false(slice.endpoints[0].is_terminating);
    assert_false(slice.endpoints[1].is_ready || slice.endpoints[1].is_serving);
    assert_true(slice.endpoints[2].is_serving && slice.endpoints[2].is_terminating);
    assert_text(slice.endpoints[2].target_name, "p");
    assert_int_equal(slice.n_ports, 3);
    assert_int_equal(slice.ports[1].proto, KE_PROTO_UDP);
    assert_int_equal(slice.ports[2].port, 0);
    /* endpoints: null is what a slice without endpoints carries */
    assert_true(model_endpoint_slice_decode(
        load(f, "{'addressType':'FQDN','endpoints':null,'ports':{}}"), f->arena, &slice));
    assert_int_equal(slice.family, KE_FAMILY_NONE);
    assert_int_equal(slice.n_endpoints + slice.n_ports, 0);
}

static void pod_ports_are_those_of_containers_and_sidecars(void **state)
{
    struct fixture *f = *state;
    struct model_pod pod;
    const cJSON *json = load(
        f, "{'spec':{'nodeName':'n','hostNetwork':true,'hostname':'h','subdomain':'s',"
           "'serviceAccountName':'sa','containers':[{'ports':[{'name':'a','containerPort':80}]},"
           "{'ports':[{'containerPort':0},{'name':'b','containerPort':53,'protocol':'UDP'}]}],"
           "'initContainers':[{'ports':[{'name':'init','containerPort':1}]},{'restartPolicy':"
           "'Always','ports':[{'name':'side','containerPort':2}]}]},'status':{'phase':'Running',"
           "'podIP':'10.0.0.1','podIPs':[{'ip':'10.0.0.1'},{'ip':'fd00::1'},{'ip':'10.0.0.9'}],"
           "'conditions':[{'type':'Initialized','status':'True'},{'type':'Ready','status':"
           "'False','reason':'ContainersNotReady','message':'m'}]}}");
    assert_true(model_pod_decode(json, f->arena, &pod));
    assert_int_equal(pod.n_ports, 3);
    assert_text(pod.ports[1].name, "b");
    assert_text(pod.ports[2].name, "side");
    assert_int_equal(pod.n_ips, 2);
    assert_false(pod.is_ready);
    assert_text(pod.not_ready_reason, "ContainersNotReady");
    assert_true(pod.is_host_network);
    assert_true(model_pod_decode(
        load(f, "{'status':{'podIP':'10.0.0.2','conditions':[{'type':'Ready','status':'True'}]}}"),
        f->arena, &pod));
    assert_true(pod.is_ready);
    assert_ip(&pod.ips[0], "10.0.0.2");
    assert_int_equal(pod.not_ready_reason.len, 0);
}

static void node_addresses_and_ranges_are_read(void **state)
{
    struct fixture *f = *state;
    struct model_node node;
    const cJSON *json =
        load(f, "{'spec':{'podCIDR':'10.200.1.0/24','podCIDRs':['10.200.1.0/24','fd00:1::/64']},"
                "'status':{'addresses':[{'type':'Hostname','address':'n'},{'type':'InternalIP',"
                "'address':'192.168.1.1'},{'type':'ExternalIP','address':'1.1.1.1'}],'conditions':"
                "[{'type':'Ready','status':'True'}]}}");
    assert_true(model_node_decode(json, f->arena, &node));
    assert_int_equal(node.n_internal_ips, 1);
    assert_ip(&node.internal_ips[0], "192.168.1.1");
    assert_int_equal(node.n_pod_cidrs, 2);
    assert_int_equal(node.pod_cidrs[0].prefix, 24);
    assert_true(node.is_ready);
}

static void ingress_rules_and_classes_are_read(void **state)
{
    struct fixture *f = *state;
    struct model_ingress ing;
    const cJSON *json =
        load(f, "{'metadata':{'annotations':{'kubernetes.io/ingress.class':'nginx'}},'spec':{"
                "'ingressClassName':'kedge','defaultBackend':{'service':{'name':'d','port':{'name':"
                "'http'}}},'rules':[{'host':'a.b','http':{'paths':[{'path':'/x','pathType':'Exact',"
                "'backend':{'service':{'name':'s','port':{'number':80}}}},{'pathType':'Prefix',"
                "'backend':{'resource':{'kind':'K','name':'r'}}},{'path':'/i','pathType':"
                "'ImplementationSpecific'}]}},{'host':'no.paths'}],'tls':[{'hosts':['a.b',1],"
                "'secretName':'t'}]}}");
    assert_true(model_ingress_decode(json, f->arena, &ing));
    assert_text(ing.class_name, "kedge");
    assert_text(ing.class_annotation, "nginx");
    assert_true(ing.has_default_backend);
    assert_text(ing.default_backend.port.name, "http");
    assert_int_equal(ing.n_rules, 2);
    assert_int_equal(ing.rules[0].n_paths, 3);
    assert_int_equal(ing.rules[0].paths[0].type, MODEL_PATH_EXACT);
    assert_int_equal(ing.rules[0].paths[0].backend.port.number, 80);
    assert_text(ing.rules[0].paths[1].path, "/");
    assert_text(ing.rules[0].paths[1].backend.resource_kind, "K");
    assert_int_equal(ing.rules[0].paths[2].type, MODEL_PATH_IMPLEMENTATION);
    assert_int_equal(ing.tls[0].n_hosts, 1);

    struct model_ingress_class class;
    assert_true(model_ingress_class_decode(
        load(f, "{'metadata':{'annotations':{'ingressclass.kubernetes.io/is-default-class':"
                "'true'}},'spec':{'controller':'kedge.io/ingress-controller'}}"),
        f->arena, &class));
    assert_true(class.is_default);
    assert_text(class.controller, "kedge.io/ingress-controller");
}

static void a_full_arena_is_told(void **state)
{
    struct fixture *f = *state;
    KE_AUTO(ke_arena) *small = ke_arena_new(16);
    struct model_pod pod;
    assert_false(model_pod_decode(
        load(f, "{'metadata':{'name':'a-name-that-does-not-fit-in-sixteen-bytes'}}"), small, &pod));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(service_is_read_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(service_kinds_differ_in_their_addresses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(absent_conditions_of_an_endpoint_mean_ready, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(pod_ports_are_those_of_containers_and_sidecars, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(node_addresses_and_ranges_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ingress_rules_and_classes_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_arena_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
