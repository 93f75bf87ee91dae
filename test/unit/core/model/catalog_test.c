/* SPDX-License-Identifier: Apache-2.0 */
/* Kinds that come and go, and what stays of them. */
#include "core/base/json.h"
#include "core/model/catalog.h"
#include "core/model/form.h"
#include "test/support/base/test.h"

#define NAME "widgets.example.com"

static int set_up(void **state)
{
    struct ke_err err = KE_ERR_INIT;
    struct model_catalog *catalog = NULL;
    assert_int_equal(model_catalog_new(&catalog, &err), KE_OK);
    *state = catalog;
    return 0;
}

static int tear_down(void **state)
{
    model_catalog_free(*state);
    return 0;
}

/* A definition with v1beta1 (stored) and v1; more: members of v1's spec schema. */
static cJSON *make(const char *plural, const char *kind, const char *short_name, const char *more,
                   bool is_established)
{
    ke_auto_buf text = KE_BUF_INIT(1U << 16);
    ke_buf_addf(&text,
                "{\"metadata\":{\"name\":\"%s.example.com\"},\"spec\":{\"group\":\"example.com\","
                "\"scope\":\"Namespaced\",\"names\":{\"plural\":\"%s\",\"kind\":\"%s\"},"
                "\"versions\":[{\"name\":\"v1beta1\",\"served\":true,\"storage\":true,\"schema\":{"
                "\"openAPIV3Schema\":{\"type\":\"object\"}},\"subresources\":{\"status\":{}}},"
                "{\"name\":\"v1\",\"served\":true,\"storage\":false,\"schema\":{"
                "\"openAPIV3Schema\":{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":"
                "\"object\",\"properties\":{%s}}}}},\"selectableFields\":[{\"jsonPath\":"
                "\".spec.color\"}]},{\"name\":\"v1alpha1\",\"served\":false,\"storage\":false,"
                "\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\"}}}]},"
                "\"status\":{\"acceptedNames\":{\"plural\":\"%s\",\"singular\":\"one\",\"kind\":"
                "\"%s\",\"listKind\":\"%sList\",\"shortNames\":[\"%s\"]},\"conditions\":[{"
                "\"type\":\"Established\",\"status\":\"%s\"}]}}",
                plural, plural, kind, more, plural, kind, kind, short_name,
                is_established ? "True" : "False");
    cJSON *json = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_json_parse(ke_buf_str(&text), &json, &err), KE_OK);
    return json;
}

static void put(struct model_catalog *catalog, cJSON *given)
{
    struct ke_err err = KE_ERR_INIT;
    if (model_catalog_put(catalog, given, &err) != KE_OK)
        fail_msg("%s", err.msg);
    cJSON_Delete(given);
}

static const struct model_kind *find(struct model_catalog *catalog, const char *version)
{
    return model_catalog_by_plural(catalog, KE_STR("example.com"), ke_str_c(version),
                                   KE_STR("widgets"), NULL);
}

static bool is_listed(struct model_catalog *catalog, const struct model_kind *wanted)
{
    size_t pos = 0;
    const struct model_kind *kind;
    while ((kind = model_catalog_next(catalog, &pos)) != NULL) {
        if (kind == wanted)
            return true;
    }
    return false;
}

static void finds_built_in_kinds(void **state)
{
    struct model_catalog *catalog = *state;
    struct ke_str ns = { NULL, 0 };
    struct ke_str name = { NULL, 0 };
    const struct model_kind *pod = model_kind_by_id(MODEL_POD);
    assert_ptr_equal(
        model_catalog_by_plural(catalog, KE_STR(""), KE_STR("v1"), KE_STR("pods"), NULL), pod);
    assert_ptr_equal(model_catalog_by_name(catalog, KE_STR(""), KE_STR("v1"), KE_STR("Pod"), NULL),
                     pod);
    assert_ptr_equal(model_catalog_by_key(catalog, KE_STR("/registry/pods/a/b"), &ns, &name), pod);
    assert_true(is_listed(catalog, pod));
}

static void serves_what_is_established(void **state)
{
    struct model_catalog *catalog = *state;
    struct ke_str ns = { NULL, 0 };
    struct ke_str name = { NULL, 0 };
    uint64_t before = model_catalog_generation(catalog);
    put(catalog, make("widgets", "Widget", "wd", "", false));
    assert_null(find(catalog, "v1"));
    assert_int_equal(model_catalog_generation(catalog), before);
    put(catalog, make("widgets", "Widget", "wd", "", true));
    assert_true(model_catalog_generation(catalog) > before);
    const struct model_kind *kind = find(catalog, "v1");
    assert_non_null(kind);
    assert_ptr_equal(find(catalog, "v1beta1"), kind);
    assert_null(find(catalog, "v1alpha1")); /* not served */
    assert_ptr_equal(
        model_catalog_by_name(catalog, KE_STR("example.com"), KE_STR("v1"), KE_STR("Widget"), NULL),
        kind);
    assert_ptr_equal(
        model_catalog_by_key(catalog, KE_STR("/registry/example.com/widgets/ns/a"), &ns, &name),
        kind);
    assert_true(ke_str_eq_c(ns, "ns") && ke_str_eq_c(name, "a"));
    assert_true(is_listed(catalog, kind));
    assert_string_equal(kind->versions[0].version, "v1beta1"); /* stored */
    assert_string_equal(kind->list_kind, "WidgetList");
    assert_string_equal(kind->short_names[0], "wd");
    assert_true(model_kind_has_field(kind, KE_STR("spec.color")));
    assert_non_null(model_version_subresource(kind, &kind->versions[0], KE_STR("status")));
    assert_null(model_version_subresource(kind, &kind->versions[1], KE_STR("status")));
    model_catalog_remove(catalog, KE_STR(NAME));
    assert_null(find(catalog, "v1"));
    assert_false(is_listed(catalog, kind));
    assert_string_equal(kind->kind, "Widget"); /* whoever holds it goes on */
    assert_null(model_kind_definition(kind));
}

