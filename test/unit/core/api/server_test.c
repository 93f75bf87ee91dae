/* SPDX-License-Identifier: Apache-2.0 */
/* The server over its socket: documents, objects, refusals, keys; byte for byte where it matters.
 */
#include <stdio.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "test/support/api.h"
#include "test/support/mem_registry.h"

/* ---- documents ---------------------------------------------------------------------------------
 */

static void discovery_and_version_are_served(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(test_api_get(f, "/version"), 200);
    test_api_assert_has(f, "\"major\":\"1\",\"minor\":\"33\",\"gitVersion\":\"v1.33.0+kedge\"");
    assert_int_equal(test_api_get(f, "/api/"), 200);
    test_api_assert_has(f, "\"kind\":\"APIVersions\",\"versions\":[\"v1\"]");
    assert_int_equal(test_api_get(f, "/apis"), 200);
    test_api_assert_has(f, "{\"name\":\"apps\",\"versions\":[{\"groupVersion\":\"apps/v1\"");
    assert_int_equal(test_api_get(f, "/api/v1"), 200);
    test_api_assert_has(f,
                        "{\"name\":\"pods\",\"singularName\":\"pod\",\"namespaced\":true,\"kind\":"
                        "\"Pod\",\"verbs\":[\"create\",\"delete\",\"deletecollection\",\"get\","
                        "\"list\",\"patch\",\"update\",\"watch\"],\"shortNames\":[\"po\"],"
                        "\"categories\":[\"all\"]}");
    test_api_assert_has(f, "{\"name\":\"pods/status\"");
    assert_int_equal(test_api_get(f, "/apis/apps"), 200);
    test_api_assert_has(f, "\"kind\":\"APIGroup\"");
    assert_int_equal(test_api_get(f, "/openapi/v3"), 200);
    test_api_assert_has(f,
                        "\"apis/apps/v1\":{\"serverRelativeURL\":\"/openapi/v3/apis/apps/v1?hash=");
    assert_int_equal(test_api_get(f, "/openapi/v3/apis/apps/v1"), 200);
    test_api_assert_has(f, "\"/apis/apps/v1/namespaces/{namespace}/deployments/{name}\":{\"get\"");
    test_api_assert_has(
        f, "\"x-kubernetes-group-version-kind\":{\"group\":\"apps\",\"version\":\"v1\","
           "\"kind\":\"Deployment\"}");
}

static void every_document_is_json(void **state)
{
    struct test_api *f = *state;
    static const char *const paths[] = { "/",
                                         "/api",
                                         "/apis",
                                         "/api/v1",
                                         "/apis/apps",
                                         "/apis/apps/v1",
                                         "/apis/networking.k8s.io/v1",
                                         "/apis/extensions/v1beta1",
                                         "/openapi/v2",
                                         "/openapi/v3",
                                         "/openapi/v3/api/v1",
                                         "/openapi/v3/apis/apps/v1",
                                         "/version" };
    for (size_t i = 0; i < KE_ARRAY_LEN(paths); i++) {
        struct ke_err err;
        ke_auto_json *json = NULL;
        assert_int_equal(test_api_get(f, paths[i]), 200);
        assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &json, &err), KE_OK);
    }
}

static void aggregated_discovery_is_one_answer(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(
        test_api_call(f, "GET", "/apis",
                      "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList", NULL),
        200);
    test_api_assert_has(
        f, "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\"");
    test_api_assert_has(f, "{\"resource\":\"deployments\",\"responseKind\":{\"group\":\"apps\","
                           "\"version\":\"v1\",\"kind\":\"Deployment\"},\"scope\":\"Namespaced\"");
    struct ke_err err;
    ke_auto_json *json = NULL;
    assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &json, &err), KE_OK);
}

