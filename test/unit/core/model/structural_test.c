/* SPDX-License-Identifier: Apache-2.0 */
/* Custom objects against their schema: cut, filled, held against it in upstream's words. */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/structural.h"
#include "test/support/base/test.h"

struct fixture {
    struct ke_arena *arena;
    struct model_structural_owned owned;
    const struct model_structural *schema;
    struct model_issues issues;
};

static cJSON *parse(const char *text)
{
    cJSON *json = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (ke_json_parse(ke_str_c(text), &json, &err) != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    return json;
}

static void set_up(struct fixture *f, const char *schema)
{
    ke_auto_json *json = parse(schema);
    struct ke_err err = KE_ERR_INIT;
    *f = (struct fixture){ .arena = ke_arena_new(LIMIT_DEFINITION_BYTES) };
    assert_non_null(f->arena);
    if (model_structural_new(json, f->arena, &f->owned, &f->schema, &err) != KE_OK)
        fail_msg("%s: %s", schema, err.msg);
    model_issues_init(&f->issues, f->arena);
}

static void tear_down(struct fixture *f)
{
    model_structural_owned_deinit(&f->owned);
    ke_arena_free(f->arena);
}

static void assert_json(const cJSON *value, const char *expected)
{
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    ke_json_print(value, &text);
    ke_buf_add_char(&text, '\0');
    assert_int_equal(text.failed, KE_OK);
    assert_string_equal(text.ptr, expected);
}

/* "field: message" of each problem, one a line. */
static void assert_issues(const struct fixture *f, const char *expected)
{
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    for (size_t i = 0; i < f->issues.n_items; i++)
        ke_buf_addf(&text, "%.*s: %.*s\n", KE_STR_ARG(f->issues.items[i].field),
                    KE_STR_ARG(f->issues.items[i].message));
    ke_buf_add_char(&text, '\0');
    assert_string_equal(text.ptr, expected);
}

static void expect_valid(const char *schema, const char *value, const char *issues)
{
    struct fixture f;
    ke_auto_json *json = parse(value);
    set_up(&f, schema);
    model_structural_validate(f.schema, NULL, json, NULL, &f.issues);
    assert_issues(&f, issues);
    tear_down(&f);
}

/* ---- pruning */

static void expect_pruned(const char *schema, const char *value, bool is_root, const char *expected,
                          const char *unknown)
{
    struct fixture f;
    ke_auto_json *json = parse(value);
    set_up(&f, schema);
    assert_true(model_structural_prune(f.schema, json, is_root, &f.issues));
    assert_json(json, expected);
    assert_issues(&f, unknown);
    tear_down(&f);
}

static void cuts_what_is_not_declared(void **state)
{
    (void)state;
    expect_pruned(
        "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":"
        "{\"a\":{\"type\":\"string\"},\"l\":{\"type\":\"array\",\"items\":{\"type\":"
        "\"object\",\"properties\":{\"x\":{\"type\":\"string\"}}}}}}}}",
        "{\"kind\":\"K\",\"apiVersion\":\"v\",\"metadata\":{\"z\":1},\"spec\":{\"a\":\"1\","
        "\"b\":2,\"l\":[{\"x\":\"1\",\"y\":2}]},\"top\":1}",
        true,
        "{\"kind\":\"K\",\"apiVersion\":\"v\",\"metadata\":{\"z\":1},\"spec\":{\"a\":\"1\","
        "\"l\":[{\"x\":\"1\"}]}}",
        ": unknown field \"spec.b\"\n: unknown field \"spec.l[0].y\"\n"
        ": unknown field \"top\"\n");
}

static void keeps_unknown_members_where_that_is_said(void **state)
{
    (void)state;
    expect_pruned("{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true,"
                  "\"properties\":{\"s\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":"
                  "\"string\"}}}}}",
                  "{\"free\":{\"any\":[{\"b\":1}]},\"s\":{\"a\":\"1\",\"b\":2}}", false,
                  "{\"free\":{\"any\":[{\"b\":1}]},\"s\":{\"a\":\"1\"}}",
                  ": unknown field \"s.b\"\n");
    expect_pruned("{\"type\":\"object\",\"additionalProperties\":{\"type\":\"object\","
                  "\"properties\":{\"a\":{\"type\":\"string\"}}}}",
                  "{\"k\":{\"a\":\"1\",\"b\":2}}", false, "{\"k\":{\"a\":\"1\"}}",
                  ": unknown field \"k.b\"\n");
    expect_pruned("{\"type\":\"object\",\"properties\":{\"t\":{\"type\":\"object\","
                  "\"x-kubernetes-embedded-resource\":true,\"properties\":{\"spec\":{\"type\":"
                  "\"object\"}}}}}",
                  "{\"t\":{\"kind\":\"K\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n\"},"
                  "\"spec\":{\"x\":1}}}",
                  false,
                  "{\"t\":{\"kind\":\"K\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n\"},"
                  "\"spec\":{}}}",
                  ": unknown field \"t.spec.x\"\n");
}

/* ---- defaults */

static void expect_defaulted(const char *schema, const char *value, const char *expected)
{
    struct fixture f;
    ke_auto_json *json = parse(value);
    set_up(&f, schema);
    assert_true(model_structural_default(f.schema, json));
    assert_json(json, expected);
    /* filling in twice changes nothing */
    assert_true(model_structural_default(f.schema, json));
    assert_json(json, expected);
    tear_down(&f);
}

static void fills_in_defaults(void **state)
{
    (void)state;
    const char *schema =
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"default\":\"x\"},"
        "\"o\":{\"type\":\"object\",\"default\":{},\"properties\":{\"n\":{\"type\":\"integer\","
        "\"default\":3}}},\"l\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":"
        "{\"p\":{\"type\":\"string\",\"default\":\"TCP\"}}}},\"m\":{\"type\":\"object\","
        "\"additionalProperties\":{\"type\":\"string\",\"default\":\"d\"}}}}";
    expect_defaulted(schema, "{}", "{\"a\":\"x\",\"o\":{\"n\":3}}");
    expect_defaulted(schema, "{\"a\":\"y\",\"o\":{\"n\":4},\"l\":[{},{\"p\":\"UDP\"}]}",
                     "{\"a\":\"y\",\"o\":{\"n\":4},\"l\":[{\"p\":\"TCP\"},{\"p\":\"UDP\"}]}");
    expect_defaulted(schema, "{\"a\":null,\"o\":{\"n\":1},\"m\":{\"k\":null}}",
                     "{\"a\":\"x\",\"o\":{\"n\":1},\"m\":{\"k\":\"d\"}}");
}

static void drops_nulls_that_are_no_values(void **state)
{
    (void)state;
    expect_defaulted("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":"
                     "{\"type\":\"string\",\"nullable\":true,\"default\":\"d\"}}}",
                     "{\"a\":null,\"b\":null,\"c\":null}", "{\"b\":null,\"c\":null}");
}

/* ---- validation */

static void reports_types(void **state)
{
    (void)state;
    const char *schema =
        "{\"type\":\"object\",\"properties\":{\"s\":{\"type\":\"string\"},\"i\":{\"type\":"
        "\"integer\"},\"b\":{\"type\":\"boolean\"},\"n\":{\"type\":\"number\"},\"p\":{"
        "\"x-kubernetes-int-or-string\":true},\"z\":{\"type\":\"string\",\"nullable\":true}}}";
    expect_valid(schema, "{\"s\":\"\",\"i\":3,\"b\":true,\"n\":1.5,\"p\":\"x\",\"z\":null}", "");
    expect_valid(
        schema, "{\"s\":5,\"i\":1.5,\"b\":\"true\",\"n\":\"1\",\"p\":true}",
        "s: Invalid value: \"integer\": s in body must be of type string: \"integer\"\n"
        "i: Invalid value: \"number\": i in body must be of type integer: \"number\"\n"
        "b: Invalid value: \"string\": b in body must be of type boolean: \"string\"\n"
        "n: Invalid value: \"string\": n in body must be of type number: \"string\"\n"
        "p: Invalid value: \"boolean\": p in body must be of type integer,string: \"boolean\"\n");
    expect_valid(schema, "{\"s\":null}",
                 "s: Invalid value: \"null\": s in body must be of type string: \"null\"\n");
}

static void reports_bounds(void **state)
{
    (void)state;
    const char *schema =
        "{\"type\":\"object\",\"properties\":{\"i\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":"
        "10},\"x\":{\"type\":\"integer\",\"minimum\":1,\"exclusiveMinimum\":true},\"m\":{\"type\":"
        "\"integer\",\"multipleOf\":5},\"f\":{\"type\":\"integer\",\"format\":\"int32\"},\"s\":{"
        "\"type\":\"string\",\"minLength\":2,\"maxLength\":3},\"l\":{\"type\":\"array\",\"minItems\":"
        "1,\"maxItems\":2,\"items\":{\"type\":\"string\"}},\"o\":{\"type\":\"object\","
        "\"maxProperties\":1,\"minProperties\":1,\"additionalProperties\":{\"type\":\"string\"}}}}";
    expect_valid(schema,
                 "{\"i\":10,\"x\":2,\"m\":15,\"f\":2147483647,\"s\":\"\xc3\xa4\xc3\xb6\xc3\xbc\"}",
                 "");
    expect_valid(
        schema, "{\"i\":0,\"x\":1,\"m\":3,\"f\":2147483648,\"s\":\"a\",\"l\":[],\"o\":{}}",
        "i: Invalid value: 0: i in body should be greater than or equal to 1\n"
        "x: Invalid value: 1: x in body should be greater than 1\n"
        "m: Invalid value: 3: m in body should be a multiple of 5\n"
        "<nil>: Invalid value: \"\": Checked value must be of type integer with format int32 in f\n"
        "s: Invalid value: \"a\": s in body should be at least 2 chars long\n"
        "l: Invalid value: 0: l in body should have at least 1 items\n"
        "o: Invalid value: 0: o in body should have at least 1 properties\n");
    expect_valid(
        schema, "{\"i\":11,\"s\":\"abcd\",\"l\":[\"a\",\"b\",\"c\"],\"o\":{\"a\":\"\",\"b\":\"\"}}",
        "i: Invalid value: 11: i in body should be less than or equal to 10\n"
        "s: Too long: may not be more than 3 bytes\n"
        "l: Too many: 3: must have at most 2 items\n"
        "o: Too many: 2: must have at most 1 items\n");
}

static void reports_what_is_missing_or_not_among(void **state)
{
    (void)state;
    const char *schema = "{\"type\":\"object\",\"required\":[\"spec\"],\"properties\":{\"spec\":{"
                         "\"type\":\"object\",\"required\":[\"a\",\"b\"],\"properties\":{\"a\":{"
                         "\"type\":\"string\",\"enum\":[\"x\",\"y\"]},\"b\":{\"type\":\"string\","
                         "\"pattern\":\"^[a-z]+$\"}}}}}";
    expect_valid(schema, "{}", "spec: Required value\n");
    expect_valid(schema, "{\"spec\":{\"a\":\"z\"}}",
                 "spec.a: Unsupported value: \"z\": supported values: \"x\", \"y\"\n"
                 "spec.b: Required value\n");
    expect_valid(schema, "{\"spec\":{\"a\":\"x\",\"b\":\"A\"}}",
                 "spec.b: Invalid value: \"A\": spec.b in body should match '^[a-z]+$'\n");
}

static void reports_repeated_elements(void **state)
{
    (void)state;
    expect_valid("{\"type\":\"object\",\"properties\":{\"s\":{\"type\":\"array\","
                 "\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":\"string\"}}}}",
                 "{\"s\":[\"a\",\"b\",\"a\"]}", "s[2]: Duplicate value: \"a\"\n");
    const char *schema =
        "{\"type\":\"object\",\"properties\":{\"m\":{\"type\":\"array\",\"x-kubernetes-list-type\":"
        "\"map\",\"x-kubernetes-list-map-keys\":[\"a\",\"b\"],\"items\":{\"type\":\"object\","
        "\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"integer\"}}}}}}";
    expect_valid(schema, "{\"m\":[{\"a\":\"x\",\"b\":1},{\"a\":\"x\",\"b\":2}]}", "");
    expect_valid(schema, "{\"m\":[{\"a\":\"x\",\"b\":1},{\"a\":\"x\",\"b\":1}]}",
                 "m[1]: Duplicate value: {\"a\":\"x\",\"b\":1}\n");
}

static void weighs_alternatives(void **state)
{
    (void)state;
    const char *one = "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"},\"b\":{"
                      "\"type\":\"string\"}},\"oneOf\":[{\"required\":[\"a\"]},{\"required\":["
                      "\"b\"]}]}";
    expect_valid(one, "{\"a\":\"\"}", "");
    expect_valid(one, "{}",
                 "<nil>: Invalid value: \"\": \"\" must validate one and only one schema (oneOf). "
                 "Found none valid\na: Required value\n");
    expect_valid(one, "{\"a\":\"\",\"b\":\"\"}",
                 "<nil>: Invalid value: \"\": \"\" must validate one and only one schema (oneOf). "
                 "Found 2 valid alternatives\n");
    const char *any =
        "{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\",\"anyOf\":[{"
        "\"minimum\":10},{\"maximum\":1}]}}}";
    expect_valid(any, "{\"v\":1}", "");
    expect_valid(any, "{\"v\":5}",
                 "<nil>: Invalid value: \"\": \"v\" must validate at least one schema (anyOf)\n"
                 "v: Invalid value: 5: v in body should be greater than or equal to 10\n");
    const char *not_all =
        "{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"integer\",\"allOf\""
        ":[{\"minimum\":1},{\"maximum\":9}],\"not\":{\"enum\":[5]}}}}";
    expect_valid(not_all, "{\"v\":4}", "");
    expect_valid(not_all, "{\"v\":5}",
                 "<nil>: Invalid value: \"\": \"v\" must not validate the schema (not)\n");
    expect_valid(not_all, "{\"v\":12}",
                 "v: Invalid value: 12: v in body should be less than or equal to 9\n"
                 "<nil>: Invalid value: \"\": \"v\" must validate all the schemas (allOf)\n");
}

