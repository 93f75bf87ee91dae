/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_WORKLOAD_H
#define CORE_MODEL_KINDS_WORKLOAD_H
/* What ReplicationControllers, ReplicaSets and Deployments share. Pure; any thread. */
#include <cjson/cJSON.h>

#include "core/model/kind.h"
#include "core/model/path.h"

/* Where Scale finds the numbers: with a LabelSelector, or a plain map of labels. */
extern const struct model_scale workload_scale, workload_scale_of_labels;

/* replicas 1 and the template's defaults; the spec of object, made when absent. NULL: no memory. */
cJSON *workload_set_defaults(cJSON *object);
/* status: {} or {replicas: 0}. False: out of memory. */
bool workload_reset_status(cJSON *object, bool has_replicas);
/* A member of spec that is a count. */
void workload_check_count(const cJSON *spec, const char *name, struct model_issues *issues);
/* spec.selector of apps/v1: required, not empty, well-formed. */
void workload_check_selector(const cJSON *spec, struct model_issues *issues);
/* spec.selector of apps/v1 stays what it was. */
void workload_check_selector_update(const cJSON *spec, const cJSON *old,
                                    struct model_issues *issues);
/* status: counts are not negative, and the NULL-terminated ones not above status.replicas. */
void workload_validate_status(const cJSON *object, const char *const *at_most_replicas,
                              struct model_issues *issues);

#endif
