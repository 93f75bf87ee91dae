/* SPDX-License-Identifier: Apache-2.0 */
/* Recognises, makes and speaks about the registry's file. */
#include "store/sqlite/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cur.h"
#include "core/base/file.h"

#define HEADER_BYTES      100
#define HEADER_MAGIC      "SQLite format 3" /* and its NUL */
#define USER_VERSION_AT   60
#define APPLICATION_ID_AT 68

_Static_assert(SQLITE_FILE_FORMAT == 1 && SQLITE_FILE_APPLICATION_ID == 0x6b656467,
               "create_sql says both");

/*
 * state: the live objects. A rowid table with a unique key takes half the time of one without
 * rowid. event: the recent changes, as an undo log: each with the value before it. The value after
 * it is the value before the next change of its key, or the live object: so nothing is written
 * twice. The file is synced once, when it is whole and before it gets its name: start-up waits for
 * this.
 */
static const char create_sql[] =
    "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; PRAGMA page_size = 4096;"
    "BEGIN;"
    "PRAGMA application_id = 0x6b656467;"
    "PRAGMA user_version = 1;"
    "CREATE TABLE state(id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,"
    " revision INTEGER NOT NULL, value BLOB NOT NULL);"
    "CREATE TABLE event(revision INTEGER PRIMARY KEY, key TEXT NOT NULL,"
    " is_delete INTEGER NOT NULL, previous_revision INTEGER, previous BLOB);"
    "CREATE TABLE meta(name INTEGER PRIMARY KEY, value INTEGER NOT NULL);"
    "COMMIT;"
    "PRAGMA journal_mode = WAL;";

static struct ke_str dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return KE_STR(".");
    return slash == path ? KE_STR("/") : ke_str_of(path, (size_t)(slash - path));
}

enum ke_code sqlite_file_damaged(const char *path, const char *detail, struct ke_err *err)
{
    return ke_fail(
        err, KE_MALFORMED,
        "%s is damaged (%s); it was left as it is: restore a backup with `kedge registry "
        "restore`, or move the file away to start empty",
        path, detail);
}

enum ke_code sqlite_file_fail(const char *path, sqlite3 *handle, struct ke_err *err)
{
    int rc = handle != NULL ? sqlite3_errcode(handle) : SQLITE_NOMEM;
    int sys = handle != NULL ? sqlite3_system_errno(handle) : 0;
    bool is_full = rc == SQLITE_FULL ||
                   (rc == SQLITE_IOERR && (sys == ENOSPC || sys == EDQUOT || sys == EFBIG));
    if (is_full) {
        (void)ke_fail(err, KE_IO, "registry: no space left on %.*s", KE_STR_ARG(dir_of(path)));
        err->sys = ENOSPC;
        return KE_IO;
    }
    if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
        return sqlite_file_damaged(path, sqlite3_errmsg(handle), err);
    if (rc == SQLITE_NOMEM)
        return ke_fail(err, KE_NOMEM, "registry: out of memory for %s", path);
    if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
        return ke_fail(err, KE_UNAVAILABLE,
                       "%s is in use by another process: is a kedge running already?", path);
    (void)ke_fail(err, KE_IO, "registry: %s: %s", path, sqlite3_errmsg(handle));
    err->sys = sys;
    return KE_IO;
}

static enum ke_code check_header(const char *path, const char header[HEADER_BYTES],
                                 struct ke_err *err)
{
    if (memcmp(header, HEADER_MAGIC, sizeof(HEADER_MAGIC)) != 0) {
        return ke_fail(err, KE_MALFORMED,
                       "%s is not a registry (its first bytes are of no SQLite file); it was left "
                       "as it is: move it away, or choose another --data-dir",
                       path);
    }
    struct ke_cur cur = ke_cur_of(header, HEADER_BYTES);
    (void)ke_cur_bytes(&cur, USER_VERSION_AT);
    uint32_t format = ke_cur_be32(&cur);
    (void)ke_cur_be32(&cur);
    uint32_t application = ke_cur_be32(&cur);
    if (application != SQLITE_FILE_APPLICATION_ID) {
        return ke_fail(err, KE_MALFORMED,
                       "%s is a SQLite file of another program (application id 0x%08x); it was "
                       "left as it is: move it away, or choose another --data-dir",
                       path, application);
    }
    if (format > SQLITE_FILE_FORMAT) {
        return ke_fail(err, KE_INVALID,
                       "%s was written by a newer kedge (format %u, this one reads up to %d): run "
                       "that version",
                       path, format, SQLITE_FILE_FORMAT);
    }
    return KE_OK;
}

enum ke_code sqlite_file_check(const char *path, struct ke_err *err)
{
    ke_auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return ke_fail(err, KE_NOT_FOUND, "%s does not exist", path);
    if (fd < 0)
        return ke_fail_errno(err, errno, "registry: open %s", path);
    char header[HEADER_BYTES] = { 0 };
    ssize_t n = pread(fd, header, sizeof(header), 0);
    if (n < 0)
        return ke_fail_errno(err, errno, "registry: read %s", path);
    if (n == 0)
        return ke_fail(err, KE_NOT_FOUND, "%s is empty", path);
    return check_header(path, header, err); /* a short file has no magic or no id */
}

static enum ke_code make_tables(const char *path, struct ke_err *err)
{
    sqlite3 *handle = NULL;
    int rc = sqlite3_open_v2(
        path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(handle, create_sql, NULL, NULL, NULL);
    enum ke_code code = rc == SQLITE_OK ? KE_OK : sqlite_file_fail(path, handle, err);
    (void)sqlite3_close(handle);
    return code;
}

static enum ke_code sync_file(const char *path, struct ke_err *err)
{
    ke_auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return ke_fail_errno(err, errno, "registry: sync %s", path);
    return KE_OK;
}

/* Removes path + suffix, if it is there. */
static void remove_beside(const char *path, const char *suffix)
{
    char name[SQLITE_FILE_PATH_BYTES];
    struct ke_buf buf = KE_BUF_FIXED(name, sizeof(name));
    ke_buf_addf(&buf, "%s%s", path, suffix);
    ke_buf_add_char(&buf, '\0');
    if (buf.failed == KE_OK)
        (void)unlink(name);
}

enum ke_code sqlite_file_create(const char *path, struct ke_err *err)
{
    char temporary[SQLITE_FILE_PATH_BYTES];
    int n = snprintf(temporary, sizeof(temporary), "%s.new", path);
    if (n < 0 || (size_t)n >= sizeof(temporary))
        return ke_fail(err, KE_IO, "registry: the path is too long");
    (void)unlink(temporary); /* of a start that was cut short */
    ke_auto_fd fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return ke_fail_errno(err, errno, "registry: create %s", temporary);
    if (make_tables(temporary, err) != KE_OK || sync_file(temporary, err) != KE_OK) {
        (void)unlink(temporary);
        return err->code;
    }
    /* The log of a file that is gone must not be taken for the log of this one. */
    remove_beside(path, "-wal");
    remove_beside(path, "-shm");
    if (rename(temporary, path) != 0) {
        int sys = errno;
        (void)unlink(temporary);
        return ke_fail_errno(err, sys, "registry: create %s", path);
    }
    return ke_file_sync_folder_of(path, err);
}
