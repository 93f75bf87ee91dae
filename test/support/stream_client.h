/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_STREAM_CLIENT_H
#define TEST_SUPPORT_STREAM_CLIENT_H
/*
 * A client of upgraded connections, over the unix socket of a test API server: raw bytes, WebSocket
 * messages, SPDY frames. What it is told is kept by channel or stream. Everything asserts (cmocka)
 * and waits with a deadline. One thread.
 */
#include "core/net/stream/spdy.h"
#include "core/net/stream/websocket.h"
#include "test/support/api.h"
#include "test/support/fake_runtime.h"

#define STREAM_CLIENT_CHANNELS 16

struct stream_client {
    int fd;
    char head[8192]; /* of the answer, terminated */
    unsigned status;
    struct ws_decoder ws;
    struct spdy_decoder *decoder;
    struct spdy_encoder *encoder;
    bool is_spdy, is_tunnel;
    int channel; /* of the message at hand; -1: its first byte is to come */
    struct ke_buf channels[STREAM_CLIENT_CHANNELS]; /* by channel, or half the stream's number */
    bool is_ended[STREAM_CLIENT_CHANNELS];          /* SPDY: FIN or reset */
    unsigned close_code;                            /* of a close frame; 0: none */
    unsigned n_pongs, n_resets, n_replies, n_goaways;
    bool is_over; /* the server closed the connection */
};

/* The text of an upgrade: WebSocket with this protocol (NULL: none), or SPDY. */
void stream_client_head(struct ke_buf *out, const char *path, const char *protocol, bool is_spdy);
/* Sends it and reads the answer's head; is_tunnel: SPDY in WebSocket messages. */
void stream_client_open(struct stream_client *c, struct test_api *f, const char *path,
                        const char *protocol, bool is_spdy, bool is_tunnel);
void stream_client_close(struct stream_client *c);

void stream_client_bytes(struct stream_client *c, const void *ptr, size_t len);
/* One masked WebSocket frame with FIN. */
void stream_client_frame(struct stream_client *c, unsigned opcode, const void *ptr, size_t len);
/* A message of a channel. */
void stream_client_say(struct stream_client *c, char channel, const char *text);
void stream_client_put_frame(struct ke_buf *out, unsigned opcode, const void *ptr, size_t len);

/* SPDY: opens a stream of this type, of a port when it is not 0. */
void stream_client_syn(struct stream_client *c, uint32_t stream, const char *type, unsigned port,
                       unsigned request_id);
void stream_client_data(struct stream_client *c, uint32_t stream, const char *text, bool is_fin);

/* Reads once what there is; false: the connection is at its end. */
bool stream_client_turn(struct stream_client *c);
/* Until the channel has said text. */
void stream_client_await(struct stream_client *c, unsigned channel, const char *text);
void stream_client_await_over(struct stream_client *c);
/* Until no process of the runtime is left. */
void stream_await_idle(struct test_api *f, struct fake_runtime *runtime);

#endif
