/* SPDX-License-Identifier: Apache-2.0 */
/* Every allocation of every verb fails once: the answer is KE_NOMEM and nothing is half done. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "test/support/base/alloc.h"
#include "test/support/resources.h"

#define ROUNDS_MAX 20000

struct answer {
    unsigned n;
    enum ke_code code;
};

static void keep(void *ctx, const struct resource_reply *reply)
{
    struct answer *answer = ctx;
    answer->n++;
    answer->code = reply->code;
}

/* What to do before each round, so that the write meets the same state. */
typedef void prepare_fn(struct test_resources *r);

static void each_allocation(struct test_resources *r, const struct resource_request *request,
                            const char *body, prepare_fn *prepare)
{
    for (size_t n = 1;; n++) {
        struct ke_err err = KE_ERR_INIT;
        struct answer answer = { .n = 0 };
        struct resource_request copy = *request;
        assert_true(n < ROUNDS_MAX);
        prepare(r);
        if (body != NULL)
            assert_int_equal(ke_json_parse(ke_str_c(body), &copy.body, &err), KE_OK);
        test_alloc_fail_at(n);
        resource_submit(r->store, &copy, keep, &answer);
        bool has_failed = test_alloc_end();
        assert_int_equal(answer.n, 1);
        if (!has_failed) {
            assert_int_equal(answer.code, KE_OK);
            return;
        }
        if (answer.code != KE_NOMEM && answer.code != KE_OK)
            fail_msg("allocation %zu: %s", n, ke_code_name(answer.code));
    }
}

static void no_service(struct test_resources *r)
{
    enum ke_code rc = test_remove(r, MODEL_SERVICE, "default", "s");
    assert_true(rc == KE_OK || rc == KE_NOT_FOUND);
}

#define SERVICE                                                                                    \
    "{\"metadata\":{\"name\":\"s\",\"finalizers\":[\"x.y/z\"]},\"spec\":{\"type\":\"NodePort\","   \
    "\"selector\":{\"a\":\"b\"},\"ports\":[{\"port\":80}]}}"
#define PLAIN                                                                                      \
    "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":\"NodePort\",\"selector\":{\"a\":\"b\"},"   \
    "\"ports\":[{\"port\":80}]}}"

static void new_service(struct test_resources *r)
{
    no_service(r);
    assert_int_equal(test_create(r, MODEL_SERVICE, "default", PLAIN), KE_OK);
}

/* One that a delete only marks: a fresh one each time. */
static void held_service(struct test_resources *r)
{
    enum ke_code rc =
        test_merge(r, MODEL_SERVICE, "default", "s", "{\"metadata\":{\"finalizers\":null}}");
    assert_true(rc == KE_OK || rc == KE_NOT_FOUND);
    no_service(r);
    assert_int_equal(test_create(r, MODEL_SERVICE, "default", SERVICE), KE_OK);
}

static struct resource_request request_of(enum resource_verb verb, enum model_kind_id kind)
{
    return (struct resource_request){ .verb = verb,
                                      .kind = model_kind_by_id(kind),
                                      .ns = KE_STR("default"),
                                      .name = verb != RESOURCE_CREATE ? KE_STR("s") : KE_STR(""),
                                      .grace_period_s = -1 };
}

static void create_survives(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = request_of(RESOURCE_CREATE, MODEL_SERVICE);
    each_allocation(r, &request, PLAIN, no_service);
}

/* Another's fields are there: managers are read, compared, taken from and printed. */
static void apply_survives(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = request_of(RESOURCE_PATCH, MODEL_SERVICE);
    request.patch = RESOURCE_PATCH_APPLY;
    request.field_manager = KE_STR("kubectl");
    request.is_forced = true;
    each_allocation(r, &request,
                    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"s\","
                    "\"labels\":{\"a\":\"b\"}},\"spec\":{\"selector\":{\"c\":\"d\"},\"ports\":[{"
                    "\"port\":80,\"name\":\"x\"}]}}",
                    new_service);
    request.is_forced = false;
    each_allocation(r, &request,
                    "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"s\"},"
                    "\"spec\":{\"ports\":[{\"port\":80}]}}",
                    no_service);
}

