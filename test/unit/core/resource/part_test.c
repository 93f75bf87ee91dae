/* SPDX-License-Identifier: Apache-2.0 */
/* Subresources: scale, eviction, binding, ephemeral containers; and what classes do to pods. */
#include <stdio.h>
#include <stdlib.h>

#include "core/base/json.h"
#include "test/support/mem_registry.h"
#include "test/support/resources.h"

#define DEPLOYMENT                                                                                 \
    "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"replicas\":2,\"selector\":{\"matchLabels\":"       \
    "{\"a\":\"b\"},\"matchExpressions\":[{\"key\":\"t\",\"operator\":\"NotIn\",\"values\":"        \
    "[\"x\"]}]},\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":"   \
    "[{\"name\":\"c\",\"image\":\"nginx:1\"}]}}}}"
#define CONTROLLER                                                                                 \
    "{\"metadata\":{\"name\":\"r\"},\"spec\":{\"replicas\":0,\"template\":{\"metadata\":"          \
    "{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"nginx:"      \
    "1\"}]}}}}"
#define POD                                                                                        \
    "{\"metadata\":{\"name\":\"p\",\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":"            \
    "[{\"name\":\"c\",\"image\":\"x:1\"}]}}"
#define POD_GATED                                                                                  \
    "{\"metadata\":{\"name\":\"p\",\"labels\":{\"a\":\"b\"}},\"spec\":{\"schedulingGates\":"       \
    "[{\"name\":\"x/y\"}],\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}}"
#define POD_BOUND                                                                                  \
    "{\"metadata\":{\"name\":\"p\",\"labels\":{\"a\":\"b\"}},\"spec\":{\"nodeName\":\"n1\","       \
    "\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}}"
#define BINDING                                                                                    \
    "{\"metadata\":{\"name\":\"p\",\"annotations\":{\"by\":\"me\"}},\"target\":{\"kind\":"         \
    "\"Node\",\"name\":\"n1\"}}"
#define EVICTION_NOW "{\"metadata\":{\"name\":\"p\"},\"deleteOptions\":{\"gracePeriodSeconds\":0}}"
#define RUNTIME                                                                                    \
    "{\"metadata\":{\"name\":\"kata\"},\"handler\":\"kata\",\"overhead\":{\"podFixed\":"           \
    "{\"cpu\":\"250m\"}},\"scheduling\":{\"nodeSelector\":{\"vm\":\"yes\"},\"tolerations\":"       \
    "[{\"key\":\"vm\",\"operator\":\"Exists\"},{\"key\":\"node.kubernetes.io/not-ready\","         \
    "\"operator\":\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":100}]}}"
#define POD_WITH(spec)                                                                             \
    "{\"metadata\":{\"name\":\"p\"},\"spec\":{" spec                                               \
    ",\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"}]}}"

static struct resource_request request_of(enum resource_verb verb, enum model_kind_id kind,
                                          const char *name, const char *subresource)
{
    return (struct resource_request){ .verb = verb,
                                      .patch = RESOURCE_PATCH_MERGE,
                                      .kind = model_kind_by_id(kind),
                                      .ns = KE_STR("default"),
                                      .name = ke_str_c(name),
                                      .subresource = ke_str_c(subresource),
                                      .grace_period_s = -1 };
}

static enum ke_code write_part(struct test_resources *r, enum resource_verb verb,
                               enum model_kind_id kind, const char *name, const char *subresource,
                               const char *body)
{
    return test_write(r, request_of(verb, kind, name, subresource), body);
}

static void create(struct test_resources *r, enum model_kind_id kind, const char *body)
{
    const char *ns = model_kind_by_id(kind)->is_namespaced ? "default" : "";
    if (test_create(r, kind, ns, body) != KE_OK)
        fail_msg("%s", r->message);
}

/* The object, or a part of it, into r->object. */
static void read_part(struct test_resources *r, enum model_kind_id kind, const char *name,
                      const char *subresource)
{
    struct registry_object *object = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (resource_get_part(r->store, model_kind_by_id(kind), ke_str_c(subresource),
                          KE_STR("default"), ke_str_c(name), &object, &err) != KE_OK)
        fail_msg("%s", err.msg);
    cJSON_Delete(r->object);
    r->object = registry_object_parse(object);
    r->revision = object->revision;
    registry_object_unref(object);
}

