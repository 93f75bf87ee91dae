/* SPDX-License-Identifier: Apache-2.0 */
/* The evaluator on a registry in memory: what it decides, and that it never lags behind a write. */
#include <limits.h>
#include <stdatomic.h>

#include "core/auth/rbac.h"
#include "core/base/clock.h"
#include "core/base/snap.h"
#include "core/base/thread.h"
#include "test/support/base/test.h"
#include "test/support/mem_registry.h"
#include "test/support/objects.h"

struct fixture {
    struct registry *registry;
    struct watch_hub *hub;
    struct rbac *rbac;
};

static void set_up(struct fixture *f)
{
    struct ke_err err = KE_ERR_INIT;
    *f = (struct fixture){ .registry = mem_registry_new(NULL, &err) };
    assert_non_null(f->registry);
    f->hub = watch_hub_new(f->registry, &err);
    assert_non_null(f->hub);
    f->rbac = rbac_new(f->hub);
    assert_non_null(f->rbac);
}

static void tear_down(struct fixture *f)
{
    registry_stop(f->registry);
    rbac_free(f->rbac);
    watch_hub_free(f->hub);
    registry_free(f->registry);
}
#define FIXTURE KE_CLEANUP(tear_down) struct fixture

static void put_role(struct fixture *f, const char *ns, const char *name, const char *rules)
{
    ke_auto_buf json = KE_BUF_INIT(1U << 20);
    bool is_cluster = ns[0] == '\0';
    ke_buf_addf(&json,
                "{\"kind\":\"%s\",\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"metadata\":{"
                "\"name\":\"%s\"%s%s%s},\"rules\":%s}",
                is_cluster ? "ClusterRole" : "Role", name, is_cluster ? "" : ",\"namespace\":\"",
                ns, is_cluster ? "" : "\"", rules);
    ke_buf_add_char(&json, '\0');
    (void)test_object_put(f->registry,
                          test_object_json(is_cluster ? MODEL_CLUSTERROLE : MODEL_ROLE, json.ptr));
}

static void put_binding(struct fixture *f, const char *ns, const char *name, const char *ref,
                        const char *subjects)
{
    ke_auto_buf json = KE_BUF_INIT(1U << 20);
    bool is_cluster = ns[0] == '\0';
    ke_buf_addf(
        &json,
        "{\"kind\":\"%s\",\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"metadata\":{"
        "\"name\":\"%s\"%s%s%s},\"roleRef\":{\"kind\":\"%s\",\"name\":\"%s\"},\"subjects\":%s}",
        is_cluster ? "ClusterRoleBinding" : "RoleBinding", name,
        is_cluster ? "" : ",\"namespace\":\"", ns, is_cluster ? "" : "\"",
        ref[0] == '/' ? "Role" : "ClusterRole", ref[0] == '/' ? ref + 1 : ref, subjects);
    ke_buf_add_char(&json, '\0');
    enum model_kind_id kind = is_cluster ? MODEL_CLUSTERROLEBINDING : MODEL_ROLEBINDING;
    (void)test_object_put(f->registry, test_object_json(kind, json.ptr));
}

#define PODS "[{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]"
#define BOB  "[{\"kind\":\"User\",\"name\":\"bob\"}]"

static struct auth_user user_of(const char *name)
{
    return (struct auth_user){ .name = ke_str_c(name),
                               .groups = { KE_STR("devs"), KE_STR("system:authenticated") },
                               .n_groups = 2 };
}

static bool may(struct fixture *f, const char *name, const char *ns, const char *resource)
{
    struct auth_user user = user_of(name);
    struct auth_attributes asked = { .user = &user,
                                     .verb = KE_STR("get"),
                                     .is_resource = true,
                                     .resource = ke_str_c(resource),
                                     .ns = ke_str_c(ns) };
    return rbac_authorize(f->rbac, &asked, NULL);
}

static void assert_reason(struct fixture *f, const char *name, const char *ns, bool is_allowed,
                          const char *reason)
{
    struct auth_user user = user_of(name);
    struct auth_attributes asked = { .user = &user,
                                     .verb = KE_STR("get"),
                                     .is_resource = true,
                                     .resource = KE_STR("pods"),
                                     .ns = ke_str_c(ns) };
    ke_auto_buf out = KE_BUF_INIT(65536);
    assert_int_equal(rbac_authorize(f->rbac, &asked, &out), is_allowed);
    ke_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, reason);
}

static void nobody_may_anything_at_first(void **state)
{
    (void)state;
    FIXTURE f;
    set_up(&f);
    assert_false(may(&f, "bob", "", "pods"));
    assert_reason(&f, "bob", "default", false, "");
}

