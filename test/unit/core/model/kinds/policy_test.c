/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Budgets, autoscalers and classes: defaults, refusals, updates, status, and what one version shows
 * of another.
 */
#include "test/unit/core/model/kinds/write.h"

static const struct {
    const char *object, *has;
} created[] = {
    { "{\"kind\":\"PodDisruptionBudget\",\"apiVersion\":\"policy/v1\",\"metadata\":{\"name\":"
      "\"x\"},\"spec\":{\"minAvailable\":1,\"selector\":{\"matchLabels\":{\"a\":\"b\"}}}}",
      "{\"spec\":{\"minAvailable\":1,\"selector\":{\"matchLabels\":{\"a\":\"b\"}}},\"status\":"
      "{\"disruptionsAllowed\":0,\"currentHealthy\":0,\"desiredHealthy\":0,\"expectedPods\":"
      "0}}" },
    { "{\"kind\":\"HorizontalPodAutoscaler\",\"apiVersion\":\"autoscaling/v2\",\"metadata\":"
      "{\"name\":\"h\"},\"spec\":{\"maxReplicas\":3,\"scaleTargetRef\":{\"kind\":\"Deployment\","
      "\"name\":\"x\"}}}",
      "{\"spec\":{\"minReplicas\":1,\"maxReplicas\":3,\"scaleTargetRef\":{\"kind\":\"Deployment\","
      "\"name\":\"x\"},\"metrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\","
      "\"target\":{\"type\":\"Utilization\",\"averageUtilization\":80}}}]},\"status\":"
      "{\"desiredReplicas\":0}}" },
    { "{\"kind\":\"HorizontalPodAutoscaler\",\"apiVersion\":\"autoscaling/v2\",\"metadata\":"
      "{\"name\":\"h\"},\"spec\":{\"maxReplicas\":3,\"behavior\":{\"scaleUp\":{\"stabilizationWindowSeconds\":"
      "9}},\"metrics\":[],\"scaleTargetRef\":{\"kind\":\"Deployment\",\"name\":\"x\"}}}",
      "{\"spec\":{\"minReplicas\":1,\"maxReplicas\":3,\"scaleTargetRef\":{\"kind\":\"Deployment\","
      "\"name\":\"x\"},\"metrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\","
      "\"target\":{\"type\":\"Utilization\",\"averageUtilization\":80}}}],\"behavior\":"
      "{\"scaleUp\":{\"stabilizationWindowSeconds\":9,\"selectPolicy\":\"Max\",\"policies\":"
      "[{\"type\":\"Pods\",\"value\":4,\"periodSeconds\":15},{\"type\":\"Percent\",\"value\":"
      "100,\"periodSeconds\":15}]},\"scaleDown\":{\"selectPolicy\":\"Max\",\"policies\":"
      "[{\"type\":\"Percent\",\"value\":100,\"periodSeconds\":15}]}}}}" },
    { "{\"kind\":\"PriorityClass\",\"apiVersion\":\"scheduling.k8s.io/v1\",\"metadata\":"
      "{\"name\":\"p\"},\"value\":5}",
      "{\"value\":5,\"preemptionPolicy\":\"PreemptLowerPriority\"}" },
};

