/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_WATCH_H
#define CORE_API_WATCH_H
/* Watches besides those of a kind (api_handle_watch). */
#include "core/api/request.h"

/* Every change under a prefix of registry keys, as /kedge/v1/registry/watch words it. */
void api_watch_registry(struct api_request *request, struct ke_str prefix, int64_t after);

#endif
