/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and node ports of Services: given, taken, freed. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "test/support/mem_registry.h"
#include "test/support/resources.h"

static int setup_dual(void **state)
{
    struct test_resources *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    test_resources_init(r, true);
    *state = r;
    return 0;
}

static const char *svc(const char *name, const char *spec)
{
    static char text[1024];
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"selector\":{\"a\":\"b\"},%s}}", name,
             spec);
    return text;
}

#define PORT80   "\"ports\":[{\"port\":80}]"
#define NODEPORT "\"type\":\"NodePort\","

static enum ke_code make(struct test_resources *r, const char *name, const char *spec)
{
    return test_create(r, MODEL_SERVICE, "default", svc(name, spec));
}

static enum ke_code change(struct test_resources *r, const char *name, const char *spec)
{
    char text[1200];
    char rv[32];
    struct ke_err err = KE_ERR_INIT;
    ke_auto_object *now = NULL;
    assert_int_equal(resource_get(r->store, model_kind_by_id(MODEL_SERVICE), KE_STR("default"),
                                  ke_str_c(name), &now, &err),
                     KE_OK);
    snprintf(rv, sizeof(rv), "%lld", (long long)now->revision);
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"%s\",\"resourceVersion\":\"%s\"},\"spec\":{%s}}", name, rv,
             spec);
    return test_update(r, MODEL_SERVICE, "default", name, text);
}

static void a_service_gets_an_address_of_the_range(void **state)
{
    struct test_resources *r = *state;
    if (make(r, "s1", PORT80) != KE_OK)
        fail_msg("%s", r->message);
    char ip[64];
    snprintf(ip, sizeof(ip), "%s", test_field(r, "spec.clusterIP"));
    assert_string_equal(test_field(r, "spec.clusterIPs.0"), ip);
    assert_int_equal(strncmp(ip, "10.32.0.", 8), 0);
    assert_string_equal(test_field(r, "spec.ipFamilies"), "[\"IPv4\"]");
    assert_string_equal(test_field(r, "spec.ipFamilyPolicy"), "SingleStack");
    assert_string_equal(test_field(r, "spec.ports.0.nodePort"), "");
}

static void headless_and_external_name_get_none(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(make(r, "s4", "\"clusterIP\":\"None\"," PORT80), KE_OK);
    assert_string_equal(test_field(r, "spec.clusterIPs"), "[\"None\"]");
    assert_string_equal(test_field(r, "spec.ipFamilyPolicy"), "SingleStack");
    assert_int_equal(make(r, "s5", "\"type\":\"ExternalName\",\"externalName\":\"a.b\""), KE_OK);
    assert_string_equal(test_field(r, "spec.clusterIP"), "");
    assert_string_equal(test_field(r, "spec.clusterIPs"), "");
}

static void headless_without_selector_is_of_both_families(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(test_create(r, MODEL_SERVICE, "default",
                                 "{\"metadata\":{\"name\":\"h\"},\"spec\":{\"clusterIP\":\"None\","
                                 "\"ports\":[{\"port\":80}]}}"),
                     KE_OK);
    assert_string_equal(test_field(r, "spec.ipFamilies"), "[\"IPv4\",\"IPv6\"]");
    assert_string_equal(test_field(r, "spec.ipFamilyPolicy"), "RequireDualStack");
}

static void a_taken_address_is_refused_until_it_is_free(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(make(r, "s1", "\"clusterIP\":\"10.32.0.77\"," PORT80), KE_OK);
    assert_int_equal(make(r, "s6", "\"clusterIP\":\"10.32.0.77\"," PORT80), KE_INVALID);
    assert_string_equal(r->message,
                        "Service \"s6\" is invalid: spec.clusterIPs: Invalid value: "
                        "[]string{\"10.32.0.77\"}: failed to allocated ip:10.32.0.77 with "
                        "error:provided IP is already allocated");
    assert_string_equal(r->details, "s6||Service");
    assert_int_equal(make(r, "s6", "\"clusterIP\":\"10.99.0.1\"," PORT80), KE_INVALID);
    assert_string_equal(r->message,
                        "Service \"s6\" is invalid: spec.clusterIPs: Invalid value: "
                        "[]string{\"10.99.0.1\"}: failed to allocated ip:10.99.0.1 with "
                        "error:provided IP is not in the valid range. The range of valid IPs is "
                        "10.32.0.0/24");
    assert_int_equal(make(r, "s6", "\"clusterIP\":\"10.32.0.0\"," PORT80), KE_INVALID);
    assert_int_equal(make(r, "s6", "\"clusterIP\":\"10.32.0.255\"," PORT80), KE_INVALID);
    assert_int_equal(test_remove(r, MODEL_SERVICE, "default", "s1"), KE_OK);
    assert_int_equal(make(r, "s6", "\"clusterIP\":\"10.32.0.77\"," PORT80), KE_OK);
}

