/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a server thread that says what the test wants it to say. */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/thread.h"
#include "core/net/http/client.h"
#include "core/net/http/http1.h"
#include "core/net/tls/x509.h"
#include "test/support/base/test.h"

/* ---- a server of one answer --------------------------------------------------------------------
 */

struct server {
    struct ke_thread thread;
    int listener;
    struct ke_str answer; /* empty: none, until the client has gone */
    bool is_early;        /* answers before it has read the request */
    struct tls_context *tls;
    char request[100000];
    size_t request_len;
};

static void wait_readable(int fd, short events)
{
    struct pollfd pollfd = { .fd = fd, .events = events };
    if (poll(&pollfd, 1, 5000) != 1)
        abort();
}

static bool is_whole(const struct server *server)
{
    struct http_head head;
    return http_parse_request(ke_str_of(server->request, server->request_len), &head) == HTTP_OK &&
           server->request_len >= head.len + head.content_length;
}

static void serve_plain(struct server *server, int fd)
{
    while (!server->is_early && !is_whole(server)) {
        ssize_t n = recv(fd, server->request + server->request_len,
                         sizeof(server->request) - server->request_len, 0);
        if (n <= 0)
            return;
        server->request_len += (size_t)n;
    }
    if (server->answer.len == 0) {
        wait_readable(fd, POLLIN);
        return;
    }
    size_t at = 0;
    while (at < server->answer.len) {
        ssize_t n = send(fd, server->answer.ptr + at, server->answer.len - at, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        at += (size_t)n;
    }
}

static void serve_tls(struct server *server, int fd)
{
    struct tls_session *session = tls_session_new(server->tls, fd, (struct ke_str){ 0 });
    enum tls_want want;
    struct ke_err err = KE_ERR_INIT;
    bool is_ok = tls_handshake(session, &want, &err) == KE_OK;
    while (is_ok && !is_whole(server)) {
        ssize_t n = tls_read(session, server->request + server->request_len,
                             sizeof(server->request) - server->request_len, &want);
        is_ok = n > 0;
        server->request_len += is_ok ? (size_t)n : 0;
    }
    if (is_ok && tls_write(session, server->answer.ptr, server->answer.len, &want) > 0 &&
        !server->is_early)
        tls_close_notify(session);
    tls_session_free(session);
}

static void serve(void *ctx)
{
    struct server *server = ctx;
    wait_readable(server->listener, POLLIN);
    int fd = accept(server->listener, NULL, NULL);
    if (server->tls != NULL)
        serve_tls(server, fd);
    else
        serve_plain(server, fd);
    (void)close(fd);
}

static uint16_t listen_tcp(struct server *server)
{
    struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(sa);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(listen(server->listener, 8), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&sa, &len), 0);
    return ntohs(sa.sin_port);
}

struct outcome {
    enum ke_code rc;
    unsigned status;
    struct ke_buf body;
    struct ke_err err;
};

/* The server must outlive its use; one that was asked nothing is let go by a connection. */
static struct outcome call(struct server *server, struct http_client_target target,
                           const struct http_client_request *request, size_t max)
{
    struct outcome out = { .body = KE_BUF_INIT(max) };
    assert_int_equal(ke_thread_start(&server->thread, "server", serve, server, &out.err), KE_OK);
    out.rc = http_client_call(&target, request, &out.status, &out.body, &out.err);
    ke_thread_join(&server->thread);
    (void)close(server->listener);
    return out;
}

static struct outcome get(const char *answer, const char *method)
{
    static struct server server;
    server = (struct server){ .answer = ke_str_c(answer) };
    uint16_t port = listen_tcp(&server);
    struct http_client_request request = { .method = ke_str_c(method), .path = KE_STR("/x?y") };
    return call(&server,
                (struct http_client_target){
                    .host = KE_STR("127.0.0.1"), .port = port, .timeout_ms = 2000 },
                &request, 1000);
}

/* ---- tests -------------------------------------------------------------------------------------
 */

struct answer_case {
    const char *answer;
    enum ke_code want;
    unsigned status;
    const char *body;
};

