/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DNS server: its workers, and what they report together. Made, started and stopped by one
 * thread; the counters and the state of the listeners are atomics.
 */
#include <inttypes.h>
#include <string.h>

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "dns/dns.h"
#include "dns/explain.h"
#include "dns/worker.h"

#define MAX_WORKERS 16
#define PART        "dns"

struct dns_server {
    struct dns_zone zone;
    struct ke_endpoint listen[DNS_MAX_LISTEN];
    size_t n_listen;
    struct dns_upstreams upstreams;
    char *resolv_conf;
    struct endpoint_table *table;
    struct report *report;
    void (*on_held)(void *ctx, bool is_held);
    void *ctx;
    struct dns_explainer explainer;
    struct dns_worker *workers[MAX_WORKERS];
    unsigned n_workers;
    unsigned n_started;
    _Atomic unsigned bound; /* a bit a worker */
};

static void on_bound(void *ctx, unsigned worker, bool is_bound, struct ke_str why)
{
    struct dns_server *server = ctx;
    unsigned bit = 1U << worker;
    unsigned all = (1U << server->n_workers) - 1;
    if (!is_bound) {
        ke_log(KE_LOG_WARN, "dns.bind_failed", KV_S("err", why), KV_C("next", "retrying"));
        report_part(server->report, PART, false, why);
        return;
    }
    unsigned before = atomic_fetch_or(&server->bound, bit);
    if (worker + 1 < server->n_workers && !dns_worker_bind(server->workers[worker + 1]))
        report_part(server->report, PART, false, KE_STR("out of memory"));
    if ((before | bit) != all)
        return;
    ke_log(KE_LOG_INFO, "dns.serving", KV_U("workers", server->n_workers));
    report_part(server->report, PART, true, (struct ke_str){ 0 });
    if (server->on_held != NULL)
        server->on_held(server->ctx, true);
}

static enum ke_code copy_options(struct dns_server *server, const struct dns_options *options,
                                 struct ke_err *err)
{
    enum ke_code rc = dns_zone_init(&server->zone, &options->settings, err);
    if (rc != KE_OK)
        return rc;
    if (options->n_listen == 0 || options->n_listen > DNS_MAX_LISTEN ||
        options->n_upstreams > DNS_MAX_UPSTREAMS || options->n_threads > MAX_WORKERS)
        return ke_fail(err, KE_INVALID, "1 to %d listen addresses, at most %d upstreams",
                       DNS_MAX_LISTEN, DNS_MAX_UPSTREAMS);
    memcpy(server->listen, options->listen, options->n_listen * sizeof(server->listen[0]));
    server->n_listen = options->n_listen;
    server->upstreams.n = options->n_upstreams;
    if (options->n_upstreams > 0)
        memcpy(server->upstreams.items, options->upstreams,
               options->n_upstreams * sizeof(server->upstreams.items[0]));
    server->resolv_conf = ke_str_dup(
        ke_str_c(options->resolv_conf != NULL ? options->resolv_conf : "/etc/resolv.conf"));
    server->table = options->table;
    server->report = options->report;
    server->on_held = options->on_held;
    server->ctx = options->ctx;
    return server->resolv_conf != NULL ? KE_OK : ke_fail(err, KE_NOMEM, "out of memory");
}

static struct dns_timing timing_of(const struct dns_timing *given)
{
    struct dns_timing timing = *given;
    if (timing.forward_try_ms == 0)
        timing.forward_try_ms = LIMIT_DNS_FORWARD_TRY_MS;
    if (timing.tcp_idle_ms == 0)
        timing.tcp_idle_ms = LIMIT_DNS_TCP_IDLE_MS;
    return timing;
}

