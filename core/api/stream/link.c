/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams over an upgraded connection: what is sent, who waits, beginning and end. On the wire's
 * loop.
 */
#include "core/api/stream/link_impl.h"
#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#define PIECE_BYTES 16384U /* of one message or frame that we send */
/* Well below the 61 s after which kubectl takes a server for dead. */
#define PONG_NS (10 * KE_S)

static void link_free(struct api_link *link)
{
    ke_loop_timer_free(link->pongs);
    spdy_decoder_free(link->decoder);
    spdy_encoder_free(link->encoder);
    ke_buf_free(&link->held);
    free(link);
}

/* ---- sending -----------------------------------------------------------------------------------
 */

size_t api_link_room(const struct api_link *link)
{
    return link->is_failed || link->has_closed ? 0 : api_wire_room(link->wire);
}

void link_put_spdy(struct api_link *link, const struct ke_buf *frame)
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
    size_t n_channel = link_is_binary(link) ? 0 : 1;
    if (link_is_base64(link)) {
        ws_put_head(out, WS_OP_TEXT, n_channel + (data.len + 2) / 3 * 4);
    } else {
        ws_put_head(out, WS_OP_BINARY, n_channel + data.len);
    }
    if (n_channel > 0) {
        ke_buf_add_u8(out, (uint8_t)(link_is_base64(link) ? '0' + channel : channel));
    }
    if (link_is_base64(link)) {
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
        if (link_is_spdy(link)) {
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
    if (link_is_spdy(link) && !link->is_failed) {
        put_data(link, stream, true, KE_STR(""));
        api_wire_flush(link->wire);
    }
}

void link_put_reset(struct api_link *link, uint32_t stream, uint32_t status)
{
    char memory[32];
    struct ke_buf frame = KE_BUF_FIXED(memory, sizeof(memory));
    spdy_put_reset(&frame, stream, status);
    link_put_spdy(link, &frame);
}

void api_link_reset(struct api_link *link, uint32_t stream)
{
    if (link_is_spdy(link) && !link->is_failed) {
        link_put_reset(link, stream, SPDY_RST_CANCEL);
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
    if (link_is_spdy(link)) {
        struct ke_buf frame = KE_BUF_FIXED(memory, sizeof(memory));
        spdy_put_goaway(&frame, link->last_stream, goaway);
        link_put_spdy(link, &frame);
    }
    if (link_is_websocket(link)) {
        ws_put_close(api_wire_out(link->wire), ws_code, why);
    }
    api_wire_flush(link->wire);
}

void link_let_go(struct api_link *link, bool is_lingering)
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
    if (link_is_websocket(link) && !link->is_failed) {
        /* Its close frame ends it: a client may wait for us to close the connection then. */
        link->is_blocked = false;
        api_wire_resume(link->wire);
        ke_loop_timer_after(link->pongs, LIMIT_STREAM_LINGER_MS * KE_MS);
        return;
    }
    link_let_go(link, true);
}

void link_fail(struct api_link *link, unsigned ws_code, struct ke_str why)
{
    put_last_words(link, ws_code, SPDY_GOAWAY_PROTOCOL_ERROR, why);
    link->is_failed = true;
    link->is_lingering = ws_code != WS_CLOSE_NORMAL;
    ke_loop_timer_after(link->pongs, 0);
}

/* ---- blocked clients ---------------------------------------------------------------------------
 */

void link_block(struct api_link *link)
{
    if (!link->is_blocked) {
        link->is_blocked = true;
        if (link_is_websocket(link)) {
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
        link_let_go(link, false); /* the client did not answer our close frame */
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

/* ---- what the wire says -------------------------------------------------------------------------
 */

static size_t on_bytes(void *ctx, char *ptr, size_t len)
{
    struct api_link *link = ctx;
    if (link->is_failed) {
        return len;
    }
    if (link->user == NULL) {
        link_take_closing(link, ptr, len);
        return len;
    }
    link->depth++;
    size_t used = link_is_websocket(link) ? link_take_websocket(link, ptr, len)
                                          : link_take_spdy(link, ke_str_of(ptr, len));
    link->depth--;
    if (link->is_over) {
        link_free(link);
        return len;
    }
    if (link->user == NULL && used < len) {
        link_take_closing(link, ptr + used, len - used);
        return len;
    }
    return used;
}

static void on_space(void *ctx)
{
    struct api_link *link = ctx;
    if (!link_is_listening(link)) {
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
        .channel = LINK_NO_CHANNEL,
    };
    link->held.max = API_SCRATCH_BYTES;
    link->pongs = ke_loop_timer_new(api_wire_shard(wire)->loop, on_pongs, link);
    bool is_made = link->pongs != NULL;
    if (is_made && link_is_spdy(link)) {
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
