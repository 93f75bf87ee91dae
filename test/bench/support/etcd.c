/* SPDX-License-Identifier: Apache-2.0 */
/* The little HTTP/2 and gRPC that calls to etcd need. One thread. */
#include "test/bench/support/etcd.h"

#include "test/bench/support/figures.h"

#define FRAME_HEAD   9
#define GRPC_HEAD    5
#define WINDOW       0x7fffffffU
#define FIRST_WINDOW 65535U /* of a connection: RFC 9113 section 6.9.2 */

enum { FRAME_DATA, FRAME_HEADERS, FRAME_RST = 3, FRAME_SETTINGS, FRAME_PING = 6, FRAME_GOAWAY };
enum { FRAME_WINDOW = 8, FLAG_ACK = 1, FLAG_END_STREAM = 1, FLAG_END_HEADERS = 4 };

static void add_frame(struct ke_buf *out, uint8_t type, uint8_t flags, uint32_t stream,
                      struct ke_str payload)
{
    ke_buf_add_be32(out, (uint32_t)payload.len << 8 | type);
    ke_buf_add_u8(out, flags);
    ke_buf_add_be32(out, stream);
    ke_buf_add_str(out, payload);
}

void etcd_open(struct etcd_client *client, struct bench_conn *conn)
{
    static const uint8_t settings[] = { 0, 2, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff };
    if (conn->fd >= ETCD_MAX_FDS)
        bench_fail("too many descriptors");
    client->next_stream[conn->fd] = 1;
    client->has_data[conn->fd] = false;
    ke_buf_add_c(&conn->out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    add_frame(&conn->out, FRAME_SETTINGS, 0, 0,
              ke_str_of((const char *)settings, sizeof(settings)));
    ke_buf_add_be32(&conn->out, 4U << 8 | FRAME_WINDOW);
    ke_buf_add_u8(&conn->out, 0);
    ke_buf_add_be32(&conn->out, 0);
    ke_buf_add_be32(&conn->out, WINDOW - FIRST_WINDOW);
}

static void add_literal(struct ke_buf *out, struct ke_str value)
{
    ke_buf_add_u8(out, (uint8_t)value.len); /* below 127: one byte */
    ke_buf_add_str(out, value);
}

void etcd_call(struct etcd_client *client, struct bench_conn *conn, struct ke_str method,
               bool is_last)
{
    char memory[256];
    struct ke_buf headers = KE_BUF_FIXED(memory, sizeof(memory));
    uint32_t stream = client->next_stream[conn->fd];
    client->next_stream[conn->fd] += 2;
    ke_buf_add(&headers, "\x83\x86\x04", 3); /* POST, http, :path */
    add_literal(&headers, method);
    ke_buf_add_u8(&headers, 1); /* :authority */
    add_literal(&headers, KE_STR("etcd"));
    ke_buf_add(&headers, "\x0f\x10", 2); /* content-type */
    add_literal(&headers, KE_STR("application/grpc"));
    ke_buf_add_u8(&headers, 0);
    add_literal(&headers, KE_STR("te"));
    add_literal(&headers, KE_STR("trailers"));
    add_frame(&conn->out, FRAME_HEADERS, FLAG_END_HEADERS, stream, ke_buf_str(&headers));
    ke_buf_add_be32(&conn->out, (uint32_t)(client->message.len + GRPC_HEAD) << 8 | FRAME_DATA);
    ke_buf_add_u8(&conn->out, is_last ? FLAG_END_STREAM : 0);
    ke_buf_add_be32(&conn->out, stream);
    ke_buf_add_u8(&conn->out, 0); /* not compressed */
    ke_buf_add_be32(&conn->out, (uint32_t)client->message.len);
    ke_buf_add_str(&conn->out, ke_buf_str(&client->message));
}

void etcd_add_varint(struct ke_buf *out, size_t value)
{
    for (; value > 127; value >>= 7)
        ke_buf_add_u8(out, (uint8_t)(value | 128));
    ke_buf_add_u8(out, (uint8_t)value);
}

void etcd_add_bytes(struct ke_buf *out, unsigned number, struct ke_str value)
{
    ke_buf_add_u8(out, (uint8_t)(number << 3 | 2));
    etcd_add_varint(out, value.len);
    ke_buf_add_str(out, value);
}

/* ETCD_NOTHING: a frame that only the connection is concerned with. */
static enum etcd_event take_frame(struct etcd_client *client, struct bench_conn *conn, uint32_t len)
{
    const uint8_t *frame = (const uint8_t *)conn->in.ptr;
    uint8_t type = frame[3];
    switch (type) {
    case FRAME_DATA:
        client->has_data[conn->fd] |= len > 0;
        return len > 0 ? ETCD_MESSAGE : ETCD_NOTHING;
    case FRAME_HEADERS:
        if ((frame[4] & FLAG_END_STREAM) == 0)
            return ETCD_NOTHING;
        if (!client->has_data[conn->fd])
            bench_fail("etcd refused a call");
        client->has_data[conn->fd] = false;
        return ETCD_END;
    case FRAME_SETTINGS:
    case FRAME_PING:
        if ((frame[4] & FLAG_ACK) == 0)
            add_frame(&conn->out, type, FLAG_ACK, 0,
                      ke_str_of(conn->in.ptr + FRAME_HEAD, type == FRAME_PING ? len : 0));
        bench_conn_flush(conn);
        return ETCD_NOTHING;
    case FRAME_RST:
    case FRAME_GOAWAY:
        bench_fail("etcd ended a call or the connection");
    default:
        return ETCD_NOTHING;
    }
}

enum etcd_event etcd_take(struct etcd_client *client, struct bench_conn *conn)
{
    while (conn->in.len >= FRAME_HEAD) {
        const uint8_t *frame = (const uint8_t *)conn->in.ptr;
        uint32_t len = (uint32_t)frame[0] << 16 | (uint32_t)frame[1] << 8 | frame[2];
        if (conn->in.len < FRAME_HEAD + len)
            return ETCD_NOTHING;
        enum etcd_event event = take_frame(client, conn, len);
        ke_buf_drop_front(&conn->in, FRAME_HEAD + len);
        if (event != ETCD_NOTHING)
            return event;
    }
    return ETCD_NOTHING;
}
