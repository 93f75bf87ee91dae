/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ingress router: the thread that derives routes, the workers that serve, and what they report
 * together. Made, started and stopped by one thread; counters and listener states are atomics.
 */
#include "ingress/ingress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/net/tls/x509.h"
#include "ingress/client.h"
#include "ingress/explain.h"

#define MAX_WORKERS 4
#define DAY_S       ((int64_t)24 * 60 * 60)
#define PEM_BYTES   (64U << 10)
#define MAX_CLIENTS 32768U

struct ingress {
    struct ingress_settings settings;
    char *class_name, *default_backend; /* what settings point to */
    struct ke_endpoint listen[2][INGRESS_MAX_LISTEN];
    size_t n_listen[2];
    struct endpoint_table *table;
    struct report *report;
    struct ingress_derive *derive;
    struct tls_cert *default_cert;
    struct tls_context *tls;
    struct ingress_counters counters;
    struct ingress_explainer explainer;
    struct ingress_worker *workers[MAX_WORKERS];
    unsigned n_workers, n_started;
    bool is_derive_started;
    _Atomic unsigned bound[2]; /* a bit a worker */
    _Atomic unsigned tried[2]; /* the same: bound, or known not to be for now */
};

/* ---- certificates ---- */

/* For hosts without a certificate of their own: made new at each start, trusted by nobody. */
static enum ke_code make_default_cert(struct tls_cert **out, struct ke_err *err)
{
    ke_auto_buf pem = KE_BUF_INIT(PEM_BYTES);
    ke_auto_buf key = KE_BUF_INIT(PEM_BYTES);
    int64_t now = ke_wall_s();
    const struct ke_str name = KE_STR("ingress.local");
    struct x509_request request = { .common_name = KE_STR("kedge ingress default certificate"),
                                    .dns_names = &name,
                                    .n_dns_names = 1,
                                    .is_server = true,
                                    .not_before_s = now - DAY_S,
                                    .not_after_s = now + 365 * DAY_S };
    enum ke_code rc = x509_key_new(&key, err);
    if (rc == KE_OK)
        rc = x509_sign(&request, ke_buf_str(&key), (struct ke_str){ 0 }, (struct ke_str){ 0 }, &pem,
                       err);
    return rc == KE_OK ? tls_cert_new(ke_buf_str(&pem), ke_buf_str(&key), out, err) : rc;
}

static struct tls_cert *on_sni(void *ctx, struct ke_str name)
{
    struct ingress *ingress = ctx;
    ke_snap_read_begin();
    const struct ingress_routes *routes = ingress_derive_routes(ingress->derive);
    struct tls_cert *cert = routes != NULL ? ingress_routes_find_cert(routes, name) : NULL;
    cert = tls_cert_ref(cert != NULL ? cert : ingress->default_cert);
    ke_snap_read_end();
    return cert;
}

static enum ke_code make_tls(struct ingress *ingress, struct ke_err *err)
{
    static const char *const alpn[] = { "http/1.1", NULL };
    enum ke_code rc = make_default_cert(&ingress->default_cert, err);
    struct tls_server_options options = {
        .cert = ingress->default_cert, .sni = on_sni, .sni_ctx = ingress, .alpn = alpn
    };
    return rc == KE_OK ? tls_server_new(&options, &ingress->tls, err) : rc;
}

/* ---- listeners ---- */

static void on_bound(void *ctx, unsigned worker, bool is_tls, bool is_bound, struct ke_str why)
{
    struct ingress *ingress = ctx;
    const char *part = is_tls ? "ingress.https" : "ingress.http";
    unsigned bit = 1U << worker;
    unsigned all = (1U << ingress->n_workers) - 1;
    if (!is_bound) {
        ke_log(KE_LOG_WARN, "ingress.bind_failed", KV_S("err", why), KV_C("next", "retrying"));
        report_part(ingress->report, part, false, why);
    } else if ((atomic_fetch_or(&ingress->bound[is_tls], bit) | bit) == all) {
        ke_log(KE_LOG_INFO, "ingress.serving", KV_C("part", part),
               KV_U("port", ingress->listen[is_tls][0].port));
        report_part(ingress->report, part, true, (struct ke_str){ 0 });
    }
    (void)atomic_fetch_or(&ingress->tried[is_tls], bit);
}

