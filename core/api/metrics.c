/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of series, and the text of /metrics. A series is found by the pointers of its kind and
 * verb, so a request never formats labels but the first time. Any thread.
 */
#include "core/api/metrics.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "core/api/server_impl.h"
#include "core/base/file.h"
#include "core/base/limits.h"
#include "core/base/mem.h"

#define LABEL_BYTES 1024
#define SLOTS       4096 /* a power of two, twice API_MAX_SERIES */

struct series {
    struct api_series_key key;
    struct ke_metric *count;    /* of requests; of a watch: those that run */
    struct ke_metric *duration; /* shared by all codes */
};

struct api_metrics {
    pthread_mutex_t lock;        /* guards all below */
    struct series *slots[SLOTS]; /* open addressing */
    size_t n;
};

enum ke_code api_metrics_new(struct api_metrics **out, struct ke_err *err)
{
    struct api_metrics *metrics = ke_alloc(sizeof(*metrics));
    if (metrics == NULL) {
        return ke_fail(err, KE_NOMEM, "metrics");
    }
    (void)pthread_mutex_init(&metrics->lock, NULL);
    *out = metrics;
    return KE_OK;
}

void api_metrics_free(struct api_metrics *metrics)
{
    if (metrics == NULL) {
        return;
    }
    for (size_t i = 0; i < SLOTS; i++) {
        free(metrics->slots[i]);
    }
    (void)pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

const char *api_metrics_verb(struct ke_str verb, struct ke_str method)
{
    static const char *const verbs[][2] = {
        { "get", "GET" },       { "list", "LIST" },
        { "watch", "WATCH" },   { "create", "POST" },
        { "update", "PUT" },    { "patch", "PATCH" },
        { "delete", "DELETE" }, { "deletecollection", "DELETECOLLECTION" },
    };
    static const char *const methods[] = { "GET",   "HEAD",   "POST",   "PUT",
                                           "PATCH", "DELETE", "OPTIONS" };
    for (size_t i = 0; i < KE_ARRAY_LEN(verbs); i++) {
        if (ke_str_eq_c(verb, verbs[i][0])) {
            return verbs[i][1];
        }
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(methods); i++) {
        if (ke_str_eq_c(method, methods[i])) {
            return methods[i];
        }
    }
    return "OTHER";
}

/* ---- the table ---------------------------------------------------------------------------------
 */

static size_t hash_key(const struct api_series_key *key)
{
    const uint64_t parts[] = { (uint64_t)(uintptr_t)key->kind,  (uint64_t)(uintptr_t)key->version,
                               (uint64_t)(uintptr_t)key->sub,   (uint64_t)(uintptr_t)key->verb,
                               (uint64_t)(uintptr_t)key->scope, key->code,
                               (uint64_t)key->is_dry_run };
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < KE_ARRAY_LEN(parts); i++) {
        hash = (hash ^ parts[i]) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 29;
    }
    return (size_t)hash & (SLOTS - 1);
}

static bool is_same(const struct api_series_key *a, const struct api_series_key *b)
{
    return a->kind == b->kind && a->version == b->version && a->sub == b->sub &&
           a->verb == b->verb && a->scope == b->scope && a->code == b->code &&
           a->is_dry_run == b->is_dry_run;
}

/* The labels that all metrics of requests share. */
static void print_labels(const struct api_series_key *key, struct ke_buf *out)
{
    const struct model_version *version = key->version;
    ke_buf_addf(out,
                "component=\"apiserver\",dry_run=\"%s\",group=\"%s\",resource=\"%s\",scope=\"%s\","
                "subresource=\"%s\",verb=\"%s\",version=\"%s\"",
                key->is_dry_run ? "All" : "", version != NULL ? version->group : "",
                key->kind != NULL ? key->kind->plural : "", key->scope,
                key->sub != NULL ? key->sub->name : "", key->verb,
                version != NULL ? version->version : "");
}

