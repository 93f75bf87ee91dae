/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_MODEL_STRUCTURAL_H
#define CORE_MODEL_STRUCTURAL_H
/*
 * The structural schema of a custom kind, compiled: what an object is cut to (pruning), filled with
 * (defaults) and held against (validation). Immutable once made, any thread; recursion follows the
 * schema, which is at most LIMIT_SCHEMA_DEPTH deep.
 * Source: KEP-1979 (structural schemas); apiextensions-apiserver pkg/apiserver/schema; JSON Schema
 * as OpenAPI v3.0 has it; the words of go-openapi's validators.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/model/issues.h"
#include "core/model/path.h"
#include "core/model/pattern.h"

enum model_structural_type {
    MODEL_STRUCTURAL_ANY,
    MODEL_STRUCTURAL_OBJECT,
    MODEL_STRUCTURAL_ARRAY,
    MODEL_STRUCTURAL_STRING,
    MODEL_STRUCTURAL_INTEGER,
    MODEL_STRUCTURAL_NUMBER,
    MODEL_STRUCTURAL_BOOLEAN
};

enum model_structural_list {
    MODEL_STRUCTURAL_LIST_ATOMIC,
    MODEL_STRUCTURAL_LIST_SET,
    MODEL_STRUCTURAL_LIST_MAP
};

struct model_structural;

struct model_structural_member {
    const char *name;
    const struct model_structural *schema;
};

/* What few schemas have. */
struct model_structural_checks {
    const char *format; /* NULL: none, or one that nobody checks */
    const char *pattern_text;
    const struct model_pattern *pattern;
    const cJSON *enumeration;
    int64_t min_length, max_length;         /* characters; -1: none */
    int64_t min_items, max_items;           /* the same */
    int64_t min_properties, max_properties; /* the same */
    double minimum, maximum, multiple_of;
    bool has_minimum, has_maximum, has_multiple_of;
    bool is_minimum_exclusive, is_maximum_exclusive;
    bool has_unique_items;
    const char *const *list_keys;
    size_t n_list_keys;
    const struct model_structural *const *all_of, *const *any_of, *const *one_of;
    size_t n_all_of, n_any_of, n_one_of;
    const struct model_structural *negated; /* not */
};

struct model_structural {
    uint8_t type; /* enum model_structural_type */
    uint8_t list; /* enum model_structural_list */
    bool is_nullable, is_int_or_string, keeps_unknown, is_embedded;
    bool has_embedded_below; /* here or further down */
    bool is_atomic_map;      /* x-kubernetes-map-type: one value for server-side apply */
    bool has_additional;     /* additionalProperties: any names */
    bool forbids_additional; /* additionalProperties: false (below allOf and the like) */
    uint32_t n_members, n_required;
    const struct model_structural_member *members; /* sorted by name */
    const char *const *required;
    const struct model_structural *items;
    const struct model_structural *additional; /* NULL with has_additional: anything */
    const cJSON *default_value;
    const struct model_structural_checks *checks; /* NULL: none */
};

/* What a compiled schema owns besides arena memory. Zeroed before. */
struct model_structural_owned {
    cJSON *json; /* array of defaults and enumerations */
    struct model_pattern **patterns;
    size_t n_patterns, cap_patterns;
};
void model_structural_owned_deinit(struct model_structural_owned *owned);

/*
 * From openAPIV3Schema. All memory comes from arena and owned, also what a failed call leaves.
 * Errors: KE_NOMEM, KE_MALFORMED (too deep, a bad pattern).
 */
enum ke_code model_structural_new(const cJSON *schema, struct ke_arena *arena,
                                  struct model_structural_owned *owned,
                                  const struct model_structural **out,
                                  struct ke_err *err) KE_MUST_CHECK;

/*
 * Cuts value to what schema declares; root: a whole object, whose kind, apiVersion and metadata
 * stay. unknown (may be NULL) is given `unknown field "spec.foo"` for each member that goes.
 * False: out of memory.
 */
bool model_structural_prune(const struct model_structural *schema, cJSON *value, bool is_root,
                            struct model_issues *unknown) KE_MUST_CHECK;
/* Fills in defaults, and drops nulls where null is no value. False: out of memory. */
bool model_structural_default(const struct model_structural *schema, cJSON *value) KE_MUST_CHECK;
/*
 * Reports every problem. at: where value lies, NULL: a whole object. old: what the
 * value was before, NULL: nothing; a part that did not change is not held against the schema again.
 */
void model_structural_validate(const struct model_structural *schema, const struct model_path *at,
                               const cJSON *value, const cJSON *old, struct model_issues *issues);

/* Is it one of the formats that are checked? Dashes do not count: date-time is datetime. */
bool model_format_is_known(const char *format);
bool model_format_matches(const char *format, struct ke_str text);

const struct model_structural *model_structural_member(const struct model_structural *schema,
                                                       struct ke_str name);

#endif
