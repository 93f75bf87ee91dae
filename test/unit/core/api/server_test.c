/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server in this process, over its unix socket and TLS, on a registry in memory: what clients
 * send and what they get back, byte for byte where it matters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/api/server.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/metrics.h"
#include "core/base/thread.h"
#include "core/net/http/client.h"
#include "core/net/tls/x509.h"
#include "test/support/mem_registry.h"
#include "test/support/tmpdir.h"

#define DEADLINE_MS 10000

struct fixture {
    struct test_tmpdir dir;
    char socket[TEST_TMPDIR_BYTES + 16];
    struct registry *registry;
    struct watch_hub *hub;
    struct resource_store *store;
    struct report *report;
    struct api_server *server;
    struct ke_buf ca, ca_key, cert, key, client_cert, client_key;
    struct tls_cert *tls_cert;
    struct tls_context *tls;
    struct ke_endpoint address;
    bool is_not_ready;
    struct ke_buf body; /* of the last answer */
};

static struct ke_str text_of(struct ke_buf *buf)
{
    return ke_buf_str(buf);
}

static bool is_ready(void *ctx, struct ke_buf *out_why)
{
    struct fixture *f = ctx;
    if (f->is_not_ready) {
        ke_buf_add_c(out_why, "the table was not synced");
    }
    return !f->is_not_ready;
}

static void print_status(void *ctx, struct ke_buf *out)
{
    (void)ctx;
    ke_buf_add_c(out, "{\"ok\":true}");
}

static void sign(const struct x509_request *asked, struct fixture *f, struct ke_buf *key,
                 struct ke_buf *cert)
{
    struct ke_err err;
    struct x509_request request = *asked;
    request.not_before_s = ke_wall_s() - 60;
    request.not_after_s = ke_wall_s() + 3600;
    key->max = cert->max = 65536;
    assert_int_equal(x509_key_new(key, &err), KE_OK);
    struct ke_str ca = request.is_ca ? KE_STR("") : text_of(&f->ca);
    struct ke_str ca_key = request.is_ca ? KE_STR("") : text_of(&f->ca_key);
    assert_int_equal(x509_sign(&request, ke_buf_str(key), ca, ca_key, cert, &err), KE_OK);
}

static void make_tls(struct fixture *f)
{
    static const char *const alpn[] = { "http/1.1", NULL };
    struct ke_err err;
    struct ke_ip loopback;
    struct ke_str groups[] = { KE_STR("system:masters") };
    assert_int_equal(ke_ip_parse(KE_STR("127.0.0.1"), &loopback, &err), KE_OK);
    struct x509_request ca = { .common_name = KE_STR("ca"), .is_ca = true };
    struct x509_request server = {
        .common_name = KE_STR("kedge"), .ips = &loopback, .n_ips = 1, .is_server = true
    };
    struct x509_request client = { .common_name = KE_STR("admin"),
                                   .organizations = groups,
                                   .n_organizations = 1,
                                   .is_client = true };
    sign(&ca, f, &f->ca_key, &f->ca);
    sign(&server, f, &f->key, &f->cert);
    sign(&client, f, &f->client_key, &f->client_cert);
    assert_int_equal(tls_cert_new(text_of(&f->cert), text_of(&f->key), &f->tls_cert, &err), KE_OK);
    struct tls_server_options options = { .cert = f->tls_cert,
                                          .client_ca_pem = text_of(&f->ca),
                                          .alpn = alpn };
    assert_int_equal(tls_server_new(&options, &f->tls, &err), KE_OK);
}

