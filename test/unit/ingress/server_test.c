/* SPDX-License-Identifier: Apache-2.0 */
/* A whole router between byte-speaking clients and backends: bodies, connections, failures. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/thread.h"
#include "test/support/base/test.h"
#include "test/support/ingress_world.h"

#define H          "Host: a.example\r\n"
#define BIG_BYTES  (24U << 20)
#define BIG_TEXT   "25165824"
#define N_POOLED   200
#define OK_HEAD    "HTTP/1.1 200 OK\r\n"
#define ANSWER_200 OK_HEAD "Content-Length: 2\r\n\r\nok"

static const struct http_backend_rule rules[] = {
    { "/chunked", BACKEND_SAY,
      OK_HEAD "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: v\r\n\r\n" },
    { "/until-close", BACKEND_SAY_CLOSE, OK_HEAD "\r\nall of it" },
    { "/204", BACKEND_SAY, "HTTP/1.1 204 No Content\r\n\r\n" },
    { "/204-length", BACKEND_SAY, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n" },
    { "/304", BACKEND_SAY, "HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n" },
    { "/head", BACKEND_SAY, OK_HEAD "Content-Length: 1234\r\n\r\n" },
    { "/103", BACKEND_SAY, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" ANSWER_200 },
    { "/hop", BACKEND_SAY,
      OK_HEAD
      "Connection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: x\r\nX-End: 2\r\nContent-Length: 0\r\n\r\n" },
    { "/server", BACKEND_SAY, OK_HEAD "Server: other\r\nDate: then\r\nContent-Length: 0\r\n\r\n" },
    { "/extra", BACKEND_SAY, ANSWER_200 ANSWER_200 },
    { "/cl-te", BACKEND_SAY,
      OK_HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
    { "/two-cl", BACKEND_SAY, OK_HEAD "Content-Length: 2\r\nContent-Length: 3\r\n\r\nok" },
    { "/garbage", BACKEND_SAY, "\x01\x02 garbage\r\n\r\n" },
    { "/101", BACKEND_SAY,
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n" },
    { "/bad-chunk", BACKEND_SAY, OK_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxx\r\n" },
    { "/cut", BACKEND_SAY_CLOSE, OK_HEAD "Content-Length: 100\r\n\r\nonly this" },
    { "/cut-chunk", BACKEND_SAY_CLOSE,
      OK_HEAD "Transfer-Encoding: chunked\r\n\r\n9\r\nonly this\r\n" },
    { "/cut-head", BACKEND_SAY_CLOSE, "HTTP/1.1 200 OK\r\nContent-" },
    { "/nothing", BACKEND_SAY_CLOSE, "" },
    { "/early", BACKEND_SAY_AT_HEAD,
      "HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nstop" },
    { "/echo", BACKEND_ECHO_LIVE, "" },
    { "/big", BACKEND_BIG, BIG_TEXT },
    { "/hang", BACKEND_HANG, "" },
    { NULL, BACKEND_SAY, NULL },
};

static struct ingress_world world;
static struct http_backend *one, *two;
static struct ingress_reply reply;
static struct ingress_talk talk;

static void ask(const char *request)
{
    ingress_talk_say(&talk, request);
    const char *method = strncmp(request, "HEAD", 4) == 0 ? "HEAD" : "GET";
    if (!ingress_talk_hear(&talk, method, &reply))
        fail_msg("no answer to %s", request);
}

static void get(const char *path)
{
    char request[256];
    (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" H "\r\n", path);
    ask(request);
}

static void assert_body(const char *text)
{
    assert_int_equal(reply.body.len, strlen(text));
    if (reply.body.len > 0)
        assert_memory_equal(reply.body.ptr, text, reply.body.len);
}

static void assert_has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in: %s", part, text);
}

static void assert_has_not(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("\"%s\" in: %s", part, text);
}

/* ---- heads ---- */

