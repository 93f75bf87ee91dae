/* SPDX-License-Identifier: Apache-2.0 */
/* What every cluster has, namespaces filled and emptied, this node, Events and Ingress status. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/controller/node_build.h"
#include "core/controller/observation.h"
#include "core/controller/work.h"
#include "test/support/controllers.h"
#include "test/support/objects.h"

/* ---- the cluster's own objects */

static void the_api_and_the_dns_are_services(void **state)
{
    struct test_controllers *t = *state;
    test_wait_field(t, MODEL_SERVICE, "default", "kubernetes", "spec.clusterIP", "10.32.0.1");
    assert_string_equal(test_field(&t->r, "spec.ports.0.targetPort"), "6443");
    test_wait_field(t, MODEL_ENDPOINTS, "default", "kubernetes", "subsets.0.addresses.0.ip",
                    "192.0.2.1");
    assert_string_equal(test_field(&t->r, "subsets.0.ports.0.port"), "6443");
    test_wait_field(t, MODEL_ENDPOINTSLICE, "default", "kubernetes", "endpoints.0.addresses.0",
                    "192.0.2.1");
    test_wait_field(t, MODEL_SERVICE, "kube-system", "kube-dns", "spec.clusterIP", "10.32.0.10");
    test_wait_field(t, MODEL_ENDPOINTSLICE, "kube-system", "kube-dns", "ports.1.name", "dns-tcp");
    test_wait_field(t, MODEL_INGRESSCLASS, "", "kedge", "spec.controller",
                    "kedge.io/ingress-controller");
}

static void they_are_put_right(void **state)
{
    struct test_controllers *t = *state;
    test_wait_field(t, MODEL_ENDPOINTS, "default", "kubernetes", "subsets.0.addresses.0.ip",
                    "192.0.2.1");
    assert_int_equal(test_merge(&t->r, MODEL_ENDPOINTS, "default", "kubernetes",
                                "{\"subsets\":[{\"addresses\":[{\"ip\":\"10.1.1.1\"}],\"ports\":[{"
                                "\"name\":\"https\",\"port\":1}]}]}"),
                     KE_OK);
    test_wait_field(t, MODEL_ENDPOINTS, "default", "kubernetes", "subsets.0.addresses.0.ip",
                    "192.0.2.1");
    assert_int_equal(test_merge(&t->r, MODEL_SERVICE, "default", "kubernetes",
                                "{\"metadata\":{\"annotations\":{\"mine\":\"1\"}}}"),
                     KE_OK);
    test_wait_field(t, MODEL_SERVICE, "default", "kubernetes", "metadata.annotations.mine", "1");
    assert_int_equal(test_remove(&t->r, MODEL_SERVICE, "default", "kubernetes"), KE_OK);
    test_wait_field(t, MODEL_SERVICE, "default", "kubernetes", "spec.clusterIP", "10.32.0.1");
    test_wait_field(t, MODEL_ENDPOINTS, "default", "kubernetes", "subsets.0.addresses.0.ip",
                    "192.0.2.1");
}

/* ---- namespaces */

static void each_namespace_gets_account_and_certificate(void **state)
{
    struct test_controllers *t = *state;
    static const char *const names[] = { "default", "kube-system", "kube-public",
                                         "kube-node-lease" };
    for (size_t i = 0; i < KE_ARRAY_LEN(names); i++) {
        test_wait_field(t, MODEL_NAMESPACE, "", names[i], "status.phase", "Active");
        test_wait_field(t, MODEL_SERVICEACCOUNT, names[i], "default", "metadata.name", "default");
        test_wait_field(t, MODEL_CONFIGMAP, names[i], "kube-root-ca.crt", "data",
                        "{\"ca.crt\":\"PEM\"}");
    }
    assert_int_equal(test_create(&t->r, MODEL_NAMESPACE, "", "{\"metadata\":{\"name\":\"x\"}}"),
                     KE_OK);
    test_wait_field(t, MODEL_SERVICEACCOUNT, "x", "default", "metadata.name", "default");
    test_wait_field(t, MODEL_CONFIGMAP, "x", "kube-root-ca.crt", "data.ca~crt", "");
    assert_int_equal(test_merge(&t->r, MODEL_CONFIGMAP, "x", "kube-root-ca.crt",
                                "{\"data\":{\"ca.crt\":\"no\"}}"),
                     KE_OK);
    test_wait_field(t, MODEL_CONFIGMAP, "x", "kube-root-ca.crt", "data", "{\"ca.crt\":\"PEM\"}");
    assert_int_equal(test_remove(&t->r, MODEL_SERVICEACCOUNT, "x", "default"), KE_OK);
    test_wait_field(t, MODEL_SERVICEACCOUNT, "x", "default", "metadata.name", "default");
}

