/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_BENCH_SUPPORT_CLIENT_H
#define TEST_BENCH_SUPPORT_CLIENT_H
/*
 * A client's connection that does not block: bytes out, bytes in, over the local socket, TCP or
 * TLS; and whole HTTP answers out of what came in. One thread. What goes wrong ends the program.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/net/http/http1.h"
#include "core/net/tls/tls.h"

struct bench_target {
    const char *unix_path; /* or NULL */
    const char *ip;        /* dotted, for TCP */
    uint16_t port;
    struct tls_context *tls; /* NULL: plain */
};

/* unix:PATH, tcp:IP:PORT, or tls:IP:PORT with the certificates of pki_dir (ca.pem, admin.pem).
 * text is borrowed as long as the target. */
struct bench_target bench_target_parse(char *text, const char *pki_dir);

struct bench_conn {
    int fd; /* owned */
    struct tls_session *tls;
    struct ke_buf out; /* not yet sent */
    struct ke_buf in;  /* received and not yet taken */
    bool is_closed;    /* the server ended it */
    bool wants_write;
};

/* Connected, shaken hands. */
void bench_conn_open(struct bench_conn *conn, const struct bench_target *target);
void bench_conn_close(struct bench_conn *conn);
/* Sends what it can of out. */
void bench_conn_flush(struct bench_conn *conn);
/* Reads what is there; false when nothing was. */
bool bench_conn_fill(struct bench_conn *conn);
/* Blocks until something can be read, or timeout_ms are over: false. */
bool bench_conn_wait(struct bench_conn *conn, int timeout_ms);

/* One whole answer out of in; body is borrowed from in until bench_conn_drop. False: not there yet.
 * A chunked body is decoded in place. */
struct bench_answer {
    unsigned status;
    struct ke_str body;
    size_t len; /* of the answer in in */
};
bool bench_conn_answer(struct bench_conn *conn, struct bench_answer *out);
void bench_conn_drop(struct bench_conn *conn, const struct bench_answer *answer);

/* Appends a request; body may be empty. */
struct bench_request {
    const char *method, *path, *content_type;
    const char *host; /* NULL: kedge */
    struct ke_str body;
};
void bench_conn_request(struct bench_conn *conn, const struct bench_request *request);
/* Sends, waits for the answer (30 s at most). To be dropped. */
struct bench_answer bench_conn_call(struct bench_conn *conn, const struct bench_request *request);
/* The same, ends the program unless the status is 2xx. */
void bench_conn_must(struct bench_conn *conn, const struct bench_request *request);

#endif
