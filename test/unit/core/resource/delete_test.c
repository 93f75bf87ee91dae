/* SPDX-License-Identifier: Apache-2.0 */
/* Delete, finalizers, grace periods, namespaces and collections. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "test/support/mem_registry.h"
#include "test/support/resources.h"

static struct resource_request delete_request(enum model_kind_id kind, const char *ns,
                                              const char *name)
{
    return (struct resource_request){ .verb = RESOURCE_DELETE,
                                      .kind = model_kind_by_id(kind),
                                      .ns = ke_str_c(ns),
                                      .name = ke_str_c(name),
                                      .grace_period_s = -1 };
}

static void make_cm(struct test_resources *r, const char *name, const char *meta)
{
    char text[512];
    snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"%s\"%s}}", name, meta);
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", text), KE_OK);
}

static void make_pod(struct test_resources *r, const char *node)
{
    char text[512];
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"%s\","
             "\"terminationGracePeriodSeconds\":30,\"containers\":[{\"name\":\"c\",\"image\":"
             "\"x:1\"}]}}",
             node);
    if (test_create(r, MODEL_POD, "default", text) != KE_OK)
        fail_msg("%s", r->message);
}

static void a_plain_object_is_gone_at_once(void **state)
{
    struct test_resources *r = *state;
    make_cm(r, "a", "");
    char uid[64];
    snprintf(uid, sizeof(uid), "%s", test_field(r, "metadata.uid"));
    assert_int_equal(test_remove(r, MODEL_CONFIGMAP, "default", "a"), KE_OK);
    assert_true(r->is_deleted);
    assert_string_equal(test_field(r, "metadata.uid"), uid);
    assert_false(test_exists(r, MODEL_CONFIGMAP, "default", "a"));
    assert_int_equal(test_remove(r, MODEL_CONFIGMAP, "default", "a"), KE_NOT_FOUND);
    assert_string_equal(r->message, "configmaps \"a\" not found");
}

static void a_dry_run_deletes_nothing(void **state)
{
    struct test_resources *r = *state;
    make_cm(r, "a", "");
    struct resource_request request = delete_request(MODEL_CONFIGMAP, "default", "a");
    request.is_dry_run = true;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_true(test_exists(r, MODEL_CONFIGMAP, "default", "a"));
}

static void preconditions_must_hold(void **state)
{
    struct test_resources *r = *state;
    make_cm(r, "a", "");
    char uid[64];
    char wanted[512];
    snprintf(uid, sizeof(uid), "%s", test_field(r, "metadata.uid"));
    struct resource_request request = delete_request(MODEL_CONFIGMAP, "default", "a");
    request.precondition_uid = KE_STR("nope");
    assert_int_equal(test_write(r, request, NULL), KE_CONFLICT);
    snprintf(wanted, sizeof(wanted),
             "Operation cannot be fulfilled on ConfigMap \"a\": the UID in the precondition (nope) "
             "does not match the UID in record (%s). The object might have been deleted and then "
             "recreated",
             uid);
    assert_string_equal(r->message, wanted);
    assert_string_equal(r->details, "a||ConfigMap");
    request.precondition_uid = ke_str_c(uid);
    request.precondition_rv = KE_STR("1");
    assert_int_equal(test_write(r, request, NULL), KE_CONFLICT);
    request.precondition_rv = (struct ke_str){ NULL, 0 };
    assert_int_equal(test_write(r, request, NULL), KE_OK);
}

static void finalizers_keep_an_object_until_the_last_goes(void **state)
{
    struct test_resources *r = *state;
    make_cm(r, "fz", ",\"finalizers\":[\"x.y/z\"]");
    assert_int_equal(test_remove(r, MODEL_CONFIGMAP, "default", "fz"), KE_OK);
    assert_false(r->is_deleted);
    assert_string_equal(test_field(r, "metadata.deletionTimestamp"), "2026-01-01T00:00:00Z");
    assert_string_equal(test_field(r, "metadata.deletionGracePeriodSeconds"), "0");
    assert_int_equal(
        test_update(r, MODEL_CONFIGMAP, "default", "fz",
                    "{\"metadata\":{\"name\":\"fz\",\"finalizers\":[\"x.y/z\",\"a.b/c\"]"
                    "}}"),
        KE_INVALID);
    assert_string_equal(r->message,
                        "ConfigMap \"fz\" is invalid: metadata.finalizers: Forbidden: no new "
                        "finalizers can be added if the object is being deleted, found new "
                        "finalizers []string{\"a.b/c\"}");
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "default", "{\"metadata\":{\"name\":\"fz\"}}"),
                     KE_EXISTS);
    assert_string_equal(r->message, "object is being deleted: configmaps \"fz\" already exists");
    assert_int_equal(
        test_update(r, MODEL_CONFIGMAP, "default", "fz", "{\"metadata\":{\"name\":\"fz\"}}"),
        KE_OK);
    assert_false(r->is_deleted);
    assert_string_equal(test_field(r, "metadata.deletionTimestamp"), "2026-01-01T00:00:00Z");
    assert_false(test_exists(r, MODEL_CONFIGMAP, "default", "fz"));
}

static void a_second_delete_of_a_marked_object_changes_nothing(void **state)
{
    struct test_resources *r = *state;
    make_cm(r, "fz", ",\"finalizers\":[\"x.y/z\"]");
    assert_int_equal(test_remove(r, MODEL_CONFIGMAP, "default", "fz"), KE_OK);
    int64_t revision = r->revision;
    r->wall_us += 60 * 1000000;
    assert_int_equal(test_remove(r, MODEL_CONFIGMAP, "default", "fz"), KE_OK);
    assert_int_equal(r->revision, revision);
    assert_string_equal(test_field(r, "metadata.deletionTimestamp"), "2026-01-01T00:00:00Z");
}

static void propagation_is_kept_as_a_finalizer(void **state)
{
    struct test_resources *r = *state;
    make_cm(r, "a", "");
    struct resource_request request = delete_request(MODEL_CONFIGMAP, "default", "a");
    request.propagation = RESOURCE_FOREGROUND;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_false(r->is_deleted);
    assert_string_equal(test_field(r, "metadata.finalizers"), "[\"foregroundDeletion\"]");
    request.propagation = RESOURCE_ORPHAN;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_string_equal(test_field(r, "metadata.finalizers"), "[\"orphan\"]");
    request.propagation = RESOURCE_PROPAGATION_UNSET;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_string_equal(test_field(r, "metadata.finalizers"), "[\"orphan\"]");
    request.propagation = RESOURCE_BACKGROUND;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_true(r->is_deleted);
}

static void generation_grows_when_a_delete_marks(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(
        test_create(r, MODEL_INGRESS, "default",
                    "{\"metadata\":{\"name\":\"i\",\"finalizers\":[\"x.y/z\"]},\"spec\":"
                    "{\"defaultBackend\":{\"service\":{\"name\":\"s\",\"port\":{"
                    "\"number\":80}}}}}"),
        KE_OK);
    assert_int_equal(test_remove(r, MODEL_INGRESS, "default", "i"), KE_OK);
    assert_string_equal(test_field(r, "metadata.generation"), "2");
}

static void a_scheduled_pod_gets_its_grace_period(void **state)
{
    struct test_resources *r = *state;
    make_pod(r, "n1");
    assert_int_equal(test_remove(r, MODEL_POD, "default", "p"), KE_OK);
    assert_false(r->is_deleted);
    assert_string_equal(test_field(r, "metadata.deletionTimestamp"), "2026-01-01T00:00:30Z");
    assert_string_equal(test_field(r, "metadata.deletionGracePeriodSeconds"), "30");
    struct resource_request request = delete_request(MODEL_POD, "default", "p");
    request.grace_period_s = 60;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_string_equal(test_field(r, "metadata.deletionGracePeriodSeconds"), "30");
    request.grace_period_s = 10;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_string_equal(test_field(r, "metadata.deletionTimestamp"), "2026-01-01T00:00:10Z");
    request.grace_period_s = 0;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_string_equal(test_field(r, "metadata.deletionTimestamp"), "2026-01-01T00:00:00Z");
    assert_false(test_exists(r, MODEL_POD, "default", "p"));
}

static void an_unscheduled_pod_is_gone_at_once(void **state)
{
    struct test_resources *r = *state;
    make_pod(r, "");
    assert_int_equal(test_remove(r, MODEL_POD, "default", "p"), KE_OK);
    assert_false(r->is_deleted); /* upstream answers the pod */
    assert_string_equal(test_field(r, "metadata.deletionGracePeriodSeconds"), "0");
    assert_string_equal(test_field(r, "metadata.deletionTimestamp"), "2026-01-01T00:00:00Z");
    assert_false(test_exists(r, MODEL_POD, "default", "p"));
}