static void a_deleted_namespace_is_emptied_first(void **state)
{
    struct test_controllers *t = *state;
    assert_int_equal(test_create(&t->r, MODEL_NAMESPACE, "", "{\"metadata\":{\"name\":\"x\"}}"),
                     KE_OK);
    test_wait_field(t, MODEL_CONFIGMAP, "x", "kube-root-ca.crt", "metadata.name",
                    "kube-root-ca.crt");
    assert_int_equal(test_create(&t->r, MODEL_SECRET, "x", "{\"metadata\":{\"name\":\"s\"}}"),
                     KE_OK);
    assert_int_equal(test_create(&t->r, MODEL_CONFIGMAP, "x",
                                 "{\"metadata\":{\"name\":\"held\",\"finalizers\":[\"x.y/z\"]}}"),
                     KE_OK);
    assert_int_equal(
        test_create(&t->r, MODEL_POD, "x",
                    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":"
                    "\"c\",\"image\":\"x:1\"}]}}"),
        KE_OK);
    assert_int_equal(test_remove(&t->r, MODEL_NAMESPACE, "", "x"), KE_OK);
    test_wait_gone(t, MODEL_SECRET, "x", "s");
    test_wait_field(t, MODEL_CONFIGMAP, "x", "held", "metadata.deletionGracePeriodSeconds", "0");
    assert_true(test_exists(&t->r, MODEL_NAMESPACE, "", "x"));
    /* What it waits for is told. */
    test_wait_field(t, MODEL_NAMESPACE, "", "x", "status.conditions.3.message",
                    "Some resources are remaining: configmaps. has 1 resource instances");
    test_wait_field(t, MODEL_NAMESPACE, "", "x", "status.conditions.4.message",
                    "Some content in the namespace has finalizers remaining: x.y/z in 1 resource "
                    "instances");
    assert_string_equal(test_field(&t->r, "status.conditions.4.reason"), "SomeFinalizersRemain");
    assert_string_equal(test_field(&t->r, "status.conditions.2.status"), "False");
    assert_int_equal(
        test_merge(&t->r, MODEL_CONFIGMAP, "x", "held", "{\"metadata\":{\"finalizers\":null}}"),
        KE_OK);
    test_wait_gone(t, MODEL_NAMESPACE, "", "x");
    assert_false(test_exists(&t->r, MODEL_SERVICEACCOUNT, "x", "default"));
    assert_false(test_exists(&t->r, MODEL_POD, "x", "p"));
}

/* ---- the node */

/* As a create does that was admitted before the namespace went. */
static void what_is_left_behind_a_namespace_goes(void **state)
{
    struct test_controllers *t = *state;
    struct registry_object *left = test_object(MODEL_CONFIGMAP, "gone", "late", "1");
    struct registry_object *kept = test_object(MODEL_CONFIGMAP, "default", "kept", "1");
    (void)test_object_put(t->r.registry, left);
    (void)test_object_put(t->r.registry, kept);
    test_wait_gone(t, MODEL_CONFIGMAP, "gone", "late");
    assert_true(test_exists(&t->r, MODEL_CONFIGMAP, "default", "kept"));
}

