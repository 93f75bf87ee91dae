/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_PROXY_EXCHANGE_H
#define CORE_API_PROXY_EXCHANGE_H
/*
 * One proxied request, for the files of core/api/proxy. Its body goes to the server behind as it
 * comes, the answer goes to the client as it comes, and each side waits for the other: nothing is
 * kept whole. libmicrohttpd answers a request only behind its body, so an answer that comes early
 * waits for the rest of that; a server behind that has answered and stopped to read is not waited
 * for. On one API loop.
 */
#include "core/api/proxy/backend.h"
#include "core/api/proxy/head.h"
#include "core/api/proxy/rewrite.h"
#include "core/api/server_impl.h"

struct api_wire;

struct proxy_exchange {
    struct api_ongoing ongoing;
    struct api_shard *shard;
    struct api_request *request; /* NULL: answered */
    struct MHD_Connection *mhd;
    int client_fd;
    struct ke_loop_fd *hangup;
    struct ke_arena *arena; /* of links and method */
    struct proxy_links links;
    struct ke_str method;
    struct proxy_backend backend;
    bool is_upgrade;
    bool is_chunked_up; /* the body goes up in chunks */
    bool is_body_over;  /* all of it has been taken */
    bool is_head_there;
    bool is_swallowing; /* the rest of the body: the server behind has answered and takes no more */
    struct ke_loop_timer *stall;
    bool is_suspended;
    bool is_over;   /* the client is gone, or the server stops */
    bool is_failed; /* the server behind; `why` */
    bool is_end;    /* of its answer */
    char why[160];
    struct ke_buf in; /* of the answer: the head, and what came with it */
    size_t in_at;
    enum http_framing framing;
    uint64_t left;
    struct http_chunked chunked;
    struct proxy_html *html; /* NULL: passed on as it is */
    struct ke_buf out;       /* for the client */
    size_t out_at;
    struct api_wire *wire; /* of an upgrade */
};

void proxy_exchange_free(struct proxy_exchange *x);
void proxy_exchange_fail(struct proxy_exchange *x, const char *why);

/* The request goes on when it was suspended. */
void proxy_exchange_resume(struct proxy_exchange *x);
void proxy_exchange_suspend(struct proxy_exchange *x);

/* answer.c: the head is there, the request's body through: answers, and lets go of the request. */
void proxy_answer(struct proxy_exchange *x, const struct http_head *head);
/* tunnel.c: the same for a 101. */
void proxy_tunnel(struct proxy_exchange *x, const struct http_head *head);
void proxy_tunnel_turn(struct proxy_exchange *x); /* the server behind has something, or room */

#endif
