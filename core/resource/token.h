/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_TOKEN_H
#define CORE_RESOURCE_TOKEN_H
/*
 * Continue tokens: base64url of {"v":"meta.k8s.io/v1","rv":N,"start":"KEY\u0000"}, KEY behind the
 * prefix that was listed. Pure; any thread. Source: apiserver pkg/storage/continue.go.
 */
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

struct resource_token {
    int64_t revision;        /* -1: of now */
    struct ke_buf start_key; /* prefix and the last key of the page before; free with ke_buf_free */
};

/* last_key begins with prefix. */
void resource_token_encode(struct ke_str prefix, struct ke_str last_key, int64_t revision,
                           struct ke_buf *out);
/* out->start_key is initialised. Errors: KE_MALFORMED (upstream's words), KE_NOMEM. */
enum ke_code resource_token_decode(struct ke_str token, struct ke_str prefix,
                                   struct resource_token *out, struct ke_err *err) KE_MUST_CHECK;

#endif
