/* SPDX-License-Identifier: Apache-2.0 */
/* Default roles are there and are put right at the next start; sums of roles follow their parts. */
#include <stdlib.h>

#include "core/base/json.h"
#include "test/support/controllers.h"

static bool have_roles(struct test_controllers *t, void *ctx)
{
    (void)ctx;
    return controllers_have_roles(t->controllers);
}

static void every_cluster_has_roles(void **state)
{
    struct test_controllers *t = *state;
    test_wait_field(t, MODEL_CLUSTERROLE, "", "cluster-admin", "rules.0.verbs.0", "*");
    test_wait_field(t, MODEL_CLUSTERROLEBINDING, "", "cluster-admin", "subjects.0.name",
                    "system:masters");
    test_wait_field(t, MODEL_ROLE, "kube-system", "extension-apiserver-authentication-reader",
                    "rules.0.resourceNames.0", "extension-apiserver-authentication");
    test_wait(t, have_roles, NULL, "all default roles");
}

/* Of the object read last. */
static size_t count_rules(const struct test_controllers *t, const char *resource)
{
    const cJSON *rule = NULL;
    const cJSON *it = NULL;
    size_t n = 0;
    cJSON_ArrayForEach(rule, ke_json_get(t->r.object, "rules")) {
        cJSON_ArrayForEach(it, ke_json_get(rule, "resources")) {
            n += ke_str_eq_c(ke_json_value_str(it), resource) ? 1 : 0;
        }
    }
    return n;
}

struct expected {
    const char *role, *resource;
    size_t n;
};

static bool has_rules(struct test_controllers *t, void *ctx)
{
    const struct expected *wanted = ctx;
    return test_read(t, MODEL_CLUSTERROLE, "", wanted->role) &&
           count_rules(t, wanted->resource) == wanted->n;
}

static void wait_rules(struct test_controllers *t, const char *role, const char *resource, size_t n)
{
    struct expected wanted = { role, resource, n };
    test_wait(t, has_rules, &wanted, role);
}

static void sums_follow_their_parts(void **state)
{
    struct test_controllers *t = *state;
    wait_rules(t, "view", "configmaps", 1);
    wait_rules(t, "admin", "rolebindings", 1);
    wait_rules(t, "admin", "configmaps", 2); /* of edit and of view */
    assert_int_equal(test_create(&t->r, MODEL_CLUSTERROLE, "",
                                 "{\"metadata\":{\"name\":\"part\",\"labels\":{"
                                 "\"rbac.authorization.k8s.io/aggregate-to-view\":\"true\"}},"
                                 "\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"x\"],"
                                 "\"resources\":[\"widgets\"]}]}"),
                     KE_OK);
    wait_rules(t, "view", "widgets", 1);
    wait_rules(t, "edit", "widgets", 1);
    wait_rules(t, "admin", "widgets", 1);
    assert_int_equal(test_merge(&t->r, MODEL_CLUSTERROLE, "", "view", "{\"rules\":[]}"), KE_OK);
    wait_rules(t, "view", "configmaps", 1); /* what is a sum is not written by hand */
    assert_int_equal(test_remove(&t->r, MODEL_CLUSTERROLE, "", "part"), KE_OK);
    wait_rules(t, "admin", "widgets", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_cluster_has_roles, test_controllers_set_up,
                                        test_controllers_tear_down),
        cmocka_unit_test_setup_teardown(sums_follow_their_parts, test_controllers_set_up,
                                        test_controllers_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
