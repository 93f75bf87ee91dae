/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints and slices from Services and Pods, and mirrored from hand-made Endpoints. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "test/support/controllers.h"

static void make_service(struct test_controllers *t, const char *name, const char *spec)
{
    char text[1024];
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"tier\":\"x\"}},\"spec\":{%s}}", name,
             spec);
    if (test_create(&t->r, MODEL_SERVICE, "default", text) != KE_OK)
        fail_msg("%s", t->r.message);
}

/* A pod with a port named http on 8080, an address, and a Ready condition. */
static void make_pod(struct test_controllers *t, const char *name, const char *labels,
                     const char *ip, bool is_ready)
{
    char text[1024];
    snprintf(
        text, sizeof(text),
        "{\"metadata\":{\"name\":\"%s\",\"labels\":{%s}},\"spec\":{\"nodeName\":\"n1\","
        "\"hostname\":\"h-%s\",\"subdomain\":\"web\",\"containers\":[{\"name\":\"c\",\"image\":"
        "\"x:1\",\"ports\":[{\"name\":\"http\",\"containerPort\":8080}]}]}}",
        name, labels, name);
    if (test_create(&t->r, MODEL_POD, "default", text) != KE_OK)
        fail_msg("%s", t->r.message);
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .kind = model_kind_by_id(MODEL_POD),
                                        .ns = KE_STR("default"),
                                        .name = ke_str_c(name),
                                        .subresource = KE_STR("status") };
    snprintf(text, sizeof(text),
             "{\"status\":{\"phase\":\"Running\",\"podIP\":\"%s\",\"podIPs\":[{\"ip\":\"%s\"}],"
             "\"conditions\":[{\"type\":\"Ready\",\"status\":\"%s\"}]}}",
             ip, ip, is_ready ? "True" : "False");
    if (test_write(&t->r, request, text) != KE_OK)
        fail_msg("%s", t->r.message);
}

struct wanted_slice {
    const char *service, *path, *value;
};

static bool slice_has(struct test_controllers *t, void *ctx)
{
    const struct wanted_slice *wanted = ctx;
    ke_auto_object *slice = test_slice_of(t, "default", wanted->service);
    if (slice == NULL)
        return false;
    cJSON_Delete(t->r.object);
    t->r.object = registry_object_parse(slice);
    return strcmp(test_field(&t->r, wanted->path), wanted->value) == 0;
}

static void wait_slice(struct test_controllers *t, const char *service, const char *path,
                       const char *value)
{
    struct wanted_slice wanted = { service, path, value };
    char what[256];
    snprintf(what, sizeof(what), "slice of %s: %s = %s", service, path, value);
    test_wait(t, slice_has, &wanted, what);
}

#define WEB "\"selector\":{\"app\":\"web\"},\"ports\":[{\"port\":80,\"targetPort\":\"http\"}]"

static void ready_pods_become_endpoints(void **state)
{
    struct test_controllers *t = *state;
    make_service(t, "web", WEB);
    wait_slice(t, "web", "endpoints", "[]");
    test_wait_field(t, MODEL_ENDPOINTS, "default", "web", "subsets", "");
    make_pod(t, "web-1", "\"app\":\"web\",\"a\":\"b\"", "10.200.0.5", true);
    wait_slice(t, "web", "endpoints.0.addresses.0", "10.200.0.5");
    assert_string_equal(test_field(&t->r, "endpoints.0.conditions"),
                        "{\"ready\":true,\"serving\":true,\"terminating\":false}");
    assert_string_equal(test_field(&t->r, "endpoints.0.nodeName"), "n1");
    assert_string_equal(test_field(&t->r, "endpoints.0.hostname"), "h-web-1");
    assert_string_equal(test_field(&t->r, "endpoints.0.targetRef.name"), "web-1");
    assert_string_equal(test_field(&t->r, "ports.0.port"), "8080");
    assert_string_equal(test_field(&t->r, "metadata.labels.tier"), "x");
    assert_int_equal(strncmp(test_field(&t->r, "metadata.name"), "web-", 4), 0);
    test_wait_field(t, MODEL_ENDPOINTS, "default", "web", "subsets.0.addresses.0.ip", "10.200.0.5");
    assert_string_equal(test_field(&t->r, "subsets.0.ports.0.port"), "8080");
    assert_string_equal(test_field(&t->r, "subsets.0.ports.0.name"), "");
}

