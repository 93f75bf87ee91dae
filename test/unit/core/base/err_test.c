/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "core/base/err.h"
#include "test/support/base/test.h"

static void fail_sets_code_and_message(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_fail(&err, KE_NOT_FOUND, "no %s", "pod"), KE_NOT_FOUND);
    assert_int_equal(err.code, KE_NOT_FOUND);
    assert_int_equal(err.sys, 0);
    assert_string_equal(err.msg, "no pod");
}

static void errno_is_kept_and_named(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_fail_errno(&err, ENOSPC, "write %s", "/x"), KE_IO);
    assert_int_equal(err.sys, ENOSPC);
    assert_string_equal(err.msg, "write /x: No space left on device");
    assert_int_equal(ke_fail_errno(&err, ENOMEM, "grow"), KE_NOMEM);
}

static void wrap_puts_context_in_front_and_keeps_the_rest(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    (void)ke_fail_errno(&err, EACCES, "open db");
    assert_int_equal(ke_wrap(&err, "start %d", 3), KE_IO);
    assert_int_equal(err.sys, EACCES);
    assert_string_equal(err.msg, "start 3: open db: Permission denied");
}

static void message_may_be_made_of_the_old_message(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    (void)ke_fail(&err, KE_IO, "inner");
    (void)ke_fail(&err, KE_INVALID, "outer (%s)", err.msg);
    assert_string_equal(err.msg, "outer (inner)");
}

static void long_messages_are_cut_not_overrun(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    char text[1000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    (void)ke_fail(&err, KE_IO, "%s", text);
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    (void)ke_wrap(&err, "ctx");
    assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
    assert_memory_equal(err.msg, "ctx: xxx", 8);
}

static void every_code_has_a_name(void **state)
{
    (void)state;
    for (int code = 0; code < KE_CODE_COUNT; code++)
        assert_non_null(ke_code_name((enum ke_code)code));
    assert_string_equal(ke_code_name(KE_GONE), "GONE");
    assert_string_equal(ke_code_name((enum ke_code)99), "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fail_sets_code_and_message),
        cmocka_unit_test(errno_is_kept_and_named),
        cmocka_unit_test(wrap_puts_context_in_front_and_keeps_the_rest),
        cmocka_unit_test(message_may_be_made_of_the_old_message),
        cmocka_unit_test(long_messages_are_cut_not_overrun),
        cmocka_unit_test(every_code_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
