/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_DATA_H
#define CORE_MODEL_KINDS_DATA_H
/* What ConfigMaps and Secrets share. Pure; any thread. */
#include <cjson/cJSON.h>

#include "core/base/limits.h"
#include "core/model/issues.h"

/* Bytes that base64 text stands for. */
size_t data_decoded_len(struct ke_str base64);
/* When old has immutable: true, that and the named members (NULL-terminated) stay. */
void data_validate_immutable(const cJSON *object, const cJSON *old, const char *const *members,
                             struct model_issues *issues);

#endif
