/* SPDX-License-Identifier: Apache-2.0 */
/* The status of PodDisruptionBudgets: how many pods may go, and how evictions use it up. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/controller/disruption_build.h"
#include "test/support/controllers.h"

/* ---- the counting alone */

#define NOW_S 1767225600 /* 2026-01-01T00:00:00Z */

static cJSON *parse(const char *text)
{
    struct ke_err err = KE_ERR_INIT;
    cJSON *out = NULL;
    if (ke_json_parse(ke_str_c(text), &out, &err) != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    return out;
}

static void add_pod(struct disruption_tally *tally, const char *name, const char *meta,
                    bool is_ready)
{
    char text[256];
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"%s\"%s},\"status\":{\"conditions\":[{\"type\":\"Ready\","
             "\"status\":\"%s\"}]}}",
             name, meta, is_ready ? "True" : "False");
    ke_auto_json *pod = parse(text);
    assert_true(disruption_tally_add(tally, pod));
}

static void the_budget_says_how_many_may_go(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        int n_ready, n_unready, scale;
        int expected, needed, allowed;
    } cases[] = {
        { "{\"minAvailable\":1}", 2, 0, 0, 2, 1, 1 },
        { "{\"minAvailable\":1}", 1, 1, 0, 2, 1, 0 },
        { "{\"minAvailable\":3}", 2, 0, 0, 2, 3, 0 },
        { "{\"minAvailable\":0}", 0, 0, 0, 0, 0, 0 },
        { "{\"minAvailable\":\"50%\"}", 3, 0, 3, 3, 2, 1 },
        { "{\"maxUnavailable\":1}", 3, 0, 3, 3, 2, 1 },
        { "{\"maxUnavailable\":1}", 2, 1, 3, 3, 2, 0 },
        { "{\"maxUnavailable\":\"10%\"}", 11, 0, 11, 11, 9, 2 },
        { "{\"maxUnavailable\":5}", 3, 0, 3, 3, 0, 3 },
        { "{}", 3, 0, 3, 0, 0, 0 },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        char text[256];
        struct disruption_tally tally;
        snprintf(text, sizeof(text), "{\"metadata\":{\"generation\":4},\"spec\":%s}",
                 cases[i].spec);
        ke_auto_json *budget = parse(text);
        assert_true(disruption_tally_init(&tally, budget, NOW_S));
        for (int n = 0; n < cases[i].n_ready + cases[i].n_unready; n++)
            add_pod(&tally, "p", "", n < cases[i].n_ready);
        tally.scale = cases[i].scale;
        ke_auto_json *status = disruption_tally_status(&tally, KE_STR("2026-01-01T00:00:00Z"));
        assert_non_null(status);
        assert_int_equal(ke_json_i64(status, "observedGeneration", 0), 4);
        assert_int_equal(ke_json_i64(status, "currentHealthy", -1), cases[i].n_ready);
        assert_int_equal(ke_json_i64(status, "expectedPods", -1), cases[i].expected);
        assert_int_equal(ke_json_i64(status, "desiredHealthy", -1), cases[i].needed);
        assert_int_equal(ke_json_i64(status, "disruptionsAllowed", -1), cases[i].allowed);
        const cJSON *condition = ke_json_get(status, "conditions")->child;
        assert_true(
            ke_str_eq_c(ke_json_str(condition, "status"), cases[i].allowed > 0 ? "True" : "False"));
        disruption_tally_deinit(&tally);
    }
}

