/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_EVICTION_H
#define CORE_RESOURCE_EVICTION_H
/* What a PodDisruptionBudget says to the eviction of one of its pods. Pure. */
#include <cjson/cJSON.h>

enum eviction_verdict {
    EVICTION_COUNTED,       /* allowed, and counts */
    EVICTION_OF_UNHEALTHY,  /* allowed: it is not ready, so it does not count */
    EVICTION_NOT_PROCESSED, /* nobody has looked at this budget since it changed */
    EVICTION_NOT_ALLOWED,
    EVICTION_NEGATIVE, /* its status makes no sense */
    EVICTION_TOO_MANY  /* evictions that nobody has confirmed */
};

enum eviction_verdict eviction_check_budget(const cJSON *budget, const cJSON *pod);

#endif
