/* SPDX-License-Identifier: Apache-2.0 */
/* Create, update, status and dry run: what the server decides, and what it says no to. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "test/support/mem_registry.h"
#include "test/support/resources.h"

#define CM                                                                                         \
    "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"%s},\"data\":{\"k\":\"%s\"}}"

static const char *cm(const char *meta, const char *value)
{
    static char text[1024];
    snprintf(text, sizeof(text), CM, meta, value);
    return text;
}

static void create_fills_in_what_the_server_decides(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default",
                                 cm(",\"uid\":\"mine\",\"generation\":7,\"creationTimestamp\":"
                                    "\"2001-01-01T00:00:00Z\",\"managedFields\":[]",
                                    "v")),
                     KE_OK);
    assert_true(r->is_created);
    assert_string_equal(test_field(r, "metadata.namespace"), "default");
    assert_string_equal(test_field(r, "metadata.creationTimestamp"), "2026-01-01T00:00:00Z");
    assert_int_equal(strlen(test_field(r, "metadata.uid")), 36);
    assert_string_equal(test_field(r, "metadata.generation"), "");
    assert_string_equal(test_field(r, "metadata.managedFields"),
                        "[{\"manager\":\"kedge\",\"operation\":\"Update\",\"apiVersion\":\"v1\","
                        "\"time\":\"2026-01-01T00:00:00Z\",\"fieldsType\":\"FieldsV1\","
                        "\"fieldsV1\":{\"f:data\":{\".\":{},\"f:k\":{}}}}]");
    assert_true(r->revision > 1);
    char rv[24];
    snprintf(rv, sizeof(rv), "%lld", (long long)r->revision);
    assert_string_equal(test_field(r, "metadata.resourceVersion"), rv);
}

static void create_refuses_a_name_that_exists(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", cm("", "v")), KE_OK);
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", cm("", "v")), KE_EXISTS);
    assert_string_equal(r->message, "configmaps \"a\" already exists");
    assert_string_equal(r->details, "a||configmaps");
}

static void create_checks_name_namespace_kind_and_revision(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", "{\"metadata\":{}}"), KE_INVALID);
    assert_string_equal(r->message, "ConfigMap \"\" is invalid: metadata.name: Required value: "
                                    "name or generateName is required");
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", cm(",\"namespace\":\"x\"", "v")),
                     KE_MALFORMED);
    assert_string_equal(r->message, "the namespace of the provided object does not match the "
                                    "namespace sent on the request");
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "nope", cm("", "v")), KE_NOT_FOUND);
    assert_string_equal(r->message, "namespaces \"nope\" not found");
    assert_string_equal(r->details, "nope||namespaces");
    /* too long for a key of the registry: refused, not forgotten */
    char ns[2048];
    memset(ns, 'n', sizeof(ns) - 1);
    ns[sizeof(ns) - 1] = '\0';
    unsigned n_answers = r->n_answers;
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, ns, cm("", "v")), KE_MALFORMED);
    assert_int_equal(r->n_answers, n_answers + 1);
    assert_int_equal(
        test_create(r, MODEL_CONFIGMAP, "default", cm(",\"resourceVersion\":\"5\"", "v")),
        KE_MALFORMED);
    assert_string_equal(r->message, "resourceVersion should not be set on objects to be created");
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default",
                                 "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{"
                                 "\"name\":\"a\"}}"),
                     KE_MALFORMED);
    assert_string_equal(r->message, "Secret in version \"v1\" cannot be handled as a ConfigMap: "
                                    "converting (v1.Secret) to (core.ConfigMap): unknown "
                                    "conversion");
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default",
                                 "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v2\",\"metadata\":{"
                                 "\"name\":\"a\"}}"),
                     KE_MALFORMED);
    assert_string_equal(r->message,
                        "ConfigMap in version \"v2\" cannot be handled as a ConfigMap: no kind "
                        "\"ConfigMap\" is registered for version \"v2\" in scheme "
                        "\"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30\"");
}

static void generate_name_makes_different_names(void **state)
{
    struct test_resources *r = *state;
    const char *body = "{\"metadata\":{\"generateName\":\"x-\"}}";
    char first[64];
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", body), KE_OK);
    snprintf(first, sizeof(first), "%s", test_field(r, "metadata.name"));
    assert_int_equal(strlen(first), 7);
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", body), KE_OK);
    assert_string_not_equal(first, test_field(r, "metadata.name"));
    assert_string_equal(test_field(r, "metadata.generateName"), "x-");
}

static struct resource_request create_request(const char *ns)
{
    return (struct resource_request){ .verb = RESOURCE_CREATE,
                                      .kind = model_kind_by_id(MODEL_CONFIGMAP),
                                      .ns = ke_str_c(ns) };
}

