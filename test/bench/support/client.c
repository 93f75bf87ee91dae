/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of the benches. One thread; blocks where the header says so. */
#include "test/bench/support/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "test/bench/support/figures.h"

#define MAX_BYTES  (512U << 20) /* of one answer */
#define READ_BYTES 65536
#define ANSWER_MS  30000
#define PATH_BYTES 4096

static struct tls_context *make_tls(const char *pki_dir)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf ca = KE_BUF_INIT(LIMIT_PEM_BYTES);
    ke_auto_buf admin = KE_BUF_INIT(LIMIT_PEM_BYTES);
    struct tls_client_options options = { 0 };
    struct tls_context *tls = NULL;
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/ca.pem", pki_dir);
    if (ke_file_read(path, &ca, &err) != KE_OK)
        bench_die(path, &err);
    (void)snprintf(path, sizeof(path), "%s/admin.pem", pki_dir);
    if (ke_file_read(path, &admin, &err) != KE_OK ||
        tls_cert_new(ke_buf_str(&admin), ke_buf_str(&admin), &options.cert, &err) != KE_OK)
        bench_die(path, &err);
    options.ca_pem = ke_buf_str(&ca);
    if (tls_client_new(&options, &tls, &err) != KE_OK)
        bench_die("TLS", &err);
    tls_cert_unref(options.cert);
    return tls;
}

struct bench_target bench_target_parse(char *text, const char *pki_dir)
{
    struct bench_target target = { 0 };
    bool is_tls = strncmp(text, "tls:", 4) == 0;
    if (strncmp(text, "unix:", 5) == 0) {
        target.unix_path = text + 5;
        return target;
    }
    char *colon = strrchr(text, ':');
    if ((!is_tls && strncmp(text, "tcp:", 4) != 0) || colon == text + 3)
        bench_fail("not unix:PATH, tcp:IP:PORT or tls:IP:PORT: %s", text);
    *colon = '\0';
    target.ip = text + 4;
    target.port = (uint16_t)bench_number(colon + 1, UINT16_MAX);
    if (is_tls)
        target.tls = make_tls(pki_dir);
    return target;
}

static int connect_fd(const struct bench_target *target)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(target->port) };
    bool is_unix = target->unix_path != NULL;
    int on = 1;
    if (is_unix && strlen(target->unix_path) >= sizeof(un.sun_path))
        bench_fail("path of the socket is too long: %s", target->unix_path);
    if (is_unix)
        memcpy(un.sun_path, target->unix_path, strlen(target->unix_path) + 1);
    else if (inet_pton(AF_INET, target->ip, &in.sin_addr) != 1)
        bench_fail("not an IPv4 address: %s", target->ip);
    int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr *sa = is_unix ? (void *)&un : (void *)&in;
    socklen_t sa_len = is_unix ? sizeof(un) : sizeof(in);
    if (fd < 0 || connect(fd, sa, sa_len) != 0)
        bench_fail("connect: %s", strerrorname_np(errno));
    if (!is_unix)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        bench_fail("fcntl: %s", strerrorname_np(errno));
    return fd;
}

static void wait_fd(int fd, short events)
{
    struct pollfd pollfd = { .fd = fd, .events = events };
    if (poll(&pollfd, 1, ANSWER_MS) == 0)
        bench_fail("no answer within %d ms", ANSWER_MS);
}

static void shake_hands(struct bench_conn *conn, const struct bench_target *target)
{
    struct ke_err err = KE_ERR_INIT;
    conn->tls = tls_session_new(target->tls, conn->fd, ke_str_c(target->ip));
    if (conn->tls == NULL)
        bench_fail("no TLS session");
    for (;;) {
        enum tls_want want = TLS_WANT_READ;
        enum ke_code rc = tls_handshake(conn->tls, &want, &err);
        if (rc == KE_OK)
            return;
        if (rc != KE_AGAIN)
            bench_die("TLS", &err);
        wait_fd(conn->fd, want == TLS_WANT_READ ? POLLIN : POLLOUT);
    }
}

void bench_conn_open(struct bench_conn *conn, const struct bench_target *target)
{
    *conn = (struct bench_conn){ .out = KE_BUF_INIT(MAX_BYTES), .in = KE_BUF_INIT(MAX_BYTES) };
    conn->fd = connect_fd(target);
    if (target->tls != NULL)
        shake_hands(conn, target);
}

void bench_conn_close(struct bench_conn *conn)
{
    tls_session_free(conn->tls);
    if (conn->fd >= 0)
        (void)close(conn->fd);
    ke_buf_free(&conn->out);
    ke_buf_free(&conn->in);
    *conn = (struct bench_conn){ .fd = -1 };
}

/* -1: not now. */
static ssize_t send_some(struct bench_conn *conn)
{
    enum tls_want want = TLS_WANT_WRITE;
    ssize_t n = conn->tls != NULL ? tls_write(conn->tls, conn->out.ptr, conn->out.len, &want)
                                  : send(conn->fd, conn->out.ptr, conn->out.len, MSG_NOSIGNAL);
    if (n < -1 || (n < 0 && conn->tls == NULL && errno != EAGAIN))
        conn->is_closed = true;
    return n;
}

