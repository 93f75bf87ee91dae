/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_QUOTA_BUILD_H
#define CORE_CONTROLLER_QUOTA_BUILD_H
/*
 * What a ResourceQuota has used, counted object by object. Pure. Source: Kubernetes
 * pkg/controller/resourcequota, apiserver pkg/quota/v1 (CalculateUsage).
 */
#include <cjson/cJSON.h>
#include <stdint.h>

#include "core/base/limits.h"
#include "core/resource/quota_usage.h"

struct quota_tally {
    const cJSON *quota;                               /* borrowed: the whole object */
    const cJSON *hard;                                /* its spec.hard */
    int64_t now_s;                                    /* wall clock */
    struct model_quantity used[LIMIT_RESOURCE_NAMES]; /* one for each of hard, in order */
};

void quota_tally_init(struct quota_tally *tally, const cJSON *quota, int64_t now_s);
/* Does it count objects of this kind; must they be read for it (QUOTA_WITHIN) or only be there? */
enum quota_relation quota_tally_relation(const struct quota_tally *tally,
                                         const struct model_kind *kind);
/* object NULL: it was not read, because quota_tally_relation said QUOTA_ONE. */
void quota_tally_add(struct quota_tally *tally, const struct model_kind *kind, const cJSON *object);
/* Returned: {"hard": as in spec, "used": ...}; NULL: out of memory. */
cJSON *quota_tally_status(const struct quota_tally *tally);

#endif