static void dry_run_stores_nothing(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = create_request("default");
    request.is_dry_run = true;
    assert_int_equal(test_write(r, request, cm("", "v")), KE_OK);
    assert_int_equal(strlen(test_field(r, "metadata.uid")), 36);
    assert_int_equal(r->revision, 0);
    assert_false(test_exists(r, MODEL_CONFIGMAP, "default", "a"));
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", cm("", "v")), KE_OK);
    assert_int_equal(test_write(r, request, cm("", "v")), KE_EXISTS);
}

static void unknown_fields_are_errors_warnings_or_nothing(void **state)
{
    struct test_resources *r = *state;
    const char *body = "{\"metadata\":{\"name\":\"a\"},\"foo\":1}";
    struct resource_request request = create_request("default");
    request.is_strict = true;
    assert_int_equal(test_write(r, request, body), KE_MALFORMED);
    assert_string_equal(r->message, "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: "
                                    "strict decoding error: unknown field \"foo\"");
    request.is_strict = false;
    request.is_warning = true;
    assert_int_equal(test_write(r, request, body), KE_OK);
    assert_string_equal(r->warnings, "unknown field \"foo\"\n");
    assert_string_equal(test_field(r, "foo"), "");
}

static void wrong_types_are_named(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default",
                                 "{\"metadata\":{\"name\":\"a\"},\"data\":\"x\"}"),
                     KE_MALFORMED);
    assert_non_null(strstr(r->message, "ConfigMap in version \"v1\" cannot be handled as a "
                                       "ConfigMap: json: cannot unmarshal string into Go struct "
                                       "field ConfigMap.data of type map[string]string"));
}

static void update_needs_the_latest_revision(void **state)
{
    struct test_resources *r = *state;
    char meta[64];
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", cm("", "v")), KE_OK);
    snprintf(meta, sizeof(meta), ",\"resourceVersion\":\"%lld\"", (long long)r->revision);
    assert_int_equal(test_update(r, MODEL_CONFIGMAP, "default", "a", cm(meta, "w")), KE_OK);
    assert_false(r->is_created);
    assert_int_equal(test_update(r, MODEL_CONFIGMAP, "default", "a", cm(meta, "x")), KE_CONFLICT);
    assert_string_equal(r->message,
                        "Operation cannot be fulfilled on configmaps \"a\": the object has been "
                        "modified; please apply your changes to the latest version and try again");
    assert_string_equal(r->details, "a||configmaps");
    assert_int_equal(test_update(r, MODEL_CONFIGMAP, "default", "a", cm("", "y")), KE_OK);
    assert_string_equal(test_field(r, "data.k"), "y");
}

static void update_checks_names_and_uid(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(
        test_update(r, MODEL_CONFIGMAP, "default", "zz", "{\"metadata\":{\"name\":\"zz\"}}"),
        KE_NOT_FOUND);
    assert_string_equal(r->message, "configmaps \"zz\" not found");
    assert_int_equal(test_update(r, MODEL_CONFIGMAP, "default", "b", cm("", "v")), KE_MALFORMED);
    assert_string_equal(r->message,
                        "the name of the object (a) does not match the name on the URL (b)");
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", cm("", "v")), KE_OK);
    assert_int_equal(test_update(r, MODEL_CONFIGMAP, "default", "a", cm(",\"uid\":\"nope\"", "w")),
                     KE_CONFLICT);
    assert_non_null(strstr(r->message, "Precondition failed: UID in precondition: nope"));
}

static void update_keeps_what_only_the_server_sets(void **state)
{
    struct test_resources *r = *state;
    char uid[64];
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", cm("", "v")), KE_OK);
    snprintf(uid, sizeof(uid), "%s", test_field(r, "metadata.uid"));
    assert_int_equal(test_update(r, MODEL_CONFIGMAP, "default", "a",
                                 cm(",\"creationTimestamp\":\"2001-01-01T00:00:00Z\","
                                    "\"deletionTimestamp\":\"2001-01-01T00:00:00Z\"",
                                    "w")),
                     KE_OK);
    assert_string_equal(test_field(r, "metadata.uid"), uid);
    assert_string_equal(test_field(r, "metadata.creationTimestamp"), "2026-01-01T00:00:00Z");
    assert_string_equal(test_field(r, "metadata.deletionTimestamp"), "");
    assert_string_equal(test_field(r, "data.k"), "w");
}

static void a_write_that_changes_nothing_keeps_the_revision(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", cm("", "v")), KE_OK);
    int64_t revision = r->revision;
    assert_int_equal(test_update(r, MODEL_CONFIGMAP, "default", "a", cm("", "v")), KE_OK);
    assert_int_equal(r->revision, revision);
    assert_int_equal(registry_revision(r->registry), revision);
}

static void update_creates_where_the_kind_allows(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(test_update(r, MODEL_LEASE, "default", "l",
                                 "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"holderIdentity\":"
                                 "\"h\"}}"),
                     KE_OK);
    assert_true(r->is_created);
    assert_true(test_exists(r, MODEL_LEASE, "default", "l"));
    assert_int_equal(test_update(r, MODEL_LEASE, "nope", "l", "{\"metadata\":{\"name\":\"l\"}}"),
                     KE_NOT_FOUND);
}

