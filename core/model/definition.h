/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_DEFINITION_H
#define CORE_MODEL_DEFINITION_H
/*
 * A CustomResourceDefinition made ready for use: its names as accepted, and for each version the
 * compiled schema, the columns and the paths of its subresources. Immutable and counted; any
 * thread. Source: apiextensions.k8s.io/v1.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/model/kind.h"

struct model_structural; /* core/model/structural.h */

/* Keeps a definition until its instances are gone. */
#define MODEL_CUSTOM_CLEANUP "customresourcecleanup.apiextensions.k8s.io"

struct model_column {
    const char *name, *type, *format, *description;
    const char *path; /* JSONPath, ".spec.replicas" */
    int32_t priority;
};

struct model_definition_version {
    const char *name;
    bool is_served, is_storage, is_deprecated;
    const char *warning; /* of a deprecated version; NULL: the usual words */
    bool has_status, has_scale;
    /* ".spec.replicas"; NULL: there is none (label selector) */
    const char *scale_spec, *scale_status, *scale_selector;
    const struct model_column *columns;
    size_t n_columns;
    const struct model_structural *schema; /* NULL: anything goes */
    const char *schema_json;               /* as stored, for OpenAPI */
};

struct model_definition {
    uint32_t number; /* of this state among all of the catalog; never 0 */
    const char *name, *group, *plural, *singular, *kind, *list_kind;
    const char *short_names[MODEL_MAX_NAMES]; /* NULL: the end, when not full */
    const char *categories[MODEL_MAX_NAMES];
    bool is_namespaced;
    bool keeps_unknown;  /* spec.preserveUnknownFields: nothing is pruned */
    bool is_terminating; /* being deleted: nothing new is created */
    bool has_one_schema; /* all versions have the same */
    struct model_definition_version versions[MODEL_MAX_VERSIONS]; /* as the definition lists them */
    size_t n_versions;
    /* selectableFields of all versions: names as clients say them, paths in the object */
    const struct model_selectable *fields;
    size_t n_fields;
};

/* From a stored, valid object; number is the caller's. *out starts with one reference. Errors:
 * KE_NOMEM, KE_MALFORMED. */
enum ke_code model_definition_new(const cJSON *object, uint32_t number,
                                  struct model_definition **out, struct ke_err *err) KE_MUST_CHECK;
struct model_definition *model_definition_ref(struct model_definition *definition);
void model_definition_unref(struct model_definition *definition); /* NULL is fine */
static inline void model_definition_autounref(struct model_definition **p)
{
    model_definition_unref(*p);
}
#define ke_auto_definition KE_CLEANUP(model_definition_autounref) struct model_definition

/* NULL: not one of its versions. */
const struct model_definition_version *model_definition_find(
    const struct model_definition *definition, struct ke_str version);
const struct model_definition_version *model_definition_storage(
    const struct model_definition *definition);

/* A stored definition that is deleted: its finalizer and the condition Terminating. now: RFC 3339.
 * False: out of memory. */
bool model_definition_mark_terminating(cJSON *object, struct ke_str now) KE_MUST_CHECK;

/* Order of preference: v2 before v1 before v1beta2 before v1alpha1 before anything else by text.
 * Below 0: a comes first. Source: apimachinery pkg/version. */
int model_version_compare(const char *a, const char *b);

#endif
