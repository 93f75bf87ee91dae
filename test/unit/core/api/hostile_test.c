/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients that mean harm, over the unix socket and TLS: what they hold is bounded and given back,
 * and others are served meanwhile. What is lost is seen by the leak check of the asan preset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/api/server.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/net/http/client.h"
#include "core/net/tls/x509.h"
#include "test/support/mem_registry.h"
#include "test/support/tmpdir.h"

#define DEADLINE_MS 10000
#define CONFIGMAPS  "/api/v1/namespaces/default/configmaps"
#define VALUE_BYTES 900000

struct fixture {
    struct test_tmpdir dir;
    char socket[TEST_TMPDIR_BYTES + 16];
    struct registry *registry;
    struct watch_hub *hub;
    struct resource_store *store;
    struct api_server *server;
    struct ke_buf cert, key;
    struct tls_cert *tls_cert;
    struct tls_context *tls;
    struct ke_endpoint address;
    struct ke_buf body;
};

static void make_tls(struct fixture *f)
{
    struct ke_err err;
    struct ke_str masters[] = { KE_STR("system:masters") };
    struct x509_request self = { .common_name = KE_STR("ca"),
                                 .organizations = masters,
                                 .n_organizations = 1,
                                 .not_before_s = ke_wall_s() - 60,
                                 .not_after_s = ke_wall_s() + 3600,
                                 .is_ca = true };
    f->cert.max = f->key.max = 65536;
    assert_int_equal(x509_key_new(&f->key, &err), KE_OK);
    assert_int_equal(x509_sign(&self, ke_buf_str(&f->key), KE_STR(""), KE_STR(""), &f->cert, &err),
                     KE_OK);
    assert_int_equal(tls_cert_new(ke_buf_str(&f->cert), ke_buf_str(&f->key), &f->tls_cert, &err),
                     KE_OK);
    struct tls_server_options options = { .cert = f->tls_cert };
    assert_int_equal(tls_server_new(&options, &f->tls, &err), KE_OK);
}

static void make_namespace(struct fixture *f)
{
    struct ke_err err;
    cJSON *body = NULL;
    assert_int_equal(ke_json_parse(KE_STR("{\"metadata\":{\"name\":\"default\"}}"), &body, &err),
                     KE_OK);
    struct resource_request request = { .verb = RESOURCE_CREATE,
                                        .kind = model_kind_by_id(MODEL_NAMESPACE),
                                        .body = body,
                                        .grace_period_s = -1 };
    assert_int_equal(resource_call(f->store, &request, NULL, &err), KE_OK);
}

static bool allow(void *ctx, const struct auth_attributes *asked, struct ke_buf *out_reason)
{
    (void)ctx;
    (void)out_reason;
    (void)asked;
    (void)out_reason;
    return true;
}

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    struct ke_err err;
    *f = (struct fixture){ .body = KE_BUF_INIT(LIMIT_FILE_BYTES) };
    test_tmpdir_make(&f->dir);
    struct ke_buf path = KE_BUF_FIXED(f->socket, sizeof(f->socket) - 1);
    ke_buf_add_c(&path, test_tmpdir_path(&f->dir, "s"));
    f->registry = mem_registry_new(NULL, &err);
    assert_non_null(f->registry);
    f->hub = watch_hub_new(f->registry, &err);
    assert_non_null(f->hub);
    struct resource_options resources = { .node_port_min = 30000, .node_port_max = 30099 };
    assert_int_equal(resource_store_new(f->hub, &resources, &f->store, &err), KE_OK);
    make_namespace(f);
    make_tls(f);
    assert_int_equal(ke_endpoint_parse(KE_STR("127.0.0.1:0"), &f->address, &err), KE_OK);
    struct api_options options = {
        .store = f->store,
        .authorize = allow,
        .unix_path = f->socket,
        .tls = f->tls,
        .listen = &f->address,
        .n_listen = 1,
        .git_version = KE_STR("v1.33.0+kedge"),
    };
    assert_int_equal(api_server_new(&options, &f->server, &err), KE_OK);
    assert_int_equal(api_server_start(f->server, &err), KE_OK);
    assert_true(api_server_address(f->server, 0, &f->address));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    api_server_stop(f->server);
    registry_stop(f->registry);
    api_server_free(f->server);
    resource_store_free(f->store);
    watch_hub_free(f->hub);
    registry_free(f->registry);
    tls_context_unref(f->tls);
    tls_cert_unref(f->tls_cert);
    ke_buf_free(&f->cert);
    ke_buf_free(&f->key);
    ke_buf_free(&f->body);
    test_tmpdir_remove(&f->dir);
    return 0;
}