static void update_survives(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = request_of(RESOURCE_UPDATE, MODEL_SERVICE);
    each_allocation(r, &request,
                    "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":\"LoadBalancer\","
                    "\"externalTrafficPolicy\":\"Local\",\"ports\":[{\"port\":81}]}}",
                    new_service);
}

static void patch_survives(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = request_of(RESOURCE_PATCH, MODEL_SERVICE);
    request.patch = RESOURCE_PATCH_STRATEGIC;
    each_allocation(r, &request,
                    "{\"metadata\":{\"labels\":{\"x\":\"y\"}},\"spec\":{\"ports\":[{\"name\":\"b\","
                    "\"port\":80}]}}",
                    new_service);
}

static void delete_survives(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = request_of(RESOURCE_DELETE, MODEL_SERVICE);
    each_allocation(r, &request, NULL, held_service);
    assert_int_equal(
        test_merge(r, MODEL_SERVICE, "default", "s", "{\"metadata\":{\"finalizers\":null}}"),
        KE_OK);
    each_allocation(r, &request, NULL, new_service);
}

static void delete_collection_survives(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = request_of(RESOURCE_DELETE_COLLECTION, MODEL_SERVICE);
    request.label_selector = KE_STR("!z");
    each_allocation(r, &request, NULL, new_service);
}

/* ---- subresources of a pod "s" that runs and is ready, with a budget that allows it to go */

#define POD                                                                                        \
    "{\"metadata\":{\"name\":\"s\",\"labels\":{\"a\":\"b\"}},\"spec\":{%s\"containers\":[{"        \
    "\"name\":\"c\",\"image\":\"x:1\"}]}}"

static void make_pod(struct test_resources *r, const char *spec)
{
    char text[512];
    enum ke_code rc = test_remove(r, MODEL_POD, "default", "s");
    assert_true(rc == KE_OK || rc == KE_NOT_FOUND);
    snprintf(text, sizeof(text), POD, spec);
    assert_int_equal(test_create(r, MODEL_POD, "default", text), KE_OK);
}

static void loose_pod(struct test_resources *r)
{
    make_pod(r, "");
}

static void write_status(struct test_resources *r, enum model_kind_id kind, const char *body)
{
    struct resource_request request = request_of(RESOURCE_PATCH, kind);
    request.patch = RESOURCE_PATCH_MERGE;
    request.subresource = KE_STR("status");
    assert_int_equal(test_write(r, request, body), KE_OK);
}

static void guarded_pod(struct test_resources *r)
{
    make_pod(r, "\"terminationGracePeriodSeconds\":0,\"nodeName\":\"n\",");
    write_status(r, MODEL_POD,
                 "{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\","
                 "\"status\":\"True\"}]}}");
    if (!test_exists(r, MODEL_PODDISRUPTIONBUDGET, "default", "s")) {
        assert_int_equal(test_create(r, MODEL_PODDISRUPTIONBUDGET, "default",
                                     "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"selector\":{}}}"),
                         KE_OK);
    }
    write_status(r, MODEL_PODDISRUPTIONBUDGET,
                 "{\"status\":{\"observedGeneration\":1,\"disruptionsAllowed\":1,"
                 "\"disruptedPods\":null,\"conditions\":null}}");
}

static void eviction_survives(void **state)
{
    struct resource_request request = request_of(RESOURCE_CREATE, MODEL_POD);
    request.name = KE_STR("s");
    request.subresource = KE_STR("eviction");
    each_allocation(*state, &request, "{\"metadata\":{\"name\":\"s\"}}", guarded_pod);
}

static void binding_survives(void **state)
{
    struct resource_request request = request_of(RESOURCE_CREATE, MODEL_BINDING);
    each_allocation(*state, &request,
                    "{\"metadata\":{\"name\":\"s\",\"annotations\":{\"a\":\"b\"}},\"target\":{"
                    "\"name\":\"n\"}}",
                    loose_pod);
}

