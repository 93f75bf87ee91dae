/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of columns and subresources. */
#include "core/base/json.h"
#include "core/model/jsonpath.h"
#include "test/support/base/test.h"

static const char object[] =
    "{\"spec\":{\"n\":3,\"l\":[\"a\",\"b\",\"c\"],\"a.b\":\"dotted\"},\"status\":{\"conditions\":["
    "{\"type\":\"A\",\"status\":\"no\"},{\"type\":\"Ready\",\"status\":\"yes\",\"n\":2}]}}";

static void finds_what_paths_name(void **state)
{
    static const struct {
        const char *path, *expected; /* as JSON; NULL: nothing */
    } rows[] = {
        { ".spec.n", "3" },
        { "$.spec.n", "3" },
        { ".spec.l[0]", "\"a\"" },
        { ".spec.l[-1]", "\"c\"" },
        { ".spec.l[*]", "\"a\"" },
        { ".spec.l[3]", NULL },
        { ".spec.a\\.b", "\"dotted\"" },
        { ".spec['a.b']", "\"dotted\"" },
        { ".status.conditions[?(@.type==\"Ready\")].status", "\"yes\"" },
        { ".status.conditions[?(@.type == 'Ready')].status", "\"yes\"" },
        { ".status.conditions[?(@.type!=\"A\")].status", "\"yes\"" },
        { ".status.conditions[?(@.n==2)].type", "\"Ready\"" },
        { ".status.conditions[?(@.n)].type", "\"Ready\"" },
        { ".status.conditions[?(@.type==\"None\")].status", NULL },
        { ".spec.missing.deeper", NULL },
        { ".spec[", NULL },
        { "spec", NULL },
    };
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *json = NULL;
    assert_int_equal(ke_json_parse(KE_STR(object), &json, &err), KE_OK);
    for (size_t i = 0; i < KE_ARRAY_LEN(rows); i++) {
        const cJSON *found = model_jsonpath_find(json, ke_str_c(rows[i].path));
        ke_auto_buf text = KE_BUF_INIT(1024);
        if (found != NULL)
            ke_json_print(found, &text);
        if ((found == NULL) != (rows[i].expected == NULL) ||
            (found != NULL && !ke_str_eq_c(ke_buf_str(&text), rows[i].expected)))
            fail_msg("%s: %.*s", rows[i].path, KE_STR_ARG(ke_buf_str(&text)));
    }
}

static void tells_paths_from_other_text(void **state)
{
    static const char *const bad[] = { "",  "spec.x", ".spec[",   ".spec[x]",
                                       ".", ".a..b",  ".a[?(x)]", ".a[?(@.b==)]" };
    struct ke_err err = KE_ERR_INIT;
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(bad); i++) {
        if (model_jsonpath_check(ke_str_c(bad[i]), &err) == KE_OK)
            fail_msg("%s", bad[i]);
    }
    assert_int_equal(model_jsonpath_check(KE_STR(".a.b[0]['c'][?(@.d=='e')].f"), &err), KE_OK);
    assert_true(model_jsonpath_is_simple(KE_STR(".spec.replicas")));
    assert_false(model_jsonpath_is_simple(KE_STR(".spec.l[0]")));
    assert_false(model_jsonpath_is_simple(KE_STR("spec")));
    assert_false(model_jsonpath_is_simple(KE_STR(".spec.")));
    assert_false(model_jsonpath_is_simple(KE_STR(".")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_paths_name),
        cmocka_unit_test(tells_paths_from_other_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
