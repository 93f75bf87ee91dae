/* SPDX-License-Identifier: Apache-2.0 */
/* Selectors: what they match, how they print, what is refused and how. */
#include "core/base/json.h"
#include "core/model/selector.h"
#include "test/support/base/test.h"

static const struct model_pair LABELS[] = {
    { { "app", 3 }, { "web", 3 } },
    { { "empty", 5 }, { "", 0 } },
    { { "env", 3 }, { "prod", 4 } },
    { { "n", 1 }, { "5", 1 } },
};

static struct model_selector *parse(const char *text)
{
    struct model_selector *selector = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (model_selector_parse_labels(ke_str_c(text), &selector, &err) != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    return selector;
}

static void assert_matches(const char *text, bool expected)
{
    KE_AUTO(model_selector) *selector = parse(text);
    if (model_selector_matches(selector, LABELS, KE_ARRAY_LEN(LABELS)) != expected)
        fail_msg("%s: expected %d", text, expected);
}

static void label_requirements_match_as_upstream(void **state)
{
    (void)state;
    static const char *const MATCHING[] = {
        "",
        "app=web",
        "app==web",
        "app!=x",
        "nope!=x",
        "app in (web,x)",
        "app notin (x)",
        "nope notin (x)",
        "app",
        "!nope",
        "n>4",
        "n<6",
        "empty=",
        "empty in ()",
        "empty in (a,)",
        "app=web,env=prod,!x",
        " app = web , env in ( prod ) ",
        "empty",
        "app in (in,notin,web)",
    };
    static const char *const OTHERS[] = {
        "app=x",           "nope=x", "app!=web", "app in (x)",    "nope in (x)",
        "app notin (web)", "!app",   "nope",     "n>5",           "n<5",
        "app>1",           "nope>1", "nope=",    "app=web,env=x", "app in ()",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(MATCHING); i++)
        assert_matches(MATCHING[i], true);
    for (size_t i = 0; i < KE_ARRAY_LEN(OTHERS); i++)
        assert_matches(OTHERS[i], false);
    assert_true(model_selector_matches(NULL, LABELS, KE_ARRAY_LEN(LABELS)));
}

static void prints_sorted_and_as_given(void **state)
{
    (void)state;
    static const char *const EXAMPLES[][2] = {
        { "b=1,a=2", "a=2,b=1" }, { "x in (c,a,b,a)", "x in (a,b,c)" },        { "!a,b", "!a,b" },
        { "a==1", "a==1" },       { "a notin (x), b!=y", "a notin (x),b!=y" }, { "a>1", "a>1" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++) {
        KE_AUTO(model_selector) *selector = parse(EXAMPLES[i][0]);
        ke_auto_buf out = KE_BUF_INIT(1024);
        model_selector_format(selector, &out);
        if (!ke_str_eq_c(ke_buf_str(&out), EXAMPLES[i][1]))
            fail_msg("%s: %.*s", EXAMPLES[i][0], KE_STR_ARG(ke_buf_str(&out)));
    }
}

static void refuses_in_upstreams_words(void **state)
{
    (void)state;
    static const char *const EXAMPLES[][2] = {
        { ",", "found ',', expected: !, identifier, or 'end of string'" },
        { "a,", "found '', expected: identifier after ','" },
        { "a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt" },
        { "a in b", "unable to parse requirement: found 'b' expected: '('" },
        { "a in (b", "unable to parse requirement: found '', expected: ',' or ')'" },
        { "a in (=", "unable to parse requirement: found '=', expected: ',', ')' or identifier" },
        { "a=b c", "found 'c', expected: ',' or 'end of string'" },
        { "a==(", "unable to parse requirement: found '(', expected: identifier" },
        { "!", "unable to parse requirement: found '', expected: identifier" },
        { "a>x",
          "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, "
          "the value must be an integer" },
        { "-a=b",
          "unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of "
          "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
          "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
          "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')" },
        { "a=-b",
          "unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label must be "
          "an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start "
          "and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', "
          "regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++) {
        struct model_selector *selector = NULL;
        struct ke_err err = KE_ERR_INIT;
        enum ke_code rc = model_selector_parse_labels(ke_str_c(EXAMPLES[i][0]), &selector, &err);
        if (rc != KE_MALFORMED || strcmp(err.msg, EXAMPLES[i][1]) != 0)
            fail_msg("%s: %d %s", EXAMPLES[i][0], (int)rc, err.msg);
        assert_null(selector);
    }
}

static void absent_fields_read_as_empty(void **state)
{
    (void)state;
    static const struct model_pair FIELDS[] = { { { "metadata.name", 13 }, { "a", 1 } },
                                                { { "status.phase", 12 }, { "Running", 7 } } };
    static const struct {
        const char *text;
        bool is_match;
    } EXAMPLES[] = {
        { "", true },
        { "metadata.name=a", true },
        { "metadata.name==a,status.phase!=Failed", true },
        { "metadata.name=b", false },
        { "spec.nodeName=", true },
        { "spec.nodeName!=", false },
        { "spec.nodeName!=x", true },
        { ",metadata.name=a,,", true },
        { "metadata.name=a\\,b", false },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++) {
        KE_AUTO(model_selector) *selector = NULL;
        struct ke_err err = KE_ERR_INIT;
        assert_int_equal(model_selector_parse_fields(ke_str_c(EXAMPLES[i].text), &selector, &err),
                         KE_OK);
        if (model_selector_matches(selector, FIELDS, 2) != EXAMPLES[i].is_match)
            fail_msg("%s", EXAMPLES[i].text);
    }
}

static void field_values_are_unescaped_and_printed_escaped(void **state)
{
    (void)state;
    KE_AUTO(model_selector) *selector = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(model_selector_parse_fields(KE_STR("a=x\\,y\\=z\\\\,b!=c"), &selector, &err),
                     KE_OK);
    struct ke_str value;
    assert_true(model_selector_equality(selector, KE_STR("a"), &value));
    assert_true(ke_str_eq_c(value, "x,y=z\\"));
    assert_false(model_selector_equality(selector, KE_STR("b"), &value));
    struct ke_str key;
    assert_true(model_selector_key(selector, 1, &key));
    assert_true(ke_str_eq_c(key, "b"));
    assert_false(model_selector_key(selector, 2, &key));
    ke_auto_buf out = KE_BUF_INIT(1024);
    model_selector_format(selector, &out);
    assert_true(ke_str_eq_c(ke_buf_str(&out), "a=x\\,y\\=z\\\\,b!=c"));

    static const char *const BAD[][2] = {
        { "abc", "invalid selector: 'abc'; can't understand 'abc'" },
        { "a=b\\x", "invalid field selector: invalid escape sequence: \\x" },
        { "a=b=c", "invalid field selector: unescaped character in value: =" },
        { "a=b\\", "invalid field selector: invalid escape sequence: \\" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(BAD); i++) {
        struct model_selector *bad = NULL;
        assert_int_equal(model_selector_parse_fields(ke_str_c(BAD[i][0]), &bad, &err),
                         KE_MALFORMED);
        assert_string_equal(err.msg, BAD[i][1]);
    }
}

static enum ke_code from_json(const char *text, struct model_selector **out, struct ke_err *err)
{
    ke_auto_json *json = NULL;
    assert_int_equal(ke_json_parse(ke_str_c(text), &json, err), KE_OK);
    return model_selector_from_label_selector(json, out, err);
}

static void label_selectors_of_objects_match_too(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_match;
    } EXAMPLES[] = {
        { "{}", true },
        { "null", false },
        { "{\"matchLabels\":{\"app\":\"web\"}}", true },
        { "{\"matchLabels\":{\"app\":\"web\",\"env\":\"x\"}}", false },
        { "{\"matchExpressions\":[{\"key\":\"app\",\"operator\":\"In\",\"values\":[\"x\","
          "\"web\"]},{\"key\":\"z\",\"operator\":\"DoesNotExist\"}]}",
          true },
        { "{\"matchExpressions\":[{\"key\":\"app\",\"operator\":\"NotIn\",\"values\":[\"web\"]}]}",
          false },
    };
    struct ke_err err = KE_ERR_INIT;
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++) {
        KE_AUTO(model_selector) *selector = NULL;
        assert_int_equal(from_json(EXAMPLES[i].text, &selector, &err), KE_OK);
        if (model_selector_matches(selector, LABELS, KE_ARRAY_LEN(LABELS)) != EXAMPLES[i].is_match)
            fail_msg("%s", EXAMPLES[i].text);
    }
    struct model_selector *bad = NULL;
    assert_int_equal(
        from_json("{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Foo\"}]}", &bad, &err),
        KE_MALFORMED);
    assert_string_equal(err.msg, "\"Foo\" is not a valid label selector operator");
    assert_int_equal(
        from_json("{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\"}]}", &bad, &err),
        KE_MALFORMED);
}

static void maps_are_equalities(void **state)
{
    (void)state;
    ke_auto_json *map = NULL;
    struct ke_err err = KE_ERR_INIT;
    KE_AUTO(model_selector) *selector = NULL;
    assert_int_equal(
        ke_json_parse(KE_STR("{\"env\":\"prod\",\"app\":\"web\",\"odd\":1}"), &map, &err), KE_OK);
    assert_int_equal(model_selector_from_map(map, &selector, &err), KE_OK);
    assert_true(model_selector_matches(selector, LABELS, KE_ARRAY_LEN(LABELS)));
    ke_auto_buf out = KE_BUF_INIT(1024);
    model_selector_format(selector, &out);
    assert_true(ke_str_eq_c(ke_buf_str(&out), "app=web,env=prod"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(label_requirements_match_as_upstream),
        cmocka_unit_test(prints_sorted_and_as_given),
        cmocka_unit_test(refuses_in_upstreams_words),
        cmocka_unit_test(absent_fields_read_as_empty),
        cmocka_unit_test(field_values_are_unescaped_and_printed_escaped),
        cmocka_unit_test(label_selectors_of_objects_match_too),
        cmocka_unit_test(maps_are_equalities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
