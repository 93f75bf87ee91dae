/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_NEGOTIATE_H
#define CORE_API_NEGOTIATE_H
/*
 * Content negotiation: which of the forms we can print does an Accept header prefer; and what a
 * Content-Type says about a body. Answers are JSON or YAML (protobuf is read, never written). Pure.
 * Source: apiserver endpoints/handlers/negotiation; RFC 9110 section 12.5.1.
 */
#include <stdbool.h>

#include "core/base/str.h"

enum api_form {
    API_FORM_PLAIN = 1 << 0,
    API_FORM_TABLE = 1 << 1,     /* as=Table;g=meta.k8s.io;v=v1|v1beta1 */
    API_FORM_PARTIAL = 1 << 2,   /* as=PartialObjectMetadata[List] */
    API_FORM_DISCOVERY = 1 << 3, /* as=APIGroupDiscoveryList;g=apidiscovery.k8s.io;v=v2|v2beta1 */
};
/* Or-ed to forms: each of them may be written as YAML, too. */
#define API_MAY_BE_YAML (1U << 8)
/* All of them: what a Status or another answer without a form of its own is written as. */
#define API_ANY_FORM                                                                               \
    ((unsigned)API_FORM_PLAIN | (unsigned)API_FORM_TABLE | (unsigned)API_FORM_PARTIAL |            \
     (unsigned)API_FORM_DISCOVERY | API_MAY_BE_YAML)

struct api_accept {
    enum api_form form;
    const char *version; /* of the form: "v1", "v1beta1", "v2", "v2beta1"; "" for plain */
    bool is_yaml;
};

enum api_negotiated {
    API_NEGOTIATED,
    API_NOT_JSON, /* 406: no media type of ours in it */
    API_NOT_FORM, /* 406: JSON, but no form that this endpoint has */
};

/* accept as sent; empty: everything. forms: enum api_form, or-ed. */
enum api_negotiated api_negotiate(struct ke_str accept, unsigned forms, struct api_accept *out);
/* A plain text or any other type for endpoints that have just one. Empty accepts. */
bool api_accepts(struct ke_str accept, const char *media_type);

/* Value of a parameter of a media type: "as" in `application/json;as=Table`; {NULL,0}: absent. */
struct ke_str api_media_param(struct ke_str media, const char *name);
/* The type itself: `application/json` of the same, blanks removed. */
struct ke_str api_media_type(struct ke_str media);
/* Does Accept-Encoding ask for gzip (and not with q=0)? */
bool api_accepts_gzip(struct ke_str accept_encoding);

#endif
