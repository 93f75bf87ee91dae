/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

static cJSON *parse(const char *text)
{
    cJSON *value = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (ke_json_parse(ke_str_c(text), &value, &err) != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    return value;
}

static void assert_prints(const cJSON *value, const char *want)
{
    ke_auto_buf out = KE_BUF_INIT(1 << 20);
    ke_json_print(value, &out);
    ke_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, want);
}

static void assert_round_trip(const char *text, const char *want)
{
    ke_auto_json *value = parse(text);
    assert_prints(value, want);
}

static void values_print_as_they_were_read(void **state)
{
    (void)state;
    static const char *const SAME[] = {
        "null",
        "true",
        "false",
        "0",
        "-1",
        "\"\"",
        "[]",
        "{}",
        "{\"b\":1,\"a\":[1,2,{\"x\":null}],\"c\":{}}",
        "\"gr\xc3\xbc\xc3\x9f <>& / \xf0\x9f\x98\x80\"",
        "9007199254740991",
        "9007199254740992",
        "-9007199254740992",
        "1609459200000000",
        "0.5",
        "-0.25",
        "3.14",
        "0.1",
        "1e-07",
        "1e+25",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(SAME); i++)
        assert_round_trip(SAME[i], SAME[i]);
    assert_round_trip(" [ 1 , 2 ]\r\n\t", "[1,2]");
    assert_round_trip("1e3", "1000");
    assert_round_trip("1.0", "1");
    assert_round_trip("-0", "0");
}

static void numbers_have_no_exponent_while_they_are_integers(void **state)
{
    (void)state;
    assert_round_trip("100000000000000000000", "100000000000000000000");
    assert_round_trip("1e15", "1000000000000000");
    assert_round_trip("1e21", "1e+21");
    ke_auto_json *value =
        parse("{\"a\":9007199254740992,\"b\":-5,\"c\":1.5,\"d\":\"7\",\"e\":1e300}");
    assert_true(ke_json_i64(value, "a", 0) == 9007199254740992);
    assert_true(ke_json_i64(value, "b", 0) == -5);
    assert_true(ke_json_i64(value, "c", 42) == 42);
    assert_true(ke_json_i64(value, "d", 42) == 42);
    assert_true(ke_json_i64(value, "e", 42) == 42);
    assert_true(ke_json_i64(value, "absent", 42) == 42);
    assert_int_equal(ke_json_get(value, "b")->valueint, -5);
}

static void integers_of_64_bits_keep_their_digits(void **state)
{
    (void)state;
    struct ke_err err;
    assert_round_trip("[9007199254740993,-9223372036854775808,9223372036854775807]",
                      "[9007199254740993,-9223372036854775808,9223372036854775807]");
    assert_round_trip("9223372036854775808", "9223372036854775808"); /* a double, and no int64 */
    assert_round_trip("18446744073709551615", "18446744073709551616");
    ke_auto_json *value =
        parse("{\"a\":9007199254740993,\"b\":9007199254740992,\"c\":9007199254740993}");
    assert_true(ke_json_i64(value, "a", 0) == 9007199254740993);
    assert_false(ke_json_equal(ke_json_get(value, "a"), ke_json_get(value, "b")));
    assert_true(ke_json_equal(ke_json_get(value, "a"), ke_json_get(value, "c")));
    ke_auto_json *copy = cJSON_Duplicate(value, true);
    assert_true(ke_json_equal(value, copy));
    ke_auto_json *made = ke_json_new_i64(INT64_MIN);
    ke_auto_buf printed = KE_BUF_INIT(100);
    ke_json_print(made, &printed);
    assert_int_equal(ke_buf_check(&printed, "number", &err), KE_OK);
    assert_true(ke_str_eq_c(ke_buf_str(&printed), "-9223372036854775808"));
}

