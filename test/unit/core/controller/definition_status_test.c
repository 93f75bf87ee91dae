/* SPDX-License-Identifier: Apache-2.0 */
/* Which names a definition gets, and what its conditions say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/controller/definition_status.h"
/* cmocka needs the four above */
#include <cmocka.h>

#include "core/base/json.h"

static cJSON *parse(const char *text)
{
    cJSON *json = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_json_parse(ke_str_c(text), &json, &err), KE_OK);
    return json;
}

static cJSON *make(const char *plural, const char *kind, const char *short_name)
{
    char text[512];
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"%s.example.com\"},\"spec\":{\"group\":\"example.com\","
             "\"names\":{\"plural\":\"%s\",\"singular\":\"%.3s\",\"kind\":\"%s\",\"listKind\":"
             "\"%sList\",\"shortNames\":[\"%s\"]}}}",
             plural, plural, plural, kind, kind, short_name);
    return parse(text);
}

static const char *condition(const cJSON *crd, const char *type, const char *member)
{
    const cJSON *it;
    cJSON_ArrayForEach(it, ke_json_path(crd, "status.conditions")) {
        if (ke_str_eq_c(ke_json_str(it, "type"), type))
            return ke_json_str(it, member).ptr;
    }
    return "";
}

static void gives_names_that_are_free(void **state)
{
    (void)state;
    KE_AUTO(ke_map) *taken = ke_map_new();
    ke_auto_json *crd = make("ones", "One", "o");
    assert_true(definition_settle(crd, taken, KE_STR("T1")));
    assert_string_equal(condition(crd, "NamesAccepted", "reason"), "NoConflicts");
    assert_string_equal(condition(crd, "Established", "status"), "True");
    assert_string_equal(condition(crd, "Established", "lastTransitionTime"), "T1");
    assert_true(
        ke_json_equal(ke_json_path(crd, "spec.names"), ke_json_path(crd, "status.acceptedNames")));
    ke_auto_json *before = cJSON_Duplicate(crd, true);
    assert_true(definition_settle(crd, taken, KE_STR("T2")));
    assert_true(ke_json_equal(crd, before)); /* nothing to do twice */
}

static void refuses_names_that_others_have(void **state)
{
    static const struct {
        const char *plural, *kind, *short_name, *reason, *message;
    } rows[] = {
        { "ones", "Two", "t", "PluralConflict", "\"ones\" is already in use" },
        { "twos", "One", "t", "ListKindConflict", "\"OneList\" is already in use" },
        { "twos", "Two", "o", "ShortNamesConflict", "\"o\" is already in use" },
    };
    (void)state;
    KE_AUTO(ke_map) *taken = ke_map_new();
    KE_AUTO(ke_map) *none = ke_map_new();
    ke_auto_json *first = make("ones", "One", "o");
    assert_true(definition_settle(first, none, KE_STR("T")));
    assert_true(definition_claim_names(taken, first));
    for (size_t i = 0; i < KE_ARRAY_LEN(rows); i++) {
        ke_auto_json *crd = make(rows[i].plural, rows[i].kind, rows[i].short_name);
        /* a singular of its own */
        assert_true(ke_json_set_str(ke_json_get_mut(ke_json_get_mut(crd, "spec"), "names"),
                                    "singular", KE_STR("none")));
        assert_true(definition_settle(crd, taken, KE_STR("T")));
        assert_string_equal(condition(crd, "NamesAccepted", "status"), "False");
        assert_string_equal(condition(crd, "NamesAccepted", "reason"), rows[i].reason);
        assert_string_equal(condition(crd, "NamesAccepted", "message"), rows[i].message);
        assert_string_equal(condition(crd, "Established", "status"), "False");
        assert_string_equal(condition(crd, "Established", "reason"), "NotAccepted");
        /* free again */
        assert_true(definition_settle(crd, none, KE_STR("T2")));
        assert_string_equal(condition(crd, "Established", "status"), "True");
        assert_string_equal(condition(crd, "Established", "lastTransitionTime"), "T2");
    }
}

static void keeps_what_is_established(void **state)
{
    (void)state;
    KE_AUTO(ke_map) *taken = ke_map_new();
    KE_AUTO(ke_map) *none = ke_map_new();
    ke_auto_json *crd = make("ones", "One", "o");
    assert_true(definition_settle(crd, none, KE_STR("T1")));
    ke_auto_json *other = make("twos", "Two", "x");
    assert_true(definition_settle(other, none, KE_STR("T1")));
    assert_true(definition_claim_names(taken, other));
    ke_auto_json *names = parse("[\"x\"]");
    assert_true(ke_json_set(ke_json_get_mut(ke_json_get_mut(crd, "spec"), "names"), "shortNames",
                            cJSON_Duplicate(names, true)));
    assert_true(definition_settle(crd, taken, KE_STR("T2")));
    assert_string_equal(condition(crd, "NamesAccepted", "status"), "False");
    assert_string_equal(condition(crd, "Established", "status"), "True");
    const cJSON *given = ke_json_path(crd, "status.acceptedNames.shortNames");
    assert_true(ke_str_eq_c(ke_json_value_str(cJSON_GetArrayItem(given, 0)), "o"));
}

static void says_whether_a_protected_group_was_approved(void **state)
{
    (void)state;
    KE_AUTO(ke_map) *none = ke_map_new();
    ke_auto_json *crd = parse(
        "{\"metadata\":{\"name\":\"a.x.k8s.io\",\"annotations\":{\"api-approved.kubernetes.io\":"
        "\"https://example.com/1\"}},\"spec\":{\"group\":\"x.k8s.io\",\"names\":{\"plural\":\"a\","
        "\"kind\":\"A\",\"listKind\":\"AList\"}}}");
    assert_true(definition_settle(crd, none, KE_STR("T")));
    assert_string_equal(condition(crd, "KubernetesAPIApprovalPolicyConformant", "reason"),
                        "ApprovedAnnotation");
    assert_string_equal(condition(crd, "KubernetesAPIApprovalPolicyConformant", "message"),
                        "approved in https://example.com/1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_names_that_are_free),
        cmocka_unit_test(refuses_names_that_others_have),
        cmocka_unit_test(keeps_what_is_established),
        cmocka_unit_test(says_whether_a_protected_group_was_approved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