static const struct answer_case answers[] = {
    { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", KE_OK, 200, "hello" },
    { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more", KE_OK, 200, "hello" },
    { "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", KE_OK, 404, "no" },
    { "HTTP/1.1 204 No Content\r\n\r\n", KE_OK, 204, "" },
    { "HTTP/1.1 200 OK\r\n\r\nuntil close", KE_OK, 200, "until close" },
    { "HTTP/1.0 200 OK\r\n\r\nuntil close", KE_OK, 200, "until close" },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
      KE_OK, 200, "abcde" },
    { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx", KE_OK, 201,
      "x" },
    { "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", KE_UNAVAILABLE, 200, "hello" },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", KE_UNAVAILABLE, 200,
      "abc" },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz", KE_MALFORMED, 200, "" },
    { "HTTP/1.1 200 OK\r\nContent-Le", KE_UNAVAILABLE, 0, "" },
    { "HTTP/1.1 101 Switching\r\n\r\n", KE_MALFORMED, 0, "" },
    { "SSH-2.0-x\r\n", KE_MALFORMED, 0, "" },
};

static void answers_are_read_as_they_are_framed(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(answers); i++) {
        struct outcome out = get(answers[i].answer, "GET");
        if (out.rc != answers[i].want || out.status != answers[i].status ||
            !ke_str_eq_c(ke_buf_str(&out.body), answers[i].body))
            fail_msg("answer %zu: %s %u \"%.*s\" (%s)", i, ke_code_name(out.rc), out.status,
                     KE_STR_ARG(ke_buf_str(&out.body)), out.err.msg);
        ke_buf_free(&out.body);
    }
}

static void the_answer_to_head_has_no_body(void **state)
{
    (void)state;
    struct outcome out = get("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD");
    assert_int_equal(out.rc, KE_OK);
    assert_int_equal(out.body.len, 0);
    ke_buf_free(&out.body);
}

static void an_answer_over_the_ceiling_is_too_large(void **state)
{
    (void)state;
    static char answer[4000] = "HTTP/1.1 200 OK\r\nContent-Length: 3000\r\n\r\n";
    memset(answer + strlen(answer), 'x', 3000);
    struct outcome out = get(answer, "GET");
    assert_int_equal(out.rc, KE_TOO_LARGE);
    ke_buf_free(&out.body);
}

static void a_silent_server_is_a_timeout(void **state)
{
    (void)state;
    static struct server server;
    server = (struct server){ 0 };
    uint16_t port = listen_tcp(&server);
    struct http_client_request request = { .method = KE_STR("GET"), .path = KE_STR("/") };
    int64_t start_ns = ke_now_ns();
    struct outcome out = call(
        &server,
        (struct http_client_target){ .host = KE_STR("127.0.0.1"), .port = port, .timeout_ms = 50 },
        &request, 1000);
    assert_int_equal(out.rc, KE_TIMEOUT);
    assert_true(ke_now_ns() - start_ns >= 49 * KE_MS);
    ke_buf_free(&out.body);
}

