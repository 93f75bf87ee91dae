/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_KEDGE_CONFIG_FILE_H
#define CMD_KEDGE_CONFIG_FILE_H
/*
 * The YAML config file: one flat mapping from option names to values; a list means
 * comma-separated values. Main thread.
 */
#include "core/base/err.h"
#include "core/base/str.h"

typedef enum ke_code config_file_fn(void *ctx, struct ke_str key, struct ke_str value,
                                    struct ke_err *err);
/* Calls fn for each entry in order. Errors: KE_IO, KE_INVALID with path and line. */
enum ke_code config_file_read(const char *path, config_file_fn *fn, void *ctx,
                              struct ke_err *err) KE_MUST_CHECK;

#endif
