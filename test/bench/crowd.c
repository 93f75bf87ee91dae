/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many objects: bench_crowd kedge|etcd TARGET PKI-DIR PREFIX FROM TO. Makes the objects FROM..TO-1
 * of 1 KB, then lists all there are in one answer, by one connection, and prints
 * PREFIX_list_TO_p50. The namespace "bench" must be there. One thread.
 */
#include <stdio.h>
#include <string.h>

#include "core/base/clock.h"
#include "test/bench/support/etcd.h"
#include "test/bench/support/load.h"
#include "test/bench/support/objects.h"

#define CONFIGMAPS  "/api/v1/namespaces/" BENCH_NAMESPACE "/configmaps"
#define MAX_COUNT   1000000
#define FILL_CONNS  64
#define N_LISTS     9
#define NAME_BYTES  128
#define VALUE_BYTES 1000

struct crowd {
    size_t from;
    struct ke_buf body;
    struct etcd_client etcd;
};

/* ---- kedge */

static void ask_create(void *ctx, struct bench_conn *conn, size_t i)
{
    struct crowd *crowd = ctx;
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof(name), "crowd-%zu", crowd->from + i);
    ke_buf_clear(&crowd->body);
    bench_configmap_print(name, &crowd->body);
    struct bench_request request = { .method = "POST",
                                     .path = CONFIGMAPS,
                                     .content_type = "application/json",
                                     .body = ke_buf_str(&crowd->body) };
    bench_conn_request(conn, &request);
}

static void ask_list(void *ctx, struct bench_conn *conn, size_t i)
{
    (void)ctx;
    (void)i;
    struct bench_request request = { .method = "GET", .path = CONFIGMAPS };
    bench_conn_request(conn, &request);
}

static bool take(void *ctx, struct bench_conn *conn)
{
    (void)ctx;
    struct bench_answer answer;
    if (!bench_conn_answer(conn, &answer))
        return false;
    if (answer.status != 200 && answer.status != 201)
        bench_fail("%u %.*s", answer.status, (int)(answer.body.len < 300 ? answer.body.len : 300),
                   answer.body.ptr);
    bench_conn_drop(conn, &answer);
    return true;
}

/* ---- etcd */

static void etcd_open_conn(void *ctx, struct bench_conn *conn)
{
    struct crowd *crowd = ctx;
    etcd_open(&crowd->etcd, conn);
}

static void etcd_ask_put(void *ctx, struct bench_conn *conn, size_t i)
{
    struct crowd *crowd = ctx;
    char key[NAME_BYTES];
    char value[VALUE_BYTES];
    int len = snprintf(key, sizeof(key), "/registry/configmaps/bench/crowd-%zu", crowd->from + i);
    memset(value, 'x', sizeof(value));
    ke_buf_clear(&crowd->etcd.message);
    etcd_add_bytes(&crowd->etcd.message, 1, ke_str_of(key, (size_t)len));
    etcd_add_bytes(&crowd->etcd.message, 2, ke_str_of(value, sizeof(value)));
    etcd_call(&crowd->etcd, conn, KE_STR("/etcdserverpb.KV/Put"), true);
}

static void etcd_ask_list(void *ctx, struct bench_conn *conn, size_t i)
{
    struct crowd *crowd = ctx;
    (void)i;
    ke_buf_clear(&crowd->etcd.message);
    etcd_add_bytes(&crowd->etcd.message, 1, KE_STR("/registry/configmaps/"));
    etcd_add_bytes(&crowd->etcd.message, 2, KE_STR("/registry/configmaps0"));
    etcd_call(&crowd->etcd, conn, KE_STR("/etcdserverpb.KV/Range"), true);
}

static bool etcd_take_answer(void *ctx, struct bench_conn *conn)
{
    struct crowd *crowd = ctx;
    enum etcd_event event = ETCD_NOTHING;
    do {
        event = etcd_take(&crowd->etcd, conn);
    } while (event == ETCD_MESSAGE);
    return event == ETCD_END;
}

int main(int argc, char **argv)
{
    static struct crowd crowd;
    if (argc != 7)
        bench_fail("usage: bench_crowd kedge|etcd TARGET PKI-DIR PREFIX FROM TO");
    bool is_etcd = strcmp(argv[1], "etcd") == 0;
    struct bench_target target = bench_target_parse(argv[2], argv[3]);
    size_t to = (size_t)bench_number(argv[6], MAX_COUNT);
    struct load_protocol protocol = { .ask = ask_create, .take = take, .ctx = &crowd };
    struct load_plan plan = { .target = &target, .n_conns = FILL_CONNS };
    struct load_result result;
    char name[NAME_BYTES];
    crowd.from = (size_t)bench_number(argv[5], MAX_COUNT);
    crowd.body = (struct ke_buf)KE_BUF_INIT(1U << 20);
    crowd.etcd.message = (struct ke_buf)KE_BUF_INIT(1U << 20);
    if (is_etcd) {
        protocol = (struct load_protocol){
            .open = etcd_open_conn, .ask = etcd_ask_put, .take = etcd_take_answer, .ctx = &crowd
        };
    }
    if (to > crowd.from) {
        plan.n_requests = to - crowd.from;
        load_run(&plan, &protocol, &result);
        bench_times_free(&result.times);
    }
    protocol.ask = is_etcd ? etcd_ask_list : ask_list;
    plan.n_conns = 1;
    plan.n_requests = N_LISTS;
    load_run(&plan, &protocol, &result);
    (void)snprintf(name, sizeof(name), "%s_list_%zu_p50", argv[4], to);
    bench_print(name, (double)bench_times_at(&result.times, 50) / (double)KE_MS, "ms");
    bench_times_free(&result.times);
    ke_buf_free(&crowd.body);
    ke_buf_free(&crowd.etcd.message);
    return 0;
}
