/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_KEDGE_MANIFEST_H
#define CMD_KEDGE_MANIFEST_H
/*
 * Objects from the files of a folder (core/manifest/files.h). Each object is converted to its
 * stored version, defaulted and checked. Main thread.
 */
#include <cjson/cJSON.h>

#include "core/base/err.h"
#include "core/model/kind.h"

struct manifest {
    const struct model_kind *kind;
    cJSON *object;
};

struct manifest_list {
    struct manifest *items;
    size_t n;
    size_t cap;
};

/* Errors: KE_IO, KE_INVALID (file, object and field named), KE_NOMEM. */
enum ke_code manifest_read_dir(const char *dir, struct manifest_list *out,
                               struct ke_err *err) KE_MUST_CHECK;
void manifest_list_deinit(struct manifest_list *list);

#endif