static void an_eviction_counts_until_the_pod_goes_or_time_is_up(void **state)
{
    (void)state;
    struct disruption_tally tally;
    ke_auto_json *budget = parse(
        "{\"spec\":{\"minAvailable\":1},\"status\":{\"disruptedPods\":{\"new\":"
        "\"2025-12-31T23:59:50Z\",\"old\":\"2025-12-31T23:57:50Z\",\"going\":"
        "\"2025-12-31T23:59:50Z\",\"gone\":\"2025-12-31T23:59:50Z\"},\"conditions\":[{\"type\":"
        "\"Other\"}]}}");
    assert_true(disruption_tally_init(&tally, budget, NOW_S));
    add_pod(&tally, "new", "", true);
    add_pod(&tally, "old", "", true);
    add_pod(&tally, "going", ",\"deletionTimestamp\":\"2026-01-01T00:00:00Z\"", true);
    ke_auto_json *status = disruption_tally_status(&tally, KE_STR("2026-01-01T00:00:00Z"));
    assert_non_null(status);
    assert_int_equal(ke_json_i64(status, "currentHealthy", -1), 1); /* old */
    assert_int_equal(ke_json_i64(status, "expectedPods", -1), 3);
    const cJSON *disrupted = ke_json_get(status, "disruptedPods");
    assert_int_equal(cJSON_GetArraySize(disrupted), 1);
    assert_non_null(ke_json_get(disrupted, "new"));
    assert_int_equal(tally.recheck_s, 110);
    assert_int_equal(cJSON_GetArraySize(ke_json_get(status, "conditions")), 2);
    disruption_tally_deinit(&tally);
}

static void what_cannot_be_counted_is_not_allowed(void **state)
{
    (void)state;
    struct disruption_tally tally;
    ke_auto_json *budget =
        parse("{\"spec\":{\"maxUnavailable\":1},\"status\":{\"disruptionsAllowed\":3,"
              "\"currentHealthy\":3}}");
    assert_true(disruption_tally_init(&tally, budget, NOW_S));
    tally.failure = "found no controllers for pod";
    tally.failed_pod = KE_STR("p");
    ke_auto_json *status = disruption_tally_status(&tally, KE_STR("2026-01-01T00:00:00Z"));
    assert_int_equal(ke_json_i64(status, "disruptionsAllowed", -1), 0);
    assert_int_equal(ke_json_i64(status, "currentHealthy", -1), 3);
    const cJSON *condition = ke_json_get(status, "conditions")->child;
    assert_true(ke_str_eq_c(ke_json_str(condition, "reason"), "SyncFailed"));
    assert_true(
        ke_str_eq_c(ke_json_str(condition, "message"), "found no controllers for pod \"p\""));
    disruption_tally_deinit(&tally);
}

/* ---- the controller */

static void create(struct test_controllers *t, enum model_kind_id kind, const char *body)
{
    if (test_create(&t->r, kind, "default", body) != KE_OK)
        fail_msg("%s", t->r.message);
}

static void make_budget(struct test_controllers *t, const char *amount)
{
    char text[256];
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"b\"},\"spec\":{%s,\"selector\":{\"matchLabels\":{\"a\":"
             "\"b\"}}}}",
             amount);
    create(t, MODEL_PODDISRUPTIONBUDGET, text);
}

/* A pod that runs and is ready, of the owner given as JSON. */
static void run_pod(struct test_controllers *t, const char *name, const char *owner)
{
    char text[768];
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"a\":\"b\"},\"ownerReferences\":[%s]},"
             "\"spec\":{\"nodeName\":\"n1\",\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}}",
             name, owner);
    create(t, MODEL_POD, text);
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .kind = model_kind_by_id(MODEL_POD),
                                        .ns = KE_STR("default"),
                                        .name = ke_str_c(name),
                                        .subresource = KE_STR("status") };
    assert_int_equal(test_write(&t->r, request,
                                "{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":"
                                "\"Ready\",\"status\":\"True\"}]}}"),
                     KE_OK);
}

static enum ke_code evict(struct test_controllers *t, const char *name)
{
    char text[256];
    struct resource_request request = { .verb = RESOURCE_CREATE,
                                        .kind = model_kind_by_id(MODEL_POD),
                                        .ns = KE_STR("default"),
                                        .name = ke_str_c(name),
                                        .subresource = KE_STR("eviction") };
    snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"%s\"}}", name);
    return test_write(&t->r, request, text);
}

