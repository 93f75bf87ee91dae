/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies and answers in YAML, answers with line breaks, numbers that keep their digits. */
#include <stdio.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/yaml.h"
#include "test/support/api.h"

#define YAML "application/yaml"

static const char configmap[] = "apiVersion: v1\n"
                                "kind: ConfigMap\n"
                                "metadata:\n"
                                "  name: cm\n"
                                "  labels: {\"on\": 'yes'}\n"
                                "data:\n"
                                "  text: |\n"
                                "    several\n"
                                "    lines\n"
                                "  number: \"1\"\n";

static void objects_come_in_as_yaml_and_go_out_as_yaml(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(test_api_call(f, "POST", CONFIGMAPS, YAML, configmap), 201);
    assert_int_equal(test_api_call(f, "GET", CONFIGMAPS "/cm", YAML, NULL), 200);
    test_api_assert_has(
        f, "apiVersion: v1\ndata:\n  number: \"1\"\n  text: |\n    several\n    lines\n"
           "kind: ConfigMap\nmetadata:\n  creationTimestamp: \"");
    assert_int_equal(
        test_api_call(f, "PUT", CONFIGMAPS "/cm", YAML,
                      "{apiVersion: v1, kind: ConfigMap, metadata: {name: cm}, data: {a: b}}"),
        200);
    assert_int_equal(test_api_get(f, CONFIGMAPS "/cm"), 200);
    test_api_assert_has(f, "\"data\":{\"a\":\"b\"}");
    assert_int_equal(
        test_api_call(f, "DELETE", CONFIGMAPS "/cm", YAML,
                      "kind: DeleteOptions\napiVersion: v1\npreconditions: {uid: other}\n"),
        409);
    assert_int_equal(test_api_call(f, "DELETE", CONFIGMAPS "/cm", YAML,
                                   "kind: DeleteOptions\napiVersion: v1\ngracePeriodSeconds: 0\n"),
                     200);
}

/* The body is YAML, and as JSON it is the same as the JSON answer. */
static void assert_same_as_json(struct test_api *f, const char *path, const char *accept_json,
                                const char *accept_yaml)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *json = NULL;
    ke_auto_json *yaml = NULL;
    assert_int_equal(test_api_call(f, "GET", path, accept_json, NULL), 200);
    assert_int_equal(ke_json_parse(ke_str_c(f->body.ptr), &json, &err), KE_OK);
    assert_int_equal(test_api_call(f, "GET", path, accept_yaml, NULL), 200);
    assert_true(f->body.ptr[0] != '{');
    assert_int_equal(model_yaml_parse(ke_str_c(f->body.ptr), &yaml, NULL, &err), KE_OK);
    assert_true(ke_json_equal(json, yaml));
}

static void every_form_of_a_list_is_had_as_yaml(void **state)
{
    struct test_api *f = *state;
    static const char *const forms[] = { "", ";as=Table;v=v1;g=meta.k8s.io",
                                         ";as=PartialObjectMetadataList;v=v1;g=meta.k8s.io" };
    for (int n = 0; n <= 100; n += 100) {
        for (int i = 0; i < n; i++) {
            char name[32];
            (void)snprintf(name, sizeof(name), "cm%d", i);
            test_api_make_configmap(f, name, "a");
        }
        for (size_t i = 0; i < KE_ARRAY_LEN(forms); i++) {
            char json[100];
            char yaml[100];
            (void)snprintf(json, sizeof(json), "application/json%s", forms[i]);
            (void)snprintf(yaml, sizeof(yaml), "application/yaml%s", forms[i]);
            assert_same_as_json(f, CONFIGMAPS, json, yaml);
            assert_same_as_json(f, CONFIGMAPS "?limit=3", json, yaml);
        }
    }
    assert_same_as_json(f, "/apis", "application/json", YAML);
    assert_same_as_json(f, "/api/v1", "application/json", YAML);
}

