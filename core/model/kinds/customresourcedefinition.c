/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CustomResourceDefinitions. What they mean once established is core/model/catalog.h; whether they
 * are is decided by core/controller/definition.c. Source: apiextensions-apiserver
 * pkg/apis/apiextensions (defaults, validation, strategy). Pure.
 */
#include "core/base/json.h"
#include "core/model/kinds/kinds.h"

const struct model_kind model_kind_customresourcedefinition = {
    .id = MODEL_CUSTOMRESOURCEDEFINITION,
    .kind = "CustomResourceDefinition",
    .list_kind = "CustomResourceDefinitionList",
    .plural = "customresourcedefinitions",
    .singular = "customresourcedefinition",
    .short_names = { "crd", "crds" },
    .categories = { "api-extensions" },
    .prefix = "/registry/apiextensions.k8s.io/customresourcedefinitions/",
    .name_rule = MODEL_NAME_SUBDOMAIN,
    .has_status = true,
    .has_generation = true,
    .durability = MODEL_DURABLE,
    .verbs = VERBS_ALL,
    .versions = {
        { .group = "apiextensions.k8s.io", .version = "v1", .message = "apiextensions.v1.CustomResourceDefinition" },
    },
    .subresources = { { .name = "status", .verbs = VERBS_STATUS } },
};
