/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quiescent-state RCU on C11 atomics. A global epoch grows by one with each retire; each reader
 * keeps the last epoch it announced. A retired value may go when every online reader has announced
 * an epoch at or past the one its retire made.
 *
 * Why it is right, without fences (ThreadSanitizer does not know them): a reader announces an epoch
 * that it has loaded, so it sees every value published before that epoch was made. Coming online is
 * the one race: the reader first stores an epoch older than any (which blocks all freeing) and only
 * then takes the current one with a read-modify-write of the global epoch. Either that comes before
 * a retire's own read-modify-write, and then the freeing thread sees the blocking value; or after,
 * and then the reader sees what was published before that retire.
 *
 * Any thread. snap_lock guards the list of readers, the list of retired values and the two counts;
 * free functions run outside of it, one collector at a time, oldest first.
 */
#include "core/base/snap.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "core/base/list.h"
#include "core/base/mem.h"

#define EPOCH_OFFLINE  UINT64_MAX
#define EPOCH_BLOCKING ((uint64_t)1)

struct snap_reader {
    struct ke_list link;
    _Atomic uint64_t seen;
};

struct snap_retired {
    struct snap_retired *next;
    void *ptr;
    ke_snap_free_fn *fn;
    uint64_t epoch;
};

/* What one process shares: globals by nature, as a snapshot slot has no owner to hang them on. */
static pthread_mutex_t snap_lock = PTHREAD_MUTEX_INITIALIZER;
static struct ke_list snap_readers = { &snap_readers, &snap_readers };
static struct snap_retired *retired_first;
static struct snap_retired **retired_end = &retired_first;
static bool is_collecting;
static uint64_t n_retired;
static uint64_t n_freed;
static _Atomic uint64_t snap_epoch = 2;
static _Atomic uint64_t n_pending; /* a hint, so that a quiescent state costs no lock */

/* A thread's record lies in its own memory: registering cannot fail, and ends before the thread
 * does. */
static _Thread_local struct snap_reader reader_of_thread;
static _Thread_local struct snap_reader *this_reader; /* NULL: not registered */
static _Thread_local unsigned register_depth;
static _Thread_local unsigned section_depth;

static void reader_go_online(struct snap_reader *reader)
{
    atomic_store_explicit(&reader->seen, EPOCH_BLOCKING, memory_order_release);
    uint64_t now = atomic_fetch_add_explicit(&snap_epoch, 0, memory_order_acq_rel);
    atomic_store_explicit(&reader->seen, now, memory_order_release);
}

static bool reader_is_online(const struct snap_reader *reader)
{
    return atomic_load_explicit(&reader->seen, memory_order_relaxed) != EPOCH_OFFLINE;
}

void ke_snap_thread_register(void)
{
    if (register_depth++ > 0)
        return;
    struct snap_reader *reader = &reader_of_thread;
    atomic_store_explicit(&reader->seen, EPOCH_OFFLINE, memory_order_relaxed);
    (void)pthread_mutex_lock(&snap_lock);
    ke_list_append(&snap_readers, &reader->link);
    (void)pthread_mutex_unlock(&snap_lock);
    reader_go_online(reader);
    this_reader = reader;
}

void ke_snap_thread_unregister(void)
{
    KE_ASSERT(register_depth > 0 && section_depth == 0);
    if (--register_depth > 0)
        return;
    struct snap_reader *reader = this_reader;
    this_reader = NULL;
    (void)pthread_mutex_lock(&snap_lock);
    ke_list_remove(&reader->link);
    (void)pthread_mutex_unlock(&snap_lock);
    ke_snap_collect();
}

bool ke_snap_thread_is_registered(void)
{
    return this_reader != NULL;
}

static void collect_if_pending(void)
{
    if (atomic_load_explicit(&n_pending, memory_order_relaxed) > 0)
        ke_snap_collect();
}

void ke_snap_quiescent(void)
{
    KE_ASSERT(this_reader != NULL && section_depth == 0);
    uint64_t now = atomic_load_explicit(&snap_epoch, memory_order_acquire);
    if (atomic_load_explicit(&this_reader->seen, memory_order_relaxed) != now)
        atomic_store_explicit(&this_reader->seen, now, memory_order_release);
    collect_if_pending();
}