static void make_namespace(struct fixture *f, const char *name)
{
    struct ke_err err;
    char json[128];
    cJSON *body = NULL;
    (void)snprintf(json, sizeof(json), "{\"metadata\":{\"name\":\"%s\"}}", name);
    assert_int_equal(ke_json_parse(ke_str_c(json), &body, &err), KE_OK);
    struct resource_request request = { .verb = RESOURCE_CREATE,
                                        .kind = model_kind_by_id(MODEL_NAMESPACE),
                                        .body = body,
                                        .grace_period_s = -1 };
    assert_int_equal(resource_call(f->store, &request, NULL, &err), KE_OK);
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    struct ke_err err;
    *f = (struct fixture){ .body = KE_BUF_INIT(LIMIT_FILE_BYTES) };
    test_tmpdir_make(&f->dir);
    struct ke_buf path = KE_BUF_FIXED(f->socket, sizeof(f->socket) - 1);
    ke_buf_add_c(&path, test_tmpdir_path(&f->dir, "s"));
    f->registry = mem_registry_new(NULL, &err);
    assert_non_null(f->registry);
    f->hub = watch_hub_new(f->registry, &err);
    assert_non_null(f->hub);
    struct resource_options resources = { .n_service_cidrs = 1,
                                          .node_port_min = 30000,
                                          .node_port_max = 30099 };
    assert_int_equal(ke_cidr_parse(KE_STR("10.32.0.0/24"), &resources.service_cidrs[0], &err),
                     KE_OK);
    assert_int_equal(resource_store_new(f->hub, &resources, &f->store, &err), KE_OK);
    make_namespace(f, "default");
    make_tls(f);
    f->report = report_new();
    assert_int_equal(ke_endpoint_parse(KE_STR("127.0.0.1:0"), &f->address, &err), KE_OK);
    struct api_options options = {
        .store = f->store,
        .report = f->report,
        .hooks = { .ctx = f, .is_ready = is_ready, .print_status = print_status },
        .unix_path = f->socket,
        .tls = f->tls,
        .listen = &f->address,
        .n_listen = 1,
        .git_version = KE_STR("v1.33.0+kedge"),
        .service_cidrs = { resources.service_cidrs[0] },
        .n_service_cidrs = 1,
        .node_port_min = 30000,
        .node_port_max = 30099,
    };
    assert_int_equal(api_server_new(&options, &f->server, &err), KE_OK);
    assert_int_equal(api_server_start(f->server, &err), KE_OK);
    assert_true(api_server_address(f->server, 0, &f->address));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    api_server_stop(f->server);
    registry_stop(f->registry);
    api_server_free(f->server);
    resource_store_free(f->store);
    watch_hub_free(f->hub);
    registry_free(f->registry);
    report_free(f->report);
    tls_context_unref(f->tls);
    tls_cert_unref(f->tls_cert);
    struct ke_buf *const bufs[] = { &f->ca,   &f->ca_key,      &f->cert,      &f->key,
                                    &f->body, &f->client_cert, &f->client_key };
    for (size_t i = 0; i < KE_ARRAY_LEN(bufs); i++) {
        ke_buf_free(bufs[i]);
    }
    test_tmpdir_remove(&f->dir);
    return 0;
}

/* ---- asking ------------------------------------------------------------------------------------
 */

static unsigned call(struct fixture *f, const char *method, const char *path, const char *type,
                     const char *body)
{
    struct ke_err err;
    unsigned status = 0;
    struct http_client_target target = { .unix_path = f->socket,
                                         .host = KE_STR("kedge"),
                                         .timeout_ms = DEADLINE_MS };
    struct http_client_request request = {
        .method = ke_str_c(method),
        .path = ke_str_c(path),
        .content_type = ke_str_c(body != NULL ? type : NULL),
        .accept = ke_str_c(body == NULL ? type : NULL),
        .body = ke_str_c(body),
    };
    ke_buf_clear(&f->body);
    enum ke_code rc = http_client_call(&target, &request, &status, &f->body, &err);
    if (rc != KE_OK) {
        fail_msg("%s %s: %s", method, path, err.msg);
    }
    ke_buf_add_char(&f->body, '\0');
    f->body.len--;
    return status;
}

static unsigned get(struct fixture *f, const char *path)
{
    return call(f, "GET", path, "application/json", NULL);
}

static unsigned post(struct fixture *f, const char *path, const char *body)
{
    return call(f, "POST", path, "application/json", body);
}

static void assert_body_has(struct fixture *f, const char *part)
{
    if (strstr(f->body.ptr, part) == NULL) {
        fail_msg("no %s in %.2000s", part, f->body.ptr);
    }
}

static void assert_body_lacks(struct fixture *f, const char *part)
{
    if (strstr(f->body.ptr, part) != NULL) {
        fail_msg("%s in %.2000s", part, f->body.ptr);
    }
}

#define CONFIGMAPS "/api/v1/namespaces/default/configmaps"

static void make_configmap(struct fixture *f, const char *name, const char *label)
{
    char json[256];
    (void)snprintf(
        json, sizeof(json),
        "{\"metadata\":{\"name\":\"%s\",\"labels\":{\"x\":\"%s\"}},\"data\":{\"k\":\"v\"}}", name,
        label);
    assert_int_equal(post(f, CONFIGMAPS, json), 201);
}

/* ---- documents ---------------------------------------------------------------------------------
 */

static void discovery_and_version_are_served(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(get(f, "/version"), 200);
    assert_body_has(f, "\"major\":\"1\",\"minor\":\"33\",\"gitVersion\":\"v1.33.0+kedge\"");
    assert_int_equal(get(f, "/api/"), 200);
    assert_body_has(f, "\"kind\":\"APIVersions\",\"versions\":[\"v1\"]");
    assert_int_equal(get(f, "/apis"), 200);
    assert_body_has(f, "{\"name\":\"apps\",\"versions\":[{\"groupVersion\":\"apps/v1\"");
    assert_int_equal(get(f, "/api/v1"), 200);
    assert_body_has(f, "{\"name\":\"pods\",\"singularName\":\"pod\",\"namespaced\":true,\"kind\":"
                       "\"Pod\",\"verbs\":[\"create\",\"delete\",\"deletecollection\",\"get\","
                       "\"list\",\"patch\",\"update\",\"watch\"],\"shortNames\":[\"po\"],"
                       "\"categories\":[\"all\"]}");
    assert_body_has(f, "{\"name\":\"pods/status\"");
    assert_int_equal(get(f, "/apis/apps"), 200);
    assert_body_has(f, "\"kind\":\"APIGroup\"");
    assert_int_equal(get(f, "/openapi/v3"), 200);
    assert_body_has(f, "\"apis/apps/v1\":{\"serverRelativeURL\":\"/openapi/v3/apis/apps/v1?hash=");
    assert_int_equal(get(f, "/openapi/v3/apis/apps/v1"), 200);
    assert_body_has(f, "\"/apis/apps/v1/namespaces/{namespace}/deployments/{name}\":{\"patch\"");
    assert_body_has(f, "\"x-kubernetes-group-version-kind\":{\"group\":\"apps\",\"version\":\"v1\","
                       "\"kind\":\"Deployment\"}");
}