static void escapes_are_decoded(void **state)
{
    (void)state;
    assert_round_trip("\"\\u0041\\n\\/\\\"\\\\\\b\\f\\r\\t\"", "\"A\\n/\\\"\\\\\\b\\f\\r\\t\"");
    assert_round_trip("\"\\u00fc\\u20ac\\ud83d\\ude00\"",
                      "\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\"");
    /* Half a surrogate pair, as Go reads it. */
    assert_round_trip("\"\\ud83dx\"", "\"\xef\xbf\xbdx\"");
    assert_round_trip("\"\\ude00\\ud83d\"", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_round_trip("\"\\ud83d\\u0041\"", "\"\xef\xbf\xbd"
                                            "A\"");
}

static void what_is_not_json_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        struct ke_str text;
        const char *message;
    } cases[] = {
        { KE_STR_INIT(""), "JSON: an unexpected end at byte 0" },
        { KE_STR_INIT("  "), "JSON: an unexpected end at byte 2" },
        { KE_STR_INIT("{} x"), "JSON: more after the value at byte 3" },
        { KE_STR_INIT("1 2"), "JSON: more after the value at byte 2" },
        { KE_STR_INIT("{}\0"), "JSON: more after the value at byte 2" },
        { KE_STR_INIT("\xef\xbb\xbf{}"), "JSON: no value at byte 0" },
        { KE_STR_INIT("{\"a\"}"), "JSON: no ':' after a member name at byte 4" },
        { KE_STR_INIT("{\"a\":}"), "JSON: no value at byte 5" },
        { KE_STR_INIT("{\"a\":1,}"), "JSON: no member name at byte 7" },
        { KE_STR_INIT("{\"a\":1 \"b\":2}"), "JSON: no ',' or '}' after a member at byte 7" },
        { KE_STR_INIT("{a:1}"), "JSON: no member name at byte 1" },
        { KE_STR_INIT("{'a':1}"), "JSON: no member name at byte 1" },
        { KE_STR_INIT("[1,]"), "JSON: no value at byte 3" },
        { KE_STR_INIT("[1 2]"), "JSON: no ',' or ']' after an item at byte 3" },
        { KE_STR_INIT("[1"), "JSON: no ',' or ']' after an item at byte 2" },
        { KE_STR_INIT("["), "JSON: an unexpected end at byte 1" },
        { KE_STR_INIT("{"), "JSON: no member name at byte 1" },
        { KE_STR_INIT("nul"), "JSON: an unknown word at byte 0" },
        { KE_STR_INIT("nulll"), "JSON: more after the value at byte 4" },
        { KE_STR_INIT("True"), "JSON: no value at byte 0" },
        { KE_STR_INIT("NaN"), "JSON: no value at byte 0" },
        { KE_STR_INIT("01"), "JSON: more after the value at byte 1" },
        { KE_STR_INIT("-"), "JSON: a number without digits at byte 1" },
        { KE_STR_INIT("+1"), "JSON: no value at byte 0" },
        { KE_STR_INIT(".5"), "JSON: no value at byte 0" },
        { KE_STR_INIT("1."), "JSON: a number without digits after the point at byte 2" },
        { KE_STR_INIT("1.e5"), "JSON: a number without digits after the point at byte 2" },
        { KE_STR_INIT("1e"), "JSON: a number without digits in the exponent at byte 2" },
        { KE_STR_INIT("1e999"), "JSON: a number that is too large at byte 5" },
        { KE_STR_INIT("0x10"), "JSON: more after the value at byte 1" },
        { KE_STR_INIT("\"abc"), "JSON: a string without an end at byte 4" },
        { KE_STR_INIT("\"abc\\"), "JSON: a string without an end at byte 5" },
        { KE_STR_INIT("\"abc\\\""), "JSON: a string without an end at byte 6" },
        { KE_STR_INIT("\"a\nb\""), "JSON: a control character in a string at byte 2" },
        { KE_STR_INIT("\"a\0b\""), "JSON: a control character in a string at byte 2" },
        { KE_STR_INIT("\"\\x\""), "JSON: an unknown escape in a string at byte 2" },
        { KE_STR_INIT("\"\\u12\""), "JSON: a \\u escape without four hex digits at byte 3" },
        { KE_STR_INIT("\"\\u12g4\""), "JSON: a \\u escape without four hex digits at byte 3" },
        { KE_STR_INIT("\"\\u0000\""), "JSON: a string with a NUL character at byte 3" },
        { KE_STR_INIT("\"\xff\""), "JSON: invalid UTF-8 at byte 1" },
        { KE_STR_INIT("\"\xed\xa0\x80\""), "JSON: invalid UTF-8 at byte 1" },
        { KE_STR_INIT("\"\xc3\""), "JSON: invalid UTF-8 at byte 1" },
        { KE_STR_INIT("{\"a\xff\":1}"), "JSON: invalid UTF-8 at byte 3" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        struct ke_err err = KE_ERR_INIT;
        cJSON *value = NULL;
        assert_int_equal(ke_json_parse(cases[i].text, &value, &err), KE_MALFORMED);
        assert_string_equal(err.msg, cases[i].message);
        assert_null(value);
    }
}

static enum ke_code parse_nested(unsigned depth, struct ke_err *err)
{
    ke_auto_buf text = KE_BUF_INIT(1 << 22);
    for (unsigned i = 0; i < depth; i++)
        ke_buf_add_c(&text, i % 2 == 0 ? "[" : "{\"a\":");
    ke_buf_add_char(&text, '1');
    for (unsigned i = depth; i > 0; i--)
        ke_buf_add_char(&text, i % 2 == 1 ? ']' : '}');
    ke_auto_json *value = NULL;
    return ke_json_parse(ke_buf_str(&text), &value, err);
}

