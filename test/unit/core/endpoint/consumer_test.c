/* SPDX-License-Identifier: Apache-2.0 */
/* Consumers: dirty sets, wakes, acknowledgements and the barrier. */
#include "core/endpoint/table.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"
#include "test/support/endpoint_objects.h"

#define SPEC(ip)                                                                                   \
    "'clusterIP':'" ip "','clusterIPs':['" ip "'],'ports':[{'protocol':'TCP','port':80}]"

static void count_wake(void *ctx)
{
    unsigned *n = ctx;
    (*n)++;
}

static bool set_has(const struct endpoint_dirty_set *set, const char *ns, const char *name)
{
    for (size_t i = 0; i < set->n_items; i++)
        if (ke_str_eq_c(set->items[i].ns, ns) && ke_str_eq_c(set->items[i].name, name))
            return true;
    return false;
}

static void the_first_take_is_everything_and_waits_for_the_sync(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    unsigned n_wakes = 0;
    struct endpoint_consumer *consumer = endpoint_consumer_new(table, "a", count_wake, &n_wakes);
    test_put_service(table, "default", "web", SPEC("10.32.0.5"));
    test_put_service(table, "shop", "db", SPEC("10.32.0.6"));
    struct endpoint_dirty_set set;
    assert_false(endpoint_consumer_take(consumer, &set));
    assert_int_equal(n_wakes, 0);
    endpoint_table_publish(table, 1);
    assert_int_equal(n_wakes, 1);
    assert_true(endpoint_consumer_take(consumer, &set));
    assert_true(set.is_full);
    assert_int_equal(set.n_items, 2);
    assert_true(set_has(&set, "default", "web") && set_has(&set, "shop", "db"));
    assert_int_equal(set.generation, endpoint_table_generation(table));
    endpoint_dirty_set_free(&set);
    assert_false(endpoint_consumer_take(consumer, &set));
    endpoint_consumer_free(consumer);
    test_table_free(table);
}

static void a_sync_without_services_is_a_full_empty_set(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    unsigned n_wakes = 0;
    struct endpoint_consumer *consumer = endpoint_consumer_new(table, "a", count_wake, &n_wakes);
    endpoint_table_publish(table, 1);
    struct endpoint_dirty_set set;
    assert_int_equal(n_wakes, 1);
    assert_true(endpoint_consumer_take(consumer, &set));
    assert_true(set.is_full);
    assert_int_equal(set.n_items, 0);
    assert_true(set.generation > 0);
    endpoint_dirty_set_free(&set);
    endpoint_consumer_free(consumer);
    test_table_free(table);
}

static void changes_are_coalesced_and_wake_once(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    unsigned n_wakes = 0;
    struct endpoint_consumer *consumer = endpoint_consumer_new(table, "a", count_wake, &n_wakes);
    test_put_service(table, "default", "web", SPEC("10.32.0.5"));
    test_put_service(table, "default", "still", SPEC("10.32.0.8"));
    endpoint_table_publish(table, 1);
    struct endpoint_dirty_set set;
    assert_true(endpoint_consumer_take(consumer, &set));
    endpoint_dirty_set_free(&set);
    n_wakes = 0;
    test_put_service(table, "default", "web", SPEC("10.32.0.6"));
    endpoint_table_publish(table, 2);
    test_put_service(table, "default", "new", SPEC("10.32.0.7"));
    test_delete(table, MODEL_SERVICE, "default", "web");
    endpoint_table_publish(table, 3);
    assert_int_equal(n_wakes, 1);
    assert_true(endpoint_consumer_take(consumer, &set));
    assert_false(set.is_full);
    assert_int_equal(set.n_items, 2);
    assert_true(set_has(&set, "default", "web") && set_has(&set, "default", "new"));
    endpoint_dirty_set_free(&set);
    endpoint_consumer_free(consumer);
    test_table_free(table);
}

static void the_next_owner_of_an_address_is_in_the_set(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    unsigned n_wakes = 0;
    struct endpoint_consumer *consumer = endpoint_consumer_new(table, "a", count_wake, &n_wakes);
    test_put_service(table, "default", "a", SPEC("10.32.0.5") ",'externalIPs':['192.0.2.1']");
    test_put_service(table, "default", "b", SPEC("10.32.0.6") ",'externalIPs':['192.0.2.1']");
    test_put_service(table, "default", "c", SPEC("10.32.0.7"));
    endpoint_table_publish(table, 1);
    struct endpoint_dirty_set set;
    assert_true(endpoint_consumer_take(consumer, &set));
    endpoint_dirty_set_free(&set);
    test_delete(table, MODEL_SERVICE, "default", "a");
    endpoint_table_publish(table, 2);
    assert_true(endpoint_consumer_take(consumer, &set));
    assert_int_equal(set.n_items, 2);
    assert_true(set_has(&set, "default", "a") && set_has(&set, "default", "b"));
    endpoint_dirty_set_free(&set);
    endpoint_consumer_free(consumer);
    test_table_free(table);
}