static void assert_field(const struct test_resources *r, const char *path, const char *value)
{
    if (strcmp(test_field(r, path), value) != 0)
        fail_msg("%s is %s, not %s", path, test_field(r, path), value);
}

/* ---- scale */

static void scale_is_one_form_for_all_kinds(void **state)
{
    struct test_resources *r = *state;
    create(r, MODEL_DEPLOYMENT, DEPLOYMENT);
    read_part(r, MODEL_DEPLOYMENT, "d", "scale");
    assert_field(r, "kind", "Scale");
    assert_field(r, "apiVersion", "autoscaling/v1");
    assert_field(r, "metadata.name", "d");
    assert_field(r, "spec.replicas", "2");
    assert_field(r, "status.replicas", "0");
    assert_field(r, "status.selector", "a=b,t notin (x)");
    create(r, MODEL_REPLICATIONCONTROLLER, CONTROLLER);
    read_part(r, MODEL_REPLICATIONCONTROLLER, "r", "scale");
    assert_field(r, "spec.replicas", "");
    assert_field(r, "status.selector", "a=b");
}

static void scaling_changes_the_replicas_and_nothing_else(void **state)
{
    struct test_resources *r = *state;
    create(r, MODEL_DEPLOYMENT, DEPLOYMENT);
    assert_int_equal(
        write_part(r, RESOURCE_PATCH, MODEL_DEPLOYMENT, "d", "scale",
                   "{\"spec\":{\"replicas\":5},\"metadata\":{\"labels\":{\"x\":\"y\"}}}"),
        KE_OK);
    assert_field(r, "kind", "Scale");
    assert_field(r, "spec.replicas", "5");
    int64_t revision = r->revision;
    read_part(r, MODEL_DEPLOYMENT, "d", "");
    assert_int_equal(r->revision, revision);
    assert_field(r, "kind", "Deployment");
    assert_field(r, "spec.replicas", "5");
    assert_field(r, "metadata.generation", "2");
    assert_field(r, "metadata.labels.x", "");
    assert_int_equal(write_part(r, RESOURCE_UPDATE, MODEL_DEPLOYMENT, "d", "scale",
                                "{\"metadata\":{\"name\":\"d\"},\"spec\":{\"replicas\":0}}"),
                     KE_OK);
    read_part(r, MODEL_DEPLOYMENT, "d", "");
    assert_field(r, "spec.replicas", "0");
}

static void a_scale_of_another_time_is_a_conflict(void **state)
{
    struct test_resources *r = *state;
    create(r, MODEL_DEPLOYMENT, DEPLOYMENT);
    assert_int_equal(write_part(r, RESOURCE_UPDATE, MODEL_DEPLOYMENT, "d", "scale",
                                "{\"metadata\":{\"name\":\"d\",\"resourceVersion\":\"1\"},"
                                "\"spec\":{\"replicas\":1}}"),
                     KE_CONFLICT);
    assert_string_equal(r->message,
                        "Operation cannot be fulfilled on deployments.apps \"d\": the object has "
                        "been modified; please apply your changes to the latest version and try "
                        "again");
}

static void a_scale_that_cannot_be_is_refused(void **state)
{
    struct test_resources *r = *state;
    create(r, MODEL_DEPLOYMENT, DEPLOYMENT);
    assert_int_equal(write_part(r, RESOURCE_PATCH, MODEL_DEPLOYMENT, "d", "scale",
                                "{\"spec\":{\"replicas\":-1}}"),
                     KE_INVALID);
    assert_string_equal(r->message, "Scale.autoscaling \"d\" is invalid: spec.replicas: Invalid "
                                    "value: -1: must be greater than or equal to 0");
    assert_string_equal(r->details, "d|autoscaling|Scale");
    assert_int_equal(write_part(r, RESOURCE_UPDATE, MODEL_DEPLOYMENT, "d", "scale",
                                "{\"kind\":\"Deployment\",\"apiVersion\":\"apps/v1\",\"metadata\":{"
                                "\"name\":\"d\"}}"),
                     KE_MALFORMED);
    assert_int_equal(write_part(r, RESOURCE_PATCH, MODEL_DEPLOYMENT, "none", "scale", "{}"),
                     KE_NOT_FOUND);
    assert_int_equal(write_part(r, RESOURCE_PATCH, MODEL_CONFIGMAP, "d", "scale", "{}"),
                     KE_NOT_FOUND);
    assert_int_equal(write_part(r, RESOURCE_DELETE, MODEL_DEPLOYMENT, "d", "scale", NULL),
                     KE_METHOD);
    assert_int_equal(write_part(r, RESOURCE_CREATE, MODEL_DEPLOYMENT, "d", "scale", "{}"),
                     KE_METHOD);
}

