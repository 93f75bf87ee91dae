/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cluster DNS alone, for measuring: `dns_serve PORT N_SERVICES [N_THREADS]` answers for service-0
 * and so on in namespace default on 127.0.0.1:PORT, prints "ready", and ends when its input does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/snap.h"
#include "core/endpoint/derive.h"
#include "dns/dns.h"

static void die(const char *what, const struct ke_err *err)
{
    (void)fprintf(stderr, "dns_serve: %s: %s\n", what, err->msg);
    exit(1);
}

static void put(struct endpoint_table *table, enum model_kind_id kind, struct ke_buf *text)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *json = NULL;
    if (ke_buf_check(text, "object", &err) != KE_OK ||
        ke_json_parse(ke_buf_str(text), &json, &err) != KE_OK ||
        !endpoint_table_put_object(table, kind, json))
        die("object", &err);
    ke_buf_clear(text);
}

static void fill(struct endpoint_table *table, unsigned n_services)
{
    ke_auto_buf text = KE_BUF_INIT(LIMIT_OBJECT_BYTES);
    ke_buf_add_c(&text, "{\"metadata\":{\"name\":\"default\"}}");
    put(table, MODEL_NAMESPACE, &text);
    for (unsigned i = 0; i < n_services; i++) {
        ke_buf_addf(&text,
                    "{\"metadata\":{\"namespace\":\"default\",\"name\":\"service-%u\"},\"spec\":{"
                    "\"type\":\"ClusterIP\",\"clusterIP\":\"10.32.%u.%u\",\"clusterIPs\":["
                    "\"10.32.%u.%u\"],\"ports\":[{\"name\":\"http\",\"port\":80}]}}",
                    i, i / 256 % 256, i % 256, i / 256 % 256, i % 256);
        put(table, MODEL_SERVICE, &text);
    }
    endpoint_table_publish(table, 1);
}

static void on_held(void *ctx, bool is_held)
{
    (void)ctx;
    if (is_held) {
        (void)puts("ready");
        (void)fflush(stdout);
    }
}

static bool read_number(const char *text, uint64_t max, uint64_t *out)
{
    return ke_str_to_u64(ke_str_c(text), max, out);
}

int main(int argc, char **argv)
{
    struct ke_err err = KE_ERR_INIT;
    uint64_t port = 0;
    uint64_t n_services = 0;
    uint64_t n_threads = 1;
    if (argc < 3 || argc > 4 || !read_number(argv[1], UINT16_MAX, &port) ||
        !read_number(argv[2], 65536, &n_services) ||
        (argc == 4 && !read_number(argv[3], 16, &n_threads))) {
        (void)fprintf(stderr, "usage: %s PORT N_SERVICES [N_THREADS]\n", argv[0]);
        return 2;
    }
    struct endpoint_table *table = endpoint_table_new(KE_STR("n1"), &err);
    struct report *report = report_new();
    if (table == NULL || report == NULL)
        die("table", &err);
    fill(table, (unsigned)n_services);
    struct ke_endpoint at = { .ip = { .family = KE_FAMILY_IPV4, .b = { 127, 0, 0, 1 } },
                              .port = (uint16_t)port };
    struct dns_options options = {
        .settings = { .domain = KE_STR("cluster.local"), .ttl_s = 5 },
        .listen = &at,
        .n_listen = 1,
        .resolv_conf = "/nonexistent",
        .n_threads = (unsigned)n_threads,
        .table = table,
        .report = report,
        .on_held = on_held,
    };
    struct dns_server *server = NULL;
    if (dns_server_new(&options, &server, &err) != KE_OK || dns_server_start(server, &err) != KE_OK)
        die("server", &err);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    dns_server_stop(server);
    dns_server_free(server);
    report_free(report);
    endpoint_table_free(table);
    return 0;
}
