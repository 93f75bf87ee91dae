/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long an agent takes to be ready: bench_start SOCKET COMMAND [ARGUMENT...]. Starts the
 * command, asks /readyz over its local socket every half millisecond until it says 200, prints
 * "start VALUE ms" and "start_cpu VALUE ms", the processor time of its threads until then, which
 * other load on the machine hardly changes; and ends the command with SIGTERM. One thread.
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "test/bench/support/figures.h"

#define READY_MS  60000
#define STOP_MS   30000
#define POLL_US   500
#define NS_A_US   1000
#define CHILD_127 127

static void pause_us(long us)
{
    struct timespec time = { .tv_nsec = us * NS_A_US };
    (void)nanosleep(&time, NULL);
}

static bool is_ready(const char *socket_path)
{
    static const char request[] =
        "GET /readyz HTTP/1.1\r\nHost: kedge\r\nConnection: close\r\n\r\n";
    struct sockaddr_un sa = { .sun_family = AF_UNIX };
    char answer[64] = "";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(sa.sun_path, socket_path, strlen(socket_path) + 1);
    ssize_t n = 0;
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0 &&
        send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0)
        n = recv(fd, answer, sizeof(answer) - 1, 0);
    if (fd >= 0)
        (void)close(fd);
    return n > 12 && strncmp(answer, "HTTP/1.1 200", 12) == 0;
}

/* Nanoseconds on a processor, of all threads there are: proc(5), schedstat. */
static double read_cpu_ns(pid_t pid)
{
    char path[64];
    double sum = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    const struct dirent *entry = NULL;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): one thread */
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        struct ke_err err = KE_ERR_INIT;
        ke_auto_buf text = KE_BUF_INIT(256);
        char file[sizeof(path) + sizeof(entry->d_name) + 16];
        uint64_t ns = 0;
        (void)snprintf(file, sizeof(file), "%s/%s/schedstat", path, entry->d_name);
        if (entry->d_name[0] != '.' && ke_file_read(file, &text, &err) == KE_OK &&
            ke_str_to_u64(ke_str_sub(ke_buf_str(&text), 0, ke_str_find(ke_buf_str(&text), ' ')),
                          UINT64_MAX, &ns))
            sum += (double)ns;
    }
    if (dir != NULL)
        (void)closedir(dir);
    return sum;
}

/* The child's end, within ms; false: it still runs. */
static bool has_ended(pid_t pid, int64_t ms)
{
    int64_t end_ns = ke_now_ns() + ms * KE_MS;
    do {
        int status = 0;
        if (waitpid(pid, &status, WNOHANG) == pid)
            return true;
        if (ms > 0)
            pause_us(POLL_US);
    } while (ke_now_ns() < end_ns);
    return false;
}

static void stop(pid_t pid)
{
    (void)kill(pid, SIGTERM);
    if (has_ended(pid, STOP_MS))
        return;
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    bench_fail("the agent did not stop within %d ms", STOP_MS);
}

int main(int argc, char **argv)
{
    struct sockaddr_un sa;
    if (argc < 3 || strlen(argv[1]) >= sizeof(sa.sun_path))
        bench_fail("usage: bench_start SOCKET COMMAND [ARGUMENT...]");
    (void)unlink(argv[1]); /* a socket left behind is not this agent's */
    int64_t began_ns = ke_now_ns();
    pid_t pid = fork();
    if (pid < 0)
        bench_fail("fork failed");
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG,
                    SIGTERM); /* the agent does not outlive an interrupted bench */
        (void)execvp(argv[2], argv + 2);
        _exit(CHILD_127);
    }
    while (!is_ready(argv[1])) {
        if (has_ended(pid, 0))
            bench_fail("the agent ended before it was ready");
        if (ke_now_ns() - began_ns > READY_MS * KE_MS) {
            stop(pid);
            bench_fail("not ready within %d ms", READY_MS);
        }
        pause_us(POLL_US);
    }
    bench_print("start", (double)(ke_now_ns() - began_ns) / (double)KE_MS, "ms");
    bench_print("start_cpu", read_cpu_ns(pid) / (double)KE_MS, "ms");
    stop(pid);
    return 0;
}