/* ---- binding */

static void a_pod_gets_its_node_once(void **state)
{
    struct test_resources *r = *state;
    create(r, MODEL_POD, POD);
    assert_int_equal(write_part(r, RESOURCE_CREATE, MODEL_POD, "p", "binding", BINDING), KE_OK);
    assert_null(r->object);
    read_part(r, MODEL_POD, "p", "");
    assert_field(r, "spec.nodeName", "n1");
    assert_field(r, "metadata.annotations.by", "me");
    assert_field(r, "status.conditions.0.type", "PodScheduled");
    assert_field(r, "status.conditions.0.status", "True");
    assert_int_equal(write_part(r, RESOURCE_CREATE, MODEL_POD, "p", "binding", BINDING),
                     KE_CONFLICT);
    assert_string_equal(r->message, "Operation cannot be fulfilled on pods/binding \"p\": pod p is "
                                    "already assigned to node \"n1\"");
    assert_string_equal(r->details, "p||pods/binding");
}

static void a_binding_may_come_by_its_own_path(void **state)
{
    struct test_resources *r = *state;
    create(r, MODEL_POD, POD);
    assert_int_equal(test_create(r, MODEL_BINDING, "default", BINDING), KE_OK);
    read_part(r, MODEL_POD, "p", "");
    assert_field(r, "spec.nodeName", "n1");
    assert_int_equal(test_create(r, MODEL_BINDING, "default", "{}"), KE_MALFORMED);
}

static void a_binding_that_cannot_be_is_refused(void **state)
{
    struct test_resources *r = *state;
    static const struct {
        const char *body;
        enum ke_code code;
        const char *message;
    } cases[] = {
        { "{\"metadata\":{\"name\":\"q\"},\"target\":{\"name\":\"n\"}}", KE_MALFORMED,
          "name in URL does not match name in Binding object" },
        { "{\"metadata\":{\"name\":\"p\"},\"target\":{\"kind\":\"Rack\"}}", KE_INVALID,
          "Binding \"p\" is invalid: [target.kind: Unsupported value: \"Rack\": supported values: "
          "\"Node\", \"<empty>\", target.name: Required value]" },
        { "{\"metadata\":{\"name\":\"p\",\"uid\":\"other\"},\"target\":{\"name\":\"n\"}}",
          KE_CONFLICT, NULL },
        { "{\"metadata\":{\"name\":\"p\"},\"target\":{\"name\":\"n\"}}", KE_CONFLICT,
          "Operation cannot be fulfilled on pods/binding \"p\": pod p has non-empty "
          ".spec.schedulingGates" },
    };
    create(r, MODEL_POD, POD_GATED);
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        assert_int_equal(write_part(r, RESOURCE_CREATE, MODEL_POD, "p", "binding", cases[i].body),
                         cases[i].code);
        if (cases[i].message != NULL)
            assert_string_equal(r->message, cases[i].message);
    }
    read_part(r, MODEL_POD, "p", "");
    assert_field(r, "spec.nodeName", "");
}

/* ---- eviction */

#define EVICTION                                                                                   \
    "{\"apiVersion\":\"policy/v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"p\"}}"

static enum ke_code evict(struct test_resources *r, const char *body)
{
    return write_part(r, RESOURCE_CREATE, MODEL_POD, "p", "eviction", body);
}

