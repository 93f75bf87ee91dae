/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proxy subresources against a real server and backends. The backends have an address of their
 * own in a network namespace of the test's: the proxy goes to no loopback address.
 */
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/net/http/client.h"
#include "test/support/api.h"
#include "test/support/http_backend.h"

#define NS      "/api/v1/namespaces/default"
#define ADDRESS "10.77.0.1"

static const struct http_backend_rule rules[] = {
    { "/big", BACKEND_BIG, "20000000" },
    { "/echo", BACKEND_ECHO_LIVE, "" },
    { "/hang", BACKEND_HANG, "" },
    { "/cut", BACKEND_SAY_CLOSE, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf" },
    { "/junk", BACKEND_SAY_CLOSE, "SSH-2.0-nothing\r\n\r\n" },
    { "/early", BACKEND_SAY_AT_HEAD, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno\n" },
    { "/until", BACKEND_SAY_CLOSE, "HTTP/1.0 200 OK\r\n\r\nto the end" },
    { "/chunks", BACKEND_SAY,
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
      "2\r\nde\r\n0\r\n\r\n" },
    { "/moved", BACKEND_SAY,
      "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n"
      "Access-Control-Allow-Origin: *\r\nX-Own: 1\r\n\r\n" },
    { "/page", BACKEND_SAY,
      "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=x\r\n"
      "Content-Length: 16\r\n\r\n<a href=\"/x\">x</" },
    { "/none", BACKEND_SAY, "HTTP/1.1 204 No Content\r\n\r\n" },
    { "/ws", BACKEND_SAY_AT_HEAD,
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
      "Upgrade: chat\r\nX-Own: 1\r\n\r\nhello from the tunnel" },
    { NULL, BACKEND_SAY, NULL },
};

static struct http_backend *backend;
static char at[128]; /* the backend behind a pod's proxy, without a path */

static void post(struct test_api *f, const char *path, const char *body)
{
    if (test_api_post(f, path, body) != 201) {
        fail_msg("%s", f->body.ptr);
    }
}

static void make_pod(struct test_api *f, const char *name, const char *ip)
{
    char path[128];
    char json[512];
    (void)snprintf(json, sizeof(json),
                   "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"nodeName\":\"n\",\"containers\":[{"
                   "\"name\":\"a\",\"image\":\"x\",\"ports\":[{\"containerPort\":%u}]}]}}",
                   name, http_backend_port(backend));
    post(f, NS "/pods", json);
    (void)snprintf(path, sizeof(path), NS "/pods/%s/status", name);
    (void)snprintf(json, sizeof(json),
                   "{\"status\":{\"podIP\":\"%s\",\"podIPs\":[{\"ip\":\"%s\"}]}}", ip, ip);
    if (test_api_call(f, "PATCH", path, "application/merge-patch+json", json) != 200) {
        fail_msg("%s", f->body.ptr);
    }
}

static int set_up(void **state)
{
    int rc = test_api_set_up_audited(state);
    backend = http_backend_new_at("the backend", rules, ADDRESS);
    make_pod(*state, "p", ADDRESS);
    (void)snprintf(at, sizeof(at), NS "/pods/p:%u/proxy", http_backend_port(backend));
    return rc;
}

static int tear_down(void **state)
{
    int rc = test_api_tear_down(state);
    http_backend_free(backend);
    return rc;
}

static unsigned get(struct test_api *f, const char *path)
{
    char whole[256];
    (void)snprintf(whole, sizeof(whole), "%s%s", at, path);
    return test_api_get(f, whole);
}

static void open_at(struct test_reader *r, struct test_api *f, const char *path,
                    const char *headers)
{
    char whole[256];
    (void)snprintf(whole, sizeof(whole), "%s%s", at, path);
    test_reader_open(r, f, whole, headers);
}

static void answers_of_every_framing_come_whole(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(get(f, "/any/path?a=%2Fb"), 200);
    assert_string_equal(f->body.ptr, "the backend");
    assert_int_equal(get(f, "/until"), 200);
    assert_string_equal(f->body.ptr, "to the end");
    assert_int_equal(get(f, "/chunks"), 200);
    assert_string_equal(f->body.ptr, "abcde");
    assert_int_equal(get(f, "/none"), 204);
    assert_int_equal(get(f, "/big"), 200);
    assert_int_equal(f->body.len, 20000000);
    assert_int_equal(test_api_get(f, NS "/pods/p/proxy/first-port"), 200); /* the one it names */
}

static void the_backend_sees_the_request_without_credentials(void **state)
{
    struct test_reader r;
    open_at(&r, *state, "/x%2Fy/?q",
            "Authorization: Basic c2VjcmV0\r\nCookie: a=b\r\n"
            "X-Forwarded-For: 9.9.9.9\r\nConnection: close\r\n");
    (void)test_reader_await(&r, "the backend");
    const char *seen = http_backend_last(backend);
    assert_non_null(strstr(seen, "GET /x%2Fy/?q HTTP/1.1\r\n"));
    assert_non_null(strstr(seen, "Cookie: a=b\r\n"));
    assert_non_null(strstr(seen, "X-Forwarded-For: 9.9.9.9\r\n"));
    assert_non_null(strstr(seen, "/proxy/x%2Fy/\r\n"));
    assert_null(strstr(seen, "Authorization"));
    close(r.fd);
}

static void bodies_go_up_as_they_come(void **state)
{
    struct test_api *f = *state;
    static char body[200001];
    memset(body, 'u', sizeof(body) - 1);
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/any", at);
    assert_int_equal(test_api_call(f, "POST", path, "text/plain", body), 200);
    assert_int_equal(strlen(strstr(http_backend_last(backend), "\r\n\r\n") + 4), 200000);
    (void)snprintf(path, sizeof(path), "%s/echo", at);
    assert_int_equal(test_api_call(f, "PUT", path, "text/plain", body), 200);
    assert_int_equal(f->body.len, 200000);
    /* Larger than what the API takes for itself. */
    static char large[4 << 20];
    memset(large, 'l', sizeof(large) - 1);
    (void)snprintf(path, sizeof(path), "%s/any", at);
    assert_int_equal(test_api_call(f, "PATCH", path, "text/plain", large), 200);
    assert_int_equal(strlen(strstr(http_backend_last(backend), "\r\n\r\n") + 4), sizeof(large) - 1);
    /* An answer at the head, and nobody who reads the rest. */
    (void)snprintf(path, sizeof(path), "%s/early", at);
    assert_int_equal(test_api_call(f, "POST", path, "text/plain", large), 413);
    assert_string_equal(f->body.ptr, "no\n");
}

static void links_are_led_back_through_the_proxy(void **state)
{
    struct test_reader r;
    char wanted[256];
    open_at(&r, *state, "/moved", "Connection: close\r\n");
    (void)snprintf(wanted, sizeof(wanted), "Location: %s/there\r\n", at);
    (void)test_reader_await(&r, wanted);
    (void)test_reader_await(&r, "X-Own: 1\r\n");
    assert_null(strstr(r.text, "Access-Control"));
    close(r.fd);
    assert_int_equal(get(*state, "/page"), 200);
    (void)snprintf(wanted, sizeof(wanted), "<a href=\"%s/x\">x</", at);
    assert_string_equal(((struct test_api *)*state)->body.ptr, wanted);
    open_at(&r, *state, "", "");
    (void)snprintf(wanted, sizeof(wanted), "Location: %s/\r\n", at);
    (void)test_reader_await(&r, "301 Moved");
    (void)test_reader_await(&r, wanted);
    close(r.fd);
}

static void what_cannot_be_reached_is_503(void **state)
{
    struct test_api *f = *state;
    assert_int_equal(test_api_get(f, NS "/pods/p:1/proxy/"), 503);
    test_api_assert_has(f, "\"message\":\"error trying to reach service: dial tcp " ADDRESS
                           ":1: connect: connection refused\",\"reason\":\"ServiceUnavailable\"");
    assert_int_equal(get(f, "/junk"), 503);
    test_api_assert_has(f, "malformed HTTP response");
    assert_int_equal(test_api_get(f, NS "/pods/p/%70roxy/"), 400);
    test_api_assert_has(f, "not a path of a proxy");
    assert_int_equal(test_api_get(f, NS "/pods/no/proxy/"), 404);
    assert_int_equal(test_api_get(f, NS "/pods/ftp:p:1/proxy/"), 400);
    test_api_assert_has(f, "invalid pod request \\\"ftp:p:1\\\"");
}

static void a_half_answer_is_not_taken_for_whole(void **state)
{
    struct test_reader r;
    open_at(&r, *state, "/cut", "");
    (void)test_reader_await(&r, "Content-Length: 100");
    while (test_reader_more(&r)) {
    }
    assert_true(strstr(r.text, "\r\n\r\n") + 4 + 100 > r.text + r.len);
    close(r.fd);
    test_api_await_descriptors(*state, 1);
}

static void special_addresses_are_not_gone_to(void **state)
{
    static const char *const ips[] = { "127.0.0.1", "169.254.169.254", "224.0.0.1",
                                       "::1",       "fe80::1",         "0.0.0.0" };
    struct test_api *f = *state;
    for (size_t i = 0; i < KE_ARRAY_LEN(ips); i++) {
        char name[16];
        char path[64];
        (void)snprintf(name, sizeof(name), "special%zu", i);
        make_pod(f, name, ips[i]);
        (void)snprintf(path, sizeof(path), NS "/pods/%s/proxy/", name);
        assert_int_equal(test_api_get(f, path), 400);
        test_api_assert_has(f, "\"message\":\"address not allowed\"");
    }
}

static void make_slice(struct test_api *f, const char *name, const char *endpoints)
{
    char json[1024];
    (void)snprintf(json, sizeof(json),
                   "{\"metadata\":{\"name\":\"%s-1\",\"labels\":{\"kubernetes.io/service-name\":"
                   "\"%s\"}},\"addressType\":\"IPv4\",\"ports\":[{\"name\":\"web\",\"port\":%u,"
                   "\"protocol\":\"TCP\"}],\"endpoints\":%s}",
                   name, name, http_backend_port(backend), endpoints);
    post(f, "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", json);
    (void)snprintf(json, sizeof(json),
                   "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"ports\":[{\"name\":\"web\","
                   "\"port\":80}]}}",
                   name);
    post(f, NS "/services", json);
}

static void a_service_is_one_of_its_ready_pods(void **state)
{
    struct test_api *f = *state;
    const char *target =
        "\"targetRef\":{\"kind\":\"Pod\",\"name\":\"p\",\"namespace\":\"default\"}";
    char endpoints[512];
    (void)snprintf(endpoints, sizeof(endpoints),
                   "[{\"addresses\":[\"10.77.0.9\"],\"conditions\":{\"ready\":false},%s},"
                   "{\"addresses\":[\"10.77.0.9\"],%s},{\"addresses\":[\"" ADDRESS "\"],%s}]",
                   target, target, target);
    make_slice(f, "s", endpoints);
    for (int i = 0; i < 8; i++) { /* never the one that is not ready, nor what is not the pod's */
        assert_int_equal(test_api_get(f, NS "/services/s:web/proxy/x"), 200);
        assert_int_equal(test_api_get(f, NS "/services/http:s:80/proxy/x"), 200);
    }
    assert_int_equal(test_api_get(f, NS "/services/s/proxy/"), 503); /* it has a name */
    test_api_assert_has(f, "no endpoints available for service \\\"s\\\"");
    assert_int_equal(test_api_get(f, NS "/services/s:81/proxy/"), 503);
    test_api_assert_has(f, "no service port 81 found for service \\\"s\\\"");
    assert_int_equal(test_api_get(f, NS "/services/no/proxy/"), 404);
    make_slice(f, "manual", "[{\"addresses\":[\"" ADDRESS "\"]}]");
    assert_int_equal(test_api_get(f, NS "/services/manual:web/proxy/"), 503);
}

static void an_upgrade_becomes_a_tunnel(void **state)
{
    struct test_reader r;
    open_at(&r, *state, "/ws",
            "Connection: Upgrade\r\nUpgrade: chat\r\nSec-WebSocket-Protocol: a, "
            "base64url.bearer.authorization.k8s.io.c2VjcmV0\r\n");
    (void)test_reader_await(&r, "HTTP/1.1 101");
    assert_non_null(strstr(http_backend_last(backend), "Sec-WebSocket-Protocol: a\r\n"));
    (void)test_reader_await(&r, "Upgrade: chat\r\n");
    (void)test_reader_await(&r, "X-Own: 1\r\n");
    (void)test_reader_await(&r, "hello from the tunnel");
    (void)send(r.fd, "x", 1, MSG_NOSIGNAL);
    (void)shutdown(r.fd, SHUT_WR);
    while (test_reader_more(&r)) {
    }
    close(r.fd);
    /* What is not switched is an answer like any other. */
    open_at(&r, *state, "/any", "Connection: Upgrade\r\nUpgrade: chat\r\n");
    (void)test_reader_await(&r, "the backend");
    close(r.fd);
    test_api_await_descriptors(*state, 1);
}

static void clients_may_leave_at_any_time(void **state)
{
    struct test_reader r;
    for (int i = 0; i < 20; i++) {
        open_at(&r, *state, "/hang", "");
        close(r.fd);
        open_at(&r, *state, "/big", "");
        (void)test_reader_await(&r, "200 OK");
        close(r.fd);
        open_at(&r, *state, "/any", "Content-Length: 1000\r\n");
        assert_true(send(r.fd, "abc", 3, MSG_NOSIGNAL) == 3);
        close(r.fd);
    }
    test_api_await_descriptors(*state, 1);
    assert_int_equal(get(*state, "/any"), 200);
}

/* What has reached the server behind has happened, though nobody waited for the answer. */
static void who_leaves_early_is_in_the_audit_log(void **state)
{
    struct test_api *f = *state;
    struct test_reader r;
    struct ke_err err;
    ke_auto_buf log = KE_BUF_INIT(1U << 20);
    int64_t deadline_ns = ke_now_ns() + 10 * KE_S;
    open_at(&r, f, "/hang", "User-Agent: who-left\r\n");
    while (http_backend_requests(backend) == 0 && ke_now_ns() < deadline_ns) {
        (void)poll(NULL, 0, 1);
    }
    close(r.fd);
    do {
        (void)poll(NULL, 0, 1);
        ke_buf_clear(&log);
        assert_int_equal(ke_file_read(f->audit_path, &log, &err), KE_OK);
        ke_buf_add_char(&log, '\0');
    } while (strstr(log.ptr, "who-left") == NULL && ke_now_ns() < deadline_ns);
    const char *line = strstr(log.ptr, "who-left");
    assert_non_null(line);
    assert_non_null(strstr(line, "\"message\":\"the client left before it was answered\"}"));
}

/* A token takes another thread to verify: the request waits at its head, its body with it. */
static void who_comes_with_a_token_is_asked_for_rights(void **state)
{
    struct test_api *f = *state;
    struct ke_err err;
    static char body[200001];
    char authorization[4096];
    char path[256];
    memset(body, 'u', sizeof(body) - 1);
    post(f, NS "/serviceaccounts", "{\"metadata\":{\"name\":\"robot\"}}");
    assert_int_equal(test_api_post(f, NS "/serviceaccounts/robot/token", "{\"spec\":{}}"), 201);
    ke_auto_json *answer = NULL;
    assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &answer, &err), KE_OK);
    struct ke_str token = ke_json_path_str(answer, "status.token");
    (void)snprintf(authorization, sizeof(authorization), "Bearer %.*s", KE_STR_ARG(token));
    (void)snprintf(path, sizeof(path), "%s/any", at);
    struct tls_client_options options = { .ca_pem = ke_buf_str(&f->ca) };
    struct tls_context *tls = NULL;
    assert_int_equal(tls_client_new(&options, &tls, &err), KE_OK);
    struct http_client_target target = { .host = KE_STR("127.0.0.1"),
                                         .port = f->address.port,
                                         .tls = tls,
                                         .timeout_ms = TEST_API_DEADLINE_MS };
    const char *const methods[] = { "GET", "POST" };
    for (size_t i = 0; i < KE_ARRAY_LEN(methods); i++) {
        unsigned status = 0;
        struct http_client_request request = { .method = ke_str_c(methods[i]),
                                               .path = ke_str_c(path),
                                               .authorization = ke_str_c(authorization),
                                               .body = ke_str_c(i == 1 ? body : "") };
        ke_buf_clear(&f->body);
        enum ke_code rc = http_client_call(&target, &request, &status, &f->body, &err);
        if (i == 0 || rc == KE_OK) { /* a refused body may end the connection before its answer */
            assert_int_equal(rc, KE_OK);
            assert_int_equal(status, 403);
        }
    }
    tls_context_unref(tls);
    assert_int_equal(http_backend_requests(backend), 0);
}

