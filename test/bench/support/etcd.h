/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_BENCH_SUPPORT_ETCD_H
#define TEST_BENCH_SUPPORT_ETCD_H
/*
 * Calls to etcd over its own protocol, gRPC on HTTP/2 without TLS. Only as much of HTTP/2 as they
 * need: no header is compressed but by the static table, and the receive windows are opened so wide
 * that they last for a run. One thread.
 */
#include "test/bench/support/client.h"

#define ETCD_MAX_FDS 20000

struct etcd_client {
    struct ke_buf message;              /* of the next call */
    uint32_t next_stream[ETCD_MAX_FDS]; /* by the connection's descriptor */
    bool has_data[ETCD_MAX_FDS];
};

/* Appends what opens a connection. */
void etcd_open(struct etcd_client *client, struct bench_conn *conn);
/* Appends a call with client->message; is_last: the client says nothing more in it. */
void etcd_call(struct etcd_client *client, struct bench_conn *conn, struct ke_str method,
               bool is_last);

/* Protobuf: fields of client->message. */
void etcd_add_varint(struct ke_buf *out, size_t value);
void etcd_add_bytes(struct ke_buf *out, unsigned number, struct ke_str value);

enum etcd_event {
    ETCD_NOTHING, /* no whole frame left */
    ETCD_MESSAGE, /* a piece of an answer */
    ETCD_END      /* the answer is complete */
};
/* Takes frames out of in until something happens. A refusal ends the program. */
enum etcd_event etcd_take(struct etcd_client *client, struct bench_conn *conn);

#endif