static const struct {
    const char *object, *issues;
} refused[] = {
    { "{\"kind\":\"PodDisruptionBudget\",\"apiVersion\":\"policy/v1\",\"metadata\":{\"name\":"
      "\"x\"},\"spec\":{\"minAvailable\":1,\"maxUnavailable\":\"150%\"}}",
      "[spec: Invalid value: {\"minAvailable\":1,\"maxUnavailable\":\"150%\"}: minAvailable "
      "and maxUnavailable cannot be both set, spec.maxUnavailable: Invalid value: 150%:"
      " must not be greater than 100%]" },
    { "{\"kind\":\"PodDisruptionBudget\",\"apiVersion\":\"policy/v1\",\"metadata\":{\"name\":"
      "\"x\"},\"spec\":{\"maxUnavailable\":-1,\"unhealthyPodEvictionPolicy\":\"Never\"}}",
      "[spec.maxUnavailable: Invalid value: -1: must be greater than or equal to 0, spec.unhealthyPodEvictionPolicy:"
      " Unsupported value: \"Never\": supported values: \"AlwaysAllow\", \"IfHealthyBudget\"]" },
    { "{\"kind\":\"HorizontalPodAutoscaler\",\"apiVersion\":\"autoscaling/v2\",\"metadata\":"
      "{\"name\":\"h\"},\"spec\":{\"maxReplicas\":0,\"minReplicas\":2,\"scaleTargetRef\":"
      "{\"kind\":\"X\"}}}",
      "[spec.maxReplicas: Invalid value: 0: must be greater than 0, spec.maxReplicas:"
      " Invalid value: 0: must be greater than or equal to `minReplicas`, spec.scaleTargetRef.name:"
      " Required value]" },
    { "{\"kind\":\"HorizontalPodAutoscaler\",\"apiVersion\":\"autoscaling/v2\",\"metadata\":"
      "{\"name\":\"h\"},\"spec\":{\"maxReplicas\":3,\"scaleTargetRef\":{\"kind\":\"Deployment\","
      "\"name\":\"x\"},\"metrics\":[{\"type\":\"Pods\",\"resource\":{\"name\":\"cpu\","
      "\"target\":{\"type\":\"Utilization\"}}}]}}",
      "[spec.metrics[0].pods: Required value: must populate information for the given "
      "metric source, spec.metrics[0].resource.target.averageUtilization: Required value:"
      " must set either a target raw value or a target utilization, spec.metrics[0].resource:"
      " Forbidden: must populate the given metric source only]" },
    { "{\"kind\":\"HorizontalPodAutoscaler\",\"apiVersion\":\"autoscaling/v2\",\"metadata\":"
      "{\"name\":\"h\"},\"spec\":{\"maxReplicas\":3,\"scaleTargetRef\":{\"kind\":\"Deployment\","
      "\"name\":\"x\"},\"behavior\":{\"scaleDown\":{\"policies\":[{\"type\":\"X\",\"value\":"
      "0,\"periodSeconds\":2000}]}}}}",
      "[spec.behavior.scaleDown.policies[0].type: Unsupported value: \"X\": supported "
      "values: \"Percent\", \"Pods\", spec.behavior.scaleDown.policies[0].value: Invalid "
      "value: 0: must be greater than zero, spec.behavior.scaleDown.policies[0].periodSeconds:"
      " Invalid value: 2000: must be less than or equal to 1800]" },
    { "{\"kind\":\"PriorityClass\",\"apiVersion\":\"scheduling.k8s.io/v1\",\"metadata\":"
      "{\"name\":\"p\"},\"value\":1000000001}",
      "value: Forbidden: maximum allowed value of a user defined priority is 1000000000" },
    { "{\"kind\":\"PriorityClass\",\"apiVersion\":\"scheduling.k8s.io/v1\",\"metadata\":"
      "{\"name\":\"system-x\"},\"value\":5}",
      "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved "
      "for system use only. error: system-x is not a known system priority class" },
    { "{\"kind\":\"PriorityClass\",\"apiVersion\":\"scheduling.k8s.io/v1\",\"metadata\":"
      "{\"name\":\"system-node-critical\"},\"value\":5}",
      "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved "
      "for system use only. error: value of system-node-critical priority class must "
      "be 2000001000" },
    { "{\"kind\":\"PriorityClass\",\"apiVersion\":\"scheduling.k8s.io/v1\",\"metadata\":"
      "{\"name\":\"p\"},\"value\":1,\"preemptionPolicy\":\"Now\"}",
      "preemptionPolicy: Unsupported value: \"Now\": supported values: \"Never\", \"PreemptLowerPriority\"" },
    { "{\"kind\":\"RuntimeClass\",\"apiVersion\":\"node.k8s.io/v1\",\"metadata\":{\"name\":"
      "\"x\"},\"handler\":\"A.b\",\"overhead\":{\"podFixed\":{\"cpu\":\"-1\"}}}",
      "[handler: Invalid value: \"A.b\": a lowercase RFC 1123 label must consist of lower "
      "case alphanumeric characters or '-', and must start and end with an alphanumeric "
      "character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?'),"
      " overhead.podFixed[cpu]: Invalid value: \"-1\": must be greater than or equal "
      "to 0]" },
};

