/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INGRESS_HEAD_H
#define INGRESS_HEAD_H
/*
 * Heads on their way through: what is forwarded, what is taken out, what is added. Pure but for the
 * random request id. Source: RFC 9110 section 7.6 (hop-by-hop fields), RFC 9112.
 */
#include "core/base/addr.h"
#include "core/base/buf.h"
#include "core/net/http/http1.h"

/* What the upstream is told of the client. */
struct ingress_origin {
    struct ke_ip peer;
    uint16_t port; /* that the client connected to */
    bool is_tls;
    struct ke_str service; /* stands in as Host where the client, of HTTP/1.0, named none */
};
/* The request as it goes to the endpoint. path: normalised, with its query. */
void ingress_head_request(const struct http_head *head, struct ke_str path,
                          const struct ingress_origin *origin, struct ke_buf *out);

/* How the body of a response goes to the client. */
struct ingress_response_plan {
    enum http_framing framing; /* towards the client */
    bool is_close;             /* the connection ends after it */
    unsigned client_minor;     /* HTTP/1.minor of the request */
    struct ke_str date;        /* now, for a response that has none */
};
void ingress_head_response(const struct http_head *head, const struct ingress_response_plan *plan,
                           struct ke_buf *out);

/* A whole answer of our own. location: for redirects, else empty. */
struct ingress_answer {
    unsigned status;
    struct ke_str date;
    struct ke_str location;
    bool is_close;
    bool has_no_body;       /* HEAD */
    unsigned retry_after_s; /* 0: none */
};
void ingress_head_answer(const struct ingress_answer *answer, struct ke_buf *out);
const char *ingress_reason(unsigned status);

#endif