static void two_lengths_are_refused(void **state)
{
    struct test_reader r;
    open_at(&r, *state, "/any", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n");
    (void)test_reader_await(&r, "HTTP/1.1 400");
    close(r.fd);
    assert_int_equal(http_backend_requests(backend), 0);
}

static void the_server_stops_with_answers_under_way(void **state)
{
    struct test_reader hang;
    struct test_reader big;
    struct test_api *f = *state;
    open_at(&big, f, "/big", "");
    (void)test_reader_await(&big, "200 OK");
    open_at(&hang, f, "/hang", "");
    int64_t begin_ns = ke_now_ns();
    api_server_stop(f->server);
    assert_true(ke_now_ns() - begin_ns < 5 * KE_S);
    close(hang.fd);
    close(big.fd);
}

int main(void)
{
    bool is_alone = geteuid() == 0 && unshare(CLONE_NEWNET) == 0;
    /* NOLINTNEXTLINE(cert-env33-c): a constant command, of a test */
    if (!is_alone || system("ip link set lo up && ip addr add " ADDRESS "/32 dev lo") != 0) {
        (void)fprintf(stderr, "skipped: needs root for a network namespace\n");
        return 77;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(answers_of_every_framing_come_whole),
        TEST(the_backend_sees_the_request_without_credentials),
        TEST(bodies_go_up_as_they_come),
        TEST(links_are_led_back_through_the_proxy),
        TEST(what_cannot_be_reached_is_503),
        TEST(a_half_answer_is_not_taken_for_whole),
        TEST(special_addresses_are_not_gone_to),
        TEST(a_service_is_one_of_its_ready_pods),
        TEST(an_upgrade_becomes_a_tunnel),
        TEST(clients_may_leave_at_any_time),
        TEST(who_leaves_early_is_in_the_audit_log),
        TEST(who_comes_with_a_token_is_asked_for_rights),
        TEST(two_lengths_are_refused),
        TEST(the_server_stops_with_answers_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