static void the_node_registers_with_a_lease(void **state)
{
    struct test_controllers *t = *state;
    test_wait_field(t, MODEL_NODE, "", "n1", "status.addresses.0.address", "192.0.2.1");
    assert_string_equal(test_field(&t->r, "status.nodeInfo.kubeletVersion"), "v1.33.0+kedge");
    assert_string_equal(test_field(&t->r, "status.conditions.5.type"), "Ready");
    assert_string_equal(test_field(&t->r, "status.conditions.5.status"), "True");
    assert_string_not_equal(test_field(&t->r, "status.capacity.memory"), "");
    assert_non_null(
        strstr(test_field(&t->r, "metadata.labels"), "\"kubernetes.io/hostname\":\"n1\""));
    char uid[64];
    snprintf(uid, sizeof(uid), "%s", test_field(&t->r, "metadata.uid"));
    test_wait_field(t, MODEL_LEASE, "kube-node-lease", "n1", "spec.holderIdentity", "n1");
    assert_string_equal(test_field(&t->r, "spec.renewTime"), "2026-01-01T00:00:00.000000Z");
    assert_string_equal(test_field(&t->r, "metadata.ownerReferences.0.uid"), uid);
    assert_int_equal(test_remove(&t->r, MODEL_NODE, "", "n1"), KE_OK);
    test_wait_field(t, MODEL_NODE, "", "n1", "status.addresses.0.address", "192.0.2.1");
}

static void node_status_is_written_when_it_is_news(void **state)
{
    (void)state;
    struct ke_ip ip = { .family = KE_FAMILY_IPV4, .b = { 192, 0, 2, 1 } };
    struct controllers_options options = {
        .node_name = KE_STR("n1"), .node_ips = &ip, .n_node_ips = 1, .kubelet_version = KE_STR("v1")
    };
    struct node_facts facts;
    node_facts_read(&facts);
    struct node_input input = { .options = &options, .facts = &facts, .now_s = 1000 };
    ke_auto_json *first = node_build_status(&input, NULL);
    assert_non_null(first);
    assert_true(node_status_is_news(first, NULL, 1000, 300));
    input.now_s = 1010;
    ke_auto_json *second = node_build_status(&input, first);
    assert_false(node_status_is_news(second, first, 1010, 300));
    assert_true(node_status_is_news(second, first, 1300, 300));
    input.degraded = KE_STR("dns: port 53 is held by dnsmasq");
    ke_auto_json *third = node_build_status(&input, first);
    assert_true(node_status_is_news(third, first, 1010, 300));
    const cJSON *degraded = cJSON_GetArrayItem(ke_json_path(third, "status.conditions"), 4);
    const cJSON *ready = cJSON_GetArrayItem(ke_json_path(third, "status.conditions"), 5);
    assert_true(ke_str_eq_c(ke_json_str(degraded, "status"), "True"));
    assert_true(ke_str_eq_c(ke_json_str(degraded, "message"), "dns: port 53 is held by dnsmasq"));
    assert_true(ke_str_eq_c(ke_json_str(degraded, "lastTransitionTime"), "1970-01-01T00:16:50Z"));
    assert_true(ke_str_eq_c(ke_json_str(ready, "lastTransitionTime"), "1970-01-01T00:16:40Z"));
}

/* ---- observations */

struct event_search {
    const char *reason;
    int64_t count;
    size_t n;
};

static bool find_event(struct test_controllers *t, void *ctx)
{
    struct event_search *search = ctx;
    struct ke_err err = KE_ERR_INIT;
    struct resource_list_options options = { .ns = KE_STR("default") };
    struct resource_list list = { .continue_token = NULL };
    assert_int_equal(
        resource_list(t->r.store, model_kind_by_id(MODEL_EVENT), &options, &list, &err), KE_OK);
    search->n = list.items.n_objects;
    bool is_found = false;
    for (size_t i = 0; i < list.items.n_objects; i++) {
        cJSON *json = registry_object_parse(list.items.objects[i]);
        if (ke_str_eq_c(ke_json_str(json, "reason"), search->reason) &&
            ke_json_i64(json, "count", 0) == search->count) {
            cJSON_Delete(t->r.object);
            t->r.object = json;
            is_found = true;
            break;
        }
        cJSON_Delete(json);
    }
    resource_list_free(&list);
    return is_found;
}

