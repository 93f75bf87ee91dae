/* SPDX-License-Identifier: Apache-2.0 */
/* The walk, with providers that say what the test tells them. */
#include <sched.h>
#include <stdatomic.h>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/base/snap.h"
#include "core/base/thread.h"
#include "core/explain/explain.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

struct says {
    enum explain_phase phase;
    enum explain_outcome outcome;
    const char *decision; /* NULL: nothing to say */
    unsigned n_evidence;
    const char *cause;
    const char *mend;
    unsigned n_called;
};

static void say(void *ctx, struct explain_walk *walk, struct explain_request *request)
{
    struct says *says = ctx;
    says->n_called++;
    assert_true(ke_snap_thread_is_registered());
    assert_true(explain_walk_deadline_ns(walk) <= ke_now_ns() + LIMIT_TRACE_MS * KE_MS);
    if (says->decision == NULL)
        return;
    struct explain_hop *hop = explain_hop_add(walk, says->phase, says->outcome, "%s to %.*s",
                                              says->decision, KE_STR_ARG(request->host));
    for (unsigned i = 0; i < says->n_evidence; i++)
        explain_hop_evidence(walk, hop, "line %u", i);
    if (says->cause != NULL)
        explain_hop_stop(walk, hop, ke_str_c(says->cause), ke_str_c(says->mend));
}

static void add(struct explain *explain, struct says *says)
{
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(explain_register(explain, says->phase, say, says, &err), KE_OK);
}

static cJSON *trace(struct explain *explain, const char *target)
{
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf out = KE_BUF_INIT(1 << 20);
    cJSON *answer = NULL;
    if (explain_run(explain, ke_str_c(target), KE_STR("default"), KE_STR(""), &out, &err) !=
            KE_OK ||
        ke_json_parse(ke_buf_str(&out), &answer, &err) != KE_OK)
        fail_msg("%s", err.msg);
    return answer;
}

static void assert_verdict(const cJSON *answer, bool is_reachable, const char *cause,
                           const char *mend)
{
    const cJSON *verdict = ke_json_get(answer, "verdict");
    assert_int_equal(ke_json_bool(verdict, "reachable", !is_reachable), is_reachable);
    assert_true(ke_str_eq_c(ke_json_str(verdict, "cause"), cause));
    assert_true(ke_str_eq_c(ke_json_str(verdict, "mend"), mend));
}

static void phases_run_in_order_whatever_the_registration(void **state)
{
    (void)state;
    KE_AUTO(explain) *explain = explain_new();
    struct says backend = {
        .phase = EXPLAIN_BACKEND, .outcome = EXPLAIN_PASS, .decision = "connect", .n_evidence = 20
    };
    struct says name = { .phase = EXPLAIN_NAME, .outcome = EXPLAIN_PASS, .decision = "ask" };
    struct says silent = { .phase = EXPLAIN_NAME };
    struct says policy = { .phase = EXPLAIN_POLICY, .outcome = EXPLAIN_NOTE, .decision = "note" };
    struct says second = { .phase = EXPLAIN_NAME, .outcome = EXPLAIN_SKIP, .decision = "skip" };
    add(explain, &backend);
    add(explain, &name);
    add(explain, &silent);
    add(explain, &policy);
    add(explain, &second);
    ke_auto_json *answer = trace(explain, "web.prod");
    static const char *const WANT[][3] = {
        { "name", "pass", "ask to web.prod" },
        { "name", "skip", "skip to web.prod" },
        { "policy", "note", "note to web.prod" },
        { "backend", "pass", "connect to web.prod" },
    };
    const cJSON *hops = ke_json_get(answer, "hops");
    assert_int_equal(cJSON_GetArraySize(hops), KE_ARRAY_LEN(WANT));
    for (size_t i = 0; i < KE_ARRAY_LEN(WANT); i++) {
        const cJSON *hop = cJSON_GetArrayItem(hops, (int)i);
        assert_true(ke_str_eq_c(ke_json_str(hop, "phase"), WANT[i][0]));
        assert_true(ke_str_eq_c(ke_json_str(hop, "outcome"), WANT[i][1]));
        assert_true(ke_str_eq_c(ke_json_str(hop, "decision"), WANT[i][2]));
        assert_null(ke_json_get(hop, "cause"));
    }
    const cJSON *evidence = ke_json_get(cJSON_GetArrayItem(hops, 3), "evidence");
    assert_int_equal(cJSON_GetArraySize(evidence), 20);
    assert_string_equal(cJSON_GetArrayItem(evidence, 19)->valuestring, "line 19");
    assert_int_equal(silent.n_called, 1);
    assert_true(ke_str_eq_c(ke_json_str(answer, "target"), "web.prod"));
    assert_verdict(answer, true, "", "");
    assert_false(ke_snap_thread_is_registered());
}

