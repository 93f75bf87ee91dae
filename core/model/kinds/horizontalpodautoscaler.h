/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_HORIZONTALPODAUTOSCALER_H
#define CORE_MODEL_KINDS_HORIZONTALPODAUTOSCALER_H
/* Between v1 and the stored v2 of HorizontalPodAutoscalers. In place; false: out of memory. */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/model/path.h"

bool hpa_from_v1(cJSON *object);
bool hpa_to_v1(cJSON *object);
/* spec.metrics and spec.behavior. */
void hpa_validate_metrics(const cJSON *metrics, const struct model_path *path,
                          struct model_issues *issues);
void hpa_validate_behavior(const cJSON *behavior, const struct model_path *path,
                           struct model_issues *issues);

#endif
