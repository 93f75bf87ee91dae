/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_API_METRICS_H
#define CORE_API_METRICS_H
/*
 * What the API server counts, under the names that dashboards of kube-apiserver know: requests by
 * verb, resource and code, their durations, watches, objects, and the process's own use. The number
 * of series is bounded: what comes after API_MAX_SERIES is counted as resource "other".
 * Threads: any. Cost: a look-up in a table for each request.
 * Source: apiserver pkg/endpoints/metrics.
 */
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/metrics.h"
#include "core/base/str.h"
#include "core/model/kind.h"

#define API_MAX_SERIES 2048

struct api_metrics;
struct api_server;

/* What tells the series of requests apart. Pointers are compared as they are. */
struct api_series_key {
    const struct model_kind *kind; /* NULL: no resource */
    const struct model_version *version;
    const struct model_subresource *sub;
    const char *verb;  /* "GET", "LIST", "POST"...: of api_metrics_verb */
    const char *scope; /* "cluster", "namespace", "resource", "" */
    bool is_dry_run;
    unsigned code; /* 0: a watch that goes on */
};

enum ke_code api_metrics_new(struct api_metrics **out, struct ke_err *err) KE_MUST_CHECK;
void api_metrics_free(struct api_metrics *metrics); /* NULL is fine */

/* The verb label of a request: of authorisation, or the method where there is no resource. */
const char *api_metrics_verb(struct ke_str verb, struct ke_str method);
void api_metrics_count(struct api_metrics *metrics, const struct api_series_key *key,
                       int64_t took_ns);
/* A gauge of running watches; NULL when out of memory. */
struct ke_metric *api_metrics_running(struct api_metrics *metrics,
                                      const struct api_series_key *key);

/* The whole text of /metrics. */
void api_metrics_print(struct api_server *server, struct ke_buf *out);

#endif