static void a_binding_counts_where_it_is(void **state)
{
    (void)state;
    FIXTURE f;
    set_up(&f);
    put_role(&f, "", "reader", PODS);
    put_role(&f, "b", "local", PODS);
    put_binding(&f, "a", "x", "reader", BOB);
    put_binding(&f, "b", "y", "/local", BOB);
    put_binding(&f, "c", "z", "/local", BOB); /* that Role is of another namespace */
    assert_true(may(&f, "bob", "a", "pods"));
    assert_true(may(&f, "bob", "b", "pods"));
    assert_false(may(&f, "bob", "c", "pods"));
    assert_false(may(&f, "bob", "", "pods"));
    assert_false(may(&f, "bob", "a", "secrets"));
    assert_false(may(&f, "eve", "a", "pods"));
    put_binding(&f, "", "everywhere", "reader", BOB);
    assert_true(may(&f, "bob", "", "pods"));
    assert_true(may(&f, "bob", "c", "pods"));
}

static void subjects_are_users_groups_and_accounts(void **state)
{
    (void)state;
    FIXTURE f;
    set_up(&f);
    put_role(&f, "", "reader", PODS);
    put_binding(&f, "", "g", "reader", "[{\"kind\":\"Group\",\"name\":\"bob\"}]");
    assert_false(may(&f, "bob", "", "pods"));
    put_binding(&f, "", "u", "reader", "[{\"kind\":\"User\",\"name\":\"devs\"}]");
    assert_false(may(&f, "bob", "", "pods"));
    put_binding(&f, "", "g", "reader", "[{\"kind\":\"Group\",\"name\":\"devs\"}]");
    assert_true(may(&f, "bob", "", "pods"));
    put_binding(&f, "", "g", "reader", "[]");
    put_binding(&f, "ns", "s", "reader",
                "[{\"kind\":\"ServiceAccount\",\"name\":\"own\"},{\"kind\":\"ServiceAccount\","
                "\"name\":\"far\",\"namespace\":\"other\"}]");
    assert_true(may(&f, "system:serviceaccount:ns:own", "ns", "pods"));
    assert_true(may(&f, "system:serviceaccount:other:far", "ns", "pods"));
    assert_false(may(&f, "system:serviceaccount:ns:far", "ns", "pods"));
}

static void reasons_name_binding_role_and_subject(void **state)
{
    (void)state;
    FIXTURE f;
    set_up(&f);
    put_binding(&f, "", "n1", "gone", BOB);
    assert_reason(&f, "bob", "default", false,
                  "RBAC: clusterrole.rbac.authorization.k8s.io \"gone\" not found");
    put_binding(&f, "default", "n2", "/lost", BOB);
    assert_reason(&f, "bob", "default", false,
                  "RBAC: [clusterrole.rbac.authorization.k8s.io \"gone\" not found, "
                  "role.rbac.authorization.k8s.io \"lost\" not found]");
    put_role(&f, "default", "lost", PODS);
    assert_reason(&f, "bob", "default", true,
                  "RBAC: allowed by RoleBinding \"n2/default\" of Role \"lost\" to User \"bob\"");
    put_role(&f, "", "gone", PODS);
    assert_reason(&f, "bob", "default", true,
                  "RBAC: allowed by ClusterRoleBinding \"n1\" of ClusterRole \"gone\" to User "
                  "\"bob\"");
    put_binding(&f, "ns", "sa", "gone", "[{\"kind\":\"ServiceAccount\",\"name\":\"s\"}]");
    assert_reason(&f, "system:serviceaccount:ns:s", "ns", true,
                  "RBAC: allowed by RoleBinding \"sa/ns\" of ClusterRole \"gone\" to "
                  "ServiceAccount \"s/ns\"");
}

static void every_change_is_seen_by_the_next_question(void **state)
{
    (void)state;
    FIXTURE f;
    set_up(&f);
    put_role(&f, "", "reader", PODS);
    for (int i = 0; i < 200; i++) {
        put_binding(&f, "default", "x", "reader", BOB);
        assert_true(may(&f, "bob", "default", "pods"));
        (void)test_object_delete(f.registry, "/registry/rolebindings/default/x");
        assert_false(may(&f, "bob", "default", "pods"));
    }
}

static void a_history_that_went_on_is_listed_again(void **state)
{
    (void)state;
    FIXTURE f;
    set_up(&f);
    put_role(&f, "", "reader", PODS);
    put_binding(&f, "default", "x", "reader", BOB);
    assert_true(may(&f, "bob", "default", "pods"));
    (void)test_object_delete(f.registry, "/registry/rolebindings/default/x");
    ke_auto_buf big = KE_BUF_INIT(1U << 20);
    for (int i = 0; i < 200000; i++)
        ke_buf_add_char(&big, 'x');
    ke_buf_add_char(&big, '\0');
    for (int i = 0; i < 200; i++) /* more than the history keeps */
        (void)test_object_put(f.registry, test_object(MODEL_CONFIGMAP, "default", "big", big.ptr));
    put_binding(&f, "default", "y", "reader", "[{\"kind\":\"User\",\"name\":\"eve\"}]");
    assert_true(may(&f, "eve", "default", "pods"));
    assert_false(may(&f, "bob", "default", "pods"));
}

