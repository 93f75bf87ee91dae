/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams over an upgraded connection. On the wire's loop.
 */
#include "core/api/stream/link.h"

#include "core/api/server_impl.h"
#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#define PIECE_BYTES 16384U /* of one message or frame that we send */
#define HALF_CLOSE  0xffU
#define NO_CHANNEL  UINT32_MAX
/* Well below the 61 s after which kubectl takes a server for dead. */
#define PONG_NS (10 * KE_S)
/* What answers pings does not grow what waits for ever. */
#define PONG_ROOM (API_WIRE_HIGH + (64U << 10))

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
    uint32_t channel; /* of the message at hand */
    bool is_half_close;
    char quantum[4]; /* of base64 */
    size_t quantum_len;
    /* SPDY */
    struct spdy_decoder *decoder;
    struct spdy_encoder *encoder;
    struct ke_buf held; /* tunnel: unmasked and not decoded */
    uint32_t last_stream;
};

static bool is_websocket(const struct api_link *link)
{
    return link->form != API_LINK_SPDY;
}

static bool is_spdy(const struct api_link *link)
{
    return link->form == API_LINK_SPDY || link->form == API_LINK_TUNNEL;
}

static bool is_base64(const struct api_link *link)
{
    return link->form == API_LINK_CHANNELS_BASE64 || link->form == API_LINK_BINARY_BASE64;
}

static bool is_binary(const struct api_link *link)
{
    return link->form == API_LINK_BINARY || link->form == API_LINK_BINARY_BASE64;
}

static void link_free(struct api_link *link)
{
    ke_loop_timer_free(link->pongs);
    spdy_decoder_free(link->decoder);
    spdy_encoder_free(link->encoder);
    ke_buf_free(&link->held);
    free(link);
}

/* There is somebody for what comes. */
static bool is_listening(const struct api_link *link)
{
    return link->user != NULL && !link->is_failed;
}

/* ---- sending -----------------------------------------------------------------------------------
 */

size_t api_link_room(const struct api_link *link)
{
    return link->is_failed || link->has_closed ? 0 : api_wire_room(link->wire);
}

/* SPDY bytes made in `frame`, in a message of their own where they are tunnelled. */
static void put_spdy(struct api_link *link, const struct ke_buf *frame)
{
    struct ke_buf *out = api_wire_out(link->wire);
    if (link->form == API_LINK_TUNNEL) {
        ws_put_head(out, WS_OP_BINARY, frame->len);
    }
    ke_buf_add_str(out, ke_buf_str(frame));
    if (frame->failed != KE_OK && out->failed == KE_OK) {
        out->failed = frame->failed;
    }
}

static void put_data(struct api_link *link, uint32_t stream, bool is_fin, struct ke_str data)
{
    struct ke_buf *out = api_wire_out(link->wire);
    if (link->form == API_LINK_TUNNEL) {
        ws_put_head(out, WS_OP_BINARY, SPDY_DATA_HEAD + data.len);
    }
    spdy_put_data_head(out, stream, is_fin, data.len);
    ke_buf_add_str(out, data);
}

static void put_message(struct api_link *link, uint32_t channel, struct ke_str data)
{
    struct ke_buf *out = api_wire_out(link->wire);
    size_t n_channel = is_binary(link) ? 0 : 1;
    if (is_base64(link)) {
        ws_put_head(out, WS_OP_TEXT, n_channel + (data.len + 2) / 3 * 4);
    } else {
        ws_put_head(out, WS_OP_BINARY, n_channel + data.len);
    }
    if (n_channel > 0) {
        ke_buf_add_u8(out, (uint8_t)(is_base64(link) ? '0' + channel : channel));
    }
    if (is_base64(link)) {
        ke_buf_add_base64(out, data.ptr, data.len);
    } else {
        ke_buf_add_str(out, data);
    }
}

