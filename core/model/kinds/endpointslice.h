/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_ENDPOINTSLICE_H
#define CORE_MODEL_KINDS_ENDPOINTSLICE_H
/* EndpointSlices of discovery.k8s.io/v1beta1. Pure; any thread. */
#include <cjson/cJSON.h>
#include <stdbool.h>

/* In place; false: out of memory. */
bool endpointslice_from_v1beta1(cJSON *object);
bool endpointslice_to_v1beta1(cJSON *object);

#endif
