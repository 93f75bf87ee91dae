/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_runtime.h. Calls are queued to the runtime's thread; only abandon and resize act at
 * once, under the lock that guards the list of processes. */
#include "test/support/fake_runtime.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/list.h"
#include "core/base/loop.h"
#include "core/base/mem.h"
#include "core/base/thread.h"

#define MAX_ARGS 1024

struct fake_runtime {
    struct api_runtime vtable;
    struct ke_loop *loop;
    struct ke_thread thread;
    const char *log_dir;
    pthread_mutex_t lock; /* guards procs and n_busy */
    struct ke_list procs;
    size_t n_busy;
};

struct job {
    struct fake_runtime *runtime;
    struct runtime_call *call;
};

struct proc {
    struct ke_list link;
    struct fake_runtime *runtime;
    struct runtime_call *call; /* NULL: nobody asks how it ends */
    pid_t pid;
    int pidfd;
    int tty; /* -1: none */
    struct ke_loop_fd *watch;
};

static void count(struct fake_runtime *runtime, int by)
{
    pthread_mutex_lock(&runtime->lock);
    runtime->n_busy += (size_t)by;
    pthread_mutex_unlock(&runtime->lock);
}

size_t fake_runtime_busy(struct fake_runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    size_t n = runtime->n_busy;
    pthread_mutex_unlock(&runtime->lock);
    return n;
}

/* ---- processes ---------------------------------------------------------------------------------
 */

static void proc_free(struct proc *proc)
{
    pthread_mutex_lock(&proc->runtime->lock);
    ke_list_remove(&proc->link);
    pthread_mutex_unlock(&proc->runtime->lock);
    ke_loop_fd_del(proc->watch);
    close(proc->pidfd);
    if (proc->tty >= 0) {
        close(proc->tty);
    }
    count(proc->runtime, -1);
    free(proc);
}

static void on_exit_of(void *ctx, uint32_t events)
{
    struct proc *proc = ctx;
    int status = 0;
    (void)events;
    if (waitpid(proc->pid, &status, WNOHANG) != proc->pid) {
        return;
    }
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    struct runtime_call *call = proc->call;
    proc_free(proc);
    if (call != NULL) {
        runtime_call_exited(call, code);
    }
}

struct plumbing {
    int child[3];
    struct runtime_streams ours;
    int tty; /* of ours, for its size */
};

static void close_all(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

static bool plumb_tty(const struct runtime_call *call, struct plumbing *p)
{
    int master;
    int slave;
    if (openpty(&master, &slave, NULL, NULL, NULL) != 0) {
        return false;
    }
    p->child[0] = slave;
    p->child[1] = fcntl(slave, F_DUPFD_CLOEXEC, 3);
    p->child[2] = fcntl(slave, F_DUPFD_CLOEXEC, 3);
    (void)fcntl(slave, F_SETFD, FD_CLOEXEC);
    p->tty = fcntl(master, F_DUPFD_CLOEXEC, 3);
    p->ours.in = call->has_stdin ? fcntl(master, F_DUPFD_CLOEXEC, 3) : -1;
    p->ours.out = call->has_stdout ? fcntl(master, F_DUPFD_CLOEXEC, 3) : -1;
    close(master);
    return true;
}

static bool plumb_pipe(bool is_wanted, bool is_input, int *child, int *ours)
{
    int pair[2];
    if (!is_wanted) {
        *child = open("/dev/null", O_RDWR | O_CLOEXEC);
        return *child >= 0;
    }
    if (pipe2(pair, O_CLOEXEC) != 0) {
        return false;
    }
    *child = pair[is_input ? 0 : 1];
    *ours = pair[is_input ? 1 : 0];
    return true;
}

static bool plumb(const struct runtime_call *call, struct plumbing *p)
{
    *p = (struct plumbing){ { -1, -1, -1 }, { -1, -1, -1 }, -1 };
    if (call->is_tty) {
        return plumb_tty(call, p);
    }
    return plumb_pipe(call->has_stdin, true, &p->child[0], &p->ours.in) &&
           plumb_pipe(call->has_stdout, false, &p->child[1], &p->ours.out) &&
           plumb_pipe(call->has_stderr, false, &p->child[2], &p->ours.err);
}

/* In the child: only what is safe behind fork. */
static void run_child(char *const *argv, const struct plumbing *p, bool is_tty, int report)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)setsid();
    for (int i = 0; i < 3; i++) {
        (void)dup2(p->child[i], i);
    }
    if (is_tty) {
        (void)ioctl(0, TIOCSCTTY, 0);
    }
    if (argv[0] != NULL) {
        execvp(argv[0], argv);
    }
    int failed = errno;
    (void)!write(report, &failed, sizeof(failed));
    _exit(127);
}

