/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log's file: whole lines, in order; rotation; a reader that is slow. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/api/audit_log.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/limits.h"
#include "core/base/metrics.h"
#include "test/support/base/test.h"
#include "test/support/tmpdir.h"

struct fixture {
    struct test_tmpdir tmpdir;
    char path[TEST_TMPDIR_BYTES + 32];
};

static int set_up(void **state)
{
    static struct fixture f;
    test_tmpdir_make(&f.tmpdir);
    (void)snprintf(f.path, sizeof(f.path), "%s/audit.log", f.tmpdir.path);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    test_tmpdir_remove(&f->tmpdir);
    return 0;
}

static struct audit_log *open_log(const struct audit_log_options *options)
{
    struct audit_log *log = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (audit_log_open(options, &log, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return log;
}

static void add(struct audit_log *log, int i)
{
    char *line = malloc(32);
    assert_non_null(line);
    int len = snprintf(line, 32, "line %06d\n", i);
    audit_log_add(log, line, (size_t)len);
}

static void lines_are_whole_and_in_order(void **state)
{
    struct fixture *f = *state;
    struct audit_log_options options = { .path = f->path, .level = AUDIT_METADATA };
    struct stat at;
    for (int run = 0; run < 2; run++) { /* the second appends */
        struct audit_log *log = open_log(&options);
        assert_int_equal(audit_log_level(log), AUDIT_METADATA);
        for (int i = 0; i < 1000; i++)
            add(log, 1000 * run + i);
        audit_log_close(log);
    }
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_file_read(f->path, &text, &err), KE_OK);
    assert_int_equal(text.len, 2000 * 12);
    for (int i = 0; i < 2000; i++) {
        char want[16];
        (void)snprintf(want, sizeof(want), "line %06d\n", i);
        assert_memory_equal(text.ptr + 12 * i, want, 12);
    }
    assert_int_equal(stat(f->path, &at), 0);
    assert_int_equal(at.st_mode & 0777, 0600);
}

static size_t count_files(const struct fixture *f)
{
    DIR *dir = opendir(f->tmpdir.path);
    const struct dirent *entry = NULL;
    size_t n = 0;
    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        n += entry->d_name[0] != '.' ? 1 : 0;
    closedir(dir);
    return n;
}

static void a_file_that_has_grown_is_put_aside(void **state)
{
    struct fixture *f = *state;
    struct audit_log_options options = {
        .path = f->path, .level = AUDIT_METADATA, .max_bytes = 100, .max_backups = 3
    };
    struct stat at;
    struct audit_log *log = open_log(&options);
    for (int i = 0; i < 100; i++) {
        add(log, i);
        (void)usleep(1000); /* names have milliseconds */
    }
    audit_log_close(log);
    assert_int_equal(stat(f->path, &at), 0);
    assert_true(at.st_size <= 100);
    assert_int_equal(count_files(f), 4);
}

static void old_files_go_by_age(void **state)
{
    struct fixture *f = *state;
    char old[TEST_TMPDIR_BYTES + 64];
    char other[TEST_TMPDIR_BYTES + 64];
    struct ke_err err = KE_ERR_INIT;
    struct audit_log_options options = {
        .path = f->path, .level = AUDIT_METADATA, .max_bytes = 20, .max_age_days = 2
    };
    (void)snprintf(old, sizeof(old), "%s/audit-2020-01-01T00-00-00.000.log", f->tmpdir.path);
    (void)snprintf(other, sizeof(other), "%s/audit-of-mine.log", f->tmpdir.path);
    assert_int_equal(ke_file_write(old, KE_STR("x"), 0600, &err), KE_OK);
    assert_int_equal(ke_file_write(other, KE_STR("x"), 0600, &err), KE_OK);
    struct audit_log *log = open_log(&options);
    add(log, 1);
    add(log, 2);
    audit_log_close(log);
    assert_false(ke_file_exists(old));
    assert_true(ke_file_exists(other));
    assert_int_equal(count_files(f), 3);
}

/* The file is a pipe that nobody reads: writing blocks, adding does not. */
static void a_slow_disk_blocks_nobody(void **state)
{
    struct fixture *f = *state;
    struct audit_log_options options = { .path = f->path, .level = AUDIT_METADATA };
    struct ke_metric *dropped =
        ke_metric_counter("apiserver_audit_error_total", "plugin=\"log\"", "");
    assert_int_equal(mkfifo(f->path, 0600), 0);
    int reader = open(f->path, O_RDONLY | O_NONBLOCK);
    assert_true(reader >= 0);
    struct audit_log *log = open_log(&options);
    uint64_t before = ke_metric_value(dropped);
    int64_t from_ns = ke_now_ns();
    for (int i = 0; i < 4 * LIMIT_AUDIT_LINES; i++)
        add(log, i);
    assert_true(ke_now_ns() - from_ns < 5 * KE_S);
    assert_true(ke_metric_value(dropped) > before);
    char bytes[65536]; /* now it reads, and everything that was queued comes */
    size_t n_read = 0;
    assert_int_equal(fcntl(reader, F_SETFL, 0), 0);
    uint64_t n_dropped = ke_metric_value(dropped) - before;
    size_t wanted = 12 * (4 * (size_t)LIMIT_AUDIT_LINES - (size_t)n_dropped);
    while (n_read < wanted) {
        ssize_t n = read(reader, bytes, sizeof(bytes));
        assert_true(n > 0);
        n_read += (size_t)n;
    }
    audit_log_close(log);
    assert_int_equal(n_read, wanted);
    close(reader);
}

static void a_file_that_cannot_be_opened_is_told(void **state)
{
    struct fixture *f = *state;
    struct audit_log *log = NULL;
    struct ke_err err = KE_ERR_INIT;
    struct audit_log_options options = { .path = f->tmpdir.path, .level = AUDIT_METADATA };
    assert_int_equal(audit_log_open(&options, &log, &err), KE_IO);
    assert_non_null(strstr(err.msg, f->tmpdir.path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_are_whole_and_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_has_grown_is_put_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_files_go_by_age, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_slow_disk_blocks_nobody, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_opened_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