static void depth_ends_at_the_limit(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(parse_nested(LIMIT_JSON_DEPTH, &err), KE_OK);
    assert_int_equal(parse_nested(LIMIT_JSON_DEPTH + 1, &err), KE_MALFORMED);
    assert_int_equal(parse_nested(100000, &err), KE_MALFORMED);
}

static void the_last_of_equal_names_is_kept(void **state)
{
    (void)state;
    assert_round_trip("{\"a\":1,\"b\":2,\"a\":3}", "{\"b\":2,\"a\":3}");
    assert_round_trip("{\"a\":1,\"a\":2,\"a\":3}", "{\"a\":3}");
    assert_round_trip("{\"a\":{\"x\":1},\"A\":2,\"a\":[]}", "{\"A\":2,\"a\":[]}");
    assert_round_trip(
        "{\"a\":0,\"b\":1,\"c\":2,\"d\":3,\"e\":4,\"f\":5,\"g\":6,\"h\":7,\"a\":8,\"b\":9,"
        "\"a\":10,\"\\u0061\":11}",
        "{\"c\":2,\"d\":3,\"e\":4,\"f\":5,\"g\":6,\"h\":7,\"b\":9,\"a\":11}");
}

static void equal_names_by_the_hundred_thousand_cost_little(void **state)
{
    (void)state;
    ke_auto_buf text = KE_BUF_INIT(1 << 24);
    ke_buf_add_char(&text, '{');
    for (unsigned i = 0; i < 200000; i++)
        ke_buf_addf(&text, "%s\"k%u\":%u", i > 0 ? "," : "", i % 1000, i);
    for (unsigned i = 0; i < 100000; i++)
        ke_buf_addf(&text, ",\"u%u\":1", i);
    ke_buf_add_char(&text, '}');
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *value = NULL;
    int64_t start_ns = ke_now_ns();
    assert_int_equal(ke_json_parse(ke_buf_str(&text), &value, &err), KE_OK);
    assert_int_equal(cJSON_GetArraySize(value), 101000);
    assert_true(ke_json_i64(value, "k7", 0) == 199007);
    /* Quadratic would be minutes; sanitizers make it slow but not that slow. */
    assert_true(ke_now_ns() - start_ns < 10 * KE_S);
}

static void equality_ignores_member_order_only(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool is_equal;
    } cases[] = {
        { "{\"a\":1,\"b\":[1,2]}", "{\"b\":[1,2],\"a\":1.0}", true },
        { "{\"a\":1}", "{\"a\":1,\"b\":null}", false },
        { "{\"a\":1,\"b\":1}", "{\"a\":1,\"c\":1}", false },
        { "[1,2]", "[2,1]", false },
        { "[1,2]", "[1,2,3]", false },
        { "\"1\"", "1", false },
        { "true", "false", false },
        { "null", "null", true },
        { "\"a\"", "\"A\"", false },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        ke_auto_json *a = parse(cases[i].a);
        ke_auto_json *b = parse(cases[i].b);
        assert_int_equal(ke_json_equal(a, b), cases[i].is_equal);
        assert_int_equal(ke_json_equal(b, a), cases[i].is_equal);
    }
    assert_true(ke_json_equal(NULL, NULL));
}

static void equality_needs_no_memory(void **state)
{
    (void)state;
    const char *text = "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9,"
                       "\"j\":10,\"k\":11,\"l\":12,\"m\":13,\"n\":14,\"o\":15,\"p\":16,\"q\":17}";
    ke_auto_json *a = parse(text);
    ke_auto_json *b = parse(text);
    test_alloc_fail_at(1);
    bool is_equal = ke_json_equal(a, b);
    assert_true(test_alloc_end());
    assert_true(is_equal);
}

static void large_objects_compare_in_any_order(void **state)
{
    (void)state;
    enum { N = 20000 };
    ke_auto_json *a = cJSON_CreateObject();
    ke_auto_json *b = cJSON_CreateObject();
    char name[16];
    for (int i = 0; i < N; i++) {
        (void)snprintf(name, sizeof(name), "k%d", i);
        (void)cJSON_AddNumberToObject(a, name, i);
        (void)snprintf(name, sizeof(name), "k%d", N - 1 - i);
        (void)cJSON_AddNumberToObject(b, name, N - 1 - i);
    }
    assert_true(ke_json_equal(a, b));
    cJSON_SetNumberValue(b->child, -1);
    assert_false(ke_json_equal(a, b));
}

