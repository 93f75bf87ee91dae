/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics: a list that only grows, sorted by name when printed. Values are relaxed atomics. The
 * lock guards the list; a metric found once is used without it. Any thread.
 */
#include "core/base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/mem.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_bucket {
    int64_t upper_ns;
    const char *text; /* seconds */
};

static const struct metric_bucket BUCKETS[] = {
    { 10000, "1e-05" },      { 25000, "2.5e-05" },  { 50000, "5e-05" },      { 100000, "0.0001" },
    { 250000, "0.00025" },   { 500000, "0.0005" },  { 1000000, "0.001" },    { 2500000, "0.0025" },
    { 5000000, "0.005" },    { 10000000, "0.01" },  { 25000000, "0.025" },   { 50000000, "0.05" },
    { 100000000, "0.1" },    { 250000000, "0.25" }, { 500000000, "0.5" },    { 1000000000, "1" },
    { 2500000000LL, "2.5" }, { 5000000000LL, "5" }, { 10000000000LL, "10" },
};

struct metric_histogram {
    _Atomic uint64_t buckets[KE_ARRAY_LEN(BUCKETS)]; /* not cumulative */
    _Atomic uint64_t sum_ns;
};

struct ke_metric {
    struct ke_metric *next; /* sorted by name; of one name, in the order of registration */
    enum metric_type type;
    char *name;
    char *labels;
    char *help;
    _Atomic uint64_t value; /* a histogram's count */
    struct metric_histogram *histogram;
};

/* What a process counts is the process's: a global by nature. */
static pthread_mutex_t metrics_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ke_metric *metrics_first;

static struct ke_metric *metric_new(enum metric_type type, const char *name, const char *labels,
                                    const char *help)
{
    struct ke_metric *metric = ke_alloc(sizeof(*metric));
    if (metric == NULL)
        return NULL;
    metric->type = type;
    metric->name = ke_str_dup(ke_str_c(name));
    metric->labels = ke_str_dup(ke_str_c(labels));
    metric->help = ke_str_dup(ke_str_c(help));
    if (type == METRIC_HISTOGRAM)
        metric->histogram = ke_alloc(sizeof(*metric->histogram));
    if (metric->name != NULL && metric->labels != NULL && metric->help != NULL &&
        (type != METRIC_HISTOGRAM || metric->histogram != NULL))
        return metric;
    free(metric->name);
    free(metric->labels);
    free(metric->help);
    free(metric->histogram);
    free(metric);
    return NULL;
}

static struct ke_metric *metric_get(enum metric_type type, const char *name, const char *labels,
                                    const char *help)
{
    struct ke_str label_text = ke_str_c(labels);
    (void)pthread_mutex_lock(&metrics_lock);
    struct ke_metric **at = &metrics_first;
    struct ke_metric *found = NULL;
    for (; *at != NULL; at = &(*at)->next) {
        int order = strcmp((*at)->name, name);
        if (order > 0)
            break;
        if (order == 0 && ke_str_eq_c(label_text, (*at)->labels)) {
            found = *at;
            break;
        }
    }
    if (found == NULL) {
        found = metric_new(type, name, labels, help);
        if (found != NULL) {
            found->next = *at;
            *at = found;
        }
    }
    (void)pthread_mutex_unlock(&metrics_lock);
    KE_ASSERT(found == NULL || found->type == type);
    return found;
}

struct ke_metric *ke_metric_counter(const char *name, const char *labels, const char *help)
{
    return metric_get(METRIC_COUNTER, name, labels, help);
}

struct ke_metric *ke_metric_gauge(const char *name, const char *labels, const char *help)
{
    return metric_get(METRIC_GAUGE, name, labels, help);
}

struct ke_metric *ke_metric_histogram(const char *name, const char *labels, const char *help)
{
    return metric_get(METRIC_HISTOGRAM, name, labels, help);
}

void ke_metric_add(struct ke_metric *metric, uint64_t n)
{
    if (metric != NULL)
        atomic_fetch_add_explicit(&metric->value, n, memory_order_relaxed);
}