/* ---- clients ------------------------------------------------------------------------------------
 */

static unsigned call(struct fixture *f, const char *method, const char *path, struct ke_str body)
{
    struct ke_err err;
    unsigned status = 0;
    struct http_client_target target = { .unix_path = f->socket, .timeout_ms = DEADLINE_MS };
    struct http_client_request request = { .method = ke_str_c(method),
                                           .path = ke_str_c(path),
                                           .content_type = KE_STR("application/json"),
                                           .body = body };
    ke_buf_clear(&f->body);
    if (http_client_call(&target, &request, &status, &f->body, &err) != KE_OK) {
        fail_msg("%s: %s", path, err.msg);
    }
    ke_buf_add_char(&f->body, '\0');
    f->body.len--;
    return status;
}

static bool has_descriptors(struct fixture *f, unsigned n)
{
    char want[64];
    (void)snprintf(want, sizeof(want), "\nkedge_api_descriptors %u\n", n);
    assert_int_equal(call(f, "GET", "/metrics", KE_STR("")), 200);
    return strstr(f->body.ptr, want) != NULL;
}

static void await_descriptors(struct fixture *f, unsigned n)
{
    int64_t until_ns = ke_now_ns() + DEADLINE_MS * KE_MS;
    while (!has_descriptors(f, n)) {
        assert_true(ke_now_ns() < until_ns);
    }
}

static void make_large(struct fixture *f)
{
    ke_auto_buf body = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    ke_buf_add_c(&body, "{\"metadata\":{\"name\":\"large\"},\"data\":{\"k\":\"");
    for (int i = 0; i < VALUE_BYTES / 10; i++) {
        ke_buf_add_c(&body, "0123456789");
    }
    ke_buf_add_c(&body, "\"}}");
    assert_int_equal(call(f, "POST", CONFIGMAPS, ke_buf_str(&body)), 201);
}

static int connect_unix(struct fixture *f)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    memcpy(address.sun_path, f->socket, strlen(f->socket) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static int connect_tcp(struct fixture *f)
{
    struct sockaddr_storage address;
    const int window = 2048;
    socklen_t len = ke_endpoint_to_sockaddr(&f->address, &address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, len), 0);
    return fd;
}

static void send_text(int fd, const char *text, size_t len)
{
    assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

/* True: something came; false: the end. */
static bool has_answer(int fd)
{
    char text[256];
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    assert_int_equal(poll(&wait, 1, DEADLINE_MS), 1);
    return recv(fd, text, sizeof(text), 0) > 0;
}

/* ---- tests --------------------------------------------------------------------------------------
 */

/* libmicrohttpd gives such a request up without telling, after it told of its first line. */
static void a_query_of_many_parameters_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    ke_auto_buf head = KE_BUF_INIT(65536);
    ke_buf_add_c(&head, "GET " CONFIGMAPS "?");
    for (int i = 0; i < 1500; i++) {
        ke_buf_add_c(&head, "a=b&");
    }
    ke_buf_add_c(&head, " HTTP/1.1\r\nHost: x\r\n\r\n");
    int fd = connect_unix(f);
    send_text(fd, head.ptr, head.len);
    (void)has_answer(fd);
    close(fd);
    await_descriptors(f, 1);
}

static void clients_that_only_connect_keep_nobody_out(void **state)
{
    enum { N_STALLED = 1100 }; /* more than handshakes are kept */
    struct fixture *f = *state;
    static int stalled[N_STALLED];
    struct ke_err err;
    unsigned status = 0;
    struct tls_context *tls = NULL;
    for (int i = 0; i < N_STALLED; i++) {
        stalled[i] = connect_tcp(f);
    }
    struct tls_client_options options = { .cert = NULL }; /* trusts anybody */
    assert_int_equal(tls_client_new(&options, &tls, &err), KE_OK);
    struct http_client_target target = {
        .host = KE_STR("127.0.0.1"), .port = f->address.port, .tls = tls, .timeout_ms = DEADLINE_MS
    };
    struct http_client_request request = { .method = KE_STR("GET"), .path = KE_STR("/version") };
    ke_buf_clear(&f->body);
    enum ke_code rc = http_client_call(&target, &request, &status, &f->body, &err);
    for (int i = 0; i < N_STALLED; i++) {
        close(stalled[i]);
    }
    tls_context_unref(tls);
    assert_int_equal(rc, KE_OK);
    assert_int_equal(status, 200);
    await_descriptors(f, 1);
}