static void names_lost_for_want_of_memory_become_everything(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    unsigned n_wakes = 0;
    struct endpoint_consumer *consumer = endpoint_consumer_new(table, "a", count_wake, &n_wakes);
    test_put_service(table, "default", "web", SPEC("10.32.0.5"));
    endpoint_table_publish(table, 1);
    struct endpoint_dirty_set set;
    assert_true(endpoint_consumer_take(consumer, &set));
    endpoint_dirty_set_free(&set);
    unsigned n_failed = 0;
    for (size_t n = 1;; n++) {
        test_put_service(table, "default", "web",
                         n % 2 != 0 ? SPEC("10.32.0.6") : SPEC("10.32.0.5"));
        endpoint_table_publish(table, 1 + (int64_t)n);
        test_alloc_fail_at(n);
        bool is_taken = endpoint_consumer_take(consumer, &set);
        bool has_failed = test_alloc_end();
        assert_true(is_taken == !has_failed);
        if (!has_failed)
            break;
        n_failed++;
    }
    assert_true(n_failed > 0);
    assert_true(set.is_full);
    assert_true(set_has(&set, "default", "web"));
    endpoint_dirty_set_free(&set);
    endpoint_consumer_free(consumer);
    test_table_free(table);
}

/* ---- the barrier ---------------------------------------------------------------------------- */

struct outcome {
    unsigned n;
    enum ke_code code;
};

static void note_outcome(void *ctx, enum ke_code code)
{
    struct outcome *outcome = ctx;
    outcome->n++;
    outcome->code = code;
}

static void take_and_ack(struct endpoint_consumer *consumer)
{
    struct endpoint_dirty_set set;
    assert_true(endpoint_consumer_take(consumer, &set));
    endpoint_consumer_ack(consumer, set.generation);
    endpoint_dirty_set_free(&set);
}

static void await_completes_when_every_consumer_has_acknowledged(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    unsigned n_wakes = 0;
    struct endpoint_consumer *a = endpoint_consumer_new(table, "a", count_wake, &n_wakes);
    struct endpoint_consumer *b = endpoint_consumer_new(table, "b", count_wake, &n_wakes);
    struct outcome outcome = { 0 };
    endpoint_table_await(table, 5, 60000, note_outcome, &outcome);
    endpoint_table_publish(table, 4);
    take_and_ack(a);
    take_and_ack(b);
    assert_int_equal(outcome.n, 0); /* revision 5 is not published yet */
    test_put_service(table, "default", "web", SPEC("10.32.0.5"));
    endpoint_table_publish(table, 5);
    take_and_ack(a);
    assert_int_equal(outcome.n, 0);
    take_and_ack(b);
    assert_int_equal(outcome.n, 1);
    assert_int_equal(outcome.code, KE_OK);
    /* One that is done already completes at once. */
    endpoint_table_await(table, 5, 60000, note_outcome, &outcome);
    assert_int_equal(outcome.n, 2);
    endpoint_consumer_free(a);
    endpoint_consumer_free(b);
    test_table_free(table);
}

static void await_needs_no_acknowledgement_of_a_change_without_effect(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    unsigned n_wakes = 0;
    struct endpoint_consumer *a = endpoint_consumer_new(table, "a", count_wake, &n_wakes);
    endpoint_table_publish(table, 1);
    take_and_ack(a);
    struct outcome outcome = { 0 };
    endpoint_table_await(table, 2, 60000, note_outcome, &outcome);
    endpoint_table_publish(table, 2);
    assert_int_equal(outcome.n, 1);
    assert_int_equal(outcome.code, KE_OK);
    endpoint_consumer_free(a);
    test_table_free(table);
}

static void await_ends_at_its_deadline_and_with_the_table(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    struct outcome late = { 0 };
    struct outcome open = { 0 };
    endpoint_table_await(table, 5, 0, note_outcome, &late);
    endpoint_table_await(table, 5, 60000, note_outcome, &open);
    endpoint_table_publish(table, 1);
    assert_int_equal(late.n, 1);
    assert_int_equal(late.code, KE_TIMEOUT);
    assert_int_equal(open.n, 0);
    test_table_free(table);
    assert_int_equal(open.n, 1);
    assert_int_equal(open.code, KE_CLOSED);
}

static void a_consumer_that_leaves_is_not_waited_for(void **state)
{
    (void)state;
    struct endpoint_table *table = test_table_new();
    unsigned n_wakes = 0;
    struct endpoint_consumer *a = endpoint_consumer_new(table, "a", count_wake, &n_wakes);
    struct endpoint_consumer *b = endpoint_consumer_new(table, "b", count_wake, &n_wakes);
    endpoint_table_publish(table, 1);
    take_and_ack(a);
    struct outcome outcome = { 0 };
    endpoint_table_await(table, 1, 60000, note_outcome, &outcome);
    struct endpoint_consumer_state states[4];
    assert_int_equal(endpoint_table_consumers(table, states, 4), 2);
    assert_string_equal(states[0].name, "a");
    assert_int_equal(states[0].acked_generation, endpoint_table_generation(table));
    assert_int_equal(states[1].acked_generation, 0);
    endpoint_consumer_free(b);
    assert_int_equal(outcome.n, 1);
    assert_int_equal(outcome.code, KE_OK);
    endpoint_consumer_free(a);
    test_table_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_take_is_everything_and_waits_for_the_sync),
        cmocka_unit_test(a_sync_without_services_is_a_full_empty_set),
        cmocka_unit_test(changes_are_coalesced_and_wake_once),
        cmocka_unit_test(the_next_owner_of_an_address_is_in_the_set),
        cmocka_unit_test(names_lost_for_want_of_memory_become_everything),
        cmocka_unit_test(await_completes_when_every_consumer_has_acknowledged),
        cmocka_unit_test(await_needs_no_acknowledgement_of_a_change_without_effect),
        cmocka_unit_test(await_ends_at_its_deadline_and_with_the_table),
        cmocka_unit_test(a_consumer_that_leaves_is_not_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
