/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_STORAGE_H
#define CORE_MODEL_KINDS_STORAGE_H
/* What the storage kinds share. Pure; any thread. */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/model/path.h"

/* In lower case, in the arena of issues; ptr NULL: out of memory. */
struct ke_str storage_lower(struct model_issues *issues, struct ke_str text);
/* spec.accessModes of volumes and claims; required: said when there is none. */
void storage_check_access_modes(const cJSON *spec, const struct model_path *path,
                                const char *required, struct model_issues *issues);
/* spec.volumeMode and storageClassName. */
void storage_check_mode(const cJSON *spec, const struct model_path *path,
                        struct model_issues *issues);
void storage_check_class(const cJSON *spec, const struct model_path *path,
                         struct model_issues *issues);
/* Exactly one member of spec that is a source of a PersistentVolume, and what it needs. */
void volume_source_validate(const cJSON *spec, const struct model_path *path,
                            struct model_issues *issues);
/* Is name a source of a PersistentVolume? */
bool volume_source_is_one(const char *name);
/* The defaults of the sources. False: out of memory. */
bool volume_source_set_defaults(cJSON *spec);

#endif
