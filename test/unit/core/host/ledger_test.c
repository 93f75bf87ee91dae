/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger with files and commands: nothing here needs root. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "core/base/thread.h"
#include "core/host/ledger.h"
#include "test/support/base/alloc.h"
#include "test/unit/core/host/scratch.h"

static void record_file(struct host_ledger *ledger, const char *name)
{
    struct ke_err err = KE_ERR_INIT;
    if (host_record_file(ledger, scratch_path(name), &err) != KE_OK)
        fail_msg("%s", err.msg);
}

static void record_touch(struct host_ledger *ledger, const char *name)
{
    struct ke_err err = KE_ERR_INIT;
    const char *const argv[] = { "touch", scratch_path(name), NULL };
    if (host_record_undo_command(ledger, argv, &err) != KE_OK)
        fail_msg("%s", err.msg);
}

static void a_new_file_goes_and_an_old_one_comes_back(void **state)
{
    (void)state;
    struct host_ledger *ledger = scratch_open();
    scratch_write("old", KE_STR("theirs"));
    record_file(ledger, "new");
    record_file(ledger, "old");
    assert_false(ke_file_exists(scratch_path("old")));
    scratch_write("new", KE_STR("ours"));
    scratch_write("old", KE_STR("ours"));
    record_file(ledger, "old"); /* starting again: nothing is moved, nothing recorded */
    scratch_expect("old.kedge-old", "theirs");
    scratch_expect("old", "ours");
    assert_int_equal(scratch_lines(), 2);
    scratch_undo(ledger);
    assert_false(ke_file_exists(scratch_path("new")));
    assert_false(ke_file_exists(scratch_path("old.kedge-old")));
    scratch_expect("old", "theirs");
    host_ledger_close(ledger);
    assert_int_equal(unlink(scratch_path("old")), 0);
}

static void a_crash_between_record_and_move_keeps_the_old_file(void **state)
{
    (void)state;
    struct host_ledger *ledger = scratch_open();
    scratch_write("old", KE_STR("theirs"));
    record_file(ledger, "old");
    assert_int_equal(rename(scratch_path("old.kedge-old"), scratch_path("old")), 0);
    host_ledger_close(ledger);
    ledger = scratch_open();
    scratch_undo(ledger);
    scratch_expect("old", "theirs");
    host_ledger_close(ledger);
    assert_int_equal(unlink(scratch_path("old")), 0);
}

static void a_folder_we_made_goes_with_all_in_it_but_not_one_that_was_there(void **state)
{
    (void)state;
    struct host_ledger *ledger = scratch_open();
    assert_int_equal(mkdir(scratch_path("theirs"), 0700), 0);
    record_file(ledger, "theirs");
    record_file(ledger, "ours");
    assert_int_equal(scratch_lines(), 1);
    assert_int_equal(mkdir(scratch_path("ours"), 0700), 0);
    assert_int_equal(mkdir(scratch_path("ours/deep"), 0700), 0);
    scratch_write("ours/deep/file", KE_STR("x"));
    scratch_write("theirs/file", KE_STR("x"));
    assert_int_equal(symlink(scratch_path("theirs"), scratch_path("ours/link")), 0);
    scratch_undo(ledger);
    assert_false(ke_file_exists(scratch_path("ours")));
    scratch_expect("theirs/file", "x"); /* not through the link */
    host_ledger_close(ledger);
    assert_int_equal(unlink(scratch_path("theirs/file")), 0);
    assert_int_equal(rmdir(scratch_path("theirs")), 0);
}

static void what_is_in_the_way_is_not_overwritten(void **state)
{
    (void)state;
    struct host_ledger *ledger = scratch_open();
    struct ke_err err = KE_ERR_INIT;
    scratch_write("old", KE_STR("theirs"));
    scratch_write("old.kedge-old", KE_STR("precious"));
    assert_int_equal(host_record_file(ledger, scratch_path("old"), &err), KE_EXISTS);
    assert_int_equal(host_record_file(ledger, "relative", &err), KE_INVALID);
    scratch_undo(ledger);
    scratch_expect("old", "theirs");
    scratch_expect("old.kedge-old", "precious");
    host_ledger_close(ledger);
    assert_int_equal(unlink(scratch_path("old")), 0);
    assert_int_equal(unlink(scratch_path("old.kedge-old")), 0);
}