static void refusals_are_yaml_too_and_watches_are_not(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(test_api_call(f, "GET", CONFIGMAPS "/nope", YAML, NULL), 404);
    test_api_assert_has(f,
                        "apiVersion: v1\ncode: 404\ndetails:\n  kind: configmaps\n  name: nope\n");
    assert_int_equal(test_api_call(f, "GET", CONFIGMAPS "?watch=1", YAML, NULL), 406);
    test_api_assert_has(f, "406: Not Acceptable");
    assert_int_equal(
        test_api_call(f, "GET", CONFIGMAPS, "application/vnd.kubernetes.protobuf", NULL), 406);
}

static void bad_yaml_is_a_bad_request(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(test_api_call(f, "POST", CONFIGMAPS, YAML, "a: b: c"), 400);
    test_api_assert_has(f, "yaml: line 1: mapping values are not allowed in this context");
    assert_int_equal(test_api_call(f, "POST", CONFIGMAPS, YAML, "- a"), 400);
    assert_int_equal(test_api_call(f, "POST", CONFIGMAPS, "text/yaml", configmap), 415);
    test_api_assert_has(f,
                        "application/json, application/yaml, application/vnd.kubernetes.protobuf");
}

static void people_get_line_breaks(void **state)
{
    struct test_api *f = *state;
    struct test_reader *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    assert_int_equal(test_api_get(f, CONFIGMAPS "?pretty=true"), 200);
    test_api_assert_has(
        f, "{\n  \"kind\": \"ConfigMapList\",\n  \"apiVersion\": \"v1\",\n  \"metadata\": {\n"
           "    \"resourceVersion\": \"");
    test_api_assert_has(f, "\n  },\n  \"items\": []\n}\n");
    for (int i = 0; i < 70; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "cm%d", i);
        test_api_make_configmap(f, name, "a");
    }
    assert_int_equal(test_api_get(f, CONFIGMAPS "?pretty=1"), 200);
    test_api_assert_has(f, "\n      \"data\": {\n        \"k\": \"v\"\n      }\n    },\n    {\n");
    assert_int_equal(test_api_get(f, CONFIGMAPS "/nope?pretty=t"), 404);
    test_api_assert_has(f, "\n  \"metadata\": {},\n  \"status\": \"Failure\",\n");
    test_reader_open(r, f, CONFIGMAPS "/cm1", "User-Agent: curl/8.0\r\n");
    (void)test_reader_await(r, "\n  \"kind\": \"ConfigMap\",\n");
    close(r->fd);
    test_reader_open(r, f, CONFIGMAPS "/cm1?pretty=false", "User-Agent: curl/8.0\r\n");
    (void)test_reader_await(r, "{\"kind\":\"ConfigMap\",");
    close(r->fd);
    free(r);
}

static void large_integers_keep_their_digits(void **state)
{
    struct test_api *f = *state;
    static const char pod[] =
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{"
        "\"activeDeadlineSeconds\":5,\"containers\":[{\"name\":\"c\",\"image\":\"i\","
        "\"securityContext\":{\"runAsUser\":2147483646}}],\"terminationGracePeriodSeconds\":"
        "9007199254740993}}";
    assert_int_equal(test_api_post(f, "/api/v1/namespaces/default/pods", pod), 201);
    assert_int_equal(test_api_get(f, "/api/v1/namespaces/default/pods/p"), 200);
    test_api_assert_has(f, "\"terminationGracePeriodSeconds\":9007199254740993,");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(objects_come_in_as_yaml_and_go_out_as_yaml, test_api_set_up,
                                        test_api_tear_down),
        cmocka_unit_test_setup_teardown(every_form_of_a_list_is_had_as_yaml, test_api_set_up,
                                        test_api_tear_down),
        cmocka_unit_test_setup_teardown(refusals_are_yaml_too_and_watches_are_not, test_api_set_up,
                                        test_api_tear_down),
        cmocka_unit_test_setup_teardown(bad_yaml_is_a_bad_request, test_api_set_up,
                                        test_api_tear_down),
        cmocka_unit_test_setup_teardown(people_get_line_breaks, test_api_set_up,
                                        test_api_tear_down),
        cmocka_unit_test_setup_teardown(large_integers_keep_their_digits, test_api_set_up,
                                        test_api_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