/* Half a handshake would be another thing: these are through it, without a certificate. */
static struct tls_session *shake_hands(struct tls_context *tls, int fd)
{
    struct ke_err err;
    enum tls_want want = TLS_WANT_READ;
    struct tls_session *session = tls_session_new(tls, fd, KE_STR(""));
    assert_non_null(session);
    enum ke_code rc;
    while ((rc = tls_handshake(session, &want, &err)) == KE_AGAIN) {
        short events = want == TLS_WANT_READ ? POLLIN : POLLOUT;
        struct pollfd wait = { .fd = fd, .events = events };
        assert_int_equal(poll(&wait, 1, DEADLINE_MS), 1);
    }
    assert_int_equal(rc, KE_OK);
    return session;
}

/* With few descriptors, so that there is no need of thousands. */
static int set_up_small(void **state)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur < 2000) {
        skip();
    }
    struct rlimit few = { .rlim_cur = 700, .rlim_max = files.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    int rc = set_up(state);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    return rc;
}

static void clients_that_say_nothing_keep_nobody_out(void **state)
{
    enum { N_SILENT = 300 }; /* three descriptors each: more than there are */
    struct fixture *f = *state;
    static int fds[N_SILENT];
    static struct tls_session *sessions[N_SILENT];
    struct ke_err err;
    struct tls_context *tls = NULL;
    struct tls_client_options options = { .cert = NULL };
    assert_true(api_server_connection_limit(f->server) < 3 * N_SILENT);
    assert_int_equal(tls_client_new(&options, &tls, &err), KE_OK);
    for (int i = 0; i < N_SILENT; i++) {
        fds[i] = connect_tcp(f);
        sessions[i] = shake_hands(tls, fds[i]);
    }
    unsigned status = 0;
    struct http_client_target target = {
        .host = KE_STR("127.0.0.1"), .port = f->address.port, .tls = tls, .timeout_ms = DEADLINE_MS
    };
    struct http_client_request request = { .method = KE_STR("GET"), .path = KE_STR("/version") };
    ke_buf_clear(&f->body);
    enum ke_code rc = http_client_call(&target, &request, &status, &f->body, &err);
    for (int i = 0; i < N_SILENT; i++) {
        tls_session_free(sessions[i]);
        close(fds[i]);
    }
    tls_context_unref(tls);
    assert_int_equal(rc, KE_OK);
    assert_int_equal(status, 200);
    await_descriptors(f, 1);
}

static unsigned post_as_stranger(struct fixture *f, struct tls_context *tls, struct ke_str body)
{
    struct ke_err err;
    unsigned status = 0;
    struct http_client_target target = {
        .host = KE_STR("127.0.0.1"), .port = f->address.port, .tls = tls, .timeout_ms = DEADLINE_MS
    };
    struct http_client_request request = { .method = KE_STR("POST"),
                                           .path = KE_STR(CONFIGMAPS),
                                           .content_type = KE_STR("application/json"),
                                           .body = body };
    ke_buf_clear(&f->body);
    assert_int_equal(http_client_call(&target, &request, &status, &f->body, &err), KE_OK);
    return status;
}

/* Nobody is asked who he is before his body is there: together they may send so much. */
static void bodies_of_strangers_are_bounded(void **state)
{
    enum { BYTES = 2U << 20, N_SENDING = 4 * LIMIT_STRANGER_BYTES / BYTES };
    static const char head[] = "POST " CONFIGMAPS " HTTP/1.1\r\nHost: x\r\nContent-Length: "
                               "3000000\r\n\r\n";
    static char body[BYTES];
    static int fds[N_SENDING];
    static struct tls_session *sessions[N_SENDING];
    struct fixture *f = *state;
    struct ke_err err;
    struct tls_context *tls = NULL;
    struct tls_client_options options = { .cert = NULL };
    memset(body, ' ', sizeof(body));
    assert_int_equal(tls_client_new(&options, &tls, &err), KE_OK);
    for (int i = 0; i < N_SENDING; i++) {
        enum tls_want want;
        fds[i] = connect_tcp(f);
        sessions[i] = shake_hands(tls, fds[i]);
        assert_int_equal(tls_write(sessions[i], head, sizeof(head) - 1, &want), sizeof(head) - 1);
        for (size_t at = 0; at < sizeof(body);) {
            ssize_t n = tls_write(sessions[i], body + at, sizeof(body) - at, &want);
            assert_true(n > 0);
            at += (size_t)n;
        }
    }
    assert_int_equal(post_as_stranger(f, tls, ke_str_of(body, sizeof(body))), 429);
    assert_int_not_equal(post_as_stranger(f, tls, ke_str_of(body, 1000)), 429);
    for (int i = 0; i < N_SENDING; i++) {
        tls_session_free(sessions[i]);
        close(fds[i]);
    }
    await_descriptors(f, 1);
    assert_int_not_equal(post_as_stranger(f, tls, ke_str_of(body, sizeof(body))), 429);
    tls_context_unref(tls);
}