static void a_new_pod_is_admitted_with_upstreams_defaults(void **state)
{
    struct test_resources *r = *state;
    make_pod(r, "");
    assert_string_equal(test_field(r, "spec.serviceAccountName"), "default");
    assert_string_equal(test_field(r, "spec.priority"), "0");
    assert_string_equal(test_field(r, "spec.preemptionPolicy"), "PreemptLowerPriority");
    assert_string_equal(test_field(r, "spec.tolerations.1.key"), "node.kubernetes.io/unreachable");
    assert_string_equal(test_field(r, "spec.tolerations.1.tolerationSeconds"), "300");
    assert_int_equal(test_create(r, MODEL_POD, "default",
                                 "{\"metadata\":{\"name\":\"q\"},\"spec\":{\"serviceAccountName\":"
                                 "\"no\",\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}}"),
                     KE_DENIED);
    assert_string_equal(r->message, "pods \"q\" is forbidden: error looking up service account "
                                    "default/no: serviceaccount \"no\" not found");
}

static void a_namespace_goes_when_both_lists_of_finalizers_are_empty(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(test_create(r, MODEL_NAMESPACE, "", "{\"metadata\":{\"name\":\"dn\"}}"),
                     KE_OK);
    assert_string_equal(test_field(r, "metadata.labels"),
                        "{\"kubernetes.io/metadata.name\":\"dn\"}");
    assert_string_equal(test_field(r, "spec.finalizers"), "[\"kubernetes\"]");
    assert_string_equal(test_field(r, "status.phase"), "Active");
    assert_int_equal(test_remove(r, MODEL_NAMESPACE, "", "dn"), KE_OK);
    assert_false(r->is_deleted);
    assert_string_equal(test_field(r, "status.phase"), "Terminating");
    assert_string_equal(test_field(r, "metadata.deletionGracePeriodSeconds"), "");
    assert_int_equal(test_create(r, MODEL_CONFIGMAP, "dn", "{\"metadata\":{\"name\":\"q2\"}}"),
                     KE_DENIED);
    assert_string_equal(r->message, "configmaps \"q2\" is forbidden: unable to create new content "
                                    "in namespace dn because it is being terminated");
    assert_string_equal(r->cause,
                        "NamespaceTerminating|namespace dn is being terminated|metadata.namespace");
    struct resource_request request = { .verb = RESOURCE_UPDATE,
                                        .kind = model_kind_by_id(MODEL_NAMESPACE),
                                        .name = KE_STR("dn"),
                                        .subresource = KE_STR("finalize") };
    assert_int_equal(test_write(r, request, "{\"metadata\":{\"name\":\"dn\"},\"spec\":{}}"), KE_OK);
    assert_false(test_exists(r, MODEL_NAMESPACE, "", "dn"));
}