static const struct {
    const char *old, *object, *issues;
} updated[] = {
    { "{\"kind\":\"PriorityClass\",\"apiVersion\":\"scheduling.k8s.io/v1\",\"metadata\":"
      "{\"name\":\"p\"},\"value\":1}",
      "{\"kind\":\"PriorityClass\",\"apiVersion\":\"scheduling.k8s.io/v1\",\"metadata\":"
      "{\"name\":\"p\"},\"value\":2}",
      "value: Forbidden: may not be changed in an update." },
    { "{\"kind\":\"PriorityClass\",\"apiVersion\":\"scheduling.k8s.io/v1\",\"metadata\":"
      "{\"name\":\"p\"},\"value\":1}",
      "{\"kind\":\"PriorityClass\",\"apiVersion\":\"scheduling.k8s.io/v1\",\"metadata\":"
      "{\"name\":\"p\"},\"value\":1,\"preemptionPolicy\":\"Never\"}",
      "preemptionPolicy: Invalid value: \"Never\": field is immutable" },
    { "{\"kind\":\"RuntimeClass\",\"apiVersion\":\"node.k8s.io/v1\",\"metadata\":{\"name\":"
      "\"x\"},\"handler\":\"a\"}",
      "{\"kind\":\"RuntimeClass\",\"apiVersion\":\"node.k8s.io/v1\",\"metadata\":{\"name\":"
      "\"x\",\"resourceVersion\":\"1\"},\"handler\":\"b\"}",
      "handler: Invalid value: \"b\": field is immutable" },
};

static const struct {
    const char *kind, *object, *old, *issues;
} statuses[] = {
    { "PodDisruptionBudget", "{\"status\":{\"disruptionsAllowed\":-1}}", "{\"status\":{}}",
      "status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to "
      "0" },
};

static const struct {
    const char *object, *v1, *v1beta1;
} budgets[] = {
    { "{\"kind\":\"PodDisruptionBudget\",\"apiVersion\":\"policy/v1\",\"metadata\":{\"name\":"
      "\"x\"},\"spec\":{\"selector\":{}}}",
      "{\"spec\":{\"selector\":{}}}",
      "{\"spec\":{\"selector\":{\"matchExpressions\":[{\"key\":\"pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match\","
      "\"operator\":\"DoesNotExist\"}]}}}" },
    { "{\"kind\":\"PodDisruptionBudget\",\"apiVersion\":\"policy/v1beta1\",\"metadata\":"
      "{\"name\":\"x\"},\"spec\":{\"selector\":{}}}",
      "{\"spec\":{\"selector\":{\"matchExpressions\":[{\"key\":\"pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match\","
      "\"operator\":\"Exists\"}]}}}",
      "{\"spec\":{\"selector\":{}}}" },
    { "{\"kind\":\"PodDisruptionBudget\",\"apiVersion\":\"policy/v1beta1\",\"metadata\":"
      "{\"name\":\"x\"},\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}}}}",
      "{\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}}}}",
      "{\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}}}}" },
    { "{\"kind\":\"PodDisruptionBudget\",\"apiVersion\":\"policy/v1beta1\",\"metadata\":"
      "{\"name\":\"x\"},\"spec\":{\"minAvailable\":1}}",
      "{\"spec\":{\"minAvailable\":1}}", "{\"spec\":{\"minAvailable\":1}}" },
};