static void gives_the_same_row_to_the_same_names(void **state)
{
    struct model_catalog *catalog = *state;
    put(catalog, make("widgets", "Widget", "wd", "", true));
    const struct model_kind *first = find(catalog, "v1");
    put(catalog, make("widgets", "Widget", "wi", "", true));
    assert_ptr_not_equal(find(catalog, "v1"), first);
    put(catalog, make("widgets", "Widget", "wd", "", true));
    assert_ptr_equal(find(catalog, "v1"), first);
    model_catalog_remove(catalog, KE_STR(NAME));
    put(catalog, make("widgets", "Widget", "wd", "", true));
    assert_ptr_equal(find(catalog, "v1"), first);
}

static void keeps_a_schema_for_who_holds_it(void **state)
{
    struct model_catalog *catalog = *state;
    struct ke_err err = KE_ERR_INIT;
    put(catalog, make("widgets", "Widget", "wd",
                      "\"color\":{\"type\":\"string\",\"default\":\"red\"}", true));
    const struct model_version *version = NULL;
    const struct model_kind *kind = model_catalog_by_plural(
        catalog, KE_STR("example.com"), KE_STR("v1"), KE_STR("widgets"), &version);
    struct model_form before;
    struct model_form after;
    assert_int_equal(model_form_open(kind, version, &before, &err), KE_OK);
    put(catalog, make("widgets", "Widget", "wd",
                      "\"color\":{\"type\":\"string\",\"default\":\"blue\"}", true));
    assert_ptr_equal(find(catalog, "v1"), kind); /* names did not change */
    assert_int_equal(model_form_open(kind, version, &after, &err), KE_OK);
    model_catalog_remove(catalog, KE_STR(NAME));
    struct model_form *forms[] = { &before, &after };
    const char *colors[] = { "red", "blue" };
    for (size_t i = 0; i < 2; i++) {
        ke_auto_json *object = NULL;
        assert_int_equal(ke_json_parse(KE_STR("{\"spec\":{}}"), &object, &err), KE_OK);
        assert_true(model_form_set_defaults(forms[i], object));
        assert_true(ke_str_eq_c(ke_json_path_str(object, "spec.color"), colors[i]));
        model_form_close(forms[i]);
    }
    assert_int_equal(model_form_open(kind, version, &before, &err), KE_NOT_FOUND);
}

static void changes_nothing_for_the_same_definition(void **state)
{
    struct model_catalog *catalog = *state;
    put(catalog, make("widgets", "Widget", "wd", "", true));
    uint64_t generation = model_catalog_generation(catalog);
    struct model_definition *a = model_kind_definition(find(catalog, "v1"));
    put(catalog, make("widgets", "Widget", "wd", "", true));
    struct model_definition *b = model_kind_definition(find(catalog, "v1"));
    assert_ptr_equal(a, b);
    assert_int_equal(model_catalog_generation(catalog), generation);
    model_definition_unref(a);
    model_definition_unref(b);
}

static void tells_kinds_of_a_group_apart(void **state)
{
    struct model_catalog *catalog = *state;
    put(catalog, make("widgets", "Widget", "wd", "", true));
    put(catalog, make("gadgets", "Gadget", "gd", "", true));
    const struct model_kind *widget = find(catalog, "v1");
    const struct model_kind *gadget =
        model_catalog_by_name(catalog, KE_STR("example.com"), KE_STR("v1"), KE_STR("Gadget"), NULL);
    assert_non_null(gadget);
    assert_ptr_not_equal(widget, gadget);
    model_catalog_remove(catalog, KE_STR(NAME));
    assert_ptr_equal(
        model_catalog_by_name(catalog, KE_STR("example.com"), KE_STR("v1"), KE_STR("Gadget"), NULL),
        gadget);
    assert_null(model_catalog_by_name(catalog, KE_STR("example.com"), KE_STR("v1"),
                                      KE_STR("Widget"), NULL));
}

static void orders_versions_as_clients_expect(void **state)
{
    static const char *const order[] = { "v10",      "v2",      "v1",        "v11beta2",
                                         "v10beta3", "v3beta1", "v12alpha1", "v11alpha2",
                                         "foo1",     "foo10" };
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(order); i++) {
        for (size_t j = 0; j < KE_ARRAY_LEN(order); j++) {
            int compared = model_version_compare(order[i], order[j]);
            assert_int_equal((compared > 0) - (compared < 0), (i > j) - (i < j));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_built_in_kinds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(serves_what_is_established, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gives_the_same_row_to_the_same_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_a_schema_for_who_holds_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(changes_nothing_for_the_same_definition, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tells_kinds_of_a_group_apart, set_up, tear_down),
        cmocka_unit_test(orders_versions_as_clients_expect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
