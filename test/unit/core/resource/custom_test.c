/* SPDX-License-Identifier: Apache-2.0 */
/* Custom objects through the verbs, from the moment their definition is established. */
#include <stdio.h>

#include "core/model/catalog.h"
#include "test/support/resources.h"

#define CRD "widgets.example.com"

static const char definition[] =
    "{\"metadata\":{\"name\":\"" CRD "\"},\"spec\":{\"group\":\"example.com\",\"scope\":"
    "\"Namespaced\",\"names\":{\"plural\":\"widgets\",\"kind\":\"Widget\"},\"versions\":[{"
    "\"name\":\"v1\",\"served\":true,\"storage\":true,\"subresources\":{\"status\":{},\"scale\":{"
    "\"specReplicasPath\":\".spec.n\",\"statusReplicasPath\":\".status.n\"}},\"schema\":{"
    "\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\","
    "\"properties\":{\"n\":{\"type\":\"integer\",\"default\":1,\"maximum\":5},\"color\":{\"type\":"
    "\"string\"}}},\"status\":{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}}}}}}},"
    "{\"name\":\"v1beta1\",\"served\":true,\"storage\":false,\"deprecated\":true,\"schema\":{"
    "\"openAPIV3Schema\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true}}}]}}";
static const char established[] =
    "{\"status\":{\"acceptedNames\":{\"plural\":\"widgets\",\"kind\":\"Widget\",\"listKind\":"
    "\"WidgetList\",\"singular\":\"widget\"},\"conditions\":[{\"type\":\"Established\",\"status\":"
    "\"True\",\"lastTransitionTime\":\"2024-01-01T00:00:00Z\",\"reason\":\"r\",\"message\":\"m\"}]}}";

static const struct model_kind *find(struct test_resources *r, const char *version,
                                     const struct model_version **out)
{
    return model_catalog_by_plural(resource_store_catalog(r->store), KE_STR("example.com"),
                                   ke_str_c(version), KE_STR("widgets"), out);
}

static struct resource_request request(struct test_resources *r, enum resource_verb verb,
                                       const char *version, const char *name)
{
    struct resource_request made = { .verb = verb,
                                     .ns = KE_STR("default"),
                                     .name = ke_str_c(name),
                                     .patch = RESOURCE_PATCH_MERGE,
                                     .grace_period_s = -1 };
    made.kind = find(r, version, &made.version);
    assert_non_null(made.kind);
    return made;
}

static enum ke_code write(struct test_resources *r, enum resource_verb verb, const char *version,
                          const char *name, const char *body)
{
    return test_write(r, request(r, verb, version, name), body);
}

static enum ke_code patch_crd(struct test_resources *r, const char *subresource, const char *body)
{
    struct resource_request made = { .verb = RESOURCE_PATCH,
                                     .patch = RESOURCE_PATCH_MERGE,
                                     .kind = model_kind_by_id(MODEL_CUSTOMRESOURCEDEFINITION),
                                     .name = KE_STR(CRD),
                                     .subresource = ke_str_c(subresource) };
    return test_write(r, made, body);
}

static int set_up(void **state)
{
    struct test_resources *r = calloc(1, sizeof(*r));
    test_resources_init(r, false);
    assert_int_equal(test_create(r, MODEL_CUSTOMRESOURCEDEFINITION, "", definition), KE_OK);
    assert_null(find(r, "v1", NULL));
    assert_int_equal(patch_crd(r, "status", established), KE_OK);
    *state = r;
    return 0;
}

static void creates_defaults_and_cuts(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(
        write(r, RESOURCE_CREATE, "v1", "",
              "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"x\":1},\"status\":{\"n\":3}}"),
        KE_OK);
    assert_string_equal(test_field(r, "apiVersion"), "example.com/v1");
    assert_string_equal(test_field(r, "spec.n"), "1");
    assert_string_equal(test_field(r, "spec.x"), "");
    assert_string_equal(test_field(r, "status.n"), "");
    assert_string_equal(test_field(r, "metadata.generation"), "1");
    struct resource_request strict = request(r, RESOURCE_CREATE, "v1", "");
    strict.is_strict = true;
    assert_int_equal(test_write(r, strict, "{\"metadata\":{\"name\":\"b\"},\"spec\":{\"x\":1}}"),
                     KE_MALFORMED);
    assert_non_null(strstr(r->message, "unknown field \"spec.x\""));
    assert_int_equal(
        write(r, RESOURCE_CREATE, "v1", "", "{\"metadata\":{\"name\":\"b\"},\"spec\":{\"n\":9}}"),
        KE_INVALID);
    assert_string_equal(r->issues,
                        "spec.n: Invalid value: 9: spec.n in body should be less than or "
                        "equal to 5\n");
}

