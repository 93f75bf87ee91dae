/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotas with their controller, as the conformance statements about ResourceQuota tell it: status
 * is counted promptly, the life of each kind is captured, scopes are kept apart. And the counting
 * itself, which is pure.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/controller/controller.h"
#include "core/controller/quota_build.h"
#include "test/support/controllers.h"

static int setup(void **state)
{
    struct test_controllers *t = calloc(1, sizeof(*t));
    assert_non_null(t);
    test_controllers_init(t);
    assert_int_equal(test_create(&t->r, MODEL_NAMESPACE, "", "{\"metadata\":{\"name\":\"q\"}}"),
                     KE_OK);
    *state = t;
    return 0;
}

struct wanted {
    const char *quota, *resource, *used;
};

static bool is_used(struct test_controllers *t, void *ctx)
{
    const struct wanted *wanted = ctx;
    if (!test_read(t, MODEL_RESOURCEQUOTA, "q", wanted->quota))
        return false;
    return ke_str_eq_c(ke_json_str(ke_json_path(t->r.object, "status.used"), wanted->resource),
                       wanted->used);
}

static void wait_used(struct test_controllers *t, const char *quota, const char *resource,
                      const char *used)
{
    struct wanted wanted = { quota, resource, used };
    char what[256];
    snprintf(what, sizeof(what), "%s: %s = %s", quota, resource, used);
    test_wait(t, is_used, &wanted, what);
}

static void quota(struct test_controllers *t, const char *name, const char *hard, const char *rest)
{
    char body[1024];
    snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"hard\":{%s}%s}}",
             name, hard, rest);
    assert_int_equal(test_create(&t->r, MODEL_RESOURCEQUOTA, "q", body), KE_OK);
}

static enum ke_code create(struct test_controllers *t, enum model_kind_id kind, const char *name,
                           const char *rest)
{
    char body[1024];
    snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"%s\"}%s}", name, rest);
    return test_create(&t->r, kind, "q", body);
}

#define POD(resources, rest)                                                                       \
    ",\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"x\",\"resources\":{" resources         \
    "}}]" rest "}"
#define TEMPLATE                                                                                   \
    "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":"   \
    "\"c\",\"image\":\"x\"}]}}"

static void status_is_counted_promptly(void **state)
{
    struct test_controllers *t = *state;
    assert_int_equal(create(t, MODEL_SECRET, "before", ""), KE_OK);
    quota(t, "a", "\"pods\":\"5\",\"secrets\":\"10\",\"requests.memory\":\"1Gi\"", "");
    wait_used(t, "a", "secrets", "1");
    wait_used(t, "a", "pods", "0");
    wait_used(t, "a", "requests.memory", "0");
    test_wait_field(t, MODEL_RESOURCEQUOTA, "q", "a", "status.hard.pods", "5");
    /* Another spec, another status. */
    assert_int_equal(test_merge(&t->r, MODEL_RESOURCEQUOTA, "q", "a",
                                "{\"spec\":{\"hard\":{\"pods\":\"7\",\"secrets\":null}}}"),
                     KE_OK);
    test_wait_field(t, MODEL_RESOURCEQUOTA, "q", "a", "status.hard.pods", "7");
    test_wait_field(t, MODEL_RESOURCEQUOTA, "q", "a", "status.used.secrets", "");
}

