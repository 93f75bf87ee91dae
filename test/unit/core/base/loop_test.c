/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/loop.h"
#include "core/base/mem.h"
#include "core/base/snap.h"
#include "core/base/thread.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

static struct ke_loop *loop_make(void)
{
    struct ke_err err = KE_ERR_INIT;
    struct ke_loop *loop = ke_loop_new(&err);
    assert_non_null(loop);
    return loop;
}

/* ---- descriptors ---- */

struct pair {
    int fds[2];
    struct ke_loop_fd *watch;
    struct pair *other;
    unsigned n_called;
    uint32_t events;
};

static void pair_open(struct pair *pair)
{
    memset(pair, 0, sizeof(*pair));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair->fds), 0);
}

static void pair_close(struct pair *pair)
{
    ke_loop_fd_del(pair->watch);
    (void)close(pair->fds[0]);
    (void)close(pair->fds[1]);
}

static void on_pair(void *ctx, uint32_t events)
{
    struct pair *pair = ctx;
    pair->n_called++;
    pair->events = events;
    char bytes[16];
    ssize_t n = read(pair->fds[0], bytes, sizeof(bytes));
    (void)n;
}

static void readable_descriptors_are_called(void **state)
{
    (void)state;
    KE_AUTO(ke_loop) *loop = loop_make();
    struct pair pair;
    pair_open(&pair);
    pair.watch = ke_loop_fd_add(loop, pair.fds[0], EPOLLIN, on_pair, &pair);
    assert_non_null(pair.watch);
    ke_loop_turn(loop, 0);
    assert_int_equal(pair.n_called, 0);
    assert_int_equal(write(pair.fds[1], "x", 1), 1);
    ke_loop_turn(loop, -1);
    assert_int_equal(pair.n_called, 1);
    assert_int_equal(pair.events, EPOLLIN);
    assert_true(ke_loop_fd_set(pair.watch, EPOLLOUT));
    ke_loop_turn(loop, -1);
    assert_int_equal(pair.events, EPOLLOUT);
    pair_close(&pair);
    ke_loop_turn(loop, 0);
    assert_int_equal(pair.n_called, 2);
}

static void on_pair_delete_both(void *ctx, uint32_t events)
{
    struct pair *pair = ctx;
    on_pair(ctx, events);
    ke_loop_fd_del(pair->other->watch);
    pair->other->watch = NULL;
    ke_loop_fd_del(pair->watch);
    pair->watch = NULL;
}

static void a_callback_may_delete_any_watch_of_the_same_turn(void **state)
{
    (void)state;
    KE_AUTO(ke_loop) *loop = loop_make();
    struct pair a;
    struct pair b;
    pair_open(&a);
    pair_open(&b);
    a.other = &b;
    b.other = &a;
    a.watch = ke_loop_fd_add(loop, a.fds[0], EPOLLIN, on_pair_delete_both, &a);
    b.watch = ke_loop_fd_add(loop, b.fds[0], EPOLLIN, on_pair_delete_both, &b);
    assert_int_equal(write(a.fds[1], "x", 1), 1);
    assert_int_equal(write(b.fds[1], "x", 1), 1);
    ke_loop_turn(loop, -1);
    ke_loop_turn(loop, 0);
    assert_int_equal(a.n_called + b.n_called, 1);
    pair_close(&a);
    pair_close(&b);
}

static void a_descriptor_that_cannot_be_watched_is_refused(void **state)
{
    (void)state;
    KE_AUTO(ke_loop) *loop = loop_make();
    assert_null(ke_loop_fd_add(loop, -1, EPOLLIN, on_pair, NULL));
    ke_loop_fd_del(NULL);
}

/* ---- timers ---- */

struct note {
    struct ke_loop_timer *timer;
    struct note *victim;
    char *log;
    char name;
    unsigned n_rearm;
};

static void on_note(void *ctx)
{
    struct note *note = ctx;
    size_t len = strlen(note->log);
    note->log[len] = note->name;
    note->log[len + 1] = '\0';
    if (note->victim != NULL) {
        ke_loop_timer_free(note->victim->timer);
        note->victim->timer = NULL;
    }
    if (note->n_rearm > 0) {
        note->n_rearm--;
        ke_loop_timer_set(note->timer, 0); /* due at once: next turn */
    }
}