static void undo_runs_backwards_and_goes_on_after_a_failure(void **state)
{
    (void)state;
    struct host_ledger *ledger = scratch_open();
    struct ke_err err = KE_ERR_INIT;
    const char *const wrong[] = { "false", NULL };
    const char *const gone[] = { "kedge-test-program-that-is-gone", NULL };
    record_file(ledger, "a");
    record_touch(ledger, "a"); /* runs first: then the file goes */
    assert_int_equal(host_record_undo_command(ledger, wrong, &err), KE_OK);
    assert_int_equal(host_record_undo_command(ledger, gone, &err), KE_OK);
    record_touch(ledger, "b");
    assert_int_equal(host_ledger_undo(ledger, &err), KE_IO);
    assert_string_equal(err.msg, "false failed with status 1");
    assert_false(ke_file_exists(scratch_path("a")));
    assert_true(ke_file_exists(scratch_path("b")));
    assert_int_equal(unlink(scratch_path("b")), 0);
    host_ledger_close(ledger);

    ledger = scratch_open(); /* what failed is still there, what was done is not done again */
    assert_int_equal(host_ledger_undo(ledger, &err), KE_IO);
    assert_false(ke_file_exists(scratch_path("b")));
    host_ledger_close(ledger);
    assert_int_equal(unlink(scratch_path("host.ledger")), 0);
}

static void a_torn_last_line_is_cut_off(void **state)
{
    (void)state;
    static const char *const TORN[] = { "{\"id\":2,\"chan", "{\"id\":2,\"chan\n", "\n", "{}\n" };
    for (size_t i = 0; i < KE_ARRAY_LEN(TORN); i++) {
        struct host_ledger *ledger = scratch_open();
        record_touch(ledger, "done");
        host_ledger_close(ledger);
        int fd = open(scratch_path("host.ledger"), O_WRONLY | O_APPEND | O_CLOEXEC);
        assert_int_equal(write(fd, TORN[i], strlen(TORN[i])), strlen(TORN[i]));
        (void)close(fd);
        ledger = scratch_open();
        record_touch(ledger, "done too");
        assert_int_equal(scratch_lines(), 2);
        scratch_undo(ledger);
        host_ledger_close(ledger);
        assert_int_equal(unlink(scratch_path("done")), 0);
        assert_int_equal(unlink(scratch_path("done too")), 0);
    }
}

static void a_damaged_ledger_is_refused_and_left_alone(void **state)
{
    (void)state;
    const char *text =
        "{\"id\":1,\"change\":{\"what\":\"command\",\"argv\":[\"touch\"]}}\n{\"id\":x}\n{\"undone\":1}\n";
    scratch_write("host.ledger", ke_str_c(text));
    struct host_ledger *ledger = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(host_ledger_open(scratch_path("host.ledger"), &ledger, &err), KE_MALFORMED);
    assert_null(ledger);
    assert_non_null(strstr(err.msg, "host.ledger, byte "));
    scratch_expect("host.ledger", text);
    assert_int_equal(unlink(scratch_path("host.ledger")), 0);
}

static void changes_of_a_newer_version_are_not_guessed(void **state)
{
    (void)state;
    scratch_write("host.ledger", KE_STR("{\"id\":1,\"change\":{\"what\":\"moon\"}}\n"));
    struct host_ledger *ledger = scratch_open();
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(host_ledger_undo(ledger, &err), KE_MALFORMED);
    assert_string_equal(err.msg, "the ledger has a change that this version does not know: moon");
    host_ledger_close(ledger);
    assert_int_equal(unlink(scratch_path("host.ledger")), 0);
}

static void two_that_hold_the_ledger_see_each_other(void **state)
{
    (void)state;
    struct host_ledger *agent = scratch_open();
    struct host_ledger *install = scratch_open();
    record_touch(agent, "a");
    record_touch(install, "b");
    record_touch(agent, "b"); /* known already */
    record_touch(install, "a");
    assert_int_equal(scratch_lines(), 2);
    scratch_undo(install);
    assert_true(ke_file_exists(scratch_path("a")));
    assert_true(ke_file_exists(scratch_path("b")));
    record_touch(agent, "c"); /* the file is gone: a new one begins */
    assert_int_equal(scratch_lines(), 1);
    scratch_undo(install);
    assert_true(ke_file_exists(scratch_path("c")));
    host_ledger_close(agent);
    host_ledger_close(install);
    for (const char *name = "abc"; *name != '\0'; name++) {
        const char one[2] = { *name, '\0' };
        assert_int_equal(unlink(scratch_path(one)), 0);
    }
}

static void record_twenty(void *ctx)
{
    (void)ctx;
    struct host_ledger *ledger = scratch_open();
    struct ke_err err = KE_ERR_INIT;
    for (unsigned i = 0; i < 20; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%u", i);
        const char *const argv[] = { "true", text, NULL };
        assert_int_equal(host_record_undo_command(ledger, argv, &err), KE_OK);
    }
    host_ledger_close(ledger);
}