static void spec_finalizers_change_only_through_finalize(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(test_create(r, MODEL_NAMESPACE, "", "{\"metadata\":{\"name\":\"dn\"}}"),
                     KE_OK);
    assert_int_equal(
        test_update(r, MODEL_NAMESPACE, "", "dn",
                    "{\"metadata\":{\"name\":\"dn\",\"labels\":{\"a\":\"b\"}},\"spec\":{"
                    "\"finalizers\":[]}}"),
        KE_OK);
    assert_string_equal(test_field(r, "spec.finalizers"), "[\"kubernetes\"]");
    assert_string_equal(test_field(r, "metadata.labels.a"), "b");
}

static void some_namespaces_may_not_be_deleted(void **state)
{
    struct test_resources *r = *state;
    assert_int_equal(test_remove(r, MODEL_NAMESPACE, "", "default"), KE_DENIED);
    assert_string_equal(r->message,
                        "namespaces \"default\" is forbidden: this namespace may not be deleted");
    assert_string_equal(r->details, "default||namespaces");
}

static void a_collection_is_deleted_by_selector(void **state)
{
    struct test_resources *r = *state;
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof(name), "a%d", i);
        make_cm(r, name, ",\"labels\":{\"x\":\"1\"}");
    }
    make_cm(r, "keep", "");
    make_cm(r, "marked", ",\"labels\":{\"x\":\"1\"},\"finalizers\":[\"x.y/z\"]");
    struct resource_request request = { .verb = RESOURCE_DELETE_COLLECTION,
                                        .kind = model_kind_by_id(MODEL_CONFIGMAP),
                                        .ns = KE_STR("default"),
                                        .label_selector = KE_STR("x=1"),
                                        .grace_period_s = -1 };
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_int_equal(r->n_list, 41);
    assert_false(test_exists(r, MODEL_CONFIGMAP, "default", "a0"));
    assert_false(test_exists(r, MODEL_CONFIGMAP, "default", "a39"));
    assert_true(test_exists(r, MODEL_CONFIGMAP, "default", "keep"));
    assert_true(test_exists(r, MODEL_CONFIGMAP, "default", "marked"));
    request.label_selector = KE_STR("a=b=c");
    assert_int_equal(test_write(r, request, NULL), KE_MALFORMED);
    request.label_selector = (struct ke_str){ NULL, 0 };
    request.field_selector = KE_STR("spec.foo=1");
    assert_int_equal(test_write(r, request, NULL), KE_MALFORMED);
    assert_string_equal(r->message, "field label not supported: spec.foo");
}

