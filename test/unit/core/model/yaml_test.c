/* SPDX-License-Identifier: Apache-2.0 */
/* YAML as sigs.k8s.io/yaml reads and prints it; and what must not cost more than it may. */
#include <string.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/yaml.h"
#include "test/support/base/test.h"

static void assert_reads(const char *yaml, const char *json)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *value = NULL;
    ke_auto_buf printed = KE_BUF_INIT(LIMIT_FILE_BYTES);
    if (model_yaml_parse(ke_str_c(yaml), &value, NULL, &err) != KE_OK) {
        fail_msg("%s: %s", yaml, err.msg);
    }
    ke_json_print(value, &printed);
    ke_buf_add_char(&printed, '\0');
    assert_string_equal(printed.ptr, json);
}

static void assert_refused(const char *yaml, enum ke_code code, const char *message)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *value = NULL;
    assert_int_equal(model_yaml_parse(ke_str_c(yaml), &value, NULL, &err), code);
    assert_string_equal(err.msg, message);
    assert_null(value);
}

static void plain_scalars_are_those_of_yaml_1_1(void **state)
{
    (void)state;
    assert_reads("[yes, No, ON, off, y, N, true, False]",
                 "[true,false,true,false,true,false,true,false]");
    assert_reads("['yes', \"no\", !!str on, yEs]", "[\"yes\",\"no\",\"on\",\"yEs\"]");
    assert_reads("[~, null, Null, NULL, nUll]", "[null,null,null,null,\"nUll\"]");
    assert_reads("[1, -2, +3, 0x1F, 0644, 0b101, 1_000, 08]", "[1,-2,3,31,420,5,1000,8]");
    assert_reads("[1.5, .5, 1e3, -1.25E-2, 1.0]", "[1.5,0.5,1000,-0.0125,1]");
    assert_reads("[9007199254740993, -9223372036854775808]",
                 "[9007199254740993,-9223372036854775808]");
    assert_reads("[12:30:45, 2001-12-14, 1.2.3, 0x, 1e, '1', -, .]",
                 "[\"12:30:45\",\"2001-12-14\",\"1.2.3\",\"0x\",\"1e\",\"1\",\"-\",\".\"]");
    assert_reads("a: !!binary aGVsbG8=", "{\"a\":\"hello\"}");
    assert_refused("a:\n- .inf", KE_MALFORMED, "yaml: line 2: a number that JSON does not have");
}

static void keys_become_text(void **state)
{
    (void)state;
    assert_reads("1: a\ntrue: b\n1.5: c\nd: e\n'2': f\n0x10: g",
                 "{\"1\":\"a\",\"true\":\"b\",\"1.5\":\"c\",\"d\":\"e\",\"2\":\"f\",\"16\":\"g\"}");
    assert_refused("~: a", KE_MALFORMED,
                   "yaml: line 1: a key must be a text, a number or a boolean");
    assert_refused("? [a]\n: b", KE_MALFORMED,
                   "yaml: line 1: a key must be a text, a number or a boolean");
}

static void texts_keep_their_lines(void **state)
{
    (void)state;
    assert_reads("a: |\n  x\n  y\nb: >-\n  x\n  y\nc: \"\\u00fc\\t\"",
                 "{\"a\":\"x\\ny\\n\",\"b\":\"x y\",\"c\":\"\xc3\xbc\\t\"}");
    assert_refused("a: \"x\\0y\"", KE_MALFORMED, "yaml: line 1: a string with a NUL character");
}

static void anchors_and_merges_are_followed(void **state)
{
    (void)state;
    assert_reads("a: &x {k: 1}\nb: *x\nc: [*x]",
                 "{\"a\":{\"k\":1},\"b\":{\"k\":1},\"c\":[{\"k\":1}]}");
    assert_reads("b: &b {x: 1, z: 2}\nc:\n  <<: *b\n  x: 3", "{\"b\":{\"x\":1,\"z\":2},"
                                                             "\"c\":{\"x\":3,\"z\":2}}");
    assert_reads("<<: [{x: 1}, {x: 2, w: 3}]\nz: 4", "{\"z\":4,\"x\":1,\"w\":3}");
    assert_refused("a: &a\n  b: *a", KE_MALFORMED,
                   "yaml: line 2: anchor 'a' value contains itself");
    assert_refused("a: *b", KE_MALFORMED, "yaml: line 1: unknown anchor 'b' referenced");
    assert_refused("<<: 1", KE_MALFORMED,
                   "yaml: line 1: map merge requires map or sequence of maps as the value");
}

