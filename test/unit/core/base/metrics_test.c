/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/clock.h"
#include "core/base/metrics.h"
#include "core/base/thread.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

static void assert_printed(const char *want)
{
    ke_auto_buf out = KE_BUF_INIT(1 << 20);
    ke_metrics_print(&out);
    ke_buf_add_char(&out, '\0');
    if (strstr(out.ptr, want) == NULL)
        fail_msg("no %s in:\n%s", want, out.ptr);
}

static void the_same_name_and_labels_are_one_metric(void **state)
{
    (void)state;
    struct ke_metric *a = ke_metric_counter("a_total", "code=\"200\"", "Answers.");
    struct ke_metric *b = ke_metric_counter("a_total", "code=\"404\"", "Answers.");
    assert_non_null(a);
    assert_ptr_not_equal(a, b);
    assert_ptr_equal(a, ke_metric_counter("a_total", "code=\"200\"", "Answers."));
    ke_metric_add(a, 2);
    ke_metric_add(b, 1);
    struct ke_metric *gauge = ke_metric_gauge("temperature", "", "How warm.");
    ke_metric_set(gauge, -3);
    assert_true(ke_metric_value(a) == 2);
    assert_printed(
        "# HELP a_total Answers.\n# TYPE a_total counter\na_total{code=\"200\"} 2\na_total{code=\"404\"} 1\n");
    assert_printed("# TYPE temperature gauge\ntemperature -3\n");
}

static void histograms_are_cumulative_with_sum_and_count(void **state)
{
    (void)state;
    struct ke_metric *h = ke_metric_histogram("h_seconds", "", "Time.");
    ke_metric_observe_ns(h, 10000);      /* on the edge: le is inclusive */
    ke_metric_observe_ns(h, 10001);      /* just past it */
    ke_metric_observe_ns(h, 100 * KE_S); /* over all */
    ke_metric_observe_ns(h, -5);         /* a clock that jumped */
    assert_true(ke_metric_value(h) == 4);
    assert_printed("h_seconds_bucket{le=\"1e-05\"} 2\nh_seconds_bucket{le=\"2.5e-05\"} 3\n");
    assert_printed("h_seconds_bucket{le=\"10\"} 3\nh_seconds_bucket{le=\"+Inf\"} 4\n"
                   "h_seconds_sum 100.000020001\nh_seconds_count 4\n");
    struct ke_metric *labelled = ke_metric_histogram("l_seconds", "verb=\"GET\"", "Time.");
    ke_metric_observe_ns(labelled, 1);
    assert_printed("l_seconds_bucket{verb=\"GET\",le=\"1e-05\"} 1\n");
    assert_printed("l_seconds_count{verb=\"GET\"} 1\n");
}

static void without_memory_there_is_no_metric_and_no_crash(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        test_alloc_fail_at(n);
        struct ke_metric *metric = ke_metric_histogram("rare_seconds", "", "Rare.");
        if (!test_alloc_end()) {
            assert_non_null(metric);
            break;
        }
        assert_null(metric);
        ke_metric_add(metric, 1);
        ke_metric_set(metric, 1);
        ke_metric_observe_ns(metric, 1);
        assert_true(ke_metric_value(metric) == 0);
    }
}

static void count_many(void *ctx)
{
    for (unsigned i = 0; i < 10000; i++) {
        ke_metric_add(ctx, 1);
        if (i % 1000 == 0)
            (void)ke_metric_counter("race_total", "", "Races.");
    }
}

static void threads_count_together(void **state)
{
    (void)state;
    struct ke_metric *metric = ke_metric_counter("race_total", "", "Races.");
    struct ke_thread threads[4] = { { .is_started = false } };
    struct ke_err err = KE_ERR_INIT;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(ke_thread_start(&threads[i], "counter", count_many, metric, &err), KE_OK);
    for (size_t i = 0; i < 4; i++)
        ke_thread_join(&threads[i]);
    assert_true(ke_metric_value(metric) == 40000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_name_and_labels_are_one_metric),
        cmocka_unit_test(histograms_are_cumulative_with_sum_and_count),
        cmocka_unit_test(without_memory_there_is_no_metric_and_no_crash),
        cmocka_unit_test(threads_count_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