static void every_document_is_json(void **state)
{
    struct fixture *f = *state;
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
        assert_int_equal(get(f, paths[i]), 200);
        assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &json, &err), KE_OK);
    }
}

static void aggregated_discovery_is_one_answer(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(call(f, "GET", "/apis",
                          "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
                          NULL),
                     200);
    assert_body_has(
        f, "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/v2\"");
    assert_body_has(f, "{\"resource\":\"deployments\",\"responseKind\":{\"group\":\"apps\","
                       "\"version\":\"v1\",\"kind\":\"Deployment\"},\"scope\":\"Namespaced\"");
    struct ke_err err;
    ke_auto_json *json = NULL;
    assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &json, &err), KE_OK);
}

static void openapi_v2_is_a_document_of_protobuf(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(call(f, "GET", "/openapi/v2",
                          "application/com.github.proto-openapi.spec.v2@v1.0+protobuf", NULL),
                     200);
    static const char want[] = "\x0a\x03"
                               "2.0\x12\x1b\x0a\x0a"
                               "Kubernetes\x12\x0dv1.33.0+kedge\x42\x00";
    assert_int_equal(f->body.len, sizeof(want) - 1);
    assert_memory_equal(f->body.ptr, want, sizeof(want) - 1);
}

static void health_names_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(get(f, "/livez"), 200);
    assert_string_equal(f->body.ptr, "ok");
    assert_int_equal(get(f, "/readyz"), 200);
    report_part(f->report, "dns", false, KE_STR("port 53 is taken by dnsmasq"));
    assert_int_equal(get(f, "/readyz?verbose"), 200);
    assert_body_has(f, "[-]dns degraded: port 53 is taken by dnsmasq\n");
    assert_body_has(f, "readyz check passed\n");
    f->is_not_ready = true;
    assert_int_equal(get(f, "/readyz"), 500);
    assert_body_has(f, "[-]ready failed: the table was not synced\n");
    assert_int_equal(get(f, "/healthz"), 200);
    assert_int_equal(get(f, "/api/v1/componentstatuses/dns"), 200);
    assert_body_has(f, "\"status\":\"False\",\"message\":\"port 53 is taken by dnsmasq\"");
    assert_int_equal(get(f, "/api/v1/componentstatuses/nope"), 404);
}

static void metrics_count_requests(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(get(f, "/version"), 200);
    assert_int_equal(get(f, "/metrics"), 200);
    assert_body_has(f, "apiserver_request_total{verb=\"GET\"}");
}

/* ---- objects -----------------------------------------------------------------------------------
 */

