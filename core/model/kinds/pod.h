/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_POD_H
#define CORE_MODEL_KINDS_POD_H
/* What the files of the Pod kind share. Pure; any thread. */
#include <cjson/cJSON.h>

#include "core/model/issues.h"

/* "Guaranteed", "Burstable" or "BestEffort", by what the containers ask for. */
const char *pod_qos_class(const cJSON *spec);
/* Only images, a shorter deadline, more tolerations and fewer gates may change. */
void pod_validate_update(const cJSON *spec, const cJSON *old, struct model_issues *issues);

/* Of the ephemeral containers alone: old ones stay as they are. On whole Pods. */
void pod_validate_ephemeral(const cJSON *pod, const cJSON *old, struct model_issues *issues);

#endif
