/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RFC 6455 framing. Pure; any thread.
 */
#include "core/net/stream/websocket.h"

#include <string.h>

#include "core/net/tls/x509.h"

#define GUID      "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_TEXT  24
#define KEY_BYTES 16

#define BIT_FIN   0x80U
#define BITS_RSV  0x70U
#define BIT_MASK  0x80U

bool ws_key_is_valid(struct ke_str key)
{
    char memory[KEY_TEXT];
    struct ke_buf bytes = KE_BUF_FIXED(memory, sizeof(memory));
    struct ke_err err;
    return key.len == KEY_TEXT && ke_base64_decode(key, &bytes, &err) == KE_OK &&
           bytes.len == KEY_BYTES;
}

void ws_accept_key(struct ke_str key, char out[WS_ACCEPT_TEXT])
{
    char memory[KEY_TEXT + sizeof(GUID)];
    uint8_t digest[SHA1_BYTES];
    struct ke_buf text = KE_BUF_FIXED(memory, sizeof(memory));
    struct ke_buf accept = KE_BUF_FIXED(out, WS_ACCEPT_TEXT - 1);
    ke_buf_add_str(&text, ke_str_sub(key, 0, KEY_TEXT));
    ke_buf_add_c(&text, GUID);
    sha1(text.ptr, text.len, digest);
    ke_buf_add_base64(&accept, digest, sizeof(digest));
    out[accept.len] = '\0';
}

/* ---- decoding ----------------------------------------------------------------------------------
 */

static struct ws_event bad(struct ws_decoder *d, unsigned code, const char *why)
{
    d->is_over = true;
    return (struct ws_event){ .kind = WS_EVENT_BAD, .code = code, .why = why };
}

/* Bytes that the head has altogether; at least two are there. */
static size_t head_size(const struct ws_decoder *d)
{
    unsigned len = d->head[1] & 0x7fU;
    size_t size = 2 + (len == 126 ? 2U : 0U) + (len == 127 ? 8U : 0U);
    return size + ((d->head[1] & BIT_MASK) != 0 ? 4U : 0U);
}

static bool is_control(unsigned opcode)
{
    return opcode >= WS_OP_CLOSE;
}

/* What the first two bytes forbid; NULL: fine. */
static const char *check_head(const struct ws_decoder *d)
{
    unsigned opcode = d->head[0] & 0x0fU;
    bool is_fin = (d->head[0] & BIT_FIN) != 0;
    bool is_masked = (d->head[1] & BIT_MASK) != 0;
    if ((d->head[0] & BITS_RSV) != 0) {
        return "reserved bits set";
    }
    if (is_masked == d->is_client) {
        return d->is_client ? "masked frame from a server" : "frame without mask";
    }
    if (is_control(opcode)) {
        bool is_known = opcode <= WS_OP_PONG;
        bool is_short = (d->head[1] & 0x7fU) <= WS_CONTROL_MAX;
        return is_known && is_fin && is_short ? NULL : "bad control frame";
    }
    if (opcode > WS_OP_BINARY) {
        return "unknown opcode";
    }
    if ((opcode == WS_OP_CONTINUATION) != d->is_in_message) {
        return d->is_in_message ? "message inside a message" : "continuation of nothing";
    }
    return NULL;
}

static uint64_t read_be(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

/* The head is whole. False: its length is no length. */
static bool begin_frame(struct ws_decoder *d)
{
    unsigned len = d->head[1] & 0x7fU;
    size_t n = len == 126 ? 2 : 8;
    d->left = len < 126 ? len : read_be(d->head + 2, n);
    /* The shortest form is a must, and the topmost bit of the longest is zero. */
    bool is_minimal = len < 126 || (len == 126 ? d->left >= 126 : d->left > 0xffff);
    if (!is_minimal || d->left > INT64_MAX) {
        return false;
    }
    memset(d->mask, 0, sizeof(d->mask));
    if ((d->head[1] & BIT_MASK) != 0) {
        memcpy(d->mask, d->head + d->head_len - 4, 4);
    }
    d->mask_at = 0;
    d->opcode = d->head[0] & 0x0fU;
    d->is_fin = (d->head[0] & BIT_FIN) != 0;
    d->is_in_frame = true;
    d->head_len = 0;
    d->control_len = 0;
    if (d->opcode == WS_OP_TEXT || d->opcode == WS_OP_BINARY) {
        d->message_opcode = d->opcode;
        d->is_in_message = true;
        d->is_fresh = true;
    }
    return true;
}

static void unmask(struct ws_decoder *d, char *p, size_t n)
{
    if (d->is_client) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        p[i] = (char)((uint8_t)p[i] ^ d->mask[d->mask_at]);
        d->mask_at = (d->mask_at + 1) & 3U;
    }
}

