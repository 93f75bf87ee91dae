/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures of the registry on a disk: bench_registry [FOLDER]. Durable puts of 1 KB by 1 and by 64
 * clients (each builds its object, commits it and waits), a list of 10,000 objects, a get, and the
 * time to open the file again. One line a figure: name value unit.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/base/thread.h"
#include "store/sqlite/sqlite_registry.h"

#define VALUE_BYTES 700 /* about 1 KB with the rest of the object */
#define N_OBJECTS   10000
#define MAX_CLIENTS 64
#define MAX_SAMPLES 200000
#define RUN_NS      (3 * KE_S)
#define N_LISTS     200
#define N_GETS      1000000
#define NS_A_US     1000.0
#define BATCH       500
#define PERCENT     100
#define P99         99

struct client {
    struct registry *registry;
    struct ke_thread thread;
    int number;
    int64_t end_ns;
    size_t n_puts;
    int64_t *samples_ns; /* latencies; NULL: not taken */
};

static _Noreturn void die(const struct ke_err *err)
{
    (void)fprintf(stderr, "bench_registry: %s\n", err->msg);
    exit(1);
}

static struct registry_object *make_object(int client, size_t number)
{
    struct ke_err err = KE_ERR_INIT;
    char value[VALUE_BYTES + 1];
    memset(value, 'x', VALUE_BYTES);
    value[VALUE_BYTES] = 0;
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    ke_buf_addf(&text,
                "{\"metadata\":{\"name\":\"c%d-%zu\",\"namespace\":\"bench\",\"uid\":"
                "\"0e8a7b1c-5d0f-4c5e-9a52-2f1b7e3d4c5a\",\"creationTimestamp\":"
                "\"2026-01-01T00:00:00Z\",\"labels\":{\"app\":\"bench\",\"tier\":\"one\"}},"
                "\"data\":{\"value\":\"%s\"}}",
                client, number, value);
    ke_auto_json *json = NULL;
    struct registry_object *object = NULL;
    if (ke_json_parse(ke_buf_str(&text), &json, &err) != KE_OK ||
        registry_object_new(model_kind_by_id(MODEL_CONFIGMAP), json, &object, &err) != KE_OK)
        die(&err);
    return object;
}

static void put_one(struct client *client)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry_op op = { .expected = REGISTRY_ANY };
    op.object = make_object(client->number, client->n_puts % N_OBJECTS);
    ke_auto_object *held = registry_object_ref(op.object);
    op.key = held->key;
    int64_t begin_ns = ke_now_ns();
    if (registry_commit_wait(client->registry, &op, 1, NULL, &err) != KE_OK)
        die(&err);
    if (client->samples_ns != NULL && client->n_puts < MAX_SAMPLES)
        client->samples_ns[client->n_puts] = ke_now_ns() - begin_ns;
    client->n_puts++;
}