static void objects_are_created_read_changed_and_deleted(void **state)
{
    struct fixture *f = *state;
    make_configmap(f, "a", "1");
    assert_body_has(f, "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",");
    assert_int_equal(get(f, CONFIGMAPS "/a"), 200);
    assert_body_has(f, "\"data\":{\"k\":\"v\"}");
    assert_int_equal(call(f, "PATCH", CONFIGMAPS "/a", "application/merge-patch+json",
                          "{\"data\":{\"k\":\"w\"}}"),
                     200);
    assert_body_has(f, "\"data\":{\"k\":\"w\"}");
    assert_int_equal(call(f, "PUT", CONFIGMAPS "/a", "application/json",
                          "{\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"z\"}}"),
                     200);
    assert_body_has(f, "\"data\":{\"k\":\"z\"}");
    assert_int_equal(call(f, "DELETE", CONFIGMAPS "/a", "application/json",
                          "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\"}"),
                     200);
    assert_body_has(f, "\"status\":\"Success\",\"details\":{\"name\":\"a\",\"kind\":\"configmaps\","
                       "\"uid\":\"");
    assert_body_lacks(f, "\"code\"");
    assert_int_equal(get(f, CONFIGMAPS "/a"), 404);
}

static void refusals_read_as_upstreams(void **state)
{
    struct fixture *f = *state;
    make_configmap(f, "a", "1");
    static const struct {
        const char *method, *path, *type, *body;
        unsigned status;
        const char *part;
    } cases[] = {
        { "POST", CONFIGMAPS, "application/json", "{\"metadata\":{\"name\":\"a\"}}", 409,
          "\"message\":\"configmaps \\\"a\\\" already exists\",\"reason\":\"AlreadyExists\"" },
        { "POST", CONFIGMAPS, "application/json", "{\"a\":", 400,
          "the object provided is unrecognized (must be of type ConfigMap): couldn't get "
          "version/kind; json parse error" },
        { "POST", CONFIGMAPS, "application/json", "{\"kind\":\"Secret\",\"apiVersion\":\"v1\"}",
          400, "Secret in version \\\"v1\\\" cannot be handled as a ConfigMap" },
        { "POST", CONFIGMAPS, "text/plain", "x", 415, "\"reason\":\"UnsupportedMediaType\"" },
        { "POST", CONFIGMAPS "?dryRun=foo", "application/json", "{}", 422,
          "CreateOptions.meta.k8s.io \\\"\\\" is invalid: dryRun: Unsupported value: "
          "[]string{\\\"foo\\\"}: supported values: \\\"All\\\"" },
        { "PATCH", CONFIGMAPS "/a", "application/apply-patch+yaml", "{}", 415,
          "\"reason\":\"UnsupportedMediaType\",\"details\":{}" },
        { "PATCH", CONFIGMAPS "/a", "application/json-patch+json",
          "[{\"op\":\"remove\",\"path\":\"/no\"}]", 422,
          "\"message\":\"the server rejected our request due to an error in our request\"" },
        { "GET", CONFIGMAPS "/zz", NULL, NULL, 404,
          "\"message\":\"configmaps \\\"zz\\\" not found\",\"reason\":\"NotFound\",\"details\":{"
          "\"name\":\"zz\",\"kind\":\"configmaps\"},\"code\":404" },
        { "GET", "/api/v1/nope", NULL, NULL, 404,
          "the server could not find the requested resource" },
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
          "sendInitialEvents is forbidden for watch" },
        { "GET", CONFIGMAPS, "text/html", NULL, 406, "\"message\":\"406: Not Acceptable\"" },
        { "GET", "/apis", "application/json;as=Table;v=v1;g=meta.k8s.io", NULL, 406,
          "only the following media types are accepted" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        print_message("%s %s\n", cases[i].method, cases[i].path);
        assert_int_equal(call(f, cases[i].method, cases[i].path, cases[i].type, cases[i].body),
                         cases[i].status);
        assert_body_has(f, cases[i].part);
    }
}

static void lists_splice_page_and_convert(void **state)
{
    struct fixture *f = *state;
    make_configmap(f, "a", "1");
    make_configmap(f, "b", "1");
    make_configmap(f, "c", "2");
    assert_int_equal(get(f, CONFIGMAPS "?labelSelector=x%3D1"), 200);
    assert_body_has(f, "{\"kind\":\"ConfigMapList\",\"apiVersion\":\"v1\",\"metadata\":{"
                       "\"resourceVersion\":\"");
    assert_body_has(f, "\"name\":\"a\"");
    assert_body_lacks(f, "\"name\":\"c\"");
    assert_body_lacks(f, "\"kind\":\"ConfigMap\",");
    assert_int_equal(get(f, CONFIGMAPS "?limit=2"), 200);
    assert_body_has(f, "\"remainingItemCount\":1}");
    struct ke_err err;
    ke_auto_json *page = NULL;
    char path[512];
    assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &page, &err), KE_OK);
    struct ke_str token = ke_json_path_str(page, "metadata.continue");
    (void)snprintf(path, sizeof(path), CONFIGMAPS "?limit=2&continue=%.*s", KE_STR_ARG(token));
    assert_int_equal(get(f, path), 200);
    assert_body_has(f, "\"name\":\"c\"");
    assert_body_lacks(f, "\"name\":\"b\"");
    assert_int_equal(call(f, "GET", CONFIGMAPS "/a",
                          "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", NULL),
                     200);
    assert_body_has(f, "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/v1\"");
    assert_body_lacks(f, "\"data\"");
}

static void long_lists_come_whole_in_every_form(void **state)
{
    static const char *const forms[] = {
        "application/json",
        "application/json;as=Table;v=v1;g=meta.k8s.io",
        "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    };
    struct fixture *f = *state;
    for (int i = 0; i < 1500; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "c%d", i);
        make_configmap(f, name, "1");
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(forms); i++) {
        struct ke_err err;
        ke_auto_json *json = NULL;
        assert_int_equal(call(f, "GET", CONFIGMAPS, forms[i], NULL), 200);
        assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &json, &err), KE_OK);
        const char *member = i == 1 ? "rows" : "items";
        assert_int_equal(cJSON_GetArraySize(ke_json_get(json, member)), 1500);
    }
}

static void tables_have_columns_and_rows(void **state)
{
    struct fixture *f = *state;
    make_configmap(f, "a", "1");
    assert_int_equal(
        call(f, "GET", CONFIGMAPS, "application/json;as=Table;v=v1;g=meta.k8s.io", NULL), 200);
    assert_body_has(f, "{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{");
    assert_body_has(f, "\"columnDefinitions\":[{\"name\":\"Name\",\"type\":\"string\",\"format\":"
                       "\"name\"");
    assert_body_has(f, "\"rows\":[{\"cells\":[\"a\",1,\"0s\"],\"object\":{\"kind\":"
                       "\"PartialObjectMetadata\"");
    assert_int_equal(call(f, "GET", CONFIGMAPS "?includeObject=None",
                          "application/json;as=Table;v=v1;g=meta.k8s.io", NULL),
                     200);
    assert_body_has(f, "\"object\":null}");
    struct ke_err err;
    ke_auto_json *json = NULL;
    assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &json, &err), KE_OK);
}

