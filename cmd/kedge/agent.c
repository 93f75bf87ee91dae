/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kedge agent: options, log, life cycle. The main thread waits for signals: TERM and INT stop, HUP
 * opens the log file again; readiness is told to the service manager.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/kedge/command.h"
#include "cmd/kedge/wire.h"
#include "core/base/clock.h"

#define READY_POLL_MS 2
#define TICK_MS       (60 * 60 * 1000)
#define DESCRIPTORS   65536

/* sd_notify(3) without its library: one datagram to $NOTIFY_SOCKET. */
static void notify_manager(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET"); /* NOLINT(concurrency-mt-unsafe): main thread */
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    size_t len = path != NULL ? strlen(path) : 0;
    if (len < 2 || len >= sizeof(sa.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(sa.sun_path, path, len);
    if (path[0] == '@')
        sa.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    socklen_t sa_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&sa, sa_len) < 0)
        ke_log(KE_LOG_WARN, "agent.notify_failed", KV_I("errno", errno));
    (void)close(fd);
}

static void block_signals(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, set, NULL); /* threads inherit it */
    (void)signal(SIGPIPE, SIG_IGN);
}

/* Says so once, when it has become true. */
static bool announce_ready(struct wire *wire, int64_t started_ns)
{
    char text[512];
    struct ke_buf why = KE_BUF_FIXED(text, sizeof(text));
    if (!wire_is_ready(wire, &why))
        return false;
    ke_log(KE_LOG_INFO, "agent.ready", KV_I("after_ms", (ke_now_ns() - started_ns) / KE_MS));
    notify_manager("READY=1");
    /* A start needs several times the memory that is kept, and the allocator holds on to it. */
    (void)malloc_trim(0);
    return true;
}

static void tick(struct wire *wire)
{
    wire_tick(wire);
    (void)malloc_trim(0); /* what bursts of writes have left behind */
}

/* Runs until a signal says to stop. */
static void wait_for_end(struct wire *wire, const sigset_t *set, int64_t started_ns)
{
    bool is_ready = false;
    for (;;) {
        int wait_ms = is_ready ? TICK_MS : READY_POLL_MS;
        struct timespec timeout = { wait_ms / 1000, (long)(wait_ms % 1000) * 1000000L };
        int signo = sigtimedwait(set, NULL, &timeout);
        if (signo == SIGTERM || signo == SIGINT) {
            ke_log(KE_LOG_INFO, "agent.stopping", KV_I("signal", signo));
            return;
        }
        if (signo == SIGHUP) {
            ke_log_reopen();
            wire_reopen_logs(wire);
        }
        if (!is_ready)
            is_ready = announce_ready(wire, started_ns);
        else if (signo < 0)
            tick(wire);
    }
}

static int run(const struct agent_options *options)
{
    sigset_t set;
    struct wire *wire = NULL;
    struct ke_err err = KE_ERR_INIT;
    int64_t started_ns = ke_now_ns();
    block_signals(&set);
    const char *log_file = options->log_file[0] != '\0' ? options->log_file : NULL;
    enum ke_code rc = ke_log_open((enum ke_log_level)options->log_level,
                                  (enum ke_log_format)options->log_format, log_file, &err);
    if (rc == KE_OK)
        rc = wire_start(options, &wire, &err);
    if (rc != KE_OK) {
        ke_log(KE_LOG_ERROR, "agent.failed", KV_ERR(&err));
        return command_fail("agent", &err) == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
    }
    wait_for_end(wire, &set, started_ns);
    notify_manager("STOPPING=1");
    wire_stop(wire);
    ke_log(KE_LOG_INFO, "agent.stopped", KV_I("pid", getpid()));
    ke_log_close();
    return EXIT_DONE;
}

/* Shells give 1,024 descriptors, of which a TLS client takes three; what the administrator allows
 * is more. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS)
        return;
    limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* what it could not is less, and is logged */
}

int command_agent(int argc, char **argv)
{
    struct agent_options options;
    struct ke_err err = KE_ERR_INIT;
    bool help = false;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): no other thread yet. Two arenas are enough. */
    (void)mallopt(M_ARENA_MAX, 2);
    enum ke_code rc = agent_options_parse(argc, argv, &options, &help, &err);
    if (rc != KE_OK) {
        (void)fprintf(stderr, "kedge agent: %s\n", err.msg);
        return rc == KE_NOMEM ? EXIT_FAILED : EXIT_USAGE;
    }
    if (help) {
        agent_options_help(stdout);
        agent_options_deinit(&options);
        return EXIT_DONE;
    }
    raise_descriptor_limit();
    int status = run(&options);
    agent_options_deinit(&options);
    return status;
}