static void addresses_of_the_cluster_are_kept_for_their_services(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(make(r, "x", "\"clusterIP\":\"10.32.0.1\"," PORT80), KE_INVALID);
    assert_int_equal(make(r, "x", "\"clusterIP\":\"10.32.0.10\"," PORT80), KE_INVALID);
    assert_int_equal(make(r, "kubernetes", "\"clusterIP\":\"10.32.0.1\"," PORT80), KE_OK);
}

static void a_full_range_is_said_and_nothing_is_given_twice(void **state)
{
    struct test_resources *r = *state;
    char seen[256] = { 0 };
    for (int i = 0; i < 252; i++) { /* 256 less network, broadcast and two kept ones */
        char name[16];
        snprintf(name, sizeof(name), "s%d", i);
        if (make(r, name, PORT80) != KE_OK)
            fail_msg("%d: %s", i, r->message);
        struct ke_ip ip;
        struct ke_err err = KE_ERR_INIT;
        assert_int_equal(ke_ip_parse(ke_str_c(test_field(r, "spec.clusterIP")), &ip, &err), KE_OK);
        assert_int_equal(seen[ip.b[3]], 0);
        seen[ip.b[3]] = 1;
    }
    assert_int_equal(seen[0] + seen[1] + seen[10] + seen[255], 0);
    assert_int_equal(make(r, "more", PORT80), KE_INVALID);
    assert_non_null(strstr(r->message, "failed to allocate a serviceIP: range is full"));
    assert_int_equal(test_remove(r, MODEL_SERVICE, "default", "s5"), KE_OK);
    assert_int_equal(make(r, "more", PORT80), KE_OK);
}

static void random_addresses_come_from_the_high_band_first(void **state)
{
    struct test_resources *r = *state;
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof(name), "s%d", i);
        assert_int_equal(make(r, name, PORT80), KE_OK);
        struct ke_ip ip;
        struct ke_err err = KE_ERR_INIT;
        assert_int_equal(ke_ip_parse(ke_str_c(test_field(r, "spec.clusterIP")), &ip, &err), KE_OK);
        assert_true(ip.b[3] >= 16);
    }
}

static void node_ports_are_given_shared_and_refused(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(make(r, "s2", NODEPORT "\"ports\":[{\"port\":80,\"nodePort\":30080}]"), KE_OK);
    assert_int_equal(make(r, "s6", NODEPORT "\"ports\":[{\"port\":80,\"nodePort\":30080}]"),
                     KE_INVALID);
    assert_string_equal(r->message, "Service \"s6\" is invalid: spec.ports[0].nodePort: Invalid "
                                    "value: 30080: provided port is already allocated");
    assert_int_equal(make(r, "s6", NODEPORT "\"ports\":[{\"port\":80,\"nodePort\":80}]"),
                     KE_INVALID);
    assert_string_equal(r->message,
                        "Service \"s6\" is invalid: spec.ports[0].nodePort: Invalid value: 80: "
                        "provided port is not in the valid range. The range of valid ports is "
                        "30000-30099");
    assert_int_equal(make(r, "dns",
                          NODEPORT "\"ports\":[{\"name\":\"u\",\"port\":53,\"protocol\":\"UDP\"},{"
                                   "\"name\":\"t\",\"port\":53},{\"name\":\"m\",\"port\":9153}]"),
                     KE_OK);
    char udp[16];
    snprintf(udp, sizeof(udp), "%s", test_field(r, "spec.ports.0.nodePort"));
    assert_string_equal(test_field(r, "spec.ports.1.nodePort"), udp);
    assert_string_not_equal(test_field(r, "spec.ports.2.nodePort"), udp);
}

static void a_local_load_balancer_gets_a_health_check_port(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(
        make(r, "lb", "\"type\":\"LoadBalancer\",\"externalTrafficPolicy\":\"Local\"," PORT80),
        KE_OK);
    char health[16];
    snprintf(health, sizeof(health), "%s", test_field(r, "spec.healthCheckNodePort"));
    assert_int_equal(strlen(health), 5);
    assert_string_not_equal(test_field(r, "spec.ports.0.nodePort"), health);
    assert_int_equal(strlen(test_field(r, "spec.ports.0.nodePort")), 5);
}

