/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_ENDPOINT_PROBE_H
#define CORE_ENDPOINT_PROBE_H
/*
 * TCP connects to several addresses side by side: does anything listen there, and how soon does it
 * answer? Nothing is sent; the connection is closed at once. Blocks: job threads only.
 */
#include <stdint.h>

#include "core/base/addr.h"

struct endpoint_probe {
    struct ke_endpoint to;
    bool is_connected;
    int sys;         /* why not: an errno; ETIMEDOUT: no answer until the deadline */
    int64_t took_ns; /* to the answer */
};

/* Fills in the results of n probes, at most LIMIT_PROBED_BACKENDS, by the deadline (monotonic). */
void endpoint_probe_run(struct endpoint_probe *probes, size_t n, int64_t deadline_ns);

#endif