static bool is_close_code(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static struct ws_event close_event(struct ws_decoder *d)
{
    struct ws_event event = { .kind = WS_EVENT_CLOSE, .code = WS_CLOSE_NO_CODE };
    if (d->control_len == 1) {
        return bad(d, WS_CLOSE_PROTOCOL, "close frame of one byte");
    }
    if (d->control_len >= 2) {
        event.code = (unsigned)read_be((const uint8_t *)d->control, 2);
        event.data = ke_str_of(d->control + 2, d->control_len - 2);
        if (!is_close_code(event.code)) {
            return bad(d, WS_CLOSE_PROTOCOL, "bad close code");
        }
        if (!ke_str_is_utf8(event.data)) {
            return bad(d, WS_CLOSE_BAD_DATA, "close reason is not UTF-8");
        }
    }
    d->is_over = true;
    return event;
}

static struct ws_event control_event(struct ws_decoder *d)
{
    d->is_in_frame = false;
    if (d->opcode == WS_OP_CLOSE) {
        return close_event(d);
    }
    return (struct ws_event){
        .kind = d->opcode == WS_OP_PING ? WS_EVENT_PING : WS_EVENT_PONG,
        .data = ke_str_of(d->control, d->control_len),
    };
}

static struct ws_event data_event(struct ws_decoder *d, struct ke_str piece)
{
    bool is_frame_end = d->left == 0;
    struct ws_event event = {
        .kind = WS_EVENT_DATA,
        .data = piece,
        .is_first = d->is_fresh,
        .is_last = is_frame_end && d->is_fin,
        .opcode = (enum ws_opcode)d->message_opcode,
    };
    d->is_fresh = false;
    d->is_in_frame = !is_frame_end;
    d->is_in_message = !event.is_last;
    return event;
}

/* Bytes of the payload, or the empty payload of a frame that has just begun. */
static struct ws_event take_payload(struct ws_decoder *d, char *input, size_t len, size_t *used)
{
    size_t n = d->left < len ? (size_t)d->left : len;
    unmask(d, input, n);
    d->left -= n;
    *used += n;
    if (!is_control(d->opcode)) {
        bool is_nothing = n == 0 && d->left > 0;
        return is_nothing ? (struct ws_event){ .kind = WS_EVENT_NONE }
                          : data_event(d, ke_str_of(input, n));
    }
    if (n > 0) {
        memcpy(d->control + d->control_len, input, n); /* check_head: it fits */
        d->control_len += n;
    }
    return d->left == 0 ? control_event(d) : (struct ws_event){ .kind = WS_EVENT_NONE };
}

struct ws_event ws_decode(struct ws_decoder *d, char *input, size_t len, size_t *used)
{
    *used = 0;
    if (d->is_over) {
        *used = len;
        return (struct ws_event){ .kind = WS_EVENT_NONE };
    }
    while (!d->is_in_frame) {
        if (d->head_len >= 2 && d->head_len == head_size(d)) {
            if (!begin_frame(d)) {
                return bad(d, WS_CLOSE_PROTOCOL, "bad length");
            }
            break;
        }
        if (*used == len) {
            return (struct ws_event){ .kind = WS_EVENT_NONE };
        }
        d->head[d->head_len++] = (uint8_t)input[(*used)++];
        const char *why = d->head_len == 2 ? check_head(d) : NULL;
        if (why != NULL) {
            return bad(d, WS_CLOSE_PROTOCOL, why);
        }
    }
    size_t at = *used;
    return take_payload(d, input + at, len - at, used);
}

/* ---- encoding ----------------------------------------------------------------------------------
 */

void ws_put_head(struct ke_buf *out, enum ws_opcode opcode, uint64_t len)
{
    ke_buf_add_u8(out, (uint8_t)(BIT_FIN | (unsigned)opcode));
    if (len < 126) {
        ke_buf_add_u8(out, (uint8_t)len);
    } else if (len <= 0xffff) {
        ke_buf_add_u8(out, 126);
        ke_buf_add_be16(out, (uint16_t)len);
    } else {
        ke_buf_add_u8(out, 127);
        ke_buf_add_be32(out, (uint32_t)(len >> 32));
        ke_buf_add_be32(out, (uint32_t)len);
    }
}

void ws_put_control(struct ke_buf *out, enum ws_opcode opcode, struct ke_str payload)
{
    struct ke_str cut = ke_str_sub(payload, 0, WS_CONTROL_MAX);
    ws_put_head(out, opcode, cut.len);
    ke_buf_add_str(out, cut);
}

void ws_put_close(struct ke_buf *out, unsigned code, struct ke_str reason)
{
    char memory[WS_CONTROL_MAX];
    struct ke_buf payload = KE_BUF_FIXED(memory, sizeof(memory));
    ke_buf_add_be16(&payload, (uint16_t)code);
    /* Cut between characters. */
    size_t len = 0;
    while (len < reason.len) {
        size_t step = ke_str_utf8_step(reason, len);
        if (step == 0 || len + step > WS_CONTROL_MAX - 2) {
            break;
        }
        len += step;
    }
    ke_buf_add(&payload, reason.ptr, len);
    ws_put_control(out, WS_OP_CLOSE, ke_buf_str(&payload));
}

/* ---- protocols ---------------------------------------------------------------------------------
 */

static const char *find_ours(struct ke_str name, const char *const *ours)
{
    for (size_t i = 0; ours[i] != NULL; i++) {
        if (ke_str_eq_c(name, ours[i])) {
            return ours[i];
        }
    }
    return NULL;
}

const char *ws_choose_protocol(struct ke_str offered, const char *const *ours)
{
    struct ke_str rest = ke_str_trim(offered);
    struct ke_str one;
    if (rest.len == 0) {
        return find_ours(KE_STR(""), ours);
    }
    while (ke_str_split(&rest, ',', &one)) {
        struct ke_str name = ke_str_trim(one);
        const char *found = name.len > 0 ? find_ours(name, ours) : NULL;
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}