static void lookups_are_case_sensitive_and_typed(void **state)
{
    (void)state;
    ke_auto_json *value =
        parse("{\"spec\":{\"Type\":\"x\",\"type\":\"ClusterIP\",\"on\":true,\"n\":5},"
              "\"list\":[1],\"none\":null}");
    assert_true(ke_str_eq_c(ke_json_path_str(value, "spec.type"), "ClusterIP"));
    assert_null(ke_json_path_str(value, "spec.TYPE").ptr);
    assert_null(ke_json_path_str(value, "spec.n").ptr);
    assert_null(ke_json_path(value, "spec.type.more"));
    assert_null(ke_json_path(value, "list.a"));
    assert_null(ke_json_get(NULL, "a"));
    const cJSON *spec = ke_json_get(value, "spec");
    assert_true(ke_json_bool(spec, "on", false));
    assert_true(ke_json_bool(spec, "n", true));
    assert_false(ke_json_bool(spec, "absent", false));
    assert_int_equal(ke_json_str(spec, "type").len, 9);
}

static void members_are_replaced_in_place_added_last_or_first(void **state)
{
    (void)state;
    ke_auto_json *value = parse("{\"a\":1,\"b\":2}");
    assert_true(ke_json_set(value, "a", cJSON_CreateString("x")));
    assert_true(ke_json_set_str(value, "c", KE_STR("new")));
    assert_true(ke_json_set_first(value, "kind", cJSON_CreateString("Pod")));
    assert_prints(value, "{\"kind\":\"Pod\",\"a\":\"x\",\"b\":2,\"c\":\"new\"}");
    assert_true(ke_json_set_first(value, "c", cJSON_CreateNull()));
    assert_prints(value, "{\"c\":null,\"kind\":\"Pod\",\"a\":\"x\",\"b\":2}");
    assert_non_null(ke_json_need_object(value, "c"));
    assert_null(ke_json_need_object(value, "a"));
    cJSON *list = ke_json_need_array(value, "list");
    assert_ptr_equal(ke_json_need_array(value, "list"), list);
    ke_json_del(value, "kind");
    ke_json_del(value, "kind");
    assert_true(ke_json_set(value, "z", cJSON_CreateTrue()));
    assert_prints(value, "{\"c\":{},\"a\":\"x\",\"b\":2,\"list\":[],\"z\":true}");
    assert_false(ke_json_set(list, "a", cJSON_CreateTrue()));
    assert_false(ke_json_set(value, "q", NULL));
    assert_false(ke_json_set_str(value, "q", KE_STR("nul\0in")));
    ke_auto_json *empty = cJSON_CreateObject();
    assert_true(ke_json_set_first(empty, "only", cJSON_CreateTrue()));
    assert_true(ke_json_set(empty, "two", cJSON_CreateTrue()));
    assert_prints(empty, "{\"only\":true,\"two\":true}");
}

static void pretty_printing_is_that_of_go(void **state)
{
    (void)state;
    ke_auto_json *value = parse("{\"a\":[1,{\"b\":null}],\"c\":{},\"d\":[]}");
    ke_auto_buf out = KE_BUF_INIT(1000);
    ke_json_print_pretty(value, 2, &out);
    ke_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n"
                                 "  \"c\": {},\n  \"d\": []\n}");
}

static void parsing_survives_every_failed_allocation(void **state)
{
    (void)state;
    const char *text =
        "{\"a\":[1,\"two\",{\"b\":null,\"c\":1e5}],\"a\":2,\"d\":{},\"e\":1,\"f\":1,\"g\":1,"
        "\"h\":1,\"i\":1,\"j\":1,\"k\":true,\"a\":\"\\u0041\"}";
    for (size_t n = 1;; n++) {
        struct ke_err err = KE_ERR_INIT;
        cJSON *value = NULL;
        test_alloc_fail_at(n);
        enum ke_code rc = ke_json_parse(ke_str_c(text), &value, &err);
        if (!test_alloc_end()) {
            assert_int_equal(rc, KE_OK);
            cJSON_Delete(value);
            break;
        }
        assert_int_equal(rc, KE_NOMEM);
        assert_null(value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_print_as_they_were_read),
        cmocka_unit_test(numbers_have_no_exponent_while_they_are_integers),
        cmocka_unit_test(integers_of_64_bits_keep_their_digits),
        cmocka_unit_test(escapes_are_decoded),
        cmocka_unit_test(what_is_not_json_is_refused_with_its_place),
        cmocka_unit_test(depth_ends_at_the_limit),
        cmocka_unit_test(the_last_of_equal_names_is_kept),
        cmocka_unit_test(equal_names_by_the_hundred_thousand_cost_little),
        cmocka_unit_test(equality_ignores_member_order_only),
        cmocka_unit_test(equality_needs_no_memory),
        cmocka_unit_test(large_objects_compare_in_any_order),
        cmocka_unit_test(lookups_are_case_sensitive_and_typed),
        cmocka_unit_test(members_are_replaced_in_place_added_last_or_first),
        cmocka_unit_test(pretty_printing_is_that_of_go),
        cmocka_unit_test(parsing_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
