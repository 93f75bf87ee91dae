/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_PROXY_PROXY_H
#define CORE_API_PROXY_PROXY_H
/*
 * pods/NAME/proxy and services/NAME/proxy: another server behind the API's address. On the
 * request's API loop.
 */
#include "core/api/request.h"

/* The target is a proxy subresource of a pod or service. */
bool api_is_proxy(const struct api_target *target);
/* The same of an URL as it came: asked when the head has come, for the body is not collected. */
bool api_is_proxy_uri(struct ke_str uri, struct ke_arena *arena);
/* The request is authorised, its kind known; its body has yet to come. */
void api_handle_proxy(struct api_request *request);

#endif