static void the_first_stop_is_the_verdict_and_ends_the_walk(void **state)
{
    (void)state;
    KE_AUTO(explain) *explain = explain_new();
    struct says name = { .phase = EXPLAIN_NAME, .outcome = EXPLAIN_PASS, .decision = "ask" };
    struct says service = { .phase = EXPLAIN_SERVICE,
                            .outcome = EXPLAIN_NOTE,
                            .decision = "no endpoints",
                            .cause = "the selector app=web matches no pod",
                            .mend = "kubectl get pods -n prod --show-labels" };
    struct says after = { .phase = EXPLAIN_SERVICE, .outcome = EXPLAIN_STOP, .decision = "late" };
    struct says backend = { .phase = EXPLAIN_BACKEND,
                            .outcome = EXPLAIN_STOP,
                            .decision = "later" };
    add(explain, &name);
    add(explain, &service);
    add(explain, &after);
    add(explain, &backend);
    ke_auto_json *answer = trace(explain, "web.prod");
    assert_int_equal(cJSON_GetArraySize(ke_json_get(answer, "hops")), 2);
    const cJSON *hop = cJSON_GetArrayItem(ke_json_get(answer, "hops"), 1);
    assert_true(ke_str_eq_c(ke_json_str(hop, "outcome"), "stop"));
    assert_true(ke_str_eq_c(ke_json_str(hop, "cause"), "the selector app=web matches no pod"));
    assert_verdict(answer, false, "the selector app=web matches no pod",
                   "kubectl get pods -n prod --show-labels");
    assert_int_equal(after.n_called + backend.n_called, 0);
}

static void a_stop_without_a_cause_gives_its_decision(void **state)
{
    (void)state;
    KE_AUTO(explain) *explain = explain_new();
    struct says stop = { .phase = EXPLAIN_KERNEL,
                         .outcome = EXPLAIN_STOP,
                         .decision = "dropped \"here\"" };
    add(explain, &stop);
    ke_auto_json *answer = trace(explain, "web");
    assert_verdict(answer, false, "dropped \"here\" to web", "");
}

static void a_target_nobody_knows_is_not_reachable(void **state)
{
    (void)state;
    KE_AUTO(explain) *explain = explain_new();
    struct says skip = { .phase = EXPLAIN_NAME, .outcome = EXPLAIN_SKIP, .decision = "an address" };
    add(explain, &skip);
    ke_auto_json *answer = trace(explain, "192.0.2.1:80");
    assert_verdict(answer, false, "nothing on this node knows this target", "");
}

static int64_t moved_now_ns(void *ctx)
{
    return *(const int64_t *)ctx;
}

static void stay_past_the_deadline(void *ctx, struct explain_walk *walk,
                                   struct explain_request *request)
{
    (void)request;
    (void)explain_hop_add(walk, EXPLAIN_NAME, EXPLAIN_PASS, "slow");
    *(int64_t *)ctx = explain_walk_deadline_ns(walk);
}

static void a_walk_out_of_time_says_where(void **state)
{
    (void)state;
    KE_AUTO(explain) *explain = explain_new();
    int64_t time_ns = 42;
    const struct ke_clock clock = { .now_ns = moved_now_ns, .ctx = &time_ns };
    explain_set_clock(explain, &clock);
    struct says backend = { .phase = EXPLAIN_BACKEND,
                            .outcome = EXPLAIN_PASS,
                            .decision = "connect" };
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(
        explain_register(explain, EXPLAIN_NAME, stay_past_the_deadline, &time_ns, &err), KE_OK);
    add(explain, &backend);
    ke_auto_json *answer = trace(explain, "web");
    assert_verdict(answer, false, "the trace took too long to come to an end", "try again");
    const cJSON *hop = cJSON_GetArrayItem(ke_json_get(answer, "hops"), 1);
    assert_true(ke_str_eq_c(ke_json_str(hop, "phase"), "backend"));
    assert_int_equal(backend.n_called, 0);
}

