/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_SQLITE_FILE_H
#define STORE_SQLITE_FILE_H
/* What kind of file is it? Read from its first 100 bytes, before SQLite sees it; and making a new
 * one, whole or not at all. Any thread. */
#include <sqlite3.h>

#include "core/base/err.h"

#define SQLITE_FILE_APPLICATION_ID 0x6b656467 /* "kedg" */
#define SQLITE_FILE_FORMAT         1
#define SQLITE_FILE_PATH_BYTES     4096

/* Errors: KE_NOT_FOUND there is none (or an empty one), KE_MALFORMED damaged or not ours,
 * KE_INVALID of a newer kedge, KE_IO. */
enum ke_code sqlite_file_check(const char *path, struct ke_err *err) KE_MUST_CHECK;
/* Makes the tables in a file beside path and renames it. Errors: KE_IO. */
enum ke_code sqlite_file_create(const char *path, struct ke_err *err) KE_MUST_CHECK;
/* An error from what SQLite says: disk full with sys ENOSPC, damage with what to do. Returns it. */
enum ke_code sqlite_file_fail(const char *path, sqlite3 *handle, struct ke_err *err);
enum ke_code sqlite_file_damaged(const char *path, const char *detail, struct ke_err *err);

#endif
