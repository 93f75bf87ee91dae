/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peer of bench_api: bench_etcd TARGET MS. Puts of 1 KB under new keys and
 * under old ones, gets of one key (linearizable, as an
 * apiserver asks) and ranges of 500, each by 1, 16 and 64 connections. One thread.
 */
#include "test/bench/support/etcd.h"

#include <stdio.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "test/bench/support/load.h"

#define N_PRESENT   1000
#define FILL_CONNS  16
#define VALUE_BYTES 1000
#define LIST_LIMIT  500
#define MAX_MS      60000
#define NAME_BYTES  128

struct etcd {
    struct etcd_client client;
    const char *what;
};

static void open_conn(void *ctx, struct bench_conn *conn)
{
    struct etcd *etcd = ctx;
    etcd_open(&etcd->client, conn);
}

static void put(struct etcd *etcd, struct bench_conn *conn, struct ke_str key)
{
    char value[VALUE_BYTES];
    memset(value, 'x', sizeof(value));
    ke_buf_clear(&etcd->client.message);
    etcd_add_bytes(&etcd->client.message, 1, key);
    etcd_add_bytes(&etcd->client.message, 2, ke_str_of(value, sizeof(value)));
    etcd_call(&etcd->client, conn, KE_STR("/etcdserverpb.KV/Put"), true);
}

static void ask_put(void *ctx, struct bench_conn *conn, size_t i)
{
    struct etcd *etcd = ctx;
    char key[NAME_BYTES];
    int len = snprintf(key, sizeof(key), "/registry/configmaps/bench/%d-%s-%zu", (int)getpid(),
                       etcd->what, i);
    put(etcd, conn, ke_str_of(key, (size_t)len));
}

static void ask_update(void *ctx, struct bench_conn *conn, size_t i)
{
    char key[NAME_BYTES];
    int len = snprintf(key, sizeof(key), "/registry/configmaps/bench/%d-present-%zu", (int)getpid(),
                       i * 7919 % N_PRESENT);
    put(ctx, conn, ke_str_of(key, (size_t)len));
}

static void ask_get(void *ctx, struct bench_conn *conn, size_t i)
{
    struct etcd *etcd = ctx;
    char key[NAME_BYTES];
    int len = snprintf(key, sizeof(key), "/registry/configmaps/bench/%d-present-%zu", (int)getpid(),
                       i * 7919 % N_PRESENT);
    ke_buf_clear(&etcd->client.message);
    etcd_add_bytes(&etcd->client.message, 1, ke_str_of(key, (size_t)len));
    etcd_call(&etcd->client, conn, KE_STR("/etcdserverpb.KV/Range"), true);
}

static void ask_list(void *ctx, struct bench_conn *conn, size_t i)
{
    (void)i;
    struct etcd *etcd = ctx;
    ke_buf_clear(&etcd->client.message);
    etcd_add_bytes(&etcd->client.message, 1, KE_STR("/registry/configmaps/"));
    etcd_add_bytes(&etcd->client.message, 2, KE_STR("/registry/configmaps0"));
    ke_buf_add_u8(&etcd->client.message, 3 << 3); /* limit */
    etcd_add_varint(&etcd->client.message, LIST_LIMIT);
    etcd_call(&etcd->client, conn, KE_STR("/etcdserverpb.KV/Range"), true);
}

static bool take(void *ctx, struct bench_conn *conn)
{
    struct etcd *etcd = ctx;
    enum etcd_event event = ETCD_NOTHING;
    do {
        event = etcd_take(&etcd->client, conn);
    } while (event == ETCD_MESSAGE);
    return event == ETCD_END;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *what;
        void (*ask)(void *ctx, struct bench_conn *conn, size_t i);
    } verbs[] = {
        { "create", ask_put }, { "update", ask_update }, { "get", ask_get }, { "list", ask_list }
    };
    static const size_t n_conns[] = { 1, 16, 64 };
    static struct etcd etcd;
    if (argc != 3)
        bench_fail("usage: bench_etcd TARGET MS");
    struct bench_target target = bench_target_parse(argv[1], NULL);
    struct load_protocol protocol = {
        .open = open_conn, .ask = ask_put, .take = take, .ctx = &etcd
    };
    struct load_plan plan = { .target = &target, .n_conns = FILL_CONNS, .n_requests = N_PRESENT };
    struct load_result result;
    etcd.client.message = (struct ke_buf)KE_BUF_INIT(1U << 20);
    etcd.what = "present";
    load_run(&plan, &protocol, &result);
    bench_times_free(&result.times);
    plan.n_requests = 0;
    plan.duration_ms = (int64_t)bench_number(argv[2], MAX_MS);
    for (size_t i = 0; i < KE_ARRAY_LEN(verbs) * KE_ARRAY_LEN(n_conns); i++) {
        size_t verb = i / KE_ARRAY_LEN(n_conns);
        char what[NAME_BYTES];
        char name[NAME_BYTES];
        plan.n_conns = n_conns[i % KE_ARRAY_LEN(n_conns)];
        (void)snprintf(what, sizeof(what), "%s-%zu", verbs[verb].what, plan.n_conns);
        (void)snprintf(name, sizeof(name), "etcd_%s_%zu", verbs[verb].what, plan.n_conns);
        etcd.what = what;
        protocol.ask = verbs[verb].ask;
        load_run(&plan, &protocol, &result);
        load_print(&result, name);
    }
    ke_buf_free(&etcd.client.message);
    return 0;
}
