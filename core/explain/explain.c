/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk: phases in order, providers of a phase in the order of registration, until a hop stops
 * it or the time is up; then the verdict. The providers are fixed before the first walk. A walk
 * belongs to the thread that runs it; the count of walks is the one thing shared.
 */
#include "core/explain/explain.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/limits.h"
#include "core/base/snap.h"

struct explain_provider {
    enum explain_phase phase;
    explain_provider_fn *fn;
    void *ctx;
};

struct explain {
    const struct ke_clock *clock;
    struct explain_provider *providers;
    size_t n_providers;
    size_t cap_providers;
    _Atomic unsigned n_walks;
};

struct walk_hop {
    struct walk_hop *next;
    struct explain_hop hop;
};

struct explain_walk {
    struct ke_arena *arena;
    int64_t deadline_ns;
    struct walk_hop *first;
    struct walk_hop **end;
    bool has_no_memory;
    struct explain_hop spare; /* given to providers when there is no memory for a hop */
};

static const char *const PHASE_NAMES[EXPLAIN_PHASE_COUNT] = {
    [EXPLAIN_NAME] = "name",     [EXPLAIN_ROUTE] = "route",   [EXPLAIN_SERVICE] = "service",
    [EXPLAIN_POLICY] = "policy", [EXPLAIN_KERNEL] = "kernel", [EXPLAIN_BACKEND] = "backend",
};
static const char *const OUTCOME_NAMES[] = {
    [EXPLAIN_PASS] = "pass",
    [EXPLAIN_STOP] = "stop",
    [EXPLAIN_NOTE] = "note",
    [EXPLAIN_SKIP] = "skip",
};

/* ---- providers ---- */

struct explain *explain_new(void)
{
    struct explain *explain = ke_alloc(sizeof(*explain));
    if (explain != NULL)
        explain->clock = &ke_clock_system;
    return explain;
}

void explain_set_clock(struct explain *explain, const struct ke_clock *clock)
{
    explain->clock = clock;
}

static int64_t now_ns(const struct explain *explain)
{
    return explain->clock->now_ns(explain->clock->ctx);
}

void explain_free(struct explain *explain)
{
    if (explain == NULL)
        return;
    free(explain->providers);
    free(explain);
}

enum ke_code explain_register(struct explain *explain, enum explain_phase phase,
                              explain_provider_fn *fn, void *ctx, struct ke_err *err)
{
    void *providers = explain->providers;
    if (!ke_grow(&providers, &explain->cap_providers, explain->n_providers + 1,
                 sizeof(struct explain_provider)))
        return ke_fail(err, KE_NOMEM, "register a provider of traces");
    explain->providers = providers;
    explain->providers[explain->n_providers++] =
        (struct explain_provider){ .phase = phase, .fn = fn, .ctx = ctx };
    return KE_OK;
}

/* ---- what providers call ---- */

struct ke_arena *explain_walk_arena(struct explain_walk *walk)
{
    return walk->arena;
}

int64_t explain_walk_deadline_ns(const struct explain_walk *walk)
{
    return walk->deadline_ns;
}

KE_PRINTF(2, 0)
static struct ke_str walk_vfmt(struct explain_walk *walk, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    char *text = len < 0 ? NULL : ke_arena_alloc(walk->arena, (size_t)len + 1);
    if (text == NULL) {
        walk->has_no_memory = true;
        return (struct ke_str){ NULL, 0 };
    }
    (void)vsnprintf(text, (size_t)len + 1, fmt, ap);
    return ke_str_of(text, (size_t)len);
}

static struct ke_str walk_copy(struct explain_walk *walk, struct ke_str s)
{
    if (s.len == 0)
        return (struct ke_str){ NULL, 0 };
    struct ke_str copy = ke_arena_str(walk->arena, s);
    walk->has_no_memory = walk->has_no_memory || copy.ptr == NULL;
    return copy;
}

