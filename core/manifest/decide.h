/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MANIFEST_DECIDE_H
#define CORE_MANIFEST_DECIDE_H
/*
 * What the files of a folder ask for, and what of the objects there they no longer ask for. An
 * object that came from a file carries the label kedge.io/manifest, to be found by, and the
 * annotation kedge.io/manifest-file with the file's path, which tells it from objects that merely
 * inherited the label (the slices of a Service). Pure; any thread.
 */
#include <cjson/cJSON.h>

#include "core/base/err.h"
#include "core/base/map.h"
#include "core/manifest/files.h"
#include "core/registry/registry.h"

#define MANIFEST_LABEL      "kedge.io/manifest"
#define MANIFEST_ANNOTATION "kedge.io/manifest-file"

/* One object of a file that can be written. */
struct manifest_wanted {
    const char *path;              /* of its file; borrowed */
    cJSON *object;                 /* borrowed from its file, marked */
    const struct model_kind *kind; /* NULL: not served, err says so */
    const struct model_version *version;
    char *key;         /* of the registry; NULL with kind */
    struct ke_err err; /* KE_NOT_FOUND no such kind (yet); KE_INVALID no name, or another file has
                          it too */
};

struct manifest_plan {
    struct manifest_wanted *items; /* in the order of writing: namespaces, definitions, the rest */
    size_t n;
    struct ke_map *keys;   /* of all that can be written */
    struct ke_map *broken; /* paths of files that cannot be read, or have an object that cannot be
                              named: what they asked for stays */
};

typedef const struct model_kind *manifest_find_kind_fn(void *ctx, const cJSON *object,
                                                       const struct model_version **out_version);

/* Marks the objects in files, which must outlive the plan. Errors: KE_NOMEM. */
enum ke_code manifest_plan_make(struct manifest_files *files, manifest_find_kind_fn *find_kind,
                                void *ctx, struct manifest_plan *out,
                                struct ke_err *err) KE_MUST_CHECK;
void manifest_plan_deinit(struct manifest_plan *plan);

/* Did object come from a file that no longer has it? */
bool manifest_plan_prunes(const struct manifest_plan *plan, const struct registry_object *object);

#endif
