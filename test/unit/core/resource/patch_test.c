/* SPDX-License-Identifier: Apache-2.0 */
/* Patches of the three kinds, in the client's version, and what happens when others write too. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "test/support/mem_registry.h"
#include "test/support/resources.h"

static int setup(void **state)
{
    struct test_resources *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    test_resources_init(r, false);
    assert_int_equal(
        test_create(r, MODEL_CONFIGMAP, "default",
                    "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"v\",\"m\":\"n\"}}"),
        KE_OK);
    *state = r;
    return 0;
}

static struct resource_request patch_request(enum resource_patch patch, enum model_kind_id kind,
                                             const char *name)
{
    return (struct resource_request){ .verb = RESOURCE_PATCH,
                                      .patch = patch,
                                      .kind = model_kind_by_id(kind),
                                      .ns = KE_STR("default"),
                                      .name = ke_str_c(name) };
}

static void merge_patch_sets_and_deletes(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(
        test_merge(r, MODEL_CONFIGMAP, "default", "a", "{\"data\":{\"k\":null,\"x\":\"y\"}}"),
        KE_OK);
    assert_string_equal(test_field(r, "data"), "{\"m\":\"n\",\"x\":\"y\"}");
    int64_t revision = r->revision;
    assert_int_equal(test_merge(r, MODEL_CONFIGMAP, "default", "a", "{}"), KE_OK);
    assert_int_equal(r->revision, revision);
    assert_int_equal(test_merge(r, MODEL_CONFIGMAP, "default", "zz", "{}"), KE_NOT_FOUND);
}

static void json_patch_fails_without_saying_more(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = patch_request(RESOURCE_PATCH_JSON, MODEL_CONFIGMAP, "a");
    assert_int_equal(
        test_write(r, request, "[{\"op\":\"replace\",\"path\":\"/data/k\",\"value\":\"w\"}]"),
        KE_OK);
    assert_string_equal(test_field(r, "data.k"), "w");
    assert_int_equal(test_write(r, request, "[{\"op\":\"remove\",\"path\":\"/data/zz\"}]"),
                     KE_INVALID);
    assert_string_equal(r->message,
                        "the server rejected our request due to an error in our request");
    assert_string_equal(r->details, "||");
    assert_string_equal(r->issues, "");
}

static void strategic_patch_merges_ports_by_key(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(
        test_create(r, MODEL_SERVICE, "default",
                    "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"ports\":[{\"name\":\"a\","
                    "\"port\":80}]}}"),
        KE_OK);
    struct resource_request request = patch_request(RESOURCE_PATCH_STRATEGIC, MODEL_SERVICE, "s");
    if (test_write(r, request, "{\"spec\":{\"ports\":[{\"name\":\"b\",\"port\":81}]}}") != KE_OK)
        fail_msg("%s", r->message);
    assert_string_equal(test_field(r, "spec.ports.0.port"), "81");
    assert_string_equal(test_field(r, "spec.ports.1.port"), "80");
}

static void a_patch_may_name_a_revision(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(
        test_merge(r, MODEL_CONFIGMAP, "default", "a",
                   "{\"metadata\":{\"resourceVersion\":\"1\"},\"data\":{\"k\":\"x\"}}"),
        KE_CONFLICT);
    assert_non_null(strstr(r->message, "the object has been modified"));
}

static void a_patch_cannot_rename_or_change_the_uid(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(
        test_merge(r, MODEL_CONFIGMAP, "default", "a", "{\"metadata\":{\"name\":\"b\"}}"),
        KE_MALFORMED);
    assert_int_equal(
        test_merge(r, MODEL_CONFIGMAP, "default", "a", "{\"metadata\":{\"uid\":\"b\"}}"),
        KE_CONFLICT);
}

static void an_unknown_field_in_a_strict_patch_is_named(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = patch_request(RESOURCE_PATCH_MERGE, MODEL_CONFIGMAP, "a");
    request.is_strict = true;
    assert_int_equal(test_write(r, request, "{\"foo\":1}"), KE_INVALID);
    assert_string_equal(r->message, "ConfigMap \"\" is invalid: patch: Invalid value: "
                                    "\"{\\\"foo\\\":1}\": strict decoding error: unknown field "
                                    "\"foo\"");
    assert_int_equal(strncmp(r->issues, "patch: Invalid value: ", 22), 0);
}

static void a_patch_is_applied_to_the_version_of_the_client(void **state)
{
    struct test_resources *r = *state;
    const struct model_version *old = NULL;
    const struct model_kind *kind =
        model_kind_by_plural(KE_STR("extensions"), KE_STR("v1beta1"), KE_STR("ingresses"), &old);
    assert_non_null(kind);
    struct resource_request create = {
        .verb = RESOURCE_CREATE, .kind = kind, .version = old, .ns = KE_STR("default")
    };
    if (test_write(
            r, create,
            "{\"kind\":\"Ingress\",\"apiVersion\":\"extensions/v1beta1\",\"metadata\":{"
            "\"name\":\"i\"},\"spec\":{\"backend\":{\"serviceName\":\"s\",\"servicePort\":80}}"
            "}") != KE_OK)
        fail_msg("%s", r->message);
    assert_string_equal(test_field(r, "spec.defaultBackend.service.port.number"), "80");
    struct resource_request request = patch_request(RESOURCE_PATCH_MERGE, MODEL_INGRESS, "i");
    request.version = old;
    if (test_write(r, request, "{\"spec\":{\"backend\":{\"servicePort\":81}}}") != KE_OK)
        fail_msg("%s", r->message);
    assert_string_equal(test_field(r, "spec.defaultBackend.service.port.number"), "81");
    assert_string_equal(test_field(r, "apiVersion"), "networking.k8s.io/v1");
}

struct answer {
    enum ke_code code;
    char data[256];
};

static void keep_answer(void *ctx, const struct resource_reply *reply)
{
    struct answer *answer = ctx;
    answer->code = reply->code;
    if (reply->object == NULL)
        return;
    ke_auto_json *json = registry_object_parse(reply->object);
    struct ke_buf text = KE_BUF_FIXED(answer->data, sizeof(answer->data) - 1);
    ke_json_print(ke_json_get(json, "data"), &text);
    answer->data[text.len] = '\0';
}

static void submit(struct test_resources *r, struct resource_request request, const char *body,
                   struct answer *answer)
{
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_json_parse(ke_str_c(body), &request.body, &err), KE_OK);
    answer->code = KE_AGAIN;
    resource_submit(r->store, &request, keep_answer, answer);
}

static void patches_that_meet_are_all_applied(void **state)
{
    struct test_resources *r = *state;
    struct answer first;
    struct answer second;
    struct answer third;
    struct resource_request request = patch_request(RESOURCE_PATCH_MERGE, MODEL_CONFIGMAP, "a");
    mem_registry_pause(r->registry);
    submit(r, request, "{\"data\":{\"one\":\"1\"}}", &first);
    submit(r, request, "{\"data\":{\"two\":\"2\"}}", &second);
    submit(r, request, "{\"data\":{\"three\":\"3\"}}", &third);
    assert_int_equal(first.code, KE_AGAIN);
    mem_registry_resume(r->registry);
    assert_int_equal(first.code, KE_OK);
    assert_int_equal(second.code, KE_OK);
    assert_int_equal(third.code, KE_OK);
    assert_int_equal(test_merge(r, MODEL_CONFIGMAP, "default", "a", "{}"), KE_OK);
    assert_string_equal(test_field(r, "data.one"), "1");
    assert_string_equal(test_field(r, "data.two"), "2");
    assert_string_equal(test_field(r, "data.three"), "3");
}

static void a_conditional_update_that_loses_is_a_conflict(void **state)
{
    struct test_resources *r = *state;
    struct answer first;
    struct answer second;
    char body[256];
    struct resource_request request = patch_request(RESOURCE_PATCH_MERGE, MODEL_CONFIGMAP, "a");
    snprintf(body, sizeof(body),
             "{\"metadata\":{\"name\":\"a\",\"resourceVersion\":\"%lld\"},\"data\":{\"u\":\"1\"}}",
             (long long)r->revision);
    mem_registry_pause(r->registry);
    submit(r, request, "{\"data\":{\"one\":\"1\"}}", &first);
    request.verb = RESOURCE_UPDATE;
    submit(r, request, body, &second);
    mem_registry_resume(r->registry);
    assert_int_equal(first.code, KE_OK);
    assert_int_equal(second.code, KE_CONFLICT);
}

static void a_patch_that_meets_a_delete_finds_nothing(void **state)
{
    struct test_resources *r = *state;
    struct answer first;
    struct answer second;
    struct resource_request request = { .verb = RESOURCE_DELETE,
                                        .kind = model_kind_by_id(MODEL_CONFIGMAP),
                                        .ns = KE_STR("default"),
                                        .name = KE_STR("a"),
                                        .grace_period_s = -1 };
    mem_registry_pause(r->registry);
    first.code = KE_AGAIN;
    resource_submit(r->store, &request, keep_answer, &first);
    submit(r, patch_request(RESOURCE_PATCH_MERGE, MODEL_CONFIGMAP, "a"), "{\"data\":{\"q\":\"1\"}}",
           &second);
    mem_registry_resume(r->registry);
    assert_int_equal(first.code, KE_OK);
    assert_int_equal(second.code, KE_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, test_resources_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(merge_patch_sets_and_deletes),
        TEST(json_patch_fails_without_saying_more),
        TEST(strategic_patch_merges_ports_by_key),
        TEST(a_patch_may_name_a_revision),
        TEST(a_patch_cannot_rename_or_change_the_uid),
        TEST(an_unknown_field_in_a_strict_patch_is_named),
        TEST(a_patch_is_applied_to_the_version_of_the_client),
        TEST(patches_that_meet_are_all_applied),
        TEST(a_conditional_update_that_loses_is_a_conflict),
        TEST(a_patch_that_meets_a_delete_finds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
