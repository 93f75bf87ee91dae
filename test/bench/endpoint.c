/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoint table: what one endpoint change costs from the stored object to the published record
 * with 10, 1,000 and 10,000 services of three endpoints present, what a lookup costs, the first
 * load, and the bytes a service takes besides its stored objects. And one service of 1,000
 * endpoints in ten slices. Prints one line a figure.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/base/rand.h"
#include "core/base/snap.h"
#include "core/endpoint/builder.h"
#include "core/endpoint/derive.h"

enum { N_UPDATES = 3000, N_LOOKUPS = 2000000, N_ENDPOINTS = 3 };

#define SERVICE                                                                                    \
    "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"service-%u\","           \
    "\"namespace\":\"default\",\"uid\":\"6f2f0a3e-7f8e-4f6e-9d5d-0123456789ab\","                  \
    "\"creationTimestamp\":\"2026-01-01T00:00:00Z\",\"labels\":{\"app\":\"web\"}},\"spec\":{"      \
    "\"clusterIP\":\"10.%u.%u.%u\",\"clusterIPs\":[\"10.%u.%u.%u\"],\"type\":\"ClusterIP\","       \
    "\"ipFamilies\":[\"IPv4\"],\"ipFamilyPolicy\":\"SingleStack\",\"sessionAffinity\":\"None\","   \
    "\"internalTrafficPolicy\":\"Cluster\",\"selector\":{\"app\":\"web\"},\"ports\":[{\"name\":"   \
    "\"http\",\"protocol\":\"TCP\",\"port\":80,\"targetPort\":8080}]},\"status\":{}}"
#define SLICE_HEAD                                                                                 \
    "{\"kind\":\"EndpointSlice\",\"apiVersion\":\"discovery.k8s.io/v1\",\"metadata\":{\"name\":"   \
    "\"service-%u-%u\",\"namespace\":\"default\",\"labels\":{\"kubernetes.io/service-name\":"      \
    "\"service-%u\"}},\"addressType\":\"IPv4\",\"ports\":[{\"name\":\"http\",\"protocol\":"        \
    "\"TCP\",\"port\":8080}],\"endpoints\":["
#define ENDPOINT                                                                                   \
    "{\"addresses\":[\"10.%u.%u.%u\"],\"conditions\":{\"ready\":true,\"serving\":true,"            \
    "\"terminating\":false},\"nodeName\":\"node-%u\",\"targetRef\":{\"kind\":\"Pod\","             \
    "\"namespace\":\"default\",\"name\":\"service-%u-7d4b9c6f5-%05u\"}}"

static void die(const char *what, const struct ke_err *err)
{
    (void)fprintf(stderr, "bench endpoint: %s: %s\n", what, err->msg);
    abort();
}

static struct registry_object *make(enum model_kind_id kind, struct ke_buf *text)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *json = NULL;
    struct registry_object *object = NULL;
    if (ke_buf_check(text, "object", &err) != KE_OK ||
        ke_json_parse(ke_buf_str(text), &json, &err) != KE_OK ||
        registry_object_new(model_kind_by_id(kind), json, &object, &err) != KE_OK)
        die("object", &err);
    registry_object_set_revision(object, 1);
    ke_buf_clear(text);
    return object;
}

static struct registry_object *make_service(unsigned i, struct ke_buf *text)
{
    unsigned b = 32 + i / 65536;
    unsigned c = i / 256 % 256;
    ke_buf_addf(text, SERVICE, i, b, c, i % 256, b, c, i % 256);
    return make(MODEL_SERVICE, text);
}

/* variant: another last endpoint. */
static struct registry_object *make_slice(unsigned i, unsigned slice, unsigned n, unsigned variant,
                                          struct ke_buf *text)
{
    ke_buf_addf(text, SLICE_HEAD, i, slice, i);
    for (unsigned j = 0; j < n; j++) {
        unsigned number = (i * 16 + slice * n + j) * 2 + (j + 1 == n ? variant : 0);
        ke_buf_addf(text, "%s" ENDPOINT, j > 0 ? "," : "", 100 + number / 65536 % 100,
                    number / 256 % 256, number % 256, j, i, j);
    }
    ke_buf_add_c(text, "]}");
    return make(MODEL_ENDPOINTSLICE, text);
}

static int compare_times(const void *a, const void *b)
{
    const int64_t *x = a;
    const int64_t *y = b;
    return (*x > *y) - (*x < *y);
}

static void print_times(const char *what, unsigned n_services, int64_t *times, size_t n)
{
    qsort(times, n, sizeof(*times), compare_times);
    int64_t p50_ns = times[n / 2];
    int64_t p99_ns = times[n * 99 / 100];
    (void)printf("endpoint %-24s services=%-6u p50=%.1f us p99=%.1f us\n", what, n_services,
                 (double)p50_ns / 1e3, (double)p99_ns / 1e3);
}

static void put(struct endpoint_table *table, const struct registry_object *object)
{
    if (!endpoint_builder_put(table, object))
        abort();
}

static void wake_nobody(void *ctx)
{
    (void)ctx;
}

