/* SPDX-License-Identifier: Apache-2.0 */
/* The agent as a service: systemd's unit, or a detached process and its pid file. Main thread. */
#include "cmd/kedge/service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/kedge/command.h"
#include "core/base/clock.h"
#include "core/base/file.h"

#define STOP_NS (15 * KE_S)
#define POLL_NS (20 * KE_MS)

bool service_has_systemd(void)
{
    return ke_file_exists("/run/systemd/system");
}

static enum ke_code spawn(const char *const *argv, const posix_spawn_file_actions_t *actions,
                          const posix_spawnattr_t *attributes, pid_t *out, struct ke_err *err)
{
    char *args[24] = { 0 };
    for (size_t i = 0; argv[i] != NULL && i + 1 < KE_ARRAY_LEN(args); i++) {
        args[i] = ke_str_dup(ke_str_c(argv[i]));
    }
    int rc =
        args[0] != NULL ? posix_spawnp(out, args[0], actions, attributes, args, environ) : ENOMEM;
    for (size_t i = 0; i < KE_ARRAY_LEN(args); i++)
        free(args[i]);
    return rc == 0 ? KE_OK : ke_fail_errno(err, rc, "%s", argv[0]);
}

static enum ke_code wait_exit(pid_t pid, const char *what, struct ke_err *err)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return ke_fail_errno(err, errno, "wait for %s", what);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return KE_OK;
    return ke_fail(err, KE_IO, "%s: exit status %d", what,
                   WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

enum ke_code service_run(const char *const *argv, bool is_quiet, struct ke_err *err)
{
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    if (posix_spawn_file_actions_init(&actions) != 0)
        return ke_fail(err, KE_NOMEM, "out of memory");
    if (is_quiet) {
        (void)posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        (void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    }
    enum ke_code rc = spawn(argv, &actions, NULL, &pid, err);
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc == KE_OK ? wait_exit(pid, argv[0], err) : rc;
}

enum ke_code service_write_unit(struct host_ledger *ledger, struct ke_err *err)
{
    static const char *const disable[] = { "systemctl", "disable", "kedge.service", NULL };
    static const char *const reload[] = { "systemctl", "daemon-reload", NULL };
    static const char *const enable[] = { "systemctl", "enable", "kedge.service", NULL };
    if (!service_has_systemd())
        return KE_OK;
    /* Undone backwards: disable, remove the file, reload. */
    enum ke_code rc = host_record_undo_command(ledger, reload, err);
    if (rc == KE_OK)
        rc = host_record_file(ledger, SERVICE_UNIT, err);
    if (rc == KE_OK)
        rc = ke_file_write(SERVICE_UNIT, ke_str_c(service_unit), 0644, err);
    if (rc == KE_OK)
        rc = host_record_undo_command(ledger, disable, err);
    if (rc == KE_OK)
        rc = service_run(reload, true, err);
    return rc == KE_OK ? service_run(enable, true, err) : rc;
}

/* ---- without systemd ---- */

static void pid_path(const struct service *service, struct ke_buf *out)
{
    ke_buf_addf(out, "%s/kedge.pid", service->run_dir);
    ke_buf_add_char(out, '\0');
}

/* Is pid a kedge agent? A pid file may be older than the process that has the number now. */
static bool is_agent(pid_t pid)
{
    char path[64];
    struct ke_buf name = KE_BUF_FIXED(path, sizeof(path));
    ke_auto_buf comm = KE_BUF_INIT(256);
    struct ke_err ignored = KE_ERR_INIT;
    ke_buf_addf(&name, "/proc/%ld/comm", (long)pid);
    ke_buf_add_char(&name, '\0');
    return ke_file_read(path, &comm, &ignored) == KE_OK &&
           ke_str_eq_c(ke_str_trim(ke_buf_str(&comm)), "kedge");
}

static pid_t read_pid(const struct service *service)
{
    ke_auto_buf path = KE_BUF_INIT(4096);
    ke_auto_buf text = KE_BUF_INIT(64);
    struct ke_err ignored = KE_ERR_INIT;
    uint64_t pid = 0;
    pid_path(service, &path);
    if (ke_file_read(path.ptr, &text, &ignored) != KE_OK ||
        !ke_str_to_u64(ke_str_trim(ke_buf_str(&text)), 1U << 30, &pid) || pid == 0)
        return 0;
    return is_agent((pid_t)pid) ? (pid_t)pid : 0;
}

static enum ke_code start_detached(const struct service *service, struct ke_err *err)
{
    static const char config[] = SERVICE_CONFIG;
    static const char *const argv[] = { SERVICE_BINARY, "agent", "--config", config, NULL };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid = 0;
    enum ke_code rc = ke_file_mkdirs(service->run_dir, 0755, err);
    if (rc != KE_OK)
        return rc;
    if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawnattr_init(&attributes) != 0)
        return ke_fail(err, KE_NOMEM, "out of memory");
    (void)posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_addopen(&actions, 1, SERVICE_LOG, O_WRONLY | O_CREAT | O_APPEND,
                                           0640);
    (void)posix_spawn_file_actions_adddup2(&actions, 1, 2);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    rc = spawn(argv, &actions, &attributes, &pid, err);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    if (rc != KE_OK)
        return rc;
    ke_auto_buf path = KE_BUF_INIT(4096);
    ke_auto_buf text = KE_BUF_INIT(64);
    pid_path(service, &path);
    ke_buf_addf(&text, "%ld\n", (long)pid);
    return ke_file_write(path.ptr, ke_buf_str(&text), 0644, err);
}

void service_pause(void)
{
    struct timespec pause = { 0, POLL_NS };
    (void)nanosleep(&pause, NULL);
}

static bool wait_gone(pid_t pid, int64_t deadline_ns)
{
    while (ke_now_ns() < deadline_ns) {
        (void)waitpid(pid, NULL, WNOHANG); /* our own child, when install started it */
        if (kill(pid, 0) != 0 || !is_agent(pid))
            return true;
        service_pause();
    }
    return false;
}

static enum ke_code stop_detached(const struct service *service, struct ke_err *err)
{
    pid_t pid = read_pid(service);
    ke_auto_buf path = KE_BUF_INIT(4096);
    pid_path(service, &path);
    if (pid > 0) {
        (void)kill(pid, SIGTERM);
        if (!wait_gone(pid, ke_now_ns() + STOP_NS))
            (void)kill(pid, SIGKILL);
        if (!wait_gone(pid, ke_now_ns() + STOP_NS))
            return ke_fail(err, KE_TIMEOUT, "the agent (pid %ld) does not end", (long)pid);
    }
    (void)unlink(path.ptr);
    return KE_OK;
}

/* ---- both ---- */

enum ke_code service_start(const struct service *service, struct ke_err *err)
{
    static const char *const argv[] = { "systemctl", "restart", "--no-block", "kedge.service",
                                        NULL };
    return service_has_systemd() ? service_run(argv, true, err) : start_detached(service, err);
}

enum ke_code service_stop(const struct service *service, struct ke_err *err)
{
    static const char *const argv[] = { "systemctl", "stop", "kedge.service", NULL };
    if (service_has_systemd() && ke_file_exists(SERVICE_UNIT))
        return service_run(argv, true, err);
    return stop_detached(service, err);
}

enum ke_code service_wait_ready(const struct service *service, int timeout_ms, struct ke_err *err)
{
    int64_t deadline_ns = ke_now_ns() + timeout_ms * KE_MS;
    struct ke_err last = KE_ERR_INIT;
    for (;;) {
        ke_auto_buf answer = KE_BUF_INIT(64U << 10);
        if (command_get(service->run_dir, KE_STR("/readyz"), 2000, &answer, &last) == KE_OK)
            return KE_OK;
        if (ke_now_ns() > deadline_ns)
            return ke_fail(err, KE_TIMEOUT, "the agent is not ready after %d s: %s",
                           timeout_ms / 1000, last.msg);
        (void)waitpid(-1, NULL, WNOHANG); /* a child that has ended is not running */
        if (!service_has_systemd() && read_pid(service) == 0)
            return ke_fail(err, KE_IO, "the agent has ended: see %s", SERVICE_LOG);
        service_pause();
    }
}
