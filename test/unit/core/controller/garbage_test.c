/* SPDX-License-Identifier: Apache-2.0 */
/* Garbage by ownerReferences: background, foreground, orphans, several owners, circles. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "core/controller/garbage_decide.h"
#include "test/support/controllers.h"

/* A ConfigMap with the references given as JSON; its uid. */
static const char *make(struct test_controllers *t, const char *name, const char *refs)
{
    static char uid[64];
    char text[1024];
    snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"%s\",\"ownerReferences\":[%s]}}", name,
             refs);
    if (test_create(&t->r, MODEL_CONFIGMAP, "default", text) != KE_OK)
        fail_msg("%s", t->r.message);
    snprintf(uid, sizeof(uid), "%s", test_field(&t->r, "metadata.uid"));
    return uid;
}

static const char *ref(const char *name, const char *uid, bool is_blocking)
{
    static char text[4][256];
    static int next;
    char *out = text[next++ % 4];
    snprintf(out, sizeof(text[0]),
             "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"name\":\"%s\",\"uid\":\"%s\","
             "\"blockOwnerDeletion\":%s}",
             name, uid, is_blocking ? "true" : "false");
    return out;
}

static enum ke_code remove_with(struct test_controllers *t, const char *name,
                                enum resource_propagation propagation)
{
    struct resource_request request = { .verb = RESOURCE_DELETE,
                                        .kind = model_kind_by_id(MODEL_CONFIGMAP),
                                        .ns = KE_STR("default"),
                                        .name = ke_str_c(name),
                                        .propagation = propagation,
                                        .grace_period_s = -1 };
    return test_write(&t->r, request, NULL);
}

static void gone(struct test_controllers *t, const char *name)
{
    test_wait_gone(t, MODEL_CONFIGMAP, "default", name);
}

/* Waits until an object made now has been seen: everything before was seen too. */
static void settle(struct test_controllers *t, const char *name)
{
    make(t, name, ref("nobody", "no-such-uid", false));
    gone(t, name);
}

static void dependents_go_with_their_owner(void **state)
{
    struct test_controllers *t = *state;
    char uid[64];
    snprintf(uid, sizeof(uid), "%s", make(t, "owner", ""));
    make(t, "child", ref("owner", uid, true));
    settle(t, "s1");
    assert_true(test_exists(&t->r, MODEL_CONFIGMAP, "default", "child"));
    assert_int_equal(remove_with(t, "owner", RESOURCE_BACKGROUND), KE_OK);
    assert_true(t->r.is_deleted);
    gone(t, "child");
}

static void an_owner_is_known_by_uid(void **state)
{
    struct test_controllers *t = *state;
    make(t, "owner", "");
    make(t, "child", ref("owner", "another-uid", false));
    gone(t, "child");
    assert_true(test_exists(&t->r, MODEL_CONFIGMAP, "default", "owner"));
}

static void another_live_owner_keeps_it(void **state)
{
    struct test_controllers *t = *state;
    char first[64];
    char second[64];
    char refs[600];
    snprintf(first, sizeof(first), "%s", make(t, "one", ""));
    snprintf(second, sizeof(second), "%s", make(t, "two", ""));
    snprintf(refs, sizeof(refs), "%s,%s", ref("one", first, false), ref("two", second, false));
    make(t, "child", refs);
    assert_int_equal(remove_with(t, "one", RESOURCE_BACKGROUND), KE_OK);
    test_wait_field(t, MODEL_CONFIGMAP, "default", "child", "metadata.ownerReferences.1", "");
    assert_string_equal(test_field(&t->r, "metadata.ownerReferences.0.uid"), second);
    assert_int_equal(remove_with(t, "two", RESOURCE_BACKGROUND), KE_OK);
    gone(t, "child");
}

static void unknown_kinds_of_owner_are_left_alone(void **state)
{
    struct test_controllers *t = *state;
    make(t, "child",
         "{\"apiVersion\":\"example.com/v1\",\"kind\":\"Widget\",\"name\":\"w\",\"uid\":\"u\"}");
    settle(t, "s1");
    assert_true(test_exists(&t->r, MODEL_CONFIGMAP, "default", "child"));
}