static void openapi_v2_is_a_document_of_protobuf(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(test_api_call(f, "GET", "/openapi/v2",
                                   "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
                                   NULL),
                     200);
    /* swagger, info, paths, definitions: known names are in it. */
    static const char want[] = "\x0a\x03"
                               "2.0\x12\x1b\x0a\x0a"
                               "Kubernetes\x12\x0dv1.33.0+kedge\x42";
    static const char *const names[] = { "io.k8s.api.core.v1.Pod",
                                         "#/definitions/io.k8s.api.core.v1.PodSpec",
                                         "x-kubernetes-patch-merge-key",
                                         "/api/v1/namespaces/{namespace}/pods/{name}", "dryRun" };
    assert_true(f->body.len > 100000);
    assert_memory_equal(f->body.ptr, want, sizeof(want) - 1);
    for (size_t i = 0; i < KE_ARRAY_LEN(names); i++) {
        assert_non_null(memmem(f->body.ptr, f->body.len, names[i], strlen(names[i])));
    }
}

static void health_names_what_is_wrong(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(test_api_get(f, "/livez"), 200);
    assert_string_equal(f->body.ptr, "ok");
    assert_int_equal(test_api_get(f, "/readyz"), 200);
    report_part(f->report, "dns", false, KE_STR("port 53 is taken by dnsmasq"));
    assert_int_equal(test_api_get(f, "/readyz?verbose"), 200);
    test_api_assert_has(f, "[-]dns degraded: port 53 is taken by dnsmasq\n");
    test_api_assert_has(f, "readyz check passed\n");
    assert_int_equal(test_api_get(f, "/readyz?verbose&exclude=registry&exclude=nope"), 200);
    test_api_assert_has(f, "[+]ping ok\n[+]registry excluded: ok\n");
    test_api_assert_has(
        f, "warn: some health checks cannot be excluded: no matches for \"nope\"\nreadyz check");
    assert_int_equal(test_api_get(f, "/livez/ping"), 200);
    assert_string_equal(f->body.ptr, "ok");
    assert_int_equal(test_api_get(f, "/readyz/registry"), 200);
    assert_int_equal(test_api_get(f, "/livez/registry"), 404);
    assert_int_equal(test_api_get(f, "/healthz/nope"), 404);
    assert_int_equal(test_api_get(f, "/version/"), 200);
    assert_int_equal(test_api_get(f, "/apis/"), 200);
    assert_int_equal(test_api_call(f, "HEAD", "/healthz", "*/*", NULL), 200);
    assert_int_equal(test_api_call(f, "HEAD", CONFIGMAPS, "*/*", NULL), 405);
    f->is_not_ready = true;
    assert_int_equal(test_api_get(f, "/readyz"), 500);
    test_api_assert_has(f, "[-]ready failed: the table was not synced\n");
    assert_int_equal(test_api_get(f, "/healthz"), 200);
    assert_int_equal(test_api_get(f, "/api/v1/componentstatuses/dns"), 200);
    test_api_assert_has(f, "\"status\":\"False\",\"message\":\"port 53 is taken by dnsmasq\"");
    assert_int_equal(test_api_get(f, "/api/v1/componentstatuses/nope"), 404);
}

/* A request is counted when its answer is out, maybe after the client has it. */
static void await_metric(struct test_api *f, const char *line)
{
    int64_t until_ns = ke_now_ns() + TEST_API_DEADLINE_MS * KE_MS;
    do {
        assert_int_equal(test_api_get(f, "/metrics"), 200);
    } while (strstr(f->body.ptr, line) == NULL && ke_now_ns() < until_ns);
    test_api_assert_has(f, line);
}

