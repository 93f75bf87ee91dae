/* SPDX-License-Identifier: Apache-2.0 */
/* TLS with certificates by name, redirects, time limits (shortened), and leaving. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/net/tls/x509.h"
#include "test/support/base/test.h"
#include "test/support/ingress_world.h"

#define H "Host: a.example\r\n"

static const struct http_backend_rule rules[] = {
    { "/hang", BACKEND_HANG, "" },
    { "/half", BACKEND_SAY, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf" },
    { "/big", BACKEND_BIG, "16777216" },
    { NULL, BACKEND_SAY, NULL },
};
static const struct ingress_timeouts short_waits = {
    .handshake_ms = 1000,
    .head_ms = 500,
    .idle_ms = 500,
    .connect_ms = 1000,
    .response_ms = 1000,
    .stall_ms = 1000,
    .linger_ms = 100,
    .drain_ms = 5000,
};

static struct ingress_world world;
static struct http_backend *backend;
static struct ingress_reply reply;
static struct ingress_talk talk;
static struct ke_buf ca = KE_BUF_INIT(LIMIT_PEM_BYTES);
static struct ke_buf ca_key = KE_BUF_INIT(LIMIT_PEM_BYTES);

/* ---- TLS ---- */

static void put_secret(const char *name, const char *dns_name)
{
    ke_auto_buf key = KE_BUF_INIT(LIMIT_PEM_BYTES);
    ke_auto_buf pem = KE_BUF_INIT(LIMIT_PEM_BYTES);
    ke_auto_buf data = KE_BUF_INIT(LIMIT_PEM_BYTES);
    struct ke_err err = KE_ERR_INIT;
    struct ke_str dns = ke_str_c(dns_name);
    struct x509_request request = { .common_name = dns,
                                    .dns_names = &dns,
                                    .n_dns_names = 1,
                                    .is_server = true,
                                    .not_before_s = ke_wall_s() - 60,
                                    .not_after_s = ke_wall_s() + 3600 };
    assert_int_equal(x509_key_new(&key, &err), KE_OK);
    assert_int_equal(
        x509_sign(&request, ke_buf_str(&key), ke_buf_str(&ca), ke_buf_str(&ca_key), &pem, &err),
        KE_OK);
    ke_buf_add_c(&data, "'tls.crt':'");
    ke_buf_add_base64(&data, pem.ptr, pem.len);
    ke_buf_add_c(&data, "','tls.key':'");
    ke_buf_add_base64(&data, key.ptr, key.len);
    ke_buf_add_char(&data, '\'');
    ingress_world_put(&world, MODEL_SECRET,
                      "{'metadata':{'namespace':'default','name':'%s'},"
                      "'type':'kubernetes.io/tls','data':{%.*s}}",
                      name, KE_STR_ARG(ke_buf_str(&data)));
}

static void make_ca(void)
{
    struct ke_err err = KE_ERR_INIT;
    struct x509_request request = { .common_name = KE_STR("test CA"),
                                    .is_ca = true,
                                    .not_before_s = ke_wall_s() - 60,
                                    .not_after_s = ke_wall_s() + 3600 };
    assert_int_equal(x509_key_new(&ca_key, &err), KE_OK);
    assert_int_equal(x509_sign(&request, ke_buf_str(&ca_key), (struct ke_str){ 0 },
                               (struct ke_str){ 0 }, &ca, &err),
                     KE_OK);
}

static void put_tls_route(const char *annotations)
{
    ingress_world_put(
        &world, MODEL_INGRESS,
        "{'metadata':{'namespace':'default','name':'tls','annotations':{%s}},'spec':{"
        "'ingressClassName':'kedge','tls':[{'hosts':['a.example'],'secretName':'one'},"
        "{'hosts':['*.wild.example'],'secretName':'wild'},"
        "{'hosts':['bad.wild.example'],'secretName':'missing'}],"
        "'rules':[{'host':'a.example','http':{'paths':[{'path':'/','pathType':'Prefix','backend':{"
        "'service':{'name':'web','port':{'name':'http'}}}}]}},"
        "{'host':'*.wild.example','http':{'paths':[{'path':'/','pathType':'Prefix','backend':{"
        "'service':{'name':'web','port':{'name':'http'}}}}]}}]}}",
        annotations);
}

/* Does a client that trusts our CA accept what is shown for a name? */
static bool is_trusted(const char *sni)
{
    struct ke_err err = KE_ERR_INIT;
    struct tls_client_options options = { .ca_pem = ke_buf_str(&ca) };
    struct tls_context *context = NULL;
    assert_int_equal(tls_client_new(&options, &context, &err), KE_OK);
    ingress_talk_close(&talk);
    bool is_good = ingress_talk_open_tls(&talk, world.https_port, context, sni);
    tls_context_unref(context);
    return is_good;
}