static void does_not_judge_again_what_did_not_change(void **state)
{
    (void)state;
    struct fixture f;
    ke_auto_json *old = parse("{\"a\":\"too long\",\"b\":\"x\"}");
    ke_auto_json *same = parse("{\"a\":\"too long\",\"b\":\"y\"}");
    ke_auto_json *other = parse("{\"a\":\"too long too\",\"b\":\"x\"}");
    set_up(&f, "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\",\"maxLength\":3},"
               "\"b\":{\"type\":\"string\"}}}");
    model_structural_validate(f.schema, NULL, same, old, &f.issues);
    assert_issues(&f, "");
    model_structural_validate(f.schema, NULL, other, old, &f.issues);
    assert_issues(&f, "a: Too long: may not be more than 3 bytes\n");
    tear_down(&f);
}

/* ---- formats */

static void knows_formats(void **state)
{
    static const struct {
        const char *format, *good, *bad;
    } rows[] = {
        { "date", "2024-02-29", "2023-02-29" },
        { "date-time", "2024-01-01T00:00:00Z", "2024-01-01" },
        { "datetime", "2024-01-01T00:00:00+02:00", "noon" },
        { "duration", "1h30m", "1 fortnight" },
        { "ipv4", "10.0.0.1", "::1" },
        { "ipv6", "fd00::1", "10.0.0.1" },
        { "cidr", "10.1.2.3/8", "10.0.0.0/33" },
        { "mac", "00:00:5e:00:53:01", "00:00:5e:00:53" },
        { "uri", "https://example.com/x?y=z", "example com" },
        { "email", "a@example.com", "a@b@c" },
        { "hostname", "a.example.com", "-a.example.com" },
        { "uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567" },
        { "uuid4", "123e4567-e89b-42d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000" },
        { "byte", "aGVsbG8=", "aGVsbG8" },
        { "isbn13", "978-3-16-148410-0", "978-3-16-148410-1" },
        { "isbn10", "0-306-40615-2", "0-306-40615-3" },
        { "creditcard", "4111 1111 1111 1111", "4111 1111 1111 1112" },
        { "ssn", "123-45-6789", "12-345-6789" },
        { "hexcolor", "#FFaa00", "#FFaa0" },
        { "rgbcolor", "rgb(255, 0, 10)", "rgb(256,0,0)" },
        { "bsonobjectid", "507f1f77bcf86cd799439011", "507f1f77" },
    };
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(rows); i++) {
        assert_true(model_format_is_known(rows[i].format));
        if (!model_format_matches(rows[i].format, ke_str_c(rows[i].good)) ||
            model_format_matches(rows[i].format, ke_str_c(rows[i].bad)) ||
            (strcmp(rows[i].format, "byte") != 0 &&
             model_format_matches(rows[i].format, KE_STR(""))))
            fail_msg("%s", rows[i].format);
    }
    assert_false(model_format_is_known("date-tim"));
    assert_false(model_format_is_known("made-up"));
    expect_valid("{\"type\":\"object\",\"properties\":{\"t\":{\"type\":\"string\",\"format\":"
                 "\"date-time\"}}}",
                 "{\"t\":\"x\"}",
                 "t: Invalid value: \"x\": t in body must be of type date-time: \"x\"\n");
}

