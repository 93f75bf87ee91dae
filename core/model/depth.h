/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_DEPTH_H
#define CORE_MODEL_DEPTH_H
/* Inside of core/model only: how deep a JSON tree is, so that what is put together from parts stays
 * within what parses again. */
#include <cjson/cJSON.h>
#include <stddef.h>

/* 1 for a scalar and for an empty object. The tree is bounded by the caller: it is recursed. */
size_t model_json_depth(const cJSON *value);

#endif