static void changes_of_type_take_and_free(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(make(r, "s",
                          NODEPORT "\"clusterIP\":\"10.32.0.50\",\"ports\":[{\"port\":80,"
                                   "\"nodePort\":30001}]"),
                     KE_OK);
    assert_int_equal(change(r, "s", "\"type\":\"ClusterIP\"," PORT80), KE_OK);
    assert_string_equal(test_field(r, "spec.ports.0.nodePort"), "");
    assert_string_equal(test_field(r, "spec.clusterIP"), "10.32.0.50");
    assert_int_equal(make(r, "t", NODEPORT "\"ports\":[{\"port\":80,\"nodePort\":30001}]"), KE_OK);
    assert_int_equal(change(r, "s", NODEPORT PORT80), KE_OK);
    assert_string_not_equal(test_field(r, "spec.ports.0.nodePort"), "30001");
    if (change(r, "s", "\"type\":\"ExternalName\",\"externalName\":\"a.b\"") != KE_OK)
        fail_msg("%s", r->message);
    assert_string_equal(test_field(r, "spec.clusterIP"), "");
    assert_int_equal(make(r, "u", "\"clusterIP\":\"10.32.0.50\"," PORT80), KE_OK);
    assert_int_equal(change(r, "s", "\"type\":\"ClusterIP\"," PORT80), KE_OK);
    assert_string_not_equal(test_field(r, "spec.clusterIP"), "");
    assert_string_not_equal(test_field(r, "spec.clusterIP"), "10.32.0.50");
}

static void an_update_keeps_what_was_given(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(make(r, "s", NODEPORT PORT80), KE_OK);
    char ip[64];
    char port[16];
    snprintf(ip, sizeof(ip), "%s", test_field(r, "spec.clusterIP"));
    snprintf(port, sizeof(port), "%s", test_field(r, "spec.ports.0.nodePort"));
    assert_int_equal(change(r, "s", NODEPORT "\"ports\":[{\"port\":81}]"), KE_OK);
    assert_string_equal(test_field(r, "spec.clusterIP"), ip);
    assert_string_equal(test_field(r, "spec.ports.0.nodePort"), port);
    assert_int_equal(change(r, "s",
                            NODEPORT "\"clusterIP\":\"10.32.0.99\",\"clusterIPs\":["
                                     "\"10.32.0.99\"]," PORT80),
                     KE_INVALID);
    assert_non_null(strstr(r->message, "may not change once set"));
}

static void a_failed_commit_gives_back(void **state)
{
    struct test_resources *r = *state;
    mem_registry_fail(r->registry, KE_IO);
    assert_int_equal(make(r, "s", "\"clusterIP\":\"10.32.0.50\"," PORT80), KE_IO);
    mem_registry_fail(r->registry, KE_OK);
    assert_int_equal(make(r, "t", "\"clusterIP\":\"10.32.0.50\"," PORT80), KE_OK);
    assert_int_equal(make(r, "t", "\"clusterIP\":\"10.32.0.51\"," PORT80), KE_EXISTS);
    assert_int_equal(make(r, "u", "\"clusterIP\":\"10.32.0.51\"," PORT80), KE_OK);
}

static void a_dry_run_takes_nothing(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = { .verb = RESOURCE_CREATE,
                                        .kind = model_kind_by_id(MODEL_SERVICE),
                                        .ns = KE_STR("default"),
                                        .is_dry_run = true };
    assert_int_equal(test_write(r, request, svc("s", "\"clusterIP\":\"10.32.0.50\"," PORT80)),
                     KE_OK);
    assert_int_equal(make(r, "t", "\"clusterIP\":\"10.32.0.50\"," PORT80), KE_OK);
    assert_int_equal(test_write(r, request, svc("s", "\"clusterIP\":\"10.32.0.50\"," PORT80)),
                     KE_INVALID);
}

static void last_code(void *ctx, const struct resource_reply *reply)
{
    *(enum ke_code *)ctx = reply->code;
}

static void writes_under_way_hold_what_they_want(void **state)
{
    struct test_resources *r = *state;
    enum ke_code code = KE_AGAIN;
    struct ke_err err = KE_ERR_INIT;
    struct resource_request request = { .verb = RESOURCE_CREATE,
                                        .kind = model_kind_by_id(MODEL_SERVICE),
                                        .ns = KE_STR("default") };
    assert_int_equal(ke_json_parse(ke_str_c(svc("s", "\"clusterIP\":\"10.32.0.50\"," PORT80)),
                                   &request.body, &err),
                     KE_OK);
    mem_registry_pause(r->registry);
    resource_submit(r->store, &request, last_code, &code);
    assert_int_equal(make(r, "t", "\"clusterIP\":\"10.32.0.50\"," PORT80), KE_INVALID);
    mem_registry_resume(r->registry);
    assert_int_equal(code, KE_OK);
    assert_int_equal(make(r, "t", "\"clusterIP\":\"10.32.0.50\"," PORT80), KE_INVALID);
}

