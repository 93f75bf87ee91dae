/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_VERIFY_H
#define CORE_API_VERIFY_H
/*
 * Who sends a request, without holding up its loop: a token whose signature is not remembered is
 * checked on a thread of its own, with the connection suspended. One thread, so that strangers with
 * bad tokens cannot take more than one core.
 */
#include "core/api/request.h"

struct api_verifier;

/* Errors: KE_NOMEM, KE_IO. */
enum ke_code api_verifier_start(struct api_verifier **out, struct ke_err *err) KE_MUST_CHECK;
/* When no request waits any more; also frees. NULL is fine. */
void api_verifier_stop(struct api_verifier *verifier);

/* Sets request->user and goes on with next on the request's loop, at once or later; else answers.
 */
void api_verify(struct api_request *request, api_request_fn *next);

#endif