static void a_foreground_owner_waits_for_those_who_block(void **state)
{
    struct test_controllers *t = *state;
    char uid[64];
    char text[600];
    snprintf(uid, sizeof(uid), "%s", make(t, "owner", ""));
    snprintf(
        text, sizeof(text),
        "{\"metadata\":{\"name\":\"held\",\"finalizers\":[\"x.y/z\"],\"ownerReferences\":[%s]}}",
        ref("owner", uid, true));
    assert_int_equal(test_create(&t->r, MODEL_CONFIGMAP, "default", text), KE_OK);
    make(t, "free", ref("owner", uid, false));
    assert_int_equal(remove_with(t, "owner", RESOURCE_FOREGROUND), KE_OK);
    assert_false(t->r.is_deleted);
    test_wait_field(t, MODEL_CONFIGMAP, "default", "held", "metadata.deletionGracePeriodSeconds",
                    "0");
    gone(t, "free"); /* it does not wait for the one that is held */
    settle(t, "s1");
    assert_true(test_exists(&t->r, MODEL_CONFIGMAP, "default", "owner"));
    assert_int_equal(test_merge(&t->r, MODEL_CONFIGMAP, "default", "held",
                                "{\"metadata\":{\"finalizers\":null}}"),
                     KE_OK);
    gone(t, "owner");
    gone(t, "held");
}

/* An owner is looked for where its dependent is: elsewhere there is none. */
static void an_owner_in_another_namespace_is_none(void **state)
{
    struct test_controllers *t = *state;
    char uid[64];
    char text[600];
    snprintf(uid, sizeof(uid), "%s", make(t, "owner", ""));
    assert_int_equal(test_create(&t->r, MODEL_NAMESPACE, "", "{\"metadata\":{\"name\":\"other\"}}"),
                     KE_OK);
    snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"far\",\"ownerReferences\":[%s]}}",
             ref("owner", uid, true));
    assert_int_equal(test_create(&t->r, MODEL_CONFIGMAP, "other", text), KE_OK);
    test_wait_gone(t, MODEL_CONFIGMAP, "other", "far");
    assert_true(test_exists(&t->r, MODEL_CONFIGMAP, "default", "owner"));
}

/* What is of the whole cluster cannot belong to something of a namespace, and is left alone. */
static void a_cluster_object_is_not_collected_for_a_namespaced_owner(void **state)
{
    struct test_controllers *t = *state;
    char text[600];
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"pc\",\"ownerReferences\":[%s]},\"value\":1}",
             ref("nobody", "no-such-uid", true));
    assert_int_equal(test_create(&t->r, MODEL_PRIORITYCLASS, "", text), KE_OK);
    settle(t, "s1");
    assert_true(test_exists(&t->r, MODEL_PRIORITYCLASS, "", "pc"));
}

/* And one of a namespace can belong to one of the cluster. */
static void a_cluster_owner_takes_its_dependents_along(void **state)
{
    struct test_controllers *t = *state;
    char text[600];
    char uid[64];
    assert_int_equal(
        test_create(&t->r, MODEL_PRIORITYCLASS, "", "{\"metadata\":{\"name\":\"pc\"},\"value\":1}"),
        KE_OK);
    snprintf(uid, sizeof(uid), "%s", test_field(&t->r, "metadata.uid"));
    snprintf(text, sizeof(text),
             "{\"apiVersion\":\"scheduling.k8s.io/v1\",\"kind\":\"PriorityClass\",\"name\":\"pc\","
             "\"uid\":\"%s\"}",
             uid);
    make(t, "child", text);
    settle(t, "s1");
    assert_true(test_exists(&t->r, MODEL_CONFIGMAP, "default", "child"));
    assert_int_equal(test_remove(&t->r, MODEL_PRIORITYCLASS, "", "pc"), KE_OK);
    gone(t, "child");
}

/* A pod with two controllers of which one is deleted in the foreground stays with the other. */
static void a_second_owner_saves_from_a_foreground_delete(void **state)
{
    struct test_controllers *t = *state;
    char first[64];
    char second[64];
    char refs[600];
    snprintf(first, sizeof(first), "%s", make(t, "one", ""));
    snprintf(second, sizeof(second), "%s", make(t, "two", ""));
    snprintf(refs, sizeof(refs), "%s,%s", ref("one", first, true), ref("two", second, true));
    make(t, "child", refs);
    assert_int_equal(remove_with(t, "one", RESOURCE_FOREGROUND), KE_OK);
    gone(t, "one");
    assert_true(test_exists(&t->r, MODEL_CONFIGMAP, "default", "child"));
    test_wait_field(t, MODEL_CONFIGMAP, "default", "child", "metadata.ownerReferences.0.uid",
                    second);
}

