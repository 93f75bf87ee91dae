/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_THREAD_H
#define CORE_BASE_THREAD_H
/* Threads with a name and a 256 KiB stack, all signals blocked; and a bounded queue with a wake-up
 * descriptor. */
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"

struct ke_thread {
    pthread_t id;
    bool is_started;
};

typedef void ke_thread_fn(void *ctx);
/* name: at most 15 bytes, literal. */
enum ke_code ke_thread_start(struct ke_thread *thread, const char *name, ke_thread_fn *fn,
                             void *ctx, struct ke_err *err) KE_MUST_CHECK;
void ke_thread_join(struct ke_thread *thread); /* nothing when not started */

/* Many producers, one consumer, bounded, of pointers. */
struct ke_queue;
struct ke_queue *ke_queue_new(size_t max, struct ke_err *err);
void ke_queue_free(struct ke_queue *queue);
KE_AUTO_DEFINE(ke_queue)
bool ke_queue_push(struct ke_queue *queue, void *item) KE_MUST_CHECK; /* false: full or closed */
void *ke_queue_pop(struct ke_queue *queue);                           /* NULL: empty */
/* Takes up to max items at once; waits at most timeout_ms (-1: for ever) for the first; 0 when
 * closed and empty. */
size_t ke_queue_wait(struct ke_queue *queue, void **items, size_t max, int timeout_ms);
void ke_queue_close(struct ke_queue *queue);
int ke_queue_fd(const struct ke_queue *queue); /* readable while not empty */

#endif