static void pods_that_are_not_ready_are_listed_apart(void **state)
{
    struct test_controllers *t = *state;
    make_service(t, "web", WEB);
    make_pod(t, "web-1", "\"app\":\"web\"", "10.200.0.5", false);
    wait_slice(t, "web", "endpoints.0.conditions.ready", "false");
    test_wait_field(t, MODEL_ENDPOINTS, "default", "web", "subsets.0.notReadyAddresses.0.ip",
                    "10.200.0.5");
    make_service(t, "all", "\"publishNotReadyAddresses\":true," WEB);
    wait_slice(t, "all", "endpoints.0.conditions.ready", "true");
    assert_string_equal(test_field(&t->r, "endpoints.0.conditions.serving"), "false");
    test_wait_field(t, MODEL_ENDPOINTS, "default", "all", "subsets.0.addresses.0.ip", "10.200.0.5");
}

static void a_leaving_pod_serves_but_is_not_ready(void **state)
{
    struct test_controllers *t = *state;
    make_service(t, "web", WEB);
    make_pod(t, "web-1", "\"app\":\"web\"", "10.200.0.5", true);
    wait_slice(t, "web", "endpoints.0.conditions.ready", "true");
    assert_int_equal(test_remove(&t->r, MODEL_POD, "default", "web-1"), KE_OK);
    wait_slice(t, "web", "endpoints.0.conditions.terminating", "true");
    assert_string_equal(test_field(&t->r, "endpoints.0.conditions.ready"), "false");
    assert_string_equal(test_field(&t->r, "endpoints.0.conditions.serving"), "true");
    test_wait_field(t, MODEL_ENDPOINTS, "default", "web", "subsets", "");
    struct resource_request request = { .verb = RESOURCE_DELETE,
                                        .kind = model_kind_by_id(MODEL_POD),
                                        .ns = KE_STR("default"),
                                        .name = KE_STR("web-1"),
                                        .grace_period_s = 0 };
    assert_int_equal(test_write(&t->r, request, NULL), KE_OK);
    wait_slice(t, "web", "endpoints", "[]");
}

static void labels_and_selectors_decide_whose_it_is(void **state)
{
    struct test_controllers *t = *state;
    make_service(t, "web", WEB);
    make_service(t, "both", "\"selector\":{\"app\":\"web\",\"v\":\"2\"},\"ports\":[{\"port\":80}]");
    make_pod(t, "web-1", "\"app\":\"web\",\"v\":\"1\"", "10.200.0.5", true);
    wait_slice(t, "web", "endpoints.0.addresses.0", "10.200.0.5");
    wait_slice(t, "both", "endpoints", "[]");
    assert_int_equal(test_merge(&t->r, MODEL_POD, "default", "web-1",
                                "{\"metadata\":{\"labels\":{\"v\":\"2\"}}}"),
                     KE_OK);
    wait_slice(t, "both", "endpoints.0.addresses.0", "10.200.0.5");
    assert_int_equal(test_merge(&t->r, MODEL_POD, "default", "web-1",
                                "{\"metadata\":{\"labels\":{\"app\":\"other\"}}}"),
                     KE_OK);
    wait_slice(t, "both", "endpoints", "[]");
    wait_slice(t, "web", "endpoints", "[]");
    assert_int_equal(test_merge(&t->r, MODEL_SERVICE, "default", "web",
                                "{\"spec\":{\"selector\":{\"app\":\"other\"}}}"),
                     KE_OK);
    wait_slice(t, "web", "endpoints.0.addresses.0", "10.200.0.5");
}

static void a_pod_without_the_named_port_has_none(void **state)
{
    struct test_controllers *t = *state;
    make_service(
        t, "web",
        "\"selector\":{\"app\":\"web\"},\"ports\":[{\"port\":80,\"targetPort\":\"nope\"}]");
    make_pod(t, "web-1", "\"app\":\"web\"", "10.200.0.5", true);
    wait_slice(t, "web", "endpoints.0.addresses.0", "10.200.0.5");
    assert_string_equal(test_field(&t->r, "ports"), "[]");
    test_wait_field(t, MODEL_ENDPOINTS, "default", "web", "subsets", "");
}

