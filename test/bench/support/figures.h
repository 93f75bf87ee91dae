/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_BENCH_SUPPORT_FIGURES_H
#define TEST_BENCH_SUPPORT_FIGURES_H
/* How the benches end, and how they print: one line a figure, "name value unit". One thread. */
#include <stdint.h>

#include "core/base/err.h"

/* Ends the program: a bench that cannot measure says why and prints no figure. */
_Noreturn void bench_die(const char *what, const struct ke_err *err);
_Noreturn void bench_fail(const char *fmt, ...) KE_PRINTF(1, 2);

void bench_print(const char *name, double value, const char *unit);

/* Times of one thing measured again and again. Zeroed to start with. */
struct bench_times {
    int64_t *items_ns; /* owned */
    size_t n, cap;
};
void bench_times_add(struct bench_times *times, int64_t ns);
/* Sorts them. percent: 0..100. */
int64_t bench_times_at(struct bench_times *times, unsigned percent);
/* NAME_p50, NAME_p99 and NAME_max in milliseconds. */
void bench_times_print(struct bench_times *times, const char *name);
void bench_times_free(struct bench_times *times);

/* A decimal argument of the command line, 0..max. */
uint64_t bench_number(const char *text, uint64_t max);

#endif