void ke_metric_set(struct ke_metric *metric, int64_t value)
{
    if (metric != NULL)
        atomic_store_explicit(&metric->value, (uint64_t)value, memory_order_relaxed);
}

void ke_metric_observe_ns(struct ke_metric *metric, int64_t ns)
{
    if (metric == NULL || metric->histogram == NULL)
        return;
    struct metric_histogram *h = metric->histogram;
    if (ns < 0)
        ns = 0;
    for (size_t i = 0; i < KE_ARRAY_LEN(BUCKETS); i++) {
        if (ns <= BUCKETS[i].upper_ns) {
            atomic_fetch_add_explicit(&h->buckets[i], 1, memory_order_relaxed);
            break;
        }
    }
    atomic_fetch_add_explicit(&h->sum_ns, (uint64_t)ns, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->value, 1, memory_order_relaxed);
}

uint64_t ke_metric_value(const struct ke_metric *metric)
{
    return metric == NULL ? 0 : atomic_load_explicit(&metric->value, memory_order_relaxed);
}

/* "name_suffix{labels,le="0.1"} " */
static void print_series(const struct ke_metric *metric, const char *suffix, const char *le,
                         struct ke_buf *out)
{
    ke_buf_add_c(out, metric->name);
    ke_buf_add_c(out, suffix);
    bool has_labels = metric->labels[0] != '\0';
    if (has_labels || le != NULL) {
        ke_buf_add_char(out, '{');
        ke_buf_add_c(out, metric->labels);
        if (le != NULL)
            ke_buf_addf(out, "%sle=\"%s\"", has_labels ? "," : "", le);
        ke_buf_add_char(out, '}');
    }
    ke_buf_add_char(out, ' ');
}

static void print_count(uint64_t n, struct ke_buf *out)
{
    ke_buf_add_u64(out, n);
    ke_buf_add_char(out, '\n');
}

static void print_histogram(const struct ke_metric *metric, struct ke_buf *out)
{
    const struct metric_histogram *h = metric->histogram;
    uint64_t total = 0;
    for (size_t i = 0; i < KE_ARRAY_LEN(BUCKETS); i++) {
        total += atomic_load_explicit(&h->buckets[i], memory_order_relaxed);
        print_series(metric, "_bucket", BUCKETS[i].text, out);
        print_count(total, out);
    }
    uint64_t count = ke_metric_value(metric);
    if (count < total)
        count = total;
    print_series(metric, "_bucket", "+Inf", out);
    print_count(count, out);
    uint64_t sum_ns = atomic_load_explicit(&h->sum_ns, memory_order_relaxed);
    print_series(metric, "_sum", NULL, out);
    ke_buf_addf(out, "%llu.%09llu\n", (unsigned long long)(sum_ns / (uint64_t)KE_S),
                (unsigned long long)(sum_ns % (uint64_t)KE_S));
    print_series(metric, "_count", NULL, out);
    print_count(count, out);
}

static void print_metric(const struct ke_metric *metric, struct ke_buf *out)
{
    if (metric->type == METRIC_HISTOGRAM) {
        print_histogram(metric, out);
        return;
    }
    print_series(metric, "", NULL, out);
    if (metric->type == METRIC_GAUGE)
        ke_buf_add_i64(out, (int64_t)ke_metric_value(metric));
    else
        ke_buf_add_u64(out, ke_metric_value(metric));
    ke_buf_add_char(out, '\n');
}

void ke_metrics_print(struct ke_buf *out)
{
    static const char *const TYPES[] = { "counter", "gauge", "histogram" };
    (void)pthread_mutex_lock(&metrics_lock);
    const char *last = "";
    for (const struct ke_metric *it = metrics_first; it != NULL; it = it->next) {
        if (strcmp(last, it->name) != 0) {
            ke_buf_addf(out, "# HELP %s %s\n", it->name, it->help);
            ke_buf_addf(out, "# TYPE %s %s\n", it->name, TYPES[it->type]);
            last = it->name;
        }
        print_metric(it, out);
    }
    (void)pthread_mutex_unlock(&metrics_lock);
}