static void the_last_of_equal_keys_counts_and_all_are_reported(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *value = NULL;
    ke_auto_buf duplicates = KE_BUF_INIT(4096);
    assert_reads("a: 1\nb: 2\na: 3", "{\"b\":2,\"a\":3}");
    assert_int_equal(model_yaml_parse(KE_STR("a: 1\nb: {x: 1, x: 2}\na: 3\n1: p\n'1': q"), &value,
                                      &duplicates, &err),
                     KE_OK);
    ke_buf_add_char(&duplicates, '\0');
    assert_string_equal(duplicates.ptr, "  line 2: key \"x\" already set in map\n"
                                        "  line 5: key \"1\" already set in map\n"
                                        "  line 3: key \"a\" already set in map");
}

static void what_is_not_yaml_is_refused_with_its_line(void **state)
{
    (void)state;
    assert_refused("a: b: c", KE_MALFORMED,
                   "yaml: line 1: mapping values are not allowed in this context");
    assert_refused("a: b\nc\nd: e", KE_MALFORMED, "yaml: line 3: could not find expected ':'");
    assert_refused("[a", KE_MALFORMED, "yaml: line 2: did not find expected ',' or ']'");
    assert_refused("a: \x01", KE_MALFORMED, "yaml: control characters are not allowed");
    assert_refused("a: \xff", KE_MALFORMED, "yaml: invalid leading UTF-8 octet");
    assert_reads("", "null");
    assert_reads("# only words", "null");
}

static void a_stream_is_a_list_of_documents(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *value = NULL;
    ke_auto_buf printed = KE_BUF_INIT(4096);
    assert_int_equal(
        model_yaml_parse_stream(KE_STR("---\na: 1\n---\n---\nb: 2\n...\n"), &value, &err), KE_OK);
    ke_json_print(value, &printed);
    ke_buf_add_char(&printed, '\0');
    assert_string_equal(printed.ptr, "[{\"a\":1},null,{\"b\":2}]");
    assert_reads("a: 1\n---\nb: [", "{\"a\":1}"); /* the rest is not looked at */
}

/* A file may hold more than a body; each of its documents counts by itself. */
static void files_may_be_larger_than_bodies(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *value = NULL;
    ke_auto_json *refused = NULL;
    ke_auto_buf text = KE_BUF_INIT(8 << 20);
    for (int i = 0; i < LIMIT_YAML_NODES; i++) {
        ke_buf_add_c(&text, "- a\n");
    }
    assert_int_equal(model_yaml_parse(ke_buf_str(&text), &refused, NULL, &err), KE_TOO_LARGE);
    assert_int_equal(model_yaml_parse_stream(ke_buf_str(&text), &value, &err), KE_OK);
    assert_int_equal(cJSON_GetArraySize(value->child), LIMIT_YAML_NODES);
}

/* ---- hostile -----------------------------------------------------------------------------------
 */

static void a_billion_laughs_are_refused_early(void **state)
{
    (void)state;
    ke_auto_buf text = KE_BUF_INIT(1 << 20);
    ke_buf_add_c(&text, "a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol,lol]\n");
    for (int i = 1; i < 30; i++) {
        ke_buf_addf(&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1,
                    i - 1, i - 1);
    }
    ke_buf_add_char(&text, '\0');
    int64_t began_ns = ke_now_ns();
    assert_refused(text.ptr, KE_TOO_LARGE, "yaml: more than 150000 values");
    assert_true(ke_now_ns() - began_ns < 2 * KE_S);
}

static void one_large_text_is_not_copied_without_end(void **state)
{
    (void)state;
    ke_auto_buf text = KE_BUF_INIT(8 << 20);
    ke_buf_add_c(&text, "a: &a ");
    for (int i = 0; i < 1 << 20; i++) {
        ke_buf_add_char(&text, 'x');
    }
    ke_buf_add_c(&text, "\nb: [");
    for (int i = 0; i < 1000; i++) {
        ke_buf_add_c(&text, "*a,");
    }
    ke_buf_add_c(&text, "]");
    ke_buf_add_char(&text, '\0');
    assert_refused(text.ptr, KE_TOO_LARGE, "yaml: document contains excessive aliasing");
}

static void depth_and_anchors_have_a_ceiling(void **state)
{
    (void)state;
    ke_auto_buf text = KE_BUF_INIT(8 << 20);
    for (int i = 0; i < 1 << 20; i++) {
        ke_buf_add_char(&text, '[');
    }
    ke_buf_add_char(&text, '\0');
    int64_t began_ns = ke_now_ns();
    assert_refused(text.ptr, KE_MALFORMED, "yaml: line 1: too many levels");
    assert_true(ke_now_ns() - began_ns < KE_S);
    ke_buf_clear(&text);
    for (int i = 0; i < 2000; i++) {
        ke_buf_addf(&text, "- &a%d x\n", i);
    }
    ke_buf_add_char(&text, '\0');
    assert_refused(text.ptr, KE_TOO_LARGE, "yaml: line 1001: more than 1000 anchors");
}

