/* SPDX-License-Identifier: Apache-2.0 */
/* Folders for tests. */
#include "test/support/tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void test_tmpdir_make(struct test_tmpdir *dir)
{
    const char *base = getenv("TMPDIR"); /* NOLINT(concurrency-mt-unsafe): nobody sets it */
    int n = snprintf(dir->path, sizeof(dir->path), "%s/kedge-test-XXXXXX",
                     base != NULL ? base : "/tmp");
    assert_true(n > 0 && (size_t)n < sizeof(dir->path));
    assert_non_null(mkdtemp(dir->path));
}

const char *test_tmpdir_path(const struct test_tmpdir *dir, const char *name)
{
    static _Thread_local char path[2 * TEST_TMPDIR_BYTES];
    int n = snprintf(path, sizeof(path), "%s/%s", dir->path, name);
    assert_true(n > 0 && (size_t)n < sizeof(path));
    return path;
}

void test_tmpdir_remove(struct test_tmpdir *dir)
{
    if (dir->path[0] == '\0')
        return;
    DIR *handle = opendir(dir->path);
    if (handle != NULL) {
        const struct dirent *entry = NULL;
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
        while ((entry = readdir(handle)) != NULL) {
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                (void)remove(test_tmpdir_path(dir, entry->d_name));
        }
        (void)closedir(handle);
    }
    (void)rmdir(dir->path);
    dir->path[0] = '\0';
}
