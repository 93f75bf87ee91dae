/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_RESOURCE_TURNS_H
#define CORE_RESOURCE_TURNS_H
/*
 * Writes of one object take turns: the next one reads what the one before has stored, so an
 * object that many write at once gives no conflicts that nobody asked about. Different objects do
 * not wait for each other. Whoever finishes a write runs the next, in a loop and never deeper. Any
 * thread.
 */
#include "core/base/err.h"
#include "core/base/list.h"
#include "core/base/str.h"

struct turns;
struct turn; /* of one key: somebody is writing it */

struct turn_waiter;
/* Runs one write; when it is over, on whatever thread, turns_leave is called for it once. */
typedef void turns_run_fn(struct turn_waiter *waiter);

struct turn_waiter {
    struct ke_list link;
    struct turn *turn; /* NULL: has none (to give up) */
    turns_run_fn *run;
};

struct turns *turns_new(void);
void turns_free(struct turns *turns); /* nobody writes any more; NULL is fine */
/* Runs waiter now, or later when those before it are done. Errors: KE_NOMEM (not run). */
enum ke_code turns_enter(struct turns *turns, struct ke_str key, struct turn_waiter *waiter,
                         struct ke_err *err) KE_MUST_CHECK;
/* The write of this turn is over. The waiter may be gone. */
void turns_leave(struct turns *turns, struct turn *turn);

#endif
