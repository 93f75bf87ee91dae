/* SPDX-License-Identifier: Apache-2.0 */
/* What is registered without being asked: APIServices and the ServiceCIDR; and what holds claims
 * and volumes until nobody uses them. */
#include <stdlib.h>

#include "core/base/json.h"
#include "core/controller/controller.h"
#include "test/support/controllers.h"

#define AVAILABLE "status.conditions.0.status"
#define REASON    "status.conditions.0.reason"

static void each_version_that_is_served_has_its_apiservice(void **state)
{
    struct test_controllers *t = *state;
    test_wait_field(t, MODEL_APISERVICE, "", "v1.", AVAILABLE, "True");
    assert_string_equal(test_field(&t->r, REASON), "Local");
    assert_string_equal(test_field(&t->r, "spec.groupPriorityMinimum"), "18000");
    test_wait_field(t, MODEL_APISERVICE, "", "v1.apps", AVAILABLE, "True");
    test_wait_field(t, MODEL_APISERVICE, "", "v1beta1.discovery.k8s.io", AVAILABLE, "True");
    assert_string_equal(test_field(&t->r, "spec.versionPriority"), "9");
    /* It comes back, and says what it should. */
    assert_int_equal(test_remove(&t->r, MODEL_APISERVICE, "", "v1.apps"), KE_OK);
    test_wait_field(t, MODEL_APISERVICE, "", "v1.apps", AVAILABLE, "True");
    assert_int_equal(
        test_merge(&t->r, MODEL_APISERVICE, "", "v1.apps", "{\"spec\":{\"versionPriority\":3}}"),
        KE_OK);
    test_wait_field(t, MODEL_APISERVICE, "", "v1.apps", "spec.versionPriority", "15");
}

static void those_of_other_servers_are_not_available(void **state)
{
    struct test_controllers *t = *state;
    assert_int_equal(test_create(&t->r, MODEL_APISERVICE, "",
                                 "{\"metadata\":{\"name\":\"v1beta1.metrics.k8s.io\"},\"spec\":{"
                                 "\"group\":\"metrics.k8s.io\",\"version\":\"v1beta1\","
                                 "\"service\":{\"namespace\":\"kube-system\",\"name\":\"metrics\"},"
                                 "\"groupPriorityMinimum\":100,\"versionPriority\":100}}"),
                     KE_OK);
    test_wait_field(t, MODEL_APISERVICE, "", "v1beta1.metrics.k8s.io", AVAILABLE, "False");
    assert_string_equal(test_field(&t->r, REASON), "AggregationNotSupported");
    assert_string_equal(test_field(&t->r, "spec.service.port"), "443");
}

static void the_configured_ranges_are_shown(void **state)
{
    struct test_controllers *t = *state;
    test_wait_field(t, MODEL_SERVICECIDR, "", "kubernetes", "status.conditions.0.type", "Ready");
    assert_string_equal(test_field(&t->r, "status.conditions.0.status"), "True");
    assert_string_equal(test_field(&t->r, "spec.cidrs.0"), "10.32.0.0/24");
    assert_int_equal(test_remove(&t->r, MODEL_SERVICECIDR, "", "kubernetes"), KE_OK);
    test_wait_field(t, MODEL_SERVICECIDR, "", "kubernetes", "status.conditions.0.status", "True");
}

static void a_claim_goes_when_no_pod_uses_it(void **state)
{
    struct test_controllers *t = *state;
    assert_int_equal(test_create(&t->r, MODEL_PERSISTENTVOLUMECLAIM, "default",
                                 "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"accessModes\":["
                                 "\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":"
                                 "\"1Gi\"}}}}"),
                     KE_OK);
    assert_int_equal(test_create(&t->r, MODEL_POD, "default",
                                 "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n1\","
                                 "\"containers\":[{\"name\":\"c\",\"image\":\"x\"}],\"volumes\":[{"
                                 "\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}]"
                                 "}}"),
                     KE_OK);
    for (int i = 0; i < 3; i++)
        controllers_turn(t->controllers, 5);
    assert_int_equal(test_remove(&t->r, MODEL_PERSISTENTVOLUMECLAIM, "default", "c"), KE_OK);
    for (int i = 0; i < 5; i++)
        controllers_turn(t->controllers, 10);
    assert_true(test_exists(&t->r, MODEL_PERSISTENTVOLUMECLAIM, "default", "c"));
    struct resource_request gone = { .verb = RESOURCE_DELETE,
                                     .kind = model_kind_by_id(MODEL_POD),
                                     .ns = KE_STR("default"),
                                     .name = KE_STR("p"),
                                     .grace_period_s = 0 };
    assert_int_equal(test_write(&t->r, gone, NULL), KE_OK);
    test_wait_gone(t, MODEL_PERSISTENTVOLUMECLAIM, "default", "c");
}