static const struct ingress_timeouts default_timeouts = {
    .handshake_ms = LIMIT_INGRESS_HANDSHAKE_MS,
    .head_ms = LIMIT_INGRESS_HEAD_MS,
    .idle_ms = LIMIT_INGRESS_IDLE_MS,
    .connect_ms = LIMIT_INGRESS_CONNECT_MS,
    .response_ms = LIMIT_INGRESS_RESPONSE_MS,
    .stall_ms = LIMIT_INGRESS_STALL_MS,
    .linger_ms = LIMIT_INGRESS_LINGER_MS,
    .drain_ms = LIMIT_INGRESS_DRAIN_MS,
};

/* Half of the descriptors, an upstream connection for each client. */
static unsigned max_clients(unsigned n_workers)
{
    struct rlimit limit = { 0 };
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 256;
    unsigned files = limit.rlim_cur > 4 * MAX_CLIENTS ? 4 * MAX_CLIENTS : (unsigned)limit.rlim_cur;
    return files / 4 / n_workers + 16;
}

/* ---- life ---- */

static enum ke_code copy_options(struct ingress *ingress, const struct ingress_options *options,
                                 struct ke_err *err)
{
    const struct ke_endpoint *const from[2] = { options->http_listen, options->https_listen };
    const size_t n[2] = { options->n_http_listen, options->n_https_listen };
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        if (n[is_tls] > INGRESS_MAX_LISTEN)
            return ke_fail(err, KE_INVALID, "at most %d listen addresses", INGRESS_MAX_LISTEN);
        if (n[is_tls] > 0)
            memcpy(ingress->listen[is_tls], from[is_tls], n[is_tls] * sizeof(*from[is_tls]));
        ingress->n_listen[is_tls] = n[is_tls];
    }
    ingress->table = options->table;
    ingress->report = options->report;
    ingress->class_name = ke_str_dup(options->settings.class_name);
    ingress->default_backend = ke_str_dup(options->settings.default_backend);
    if (ingress->class_name == NULL || ingress->default_backend == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    ingress->settings = (struct ingress_settings){
        .class_name = ke_str_c(ingress->class_name),
        .default_backend = ke_str_c(ingress->default_backend),
    };
    return KE_OK;
}

static enum ke_code make_workers(struct ingress *ingress, const struct ingress_options *options,
                                 struct ke_err *err)
{
    long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned n = options->n_threads > 0 ? options->n_threads : n_cores > 0 ? (unsigned)n_cores : 1;
    n = n > MAX_WORKERS ? MAX_WORKERS : n;
    for (unsigned i = 0; i < n; i++) {
        struct ingress_worker_options worker = {
            .index = i,
            .listen = { ingress->listen[0], ingress->listen[1] },
            .n_listen = { ingress->n_listen[0], ingress->n_listen[1] },
            .max_clients = max_clients(n),
            .timeouts = options->timeouts != NULL ? *options->timeouts : default_timeouts,
            .derive = ingress->derive,
            .table = ingress->table,
            .tls = ingress->tls,
            .counters = &ingress->counters,
            .find_holder = options->find_holder,
            .find_holder_ctx = options->ctx,
            .on_bound = on_bound,
            .on_bound_ctx = ingress,
        };
        enum ke_code rc = ingress_worker_new(&worker, &ingress->workers[i], err);
        if (rc != KE_OK)
            return rc;
        ingress->n_workers++;
    }
    return KE_OK;
}