static void the_backend_is_told_of_the_client(void **state)
{
    (void)state;
    ask("POST /a/./b%7ec/../d%2Fe?q=/../%41 HTTP/1.1\r\nHost: A.example:8080\r\n"
        "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\n"
        "X-Real-IP: 6.6.6.6\r\nX_Real_IP: 6.6.6.6\r\nX-Request-ID: mine\r\nCookie: a=b\r\n"
        "Connection: close\r\nConnection: X-Secret, cookie, host\r\nX-Secret: s\r\nTE: trailers\r\n"
        "Proxy-Authorization: x\r\nUpgrade: h2c\r\nX-Kept: Kept\r\nContent-Length: 003\r\n\r\nabc");
    assert_int_equal(reply.status, 200);
    const char *last = http_backend_last(one);
    assert_has(last, "POST /a/d%2Fe?q=/../%41 HTTP/1.1\r\nhost: A.example:8080\r\n");
    assert_has(last, "x-forwarded-for: 127.0.0.1\r\n");
    assert_has(last, "x-real-ip: 127.0.0.1\r\n");
    assert_has(last, "x-forwarded-proto: http\r\n");
    assert_has(last, "x-forwarded-host: A.example:8080\r\n");
    char port[64];
    (void)snprintf(port, sizeof(port), "x-forwarded-port: %u\r\n", world.http_port);
    assert_has(last, port);
    assert_has(last, "x-request-id: ");
    assert_has(last, "X-Kept: Kept\r\n");
    assert_has(last, "Cookie: a=b\r\n");
    assert_has(last, "content-length: 3\r\n");
    assert_has(last, "\r\n\r\nabc");
    static const char *const gone[] = { "6.6.6.6", "mine",      "onnection:", "X-Secret",
                                        "TE:",     "Proxy-A",   "Upgrade",    "orwarded: for",
                                        "003",     "X_Real_IP", NULL };
    for (size_t i = 0; gone[i] != NULL; i++)
        assert_has_not(last, gone[i]);
}

static void the_absolute_form_names_the_host(void **state)
{
    (void)state;
    ask("GET http://a.example/?x HTTP/1.1\r\nHost: b.example\r\n\r\n");
    assert_int_equal(reply.status, 200);
    assert_has(http_backend_last(one), "host: a.example\r\n");
    assert_has_not(http_backend_last(one), "b.example");
}

static void a_host_is_made_up_for_http_1_0(void **state)
{
    (void)state;
    ingress_world_put(&world, MODEL_INGRESS,
                      "{'metadata':{'namespace':'default','name':'any'},'spec':{"
                      "'ingressClassName':'kedge','defaultBackend':{'service':{'name':'web',"
                      "'port':{'name':'http'}}}}}");
    ask("GET / HTTP/1.0\r\n\r\n");
    assert_int_equal(reply.status, 200);
    assert_has(http_backend_last(one), "host: web\r\n");
    ingress_world_delete(&world, "/registry/ingress/default/any");
}

static void responses_lose_what_belongs_to_one_hop(void **state)
{
    (void)state;
    get("/hop");
    assert_has_not(reply.head, "X-Hop");
    assert_has_not(reply.head, "Keep-Alive");
    assert_has_not(reply.head, "onnection");
    assert_has(reply.head, "X-End: 2\r\n");
    assert_has(reply.head, "server: kedge\r\n");
    assert_has(reply.head, "\r\ndate: ");
    get("/server");
    assert_has(reply.head, "Server: other\r\n");
    assert_has_not(reply.head, "kedge");
    assert_has_not(reply.head, "date:");
}

/* ---- bodies ---- */

static void responses_keep_their_framing(void **state)
{
    (void)state;
    get("/chunked");
    assert_body("abcde");
    assert_has(reply.head, "transfer-encoding: chunked\r\n");
    get("/until-close");
    assert_body("all of it");
    assert_has(reply.head, "transfer-encoding: chunked\r\n");
    get("/204");
    assert_int_equal(reply.status, 204);
    get("/204-length");
    assert_has_not(reply.head, "ontent-");
    get("/304");
    assert_has(reply.head, "content-length: 99\r\n");
    ask("HEAD /head HTTP/1.1\r\n" H "\r\n");
    assert_has(reply.head, "content-length: 1234\r\n");
    get("/103");
    assert_body("ok");
    assert_has_not(reply.head, "Link");
    ask("HEAD / HTTP/1.1\r\nHost: nobody.example\r\n\r\n");
    assert_int_equal(reply.status, 404);
    get("/");
    assert_body("one");
}