static void other_versions_are_converted(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        post(f, "/apis/extensions/v1beta1/namespaces/default/ingresses",
             "{\"apiVersion\":\"extensions/v1beta1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":"
             "\"i\"},\"spec\":{\"rules\":[{\"host\":\"foobar.com\",\"http\":{\"paths\":[{\"path\":"
             "null,\"backend\":{\"serviceName\":\"s\",\"servicePort\":8080}}]}}]}}"),
        201);
    assert_body_has(f, "\"apiVersion\":\"extensions/v1beta1\"");
    assert_body_has(f, "\"serviceName\":\"s\"");
    assert_int_equal(get(f, "/apis/networking.k8s.io/v1/namespaces/default/ingresses/i"), 200);
    assert_body_has(f, "\"backend\":{\"service\":{\"");
    assert_body_has(f, "\"port\":{\"number\":8080}");
    assert_body_has(f, "\"pathType\":\"ImplementationSpecific\"");
    assert_int_equal(get(f, "/apis/networking.k8s.io/v1beta1/ingresses"), 200);
    assert_body_has(f, "{\"kind\":\"IngressList\",\"apiVersion\":\"networking.k8s.io/v1beta1\"");
    assert_body_has(f, "\"serviceName\":\"s\"");
}

static void collections_are_deleted_by_selector(void **state)
{
    struct fixture *f = *state;
    make_configmap(f, "a", "1");
    make_configmap(f, "b", "2");
    assert_int_equal(call(f, "DELETE", CONFIGMAPS "?labelSelector=x%3D1", "application/json", "{}"),
                     200);
    assert_body_has(f, "\"kind\":\"ConfigMapList\"");
    assert_body_has(f, "\"name\":\"a\"");
    assert_int_equal(get(f, CONFIGMAPS "/a"), 404);
    assert_int_equal(get(f, CONFIGMAPS "/b"), 200);
}

static void dry_runs_store_nothing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(post(f, CONFIGMAPS "?dryRun=All", "{\"metadata\":{\"name\":\"d\"}}"), 201);
    assert_int_equal(get(f, CONFIGMAPS "/d"), 404);
}

static void large_bodies_are_refused(void **state)
{
    struct fixture *f = *state;
    ke_auto_buf body = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES + 1024);
    char *room = ke_buf_reserve(&body, LIMIT_REQUEST_BODY_BYTES + 2);
    assert_non_null(room);
    memset(room, 'x', LIMIT_REQUEST_BODY_BYTES + 1);
    room[LIMIT_REQUEST_BODY_BYTES + 1] = '\0';
    assert_int_equal(post(f, CONFIGMAPS, room), 413);
    assert_body_has(f, "\"reason\":\"RequestEntityTooLarge\"");
    assert_int_equal(get(f, "/version"), 200);
}

static void a_full_disk_is_told(void **state)
{
    struct fixture *f = *state;
    make_configmap(f, "a", "1");
    mem_registry_fail(f->registry, KE_IO);
    assert_int_equal(post(f, CONFIGMAPS, "{\"metadata\":{\"name\":\"x\"}}"), 500);
    assert_body_has(f, "\"reason\":\"InternalError\"");
    assert_int_equal(get(f, CONFIGMAPS "/a"), 200);
    assert_int_equal(get(f, "/readyz?verbose"), 200);
    assert_body_has(f, "[-]registry degraded: ");
    mem_registry_fail(f->registry, KE_OK);
    make_configmap(f, "x", "1");
}

static void keys_of_the_registry_are_shown(void **state)
{
    struct fixture *f = *state;
    make_configmap(f, "a", "1");
    assert_int_equal(
        post(f, "/api/v1/namespaces/default/services",
             "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"type\":\"NodePort\","
             "\"clusterIP\":\"10.32.0.3\",\"ports\":[{\"port\":80,\"nodePort\":30001}]}}"),
        201);
    assert_int_equal(get(f, "/kedge/v1/registry/ls?prefix=/registry/"), 200);
    assert_string_equal(f->body.ptr, "/registry/configmaps/\n/registry/namespaces/\n"
                                     "/registry/ranges/\n/registry/services/\n");
    assert_int_equal(get(f, "/kedge/v1/registry/ls?prefix=/registry/configmaps&recursive=true"),
                     200);
    assert_string_equal(f->body.ptr, "/registry/configmaps/default/a\n");
    assert_int_equal(get(f, "/kedge/v1/registry/get?key=/registry/configmaps/default/a"), 200);
    assert_body_has(f, "{\"kind\":\"ConfigMap\"");
    assert_int_equal(get(f, "/kedge/v1/registry/get?key=/registry/nope"), 404);
    /* 10.32.0.3 is the third address: bit 2; 30001 is the second port: bit 1. */
    assert_int_equal(get(f, "/kedge/v1/registry/get?key=/registry/ranges/serviceips"), 200);
    assert_body_has(f, "\"range\":\"10.32.0.0/24\",\"data\":\"BA==\"");
    assert_int_equal(get(f, "/kedge/v1/registry/get?key=/registry/ranges/servicenodeports"), 200);
    assert_body_has(f, "\"range\":\"30000-30099\",\"data\":\"Ag==\"");
    assert_int_equal(get(f, "/kedge/v1/status"), 200);
    assert_string_equal(f->body.ptr, "{\"ok\":true}");
    assert_int_equal(get(f, "/kedge/v1/trace?target=x"), 404);
}

