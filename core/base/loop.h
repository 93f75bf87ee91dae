/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_LOOP_H
#define CORE_BASE_LOOP_H
/*
 * Event loop on epoll: descriptors, timers, and functions posted by other threads. One thread runs
 * it and owns everything registered; only ke_loop_post and ke_loop_stop may be called from others.
 * Each turn is a quiescent state of core/base/snap, and the thread is offline while it waits.
 */
#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"

struct ke_loop;
struct ke_loop_fd;    /* a watched descriptor */
struct ke_loop_timer; /* a timer, armed or not */

/* events: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR */
typedef void ke_loop_fd_fn(void *ctx, uint32_t events);
typedef void ke_loop_fn(void *ctx);

struct ke_loop *ke_loop_new(struct ke_err *err); /* NULL on failure */
void ke_loop_free(struct ke_loop *loop);
KE_AUTO_DEFINE(ke_loop)

/* Runs until ke_loop_stop. Registers the thread with snap when it is not yet. */
void ke_loop_run(struct ke_loop *loop);
/* One turn, waiting at most timeout_ms (-1: until something happens). For tests and for MHD-like
 * outer loops. */
void ke_loop_turn(struct ke_loop *loop, int timeout_ms);
void ke_loop_stop(struct ke_loop *loop); /* any thread, also from a signal handler's thread */

/* fd is borrowed: the caller closes it after ke_loop_fd_del. */
struct ke_loop_fd *ke_loop_fd_add(struct ke_loop *loop, int fd, uint32_t events, ke_loop_fd_fn *fn,
                                  void *ctx);
bool ke_loop_fd_set(struct ke_loop_fd *watch, uint32_t events) KE_MUST_CHECK;
/* Safe inside any callback of the same loop; no callback for it afterwards. NULL is fine. */
void ke_loop_fd_del(struct ke_loop_fd *watch);

struct ke_loop_timer *ke_loop_timer_new(struct ke_loop *loop, ke_loop_fn *fn, void *ctx);
void ke_loop_timer_set(struct ke_loop_timer *timer, int64_t at_ns); /* monotonic; re-arms */
void ke_loop_timer_after(struct ke_loop_timer *timer, int64_t delay_ns);
void ke_loop_timer_cancel(struct ke_loop_timer *timer);
void ke_loop_timer_free(
    struct ke_loop_timer *timer); /* NULL is fine; safe inside its own callback */

/* Runs fn(ctx) on the loop's thread soon. Any thread. False: out of memory. */
bool ke_loop_post(struct ke_loop *loop, ke_loop_fn *fn, void *ctx) KE_MUST_CHECK;
/* Monotonic time taken at the start of this turn. */
int64_t ke_loop_now(const struct ke_loop *loop);

#endif
