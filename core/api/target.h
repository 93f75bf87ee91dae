/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_TARGET_H
#define CORE_API_TARGET_H
/*
 * What an URL names: a resource (group, version, namespace, plural, name, subresource) or a path
 * of the server itself, and the query parameters. Pure; all texts live in the caller's arena.
 * Source: apiserver's RequestInfo; Go's url.ParseQuery and strconv.ParseBool.
 */
#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/str.h"

struct api_target {
    bool is_resource;
    bool is_old_watch;  /* /api/v1/watch/...: a watch without the parameter */
    struct ke_str path; /* decoded */
    struct ke_str group, version;
    struct ke_str ns, resource, name, subresource; /* empty where not there */
    struct ke_str rest;                            /* behind the subresource: pods/x/proxy/REST */
};

#define API_MAX_QUERY 1024 /* each argument of an exec is one */
struct api_param {
    struct ke_str key, value; /* decoded */
};
struct api_query {
    struct api_param *params;
    size_t n_params;
};

/* path as sent, without query. Errors: KE_MALFORMED (bad escape, NUL), KE_NOMEM. */
enum ke_code api_target_parse(struct ke_str raw_path, struct ke_arena *arena,
                              struct api_target *out, struct ke_err *err) KE_MUST_CHECK;
/* Errors: KE_MALFORMED (bad escape, more than API_MAX_QUERY), KE_NOMEM. */
enum ke_code api_query_parse(struct ke_str raw_query, struct ke_arena *arena, struct api_query *out,
                             struct ke_err *err) KE_MUST_CHECK;

/* The first value; {NULL,0}: absent. */
struct ke_str api_query_get(const struct api_query *query, const char *key);
/* Absent, false and 0 are false; as upstream, everything else is true. */
bool api_query_bool(const struct api_query *query, const char *key);
/* Absent or empty: 0. Errors: KE_MALFORMED in Go's words. */
enum ke_code api_query_i64(const struct api_query *query, const char *key, int64_t *out,
                           struct ke_err *err) KE_MUST_CHECK;

#endif
