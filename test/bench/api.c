/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests a second that an agent's API answers: bench_api TARGET PKI-DIR PREFIX MS. Durable
 * creates of 1 KB ConfigMaps, updates of them, gets of one, lists of 500, each by 1, 16 and 64
 * connections for MS milliseconds. Figures are named PREFIX_create_64 and so on. The namespace
 * "bench" must be there. One thread.
 */
#include <stdio.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "test/bench/support/load.h"
#include "test/bench/support/objects.h"

#define CONFIGMAPS  "/api/v1/namespaces/" BENCH_NAMESPACE "/configmaps"
#define N_PRESENT   1000 /* what gets and lists read */
#define FILL_CONNS  16
#define MAX_MS      60000
#define NAME_BYTES  128
#define STATUS_OK   200
#define STATUS_MADE 201

struct api {
    const char *prefix;
    const char *what; /* part of the names of the objects that are made */
    unsigned status;  /* expected */
    size_t n_bytes;   /* of the answers' bodies */
    struct ke_buf body;
};

static void ask_create(void *ctx, struct bench_conn *conn, size_t i)
{
    struct api *api = ctx;
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%s-%d-%s-%zu", api->prefix, (int)getpid(), api->what, i);
    ke_buf_clear(&api->body);
    bench_configmap_print(name, &api->body);
    struct bench_request request = { .method = "POST",
                                     .path = CONFIGMAPS,
                                     .content_type = "application/json",
                                     .body = ke_buf_str(&api->body) };
    bench_conn_request(conn, &request);
}

/* Every update changes the object: a label says which it was. */
static void ask_update(void *ctx, struct bench_conn *conn, size_t i)
{
    struct api *api = ctx;
    char name[NAME_BYTES];
    char path[sizeof(CONFIGMAPS) + NAME_BYTES];
    (void)snprintf(name, sizeof(name), "%s-%d-present-%zu", api->prefix, (int)getpid(),
                   i * 7919 % N_PRESENT);
    (void)snprintf(path, sizeof(path), CONFIGMAPS "/%s", name);
    ke_buf_clear(&api->body);
    bench_configmap_print_labelled(name, i, &api->body);
    struct bench_request request = { .method = "PUT",
                                     .path = path,
                                     .content_type = "application/json",
                                     .body = ke_buf_str(&api->body) };
    bench_conn_request(conn, &request);
}

static void ask_get(void *ctx, struct bench_conn *conn, size_t i)
{
    struct api *api = ctx;
    char path[sizeof(CONFIGMAPS) + NAME_BYTES];
    (void)snprintf(path, sizeof(path), CONFIGMAPS "/%s-%d-present-%zu", api->prefix, (int)getpid(),
                   i * 7919 % N_PRESENT);
    struct bench_request request = { .method = "GET", .path = path };
    bench_conn_request(conn, &request);
}

static void ask_list(void *ctx, struct bench_conn *conn, size_t i)
{
    (void)ctx;
    (void)i;
    struct bench_request request = { .method = "GET", .path = CONFIGMAPS "?limit=500" };
    bench_conn_request(conn, &request);
}

static bool take(void *ctx, struct bench_conn *conn)
{
    struct api *api = ctx;
    struct bench_answer answer;
    if (!bench_conn_answer(conn, &answer))
        return false;
    if (answer.status != api->status)
        bench_fail("%s %s: %u %.*s", api->prefix, api->what, answer.status,
                   (int)(answer.body.len < 300 ? answer.body.len : 300), answer.body.ptr);
    api->n_bytes += answer.body.len;
    bench_conn_drop(conn, &answer);
    return true;
}

static void fill(struct api *api, const struct bench_target *target)
{
    struct load_protocol protocol = { .ask = ask_create, .take = take, .ctx = api };
    struct load_plan plan = { .target = target, .n_conns = FILL_CONNS, .n_requests = N_PRESENT };
    struct load_result result;
    api->what = "present";
    api->status = STATUS_MADE;
    load_run(&plan, &protocol, &result);
    bench_times_free(&result.times);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *what;
        void (*ask)(void *ctx, struct bench_conn *conn, size_t i);
        unsigned status;
    } verbs[] = { { "create", ask_create, STATUS_MADE },
                  { "update", ask_update, STATUS_OK },
                  { "get", ask_get, STATUS_OK },
                  { "list", ask_list, STATUS_OK } };
    static const size_t n_conns[] = { 1, 16, 64 };
    if (argc != 5)
        bench_fail("usage: bench_api TARGET PKI-DIR PREFIX MS");
    struct bench_target target = bench_target_parse(argv[1], argv[2]);
    struct api api = { .prefix = argv[3], .body = KE_BUF_INIT(1U << 20) };
    struct load_plan plan = { .target = &target,
                              .duration_ms = (int64_t)bench_number(argv[4], MAX_MS) };
    fill(&api, &target);
    for (size_t i = 0; i < KE_ARRAY_LEN(verbs) * KE_ARRAY_LEN(n_conns); i++) {
        size_t verb = i / KE_ARRAY_LEN(n_conns);
        char what[NAME_BYTES];
        char name[NAME_BYTES * 2];
        struct load_result result;
        struct load_protocol protocol = { .ask = verbs[verb].ask, .take = take, .ctx = &api };
        plan.n_conns = n_conns[i % KE_ARRAY_LEN(n_conns)];
        (void)snprintf(what, sizeof(what), "%s-%zu", verbs[verb].what, plan.n_conns);
        (void)snprintf(name, sizeof(name), "%s_%s_%zu", api.prefix, verbs[verb].what, plan.n_conns);
        api.what = what;
        api.status = verbs[verb].status;
        load_run(&plan, &protocol, &result);
        load_print(&result, name);
    }
    ke_buf_free(&api.body);
    return 0;
}
