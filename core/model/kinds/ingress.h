/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_INGRESS_H
#define CORE_MODEL_KINDS_INGRESS_H
/* What the files of the Ingress kind share. Pure; any thread. */
#include "core/model/kinds/kinds.h"

/* networking.k8s.io/v1beta1 and extensions/v1beta1 are alike. False: out of memory. */
bool ingress_from_v1beta1(cJSON *object);
bool ingress_to_v1beta1(cJSON *object);
void ingress_validate(const cJSON *object, const cJSON *old, struct model_issues *issues);

#endif