static void bench_updates(struct endpoint_table *table, struct registry_object **slices[2],
                          unsigned n_services)
{
    static int64_t times[N_UPDATES];
    struct endpoint_consumer *consumer = endpoint_consumer_new(table, "bench", wake_nobody, NULL);
    struct endpoint_dirty_set set;
    if (consumer == NULL)
        abort();
    if (endpoint_consumer_take(consumer, &set))
        endpoint_dirty_set_free(&set);
    for (unsigned i = 0; i < N_UPDATES; i++) {
        unsigned at = ke_rand_below(n_services);
        int64_t began = ke_now_ns();
        put(table, slices[(i + 1) % 2][at]);
        endpoint_table_publish(table, 2 + i);
        times[i] = ke_now_ns() - began;
        ke_snap_quiescent();
        if (endpoint_consumer_take(consumer, &set))
            endpoint_dirty_set_free(&set);
    }
    endpoint_consumer_free(consumer);
    print_times("one endpoint replaced", n_services, times, N_UPDATES);
}

static void bench_lookups(struct endpoint_table *table, unsigned n_services)
{
    struct ke_ip ip = { .family = KE_FAMILY_IPV4, .b = { 10 } };
    uint64_t n_found = 0;
    int64_t began = ke_now_ns();
    ke_snap_read_begin();
    for (unsigned i = 0; i < N_LOOKUPS; i++) {
        unsigned at = (i * 7919U) % n_services;
        ip.b[1] = (uint8_t)(32 + at / 65536);
        ip.b[2] = (uint8_t)(at / 256 % 256);
        ip.b[3] = (uint8_t)(at % 256);
        n_found += endpoint_table_find_address(table, &ip, KE_PROTO_TCP, 80, NULL) != NULL;
    }
    ke_snap_read_end();
    double ns = (double)(ke_now_ns() - began) / N_LOOKUPS;
    (void)printf("endpoint %-24s services=%-6u %.0f ns (%" PRIu64 " found)\n", "lookup by address",
                 n_services, ns, n_found);
}

static void bench_size(unsigned n_services)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    struct registry_object **services = ke_alloc_n(n_services, sizeof(struct registry_object *));
    struct registry_object **slices[2] = {
        ke_alloc_n(n_services, sizeof(struct registry_object *)),
        ke_alloc_n(n_services, sizeof(struct registry_object *)),
    };
    if (services == NULL || slices[0] == NULL || slices[1] == NULL)
        abort();
    for (unsigned i = 0; i < n_services; i++) {
        services[i] = make_service(i, &text);
        slices[0][i] = make_slice(i, 0, N_ENDPOINTS, 0, &text);
        slices[1][i] = make_slice(i, 0, N_ENDPOINTS, 1, &text);
    }
    struct endpoint_table *table = endpoint_table_new(KE_STR("node-1"), &err);
    if (table == NULL)
        die("table", &err);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    int64_t began = ke_now_ns();
    for (unsigned i = 0; i < n_services; i++) {
        put(table, services[i]);
        put(table, slices[0][i]);
    }
    endpoint_table_publish(table, 1);
    int64_t load_ns = ke_now_ns() - began;
    ke_snap_quiescent();
    ke_snap_collect();
    size_t bytes = mallinfo2().uordblks + mallinfo2().hblkhd - before;
    (void)printf("endpoint %-24s services=%-6u %.1f ms\n", "first load", n_services,
                 (double)load_ns / 1e6);
    (void)printf("endpoint %-24s services=%-6u %zu bytes a service (bound 2048)\n", "memory",
                 n_services, bytes / n_services);
    bench_updates(table, slices, n_services);
    bench_lookups(table, n_services);
    endpoint_table_free(table);
    for (unsigned i = 0; i < n_services; i++) {
        registry_object_unref(services[i]);
        registry_object_unref(slices[0][i]);
        registry_object_unref(slices[1][i]);
    }
    free(services);
    free(slices[0]);
    free(slices[1]);
}

/* One service of 1,000 endpoints: what a change of one of them costs. */
static void bench_wide(void)
{
    enum { N_SLICES = 10, N_A_SLICE = 100, N_CHANGES = 200 };
    static int64_t times[N_CHANGES];
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    struct endpoint_table *table = endpoint_table_new(KE_STR("node-1"), &err);
    if (table == NULL)
        die("table", &err);
    struct registry_object *service = make_service(0, &text);
    put(table, service);
    registry_object_unref(service);
    for (unsigned i = 0; i < N_SLICES; i++) {
        struct registry_object *slice = make_slice(0, i, N_A_SLICE, 0, &text);
        put(table, slice);
        registry_object_unref(slice);
    }
    endpoint_table_publish(table, 1);
    for (unsigned i = 0; i < N_CHANGES; i++) {
        struct registry_object *slice = make_slice(0, 0, N_A_SLICE, 1 - i % 2, &text);
        int64_t began = ke_now_ns();
        put(table, slice);
        endpoint_table_publish(table, 2 + i);
        times[i] = ke_now_ns() - began;
        registry_object_unref(slice);
        ke_snap_quiescent();
    }
    print_times("one of 1,000 endpoints", 1, times, N_CHANGES);
    endpoint_table_free(table);
}

int main(void)
{
    ke_snap_thread_register();
    bench_size(10);
    bench_size(1000);
    bench_size(10000);
    bench_wide();
    ke_snap_thread_unregister();
    return 0;
}