static void make_metrics(struct series *series)
{
    char shared[LABEL_BYTES];
    char all[LABEL_BYTES];
    struct ke_buf labels = KE_BUF_FIXED(shared, sizeof(shared) - 1);
    print_labels(&series->key, &labels);
    shared[labels.len] = '\0';
    if (series->key.code == 0) {
        series->count = ke_metric_gauge("apiserver_longrunning_requests", shared,
                                        "Requests that go on, by verb and resource.");
        return;
    }
    struct ke_buf text = KE_BUF_FIXED(all, sizeof(all) - 1);
    ke_buf_addf(&text, "code=\"%u\",%s", series->key.code, shared);
    all[text.len] = '\0';
    series->count = ke_metric_counter("apiserver_request_total", all,
                                      "Requests answered, by verb, resource and code.");
    if (strcmp(series->key.verb, "WATCH") != 0) {
        series->duration =
            ke_metric_histogram("apiserver_request_duration_seconds", shared,
                                "From the first line of a request to the end of its answer.");
    }
}

/* Under the lock. NULL: out of memory. */
static struct series *find(struct api_metrics *metrics, const struct api_series_key *key)
{
    size_t at = hash_key(key);
    while (metrics->slots[at] != NULL) {
        if (is_same(&metrics->slots[at]->key, key)) {
            return metrics->slots[at];
        }
        at = (at + 1) & (SLOTS - 1);
    }
    if (metrics->n >= API_MAX_SERIES && key->kind != NULL) {
        struct api_series_key other = *key;
        other.kind = NULL;
        other.version = NULL;
        other.sub = NULL;
        return find(metrics, &other);
    }
    if (metrics->n >= API_MAX_SERIES + API_MAX_SERIES / 2) {
        return NULL; /* codes and scopes alone do not come to this */
    }
    struct series *series = ke_alloc(sizeof(*series));
    if (series != NULL) {
        series->key = *key;
        make_metrics(series);
        metrics->slots[at] = series;
        metrics->n++;
    }
    return series;
}

void api_metrics_count(struct api_metrics *metrics, const struct api_series_key *key,
                       int64_t took_ns)
{
    (void)pthread_mutex_lock(&metrics->lock);
    struct series *series = find(metrics, key);
    (void)pthread_mutex_unlock(&metrics->lock);
    if (series != NULL) {
        ke_metric_add(series->count, 1);
        ke_metric_observe_ns(series->duration, took_ns);
    }
}

struct ke_metric *api_metrics_running(struct api_metrics *metrics, const struct api_series_key *key)
{
    (void)pthread_mutex_lock(&metrics->lock);
    struct series *series = find(metrics, key);
    (void)pthread_mutex_unlock(&metrics->lock);
    return series != NULL ? series->count : NULL;
}

/* ---- what is looked up when asked --------------------------------------------------------------
 */

