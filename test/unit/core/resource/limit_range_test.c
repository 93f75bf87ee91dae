/* SPDX-License-Identifier: Apache-2.0 */
/* LimitRanges at work: what new pods are given, and who is refused in which words. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "test/support/resources.h"

static void limit(struct test_resources *r, const char *items)
{
    char body[1024];
    snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"limits\":[%s]}}",
             items);
    assert_int_equal(test_create(r, MODEL_LIMITRANGE, "default", body), KE_OK);
}

static enum ke_code pod(struct test_resources *r, const char *name, const char *resources,
                        const char *rest)
{
    char body[1024];
    snprintf(body, sizeof(body),
             "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":"
             "\"x\",\"resources\":{%s}}]%s}}",
             name, resources, rest);
    return test_create(r, MODEL_POD, "default", body);
}

/* An init container with this limit of cpu. */
#define INIT                                                                                       \
    ",\"initContainers\":[{\"name\":\"i\",\"image\":\"x\",\"resources\":{\"limits\":{"             \
    "\"cpu\":\"%s\"}}%s}]"
#define CLAIM                                                                                      \
    "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],\"resources\":{" \
    "\"requests\":{\"storage\":\"%s\"}}}}"
#define RESOURCES "spec.containers.0.resources."

static void a_pod_gets_what_it_leaves_out(void **state)
{
    struct test_resources *r = *state;
    limit(r, "{\"type\":\"Container\",\"default\":{\"cpu\":\"500m\",\"memory\":\"500Mi\"},"
             "\"defaultRequest\":{\"cpu\":\"100m\",\"memory\":\"200Mi\"}}");
    assert_int_equal(pod(r, "a", "", ""), KE_OK);
    assert_string_equal(test_field(r, RESOURCES "limits.cpu"), "500m");
    assert_string_equal(test_field(r, RESOURCES "limits.memory"), "500Mi");
    assert_string_equal(test_field(r, RESOURCES "requests.cpu"), "100m");
    assert_string_equal(test_field(r, RESOURCES "requests.memory"), "200Mi");
    assert_string_equal(test_field(r, "status.qosClass"), "Burstable");
    const cJSON *notes = ke_json_path(r->object, "metadata.annotations");
    assert_string_equal(ke_json_get(notes, "kubernetes.io/limit-ranger")->valuestring,
                        "LimitRanger plugin set: cpu, memory request for container c; cpu, memory "
                        "limit for container c");
    /* What it says itself stays; a limit without a request asks for as much. */
    assert_int_equal(pod(r, "b", "\"limits\":{\"cpu\":\"300m\"}", ""), KE_OK);
    assert_string_equal(test_field(r, RESOURCES "limits.cpu"), "300m");
    assert_string_equal(test_field(r, RESOURCES "requests.cpu"), "300m");
    assert_string_equal(test_field(r, RESOURCES "requests.memory"), "200Mi");
    notes = ke_json_path(r->object, "metadata.annotations");
    assert_string_equal(ke_json_get(notes, "kubernetes.io/limit-ranger")->valuestring,
                        "LimitRanger plugin set: memory request for container c; memory limit for "
                        "container c");
}

static void a_pod_that_says_all_is_left_alone(void **state)
{
    struct test_resources *r = *state;
    limit(r, "{\"type\":\"Container\",\"default\":{\"cpu\":\"500m\"}}");
    assert_int_equal(pod(r, "a", "\"limits\":{\"cpu\":\"1\"}", ""), KE_OK);
    assert_string_equal(test_field(r, "metadata.annotations"), "");
}

static void init_containers_are_named_so(void **state)
{
    struct test_resources *r = *state;
    limit(r, "{\"type\":\"Container\",\"default\":{\"cpu\":\"1\"}}");
    assert_int_equal(pod(r, "a", "\"limits\":{\"cpu\":\"1\"}",
                         ",\"initContainers\":[{\"name\":\"i\",\"image\":\"x\"}]"),
                     KE_OK);
    const cJSON *notes = ke_json_path(r->object, "metadata.annotations");
    assert_string_equal(ke_json_get(notes, "kubernetes.io/limit-ranger")->valuestring,
                        "LimitRanger plugin set: cpu request for init container i; cpu limit for "
                        "init container i");
}

static void who_asks_for_too_much_or_too_little_is_refused(void **state)
{
    struct test_resources *r = *state;
    limit(r, "{\"type\":\"Container\",\"max\":{\"cpu\":\"1\"},\"min\":{\"cpu\":\"100m\"}},"
             "{\"type\":\"Pod\",\"max\":{\"memory\":\"1Gi\"}}");
    assert_int_equal(pod(r, "x", "\"limits\":{\"cpu\":\"2\",\"memory\":\"1Gi\"}", ""), KE_DENIED);
    assert_string_equal(r->message, "pods \"x\" is forbidden: maximum cpu usage per Container is "
                                    "1, but limit is 2");
    assert_string_equal(r->details, "x||pods");
    assert_int_equal(pod(r, "x", "\"limits\":{\"cpu\":\"2\",\"memory\":\"2Gi\"}", ""), KE_DENIED);
    assert_string_equal(r->message, "pods \"x\" is forbidden: [maximum cpu usage per Container is "
                                    "1, but limit is 2, maximum memory usage per Pod is 1Gi, but "
                                    "limit is 2Gi]");
    assert_int_equal(
        pod(r, "x", "\"requests\":{\"cpu\":\"50m\"},\"limits\":{\"memory\":\"1Gi\"}", ""),
        KE_DENIED);
    assert_string_equal(r->message, "pods \"x\" is forbidden: minimum cpu usage per Container is "
                                    "100m, but request is 50m");
    assert_int_equal(pod(r, "x", "", ""), KE_DENIED);
    assert_string_equal(r->message,
                        "pods \"x\" is forbidden: maximum memory usage per Pod is 1Gi.  "
                        "No limit is specified");
    assert_int_equal(pod(r, "x", "\"limits\":{\"memory\":\"512Mi\"}", ""), KE_OK);
}