static const struct {
    const char *object, *v1, *v2;
} autoscalers[] = {
    { "{\"kind\":\"HorizontalPodAutoscaler\",\"apiVersion\":\"autoscaling/v1\",\"metadata\":"
      "{\"name\":\"h\"},\"spec\":{\"maxReplicas\":3,\"scaleTargetRef\":{\"kind\":\"Deployment\","
      "\"name\":\"x\"}}}",
      "{\"spec\":{\"maxReplicas\":3,\"minReplicas\":1,\"scaleTargetRef\":{\"kind\":\"Deployment\","
      "\"name\":\"x\"},\"targetCPUUtilizationPercentage\":80}}",
      "{\"spec\":{\"maxReplicas\":3,\"minReplicas\":1,\"scaleTargetRef\":{\"kind\":\"Deployment\","
      "\"name\":\"x\"},\"metrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\","
      "\"target\":{\"type\":\"Utilization\",\"averageUtilization\":80}}}]}}" },
    { "{\"kind\":\"HorizontalPodAutoscaler\",\"apiVersion\":\"autoscaling/v1\",\"metadata\":"
      "{\"name\":\"h\"},\"spec\":{\"maxReplicas\":3,\"targetCPUUtilizationPercentage\":"
      "50,\"scaleTargetRef\":{\"kind\":\"Deployment\",\"name\":\"x\"}}}",
      "{\"spec\":{\"maxReplicas\":3,\"minReplicas\":1,\"scaleTargetRef\":{\"kind\":\"Deployment\","
      "\"name\":\"x\"},\"targetCPUUtilizationPercentage\":50}}",
      "{\"spec\":{\"maxReplicas\":3,\"minReplicas\":1,\"scaleTargetRef\":{\"kind\":\"Deployment\","
      "\"name\":\"x\"},\"metrics\":[{\"type\":\"Resource\",\"resource\":{\"name\":\"cpu\","
      "\"target\":{\"type\":\"Utilization\",\"averageUtilization\":50}}}]}}" },
    { "{\"kind\":\"HorizontalPodAutoscaler\",\"apiVersion\":\"autoscaling/v2\",\"metadata\":"
      "{\"name\":\"h\"},\"spec\":{\"maxReplicas\":3,\"scaleTargetRef\":{\"kind\":\"Deployment\","
      "\"name\":\"x\"},\"metrics\":[{\"type\":\"Pods\",\"pods\":{\"metric\":{\"name\":"
      "\"qps\"},\"target\":{\"type\":\"AverageValue\",\"averageValue\":\"10\"}}},{\"type\":"
      "\"Object\",\"object\":{\"describedObject\":{\"kind\":\"Ingress\",\"name\":\"i\","
      "\"apiVersion\":\"networking.k8s.io/v1\"},\"metric\":{\"name\":\"rps\",\"selector\":"
      "{\"matchLabels\":{\"a\":\"b\"}}},\"target\":{\"type\":\"Value\",\"value\":\"2k\"}}},"
      "{\"type\":\"External\",\"external\":{\"metric\":{\"name\":\"queue\"},\"target\":"
      "{\"type\":\"AverageValue\",\"averageValue\":\"30\"}}},{\"type\":\"ContainerResource\","
      "\"containerResource\":{\"name\":\"memory\",\"container\":\"c\",\"target\":{\"type\":"
      "\"AverageValue\",\"averageValue\":\"1Gi\"}}},{\"type\":\"Resource\",\"resource\":"
      "{\"name\":\"cpu\",\"target\":{\"type\":\"Utilization\",\"averageUtilization\":"
      "70}}}],\"behavior\":{\"scaleUp\":{\"stabilizationWindowSeconds\":0,\"selectPolicy\":"
      "\"Max\",\"policies\":[{\"type\":\"Pods\",\"value\":4,\"periodSeconds\":15},{\"type\":"
      "\"Percent\",\"value\":100,\"periodSeconds\":15}]},\"scaleDown\":{\"selectPolicy\":"
      "\"Disabled\",\"policies\":[{\"type\":\"Percent\",\"value\":100,\"periodSeconds\":"
      "15}]}}}}",
      "{\"metadata\":{\"name\":\"h\",\"namespace\":\"default\",\"annotations\":{\"autoscaling.alpha.kubernetes.io/metrics\":"
      "\"[{\\\"type\\\":\\\"Pods\\\",\\\"pods\\\":{\\\"metricName\\\":\\\"qps\\\",\\\"targetAverageValue\\\":"
      "\\\"10\\\"}},{\\\"type\\\":\\\"Object\\\",\\\"object\\\":{\\\"target\\\":{\\\"kind\\\":"
      "\\\"Ingress\\\",\\\"name\\\":\\\"i\\\",\\\"apiVersion\\\":\\\"networking.k8s.io/v1\\\"},"
      "\\\"metricName\\\":\\\"rps\\\",\\\"selector\\\":{\\\"matchLabels\\\":{\\\"a\\\":"
      "\\\"b\\\"}},\\\"targetValue\\\":\\\"2k\\\"}},{\\\"type\\\":\\\"External\\\",\\\"external\\\":"
      "{\\\"metricName\\\":\\\"queue\\\",\\\"targetAverageValue\\\":\\\"30\\\"}},{\\\"type\\\":"
      "\\\"ContainerResource\\\",\\\"containerResource\\\":{\\\"name\\\":\\\"memory\\\","
      "\\\"container\\\":\\\"c\\\",\\\"targetAverageValue\\\":\\\"1Gi\\\"}}]\",\"autoscaling.alpha.kubernetes.io/behavior\":"
      "\"{\\\"scaleUp\\\":{\\\"stabilizationWindowSeconds\\\":0,\\\"selectPolicy\\\":"
      "\\\"Max\\\",\\\"policies\\\":[{\\\"type\\\":\\\"Pods\\\",\\\"value\\\":4,\\\"periodSeconds\\\":"
      "15},{\\\"type\\\":\\\"Percent\\\",\\\"value\\\":100,\\\"periodSeconds\\\":15}]},"
      "\\\"scaleDown\\\":{\\\"selectPolicy\\\":\\\"Disabled\\\",\\\"policies\\\":[{\\\"type\\\":"
      "\\\"Percent\\\",\\\"value\\\":100,\\\"periodSeconds\\\":15}]}}\"}},\"spec\":{\"maxReplicas\":"
      "3,\"minReplicas\":1,\"scaleTargetRef\":{\"kind\":\"Deployment\",\"name\":\"x\"},"
      "\"targetCPUUtilizationPercentage\":70}}",
      "{\"spec\":{\"maxReplicas\":3,\"minReplicas\":1,\"scaleTargetRef\":{\"kind\":\"Deployment\","
      "\"name\":\"x\"},\"metrics\":[{\"type\":\"Pods\",\"pods\":{\"metric\":{\"name\":"
      "\"qps\"},\"target\":{\"type\":\"AverageValue\",\"averageValue\":\"10\"}}},{\"type\":"
      "\"Object\",\"object\":{\"describedObject\":{\"kind\":\"Ingress\",\"name\":\"i\","
      "\"apiVersion\":\"networking.k8s.io/v1\"},\"metric\":{\"name\":\"rps\",\"selector\":"
      "{\"matchLabels\":{\"a\":\"b\"}}},\"target\":{\"type\":\"Value\",\"value\":\"2k\"}}},"
      "{\"type\":\"External\",\"external\":{\"metric\":{\"name\":\"queue\"},\"target\":"
      "{\"type\":\"AverageValue\",\"averageValue\":\"30\"}}},{\"type\":\"ContainerResource\","
      "\"containerResource\":{\"name\":\"memory\",\"container\":\"c\",\"target\":{\"type\":"
      "\"AverageValue\",\"averageValue\":\"1Gi\"}}},{\"type\":\"Resource\",\"resource\":"
      "{\"name\":\"cpu\",\"target\":{\"type\":\"Utilization\",\"averageUtilization\":"
      "70}}}],\"behavior\":{\"scaleUp\":{\"stabilizationWindowSeconds\":0,\"selectPolicy\":"
      "\"Max\",\"policies\":[{\"type\":\"Pods\",\"value\":4,\"periodSeconds\":15},{\"type\":"
      "\"Percent\",\"value\":100,\"periodSeconds\":15}]},\"scaleDown\":{\"selectPolicy\":"
      "\"Disabled\",\"policies\":[{\"type\":\"Percent\",\"value\":100,\"periodSeconds\":"
      "15}]}}}}" },
};