enum ke_code ingress_new(const struct ingress_options *options, struct ingress **out,
                         struct ke_err *err)
{
    struct ingress *ingress = ke_alloc(sizeof(*ingress));
    if (ingress == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory");
    enum ke_code rc = copy_options(ingress, options, err);
    struct ingress_derive_options derive = { .settings = &ingress->settings,
                                             .hub = options->hub,
                                             .report = options->report };
    if (rc == KE_OK)
        rc = ingress_derive_new(&derive, &ingress->derive, err);
    if (rc == KE_OK && ingress->n_listen[1] > 0)
        rc = make_tls(ingress, err);
    if (rc == KE_OK)
        rc = make_workers(ingress, options, err);
    if (rc != KE_OK) {
        ingress_free(ingress);
        return ke_wrap(err, "ingress");
    }
    *out = ingress;
    return KE_OK;
}

enum ke_code ingress_start(struct ingress *ingress, struct ke_err *err)
{
    enum ke_code rc = ingress_derive_start(ingress->derive, err);
    ingress->is_derive_started = rc == KE_OK;
    for (unsigned i = 0; rc == KE_OK && i < ingress->n_workers; i++) {
        rc = ingress_worker_start(ingress->workers[i], err);
        ingress->n_started += rc == KE_OK ? 1 : 0;
    }
    if (rc != KE_OK)
        ingress_stop(ingress);
    return rc;
}

void ingress_stop(struct ingress *ingress)
{
    for (unsigned i = 0; i < ingress->n_started; i++)
        ingress_worker_stop(ingress->workers[i]);
    ingress->n_started = 0;
    if (ingress->is_derive_started)
        ingress_derive_stop(ingress->derive);
    ingress->is_derive_started = false;
}

void ingress_free(struct ingress *ingress)
{
    if (ingress == NULL)
        return;
    for (unsigned i = 0; i < ingress->n_workers; i++)
        ingress_worker_free(ingress->workers[i]);
    ingress_derive_free(ingress->derive);
    tls_context_unref(ingress->tls);
    tls_cert_unref(ingress->default_cert);
    free(ingress->class_name);
    free(ingress->default_backend);
    free(ingress);
}

bool ingress_is_ready(const struct ingress *ingress)
{
    unsigned all = (1U << ingress->n_workers) - 1;
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        if (ingress->n_listen[is_tls] > 0 && atomic_load(&ingress->tried[is_tls]) != all)
            return false;
    }
    return ingress_derive_is_synced(ingress->derive);
}

enum ke_code ingress_explain_register(struct ingress *ingress, struct explain *explain,
                                      struct ke_err *err)
{
    ingress->explainer = (struct ingress_explainer){ ingress->derive, ingress->table };
    return explain_register(explain, EXPLAIN_ROUTE, ingress_explain_route, &ingress->explainer,
                            err);
}

static void print_counter(struct ke_buf *out, const char *name, uint64_t value)
{
    ke_buf_addf(out, ",\"%s\":", name);
    ke_buf_add_u64(out, value);
}

/* A thread that is no reader of snapshots asks: it becomes one for the moment. */
void ingress_print_status(struct ingress *ingress, struct ke_buf *out)
{
    const struct ingress_counters *counters = &ingress->counters;
    size_t n_routes = 0;
    size_t n_problems = 0;
    uint64_t generation = 0;
    ke_snap_thread_register();
    ke_snap_read_begin();
    const struct ingress_routes *routes = ingress_derive_routes(ingress->derive);
    for (size_t i = 0; routes != NULL && i < routes->n_hosts; i++)
        n_routes += routes->hosts[i].n_paths;
    if (routes != NULL) {
        n_problems = routes->n_problems;
        generation = routes->generation;
    }
    ke_snap_read_end();
    ke_snap_thread_unregister();
    ke_buf_addf(out, "{\"synced\":%s", routes != NULL ? "true" : "false");
    print_counter(out, "generation", generation);
    print_counter(out, "routes", n_routes);
    print_counter(out, "problems", n_problems);
    print_counter(out, "connections", atomic_load(&counters->connections));
    print_counter(out, "requests", atomic_load(&counters->requests));
    print_counter(out, "retries", atomic_load(&counters->retries));
    for (int class_of = 2; class_of < 6; class_of++) {
        ke_buf_addf(out, ",\"%dxx\":", class_of);
        ke_buf_add_u64(out, atomic_load(&counters->statuses[class_of]));
    }
    ke_buf_add_char(out, '}');
}