static void keeps_status_and_spec_apart(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(write(r, RESOURCE_CREATE, "v1", "", "{\"metadata\":{\"name\":\"a\"}}"), KE_OK);
    struct resource_request status = request(r, RESOURCE_PATCH, "v1", "a");
    status.subresource = KE_STR("status");
    assert_int_equal(test_write(r, status, "{\"status\":{\"n\":2},\"spec\":{\"n\":4}}"), KE_OK);
    assert_string_equal(test_field(r, "status.n"), "2");
    assert_string_equal(test_field(r, "spec.n"), "");
    assert_string_equal(test_field(r, "metadata.generation"), "1");
    assert_int_equal(
        write(r, RESOURCE_PATCH, "v1", "a", "{\"status\":{\"n\":5},\"spec\":{\"color\":\"red\"}}"),
        KE_OK);
    assert_string_equal(test_field(r, "status.n"), "2");
    assert_string_equal(test_field(r, "spec.n"), "1"); /* there is a spec now to default */
    assert_string_equal(test_field(r, "metadata.generation"), "2");
    struct resource_request scale = request(r, RESOURCE_PATCH, "v1", "a");
    scale.subresource = KE_STR("scale");
    assert_int_equal(test_write(r, scale, "{\"spec\":{\"replicas\":3}}"), KE_OK);
    assert_string_equal(test_field(r, "status.replicas"), "2");
    assert_int_equal(test_write(r, scale, "{\"spec\":{\"replicas\":7}}"), KE_INVALID);
}

/* Leave to write the status is none to write labels, owners or finalizers. */
static void a_status_brings_no_metadata(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(write(r, RESOURCE_CREATE, "v1", "",
                           "{\"metadata\":{\"name\":\"a\",\"finalizers\":[\"a.b/c\"]}}"),
                     KE_OK);
    struct resource_request status = request(r, RESOURCE_PATCH, "v1", "a");
    status.subresource = KE_STR("status");
    status.field_manager = KE_STR("m");
    assert_int_equal(test_write(r, status,
                                "{\"metadata\":{\"labels\":{\"a\":\"b\"},\"finalizers\":null},"
                                "\"status\":{\"n\":2}}"),
                     KE_OK);
    assert_string_equal(test_field(r, "status.n"), "2");
    assert_string_equal(test_field(r, "metadata.labels.a"), "");
    assert_string_equal(test_field(r, "metadata.finalizers.0"), "a.b/c");
    assert_string_equal(test_field(r, "metadata.managedFields.0.subresource"), "status");
}