void bench_conn_flush(struct bench_conn *conn)
{
    while (conn->out.len > 0 && !conn->is_closed) {
        ssize_t n = send_some(conn);
        if (n <= 0)
            break;
        ke_buf_drop_front(&conn->out, (size_t)n);
    }
    conn->wants_write = conn->out.len > 0;
}

bool bench_conn_fill(struct bench_conn *conn)
{
    size_t before = conn->in.len;
    while (!conn->is_closed) {
        enum tls_want want = TLS_WANT_READ;
        void *to = ke_buf_reserve(&conn->in, READ_BYTES);
        if (to == NULL)
            bench_fail("an answer is too large");
        ssize_t n = conn->tls != NULL ? tls_read(conn->tls, to, READ_BYTES, &want)
                                      : recv(conn->fd, to, READ_BYTES, 0);
        if (n > 0)
            conn->in.len += (size_t)n;
        if (n == 0 || n < -1 || (n < 0 && conn->tls == NULL && errno != EAGAIN))
            conn->is_closed = true;
        if (n < 0 || (conn->tls == NULL && n < READ_BYTES))
            break;
    }
    return conn->in.len > before;
}

bool bench_conn_wait(struct bench_conn *conn, int timeout_ms)
{
    struct pollfd pollfd = { .fd = conn->fd, .events = POLLIN };
    if (conn->wants_write)
        pollfd.events |= POLLOUT;
    return poll(&pollfd, 1, timeout_ms) > 0;
}

/* Decodes over itself: data never overtakes what it is decoded from. */
static bool take_chunked(struct ke_buf *in, size_t head_len, struct bench_answer *out)
{
    struct http_chunked probe = { 0 };
    size_t at = head_len;
    bool is_done = false;
    struct ke_str data = { 0 };
    size_t used = 0;
    while (!is_done && at < in->len) {
        if (http_chunked_next(&probe, ke_str_of(in->ptr + at, in->len - at), &data, &used,
                              &is_done) != HTTP_OK)
            bench_fail("a chunked body that is none");
        at += used;
    }
    if (!is_done)
        return false;
    struct http_chunked chunked = { 0 };
    size_t to = head_len;
    is_done = false;
    for (at = head_len; !is_done; at += used) {
        (void)http_chunked_next(&chunked, ke_str_of(in->ptr + at, in->len - at), &data, &used,
                                &is_done);
        memmove(in->ptr + to, data.ptr, data.len);
        to += data.len;
    }
    out->body = ke_str_of(in->ptr + head_len, to - head_len);
    out->len = at;
    return true;
}

bool bench_conn_answer(struct bench_conn *conn, struct bench_answer *out)
{
    struct http_head head;
    struct ke_buf *in = &conn->in;
    if (in->len == 0) {
        if (conn->is_closed)
            bench_fail("the server closed the connection");
        return false;
    }
    enum http_result result = http_parse_response(ke_buf_str(in), KE_STR("GET"), &head);
    if (result != HTTP_OK && result != HTTP_MORE)
        bench_fail("an answer that is not HTTP: %.*s", (int)(in->len < 80 ? in->len : 80), in->ptr);
    if (result == HTTP_MORE) {
        if (conn->is_closed)
            bench_fail("the server closed the connection within a head");
        return false;
    }
    out->status = head.status;
    if (head.framing == HTTP_BODY_CHUNKED)
        return take_chunked(in, head.len, out);
    if (head.framing == HTTP_BODY_UNTIL_CLOSE)
        bench_fail("an answer of no known length");
    size_t body_len = head.framing == HTTP_BODY_LENGTH ? (size_t)head.content_length : 0;
    if (in->len - head.len < body_len)
        return false;
    out->body = ke_str_of(in->ptr + head.len, body_len);
    out->len = head.len + body_len;
    return true;
}

void bench_conn_drop(struct bench_conn *conn, const struct bench_answer *answer)
{
    ke_buf_drop_front(&conn->in, answer->len);
}

void bench_conn_request(struct bench_conn *conn, const struct bench_request *request)
{
    ke_buf_addf(&conn->out, "%s %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n",
                request->method, request->path, request->host != NULL ? request->host : "kedge");
    if (request->content_type != NULL)
        ke_buf_addf(&conn->out, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                    request->content_type, request->body.len);
    ke_buf_add_c(&conn->out, "\r\n");
    ke_buf_add_str(&conn->out, request->body);
}

struct bench_answer bench_conn_call(struct bench_conn *conn, const struct bench_request *request)
{
    struct bench_answer answer;
    bench_conn_request(conn, request);
    bench_conn_flush(conn);
    while (!bench_conn_answer(conn, &answer)) {
        if (!bench_conn_wait(conn, ANSWER_MS))
            bench_fail("%s %s: no answer", request->method, request->path);
        bench_conn_flush(conn);
        (void)bench_conn_fill(conn);
    }
    return answer;
}

void bench_conn_must(struct bench_conn *conn, const struct bench_request *request)
{
    struct bench_answer answer = bench_conn_call(conn, request);
    if (answer.status < 200 || answer.status > 299)
        bench_fail("%s %s: %u %.*s", request->method, request->path, answer.status,
                   (int)(answer.body.len < 300 ? answer.body.len : 300), answer.body.ptr);
    bench_conn_drop(conn, &answer);
}
