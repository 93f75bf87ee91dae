/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_CLOCK_H
#define CORE_BASE_CLOCK_H
/*
 * Time. Monotonic nanoseconds for durations, wall-clock seconds for what users see. Modules that
 * decide by time take a struct ke_clock so that tests can move it.
 */
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

#define KE_MS ((int64_t)1000000)    /* nanoseconds in a millisecond */
#define KE_S  ((int64_t)1000000000) /* nanoseconds in a second */

int64_t ke_now_ns(void);  /* CLOCK_MONOTONIC */
int64_t ke_wall_us(void); /* CLOCK_REALTIME, microseconds since 1970 */
static inline int64_t ke_wall_s(void)
{
    return ke_wall_us() / 1000000;
}

struct ke_clock {
    int64_t (*now_ns)(void *ctx);
    int64_t (*wall_us)(void *ctx);
    void *ctx;
};
extern const struct ke_clock ke_clock_system;

/* RFC 3339 in UTC with Z: whole seconds, or six fraction digits. */
void ke_time_format_s(int64_t unix_s, struct ke_buf *out);
void ke_time_format_us(int64_t unix_us, struct ke_buf *out);
/* RFC 3339 with any offset and fraction. Errors: KE_MALFORMED. */
enum ke_code ke_time_parse_us(struct ke_str text, int64_t *out_us,
                              struct ke_err *err) KE_MUST_CHECK;
/* As kubectl shows an age: "5s", "2m5s", "5m", "3h12m", "2d3h", "400d", "2y". Negative:
 * "<invalid>". */
void ke_time_format_age(int64_t seconds, struct ke_buf *out);

#endif
