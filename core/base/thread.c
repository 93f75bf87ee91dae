/* SPDX-License-Identifier: Apache-2.0 */
/* Threads with a small stack and blocked signals. Any thread may start one; who starts, joins. */
#include "core/base/thread.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/mem.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { THREAD_STACK_BYTES = 1024 << 10 }; /* instrumented frames are larger */
#else
enum { THREAD_STACK_BYTES = 256 << 10 };
#endif
enum { THREAD_NAME_BYTES = 16 };

struct thread_start {
    char name[THREAD_NAME_BYTES];
    ke_thread_fn *fn;
    void *ctx;
};

static void *thread_main(void *arg)
{
    struct thread_start start = *(struct thread_start *)arg;
    free(arg);
    (void)pthread_setname_np(pthread_self(), start.name);
    start.fn(start.ctx);
    return NULL;
}

/* Creates the thread with every signal blocked: main handles signals. */
static int thread_create(pthread_t *id, struct thread_start *start)
{
    pthread_attr_t attr;
    int rc = pthread_attr_init(&attr);
    if (rc != 0)
        return rc;
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    rc = pthread_attr_setstacksize(&attr, THREAD_STACK_BYTES);
    if (rc == 0)
        rc = pthread_sigmask(SIG_SETMASK, &all, &before);
    if (rc == 0) {
        rc = pthread_create(id, &attr, thread_main, start);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    (void)pthread_attr_destroy(&attr);
    return rc;
}

enum ke_code ke_thread_start(struct ke_thread *thread, const char *name, ke_thread_fn *fn,
                             void *ctx, struct ke_err *err)
{
    struct thread_start *start = ke_alloc(sizeof(*start));
    if (start == NULL)
        return ke_fail(err, KE_NOMEM, "start thread %s", name);
    KE_ASSERT(strlen(name) < THREAD_NAME_BYTES);
    memcpy(start->name, name, strlen(name) + 1);
    start->fn = fn;
    start->ctx = ctx;
    int rc = thread_create(&thread->id, start);
    if (rc != 0) {
        free(start);
        return ke_fail_errno(err, rc, "start thread %s", name);
    }
    thread->is_started = true;
    return KE_OK;
}

void ke_thread_join(struct ke_thread *thread)
{
    if (thread == NULL || !thread->is_started)
        return;
    (void)pthread_join(thread->id, NULL);
    thread->is_started = false;
}