static void orphans_stay_without_owner(void **state)
{
    struct test_controllers *t = *state;
    char uid[64];
    snprintf(uid, sizeof(uid), "%s", make(t, "owner", ""));
    make(t, "child", ref("owner", uid, true));
    make(t, "child2", ref("owner", uid, true));
    settle(t, "s1");
    assert_int_equal(remove_with(t, "owner", RESOURCE_ORPHAN), KE_OK);
    gone(t, "owner");
    test_wait_field(t, MODEL_CONFIGMAP, "default", "child", "metadata.ownerReferences.0", "");
    settle(t, "s2");
    assert_true(test_exists(&t->r, MODEL_CONFIGMAP, "default", "child"));
    assert_true(test_exists(&t->r, MODEL_CONFIGMAP, "default", "child2"));
}

static void a_circle_does_not_block(void **state)
{
    struct test_controllers *t = *state;
    char a[64];
    char b[64];
    char c[64];
    char text[600];
    snprintf(a, sizeof(a), "%s", make(t, "a", ""));
    snprintf(b, sizeof(b), "%s", make(t, "b", ref("a", a, true)));
    snprintf(c, sizeof(c), "%s", make(t, "c", ref("b", b, true)));
    snprintf(text, sizeof(text), "{\"metadata\":{\"ownerReferences\":[%s]}}", ref("c", c, true));
    assert_int_equal(test_merge(&t->r, MODEL_CONFIGMAP, "default", "a", text), KE_OK);
    settle(t, "s1");
    assert_int_equal(remove_with(t, "a", RESOURCE_FOREGROUND), KE_OK);
    gone(t, "a");
    gone(t, "b");
    gone(t, "c");
}

#define S GARBAGE_OWNER_SOLID
#define W GARBAGE_OWNER_WAITING
#define A GARBAGE_OWNER_ABSENT

static void decisions_follow_the_owners(void **state)
{
    (void)state;
    static const struct {
        enum garbage_owner owners[2];
        size_t n;
        bool is_deleting, has_dependents, has_waiting_dependent, has_orphan;
        enum garbage_action action;
        enum resource_propagation propagation;
        bool is_unblocking;
    } cases[] = {
        { { S }, 1, false, false, false, false, GARBAGE_KEEP, 0, false },
        { { A }, 1, false, false, false, false, GARBAGE_DELETE, RESOURCE_BACKGROUND, false },
        { { A, S }, 2, false, false, false, false, GARBAGE_CUT, 0, false },
        { { W, S }, 2, false, false, false, false, GARBAGE_CUT, 0, false },
        { { A, A }, 2, false, false, false, true, GARBAGE_DELETE, RESOURCE_ORPHAN, false },
        { { W }, 1, false, false, false, false, GARBAGE_DELETE, RESOURCE_BACKGROUND, false },
        { { W }, 1, false, true, false, false, GARBAGE_DELETE, RESOURCE_FOREGROUND, false },
        { { W }, 1, false, true, true, false, GARBAGE_DELETE, RESOURCE_FOREGROUND, true },
        { { A }, 1, true, false, false, false, GARBAGE_KEEP, 0, false },
        { { A }, 0, false, false, false, false, GARBAGE_KEEP, 0, false },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        struct garbage_view view = { .owners = cases[i].owners,
                                     .n_owners = cases[i].n,
                                     .is_deleting = cases[i].is_deleting,
                                     .has_orphan = cases[i].has_orphan,
                                     .has_dependents = cases[i].has_dependents,
                                     .has_waiting_dependent = cases[i].has_waiting_dependent };
        struct garbage_decision decision = garbage_decide(&view);
        assert_int_equal(decision.action, cases[i].action);
        if (decision.action == GARBAGE_DELETE) {
            assert_int_equal(decision.propagation, cases[i].propagation);
            assert_int_equal(decision.is_unblocking, cases[i].is_unblocking);
        }
    }
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_controllers_set_up, test_controllers_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(dependents_go_with_their_owner),
        TEST(an_owner_is_known_by_uid),
        TEST(another_live_owner_keeps_it),
        TEST(unknown_kinds_of_owner_are_left_alone),
        TEST(a_foreground_owner_waits_for_those_who_block),
        TEST(an_owner_in_another_namespace_is_none),
        TEST(a_cluster_object_is_not_collected_for_a_namespaced_owner),
        TEST(a_cluster_owner_takes_its_dependents_along),
        TEST(a_second_owner_saves_from_a_foreground_delete),
        TEST(orphans_stay_without_owner),
        TEST(a_circle_does_not_block),
        cmocka_unit_test(decisions_follow_the_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