static void print_head(const char *name, const char *type, const char *help, struct ke_buf *out)
{
    ke_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_flow(struct api_server *server, struct ke_buf *out)
{
    print_head("apiserver_current_inflight_requests", "gauge",
               "Requests being worked on, watches and streams apart.", out);
    ke_buf_addf(out,
                "apiserver_current_inflight_requests{request_kind=\"mutating\"} %u\n"
                "apiserver_current_inflight_requests{request_kind=\"readOnly\"} %u\n",
                api_flow_count(server->flow, API_FLOW_WRITE),
                api_flow_count(server->flow, API_FLOW_READ));
}

/* Kinds without objects are left out, as are those that are never stored. */
static void print_objects(struct api_server *server, struct ke_buf *out)
{
    struct registry *registry = watch_hub_registry(resource_store_hub(server->options.store));
    struct model_catalog *catalog = resource_store_catalog(server->options.store);
    const struct model_kind *kind;
    size_t pos = 0;
    print_head("apiserver_storage_objects", "gauge", "Stored objects, by kind.", out);
    while ((kind = model_catalog_next(catalog, &pos)) != NULL) {
        struct ke_err err;
        struct registry_list one = { .objects = NULL };
        if (kind->is_computed || registry_list(registry, ke_str_c(kind->prefix), 0, KE_STR(""), 1,
                                               &one, &err) != KE_OK) {
            continue;
        }
        const char *group = kind->versions[0].group;
        if (one.n_objects > 0) {
            ke_buf_addf(out, "apiserver_storage_objects{resource=\"%s%s%s\"} %zu\n", kind->plural,
                        group[0] != '\0' ? "." : "", group,
                        one.n_objects + (size_t)one.n_remaining);
        }
        registry_list_free(&one);
    }
}

static unsigned count_open_fds(void)
{
    unsigned n = 0;
    DIR *dir = opendir("/proc/self/fd");
    if (dir == NULL) {
        return 0;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): a DIR of our own */
    while (readdir(dir) != NULL) {
        n++;
    }
    (void)closedir(dir);
    return n > 3 ? n - 3 : 0; /* ".", ".." and its own */
}

static void print_memory(struct ke_buf *out)
{
    unsigned long long pages = 0;
    unsigned long long resident = 0;
    struct ke_err err;
    ke_auto_buf text = KE_BUF_INIT(4096);
    if (ke_file_read("/proc/self/statm", &text, &err) != KE_OK) {
        return;
    }
    struct ke_str rest = ke_buf_str(&text);
    struct ke_str word;
    uint64_t number = 0;
    if (ke_str_split(&rest, ' ', &word) && ke_str_to_u64(word, UINT64_MAX, &number)) {
        pages = number;
    }
    if (ke_str_split(&rest, ' ', &word) && ke_str_to_u64(word, UINT64_MAX, &number)) {
        resident = number;
    }
    unsigned long long page = (unsigned long long)sysconf(_SC_PAGESIZE);
    print_head("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", out);
    ke_buf_addf(out, "process_resident_memory_bytes %llu\n", resident * page);
    print_head("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.", out);
    ke_buf_addf(out, "process_virtual_memory_bytes %llu\n", pages * page);
}

static void print_process(const struct api_server *server, struct ke_buf *out)
{
    struct rusage use;
    struct rlimit files;
    if (getrusage(RUSAGE_SELF, &use) == 0) {
        long long us = (long long)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000 +
                       use.ru_utime.tv_usec + use.ru_stime.tv_usec;
        print_head("process_cpu_seconds_total", "counter", "User and system CPU time spent.", out);
        ke_buf_addf(out, "process_cpu_seconds_total %lld.%02lld\n", us / 1000000,
                    us % 1000000 / 10000);
    }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        print_head("process_max_fds", "gauge", "Most open file descriptors.", out);
        ke_buf_addf(out, "process_max_fds %llu\n", (unsigned long long)files.rlim_cur);
    }
    print_head("process_open_fds", "gauge", "Open file descriptors.", out);
    ke_buf_addf(out, "process_open_fds %u\n", count_open_fds());
    print_head("process_start_time_seconds", "gauge", "Unix time when the server was made.", out);
    ke_buf_addf(out, "process_start_time_seconds %lld\n", (long long)server->started_s);
    print_memory(out);
}

static void print_build(const struct api_server *server, struct ke_buf *out)
{
    const struct api_docs_options *build = &server->docs_options;
    print_head("kubernetes_build_info", "gauge", "1, with the version as labels.", out);
    ke_buf_addf(
        out,
        "kubernetes_build_info{build_date=\"%.*s\",git_commit=\"%.*s\",git_version=\"%.*s\"} "
        "1\n",
        KE_STR_ARG(build->build_date), KE_STR_ARG(build->git_commit),
        KE_STR_ARG(build->git_version));
}

void api_metrics_print(struct api_server *server, struct ke_buf *out)
{
    ke_metrics_print(out);
    print_flow(server, out);
    print_objects(server, out);
    print_process(server, out);
    print_build(server, out);
}
