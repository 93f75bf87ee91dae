/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec, attach, port-forward and logs against a real server and real processes, over the unix
 * socket: what clients of every protocol are told.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "test/support/fake_runtime.h"
#include "test/support/http_backend.h"
#include "test/support/stream_client.h"
#include "test/support/tmpdir.h"

#define POD     "/api/v1/namespaces/default/pods/p"
#define EXEC    POD "/exec?container=a&stdout=1&stderr=1"
#define SUCCESS "{\"metadata\":{},\"status\":\"Success\"}"

static struct fake_runtime *runtime;
static struct test_tmpdir logs;
static bool is_reader; /* the client may get, and no more */

static bool may(void *ctx, const struct auth_attributes *asked, struct ke_buf *out_reason)
{
    (void)ctx;
    (void)out_reason;
    return !is_reader || ke_str_eq_c(asked->verb, "get");
}

static int set_up(void **state)
{
    test_tmpdir_make(&logs);
    runtime = fake_runtime_new(logs.path);
    is_reader = false;
    int rc = test_api_set_up_with(state, fake_runtime_of(runtime), may, NULL);
    struct test_api *f = *state;
    unsigned status =
        test_api_post(f, "/api/v1/namespaces/default/pods",
                      "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n\",\"containers\":["
                      "{\"name\":\"a\",\"image\":\"x\"},{\"name\":\"gone\",\"image\":\"x\"}],"
                      "\"initContainers\":[{\"name\":\"i\",\"image\":\"x\"}]}}");
    assert_int_equal(status, 201);
    return rc;
}

static int tear_down(void **state)
{
    int rc = test_api_tear_down(state);
    fake_runtime_free(runtime);
    test_tmpdir_remove(&logs);
    return rc;
}

static void assert_said(const struct stream_client *c, unsigned channel, const char *text)
{
    struct ke_str said = ke_buf_str(&c->channels[channel]);
    if (!ke_str_eq_c(said, text)) {
        fail_msg("channel %u: %.*s", channel, KE_STR_ARG(said));
    }
}

/* ---- exec over WebSocket -----------------------------------------------------------------------
 */

