/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event loop: epoll for descriptors, a binary heap for timers, an eventfd for posts. What is
 * deleted inside a callback is only marked; its memory goes at the end of the turn, so that an
 * event already taken from epoll can never meet freed memory. One thread owns the loop; the list of
 * posts is the one part that others touch.
 */
#include "core/base/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/snap.h"

enum { LOOP_EVENTS = 128 };

struct loop_garbage { /* first member of all that is freed late */
    struct loop_garbage *next;
};

struct ke_loop_fd {
    struct loop_garbage garbage;
    struct ke_loop *loop;
    int fd;
    bool is_deleted;
    ke_loop_fd_fn *fn;
    void *ctx;
};

struct ke_loop_timer {
    struct loop_garbage garbage;
    struct ke_loop *loop;
    int64_t at_ns;
    uint64_t order;    /* arming order: equal times run in it */
    size_t heap_place; /* 1 + index in the heap, 0: not armed */
    ke_loop_fn *fn;
    void *ctx;
};

struct loop_post {
    struct loop_post *next;
    ke_loop_fn *fn;
    void *ctx;
};

struct ke_loop {
    int epoll_fd;
    int wake_fd;
    int64_t now_ns;
    _Atomic bool is_stopped;

    struct ke_loop_timer **heap;
    size_t n_armed;
    size_t heap_cap;
    size_t n_timers; /* made, not yet freed: the heap has room for all */
    uint64_t next_order;

    struct loop_garbage *garbage;

    pthread_mutex_t posts_lock; /* guards the two below */
    struct loop_post *posts_first;
    struct loop_post **posts_end;
};

/* ---- making ---- */

static bool loop_open(struct ke_loop *loop, struct ke_err *err)
{
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        (void)ke_fail_errno(err, errno, "epoll_create1");
        return false;
    }
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0) {
        (void)ke_fail_errno(err, errno, "eventfd");
        return false;
    }
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) != 0) {
        (void)ke_fail_errno(err, errno, "epoll_ctl");
        return false;
    }
    return true;
}

struct ke_loop *ke_loop_new(struct ke_err *err)
{
    struct ke_loop *loop = ke_alloc(sizeof(*loop));
    if (loop == NULL) {
        (void)ke_fail(err, KE_NOMEM, "make an event loop");
        return NULL;
    }
    loop->epoll_fd = -1;
    loop->wake_fd = -1;
    loop->now_ns = ke_now_ns();
    loop->posts_end = &loop->posts_first;
    (void)pthread_mutex_init(&loop->posts_lock, NULL);
    if (!loop_open(loop, err)) {
        ke_loop_free(loop);
        return NULL;
    }
    return loop;
}

static void loop_sweep(struct ke_loop *loop)
{
    while (loop->garbage != NULL) {
        struct loop_garbage *item = loop->garbage;
        loop->garbage = item->next;
        free(item);
    }
}

static void loop_discard(struct ke_loop *loop, struct loop_garbage *item)
{
    item->next = loop->garbage;
    loop->garbage = item;
}

void ke_loop_free(struct ke_loop *loop)
{
    if (loop == NULL)
        return;
    loop_sweep(loop);
    while (loop->posts_first != NULL) {
        struct loop_post *post = loop->posts_first;
        loop->posts_first = post->next;
        free(post);
    }
    free(loop->heap);
    if (loop->epoll_fd >= 0)
        (void)close(loop->epoll_fd);
    if (loop->wake_fd >= 0)
        (void)close(loop->wake_fd);
    (void)pthread_mutex_destroy(&loop->posts_lock);
    free(loop);
}

/* ---- descriptors ---- */

struct ke_loop_fd *ke_loop_fd_add(struct ke_loop *loop, int fd, uint32_t events, ke_loop_fd_fn *fn,
                                  void *ctx)
{
    struct ke_loop_fd *watch = ke_alloc(sizeof(*watch));
    if (watch == NULL)
        return NULL;
    watch->loop = loop;
    watch->fd = fd;
    watch->fn = fn;
    watch->ctx = ctx;
    struct epoll_event event = { .events = events, .data.ptr = watch };
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        free(watch);
        return NULL;
    }
    return watch;
}

