/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_DOCS_H
#define CORE_API_DOCS_H
/*
 * The documents that say what is served: discovery old and aggregated, OpenAPI v2 and v3, version.
 * All made once from the table of kinds, then immutable; any thread. Bytes are shared by all
 * answers.
 * Source: metav1.APIGroupList, APIResourceList; apidiscovery v2; OpenAPI 3.0; api.md facts 2, 3, 6.
 */
#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/str.h"

#define API_HASH_TEXT 65 /* SHA-256 in hex, with NUL */

struct api_doc {
    struct ke_buf body;
    char hash[API_HASH_TEXT];
};

struct api_gv_docs {
    const char *group, *version;
    struct api_doc resources; /* APIResourceList */
    struct api_doc openapi;   /* OpenAPI v3 */
};

struct api_group_docs {
    const char *group;
    struct api_doc group_doc; /* APIGroup */
};

#define API_MAX_GV 32
struct api_docs {
    struct api_gv_docs gvs[API_MAX_GV]; /* in the order of discovery */
    size_t n_gvs;
    struct api_group_docs groups[API_MAX_GV]; /* without core */
    size_t n_groups;
    struct api_doc core_versions;                  /* /api */
    struct api_doc group_list;                     /* /apis */
    struct api_doc core_v2, core_v2beta1;          /* /api, aggregated */
    struct api_doc groups_v2, groups_v2beta1;      /* /apis, aggregated */
    struct api_doc openapi_v2_pb, openapi_v2_json; /* constant but for the version */
    struct api_doc openapi_v3_index;
    struct api_doc version;
};

struct api_version_info {
    struct ke_str git_version, git_commit, build_date;
    struct ke_str address; /* of the first listener, "10.0.0.1:6443"; may be empty */
};

/* Zeroed before. Errors: KE_NOMEM. */
enum ke_code api_docs_init(struct api_docs *docs, const struct api_version_info *info,
                           struct ke_err *err) KE_MUST_CHECK;
void api_docs_deinit(struct api_docs *docs);

/* NULL: not served. */
const struct api_gv_docs *api_docs_find_gv(const struct api_docs *docs, struct ke_str group,
                                           struct ke_str version);
const struct api_group_docs *api_docs_find_group(const struct api_docs *docs, struct ke_str group);

/* For api_docs_init. One OpenAPI v3 document, the index, and the constant v2 documents. */
void api_openapi_v3_print(const struct api_gv_docs *gv, struct ke_str git_version,
                          struct ke_buf *out);
void api_openapi_index_print(const struct api_docs *docs, struct ke_buf *out);
void api_openapi_v2_pb(struct ke_str git_version, struct ke_buf *out);
void api_openapi_v2_json(struct ke_str git_version, struct ke_buf *out);

#endif