static void the_pod_counts_as_a_whole(void **state)
{
    struct test_resources *r = *state;
    limit(r, "{\"type\":\"Pod\",\"max\":{\"cpu\":\"3\"}}");
    char rest[256];
    /* An init container runs before, a sidecar beside. */
    snprintf(rest, sizeof(rest), INIT, "2", "");
    assert_int_equal(pod(r, "a", "\"limits\":{\"cpu\":\"2\"}", rest), KE_OK);
    snprintf(rest, sizeof(rest), INIT, "4", "");
    assert_int_equal(pod(r, "b", "\"limits\":{\"cpu\":\"2\"}", rest), KE_DENIED);
    assert_string_equal(r->message, "pods \"b\" is forbidden: maximum cpu usage per Pod is 3, but "
                                    "limit is 4");
    snprintf(rest, sizeof(rest), INIT, "2", ",\"restartPolicy\":\"Always\"");
    assert_int_equal(pod(r, "c", "\"limits\":{\"cpu\":\"2\"}", rest), KE_DENIED);
    assert_string_equal(r->message, "pods \"c\" is forbidden: maximum cpu usage per Pod is 3, but "
                                    "limit is 4");
}

static void limits_may_exceed_requests_by_so_much(void **state)
{
    struct test_resources *r = *state;
    limit(r, "{\"type\":\"Container\",\"maxLimitRequestRatio\":{\"cpu\":\"2\"}}");
    assert_int_equal(
        pod(r, "x", "\"requests\":{\"cpu\":\"100m\"},\"limits\":{\"cpu\":\"300m\"}", ""),
        KE_DENIED);
    assert_string_equal(r->message, "pods \"x\" is forbidden: cpu max limit to request ratio per "
                                    "Container is 2, but provided ratio is 3.000000");
    assert_int_equal(pod(r, "x", "", ""), KE_DENIED);
    assert_string_equal(r->message, "pods \"x\" is forbidden: cpu max limit to request ratio per "
                                    "Container is 2, but no request is specified or request is 0");
    assert_int_equal(
        pod(r, "x", "\"requests\":{\"cpu\":\"100m\"},\"limits\":{\"cpu\":\"200m\"}", ""), KE_OK);
}

static void claims_have_limits_too(void **state)
{
    struct test_resources *r = *state;
    limit(r, "{\"type\":\"PersistentVolumeClaim\",\"min\":{\"storage\":\"1Gi\"},\"max\":{"
             "\"storage\":\"2Gi\"}}");
    char body[512];
    snprintf(body, sizeof(body), CLAIM, "3Gi");
    assert_int_equal(test_create(r, MODEL_PERSISTENTVOLUMECLAIM, "default", body), KE_DENIED);
    assert_string_equal(r->message, "persistentvolumeclaims \"p\" is forbidden: maximum storage "
                                    "usage per PersistentVolumeClaim is 2Gi, but request is 3Gi");
    snprintf(body, sizeof(body), CLAIM, "512Mi");
    assert_int_equal(test_create(r, MODEL_PERSISTENTVOLUMECLAIM, "default", body), KE_DENIED);
    assert_string_equal(r->message,
                        "persistentvolumeclaims \"p\" is forbidden: minimum storage usage per "
                        "PersistentVolumeClaim is 1Gi, but request is 512Mi");
    snprintf(body, sizeof(body), CLAIM, "1Gi");
    assert_int_equal(test_create(r, MODEL_PERSISTENTVOLUMECLAIM, "default", body), KE_OK);
}

static void it_is_for_its_own_namespace_as_long_as_it_is_there(void **state)
{
    struct test_resources *r = *state;
    limit(r, "{\"type\":\"Pod\",\"max\":{\"cpu\":\"1\"}}");
    assert_int_equal(test_create(r, MODEL_NAMESPACE, "", "{\"metadata\":{\"name\":\"other\"}}"),
                     KE_OK);
    assert_int_equal(pod(r, "a", "", ""), KE_DENIED);
    assert_int_equal(test_create(r, MODEL_POD, "other",
                                 "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"containers\":[{"
                                 "\"name\":\"c\",\"image\":\"x\"}]}}"),
                     KE_OK);
    assert_int_equal(
        test_merge(r, MODEL_POD, "other", "a", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"), KE_OK);
    assert_int_equal(test_remove(r, MODEL_LIMITRANGE, "default", "l"), KE_OK);
    assert_int_equal(pod(r, "a", "", ""), KE_OK);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_resources_set_up, test_resources_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_pod_gets_what_it_leaves_out),
        TEST(a_pod_that_says_all_is_left_alone),
        TEST(init_containers_are_named_so),
        TEST(who_asks_for_too_much_or_too_little_is_refused),
        TEST(the_pod_counts_as_a_whole),
        TEST(limits_may_exceed_requests_by_so_much),
        TEST(claims_have_limits_too),
        TEST(it_is_for_its_own_namespace_as_long_as_it_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