void api_link_send(struct api_link *link, uint32_t stream, const char *ptr, size_t len)
{
    if (link->is_failed || link->has_closed) {
        return;
    }
    for (size_t at = 0; at < len;) {
        size_t n = len - at < PIECE_BYTES ? len - at : PIECE_BYTES;
        struct ke_str piece = ke_str_of(ptr + at, n);
        if (is_spdy(link)) {
            put_data(link, stream, false, piece);
        } else {
            put_message(link, stream, piece);
        }
        at += n;
    }
    api_wire_flush(link->wire);
}

void api_link_send_empty(struct api_link *link, uint32_t channel)
{
    put_message(link, channel, KE_STR(""));
    api_wire_flush(link->wire);
}

void api_link_end(struct api_link *link, uint32_t stream)
{
    if (is_spdy(link) && !link->is_failed) {
        put_data(link, stream, true, KE_STR(""));
        api_wire_flush(link->wire);
    }
}

static void put_reset(struct api_link *link, uint32_t stream, uint32_t status)
{
    char memory[32];
    struct ke_buf frame = KE_BUF_FIXED(memory, sizeof(memory));
    spdy_put_reset(&frame, stream, status);
    put_spdy(link, &frame);
}

void api_link_reset(struct api_link *link, uint32_t stream)
{
    if (is_spdy(link) && !link->is_failed) {
        put_reset(link, stream, SPDY_RST_CANCEL);
        api_wire_flush(link->wire);
    }
}

static void put_last_words(struct api_link *link, unsigned ws_code, uint32_t goaway,
                           struct ke_str why)
{
    char memory[32];
    if (link->has_closed) {
        return;
    }
    link->has_closed = true;
    if (is_spdy(link)) {
        struct ke_buf frame = KE_BUF_FIXED(memory, sizeof(memory));
        spdy_put_goaway(&frame, link->last_stream, goaway);
        put_spdy(link, &frame);
    }
    if (is_websocket(link)) {
        ws_put_close(api_wire_out(link->wire), ws_code, why);
    }
    api_wire_flush(link->wire);
}

/* The wire sends what there is and closes; the link is freed. */
static void let_go(struct api_link *link, bool is_lingering)
{
    api_wire_finish(link->wire, is_lingering);
    link->is_over = true;
    if (link->depth == 0) {
        link_free(link);
    }
}

void api_link_finish(struct api_link *link)
{
    put_last_words(link, WS_CLOSE_NORMAL, SPDY_GOAWAY_OK, KE_STR(""));
    link->user = NULL;
    if (is_websocket(link) && !link->is_failed) {
        /* Its close frame ends it: a client may wait for us to close the connection then. */
        link->is_blocked = false;
        api_wire_resume(link->wire);
        ke_loop_timer_after(link->pongs, LIMIT_STREAM_LINGER_MS * KE_MS);
        return;
    }
    let_go(link, true);
}

/* The client broke the protocol. The user's end of it comes with a turn of the wire's own. */
static void fail(struct api_link *link, unsigned ws_code, struct ke_str why)
{
    put_last_words(link, ws_code, SPDY_GOAWAY_PROTOCOL_ERROR, why);
    link->is_failed = true;
    link->is_lingering = ws_code != WS_CLOSE_NORMAL;
    ke_loop_timer_after(link->pongs, 0);
}

/* ---- blocked clients ---------------------------------------------------------------------------
 */

static void block(struct api_link *link)
{
    if (!link->is_blocked) {
        link->is_blocked = true;
        if (is_websocket(link)) {
            ke_loop_timer_after(link->pongs, PONG_NS);
        }
    }
}

void api_link_resume(struct api_link *link)
{
    if (link->is_blocked) {
        link->is_blocked = false;
        api_wire_resume(link->wire);
    }
}

static void link_gone(struct api_link *link)
{
    const struct api_link_user *user = link->user;
    link->user = NULL;
    link->is_over = true;
    link->depth++;
    if (user != NULL) {
        user->on_gone(link->ctx);
    }
    link->depth--;
    link_free(link);
}