/* A running pod on a node, with the label a=b, ready or not. */
static void run_pod(struct test_resources *r, bool is_ready)
{
    char status[256];
    create(r, MODEL_POD, POD_BOUND);
    snprintf(status, sizeof(status),
             "{\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"Ready\",\"status\":"
             "\"%s\"}]}}",
             is_ready ? "True" : "False");
    assert_int_equal(write_part(r, RESOURCE_PATCH, MODEL_POD, "p", "status", status), KE_OK);
}

static void make_budget(struct test_resources *r, const char *name, const char *status)
{
    char text[512];
    snprintf(text, sizeof(text),
             "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"minAvailable\":1,\"selector\":{"
             "\"matchLabels\":{\"a\":\"b\"}}}}",
             name);
    create(r, MODEL_PODDISRUPTIONBUDGET, text);
    snprintf(text, sizeof(text), "{\"status\":%s}", status);
    assert_int_equal(write_part(r, RESOURCE_PATCH, MODEL_PODDISRUPTIONBUDGET, name, "status", text),
                     KE_OK);
}

static void without_a_budget_an_eviction_is_a_delete(void **state)
{
    struct test_resources *r = *state;
    run_pod(r, true);
    assert_int_equal(evict(r, EVICTION), KE_OK);
    assert_null(r->object);
    read_part(r, MODEL_POD, "p", "");
    assert_field(r, "metadata.deletionGracePeriodSeconds", "30");
    assert_field(r, "status.conditions.1.type", "DisruptionTarget");
    assert_field(r, "status.conditions.1.reason", "EvictionByEvictionAPI");
    assert_int_equal(evict(r,
                           "{\"apiVersion\":\"policy/v1beta1\",\"kind\":\"Eviction\",\"metadata\":{"
                           "\"name\":\"p\"},\"deleteOptions\":{\"gracePeriodSeconds\":0}}"),
                     KE_OK);
    assert_false(test_exists(r, MODEL_POD, "default", "p"));
}

static void an_eviction_counts_its_budget_down(void **state)
{
    struct test_resources *r = *state;
    run_pod(r, true);
    make_budget(r, "b",
                "{\"observedGeneration\":1,\"currentHealthy\":2,\"desiredHealthy\":1,"
                "\"disruptionsAllowed\":1}");
    struct resource_request dry = request_of(RESOURCE_CREATE, MODEL_POD, "p", "eviction");
    dry.is_dry_run = true;
    assert_int_equal(test_write(r, dry, EVICTION), KE_OK);
    read_part(r, MODEL_PODDISRUPTIONBUDGET, "b", "");
    assert_field(r, "status.disruptionsAllowed", "1");
    assert_int_equal(evict(r, EVICTION), KE_OK);
    read_part(r, MODEL_PODDISRUPTIONBUDGET, "b", "");
    assert_field(r, "status.disruptionsAllowed", "0");
    assert_field(r, "status.disruptedPods.p", "2026-01-01T00:00:00Z");
    assert_field(r, "status.conditions.0.type", "DisruptionAllowed");
    assert_field(r, "status.conditions.0.status", "False");
    assert_field(r, "metadata.generation", "1");
    read_part(r, MODEL_POD, "p", "");
    assert_field(r, "metadata.deletionGracePeriodSeconds", "30");
}

static void a_budget_that_is_used_up_refuses(void **state)
{
    struct test_resources *r = *state;
    static const struct {
        const char *status, *cause;
        uint32_t retry_after_s;
    } cases[] = {
        { "{\"observedGeneration\":1,\"currentHealthy\":1,\"desiredHealthy\":1}",
          "DisruptionBudget|The disruption budget b needs 1 healthy pods and has 1 currently|", 0 },
        { "{\"observedGeneration\":0,\"disruptionsAllowed\":3}",
          "DisruptionBudget|The disruption budget b is still being processed by the server.|", 10 },
        { "{\"observedGeneration\":1,\"disruptionsAllowed\":0,\"conditions\":[{\"type\":"
          "\"DisruptionAllowed\",\"status\":\"False\",\"reason\":\"SyncFailed\",\"message\":\"no "
          "controller\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]}",
          "DisruptionBudget|The disruption budget b does not allow evicting pods currently because "
          "it failed sync: no controller|",
          0 },
    };
    run_pod(r, true);
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        make_budget(r, "b", cases[i].status);
        assert_int_equal(evict(r, EVICTION), KE_LIMIT);
        assert_string_equal(r->message, "Cannot evict pod as it would violate the pod's disruption "
                                        "budget.");
        assert_string_equal(r->cause, cases[i].cause);
        assert_int_equal(r->retry_after_s, cases[i].retry_after_s);
        assert_int_equal(test_remove(r, MODEL_PODDISRUPTIONBUDGET, "default", "b"), KE_OK);
    }
    read_part(r, MODEL_POD, "p", "");
    assert_field(r, "metadata.deletionTimestamp", "");
}

