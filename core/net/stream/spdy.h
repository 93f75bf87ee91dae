/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_NET_STREAM_SPDY_H
#define CORE_NET_STREAM_SPDY_H
/*
 * SPDY/3.1 frames, of a server's or a client's connection: no I/O; one thread a codec. The payload
 * of data frames is handed on in pieces as it comes; a control frame is kept until it is whole (at
 * most LIMIT_SPDY_CONTROL_BYTES) and its header block inflates to LIMIT_SPDY_BLOCK_BYTES at most.
 * Who knows which streams are open is the caller.
 *
 * Flow control is the transport's alone, as in the spdystream library that every Kubernetes client
 * and server of this protocol uses: it neither sends WINDOW_UPDATE nor waits for one, so an end
 * that kept to the protocol's 64 KiB would hang. Windows that a peer opens are read and not
 * counted. Source: SPDY protocol draft 3.1; moby/spdystream.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/limits.h"

enum spdy_kind {
    SPDY_DATA,
    SPDY_SYN_STREAM = 1,
    SPDY_SYN_REPLY = 2,
    SPDY_RST_STREAM = 3,
    SPDY_SETTINGS = 4,
    SPDY_PING = 6,
    SPDY_GOAWAY = 7,
    SPDY_HEADERS = 8,
    SPDY_WINDOW_UPDATE = 9
};

/* Of RST_STREAM. */
#define SPDY_RST_PROTOCOL_ERROR 1U
#define SPDY_RST_INVALID_STREAM 2U
#define SPDY_RST_REFUSED_STREAM 3U
#define SPDY_RST_CANCEL         5U
#define SPDY_RST_STREAM_IN_USE  8U
/* Of GOAWAY. */
#define SPDY_GOAWAY_OK             0U
#define SPDY_GOAWAY_PROTOCOL_ERROR 1U

#define SPDY_DATA_HEAD             8 /* bytes */

struct spdy_header {
    struct ke_str name;  /* lower case */
    struct ke_str value; /* several are separated by NUL */
};

struct spdy_frame {
    enum spdy_kind kind;
    uint32_t stream; /* DATA, SYN_STREAM, SYN_REPLY, RST_STREAM, HEADERS, WINDOW_UPDATE */
    bool is_fin;     /* the sender's half ends behind this (DATA: behind this piece) */
    bool is_one_way; /* SYN_STREAM: the receiver's half has ended */
    uint32_t value;  /* PING: id; RST_STREAM: status; GOAWAY: last stream; WINDOW_UPDATE: delta */
    struct ke_str data;                /* DATA: borrowed from the input */
    const struct spdy_header *headers; /* until the next call */
    size_t n_headers;
};

struct spdy_decoder;
struct spdy_decoder *spdy_decoder_new(void); /* NULL: out of memory */
void spdy_decoder_free(struct spdy_decoder *decoder);
KE_AUTO_DEFINE(spdy_decoder)

/*
 * One frame, or piece of one, out of the input; *used bytes are done with. Call again with the rest
 * until KE_AGAIN (more bytes are needed). Errors: KE_MALFORMED, KE_TOO_LARGE (a control frame or
 * block over its limit), KE_NOMEM; the connection cannot go on then, and every later call fails.
 * Frames of a kind not known are skipped.
 */
enum ke_code spdy_decode(struct spdy_decoder *decoder, struct ke_str input, size_t *used,
                         struct spdy_frame *out, struct ke_err *err) KE_MUST_CHECK;
/* {NULL,0}: absent; the first of several. name in lower case. */
struct ke_str spdy_frame_header(const struct spdy_frame *frame, const char *name);

struct spdy_encoder; /* the compressor of header blocks: frames must be sent in the order made */
struct spdy_encoder *spdy_encoder_new(void); /* NULL: out of memory */
void spdy_encoder_free(struct spdy_encoder *encoder);
KE_AUTO_DEFINE(spdy_encoder)

/* SYN_STREAM, SYN_REPLY or HEADERS: kind, stream, is_fin and headers. A failure sticks to out. */
void spdy_put_headers(struct spdy_encoder *encoder, const struct spdy_frame *frame,
                      struct ke_buf *out);
/* Head of a data frame; len bytes (below 2^24) go behind it. */
void spdy_put_data_head(struct ke_buf *out, uint32_t stream, bool is_fin, size_t len);
void spdy_put_reset(struct ke_buf *out, uint32_t stream, uint32_t status);
void spdy_put_ping(struct ke_buf *out, uint32_t id);
void spdy_put_goaway(struct ke_buf *out, uint32_t last_stream, uint32_t status);

#endif
