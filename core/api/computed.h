/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_COMPUTED_H
#define CORE_API_COMPUTED_H
/*
 * Kinds that are never stored and only answer a POST (reviews, TokenRequest): their body comes with
 * the words and rules of any other, and their answer is the body with its status. On the request's
 * API loop.
 */
#include <cjson/cJSON.h>

#include "core/api/request.h"

/*
 * The body as an object of kind (its version that the body names, else the first), types checked,
 * unknown fields dropped, refused or warned of as fieldValidation says. Returned: cJSON_Delete;
 * NULL: the request was answered.
 */
cJSON *api_computed_body(struct api_request *request, const struct model_kind *kind);
/* 201 with the object; given. */
void api_computed_respond(struct api_request *request, cJSON *object);
/* 422 in upstream's words; kind names it. */
void api_computed_invalid(struct api_request *request, const struct model_kind *kind,
                          struct ke_str name, const struct model_issues *issues);

/* Handlers. */
void api_handle_token_request(struct api_request *request); /* serviceaccounts/NAME/token */
void api_handle_token_review(struct api_request *request);
void api_handle_self_subject_review(struct api_request *request);
void api_handle_access_review(struct api_request *request); /* authorization.k8s.io */
/* /openid/v1/jwks and /.well-known/openid-configuration; false: another path. */
bool api_handle_openid(struct api_request *request);

#endif