/* 0, or the errno of what could not be run. */
static int spawn(char *const *argv, const struct plumbing *p, bool is_tty, pid_t *out)
{
    int report[2];
    int failed = 0;
    if (pipe2(report, O_CLOEXEC) != 0) {
        return errno;
    }
    pid_t pid = fork();
    if (pid == 0) {
        run_child(argv, p, is_tty, report[1]);
    }
    close(report[1]);
    if (pid < 0) {
        failed = errno;
    } else if (read(report[0], &failed, sizeof(failed)) == (ssize_t)sizeof(failed)) {
        (void)waitpid(pid, NULL, 0);
    } else {
        failed = 0;
        *out = pid;
    }
    close(report[0]);
    return failed;
}

static struct proc *proc_new(struct fake_runtime *runtime, pid_t pid, int tty)
{
    struct proc *proc = ke_alloc(sizeof(*proc));
    if (proc == NULL) {
        abort();
    }
    proc->runtime = runtime;
    proc->pid = pid;
    proc->tty = tty;
    proc->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    count(runtime, 1);
    pthread_mutex_lock(&runtime->lock);
    ke_list_append(&runtime->procs, &proc->link);
    pthread_mutex_unlock(&runtime->lock);
    return proc;
}

static void watch_exit(struct proc *proc)
{
    proc->watch = ke_loop_fd_add(proc->runtime->loop, proc->pidfd, EPOLLIN, on_exit_of, proc);
    if (proc->watch == NULL) {
        abort();
    }
}

static void run(struct fake_runtime *runtime, struct runtime_call *call, char *const *argv)
{
    struct plumbing p;
    pid_t pid = -1;
    int failed = plumb(call, &p) ? spawn(argv, &p, call->is_tty, &pid) : errno;
    close_all(p.child, 3);
    if (failed != 0) {
        char why[256];
        const int ours[] = { p.ours.in, p.ours.out, p.ours.err, p.tty };
        close_all(ours, 4);
        (void)snprintf(why, sizeof(why), "failed to exec in container: exec: \"%.100s\": %s",
                       argv[0],
                       failed == ENOENT ? "executable file not found in $PATH" : "cannot be run");
        runtime_call_failed(call, KE_IO, why);
        return;
    }
    struct proc *proc = proc_new(runtime, pid, p.tty);
    if (call->what == RUNTIME_LOGS) {
        runtime_call_opened(call, &p.ours); /* its last word */
    } else {
        proc->call = call;
        runtime_call_opened(call, &p.ours);
    }
    watch_exit(proc);
}

/* ---- calls -------------------------------------------------------------------------------------
 */

static void run_exec(struct fake_runtime *runtime, struct runtime_call *call)
{
    char *argv[MAX_ARGS + 1] = { NULL };
    for (size_t i = 0; i < call->n_command && i < MAX_ARGS; i++) {
        argv[i] = ke_str_dup(call->command[i]);
    }
    KE_ASSERT(argv[0] != NULL);
    run(runtime, call, argv);
    for (size_t i = 0; argv[i] != NULL; i++) {
        free(argv[i]);
    }
}

static void run_logs(struct fake_runtime *runtime, struct runtime_call *call)
{
    char path[512];
    char lines[32] = "+1";
    char bytes[32] = "9223372036854775807";
    const struct runtime_logs *logs = &call->logs;
    (void)snprintf(path, sizeof(path), "%s/%.*s_%.*s%s.log", runtime->log_dir,
                   KE_STR_ARG(call->pod), KE_STR_ARG(call->container),
                   logs->is_previous ? ".previous" : "");
    if (access(path, R_OK) != 0) {
        char why[512];
        (void)snprintf(why, sizeof(why),
                       logs->is_previous
                           ? "previous terminated container \"%.*s\" in pod \"%.*s\" not found"
                           : "container \"%.*s\" in pod \"%.*s\" is waiting to start: "
                             "ContainerCreating",
                       KE_STR_ARG(call->container), KE_STR_ARG(call->pod));
        runtime_call_failed(call, KE_MALFORMED, why);
        return;
    }
    if (logs->tail >= 0) {
        (void)snprintf(lines, sizeof(lines), "%" PRId64, logs->tail);
    }
    if (logs->max_bytes >= 0) {
        (void)snprintf(bytes, sizeof(bytes), "%" PRId64, logs->max_bytes);
    }
    char whole[] = "exec tail -n \"$1\" $3 -- \"$2\"";
    char cut[] = "tail -n \"$1\" $3 -- \"$2\" | head -c \"$4\"";
    char sh[] = "/bin/sh";
    char c[] = "-c";
    char follow[] = "-f";
    char quiet[] = "-q";
    char *argv[] = { sh,    c,    logs->max_bytes >= 0 ? cut : whole, sh,
                     lines, path, logs->is_followed ? follow : quiet, bytes,
                     NULL };
    call->has_stdin = false;
    call->has_stderr = false;
    call->has_stdout = true;
    run(runtime, call, argv);
}

