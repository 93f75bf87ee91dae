/* SPDX-License-Identifier: Apache-2.0 */
/* The documents of what is served: whole, cached as upstream's, and made again when kinds change.
 */
#include <stdio.h>
#include <unistd.h>

#include "core/api/docs.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "test/support/api.h"

static cJSON *get_json(struct test_api *f, const char *path)
{
    struct ke_err err;
    cJSON *json = NULL;
    assert_int_equal(test_api_get(f, path), 200);
    assert_int_equal(ke_json_parse(ke_str_c(f->body.ptr), &json, &err), KE_OK);
    return json;
}

static void assert_reference(const char *text, const cJSON *schemas)
{
    static const char prefix[] = "#/components/schemas/";
    assert_memory_equal(text, prefix, sizeof(prefix) - 1);
    if (ke_json_get(schemas, text + sizeof(prefix) - 1) == NULL)
        fail_msg("no schema %s", text);
}

/* Every "$ref" names a schema of the document. */
static void assert_references(const cJSON *value, const cJSON *schemas)
{
    for (const cJSON *it = value->child; it != NULL; it = it->next) {
        if (it->string != NULL && strcmp(it->string, "$ref") == 0 && cJSON_IsString(it))
            assert_reference(it->valuestring, schemas);
        assert_references(it, schemas);
    }
}

static void every_openapi_document_is_whole(void **state)
{
    struct test_api *f = *state;
    ke_auto_json *index = get_json(f, "/openapi/v3");
    size_t n = 0;
    const cJSON *it = NULL;
    cJSON_ArrayForEach(it, ke_json_get(index, "paths")) {
        char path[300];
        (void)snprintf(path, sizeof(path), "%s", ke_json_get(it, "serverRelativeURL")->valuestring);
        ke_auto_json *doc = get_json(f, path);
        const cJSON *schemas = ke_json_path(doc, "components.schemas");
        assert_true(cJSON_GetArraySize(schemas) > 10);
        assert_references(doc, schemas);
        n++;
    }
    assert_true(n >= 8);
}

static void assert_schema(struct test_api *f, const char *name, const char *want)
{
    ke_auto_json *doc = get_json(f, "/openapi/v3/api/v1");
    ke_auto_buf text = KE_BUF_INIT(LIMIT_FILE_BYTES);
    const cJSON *schema = ke_json_get(ke_json_path(doc, "components.schemas"), name);
    assert_non_null(schema);
    ke_json_print(schema, &text);
    ke_buf_add_char(&text, '\0');
    assert_string_equal(text.ptr, want);
}

#define S "#/components/schemas/"

static void schemas_follow_the_published_rules(void **state)
{
    struct test_api *f = *state;
    assert_schema(
        f, "io.k8s.api.core.v1.ServicePort",
        "{\"type\":\"object\",\"required\":[\"port\"],\"properties\":{\"name\":{\"type\":\"string\"},"
        "\"protocol\":{\"type\":\"string\",\"enum\":[\"SCTP\",\"TCP\",\"UDP\"],\"default\":\"TCP\"},"
        "\"appProtocol\":{\"type\":\"string\"},\"port\":{\"type\":\"integer\",\"format\":\"int32\","
        "\"default\":0},\"targetPort\":{\"$ref\":\"" S
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString\"},\"nodePort\":{\"type\":\"integer\","
        "\"format\":\"int32\"}}}");
    assert_schema(
        f, "io.k8s.api.core.v1.Service",
        "{\"type\":\"object\",\"properties\":{\"apiVersion\":{\"type\":\"string\"},\"kind\":{\"type\":"
        "\"string\"},\"metadata\":{\"allOf\":[{\"$ref\":\"" S
        "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta\"}],\"default\":{}},\"spec\":{\"allOf\":[{"
        "\"$ref\":\"" S
        "io.k8s.api.core.v1.ServiceSpec\"}],\"default\":{}},\"status\":{\"allOf\":[{"
        "\"$ref\":\"" S "io.k8s.api.core.v1.ServiceStatus\"}],\"default\":{}}},"
        "\"x-kubernetes-group-version-kind\":[{\"group\":\"\",\"kind\":\"Service\",\"version\":\"v1\"}]}");
    ke_auto_json *doc = get_json(f, "/openapi/v3/api/v1");
    ke_auto_buf ports = KE_BUF_INIT(10000);
    const cJSON *spec =
        ke_json_get(ke_json_path(doc, "components.schemas"), "io.k8s.api.core.v1.ServiceSpec");
    ke_json_print(ke_json_path(spec, "properties.ports"), &ports);
    ke_buf_add_char(&ports, '\0');
    assert_string_equal(
        ports.ptr,
        "{\"type\":\"array\",\"items\":{\"allOf\":[{\"$ref\":\"" S
        "io.k8s.api.core.v1.ServicePort\"}],\"default\":{}},\"x-kubernetes-list-map-keys\":[\"port\","
        "\"protocol\"],\"x-kubernetes-list-type\":\"map\",\"x-kubernetes-patch-merge-key\":\"port\","
        "\"x-kubernetes-patch-strategy\":\"merge\"}");
}