static void nobody_there_is_unavailable(void **state)
{
    (void)state;
    struct server server;
    uint16_t port = listen_tcp(&server);
    (void)close(server.listener);
    struct http_client_target target = { .host = KE_STR("127.0.0.1"), .port = port };
    struct http_client_request request = { .method = KE_STR("GET"), .path = KE_STR("/") };
    unsigned status = 0;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf body = KE_BUF_INIT(1000);
    assert_int_equal(http_client_call(&target, &request, &status, &body, &err), KE_UNAVAILABLE);
    target = (struct http_client_target){ .unix_path = "/tmp/kedge-no-such-socket" };
    assert_int_equal(http_client_call(&target, &request, &status, &body, &err), KE_UNAVAILABLE);
    assert_non_null(strstr(err.msg, "kedge-no-such-socket"));
    char path[200];
    memset(path, 'x', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    target.unix_path = path;
    assert_int_equal(http_client_call(&target, &request, &status, &body, &err), KE_MALFORMED);
}

static void requests_that_would_break_the_line_are_refused(void **state)
{
    (void)state;
    const struct http_client_request bad[] = {
        { .method = KE_STR("GET"), .path = KE_STR("/a b") },
        { .method = KE_STR("GET"), .path = KE_STR("/a\r\nX: y") },
        { .method = KE_STR("GET"), .path = KE_STR("a") },
        { .method = KE_STR("GET"), .path = KE_STR("") },
        { .method = KE_STR("G T"), .path = KE_STR("/") },
        { .method = KE_STR(""), .path = KE_STR("/") },
        { .method = KE_STR("GET"), .path = KE_STR("/"), .accept = KE_STR("x\r\ny: z") },
        { .method = KE_STR("GET"), .path = KE_STR("/"), .authorization = KE_STR("x\ny") },
    };
    struct http_client_target target = { .unix_path = "/tmp/kedge-no-such-socket" };
    for (size_t i = 0; i < KE_ARRAY_LEN(bad); i++) {
        unsigned status = 0;
        struct ke_err err = KE_ERR_INIT;
        ke_auto_buf body = KE_BUF_INIT(1000);
        assert_int_equal(http_client_call(&target, &bad[i], &status, &body, &err), KE_MALFORMED);
    }
    target.host = KE_STR("a\r\nb");
    struct http_client_request good = { .method = KE_STR("GET"), .path = KE_STR("/") };
    unsigned status = 0;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf body = KE_BUF_INIT(1000);
    assert_int_equal(http_client_call(&target, &good, &status, &body, &err), KE_MALFORMED);
}

static void a_unix_socket_carries_fields_and_body(void **state)
{
    (void)state;
    char folder[] = "/tmp/kedge-client-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/s", folder);
    static struct server server;
    server = (struct server){ .answer = KE_STR("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") };
    server.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(server.listener, 8), 0);
    static char text[70000];
    memset(text, 'b', sizeof(text));
    struct http_client_request request = { .method = KE_STR("POST"),
                                           .path = KE_STR("/p"),
                                           .content_type = KE_STR("application/json"),
                                           .authorization = KE_STR("Bearer t"),
                                           .body = ke_str_of(text, sizeof(text)) };
    struct outcome out =
        call(&server, (struct http_client_target){ .unix_path = sa.sun_path, .timeout_ms = 2000 },
             &request, 1000);
    assert_int_equal(out.rc, KE_OK);
    struct http_head head;
    assert_int_equal(http_parse_request(ke_str_of(server.request, server.request_len), &head),
                     HTTP_OK);
    assert_true(ke_str_eq_c(head.method, "POST"));
    assert_true(ke_str_eq_c(head.host, "localhost"));
    assert_true(ke_str_eq_c(http_head_get(&head, KE_STR("content-type")), "application/json"));
    assert_true(ke_str_eq_c(http_head_get(&head, KE_STR("authorization")), "Bearer t"));
    assert_null(http_head_get(&head, KE_STR("accept")).ptr);
    assert_int_equal(server.request_len - head.len, sizeof(text));
    assert_memory_equal(server.request + head.len, text, sizeof(text));
    ke_buf_free(&out.body);
    (void)unlink(sa.sun_path);
    (void)rmdir(folder);
}

static void an_answer_before_the_request_is_read_is_heard(void **state)
{
    (void)state;
    static struct server server;
    server =
        (struct server){ .answer = KE_STR("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"),
                         .is_early = true };
    char folder[] = "/tmp/kedge-client-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    (void)snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/s", folder);
    server.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server.listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(server.listener, 8), 0);
    enum { BODY = 8 << 20 };
    char *text = calloc(1, BODY);
    assert_non_null(text);
    struct http_client_request request = { .method = KE_STR("POST"),
                                           .path = KE_STR("/"),
                                           .body = ke_str_of(text, BODY) };
    struct outcome out =
        call(&server, (struct http_client_target){ .unix_path = sa.sun_path, .timeout_ms = 2000 },
             &request, 1000);
    assert_int_equal(out.rc, KE_OK);
    assert_int_equal(out.status, 413);
    free(text);
    ke_buf_free(&out.body);
    (void)unlink(sa.sun_path);
    (void)rmdir(folder);
}

struct pieces {
    size_t n, stop_after;
};

static bool count_piece(void *ctx, struct ke_str piece)
{
    struct pieces *pieces = ctx;
    assert_true(piece.len > 0);
    return ++pieces->n < pieces->stop_after;
}