static void metrics_count_requests(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(test_api_get(f, "/version"), 200);
    await_metric(
        f, "apiserver_request_total{code=\"200\",component=\"apiserver\",dry_run=\"\",group=\"\","
           "resource=\"\",scope=\"\",subresource=\"\",verb=\"GET\",version=\"\"} ");
    test_api_make_configmap(f, "a", "1");
    assert_int_equal(test_api_get(f, CONFIGMAPS), 200);
    assert_int_equal(test_api_get(f, CONFIGMAPS "/nope"), 404);
    await_metric(
        f, "apiserver_request_total{code=\"201\",component=\"apiserver\",dry_run=\"\",group=\"\","
           "resource=\"configmaps\",scope=\"namespace\",subresource=\"\",verb=\"POST\",version="
           "\"v1\"} 1\n");
    await_metric(
        f, "apiserver_request_total{code=\"404\",component=\"apiserver\",dry_run=\"\",group=\"\","
           "resource=\"configmaps\",scope=\"resource\",subresource=\"\",verb=\"GET\",version="
           "\"v1\"} 1\n");
    await_metric(
        f, "apiserver_request_duration_seconds_count{component=\"apiserver\",dry_run=\"\",group="
           "\"\",resource=\"configmaps\",scope=\"namespace\",subresource=\"\",verb=\"LIST\","
           "version=\"v1\"} 1\n");
    await_metric(f, "apiserver_storage_objects{resource=\"configmaps\"} 1\n");
    await_metric(f, "apiserver_current_inflight_requests{request_kind=\"readOnly\"} 1\n");
    await_metric(f, "process_resident_memory_bytes ");
    await_metric(f, "kubernetes_build_info{");
}

/* ---- objects -----------------------------------------------------------------------------------
 */