/* ---- limits */

static void refuses_schemas_without_end(void **state)
{
    (void)state;
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    for (int i = 0; i < LIMIT_SCHEMA_DEPTH + 2; i++)
        ke_buf_add_c(&text, "{\"type\":\"array\",\"items\":");
    ke_buf_add_c(&text, "{}");
    for (int i = 0; i < LIMIT_SCHEMA_DEPTH + 2; i++)
        ke_buf_add_char(&text, '}');
    ke_buf_add_char(&text, '\0');
    ke_auto_json *json = parse(text.ptr);
    KE_AUTO(ke_arena) *arena = ke_arena_new(LIMIT_DEFINITION_BYTES);
    struct model_structural_owned owned = { .json = NULL };
    const struct model_structural *schema = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(model_structural_new(json, arena, &owned, &schema, &err), KE_MALFORMED);
    model_structural_owned_deinit(&owned);
}

static void gives_up_on_expressions_that_explode(void **state)
{
    (void)state;
    KE_AUTO(model_pattern) *pattern = NULL;
    struct ke_err err = KE_ERR_INIT;
    char text[64];
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '!';
    assert_int_equal(model_pattern_new(KE_STR("^(a+)+$"), &pattern, &err), KE_OK);
    unsigned n_slow = 1;
    assert_int_equal(model_pattern_match(pattern, ke_str_of(text, sizeof(text)), &n_slow),
                     MODEL_MATCH_UNKNOWN);
    assert_int_equal(n_slow, 0);
    assert_int_equal(model_pattern_match(pattern, KE_STR("aaa"), &n_slow), MODEL_MATCH_YES);
}

