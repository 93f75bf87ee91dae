/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_JSONPATH_H
#define CORE_MODEL_JSONPATH_H
/*
 * The simple JSONPath of CustomResourceDefinitions: ".spec.replicas", ".a.b\.c", "['key']", "[0]",
 * "[-1]", "[*]", "[?(@.type==\"Ready\")]". The first thing that it finds. Pure; any thread.
 * Source: client-go util/jsonpath.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/base/err.h"
#include "core/base/str.h"

/* Is it one that model_jsonpath_find understands? Errors: KE_MALFORMED in words for people. */
enum ke_code model_jsonpath_check(struct ke_str path, struct ke_err *err) KE_MUST_CHECK;
/* Only names with dots between, as scale and selectable fields take them. */
bool model_jsonpath_is_simple(struct ke_str path);
/* Borrowed from object; NULL: nothing there, or no such path. */
const cJSON *model_jsonpath_find(const cJSON *object, struct ke_str path);

#endif
