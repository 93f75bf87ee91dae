/* SPDX-License-Identifier: Apache-2.0 */
/* How the problems of an object read. */
#include "core/model/issues.h"
#include "test/support/base/test.h"

static void assert_format(const struct model_issues *issues, const char *expected)
{
    ke_auto_buf out = KE_BUF_INIT(1 << 16);
    model_issues_format(issues, &out);
    if (!ke_str_eq_c(ke_buf_str(&out), expected))
        fail_msg("%.*s, expected %s", KE_STR_ARG(ke_buf_str(&out)), expected);
}

static void one_stands_alone_and_several_are_a_list_without_repeats(void **state)
{
    (void)state;
    KE_AUTO(ke_arena) *arena = ke_arena_new(1 << 16);
    struct model_issues issues;
    model_issues_init(&issues, arena);
    assert_format(&issues, "");
    model_issues_add(&issues, MODEL_ISSUE_REQUIRED, KE_STR("spec.a"), KE_STR("Required value"));
    assert_format(&issues, "spec.a: Required value");
    model_issues_add(&issues, MODEL_ISSUE_REQUIRED, KE_STR("spec.a"), KE_STR("Required value"));
    assert_format(&issues, "spec.a: Required value");
    model_issues_add(&issues, MODEL_ISSUE_FORBIDDEN, KE_STR("b"), KE_STR("Forbidden: no"));
    assert_format(&issues, "[spec.a: Required value, b: Forbidden: no]");
}

static void what_does_not_fit_is_counted(void **state)
{
    (void)state;
    KE_AUTO(ke_arena) *arena = ke_arena_new(1 << 16);
    struct model_issues issues;
    model_issues_init(&issues, arena);
    for (int i = 0; i < 70; i++)
        model_issues_add(&issues, MODEL_ISSUE_INVALID, KE_STR("a"),
                         ke_arena_fmt(arena, "Invalid value: %d", i));
    assert_int_equal(issues.n_items, 64);
    assert_int_equal(issues.n_dropped, 6);
    ke_auto_buf out = KE_BUF_INIT(1 << 16);
    model_issues_format(&issues, &out);
    assert_true(ke_str_has_suffix(ke_buf_str(&out), KE_STR(", and 6 more]")));
}

static void reasons_are_those_of_field_errors(void **state)
{
    (void)state;
    assert_string_equal(model_issue_reason(MODEL_ISSUE_REQUIRED), "FieldValueRequired");
    assert_string_equal(model_issue_reason(MODEL_ISSUE_TYPE_INVALID), "FieldValueTypeInvalid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_stands_alone_and_several_are_a_list_without_repeats),
        cmocka_unit_test(what_does_not_fit_is_counted),
        cmocka_unit_test(reasons_are_those_of_field_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