static void zones_come_from_the_node(void **state)
{
    struct test_controllers *t = *state;
    make_service(t, "web", WEB);
    make_pod(t, "web-1", "\"app\":\"web\"", "10.200.0.5", true);
    wait_slice(t, "web", "endpoints.0.addresses.0", "10.200.0.5");
    test_wait_field(t, MODEL_NODE, "", "n1", "metadata.name", "n1");
    assert_int_equal(
        test_merge(&t->r, MODEL_NODE, "", "n1",
                   "{\"metadata\":{\"labels\":{\"topology.kubernetes.io/zone\":\"z1\"}}}"),
        KE_OK);
    wait_slice(t, "web", "endpoints.0.zone", "z1");
}

static void what_others_break_is_mended(void **state)
{
    struct test_controllers *t = *state;
    make_service(t, "web", WEB);
    make_pod(t, "web-1", "\"app\":\"web\"", "10.200.0.5", true);
    wait_slice(t, "web", "endpoints.0.addresses.0", "10.200.0.5");
    char name[128];
    snprintf(name, sizeof(name), "%s", test_field(&t->r, "metadata.name"));
    assert_int_equal(test_remove(&t->r, MODEL_ENDPOINTSLICE, "default", name), KE_OK);
    wait_slice(t, "web", "endpoints.0.addresses.0", "10.200.0.5");
    assert_int_equal(test_remove(&t->r, MODEL_ENDPOINTS, "default", "web"), KE_OK);
    test_wait_field(t, MODEL_ENDPOINTS, "default", "web", "subsets.0.addresses.0.ip", "10.200.0.5");
    assert_int_equal(test_merge(&t->r, MODEL_ENDPOINTS, "default", "web", "{\"subsets\":null}"),
                     KE_OK);
    test_wait_field(t, MODEL_ENDPOINTS, "default", "web", "subsets.0.addresses.0.ip", "10.200.0.5");
}

static void a_settled_state_is_not_written_again(void **state)
{
    struct test_controllers *t = *state;
    make_service(t, "web", WEB);
    make_pod(t, "web-1", "\"app\":\"web\"", "10.200.0.5", true);
    wait_slice(t, "web", "endpoints.0.addresses.0", "10.200.0.5");
    test_wait_field(t, MODEL_ENDPOINTS, "default", "web", "subsets.0.addresses.0.ip", "10.200.0.5");
    int64_t endpoints = t->r.revision;
    ke_auto_object *slice = test_slice_of(t, "default", "web");
    assert_non_null(slice);
    /* A change that matters to nobody, and one that comes after it and is seen. */
    assert_int_equal(test_merge(&t->r, MODEL_POD, "default", "web-1",
                                "{\"metadata\":{\"annotations\":{\"x\":\"y\"}}}"),
                     KE_OK);
    make_service(t, "later", WEB);
    wait_slice(t, "later", "endpoints.0.addresses.0", "10.200.0.5");
    ke_auto_object *now = test_slice_of(t, "default", "web");
    assert_int_equal(now->revision, slice->revision);
    assert_true(test_read(t, MODEL_ENDPOINTS, "default", "web"));
    assert_int_equal(t->r.revision, endpoints);
}

static bool no_slice(struct test_controllers *t, void *ctx)
{
    ke_auto_object *slice = test_slice_of(t, "default", ctx);
    return slice == NULL;
}

static void a_deleted_service_takes_its_endpoints_along(void **state)
{
    struct test_controllers *t = *state;
    make_service(t, "web", WEB);
    wait_slice(t, "web", "endpoints", "[]");
    test_wait_field(t, MODEL_ENDPOINTS, "default", "web", "metadata.name", "web");
    assert_int_equal(test_remove(&t->r, MODEL_SERVICE, "default", "web"), KE_OK);
    test_wait_gone(t, MODEL_ENDPOINTS, "default", "web");
    test_wait(t, no_slice, (char *)(uintptr_t) "web", "the slice to go");
}

static void headless_services_are_labelled(void **state)
{
    struct test_controllers *t = *state;
    make_service(t, "web", "\"clusterIP\":\"None\"," WEB);
    make_pod(t, "web-1", "\"app\":\"web\"", "10.200.0.5", true);
    wait_slice(t, "web", "endpoints.0.addresses.0", "10.200.0.5");
    assert_non_null(
        strstr(test_field(&t->r, "metadata.labels"), "\"service.kubernetes.io/headless\":\"\""));
}

/* ---- mirroring */