static void run_forward(struct runtime_call *call)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(call->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct runtime_streams streams = { -1, -1, -1 };
    streams.in = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(streams.in, (struct sockaddr *)&address, sizeof(address)) != 0) {
        char why[128];
        (void)snprintf(why, sizeof(why),
                       "failed to connect to localhost:%u inside namespace: connection refused",
                       call->port);
        close(streams.in);
        runtime_call_failed(call, KE_IO, why);
        return;
    }
    runtime_call_opened(call, &streams);
}

static void on_call(void *ctx)
{
    struct job *job = ctx;
    struct runtime_call *call = job->call;
    struct fake_runtime *runtime = job->runtime;
    char cat[] = "cat";
    char *cat_argv[] = { cat, NULL };
    free(job);
    if (ke_str_eq_c(call->container, "gone")) {
        runtime_call_failed(call, KE_IO, "container not found (\"gone\")");
    } else {
        switch (call->what) {
        case RUNTIME_FIND:
            runtime_call_done(call);
            break;
        case RUNTIME_EXEC:
            run_exec(runtime, call);
            break;
        case RUNTIME_ATTACH:
            run(runtime, call, cat_argv);
            break;
        case RUNTIME_FORWARD:
            run_forward(call);
            break;
        case RUNTIME_LOGS:
            run_logs(runtime, call);
            break;
        }
    }
    count(runtime, -1);
}

static void start(void *ctx, struct runtime_call *call)
{
    struct fake_runtime *runtime = ctx;
    struct job *job = ke_alloc(sizeof(*job));
    if (job == NULL) {
        abort();
    }
    *job = (struct job){ runtime, call };
    count(runtime, 1);
    if (!ke_loop_post(runtime->loop, on_call, job)) {
        abort();
    }
}

static struct proc *find_locked(struct fake_runtime *runtime, const struct runtime_call *call)
{
    KE_LIST_EACH(it, &runtime->procs) {
        struct proc *proc = KE_CONTAINER_OF(it, struct proc, link);
        if (proc->call == call) {
            return proc;
        }
    }
    return NULL;
}

static void resize(void *ctx, struct runtime_call *call, uint16_t width, uint16_t height)
{
    struct fake_runtime *runtime = ctx;
    pthread_mutex_lock(&runtime->lock);
    struct proc *proc = find_locked(runtime, call);
    if (proc != NULL && proc->tty >= 0) {
        struct winsize size = { .ws_col = width, .ws_row = height };
        (void)ioctl(proc->tty, TIOCSWINSZ, &size);
    }
    pthread_mutex_unlock(&runtime->lock);
}

static void abandon(void *ctx, struct runtime_call *call)
{
    struct fake_runtime *runtime = ctx;
    pthread_mutex_lock(&runtime->lock);
    struct proc *proc = find_locked(runtime, call);
    if (proc != NULL) {
        (void)kill(-proc->pid, SIGKILL);
        (void)kill(proc->pid, SIGKILL);
    }
    pthread_mutex_unlock(&runtime->lock);
}

/* ---- life --------------------------------------------------------------------------------------
 */

static void run_loop(void *ctx)
{
    struct fake_runtime *runtime = ctx;
    ke_loop_run(runtime->loop);
}

struct fake_runtime *fake_runtime_new(const char *log_dir)
{
    struct ke_err err;
    struct fake_runtime *runtime = ke_alloc(sizeof(*runtime));
    if (runtime == NULL) {
        abort();
    }
    runtime->vtable = (struct api_runtime){ runtime, start, resize, abandon };
    runtime->log_dir = log_dir;
    ke_list_init(&runtime->procs);
    pthread_mutex_init(&runtime->lock, NULL);
    runtime->loop = ke_loop_new(&err);
    if (runtime->loop == NULL ||
        ke_thread_start(&runtime->thread, "fake-runtime", run_loop, runtime, &err) != KE_OK) {
        abort();
    }
    return runtime;
}

void fake_runtime_free(struct fake_runtime *runtime)
{
    if (runtime == NULL) {
        return;
    }
    ke_loop_stop(runtime->loop);
    ke_thread_join(&runtime->thread);
    KE_LIST_EACH_SAFE(it, next, &runtime->procs)
    {
        struct proc *proc = KE_CONTAINER_OF(it, struct proc, link);
        (void)kill(-proc->pid, SIGKILL);
        (void)waitpid(proc->pid, NULL, 0);
        if (proc->call != NULL) {
            runtime_call_exited(proc->call, 137);
        }
        proc_free(proc);
    }
    ke_loop_free(runtime->loop);
    pthread_mutex_destroy(&runtime->lock);
    free(runtime);
}

const struct api_runtime *fake_runtime_of(struct fake_runtime *runtime)
{
    return &runtime->vtable;
}