static void serves_other_versions_of_what_is_stored(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(write(r, RESOURCE_CREATE, "v1beta1", "",
                           "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"free\":true}}"),
                     KE_OK);
    assert_non_null(strstr(r->warnings, "example.com/v1beta1 Widget is deprecated"));
    /* without the subresource in this version a status is a member like any other */
    assert_int_equal(write(r, RESOURCE_PATCH, "v1beta1", "a", "{\"status\":{\"any\":1}}"), KE_OK);
    assert_string_equal(test_field(r, "status.any"), "1");
    assert_string_equal(test_field(r, "metadata.generation"), "2");
    struct resource_request status = request(r, RESOURCE_PATCH, "v1beta1", "a");
    status.subresource = KE_STR("status");
    assert_int_equal(test_write(r, status, "{\"status\":{\"any\":2}}"), KE_NOT_FOUND);
    /* v1 declares less */
    assert_int_equal(
        write(r, RESOURCE_PATCH, "v1", "a", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"), KE_OK);
    assert_string_equal(test_field(r, "spec.free"), "");
    assert_string_equal(test_field(r, "spec.n"), "1");
}

static void follows_its_definition(void **state)
{
    struct test_resources *r = *state;
    struct resource_request old = request(r, RESOURCE_CREATE, "v1", "");
    assert_int_equal(write(r, RESOURCE_CREATE, "v1", "",
                           "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"color\":\"red\"}}"),
                     KE_OK);
    struct resource_request gone = { .verb = RESOURCE_DELETE,
                                     .kind = model_kind_by_id(MODEL_CUSTOMRESOURCEDEFINITION),
                                     .name = KE_STR(CRD),
                                     .grace_period_s = -1 };
    assert_int_equal(test_write(r, gone, NULL), KE_OK);
    assert_false(r->is_deleted); /* it waits for its objects */
    assert_int_equal(write(r, RESOURCE_CREATE, "v1", "", "{\"metadata\":{\"name\":\"b\"}}"),
                     KE_METHOD);
    assert_string_equal(r->message,
                        "create not allowed while custom resource definition is terminating");
    assert_int_equal(write(r, RESOURCE_DELETE, "v1", "a", NULL), KE_OK);
    assert_int_equal(patch_crd(r, "", "{\"metadata\":{\"finalizers\":null}}"), KE_OK);
    assert_null(find(r, "v1", NULL));
    /* who still holds the kind is told */
    assert_int_equal(test_write(r, old, "{\"metadata\":{\"name\":\"c\"}}"), KE_NOT_FOUND);
}

static void says_which_rules_it_does_not_evaluate(void **state)
{
    struct test_resources *r = *state;
    char text[4096];
    const char *spec = strstr(definition, "\"spec\":{\"type\":\"object\",");
    assert_non_null(spec);
    size_t before = (size_t)(spec - definition) + strlen("\"spec\":{\"type\":\"object\",");
    snprintf(text, sizeof(text), "%.*s\"x-kubernetes-validations\":[{\"rule\":\"self.n > 0\"}],%s",
             (int)before, definition, definition + before);
    struct resource_request made = { .verb = RESOURCE_UPDATE,
                                     .kind = model_kind_by_id(MODEL_CUSTOMRESOURCEDEFINITION),
                                     .name = KE_STR(CRD) };
    char *rv = strstr(text, "\"metadata\":{");
    assert_non_null(rv);
    char with_rv[4200];
    snprintf(with_rv, sizeof(with_rv), "{\"metadata\":{\"resourceVersion\":\"%lld\",%s",
             (long long)r->revision, rv + strlen("\"metadata\":{"));
    assert_int_equal(test_write(r, made, with_rv), KE_OK);
    assert_non_null(strstr(r->warnings, "x-kubernetes-validations are stored but not evaluated"));
}

static size_t count_by_color(struct test_resources *r, const char *color)
{
    struct ke_err err = KE_ERR_INIT;
    char text[64];
    snprintf(text, sizeof(text), "spec.color=%s", color);
    KE_AUTO(model_selector) *fields = NULL;
    assert_int_equal(model_selector_parse_fields(ke_str_c(text), &fields, &err), KE_OK);
    struct resource_list_options options = { .fields = fields };
    struct resource_list list = { .continue_token = NULL };
    assert_int_equal(resource_list(r->store, find(r, "v1", NULL), &options, &list, &err), KE_OK);
    size_t n = list.items.n_objects;
    resource_list_free(&list);
    return n;
}

static void selects_by_fields_that_came_later(void **state)
{
    struct test_resources *r = *state;
    struct ke_err err = KE_ERR_INIT;
    KE_AUTO(model_selector) *fields = NULL;
    assert_int_equal(model_selector_parse_fields(KE_STR("spec.color=red"), &fields, &err), KE_OK);
    assert_int_equal(resource_check_fields(find(r, "v1", NULL), fields, &err), KE_MALFORMED);
    assert_int_equal(write(r, RESOURCE_CREATE, "v1", "",
                           "{\"metadata\":{\"name\":\"a\"},\"spec\":{\"color\":\"red\"}}"),
                     KE_OK);
    struct resource_request change = { .verb = RESOURCE_PATCH,
                                       .patch = RESOURCE_PATCH_JSON,
                                       .kind = model_kind_by_id(MODEL_CUSTOMRESOURCEDEFINITION),
                                       .name = KE_STR(CRD) };
    assert_int_equal(test_write(r, change,
                                "[{\"op\":\"add\",\"path\":\"/spec/versions/0/selectableFields\","
                                "\"value\":[{\"jsonPath\":\".spec.color\"}]}]"),
                     KE_OK);
    assert_int_equal(resource_check_fields(find(r, "v1", NULL), fields, &err), KE_OK);
    assert_int_equal(write(r, RESOURCE_CREATE, "v1", "",
                           "{\"metadata\":{\"name\":\"b\"},\"spec\":{\"color\":\"red\"}}"),
                     KE_OK);
    assert_int_equal(count_by_color(r, "red"), 2);
    assert_int_equal(count_by_color(r, "blue"), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, test_resources_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(creates_defaults_and_cuts),
        CASE(keeps_status_and_spec_apart),
        CASE(a_status_brings_no_metadata),
        CASE(serves_other_versions_of_what_is_stored),
        CASE(follows_its_definition),
        CASE(selects_by_fields_that_came_later),
        CASE(says_which_rules_it_does_not_evaluate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