static void a_pod_with_two_budgets_cannot_be_evicted(void **state)
{
    struct test_resources *r = *state;
    run_pod(r, true);
    make_budget(r, "b", "{\"observedGeneration\":1,\"disruptionsAllowed\":1}");
    make_budget(r, "c", "{\"observedGeneration\":1,\"disruptionsAllowed\":1}");
    assert_int_equal(evict(r, EVICTION), KE_BUG);
    assert_string_equal(r->message, "This pod has more than one PodDisruptionBudget, which the "
                                    "eviction subresource does not support.");
}

static void pods_that_are_not_ready_may_go_by_policy(void **state)
{
    struct test_resources *r = *state;
    run_pod(r, false);
    make_budget(r, "b", "{\"observedGeneration\":1,\"currentHealthy\":0,\"desiredHealthy\":1}");
    assert_int_equal(evict(r, EVICTION), KE_LIMIT);
    assert_int_equal(test_merge(r, MODEL_PODDISRUPTIONBUDGET, "default", "b",
                                "{\"spec\":{\"unhealthyPodEvictionPolicy\":\"AlwaysAllow\"}}"),
                     KE_OK);
    assert_int_equal(evict(r, EVICTION), KE_OK);
}

static void pods_that_are_not_ready_do_not_count_when_enough_are(void **state)
{
    struct test_resources *r = *state;
    run_pod(r, false);
    make_budget(r, "b", "{\"observedGeneration\":1,\"currentHealthy\":1,\"desiredHealthy\":1}");
    assert_int_equal(evict(r, EVICTION), KE_OK);
    read_part(r, MODEL_PODDISRUPTIONBUDGET, "b", "");
    assert_field(r, "status.disruptedPods.p", "");
}

static void pods_that_do_nothing_need_no_budget(void **state)
{
    struct test_resources *r = *state;
    static const char *const phases[] = { "Pending", "Succeeded", "Failed" };
    for (size_t i = 0; i < KE_ARRAY_LEN(phases); i++) {
        char status[64];
        run_pod(r, true);
        snprintf(status, sizeof(status), "{\"status\":{\"phase\":\"%s\"}}", phases[i]);
        assert_int_equal(write_part(r, RESOURCE_PATCH, MODEL_POD, "p", "status", status), KE_OK);
        make_budget(r, "b", "{\"observedGeneration\":1}");
        assert_int_equal(evict(r, EVICTION_NOW), KE_OK);
        assert_false(test_exists(r, MODEL_POD, "default", "p"));
        assert_int_equal(test_remove(r, MODEL_PODDISRUPTIONBUDGET, "default", "b"), KE_OK);
    }
}

static void an_eviction_keeps_its_preconditions(void **state)
{
    struct test_resources *r = *state;
    run_pod(r, true);
    assert_int_equal(evict(r,
                           "{\"metadata\":{\"name\":\"p\"},\"deleteOptions\":{\"preconditions\":{"
                           "\"uid\":\"other\"}}}"),
                     KE_CONFLICT);
    assert_int_equal(evict(r, "{\"metadata\":{\"name\":\"q\"}}"), KE_MALFORMED);
    assert_string_equal(r->message, "name in URL does not match name in Eviction object");
    assert_int_equal(evict(r, "{\"metadata\":{\"name\":\"p\"},\"deleteOptions\":{"
                              "\"propagationPolicy\":\"Sideways\"}}"),
                     KE_INVALID);
    assert_int_equal(
        evict(r, "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"}}"),
        KE_MALFORMED);
    read_part(r, MODEL_POD, "p", "");
    assert_field(r, "metadata.deletionTimestamp", "");
}

/* ---- ephemeral containers */

