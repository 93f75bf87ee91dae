/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_WORKLOAD_H
#define CORE_MODEL_KINDS_WORKLOAD_H
/*
 * What the kinds that make Pods from a template share: ReplicationControllers, ReplicaSets,
 * Deployments, DaemonSets, StatefulSets, Jobs. Pure; any thread.
 */
#include <cjson/cJSON.h>

#include "core/model/kind.h"
#include "core/model/path.h"

/* Where Scale finds the numbers: with a LabelSelector, or a plain map of labels. */
extern const struct model_scale workload_scale, workload_scale_of_labels;

/* The defaults of the Pods of owner.template. False: out of memory. */
bool workload_default_template(cJSON *owner) KE_MUST_CHECK;
/* replicas 1 and the template's defaults; the spec of object, made when absent. NULL: no memory. */
cJSON *workload_set_defaults(cJSON *object);
/* A new object's status: nothing but zeros in the NULL-terminated members that clients always see.
 * False: out of memory. */
bool workload_zero_status(cJSON *object, const char *const *counts) KE_MUST_CHECK;
/* A member of spec that is a count. */
void workload_check_count(const cJSON *spec, const char *name, struct model_issues *issues);
/* Of ReplicationControllers and ReplicaSets, as their rows want it. */
bool workload_prepare_replicas(cJSON *object) KE_MUST_CHECK;
void workload_validate_replicas_status(const cJSON *object, const cJSON *old,
                                       struct model_issues *issues);
extern const struct model_selectable workload_replica_fields[];
/* spec.selector of apps/v1: required, not empty (for owner, as upstream calls it), well-formed. */
void workload_check_selector(const cJSON *spec, const char *owner, struct model_issues *issues);
/* spec.selector of apps/v1 stays what it was. */
void workload_check_selector_update(const cJSON *spec, const cJSON *old,
                                    struct model_issues *issues);
/* Where an immutable member of spec differs: "field is immutable". */
void workload_check_immutable(const cJSON *spec, const cJSON *old, const char *name,
                              struct model_issues *issues);
/* All numbers of status are counts. */
void workload_check_status_counts(const cJSON *object, struct model_issues *issues);
/* status.collisionCount only grows. */
void workload_check_collisions(const cJSON *object, const cJSON *old, struct model_issues *issues);
/* status: counts are not negative, and the NULL-terminated ones not above status.replicas. */
void workload_validate_status(const cJSON *object, const char *const *at_most_replicas,
                              struct model_issues *issues);

#endif
