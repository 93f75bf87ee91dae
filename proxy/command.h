/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROXY_COMMAND_H
#define PROXY_COMMAND_H
/* Runs a program without a shell: text in, text out. Blocks. Any thread. */
#include "core/base/buf.h"
#include "core/base/err.h"

/*
 * argv: NULL-terminated, argv[0] is looked for in the usual folders of system programs. in: for its
 * standard input. out, may be NULL: standard output is appended. Errors: KE_NOT_FOUND (no such
 * program), KE_IO (what it said on standard error, when it fails), KE_TIMEOUT after timeout_ms.
 */
enum ke_code command_run(const char *const *argv, struct ke_str in, struct ke_buf *out,
                         int64_t timeout_ms, struct ke_err *err) KE_MUST_CHECK;
bool command_exists(const char *name);

#endif