static void a_running_pod_gets_a_debugger(void **state)
{
    struct test_resources *r = *state;
    run_pod(r, true);
    struct resource_request patch =
        request_of(RESOURCE_PATCH, MODEL_POD, "p", "ephemeralcontainers");
    patch.patch = RESOURCE_PATCH_STRATEGIC;
    assert_int_equal(
        test_write(r, patch,
                   "{\"spec\":{\"nodeName\":\"other\",\"ephemeralContainers\":[{\"name\":"
                   "\"dbg\",\"image\":\"busybox\",\"targetContainerName\":\"c\"}]}}"),
        KE_OK);
    assert_field(r, "kind", "Pod");
    assert_field(r, "spec.nodeName", "n1");
    assert_field(r, "spec.ephemeralContainers.0.name", "dbg");
    assert_field(r, "spec.ephemeralContainers.0.imagePullPolicy", "Always");
    assert_int_equal(test_write(r, patch,
                                "{\"spec\":{\"ephemeralContainers\":[{\"name\":\"dbg\",\"image\":"
                                "\"other\"}]}}"),
                     KE_INVALID);
    assert_string_equal(r->message, "Pod \"p\" is invalid: spec.ephemeralContainers: Forbidden: "
                                    "existing ephemeral containers \"dbg\" may not be changed\n");
    patch.patch = RESOURCE_PATCH_MERGE;
    assert_int_equal(test_write(r, patch, "{\"spec\":{\"ephemeralContainers\":null}}"), KE_INVALID);
    assert_int_equal(
        test_write(
            r, patch,
            "{\"spec\":{\"ephemeralContainers\":[{\"name\":\"dbg\",\"image\":\"busybox\","
            "\"targetContainerName\":\"c\",\"imagePullPolicy\":\"Always\"},{\"name\":\"c\",\"image\":\"x\","
            "\"ports\":[{\"containerPort\":1}],\"targetContainerName\":\"none\"}]}}"),
        KE_INVALID);
    assert_string_equal(r->issues,
                        "spec.ephemeralContainers[1].name: Duplicate value: \"c\"\n"
                        "spec.ephemeralContainers[1].targetContainerName: Not found: \"none\"\n"
                        "spec.ephemeralContainers[1].ports: Forbidden: cannot be set for an "
                        "Ephemeral Container\n");
}

/* ---- classes */

static void priority_is_the_number_of_the_class(void **state)
{
    struct test_resources *r = *state;
    create(r, MODEL_PRIORITYCLASS,
           "{\"metadata\":{\"name\":\"high\"},\"value\":7,"
           "\"preemptionPolicy\":\"Never\"}");
    create(r, MODEL_POD, POD);
    assert_field(r, "spec.priority", "0");
    assert_field(r, "spec.preemptionPolicy", "PreemptLowerPriority");
    assert_int_equal(test_remove(r, MODEL_POD, "default", "p"), KE_OK);
    create(r, MODEL_POD, POD_WITH("\"priorityClassName\":\"high\""));
    assert_field(r, "spec.priority", "7");
    assert_field(r, "spec.preemptionPolicy", "Never");
    assert_int_equal(test_create(r, MODEL_POD, "default", POD_WITH("\"priorityClassName\":\"no\"")),
                     KE_DENIED);
    assert_string_equal(r->message,
                        "pods \"p\" is forbidden: no PriorityClass with name no was found");
    assert_int_equal(test_create(r, MODEL_POD, "default", POD_WITH("\"priority\":9")), KE_DENIED);
    assert_string_equal(r->message,
                        "pods \"p\" is forbidden: the integer value of priority (9) must not be "
                        "provided in pod spec; priority admission controller computed 0 from the "
                        "given PriorityClass name");
}

