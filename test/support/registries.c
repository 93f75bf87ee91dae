/* SPDX-License-Identifier: Apache-2.0 */
/* The implementations that contract tests run against. */
#include "test/support/registries.h"

#include "core/base/mem.h"
#include "test/support/mem_registry.h"

typedef struct registry *open_fn(void);

static struct registry *open_memory(void)
{
    struct ke_err err = KE_ERR_INIT;
    struct mem_registry_options options = { .history_bytes = TEST_HISTORY_BYTES };
    return mem_registry_new(&options, &err);
}

static const struct {
    const char *name;
    open_fn *open;
} implementations[] = {
    { "memory", open_memory },
};

static open_fn *current_open;

static int set_up(void **state)
{
    *state = current_open();
    return *state == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    registry_free(*state);
    return 0;
}

int test_each_registry(const char *name, const struct CMUnitTest *tests, size_t n_tests)
{
    int n_failed = 0;
    struct CMUnitTest *copy = ke_alloc_n(n_tests, sizeof(*copy));
    if (copy == NULL)
        return 1;
    for (size_t i = 0; i < n_tests; i++) {
        copy[i] = tests[i];
        copy[i].setup_func = set_up;
        copy[i].teardown_func = tear_down;
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(implementations); i++) {
        print_message("%s: %s\n", name, implementations[i].name);
        current_open = implementations[i].open;
        n_failed += _cmocka_run_group_tests(implementations[i].name, copy, n_tests, NULL, NULL);
    }
    free(copy);
    return n_failed;
}
