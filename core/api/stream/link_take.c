/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams over an upgraded connection: what comes, in each of the forms. On the wire's loop.
 */
#include "core/api/stream/link_impl.h"
#include "core/base/limits.h"

#define HALF_CLOSE 0xffU
/* What answers pings does not grow what waits for ever. */
#define PONG_ROOM (API_WIRE_HIGH + (64U << 10))

/* ---- channels ----------------------------------------------------------------------------------
 */

static void take_bytes(struct api_link *link, const char *ptr, size_t len)
{
    if (len > 0 && !link->user->on_data(link->ctx, link->channel, ptr, len)) {
        link_block(link);
    }
}

/* Base64 in pieces; what is left of a group of four waits. */
static void take_base64(struct api_link *link, struct ke_str text)
{
    char memory[3 * 1024 + 8];
    struct ke_err err;
    while (text.len > 0 && link_is_listening(link)) {
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
            link_fail(link, WS_CLOSE_BAD_DATA, KE_STR("bad base64"));
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
        link->channel = LINK_NO_CHANNEL;
        return true;
    }
    link->channel = first;
    if (link_is_base64(link)) {
        link->channel = (uint32_t)first - '0';
        return first >= '0' && first <= '9';
    }
    return true;
}

static void take_half_close(struct api_link *link, struct ke_str data)
{
    for (size_t i = 0; i < data.len && link_is_listening(link); i++) {
        link->user->on_end(link->ctx, (uint8_t)data.ptr[i]);
    }
}

static void take_piece(struct api_link *link, const struct ws_event *event)
{
    struct ke_str data = event->data;
    if (event->is_first) {
        link->channel = LINK_NO_CHANNEL;
    }
    if (link->channel == LINK_NO_CHANNEL && !link->is_half_close && data.len > 0) {
        if (!take_channel(link, (uint8_t)data.ptr[0])) {
            link_fail(link, WS_CLOSE_PROTOCOL, KE_STR("bad channel"));
            return;
        }
        data = ke_str_sub(data, 1, data.len - 1);
    }
    if (link->is_half_close) {
        take_half_close(link, data);
    } else if (link->channel != LINK_NO_CHANNEL) {
        if (link_is_base64(link)) {
            take_base64(link, data);
        } else {
            take_bytes(link, data.ptr, data.len);
        }
    }
    if (event->is_last && link->quantum_len > 0 && link_is_listening(link)) {
        link_fail(link, WS_CLOSE_BAD_DATA, KE_STR("bad base64"));
    }
    if (event->is_last && link_is_listening(link)) {
        if (link->channel != LINK_NO_CHANNEL) {
            link->user->on_message_end(link->ctx, link->channel);
        }
        link->is_half_close = false;
    }
}

/* ---- SPDY --------------------------------------------------------------------------------------
 */

static void put_reply(struct api_link *link, uint32_t stream)
{
    ke_auto_buf frame = KE_BUF_INIT(LIMIT_SPDY_CONTROL_BYTES);
    const struct spdy_frame reply = { .kind = SPDY_SYN_REPLY, .stream = stream };
    spdy_put_headers(link->encoder, &reply, &frame);
    link_put_spdy(link, &frame);
}

static void take_stream(struct api_link *link, const struct spdy_frame *frame)
{
    /* A client's streams are odd and count up. */
    if (frame->stream % 2 == 0 || frame->stream <= link->last_stream) {
        link_put_reset(link, frame->stream, SPDY_RST_PROTOCOL_ERROR);
        api_wire_flush(link->wire);
        return;
    }
    link->last_stream = frame->stream;
    if (!link->user->on_open(link->ctx, frame->stream, frame)) {
        if (link_is_listening(link)) {
            link_put_reset(link, frame->stream, SPDY_RST_REFUSED_STREAM);
            api_wire_flush(link->wire);
        }
        return;
    }
    if (!link_is_listening(link)) {
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
            link_block(link);
        }
        if (frame->is_fin && link_is_listening(link)) {
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
            link_put_spdy(link, &pong);
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

size_t link_take_spdy(struct api_link *link, struct ke_str bytes)
{
    size_t at = 0;
    while (!link->is_blocked && link_is_listening(link)) {
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
            link_fail(link, WS_CLOSE_PROTOCOL, ke_str_c(err.msg));
            break;
        }
        take_frame(link, &frame);
    }
    return link_is_listening(link) ? at : bytes.len;
}

/* ---- WebSocket ---------------------------------------------------------------------------------
 */

static void take_tunnelled(struct api_link *link, struct ke_str bytes)
{
    size_t used = link_take_spdy(link, bytes);
    if (used < bytes.len) {
        ke_buf_add(&link->held, bytes.ptr + used, bytes.len - used);
        if (link->held.failed != KE_OK) {
            link_fail(link, WS_CLOSE_INTERNAL, KE_STR("out of memory"));
        }
    }
}

static void take_held(struct api_link *link)
{
    if (link->held.len == 0) {
        return;
    }
    size_t used = link_take_spdy(link, ke_buf_str(&link->held));
    if (!link_is_listening(link)) {
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
        if (link_is_spdy(link)) {
            take_tunnelled(link, event->data);
        } else if (!link_is_binary(link)) {
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
        link_fail(link, WS_CLOSE_NORMAL, KE_STR(""));
        break;
    case WS_EVENT_BAD:
        link_fail(link, event->code, ke_str_c(event->why));
        break;
    case WS_EVENT_PONG:
    case WS_EVENT_NONE:
        break;
    }
}

size_t link_take_websocket(struct api_link *link, char *ptr, size_t len)
{
    size_t at = 0;
    take_held(link);
    while (!link->is_blocked && link_is_listening(link)) {
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

void link_take_closing(struct api_link *link, char *ptr, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t used = 0;
        struct ws_event event = ws_decode(&link->ws, ptr + at, len - at, &used);
        at += used;
        if (event.kind == WS_EVENT_CLOSE || event.kind == WS_EVENT_BAD) {
            link_let_go(link, false);
            return;
        }
    }
}