struct explain_hop *explain_hop_add(struct explain_walk *walk, enum explain_phase phase,
                                    enum explain_outcome outcome, const char *fmt, ...)
{
    struct walk_hop *item = ke_arena_alloc(walk->arena, sizeof(*item));
    struct explain_hop *hop = &walk->spare;
    if (item != NULL) {
        *walk->end = item;
        walk->end = &item->next;
        hop = &item->hop;
    } else {
        walk->has_no_memory = true;
        *hop = (struct explain_hop){ 0 };
    }
    hop->phase = phase;
    hop->outcome = outcome;
    va_list ap;
    va_start(ap, fmt);
    hop->decision = walk_vfmt(walk, fmt, ap);
    va_end(ap);
    return hop;
}

void explain_hop_evidence(struct explain_walk *walk, struct explain_hop *hop, const char *fmt, ...)
{
    if (hop->n_evidence == hop->cap_evidence) {
        size_t cap = hop->cap_evidence == 0 ? 8 : hop->cap_evidence * 2;
        struct ke_str *lines = ke_arena_alloc_n(walk->arena, cap, sizeof(*lines));
        if (lines == NULL) {
            walk->has_no_memory = true;
            return;
        }
        if (hop->n_evidence > 0)
            memcpy(lines, hop->evidence, hop->n_evidence * sizeof(*lines));
        hop->evidence = lines;
        hop->cap_evidence = cap;
    }
    va_list ap;
    va_start(ap, fmt);
    hop->evidence[hop->n_evidence++] = walk_vfmt(walk, fmt, ap);
    va_end(ap);
}

void explain_hop_stop(struct explain_walk *walk, struct explain_hop *hop, struct ke_str cause,
                      struct ke_str mend)
{
    hop->outcome = EXPLAIN_STOP;
    hop->cause = walk_copy(walk, cause);
    hop->mend = walk_copy(walk, mend);
}

/* ---- the walk ---- */

static const struct explain_hop *first_stop(const struct explain_walk *walk)
{
    for (const struct walk_hop *it = walk->first; it != NULL; it = it->next) {
        if (it->hop.outcome == EXPLAIN_STOP)
            return &it->hop;
    }
    return NULL;
}

static bool has_passed(const struct explain_walk *walk)
{
    for (const struct walk_hop *it = walk->first; it != NULL; it = it->next) {
        if (it->hop.outcome == EXPLAIN_PASS)
            return true;
    }
    return false;
}

static void stop_for_time(struct explain_walk *walk, enum explain_phase phase)
{
    struct explain_hop *hop = explain_hop_add(
        walk, phase, EXPLAIN_STOP, "not looked at: the trace took over %d ms", LIMIT_TRACE_MS);
    explain_hop_stop(walk, hop, KE_STR("the trace took too long to come to an end"),
                     KE_STR("try again"));
}

static void run_phase(struct explain *explain, struct explain_walk *walk,
                      struct explain_request *request, enum explain_phase phase)
{
    for (size_t i = 0; i < explain->n_providers; i++) {
        const struct explain_provider *provider = &explain->providers[i];
        if (provider->phase != phase || first_stop(walk) != NULL || walk->has_no_memory)
            continue;
        if (now_ns(explain) >= walk->deadline_ns) {
            stop_for_time(walk, phase);
            return;
        }
        provider->fn(provider->ctx, walk, request);
        ke_snap_quiescent();
    }
}

/* ---- the answer ---- */

static void print_member(struct ke_buf *out, const char *name, struct ke_str value)
{
    ke_buf_add_char(out, ',');
    ke_buf_add_json_str(out, ke_str_c(name));
    ke_buf_add_char(out, ':');
    ke_buf_add_json_str(out, value);
}

static void print_reason(struct ke_buf *out, struct ke_str cause, struct ke_str mend)
{
    if (cause.len > 0)
        print_member(out, "cause", cause);
    if (mend.len > 0)
        print_member(out, "mend", mend);
}