static void certificates_follow_the_name(void **state)
{
    (void)state;
    put_tls_route("");
    put_secret("one", "a.example");
    put_secret("wild", "*.wild.example");
    assert_true(is_trusted("x.wild.example"));
    assert_false(is_trusted("bad.wild.example")); /* not the wildcard's: the default one */
    assert_false(is_trusted("unknown.example"));
    assert_true(is_trusted("a.example"));
    ingress_talk_say(&talk, "POST / HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nab");
    assert_true(ingress_talk_hear(&talk, "POST", &reply));
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(http_backend_last(backend), "x-forwarded-proto: https\r\n"));
    ingress_talk_say(&talk, "GET /big HTTP/1.1\r\n" H "\r\n");
    assert_true(ingress_talk_hear(&talk, "GET", &reply));
    assert_int_equal(reply.body.len, 16777216);
    ingress_talk_say(&talk, "GET http://a.example/ HTTP/1.1\r\n" H "\r\n");
    assert_true(ingress_talk_hear(&talk, "GET", &reply));
    assert_int_equal(reply.status, 400);
    ingress_world_delete(&world, "/registry/secrets/default/one");
    assert_false(is_trusted("a.example"));
}

/* A Secret that no Ingress names changes nothing; one that comes later, or changes, does. */
static void a_certificate_is_replaced_with_its_secret(void **state)
{
    (void)state;
    put_tls_route("");
    put_secret("one", "other.example");
    assert_false(is_trusted("a.example"));
    put_secret("one", "a.example");
    assert_true(is_trusted("a.example"));
    uint64_t before = ingress_world_counter(&world, "generation");
    (void)test_object_put(world.registry,
                          test_object_json(MODEL_SECRET, "{\"metadata\":{"
                                                         "\"namespace\":\"default\","
                                                         "\"name\":\"noise\"}}"));
    put_secret("one", "a.example");
    assert_int_equal(ingress_world_counter(&world, "generation"), before + 1);
}

static void *send_body(void *ctx)
{
    static char block[16384];
    (void)ctx;
    for (int i = 0; i < 64; i++)
        ingress_talk_send(&talk, block, sizeof(block));
    return NULL;
}

static void large_bodies_pass_tls(void **state)
{
    (void)state;
    put_tls_route("");
    put_secret("one", "a.example");
    assert_true(is_trusted("a.example"));
    ingress_talk_say(&talk, "POST / HTTP/1.1\r\n" H "Content-Length: 1048576\r\n\r\n");
    (void)send_body(NULL);
    assert_true(ingress_talk_hear(&talk, "POST", &reply));
    assert_int_equal(reply.status, 200);
}

static void clear_requests_are_sent_to_tls(void **state)
{
    (void)state;
    char location[128];
    put_tls_route("");
    (void)snprintf(location, sizeof(location), "location: https://a.example:%u/x?y=%%41\r\n",
                   world.https_port);
    ingress_talk_say(&talk, "GET /x?y=%41 HTTP/1.1\r\nHost: A.example:80\r\n\r\n");
    assert_true(ingress_talk_hear(&talk, "GET", &reply));
    assert_int_equal(reply.status, 308);
    assert_non_null(strstr(reply.head, location));
    put_tls_route("'ingress.kedge.io/ssl-redirect':'false'");
    ingress_talk_say(&talk, "GET / HTTP/1.1\r\n" H "\r\n");
    assert_true(ingress_talk_hear(&talk, "GET", &reply));
    assert_int_equal(reply.status, 200);
}

/* ---- time ---- */

static void assert_told(const char *bytes, unsigned status)
{
    ingress_talk_say(&talk, bytes);
    if (!ingress_talk_hear(&talk, "GET", &reply) || reply.status != status)
        fail_msg("answered %u, not %u, to %s", reply.status, status, bytes);
    ingress_talk_close(&talk);
    ingress_talk_open(&talk, world.http_port);
}

