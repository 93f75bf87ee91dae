/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_ENCODE_H
#define CORE_API_ENCODE_H
/*
 * How objects read on the wire in the form that a client negotiated: the stored bytes as they are
 * (spliced, never parsed), converted to another served version, as metadata only, or as table rows.
 * Pure; any thread.
 */
#include "core/api/negotiate.h"
#include "core/base/buf.h"
#include "core/registry/object.h"

enum api_include { API_INCLUDE_METADATA, API_INCLUDE_NONE, API_INCLUDE_OBJECT };

struct api_encoder {
    const struct model_kind *kind;
    const struct model_version *version; /* of the request */
    struct api_accept accept;
    enum api_include include; /* of table rows: ?includeObject= */
    int64_t now_s;            /* ages count to here */
};

/* The stored bytes of an item can be sent untouched. */
bool api_encoder_is_splice(const struct api_encoder *encoder);
/* The whole of one object can be: its bytes are the answer. */
bool api_encoder_is_stored_bytes(const struct api_encoder *encoder,
                                 const struct registry_object *object);

/* A whole object: itself, a PartialObjectMetadata, or a Table of one row. with_columns: the first
 * Table of a watch. Errors: KE_NOMEM; the ceiling of out is asked for by the caller. */
enum ke_code api_encode_object(const struct api_encoder *encoder,
                               const struct registry_object *object, bool with_columns,
                               struct ke_buf *out, struct ke_err *err) KE_MUST_CHECK;
/* One element of a list: without kind and apiVersion, or a row. */
enum ke_code api_encode_item(const struct api_encoder *encoder,
                             const struct registry_object *object, struct ke_buf *out,
                             struct ke_err *err) KE_MUST_CHECK;

struct api_list_meta {
    int64_t revision;
    const char *continue_token; /* NULL: none */
    int64_t n_remaining;        /* -1: not known */
};
/* Everything before the first and after the last element; the elements are joined by commas. */
void api_encode_list_head(const struct api_encoder *encoder, const struct api_list_meta *meta,
                          struct ke_buf *out);
void api_encode_list_tail(const struct api_encoder *encoder, struct ke_buf *out);

/* {"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"N",...}} in the form asked. */
void api_encode_bookmark(const struct api_encoder *encoder, int64_t revision, struct ke_buf *out);
/* The same with the annotation that says: the initial events were all before it. In a Table its
 * object is that of the only row. */
void api_encode_initial_end(const struct api_encoder *encoder, int64_t revision,
                            struct ke_buf *out);

#endif
