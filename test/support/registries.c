/* SPDX-License-Identifier: Apache-2.0 */
/* The implementations that contract tests run against. */
#include "test/support/registries.h"

#include "core/base/mem.h"
#include "store/sqlite/sqlite_registry.h"
#include "test/support/mem_registry.h"
#include "test/support/tmpdir.h"

typedef struct registry *open_fn(void);

static struct registry *open_memory(void)
{
    struct ke_err err = KE_ERR_INIT;
    struct mem_registry_options options = { .history_bytes = TEST_HISTORY_BYTES };
    return mem_registry_new(&options, &err);
}

static struct test_tmpdir tmpdir;

static struct registry *open_sqlite(void)
{
    struct ke_err err = KE_ERR_INIT;
    struct sqlite_registry_options options = { .history_bytes = TEST_HISTORY_BYTES };
    struct registry *registry = NULL;
    test_tmpdir_make(&tmpdir);
    if (sqlite_registry_open(test_tmpdir_path(&tmpdir, "registry.db"), &options, &registry, &err) !=
        KE_OK) {
        print_error("%s\n", err.msg);
        return NULL;
    }
    return registry;
}

static const struct {
    const char *name;
    open_fn *open;
} implementations[] = {
    { "memory", open_memory },
    { "sqlite", open_sqlite },
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
    test_tmpdir_remove(&tmpdir);
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
