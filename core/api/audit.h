/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_AUDIT_H
#define CORE_API_AUDIT_H
/*
 * Audit events: who asked for what, whether it might, and how it ended, as audit.k8s.io/v1. One
 * record a request, from its head to its end; what outlives its request (a watch, a stream) takes
 * the record with it. All calls take a record that is NULL: auditing is off. On the API loop of the
 * request.
 * Source: apiserver pkg/audit, pkg/endpoints/filters/audit.go.
 */
#include <cjson/cJSON.h>

#include "core/api/audit_log.h"
#include "core/api/request.h"

struct api_audit;

/* Before anything is known but method and URI. NULL: not audited, or out of memory. */
struct api_audit *api_audit_begin(struct api_request *request);
/* What the authoriser said of the request. */
void api_audit_decided(struct api_audit *audit, bool is_allowed, struct ke_str reason);
/* The object that was sent: kept at level Request when its kind may be shown. */
void api_audit_object(struct api_request *request, const cJSON *object);
/* The answer is on its way. */
void api_audit_answered(struct api_audit *audit, unsigned http);
/* Why it failed: a printed Status. */
void api_audit_failure(struct api_audit *audit, struct ke_str text);
/* Value of the Audit-Id header. */
const char *api_audit_id(const struct api_audit *audit);

/*
 * The answer began and goes on for long: told as ResponseStarted. The record, from now on without
 * its request, is returned for api_audit_end.
 */
struct api_audit *api_audit_start(struct api_request *request);
/* Tells of ResponseComplete and frees; without a code when the client left before its answer: what
 * it asked for may have been done. request: NULL when api_audit_start was called. */
void api_audit_end(struct api_audit *audit, const struct api_request *request);

#endif
