/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_PROXY_HEAD_H
#define CORE_API_PROXY_HEAD_H
/*
 * Heads of proxied requests and answers: which fields go through, and what is added. Pure; any
 * thread. Source: apimachinery util/proxy; RFC 9110 section 7.6.1.
 */
#include "core/base/buf.h"
#include "core/net/http/http1.h"

/* The part of an URL in front of the path behind, and that path: "" or beginning with a slash. */
bool proxy_split_path(struct ke_str raw_path, struct ke_str *out_prefix, struct ke_str *out_path);

struct proxy_request {
    struct ke_str method;
    struct ke_str prefix, path; /* as proxy_split_path gave them */
    struct ke_str query;        /* without ?; empty: none */
    struct ke_str connection;   /* value of Connection: fields named there stay here */
    struct ke_str forwarded;    /* value of X-Forwarded-For so far; may be empty */
    struct ke_str client;       /* address of the client; empty: not known */
    bool is_chunked;            /* its body is sent in chunks: the length is not known */
    bool is_upgrade;            /* Connection and Upgrade go through */
    bool wants_html;            /* what comes back may be rewritten: it shall not be compressed */
};
/* Then the fields that pass, then proxy_end_head. */
void proxy_begin_request(const struct proxy_request *request, struct ke_buf *out);
/* Does a field of the client's request go through? Credentials never do. */
bool proxy_passes_request(const struct proxy_request *request, struct ke_str name);
/* A field that passes; of the protocols of a WebSocket those that carry a token do not. */
void proxy_put_field(struct ke_str name, struct ke_str value, struct ke_buf *out);
void proxy_end_head(const struct proxy_request *request, struct ke_buf *out);

/* Does a field of the server's answer go through? Its length and framing are the caller's. */
bool proxy_passes_answer(const struct http_head *head, struct ke_str name, bool is_upgrade);

#endif