static void the_life_of_simple_objects_is_captured(void **state)
{
    struct test_controllers *t = *state;
    static const struct {
        enum model_kind_id kind;
        const char *resource, *rest;
    } lives[] = {
        { MODEL_SECRET, "secrets", "" },
        { MODEL_CONFIGMAP, "count/configmaps", "" },
        { MODEL_REPLICATIONCONTROLLER, "replicationcontrollers",
          ",\"spec\":{\"replicas\":0,\"selector\":{\"a\":\"b\"}," TEMPLATE "}" },
        { MODEL_REPLICASET, "count/replicasets.apps",
          ",\"spec\":{\"replicas\":0,\"selector\":{\"matchLabels\":{\"a\":\"b\"}}," TEMPLATE "}" },
        { MODEL_SERVICE, "services", ",\"spec\":{\"ports\":[{\"port\":80}]}" },
        { MODEL_LEASE, "count/leases.coordination.k8s.io", "" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(lives); i++) {
        char name[16];
        char hard[128];
        snprintf(name, sizeof(name), "a%zu", i);
        /* The namespace may have objects of its own by now. */
        snprintf(hard, sizeof(hard), "\"%s\":\"%d\"", lives[i].resource,
                 lives[i].kind == MODEL_CONFIGMAP ? 2 : 1);
        quota(t, name, hard, "");
        const char *none = lives[i].kind == MODEL_CONFIGMAP ? "1" : "0"; /* kube-root-ca.crt */
        const char *one = lives[i].kind == MODEL_CONFIGMAP ? "2" : "1";
        wait_used(t, name, lives[i].resource, none);
        assert_int_equal(create(t, lives[i].kind, "x", lives[i].rest), KE_OK);
        wait_used(t, name, lives[i].resource, one);
        assert_int_equal(create(t, lives[i].kind, "y", lives[i].rest), KE_DENIED);
        assert_int_equal(test_remove(&t->r, lives[i].kind, "q", "x"), KE_OK);
        wait_used(t, name, lives[i].resource, none);
        assert_int_equal(create(t, lives[i].kind, "y", lives[i].rest), KE_OK);
        assert_int_equal(test_remove(&t->r, lives[i].kind, "q", "y"), KE_OK);
    }
}

static void the_life_of_a_pod_is_captured(void **state)
{
    struct test_controllers *t = *state;
    quota(t, "a", "\"pods\":\"2\",\"cpu\":\"1\",\"memory\":\"500Mi\",\"count/pods\":\"9\"", "");
    wait_used(t, "a", "cpu", "0");
    assert_int_equal(
        create(t, MODEL_POD, "x",
               POD("\"requests\":{\"cpu\":\"500m\",\"memory\":\"252Mi\"}", ",\"nodeName\":\"n1\"")),
        KE_OK);
    wait_used(t, "a", "cpu", "500m");
    wait_used(t, "a", "memory", "252Mi");
    assert_int_equal(
        create(t, MODEL_POD, "y", POD("\"requests\":{\"cpu\":\"600m\",\"memory\":\"100Mi\"}", "")),
        KE_DENIED);
    assert_int_equal(
        test_merge(&t->r, MODEL_POD, "q", "x", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"), KE_OK);
    wait_used(t, "a", "cpu", "500m");
    /* One that has ended is still there, but asks for nothing. */
    struct resource_request ended = { .verb = RESOURCE_PATCH,
                                      .patch = RESOURCE_PATCH_MERGE,
                                      .kind = model_kind_by_id(MODEL_POD),
                                      .ns = KE_STR("q"),
                                      .name = KE_STR("x"),
                                      .subresource = KE_STR("status") };
    assert_int_equal(test_write(&t->r, ended, "{\"status\":{\"phase\":\"Succeeded\"}}"), KE_OK);
    wait_used(t, "a", "cpu", "0");
    wait_used(t, "a", "pods", "0");
    wait_used(t, "a", "count/pods", "1");
    assert_int_equal(test_remove(&t->r, MODEL_POD, "q", "x"), KE_OK);
    wait_used(t, "a", "count/pods", "0");
}

static void the_life_of_a_service_is_captured(void **state)
{
    struct test_controllers *t = *state;
    quota(t, "a",
          "\"services\":\"10\",\"services.nodeports\":\"1\",\"services.loadbalancers\":"
          "\"1\"",
          "");
    wait_used(t, "a", "services", "0");
    assert_int_equal(create(t, MODEL_SERVICE, "c", ",\"spec\":{\"ports\":[{\"port\":80}]}"), KE_OK);
    assert_int_equal(create(t, MODEL_SERVICE, "n",
                            ",\"spec\":{\"type\":\"NodePort\",\"ports\":[{\"port\":80}]}"),
                     KE_OK);
    assert_int_equal(create(t, MODEL_SERVICE, "l",
                            ",\"spec\":{\"type\":\"LoadBalancer\",\"ports\":[{\"port\":80}]}"),
                     KE_DENIED);
    assert_int_equal(create(t, MODEL_SERVICE, "l",
                            ",\"spec\":{\"type\":\"LoadBalancer\",\"ports\":[{\"port\":80}],"
                            "\"allocateLoadBalancerNodePorts\":false}"),
                     KE_OK);
    wait_used(t, "a", "services", "3");
    wait_used(t, "a", "services.nodeports", "1");
    wait_used(t, "a", "services.loadbalancers", "1");
    assert_int_equal(test_remove(&t->r, MODEL_SERVICE, "q", "c"), KE_OK);
    assert_int_equal(test_remove(&t->r, MODEL_SERVICE, "q", "n"), KE_OK);
    assert_int_equal(test_remove(&t->r, MODEL_SERVICE, "q", "l"), KE_OK);
    wait_used(t, "a", "services", "0");
    wait_used(t, "a", "services.nodeports", "0");
}

static void scopes_are_kept_apart(void **state)
{
    struct test_controllers *t = *state;
    quota(t, "best", "\"pods\":\"5\"", ",\"scopes\":[\"BestEffort\"]");
    quota(t, "rest", "\"pods\":\"5\"", ",\"scopes\":[\"NotBestEffort\"]");
    quota(t, "ends", "\"pods\":\"5\"", ",\"scopes\":[\"Terminating\"]");
    wait_used(t, "ends", "pods", "0");
    wait_used(t, "best", "pods", "0");
    wait_used(t, "rest", "pods", "0");
    assert_int_equal(create(t, MODEL_POD, "b", POD("", "")), KE_OK);
    assert_int_equal(create(t, MODEL_POD, "n",
                            POD("\"limits\":{\"cpu\":\"1\"}", ",\"activeDeadlineSeconds\":3600")),
                     KE_OK);
    wait_used(t, "best", "pods", "1");
    wait_used(t, "rest", "pods", "1");
    wait_used(t, "ends", "pods", "1");
    assert_int_equal(test_remove(&t->r, MODEL_POD, "q", "b"), KE_OK);
    wait_used(t, "best", "pods", "0");
    wait_used(t, "rest", "pods", "1");
}

static void what_somebody_says_of_status_stays_until_there_is_news(void **state)
{
    struct test_controllers *t = *state;
    quota(t, "a", "\"cpu\":\"500m\",\"memory\":\"500Mi\"", "");
    test_wait_field(t, MODEL_RESOURCEQUOTA, "q", "a", "status.hard.cpu", "500m");
    struct resource_request status = { .verb = RESOURCE_PATCH,
                                       .patch = RESOURCE_PATCH_MERGE,
                                       .kind = model_kind_by_id(MODEL_RESOURCEQUOTA),
                                       .ns = KE_STR("q"),
                                       .name = KE_STR("a"),
                                       .subresource = KE_STR("status") };
    assert_int_equal(test_write(&t->r, status, "{\"status\":{\"hard\":{\"cpu\":\"1\"}}}"), KE_OK);
    for (int i = 0; i < 5; i++)
        controllers_turn(t->controllers, 10);
    test_wait_field(t, MODEL_RESOURCEQUOTA, "q", "a", "status.hard.cpu", "1");
    assert_int_equal(test_merge(&t->r, MODEL_RESOURCEQUOTA, "q", "a",
                                "{\"spec\":{\"hard\":{\"memory\":\"600Mi\"}}}"),
                     KE_OK);
    test_wait_field(t, MODEL_RESOURCEQUOTA, "q", "a", "status.hard.cpu", "500m");
}

/* ---- counting */

static cJSON *parse(const char *text)
{
    struct ke_err err = KE_ERR_INIT;
    cJSON *json = NULL;
    assert_int_equal(ke_json_parse(ke_str_c(text), &json, &err), KE_OK);
    return json;
}

static void amounts_add_up_in_the_form_of_the_first(void **state)
{
    (void)state;
    ke_auto_json *quota = parse("{\"spec\":{\"hard\":{\"requests.storage\":\"5Gi\",\"pods\":\"1\","
                                "\"persistentvolumeclaims\":\"9\"}}}");
    ke_auto_json *claim =
        parse("{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"512Mi\"}}}}");
    const struct model_kind *kind = model_kind_by_id(MODEL_PERSISTENTVOLUMECLAIM);
    struct quota_tally tally;
    quota_tally_init(&tally, quota, 0);
    assert_int_equal(quota_tally_relation(&tally, kind), QUOTA_WITHIN);
    assert_int_equal(quota_tally_relation(&tally, model_kind_by_id(MODEL_SECRET)), QUOTA_NONE);
    assert_int_equal(quota_tally_relation(&tally, model_kind_by_id(MODEL_EVENT)), QUOTA_NONE);
    for (int i = 0; i < 3; i++)
        quota_tally_add(&tally, kind, claim);
    ke_auto_json *status = quota_tally_status(&tally);
    ke_auto_json *wanted =
        parse("{\"hard\":{\"requests.storage\":\"5Gi\",\"pods\":\"1\",\"persistentvolumeclaims\":"
              "\"9\"},\"used\":{\"requests.storage\":\"1536Mi\",\"pods\":\"0\","
              "\"persistentvolumeclaims\":\"3\"}}");
    assert_true(ke_json_equal(status, wanted));
}

/* A pod whose time to end is over counts no more, though it is there. */
static void a_pod_that_should_be_gone_counts_no_more(void **state)
{
    (void)state;
    ke_auto_json *pod = parse("{\"metadata\":{\"deletionTimestamp\":\"1970-01-01T00:01:40Z\","
                              "\"deletionGracePeriodSeconds\":30},\"spec\":{}}");
    const struct model_kind *kind = model_kind_by_id(MODEL_POD);
    struct model_quantity amount = quota_amount(kind, pod, KE_STR("pods"), 130);
    assert_false(model_quantity_is_zero(&amount));
    amount = quota_amount(kind, pod, KE_STR("pods"), 131);
    assert_true(model_quantity_is_zero(&amount));
    amount = quota_amount(kind, pod, KE_STR("count/pods"), 131);
    assert_false(model_quantity_is_zero(&amount));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, test_controllers_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(status_is_counted_promptly),
        TEST(the_life_of_simple_objects_is_captured),
        TEST(the_life_of_a_pod_is_captured),
        TEST(the_life_of_a_service_is_captured),
        TEST(scopes_are_kept_apart),
        TEST(what_somebody_says_of_status_stays_until_there_is_news),
        cmocka_unit_test(amounts_add_up_in_the_form_of_the_first),
        cmocka_unit_test(a_pod_that_should_be_gone_counts_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
