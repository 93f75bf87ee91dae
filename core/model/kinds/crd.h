/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_CRD_H
#define CORE_MODEL_KINDS_CRD_H
/*
 * What makes a CustomResourceDefinition invalid; its schemas are held to the rules of structural
 * schemas. Pure; words of apiextensions-apiserver pkg/apis/apiextensions/validation and
 * pkg/apiserver/schema.
 */
#include <cjson/cJSON.h>

#include "core/model/issues.h"
#include "core/model/path.h"

void crd_validate(const cJSON *object, const cJSON *old, struct model_issues *issues);
void crd_validate_status(const cJSON *object, const cJSON *old, struct model_issues *issues);

/* One openAPIV3Schema. */
void crd_validate_schema(const cJSON *schema, const struct model_path *at,
                         struct model_issues *issues);

#endif
