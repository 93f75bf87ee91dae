/* SPDX-License-Identifier: Apache-2.0 */
/* Who may have how many requests under way. */
#include <stdio.h>

#include "core/api/flow.h"
#include "test/support/base/test.h"

static struct api_flow *flow_new(unsigned max_reads, unsigned max_writes)
{
    struct ke_err err;
    struct api_flow *flow = NULL;
    assert_int_equal(api_flow_new(max_reads, max_writes, &flow, &err), KE_OK);
    return flow;
}

/* How many more a user gets in. */
static unsigned fill(struct api_flow *flow, enum api_flow_kind kind, const char *name,
                     struct api_flow_user **out)
{
    unsigned n = 0;
    while (api_flow_enter(flow, kind, ke_str_c(name), out)) {
        n++;
    }
    return n;
}

static void leave(struct api_flow *flow, enum api_flow_kind kind, struct api_flow_user *user,
                  unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        api_flow_leave(flow, kind, user);
    }
}

static void one_client_never_takes_all(void **state)
{
    (void)state;
    struct api_flow *flow = flow_new(400, 200);
    struct api_flow_user *greedy = NULL;
    struct api_flow_user *other = NULL;
    unsigned n_greedy = fill(flow, API_FLOW_READ, "greedy", &greedy);
    assert_int_equal(n_greedy, 300);
    /* Ten others find room one after the other, and still there is some. */
    unsigned n_others[10];
    struct api_flow_user *others[10];
    for (unsigned i = 0; i < 10; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "user%u", i);
        assert_true(api_flow_enter(flow, API_FLOW_READ, ke_str_c(name), &others[i]));
        n_others[i] = 1;
    }
    assert_false(api_flow_enter(flow, API_FLOW_READ, KE_STR("greedy"), &other));
    assert_int_equal(api_flow_count(flow, API_FLOW_READ), 310);
    assert_int_equal(api_flow_count(flow, API_FLOW_WRITE), 0);
    for (unsigned i = 0; i < 10; i++) {
        leave(flow, API_FLOW_READ, others[i], n_others[i]);
    }
    leave(flow, API_FLOW_READ, greedy, n_greedy);
    assert_int_equal(api_flow_count(flow, API_FLOW_READ), 0);
    assert_int_equal(fill(flow, API_FLOW_READ, "greedy", &greedy), 300);
    leave(flow, API_FLOW_READ, greedy, 300);
    api_flow_free(flow);
}

static void reads_and_writes_are_counted_apart(void **state)
{
    (void)state;
    struct api_flow *flow = flow_new(4, 8);
    struct api_flow_user *user = NULL;
    assert_int_equal(fill(flow, API_FLOW_READ, "a", &user), 3);
    assert_int_equal(fill(flow, API_FLOW_WRITE, "a", &user), 6);
    leave(flow, API_FLOW_READ, user, 3);
    leave(flow, API_FLOW_WRITE, user, 6);
    api_flow_free(flow);
}

static void no_limit_is_no_limit(void **state)
{
    (void)state;
    struct api_flow *flow = flow_new(0, 0);
    struct api_flow_user *user = NULL;
    for (int i = 0; i < 1000; i++) {
        assert_true(api_flow_enter(flow, API_FLOW_READ, KE_STR("a"), &user));
    }
    assert_int_equal(api_flow_count(flow, API_FLOW_READ), 1000);
    leave(flow, API_FLOW_READ, user, 1000);
    api_flow_free(flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_client_never_takes_all),
        cmocka_unit_test(reads_and_writes_are_counted_apart),
        cmocka_unit_test(no_limit_is_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
