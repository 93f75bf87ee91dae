/* SPDX-License-Identifier: Apache-2.0 */
#ifndef INGRESS_INGRESS_H
#define INGRESS_INGRESS_H
/*
 * The ingress router: HTTP/1.1 and TLS in front of the services, by the Ingress objects of its
 * class. start/stop own the threads: one that derives routes from the watch stream, n that serve.
 * Routes are immutable and swapped whole; a request keeps the ones it began with.
 */
#include <stddef.h>

#include "core/base/addr.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/endpoint/table.h"
#include "core/explain/explain.h"
#include "core/report/report.h"
#include "core/watch/hub.h"

struct ingress;

/* What routes depend on besides the objects. */
struct ingress_settings {
    struct ke_str class_name; /* "kedge": IngressClass of that name or of our controller; legacy
                                 annotation too */
    struct ke_str default_backend; /* "NS/NAME[:PORT]" or empty: 404 */
};

/* How long is waited for what. */
struct ingress_timeouts {
    int64_t handshake_ms, head_ms, idle_ms, connect_ms, response_ms, stall_ms, linger_ms, drain_ms;
};

struct ingress_options {
    struct ingress_settings settings; /* copied */
    const struct ke_endpoint
        *http_listen; /* n 0: off; [::] is dual-stack where the kernel has it */
    size_t n_http_listen;
    const struct ke_endpoint *https_listen;
    size_t n_https_listen;
    unsigned n_threads;                      /* 0: one a core, at most 4 */
    const struct ingress_timeouts *timeouts; /* copied; NULL: as core/base/limits.h says */
    struct watch_hub *hub;                   /* borrowed, as are the next two */
    struct endpoint_table *table;
    struct report *report;
    /* Appends who holds a port ("nginx (pid 12)"); may be NULL. Any thread. */
    bool (*find_holder)(void *ctx, enum ke_proto proto, const struct ke_endpoint *at,
                        struct ke_buf *out);
    void *ctx;
};

enum ke_code ingress_new(const struct ingress_options *options, struct ingress **out,
                         struct ke_err *err) KE_MUST_CHECK;
/* A port that cannot be bound is retried with back-off and reported (parts "ingress.http",
 * "ingress.https", with the holder's name when known from hooks); not an error. */
enum ke_code ingress_start(struct ingress *ingress, struct ke_err *err) KE_MUST_CHECK;
void ingress_stop(struct ingress *ingress); /* drains for a short while */
void ingress_free(struct ingress *ingress); /* NULL is fine */
/* Listeners that can serve do, and the first routes are in. */
bool ingress_is_ready(const struct ingress *ingress);

/* Provider of the phase ROUTE. */
enum ke_code ingress_explain_register(struct ingress *ingress, struct explain *explain,
                                      struct ke_err *err) KE_MUST_CHECK;
/* {"listen":[...],"routes":N,"generation":N,"requests":N,...}; any thread. */
void ingress_print_status(struct ingress *ingress, struct ke_buf *out);

/*
 * The routes for a set of objects (Ingress, IngressClass, Secret; others are ignored) in order of
 * precedence, one a line, and what is not served and why. Pure.
 */
enum ke_code ingress_plan_print(const cJSON *const *objects, size_t n_objects,
                                const struct ingress_settings *settings, struct ke_buf *out,
                                struct ke_err *err) KE_MUST_CHECK;

#endif