/* As large as a body may be, of what costs the most. */
static void large_texts_cost_no_more_than_they_are_long(void **state)
{
    (void)state;
    static const char *const pieces[] = { "- a\n", "k%d: v\n", "%d: {x: 1, x: 2}\n", "? a%d\n",
                                          "<<: {a: 1}\n" };
    for (size_t k = 0; k < KE_ARRAY_LEN(pieces); k++) {
        struct ke_err err = KE_ERR_INIT;
        ke_auto_json *value = NULL;
        ke_auto_buf text = KE_BUF_INIT(8 << 20);
        ke_auto_buf duplicates = KE_BUF_INIT(1 << 20);
        for (int i = 0; text.len < LIMIT_REQUEST_BODY_BYTES; i++) {
            const char *percent = strchr(pieces[k], '%');
            if (percent == NULL) {
                ke_buf_add_c(&text, pieces[k]);
                continue;
            }
            ke_buf_add(&text, pieces[k], (size_t)(percent - pieces[k]));
            ke_buf_addf(&text, "%d%s", i, percent + 2);
        }
        int64_t began_ns = ke_now_ns();
        enum ke_code rc = model_yaml_parse(ke_buf_str(&text), &value, &duplicates, &err);
        assert_true(rc == KE_OK || rc == KE_TOO_LARGE);
        assert_true(ke_now_ns() - began_ns < 10 * KE_S); /* quadratic: minutes */
    }
}

/* ---- printing ----------------------------------------------------------------------------------
 */

static void assert_prints(const char *json, bool is_item, const char *yaml)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *value = NULL;
    ke_auto_buf out = KE_BUF_INIT(1 << 20);
    assert_int_equal(ke_json_parse(ke_str_c(json), &value, &err), KE_OK);
    assert_int_equal(is_item ? model_yaml_print_item(value, &out, &err)
                             : model_yaml_print(value, &out, &err),
                     KE_OK);
    ke_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, yaml);
}

static void values_are_printed_as_kubectl_shows_them(void **state)
{
    (void)state;
    assert_prints(
        "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"spec\":{\"containers\":[{\"name\":\"c\","
        "\"args\":[\"-c\",\"x\"]},{\"name\":\"d\"}],\"a\":{},\"b\":[]}}",
        false,
        "apiVersion: v1\nkind: Pod\nspec:\n  a: {}\n  b: []\n  containers:\n  - args:\n"
        "    - -c\n    - x\n    name: c\n  - name: d\n");
    assert_prints("{\"a\":{\"b\":1}}", true, "- a:\n    b: 1\n");
}

static void texts_that_would_read_as_something_else_get_quotes(void **state)
{
    (void)state;
    assert_prints(
        "[\"yes\",\"1\",\"\",\"null\",\"0x1f\",\"12:30\",\"2026-11-23T06:35:15Z\",\"2026-1\",\"a: b\",\"# a\",\"x\\ny\\n\",\"1.5\","
        "9007199254740993,1.5,true,null,\"a\"]",
        false,
        "- \"yes\"\n- \"1\"\n- \"\"\n- \"null\"\n- \"0x1f\"\n- \"12:30\"\n- \"2026-11-23T06:35:15Z\"\n- \"2026-1\"\n- 'a: b'\n- '# a'\n"
        "- |\n  x\n  y\n- \"1.5\"\n- 9007199254740993\n- 1.5\n- true\n- null\n- a\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_scalars_are_those_of_yaml_1_1),
        cmocka_unit_test(keys_become_text),
        cmocka_unit_test(texts_keep_their_lines),
        cmocka_unit_test(anchors_and_merges_are_followed),
        cmocka_unit_test(the_last_of_equal_keys_counts_and_all_are_reported),
        cmocka_unit_test(what_is_not_yaml_is_refused_with_its_line),
        cmocka_unit_test(a_stream_is_a_list_of_documents),
        cmocka_unit_test(files_may_be_larger_than_bodies),
        cmocka_unit_test(a_billion_laughs_are_refused_early),
        cmocka_unit_test(one_large_text_is_not_copied_without_end),
        cmocka_unit_test(depth_and_anchors_have_a_ceiling),
        cmocka_unit_test(large_texts_cost_no_more_than_they_are_long),
        cmocka_unit_test(values_are_printed_as_kubectl_shows_them),
        cmocka_unit_test(texts_that_would_read_as_something_else_get_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
