/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_SERVICE_ALLOC_H
#define CORE_RESOURCE_SERVICE_ALLOC_H
/*
 * Cluster addresses and node ports. What is taken is what the committed Services hold (followed
 * through a watch stream, so changes by others count too) plus the claims of writes under way. A
 * claim is settled when its commit is known: a stored one is then seen through the stream, a failed
 * one is free again. Any thread; a mutex guards it and is never held across a commit.
 */
#include <cjson/cJSON.h>

#include "core/base/err.h"

struct operation;
struct resource_options;
struct service_alloc;
struct service_claim;
struct watch_hub;

/* Errors: KE_NOMEM, KE_MALFORMED, as registry_list. */
enum ke_code service_alloc_new(struct watch_hub *hub, const struct resource_options *options,
                               struct service_alloc **out, struct ke_err *err) KE_MUST_CHECK;
void service_alloc_free(struct service_alloc *alloc); /* no claims are left */

/*
 * Completes a Service that passed validation: ipFamilies, clusterIPs, node ports, as its type
 * needs. old NULL: create. What it did not hold before is kept in op->claim. Failures are op's:
 * KE_INVALID for taken, out of range or full.
 */
enum ke_code service_alloc_take(struct operation *op, cJSON *service,
                                const cJSON *old) KE_MUST_CHECK;
void service_claim_settle(struct service_claim *claim); /* frees it; NULL is fine */

#endif
