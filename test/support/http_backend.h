/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_HTTP_BACKEND_H
#define TEST_SUPPORT_HTTP_BACKEND_H
/*
 * A small HTTP/1.1 server on 127.0.0.1 for tests of what talks to one. It reads whole requests,
 * remembers them, and says what it was told to say for their path, byte for byte. One thread of its
 * own; the functions here may be called from any other.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_backend;

enum http_backend_act {
    BACKEND_SAY,         /* the text */
    BACKEND_SAY_CLOSE,   /* the text, then closes */
    BACKEND_SAY_AT_HEAD, /* the text when the head has come, and reads no further, then closes */
    BACKEND_ECHO_LIVE,   /* answers 200 chunked at the head and sends the body back as it comes */
    BACKEND_BIG,         /* 200 with as many bytes as the text says in decimal */
    BACKEND_HANG         /* nothing, ever */
};
struct http_backend_rule {
    const char *path; /* of the request line up to the blank; NULL ends the list */
    enum http_backend_act act;
    const char *text;
};

/* rules: borrowed. A path that none names is answered 200 with the body NAME and kept alive. */
struct http_backend *http_backend_new(const char *name, const struct http_backend_rule *rules);
/* The same on another address of this host. */
struct http_backend *http_backend_new_at(const char *name, const struct http_backend_rule *rules,
                                         const char *ipv4);
void http_backend_free(struct http_backend *backend);
uint16_t http_backend_port(const struct http_backend *backend);
/* Counted since the last clear. */
size_t http_backend_requests(struct http_backend *backend);
size_t http_backend_connections(struct http_backend *backend);
void http_backend_clear(struct http_backend *backend);
/* The last request as it came, head and decoded body, terminated; valid until the next call. */
const char *http_backend_last(struct http_backend *backend);
/* Closes all connections that are idle. */
void http_backend_cut(struct http_backend *backend);

#endif
