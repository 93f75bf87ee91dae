/* SPDX-License-Identifier: Apache-2.0 */
/* Files whole: read, or written so that a crash leaves the old or the new content. Any thread. */
#include "core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/rand.h"

enum { FILE_READ_BYTES = 16 << 10 };

void ke_fd_autoclose(int *fd)
{
    if (*fd < 0)
        return;
    int saved = errno;
    (void)close(*fd);
    errno = saved;
    *fd = -1;
}

bool ke_file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

enum ke_code ke_file_read(const char *path, struct ke_buf *out, struct ke_err *err)
{
    ke_auto_fd fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int sys = errno;
        (void)ke_fail_errno(err, sys, "read %s", path);
        if (sys == ENOENT || sys == ENOTDIR)
            err->code = KE_NOT_FOUND;
        return err->code;
    }
    size_t len_before = out->len;
    char bytes[FILE_READ_BYTES]; /* by piece: files of /proc have no size */
    for (;;) {
        ssize_t n = read(fd, bytes, sizeof(bytes));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            out->len = len_before;
            return ke_fail_errno(err, errno, "read %s", path);
        }
        if (n == 0)
            break;
        ke_buf_add(out, bytes, (size_t)n);
        if (out->failed != KE_OK)
            break;
    }
    if (ke_buf_check(out, path, err) != KE_OK) {
        out->len = len_before;
        return err->code;
    }
    return KE_OK;
}

static enum ke_code write_all(int fd, struct ke_str bytes, const char *path, struct ke_err *err)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ke_fail_errno(err, n < 0 ? errno : EIO, "write %s", path);
        bytes = ke_str_sub(bytes, (size_t)n, bytes.len);
    }
    if (fsync(fd) != 0)
        return ke_fail_errno(err, errno, "fsync %s", path);
    return KE_OK;
}

enum ke_code ke_file_sync_folder_of(const char *path, struct ke_err *err)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (len >= sizeof(folder))
        return ke_fail_errno(err, ENAMETOOLONG, "open the folder of %s", path);
    if (slash == NULL)
        (void)snprintf(folder, sizeof(folder), ".");
    else
        (void)snprintf(folder, sizeof(folder), "%.*s", len > 0 ? (int)len : 1, path);
    ke_auto_fd fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return ke_fail_errno(err, errno, "open %s", folder);
    if (fsync(fd) != 0)
        return ke_fail_errno(err, errno, "fsync %s", folder);
    return KE_OK;
}

static enum ke_code fill_and_rename(int fd, const char *from, const char *path, struct ke_str bytes,
                                    struct ke_err *err)
{
    enum ke_code rc = write_all(fd, bytes, from, err);
    if (rc != KE_OK)
        return rc;
    if (rename(from, path) != 0)
        return ke_fail_errno(err, errno, "rename %s to %s", from, path);
    return KE_OK;
}

enum ke_code ke_file_write(const char *path, struct ke_str bytes, mode_t mode, struct ke_err *err)
{
    char aside[PATH_MAX];
    int len = snprintf(aside, sizeof(aside), "%s.tmp.%08x", path, (unsigned)ke_rand_fast());
    if (len < 0 || (size_t)len >= sizeof(aside))
        return ke_fail_errno(err, ENAMETOOLONG, "write %s", path);
    ke_auto_fd fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return ke_fail_errno(err, errno, "write %s", path);
    enum ke_code rc = KE_OK;
    if (fchmod(fd, mode) != 0) /* past the umask */
        rc = ke_fail_errno(err, errno, "chmod %s", aside);
    if (rc == KE_OK)
        rc = fill_and_rename(fd, aside, path, bytes, err);
    if (rc != KE_OK) {
        (void)unlink(aside);
        return rc;
    }
    return ke_file_sync_folder_of(path, err);
}

enum ke_code ke_file_mkdirs(const char *path, mode_t mode, struct ke_err *err)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len == 0 || len >= sizeof(part))
        return ke_fail_errno(err, len == 0 ? ENOENT : ENAMETOOLONG, "make folder %s", path);
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char kept = part[i];
        part[i] = '\0';
        if (mkdir(part, mode) != 0 && errno != EEXIST)
            return ke_fail_errno(err, errno, "make folder %s", part);
        part[i] = kept;
    }
    struct stat st;
    if (stat(path, &st) != 0)
        return ke_fail_errno(err, errno, "make folder %s", path);
    if (!S_ISDIR(st.st_mode))
        return ke_fail_errno(err, ENOTDIR, "make folder %s", path);
    return KE_OK;
}