static void http_1_0_clients_get_no_chunks(void **state)
{
    (void)state;
    ask("GET /chunked HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n");
    assert_body("abcde");
    assert_has(reply.head, "connection: close\r\n");
    assert_has_not(reply.head, "chunked");
    assert_true(ingress_talk_is_closed(&talk));
}

static void requests_are_pipelined(void **state)
{
    (void)state;
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    for (int i = 0; i < 100; i++) {
        ke_buf_add_c(&text, i % 3 == 0   ? "POST / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nxy"
                            : i % 3 == 1 ? "GET /chunked HTTP/1.1\r\n" H "\r\n"
                                         : "GET / HTTP/1.1\r\nHost: nobody.example\r\n\r\n");
    }
    ingress_talk_send(&talk, text.ptr, text.len);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(ingress_talk_hear(&talk, "GET", &reply));
        assert_int_equal(reply.status, i % 3 == 2 ? 404 : 200);
    }
}

/* More answers than any buffer holds, and a client that takes none until all is asked. */
static void pipelined_answers_wait_for_the_client(void **state)
{
    (void)state;
    static const char request[] = "GET / HTTP/1.1\r\nHost: b\r\n\r\n";
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    for (int i = 0; i < 20000; i++)
        ke_buf_add(&text, request, sizeof(request) - 1);
    const struct timeval soon = { .tv_usec = 100000 };
    (void)setsockopt(talk.fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
    size_t n_sent = 0;
    ssize_t n = 1;
    while (n > 0 && n_sent < text.len) {
        n = send(talk.fd, text.ptr + n_sent, text.len - n_sent, MSG_NOSIGNAL);
        n_sent += n > 0 ? (size_t)n : 0;
    }
    size_t n_answers = n_sent / (sizeof(request) - 1);
    assert_true(n_answers > 1000);
    for (size_t i = 0; i < n_answers; i++) {
        assert_true(ingress_talk_hear(&talk, "GET", &reply));
        assert_int_equal(reply.status, 404);
    }
}

static void a_client_is_told_to_continue(void **state)
{
    (void)state;
    char bytes[64] = { 0 };
    ingress_talk_say(&talk,
                     "POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_int_equal(recv(talk.fd, bytes, 25, MSG_WAITALL), 25);
    assert_string_equal(bytes, "HTTP/1.1 100 Continue\r\n\r\n");
    ingress_talk_say(&talk, "hello");
    assert_true(ingress_talk_hear(&talk, "POST", &reply));
    assert_int_equal(reply.status, 200);
    assert_has(http_backend_last(one), "\r\n\r\nhello");
    assert_has_not(http_backend_last(one), "xpect");
}

static size_t resident_bytes(void)
{
    char line[256];
    struct ke_str size = { 0 };
    struct ke_str resident = { 0 };
    uint64_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file));
    (void)fclose(file);
    struct ke_str rest = ke_str_c(line);
    assert_true(ke_str_split(&rest, ' ', &size) && ke_str_split(&rest, ' ', &resident));
    assert_true(ke_str_to_u64(resident, SIZE_MAX, &pages));
    return pages * 4096;
}

static void a_slow_reader_costs_bounded_memory(void **state)
{
    (void)state;
    size_t before = resident_bytes();
    ingress_talk_say(&talk, "GET /big HTTP/1.1\r\n" H "\r\n");
    char bytes[1024];
    assert_int_equal(recv(talk.fd, bytes, sizeof(bytes), MSG_PEEK | MSG_WAITALL), sizeof(bytes));
    for (int i = 0; i < 200; i++) /* the router has had turns enough to read it all */
        assert_int_equal(recv(talk.fd, bytes, 1, MSG_PEEK), 1);
    assert_true(resident_bytes() < before + (8U << 20));
    assert_true(ingress_talk_hear(&talk, "GET", &reply));
    assert_int_equal(reply.body.len, BIG_BYTES);
    get("/");
    assert_int_equal(reply.status, 200);
}

static void *send_big_body(void *ctx)
{
    struct ingress_talk *to = ctx;
    static char block[65536];
    for (size_t left = BIG_BYTES; left > 0; left -= sizeof(block))
        ingress_talk_send(to, block, sizeof(block));
    return NULL;
}

