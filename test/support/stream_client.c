/* SPDX-License-Identifier: Apache-2.0 */
/* See stream_client.h. */
#include "test/support/stream_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_BYTES (8U << 20)

void stream_client_head(struct ke_buf *out, const char *path, const char *protocol, bool is_spdy)
{
    if (is_spdy) {
        ke_buf_addf(out,
                    "POST %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
                    "Content-Length: 0\r\n",
                    path);
        if (protocol != NULL) {
            ke_buf_addf(out, "X-Stream-Protocol-Version: %s\r\n", protocol);
        }
    } else {
        ke_buf_addf(out,
                    "GET %s HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n"
                    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                    path);
        if (protocol != NULL) {
            ke_buf_addf(out, "Sec-WebSocket-Protocol: %s\r\n", protocol);
        }
    }
    ke_buf_add_c(out, "\r\n");
}

void stream_client_bytes(struct stream_client *c, const void *ptr, size_t len)
{
    size_t at = 0;
    while (at < len) {
        ssize_t n = send(c->fd, (const char *)ptr + at, len - at, MSG_NOSIGNAL);
        if (n < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            return; /* the server has had enough: what it said is read by who asks */
        }
        assert_true(n > 0);
        at += (size_t)n;
    }
}

static ssize_t receive(struct stream_client *c, char *ptr, size_t max)
{
    struct pollfd wait = { .fd = c->fd, .events = POLLIN };
    if (poll(&wait, 1, TEST_API_DEADLINE_MS) != 1) {
        fail_msg("nothing came; head: %s", c->head);
    }
    ssize_t n = recv(c->fd, ptr, max, 0);
    return n < 0 && errno == ECONNRESET ? 0 : n;
}