static void create_fills_in_what_was_not_said(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(created); i++)
        assert_create_fills(created[i].object, created[i].has);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(refused); i++)
        assert_create_gives(refused[i].object, refused[i].issues);
}

static void updates_change_what_may_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(updated); i++)
        assert_update_gives(updated[i].old, updated[i].object, updated[i].issues);
}

static void a_status_makes_sense(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(statuses); i++)
        assert_status_gives(statuses[i].kind, statuses[i].object, statuses[i].old,
                            statuses[i].issues);
}

/* As the version shows what is stored, and back. */
static void assert_shown(const struct write *w, const struct model_kind *kind, const char *group,
                         const char *version, const char *has)
{
    const struct model_version *served =
        model_kind_version(kind, ke_str_c(group), ke_str_c(version));
    ke_auto_json *shown = cJSON_Duplicate(w->object, true);
    assert_non_null(served);
    assert_true(model_version_from_storage(kind, served, shown));
    assert_has(shown, has);
    assert_true(model_version_to_storage(kind, served, shown));
    if (!ke_json_equal(shown, w->object)) {
        ke_auto_buf text = KE_BUF_INIT(1U << 20);
        ke_json_print(shown, &text);
        fail_msg("back from %s: %.*s", version, KE_STR_ARG(ke_buf_str(&text)));
    }
}