static const char *ingress(int port, const char *ip)
{
    static char text[512];
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"i\"},\"spec\":{\"defaultBackend\":{\"service\":{\"name\":"
             "\"s\",\"port\":{\"number\":%d}}}},\"status\":{\"loadBalancer\":{\"ingress\":[{"
             "\"ip\":\"%s\"}]}}}",
             port, ip);
    return text;
}

static void some_kinds_must_carry_their_revision(void **state)
{
    struct test_resources *r = *state;
    const char *lease = "{\"metadata\":{\"name\":\"l\"},\"spec\":{\"holderIdentity\":\"h\"}}";
    assert_int_equal(test_create(r, MODEL_LEASE, "default", lease), KE_OK);
    assert_int_equal(test_update(r, MODEL_LEASE, "default", "l", lease), KE_INVALID);
    assert_non_null(strstr(r->message, "metadata.resourceVersion: Invalid value: \"\": must be "
                                       "specified for an update"));
}

static void status_and_spec_change_apart(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(test_create(r, MODEL_INGRESS, "default", ingress(80, "1.1.1.1")), KE_OK);
    assert_string_equal(test_field(r, "metadata.generation"), "1");
    struct resource_request request = { .verb = RESOURCE_UPDATE,
                                        .kind = model_kind_by_id(MODEL_INGRESS),
                                        .ns = KE_STR("default"),
                                        .name = KE_STR("i"),
                                        .subresource = KE_STR("status") };
    assert_int_equal(test_write(r, request, ingress(99, "2.2.2.2")), KE_OK);
    assert_string_equal(test_field(r, "spec.defaultBackend.service.port.number"), "80");
    assert_string_equal(test_field(r, "status.loadBalancer.ingress.0.ip"), "2.2.2.2");
    assert_string_equal(test_field(r, "metadata.generation"), "1");
    assert_int_equal(test_update(r, MODEL_INGRESS, "default", "i", ingress(81, "3.3.3.3")), KE_OK);
    assert_string_equal(test_field(r, "spec.defaultBackend.service.port.number"), "81");
    assert_string_equal(test_field(r, "status.loadBalancer.ingress.0.ip"), "2.2.2.2");
    assert_string_equal(test_field(r, "metadata.generation"), "2");
}

static void what_is_not_served_is_refused(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = create_request("default");
    request.subresource = KE_STR("nosuch");
    assert_int_equal(test_write(r, request, cm("", "v")), KE_NOT_FOUND);
    assert_string_equal(r->message, "the server could not find the requested resource");
    assert_int_equal(test_create(r, MODEL_COMPONENTSTATUS, "", "{}"), KE_METHOD);
    assert_string_equal(r->message,
                        "the server does not allow this method on the requested resource");
}

static void a_full_disk_is_reported(void **state)
{
    struct test_resources *r = *state;
    mem_registry_fail(r->registry, KE_IO);
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", cm("", "v")), KE_IO);
    mem_registry_fail(r->registry, KE_OK);
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", cm("", "v")), KE_OK);
}

static void a_waiting_call_gets_the_object(void **state)
{
    struct test_resources *r = *state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_object *object = NULL;
    struct resource_request request = create_request("default");
    assert_int_equal(ke_json_parse(ke_str_c(cm("", "v")), &request.body, &err), KE_OK);
    assert_int_equal(resource_call(r->store, &request, &object, &err), KE_OK);
    assert_true(ke_str_eq_c(object->name, "a"));
    assert_int_equal(ke_json_parse(ke_str_c(cm("", "v")), &request.body, &err), KE_OK);
    assert_int_equal(resource_call(r->store, &request, NULL, &err), KE_EXISTS);
    assert_string_equal(err.msg, "configmaps \"a\" already exists");
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_resources_set_up, test_resources_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(create_fills_in_what_the_server_decides),
        TEST(create_refuses_a_name_that_exists),
        TEST(create_checks_name_namespace_kind_and_revision),
        TEST(generate_name_makes_different_names),
        TEST(dry_run_stores_nothing),
        TEST(unknown_fields_are_errors_warnings_or_nothing),
        TEST(wrong_types_are_named),
        TEST(update_needs_the_latest_revision),
        TEST(update_checks_names_and_uid),
        TEST(update_keeps_what_only_the_server_sets),
        TEST(a_write_that_changes_nothing_keeps_the_revision),
        TEST(update_creates_where_the_kind_allows),
        TEST(some_kinds_must_carry_their_revision),
        TEST(status_and_spec_change_apart),
        TEST(what_is_not_served_is_refused),
        TEST(a_full_disk_is_reported),
        TEST(a_waiting_call_gets_the_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