/* The response begins before the request has ended: both must flow. */
static void bodies_flow_both_ways_at_once(void **state)
{
    (void)state;
    pthread_t thread;
    ingress_talk_say(&talk, "POST /echo HTTP/1.1\r\n" H "Content-Length: " BIG_TEXT "\r\n\r\n");
    assert_int_equal(pthread_create(&thread, NULL, send_big_body, &talk), 0);
    assert_true(ingress_talk_hear(&talk, "POST", &reply));
    (void)pthread_join(thread, NULL);
    assert_false(reply.is_cut);
    assert_int_equal(reply.body.len, BIG_BYTES);
}

static void an_early_answer_reaches_the_client(void **state)
{
    (void)state;
    pthread_t thread;
    ingress_talk_say(&talk, "POST /early HTTP/1.1\r\n" H "Content-Length: " BIG_TEXT "\r\n\r\n");
    assert_int_equal(pthread_create(&thread, NULL, send_big_body, &talk), 0);
    assert_true(ingress_talk_hear(&talk, "POST", &reply));
    assert_int_equal(reply.status, 413);
    assert_body("stop");
    (void)shutdown(talk.fd, SHUT_RDWR);
    (void)pthread_join(thread, NULL);
}

static void a_client_that_ends_its_side_is_served(void **state)
{
    (void)state;
    ingress_talk_say(&talk, "GET /chunked HTTP/1.1\r\n" H "\r\n");
    (void)shutdown(talk.fd, SHUT_WR);
    assert_true(ingress_talk_hear(&talk, "GET", &reply));
    assert_body("abcde");
    assert_true(ingress_talk_is_closed(&talk));
}

/* ---- bad answers ---- */

static void a_bad_answer_is_a_bad_gateway(void **state)
{
    (void)state;
    static const char *const paths[] = { "/cl-te",    "/two-cl",  "/garbage", "/101",
                                         "/cut-head", "/nothing", NULL };
    for (size_t i = 0; paths[i] != NULL; i++) {
        get(paths[i]);
        if (reply.status != 502)
            fail_msg("%s: %u", paths[i], reply.status);
        size_t before = http_backend_connections(one);
        get("/");
        assert_int_equal(reply.status, 200);
        assert_int_equal(http_backend_connections(one), before + 1);
    }
}

static void a_cut_body_does_not_look_whole(void **state)
{
    (void)state;
    static const char *const paths[] = { "/cut", "/cut-chunk", "/bad-chunk", NULL };
    for (size_t i = 0; paths[i] != NULL; i++) {
        ingress_talk_close(&talk);
        ingress_talk_open(&talk, world.http_port);
        get(paths[i]);
        assert_int_equal(reply.status, 200);
        if (!reply.is_cut)
            fail_msg("%s looks whole", paths[i]);
    }
}

static void what_follows_an_answer_is_never_an_answer(void **state)
{
    (void)state;
    get("/extra");
    assert_body("ok");
    size_t before = http_backend_connections(one);
    get("/");
    assert_body("one");
    assert_int_equal(http_backend_connections(one), before + 1);
}

/* ---- connections to endpoints ---- */

static void a_connection_serves_many_requests(void **state)
{
    (void)state;
    get("/");
    http_backend_clear(one);
    for (int i = 0; i < N_POOLED; i++) {
        get("/");
        assert_int_equal(reply.status, 200);
    }
    assert_int_equal(http_backend_requests(one), N_POOLED);
    assert_int_equal(http_backend_connections(one), 0);
}

static void a_pooled_connection_that_was_closed_is_replaced(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        get("/");
        http_backend_cut(one);
        ask("POST / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nab");
        assert_int_equal(reply.status, 200);
    }
}

static void a_lost_get_is_tried_once_more(void **state)
{
    (void)state;
    get("/");
    uint64_t before = ingress_world_counter(&world, "retries");
    get("/nothing"); /* reused: closed without a word, so it is sent again, on a new one */
    assert_int_equal(reply.status, 502);
    assert_int_equal(ingress_world_counter(&world, "retries"), before + 1);
    get("/");
    ask("POST /nothing HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx");
    assert_int_equal(reply.status, 502);
    assert_int_equal(ingress_world_counter(&world, "retries"), before + 1);
}