static void debugging_survives(void **state)
{
    struct resource_request request = request_of(RESOURCE_PATCH, MODEL_POD);
    request.patch = RESOURCE_PATCH_STRATEGIC;
    request.subresource = KE_STR("ephemeralcontainers");
    each_allocation(*state, &request,
                    "{\"spec\":{\"ephemeralContainers\":[{\"name\":\"d\",\"image\":\"x\"}]}}",
                    loose_pod);
}

static void new_autoscaler(struct test_resources *r)
{
    enum ke_code rc = test_remove(r, MODEL_HORIZONTALPODAUTOSCALER, "default", "s");
    assert_true(rc == KE_OK || rc == KE_NOT_FOUND);
}

static void conversion_survives(void **state)
{
    struct resource_request request = request_of(RESOURCE_CREATE, MODEL_HORIZONTALPODAUTOSCALER);
    request.version = &request.kind->versions[1];
    each_allocation(
        *state, &request,
        "{\"metadata\":{\"name\":\"s\",\"annotations\":{\"autoscaling.alpha.kubernetes."
        "io/metrics\":\"[{\\\"type\\\":\\\"Pods\\\",\\\"pods\\\":{\\\"metricName\\\":"
        "\\\"q\\\",\\\"targetAverageValue\\\":\\\"1\\\"}}]\",\"autoscaling.alpha."
        "kubernetes.io/behavior\":\"{\\\"scaleUp\\\":{}}\"}},\"spec\":{\"maxReplicas\":2,"
        "\"targetCPUUtilizationPercentage\":5,\"scaleTargetRef\":{\"kind\":\"K\","
        "\"name\":\"n\"}}}",
        new_autoscaler);
}

static void a_controller(struct test_resources *r)
{
    if (!test_exists(r, MODEL_REPLICATIONCONTROLLER, "default", "s")) {
        assert_int_equal(
            test_create(r, MODEL_REPLICATIONCONTROLLER, "default",
                        "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"template\":{"
                        "\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":"
                        "[{\"name\":\"c\",\"image\":\"x\"}]}}}}"),
            KE_OK);
    }
    assert_int_equal(
        test_merge(r, MODEL_REPLICATIONCONTROLLER, "default", "s", "{\"spec\":{\"replicas\":1}}"),
        KE_OK);
}

static void scaling_survives(void **state)
{
    struct resource_request request = request_of(RESOURCE_PATCH, MODEL_REPLICATIONCONTROLLER);
    request.patch = RESOURCE_PATCH_MERGE;
    request.subresource = KE_STR("scale");
    each_allocation(*state, &request, "{\"spec\":{\"replicas\":3}}", a_controller);
}

static void nothing_is_lost_or_leaked_from_the_ranges(void **state)
{
    struct test_resources *r = *state;
    create_survives(state);
    no_service(r);
    /* All addresses but network, broadcast, API and DNS are still to be had. */
    for (int i = 0; i < 252; i++) {
        char text[128];
        snprintf(text, sizeof(text),
                 "{\"metadata\":{\"name\":\"f%d\"},\"spec\":{\"ports\":[{\"port\":80}]}}", i);
        if (test_create(r, MODEL_SERVICE, "default", text) != KE_OK)
            fail_msg("%d: %s", i, r->message);
    }
}

static void list_survives(void **state)
{
    struct test_resources *r = *state;
    struct ke_err err = KE_ERR_INIT;
    new_service(r);
    for (size_t n = 1;; n++) {
        struct resource_list list = { .continue_token = NULL };
        struct resource_list_options options = { .limit = 1 };
        test_alloc_fail_at(n);
        enum ke_code rc =
            resource_list(r->store, model_kind_by_id(MODEL_SERVICE), &options, &list, &err);
        bool has_failed = test_alloc_end();
        if (rc == KE_OK)
            resource_list_free(&list);
        if (!has_failed)
            break;
        assert_true(rc == KE_NOMEM || rc == KE_OK);
    }
}

#define TEST(name) CASE(name)

#define LIMITED                                                                                    \
    "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]}}"

static void no_limited(struct test_resources *r)
{
    enum ke_code rc = test_remove(r, MODEL_POD, "default", "s");
    assert_true(rc == KE_OK || rc == KE_NOT_FOUND);
}

