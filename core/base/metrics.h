/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_METRICS_H
#define CORE_BASE_METRICS_H
/*
 * Counters, gauges and histograms in the Prometheus text format. A module registers its metrics
 * once and then only touches atomics. Any thread. Names follow the component that users know.
 */
#include <stdint.h>

#include "core/base/buf.h"

struct ke_metric; /* lives until the process ends */

/* labels: "" or "code=\"200\",verb=\"GET\"". The same name and labels give the same metric; NULL
 * when out of memory (all calls take NULL). */
struct ke_metric *ke_metric_counter(const char *name, const char *labels, const char *help);
struct ke_metric *ke_metric_gauge(const char *name, const char *labels, const char *help);
/* Histogram in seconds, buckets 10 us .. 10 s. */
struct ke_metric *ke_metric_histogram(const char *name, const char *labels, const char *help);
void ke_metric_add(struct ke_metric *metric, uint64_t n);
void ke_metric_set(struct ke_metric *metric, int64_t value);
void ke_metric_observe_ns(struct ke_metric *metric, int64_t ns);
uint64_t ke_metric_value(const struct ke_metric *metric);
void ke_metrics_print(struct ke_buf *out);

#endif