static uint16_t refusing_port(void)
{
    struct http_backend *gone = http_backend_new("gone", NULL);
    uint16_t port = http_backend_port(gone);
    http_backend_free(gone);
    return port;
}

static void a_refusing_endpoint_is_passed_over(void **state)
{
    (void)state;
    const uint16_t ports[] = { refusing_port(), http_backend_port(one) };
    ingress_world_service(&world, "web", ports, 2);
    for (int i = 0; i < 40; i++) {
        ask(i % 2 == 0 ? "GET / HTTP/1.1\r\n" H "\r\n"
                       : "POST / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nab");
        assert_int_equal(reply.status, 200);
    }
    ingress_world_service(&world, "web", ports, 1);
    get("/");
    assert_int_equal(reply.status, 502);
    ingress_world_service(&world, "web", ports, 0);
    get("/");
    assert_int_equal(reply.status, 503);
    assert_has(reply.head, "retry-after: 1\r\n");
    test_delete(world.table, MODEL_SERVICE, "default", "web");
    endpoint_table_publish(world.table, ++world.revision);
    get("/");
    assert_int_equal(reply.status, 503);
}

static void all_endpoints_are_used(void **state)
{
    (void)state;
    const uint16_t ports[] = { http_backend_port(one), http_backend_port(two) };
    ingress_world_service(&world, "web", ports, 2);
    http_backend_clear(one);
    for (int i = 0; i < 100; i++)
        get("/");
    assert_in_range(http_backend_requests(one), 20, 80);
    assert_int_equal(http_backend_requests(one) + http_backend_requests(two), 100);
}

/* ---- changes under load ---- */

static void pause_shortly(void)
{
    const struct timespec pause = { .tv_nsec = 100000 };
    (void)nanosleep(&pause, NULL);
}

struct load {
    _Atomic bool must_stop;
    _Atomic size_t n_good, n_bad;
};

static void *load_run(void *ctx)
{
    struct load *load = ctx;
    static struct ingress_reply got;
    struct ingress_talk own;
    ingress_talk_open(&own, world.http_port);
    while (!atomic_load(&load->must_stop)) {
        ingress_talk_say(&own, "GET / HTTP/1.1\r\n" H "\r\n");
        bool is_good = ingress_talk_hear(&own, "GET", &got) && got.status == 200;
        atomic_fetch_add(is_good ? &load->n_good : &load->n_bad, 1);
    }
    ingress_talk_close(&own);
    ke_buf_free(&got.body);
    return NULL;
}

static void no_request_fails_while_routes_and_endpoints_change(void **state)
{
    (void)state;
    struct load load = { false, 0, 0 };
    pthread_t thread;
    const uint16_t ports[] = { http_backend_port(one), http_backend_port(two) };
    ingress_world_service(&world, "web", ports, 2);
    assert_int_equal(pthread_create(&thread, NULL, load_run, &load), 0);
    for (int i = 0; i < 100; i++) {
        size_t before = atomic_load(&load.n_good);
        ingress_world_route(&world, i % 2 == 0 ? "web" : "other", "a.example", "web");
        ingress_world_service(&world, "web", ports + i % 2, 1);
        while (atomic_load(&load.n_good) == before && atomic_load(&load.n_bad) == 0)
            pause_shortly();
    }
    atomic_store(&load.must_stop, true);
    (void)pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&load.n_bad), 0);
    ingress_world_delete(&world, "/registry/ingress/default/other");
}

/* ---- what is said of the objects ---- */

/* What was reported of an Ingress last: 1 served, 0 not any more, -1 nothing. Reasons of Events are
 * gathered. */
static int take_reports(const char *name, struct ke_buf *reasons)
{
    struct report_item item;
    int served = -1;
    while (report_take(world.report, &item)) {
        if (item.what == REPORT_ITEM_INGRESS && strcmp(item.name, name) == 0)
            served = item.is_served ? 1 : 0;
        if (item.what == REPORT_ITEM_EVENT && strcmp(item.name, name) == 0)
            ke_buf_add_c(reasons, item.reason);
        report_item_clear(&item);
    }
    ke_buf_add(reasons, "", 1);
    return served;
}

