/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_FILE_H
#define CORE_BASE_FILE_H
/* Files and descriptors: read whole, write whole or not at all, close-on-exec from birth. */
#include <sys/types.h>

#include "core/base/buf.h"
#include "core/base/err.h"

/* Appends the file to *out. Errors: KE_NOT_FOUND, KE_TOO_LARGE, KE_IO. */
enum ke_code ke_file_read(const char *path, struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;
/* Writes a temporary file beside path, fsyncs, renames, fsyncs the folder. Errors: KE_IO. */
enum ke_code ke_file_write(const char *path, struct ke_str bytes, mode_t mode,
                           struct ke_err *err) KE_MUST_CHECK;
/* Brings the entries of the folder that path is in to disk: a new, renamed or removed file is there
 * for good. Errors: KE_IO. */
enum ke_code ke_file_sync_folder_of(const char *path, struct ke_err *err) KE_MUST_CHECK;
/* Makes path and its parents. Errors: KE_IO. */
enum ke_code ke_file_mkdirs(const char *path, mode_t mode, struct ke_err *err) KE_MUST_CHECK;
bool ke_file_exists(const char *path);

void ke_fd_autoclose(int *fd);
#define ke_auto_fd KE_CLEANUP(ke_fd_autoclose) int

#endif