static void there_is_one_default_class(void **state)
{
    struct test_resources *r = *state;
    create(r, MODEL_PRIORITYCLASS,
           "{\"metadata\":{\"name\":\"usual\"},\"value\":3,\"globalDefault\":true}");
    assert_int_equal(
        test_create(r, MODEL_PRIORITYCLASS, "",
                    "{\"metadata\":{\"name\":\"too\"},\"value\":4,\"globalDefault\":true}"),
        KE_DENIED);
    assert_string_equal(r->message,
                        "priorityclasses.scheduling.k8s.io \"too\" is forbidden: PriorityClass "
                        "usual is already marked as default. Only one default can exist");
    create(r, MODEL_PRIORITYCLASS, "{\"metadata\":{\"name\":\"other\"},\"value\":4}");
    assert_int_equal(test_merge(r, MODEL_PRIORITYCLASS, "", "other", "{\"globalDefault\":true}"),
                     KE_DENIED);
    assert_int_equal(test_merge(r, MODEL_PRIORITYCLASS, "", "usual", "{\"description\":\"x\"}"),
                     KE_OK);
    create(r, MODEL_POD, POD);
    assert_field(r, "spec.priorityClassName", "usual");
    assert_field(r, "spec.priority", "3");
}

static void classes_of_the_system_stay(void **state)
{
    struct test_resources *r = *state;
    create(r, MODEL_PRIORITYCLASS,
           "{\"metadata\":{\"name\":\"system-node-critical\"},\"value\":2000001000}");
    assert_int_equal(test_remove(r, MODEL_PRIORITYCLASS, "", "system-node-critical"), KE_DENIED);
    assert_string_equal(r->message, "priorityclasses.scheduling.k8s.io \"system-node-critical\" is "
                                    "forbidden: this is a system priority class and cannot be "
                                    "deleted");
}

static void a_runtime_class_has_a_price_and_places(void **state)
{
    struct test_resources *r = *state;
    create(r, MODEL_RUNTIMECLASS, RUNTIME);
    create(r, MODEL_POD, POD_WITH("\"runtimeClassName\":\"kata\""));
    assert_field(r, "spec.overhead.cpu", "250m");
    assert_field(r, "spec.nodeSelector.vm", "yes");
    assert_field(r, "spec.tolerations.2.key", "vm");
    assert_field(r, "spec.tolerations.3.key", "");
    static const struct {
        const char *body, *message;
    } cases[] = {
        { POD_WITH("\"runtimeClassName\":\"gvisor\""),
          "pods \"p\" is forbidden: pod rejected: RuntimeClass \"gvisor\" not found" },
        { POD_WITH("\"overhead\":{\"cpu\":\"1\"}"),
          "pods \"p\" is forbidden: pod rejected: Pod Overhead set without corresponding "
          "RuntimeClass defined Overhead" },
        { POD_WITH("\"runtimeClassName\":\"kata\",\"overhead\":{\"cpu\":\"1\"}"),
          "pods \"p\" is forbidden: pod rejected: Pod's Overhead doesn't match RuntimeClass's "
          "defined Overhead" },
        { POD_WITH("\"runtimeClassName\":\"kata\",\"nodeSelector\":{\"vm\":\"no\"}"),
          "pods \"p\" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; "
          "pod.spec.nodeSelector[vm] = no" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        assert_int_equal(test_create(r, MODEL_POD, "default", cases[i].body), KE_DENIED);
        assert_string_equal(r->message, cases[i].message);
    }
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, test_resources_set_up, test_resources_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(scale_is_one_form_for_all_kinds),
        TEST(scaling_changes_the_replicas_and_nothing_else),
        TEST(a_scale_of_another_time_is_a_conflict),
        TEST(a_scale_that_cannot_be_is_refused),
        TEST(a_pod_gets_its_node_once),
        TEST(a_binding_may_come_by_its_own_path),
        TEST(a_binding_that_cannot_be_is_refused),
        TEST(without_a_budget_an_eviction_is_a_delete),
        TEST(an_eviction_counts_its_budget_down),
        TEST(a_budget_that_is_used_up_refuses),
        TEST(a_pod_with_two_budgets_cannot_be_evicted),
        TEST(pods_that_are_not_ready_may_go_by_policy),
        TEST(pods_that_are_not_ready_do_not_count_when_enough_are),
        TEST(pods_that_do_nothing_need_no_budget),
        TEST(an_eviction_keeps_its_preconditions),
        TEST(a_running_pod_gets_a_debugger),
        TEST(priority_is_the_number_of_the_class),
        TEST(there_is_one_default_class),
        TEST(classes_of_the_system_stay),
        TEST(a_runtime_class_has_a_price_and_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
