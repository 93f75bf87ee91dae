/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_DOCS_PRINT_H
#define CORE_API_DOCS_PRINT_H
/* Inside of docs.c: what prints each document. Pure but for reading the catalog; any thread. */
#include "core/api/docs.h"
#include "core/model/kind.h"
#include "core/model/schema.h"

/* ---- discovery.c ---- */

void api_discovery_print_resources(const struct api_docs *docs, const struct api_gv_docs *gv,
                                   struct ke_buf *out);
void api_discovery_print_group(const struct api_docs *docs, const char *group, struct ke_buf *out);
void api_discovery_print_groups(const struct api_docs *docs, struct ke_buf *out);
void api_discovery_print_core(struct ke_str address, struct ke_buf *out);
/* version: "v2" or "v2beta1" of apidiscovery.k8s.io. */
void api_discovery_print_found(const struct api_docs *docs, bool is_core, const char *version,
                               struct ke_buf *out);
void api_discovery_print_version(const struct api_docs_options *info, struct ke_buf *out);

/* The kinds of a group version, by plural. */
struct api_kinds {
    struct api_kind {
        const struct model_kind *kind;
        const struct model_version *version;
    } * items;
    size_t n, cap;
    bool has_failed; /* out of memory: not all are there */
};
struct api_kinds api_kinds_of(const struct api_docs *docs, const char *group, const char *version);
static inline void api_kinds_autofree(struct api_kinds *kinds)
{
    free(kinds->items);
}
#define ke_auto_kinds KE_CLEANUP(api_kinds_autofree) struct api_kinds

/* ---- openapi*.c ---- */

/* Where a document goes, piece by piece. */
struct api_sink {
    void *ctx;
    enum ke_code (*write)(void *ctx, struct ke_str bytes, struct ke_err *err);
    struct ke_buf piece;
    enum ke_code failed; /* sticky */
    struct ke_err *err;
};
/* Hands on what was printed when it is enough. */
void api_sink_flush(struct api_sink *sink, size_t more_than);

/* Errors: sink->failed. */
void api_openapi_v3_print(const struct api_docs *docs, const struct api_gv_docs *gv,
                          struct api_sink *sink);
/* "paths":{...} of a group version. */
void api_openapi_print_paths(const struct api_gv_docs *gv, const struct api_kinds *kinds,
                             struct api_sink *sink);
/* "schemas":{...} of all that the kinds refer to. */
void api_openapi_print_schemas(const struct api_docs *docs, const struct api_gv_docs *gv,
                               const struct api_kinds *kinds, struct api_sink *sink);
/* Name of a message or a custom kind: "io.k8s.api.core.v1.Pod", "com.example.v1.Foo". */
void api_openapi_print_name(const struct model_message *message, struct ke_buf *out);
void api_openapi_print_kind_name(const struct api_kind *kind, const char *suffix,
                                 struct ke_buf *out);
/* All that the document is made of, as a hash. */
void api_openapi_hash(const struct api_docs *docs, struct api_gv_docs *gv);
void api_openapi_index_print(const struct api_docs *docs, struct ke_buf *out);
/* The x-kubernetes-group-version-kind of an object, a JSON list; nothing for what is none. */
void api_openapi_print_gvks(const struct api_docs *docs, const struct model_message *message,
                            struct ke_buf *out);
/* The kinds of fields that are schemas of their own, by number; -1: this is none. */
#define API_OPENAPI_SPECIALS 11
int api_openapi_special(const struct model_field *field);
const char *api_openapi_special_name(int special);
/* The whole v2 document in protobuf. Errors: sink->failed. */
void api_openapi_v2_print(const struct api_docs *docs, struct api_sink *sink);
/* The v2 document in JSON, of custom kinds alone. Errors: sink->failed. */
void api_openapi_v2_json_print(const struct api_docs *docs, struct api_sink *sink);

#endif
