/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_READ_H
#define CORE_API_READ_H
/* Answers with objects, in the form that the request negotiated. On the request's API loop. */
#include "core/api/encode.h"
#include "core/api/request.h"
#include "core/resource/resource.h"

struct api_encoder api_request_encoder(const struct api_request *request);
void api_respond_object(struct api_request *request, unsigned http,
                        const struct registry_object *object);
/* list is given. */
void api_respond_list(struct api_request *request, struct resource_list *list);
/* A KE_INVALID with its causes, or any other error. issues may be NULL. */
void api_respond_invalid(struct api_request *request, enum ke_code code, const struct ke_err *err,
                         const struct model_issues *issues);

#endif