static void many_recording_at_once_record_each_change_once(void **state)
{
    (void)state;
    struct ke_thread threads[4] = { { .is_started = false } };
    struct ke_err err = KE_ERR_INIT;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(ke_thread_start(&threads[i], "recorder", record_twenty, NULL, &err),
                         KE_OK);
    for (size_t i = 0; i < 4; i++)
        ke_thread_join(&threads[i]);
    assert_int_equal(scratch_lines(), 20);
    struct host_ledger *ledger = scratch_open();
    scratch_undo(ledger);
    host_ledger_close(ledger);
}

static void without_a_record_nothing_is_changed(void **state)
{
    (void)state;
    struct host_ledger *ledger = scratch_open();
    scratch_write("old", KE_STR("theirs"));
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit none = { .rlim_cur = 0, .rlim_max = before.rlim_max };
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = host_record_file(ledger, scratch_path("old"), &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rc, KE_IO);
    scratch_expect("old", "theirs");
    record_file(ledger, "old"); /* room again */
    assert_false(ke_file_exists(scratch_path("old")));
    scratch_undo(ledger);
    scratch_expect("old", "theirs");
    host_ledger_close(ledger);
    assert_int_equal(unlink(scratch_path("old")), 0);
}

static void failing_allocations_change_nothing_unrecorded(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        scratch_write("old", KE_STR("theirs"));
        struct host_ledger *ledger = NULL;
        struct ke_err err = KE_ERR_INIT;
        const char *path = scratch_path("old");
        test_alloc_fail_at(n);
        enum ke_code rc = host_ledger_open(scratch_path("host.ledger"), &ledger, &err);
        if (rc == KE_OK)
            rc = host_record_file(ledger, path, &err);
        bool has_failed = test_alloc_end();
        host_ledger_close(ledger);
        ledger = scratch_open();
        scratch_undo(ledger);
        host_ledger_close(ledger);
        scratch_expect("old", "theirs");
        if (!has_failed) {
            assert_int_equal(rc, KE_OK);
            break;
        }
        assert_int_equal(rc, KE_NOMEM);
    }
    assert_int_equal(unlink(scratch_path("old")), 0);
}

static void a_failing_allocation_leaves_the_ledger_fit_to_go_on(void **state)
{
    (void)state;
    bool has_failed = true;
    for (size_t n = 1; has_failed; n++) {
        scratch_write("old", KE_STR("theirs"));
        struct host_ledger *ledger = scratch_open();
        struct ke_err err = KE_ERR_INIT;
        const char *path = scratch_path("old");
        test_alloc_fail_at(n);
        enum ke_code rc = host_record_file(ledger, path, &err);
        has_failed = test_alloc_end();
        assert_int_equal(rc, has_failed ? KE_NOMEM : KE_OK);
        record_file(ledger, "old");
        record_file(ledger, "new");
        assert_int_equal(scratch_lines(), 2);
        host_ledger_close(ledger);
        scratch_write("new", KE_STR("ours"));
        ledger = scratch_open();
        scratch_undo(ledger);
        host_ledger_close(ledger);
        assert_false(ke_file_exists(scratch_path("new")));
        scratch_expect("old", "theirs");
    }
    assert_int_equal(unlink(scratch_path("old")), 0);
}

static void the_ledger_is_root_only(void **state)
{
    (void)state;
    struct host_ledger *ledger = scratch_open();
    struct stat st;
    assert_int_equal(stat(scratch_path("host.ledger"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    scratch_undo(ledger);
    host_ledger_close(ledger);
    host_ledger_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_file_goes_and_an_old_one_comes_back, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(a_crash_between_record_and_move_keeps_the_old_file,
                                        scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(
            a_folder_we_made_goes_with_all_in_it_but_not_one_that_was_there, scratch_make,
            scratch_remove),
        cmocka_unit_test_setup_teardown(what_is_in_the_way_is_not_overwritten, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(undo_runs_backwards_and_goes_on_after_a_failure,
                                        scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_torn_last_line_is_cut_off, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(a_damaged_ledger_is_refused_and_left_alone, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(changes_of_a_newer_version_are_not_guessed, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(two_that_hold_the_ledger_see_each_other, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(many_recording_at_once_record_each_change_once,
                                        scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(without_a_record_nothing_is_changed, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(failing_allocations_change_nothing_unrecorded, scratch_make,
                                        scratch_remove),
        cmocka_unit_test_setup_teardown(a_failing_allocation_leaves_the_ledger_fit_to_go_on,
                                        scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(the_ledger_is_root_only, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