void ke_snap_offline(void)
{
    KE_ASSERT(this_reader != NULL && section_depth == 0);
    atomic_store_explicit(&this_reader->seen, EPOCH_OFFLINE, memory_order_release);
    collect_if_pending();
}

void ke_snap_online(void)
{
    KE_ASSERT(this_reader != NULL);
    if (!reader_is_online(this_reader))
        reader_go_online(this_reader);
}

void ke_snap_read_begin(void)
{
    KE_ASSERT(this_reader != NULL && reader_is_online(this_reader));
    section_depth++;
}

void ke_snap_read_end(void)
{
    KE_ASSERT(section_depth > 0);
    section_depth--;
}

void ke_snap_retire(void *ptr, ke_snap_free_fn *fn)
{
    if (ptr == NULL)
        return;
    struct snap_retired *item = ke_alloc(sizeof(*item));
    if (item == NULL)
        return; /* out of memory: leaking the old value is the one safe answer */
    item->ptr = ptr;
    item->fn = fn;
    (void)pthread_mutex_lock(&snap_lock);
    item->epoch = atomic_fetch_add_explicit(&snap_epoch, 1, memory_order_acq_rel) + 1;
    *retired_end = item;
    retired_end = &item->next;
    n_retired++;
    atomic_fetch_add_explicit(&n_pending, 1, memory_order_relaxed);
    (void)pthread_mutex_unlock(&snap_lock);
    ke_snap_collect();
}

/* Takes what every reader has passed off the front of the retired list. Caller holds snap_lock. */
static struct snap_retired *take_passed(void)
{
    if (retired_first == NULL)
        return NULL;
    uint64_t oldest = EPOCH_OFFLINE;
    KE_LIST_EACH(it, &snap_readers) {
        const struct snap_reader *reader = KE_CONTAINER_OF(it, struct snap_reader, link);
        uint64_t seen = atomic_load_explicit(&reader->seen, memory_order_acquire);
        if (seen < oldest)
            oldest = seen;
    }
    struct snap_retired *first = retired_first;
    struct snap_retired **end = &retired_first;
    while (*end != NULL && (*end)->epoch <= oldest)
        end = &(*end)->next;
    if (end == &retired_first)
        return NULL;
    retired_first = *end;
    *end = NULL;
    if (retired_first == NULL)
        retired_end = &retired_first;
    return first;
}

static uint64_t free_passed(struct snap_retired *item)
{
    uint64_t n = 0;
    while (item != NULL) {
        struct snap_retired *next = item->next;
        item->fn(item->ptr);
        free(item);
        item = next;
        n++;
    }
    return n;
}

void ke_snap_collect(void)
{
    (void)pthread_mutex_lock(&snap_lock);
    if (is_collecting) {
        (void)pthread_mutex_unlock(&snap_lock);
        return;
    }
    is_collecting = true;
    for (;;) {
        struct snap_retired *passed = take_passed();
        if (passed == NULL)
            break;
        (void)pthread_mutex_unlock(&snap_lock);
        uint64_t n = free_passed(passed);
        atomic_fetch_sub_explicit(&n_pending, n, memory_order_relaxed);
        (void)pthread_mutex_lock(&snap_lock);
        n_freed += n;
    }
    is_collecting = false;
    (void)pthread_mutex_unlock(&snap_lock);
}

void ke_snap_drain(void)
{
    (void)pthread_mutex_lock(&snap_lock);
    uint64_t target = n_retired;
    (void)pthread_mutex_unlock(&snap_lock);
    for (;;) {
        if (this_reader != NULL && reader_is_online(this_reader))
            ke_snap_quiescent();
        ke_snap_collect();
        (void)pthread_mutex_lock(&snap_lock);
        bool is_done = n_freed >= target;
        (void)pthread_mutex_unlock(&snap_lock);
        if (is_done)
            return;
        const struct timespec pause = { .tv_nsec = 50000 };
        (void)nanosleep(&pause, NULL);
    }
}
