/* SPDX-License-Identifier: Apache-2.0 */
/* Watches and other long answers, read as they come. */
#include <unistd.h>

#include "core/base/limits.h"
#include "test/support/api.h"

static void watches_tell_every_change_in_order(void **state)
{
    struct test_api *f = *state;
    struct test_reader r;
    test_api_make_configmap(f, "a", "1");
    test_reader_open(&r, f, CONFIGMAPS "?watch=true", "");
    test_reader_await(
        &r, "{\"type\":\"ADDED\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"");
    test_api_make_configmap(f, "b", "1");
    test_reader_await(&r, "\"name\":\"b\"");
    assert_int_equal(test_api_call(f, "PATCH", CONFIGMAPS "/b", "application/merge-patch+json",
                                   "{\"data\":{\"k\":\"w\"}}"),
                     200);
    const char *modified = test_reader_await(&r, "{\"type\":\"MODIFIED\"");
    assert_int_equal(test_api_call(f, "DELETE", CONFIGMAPS "/b", "application/json", "{}"), 200);
    const char *deleted = test_reader_await(&r, "{\"type\":\"DELETED\"");
    test_reader_await(&r, "}\n\r\n");
    assert_true(modified < deleted);
    assert_non_null(strstr(r.text, "Transfer-Encoding: chunked"));
    close(r.fd);
}

static void objects_enter_and_leave_a_selector(void **state)
{
    struct test_api *f = *state;
    struct test_reader r;
    test_api_make_configmap(f, "a", "1");
    test_reader_open(&r, f,
                     CONFIGMAPS "?watch=1&labelSelector=x%3D1&fieldSelector=metadata.name%3Da", "");
    test_reader_await(&r, "{\"type\":\"ADDED\"");
    test_api_make_configmap(f, "other", "1");
    assert_int_equal(test_api_call(f, "PATCH", CONFIGMAPS "/a", "application/merge-patch+json",
                                   "{\"metadata\":{\"labels\":{\"x\":\"2\"}}}"),
                     200);
    /* It leaves with what it was. */
    const char *left = test_reader_await(&r, "{\"type\":\"DELETED\"");
    test_reader_await(&r, "\n\r\n");
    assert_non_null(strstr(left, "\"labels\":{\"x\":\"1\"}"));
    assert_int_equal(test_api_call(f, "PATCH", CONFIGMAPS "/a", "application/merge-patch+json",
                                   "{\"metadata\":{\"labels\":{\"x\":\"1\"}}}"),
                     200);
    while (strstr(left, "{\"type\":\"ADDED\"") == NULL) {
        assert_true(test_reader_more(&r));
    }
    assert_null(strstr(r.text, "\"name\":\"other\""));
    assert_null(strstr(r.text, "\"type\":\"MODIFIED\""));
    close(r.fd);
}

static void watches_end_at_their_timeout(void **state)
{
    struct test_api *f = *state;
    struct test_reader r;
    test_reader_open(&r, f, CONFIGMAPS "?watch=true&timeoutSeconds=1&allowWatchBookmarks=true",
                     "Connection: close\r\n");
    test_reader_await(&r, "\r\n\r\n");
    test_api_make_namespace(f, "more"); /* the revision moves on without an event for this watch */
    while (test_reader_more(&r)) {
    }
    assert_non_null(strstr(r.text, "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"ConfigMap\","
                                   "\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\""));
    assert_non_null(strstr(r.text, "\r\n0\r\n\r\n"));
    close(r.fd);
}

static void watches_show_tables_too(void **state)
{
    struct test_api *f = *state;
    struct test_reader r;
    test_api_make_configmap(f, "a", "1");
    test_reader_open(&r, f, CONFIGMAPS "?watch=true",
                     "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n");
    test_reader_await(&r, "\"columnDefinitions\":[{\"name\":\"Name\"");
    test_api_make_configmap(f, "b", "1");
    test_reader_await(&r, "\"columnDefinitions\":[],\"rows\":[{\"cells\":[\"b\",1,\"0s\"]");
    close(r.fd);
}

static void registry_watches_show_keys(void **state)
{
    struct test_api *f = *state;
    struct test_reader r;
    test_reader_open(&r, f, "/kedge/v1/registry/watch?prefix=/registry/configmaps/", "");
    test_reader_await(&r, "\r\n\r\n");
    test_api_make_configmap(f, "a", "1");
    test_reader_await(&r, "{\"type\":\"PUT\",\"revision\":");
    test_reader_await(&r, "\"key\":\"/registry/configmaps/default/a\",\"object\":{\"kind\"");
    assert_int_equal(test_api_call(f, "DELETE", CONFIGMAPS "/a", "application/json", "{}"), 200);
    test_reader_await(&r, "{\"type\":\"DELETE\"");
    close(r.fd);
}

static void a_client_that_leaves_its_watch_is_noticed(void **state)
{
    struct test_api *f = *state;
    struct test_reader r;
    test_reader_open(&r, f, CONFIGMAPS "?watch=true", "");
    test_reader_await(&r, "\r\n\r\n");
    test_api_await_descriptors(f, 2); /* it and the one who asks */
    close(r.fd);
    test_api_await_descriptors(f, 1);
}

static void stopping_ends_watches(void **state)
{
    struct test_api *f = *state;
    struct test_reader r;
    test_reader_open(&r, f, CONFIGMAPS "?watch=true", "");
    test_reader_await(&r, "\r\n\r\n");
    api_server_stop(f->server);
    while (test_reader_more(&r)) {
    }
    close(r.fd);
}

static void large_lists_are_gzipped_when_asked(void **state)
{
    struct test_api *f = *state;
    struct test_reader r;
    ke_auto_buf body = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    ke_buf_add_c(&body, "{\"metadata\":{\"name\":\"big\"},\"data\":{\"k\":\"");
    for (int i = 0; i < 20000; i++) {
        ke_buf_add_c(&body, "0123456789");
    }
    ke_buf_add_c(&body, "\"}}");
    ke_buf_add_char(&body, '\0');
    assert_int_equal(test_api_post(f, CONFIGMAPS, body.ptr), 201);
    test_reader_open(&r, f, CONFIGMAPS, "Accept-Encoding: gzip\r\nConnection: close\r\n");
    while (test_reader_more(&r)) {
    }
    assert_non_null(strstr(r.text, "Content-Encoding: gzip"));
    assert_true(r.len < 10000);
    close(r.fd);
    assert_int_equal(test_api_get(f, CONFIGMAPS), 200);
    assert_true(f->body.len > 200000);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, test_api_set_up, test_api_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(watches_tell_every_change_in_order),
        CASE(objects_enter_and_leave_a_selector),
        CASE(watches_end_at_their_timeout),
        CASE(watches_show_tables_too),
        CASE(registry_watches_show_keys),
        CASE(a_client_that_leaves_its_watch_is_noticed),
        CASE(stopping_ends_watches),
        CASE(large_lists_are_gzipped_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
