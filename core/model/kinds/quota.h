/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_QUOTA_H
#define CORE_MODEL_KINDS_QUOTA_H
/*
 * The names of resources that LimitRanges and ResourceQuotas speak of. Pure; any thread. Source:
 * Kubernetes apis/core/helper, apis/core/validation.
 */
#include "core/model/path.h"

/* Qualified, and one that Kubernetes knows where it has no domain; of containers: one that a
 * container can ask for. */
void quota_check_resource_name(struct model_path path, struct ke_str name, bool is_of_containers,
                               struct model_issues *issues);
/* cpu and its like can be promised twice; huge pages and resources of others cannot. */
bool quota_is_overcommitable(struct ke_str name);

#endif
