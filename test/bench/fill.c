/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills an agent: bench_fill TARGET FROM TO. Makes the services FROM..TO-1 of the namespace "bench"
 * (which it makes when FROM is 0) and a slice of three endpoints for each. Prints what that took.
 */
#include <stdio.h>

#include "core/base/clock.h"
#include "test/bench/support/load.h"
#include "test/bench/support/objects.h"

#define N_CONNS   64
#define MAX_COUNT 1000000

struct fill {
    unsigned from;
    bool is_slices;
    struct ke_buf body;
};

static void ask(void *ctx, struct bench_conn *conn, size_t i)
{
    struct fill *fill = ctx;
    unsigned number = fill->from + (unsigned)i;
    ke_buf_clear(&fill->body);
    char name[32];
    (void)snprintf(name, sizeof(name), "svc-%u", number);
    if (fill->is_slices)
        bench_slice_print(number, 0, &fill->body);
    else
        bench_service_print(name, &fill->body);
    struct bench_request request = {
        .method = "POST",
        .path = fill->is_slices ? "/apis/discovery.k8s.io/v1/namespaces/" BENCH_NAMESPACE
                                  "/endpointslices"
                                : "/api/v1/namespaces/" BENCH_NAMESPACE "/services",
        .content_type = "application/json",
        .body = ke_buf_str(&fill->body),
    };
    bench_conn_request(conn, &request);
}

static bool take(void *ctx, struct bench_conn *conn)
{
    (void)ctx;
    struct bench_answer answer;
    if (!bench_conn_answer(conn, &answer))
        return false;
    if (answer.status != 201)
        bench_fail("create: %u %.*s", answer.status,
                   (int)(answer.body.len < 300 ? answer.body.len : 300), answer.body.ptr);
    bench_conn_drop(conn, &answer);
    return true;
}

static void make_namespace(const struct bench_target *target)
{
    struct bench_conn conn;
    struct bench_request request = {
        .method = "POST",
        .path = "/api/v1/namespaces",
        .content_type = "application/json",
        .body = KE_STR("{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":"
                       "\"" BENCH_NAMESPACE "\"}}"),
    };
    bench_conn_open(&conn, target);
    bench_conn_must(&conn, &request);
    bench_conn_close(&conn);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        bench_fail("usage: bench_fill TARGET FROM TO");
    struct bench_target target = bench_target_parse(argv[1], NULL);
    struct fill fill = { .from = (unsigned)bench_number(argv[2], MAX_COUNT),
                         .body = KE_BUF_INIT(1U << 20) };
    unsigned to = (unsigned)bench_number(argv[3], MAX_COUNT);
    struct load_protocol protocol = { .ask = ask, .take = take, .ctx = &fill };
    struct load_plan plan = { .target = &target, .n_conns = N_CONNS };
    struct load_result result;
    if (fill.from == 0)
        make_namespace(&target);
    if (to <= fill.from)
        return 0;
    plan.n_requests = to - fill.from;
    load_run(&plan, &protocol, &result);
    load_print(&result, "fill_services");
    fill.is_slices = true;
    load_run(&plan, &protocol, &result);
    load_print(&result, "fill_slices");
    ke_buf_free(&fill.body);
    return 0;
}
