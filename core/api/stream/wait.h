/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_STREAM_WAIT_H
#define CORE_API_STREAM_WAIT_H
/* A request that waits for what a runtime says before it is answered. On its API loop. */
#include "core/api/request.h"
#include "core/api/runtime.h"

/* rc KE_OK: done, or opened with the streams, which are given; else why not. Must answer. */
typedef void api_wait_fn(struct api_request *request, void *ctx, enum ke_code rc,
                         const struct runtime_streams *streams, const struct ke_err *err);

/* FIND and LOGS. fn runs once; at once when there is no memory. */
void api_wait_start(struct api_request *request, const struct runtime_call *what, api_wait_fn *fn,
                    void *ctx);

#endif
