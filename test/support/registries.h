/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_REGISTRIES_H
#define TEST_SUPPORT_REGISTRIES_H
/*
 * Runs the tests of a contract once for each implementation of the registry. A test takes the one
 * under test from its state: struct registry *registry = *state.
 */
#include <setjmp.h>

#include "core/registry/registry.h"
#include "test/support/base/test.h"

/* n failed tests of all implementations. name: of the contract. */
int test_each_registry(const char *name, const struct CMUnitTest *tests, size_t n_tests);

/* With a small history; for tests that overrun it. */
#define TEST_HISTORY_BYTES (64U << 10)

#endif
