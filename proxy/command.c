/* SPDX-License-Identifier: Apache-2.0 */
/* One child at a time: pipes for its three standard descriptors, one poll loop, then wait. */
#include "proxy/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"

#define WORDS_BYTES 4096 /* of standard error that are kept */

static const char *const FOLDERS[] = { "/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin",
                                       "/bin" };

static bool find_program(const char *name, char *out, size_t size)
{
    for (size_t i = 0; i < KE_ARRAY_LEN(FOLDERS); i++) {
        (void)snprintf(out, size, "%s/%s", FOLDERS[i], name);
        if (access(out, X_OK) == 0)
            return true;
    }
    return false;
}

bool command_exists(const char *name)
{
    char path[256];
    return find_program(name, path, sizeof(path));
}

struct child {
    pid_t pid;
    int in, out, words;
};

static void close_pair(const int pair[2])
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            (void)close(pair[i]);
}

static int spawn_child(const char *path, const char *const *argv, int pipes[3][2], pid_t *out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    char *const environment[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" },
                                  (char[]){ "LC_ALL=C" }, NULL };
    (void)sigemptyset(&none);
    (void)posix_spawnattr_init(&attributes);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    (void)posix_spawnattr_setsigmask(&attributes, &none);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, pipes[0][0], 0);
    (void)posix_spawn_file_actions_adddup2(&actions, pipes[1][1], 1);
    (void)posix_spawn_file_actions_adddup2(&actions, pipes[2][1], 2);
    union {
        const char *const *in;
        char *const *out;
    } arguments = { .in = argv };
    int sys = posix_spawn(out, path, &actions, &attributes, arguments.out, environment);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)posix_spawnattr_destroy(&attributes);
    return sys;
}

static enum ke_code start(const char *const *argv, struct child *out, struct ke_err *err)
{
    char path[256];
    int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
    if (!find_program(argv[0], path, sizeof(path)))
        return ke_fail(err, KE_NOT_FOUND, "program %s is not installed", argv[0]);
    int sys = 0;
    for (int i = 0; i < 3 && sys == 0; i++)
        if (pipe2(pipes[i], O_CLOEXEC) != 0)
            sys = errno;
    if (sys == 0)
        sys = spawn_child(path, argv, pipes, &out->pid);
    if (sys != 0) {
        for (int i = 0; i < 3; i++)
            close_pair(pipes[i]);
        return ke_fail_errno(err, sys, "start %s", argv[0]);
    }
    (void)close(pipes[0][0]);
    (void)close(pipes[1][1]);
    (void)close(pipes[2][1]);
    out->in = pipes[0][1];
    out->out = pipes[1][0];
    out->words = pipes[2][0];
    (void)fcntl(out->in, F_SETFL, O_NONBLOCK);
    return KE_OK;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void read_some(int *fd, struct ke_buf *out)
{
    char bytes[16384];
    ssize_t n = read(*fd, bytes, sizeof(bytes));
    if (n > 0 && out != NULL)
        ke_buf_add(out, bytes, (size_t)n);
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        close_fd(fd);
}

static void write_some(int *fd, struct ke_str *in)
{
    ssize_t n = in->len > 0 ? write(*fd, in->ptr, in->len) : 0;
    if (n > 0)
        *in = ke_str_sub(*in, (size_t)n, in->len);
    if (in->len == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        close_fd(fd);
}

/* False: it took too long. */
static bool converse(struct child *child, struct ke_str in, struct ke_buf *out,
                     struct ke_buf *words, int64_t deadline_ns)
{
    while (child->out >= 0 || child->words >= 0 || child->in >= 0) {
        struct pollfd fds[3] = { { .fd = child->in, .events = POLLOUT },
                                 { .fd = child->out, .events = POLLIN },
                                 { .fd = child->words, .events = POLLIN } };
        int64_t left_ms = (deadline_ns - ke_now_ns()) / KE_MS;
        if (left_ms <= 0)
            return false;
        if (poll(fds, 3, (int)left_ms) < 0 && errno != EINTR)
            return false;
        if (fds[0].revents != 0)
            write_some(&child->in, &in);
        if (fds[1].revents != 0)
            read_some(&child->out, out);
        if (fds[2].revents != 0)
            read_some(&child->words, words);
    }
    return true;
}

enum ke_code command_run(const char *const *argv, struct ke_str in, struct ke_buf *out,
                         int64_t timeout_ms, struct ke_err *err)
{
    struct child child;
    int status = 0;
    char memory[WORDS_BYTES];
    struct ke_buf words = KE_BUF_FIXED(memory, sizeof(memory));
    enum ke_code rc = start(argv, &child, err);
    if (rc != KE_OK)
        return rc;
    bool is_timely = converse(&child, in, out, &words, ke_now_ns() + timeout_ms * KE_MS);
    close_fd(&child.in);
    close_fd(&child.out);
    close_fd(&child.words);
    if (!is_timely)
        (void)kill(child.pid, SIGKILL);
    while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!is_timely)
        return ke_fail(err, KE_TIMEOUT, "%s takes too long", argv[0]);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        struct ke_str said = ke_str_trim(ke_buf_str(&words));
        return ke_fail(err, KE_IO, "%s failed: %.*s", argv[0],
                       (int)(said.len < 300 ? said.len : 300), said.ptr != NULL ? said.ptr : "");
    }
    return KE_OK;
}
