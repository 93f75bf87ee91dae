/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_IMPERSONATE_H
#define CORE_API_IMPERSONATE_H
/*
 * Impersonate-User and Impersonate-Group: asking as somebody else (kubectl --as). Allowed to who
 * may `impersonate` each of them. On the request's API loop.
 * Source: apiserver endpoints/filters/impersonation.
 */
#include "core/api/request.h"

/* Changes request->user when asked to; false: refused and answered. */
bool api_impersonate(struct api_request *request);

#endif
