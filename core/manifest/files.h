/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MANIFEST_FILES_H
#define CORE_MANIFEST_FILES_H
/*
 * The objects in the files of a folder: *.yaml, *.yml and *.json in the order of their paths,
 * several documents a file, Lists taken apart. Hidden files and folders are passed over, as editors
 * leave them behind. Nothing is checked here but that it parses. Blocking; any thread.
 */
#include <cjson/cJSON.h>

#include "core/base/err.h"

struct manifest_file {
    char *path;        /* below the folder: "apps/web.yaml" */
    cJSON *objects;    /* array; NULL: the file cannot be read, err says why */
    struct ke_err err; /* KE_IO, KE_MALFORMED with the line, KE_TOO_LARGE */
};

struct manifest_files {
    struct manifest_file *items;
    size_t n, cap;
};

typedef void manifest_folder_fn(void *ctx, const char *path);

/*
 * visit (may be NULL) is called with every folder, before what is in it is read. Errors: KE_IO (the
 * folder itself cannot be read; below it such a folder counts as a file that cannot be read),
 * KE_NOMEM.
 */
enum ke_code manifest_files_read(const char *dir, manifest_folder_fn *visit, void *ctx,
                                 struct manifest_files *out, struct ke_err *err) KE_MUST_CHECK;
void manifest_files_deinit(struct manifest_files *files);

#endif