static void timers_run_in_order_of_time_then_of_arming(void **state)
{
    (void)state;
    enum { N = 200 };
    KE_AUTO(ke_loop) *loop = loop_make();
    char log[N + 1] = "";
    struct note notes[N];
    for (unsigned i = 0; i < N; i++) {
        notes[i] = (struct note){ .log = log, .name = (char)('a' + i * 7 % 26) };
        notes[i].timer = ke_loop_timer_new(loop, on_note, &notes[i]);
        ke_loop_timer_set(notes[i].timer, 1000 + notes[i].name);
    }
    for (unsigned i = 0; i < N; i += 3)
        ke_loop_timer_cancel(notes[i].timer);
    for (unsigned i = 0; i < N; i += 6)
        ke_loop_timer_set(notes[i].timer, 1000 + notes[i].name);
    ke_loop_turn(loop, -1);
    size_t len = strlen(log);
    assert_int_equal(len, N - (N + 2) / 3 + (N + 5) / 6);
    for (size_t i = 1; i < len; i++)
        assert_true(log[i - 1] <= log[i]);
    for (unsigned i = 0; i < N; i++)
        ke_loop_timer_free(notes[i].timer);
    ke_loop_timer_free(NULL);
    ke_loop_timer_cancel(NULL);
}

static void a_timer_may_free_itself_and_others(void **state)
{
    (void)state;
    KE_AUTO(ke_loop) *loop = loop_make();
    char log[16] = "";
    struct note a = { .log = log, .name = 'a' };
    struct note b = { .log = log, .name = 'b', .victim = &b };
    struct note c = { .log = log, .name = 'c' };
    a.victim = &c;
    struct note *all[] = { &a, &b, &c };
    for (size_t i = 0; i < 3; i++) {
        all[i]->timer = ke_loop_timer_new(loop, on_note, all[i]);
        ke_loop_timer_set(all[i]->timer, (int64_t)i);
    }
    ke_loop_turn(loop, -1);
    assert_string_equal(log, "ab");
    assert_null(b.timer);
    assert_null(c.timer);
    ke_loop_timer_free(a.timer);
}

static void a_timer_armed_by_a_timer_waits_for_the_next_turn(void **state)
{
    (void)state;
    KE_AUTO(ke_loop) *loop = loop_make();
    char log[16] = "";
    struct note a = { .log = log, .name = 'a', .n_rearm = 2 };
    a.timer = ke_loop_timer_new(loop, on_note, &a);
    ke_loop_timer_set(a.timer, 0);
    ke_loop_turn(loop, -1);
    assert_string_equal(log, "a");
    ke_loop_turn(loop, -1);
    assert_string_equal(log, "aa");
    ke_loop_turn(loop, -1);
    ke_loop_turn(loop, 0);
    assert_string_equal(log, "aaa");
    ke_loop_timer_free(a.timer);
}

static void the_wait_ends_when_a_timer_is_due(void **state)
{
    (void)state;
    KE_AUTO(ke_loop) *loop = loop_make();
    char log[16] = "";
    struct note a = { .log = log, .name = 'a' };
    a.timer = ke_loop_timer_new(loop, on_note, &a);
    int64_t before_ns = ke_now_ns();
    ke_loop_timer_after(a.timer, 30 * KE_MS);
    while (log[0] == '\0' && ke_now_ns() - before_ns < 10 * KE_S)
        ke_loop_turn(loop, -1);
    assert_string_equal(log, "a");
    assert_true(ke_now_ns() - before_ns >= 30 * KE_MS);
    assert_true(ke_loop_now(loop) >= before_ns + 30 * KE_MS);
    ke_loop_timer_after(a.timer, INT64_MAX);
    ke_loop_turn(loop, 0);
    assert_string_equal(log, "a");
    ke_loop_timer_free(a.timer);
}

/* ---- posts, running ---- */

