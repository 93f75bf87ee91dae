/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdio.h>

#include "core/base/limits.h"
#include "core/base/thread.h"
#include "core/report/report.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

static void event(struct report *report, const char *name, const char *reason, const char *message)
{
    const struct report_object about = { .api_version = KE_STR("v1"),
                                         .kind = KE_STR("Service"),
                                         .ns = KE_STR("default"),
                                         .name = ke_str_c(name) };
    report_event(report, REPORT_WARNING, &about, reason, ke_str_c(message));
}

static unsigned count_items(struct report *report)
{
    struct report_item item;
    unsigned n = 0;
    for (; report_take(report, &item); n++)
        report_item_clear(&item);
    return n;
}

static void the_same_observation_is_counted_once_queued(void **state)
{
    (void)state;
    KE_AUTO(report) *report = report_new();
    event(report, "web", "PortTaken", "nodePort 30080 is in use");
    event(report, "api", "PortTaken", "nodePort 30080 is in use");
    event(report, "web", "PortTaken", "nodePort 30080 is in use");
    event(report, "web", "PortTaken", "another message");
    struct report_item item;
    assert_true(report_take(report, &item));
    assert_int_equal(item.what, REPORT_ITEM_EVENT);
    assert_int_equal(item.type, REPORT_WARNING);
    assert_string_equal(item.api_version, "v1");
    assert_string_equal(item.kind, "Service");
    assert_string_equal(item.ns, "default");
    assert_string_equal(item.name, "web");
    assert_string_equal(item.reason, "PortTaken");
    assert_string_equal(item.message, "nodePort 30080 is in use");
    assert_int_equal(item.count, 2);
    report_item_clear(&item);
    assert_int_equal(count_items(report), 2);
    event(report, "web", "PortTaken", "nodePort 30080 is in use"); /* taken: it starts anew */
    assert_true(report_take(report, &item));
    assert_int_equal(item.count, 1);
    report_item_clear(&item);
    assert_false(report_take(report, &item));
}

static void texts_cannot_run_into_each_other(void **state)
{
    (void)state;
    KE_AUTO(report) *report = report_new();
    struct report_object about = { KE_STR("v1"), KE_STR("Pod"), KE_STR("a"), KE_STR("bc") };
    report_event(report, REPORT_NORMAL, &about, "R", KE_STR("m"));
    about.ns = KE_STR("ab");
    about.name = KE_STR("c");
    report_event(report, REPORT_NORMAL, &about, "R", KE_STR("m"));
    report_event(report, REPORT_WARNING, &about, "R", KE_STR("m"));
    assert_int_equal(count_items(report), 3);
}

static void a_full_queue_loses_its_oldest(void **state)
{
    (void)state;
    KE_AUTO(report) *report = report_new();
    char name[32];
    for (unsigned i = 0; i < LIMIT_REPORT_ITEMS + 10; i++) {
        (void)snprintf(name, sizeof(name), "svc-%u", i);
        event(report, name, "Reason", "message");
    }
    struct report_item item;
    assert_true(report_take(report, &item));
    assert_string_equal(item.name, "svc-10");
    report_item_clear(&item);
    assert_int_equal(count_items(report), LIMIT_REPORT_ITEMS - 1);
}

static void long_messages_are_cut_between_characters(void **state)
{
    (void)state;
    KE_AUTO(report) *report = report_new();
    static char message[3 * LIMIT_REPORT_BYTES];
    for (size_t i = 0; i + 3 < sizeof(message); i += 3)
        memcpy(message + i, "\xe2\x82\xac", 4);
    event(report, "web", "Reason", message);
    struct report_item item;
    assert_true(report_take(report, &item));
    assert_int_equal(strlen(item.message), LIMIT_REPORT_BYTES - LIMIT_REPORT_BYTES % 3);
    report_item_clear(&item);
}

static void the_last_word_on_an_ingress_counts(void **state)
{
    (void)state;
    KE_AUTO(report) *report = report_new();
    event(report, "web", "Reason", "message");
    report_ingress_served(report, KE_STR("default"), KE_STR("shop"), true);
    report_ingress_served(report, KE_STR("default"), KE_STR("blog"), true);
    report_ingress_served(report, KE_STR("default"), KE_STR("shop"), false);
    struct report_item item;
    assert_true(report_take(report, &item)); /* before older Events */
    assert_int_equal(item.what, REPORT_ITEM_INGRESS);
    assert_string_equal(item.name, "shop");
    assert_false(item.is_served);
    assert_null(item.message);
    report_item_clear(&item);
    assert_true(report_take(report, &item));
    assert_string_equal(item.name, "blog");
    assert_true(item.is_served);
    report_item_clear(&item);
    assert_int_equal(count_items(report), 1);
}

