/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What programming the kernel costs: everything at once, one endpoint replaced, one endpoint more
 * or less, with 1,000, 5,000 and 10,000 services of three endpoints, through the nftables applier,
 * next to iptables-legacy-restore of kube-proxy's layout. In a network namespace of its own.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/mem.h"
#include "core/endpoint/derive.h"
#include "proxy/command.h"
#include "proxy/iptables.h"
#include "proxy/nft.h"
#include "test/bench/support/figures.h"

enum { N_CHANGES = 200, N_PEER_CHANGES = 5 };

static struct ke_cidr services = { .ip = { KE_FAMILY_IPV4, { 10, 32 } }, .prefix = 16 };
static struct ke_cidr pods = { .ip = { KE_FAMILY_IPV4, { 10, 200 } }, .prefix = 13 };
static const struct proxy_settings settings = {
    .service_cidrs = &services, .n_service_cidrs = 1, .cluster_cidrs = &pods, .n_cluster_cidrs = 1
};

static void put(struct endpoint_table *table, enum model_kind_id kind, struct ke_buf *text)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *json = NULL;
    if (ke_buf_check(text, "object", &err) != KE_OK ||
        ke_json_parse(ke_buf_str(text), &json, &err) != KE_OK)
        bench_die("object", &err);
    if (!endpoint_table_put_object(table, kind, json))
        bench_fail("out of memory");
    ke_buf_free(text);
}

/* n_endpoints of service i, the last one with another address for each version. */
static void put_endpoints(struct endpoint_table *table, unsigned i, unsigned n_endpoints,
                          unsigned version)
{
    struct ke_buf text = KE_BUF_INIT(1U << 16);
    ke_buf_addf(&text,
                "{\"kind\":\"EndpointSlice\",\"apiVersion\":\"discovery.k8s.io/v1\",\"metadata\":{"
                "\"name\":\"s%u-1\",\"namespace\":\"default\",\"labels\":{"
                "\"kubernetes.io/service-name\":\"s%u\"}},\"addressType\":\"IPv4\",\"ports\":[{"
                "\"name\":\"http\",\"protocol\":\"TCP\",\"port\":8080}],\"endpoints\":[",
                i, i);
    for (unsigned j = 0; j < n_endpoints; j++)
        ke_buf_addf(&text, "%s{\"addresses\":[\"10.%u.%u.%u\"],\"conditions\":{\"ready\":true}}",
                    j > 0 ? "," : "", 200 + j + (j + 1 == n_endpoints ? version % 4 : 0), i / 250,
                    i % 250 + 1);
    ke_buf_add_c(&text, "]}");
    put(table, MODEL_ENDPOINTSLICE, &text);
}

static void put_service(struct endpoint_table *table, unsigned i)
{
    struct ke_buf text = KE_BUF_INIT(1U << 16);
    ke_buf_addf(
        &text,
        "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s%u\","
        "\"namespace\":\"default\",\"creationTimestamp\":\"2026-01-01T00:00:00Z\"},\"spec\":{"
        "\"clusterIP\":\"10.32.%u.%u\",\"clusterIPs\":[\"10.32.%u.%u\"],\"ports\":[{"
        "\"name\":\"http\",\"protocol\":\"TCP\",\"port\":80,\"targetPort\":8080}]}}",
        i, i / 250, i % 250 + 1, i / 250, i % 250 + 1);
    put(table, MODEL_SERVICE, &text);
}

static struct proxy_plan *plan(struct endpoint_table *table, struct ke_str ns, struct ke_str name,
                               const struct proxy_plan *old)
{
    struct ke_err err = KE_ERR_INIT;
    struct proxy_plan *made = NULL;
    ke_snap_read_begin();
    const struct endpoint_service *service = endpoint_table_find(table, ns, name);
    if (service == NULL || proxy_plan_make(table, &settings, service, old, &made, &err) != KE_OK)
        bench_die("plan", &err);
    ke_snap_read_end();
    return made;
}

static struct proxy_plans *plan_all(struct endpoint_table *table, unsigned n)
{
    struct proxy_plans *plans = proxy_plans_new();
    for (unsigned i = 0; plans != NULL && i < n; i++) {
        char name[16];
        struct proxy_plan *old = NULL;
        (void)snprintf(name, sizeof(name), "s%u", i);
        struct proxy_plan *made = plan(table, KE_STR("default"), ke_str_c(name), NULL);
        if (!proxy_plans_set(plans, made->ns, made->name, made, &old))
            bench_fail("out of memory");
    }
    return plans;
}

struct appliers {
    struct nft_applier *nft;
    struct ipt_applier *iptables; /* used when nft is NULL */
};