static void count_answer(void *ctx, const struct resource_reply *reply)
{
    int *n = ctx;
    assert_int_equal(reply->code, KE_OK);
    assert_int_equal(reply->list->n_objects, 40);
    (*n)++;
}

static void a_collection_waits_for_a_slow_registry(void **state)
{
    struct test_resources *r = *state;
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof(name), "a%d", i);
        make_cm(r, name, "");
    }
    struct resource_request request = { .verb = RESOURCE_DELETE_COLLECTION,
                                        .kind = model_kind_by_id(MODEL_CONFIGMAP),
                                        .ns = KE_STR("default"),
                                        .grace_period_s = -1 };
    int n = 0;
    mem_registry_pause(r->registry);
    resource_submit(r->store, &request, count_answer, &n);
    assert_int_equal(n, 0);
    mem_registry_resume(r->registry);
    assert_int_equal(n, 1);
    assert_false(test_exists(r, MODEL_CONFIGMAP, "default", "a39"));
}

/* ---- what a delete leaves behind */

#define TEMPLATE                                                                                   \
    "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"restartPolicy\":\"%s\","    \
    "\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}}"

static void make_workload(struct test_resources *r, enum model_kind_id kind, const char *name)
{
    char text[512];
    snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"%s\"},\"spec\":{%s" TEMPLATE "}}", name,
             kind == MODEL_REPLICASET ? "\"selector\":{\"matchLabels\":{\"a\":\"b\"}}," : "",
             kind == MODEL_JOB ? "Never" : "Always");
    if (test_create(r, kind, "default", text) != KE_OK)
        fail_msg("%s", r->message);
}

static void old_kinds_leave_their_pods_behind(void **state)
{
    struct test_resources *r = *state;
    make_workload(r, MODEL_JOB, "j");
    struct resource_request request = delete_request(MODEL_JOB, "default", "j");
    request.propagation = RESOURCE_PROPAGATION_UNSET;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_string_equal(test_field(r, "metadata.finalizers.0"), "orphan");
    assert_non_null(strstr(r->warnings, "child pods are preserved by default"));
    request.propagation = RESOURCE_BACKGROUND;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_string_equal(r->warnings, "");
    assert_true(r->is_deleted);
    make_workload(r, MODEL_REPLICATIONCONTROLLER, "r");
    request = delete_request(MODEL_REPLICATIONCONTROLLER, "default", "r");
    request.propagation = RESOURCE_PROPAGATION_UNSET;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_string_equal(test_field(r, "metadata.finalizers.0"), "orphan");
    make_workload(r, MODEL_REPLICASET, "s");
    request = delete_request(MODEL_REPLICASET, "default", "s");
    request.propagation = RESOURCE_PROPAGATION_UNSET;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_true(r->is_deleted);
}