static void print_hop(struct ke_buf *out, const struct explain_hop *hop)
{
    ke_buf_addf(out, "{\"phase\":\"%s\",\"outcome\":\"%s\"", PHASE_NAMES[hop->phase],
                OUTCOME_NAMES[hop->outcome]);
    print_member(out, "decision", hop->decision);
    ke_buf_add_c(out, ",\"evidence\":[");
    for (size_t i = 0; i < hop->n_evidence; i++) {
        if (i > 0)
            ke_buf_add_char(out, ',');
        ke_buf_add_json_str(out, hop->evidence[i]);
    }
    ke_buf_add_char(out, ']');
    print_reason(out, hop->cause, hop->mend);
    ke_buf_add_char(out, '}');
}

static void print_verdict(struct ke_buf *out, const struct explain_walk *walk)
{
    const struct explain_hop *stop = first_stop(walk);
    bool is_reachable = stop == NULL && has_passed(walk);
    ke_buf_addf(out, "{\"reachable\":%s", is_reachable ? "true" : "false");
    if (stop != NULL)
        print_reason(out, stop->cause.len > 0 ? stop->cause : stop->decision, stop->mend);
    else if (!is_reachable)
        print_reason(out, KE_STR("nothing on this node knows this target"),
                     (struct ke_str){ NULL, 0 });
    ke_buf_add_char(out, '}');
}

static void print_answer(struct ke_buf *out, const struct explain_walk *walk, struct ke_str target)
{
    ke_buf_add_c(out, "{\"target\":");
    ke_buf_add_json_str(out, target);
    ke_buf_add_c(out, ",\"hops\":[");
    for (const struct walk_hop *it = walk->first; it != NULL; it = it->next) {
        if (it != walk->first)
            ke_buf_add_char(out, ',');
        print_hop(out, &it->hop);
    }
    ke_buf_add_c(out, "],\"verdict\":");
    print_verdict(out, walk);
    ke_buf_add_char(out, '}');
}

static enum ke_code run_walk(struct explain *explain, struct ke_str target,
                             struct explain_request *request, struct ke_arena *arena,
                             struct ke_buf *out_json, struct ke_err *err)
{
    struct explain_walk walk = { .arena = arena,
                                 .deadline_ns = now_ns(explain) + LIMIT_TRACE_MS * KE_MS };
    walk.end = &walk.first;
    ke_snap_thread_register();
    ke_snap_online();
    for (int phase = 0; phase < EXPLAIN_PHASE_COUNT; phase++)
        run_phase(explain, &walk, request, (enum explain_phase)phase);
    ke_snap_thread_unregister();
    if (walk.has_no_memory)
        return ke_fail(err, KE_NOMEM, "out of memory for the trace");
    print_answer(out_json, &walk, target);
    return ke_buf_check(out_json, "the trace", err);
}

enum ke_code explain_run(struct explain *explain, struct ke_str target, struct ke_str from_ns,
                         struct ke_str from_pod, struct ke_buf *out_json, struct ke_err *err)
{
    KE_AUTO(ke_arena) *arena = ke_arena_new(LIMIT_TRACE_BYTES);
    if (arena == NULL)
        return ke_fail(err, KE_NOMEM, "out of memory for the trace");
    struct explain_request request;
    enum ke_code rc = explain_target_parse(target, arena, &request, err);
    if (rc != KE_OK)
        return rc;
    request.from_ns = from_ns;
    request.from_pod = from_pod;
    if (atomic_fetch_add(&explain->n_walks, 1) >= LIMIT_TRACES)
        rc = ke_fail(err, KE_LIMIT, "%d traces are running: try again", LIMIT_TRACES);
    else
        rc = run_walk(explain, target, &request, arena, out_json, err);
    atomic_fetch_sub(&explain->n_walks, 1);
    return rc;
}