static void objects_are_created_read_changed_and_deleted(void **state)
{
    struct test_api *f = *state;
    test_api_make_configmap(f, "a", "1");
    test_api_assert_has(f, "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",");
    assert_int_equal(test_api_get(f, CONFIGMAPS "/a"), 200);
    test_api_assert_has(f, "\"data\":{\"k\":\"v\"}");
    assert_int_equal(test_api_call(f, "PATCH", CONFIGMAPS "/a", "application/merge-patch+json",
                                   "{\"data\":{\"k\":\"w\"}}"),
                     200);
    test_api_assert_has(f, "\"data\":{\"k\":\"w\"}");
    assert_int_equal(test_api_call(f, "PUT", CONFIGMAPS "/a", "application/json",
                                   "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"z\"}}"),
                     200);
    test_api_assert_has(f, "\"data\":{\"k\":\"z\"}");
    assert_int_equal(test_api_call(f, "DELETE", CONFIGMAPS "/a", "application/json",
                                   "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\"}"),
                     200);
    test_api_assert_has(
        f, "\"status\":\"Success\",\"details\":{\"name\":\"a\",\"kind\":\"configmaps\","
           "\"uid\":\"");
    test_api_assert_lacks(f, "\"code\"");
    assert_int_equal(test_api_get(f, CONFIGMAPS "/a"), 404);
}

static const struct {
    const char *method, *path, *type, *body;
    unsigned status;
    const char *part;
} refusals[] = {
    { "POST", CONFIGMAPS, "application/json", "{\"metadata\":{\"name\":\"a\"}}", 409,
      "\"message\":\"configmaps \\\"a\\\" already exists\",\"reason\":\"AlreadyExists\"" },
    { "POST", CONFIGMAPS, "application/json", "{\"a\":", 400,
      "the object provided is unrecognized (must be of type ConfigMap): couldn't get "
      "version/kind; json parse error" },
    { "POST", CONFIGMAPS, "application/json", "{\"kind\":\"Secret\",\"apiVersion\":\"v1\"}", 400,
      "Secret in version \\\"v1\\\" cannot be handled as a ConfigMap" },
    { "POST", CONFIGMAPS, "text/plain", "x", 415, "\"reason\":\"UnsupportedMediaType\"" },
    { "POST", CONFIGMAPS "?dryRun=foo", "application/json", "{}", 422,
      "CreateOptions.meta.k8s.io \\\"\\\" is invalid: dryRun: Unsupported value: "
      "[]string{\\\"foo\\\"}: supported values: \\\"All\\\"" },
    { "PATCH", CONFIGMAPS "/a", "application/x-patch", "{}", 415,
      "\"message\":\"415: Unsupported Media Type\"" },
    { "PATCH", CONFIGMAPS "/a", "application/apply-patch+yaml", "{}", 422,
      "\"message\":\"PatchOptions.meta.k8s.io \\\"\\\" is invalid: fieldManager: Required "
      "value: is required for apply patch\",\"reason\":\"Invalid\",\"details\":{\"group\":"
      "\"meta.k8s.io\",\"kind\":\"PatchOptions\",\"causes\":[{\"reason\":"
      "\"FieldValueRequired\",\"message\":\"Required value: is required for apply patch\","
      "\"field\":\"fieldManager\"}]},\"code\":422}" },
    { "PATCH", CONFIGMAPS "/a?force=true", "application/merge-patch+json", "{}", 422,
      "force: Forbidden: may not be specified for non-apply patch" },
    { "POST", CONFIGMAPS "?fieldManager=a%0Ab", "application/json", "{}", 422,
      "invalid character U+000A (at position 1)" },
    { "PATCH", CONFIGMAPS "/a?fieldManager=m", "application/apply-patch+yaml", "{", 400,
      "error decoding patch: " },
    { "PATCH", CONFIGMAPS "/a?fieldManager=m", "application/apply-patch+yaml", "[]", 400,
      "cannot unmarshal array into Go value of type map[string]interface {}" },
    { "PATCH", CONFIGMAPS "/a?fieldManager=m", "application/apply-patch+yaml", "", 400,
      "invalid object type: /, Kind=" },
    { "PATCH", CONFIGMAPS "/a?fieldManager=m", "application/apply-patch+yaml",
      "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, nope: 1}", 500,
      "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
      "\"message\":\"failed to create typed patch object (/a; /v1, Kind=ConfigMap): .nope: "
      "field not declared in schema\",\"code\":500}" },
    { "PATCH", CONFIGMAPS "/a?fieldManager=m&fieldValidation=Strict",
      "application/apply-patch+yaml",
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  new: x\n  new: z\n", 400,
      "error strict decoding patch: error converting YAML to JSON: yaml: unmarshal errors:" },
    { "PATCH", CONFIGMAPS "/a", "application/json-patch+json",
      "[{\"op\":\"remove\",\"path\":\"/no\"}]", 422,
      "\"message\":\"the server rejected our request due to an error in our request\"" },
    { "GET", CONFIGMAPS "/zz", NULL, NULL, 404,
      "\"message\":\"configmaps \\\"zz\\\" not found\",\"reason\":\"NotFound\",\"details\":{"
      "\"name\":\"zz\",\"kind\":\"configmaps\"},\"code\":404" },
    { "GET", "/api/v1/nope", NULL, NULL, 404, "the server could not find the requested resource" },
    { "GET", "/apis/nope/v1/x", NULL, NULL, 404, "404 page not found" },
    { "POST", CONFIGMAPS "/a", "application/json", "{}", 405, "MethodNotAllowed" },
    { "GET", CONFIGMAPS "?labelSelector=a%3D%3D%3D", NULL, NULL, 400,
      "unable to parse requirement: found '='" },
    { "GET", CONFIGMAPS "?fieldSelector=spec.foo%3Da", NULL, NULL, 400,
      "field label not supported: spec.foo" },
    { "GET", CONFIGMAPS "?limit=x", NULL, NULL, 400,
      "strconv.ParseInt: parsing \\\"x\\\": invalid syntax" },
    { "GET", CONFIGMAPS "?resourceVersion=999999", NULL, NULL, 504,
      "\"details\":{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\",\"message\":\"Too large "
      "resource version\"}],\"retryAfterSeconds\":1},\"code\":504" },
    { "GET", CONFIGMAPS "?resourceVersionMatch=Exact", NULL, NULL, 422,
      "\"message\":\"ListOptions.meta.k8s.io \\\"\\\" is invalid: resourceVersionMatch: "
      "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided\","
      "\"reason\":\"Invalid\",\"details\":{\"group\":\"meta.k8s.io\",\"kind\":\"ListOptions\","
      "\"causes\":[{\"reason\":\"FieldValueForbidden\"" },
    { "GET", CONFIGMAPS "?watch=true&sendInitialEvents=true", NULL, NULL, 422,
      "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan" },
    { "GET", CONFIGMAPS "?watch=true&resourceVersionMatch=NotOlderThan", NULL, NULL, 422,
      "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided" },
    { "GET", CONFIGMAPS "?watch=1&sendInitialEvents=1&resourceVersionMatch=Exact", NULL, NULL, 422,
      "Unsupported value: \\\"Exact\\\": supported values: \\\"NotOlderThan\\\"" },
    { "GET", CONFIGMAPS "?watch=1&sendInitialEvents=1&resourceVersionMatch=NotOlderThan&continue=x",
      NULL, NULL, 422, "resourceVersionMatch is forbidden when continue is provided" },
    { "GET", CONFIGMAPS "?sendInitialEvents=false", NULL, NULL, 422,
      "sendInitialEvents is forbidden for list" },
    { "GET", CONFIGMAPS "?resourceVersionMatch=Exact&resourceVersion=0", NULL, NULL, 422,
      "resourceVersionMatch \\\"exact\\\" is forbidden for resourceVersion \\\"0\\\"" },
    { "GET", CONFIGMAPS "?resourceVersion=abc", NULL, NULL, 500,
      "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
      "\"message\":\"resourceVersion: Invalid value: \\\"abc\\\": strconv.ParseUint: parsing "
      "\\\"abc\\\": invalid syntax\",\"code\":500}" },
    { "GET", CONFIGMAPS "?watch=1&resourceVersion=abc", NULL, NULL, 500, "strconv.ParseUint" },
    { "GET", CONFIGMAPS "/a?resourceVersion=abc", NULL, NULL, 500, "strconv.ParseUint" },
    { "GET", CONFIGMAPS, "text/html", NULL, 406, "\"message\":\"406: Not Acceptable\"" },
    { "GET", "/apis", "application/json;as=Table;v=v1;g=meta.k8s.io", NULL, 406,
      "only the following media types are accepted" },
};

static void refusals_read_as_upstreams(void **state)
{
    struct test_api *f = *state;
    test_api_make_configmap(f, "a", "1");
    for (size_t i = 0; i < KE_ARRAY_LEN(refusals); i++) {
        print_message("%s %s\n", refusals[i].method, refusals[i].path);
        assert_int_equal(test_api_call(f, refusals[i].method, refusals[i].path, refusals[i].type,
                                       refusals[i].body),
                         refusals[i].status);
        test_api_assert_has(f, refusals[i].part);
    }
}

static void lists_splice_page_and_convert(void **state)
{
    struct test_api *f = *state;
    test_api_make_configmap(f, "a", "1");
    test_api_make_configmap(f, "b", "1");
    test_api_make_configmap(f, "c", "2");
    assert_int_equal(test_api_get(f, CONFIGMAPS "?labelSelector=x%3D1"), 200);
    test_api_assert_has(f, "{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{"
                           "\"resourceVersion\":\"");
    test_api_assert_has(f, "\"name\":\"a\"");
    test_api_assert_lacks(f, "\"name\":\"c\"");
    test_api_assert_lacks(f, "\"kind\":\"ConfigMap\",");
    assert_int_equal(test_api_get(f, CONFIGMAPS "?limit=2"), 200);
    test_api_assert_has(f, "\"remainingItemCount\":1}");
    struct ke_err err;
    ke_auto_json *page = NULL;
    char path[512];
    assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &page, &err), KE_OK);
    struct ke_str token = ke_json_path_str(page, "metadata.continue");
    (void)snprintf(path, sizeof(path), CONFIGMAPS "?limit=2&continue=%.*s", KE_STR_ARG(token));
    assert_int_equal(test_api_get(f, path), 200);
    test_api_assert_has(f, "\"name\":\"c\"");
    test_api_assert_lacks(f, "\"name\":\"b\"");
    assert_int_equal(test_api_call(f, "GET", CONFIGMAPS "/a",
                                   "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
                                   NULL),
                     200);
    test_api_assert_has(f, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\"");
    test_api_assert_lacks(f, "\"data\"");
}