static void flood(void *ctx, struct explain_walk *walk, struct explain_request *request)
{
    (void)ctx;
    (void)request;
    for (unsigned i = 0; i < 20000; i++) {
        struct explain_hop *hop = explain_hop_add(walk, EXPLAIN_NAME, EXPLAIN_NOTE, "%0100d", i);
        assert_non_null(hop);
        explain_hop_evidence(walk, hop, "%0100d", i);
        explain_hop_stop(walk, hop, KE_STR("cause"), KE_STR("mend"));
    }
}

static void running_out_of_memory_is_an_error_not_a_verdict(void **state)
{
    (void)state;
    KE_AUTO(explain) *explain = explain_new();
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(explain_register(explain, EXPLAIN_NAME, flood, NULL, &err), KE_OK);
    ke_auto_buf out = KE_BUF_INIT(1 << 24);
    assert_int_equal(explain_run(explain, KE_STR("web"), KE_STR(""), KE_STR(""), &out, &err),
                     KE_NOMEM);
    for (size_t n = 1;; n++) {
        KE_AUTO(explain) *other = explain_new();
        struct says says = {
            .phase = EXPLAIN_NAME, .outcome = EXPLAIN_PASS, .decision = "ask", .n_evidence = 100
        };
        add(other, &says);
        ke_auto_buf json = KE_BUF_INIT(1 << 20);
        test_alloc_fail_at(n);
        enum ke_code rc =
            explain_run(other, KE_STR("http://web/x"), KE_STR(""), KE_STR(""), &json, &err);
        bool has_failed = test_alloc_end();
        if (!has_failed) {
            assert_int_equal(rc, KE_OK);
            break;
        }
        assert_int_equal(rc, KE_NOMEM);
    }
}

static void a_wrong_target_is_refused(void **state)
{
    (void)state;
    KE_AUTO(explain) *explain = explain_new();
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf out = KE_BUF_INIT(1000);
    assert_int_equal(explain_run(explain, KE_STR("a b"), KE_STR(""), KE_STR(""), &out, &err),
                     KE_MALFORMED);
    assert_int_equal(out.len, 0);
}

/* ---- too many at once ---- */

static _Atomic bool may_go_on;
static _Atomic unsigned n_waiting;

static void wait_for_the_word(void *ctx, struct explain_walk *walk, struct explain_request *request)
{
    (void)ctx;
    (void)request;
    (void)explain_hop_add(walk, EXPLAIN_NAME, EXPLAIN_PASS, "waited");
    atomic_fetch_add(&n_waiting, 1);
    while (!atomic_load(&may_go_on) && ke_now_ns() < explain_walk_deadline_ns(walk))
        (void)sched_yield();
}

static void trace_in_thread(void *ctx)
{
    ke_auto_json *answer = trace(ctx, "web");
    assert_verdict(answer, true, "", "");
}

static void a_fifth_trace_is_told_to_come_back(void **state)
{
    (void)state;
    KE_AUTO(explain) *explain = explain_new();
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(explain_register(explain, EXPLAIN_NAME, wait_for_the_word, NULL, &err), KE_OK);
    struct ke_thread threads[LIMIT_TRACES] = { { .is_started = false } };
    for (size_t i = 0; i < LIMIT_TRACES; i++)
        assert_int_equal(ke_thread_start(&threads[i], "job", trace_in_thread, explain, &err),
                         KE_OK);
    int64_t deadline_ns = ke_now_ns() + 4 * KE_S;
    while (atomic_load(&n_waiting) < LIMIT_TRACES && ke_now_ns() < deadline_ns)
        (void)sched_yield();
    ke_auto_buf out = KE_BUF_INIT(1000);
    assert_int_equal(explain_run(explain, KE_STR("web"), KE_STR(""), KE_STR(""), &out, &err),
                     KE_LIMIT);
    atomic_store(&may_go_on, true);
    for (size_t i = 0; i < LIMIT_TRACES; i++)
        ke_thread_join(&threads[i]);
    assert_int_equal(explain_run(explain, KE_STR("web"), KE_STR(""), KE_STR(""), &out, &err),
                     KE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_run_in_order_whatever_the_registration),
        cmocka_unit_test(the_first_stop_is_the_verdict_and_ends_the_walk),
        cmocka_unit_test(a_stop_without_a_cause_gives_its_decision),
        cmocka_unit_test(a_target_nobody_knows_is_not_reachable),
        cmocka_unit_test(a_walk_out_of_time_says_where),
        cmocka_unit_test(running_out_of_memory_is_an_error_not_a_verdict),
        cmocka_unit_test(a_wrong_target_is_refused),
        cmocka_unit_test(a_fifth_trace_is_told_to_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