/* Byte by byte: what is behind the head stays in the socket. */
static void read_head(struct stream_client *c)
{
    size_t len = 0;
    while (len + 1 < sizeof(c->head) &&
           (len < 4 || memcmp(c->head + len - 4, "\r\n\r\n", 4) != 0)) {
        ssize_t n = receive(c, c->head + len, 1);
        if (n == 0) {
            break;
        }
        assert_true(n > 0);
        len++;
    }
    c->head[len] = '\0';
    c->status = len > 12 ? (unsigned)strtoul(c->head + 9, NULL, 10) : 0;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    assert_true(strlen(path) < sizeof(address.sun_path));
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

void stream_client_open(struct stream_client *c, struct test_api *f, const char *path,
                        const char *protocol, bool is_spdy, bool is_tunnel)
{
    ke_auto_buf head = KE_BUF_INIT(16384);
    *c = (struct stream_client){
        .fd = connect_to(f->socket),
        .ws = { .is_client = true },
        .is_spdy = is_spdy || is_tunnel,
        .is_tunnel = is_tunnel,
        .channel = -1,
    };
    for (size_t i = 0; i < STREAM_CLIENT_CHANNELS; i++) {
        c->channels[i].max = MAX_BYTES;
    }
    c->decoder = spdy_decoder_new();
    c->encoder = spdy_encoder_new();
    stream_client_head(&head, path, protocol, is_spdy);
    stream_client_bytes(c, head.ptr, head.len);
    read_head(c);
}

void stream_client_close(struct stream_client *c)
{
    close(c->fd);
    spdy_decoder_free(c->decoder);
    spdy_encoder_free(c->encoder);
    for (size_t i = 0; i < STREAM_CLIENT_CHANNELS; i++) {
        ke_buf_free(&c->channels[i]);
    }
}

void stream_client_put_frame(struct ke_buf *out, unsigned opcode, const void *ptr, size_t len)
{
    static const unsigned char mask[4] = { 9, 8, 7, 6 };
    ke_buf_add_u8(out, (uint8_t)(0x80U | opcode));
    if (len < 126) {
        ke_buf_add_u8(out, (uint8_t)(0x80U | len));
    } else {
        assert_true(len <= 0xffff);
        ke_buf_add_u8(out, 0x80U | 126U);
        ke_buf_add_be16(out, (uint16_t)len);
    }
    ke_buf_add(out, mask, sizeof(mask));
    for (size_t i = 0; i < len; i++) {
        ke_buf_add_u8(out, (uint8_t)(((const unsigned char *)ptr)[i] ^ mask[i % 4]));
    }
}

void stream_client_frame(struct stream_client *c, unsigned opcode, const void *ptr, size_t len)
{
    ke_auto_buf out = KE_BUF_INIT(MAX_BYTES);
    stream_client_put_frame(&out, opcode, ptr, len);
    stream_client_bytes(c, out.ptr, out.len);
}

void stream_client_say(struct stream_client *c, char channel, const char *text)
{
    ke_auto_buf message = KE_BUF_INIT(70000);
    ke_buf_add_char(&message, channel);
    ke_buf_add_c(&message, text);
    stream_client_frame(c, WS_OP_BINARY, message.ptr, message.len);
}

/* ---- SPDY --------------------------------------------------------------------------------------
 */

static void send_spdy(struct stream_client *c, const struct ke_buf *frame)
{
    if (c->is_tunnel) {
        stream_client_frame(c, WS_OP_BINARY, frame->ptr, frame->len);
    } else {
        stream_client_bytes(c, frame->ptr, frame->len);
    }
}

void stream_client_syn(struct stream_client *c, uint32_t stream, const char *type, unsigned port,
                       unsigned request_id)
{
    char port_text[16];
    char id_text[16];
    (void)snprintf(port_text, sizeof(port_text), "%u", port);
    (void)snprintf(id_text, sizeof(id_text), "%u", request_id);
    const struct spdy_header headers[] = {
        { KE_STR("streamtype"), ke_str_c(type) },
        { KE_STR("port"), ke_str_c(port_text) },
        { KE_STR("requestid"), ke_str_c(id_text) },
    };
    ke_auto_buf frame = KE_BUF_INIT(4096);
    const struct spdy_frame syn = { .kind = SPDY_SYN_STREAM,
                                    .stream = stream,
                                    .headers = headers,
                                    .n_headers = port != 0 ? 3 : 1 };
    spdy_put_headers(c->encoder, &syn, &frame);
    send_spdy(c, &frame);
}

void stream_client_data(struct stream_client *c, uint32_t stream, const char *text, bool is_fin)
{
    ke_auto_buf frame = KE_BUF_INIT(70000);
    spdy_put_data_head(&frame, stream, is_fin, strlen(text));
    ke_buf_add_c(&frame, text);
    send_spdy(c, &frame);
}

static void hear_spdy(struct stream_client *c, struct ke_str bytes)
{
    struct spdy_frame frame;
    struct ke_err err;
    for (;;) {
        size_t used = 0;
        enum ke_code rc = spdy_decode(c->decoder, bytes, &used, &frame, &err);
        bytes = ke_str_sub(bytes, used, bytes.len - used);
        if (rc != KE_OK) {
            assert_int_equal(rc, KE_AGAIN);
            return;
        }
        size_t at = frame.stream / 2 % STREAM_CLIENT_CHANNELS;
        ke_buf_add_str(&c->channels[at], frame.data);
        c->is_ended[at] = c->is_ended[at] || (frame.kind == SPDY_DATA && frame.is_fin) ||
                          frame.kind == SPDY_RST_STREAM;
        c->n_resets += frame.kind == SPDY_RST_STREAM ? 1 : 0;
        c->n_replies += frame.kind == SPDY_SYN_REPLY ? 1 : 0;
        c->n_goaways += frame.kind == SPDY_GOAWAY ? 1 : 0;
        c->n_pongs += frame.kind == SPDY_PING ? 1 : 0;
    }
}

/* ---- WebSocket ---------------------------------------------------------------------------------
 */

static void hear_message(struct stream_client *c, const struct ws_event *event)
{
    struct ke_str data = event->data;
    if (c->is_tunnel) {
        hear_spdy(c, data);
        return;
    }
    if (event->is_first) {
        c->channel = -1;
    }
    if (c->channel < 0 && data.len > 0) {
        c->channel = (unsigned char)data.ptr[0] % STREAM_CLIENT_CHANNELS;
        data = ke_str_sub(data, 1, data.len - 1);
    }
    if (c->channel >= 0) {
        ke_buf_add_str(&c->channels[c->channel], data);
    }
}

static void hear_websocket(struct stream_client *c, char *ptr, size_t len)
{
    for (size_t at = 0; at < len;) {
        size_t used = 0;
        struct ws_event event = ws_decode(&c->ws, ptr + at, len - at, &used);
        at += used;
        assert_int_not_equal(event.kind, WS_EVENT_BAD);
        if (event.kind == WS_EVENT_DATA) {
            hear_message(c, &event);
        } else if (event.kind == WS_EVENT_CLOSE) {
            c->close_code = event.code;
        } else if (event.kind == WS_EVENT_PONG) {
            c->n_pongs++;
        }
    }
}

bool stream_client_turn(struct stream_client *c)
{
    char bytes[16384];
    ssize_t n = receive(c, bytes, sizeof(bytes));
    assert_true(n >= 0);
    if (n == 0) {
        c->is_over = true;
        return false;
    }
    if (c->is_spdy && !c->is_tunnel) {
        hear_spdy(c, ke_str_of(bytes, (size_t)n));
    } else {
        hear_websocket(c, bytes, (size_t)n);
    }
    return true;
}

void stream_client_await(struct stream_client *c, unsigned channel, const char *text)
{
    struct ke_buf *said = &c->channels[channel];
    while (said->len == 0 || memmem(said->ptr, said->len, text, strlen(text)) == NULL) {
        if (!stream_client_turn(c)) {
            fail_msg("ended without %s: %.*s", text, (int)said->len, said->ptr);
        }
    }
}

void stream_client_await_over(struct stream_client *c)
{
    while (stream_client_turn(c)) {
    }
}

void stream_await_idle(struct test_api *f, struct fake_runtime *runtime)
{
    int64_t until_ns = ke_now_ns() + TEST_API_DEADLINE_MS * KE_MS;
    while (fake_runtime_busy(runtime) > 0) {
        assert_true(ke_now_ns() < until_ns);
        assert_int_equal(test_api_get(f, "/livez"), 200);
    }
}
