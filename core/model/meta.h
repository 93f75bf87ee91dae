/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_META_H
#define CORE_MODEL_META_H
/*
 * The rules of metadata that all kinds share: names, labels, annotations, owners, finalizers, and
 * what an update may not change. Pure; any thread.
 */
#include <cjson/cJSON.h>
#include <stdint.h>

#include "core/base/attr.h"
#include "core/model/kind.h"
#include "core/model/path.h"

#define MODEL_GENERATED_RANDOM 5  /* letters behind generateName */
#define MODEL_GENERATED_MAX    64 /* with NUL */

/*
 * "web-" becomes "web-x7k2q": at most 58 bytes of prefix and five letters that spell no words, one
 * for each random byte. Returns out.
 */
const char *model_meta_generate_name(struct ke_str prefix,
                                     const uint8_t random[MODEL_GENERATED_RANDOM],
                                     char out[MODEL_GENERATED_MAX]);

/* metadata of a whole object; old NULL: create. Order and words of upstream. */
void model_meta_validate(const struct model_kind *kind, const cJSON *object, const cJSON *old,
                         struct model_issues *issues);

/* Is name (or a generateName, when is_prefix) one that the kind allows? */
bool model_meta_check_name(const struct model_kind *kind, struct model_issues *issues,
                           struct model_path path, struct ke_str name, bool is_prefix);

#endif