static void a_stream_is_given_in_pieces_until_it_is_stopped(void **state)
{
    (void)state;
    for (size_t stop = 1; stop <= 4; stop++) {
        static struct server server;
        server = (struct server){ .answer =
                                      KE_STR("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                             "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n") };
        struct http_client_target target = { .host = KE_STR("127.0.0.1"),
                                             .port = listen_tcp(&server),
                                             .timeout_ms = 2000 };
        struct http_client_request request = { .method = KE_STR("GET"), .path = KE_STR("/") };
        struct pieces pieces = { .stop_after = stop };
        unsigned status = 0;
        struct ke_err err = KE_ERR_INIT;
        assert_int_equal(ke_thread_start(&server.thread, "server", serve, &server, &err), KE_OK);
        assert_int_equal(http_client_stream(&target, &request, &status, count_piece, &pieces, &err),
                         KE_OK);
        ke_thread_join(&server.thread);
        (void)close(server.listener);
        assert_int_equal(pieces.n, stop < 3 ? stop : 3);
        assert_int_equal(status, 200);
    }
}

static void tls_is_verified_and_a_cut_answer_is_told(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf key = KE_BUF_INIT(4096);
    ke_auto_buf pem = KE_BUF_INIT(4096);
    const struct ke_str none = { 0 };
    const struct ke_ip ips[] = { { KE_FAMILY_IPV4, { 127, 0, 0, 1 } } };
    struct x509_request make = { .common_name = KE_STR("self"),
                                 .ips = ips,
                                 .n_ips = 1,
                                 .is_ca = true,
                                 .is_server = true,
                                 .not_before_s = ke_wall_s() - 60,
                                 .not_after_s = ke_wall_s() + 3600 };
    assert_int_equal(x509_key_new(&key, &err), KE_OK);
    assert_int_equal(x509_sign(&make, ke_buf_str(&key), none, none, &pem, &err), KE_OK);
    struct tls_cert *cert = NULL;
    struct tls_context *server_tls = NULL;
    struct tls_context *client_tls = NULL;
    assert_int_equal(tls_cert_new(ke_buf_str(&pem), ke_buf_str(&key), &cert, &err), KE_OK);
    struct tls_server_options server_options = { .cert = cert };
    assert_int_equal(tls_server_new(&server_options, &server_tls, &err), KE_OK);
    struct tls_client_options client_options = { .ca_pem = ke_buf_str(&pem) };
    assert_int_equal(tls_client_new(&client_options, &client_tls, &err), KE_OK);
    const char *hosts[] = { "127.0.0.1", "127.0.0.1", "localhost" };
    const enum ke_code want[] = { KE_OK, KE_UNAVAILABLE, KE_DENIED };
    for (size_t i = 0; i < KE_ARRAY_LEN(hosts); i++) {
        static struct server server;
        server = (struct server){ .answer = KE_STR("HTTP/1.1 200 OK\r\n\r\nhi"),
                                  .tls = server_tls,
                                  .is_early = i == 1 /* no end-of-stream message */ };
        struct http_client_target target = { .host = ke_str_c(hosts[i]),
                                             .port = listen_tcp(&server),
                                             .tls = client_tls,
                                             .timeout_ms = 2000 };
        struct http_client_request request = { .method = KE_STR("GET"), .path = KE_STR("/") };
        struct outcome out = call(&server, target, &request, 1000);
        assert_int_equal(out.rc, want[i]);
        assert_int_equal(out.body.len, i < 2 ? 2 : 0);
        ke_buf_free(&out.body);
    }
    tls_context_unref(server_tls);
    tls_context_unref(client_tls);
    tls_cert_unref(cert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_read_as_they_are_framed),
        cmocka_unit_test(the_answer_to_head_has_no_body),
        cmocka_unit_test(an_answer_over_the_ceiling_is_too_large),
        cmocka_unit_test(a_silent_server_is_a_timeout),
        cmocka_unit_test(nobody_there_is_unavailable),
        cmocka_unit_test(requests_that_would_break_the_line_are_refused),
        cmocka_unit_test(a_unix_socket_carries_fields_and_body),
        cmocka_unit_test(an_answer_before_the_request_is_read_is_heard),
        cmocka_unit_test(a_stream_is_given_in_pieces_until_it_is_stopped),
        cmocka_unit_test(tls_is_verified_and_a_cut_answer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
