/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots, alone and with readers racing a writer (worth most under ThreadSanitizer and ASan). */
#include <stdlib.h>

#include "core/base/clock.h"
#include "core/base/mem.h"
#include "core/base/snap.h"
#include "core/base/thread.h"
#include "test/support/base/test.h"

static _Atomic int n_freed;

static void count_free(void *ptr)
{
    free(ptr);
    atomic_fetch_add(&n_freed, 1);
}

static void retired_values_wait_for_the_reader(void **state)
{
    (void)state;
    atomic_store(&n_freed, 0);
    ke_snap_thread_register();
    ke_snap_read_begin();
    ke_snap_retire(malloc(8), count_free);
    ke_snap_collect();
    assert_int_equal(atomic_load(&n_freed), 0);
    ke_snap_read_end();
    ke_snap_quiescent();
    assert_int_equal(atomic_load(&n_freed), 1);
    ke_snap_thread_unregister();
}

static void an_offline_reader_holds_nothing_up(void **state)
{
    (void)state;
    atomic_store(&n_freed, 0);
    ke_snap_thread_register();
    ke_snap_retire(malloc(8), count_free);
    assert_int_equal(atomic_load(&n_freed), 0);
    ke_snap_offline();
    assert_int_equal(atomic_load(&n_freed), 1);
    ke_snap_retire(malloc(8), count_free);
    assert_int_equal(atomic_load(&n_freed), 2);
    ke_snap_online();
    ke_snap_retire(malloc(8), count_free);
    assert_int_equal(atomic_load(&n_freed), 2);
    ke_snap_thread_unregister();
    assert_int_equal(atomic_load(&n_freed), 3);
}

static void without_readers_values_go_at_once(void **state)
{
    (void)state;
    atomic_store(&n_freed, 0);
    ke_snap_retire(malloc(8), count_free);
    assert_int_equal(atomic_load(&n_freed), 1);
    ke_snap_retire(NULL, count_free);
    assert_int_equal(atomic_load(&n_freed), 1);
}

static void registering_counts_nested_calls(void **state)
{
    (void)state;
    assert_false(ke_snap_thread_is_registered());
    ke_snap_thread_register();
    ke_snap_thread_register();
    ke_snap_thread_unregister();
    assert_true(ke_snap_thread_is_registered());
    ke_snap_thread_unregister();
    assert_false(ke_snap_thread_is_registered());
}

static void retire_again(void *ptr)
{
    free(ptr);
    ke_snap_retire(malloc(8), count_free);
}

static void a_free_function_may_retire(void **state)
{
    (void)state;
    atomic_store(&n_freed, 0);
    ke_snap_thread_register();
    ke_snap_retire(malloc(8), retire_again);
    ke_snap_drain();
    ke_snap_drain();
    assert_int_equal(atomic_load(&n_freed), 1);
    ke_snap_thread_unregister();
}

/* ---- readers racing a writer ---- */

enum { N_READERS = 3, N_VERSIONS = 3000, N_WORDS = 8 };

struct version {
    uint64_t words[N_WORDS]; /* all equal while it lives */
};

static _Atomic(struct version *) slot;
static _Atomic bool is_over;
static _Atomic uint64_t n_reads;
static _Atomic int n_torn;

static void version_free(void *ptr)
{
    struct version *version = ptr;
    for (unsigned i = 0; i < N_WORDS; i++)
        version->words[i] = UINT64_MAX;
    free(version);
    atomic_fetch_add(&n_freed, 1);
}

static void read_versions(void *ctx)
{
    bool goes_offline = ctx != NULL;
    uint64_t last = 0;
    ke_snap_thread_register();
    while (!atomic_load(&is_over)) {
        for (unsigned turn = 0; turn < 16; turn++) {
            ke_snap_read_begin();
            const struct version *version = ke_snap_load(&slot);
            uint64_t first = version->words[0];
            bool is_torn = first < last;
            for (unsigned i = 1; i < N_WORDS; i++)
                is_torn = is_torn || version->words[i] != first;
            ke_snap_read_end();
            last = first;
            atomic_fetch_add_explicit(&n_torn, is_torn ? 1 : 0, memory_order_relaxed);
            atomic_fetch_add_explicit(&n_reads, 1, memory_order_relaxed);
        }
        if (goes_offline) {
            ke_snap_offline();
            ke_snap_online();
        } else {
            ke_snap_quiescent();
        }
    }
    ke_snap_thread_unregister();
}

static struct version *version_new(uint64_t number)
{
    struct version *version = ke_alloc(sizeof(*version));
    assert_non_null(version);
    for (unsigned i = 0; i < N_WORDS; i++)
        version->words[i] = number;
    return version;
}

static void readers_see_whole_versions_in_order_while_a_writer_replaces_them(void **state)
{
    (void)state;
    atomic_store(&n_freed, 0);
    atomic_store(&slot, version_new(0));
    struct ke_thread readers[N_READERS] = { { .is_started = false } };
    struct ke_err err = KE_ERR_INIT;
    for (size_t i = 0; i < N_READERS; i++) {
        void *goes_offline = i % 2 == 0 ? NULL : &slot;
        assert_int_equal(ke_thread_start(&readers[i], "reader", read_versions, goes_offline, &err),
                         KE_OK);
    }
    int64_t deadline_ns = ke_now_ns() + 30 * KE_S;
    for (uint64_t i = 1; i <= N_VERSIONS; i++) {
        struct version *old = ke_snap_load(&slot);
        ke_snap_publish(&slot, version_new(i));
        ke_snap_retire(old, version_free);
        while (i % 500 == 0 && atomic_load(&n_reads) < i && ke_now_ns() < deadline_ns)
            ke_snap_collect();
    }
    ke_snap_drain(); /* readers run on: writers wait for nobody but may ask */
    assert_int_equal(atomic_load(&n_freed), N_VERSIONS);
    atomic_store(&is_over, true);
    for (size_t i = 0; i < N_READERS; i++)
        ke_thread_join(&readers[i]);
    assert_int_equal(atomic_load(&n_torn), 0);
    assert_true(atomic_load(&n_reads) >= N_VERSIONS);
    ke_snap_retire(atomic_load(&slot), version_free);
    ke_snap_drain();
    assert_int_equal(atomic_load(&n_freed), N_VERSIONS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retired_values_wait_for_the_reader),
        cmocka_unit_test(an_offline_reader_holds_nothing_up),
        cmocka_unit_test(without_readers_values_go_at_once),
        cmocka_unit_test(registering_counts_nested_calls),
        cmocka_unit_test(a_free_function_may_retire),
        cmocka_unit_test(readers_see_whole_versions_in_order_while_a_writer_replaces_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