static void long_lists_come_whole_in_every_form(void **state)
{
    static const char *const forms[] = {
        "application/json",
        "application/json;as=Table;v=v1;g=meta.k8s.io",
        "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    };
    struct test_api *f = *state;
    for (int i = 0; i < 1500; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "c%d", i);
        test_api_make_configmap(f, name, "1");
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(forms); i++) {
        struct ke_err err;
        ke_auto_json *json = NULL;
        assert_int_equal(test_api_call(f, "GET", CONFIGMAPS, forms[i], NULL), 200);
        assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &json, &err), KE_OK);
        const char *member = i == 1 ? "rows" : "items";
        assert_int_equal(cJSON_GetArraySize(ke_json_get(json, member)), 1500);
    }
}

static void tables_have_columns_and_rows(void **state)
{
    struct test_api *f = *state;
    test_api_make_configmap(f, "a", "1");
    assert_int_equal(
        test_api_call(f, "GET", CONFIGMAPS, "application/json;as=Table;v=v1;g=meta.k8s.io", NULL),
        200);
    test_api_assert_has(f, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{");
    test_api_assert_has(f,
                        "\"columnDefinitions\":[{\"name\":\"Name\",\"type\":\"string\",\"format\":"
                        "\"name\"");
    test_api_assert_has(f, "\"rows\":[{\"cells\":[\"a\",1,\"0s\"],\"object\":{\"kind\":"
                           "\"PartialObjectMetadata\"");
    assert_int_equal(test_api_call(f, "GET", CONFIGMAPS "?includeObject=None",
                                   "application/json;as=Table;v=v1;g=meta.k8s.io", NULL),
                     200);
    test_api_assert_has(f, "\"object\":null}");
    struct ke_err err;
    ke_auto_json *json = NULL;
    assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &json, &err), KE_OK);
}

