/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_MIRROR_BUILD_H
#define CORE_CONTROLLER_MIRROR_BUILD_H
/*
 * What EndpointSlices mirror hand-made Endpoints. Pure.
 * Source: Kubernetes pkg/controller/endpointslicemirroring.
 */
#include "core/controller/slices.h"

#define MIRROR_ADDRESSES_MAX 1000 /* of one subset */

/* Neither labelled to be skipped, nor a lock of a leader election, nor made by a controller. */
bool mirror_is_wanted(const cJSON *endpoints);
/* Labels and groups of *wish (zeroed before), whose texts point into endpoints. False: out of
 * memory. */
bool mirror_build_slices(const cJSON *endpoints, struct slices_wish *wish) KE_MUST_CHECK;

#endif