/* An object holds very many strings: what each may take, all together may not. */
static void gives_up_on_many_expressions_that_take_long(void **state)
{
    (void)state;
    const char *schema =
        "{\"type\":\"object\",\"properties\":{\"l\":{\"type\":\"array\",\"items\":{"
        "\"type\":\"string\",\"pattern\":\"^((a+)+b|a*)$\"}}}}";
    ke_auto_buf text = KE_BUF_INIT(65536);
    ke_auto_buf issue = KE_BUF_INIT(4096);
    ke_buf_add_c(&text, "{\"l\":[\"aaa\"");
    for (int i = 0; i < LIMIT_SLOW_PATTERNS; i++)
        ke_buf_add_c(&text, ",\"aaaaaaaaaaaaaa\"");
    ke_buf_add_c(&text, "]}");
    ke_buf_add_char(&text, '\0');
    expect_valid(schema, text.ptr, "");
    text.len -= 3;
    ke_buf_add_c(&text, ",\"aaaaaaaaaaaaaa\",\"aaa\"]}");
    ke_buf_add_char(&text, '\0');
    ke_buf_addf(&issue,
                "l[%d]: Invalid value: \"aaaaaaaaaaaaaa\": l[%d] in body takes too many steps to "
                "match against '^((a+)+b|a*)$'\n",
                LIMIT_SLOW_PATTERNS + 1, LIMIT_SLOW_PATTERNS + 1);
    ke_buf_add_char(&issue, '\0');
    expect_valid(schema, text.ptr, issue.ptr);
}

