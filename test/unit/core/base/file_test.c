/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "test/support/base/test.h"

struct folder {
    char path[64];
    char file[96];
};

static int make_folder(void **state)
{
    static struct folder folder;
    (void)snprintf(folder.path, sizeof(folder.path), "/tmp/kedge-file-test.XXXXXX");
    if (mkdtemp(folder.path) == NULL)
        return -1;
    (void)snprintf(folder.file, sizeof(folder.file), "%s/file", folder.path);
    *state = &folder;
    return 0;
}

static int remove_folder(void **state)
{
    const struct folder *folder = *state;
    (void)unlink(folder->file);
    return rmdir(folder->path);
}

static unsigned count_entries(const char *path)
{
    DIR *dir = opendir(path);
    assert_non_null(dir);
    unsigned n = 0;
    while (readdir(dir) != NULL)
        n++;
    (void)closedir(dir);
    return n - 2; /* . and .. */
}

static void a_file_is_written_whole_with_its_mode(void **state)
{
    const struct folder *folder = *state;
    struct ke_err err = KE_ERR_INIT;
    mode_t before = umask(077);
    assert_int_equal(ke_file_write(folder->file, KE_STR("one"), 0644, &err), KE_OK);
    (void)umask(before);
    struct stat st;
    assert_int_equal(stat(folder->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    assert_int_equal(ke_file_write(folder->file, KE_STR("two\0!"), 0600, &err), KE_OK);
    assert_int_equal(stat(folder->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    ke_auto_buf bytes = KE_BUF_INIT(100);
    ke_buf_add_c(&bytes, ">");
    assert_int_equal(ke_file_read(folder->file, &bytes, &err), KE_OK);
    assert_true(ke_str_eq(ke_buf_str(&bytes), KE_STR(">two\0!")));
    assert_int_equal(count_entries(folder->path), 1); /* no temporary file is left */
}

static void a_failed_write_leaves_nothing_behind(void **state)
{
    const struct folder *folder = *state;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(mkdir(folder->file, 0700), 0); /* a folder cannot be renamed over */
    assert_int_equal(ke_file_write(folder->file, KE_STR("x"), 0600, &err), KE_IO);
    assert_int_equal(count_entries(folder->path), 1);
    assert_int_equal(rmdir(folder->file), 0);
    char path[160];
    (void)snprintf(path, sizeof(path), "%s/absent/file", folder->path);
    assert_int_equal(ke_file_write(path, KE_STR("x"), 0600, &err), KE_IO);
    assert_int_equal(err.sys, ENOENT);
}

static void reading_says_what_is_wrong(void **state)
{
    const struct folder *folder = *state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf bytes = KE_BUF_INIT(10);
    ke_buf_add_c(&bytes, "kept");
    assert_int_equal(ke_file_read("/nonexistent/x", &bytes, &err), KE_NOT_FOUND);
    assert_int_equal(ke_file_read(folder->path, &bytes, &err), KE_IO);
    assert_int_equal(err.sys, EISDIR);
    assert_int_equal(ke_file_write(folder->file, KE_STR("1234567"), 0600, &err), KE_OK);
    assert_int_equal(ke_file_read(folder->file, &bytes, &err), KE_TOO_LARGE);
    assert_true(ke_str_eq_c(ke_buf_str(&bytes), "kept"));
}

static void files_of_proc_are_read_whole(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf bytes = KE_BUF_INIT(1 << 20);
    assert_int_equal(ke_file_read("/proc/self/status", &bytes, &err), KE_OK);
    assert_true(bytes.len > 100);
}

static void folders_are_made_with_their_parents(void **state)
{
    const struct folder *folder = *state;
    struct ke_err err = KE_ERR_INIT;
    char a[80];
    char b[96];
    (void)snprintf(a, sizeof(a), "%s/a", folder->path);
    (void)snprintf(b, sizeof(b), "%s//b/", a);
    assert_int_equal(ke_file_mkdirs(b, 0700, &err), KE_OK);
    assert_int_equal(ke_file_mkdirs(b, 0700, &err), KE_OK);
    assert_true(ke_file_exists(b));
    assert_int_equal(rmdir(b), 0);
    assert_int_equal(rmdir(a), 0);
    assert_false(ke_file_exists(a));
    assert_int_equal(ke_file_write(folder->file, KE_STR("x"), 0600, &err), KE_OK);
    (void)snprintf(a, sizeof(a), "%.70s/a", folder->file);
    assert_int_equal(ke_file_mkdirs(a, 0700, &err), KE_IO);
    assert_int_equal(ke_file_mkdirs(folder->file, 0700, &err), KE_IO);
    assert_int_equal(err.sys, ENOTDIR);
    assert_int_equal(ke_file_mkdirs("", 0700, &err), KE_IO);
}

static void a_descriptor_closes_with_its_scope(void **state)
{
    (void)state;
    int kept = -1;
    {
        ke_auto_fd fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        kept = fd;
        assert_true(fcntl(kept, F_GETFD) >= 0);
    }
    assert_int_equal(fcntl(kept, F_GETFD), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_is_written_whole_with_its_mode, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_failed_write_leaves_nothing_behind, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(reading_says_what_is_wrong, make_folder, remove_folder),
        cmocka_unit_test(files_of_proc_are_read_whole),
        cmocka_unit_test_setup_teardown(folders_are_made_with_their_parents, make_folder,
                                        remove_folder),
        cmocka_unit_test(a_descriptor_closes_with_its_scope),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