static void an_unset_propagation_keeps_what_was_said(void **state)
{
    struct test_resources *r = *state;
    make_workload(r, MODEL_REPLICATIONCONTROLLER, "r");
    struct resource_request request = delete_request(MODEL_REPLICATIONCONTROLLER, "default", "r");
    request.propagation = RESOURCE_FOREGROUND;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    request.propagation = RESOURCE_PROPAGATION_UNSET;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_string_equal(test_field(r, "metadata.finalizers.0"), "foregroundDeletion");
    assert_string_equal(test_field(r, "metadata.finalizers.1"), "");
}

static void a_collection_goes_as_its_options_say(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = { .verb = RESOURCE_DELETE_COLLECTION,
                                        .kind = model_kind_by_id(MODEL_JOB),
                                        .ns = KE_STR("default"),
                                        .is_dry_run = true,
                                        .grace_period_s = -1 };
    make_workload(r, MODEL_JOB, "j1");
    make_workload(r, MODEL_JOB, "j2");
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_int_equal(r->n_list, 2);
    assert_true(test_exists(r, MODEL_JOB, "default", "j1"));
    request.is_dry_run = false;
    request.precondition_uid = KE_STR("another");
    assert_int_equal(test_write(r, request, NULL), KE_CONFLICT);
    assert_true(test_exists(r, MODEL_JOB, "default", "j1"));
    request.precondition_uid = (struct ke_str){ NULL, 0 };
    request.propagation = RESOURCE_PROPAGATION_UNSET;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_true(test_exists(r, MODEL_JOB, "default", "j2")); /* until its pods are orphans */
    request.propagation = RESOURCE_BACKGROUND;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_false(test_exists(r, MODEL_JOB, "default", "j1"));
    assert_false(test_exists(r, MODEL_JOB, "default", "j2"));
}

static void a_collection_of_pods_gives_them_time(void **state)
{
    struct test_resources *r = *state;
    struct resource_request request = { .verb = RESOURCE_DELETE_COLLECTION,
                                        .kind = model_kind_by_id(MODEL_POD),
                                        .ns = KE_STR("default"),
                                        .grace_period_s = 7 };
    make_pod(r, "n1");
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_true(test_exists(r, MODEL_POD, "default", "p"));
    request.grace_period_s = 0;
    assert_int_equal(test_write(r, request, NULL), KE_OK);
    assert_false(test_exists(r, MODEL_POD, "default", "p"));
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_resources_set_up, test_resources_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_plain_object_is_gone_at_once),
        TEST(a_dry_run_deletes_nothing),
        TEST(preconditions_must_hold),
        TEST(finalizers_keep_an_object_until_the_last_goes),
        TEST(a_second_delete_of_a_marked_object_changes_nothing),
        TEST(propagation_is_kept_as_a_finalizer),
        TEST(generation_grows_when_a_delete_marks),
        TEST(a_scheduled_pod_gets_its_grace_period),
        TEST(an_unscheduled_pod_is_gone_at_once),
        TEST(a_new_pod_is_admitted_with_upstreams_defaults),
        TEST(a_namespace_goes_when_both_lists_of_finalizers_are_empty),
        TEST(spec_finalizers_change_only_through_finalize),
        TEST(some_namespaces_may_not_be_deleted),
        TEST(a_collection_is_deleted_by_selector),
        TEST(a_collection_waits_for_a_slow_registry),
        TEST(old_kinds_leave_their_pods_behind),
        TEST(an_unset_propagation_keeps_what_was_said),
        TEST(a_collection_goes_as_its_options_say),
        TEST(a_collection_of_pods_gives_them_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