enum { N_POSTERS = 4, N_POSTS = 2000 };

struct counter {
    struct ke_loop *loop;
    unsigned n; /* touched by the loop's thread only */
};

static void on_post(void *ctx)
{
    struct counter *counter = ctx;
    assert_true(ke_snap_thread_is_registered());
    if (++counter->n == N_POSTERS * N_POSTS)
        ke_loop_stop(counter->loop);
}

static void post_many(void *ctx)
{
    struct counter *counter = ctx;
    for (unsigned i = 0; i < N_POSTS; i++)
        assert_true(ke_loop_post(counter->loop, on_post, counter));
}

static void posts_of_other_threads_all_run_on_the_loop(void **state)
{
    (void)state;
    KE_AUTO(ke_loop) *loop = loop_make();
    struct counter counter = { .loop = loop };
    struct ke_thread threads[N_POSTERS] = { { .is_started = false } };
    struct ke_err err = KE_ERR_INIT;
    for (size_t i = 0; i < N_POSTERS; i++)
        assert_int_equal(ke_thread_start(&threads[i], "poster", post_many, &counter, &err), KE_OK);
    ke_loop_run(loop);
    for (size_t i = 0; i < N_POSTERS; i++)
        ke_thread_join(&threads[i]);
    assert_int_equal(counter.n, N_POSTERS * N_POSTS);
    assert_false(ke_snap_thread_is_registered());
}

static void stop_from_another_thread(void *ctx)
{
    ke_loop_stop(ctx);
}

static void count_one(void *ctx)
{
    ++*(unsigned *)ctx;
}

static void stop_wakes_a_waiting_loop_and_may_come_first(void **state)
{
    (void)state;
    KE_AUTO(ke_loop) *loop = loop_make();
    struct ke_thread thread = { .is_started = false };
    struct ke_err err = KE_ERR_INIT;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(ke_thread_start(&thread, "stopper", stop_from_another_thread, loop, &err),
                         KE_OK);
        ke_loop_run(loop);
        ke_thread_join(&thread);
    }
    unsigned n = 0;
    assert_true(ke_loop_post(loop, count_one, &n));
    ke_loop_stop(loop);
    ke_loop_run(loop);
    assert_int_equal(n, 1);                         /* posted before the stop */
    assert_true(ke_loop_post(loop, count_one, &n)); /* dropped with the loop, not leaked */
}

static void making_survives_every_failed_allocation(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct ke_err err = KE_ERR_INIT;
        struct pair pair;
        pair_open(&pair);
        unsigned count = 0;
        test_alloc_fail_at(n);
        struct ke_loop *loop = ke_loop_new(&err);
        struct ke_loop_timer *timer =
            loop == NULL ? NULL : ke_loop_timer_new(loop, count_one, &count);
        if (loop != NULL)
            pair.watch = ke_loop_fd_add(loop, pair.fds[0], EPOLLIN, on_pair, &pair);
        bool is_posted = loop != NULL && ke_loop_post(loop, count_one, &count);
        bool has_failed = test_alloc_end();
        bool is_whole = timer != NULL && pair.watch != NULL && is_posted;
        assert_int_equal(has_failed, !is_whole);
        ke_loop_timer_free(timer);
        pair_close(&pair);
        ke_loop_free(loop);
        if (!has_failed)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readable_descriptors_are_called),
        cmocka_unit_test(a_callback_may_delete_any_watch_of_the_same_turn),
        cmocka_unit_test(a_descriptor_that_cannot_be_watched_is_refused),
        cmocka_unit_test(timers_run_in_order_of_time_then_of_arming),
        cmocka_unit_test(a_timer_may_free_itself_and_others),
        cmocka_unit_test(a_timer_armed_by_a_timer_waits_for_the_next_turn),
        cmocka_unit_test(the_wait_ends_when_a_timer_is_due),
        cmocka_unit_test(posts_of_other_threads_all_run_on_the_loop),
        cmocka_unit_test(stop_wakes_a_waiting_loop_and_may_come_first),
        cmocka_unit_test(making_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