#define HAND_MADE                                                                                  \
    "{\"metadata\":{\"name\":\"ext\"%s},\"subsets\":[{\"addresses\":[{\"ip\":\"10.9.0.1\"},{"      \
    "\"ip\":\"10.9.0.2\"}],\"notReadyAddresses\":[{\"ip\":\"10.9.0.3\"}],\"ports\":[{\"port\":"    \
    "5432}]}]}"

static void make_hand_made(struct test_controllers *t, const char *meta)
{
    char text[1024];
    snprintf(text, sizeof(text), HAND_MADE, meta);
    if (test_create(&t->r, MODEL_ENDPOINTS, "default", text) != KE_OK)
        fail_msg("%s", t->r.message);
}

static void hand_made_endpoints_are_mirrored(void **state)
{
    struct test_controllers *t = *state;
    make_service(t, "ext", "\"ports\":[{\"port\":5432}]");
    make_hand_made(t, "");
    wait_slice(t, "ext", "endpoints.1.addresses.0", "10.9.0.2");
    assert_string_equal(test_field(&t->r, "endpoints.2.conditions"), "{\"ready\":false}");
    assert_string_equal(test_field(&t->r, "ports.0.port"), "5432");
    assert_non_null(strstr(test_field(&t->r, "metadata.labels"),
                           "\"endpointslicemirroring-controller.k8s.io\""));
    assert_string_equal(test_field(&t->r, "metadata.ownerReferences.0.kind"), "Endpoints");
    assert_int_equal(test_merge(&t->r, MODEL_ENDPOINTS, "default", "ext",
                                "{\"subsets\":[{\"addresses\":[{\"ip\":\"10.9.0.9\"}],\"ports\":[{"
                                "\"port\":5432}]}]}"),
                     KE_OK);
    wait_slice(t, "ext", "endpoints.0.addresses.0", "10.9.0.9");
    assert_int_equal(test_remove(&t->r, MODEL_ENDPOINTS, "default", "ext"), KE_OK);
    test_wait(t, no_slice, (char *)(uintptr_t) "ext", "the mirror to go");
}

static void a_mirror_waits_for_a_service_without_selector(void **state)
{
    struct test_controllers *t = *state;
    make_hand_made(t, "");
    make_service(t, "web", WEB);
    wait_slice(t, "web", "endpoints", "[]");
    ke_auto_object *none = test_slice_of(t, "default", "ext");
    assert_null(none);
    make_service(t, "ext", "\"ports\":[{\"port\":5432}]");
    wait_slice(t, "ext", "endpoints.0.addresses.0", "10.9.0.1");
}

static void some_endpoints_are_not_mirrored(void **state)
{
    struct test_controllers *t = *state;
    make_service(t, "ext", "\"ports\":[{\"port\":5432}]");
    make_hand_made(t, ",\"labels\":{\"endpointslice.kubernetes.io/skip-mirror\":\"true\"}");
    make_service(t, "web", WEB);
    wait_slice(t, "web", "endpoints", "[]");
    ke_auto_object *none = test_slice_of(t, "default", "ext");
    assert_null(none);
    assert_int_equal(
        test_merge(
            &t->r, MODEL_ENDPOINTS, "default", "ext",
            "{\"metadata\":{\"labels\":{\"endpointslice.kubernetes.io/skip-mirror\":null}}}"),
        KE_OK);
    wait_slice(t, "ext", "endpoints.0.addresses.0", "10.9.0.1");
    assert_int_equal(test_merge(&t->r, MODEL_ENDPOINTS, "default", "ext",
                                "{\"metadata\":{\"annotations\":{\"control-plane.alpha.kubernetes."
                                "io/leader\":\"x\"}}}"),
                     KE_OK);
    test_wait(t, no_slice, (char *)(uintptr_t) "ext", "the mirror to go");
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_controllers_set_up, test_controllers_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(ready_pods_become_endpoints),
        TEST(pods_that_are_not_ready_are_listed_apart),
        TEST(a_leaving_pod_serves_but_is_not_ready),
        TEST(labels_and_selectors_decide_whose_it_is),
        TEST(a_pod_without_the_named_port_has_none),
        TEST(zones_come_from_the_node),
        TEST(what_others_break_is_mended),
        TEST(a_settled_state_is_not_written_again),
        TEST(a_deleted_service_takes_its_endpoints_along),
        TEST(headless_services_are_labelled),
        TEST(hand_made_endpoints_are_mirrored),
        TEST(a_mirror_waits_for_a_service_without_selector),
        TEST(some_endpoints_are_not_mirrored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
