/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_KINDS_RBAC_H
#define CORE_MODEL_KINDS_RBAC_H
/*
 * What Roles and bindings of both scopes share. Pure; any thread.
 * Source: pkg/apis/rbac/v1/defaults.go, pkg/apis/rbac/validation.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>

#include "core/model/issues.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"

/* rules, of a Role (is_namespaced) or a ClusterRole. */
void rbac_validate_rules(const cJSON *object, bool is_namespaced, struct model_issues *issues);
/* apiGroup of roleRef and of each subject. False: out of memory. */
bool rbac_binding_set_defaults(cJSON *object);
void rbac_validate_binding(const cJSON *object, const cJSON *old, bool is_namespaced,
                           struct model_issues *issues);

#endif