static void other_versions_are_converted(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(
        test_api_post(
            f, "/apis/extensions/v1beta1/namespaces/default/ingresses",
            "{\"apiVersion\":\"extensions/v1beta1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":"
            "\"i\"},\"spec\":{\"rules\":[{\"host\":\"foobar.com\",\"http\":{\"paths\":[{\"path\":"
            "null,\"backend\":{\"serviceName\":\"s\",\"servicePort\":8080}}]}}]}}"),
        201);
    test_api_assert_has(f, "\"apiVersion\":\"extensions/v1beta1\"");
    test_api_assert_has(f, "\"serviceName\":\"s\"");
    assert_int_equal(test_api_get(f, "/apis/networking.k8s.io/v1/namespaces/default/ingresses/i"),
                     200);
    test_api_assert_has(f, "\"backend\":{\"service\":{\"");
    test_api_assert_has(f, "\"port\":{\"number\":8080}");
    test_api_assert_has(f, "\"pathType\":\"ImplementationSpecific\"");
    assert_int_equal(test_api_get(f, "/apis/networking.k8s.io/v1beta1/ingresses"), 200);
    test_api_assert_has(f,
                        "{\"kind\":\"IngressList\",\"apiVersion\":\"networking.k8s.io/v1beta1\"");
    test_api_assert_has(f, "\"serviceName\":\"s\"");
}

static void collections_are_deleted_by_selector(void **state)
{
    struct test_api *f = *state;
    test_api_make_configmap(f, "a", "1");
    test_api_make_configmap(f, "b", "2");
    assert_int_equal(
        test_api_call(f, "DELETE", CONFIGMAPS "?labelSelector=x%3D1", "application/json", "{}"),
        200);
    test_api_assert_has(f, "\"kind\":\"ConfigMapList\"");
    test_api_assert_has(f, "\"name\":\"a\"");
    assert_int_equal(test_api_get(f, CONFIGMAPS "/a"), 404);
    assert_int_equal(test_api_get(f, CONFIGMAPS "/b"), 200);
}

static void dry_runs_store_nothing(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(test_api_post(f, CONFIGMAPS "?dryRun=All", "{\"metadata\":{\"name\":\"d\"}}"),
                     201);
    assert_int_equal(test_api_get(f, CONFIGMAPS "/d"), 404);
}

