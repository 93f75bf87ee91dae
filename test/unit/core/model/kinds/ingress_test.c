/* SPDX-License-Identifier: Apache-2.0 */
/* Ingresses: older manifests are stored as networking.k8s.io/v1 and given back as written. */
#include "test/unit/core/model/kinds/write.h"

static void assert_spec(const struct write *w, const char *expected)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *wanted = NULL;
    assert_int_equal(ke_json_parse(ke_str_c(expected), &wanted, &err), KE_OK);
    const cJSON *spec = ke_json_get(w->object, "spec");
    if (ke_json_equal(spec, wanted))
        return;
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    ke_json_print(spec, &text);
    fail_msg("is %.*s\nnot %s", KE_STR_ARG(ke_buf_str(&text)), expected);
}

static void a_manifest_of_2017_is_stored_as_v1(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    (void)write_create(
        &w, "{\"apiVersion\":\"extensions/v1beta1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":"
            "\"my-nginx-ingress\",\"annotations\":{\"kubernetes.io/ingress.class\":\"nginx\"}},"
            "\"spec\":{\"rules\":[{\"host\":\"foobar.com\",\"http\":{\"paths\":[{\"path\":null,"
            "\"backend\":{\"serviceName\":\"nginx-svc\",\"servicePort\":8080}}]}}]}}");
    assert_issues(&w, "legacy", "");
    assert_true(ke_str_eq_c(ke_json_str(w.object, "apiVersion"), "networking.k8s.io/v1"));
    assert_spec(&w, "{\"rules\":[{\"host\":\"foobar.com\",\"http\":{\"paths\":[{\"pathType\":"
                    "\"ImplementationSpecific\",\"backend\":{\"service\":{\"name\":\"nginx-svc\","
                    "\"port\":{\"number\":8080}}}}]}}]}");
}

static void v1beta1_comes_back_as_it_was_written(void **state)
{
    (void)state;
    static const char text[] =
        "{\"apiVersion\":\"networking.k8s.io/v1beta1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":"
        "\"i\"},\"spec\":{\"backend\":{\"serviceName\":\"d\",\"servicePort\":\"http\"},\"rules\":[{"
        "\"http\":{\"paths\":[{\"path\":\"/a\",\"pathType\":\"Prefix\",\"backend\":{"
        "\"serviceName\":\"s\",\"servicePort\":80}},{\"path\":\"/r\",\"pathType\":\"Exact\","
        "\"backend\":{\"resource\":{\"kind\":\"K\",\"name\":\"n\"}}}]}}]}}";
    WRITE_AUTO w = { 0 };
    const struct model_kind *kind = write_create(&w, text);
    assert_issues(&w, text, "");
    assert_spec(&w, "{\"defaultBackend\":{\"service\":{\"name\":\"d\",\"port\":{\"name\":\"http\"}}"
                    "},\"rules\":[{\"http\":{\"paths\":[{\"path\":\"/a\",\"pathType\":\"Prefix\","
                    "\"backend\":{\"service\":{\"name\":\"s\",\"port\":{\"number\":80}}}},{"
                    "\"path\":\"/r\",\"pathType\":\"Exact\",\"backend\":{\"resource\":{\"kind\":"
                    "\"K\",\"name\":\"n\"}}}]}}]}");
    assert_true(model_version_from_storage(kind, &kind->versions[1], w.object));
    assert_true(ke_str_eq_c(ke_json_str(w.object, "apiVersion"), "networking.k8s.io/v1beta1"));
    assert_spec(&w, "{\"backend\":{\"serviceName\":\"d\",\"servicePort\":\"http\"},\"rules\":[{"
                    "\"http\":{\"paths\":[{\"path\":\"/a\",\"pathType\":\"Prefix\",\"backend\":{"
                    "\"serviceName\":\"s\",\"servicePort\":80}},{\"path\":\"/r\",\"pathType\":"
                    "\"Exact\",\"backend\":{\"resource\":{\"kind\":\"K\",\"name\":\"n\"}}}]}}]}");
}

