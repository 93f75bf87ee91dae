/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_NET_HTTP_HTTP1_H
#define CORE_NET_HTTP_HTTP1_H
/*
 * Strict HTTP/1.0 and 1.1 codec: heads and body framing, no I/O, no allocation, any thread.
 * Everything that lets two parsers disagree (RFC 9112 sections 3.2, 5, 6; request smuggling) is
 * refused. Values are borrowed from the input.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/limits.h"
#include "core/base/str.h"

struct http_header {
    struct ke_str name;  /* as received; compare without case */
    struct ke_str value; /* blanks around removed */
};

enum http_framing {
    HTTP_BODY_NONE,
    HTTP_BODY_LENGTH,
    HTTP_BODY_CHUNKED,
    HTTP_BODY_UNTIL_CLOSE /* responses only */
};

enum http_scheme { HTTP_SCHEME_NONE, HTTP_SCHEME_HTTP, HTTP_SCHEME_HTTPS };

/* Only what is set by the parse is written: headers beyond n_headers are left as they were. */
struct http_head {
    bool is_response;
    struct ke_str method, target; /* request */
    struct ke_str path;           /* request: path and query of the target; "*"; empty (CONNECT) */
    enum http_scheme scheme; /* request: of the absolute form, to be held against the connection */
    unsigned status;         /* response */
    struct ke_str reason;
    unsigned minor; /* HTTP/1.minor: 0 or 1 */
    struct http_header headers[LIMIT_HTTP_HEADERS];
    size_t n_headers;
    struct ke_str host; /* request: name[:port] of the target in absolute form, else of Host */
    enum http_framing framing;
    uint64_t content_length; /* as announced: also when framing is NONE (HEAD, 304) */
    bool has_content_length;
    bool is_keep_alive;
    bool has_expect_continue;
    bool has_expect_other; /* an expectation not known: answer 417 */
    bool has_upgrade;      /* Upgrade, named by Connection, on HTTP/1.1 */
    size_t len;            /* bytes of the whole head with its empty line */
};

enum http_result {
    HTTP_OK,
    HTTP_MORE,            /* not whole yet */
    HTTP_BAD,             /* 400 */
    HTTP_TOO_LARGE,       /* 431, head over LIMIT_HTTP_HEAD_BYTES or LIMIT_HTTP_HEADERS */
    HTTP_URI_TOO_LONG,    /* 414 */
    HTTP_NOT_IMPLEMENTED, /* 501: transfer coding not known */
    HTTP_VERSION          /* 505 */
};

/*
 * Call again with more bytes of the same head while HTTP_MORE; the input starts at the head. The
 * verdict on a head depends on its own bytes only: once it is not HTTP_MORE, more input does not
 * change it. One empty line before a request is skipped (RFC 9112 section 2.2). Fields of a request
 * whose name has an underscore are dropped, as nginx does: CGI-like backends take them for the name
 * with a dash. *out is valid after HTTP_OK only.
 */
enum http_result http_parse_request(struct ke_str input, struct http_head *out);
/* request_method decides whether there is a body (HEAD, CONNECT). Any result but HTTP_OK and
 * HTTP_MORE is a bad gateway. */
enum http_result http_parse_response(struct ke_str input, struct ke_str request_method,
                                     struct http_head *out);
/* {NULL,0}: absent; the first when several. */
struct ke_str http_head_get(const struct http_head *head, struct ke_str name);

/* Chunked decoding over a stream of pieces. Start with a zeroed one for each body. */
struct http_chunked {
    int state;
    uint64_t left;
    size_t ext_len; /* bytes of chunk extensions so far, all chunks together */
    size_t trailer_len;
};
/*
 * Consumes from input; *out_data borrowed piece of body data (may be empty), *out_used bytes
 * consumed, *out_done at the end (trailers checked and dropped). HTTP_OK or HTTP_BAD (also for
 * extensions or trailers over their limit; nothing is set and the state stays bad). Call again with
 * the rest until used == input.len or done.
 */
enum http_result http_chunked_next(struct http_chunked *chunked, struct ke_str input,
                                   struct ke_str *out_data, size_t *out_used, bool *out_done);

#endif