static void count_wake(void *ctx)
{
    atomic_fetch_add((_Atomic int *)ctx, 1);
}

static void the_taker_is_woken_when_there_is_something_again(void **state)
{
    (void)state;
    KE_AUTO(report) *report = report_new();
    _Atomic int n_wakes = 0;
    event(report, "early", "Reason", "nobody listens yet");
    report_set_wake(report, count_wake, &n_wakes);
    assert_int_equal(count_items(report), 1);
    event(report, "a", "Reason", "message");
    event(report, "b", "Reason", "message");
    event(report, "a", "Reason", "message");
    assert_int_equal(atomic_load(&n_wakes), 1);
    assert_int_equal(count_items(report), 2);
    report_ingress_served(report, KE_STR("d"), KE_STR("i"), true);
    assert_int_equal(atomic_load(&n_wakes), 2);
}

static void parts_are_kept_until_they_say_otherwise(void **state)
{
    (void)state;
    KE_AUTO(report) *report = report_new();
    const char *part = NULL;
    bool is_healthy = true;
    ke_auto_buf message = KE_BUF_INIT(2000);
    assert_false(report_part_at(report, 0, &part, &is_healthy, &message));
    report_part(report, "dns", false, KE_STR("port 53 is held by dnsmasq (pid 7)"));
    report_part(report, "ingress.http", true, (struct ke_str){ NULL, 0 });
    assert_true(report_part_at(report, 0, &part, &is_healthy, &message));
    assert_string_equal(part, "dns");
    assert_false(is_healthy);
    assert_true(ke_str_eq_c(ke_buf_str(&message), "port 53 is held by dnsmasq (pid 7)"));
    ke_buf_clear(&message);
    report_part(report, "dns", true, KE_STR(""));
    assert_true(report_part_at(report, 0, &part, &is_healthy, &message));
    assert_true(is_healthy);
    assert_int_equal(message.len, 0);
    assert_true(report_part_at(report, 1, &part, &is_healthy, &message));
    assert_string_equal(part, "ingress.http");
    assert_false(report_part_at(report, 2, &part, &is_healthy, &message));
}

static void without_memory_an_observation_is_lost_and_no_more(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        test_alloc_fail_at(n);
        struct report *report = report_new();
        if (report != NULL) {
            event(report, "web", "Reason", "message");
            report_ingress_served(report, KE_STR("d"), KE_STR("i"), true);
            report_part(report, "dns", false, KE_STR("down"));
        }
        bool has_failed = test_alloc_end();
        if (report != NULL)
            assert_int_equal(count_items(report) == 2 || has_failed, true);
        report_free(report);
        if (!has_failed)
            break;
    }
}

enum { N_REPORTERS = 4, N_EACH = 2000 };

static void report_many(void *ctx)
{
    struct report *report = ctx;
    char name[32];
    for (unsigned i = 0; i < N_EACH; i++) {
        (void)snprintf(name, sizeof(name), "svc-%u", i % 100);
        event(report, name, "Reason", "message");
        report_part(report, "dns", i % 2 == 0, KE_STR("message"));
    }
}

static void many_threads_report_and_nothing_is_lost(void **state)
{
    (void)state;
    KE_AUTO(report) *report = report_new();
    struct ke_thread threads[N_REPORTERS] = { { .is_started = false } };
    struct ke_err err = KE_ERR_INIT;
    for (size_t i = 0; i < N_REPORTERS; i++)
        assert_int_equal(ke_thread_start(&threads[i], "reporter", report_many, report, &err),
                         KE_OK);
    for (size_t i = 0; i < N_REPORTERS; i++)
        ke_thread_join(&threads[i]);
    struct report_item item;
    unsigned total = 0;
    while (report_take(report, &item)) {
        total += item.count;
        report_item_clear(&item);
    }
    assert_int_equal(total, N_REPORTERS * N_EACH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_observation_is_counted_once_queued),
        cmocka_unit_test(texts_cannot_run_into_each_other),
        cmocka_unit_test(a_full_queue_loses_its_oldest),
        cmocka_unit_test(long_messages_are_cut_between_characters),
        cmocka_unit_test(the_last_word_on_an_ingress_counts),
        cmocka_unit_test(the_taker_is_woken_when_there_is_something_again),
        cmocka_unit_test(parts_are_kept_until_they_say_otherwise),
        cmocka_unit_test(without_memory_an_observation_is_lost_and_no_more),
        cmocka_unit_test(many_threads_report_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
