/* SPDX-License-Identifier: Apache-2.0 */
/* Volumes and claims: finalizers, the default class, growth, when a phase changed. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "test/support/resources.h"

static void class(struct test_resources *r, const char *name, bool is_default, bool may_grow)
{
    char body[512];
    snprintf(body, sizeof(body),
             "{\"metadata\":{\"name\":\"%s\",\"annotations\":{"
             "\"storageclass.kubernetes.io/is-default-class\":\"%s\"}},\"provisioner\":\"p\","
             "\"allowVolumeExpansion\":%s}",
             name, is_default ? "true" : "false", may_grow ? "true" : "false");
    assert_int_equal(test_create(r, MODEL_STORAGECLASS, "", body), KE_OK);
}

static enum ke_code claim(struct test_resources *r, const char *name, const char *rest)
{
    char body[512];
    snprintf(body, sizeof(body),
             "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"accessModes\":[\"ReadWriteOnce\"],"
             "\"resources\":{\"requests\":{\"storage\":\"1Gi\"}}%s}}",
             name, rest);
    return test_create(r, MODEL_PERSISTENTVOLUMECLAIM, "default", body);
}

static void a_claim_gets_the_newest_default_class(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(claim(r, "a", ""), KE_OK);
    assert_string_equal(test_field(r, "spec.storageClassName"), "");
    assert_string_equal(test_field(r, "metadata.finalizers.0"), "kubernetes.io/pvc-protection");
    class(r, "plain", false, false);
    class(r, "older", true, false);
    assert_int_equal(claim(r, "b", ""), KE_OK);
    assert_string_equal(test_field(r, "spec.storageClassName"), "older");
    r->wall_us += 1000000;
    class(r, "newer-b", true, false);
    class(r, "newer-a", true, false);
    assert_int_equal(claim(r, "c", ""), KE_OK);
    assert_string_equal(test_field(r, "spec.storageClassName"), "newer-a");
    assert_int_equal(claim(r, "d", ",\"storageClassName\":\"plain\""), KE_OK);
    assert_string_equal(test_field(r, "spec.storageClassName"), "plain");
    assert_int_equal(claim(r, "e", ",\"storageClassName\":\"\""), KE_OK);
    assert_string_equal(test_field(r, "spec.storageClassName"), "");
}

static void status(struct test_resources *r, enum model_kind_id kind, const char *ns,
                   const char *name, const char *body)
{
    struct resource_request request = { .verb = RESOURCE_PATCH,
                                        .patch = RESOURCE_PATCH_MERGE,
                                        .kind = model_kind_by_id(kind),
                                        .ns = ke_str_c(ns),
                                        .name = ke_str_c(name),
                                        .subresource = KE_STR("status") };
    assert_int_equal(test_write(r, request, body), KE_OK);
}

#define GROW "{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"2Gi\"}}}}"

static void a_claim_grows_when_it_is_bound_and_its_class_lets_it(void **state)
{
    struct test_resources *r = *state;
    class(r, "fixed", false, false);
    class(r, "loose", false, true);
    assert_int_equal(claim(r, "f", ",\"storageClassName\":\"fixed\""), KE_OK);
    assert_int_equal(claim(r, "l", ",\"storageClassName\":\"loose\""), KE_OK);
    assert_int_equal(test_merge(r, MODEL_PERSISTENTVOLUMECLAIM, "default", "l", GROW), KE_INVALID);
    status(r, MODEL_PERSISTENTVOLUMECLAIM, "default", "f", "{\"status\":{\"phase\":\"Bound\"}}");
    status(r, MODEL_PERSISTENTVOLUMECLAIM, "default", "l", "{\"status\":{\"phase\":\"Bound\"}}");
    assert_int_equal(test_merge(r, MODEL_PERSISTENTVOLUMECLAIM, "default", "f", GROW), KE_DENIED);
    assert_string_equal(r->message,
                        "persistentvolumeclaims \"f\" is forbidden: only dynamically provisioned "
                        "pvc can be resized and the storageclass that provisions the pvc must "
                        "support resize");
    assert_int_equal(test_merge(r, MODEL_PERSISTENTVOLUMECLAIM, "default", "l", GROW), KE_OK);
    assert_string_equal(test_field(r, "spec.resources.requests.storage"), "2Gi");
}

static void a_volume_says_since_when(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(test_create(r, MODEL_PERSISTENTVOLUME, "",
                                 "{\"metadata\":{\"name\":\"v\"},\"spec\":{\"capacity\":{"
                                 "\"storage\":\"1Gi\"},\"accessModes\":[\"ReadWriteOnce\"],"
                                 "\"hostPath\":{\"path\":\"/a\"}}}"),
                     KE_OK);
    assert_string_equal(test_field(r, "metadata.finalizers.0"), "kubernetes.io/pv-protection");
    assert_string_equal(test_field(r, "status.lastPhaseTransitionTime"), "2026-01-01T00:00:00Z");
    r->wall_us += 60000000;
    status(r, MODEL_PERSISTENTVOLUME, "", "v", "{\"status\":{\"phase\":\"Pending\"}}");
    assert_string_equal(test_field(r, "status.lastPhaseTransitionTime"), "2026-01-01T00:00:00Z");
    status(r, MODEL_PERSISTENTVOLUME, "", "v", "{\"status\":{\"phase\":\"Available\"}}");
    assert_string_equal(test_field(r, "status.lastPhaseTransitionTime"), "2026-01-01T00:01:00Z");
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_resources_set_up, test_resources_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_claim_gets_the_newest_default_class),
        TEST(a_claim_grows_when_it_is_bound_and_its_class_lets_it),
        TEST(a_volume_says_since_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
