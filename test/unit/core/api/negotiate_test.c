/* SPDX-License-Identifier: Apache-2.0 */
/* Which form an Accept header gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "core/api/negotiate.h"

#define OBJECT (API_FORM_PLAIN | API_FORM_TABLE | API_FORM_PARTIAL)

static const struct {
    const char *accept;
    unsigned forms;
    enum api_negotiated result;
    enum api_form form;
    const char *version;
} cases[] = {
    { "", OBJECT, API_NEGOTIATED, API_FORM_PLAIN, "" },
    { "*/*", OBJECT, API_NEGOTIATED, API_FORM_PLAIN, "" },
    { "application/*", OBJECT, API_NEGOTIATED, API_FORM_PLAIN, "" },
    { "application/json, */*", OBJECT, API_NEGOTIATED, API_FORM_PLAIN, "" },
    /* kubectl get */
    { "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;"
      "g=meta.k8s.io,application/json",
      OBJECT, API_NEGOTIATED, API_FORM_TABLE, "v1" },
    { "application/json;as=Table;v=v1beta1;g=meta.k8s.io", OBJECT, API_NEGOTIATED, API_FORM_TABLE,
      "v1beta1" },
    { "application/json; as=Table; v=v9; g=meta.k8s.io, application/json", OBJECT, API_NEGOTIATED,
      API_FORM_PLAIN, "" },
    /* client-go typed and metadata clients */
    { "application/vnd.kubernetes.protobuf,application/json", OBJECT, API_NEGOTIATED,
      API_FORM_PLAIN, "" },
    { "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,"
      "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
      OBJECT, API_NEGOTIATED, API_FORM_PARTIAL, "v1" },
    /* discovery */
    { "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
      "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
      API_FORM_PLAIN | API_FORM_DISCOVERY, API_NEGOTIATED, API_FORM_DISCOVERY, "v2" },
    { "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
      API_FORM_PLAIN | API_FORM_DISCOVERY, API_NEGOTIATED, API_FORM_DISCOVERY, "v2beta1" },
    /* q orders, q=0 excludes */
    { "application/json;q=0.1,application/json;as=Table;g=meta.k8s.io;v=v1;q=0.9", OBJECT,
      API_NEGOTIATED, API_FORM_TABLE, "v1" },
    { "application/json;q=0", OBJECT, API_NOT_JSON, API_FORM_PLAIN, "" },
    /* refused */
    { "text/html", OBJECT, API_NOT_JSON, API_FORM_PLAIN, "" },
    { "application/yaml", OBJECT, API_NOT_JSON, API_FORM_PLAIN, "" },
    { "application/vnd.kubernetes.protobuf", OBJECT, API_NOT_JSON, API_FORM_PLAIN, "" },
    { "application/json;as=Table;v=v1;g=meta.k8s.io", API_FORM_PLAIN, API_NOT_FORM, API_FORM_PLAIN,
      "" },
};

static void each_accept_gets_the_form_it_prefers(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        struct api_accept accept = { .form = API_FORM_PLAIN, .version = "" };
        print_message("%s\n", cases[i].accept);
        assert_int_equal(api_negotiate(ke_str_c(cases[i].accept), cases[i].forms, &accept),
                         cases[i].result);
        assert_int_equal(accept.form, cases[i].form);
        assert_string_equal(accept.version, cases[i].version);
    }
}

static void media_parameters_are_found_with_and_without_quotes(void **state)
{
    (void)state;
    struct ke_str media = KE_STR("application/json ; charset=\"utf-8\"; As=Table");
    assert_true(ke_str_eq_c(api_media_type(media), "application/json"));
    assert_true(ke_str_eq_c(api_media_param(media, "charset"), "utf-8"));
    assert_true(ke_str_eq_c(api_media_param(media, "as"), "Table"));
    assert_null(api_media_param(media, "v").ptr);
}

static void gzip_is_used_only_when_asked_for(void **state)
{
    (void)state;
    assert_true(api_accepts_gzip(KE_STR("gzip")));
    assert_true(api_accepts_gzip(KE_STR("deflate, gzip;q=0.5")));
    assert_false(api_accepts_gzip(KE_STR("gzip;q=0")));
    assert_false(api_accepts_gzip(KE_STR("identity")));
    assert_false(api_accepts_gzip(KE_STR("")));
}

static void one_type_endpoints_take_families_and_all(void **state)
{
    (void)state;
    assert_true(api_accepts(KE_STR("text/*"), "text/plain"));
    assert_true(api_accepts(KE_STR("a/b, */*;q=0.1"), "text/plain"));
    assert_false(api_accepts(KE_STR("application/*"), "text/plain"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_accept_gets_the_form_it_prefers),
        cmocka_unit_test(media_parameters_are_found_with_and_without_quotes),
        cmocka_unit_test(gzip_is_used_only_when_asked_for),
        cmocka_unit_test(one_type_endpoints_take_families_and_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
