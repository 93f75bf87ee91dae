/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_CONTROLLER_WORK_H
#define CORE_CONTROLLER_WORK_H
/*
 * Keyed work: a key is in a queue at most once, is worked on by one run at a time, and is run again
 * when it was added meanwhile or when a write of the run failed (with back-off and jitter). Writes
 * go through core/resource and never block the loop: the item stays busy until they are answered.
 * Everything on the thread of the loop; only answers come from the registry's writer.
 */
#include "core/base/loop.h"
#include "core/resource/resource.h"

struct work_pool;  /* what all queues of a loop share: the store and the answers on their way */
struct work_queue; /* the keys of one controller */
struct work_item;  /* one key, during a run */

struct work_pool *work_pool_new(struct ke_loop *loop, struct resource_store *store,
                                struct ke_err *err);
/* After all queues of it; waits for nothing: no write may be under way (registry_stop). */
void work_pool_free(struct work_pool *pool);
KE_AUTO_DEFINE(work_pool)
struct resource_store *work_pool_store(struct work_pool *pool);

typedef void work_run_fn(void *ctx, struct work_item *item);
/* name: literal, for the log. NULL: err. Runs nothing until it is opened. */
struct work_queue *work_queue_new(struct work_pool *pool, const char *name, work_run_fn *run,
                                  void *ctx, struct ke_err *err);
void work_queue_free(struct work_queue *queue);
KE_AUTO_DEFINE(work_queue)
/* From now on keys are run: the reflector has listed everything. */
void work_queue_open(struct work_queue *queue);
/* Runs key soon (delay_ns 0) or later; the earlier of two times holds. When memory is out the key
 * is logged and forgotten: the next change of its object brings it back. */
void work_queue_add(struct work_queue *queue, struct ke_str key);
void work_queue_add_after(struct work_queue *queue, struct ke_str key, int64_t delay_ns);
/* "ns/name" */
void work_queue_add_name(struct work_queue *queue, struct ke_str ns, struct ke_str name);

/* ---- inside a run */
struct ke_str work_item_key(const struct work_item *item);
/* Of a key "ns/name". */
void work_item_name(const struct work_item *item, struct ke_str *out_ns, struct ke_str *out_name);
/*
 * Writes; body in request is given. A conflict, a name that exists and one that is missing mean
 * that the view was old: the key is run again, as after any failure. But a delete of what is gone,
 * and a write into a namespace that is terminating, are as good as done.
 */
void work_item_write(struct work_item *item, struct resource_request *request);
/* Run it again later, though nothing failed. */
void work_item_again(struct work_item *item, int64_t delay_ns);

/* The wait after n failures: 20 ms doubling to 30 s, and up to half as much again. */
int64_t work_backoff_ns(unsigned n_failures);

#endif