enum ke_code dns_server_new(const struct dns_options *options, struct dns_server **out,
                            struct ke_err *err)
{
    struct dns_server *server = ke_alloc(sizeof(*server));
    if (server == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    enum ke_code rc = copy_options(server, options, err);
    unsigned n = options->n_threads > 0 ? options->n_threads : 1;
    for (unsigned i = 0; rc == KE_OK && i < n; i++) {
        struct dns_worker_options worker = { .index = i,
                                             .n_workers = n,
                                             .zone = &server->zone,
                                             .table = server->table,
                                             .listen = server->listen,
                                             .n_listen = server->n_listen,
                                             .upstreams = server->upstreams,
                                             .timing = timing_of(&options->timing),
                                             .files = { server->resolv_conf, DNS_BEHIND_STUB },
                                             .find_holder = options->find_holder,
                                             .find_holder_ctx = options->ctx,
                                             .on_bound = on_bound,
                                             .on_bound_ctx = server };
        rc = dns_worker_new(&worker, &server->workers[i], err);
        server->n_workers += rc == KE_OK ? 1 : 0;
    }
    if (rc != KE_OK) {
        dns_server_free(server);
        return ke_wrap(err, "dns");
    }
    *out = server;
    return KE_OK;
}

enum ke_code dns_server_start(struct dns_server *server, struct ke_err *err)
{
    enum ke_code rc = KE_OK;
    for (unsigned i = 0; rc == KE_OK && i < server->n_workers; i++) {
        rc = dns_worker_start(server->workers[i], err);
        server->n_started += rc == KE_OK ? 1 : 0;
    }
    if (rc == KE_OK && !dns_worker_bind(server->workers[0]))
        rc = ke_fail(err, KE_NOMEM, "out of memory");
    if (rc != KE_OK)
        dns_server_stop(server);
    return rc;
}

void dns_server_stop(struct dns_server *server)
{
    for (unsigned i = 0; i < server->n_started; i++)
        dns_worker_stop(server->workers[i]);
    server->n_started = 0;
    bool was_held = dns_server_is_serving(server);
    atomic_store(&server->bound, 0);
    if (was_held && server->on_held != NULL)
        server->on_held(server->ctx, false);
}

void dns_server_free(struct dns_server *server)
{
    if (server == NULL)
        return;
    for (unsigned i = 0; i < server->n_workers; i++)
        dns_worker_free(server->workers[i]);
    free(server->resolv_conf);
    free(server);
}

bool dns_server_is_serving(const struct dns_server *server)
{
    return atomic_load(&server->bound) == (1U << server->n_workers) - 1;
}

enum ke_code dns_explain_register(struct dns_server *server, struct explain *explain,
                                  struct ke_err *err)
{
    server->explainer = (struct dns_explainer){ &server->zone, server->table };
    return dns_explainer_register(&server->explainer, explain, err);
}

static void print_endpoints(const struct ke_endpoint *items, size_t n, struct ke_buf *out)
{
    ke_buf_add_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        ke_buf_add_c(out, i > 0 ? ",\"" : "\"");
        ke_endpoint_format(&items[i], out);
        ke_buf_add_char(out, '"');
    }
    ke_buf_add_char(out, ']');
}

void dns_print_status(struct dns_server *server, struct ke_buf *out)
{
    struct dns_upstreams upstreams = server->upstreams;
    const struct dns_resolv_files files = { server->resolv_conf, DNS_BEHIND_STUB };
    if (upstreams.n == 0)
        dns_resolv_read(&files, server->listen, server->n_listen, &upstreams);
    ke_buf_addf(out,
                "{\"serving\":%s,\"listen\":", dns_server_is_serving(server) ? "true" : "false");
    print_endpoints(server->listen, server->n_listen, out);
    ke_buf_add_c(out, ",\"upstreams\":");
    print_endpoints(upstreams.items, upstreams.n, out);
    struct {
        uint64_t queries, forwarded, failed;
    } sum = { 0 };
    for (unsigned i = 0; i < server->n_workers; i++) {
        const struct dns_counters *counters = dns_worker_counters(server->workers[i]);
        sum.queries += atomic_load_explicit(&counters->queries, memory_order_relaxed);
        sum.forwarded += atomic_load_explicit(&counters->forwarded, memory_order_relaxed);
        sum.failed += atomic_load_explicit(&counters->failed, memory_order_relaxed);
    }
    ke_buf_addf(out, ",\"queries\":%" PRIu64 ",\"forwarded\":%" PRIu64 ",\"failed\":%" PRIu64 "}",
                sum.queries, sum.forwarded, sum.failed);
}
