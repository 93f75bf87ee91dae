/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_STREAM_LINK_H
#define CORE_API_STREAM_LINK_H
/*
 * Numbered streams over an upgraded connection, in one of the three ways clients know:
 *
 *   channels   WebSocket; the first byte of each message is the channel (base64 variants: a digit,
 *              and text). All channels are there from the beginning. From v5 on, 0xFF CH ends one.
 *   SPDY       SPDY/3.1 on the connection itself; the client opens streams.
 *   tunnel     the same frames in binary WebSocket messages.
 *   binary     WebSocket messages without a channel, one way, for logs.
 *
 * Pings are answered, and a client whose data has to wait is sent pongs it did not ask for, so that
 * it does not take us for dead. On the wire's loop.
 */
#include "core/api/stream/wire.h"
#include "core/net/stream/spdy.h"
#include "core/net/stream/websocket.h"

enum api_link_form {
    API_LINK_CHANNELS,
    API_LINK_CHANNELS_BASE64,
    API_LINK_SPDY,
    API_LINK_TUNNEL,
    API_LINK_BINARY,
    API_LINK_BINARY_BASE64
};

struct api_link;
struct api_link_user {
    /* SPDY: the client has opened a stream. False: it is reset. */
    bool (*on_open)(void *ctx, uint32_t stream, const struct spdy_frame *frame);
    /* All of it is taken. False: no more, of any stream, until api_link_resume. */
    bool (*on_data)(void *ctx, uint32_t stream, const char *ptr, size_t len);
    void (*on_message_end)(void *ctx, uint32_t stream); /* channels: a message was whole */
    void (*on_end)(void *ctx, uint32_t stream);         /* the client will send no more on it */
    void (*on_reset)(void *ctx, uint32_t stream);       /* SPDY: gone, both ways */
    void (*on_space)(void *ctx);
    /* The last call; the link is freed behind it. */
    void (*on_gone)(void *ctx);
};

/* has_half_close: channels from v5 on. NULL: out of memory. The wire is the link's from here on. */
struct api_link *api_link_new(struct api_wire *wire, enum api_link_form form, bool has_half_close,
                              const struct api_link_user *user, void *ctx);
size_t api_link_room(const struct api_link *link); /* bytes to send now */
void api_link_send(struct api_link *link, uint32_t stream, const char *ptr, size_t len);
/* Channels: a message of the channel alone. */
void api_link_send_empty(struct api_link *link, uint32_t channel);
void api_link_end(struct api_link *link, uint32_t stream); /* nothing more will be sent on it */
void api_link_reset(struct api_link *link, uint32_t stream);
void api_link_resume(struct api_link *link);
/* All is said. The user hears no more, and the link is freed by itself. */
void api_link_finish(struct api_link *link);

#endif