static void an_empty_selector_means_what_its_version_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(budgets); i++) {
        WRITE_AUTO w = { 0 };
        const struct model_kind *kind = write_create(&w, budgets[i].object);
        assert_issues(&w, budgets[i].object, "");
        assert_shown(&w, kind, "policy", "v1", budgets[i].v1);
        assert_shown(&w, kind, "policy", "v1beta1", budgets[i].v1beta1);
    }
}

static void autoscalers_lose_nothing_between_versions(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(autoscalers); i++) {
        WRITE_AUTO w = { 0 };
        const struct model_kind *kind = write_create(&w, autoscalers[i].object);
        assert_issues(&w, autoscalers[i].object, "");
        assert_true(ke_json_set(ke_json_get_mut(w.object, "status"), "currentReplicas",
                                cJSON_CreateNumber(2))); /* what v1 always shows */
        assert_shown(&w, kind, "autoscaling", "v1", autoscalers[i].v1);
        assert_shown(&w, kind, "autoscaling", "v2", autoscalers[i].v2);
    }
}

static void what_an_autoscaler_measured_travels_too(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    const struct model_kind *kind = write_create(&w, autoscalers[0].object);
    ke_auto_json *status = write_parse(
        "{\"currentReplicas\":2,\"desiredReplicas\":3,\"currentMetrics\":[{\"type\":"
        "\"Resource\",\"resource\":{\"name\":\"cpu\",\"current\":{\"averageUtilization\":"
        "40,\"averageValue\":\"100m\"}}},{\"type\":\"Pods\",\"pods\":{\"metric\":{\"name\":"
        "\"qps\"},\"current\":{\"averageValue\":\"7\"}}}],\"conditions\":[{\"type\":"
        "\"AbleToScale\",\"status\":\"True\",\"reason\":\"R\",\"message\":\"m\",\"lastTransitionTime\":"
        "\"2026-01-01T00:00:00Z\"}]}");
    assert_true(ke_json_set(w.object, "status", KE_TAKE(status)));
    assert_shown(&w, kind, "autoscaling", "v1",
                 "{\"status\":{\"currentReplicas\":2,\"desiredReplicas\":3,"
                 "\"currentCPUUtilizationPercentage\":40}}");
}

static void a_note_that_cannot_be_read_does_no_harm(void **state)
{
    (void)state;
    static const char *const notes[] = { "nonsense", "{}", "[1]", "[{\"type\":7}]", "null" };
    for (size_t i = 0; i < KE_ARRAY_LEN(notes); i++) {
        WRITE_AUTO w = { 0 };
        ke_auto_json *object = write_parse(autoscalers[0].object);
        cJSON *all = ke_json_need_object(ke_json_get_mut(object, "metadata"), "annotations");
        assert_true(
            ke_json_set_str(all, "autoscaling.alpha.kubernetes.io/metrics", ke_str_c(notes[i])));
        ke_auto_buf text = KE_BUF_INIT(1U << 16);
        ke_json_print(object, &text);
        ke_buf_add_char(&text, '\0');
        (void)write_create(&w, text.ptr);
        assert_issues(&w, notes[i], "");
        assert_int_equal(cJSON_GetArraySize(ke_json_path(w.object, "spec.metrics")), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_fills_in_what_was_not_said),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(updates_change_what_may_change),
        cmocka_unit_test(a_status_makes_sense),
        cmocka_unit_test(an_empty_selector_means_what_its_version_says),
        cmocka_unit_test(autoscalers_lose_nothing_between_versions),
        cmocka_unit_test(what_an_autoscaler_measured_travels_too),
        cmocka_unit_test(a_note_that_cannot_be_read_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
