/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_BENCH_SUPPORT_LOAD_H
#define TEST_BENCH_SUPPORT_LOAD_H
/*
 * Load of N connections, each with one request under way: the next is sent when the answer has
 * come. The protocol is the caller's. One thread for all.
 */
#include "test/bench/support/client.h"
#include "test/bench/support/figures.h"

struct load_protocol {
    /* Appends what opens a connection to out; may be NULL. */
    void (*open)(void *ctx, struct bench_conn *conn);
    /* Appends request number i (0, 1, 2, ... over all connections). */
    void (*ask)(void *ctx, struct bench_conn *conn, size_t i);
    /* Takes one answer out of in; false: not whole yet. Ends the program when it is a refusal. */
    bool (*take)(void *ctx, struct bench_conn *conn);
    void *ctx;
};

struct load_plan {
    const struct bench_target *target;
    size_t n_conns;
    size_t n_requests; /* 0: as many as there are in duration_ms */
    int64_t duration_ms;
};

struct load_result {
    size_t n_answers;
    double seconds;
    struct bench_times times; /* of each request; the caller frees */
};

void load_run(const struct load_plan *plan, const struct load_protocol *protocol,
              struct load_result *out);
/* NAME (requests a second) and NAME_p50, NAME_p99 in ms; frees the times. */
void load_print(struct load_result *result, const char *name);

#endif