static void on_pongs(void *ctx)
{
    struct api_link *link = ctx;
    if (link->is_failed) {
        api_wire_finish(link->wire, link->is_lingering); /* the close frame shall be read */
        link_gone(link);
        return;
    }
    if (link->user == NULL) {
        let_go(link, false); /* the client did not answer our close frame */
        return;
    }
    if (link->is_blocked) {
        /* RFC 6455 section 5.5.3: a heartbeat one way. Its pings wait behind the data. */
        if (api_wire_room(link->wire) > 0) {
            ws_put_control(api_wire_out(link->wire), WS_OP_PONG, KE_STR(""));
            api_wire_flush(link->wire);
        }
        ke_loop_timer_after(link->pongs, PONG_NS);
    }
}

/* ---- receiving: channels -----------------------------------------------------------------------
 */

static void take_bytes(struct api_link *link, const char *ptr, size_t len)
{
    if (len > 0 && !link->user->on_data(link->ctx, link->channel, ptr, len)) {
        block(link);
    }
}

/* Base64 in pieces; what is left of a group of four waits. */
static void take_base64(struct api_link *link, struct ke_str text)
{
    char memory[3 * 1024 + 8];
    struct ke_err err;
    while (text.len > 0 && is_listening(link)) {
        struct ke_buf bytes = KE_BUF_FIXED(memory, sizeof(memory));
        struct ke_str whole;
        if (link->quantum_len > 0 || text.len < 4) {
            link->quantum[link->quantum_len++] = text.ptr[0];
            text = ke_str_sub(text, 1, text.len - 1);
            if (link->quantum_len < 4) {
                continue;
            }
            whole = ke_str_of(link->quantum, 4);
            link->quantum_len = 0;
        } else {
            size_t n = text.len < 4096 ? text.len / 4 * 4 : 4096;
            whole = ke_str_sub(text, 0, n);
            text = ke_str_sub(text, n, text.len - n);
        }
        if (ke_base64_decode(whole, &bytes, &err) != KE_OK) {
            fail(link, WS_CLOSE_BAD_DATA, KE_STR("bad base64"));
            return;
        }
        take_bytes(link, bytes.ptr, bytes.len);
    }
}

/* The byte in front of a message. False: a channel that cannot be. */
static bool take_channel(struct api_link *link, uint8_t first)
{
    link->quantum_len = 0;
    link->is_half_close = link->has_half_close && first == HALF_CLOSE;
    if (link->is_half_close) {
        link->channel = NO_CHANNEL;
        return true;
    }
    link->channel = first;
    if (is_base64(link)) {
        link->channel = (uint32_t)first - '0';
        return first >= '0' && first <= '9';
    }
    return true;
}

static void take_half_close(struct api_link *link, struct ke_str data)
{
    for (size_t i = 0; i < data.len && is_listening(link); i++) {
        link->user->on_end(link->ctx, (uint8_t)data.ptr[i]);
    }
}

static void take_piece(struct api_link *link, const struct ws_event *event)
{
    struct ke_str data = event->data;
    if (event->is_first) {
        link->channel = NO_CHANNEL;
    }
    if (link->channel == NO_CHANNEL && !link->is_half_close && data.len > 0) {
        if (!take_channel(link, (uint8_t)data.ptr[0])) {
            fail(link, WS_CLOSE_PROTOCOL, KE_STR("bad channel"));
            return;
        }
        data = ke_str_sub(data, 1, data.len - 1);
    }
    if (link->is_half_close) {
        take_half_close(link, data);
    } else if (link->channel != NO_CHANNEL) {
        if (is_base64(link)) {
            take_base64(link, data);
        } else {
            take_bytes(link, data.ptr, data.len);
        }
    }
    if (event->is_last && link->quantum_len > 0 && is_listening(link)) {
        fail(link, WS_CLOSE_BAD_DATA, KE_STR("bad base64"));
    }
    if (event->is_last && is_listening(link)) {
        if (link->channel != NO_CHANNEL) {
            link->user->on_message_end(link->ctx, link->channel);
        }
        link->is_half_close = false;
    }
}

/* ---- receiving: SPDY ---------------------------------------------------------------------------
 */

static void put_reply(struct api_link *link, uint32_t stream)
{
    ke_auto_buf frame = KE_BUF_INIT(LIMIT_SPDY_CONTROL_BYTES);
    const struct spdy_frame reply = { .kind = SPDY_SYN_REPLY, .stream = stream };
    spdy_put_headers(link->encoder, &reply, &frame);
    put_spdy(link, &frame);
}

