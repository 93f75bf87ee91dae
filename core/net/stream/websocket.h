/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_NET_STREAM_WEBSOCKET_H
#define CORE_NET_STREAM_WEBSOCKET_H
/*
 * WebSocket frames and the key of the handshake: no I/O, any thread. A message is handed on in
 * pieces as its bytes come, so that no frame, however long it says it is, costs memory; only a
 * control frame (at most 125 bytes) is kept until it is whole. No extensions, so the reserved bits
 * must be zero. Source: RFC 6455.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"

enum ws_opcode {
    WS_OP_CONTINUATION = 0,
    WS_OP_TEXT = 1,
    WS_OP_BINARY = 2,
    WS_OP_CLOSE = 8,
    WS_OP_PING = 9,
    WS_OP_PONG = 10
};

/* Close codes that we send (section 7.4.1). */
#define WS_CLOSE_NORMAL     1000
#define WS_CLOSE_GOING_AWAY 1001
#define WS_CLOSE_PROTOCOL   1002
#define WS_CLOSE_BAD_DATA   1007
#define WS_CLOSE_INTERNAL   1011
#define WS_CLOSE_NO_CODE    1005 /* only said of a close frame without one; never sent */

#define WS_CONTROL_MAX      125
#define WS_ACCEPT_TEXT      29 /* with NUL */

/* Sec-WebSocket-Key is base64 of 16 bytes. */
bool ws_key_is_valid(struct ke_str key);
/* Sec-WebSocket-Accept of a key. */
void ws_accept_key(struct ke_str key, char out[WS_ACCEPT_TEXT]);

/* Start with a zeroed one for each connection. */
struct ws_decoder {
    bool is_client; /* of the end that decodes: what a server sends is not masked */
    uint8_t head[14];
    size_t head_len;  /* bytes of it there */
    bool is_in_frame; /* the head is whole, `left` bytes of payload to come */
    bool is_in_message;
    bool is_fin;
    bool is_fresh;          /* nothing of this message has been handed on */
    bool is_over;           /* after a close frame or an error nothing counts */
    uint8_t opcode;         /* of the frame */
    uint8_t message_opcode; /* of the message that is open */
    uint8_t mask[4];
    unsigned mask_at;
    uint64_t left;
    char control[WS_CONTROL_MAX];
    size_t control_len;
};

enum ws_event_kind {
    WS_EVENT_NONE, /* more bytes are needed */
    WS_EVENT_DATA, /* a piece of a message */
    WS_EVENT_PING,
    WS_EVENT_PONG,
    WS_EVENT_CLOSE, /* nothing comes after it */
    WS_EVENT_BAD    /* close with `code`; nothing comes after it */
};
struct ws_event {
    enum ws_event_kind kind;
    struct ke_str data;    /* the piece, the ping's payload, the reason; borrowed from the input */
    bool is_first;         /* DATA: the message begins here */
    bool is_last;          /* DATA: and ends here */
    enum ws_opcode opcode; /* DATA: TEXT or BINARY, of the message */
    unsigned code;         /* CLOSE, BAD */
    const char *why;       /* BAD */
};
/*
 * One event out of the input, which is unmasked in place; *used bytes are done with. Call again
 * with the rest until NONE.
 */
struct ws_event ws_decode(struct ws_decoder *decoder, char *input, size_t len, size_t *used);

/* A whole, final frame's head, unmasked; len bytes of payload go behind it. */
void ws_put_head(struct ke_buf *out, enum ws_opcode opcode, uint64_t len);
/* payload over WS_CONTROL_MAX is cut. */
void ws_put_control(struct ke_buf *out, enum ws_opcode opcode, struct ke_str payload);
void ws_put_close(struct ke_buf *out, unsigned code, struct ke_str reason);

/*
 * The first of the client's protocols (comma-separated) that is among ours, as upstream chooses.
 * ours: NULL-terminated; "" in it: none need be asked for. NULL: none fits.
 */
const char *ws_choose_protocol(struct ke_str offered, const char *const *ours);

#endif