/* Two lengths: one of them is a lie, and what follows may be somebody else's request. */
static void two_lengths_end_the_connection(void **state)
{
    static const char ask[] = "POST " CONFIGMAPS " HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                              "GET /version HTTP/1.1\r\nHost: x\r\n\r\n";
    struct fixture *f = *state;
    char text[8192] = "";
    size_t len = 0;
    int fd = connect_unix(f);
    send_text(fd, ask, sizeof(ask) - 1);
    for (;;) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        assert_int_equal(poll(&wait, 1, DEADLINE_MS), 1);
        ssize_t n = recv(fd, text + len, sizeof(text) - 1 - len, 0);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    close(fd);
    assert_non_null(strstr(text, "HTTP/1.1 400"));
    assert_null(strstr(text, "gitVersion"));
}

static void a_head_too_large_is_refused(void **state)
{
    struct fixture *f = *state;
    ke_auto_buf head = KE_BUF_INIT(65536);
    char text[4096] = "";
    ke_buf_add_c(&head, "GET /version HTTP/1.1\r\nHost: x\r\nX-Long: ");
    for (int i = 0; i < 20000; i++) {
        ke_buf_add_char(&head, 'x');
    }
    ke_buf_add_c(&head, "\r\n\r\n");
    int fd = connect_unix(f);
    send_text(fd, head.ptr, head.len);
    assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
    close(fd);
    assert_non_null(strstr(text, "HTTP/1.1 431"));
}

static void a_watch_that_nobody_reads_does_not_delay_the_stop(void **state)
{
    static const char ask[] = "GET " CONFIGMAPS "?watch=true HTTP/1.1\r\nHost: x\r\n\r\n";
    struct fixture *f = *state;
    int fd = connect_unix(f);
    send_text(fd, ask, sizeof(ask) - 1);
    assert_true(has_answer(fd));
    make_large(f); /* more than the socket takes */
    assert_int_equal(call(f, "DELETE", CONFIGMAPS "/large", KE_STR("")), 200);
    await_descriptors(f, 2);
    int64_t begin_ns = ke_now_ns();
    api_server_stop(f->server);
    assert_true(ke_now_ns() - begin_ns < 5 * KE_S);
    close(fd);
}

/* One that sends all before it reads would see the connection break, and not why. */
static void a_body_too_large_is_refused_behind_its_end(void **state)
{
    static const size_t sizes[] = { LIMIT_REQUEST_BODY_BYTES + 1, 8U << 20 };
    struct fixture *f = *state;
    for (size_t i = 0; i < KE_ARRAY_LEN(sizes); i++) {
        char head[256];
        char text[256] = "";
        int n = snprintf(head, sizeof(head),
                         "POST " CONFIGMAPS " HTTP/1.1\r\nHost: x\r\nContent-Type: "
                         "application/json\r\nContent-Length: %zu\r\n\r\n",
                         sizes[i]);
        char *body = calloc(1, sizes[i]);
        assert_non_null(body);
        int fd = connect_unix(f);
        send_text(fd, head, (size_t)n);
        send_text(fd, body, sizes[i]);
        free(body);
        assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
        assert_non_null(strstr(text, "HTTP/1.1 413 "));
        close(fd);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_query_of_many_parameters_leaves_nothing_behind),
        CASE(clients_that_only_connect_keep_nobody_out),
        cmocka_unit_test_setup_teardown(clients_that_say_nothing_keep_nobody_out, set_up_small,
                                        tear_down),
        CASE(bodies_of_strangers_are_bounded),
        CASE(two_lengths_end_the_connection),
        CASE(a_head_too_large_is_refused),
        CASE(a_body_too_large_is_refused_behind_its_end),
        CASE(a_watch_that_nobody_reads_does_not_delay_the_stop),
    };
    return cmocka_run_group_tests_name("core/api/hostile", tests, NULL, NULL);
}