static void a_volume_goes_when_no_claim_has_it(void **state)
{
    struct test_controllers *t = *state;
    struct resource_request status = { .verb = RESOURCE_PATCH,
                                       .patch = RESOURCE_PATCH_MERGE,
                                       .kind = model_kind_by_id(MODEL_PERSISTENTVOLUME),
                                       .name = KE_STR("v"),
                                       .subresource = KE_STR("status") };
    assert_int_equal(test_create(&t->r, MODEL_PERSISTENTVOLUME, "",
                                 "{\"metadata\":{\"name\":\"v\"},\"spec\":{\"capacity\":{"
                                 "\"storage\":\"1Gi\"},\"accessModes\":[\"ReadWriteOnce\"],"
                                 "\"hostPath\":{\"path\":\"/a\"}}}"),
                     KE_OK);
    assert_int_equal(test_write(&t->r, status, "{\"status\":{\"phase\":\"Bound\"}}"), KE_OK);
    assert_int_equal(test_remove(&t->r, MODEL_PERSISTENTVOLUME, "", "v"), KE_OK);
    for (int i = 0; i < 5; i++)
        controllers_turn(t->controllers, 10);
    assert_true(test_exists(&t->r, MODEL_PERSISTENTVOLUME, "", "v"));
    assert_int_equal(test_write(&t->r, status, "{\"status\":{\"phase\":\"Released\"}}"), KE_OK);
    test_wait_gone(t, MODEL_PERSISTENTVOLUME, "", "v");
}

/* Finalizers, quotas and limits hold nobody up. */
static void a_namespace_with_all_of_it_can_be_deleted(void **state)
{
    struct test_controllers *t = *state;
    assert_int_equal(test_create(&t->r, MODEL_NAMESPACE, "", "{\"metadata\":{\"name\":\"n\"}}"),
                     KE_OK);
    assert_int_equal(test_create(&t->r, MODEL_RESOURCEQUOTA, "n",
                                 "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{"
                                 "\"persistentvolumeclaims\":\"1\",\"configmaps\":\"9\"}}}"),
                     KE_OK);
    assert_int_equal(test_create(&t->r, MODEL_LIMITRANGE, "n",
                                 "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"limits\":[{"
                                 "\"type\":\"Pod\",\"max\":{\"cpu\":\"1\"}}]}}"),
                     KE_OK);
    test_wait_field(t, MODEL_RESOURCEQUOTA, "n", "q", "status.used.persistentvolumeclaims", "0");
    assert_int_equal(test_create(&t->r, MODEL_PERSISTENTVOLUMECLAIM, "n",
                                 "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"accessModes\":["
                                 "\"ReadWriteOnce\"],\"resources\":{\"requests\":{\"storage\":"
                                 "\"1Gi\"}}}}"),
                     KE_OK);
    assert_int_equal(test_remove(&t->r, MODEL_NAMESPACE, "", "n"), KE_OK);
    test_wait_gone(t, MODEL_PERSISTENTVOLUMECLAIM, "n", "c");
    test_wait_gone(t, MODEL_NAMESPACE, "", "n");
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_controllers_set_up, test_controllers_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_version_that_is_served_has_its_apiservice),
        TEST(those_of_other_servers_are_not_available),
        TEST(the_configured_ranges_are_shown),
        TEST(a_claim_goes_when_no_pod_uses_it),
        TEST(a_volume_goes_when_no_claim_has_it),
        TEST(a_namespace_with_all_of_it_can_be_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
