/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_SUPPORT_CONTROLLERS_H
#define TEST_SUPPORT_CONTROLLERS_H
/* The controllers on a resource store in memory, their loop turned by the test's own thread. */
#include "core/controller/controllers.h"
#include "test/support/resources.h"

struct test_controllers {
    struct test_resources r;
    struct report *report;
    struct controllers *controllers;
    struct ke_ip node_ip;
    struct ke_buf ca_pair; /* of who signs requests */
    struct token_keys *token_keys;
    struct auth_bearer *bearer;
    bool is_forbidding; /* what is asked about nodes is denied */
};

/* Synced; node "n1" at 192.0.2.1, API port 6443, DNS 10.32.0.10, CA "PEM", IngressClass kedge. */
void test_controllers_init(struct test_controllers *t);
void test_controllers_deinit(struct test_controllers *t);
/* Of cmocka: state is such a fixture. */
int test_controllers_set_up(void **state);
int test_controllers_tear_down(void **state);

/* Reads the object into t->r.object; false: not there. */
bool test_read(struct test_controllers *t, enum model_kind_id kind, const char *ns,
               const char *name);
/* Turns the loop until the object's field (a path as for test_field) has the value; "" also means:
 * not there. Fails the test after ten seconds. */
void test_wait_field(struct test_controllers *t, enum model_kind_id kind, const char *ns,
                     const char *name, const char *path, const char *value);
void test_wait_gone(struct test_controllers *t, enum model_kind_id kind, const char *ns,
                    const char *name);
/* The one slice of a Service (NULL: none or several); a reference. */
struct registry_object *test_slice_of(struct test_controllers *t, const char *ns,
                                      const char *service);
/* Turns until check says so. */
typedef bool test_check_fn(struct test_controllers *t, void *ctx);
void test_wait(struct test_controllers *t, test_check_fn *check, void *ctx, const char *what);

#endif
