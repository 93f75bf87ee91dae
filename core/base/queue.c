/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded queue of pointers: a ring under a mutex, and an eventfd that is readable while the
 * queue is not empty or is closed. The eventfd is written on the step from empty and read on the
 * step to empty only, both under the mutex. Many producers, one consumer.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/snap.h"
#include "core/base/thread.h"

struct ke_queue {
    pthread_mutex_t lock; /* guards all below but fd */
    void **ring;
    size_t max;
    size_t head; /* next to pop */
    size_t n_items;
    bool is_closed;
    int fd;
};

struct ke_queue *ke_queue_new(size_t max, struct ke_err *err)
{
    struct ke_queue *queue = ke_alloc(sizeof(*queue));
    void **ring = ke_alloc_n(max, sizeof(void *));
    if (queue == NULL || ring == NULL) {
        free(queue);
        free(ring);
        (void)ke_fail(err, KE_NOMEM, "make a queue");
        return NULL;
    }
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        (void)ke_fail_errno(err, errno, "make a queue's eventfd");
        free(queue);
        free(ring);
        return NULL;
    }
    queue->ring = ring;
    queue->max = max;
    queue->fd = fd;
    (void)pthread_mutex_init(&queue->lock, NULL);
    return queue;
}

void ke_queue_free(struct ke_queue *queue)
{
    if (queue == NULL)
        return;
    (void)pthread_mutex_destroy(&queue->lock);
    (void)close(queue->fd);
    free(queue->ring);
    free(queue);
}

static void queue_signal(const struct ke_queue *queue)
{
    uint64_t one = 1;
    ssize_t n = write(queue->fd, &one, sizeof(one));
    (void)n; /* cannot block: the count is 0 or 1 */
}

static void queue_unsignal(const struct ke_queue *queue)
{
    uint64_t count = 0;
    ssize_t n = read(queue->fd, &count, sizeof(count));
    (void)n;
}

bool ke_queue_push(struct ke_queue *queue, void *item)
{
    (void)pthread_mutex_lock(&queue->lock);
    bool is_taken = !queue->is_closed && queue->n_items < queue->max;
    if (is_taken) {
        queue->ring[(queue->head + queue->n_items) % queue->max] = item;
        if (queue->n_items++ == 0)
            queue_signal(queue);
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return is_taken;
}

static size_t queue_take(struct ke_queue *queue, void **items, size_t max, bool *out_is_closed)
{
    (void)pthread_mutex_lock(&queue->lock);
    size_t n = queue->n_items < max ? queue->n_items : max;
    for (size_t i = 0; i < n; i++) {
        items[i] = queue->ring[queue->head];
        queue->head = (queue->head + 1) % queue->max;
    }
    queue->n_items -= n;
    if (n > 0 && queue->n_items == 0 && !queue->is_closed)
        queue_unsignal(queue);
    *out_is_closed = queue->is_closed;
    (void)pthread_mutex_unlock(&queue->lock);
    return n;
}

void *ke_queue_pop(struct ke_queue *queue)
{
    void *item = NULL;
    bool is_closed = false;
    return queue_take(queue, &item, 1, &is_closed) == 1 ? item : NULL;
}

/* Blocks until the descriptor is readable or the time is up; offline for snapshots meanwhile. */
static void queue_poll(const struct ke_queue *queue, int timeout_ms)
{
    bool is_reader = ke_snap_thread_is_registered();
    if (is_reader)
        ke_snap_offline();
    struct pollfd pfd = { .fd = queue->fd, .events = POLLIN };
    (void)poll(&pfd, 1, timeout_ms);
    if (is_reader)
        ke_snap_online();
}

size_t ke_queue_wait(struct ke_queue *queue, void **items, size_t max, int timeout_ms)
{
    int64_t deadline_ns = timeout_ms < 0 ? INT64_MAX : ke_now_ns() + timeout_ms * KE_MS;
    for (;;) {
        bool is_closed = false;
        size_t n = queue_take(queue, items, max, &is_closed);
        if (n > 0 || is_closed)
            return n;
        int left_ms = -1;
        if (timeout_ms >= 0) {
            int64_t left_ns = deadline_ns - ke_now_ns();
            if (left_ns <= 0)
                return 0;
            left_ms = (int)((left_ns + KE_MS - 1) / KE_MS);
        }
        queue_poll(queue, left_ms);
    }
}

void ke_queue_close(struct ke_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    if (!queue->is_closed) {
        queue->is_closed = true;
        if (queue->n_items == 0)
            queue_signal(queue);
    }
    (void)pthread_mutex_unlock(&queue->lock);
}

int ke_queue_fd(const struct ke_queue *queue)
{
    return queue->fd;
}
