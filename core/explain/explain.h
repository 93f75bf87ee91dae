/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_EXPLAIN_EXPLAIN_H
#define CORE_EXPLAIN_EXPLAIN_H
/*
 * The X-ray of one request: ordered phases, one provider interface a phase, and the rules that turn
 * their answers into a verdict. Providers live in dns, ingress, proxy, core/endpoint and
 * core/controller and are registered by cmd. They read snapshots only; a walk runs on a job thread.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/base/err.h"
#include "core/base/mem.h"
#include "core/base/str.h"

enum explain_phase {
    EXPLAIN_NAME,    /* DNS: name to address */
    EXPLAIN_ROUTE,   /* ingress: host and path to service */
    EXPLAIN_SERVICE, /* service port and its address */
    EXPLAIN_POLICY,  /* traffic policies, affinity, source ranges, readiness */
    EXPLAIN_KERNEL,  /* what the kernel has, foreign firewalls */
    EXPLAIN_BACKEND, /* each backend, connected to */
    EXPLAIN_PHASE_COUNT
};

enum explain_outcome {
    EXPLAIN_PASS, /* the request goes on */
    EXPLAIN_STOP, /* this is where it ends */
    EXPLAIN_NOTE, /* worth knowing, stops nothing */
    EXPLAIN_SKIP  /* does not apply */
};

/* What is known of the request so far; providers read it and fill in what they decide. */
struct explain_request {
    bool is_http, is_https;
    struct ke_str host; /* of the URL, lower case; or the name asked for; empty for IP:PORT */
    struct ke_str path; /* of the URL */
    struct ke_str from_ns, from_pod; /* --from; empty: this node */
    struct ke_ip from_ip;            /* family NONE: this node */
    /* decided on the way */
    bool has_address;
    struct ke_ip address;
    uint16_t port; /* 0: the only or first one */
    enum ke_proto proto;
    struct ke_str service_ns, service_name, service_port; /* port name or number as text */
    bool is_node_port;
};

/* One hop: decision and evidence. Texts live in the walk's arena. */
struct explain_hop {
    enum explain_phase phase;
    enum explain_outcome outcome;
    struct ke_str decision;  /* one line: `foobar.com/ -> default/nginx-svc:8080` */
    struct ke_str *evidence; /* lines */
    size_t n_evidence, cap_evidence;
    struct ke_str cause; /* STOP: one sentence */
    struct ke_str mend;  /* STOP: the command that mends it, may be empty */
};

struct explain_walk; /* one run */

/*
 * Called on the walk's thread, which is registered with snap and online; a provider that blocks
 * goes offline meanwhile. It adds no hop when it has nothing to say.
 */
typedef void explain_provider_fn(void *ctx, struct explain_walk *walk,
                                 struct explain_request *request);

struct explain; /* the registered providers */
struct explain *explain_new(void);
void explain_free(struct explain *explain); /* no walk runs any more */
KE_AUTO_DEFINE(explain)
/* At set-up only: another clock than ke_clock_system (tests move it); borrowed. */
void explain_set_clock(struct explain *explain, const struct ke_clock *clock);
/* At set-up only. Several per phase run in the order of registration; until one stops the walk. */
enum ke_code explain_register(struct explain *explain, enum explain_phase phase,
                              explain_provider_fn *fn, void *ctx, struct ke_err *err) KE_MUST_CHECK;

/* For providers. Memory failure is remembered by the walk: a hop is never NULL. */
struct ke_arena *explain_walk_arena(struct explain_walk *walk);
struct explain_hop *explain_hop_add(struct explain_walk *walk, enum explain_phase phase,
                                    enum explain_outcome outcome, const char *fmt, ...)
    KE_PRINTF(4, 5);
void explain_hop_evidence(struct explain_walk *walk, struct explain_hop *hop, const char *fmt, ...)
    KE_PRINTF(3, 4);
void explain_hop_stop(struct explain_walk *walk, struct explain_hop *hop, struct ke_str cause,
                      struct ke_str mend);
int64_t explain_walk_deadline_ns(const struct explain_walk *walk);

/*
 * Reads TARGET into *out, whose texts live in arena: http[s]://HOST[:PORT][/PATH],
 * NAME[.NS][:PORT], IP:PORT or IP alone; PORT of a NAME may be a port's name. Pure. Errors:
 * KE_MALFORMED, KE_NOMEM.
 */
enum ke_code explain_target_parse(struct ke_str target, struct ke_arena *arena,
                                  struct explain_request *out, struct ke_err *err) KE_MUST_CHECK;

/*
 * Parses TARGET, runs the phases and prints the answer as JSON:
 * {"target":...,"hops":[{"phase","outcome","decision","evidence":[...],"cause","mend"}],"verdict":{"reachable":bool,"cause":...,"mend":...}}.
 * cause and mend are left out where there is none. The first STOP ends the walk and is the verdict;
 * a walk that no provider passed is not reachable either. Blocks up to LIMIT_TRACE_MS and what a
 * provider still takes: job threads only. Errors: KE_MALFORMED (target), KE_LIMIT (LIMIT_TRACES
 * run), KE_NOMEM.
 */
enum ke_code explain_run(struct explain *explain, struct ke_str target, struct ke_str from_ns,
                         struct ke_str from_pod, struct ke_buf *out_json,
                         struct ke_err *err) KE_MUST_CHECK;

#endif
