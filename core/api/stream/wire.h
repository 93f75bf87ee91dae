/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_STREAM_WIRE_H
#define CORE_API_STREAM_WIRE_H
/*
 * A connection that was HTTP and is no more: bytes both ways on its API loop. libmicrohttpd answers
 * 101 and hands the socket over; the connection keeps its place in the budget of descriptors until
 * the wire is closed. What comes in is read only as long as its user takes it, and what goes out
 * waits in memory up to API_WIRE_HIGH: so neither side can make the other's bytes pile up here.
 */
#include "core/api/request.h"
#include "core/base/buf.h"

/* Bytes on their way out at which a user should stop making more, and start again. */
#define API_WIRE_HIGH (256U << 10)
#define API_WIRE_LOW  (64U << 10)

struct api_wire;

struct api_wire_user {
    /* Bytes have come; how many are used. Fewer than len: blocked until api_wire_resume, when the
     * rest is offered again. */
    size_t (*on_bytes)(void *ctx, char *ptr, size_t len);
    void (*on_space)(void *ctx); /* what goes out is below API_WIRE_LOW again */
    /* The client has left, has been silent too long, or the server stops (is_stop: what is put out
     * now is still sent if it can be at once). The wire is closed behind it. */
    void (*on_gone)(void *ctx, bool is_stop);
};

struct api_wire_header {
    struct ke_str name, value;
};

/*
 * Once, on the loop and outside of libmicrohttpd: the wire is there, and its users must be set; or,
 * wire NULL, the client has left before.
 */
typedef void api_wire_start_fn(void *ctx, struct api_wire *wire);

/* Answers 101. False: could not; start is not called, and the request has another answer. */
bool api_wire_accept(struct api_request *request, const struct api_wire_header *headers,
                     size_t n_headers, api_wire_start_fn *start, void *ctx);

void api_wire_use(struct api_wire *wire, const struct api_wire_user *user, void *ctx);
struct api_shard *api_wire_shard(struct api_wire *wire);
/* To be appended to; then api_wire_flush. */
struct ke_buf *api_wire_out(struct api_wire *wire);
void api_wire_flush(struct api_wire *wire);
size_t api_wire_room(const struct api_wire *wire); /* below API_WIRE_HIGH */
void api_wire_resume(struct api_wire *wire);
/* All is said: sends what there is and closes; is_lingering: but waits a little for the client to
 * do it, which would lose what it has not read if it is still sending. Its user hears no more of
 * it. */
void api_wire_finish(struct api_wire *wire, bool is_lingering);
void api_wire_close(struct api_wire *wire); /* at once; nothing after on_gone. NULL is fine */

/* For the shard. */
void api_wire_forsake(struct api_wire *wire); /* its connection ends before it was handed over */
void api_wires_end(struct api_shard *shard);

#endif
