/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_REVISION_H
#define CORE_API_REVISION_H
/*
 * Reads that name a resourceVersion: one that is no number is refused, one from the future is
 * waited for. On the request's API loop. Source: apiserver pkg/storage (versioner, cacher's
 * waitUntilFreshAndBlock).
 */
#include "core/api/request.h"

/*
 * True: the request is answered, or waits for up to API_FUTURE_MS and then calls `again`, which
 * comes here once more. False: go on.
 * @text: of the parameter, for the refusal.  @is_bad: it is no number.
 */
bool api_hold_for_revision(struct api_request *request, struct ke_str text, bool is_bad,
                           int64_t revision, api_request_fn *again);

#define API_FUTURE_MS 3000

#endif