static void wait_allowed(struct test_controllers *t, const char *n)
{
    test_wait_field(t, MODEL_PODDISRUPTIONBUDGET, "default", "b", "status.disruptionsAllowed", n);
}

static void evictions_use_the_budget_up(void **state)
{
    struct test_controllers *t = *state;
    make_budget(t, "\"minAvailable\":1");
    test_wait_field(t, MODEL_PODDISRUPTIONBUDGET, "default", "b", "status.observedGeneration", "1");
    run_pod(t, "p1", "");
    run_pod(t, "p2", "");
    run_pod(t, "p3", "");
    wait_allowed(t, "2");
    assert_int_equal(evict(t, "p1"), KE_OK);
    assert_int_equal(evict(t, "p2"), KE_OK);
    assert_int_equal(evict(t, "p3"), KE_LIMIT);
    wait_allowed(t, "0");
    test_wait_field(t, MODEL_PODDISRUPTIONBUDGET, "default", "b", "status.disruptedPods.p1", "");
    test_wait_field(t, MODEL_PODDISRUPTIONBUDGET, "default", "b", "status.currentHealthy", "1");
    assert_int_equal(test_merge(&t->r, MODEL_PODDISRUPTIONBUDGET, "default", "b",
                                "{\"spec\":{\"minAvailable\":0}}"),
                     KE_OK);
    test_wait_field(t, MODEL_PODDISRUPTIONBUDGET, "default", "b", "status.observedGeneration", "2");
    assert_int_equal(evict(t, "p3"), KE_OK);
}

static void the_controllers_of_pods_say_how_many_there_should_be(void **state)
{
    struct test_controllers *t = *state;
    static const char spec[] =
        "\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":{\"metadata\":{\"labels\":{"
        "\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}}";
    char text[1024];
    char deployment[256];
    char set[256];
    snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"replicas\":3,%s}}",
             spec);
    create(t, MODEL_DEPLOYMENT, text);
    snprintf(deployment, sizeof(deployment),
             "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"name\":\"d\",\"uid\":\"%s\","
             "\"controller\":true}",
             test_field(&t->r, "metadata.uid"));
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"d-1\",\"ownerReferences\":[%s]},\"spec\":{\"replicas\":2,"
             "%s}}",
             deployment, spec);
    create(t, MODEL_REPLICASET, text);
    snprintf(set, sizeof(set),
             "{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"name\":\"d-1\",\"uid\":\"%s\","
             "\"controller\":true}",
             test_field(&t->r, "metadata.uid"));
    make_budget(t, "\"maxUnavailable\":1");
    run_pod(t, "p1", set);
    run_pod(t, "p2", set);
    test_wait_field(t, MODEL_PODDISRUPTIONBUDGET, "default", "b", "status.expectedPods", "3");
    test_wait_field(t, MODEL_PODDISRUPTIONBUDGET, "default", "b", "status.currentHealthy", "2");
    wait_allowed(t, "0");
    assert_int_equal(
        test_merge(&t->r, MODEL_DEPLOYMENT, "default", "d", "{\"spec\":{\"replicas\":2}}"), KE_OK);
    wait_allowed(t, "1");
    run_pod(t, "stray",
            "{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"name\":\"n1\",\"uid\":\"u\","
            "\"controller\":true}");
    test_wait_field(t, MODEL_PODDISRUPTIONBUDGET, "default", "b", "status.conditions.0.reason",
                    "SyncFailed");
    wait_allowed(t, "0");
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_controllers_set_up, test_controllers_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_budget_says_how_many_may_go),
        cmocka_unit_test(an_eviction_counts_until_the_pod_goes_or_time_is_up),
        cmocka_unit_test(what_cannot_be_counted_is_not_allowed),
        TEST(evictions_use_the_budget_up),
        TEST(the_controllers_of_pods_say_how_many_there_should_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