static void a_restart_knows_what_is_taken(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(make(r, "s",
                          NODEPORT "\"clusterIP\":\"10.32.0.50\",\"ports\":[{\"port\":80,"
                                   "\"nodePort\":30001}]"),
                     KE_OK);
    struct ke_err err = KE_ERR_INIT;
    struct resource_options options = { .n_service_cidrs = 1,
                                        .node_port_min = 30000,
                                        .node_port_max = 30099 };
    assert_int_equal(ke_cidr_parse(KE_STR("10.32.0.0/24"), &options.service_cidrs[0], &err), KE_OK);
    resource_store_free(r->store);
    assert_int_equal(resource_store_new(r->hub, &options, &r->store, &err), KE_OK);
    assert_int_equal(make(r, "t", "\"clusterIP\":\"10.32.0.50\"," PORT80), KE_INVALID);
    assert_int_equal(make(r, "t", NODEPORT "\"ports\":[{\"port\":80,\"nodePort\":30001}]"),
                     KE_INVALID);
}

static void dual_stack_gets_two_addresses_when_asked(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(make(r, "one", PORT80), KE_OK);
    assert_string_equal(test_field(r, "spec.ipFamilies"), "[\"IPv4\"]");
    assert_int_equal(make(r, "two", "\"ipFamilyPolicy\":\"PreferDualStack\"," PORT80), KE_OK);
    assert_string_equal(test_field(r, "spec.ipFamilies"), "[\"IPv4\",\"IPv6\"]");
    assert_int_equal(strncmp(test_field(r, "spec.clusterIPs.1"), "fd00:32::", 9), 0);
    assert_int_equal(make(r, "six", "\"ipFamilies\":[\"IPv6\"]," PORT80), KE_OK);
    assert_int_equal(strncmp(test_field(r, "spec.clusterIP"), "fd00:32::", 9), 0);
    if (change(r, "two", "\"ipFamilyPolicy\":\"SingleStack\"," PORT80) != KE_OK)
        fail_msg("%s", r->message);
    assert_string_equal(test_field(r, "spec.ipFamilies"), "[\"IPv4\"]");
    assert_string_equal(test_field(r, "spec.clusterIPs.1"), "");
}

static void single_stack_clusters_refuse_the_other_family(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(make(r, "six", "\"ipFamilies\":[\"IPv6\"]," PORT80), KE_INVALID);
    assert_string_equal(r->message,
                        "Service \"six\" is invalid: spec.ipFamilies[0]: Invalid value: "
                        "\"IPv6\": not configured on this cluster");
    assert_int_equal(make(r, "two", "\"ipFamilyPolicy\":\"RequireDualStack\"," PORT80), KE_INVALID);
    assert_string_equal(r->message,
                        "Service \"two\" is invalid: spec.ipFamilyPolicy: Invalid value: "
                        "\"RequireDualStack\": this cluster is not configured for dual-stack "
                        "services");
    assert_int_equal(make(r, "prefers", "\"ipFamilyPolicy\":\"PreferDualStack\"," PORT80), KE_OK);
    assert_string_equal(test_field(r, "spec.ipFamilies"), "[\"IPv4\"]");
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_resources_set_up, test_resources_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_service_gets_an_address_of_the_range),
        TEST(headless_and_external_name_get_none),
        TEST(headless_without_selector_is_of_both_families),
        TEST(a_taken_address_is_refused_until_it_is_free),
        TEST(addresses_of_the_cluster_are_kept_for_their_services),
        TEST(a_full_range_is_said_and_nothing_is_given_twice),
        TEST(random_addresses_come_from_the_high_band_first),
        TEST(node_ports_are_given_shared_and_refused),
        TEST(a_local_load_balancer_gets_a_health_check_port),
        TEST(changes_of_type_take_and_free),
        TEST(an_update_keeps_what_was_given),
        TEST(a_failed_commit_gives_back),
        TEST(a_dry_run_takes_nothing),
        TEST(writes_under_way_hold_what_they_want),
        TEST(a_restart_knows_what_is_taken),
        cmocka_unit_test_setup_teardown(dual_stack_gets_two_addresses_when_asked, setup_dual,
                                        test_resources_tear_down),
        TEST(single_stack_clusters_refuse_the_other_family),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
