/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata: generated names, the forms of names, what updates carry over. */
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/model/meta.h"
#include "core/model/names.h"
#include "test/support/base/test.h"

static void a_generated_name_is_the_prefix_and_five_letters(void **state)
{
    (void)state;
    const uint8_t random[MODEL_GENERATED_RANDOM] = { 0, 26, 27, 255, 5 };
    char out[MODEL_GENERATED_MAX];
    assert_string_equal(model_meta_generate_name(KE_STR("web-"), random, out), "web-b9bqh");
    char longest[254];
    memset(longest, 'a', sizeof(longest));
    model_meta_generate_name(ke_str_of(longest, sizeof(longest)), random, out);
    assert_int_equal(strlen(out), 63);
    assert_string_equal(out + 58, "b9bqh");
    assert_string_equal(model_meta_generate_name(KE_STR(""), random, out), "b9bqh");
}

static bool is_good(model_name_fn *rule, const char *text)
{
    return rule(ke_str_c(text)).n == 0;
}

static void names_have_the_forms_of_their_rules(void **state)
{
    (void)state;
    static const struct {
        model_name_fn *rule;
        const char *good[6];
        const char *bad[10];
    } cases[] = {
        { model_name_label, { "a", "0a-b9" }, { "", "-a", "a-", "A", "a.b", "a_b" } },
        { model_name_subdomain,
          { "a", "a.b-c.0" },
          { "", ".", "a.", ".a", "a..b", "a.-b", "A.b" } },
        { model_name_label_1035, { "a", "a-0" }, { "", "0a", "-a", "a-", "a.b" } },
        { model_name_wildcard, { "*.a", "*.a.b" }, { "*", "a", "*a", "*.", "*.*.a", "a.*.b" } },
        { model_name_path_segment, { "a b", "...", "A:b" }, { ".", "..", "a/b", "a%b" } },
        { model_name_qualified,
          { "a", "A_b.c-d", "x.y/Z" },
          { "", "/", "a/", "/a", "a/b/c", "X.Y/z", "-a", "a-", "a b" } },
        { model_name_label_value, { "", "a", "A.b_c" }, { "-", "a-", ".a", "a b", "\xc3\xa9" } },
        { model_name_config_key, { ".a", "A-b_c.d" }, { "", ".", "..", "..a", "a b", "a/b" } },
        { model_name_env_var, { "A", "my.env-name", "0" }, { "", "a=b", "\n", "\xc3\xa9" } },
        { model_name_port,
          { "a", "http-2" },
          { "", "80", "-a", "a-", "a--b", "A", "abcdefghijklmnop" } },
        { model_name_header, { "X-Y" }, { "", "a b", "a:" } },
        { model_name_percent, { "0%", "100%" }, { "", "%", "1", "a%", "-1%" } },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        for (size_t k = 0; k < KE_ARRAY_LEN(cases[i].good) && cases[i].good[k] != NULL; k++) {
            if (!is_good(cases[i].rule, cases[i].good[k]))
                fail_msg("rule %zu refuses %s", i, cases[i].good[k]);
        }
        for (size_t k = 0; k < KE_ARRAY_LEN(cases[i].bad) && cases[i].bad[k] != NULL; k++) {
            if (is_good(cases[i].rule, cases[i].bad[k]))
                fail_msg("rule %zu takes %s", i, cases[i].bad[k]);
        }
    }
}

static void names_have_a_greatest_length(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'a', sizeof(text));
    assert_int_equal(model_name_label(ke_str_of(text, 63)).n, 0);
    assert_int_equal(model_name_label(ke_str_of(text, 64)).n, 1);
    assert_int_equal(model_name_subdomain(ke_str_of(text, 253)).n, 0);
    assert_string_equal(model_name_subdomain(ke_str_of(text, 254)).text[0],
                        "must be no more than 253 characters");
    assert_int_equal(model_name_qualified(ke_str_of(text, 64)).n, 1);
}