static void reads_expressions_as_go_does(void **state)
{
    static const char *const bad[] = { "(", "a(?=b)", "(?<!x)y", "(a)\\1", "[a", "a**" };
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(bad); i++) {
        struct model_pattern *pattern = NULL;
        struct ke_err err = KE_ERR_INIT;
        assert_int_equal(model_pattern_new(ke_str_c(bad[i]), &pattern, &err), KE_MALFORMED);
    }
    static const struct {
        const char *pattern, *text;
        bool is_match;
    } rows[] = {
        { "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "a-b", true },
        { "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "a-", false },
        { "^\\d+$", "123", true },
        { "^\\d+$", "123\n", false }, /* the end is the end */
        { "(?i)^abc$", "ABC", true },
        { "^[[:alpha:]]+$", "abc", true },
        { "^\\p{Lu}$", "\xc3\x84", true },
        { "b", "abc", true },
        { "[]()]", "(", true },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(rows); i++) {
        KE_AUTO(model_pattern) *pattern = NULL;
        struct ke_err err = KE_ERR_INIT;
        if (model_pattern_new(ke_str_c(rows[i].pattern), &pattern, &err) != KE_OK)
            fail_msg("%s: %s", rows[i].pattern, err.msg);
        unsigned n_slow = 0; /* none of them is */
        if ((model_pattern_match(pattern, ke_str_c(rows[i].text), &n_slow) == MODEL_MATCH_YES) !=
            rows[i].is_match)
            fail_msg("%s on %s", rows[i].pattern, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_what_is_not_declared),
        cmocka_unit_test(keeps_unknown_members_where_that_is_said),
        cmocka_unit_test(fills_in_defaults),
        cmocka_unit_test(drops_nulls_that_are_no_values),
        cmocka_unit_test(reports_types),
        cmocka_unit_test(reports_bounds),
        cmocka_unit_test(reports_what_is_missing_or_not_among),
        cmocka_unit_test(reports_repeated_elements),
        cmocka_unit_test(weighs_alternatives),
        cmocka_unit_test(does_not_judge_again_what_did_not_change),
        cmocka_unit_test(knows_formats),
        cmocka_unit_test(refuses_schemas_without_end),
        cmocka_unit_test(gives_up_on_expressions_that_explode),
        cmocka_unit_test(gives_up_on_many_expressions_that_take_long),
        cmocka_unit_test(reads_expressions_as_go_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
