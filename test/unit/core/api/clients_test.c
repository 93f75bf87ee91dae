/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks, over TLS and as somebody else; writes that wait. */
#include <stdio.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/thread.h"
#include "test/support/api.h"
#include "test/support/mem_registry.h"

static void masters_may_ask_as_somebody_else(void **state)
{
    struct test_api *f = *state;
    struct test_reader r;
    test_reader_open(&r, f, "/api/v1/namespaces/default/pods",
                     "Impersonate-User: jane\r\nConnection: close\r\n");
    while (test_reader_more(&r)) {
    }
    assert_non_null(strstr(r.text, "HTTP/1.1 403"));
    assert_non_null(strstr(r.text, "User \\\"jane\\\" cannot list resource \\\"pods\\\""));
    close(r.fd);
    test_reader_open(&r, f, "/api/v1/namespaces/default/pods",
                     "Impersonate-User: jane\r\nImpersonate-Group: system:masters\r\nConnection: "
                     "close\r\n");
    while (test_reader_more(&r)) {
    }
    assert_non_null(strstr(r.text, "HTTP/1.1 200"));
    close(r.fd);
    test_reader_open(&r, f, "/version", "Impersonate-Uid: 7\r\nConnection: close\r\n");
    while (test_reader_more(&r)) {
    }
    assert_non_null(strstr(r.text, "HTTP/1.1 400"));
    close(r.fd);
}

/* ---- waiting writes ----------------------------------------------------------------------------
 */

struct writer {
    struct ke_thread thread;
    struct test_api *f;
    struct ke_buf body;
    unsigned status;
    int index;
};

static void write_one(void *ctx)
{
    struct writer *writer = ctx;
    struct ke_err err;
    char json[64];
    (void)snprintf(json, sizeof(json), "{\"metadata\":{\"name\":\"w%d\"}}", writer->index);
    struct http_client_target target = { .unix_path = writer->f->socket,
                                         .host = KE_STR("kedge"),
                                         .timeout_ms = TEST_API_DEADLINE_MS };
    struct http_client_request request = { .method = KE_STR("POST"),
                                           .path = KE_STR(CONFIGMAPS),
                                           .content_type = KE_STR("application/json"),
                                           .body = ke_str_c(json) };
    (void)!http_client_call(&target, &request, &writer->status, &writer->body, &err);
}

static void writes_wait_for_their_commit_and_reads_do_not(void **state)
{
    struct test_api *f = *state;
    struct writer writers[8];
    struct ke_err err;
    mem_registry_pause(f->registry);
    for (int i = 0; i < 8; i++) {
        writers[i] = (struct writer){ .f = f, .index = i, .body = KE_BUF_INIT(65536) };
        assert_int_equal(
            ke_thread_start(&writers[i].thread, "writer", write_one, &writers[i], &err), KE_OK);
    }
    test_api_await_descriptors(f, 9); /* all wait, and answers still come */
    assert_int_equal(test_api_get(f, CONFIGMAPS "/w0"), 404);
    int64_t resumed_ns = ke_now_ns();
    mem_registry_resume(f->registry);
    for (int i = 0; i < 8; i++) {
        ke_thread_join(&writers[i].thread);
        assert_int_equal(writers[i].status, 201);
        ke_buf_free(&writers[i].body);
    }
    /* The loop is woken: no timer (the sweep's comes once a second) has to. */
    assert_true(ke_now_ns() - resumed_ns < 900 * KE_MS);
}

/* ---- who asks ----------------------------------------------------------------------------------
 */

static unsigned call_tls(struct test_api *f, struct tls_cert *cert, const char *path)
{
    struct ke_err err;
    unsigned status = 0;
    struct tls_context *tls = NULL;
    struct tls_client_options options = { .ca_pem = ke_buf_str(&f->ca), .cert = cert };
    assert_int_equal(tls_client_new(&options, &tls, &err), KE_OK);
    struct http_client_target target = { .host = KE_STR("127.0.0.1"),
                                         .port = f->address.port,
                                         .tls = tls,
                                         .timeout_ms = TEST_API_DEADLINE_MS };
    struct http_client_request request = { .method = KE_STR("GET"), .path = ke_str_c(path) };
    ke_buf_clear(&f->body);
    enum ke_code rc = http_client_call(&target, &request, &status, &f->body, &err);
    tls_context_unref(tls);
    if (rc != KE_OK) {
        fail_msg("%s: %s", path, err.msg);
    }
    ke_buf_add_char(&f->body, '\0');
    f->body.len--;
    return status;
}

static void certificates_say_who_asks(void **state)
{
    struct test_api *f = *state;
    struct ke_err err;
    struct tls_cert *cert = NULL;
    assert_int_equal(
        tls_cert_new(ke_buf_str(&f->client_cert), ke_buf_str(&f->client_key), &cert, &err), KE_OK);
    assert_int_equal(call_tls(f, cert, "/api/v1/namespaces"), 200);
    test_api_assert_has(f, "\"name\":\"default\"");
    assert_int_equal(call_tls(f, NULL, "/healthz"), 200);
    assert_int_equal(call_tls(f, NULL, "/api/v1/namespaces/default/pods"), 403);
    test_api_assert_has(f, "pods is forbidden: User \\\"system:anonymous\\\" cannot list resource "
                           "\\\"pods\\\" in API group \\\"\\\" in the namespace \\\"default\\\"");
    assert_int_equal(call_tls(f, NULL, "/kedge/v1/status"), 403);
    test_api_assert_has(f, "forbidden: User \\\"system:anonymous\\\" cannot get path "
                           "\\\"/kedge/v1/status\\\"");
    tls_cert_unref(cert);
}

static void large_answers_cross_the_bridge_whole(void **state)
{
    struct test_api *f = *state;
    struct ke_err err;
    struct tls_cert *cert = NULL;
    ke_auto_buf body = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    ke_buf_add_c(&body, "{\"metadata\":{\"name\":\"big\"},\"data\":{\"k\":\"");
    for (int i = 0; i < 90000; i++) {
        ke_buf_add_c(&body, "0123456789");
    }
    ke_buf_add_c(&body, "\"}}");
    ke_buf_add_char(&body, '\0');
    assert_int_equal(test_api_post(f, CONFIGMAPS, body.ptr), 201);
    assert_int_equal(
        tls_cert_new(ke_buf_str(&f->client_cert), ke_buf_str(&f->client_key), &cert, &err), KE_OK);
    assert_int_equal(call_tls(f, cert, CONFIGMAPS "/big"), 200);
    assert_true(f->body.len > 900000);
    ke_auto_json *json = NULL;
    assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &json, &err), KE_OK);
    tls_cert_unref(cert);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, test_api_set_up, test_api_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(masters_may_ask_as_somebody_else),
        CASE(writes_wait_for_their_commit_and_reads_do_not),
        CASE(certificates_say_who_asks),
        CASE(large_answers_cross_the_bridge_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