static void take_stream(struct api_link *link, const struct spdy_frame *frame)
{
    /* A client's streams are odd and count up. */
    if (frame->stream % 2 == 0 || frame->stream <= link->last_stream) {
        put_reset(link, frame->stream, SPDY_RST_PROTOCOL_ERROR);
        api_wire_flush(link->wire);
        return;
    }
    link->last_stream = frame->stream;
    if (!link->user->on_open(link->ctx, frame->stream, frame)) {
        if (is_listening(link)) {
            put_reset(link, frame->stream, SPDY_RST_REFUSED_STREAM);
            api_wire_flush(link->wire);
        }
        return;
    }
    if (!is_listening(link)) {
        return;
    }
    put_reply(link, frame->stream);
    api_wire_flush(link->wire);
    if (frame->is_fin) {
        link->user->on_end(link->ctx, frame->stream);
    }
}

static void take_frame(struct api_link *link, const struct spdy_frame *frame)
{
    char memory[16];
    struct ke_buf pong = KE_BUF_FIXED(memory, sizeof(memory));
    switch (frame->kind) {
    case SPDY_DATA:
        if (frame->data.len > 0 &&
            !link->user->on_data(link->ctx, frame->stream, frame->data.ptr, frame->data.len)) {
            block(link);
        }
        if (frame->is_fin && is_listening(link)) {
            link->user->on_end(link->ctx, frame->stream);
        }
        break;
    case SPDY_SYN_STREAM:
        take_stream(link, frame);
        break;
    case SPDY_HEADERS:
        if (frame->is_fin) {
            link->user->on_end(link->ctx, frame->stream);
        }
        break;
    case SPDY_RST_STREAM:
        link->user->on_reset(link->ctx, frame->stream);
        break;
    case SPDY_PING:
        /* Odd ones are the client's; an even one would answer ours, and we ask none. */
        if (frame->value % 2 == 1 && api_wire_out(link->wire)->len < PONG_ROOM) {
            spdy_put_ping(&pong, frame->value);
            put_spdy(link, &pong);
            api_wire_flush(link->wire);
        }
        break;
    case SPDY_SYN_REPLY:
    case SPDY_SETTINGS:
    case SPDY_GOAWAY: /* the client opens no more; what is open goes on */
    case SPDY_WINDOW_UPDATE:
        break;
    }
}

/* How many bytes are done with. */
static size_t take_spdy(struct api_link *link, struct ke_str bytes)
{
    size_t at = 0;
    while (!link->is_blocked && is_listening(link)) {
        struct spdy_frame frame;
        struct ke_err err;
        size_t used = 0;
        enum ke_code rc =
            spdy_decode(link->decoder, ke_str_sub(bytes, at, bytes.len - at), &used, &frame, &err);
        at += used;
        if (rc == KE_AGAIN) {
            break;
        }
        if (rc != KE_OK) {
            fail(link, WS_CLOSE_PROTOCOL, ke_str_c(err.msg));
            break;
        }
        take_frame(link, &frame);
    }
    return is_listening(link) ? at : bytes.len;
}

/* ---- receiving: WebSocket ----------------------------------------------------------------------
 */

static void take_tunnelled(struct api_link *link, struct ke_str bytes)
{
    size_t used = take_spdy(link, bytes);
    if (used < bytes.len) {
        ke_buf_add(&link->held, bytes.ptr + used, bytes.len - used);
        if (link->held.failed != KE_OK) {
            fail(link, WS_CLOSE_INTERNAL, KE_STR("out of memory"));
        }
    }
}

static void take_held(struct api_link *link)
{
    if (link->held.len == 0) {
        return;
    }
    size_t used = take_spdy(link, ke_buf_str(&link->held));
    if (!is_listening(link)) {
        return;
    }
    ke_buf_drop_front(&link->held, used);
    if (link->held.len == 0) {
        ke_buf_free(&link->held);
    }
}