/* ---- long answers and watches: a client that reads as it comes
 * -----------------------------------
 */

struct reader {
    int fd;
    char text[262144];
    size_t len;
};

static void reader_open(struct reader *r, struct fixture *f, const char *path, const char *headers)
{
    char head[1024];
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    assert_true(strlen(f->socket) < sizeof(address.sun_path));
    memcpy(address.sun_path, f->socket, strlen(f->socket) + 1);
    r->len = 0;
    r->text[0] = '\0';
    r->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(r->fd, (struct sockaddr *)&address, sizeof(address)), 0);
    int n = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, headers);
    assert_int_equal(send(r->fd, head, (size_t)n, MSG_NOSIGNAL), n);
}

/* False: the end of the stream. */
static bool reader_more(struct reader *r)
{
    struct pollfd wait = { .fd = r->fd, .events = POLLIN };
    if (poll(&wait, 1, DEADLINE_MS) != 1) {
        fail_msg("nothing came behind %s", r->text);
    }
    ssize_t n = recv(r->fd, r->text + r->len, sizeof(r->text) - r->len - 1, 0);
    assert_true(n >= 0);
    r->len += (size_t)n;
    r->text[r->len] = '\0';
    return n > 0;
}

/* Waits until part is there and returns where. */
static const char *reader_await(struct reader *r, const char *part)
{
    const char *at;
    while ((at = strstr(r->text, part)) == NULL) {
        if (!reader_more(r)) {
            fail_msg("ended without %s: %s", part, r->text);
        }
    }
    return at;
}