static void large_bodies_are_refused(void **state)
{
    struct test_api *f = *state;
    ke_auto_buf body = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES + 1024);
    char *room = ke_buf_reserve(&body, LIMIT_REQUEST_BODY_BYTES + 2);
    assert_non_null(room);
    memset(room, 'x', LIMIT_REQUEST_BODY_BYTES + 1);
    room[LIMIT_REQUEST_BODY_BYTES + 1] = '\0';
    assert_int_equal(test_api_post(f, CONFIGMAPS, room), 413);
    test_api_assert_has(f, "\"reason\":\"RequestEntityTooLarge\"");
    assert_int_equal(test_api_get(f, "/version"), 200);
}

static void a_full_disk_is_told(void **state)
{
    struct test_api *f = *state;
    test_api_make_configmap(f, "a", "1");
    mem_registry_fail(f->registry, KE_IO);
    assert_int_equal(test_api_post(f, CONFIGMAPS, "{\"metadata\":{\"name\":\"x\"}}"), 500);
    test_api_assert_has(f, "\"reason\":\"InternalError\"");
    assert_int_equal(test_api_get(f, CONFIGMAPS "/a"), 200);
    assert_int_equal(test_api_get(f, "/readyz?verbose"), 200);
    test_api_assert_has(f, "[-]registry degraded: ");
    mem_registry_fail(f->registry, KE_OK);
    test_api_make_configmap(f, "x", "1");
}

static void keys_of_the_registry_are_shown(void **state)
{
    struct test_api *f = *state;
    test_api_make_configmap(f, "a", "1");
    assert_int_equal(
        test_api_post(f, "/api/v1/namespaces/default/services",
                      "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":\"NodePort\","
                      "\"clusterIP\":\"10.32.0.3\",\"ports\":[{\"port\":80,\"nodePort\":30001}]}}"),
        201);
    assert_int_equal(test_api_get(f, "/kedge/v1/registry/ls?prefix=/registry/"), 200);
    assert_string_equal(f->body.ptr, "/registry/configmaps/\n/registry/namespaces/\n"
                                     "/registry/ranges/\n/registry/services/\n");
    assert_int_equal(
        test_api_get(f, "/kedge/v1/registry/ls?prefix=/registry/configmaps&recursive=true"), 200);
    assert_string_equal(f->body.ptr, "/registry/configmaps/default/a\n");
    assert_int_equal(test_api_get(f, "/kedge/v1/registry/get?key=/registry/configmaps/default/a"),
                     200);
    test_api_assert_has(f, "{\"kind\":\"ConfigMap\"");
    assert_int_equal(test_api_get(f, "/kedge/v1/registry/get?key=/registry/nope"), 404);
    /* 10.32.0.3 is the third address: bit 2; 30001 is the second port: bit 1. */
    assert_int_equal(test_api_get(f, "/kedge/v1/registry/get?key=/registry/ranges/serviceips"),
                     200);
    test_api_assert_has(f, "\"range\":\"10.32.0.0/24\",\"data\":\"BA==\"");
    assert_int_equal(
        test_api_get(f, "/kedge/v1/registry/get?key=/registry/ranges/servicenodeports"), 200);
    test_api_assert_has(f, "\"range\":\"30000-30099\",\"data\":\"Ag==\"");
    assert_int_equal(test_api_get(f, "/kedge/v1/status"), 200);
    assert_string_equal(f->body.ptr, "{\"ok\":true}");
    assert_int_equal(test_api_get(f, "/kedge/v1/trace?target=x"), 404);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, test_api_set_up, test_api_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(discovery_and_version_are_served),
        CASE(every_document_is_json),
        CASE(aggregated_discovery_is_one_answer),
        CASE(openapi_v2_is_a_document_of_protobuf),
        CASE(health_names_what_is_wrong),
        CASE(metrics_count_requests),
        CASE(objects_are_created_read_changed_and_deleted),
        CASE(refusals_read_as_upstreams),
        CASE(lists_splice_page_and_convert),
        CASE(long_lists_come_whole_in_every_form),
        CASE(tables_have_columns_and_rows),
        CASE(other_versions_are_converted),
        CASE(collections_are_deleted_by_selector),
        CASE(dry_runs_store_nothing),
        CASE(large_bodies_are_refused),
        CASE(a_full_disk_is_told),
        CASE(keys_of_the_registry_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
