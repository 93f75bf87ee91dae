/* SPDX-License-Identifier: Apache-2.0 */
/* Threads and queues. */
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/snap.h"
#include "core/base/thread.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

struct seen {
    char name[16];
    bool blocks_term;
};

static void look_around(void *ctx)
{
    struct seen *seen = ctx;
    (void)pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    sigset_t blocked;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    seen->blocks_term = sigismember(&blocked, SIGTERM) == 1;
}

static void threads_have_a_name_and_block_signals(void **state)
{
    (void)state;
    struct seen seen = { .blocks_term = false };
    struct ke_thread thread = { .is_started = false };
    struct ke_err err = KE_ERR_INIT;
    ke_thread_join(&thread); /* not started: nothing */
    assert_int_equal(ke_thread_start(&thread, "derive", look_around, &seen, &err), KE_OK);
    ke_thread_join(&thread);
    ke_thread_join(&thread);
    assert_string_equal(seen.name, "derive");
    assert_true(seen.blocks_term);
    sigset_t blocked;
    (void)pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_int_equal(sigismember(&blocked, SIGTERM), 0); /* the starter's are as before */
}

static bool is_readable(const struct ke_queue *queue)
{
    struct pollfd pfd = { .fd = ke_queue_fd(queue), .events = POLLIN };
    return poll(&pfd, 1, 0) == 1;
}

static void a_queue_is_bounded_and_first_in_first_out(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    KE_AUTO(ke_queue) *queue = ke_queue_new(3, &err);
    assert_non_null(queue);
    int items[4];
    for (int round = 0; round < 5; round++) {
        assert_null(ke_queue_pop(queue));
        assert_false(is_readable(queue));
        for (int i = 0; i < 3; i++)
            assert_true(ke_queue_push(queue, &items[i]));
        assert_false(ke_queue_push(queue, &items[3]));
        assert_true(is_readable(queue));
        assert_ptr_equal(ke_queue_pop(queue), &items[0]);
        assert_true(ke_queue_push(queue, &items[3]));
        assert_ptr_equal(ke_queue_pop(queue), &items[1]);
        assert_ptr_equal(ke_queue_pop(queue), &items[2]);
        assert_true(is_readable(queue));
        assert_ptr_equal(ke_queue_pop(queue), &items[3]);
        assert_false(is_readable(queue));
    }
}

static void wait_takes_many_at_once_and_keeps_its_deadline(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    KE_AUTO(ke_queue) *queue = ke_queue_new(8, &err);
    int items[8];
    void *got[8];
    int64_t before_ns = ke_now_ns();
    assert_int_equal(ke_queue_wait(queue, got, 8, 20), 0);
    assert_true(ke_now_ns() - before_ns >= 20 * KE_MS);
    for (int i = 0; i < 5; i++)
        assert_true(ke_queue_push(queue, &items[i]));
    assert_int_equal(ke_queue_wait(queue, got, 3, -1), 3);
    assert_ptr_equal(got[2], &items[2]);
    assert_int_equal(ke_queue_wait(queue, got, 8, -1), 2);
    assert_ptr_equal(got[1], &items[4]);
}

static void a_closed_queue_gives_what_it_has_and_then_nothing(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    KE_AUTO(ke_queue) *queue = ke_queue_new(8, &err);
    int item = 0;
    void *got[8];
    assert_true(ke_queue_push(queue, &item));
    ke_queue_close(queue);
    ke_queue_close(queue);
    assert_false(ke_queue_push(queue, &item));
    assert_int_equal(ke_queue_wait(queue, got, 8, -1), 1);
    assert_int_equal(ke_queue_wait(queue, got, 8, -1), 0);
    assert_true(is_readable(queue)); /* so that a loop sees the end */
}

enum { N_PRODUCERS = 4, N_EACH = 5000 };

struct producer {
    struct ke_queue *queue;
    uintptr_t id;
    uintptr_t n_refused;
};

static void produce(void *ctx)
{
    struct producer *producer = ctx;
    for (uintptr_t i = 1; i <= N_EACH; i++) {
        while (!ke_queue_push(producer->queue, (void *)(producer->id << 32 | i))) {
            producer->n_refused++;
            (void)sched_yield();
        }
    }
}

static void producers_lose_nothing_and_keep_their_order(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    KE_AUTO(ke_queue) *queue = ke_queue_new(64, &err);
    struct ke_thread threads[N_PRODUCERS] = { { .is_started = false } };
    struct producer producers[N_PRODUCERS];
    uintptr_t last[N_PRODUCERS] = { 0 };
    ke_snap_thread_register(); /* waiting must not hold up snapshots */
    for (size_t i = 0; i < N_PRODUCERS; i++) {
        producers[i] = (struct producer){ .queue = queue, .id = i };
        assert_int_equal(ke_thread_start(&threads[i], "producer", produce, &producers[i], &err),
                         KE_OK);
    }
    size_t n_got = 0;
    while (n_got < (size_t)N_PRODUCERS * N_EACH) {
        void *items[16];
        size_t n = ke_queue_wait(queue, items, 16, 10000);
        assert_true(n > 0);
        for (size_t i = 0; i < n; i++) {
            uintptr_t value = (uintptr_t)items[i];
            assert_true((value & 0xffffffff) == last[value >> 32] + 1);
            last[value >> 32]++;
        }
        n_got += n;
    }
    for (size_t i = 0; i < N_PRODUCERS; i++)
        ke_thread_join(&threads[i]);
    assert_null(ke_queue_pop(queue));
    ke_snap_thread_unregister();
}

static void making_fails_cleanly_without_memory(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct ke_err err = KE_ERR_INIT;
        struct ke_thread thread = { .is_started = false };
        struct seen seen = { .blocks_term = false };
        test_alloc_fail_at(n);
        struct ke_queue *queue = ke_queue_new(8, &err);
        enum ke_code rc =
            queue == NULL ? err.code : ke_thread_start(&thread, "x", look_around, &seen, &err);
        bool has_failed = test_alloc_end();
        ke_thread_join(&thread);
        ke_queue_free(queue);
        if (!has_failed) {
            assert_int_equal(rc, KE_OK);
            break;
        }
        assert_int_equal(rc, KE_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_have_a_name_and_block_signals),
        cmocka_unit_test(a_queue_is_bounded_and_first_in_first_out),
        cmocka_unit_test(wait_takes_many_at_once_and_keeps_its_deadline),
        cmocka_unit_test(a_closed_queue_gives_what_it_has_and_then_nothing),
        cmocka_unit_test(producers_lose_nothing_and_keep_their_order),
        cmocka_unit_test(making_fails_cleanly_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