static void watches_tell_every_change_in_order(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    make_configmap(f, "a", "1");
    reader_open(&r, f, CONFIGMAPS "?watch=true", "");
    reader_await(&r,
                 "{\"type\":\"ADDED\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"");
    make_configmap(f, "b", "1");
    reader_await(&r, "\"name\":\"b\"");
    assert_int_equal(call(f, "PATCH", CONFIGMAPS "/b", "application/merge-patch+json",
                          "{\"data\":{\"k\":\"w\"}}"),
                     200);
    const char *modified = reader_await(&r, "{\"type\":\"MODIFIED\"");
    assert_int_equal(call(f, "DELETE", CONFIGMAPS "/b", "application/json", "{}"), 200);
    const char *deleted = reader_await(&r, "{\"type\":\"DELETED\"");
    reader_await(&r, "}\n\r\n");
    assert_true(modified < deleted);
    assert_non_null(strstr(r.text, "Transfer-Encoding: chunked"));
    close(r.fd);
}

static void objects_enter_and_leave_a_selector(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    make_configmap(f, "a", "1");
    reader_open(&r, f, CONFIGMAPS "?watch=1&labelSelector=x%3D1&fieldSelector=metadata.name%3Da",
                "");
    reader_await(&r, "{\"type\":\"ADDED\"");
    make_configmap(f, "other", "1");
    assert_int_equal(call(f, "PATCH", CONFIGMAPS "/a", "application/merge-patch+json",
                          "{\"metadata\":{\"labels\":{\"x\":\"2\"}}}"),
                     200);
    /* It leaves with what it was. */
    const char *left = reader_await(&r, "{\"type\":\"DELETED\"");
    reader_await(&r, "\n\r\n");
    assert_non_null(strstr(left, "\"labels\":{\"x\":\"1\"}"));
    assert_int_equal(call(f, "PATCH", CONFIGMAPS "/a", "application/merge-patch+json",
                          "{\"metadata\":{\"labels\":{\"x\":\"1\"}}}"),
                     200);
    while (strstr(left, "{\"type\":\"ADDED\"") == NULL) {
        assert_true(reader_more(&r));
    }
    assert_null(strstr(r.text, "\"name\":\"other\""));
    assert_null(strstr(r.text, "\"type\":\"MODIFIED\""));
    close(r.fd);
}

static void watches_end_at_their_timeout(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    reader_open(&r, f, CONFIGMAPS "?watch=true&timeoutSeconds=1&allowWatchBookmarks=true",
                "Connection: close\r\n");
    reader_await(&r, "\r\n\r\n");
    make_namespace(f, "more"); /* the revision moves on without an event for this watch */
    while (reader_more(&r)) {
    }
    assert_non_null(strstr(r.text, "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"ConfigMap\","
                                   "\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\""));
    assert_non_null(strstr(r.text, "\r\n0\r\n\r\n"));
    close(r.fd);
}

static void watches_show_tables_too(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    make_configmap(f, "a", "1");
    reader_open(&r, f, CONFIGMAPS "?watch=true",
                "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n");
    reader_await(&r, "\"columnDefinitions\":[{\"name\":\"Name\"");
    make_configmap(f, "b", "1");
    reader_await(&r, "\"columnDefinitions\":[],\"rows\":[{\"cells\":[\"b\",1,\"0s\"]");
    close(r.fd);
}

static void registry_watches_show_keys(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    reader_open(&r, f, "/kedge/v1/registry/watch?prefix=/registry/configmaps/", "");
    reader_await(&r, "\r\n\r\n");
    make_configmap(f, "a", "1");
    reader_await(&r, "{\"type\":\"PUT\",\"revision\":");
    reader_await(&r, "\"key\":\"/registry/configmaps/default/a\",\"object\":{\"kind\"");
    assert_int_equal(call(f, "DELETE", CONFIGMAPS "/a", "application/json", "{}"), 200);
    reader_await(&r, "{\"type\":\"DELETE\"");
    close(r.fd);
}

/* Descriptors that clients hold, as the metrics say; waits until it is n. */
static void await_descriptors(struct fixture *f, unsigned n)
{
    char want[64];
    int64_t until_ns = ke_now_ns() + DEADLINE_MS * KE_MS;
    (void)snprintf(want, sizeof(want), "\nkedge_api_descriptors %u\n", n);
    do {
        assert_int_equal(get(f, "/metrics"), 200);
        assert_true(ke_now_ns() < until_ns);
    } while (strstr(f->body.ptr, want) == NULL);
}

static void a_client_that_leaves_its_watch_is_noticed(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    reader_open(&r, f, CONFIGMAPS "?watch=true", "");
    reader_await(&r, "\r\n\r\n");
    await_descriptors(f, 2); /* it and the one who asks */
    close(r.fd);
    await_descriptors(f, 1);
}

static void masters_may_ask_as_somebody_else(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    reader_open(&r, f, "/api/v1/namespaces/default/pods",
                "Impersonate-User: jane\r\nConnection: close\r\n");
    while (reader_more(&r)) {
    }
    assert_non_null(strstr(r.text, "HTTP/1.1 403"));
    assert_non_null(strstr(r.text, "User \\\"jane\\\" cannot list resource \\\"pods\\\""));
    close(r.fd);
    reader_open(&r, f, "/api/v1/namespaces/default/pods",
                "Impersonate-User: jane\r\nImpersonate-Group: system:masters\r\nConnection: "
                "close\r\n");
    while (reader_more(&r)) {
    }
    assert_non_null(strstr(r.text, "HTTP/1.1 200"));
    close(r.fd);
    reader_open(&r, f, "/version", "Impersonate-Uid: 7\r\nConnection: close\r\n");
    while (reader_more(&r)) {
    }
    assert_non_null(strstr(r.text, "HTTP/1.1 400"));
    close(r.fd);
}

static void stopping_ends_watches(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    reader_open(&r, f, CONFIGMAPS "?watch=true", "");
    reader_await(&r, "\r\n\r\n");
    api_server_stop(f->server);
    while (reader_more(&r)) {
    }
    close(r.fd);
}

static void large_lists_are_gzipped_when_asked(void **state)
{
    struct fixture *f = *state;
    struct reader r;
    ke_auto_buf body = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    ke_buf_add_c(&body, "{\"metadata\":{\"name\":\"big\"},\"data\":{\"k\":\"");
    for (int i = 0; i < 20000; i++) {
        ke_buf_add_c(&body, "0123456789");
    }
    ke_buf_add_c(&body, "\"}}");
    ke_buf_add_char(&body, '\0');
    assert_int_equal(post(f, CONFIGMAPS, body.ptr), 201);
    reader_open(&r, f, CONFIGMAPS, "Accept-Encoding: gzip\r\nConnection: close\r\n");
    while (reader_more(&r)) {
    }
    assert_non_null(strstr(r.text, "Content-Encoding: gzip"));
    assert_true(r.len < 10000);
    close(r.fd);
    assert_int_equal(get(f, CONFIGMAPS), 200);
    assert_true(f->body.len > 200000);
}

/* ---- waiting writes ----------------------------------------------------------------------------
 */

struct writer {
    struct ke_thread thread;
    struct fixture *f;
    struct ke_buf body;
    unsigned status;
    int index;
};

static void write_one(void *ctx)
{
    struct writer *writer = ctx;
    struct ke_err err;
    char json[64];
    (void)snprintf(json, sizeof(json), "{\"metadata\":{\"name\":\"w%d\"}}", writer->index);
    struct http_client_target target = { .unix_path = writer->f->socket,
                                         .host = KE_STR("kedge"),
                                         .timeout_ms = DEADLINE_MS };
    struct http_client_request request = { .method = KE_STR("POST"),
                                           .path = KE_STR(CONFIGMAPS),
                                           .content_type = KE_STR("application/json"),
                                           .body = ke_str_c(json) };
    (void)!http_client_call(&target, &request, &writer->status, &writer->body, &err);
}

static void writes_wait_for_their_commit_and_reads_do_not(void **state)
{
    struct fixture *f = *state;
    struct writer writers[8];
    struct ke_err err;
    mem_registry_pause(f->registry);
    for (int i = 0; i < 8; i++) {
        writers[i] = (struct writer){ .f = f, .index = i, .body = KE_BUF_INIT(65536) };
        assert_int_equal(
            ke_thread_start(&writers[i].thread, "writer", write_one, &writers[i], &err), KE_OK);
    }
    await_descriptors(f, 9); /* all wait, and answers still come */
    assert_int_equal(get(f, CONFIGMAPS "/w0"), 404);
    int64_t resumed_ns = ke_now_ns();
    mem_registry_resume(f->registry);
    for (int i = 0; i < 8; i++) {
        ke_thread_join(&writers[i].thread);
        assert_int_equal(writers[i].status, 201);
        ke_buf_free(&writers[i].body);
    }
    /* The loop is woken: no timer (the sweep's comes once a second) has to. */
    assert_true(ke_now_ns() - resumed_ns < 900 * KE_MS);
}

/* ---- who asks ----------------------------------------------------------------------------------
 */

static unsigned call_tls(struct fixture *f, struct tls_cert *cert, const char *path)
{
    struct ke_err err;
    unsigned status = 0;
    struct tls_context *tls = NULL;
    struct tls_client_options options = { .ca_pem = text_of(&f->ca), .cert = cert };
    assert_int_equal(tls_client_new(&options, &tls, &err), KE_OK);
    struct http_client_target target = {
        .host = KE_STR("127.0.0.1"), .port = f->address.port, .tls = tls, .timeout_ms = DEADLINE_MS
    };
    struct http_client_request request = { .method = KE_STR("GET"), .path = ke_str_c(path) };
    ke_buf_clear(&f->body);
    enum ke_code rc = http_client_call(&target, &request, &status, &f->body, &err);
    tls_context_unref(tls);
    if (rc != KE_OK) {
        fail_msg("%s: %s", path, err.msg);
    }
    ke_buf_add_char(&f->body, '\0');
    f->body.len--;
    return status;
}

static void certificates_say_who_asks(void **state)
{
    struct fixture *f = *state;
    struct ke_err err;
    struct tls_cert *cert = NULL;
    assert_int_equal(tls_cert_new(text_of(&f->client_cert), text_of(&f->client_key), &cert, &err),
                     KE_OK);
    assert_int_equal(call_tls(f, cert, "/api/v1/namespaces"), 200);
    assert_body_has(f, "\"name\":\"default\"");
    assert_int_equal(call_tls(f, NULL, "/healthz"), 200);
    assert_int_equal(call_tls(f, NULL, "/api/v1/namespaces/default/pods"), 403);
    assert_body_has(f, "pods is forbidden: User \\\"system:anonymous\\\" cannot list resource "
                       "\\\"pods\\\" in API group \\\"\\\" in the namespace \\\"default\\\"");
    assert_int_equal(call_tls(f, NULL, "/kedge/v1/status"), 403);
    assert_body_has(f, "forbidden: User \\\"system:anonymous\\\" cannot get path "
                       "\\\"/kedge/v1/status\\\"");
    tls_cert_unref(cert);
}

static void large_answers_cross_the_bridge_whole(void **state)
{
    struct fixture *f = *state;
    struct ke_err err;
    struct tls_cert *cert = NULL;
    ke_auto_buf body = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    ke_buf_add_c(&body, "{\"metadata\":{\"name\":\"big\"},\"data\":{\"k\":\"");
    for (int i = 0; i < 90000; i++) {
        ke_buf_add_c(&body, "0123456789");
    }
    ke_buf_add_c(&body, "\"}}");
    ke_buf_add_char(&body, '\0');
    assert_int_equal(post(f, CONFIGMAPS, body.ptr), 201);
    assert_int_equal(tls_cert_new(text_of(&f->client_cert), text_of(&f->client_key), &cert, &err),
                     KE_OK);
    assert_int_equal(call_tls(f, cert, CONFIGMAPS "/big"), 200);
    assert_true(f->body.len > 900000);
    ke_auto_json *json = NULL;
    assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &json, &err), KE_OK);
    tls_cert_unref(cert);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
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
        CASE(watches_tell_every_change_in_order),
        CASE(objects_enter_and_leave_a_selector),
        CASE(watches_end_at_their_timeout),
        CASE(watches_show_tables_too),
        CASE(registry_watches_show_keys),
        CASE(a_client_that_leaves_its_watch_is_noticed),
        CASE(masters_may_ask_as_somebody_else),
        CASE(stopping_ends_watches),
        CASE(large_lists_are_gzipped_when_asked),
        CASE(writes_wait_for_their_commit_and_reads_do_not),
        CASE(certificates_say_who_asks),
        CASE(large_answers_cross_the_bridge_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