static void v5_ends_stdin_and_tells_success(void **state)
{
    struct stream_client c;
    stream_client_open(&c, *state, EXEC "&stdin=1&command=cat", "v5.channel.k8s.io", false, false);
    assert_int_equal(c.status, 101);
    assert_non_null(strstr(c.head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_non_null(strstr(c.head, "Sec-WebSocket-Protocol: v5.channel.k8s.io"));
    stream_client_say(&c, 0, "hello ");
    stream_client_say(&c, 0, "world");
    stream_client_await(&c, 1, "hello world");
    stream_client_frame(&c, WS_OP_PING, "beat", 4);
    stream_client_frame(&c, WS_OP_BINARY, "\xff\x00", 2);
    stream_client_await(&c, 3, SUCCESS);
    while (c.close_code == 0) {
        assert_true(stream_client_turn(&c));
    }
    assert_int_equal(c.close_code, WS_CLOSE_NORMAL);
    assert_int_equal(c.n_pongs, 1);
    stream_client_frame(&c, WS_OP_CLOSE, "\x03\xe8", 2);
    stream_client_await_over(&c); /* at once, not when the server's patience ends */
    assert_said(&c, 3, SUCCESS);
    assert_said(&c, 0, "");
    stream_client_close(&c);
    stream_await_idle(*state, runtime);
    test_api_await_descriptors(*state, 1);
}

static void the_exit_code_is_told_as_each_protocol_says_it(void **state)
{
    struct stream_client c;
    const char *const json[] = { "v4.channel.k8s.io", "v5.channel.k8s.io" };
    const char *const path = EXEC "&command=sh&command=-c&command=echo+out;echo+err+>%262;exit+3";
    for (size_t i = 0; i < KE_ARRAY_LEN(json); i++) {
        stream_client_open(&c, *state, path, json[i], false, false);
        stream_client_await(&c, 3, "\"message\":\"3\"");
        assert_said(&c, 1, "out\n");
        assert_said(&c, 2, "err\n");
        assert_said(&c, 3,
                    "{\"metadata\":{},\"status\":\"Failure\",\"message\":\"command terminated with "
                    "non-zero exit code: exit status 3\",\"reason\":\"NonZeroExitCode\","
                    "\"details\":{\"causes\":[{\"reason\":\"ExitCode\",\"message\":\"3\"}]}}");
        stream_client_close(&c);
    }
    const char *const plain[] = { NULL, "channel.k8s.io", "v3.channel.k8s.io" };
    for (size_t i = 0; i < KE_ARRAY_LEN(plain); i++) {
        stream_client_open(&c, *state, path, plain[i], false, false);
        stream_client_await(&c, 3, "exit status 3");
        assert_said(&c, 3, "command terminated with non-zero exit code: exit status 3");
        stream_client_close(&c);
    }
}

static void base64_channels_carry_text(void **state)
{
    struct stream_client c;
    stream_client_open(&c, *state, EXEC "&stdin=1&command=head&command=-c5",
                       "v4.base64.channel.k8s.io", false, false);
    assert_int_equal(c.status, 101);
    stream_client_frame(&c, WS_OP_TEXT, "0aGVsbG8gd29ybGQ=", 17);
    /* '1' is 0x31: channel 1 of the client's sixteen */
    stream_client_await(&c, 1, "aGVsbG8=");
    stream_client_close(&c);
    stream_client_open(&c, *state, EXEC "&stdin=1&command=cat", "v4.base64.channel.k8s.io", false,
                       false);
    stream_client_frame(&c, WS_OP_TEXT, "0a*V", 4);
    stream_client_await_over(&c);
    assert_int_equal(c.close_code, WS_CLOSE_BAD_DATA);
    stream_client_close(&c);
}

static void a_command_that_cannot_run_is_told_on_the_error_stream(void **state)
{
    struct stream_client c;
    stream_client_open(&c, *state, EXEC "&command=no-such-program", "v5.channel.k8s.io", false,
                       false);
    assert_int_equal(c.status, 101);
    stream_client_await(&c, 3, "\"code\":500");
    stream_client_await(&c, 3,
                        "\"message\":\"Internal error occurred: error executing command in "
                        "container: failed to exec in container: exec: \\\"no-such-program\\\": "
                        "executable file not found in $PATH\"");
    stream_client_close(&c);
}

static void a_terminal_has_the_size_that_is_asked_for(void **state)
{
    struct stream_client c;
    stream_client_open(&c, *state,
                       POD "/exec?container=a&stdin=1&stdout=1&stderr=1&tty=1&command=sh",
                       "v5.channel.k8s.io", false, false);
    assert_int_equal(c.status, 101);
    stream_client_say(&c, 0, "echo ready\n");
    stream_client_await(&c, 1, "ready\r\n");
    stream_client_say(&c, 4, "{\"Width\":123,\"Height\":45}");
    stream_client_say(&c, 4, "{\"Width\":-1,\"Height\":\"x\"}"); /* counts for nothing */
    stream_client_say(&c, 0, "stty size; exit 7\n");
    stream_client_await(&c, 1, "45 123\r\n");
    stream_client_await(&c, 3, "\"message\":\"7\"");
    assert_int_equal(c.channels[2].len, 0);
    stream_client_close(&c);
}

static void output_of_any_size_arrives_whole(void **state)
{
    struct stream_client c;
    stream_client_open(&c, *state,
                       EXEC "&command=head&command=-c&command=5000000&command=/dev/zero",
                       "v5.channel.k8s.io", false, false);
    stream_client_await(&c, 3, "Success");
    assert_int_equal(c.channels[1].len, 5000000);
    stream_client_close(&c);
}

/* What does not read its input does not make the server's memory grow; pings wait behind the data,
 * and so the client is told unasked that we live (every 10 s: not waited for here). */
static void input_that_nobody_reads_waits_at_the_client(void **state)
{
    struct stream_client c;
    static char block[32768];
    stream_client_open(&c, *state, EXEC "&stdin=1&command=sleep&command=1000", "v5.channel.k8s.io",
                       false, false);
    ke_auto_buf frame = KE_BUF_INIT(70000);
    stream_client_put_frame(&frame, WS_OP_BINARY, block, sizeof(block));
    size_t sent = 0;
    int64_t idle_until_ns = ke_now_ns() + 300 * KE_MS;
    while (ke_now_ns() < idle_until_ns) {
        ssize_t n = send(c.fd, frame.ptr, frame.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            sent += (size_t)n;
            idle_until_ns = ke_now_ns() + 300 * KE_MS;
            assert_true(sent < 4U << 20);
            if ((size_t)n < frame.len) {
                break; /* the rest would have to follow */
            }
        }
    }
    assert_true(fake_runtime_busy(runtime) == 1);
    stream_client_close(&c);
    stream_await_idle(*state, runtime); /* the client has gone: so has the process */
    test_api_await_descriptors(*state, 1);
}

static void attach_talks_to_the_process(void **state)
{
    struct stream_client c;
    stream_client_open(&c, *state, POD "/attach?container=a&stdin=1&stdout=1", "v5.channel.k8s.io",
                       false, false);
    stream_client_say(&c, 0, "through");
    stream_client_await(&c, 1, "through");
    stream_client_frame(&c, WS_OP_BINARY, "\xff\x00", 2);
    stream_client_await(&c, 3, SUCCESS);
    stream_client_close(&c);
}

/* ---- refusals ----------------------------------------------------------------------------------
 */

static void refused(void **state, const char *path, const char *protocol, bool is_spdy,
                    unsigned status, const char *text)
{
    struct stream_client c;
    char body[4096] = "";
    stream_client_open(&c, *state, path, protocol, is_spdy, false);
    if (c.status != status) {
        fail_msg("%s: %s", path, c.head);
    }
    ssize_t n = recv(c.fd, body, sizeof(body) - 1, 0);
    body[n > 0 ? n : 0] = '\0';
    if (strstr(body, text) == NULL) {
        fail_msg("%s: %s", path, body);
    }
    stream_client_close(&c);
}

static void refusals_have_the_words_of_upstream(void **state)
{
    const char *v5 = "v5.channel.k8s.io";
    struct test_api *f = *state;
    assert_int_equal(test_api_get(f, EXEC "&command=a"), 400);
    test_api_assert_has(f, "\"message\":\"Upgrade request required\",\"reason\":\"BadRequest\"");
    refused(state, "/api/v1/namespaces/default/pods/no/exec?command=a&stdout=1", v5, false, 404,
            "pods \\\"no\\\" not found");
    refused(state, POD "/exec?command=a&stdout=1", v5, false, 400,
            "a container name must be specified for pod p, choose one of: [a gone] or one of the "
            "init containers: [i]");
    refused(state, POD "/exec?container=z&command=a&stdout=1", v5, false, 400,
            "container z is not valid for pod p");
    refused(state, POD "/exec?container=a&command=a", v5, false, 400,
            "you must specify at least 1 of stdin, stdout, stderr");
    refused(state, POD "/exec?container=a&stdout=1", v5, false, 400,
            "you must specify at least one command");
    refused(state, POD "/exec?container=gone&command=a&stdout=1", v5, false, 500,
            "container not found (\"gone\")");
    refused(state, EXEC "&command=a", "v9.channel.k8s.io", false, 403,
            "client supports [v9.channel.k8s.io], server accepts [ channel.k8s.io");
    refused(state, EXEC "&command=a", NULL, true, 400,
            "X-Stream-Protocol-Version header is required");
    refused(state, EXEC "&command=a", "v9.channel.k8s.io", true, 403, "unable to negotiate");
    refused(state, POD "/portforward", "v4.channel.k8s.io", false, 400,
            "query parameter \\\"port\\\" is required");
    refused(state, POD "/portforward?ports=70000", "v4.channel.k8s.io", false, 400,
            "unable to parse \\\"70000\\\" as a port");
    refused(state, POD "/portforward?ports=0", "v4.channel.k8s.io", false, 400,
            "port \\\"0\\\" must be > 0");
}

static void a_handshake_that_is_none_is_refused(void **state)
{
    static const char *const heads[] = {
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: short\r\n",
        "Upgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    };
    static const char *const answers[] = { "HTTP/1.1 426", "HTTP/1.1 400", "HTTP/1.1 400",
                                           "HTTP/1.1 400" };
    for (size_t i = 0; i < KE_ARRAY_LEN(heads); i++) {
        struct test_reader r;
        test_reader_open(&r, *state, EXEC "&command=a", heads[i]);
        (void)test_reader_await(&r, answers[i]);
        close(r.fd);
    }
}

/* KEP-4006: a WebSocket is a GET, and runs something all the same. */
static void who_may_only_get_runs_nothing(void **state)
{
    is_reader = true;
    const char *const paths[] = { EXEC "&command=a", POD "/attach?container=a&stdout=1",
                                  POD "/portforward?ports=80" };
    for (size_t i = 0; i < KE_ARRAY_LEN(paths); i++) {
        refused(state, paths[i], "v4.channel.k8s.io", false, 403, "cannot create resource");
    }
    refused(state, EXEC "&command=a", "v4.channel.k8s.io", true, 403, "cannot create resource");
    /* SPDY begins with POST, but what clients send is theirs to choose. */
    struct test_reader r;
    test_reader_open(&r, *state, EXEC "&command=a",
                     "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
                     "X-Stream-Protocol-Version: v4.channel.k8s.io\r\n");
    (void)test_reader_await(&r, "403");
    (void)test_reader_await(&r, "cannot create resource");
    close(r.fd);
    /* A log is only read. */
    refused(state, POD "/log?container=a", "binary.k8s.io", false, 400, "waiting to start");
}

static void a_pod_without_a_node_or_runtime_says_so(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(test_api_post(f, "/api/v1/namespaces/default/pods",
                                   "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"containers\":["
                                   "{\"name\":\"a\",\"image\":\"x\"}]}}"),
                     201);
    refused(state, "/api/v1/namespaces/default/pods/q/exec?stdout=1&command=a", "v5.channel.k8s.io",
            false, 400, "pod q does not have a host assigned");
    assert_int_equal(test_api_get(f, "/api/v1/namespaces/default/pods/q/log"), 200);
    assert_int_equal(f->body.len, 0);
}

static int set_up_alone(void **state)
{
    return test_api_set_up(state);
}

/* Nobody runs containers: as upstream where a kubelet cannot be reached, and honest. */
static void without_a_runtime_the_node_cannot_be_reached(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(test_api_post(f, "/api/v1/namespaces/default/pods",
                                   "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"n\","
                                   "\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]}}"),
                     201);
    assert_int_equal(test_api_get(f, POD "/log"), 404);
    test_api_assert_has(f, "nodes \\\"n\\\" not found");
    assert_int_equal(test_api_post(f, "/api/v1/nodes", "{\"metadata\":{\"name\":\"n\"}}"), 201);
    const char *why = "error dialing backend: nothing runs containers on node n for kedge";
    assert_int_equal(test_api_get(f, POD "/log"), 500);
    test_api_assert_has(f, why);
    test_api_assert_lacks(f, "\"reason\"");
    refused(state, POD "/exec?stdout=1&command=a", "v5.channel.k8s.io", false, 500, why);
    refused(state, POD "/exec?stdout=1&command=a", "v4.channel.k8s.io", true, 500, why);
    refused(state, POD "/portforward", "portforward.k8s.io", true, 500, why);
}

/* ---- SPDY --------------------------------------------------------------------------------------
 */

static void spdy_runs_when_all_streams_are_there(void **state)
{
    struct stream_client c;
    static const char *const protocols[] = { "v5.channel.k8s.io", "v4.channel.k8s.io",
                                             "v2.channel.k8s.io" };
    for (size_t i = 0; i < KE_ARRAY_LEN(protocols); i++) {
        stream_client_open(&c, *state, EXEC "&stdin=1&command=sh&command=-c&command=cat;exit+4",
                           protocols[i], true, false);
        assert_int_equal(c.status, 101);
        assert_non_null(strstr(c.head, "Upgrade: SPDY/3.1"));
        assert_non_null(strstr(c.head, protocols[i]));
        stream_client_syn(&c, 1, "error", 0, 0);
        stream_client_syn(&c, 3, "stdin", 0, 0);
        stream_client_syn(&c, 5, "stdout", 0, 0);
        stream_client_data(&c, 3, "early ", false);
        stream_client_syn(&c, 7, "stderr", 0, 0);
        stream_client_syn(&c, 9, "stdout", 0, 0); /* once too often */
        stream_client_data(&c, 3, "and late", true);
        stream_client_await(&c, 2, "early and late");
        stream_client_await(&c, 0, i < 2 ? "\"message\":\"4\"" : "exit status 4");
        while (c.n_goaways == 0) {
            assert_true(stream_client_turn(&c));
        }
        assert_true(c.is_ended[0] && c.is_ended[2] && c.is_ended[3]);
        assert_int_equal(c.n_resets, 1);
        assert_int_equal(c.n_replies, 4);
        stream_client_close(&c);
    }
    test_api_await_descriptors(*state, 1);
}

/* kubectl <= 1.30 itself; and from 1.31 in WebSocket messages. */
static void port_forward(void **state, bool is_tunnel)
{
    struct stream_client c;
    struct http_backend *backend = http_backend_new("hello from the port", NULL);
    unsigned port = http_backend_port(backend);
    stream_client_open(&c, *state, POD "/portforward",
                       is_tunnel ? "SPDY/3.1+portforward.k8s.io" : "portforward.k8s.io", !is_tunnel,
                       is_tunnel);
    assert_int_equal(c.status, 101);
    for (uint32_t i = 0; i < 3; i++) {
        stream_client_syn(&c, 4 * i + 1, "error", port, i);
        stream_client_syn(&c, 4 * i + 3, "data", port, i);
        stream_client_data(&c, 4 * i + 3, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                           true);
    }
    for (unsigned i = 0; i < 3; i++) {
        stream_client_await(&c, 2 * i + 1, "hello from the port");
        while (!c.is_ended[2 * i] || !c.is_ended[2 * i + 1]) {
            assert_true(stream_client_turn(&c));
        }
        assert_said(&c, 2 * i, "");
    }
    http_backend_free(backend);
    stream_client_syn(&c, 13, "error", port, 9);
    stream_client_syn(&c, 15, "data", port, 9);
    stream_client_await(&c, 6, "connection refused");
    stream_client_await(&c, 6, "error forwarding port ");
    stream_client_close(&c);
    test_api_await_descriptors(*state, 1);
    stream_await_idle(*state, runtime);
}

static void ports_are_forwarded_over_spdy(void **state)
{
    port_forward(state, false);
}

static void ports_are_forwarded_over_spdy_in_websocket(void **state)
{
    port_forward(state, true);
}

static void ports_are_forwarded_over_channels(void **state)
{
    struct stream_client c;
    char path[128];
    struct http_backend *backend = http_backend_new("by channel", NULL);
    unsigned port = http_backend_port(backend);
    (void)snprintf(path, sizeof(path), POD "/portforward?ports=%u", port);
    stream_client_open(&c, *state, path, "v4.channel.k8s.io", false, false);
    assert_int_equal(c.status, 101);
    stream_client_say(&c, 0, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream_client_await(&c, 0, "by channel");
    assert_true((unsigned char)c.channels[0].ptr[0] == (port & 0xff) &&
                (unsigned char)c.channels[0].ptr[1] == port >> 8);
    assert_int_equal(c.channels[1].len, 2);
    http_backend_free(backend);
    stream_client_close(&c);
}

static void a_thousand_connections_go_over_one(void **state)
{
    enum { N = 1000 };
    struct stream_client c;
    struct http_backend *backend = http_backend_new("x", NULL);
    unsigned port = http_backend_port(backend);
    stream_client_open(&c, *state, POD "/portforward", "portforward.k8s.io", true, false);
    for (uint32_t i = 0; i < N; i++) {
        stream_client_syn(&c, 4 * i + 1, "error", port, i);
        stream_client_syn(&c, 4 * i + 3, "data", port, i);
        stream_client_data(&c, 4 * i + 3, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                           true);
        while (c.n_replies + 100 < 2 * i) {
            assert_true(stream_client_turn(&c));
        }
    }
    while (c.n_replies < 2 * N) {
        assert_true(stream_client_turn(&c));
    }
    stream_client_close(&c);
    http_backend_free(backend);
    stream_await_idle(*state, runtime);
    test_api_await_descriptors(*state, 1);
}

/* ---- logs --------------------------------------------------------------------------------------
 */

static void write_log(const char *name, const char *text, const char *mode)
{
    FILE *file = fopen(test_tmpdir_path(&logs, name), mode);
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void logs_are_text(void **state)
{
    struct test_api *f = *state;
    write_log("p_a.log", "one\ntwo\nthree\n", "w");
    assert_int_equal(test_api_get(f, POD "/log?container=a"), 200);
    assert_string_equal(f->body.ptr, "one\ntwo\nthree\n");
    assert_int_equal(test_api_get(f, POD "/log?container=a&tailLines=1"), 200);
    assert_string_equal(f->body.ptr, "three\n");
    assert_int_equal(test_api_get(f, POD "/log?container=a&limitBytes=5"), 200);
    assert_string_equal(f->body.ptr, "one\nt");
    assert_int_equal(test_api_get(f, POD "/log?container=a&previous=true"), 400);
    test_api_assert_has(f, "previous terminated container");
    assert_int_equal(test_api_get(f, POD "/log?container=gone"), 500);
    test_api_assert_has(f, "container not found (\\\"gone\\\")");
    assert_int_equal(test_api_get(f, POD "/log?container=a&tailLines=-1&limitBytes=0"), 422);
    test_api_assert_has(f,
                        "PodLogOptions \\\"p\\\" is invalid: [tailLines: Invalid value: -1: must "
                        "be greater than or equal to 0, limitBytes: Invalid value: 0: must be "
                        "greater than 0]");
    assert_int_equal(test_api_get(f, POD "/log?container=a&sinceSeconds=x"), 400);
    assert_int_equal(test_api_get(f, POD "/log?container=a&sinceTime=yesterday"), 400);
    assert_int_equal(test_api_get(f, POD "/log"), 400);
}

static void a_followed_log_goes_on_until_the_client_leaves(void **state)
{
    struct test_reader r;
    write_log("p_a.log", "first\n", "w");
    test_reader_open(&r, *state, POD "/log?container=a&follow=true", "");
    (void)test_reader_await(&r, "first\n");
    write_log("p_a.log", "second\n", "a");
    (void)test_reader_await(&r, "second\n");
    close(r.fd);
    test_api_await_descriptors(*state, 1);
    write_log("p_a.log", "tail finds out\n", "a"); /* that nobody reads */
    stream_await_idle(*state, runtime);
}

static void logs_come_over_websocket_too(void **state)
{
    struct stream_client c;
    write_log("p_a.log", "abc", "w");
    stream_client_open(&c, *state, POD "/log?container=a", "binary.k8s.io", false, false);
    assert_int_equal(c.status, 101);
    while (c.close_code == 0) {
        assert_true(stream_client_turn(&c));
    }
    assert_said(&c, 'a' % STREAM_CLIENT_CHANNELS, "bc"); /* no channel in front */
    stream_client_close(&c);
    stream_client_open(&c, *state, POD "/log?container=a", "base64.binary.k8s.io", false, false);
    while (c.close_code == 0) {
        assert_true(stream_client_turn(&c));
    }
    assert_said(&c, 'Y' % STREAM_CLIENT_CHANNELS, "WJj");
    stream_client_close(&c);
}

static void the_server_stops_with_everything_open(void **state)
{
    struct stream_client exec;
    struct stream_client spdy;
    struct stream_client forward;
    struct test_reader log;
    struct test_api *f = *state;
    write_log("p_a.log", "first\n", "w");
    stream_client_open(&exec, f, EXEC "&stdin=1&command=cat", "v5.channel.k8s.io", false, false);
    stream_client_say(&exec, 0, "x");
    stream_client_await(&exec, 1, "x");
    stream_client_open(&spdy, f, EXEC "&command=sleep&command=1000", "v4.channel.k8s.io", true,
                       false);
    stream_client_open(&forward, f, POD "/portforward", "portforward.k8s.io", true, false);
    stream_client_syn(&forward, 1, "error", 1, 0);
    test_reader_open(&log, f, POD "/log?container=a&follow=true", "");
    (void)test_reader_await(&log, "first\n");
    int64_t begin_ns = ke_now_ns();
    api_server_stop(f->server);
    assert_true(ke_now_ns() - begin_ns < 5 * KE_S);
    stream_client_await_over(&exec);
    assert_int_equal(exec.close_code, WS_CLOSE_GOING_AWAY);
    stream_client_await_over(&spdy);
    stream_client_await_over(&forward);
    stream_client_close(&exec);
    stream_client_close(&spdy);
    stream_client_close(&forward);
    close(log.fd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(v5_ends_stdin_and_tells_success),
        TEST(the_exit_code_is_told_as_each_protocol_says_it),
        TEST(base64_channels_carry_text),
        TEST(a_command_that_cannot_run_is_told_on_the_error_stream),
        TEST(a_terminal_has_the_size_that_is_asked_for),
        TEST(output_of_any_size_arrives_whole),
        TEST(input_that_nobody_reads_waits_at_the_client),
        TEST(attach_talks_to_the_process),
        TEST(refusals_have_the_words_of_upstream),
        TEST(a_handshake_that_is_none_is_refused),
        TEST(who_may_only_get_runs_nothing),
        TEST(a_pod_without_a_node_or_runtime_says_so),
        cmocka_unit_test_setup_teardown(without_a_runtime_the_node_cannot_be_reached, set_up_alone,
                                        test_api_tear_down),
        TEST(spdy_runs_when_all_streams_are_there),
        TEST(ports_are_forwarded_over_spdy),
        TEST(ports_are_forwarded_over_spdy_in_websocket),
        TEST(ports_are_forwarded_over_channels),
        TEST(a_thousand_connections_go_over_one),
        TEST(logs_are_text),
        TEST(a_followed_log_goes_on_until_the_client_leaves),
        TEST(logs_come_over_websocket_too),
        TEST(the_server_stops_with_everything_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
