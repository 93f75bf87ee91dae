/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_PATCH_H
#define CORE_MODEL_PATCH_H
/*
 * The patch engines: RFC 6902, RFC 7396 and Kubernetes' strategic merge patch. Pure: target is
 * changed in place only on success (work on a copy and swap).
 */
#include <cjson/cJSON.h>

#include "core/base/err.h"

struct model_message;

/* Errors: KE_MALFORMED (not a patch), KE_INVALID (a test failed, a path is missing), KE_TOO_LARGE,
 * KE_NOMEM. */
enum ke_code model_patch_json(cJSON **target, const cJSON *patch, struct ke_err *err) KE_MUST_CHECK;
enum ke_code model_patch_merge(cJSON **target, const cJSON *patch,
                               struct ke_err *err) KE_MUST_CHECK;
/* schema gives patch strategies and merge keys; all directives ($patch, $retainKeys,
 * $setElementOrder/x, $deleteFromPrimitiveList/x). */
enum ke_code model_patch_strategic(cJSON **target, const cJSON *patch,
                                   const struct model_message *schema,
                                   struct ke_err *err) KE_MUST_CHECK;

#endif