static void an_ingress_that_changes_class_is_let_go_at_once(void **state)
{
    (void)state;
    ke_auto_buf reasons = KE_BUF_INIT(1024);
    ingress_world_route(&world, "moving", "moving.example", "web");
    ask("GET / HTTP/1.1\r\nHost: moving.example\r\n\r\n");
    assert_int_equal(reply.status, 200);
    assert_int_equal(take_reports("moving", &reasons), 1);
    ingress_world_put(&world, MODEL_INGRESS,
                      "{'metadata':{'namespace':'default','name':'moving'},'spec':{"
                      "'ingressClassName':'other','rules':[{'host':'moving.example'}]}}");
    ask("GET / HTTP/1.1\r\nHost: moving.example\r\n\r\n");
    assert_int_equal(reply.status, 404);
    assert_int_equal(take_reports("moving", &reasons), 0);
    ingress_world_delete(&world, "/registry/ingress/default/moving");
    assert_int_equal(take_reports("moving", &reasons), -1);
}

static void a_lost_path_is_an_event_once(void **state)
{
    (void)state;
    ke_auto_buf reasons = KE_BUF_INIT(1024);
    ke_auto_buf later = KE_BUF_INIT(1024);
    ingress_world_route(&world, "zz-late", "a.example", "web");
    assert_int_equal(take_reports("zz-late", &reasons), 1);
    assert_string_equal(reasons.ptr, "PathConflict");
    ingress_world_route(&world, "elsewhere", "e.example", "web");
    assert_int_equal(take_reports("zz-late", &later), -1);
    assert_string_equal(later.ptr, "");
    ingress_world_delete(&world, "/registry/ingress/default/elsewhere");
    ingress_world_delete(&world, "/registry/ingress/default/zz-late");
}

/* ---- set-up ---- */

static int make_world(void **state)
{
    (void)state;
    ingress_world_make(&world, NULL, false);
    one = http_backend_new("one", rules);
    two = http_backend_new("two", rules);
    ingress_world_route(&world, "web", "a.example", "web");
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    ingress_world_end(&world);
    http_backend_free(one);
    http_backend_free(two);
    ke_buf_free(&reply.body);
    return 0;
}

static int open_talk(void **state)
{
    (void)state;
    const uint16_t port = http_backend_port(one);
    ingress_world_service(&world, "web", &port, 1);
    http_backend_clear(one);
    http_backend_clear(two);
    ingress_talk_open(&talk, world.http_port);
    return 0;
}

static int close_talk(void **state)
{
    (void)state;
    ingress_talk_close(&talk);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_talk, close_talk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_backend_is_told_of_the_client),
        TEST(the_absolute_form_names_the_host),
        TEST(a_host_is_made_up_for_http_1_0),
        TEST(responses_lose_what_belongs_to_one_hop),
        TEST(responses_keep_their_framing),
        TEST(http_1_0_clients_get_no_chunks),
        TEST(requests_are_pipelined),
        TEST(pipelined_answers_wait_for_the_client),
        TEST(a_client_is_told_to_continue),
        TEST(a_slow_reader_costs_bounded_memory),
        TEST(bodies_flow_both_ways_at_once),
        TEST(an_early_answer_reaches_the_client),
        TEST(a_client_that_ends_its_side_is_served),
        TEST(a_bad_answer_is_a_bad_gateway),
        TEST(a_cut_body_does_not_look_whole),
        TEST(what_follows_an_answer_is_never_an_answer),
        TEST(a_connection_serves_many_requests),
        TEST(a_pooled_connection_that_was_closed_is_replaced),
        TEST(a_lost_get_is_tried_once_more),
        TEST(a_refusing_endpoint_is_passed_over),
        TEST(all_endpoints_are_used),
        TEST(no_request_fails_while_routes_and_endpoints_change),
        TEST(an_ingress_that_changes_class_is_let_go_at_once),
        TEST(a_lost_path_is_an_event_once),
    };
    return cmocka_run_group_tests(tests, make_world, end_world);
}
