/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_TMPDIR_H
#define TEST_SUPPORT_TMPDIR_H
/* A folder for one test, on the disk that TMPDIR names (/tmp), removed with what is in it. */
#define TEST_TMPDIR_BYTES 256

struct test_tmpdir {
    char path[TEST_TMPDIR_BYTES]; /* empty: not made */
};

void test_tmpdir_make(struct test_tmpdir *dir); /* asserts */
/* path/name; valid until the next call on this thread. */
const char *test_tmpdir_path(const struct test_tmpdir *dir, const char *name);
void test_tmpdir_remove(struct test_tmpdir *dir); /* its files; folders in it must be empty */

#endif
