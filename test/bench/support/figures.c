/* SPDX-License-Identifier: Apache-2.0 */
/* Figures and failures of the benches. One thread. */
#include "test/bench/support/figures.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/mem.h"

#define P50     50
#define P99     99
#define PERCENT 100

void bench_die(const char *what, const struct ke_err *err)
{
    bench_fail("%s: %s", what, err->msg);
}

void bench_fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)fputs("bench: ", stderr);
    (void)vfprintf(stderr, fmt, ap);
    (void)fputc('\n', stderr);
    va_end(ap);
    exit(1); /* NOLINT(concurrency-mt-unsafe): nothing is registered to run at exit */
}

void bench_print(const char *name, double value, const char *unit)
{
    (void)printf("%s %.*f %s\n", name, value < PERCENT ? 3 : 0, value, unit);
    (void)fflush(stdout);
}

void bench_times_add(struct bench_times *times, int64_t ns)
{
    void *array = times->items_ns;
    if (!ke_grow(&array, &times->cap, times->n + 1, sizeof(*times->items_ns)))
        bench_fail("out of memory");
    times->items_ns = array;
    times->items_ns[times->n++] = ns;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int64_t bench_times_at(struct bench_times *times, unsigned percent)
{
    if (times->n == 0)
        bench_fail("nothing was measured");
    qsort(times->items_ns, times->n, sizeof(*times->items_ns), compare);
    size_t at = times->n * percent / PERCENT;
    return times->items_ns[at < times->n ? at : times->n - 1];
}

void bench_times_print(struct bench_times *times, const char *name)
{
    static const struct {
        const char *suffix;
        unsigned percent;
    } marks[] = { { "p50", P50 }, { "p99", P99 }, { "max", PERCENT } };
    char text[128];
    for (size_t i = 0; i < KE_ARRAY_LEN(marks); i++) {
        (void)snprintf(text, sizeof(text), "%s_%s", name, marks[i].suffix);
        bench_print(text, (double)bench_times_at(times, marks[i].percent) / (double)KE_MS, "ms");
    }
}

void bench_times_free(struct bench_times *times)
{
    free(times->items_ns);
    *times = (struct bench_times){ 0 };
}

uint64_t bench_number(const char *text, uint64_t max)
{
    uint64_t value = 0;
    if (!ke_str_to_u64(ke_str_c(text), max, &value))
        bench_fail("not a number from 0 to %llu: %s", (unsigned long long)max, text);
    return value;
}