static void put_until_the_end(void *ctx)
{
    struct client *client = ctx;
    while (ke_now_ns() < client->end_ns)
        put_one(client);
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void print_latency(struct client *client, int n_clients)
{
    size_t n = client->n_puts < MAX_SAMPLES ? client->n_puts : MAX_SAMPLES;
    if (n == 0)
        return;
    size_t middle = n / 2;
    size_t late = n * P99 / PERCENT;
    qsort(client->samples_ns, n, sizeof(int64_t), compare_i64);
    (void)printf("put_p50_%d %.1f us\n", n_clients, (double)client->samples_ns[middle] / NS_A_US);
    (void)printf("put_p99_%d %.1f us\n", n_clients, (double)client->samples_ns[late] / NS_A_US);
}

static void bench_puts(struct registry *registry, int n_clients)
{
    static struct client clients[MAX_CLIENTS];
    struct ke_err err = KE_ERR_INIT;
    struct sqlite_registry_stats before;
    struct sqlite_registry_stats after;
    sqlite_registry_get_stats(registry, &before);
    int64_t begin_ns = ke_now_ns();
    int64_t *samples_ns = ke_alloc_n(MAX_SAMPLES, sizeof(int64_t));
    for (int i = 0; i < n_clients; i++) {
        clients[i] = (struct client){ .registry = registry,
                                      .number = i,
                                      .end_ns = begin_ns + RUN_NS,
                                      .samples_ns = i == 0 ? samples_ns : NULL };
        if (ke_thread_start(&clients[i].thread, "client", put_until_the_end, &clients[i], &err) !=
            KE_OK)
            die(&err);
    }
    size_t n = 0;
    for (int i = 0; i < n_clients; i++) {
        ke_thread_join(&clients[i].thread);
        n += clients[i].n_puts;
    }
    double seconds = (double)(ke_now_ns() - begin_ns) / (double)KE_S;
    sqlite_registry_get_stats(registry, &after);
    (void)printf("put_%d %.0f /s\n", n_clients, (double)n / seconds);
    (void)printf("group_%d %.1f commits\n", n_clients,
                 (double)(after.n_batches - before.n_batches) /
                     (double)(after.n_groups - before.n_groups));
    if (samples_ns != NULL)
        print_latency(&clients[0], n_clients);
    free(samples_ns);
}

static void fill(struct registry *registry)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry_op ops[BATCH];
    for (size_t i = 0; i < N_OBJECTS; i += BATCH) {
        for (size_t j = 0; j < BATCH; j++) {
            ops[j].object = make_object(0, i + j);
            ops[j].key = ops[j].object->key;
            ops[j].expected = REGISTRY_ANY;
        }
        if (registry_commit_wait(registry, ops, BATCH, NULL, &err) != KE_OK)
            die(&err);
    }
}

static void bench_reads(struct registry *registry)
{
    struct ke_err err = KE_ERR_INIT;
    int64_t begin_ns = ke_now_ns();
    size_t n_objects = 0;
    for (int i = 0; i < N_LISTS; i++) {
        struct registry_list list;
        if (registry_list(registry, KE_STR("/registry/configmaps/bench/"), 0, KE_STR(""), N_OBJECTS,
                          &list, &err) != KE_OK)
            die(&err);
        n_objects = list.n_objects;
        registry_list_free(&list);
    }
    (void)printf("list_%zu %.1f us\n", n_objects,
                 (double)(ke_now_ns() - begin_ns) / NS_A_US / N_LISTS);
    begin_ns = ke_now_ns();
    for (int i = 0; i < N_GETS; i++) {
        struct registry_object *object = NULL;
        if (registry_get(registry, KE_STR("/registry/configmaps/bench/c0-5000"), &object, &err) !=
            KE_OK)
            die(&err);
        registry_object_unref(object);
    }
    (void)printf("get %.3f us\n", (double)(ke_now_ns() - begin_ns) / NS_A_US / N_GETS);
}

static struct registry *open_or_die(const char *path, const char *what)
{
    struct ke_err err = KE_ERR_INIT;
    struct registry *registry = NULL;
    int64_t begin_ns = ke_now_ns();
    if (sqlite_registry_open(path, NULL, &registry, &err) != KE_OK)
        die(&err);
    (void)printf("%s %.1f us\n", what, (double)(ke_now_ns() - begin_ns) / NS_A_US);
    return registry;
}

int main(int argc, char **argv)
{
    struct ke_err err = KE_ERR_INIT;
    char folder[512];
    char path[600];
    (void)snprintf(folder, sizeof(folder), "%s/bench-registry-XXXXXX", argc > 1 ? argv[1] : ".");
    if (mkdtemp(folder) == NULL) {
        (void)ke_fail_errno(&err, errno, "%s", folder);
        die(&err);
    }
    (void)snprintf(path, sizeof(path), "%s/registry.db", folder);
    struct registry *registry = open_or_die(path, "create");
    fill(registry);
    bench_reads(registry);
    registry_free(registry);
    registry = open_or_die(path, "open_10000");
    registry_free(registry);
    (void)unlink(path);
    registry = open_or_die(path, "create");
    bench_puts(registry, 1);
    bench_puts(registry, MAX_CLIENTS);
    (void)printf("written %.1f MB\n", (double)registry_bytes_written(registry) / (1 << 20));
    registry_free(registry);
    (void)unlink(path);
    (void)rmdir(folder);
    return 0;
}
