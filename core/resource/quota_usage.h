/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_QUOTA_USAGE_H
#define CORE_RESOURCE_QUOTA_USAGE_H
/*
 * What an object counts for under a ResourceQuota: as one of its kind, and pods, claims and
 * Services for what they ask for. Admission charges by it and the quota controller counts by it.
 * Pure; any thread. Source: Kubernetes pkg/quota/v1/evaluator/core, apiserver pkg/quota/v1.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/model/kind.h"
#include "core/model/quantity.h"

/* Events are never counted; nor is what is not in a namespace. */
bool quota_counts_kind(const struct model_kind *kind);

/* How a resource that a quota names and a kind go together. */
enum quota_relation {
    QUOTA_NONE,  /* nothing to do with each other */
    QUOTA_ONE,   /* each object counts for one, whatever it says */
    QUOTA_WITHIN /* what the object counts for is to be read in it */
};
enum quota_relation quota_relation_of(const struct model_kind *kind, struct ke_str resource);

/*
 * How much of the resource the object uses: zero for what has ended, or does not ask for it.
 * now_s: wall clock.
 */
struct model_quantity quota_amount(const struct model_kind *kind, const cJSON *object,
                                   struct ke_str resource, int64_t now_s);

/* Do the scopes of quota (whole object) take in this object? */
bool quota_matches(const cJSON *quota, const struct model_kind *kind, const cJSON *object);
/* Has it scopes at all, so that objects must be read? */
bool quota_has_scopes(const cJSON *quota);

/*
 * What containers of a pod must say because hard (a map) limits it: "limits.cpu for: a,b;
 * requests.cpu for: a" into out, nothing when all say it.
 */
void quota_list_missing(const cJSON *hard, const cJSON *pod, struct ke_buf *out);

#endif