bool ke_loop_fd_set(struct ke_loop_fd *watch, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };
    return epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == 0;
}

void ke_loop_fd_del(struct ke_loop_fd *watch)
{
    if (watch == NULL)
        return;
    KE_ASSERT(!watch->is_deleted);
    (void)epoll_ctl(watch->loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    watch->is_deleted = true;
    loop_discard(watch->loop, &watch->garbage);
}

/* ---- timers ---- */

static bool timer_is_before(const struct ke_loop_timer *a, const struct ke_loop_timer *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_put(struct ke_loop *loop, size_t i, struct ke_loop_timer *timer)
{
    loop->heap[i] = timer;
    timer->heap_place = i + 1;
}

static void heap_sift_up(struct ke_loop *loop, size_t i, struct ke_loop_timer *timer)
{
    while (i > 0 && timer_is_before(timer, loop->heap[(i - 1) / 2])) {
        heap_put(loop, i, loop->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_put(loop, i, timer);
}

static void heap_sift_down(struct ke_loop *loop, size_t i, struct ke_loop_timer *timer)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= loop->n_armed)
            break;
        if (child + 1 < loop->n_armed && timer_is_before(loop->heap[child + 1], loop->heap[child]))
            child++;
        if (!timer_is_before(loop->heap[child], timer))
            break;
        heap_put(loop, i, loop->heap[child]);
        i = child;
    }
    heap_put(loop, i, timer);
}

struct ke_loop_timer *ke_loop_timer_new(struct ke_loop *loop, ke_loop_fn *fn, void *ctx)
{
    void *heap = loop->heap;
    if (!ke_grow(&heap, &loop->heap_cap, loop->n_timers + 1, sizeof(struct ke_loop_timer *)))
        return NULL;
    loop->heap = heap;
    struct ke_loop_timer *timer = ke_alloc(sizeof(*timer));
    if (timer == NULL)
        return NULL;
    timer->loop = loop;
    timer->fn = fn;
    timer->ctx = ctx;
    loop->n_timers++;
    return timer;
}

void ke_loop_timer_cancel(struct ke_loop_timer *timer)
{
    if (timer == NULL || timer->heap_place == 0)
        return;
    struct ke_loop *loop = timer->loop;
    size_t i = timer->heap_place - 1;
    timer->heap_place = 0;
    struct ke_loop_timer *last = loop->heap[--loop->n_armed];
    if (last == timer)
        return;
    if (i > 0 && timer_is_before(last, loop->heap[(i - 1) / 2]))
        heap_sift_up(loop, i, last);
    else
        heap_sift_down(loop, i, last);
}

void ke_loop_timer_set(struct ke_loop_timer *timer, int64_t at_ns)
{
    struct ke_loop *loop = timer->loop;
    ke_loop_timer_cancel(timer);
    timer->at_ns = at_ns;
    timer->order = loop->next_order++;
    heap_sift_up(loop, loop->n_armed++, timer);
}

void ke_loop_timer_after(struct ke_loop_timer *timer, int64_t delay_ns)
{
    int64_t now_ns = ke_now_ns();
    ke_loop_timer_set(timer, delay_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + delay_ns);
}

void ke_loop_timer_free(struct ke_loop_timer *timer)
{
    if (timer == NULL)
        return;
    ke_loop_timer_cancel(timer);
    timer->loop->n_timers--;
    loop_discard(timer->loop, &timer->garbage);
}

/* Runs what is due now; what a callback arms anew waits for the next turn. */
static void loop_run_timers(struct ke_loop *loop)
{
    uint64_t armed_before = loop->next_order;
    int64_t now_ns = ke_now_ns();
    while (loop->n_armed > 0) {
        struct ke_loop_timer *timer = loop->heap[0];
        if (timer->at_ns > now_ns || timer->order >= armed_before)
            break;
        ke_loop_timer_cancel(timer);
        timer->fn(timer->ctx);
    }
}

/* ---- posts ---- */

static void loop_wake(const struct ke_loop *loop)
{
    uint64_t one = 1;
    ssize_t n = write(loop->wake_fd, &one, sizeof(one));
    (void)n; /* EAGAIN: it is readable already */
}

bool ke_loop_post(struct ke_loop *loop, ke_loop_fn *fn, void *ctx)
{
    struct loop_post *post = ke_alloc(sizeof(*post));
    if (post == NULL)
        return false;
    post->fn = fn;
    post->ctx = ctx;
    (void)pthread_mutex_lock(&loop->posts_lock);
    bool was_empty = loop->posts_first == NULL;
    *loop->posts_end = post;
    loop->posts_end = &post->next;
    if (was_empty)
        loop_wake(
            loop); /* under the lock: the loop may be freed once its owner has seen the post */
    (void)pthread_mutex_unlock(&loop->posts_lock);
    return true;
}

static void loop_run_posts(struct ke_loop *loop)
{
    (void)pthread_mutex_lock(&loop->posts_lock);
    struct loop_post *post = loop->posts_first;
    loop->posts_first = NULL;
    loop->posts_end = &loop->posts_first;
    (void)pthread_mutex_unlock(&loop->posts_lock);
    while (post != NULL) {
        struct loop_post *next = post->next;
        post->fn(post->ctx);
        free(post);
        post = next;
    }
}

/* ---- running ---- */

static int loop_wait_ms(const struct ke_loop *loop, int timeout_ms)
{
    if (loop->n_armed == 0)
        return timeout_ms;
    int64_t left_ns = loop->heap[0]->at_ns - ke_now_ns();
    if (left_ns <= 0)
        return 0;
    int64_t left_ms = left_ns / KE_MS + (left_ns % KE_MS != 0 ? 1 : 0);
    if (timeout_ms >= 0 && timeout_ms < left_ms)
        return timeout_ms;
    return left_ms > INT32_MAX ? INT32_MAX : (int)left_ms;
}

static void loop_dispatch(struct ke_loop *loop, const struct epoll_event *events, int n)
{
    bool is_woken = false;
    for (int i = 0; i < n; i++) {
        struct ke_loop_fd *watch = events[i].data.ptr;
        if (watch == NULL)
            is_woken = true;
        else if (!watch->is_deleted)
            watch->fn(watch->ctx, events[i].events);
    }
    if (!is_woken)
        return;
    uint64_t count = 0;
    ssize_t got = read(loop->wake_fd, &count, sizeof(count));
    (void)got;
    loop_run_posts(loop);
}

void ke_loop_turn(struct ke_loop *loop, int timeout_ms)
{
    bool is_reader = ke_snap_thread_is_registered();
    struct epoll_event events[LOOP_EVENTS];
    int wait_ms = loop_wait_ms(loop, timeout_ms);
    if (is_reader)
        ke_snap_offline();
    int n = epoll_wait(loop->epoll_fd, events, LOOP_EVENTS, wait_ms);
    if (is_reader)
        ke_snap_online();
    loop->now_ns = ke_now_ns();
    loop_dispatch(loop, events, n);
    loop_run_timers(loop);
    loop_sweep(loop);
}

void ke_loop_run(struct ke_loop *loop)
{
    ke_snap_thread_register();
    while (!atomic_load_explicit(&loop->is_stopped, memory_order_acquire))
        ke_loop_turn(loop, -1);
    loop_run_posts(loop); /* what was posted before the stop still runs */
    loop_sweep(loop);
    atomic_store_explicit(&loop->is_stopped, false, memory_order_relaxed);
    ke_snap_thread_unregister();
}

void ke_loop_stop(struct ke_loop *loop)
{
    atomic_store_explicit(&loop->is_stopped, true, memory_order_release);
    loop_wake(loop);
}

int64_t ke_loop_now(const struct ke_loop *loop)
{
    return loop->now_ns;
}
