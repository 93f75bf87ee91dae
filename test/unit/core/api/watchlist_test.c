/* SPDX-License-Identifier: Apache-2.0 */
/* Watches that begin with the list, and reads that name a revision. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "test/support/api.h"

#define WATCH_LIST                                                                                 \
    "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
#define INITIAL_END "\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}"

static struct test_reader *reader_new(void)
{
    struct test_reader *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    return r;
}

static void reader_end(struct test_reader *r)
{
    close(r->fd);
    free(r);
}

static size_t count(const char *text, const char *part)
{
    size_t n = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        n++;
    }
    return n;
}

static void the_list_comes_first_and_a_bookmark_ends_it(void **state)
{
    struct test_api *f = *state;
    static const char *const revisions[] = { "", "&resourceVersion=", "&resourceVersion=0",
                                             "&resourceVersion=1" };
    test_api_make_configmap(f, "a", "1");
    test_api_make_configmap(f, "b", "1");
    for (size_t i = 0; i < KE_ARRAY_LEN(revisions); i++) {
        struct test_reader *r = reader_new();
        char path[300];
        char name[16];
        (void)snprintf(path, sizeof(path), CONFIGMAPS WATCH_LIST "%s", revisions[i]);
        (void)snprintf(name, sizeof(name), "later%zu", i);
        test_reader_open(r, f, path, "");
        const char *end = test_reader_await(r, "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":"
                                               "\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{"
                                               "\"resourceVersion\":\"");
        test_reader_await(r, "\"creationTimestamp\":null," INITIAL_END "}}}\n");
        assert_int_equal(count(r->text, "{\"type\":\"ADDED\""), 2 + i);
        assert_true(strstr(r->text, "\"name\":\"b\"") < end);
        test_api_make_configmap(f, name, "1");
        assert_true(test_reader_await(r, name) > end);
        assert_int_equal(count(r->text, "{\"type\":\"BOOKMARK\""), 1);
        reader_end(r);
    }
}

static void an_empty_list_has_its_bookmark_at_once(void **state)
{
    struct test_api *f = *state;
    struct test_reader *r = reader_new();
    test_reader_open(r, f, "/apis/apps/v1/deployments" WATCH_LIST, "");
    (void)test_reader_await(r, INITIAL_END);
    assert_null(strstr(r->text, "ADDED"));
    reader_end(r);
}

static void without_leave_there_is_no_bookmark(void **state)
{
    struct test_api *f = *state;
    struct test_reader *r = reader_new();
    test_api_make_configmap(f, "a", "1");
    test_reader_open(r, f,
                     CONFIGMAPS "?watch=true&sendInitialEvents=true&resourceVersionMatch="
                                "NotOlderThan&timeoutSeconds=1",
                     "Connection: close\r\n");
    while (test_reader_more(r)) {
    }
    assert_int_equal(count(r->text, "{\"type\":\"ADDED\""), 1);
    assert_null(strstr(r->text, "BOOKMARK"));
    reader_end(r);
}

static void sending_none_begins_with_changes(void **state)
{
    struct test_api *f = *state;
    struct test_reader *r = reader_new();
    test_api_make_configmap(f, "old", "1");
    test_reader_open(r, f,
                     CONFIGMAPS "?watch=true&sendInitialEvents=false&resourceVersionMatch="
                                "NotOlderThan&allowWatchBookmarks=true",
                     "");
    (void)test_reader_await(r, "\r\n\r\n");
    test_api_make_configmap(f, "new", "1");
    (void)test_reader_await(r, "\"name\":\"new\"");
    assert_null(strstr(r->text, "\"name\":\"old\""));
    assert_null(strstr(r->text, "BOOKMARK"));
    reader_end(r);
}

static void every_form_begins_with_the_list(void **state)
{
    struct test_api *f = *state;
    struct test_reader *r = reader_new();
    test_api_make_configmap(f, "a", "1");
    test_reader_open(r, f, CONFIGMAPS WATCH_LIST,
                     "Accept: application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io\r\n");
    (void)test_reader_await(
        r, "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"PartialObjectMetadata\","
           "\"apiVersion\":\"meta.k8s.io/v1\",\"metadata\":{\"resourceVersion\":\"");
    (void)test_reader_await(r, INITIAL_END "}}}\n");
    reader_end(r);
    r = reader_new();
    test_reader_open(r, f, CONFIGMAPS WATCH_LIST,
                     "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n");
    (void)test_reader_await(r, "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Table\"");
    (void)test_reader_await(r, INITIAL_END "}}}]}}\n");
    const char *row = strstr(r->text, "{\"type\":\"BOOKMARK\"");
    assert_non_null(strstr(row, "\"rows\":[{\"cells\":["));
    reader_end(r);
}

/* ---- under writes ------------------------------------------------------------------------------
 */

#define N_WRITES 400

struct writer {
    struct test_api *f;
    atomic_int n_made;
    atomic_bool has_failed;
};

static void *write_many(void *ctx)
{
    struct writer *writer = ctx;
    for (int i = 0; i < N_WRITES; i++) {
        struct ke_err err;
        unsigned status = 0;
        ke_auto_buf answer = KE_BUF_INIT(1 << 20);
        char body[100];
        int n = snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"n%04d\"}}", i);
        struct http_client_target target = { .unix_path = writer->f->socket,
                                             .host = KE_STR("kedge"),
                                             .timeout_ms = TEST_API_DEADLINE_MS };
        struct http_client_request request = {
            .method = KE_STR("POST"),
            .path = KE_STR(CONFIGMAPS),
            .content_type = KE_STR("application/json"),
            .body = ke_str_of(body, (size_t)n),
        };
        if (http_client_call(&target, &request, &status, &answer, &err) != KE_OK || status != 201) {
            atomic_store(&writer->has_failed, true);
            break;
        }
        atomic_fetch_add(&writer->n_made, 1);
    }
    return NULL;
}