static void apply(const struct appliers *to, const struct proxy_plans *plans,
                  const struct proxy_change *change, struct bench_times *times)
{
    struct ke_err err = KE_ERR_INIT;
    int64_t from = ke_now_ns();
    enum ke_code rc = to->nft != NULL ? nft_applier_change(to->nft, change, 1, &err)
                                      : ipt_applier_change(to->iptables, plans, change, 1, &err);
    if (rc != KE_OK)
        bench_die("change", &err);
    bench_times_add(times, ke_now_ns() - from);
}

/* One service changes again and again; is_replaced: its number of endpoints stays. */
static void measure_changes(const struct appliers *to, struct endpoint_table *table,
                            struct proxy_plans *plans, bool is_replaced, struct bench_times *times)
{
    int n = to->nft != NULL ? N_CHANGES : N_PEER_CHANGES;
    for (int i = 1; i <= n; i++) {
        struct proxy_plan *old = NULL;
        unsigned version = is_replaced ? (unsigned)i : 0;
        put_endpoints(table, 7, is_replaced || i % 2 == 0 ? 3 : 4, version);
        endpoint_table_publish(table, i + 1);
        ke_snap_quiescent();
        struct proxy_change change = { .old = proxy_plans_get(plans, KE_STR("default"),
                                                              KE_STR("s7")) };
        struct proxy_plan *made = plan(table, KE_STR("default"), KE_STR("s7"), change.old);
        change.new = made;
        apply(to, plans, &change, times);
        if (!proxy_plans_set(plans, made->ns, made->name, made, &old))
            bench_fail("out of memory");
        free(old);
    }
}

static void print_times(const char *mode, const char *what, unsigned n, struct bench_times *times)
{
    char name[96];
    (void)snprintf(name, sizeof(name), "proxy_%s_%s_%u_p50", mode, what, n);
    bench_print(name, (double)bench_times_at(times, 50) / 1e6, "ms");
    (void)snprintf(name, sizeof(name), "proxy_%s_%s_%u_p99", mode, what, n);
    bench_print(name, (double)bench_times_at(times, 99) / 1e6, "ms");
    bench_times_free(times);
}

static void measure(const struct appliers *to, const char *mode, unsigned n)
{
    struct ke_err err = KE_ERR_INIT;
    struct endpoint_table *table = endpoint_table_new(KE_STR("n1"), &err);
    if (table == NULL)
        bench_die("table", &err);
    for (unsigned i = 0; i < n; i++) {
        put_service(table, i);
        put_endpoints(table, i, 3, 0);
    }
    endpoint_table_publish(table, 1);
    struct proxy_plans *plans = plan_all(table, n);
    int64_t from = ke_now_ns();
    enum ke_code rc = to->nft != NULL ? nft_applier_load(to->nft, plans, &err)
                                      : ipt_applier_load(to->iptables, plans, &err);
    if (rc != KE_OK)
        bench_die("load", &err);
    char name[96];
    (void)snprintf(name, sizeof(name), "proxy_%s_load_%u", mode, n);
    bench_print(name, (double)(ke_now_ns() - from) / 1e9, "s");
    struct bench_times replaced = { 0 };
    struct bench_times counted = { 0 };
    measure_changes(to, table, plans, true, &replaced);
    measure_changes(to, table, plans, false, &counted);
    print_times(mode, "replaced", n, &replaced);
    print_times(mode, "counted", n, &counted);
    proxy_plans_free(plans);
    endpoint_table_free(table);
}

int main(void)
{
    static const unsigned sizes[] = { 1000, 5000, 10000 };
    static const char *const probe[] = { "iptables-legacy", "-A", "INPUT", "-p",     "tcp",
                                         "--dport",         "7",  "-j",    "ACCEPT", NULL };
    struct ke_err err = KE_ERR_INIT;
    struct appliers nft = { 0 };
    struct appliers peer = { 0 };
    if (unshare(CLONE_NEWNET) != 0)
        bench_fail("a network namespace cannot be made");
    ke_snap_thread_register();
    if (nft_applier_new(&settings, &nft.nft, &err) != KE_OK)
        bench_die("nftables", &err);
    for (size_t i = 0; i < KE_ARRAY_LEN(sizes); i++)
        measure(&nft, "nftables", sizes[i]);
    nft_applier_free(nft.nft);
    /* A legacy rule in this namespace makes the applier choose legacy, the faster variant. */
    if (command_run(probe, KE_STR(""), NULL, 10000, &err) != KE_OK ||
        ipt_applier_new(&settings, &peer.iptables, &err) != KE_OK)
        bench_die("iptables", &err);
    for (size_t i = 0; i < KE_ARRAY_LEN(sizes); i++)
        measure(&peer, "iptables", sizes[i]);
    ipt_applier_free(peer.iptables);
    ke_snap_thread_unregister();
    return 0;
}