static void each_wait_has_an_end_and_a_status(void **state)
{
    (void)state;
    ingress_world_route(&world, "tls", "a.example", "web");
    assert_told("GET / HTTP/1.1\r\nHost:", 408);
    assert_told("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nab", 408);
    assert_told("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", 408);
    assert_told("GET /hang HTTP/1.1\r\n" H "\r\n", 504);
    assert_true(ingress_talk_is_closed(&talk)); /* said nothing: told nothing */
    ingress_talk_close(&talk);
    ingress_talk_open(&talk, world.http_port);
    ingress_talk_say(&talk, "GET / HTTP/1.1\r\n" H "\r\n");
    assert_true(ingress_talk_hear(&talk, "GET", &reply));
    assert_true(ingress_talk_is_closed(&talk)); /* idle */
    ingress_talk_close(&talk);
    ingress_talk_open(&talk, world.http_port);
    ingress_talk_say(&talk, "GET /half HTTP/1.1\r\n" H "\r\n");
    assert_true(ingress_talk_hear(&talk, "GET", &reply));
    assert_true(reply.is_cut);
    ingress_talk_close(&talk);
    ingress_talk_open(&talk, world.https_port);
    assert_true(ingress_talk_is_closed(&talk)); /* no handshake */
}

/* The answer to a request that took too long does not hold up the one behind it. */
static void a_pipeline_goes_on_after_a_timeout(void **state)
{
    (void)state;
    ingress_world_route(&world, "tls", "a.example", "web");
    ingress_talk_say(&talk, "GET /hang HTTP/1.1\r\n" H "\r\nGET / HTTP/1.1\r\n" H "\r\n");
    assert_true(ingress_talk_hear(&talk, "GET", &reply));
    assert_int_equal(reply.status, 504);
    assert_true(ingress_talk_hear(&talk, "GET", &reply));
    assert_int_equal(reply.status, 200);
}

static void a_client_that_takes_nothing_is_dropped(void **state)
{
    (void)state;
    ingress_world_route(&world, "tls", "a.example", "web");
    ingress_talk_say(&talk, "GET /big HTTP/1.1\r\n" H "\r\n");
    int64_t until = ke_now_ns() + 10 * KE_S;
    while (ingress_world_counter(&world, "connections") > 0)
        assert_true(ke_now_ns() < until);
    assert_true(ingress_talk_hear(&talk, "GET", &reply));
    assert_true(reply.is_cut);
}

/* ---- the end ---- */

static void *stop(void *ctx)
{
    (void)ctx;
    ingress_stop(world.ingress);
    return NULL;
}

/* Last: the router is gone after it. */
static void leaving_finishes_requests_and_ends_idle_connections(void **state)
{
    (void)state;
    pthread_t thread;
    struct ingress_talk idle;
    ingress_world_route(&world, "tls", "a.example", "web");
    ingress_talk_open(&idle, world.http_port);
    ingress_talk_say(&idle, "GET / HTTP/1.1\r\n" H "\r\n");
    assert_true(ingress_talk_hear(&idle, "GET", &reply));
    ingress_talk_say(&talk, "GET /big HTTP/1.1\r\n" H "\r\n");
    char c = 0;
    assert_int_equal(recv(talk.fd, &c, 1, MSG_PEEK), 1);
    assert_int_equal(pthread_create(&thread, NULL, stop, NULL), 0);
    /* read at once: a client that takes nothing is dropped */
    assert_true(ingress_talk_hear(&talk, "GET", &reply));
    assert_int_equal(reply.body.len, 16777216);
    assert_false(reply.is_cut);
    assert_true(ingress_talk_is_closed(&talk));
    assert_true(ingress_talk_is_closed(&idle));
    (void)pthread_join(thread, NULL);
    ingress_talk_close(&idle);
}

/* ---- set-up ---- */

static int make_world(void **state)
{
    (void)state;
    make_ca();
    ingress_world_make(&world, &short_waits, true);
    backend = http_backend_new("one", rules);
    const uint16_t port = http_backend_port(backend);
    ingress_world_service(&world, "web", &port, 1);
    return 0;
}

static int end_world(void **state)
{
    (void)state;
    ingress_world_end(&world);
    http_backend_free(backend);
    ke_buf_free(&reply.body);
    ke_buf_free(&ca);
    ke_buf_free(&ca_key);
    return 0;
}

static int open_talk(void **state)
{
    (void)state;
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
        TEST(certificates_follow_the_name),
        TEST(a_certificate_is_replaced_with_its_secret),
        TEST(large_bodies_pass_tls),
        TEST(clear_requests_are_sent_to_tls),
        TEST(each_wait_has_an_end_and_a_status),
        TEST(a_pipeline_goes_on_after_a_timeout),
        TEST(a_client_that_takes_nothing_is_dropped),
        TEST(leaving_finishes_requests_and_ends_idle_connections),
    };
    return cmocka_run_group_tests(tests, make_world, end_world);
}