/* Whoever begins while others write sees each object once. */
static void writes_meanwhile_are_neither_lost_nor_doubled(void **state)
{
    struct test_api *f = *state;
    struct writer writer = { .f = f };
    struct test_reader *readers[8];
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, write_many, &writer), 0);
    for (size_t i = 0; i < KE_ARRAY_LEN(readers); i++) {
        while (atomic_load(&writer.n_made) < (int)(i * N_WRITES / 10) &&
               !atomic_load(&writer.has_failed)) {
            (void)sched_yield();
        }
        readers[i] = reader_new();
        test_reader_open_unchunked(readers[i], f, CONFIGMAPS WATCH_LIST);
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(atomic_load(&writer.has_failed));
    for (size_t i = 0; i < KE_ARRAY_LEN(readers); i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "\"name\":\"n%04d\"", N_WRITES - 1);
        (void)test_reader_await(readers[i], name);
        (void)test_reader_await(readers[i], INITIAL_END); /* behind it, where it was in the list */
        for (int k = 0; k < N_WRITES; k++) {
            (void)snprintf(name, sizeof(name), "\"name\":\"n%04d\"", k);
            assert_int_equal(count(readers[i]->text, name), 1);
        }
        assert_int_equal(count(readers[i]->text, INITIAL_END), 1);
        reader_end(readers[i]);
    }
}

/* ---- revisions ---------------------------------------------------------------------------------
 */

static int64_t current_revision(struct test_api *f)
{
    struct ke_err err;
    ke_auto_json *json = NULL;
    uint64_t revision = 0;
    assert_int_equal(test_api_get(f, CONFIGMAPS), 200);
    assert_int_equal(ke_json_parse(ke_buf_str(&f->body), &json, &err), KE_OK);
    assert_true(
        ke_str_to_u64(ke_json_path_str(json, "metadata.resourceVersion"), INT64_MAX, &revision));
    return (int64_t)revision;
}

static void a_revision_from_the_future_is_waited_for(void **state)
{
    struct test_api *f = *state;
    char path[200];
    test_api_make_configmap(f, "a", "1");
    for (size_t i = 0; i < 2; i++) {
        struct test_reader *r = reader_new();
        long long next = (long long)current_revision(f) + 1;
        (void)snprintf(path, sizeof(path),
                       i == 0 ? CONFIGMAPS "?resourceVersion=%lld"
                              : CONFIGMAPS "/a?resourceVersion=%lld",
                       next);
        test_reader_open(r, f, path, "");
        test_api_make_configmap(f, i == 0 ? "b" : "c", "1");
        (void)test_reader_await(r, "HTTP/1.1 200 OK");
        (void)test_reader_await(r, i == 0 ? "\"name\":\"b\"" : "\"name\":\"a\"");
        reader_end(r);
    }
}

static void a_revision_that_does_not_come_times_out(void **state)
{
    struct test_api *f = *state;
    int64_t began_ns = ke_now_ns();
    assert_int_equal(test_api_get(f, CONFIGMAPS "?resourceVersion=99999999"), 504);
    int64_t took_ns = ke_now_ns() - began_ns;
    assert_true(took_ns >= 3 * KE_S && took_ns < 6 * KE_S);
    test_api_assert_has(f, "\"reason\":\"Timeout\"");
    test_api_assert_has(
        f, "\"details\":{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\",\"message\":"
           "\"Too large resource version\"}],\"retryAfterSeconds\":1},\"code\":504");
}

/* ---- much --------------------------------------------------------------------------------------
 */

/* Nobody reads: the server has no more of it in memory than a socket takes. */
static void a_slow_reader_is_not_buffered_for(void **state)
{
    struct test_api *f = *state;
    struct test_reader *r = reader_new();
    char body[1200];
    char name[32];
    for (int i = 0; i < 200; i++) {
        int n = snprintf(body, sizeof(body),
                         "{\"metadata\":{\"name\":\"big%d\"},\"data\":{\"k\":\"%0900d\"}}", i, i);
        assert_true(n > 0 && n < (int)sizeof(body));
        assert_int_equal(test_api_post(f, CONFIGMAPS, body), 201);
    }
    test_reader_open(r, f, CONFIGMAPS WATCH_LIST, "");
    /* Another client is served meanwhile, and what changes comes behind the list. */
    assert_int_equal(test_api_get(f, CONFIGMAPS "/big7"), 200);
    test_api_make_configmap(f, "last", "1");
    (void)test_reader_await(r, "\"name\":\"last\"");
    for (int i = 0; i < 200; i++) {
        (void)snprintf(name, sizeof(name), "\"name\":\"big%d\"", i);
        assert_int_equal(count(r->text, name), 1);
    }
    reader_end(r);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, test_api_set_up, test_api_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(the_list_comes_first_and_a_bookmark_ends_it),
        CASE(an_empty_list_has_its_bookmark_at_once),
        CASE(without_leave_there_is_no_bookmark),
        CASE(sending_none_begins_with_changes),
        CASE(every_form_begins_with_the_list),
        CASE(writes_meanwhile_are_neither_lost_nor_doubled),
        CASE(a_revision_from_the_future_is_waited_for),
        CASE(a_revision_that_does_not_come_times_out),
        CASE(a_slow_reader_is_not_buffered_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