static void new_limited(struct test_resources *r)
{
    no_limited(r);
    assert_int_equal(test_create(r, MODEL_POD, "default", LIMITED), KE_OK);
}

static void limit_namespace(struct test_resources *r)
{
    assert_int_equal(
        test_create(r, MODEL_SERVICEACCOUNT, "default", "{\"metadata\":{\"name\":\"default\"}}"),
        KE_OK);
    assert_int_equal(test_create(r, MODEL_LIMITRANGE, "default",
                                 "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"limits\":[{"
                                 "\"type\":\"Container\",\"default\":{\"cpu\":\"1\"},\"max\":{"
                                 "\"cpu\":\"2\"}}]}}"),
                     KE_OK);
    assert_int_equal(test_create(r, MODEL_RESOURCEQUOTA, "default",
                                 "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"hard\":{\"pods\":"
                                 "\"1\",\"limits.cpu\":\"1\"}}}"),
                     KE_OK);
    struct resource_request status = { .verb = RESOURCE_PATCH,
                                       .patch = RESOURCE_PATCH_MERGE,
                                       .kind = model_kind_by_id(MODEL_RESOURCEQUOTA),
                                       .ns = KE_STR("default"),
                                       .name = KE_STR("q"),
                                       .subresource = KE_STR("status") };
    assert_int_equal(
        test_write(r, status, "{\"status\":{\"hard\":{\"pods\":\"1\",\"limits.cpu\":\"1\"}}}"),
        KE_OK);
}

static void assert_used(struct test_resources *r, const char *pods)
{
    assert_int_equal(test_merge(r, MODEL_RESOURCEQUOTA, "default", "q", "{}"), KE_OK);
    assert_string_equal(test_field(r, "status.used.pods"), pods);
}

/* A failed create is charged to nobody: the quota has room for one pod, and the last try gets it.
 */
static void a_create_that_is_charged_survives(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = request_of(RESOURCE_CREATE, MODEL_POD);
    limit_namespace(r);
    each_allocation(r, &request, LIMITED, no_limited);
    assert_used(r, "1");
}

static void a_delete_that_gives_back_survives(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = request_of(RESOURCE_DELETE, MODEL_POD);
    limit_namespace(r);
    each_allocation(r, &request, NULL, new_limited);
    assert_used(r, "0");
}

#define CLAIM                                                                                      \
    "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{" \
    "\"requests\":{\"storage\":\"1Gi\"}}}}"

static void no_claim(struct test_resources *r)
{
    enum ke_code rc = test_merge(r, MODEL_PERSISTENTVOLUMECLAIM, "default", "s",
                                 "{\"metadata\":{\"finalizers\":null}}");
    assert_true(rc == KE_OK || rc == KE_NOT_FOUND);
    rc = test_remove(r, MODEL_PERSISTENTVOLUMECLAIM, "default", "s");
    assert_true(rc == KE_OK || rc == KE_NOT_FOUND);
}

static void a_claim_that_gets_a_class_survives(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = request_of(RESOURCE_CREATE, MODEL_PERSISTENTVOLUMECLAIM);
    assert_int_equal(test_create(r, MODEL_STORAGECLASS, "",
                                 "{\"metadata\":{\"name\":\"c\",\"annotations\":{"
                                 "\"storageclass.kubernetes.io/is-default-class\":\"true\"}},"
                                 "\"provisioner\":\"p\"}"),
                     KE_OK);
    each_allocation(r, &request, CLAIM, no_claim);
}

int main(void)
{
#define CASE(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_resources_set_up, test_resources_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(create_survives),
        TEST(apply_survives),
        TEST(update_survives),
        TEST(patch_survives),
        TEST(delete_survives),
        TEST(delete_collection_survives),
        TEST(nothing_is_lost_or_leaked_from_the_ranges),
        TEST(list_survives),
        TEST(eviction_survives),
        TEST(binding_survives),
        TEST(debugging_survives),
        TEST(conversion_survives),
        TEST(scaling_survives),
        CASE(a_create_that_is_charged_survives),
        CASE(a_delete_that_gives_back_survives),
        CASE(a_claim_that_gets_a_class_survives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
