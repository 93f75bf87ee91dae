/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_POD_RESOURCES_H
#define CORE_RESOURCE_POD_RESOURCES_H
/*
 * What a pod as a whole asks for: its containers together, or whatever of its init containers needs
 * more, and its overhead. Pure; any thread. Source: Kubernetes component-helpers/resource; KEP-753
 * (sidecars), KEP-2837 (resources of the pod).
 */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/model/quantity.h"

enum pod_resources_side { POD_REQUESTS, POD_LIMITS };

/* Of the resource `name`, terminated; false: no container says anything of it. pod: whole. */
bool pod_resources_sum(const cJSON *pod, enum pod_resources_side side, const char *name,
                       struct model_quantity *out);
/* The same member of one container: its resources.requests or .limits; NULL: none. */
const cJSON *pod_resources_of(const cJSON *container, enum pod_resources_side side);

#endif