static void all_rules_of_somebody(void **state)
{
    (void)state;
    FIXTURE f;
    set_up(&f);
    put_role(&f, "", "reader", PODS);
    put_role(&f, "", "paths", "[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/x\"]}]");
    put_binding(&f, "", "a", "paths",
                "[{\"kind\":\"User\",\"name\":\"bob\"},{\"kind\":\"Group\",\"name\":\"devs\"}]");
    put_binding(&f, "ns", "b", "reader", BOB);
    put_binding(&f, "ns", "c", "gone", BOB);
    struct auth_user user = user_of("bob");
    struct rbac_rules rules;
    KE_AUTO(ke_arena) *arena = ke_arena_new(1U << 20);
    ke_auto_buf problems = KE_BUF_INIT(65536);
    assert_true(rbac_rules_of(f.rbac, &user, KE_STR("ns"), arena, &rules, &problems));
    assert_int_equal(rules.n, 2); /* each binding once, though it names bob twice */
    assert_true(ke_str_eq_c(rules.items[0].urls.items[0], "/x"));
    assert_true(ke_str_eq_c(rules.items[1].resources.items[0], "pods"));
    ke_buf_add_char(&problems, '\0');
    assert_string_equal(problems.ptr, "clusterrole.rbac.authorization.k8s.io \"gone\" not found");
}

/* ---- many threads: for ThreadSanitizer too */

struct asker {
    struct ke_thread thread;
    struct fixture *f;
    atomic_bool *is_over;
    atomic_uint n_asked;
    atomic_uint n_denied;
};

static void ask_on(void *ctx)
{
    struct asker *asker = ctx;
    ke_snap_thread_register();
    while (!atomic_load(asker->is_over)) {
        /* alice may always, whatever happens to bob */
        if (!may(asker->f, "alice", "default", "pods"))
            (void)atomic_fetch_add(&asker->n_denied, 1);
        (void)may(asker->f, "bob", "default", "pods");
        (void)atomic_fetch_add(&asker->n_asked, 1);
        ke_snap_quiescent();
    }
    ke_snap_thread_unregister();
}

/* How often the one asked least did. */
static unsigned least_asked(struct asker *askers, size_t n)
{
    unsigned least = UINT_MAX;
    for (size_t i = 0; i < n; i++) {
        unsigned n_asked = atomic_load(&askers[i].n_asked);
        least = n_asked < least ? n_asked : least;
    }
    return least;
}

static void readers_see_whole_snapshots(void **state)
{
    (void)state;
    FIXTURE f;
    set_up(&f);
    atomic_bool is_over = false;
    struct asker askers[3] = { { .f = NULL } };
    struct ke_err err = KE_ERR_INIT;
    put_role(&f, "", "reader", PODS);
    put_binding(&f, "default", "alice", "reader", "[{\"kind\":\"User\",\"name\":\"alice\"}]");
    for (size_t i = 0; i < KE_ARRAY_LEN(askers); i++) {
        askers[i].f = &f;
        askers[i].is_over = &is_over;
        assert_int_equal(ke_thread_start(&askers[i].thread, "asker", ask_on, &askers[i], &err),
                         KE_OK);
    }
    /* On a busy machine the writer may be done before an asker runs at all: as long as that. */
    int64_t deadline_ns = ke_now_ns() + 60 * KE_S;
    for (int i = 0; i < 300 || least_asked(askers, KE_ARRAY_LEN(askers)) < 10; i++) {
        assert_true(ke_now_ns() < deadline_ns);
        put_binding(&f, "default", "x", "reader", BOB);
        assert_true(may(&f, "bob", "default", "pods"));
        put_binding(&f, "default", "x", "reader", "[]");
        assert_false(may(&f, "bob", "default", "pods"));
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < KE_ARRAY_LEN(askers); i++)
        ke_thread_join(&askers[i].thread);
    for (size_t i = 0; i < KE_ARRAY_LEN(askers); i++)
        assert_int_equal(atomic_load(&askers[i].n_denied), 0);
    assert_true(may(&f, "alice", "default", "pods"));
    ke_snap_drain();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_may_anything_at_first),
        cmocka_unit_test(a_binding_counts_where_it_is),
        cmocka_unit_test(subjects_are_users_groups_and_accounts),
        cmocka_unit_test(reasons_name_binding_role_and_subject),
        cmocka_unit_test(every_change_is_seen_by_the_next_question),
        cmocka_unit_test(a_history_that_went_on_is_listed_again),
        cmocka_unit_test(all_rules_of_somebody),
        cmocka_unit_test(readers_see_whole_snapshots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
