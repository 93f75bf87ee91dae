/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CORE_BASE_SNAP_H
#define CORE_BASE_SNAP_H
/*
 * Snapshots: quiescent-state RCU on C11 atomics. Readers register their thread once, announce a
 * quiescent state once a loop turn, and go offline around blocking calls. Writers publish a new
 * immutable value and retire the old one: it is freed when every reader has passed a quiescent
 * state. Writers never wait for readers.
 *
 * A read section is the code between two quiescent states; ke_snap_read_begin and _end mark it and
 * check (in debug builds) that the thread is registered and online.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "core/base/attr.h"

typedef void ke_snap_free_fn(void *ptr);

void ke_snap_thread_register(void); /* nested calls count */
void ke_snap_thread_unregister(void);
bool ke_snap_thread_is_registered(void);
void ke_snap_quiescent(void);
void ke_snap_offline(void); /* about to block: hold no snapshot */
void ke_snap_online(void);

void ke_snap_read_begin(void);
void ke_snap_read_end(void);

/* Publish with release order and load with acquire order: use with _Atomic(T *) slots. */
#define ke_snap_load(slot)           atomic_load_explicit((slot), memory_order_acquire)
#define ke_snap_publish(slot, value) atomic_store_explicit((slot), (value), memory_order_release)

/*
 * fn(ptr) once no reader can hold ptr; runs on a thread that calls retire, quiescent or collect
 * later. Any thread, need not be registered.
 */
void ke_snap_retire(void *ptr, ke_snap_free_fn *fn);
/* Frees what can be freed now. */
void ke_snap_collect(void);
/* Waits until everything retired before is freed; caller holds no snapshot. For shutdown and tests.
 */
void ke_snap_drain(void);

#endif
