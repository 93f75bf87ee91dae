/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_RANGES_H
#define CORE_API_RANGES_H
/*
 * /registry/ranges/serviceips and /registry/ranges/servicenodeports as the Kubernetes of old stored
 * them: RangeAllocation objects with a bitmap. Computed from the Services, never stored.
 * Source: pkg/registry/core/rangeallocation; service/allocator bitmap (big.Int bytes).
 */
#include "core/api/server.h"

enum api_range { API_RANGE_SERVICE_IPS, API_RANGE_NODE_PORTS, API_RANGE_COUNT };

struct ke_str api_range_key(enum api_range range);
/* JSON. Errors: as resource_list; KE_NOMEM. */
enum ke_code api_range_print(const struct api_options *options, enum api_range range,
                             struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;

#endif
