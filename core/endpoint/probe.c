/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects side by side: all are begun, then one poll waits for their answers. The thread is taken
 * out of the snapshot readers while it waits. Job threads.
 */
#include "core/endpoint/probe.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/limits.h"
#include "core/base/snap.h"

struct attempt {
    struct pollfd polled; /* fd -1: answered */
    int64_t began_ns;
};

static void finish(struct endpoint_probe *probe, struct attempt *attempt, int sys)
{
    probe->is_connected = sys == 0;
    probe->sys = sys;
    probe->took_ns = ke_now_ns() - attempt->began_ns;
    if (attempt->polled.fd >= 0)
        (void)close(attempt->polled.fd);
    attempt->polled.fd = -1;
}

static void begin(struct endpoint_probe *probe, struct attempt *attempt)
{
    struct sockaddr_storage address;
    socklen_t len = ke_endpoint_to_sockaddr(&probe->to, &address);
    attempt->began_ns = ke_now_ns();
    attempt->polled.events = POLLOUT;
    attempt->polled.fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (attempt->polled.fd < 0) {
        finish(probe, attempt, errno);
        return;
    }
    const void *to = &address;
    if (connect(attempt->polled.fd, to, len) == 0)
        finish(probe, attempt, 0);
    else if (errno != EINPROGRESS)
        finish(probe, attempt, errno);
}

/* An answer has come: a connection, or why there is none. */
static void read_answer(struct endpoint_probe *probe, struct attempt *attempt)
{
    int sys = 0;
    socklen_t len = sizeof(sys);
    if (getsockopt(attempt->polled.fd, SOL_SOCKET, SO_ERROR, &sys, &len) != 0)
        sys = errno;
    finish(probe, attempt, sys);
}

static size_t collect(struct endpoint_probe *probes, struct attempt *attempts, size_t n)
{
    size_t n_open = 0;
    for (size_t i = 0; i < n; i++) {
        if (attempts[i].polled.fd >= 0 && attempts[i].polled.revents != 0)
            read_answer(&probes[i], &attempts[i]);
        n_open += attempts[i].polled.fd >= 0;
    }
    return n_open;
}

static void wait_for_answers(struct endpoint_probe *probes, struct attempt *attempts, size_t n,
                             int64_t deadline_ns)
{
    struct pollfd polled[LIMIT_PROBED_BACKENDS];
    size_t n_open = n;
    while (n_open > 0) {
        int64_t left_ms = (deadline_ns - ke_now_ns() + KE_MS - 1) / KE_MS;
        if (left_ms <= 0)
            break;
        for (size_t i = 0; i < n; i++)
            polled[i] = attempts[i].polled;
        int n_ready = poll(polled, n, left_ms < LIMIT_PROBE_MS ? (int)left_ms : LIMIT_PROBE_MS);
        if (n_ready < 0 && errno != EINTR)
            break;
        for (size_t i = 0; i < n; i++)
            attempts[i].polled.revents = n_ready > 0 ? polled[i].revents : 0;
        n_open = collect(probes, attempts, n);
    }
}

void endpoint_probe_run(struct endpoint_probe *probes, size_t n, int64_t deadline_ns)
{
    struct attempt attempts[LIMIT_PROBED_BACKENDS] = { 0 };
    KE_ASSERT(n <= LIMIT_PROBED_BACKENDS);
    int64_t latest_ns = ke_now_ns() + LIMIT_PROBE_MS * KE_MS;
    bool is_reader = ke_snap_thread_is_registered();
    if (is_reader)
        ke_snap_offline();
    for (size_t i = 0; i < n; i++)
        begin(&probes[i], &attempts[i]);
    wait_for_answers(probes, attempts, n, deadline_ns < latest_ns ? deadline_ns : latest_ns);
    for (size_t i = 0; i < n; i++) {
        if (attempts[i].polled.fd >= 0)
            finish(&probes[i], &attempts[i], ETIMEDOUT);
    }
    if (is_reader)
        ke_snap_online();
}