static void operations_name_their_kind_and_parameters(void **state)
{
    struct test_api *f = *state;
    ke_auto_json *doc = get_json(f, "/openapi/v3/api/v1");
    const cJSON *path =
        ke_json_get(ke_json_get(doc, "paths"), "/api/v1/namespaces/{namespace}/pods/{name}");
    const cJSON *patch = ke_json_get(path, "patch");
    assert_true(ke_str_eq_c(ke_json_str(patch, "operationId"), "patchCoreV1NamespacedPod"));
    assert_true(
        ke_str_eq_c(ke_json_path_str(patch, "x-kubernetes-group-version-kind.kind"), "Pod"));
    ke_auto_buf text = KE_BUF_INIT(100000);
    ke_json_print(ke_json_get(patch, "parameters"), &text);
    ke_buf_add_char(&text, '\0');
    assert_non_null(strstr(text.ptr, "\"name\":\"fieldValidation\",\"in\":\"query\""));
    assert_non_null(ke_json_get(path, "delete"));
    assert_null(ke_json_get(path, "post"));
    assert_non_null(ke_json_get(ke_json_get(doc, "paths"), "/api/v1/pods"));
}

static void documents_are_cached_by_their_hash(void **state)
{
    struct test_api *f = *state;
    struct test_reader *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    assert_int_equal(test_api_get(f, "/openapi/v3"), 200);
    const char *url = strstr(f->body.ptr, "/openapi/v3/apis/apps/v1?hash=");
    assert_non_null(url);
    char hash[API_HASH_TEXT];
    char path[200];
    char header[200];
    (void)snprintf(hash, sizeof(hash), "%s", strchr(url, '=') + 1);
    (void)snprintf(path, sizeof(path), "/openapi/v3/apis/apps/v1?hash=%s", hash);
    test_reader_open(r, f, path, "Accept-Encoding: gzip\r\n");
    (void)test_reader_await(r, "\r\n\r\n");
    assert_non_null(strstr(r->text, "Content-Encoding: gzip\r\n"));
    assert_non_null(strstr(r->text, "Cache-Control: public, immutable\r\n"));
    assert_non_null(strstr(r->text, "Expires: "));
    assert_non_null(strstr(r->text, "Vary: Accept"));
    (void)snprintf(header, sizeof(header), "ETag: \"%s\"\r\n", hash);
    assert_non_null(strstr(r->text, header));
    close(r->fd);
    memset(r, 0, sizeof(*r));
    (void)snprintf(header, sizeof(header), "If-None-Match: \"%s\"\r\n", hash);
    test_reader_open(r, f, path, header);
    (void)test_reader_await(r, "HTTP/1.1 304");
    close(r->fd);
    memset(r, 0, sizeof(*r));
    test_reader_open(r, f, "/openapi/v3/apis/apps/v1?hash=OLD", "");
    (void)test_reader_await(r, "\r\n\r\n");
    assert_null(strstr(r->text, "immutable"));
    close(r->fd);
    free(r);
}

static const char definition[] =
    "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\",\"metadata\":{"
    "\"name\":\"foos.example.com\"},\"spec\":{\"group\":\"example.com\",\"scope\":\"Namespaced\","
    "\"names\":{\"plural\":\"foos\",\"singular\":\"foo\",\"kind\":\"Foo\",\"listKind\":\"FooList\"},"
    "\"versions\":[{\"name\":\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{"
    "\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{\"size\":{\"type\":"
    "\"integer\"}}}}}}}]},\"status\":{\"acceptedNames\":{\"plural\":\"foos\",\"singular\":\"foo\","
    "\"kind\":\"Foo\",\"listKind\":\"FooList\"},\"storedVersions\":[\"v1\"],\"conditions\":[{\"type\":"
    "\"NamesAccepted\",\"status\":\"True\"},{\"type\":\"Established\",\"status\":\"True\"}]}}";

static void documents_are_made_again_when_kinds_change(void **state)
{
    struct test_api *f = *state;
    struct ke_err err;
    ke_auto_json *json = NULL;
    struct model_catalog *catalog = resource_store_catalog(f->store);
    assert_int_equal(test_api_get(f, "/apis/example.com/v1"), 404);
    assert_int_equal(test_api_get(f, "/openapi/v3"), 200);
    char *core = strdup(strstr(f->body.ptr, "/openapi/v3/api/v1?hash="));
    assert_non_null(core);
    core[90] = '\0';
    assert_int_equal(ke_json_parse(KE_STR(definition), &json, &err), KE_OK);
    assert_int_equal(model_catalog_put(catalog, json, &err), KE_OK);
    assert_int_equal(test_api_get(f, "/apis/example.com/v1"), 200);
    test_api_assert_has(
        f, "{\"name\":\"foos\",\"singularName\":\"foo\",\"namespaced\":true,\"kind\":\"Foo\"");
    assert_int_equal(test_api_get(f, "/apis"), 200);
    test_api_assert_has(f, "\"example.com/v1\"");
    assert_int_equal(test_api_get(f, "/openapi/v3"), 200);
    test_api_assert_has(f, "\"apis/example.com/v1\":{");
    test_api_assert_has(f, core); /* what did not change keeps its hash */
    free(core);
    ke_auto_json *doc = get_json(f, "/openapi/v3/apis/example.com/v1");
    const cJSON *schemas = ke_json_path(doc, "components.schemas");
    const cJSON *foo = ke_json_get(schemas, "com.example.v1.Foo");
    assert_non_null(ke_json_path(foo, "properties.spec.properties.size"));
    assert_non_null(ke_json_path(foo, "properties.metadata"));
    assert_non_null(ke_json_get(schemas, "com.example.v1.FooList"));
    assert_references(doc, schemas);
    model_catalog_remove(catalog, KE_STR("foos.example.com"));
    assert_int_equal(test_api_get(f, "/apis/example.com/v1"), 404);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, test_api_set_up, test_api_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(every_openapi_document_is_whole),
        CASE(schemas_follow_the_published_rules),
        CASE(operations_name_their_kind_and_parameters),
        CASE(documents_are_cached_by_their_hash),
        CASE(documents_are_made_again_when_kinds_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
