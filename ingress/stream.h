/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INGRESS_STREAM_H
#define INGRESS_STREAM_H
/*
 * One connection's bytes: a non-blocking socket, with or without TLS, and a buffer each way. The
 * worker's thread.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/loop.h"
#include "core/net/tls/tls.h"

struct ingress_stream {
    int fd;
    struct tls_session *tls; /* NULL: clear */
    struct ke_loop *loop;
    struct ke_loop_fd *watch; /* NULL: not looked at for now */
    ke_loop_fd_fn *fn;
    void *ctx;
    uint32_t events; /* registered now */
    struct ke_buf in;
    struct ke_buf out;
    bool has_eof;         /* the peer will send no more */
    bool has_failed;      /* nothing more can be read */
    bool is_unwritable;   /* the peer takes no more; what it said before can still be read */
    bool is_cut;          /* closing must not look like the end of a body */
    bool is_hung;         /* the loop says so again and again, whatever is asked for */
    bool tls_wants_write; /* a read that waits for a write */
};

/* loop, fn and ctx are set by the caller before; fd is given. False: out of memory (fd is closed).
 */
bool ingress_stream_open(struct ingress_stream *stream, int fd, uint32_t events) KE_MUST_CHECK;
void ingress_stream_close(struct ingress_stream *stream); /* twice is fine */
/* Reads what is there, up to the buffer's ceiling. True: something new came (bytes, end or
 * failure). */
bool ingress_stream_fill(struct ingress_stream *stream);
/* Writes what the socket takes. True: some bytes went. */
bool ingress_stream_flush(struct ingress_stream *stream);
/* Asks the loop for what is of interest now; EPOLLOUT comes by itself while bytes wait. A hung
 * connection of which nothing is wanted is not looked at until something is. */
void ingress_stream_want(struct ingress_stream *stream, bool wants_input);
/* Gives memory back when both buffers are empty. */
void ingress_stream_trim(struct ingress_stream *stream);

#endif
