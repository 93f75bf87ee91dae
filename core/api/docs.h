/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_DOCS_H
#define CORE_API_DOCS_H
/*
 * The documents that say what is served: discovery old and aggregated, OpenAPI v2 and v3, version.
 * One immutable, counted snapshot of them for each state of the catalog of kinds, made when the
 * first request after a change asks. OpenAPI documents of a group version are large: they are made
 * when first asked for and kept gzipped alone.
 * Threads: any.
 * Source: metav1.APIGroupList, APIResourceList; apidiscovery v2; OpenAPI 3.0; api.md facts 2, 3, 6.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"
#include "core/model/catalog.h"

#define API_HASH_TEXT 65 /* SHA-256 in hex, with NUL */

struct api_doc {
    struct ke_buf body;
    char hash[API_HASH_TEXT];
};

/* A gzipped document: empty until asked for. Shared by the snapshots whose content it is. */
struct api_gzip {
    atomic_uint refs;
    pthread_mutex_t lock; /* guards the making of body */
    atomic_bool is_made;
    struct ke_buf body;
};

struct api_gv_docs {
    const char *group, *version;
    bool is_built_in;         /* not of custom kinds alone */
    struct api_doc resources; /* APIResourceList */
    char openapi_hash[API_HASH_TEXT];
    struct api_gzip *openapi; /* OpenAPI v3 */
};

struct api_group_docs {
    const char *group;
    struct api_doc group_doc; /* APIGroup */
};

struct api_docs {
    atomic_uint refs;
    uint64_t generation; /* of the catalog */
    struct model_catalog *catalog;
    struct ke_str git_version;
    struct api_gv_docs *gvs; /* in the order of discovery */
    size_t n_gvs, cap_gvs;
    struct api_group_docs *groups; /* without core */
    size_t n_groups, cap_groups;
    struct api_doc core_versions;             /* /api */
    struct api_doc group_list;                /* /apis */
    struct api_doc core_v2, core_v2beta1;     /* /api, aggregated */
    struct api_doc groups_v2, groups_v2beta1; /* /apis, aggregated */
    char openapi_v2_hash[API_HASH_TEXT];
    struct api_gzip *openapi_v2; /* in protobuf */
    char openapi_v2_json_hash[API_HASH_TEXT];
    struct api_gzip *openapi_v2_json;
    struct api_doc openapi_v3_index;
    struct api_doc version;
};

struct api_docs_options {
    struct model_catalog *catalog;                     /* borrowed */
    struct ke_str git_version, git_commit, build_date; /* borrowed, outlive the snapshots */
    struct ke_str address; /* of the first listener, "10.0.0.1:6443"; may be empty */
};

/* previous: what it has and is the same is shared; may be NULL. Starts with one reference. Errors:
 * KE_NOMEM. */
enum ke_code api_docs_new(const struct api_docs_options *options, const struct api_docs *previous,
                          struct api_docs **out, struct ke_err *err) KE_MUST_CHECK;
struct api_docs *api_docs_ref(struct api_docs *docs);
void api_docs_unref(struct api_docs *docs); /* NULL is fine */

/* NULL: not served. */
const struct api_gv_docs *api_docs_find_gv(const struct api_docs *docs, struct ke_str group,
                                           struct ke_str version);
const struct api_group_docs *api_docs_find_group(const struct api_docs *docs, struct ke_str group);
/* The gzipped OpenAPI v3 document, made when it is not yet there. Borrowed from docs. Errors:
 * KE_NOMEM. */
enum ke_code api_docs_openapi(const struct api_docs *docs, const struct api_gv_docs *gv,
                              struct ke_str *out, struct ke_err *err) KE_MUST_CHECK;
/* The same of OpenAPI v2 in protobuf. */
enum ke_code api_docs_openapi_v2(const struct api_docs *docs, struct ke_str *out,
                                 struct ke_err *err) KE_MUST_CHECK;
enum ke_code api_docs_openapi_v2_json(const struct api_docs *docs, struct ke_str *out,
                                      struct ke_err *err) KE_MUST_CHECK;

#endif