static void the_same_observation_is_one_event_with_a_count(void **state)
{
    struct test_controllers *t = *state;
    assert_int_equal(
        test_create(&t->r, MODEL_CONFIGMAP, "default", "{\"metadata\":{\"name\":\"a\"}}"), KE_OK);
    char uid[64];
    snprintf(uid, sizeof(uid), "%s", test_field(&t->r, "metadata.uid"));
    test_wait_field(t, MODEL_NODE, "", "n1", "metadata.name", "n1");
    struct report_object about = { KE_STR("v1"), KE_STR("ConfigMap"), KE_STR("default"),
                                   KE_STR("a") };
    report_event(t->report, REPORT_WARNING, &about, "Broken", KE_STR("it \"broke\""));
    struct event_search search = { .reason = "Broken", .count = 1 };
    test_wait(t, find_event, &search, "an event");
    assert_string_equal(test_field(&t->r, "message"), "it \"broke\"");
    assert_string_equal(test_field(&t->r, "type"), "Warning");
    assert_string_equal(test_field(&t->r, "involvedObject.uid"), uid);
    report_event(t->report, REPORT_WARNING, &about, "Broken", KE_STR("it \"broke\""));
    search.count = 2;
    test_wait(t, find_event, &search, "the event again");
    assert_int_equal(search.n, 1);
}

static void events_are_old_after_an_hour(void **state)
{
    (void)state;
    struct report_item it = { .what = REPORT_ITEM_EVENT,
                              .api_version = (char *)(uintptr_t) "v1",
                              .kind = (char *)(uintptr_t) "Pod",
                              .ns = (char *)(uintptr_t) "default",
                              .name = (char *)(uintptr_t) "p",
                              .reason = (char *)(uintptr_t) "R",
                              .message = (char *)(uintptr_t) "m",
                              .count = 1 };
    struct observation_source source = { .node = KE_STR("n1"), .now_s = 10000 };
    ke_auto_json *event = observation_event(&it, KE_STR("p.1"), KE_STR("u"), &source);
    assert_non_null(event);
    assert_false(observation_event_is_old(event, 13599));
    assert_true(observation_event_is_old(event, 13600));
    ke_auto_json *again = observation_event_again(event, 3, 13000);
    assert_int_equal(ke_json_i64(again, "count", 0), 4);
    assert_false(observation_event_is_old(again, 13600));
}

static void a_served_ingress_shows_the_address_of_the_node(void **state)
{
    struct test_controllers *t = *state;
    assert_int_equal(test_create(&t->r, MODEL_INGRESS, "default",
                                 "{\"metadata\":{\"name\":\"i\"},\"spec\":{\"defaultBackend\":{"
                                 "\"service\":{\"name\":\"s\",\"port\":{\"number\":80}}}}}"),
                     KE_OK);
    test_wait_field(t, MODEL_NODE, "", "n1", "metadata.name", "n1");
    report_ingress_served(t->report, KE_STR("default"), KE_STR("i"), true);
    test_wait_field(t, MODEL_INGRESS, "default", "i", "status.loadBalancer.ingress.0.ip",
                    "192.0.2.1");
    report_ingress_served(t->report, KE_STR("default"), KE_STR("i"), false);
    test_wait_field(t, MODEL_INGRESS, "default", "i", "status.loadBalancer.ingress.0.ip", "");
}

/* ---- work */

static void backoff_doubles_up_to_a_ceiling(void **state)
{
    (void)state;
    for (unsigned n = 1; n < 40; n++) {
        int64_t base = 20 * KE_MS;
        for (unsigned i = 1; i < n && base < 30 * KE_S; i++)
            base *= 2;
        if (base > 30 * KE_S)
            base = 30 * KE_S;
        int64_t wait = work_backoff_ns(n);
        assert_true(wait >= base && wait <= base + base / 2 + KE_MS);
    }
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_controllers_set_up, test_controllers_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_api_and_the_dns_are_services),
        TEST(they_are_put_right),
        TEST(each_namespace_gets_account_and_certificate),
        TEST(a_deleted_namespace_is_emptied_first),
        TEST(what_is_left_behind_a_namespace_goes),
        TEST(the_node_registers_with_a_lease),
        cmocka_unit_test(node_status_is_written_when_it_is_news),
        TEST(the_same_observation_is_one_event_with_a_count),
        cmocka_unit_test(events_are_old_after_an_hour),
        TEST(a_served_ingress_shows_the_address_of_the_node),
        cmocka_unit_test(backoff_doubles_up_to_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