#define INGRESS(spec)                                                                              \
    "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":\"i\"}," \
    "\"spec\":{" spec "}}"
#define BACKEND      "\"backend\":{\"service\":{\"name\":\"s\",\"port\":{\"number\":80}}}"
#define PATHS(paths) INGRESS("\"rules\":[{\"http\":{\"paths\":[" paths "]}}]")

static void v1_is_checked(void **state)
{
    (void)state;
    static const struct {
        const char *object, *issues;
    } cases[] = {
        { PATHS("{\"path\":\"/\",\"pathType\":\"Prefix\"," BACKEND "}"), "" },
        { INGRESS(""), "spec: Invalid value: []networking.IngressRule(nil): either "
                       "`defaultBackend` or `rules` must be specified" },
        { PATHS("{\"path\":\"/\"," BACKEND "}"),
          "spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified" },
        { PATHS("{\"path\":\"a\",\"pathType\":\"Exact\"," BACKEND "}"),
          "spec.rules[0].http.paths[0].path: Invalid value: \"a\": must be an absolute path" },
        { PATHS("{\"path\":\"/a//b/..\",\"pathType\":\"Prefix\"," BACKEND "}"),
          "[spec.rules[0].http.paths[0].path: Invalid value: \"/a//b/..\": must not contain '//', "
          "spec.rules[0].http.paths[0].path: Invalid value: \"/a//b/..\": cannot end with '/..']" },
        { PATHS("{\"path\":\"/\",\"pathType\":\"Regex\"," BACKEND "}"),
          "spec.rules[0].http.paths[0].pathType: Unsupported value: \"Regex\": supported values: "
          "\"Exact\", \"ImplementationSpecific\", \"Prefix\"" },
        { PATHS("{\"path\":\"/\",\"pathType\":\"Prefix\",\"backend\":{\"service\":{\"name\":\"s\","
                "\"port\":{}}}}"),
          "spec.rules[0].http.paths[0].backend: Required value: port name or number is required" },
        { PATHS("{\"path\":\"/\",\"pathType\":\"Prefix\",\"backend\":{}}"),
          "spec.rules[0].http.paths[0].backend: Invalid value: \"\": resource or service backend "
          "is required" },
        { INGRESS("\"rules\":[{\"host\":\"10.0.0.1\"}]"),
          "spec.rules[0].host: Invalid value: \"10.0.0.1\": must be a DNS name, not an IP address" },
        { INGRESS("\"rules\":[{\"host\":\"*.a.com\"}]"), "" },
        { INGRESS("\"rules\":[{\"http\":{\"paths\":[]}}]"),
          "spec.rules[0].http.paths: Required value" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++)
        assert_create_gives(cases[i].object, cases[i].issues);
}

static void class_is_said_once(void **state)
{
    (void)state;
    assert_create_gives(
        "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":"
        "\"i\",\"annotations\":{\"kubernetes.io/ingress.class\":\"a\"}},\"spec\":{"
        "\"ingressClassName\":\"b\",\"rules\":[{\"host\":\"x\"}]}}",
        "annotations.kubernetes.io/ingress.class: Invalid value: \"a\": must match "
        "`ingressClassName` when both are specified");
    assert_create_gives("{\"apiVersion\":\"networking.k8s.io/v1beta1\",\"kind\":\"IngressClass\","
                        "\"metadata\":{\"name\":\"i\"},\"spec\":{\"controller\":\"x\"}}",
                        "spec.controller: Invalid value: \"x\": must be a domain-prefixed path "
                        "(such as \"acme.io/foo\")");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manifest_of_2017_is_stored_as_v1),
        cmocka_unit_test(v1beta1_comes_back_as_it_was_written),
        cmocka_unit_test(v1_is_checked),
        cmocka_unit_test(class_is_said_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