static void take_event(struct api_link *link, const struct ws_event *event)
{
    switch (event->kind) {
    case WS_EVENT_DATA:
        if (is_spdy(link)) {
            take_tunnelled(link, event->data);
        } else if (!is_binary(link)) {
            take_piece(link, event);
        }
        break;
    case WS_EVENT_PING:
        if (!link->has_closed && api_wire_out(link->wire)->len < PONG_ROOM) {
            ws_put_control(api_wire_out(link->wire), WS_OP_PONG, event->data);
            api_wire_flush(link->wire);
        }
        break;
    case WS_EVENT_CLOSE:
        fail(link, WS_CLOSE_NORMAL, KE_STR(""));
        break;
    case WS_EVENT_BAD:
        fail(link, event->code, ke_str_c(event->why));
        break;
    case WS_EVENT_PONG:
    case WS_EVENT_NONE:
        break;
    }
}

static size_t take_websocket(struct api_link *link, char *ptr, size_t len)
{
    size_t at = 0;
    take_held(link);
    while (!link->is_blocked && is_listening(link)) {
        size_t used = 0;
        struct ws_event event = ws_decode(&link->ws, ptr + at, len - at, &used);
        at += used;
        if (event.kind == WS_EVENT_NONE && at == len) {
            break;
        }
        take_event(link, &event);
    }
    return at;
}

/* We have sent our close frame: only the client's counts. */
static void take_closing(struct api_link *link, char *ptr, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t used = 0;
        struct ws_event event = ws_decode(&link->ws, ptr + at, len - at, &used);
        at += used;
        if (event.kind == WS_EVENT_CLOSE || event.kind == WS_EVENT_BAD) {
            let_go(link, false);
            return;
        }
    }
}

static size_t on_bytes(void *ctx, char *ptr, size_t len)
{
    struct api_link *link = ctx;
    if (link->is_failed) {
        return len;
    }
    if (link->user == NULL) {
        take_closing(link, ptr, len);
        return len;
    }
    link->depth++;
    size_t used =
        is_websocket(link) ? take_websocket(link, ptr, len) : take_spdy(link, ke_str_of(ptr, len));
    link->depth--;
    if (link->is_over) {
        link_free(link);
        return len;
    }
    if (link->user == NULL && used < len) {
        take_closing(link, ptr + used, len - used);
        return len;
    }
    return used;
}

static void on_space(void *ctx)
{
    struct api_link *link = ctx;
    if (!is_listening(link)) {
        return;
    }
    link->depth++;
    link->user->on_space(link->ctx);
    link->depth--;
    if (link->is_over) {
        link_free(link);
    }
}

static void on_gone(void *ctx, bool is_stop)
{
    struct api_link *link = ctx;
    if (is_stop) {
        put_last_words(link, WS_CLOSE_GOING_AWAY, SPDY_GOAWAY_OK, KE_STR("server is stopping"));
    }
    link_gone(link);
}

/* ---- beginning ---------------------------------------------------------------------------------
 */

struct api_link *api_link_new(struct api_wire *wire, enum api_link_form form, bool has_half_close,
                              const struct api_link_user *user, void *ctx)
{
    static const struct api_wire_user wire_user = { on_bytes, on_space, on_gone };
    struct api_link *link = ke_alloc(sizeof(*link));
    if (link == NULL) {
        return NULL;
    }
    *link = (struct api_link){
        .wire = wire,
        .form = form,
        .has_half_close = has_half_close,
        .user = user,
        .ctx = ctx,
        .channel = NO_CHANNEL,
    };
    link->held.max = API_SCRATCH_BYTES;
    link->pongs = ke_loop_timer_new(api_wire_shard(wire)->loop, on_pongs, link);
    bool is_made = link->pongs != NULL;
    if (is_made && is_spdy(link)) {
        link->decoder = spdy_decoder_new();
        link->encoder = spdy_encoder_new();
        is_made = link->decoder != NULL && link->encoder != NULL;
    }
    if (!is_made) {
        link_free(link);
        return NULL;
    }
    api_wire_use(wire, &wire_user, link);
    return link;
}
