/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_STREAM_LINK_IMPL_H
#define CORE_API_STREAM_LINK_IMPL_H
/*
 * What the two halves of a link share: link.c sends, waits and ends; link_take.c takes what comes.
 */
#include "core/api/server_impl.h"
#include "core/api/stream/link.h"

#define LINK_NO_CHANNEL UINT32_MAX

struct api_link {
    struct api_wire *wire;
    enum api_link_form form;
    bool has_half_close;
    const struct api_link_user *user;
    void *ctx;
    struct ke_loop_timer *pongs;
    bool is_blocked;
    bool is_failed;    /* the client broke the protocol: what comes is thrown away */
    bool has_closed;   /* a close frame was sent */
    bool is_lingering; /* failed: the client may still be sending */
    unsigned depth;    /* inside a user's call */
    bool is_over;      /* freed when the user's call returns */
    /* WebSocket */
    struct ws_decoder ws;
    uint32_t channel; /* of the message at hand, or LINK_NO_CHANNEL */
    bool is_half_close;
    char quantum[4]; /* of base64 */
    size_t quantum_len;
    /* SPDY */
    struct spdy_decoder *decoder;
    struct spdy_encoder *encoder;
    struct ke_buf held; /* tunnel: unmasked and not decoded */
    uint32_t last_stream;
};

static inline bool link_is_websocket(const struct api_link *link)
{
    return link->form != API_LINK_SPDY;
}

static inline bool link_is_spdy(const struct api_link *link)
{
    return link->form == API_LINK_SPDY || link->form == API_LINK_TUNNEL;
}

static inline bool link_is_base64(const struct api_link *link)
{
    return link->form == API_LINK_CHANNELS_BASE64 || link->form == API_LINK_BINARY_BASE64;
}

static inline bool link_is_binary(const struct api_link *link)
{
    return link->form == API_LINK_BINARY || link->form == API_LINK_BINARY_BASE64;
}

/* Is there somebody for what comes? */
static inline bool link_is_listening(const struct api_link *link)
{
    return link->user != NULL && !link->is_failed;
}

/* ---- link.c */
/* SPDY bytes made in `frame`, in a message of their own where they are tunnelled. */
void link_put_spdy(struct api_link *link, const struct ke_buf *frame);
void link_put_reset(struct api_link *link, uint32_t stream, uint32_t status);
/* Nothing more is read until api_link_resume. */
void link_block(struct api_link *link);
/* The client broke the protocol. The user's end of it comes with a turn of the wire's own. */
void link_fail(struct api_link *link, unsigned ws_code, struct ke_str why);
/* The wire sends what there is and closes; the link is freed. */
void link_let_go(struct api_link *link, bool is_lingering);

/* ---- link_take.c */
/* Each: how many bytes are done with. */
size_t link_take_websocket(struct api_link *link, char *ptr, size_t len);
size_t link_take_spdy(struct api_link *link, struct ke_str bytes);
/* We have sent our close frame: only the client's counts. */
void link_take_closing(struct api_link *link, char *ptr, size_t len);

#endif
