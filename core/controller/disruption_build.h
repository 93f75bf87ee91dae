/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_DISRUPTION_BUILD_H
#define CORE_CONTROLLER_DISRUPTION_BUILD_H
/*
 * What the status of a PodDisruptionBudget should say: how many of its pods are healthy, how many
 * must be, and so how many may be evicted now. Pure. Source: Kubernetes pkg/controller/disruption.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/str.h"

/* An eviction that has not become a deletion for so long did not happen. */
#define DISRUPTION_TIMEOUT_S 120

struct disruption_tally {
    const cJSON *budget; /* borrowed: the whole object */
    int64_t now_s;       /* wall clock */
    int64_t n_pods;
    int64_t n_healthy;
    int64_t scale;            /* sum of what the controllers of the pods want */
    cJSON *disrupted;         /* evicted, not yet deleting; owned */
    int64_t recheck_s;        /* until one of those is given up; 0: none */
    const char *failure;      /* why scale is not known; NULL: it is */
    struct ke_str failed_pod; /* borrowed */
};

/* False: out of memory. Ends with disruption_tally_deinit. */
bool disruption_tally_init(struct disruption_tally *tally, const cJSON *budget, int64_t now_s);
void disruption_tally_deinit(struct disruption_tally *tally);
/* Is the number of pods that there should be told by their controllers, not by counting? */
bool disruption_tally_needs_scale(const struct disruption_tally *tally);
/* A pod that the budget selects. False: out of memory. */
bool disruption_tally_add(struct disruption_tally *tally, const cJSON *pod);
/* The status, conditions of others kept; returned. now: as objects carry it. NULL: out of memory.
 */
cJSON *disruption_tally_status(const struct disruption_tally *tally, struct ke_str now);

#endif
