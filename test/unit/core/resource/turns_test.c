/* SPDX-License-Identifier: Apache-2.0 */
/* Writes of one object take turns. */
#include <stdlib.h>

#include "core/resource/turns.h"
#include "test/support/base/test.h"

struct write {
    struct turn_waiter waiter;
    bool ends_at_once;
    unsigned order; /* in which it ran; 0: not yet */
};

static struct turns *turns;
static unsigned n_run;

static void run(struct turn_waiter *waiter)
{
    struct write *write = KE_CONTAINER_OF(waiter, struct write, waiter);
    write->order = ++n_run;
    if (write->ends_at_once)
        turns_leave(turns, waiter->turn);
}

static int setup(void **state)
{
    (void)state;
    turns = turns_new();
    n_run = 0;
    return turns == NULL;
}

static int teardown(void **state)
{
    (void)state;
    turns_free(turns);
    return 0;
}

static void enter(struct write *write, const char *key)
{
    struct ke_err err = KE_ERR_INIT;
    write->waiter.run = run;
    assert_int_equal(turns_enter(turns, ke_str_c(key), &write->waiter, &err), KE_OK);
}

static void the_second_waits_for_the_first(void **state)
{
    (void)state;
    struct write first = { .order = 0 };
    struct write second = { .order = 0 };
    enter(&first, "/a");
    enter(&second, "/a");
    assert_int_equal(first.order, 1);
    assert_int_equal(second.order, 0);
    turns_leave(turns, first.waiter.turn);
    assert_int_equal(second.order, 2);
    turns_leave(turns, second.waiter.turn);
}

static void other_keys_do_not_wait(void **state)
{
    (void)state;
    struct write first = { .order = 0 };
    struct write other = { .order = 0 };
    enter(&first, "/a");
    enter(&other, "/b");
    assert_int_equal(other.order, 2);
    turns_leave(turns, other.waiter.turn);
    turns_leave(turns, first.waiter.turn);
}

/* Thousands of writes that end at once are run in a loop: the stack does not grow with them. */
static void a_long_line_is_worked_off_in_order(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct write first = { .order = 0 };
    struct write *line = calloc(N, sizeof(*line));
    assert_non_null(line);
    enter(&first, "/a");
    for (size_t i = 0; i < N; i++) {
        line[i].ends_at_once = true;
        enter(&line[i], "/a");
    }
    turns_leave(turns, first.waiter.turn);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(line[i].order, i + 2);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_second_waits_for_the_first, setup, teardown),
        cmocka_unit_test_setup_teardown(other_keys_do_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_line_is_worked_off_in_order, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