/* Problems of metadata alone. */
static void assert_meta(enum model_kind_id id, const char *object_text, const char *old_text,
                        const char *expected)
{
    KE_AUTO(ke_arena) *arena = ke_arena_new(1U << 20);
    assert_non_null(arena);
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *object = NULL;
    ke_auto_json *old = NULL;
    assert_int_equal(ke_json_parse(ke_str_c(object_text), &object, &err), KE_OK);
    if (old_text != NULL)
        assert_int_equal(ke_json_parse(ke_str_c(old_text), &old, &err), KE_OK);
    struct model_issues issues;
    model_issues_init(&issues, arena);
    model_meta_validate(model_kind_by_id(id), object, old, &issues);
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    model_issues_format(&issues, &text);
    if (!ke_str_eq_c(ke_buf_str(&text), expected))
        fail_msg("%s\n  gives %.*s\n  not   %s", object_text, KE_STR_ARG(ke_buf_str(&text)),
                 expected);
}

#define QUALIFIED                                                                                  \
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "  \
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for " \
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"

static void metadata_is_checked_as_a_whole(void **state)
{
    (void)state;
    assert_meta(MODEL_CONFIGMAP,
                "{\"metadata\":{\"name\":\"a\",\"namespace\":\"d\",\"generateName\":\"a-\"}}", NULL,
                "");
    assert_meta(MODEL_CONFIGMAP, "{\"metadata\":{\"name\":\"a\"}}", NULL,
                "metadata.namespace: Required value");
    assert_meta(MODEL_NODE, "{\"metadata\":{\"name\":\"a\",\"namespace\":\"d\"}}", NULL,
                "metadata.namespace: Forbidden: not allowed on this type");
    assert_meta(MODEL_NODE,
                "{\"metadata\":{\"name\":\"a\",\"labels\":{\"-\":\"x\"},\"annotations\":{"
                "\"A.B/c\":\"1\",\"-\":\"\"}}}",
                NULL,
                "[metadata.labels: Invalid value: \"-\": " QUALIFIED
                ", metadata.annotations: Invalid value: \"-\": " QUALIFIED "]");
    assert_meta(MODEL_NODE,
                "{\"metadata\":{\"name\":\"a\",\"ownerReferences\":[{\"apiVersion\":\"v1\","
                "\"kind\":\"Pod\",\"name\":\"p\"}]}}",
                NULL, "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty");
    assert_meta(
        MODEL_NODE,
        "{\"metadata\":{\"name\":\"a\",\"finalizers\":[\"orphan\",\"foregroundDeletion\"]}}", NULL,
        "metadata.finalizers: Invalid value: []string{\"orphan\", \"foregroundDeletion\"}: "
        "finalizer orphan and foregroundDeletion cannot be both set");
}

static void identity_does_not_change(void **state)
{
    (void)state;
    static const char old[] =
        "{\"metadata\":{\"name\":\"a\",\"namespace\":\"d\",\"uid\":\"1\",\"resourceVersion\":"
        "\"5\"}}";
    assert_meta(MODEL_CONFIGMAP,
                "{\"metadata\":{\"name\":\"b\",\"namespace\":\"d\",\"uid\":\"2\"}}", old,
                "[metadata.name: Invalid value: \"b\": field is immutable, metadata.uid: Invalid "
                "value: \"2\": field is immutable]");
    assert_meta(MODEL_LEASE, "{\"metadata\":{\"name\":\"a\",\"namespace\":\"d\",\"uid\":\"1\"}}",
                old,
                "metadata.resourceVersion: Invalid value: \"\": must be specified for an update");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_generated_name_is_the_prefix_and_five_letters),
        cmocka_unit_test(names_have_the_forms_of_their_rules),
        cmocka_unit_test(names_have_a_greatest_length),
        cmocka_unit_test(metadata_is_checked_as_a_whole),
        cmocka_unit_test(identity_does_not_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
