/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Defaults and refusals as a real kube-apiserver answered them, with what is newer than 1.20 put
 * in (internalTrafficPolicy, allocateLoadBalancerNodePorts, the label of a Namespace).
 */
#include "test/unit/core/model/kinds/write.h"

#define POD_SPEC                                                                                   \
    "{\"containers\":[{\"name\":\"c\",\"image\":\"nginx:1\",\"resources\":{},"                     \
    "\"terminationMessagePath\":\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\","   \
    "\"imagePullPolicy\":\"IfNotPresent\"}],\"restartPolicy\":\"Always\","                         \
    "\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\",\"securityContext\":{},"  \
    "\"schedulerName\":\"default-scheduler\"}"
#define TEMPLATE                                                                                   \
    "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{\"containers\":[{\"name\":\"c\","          \
    "\"image\":\"nginx:1\"}]}}"
#define TEMPLATE_FULL "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":" POD_SPEC "}"

/* An update passes through defaulting again. */
static const struct {
    const char *object, *spec, *rest;
} created[] = {
    { "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s1\"},\"spec\":{"
      "\"ports\":[{\"port\":80}],\"selector\":{\"a\":\"b\"}}}",
      "{\"ports\":[{\"protocol\":\"TCP\",\"port\":80,\"targetPort\":80}],\"selector\":{\"a\":"
      "\"b\"},\"type\":\"ClusterIP\",\"sessionAffinity\":\"None\",\"internalTrafficPolicy\":"
      "\"Cluster\"}",
      "{\"status\":{\"loadBalancer\":{}}}" },
    { "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s2\"},\"spec\":{"
      "\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"nodePort\":30080}]}}",
      "{\"ports\":[{\"protocol\":\"TCP\",\"port\":80,\"targetPort\":80,\"nodePort\":30080}],"
      "\"type\":\"NodePort\",\"sessionAffinity\":\"None\",\"externalTrafficPolicy\":"
      "\"Cluster\",\"internalTrafficPolicy\":\"Cluster\"}",
      "{}" },
    { "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s3\"},\"spec\":{"
      "\"type\":\"LoadBalancer\",\"externalTrafficPolicy\":\"Local\",\"sessionAffinity\":"
      "\"ClientIP\",\"ports\":[{\"port\":80}]}}",
      "{\"ports\":[{\"protocol\":\"TCP\",\"port\":80,\"targetPort\":80}],\"type\":"
      "\"LoadBalancer\",\"sessionAffinity\":\"ClientIP\",\"externalTrafficPolicy\":\"Local\","
      "\"sessionAffinityConfig\":{\"clientIP\":{\"timeoutSeconds\":10800}},"
      "\"internalTrafficPolicy\":\"Cluster\",\"allocateLoadBalancerNodePorts\":true}",
      "{}" },
    { "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s4\"},\"spec\":{"
      "\"clusterIP\":\"None\",\"ports\":[{\"port\":80,\"targetPort\":\"http\"}]}}",
      "{\"ports\":[{\"protocol\":\"TCP\",\"port\":80,\"targetPort\":\"http\"}],"
      "\"clusterIP\":\"None\",\"clusterIPs\":[\"None\"],\"type\":\"ClusterIP\","
      "\"sessionAffinity\":\"None\",\"internalTrafficPolicy\":\"Cluster\"}",
      "{}" },
    { "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s5\"},\"spec\":{"
      "\"type\":\"ExternalName\",\"externalName\":\"a.b\"}}",
      "{\"type\":\"ExternalName\",\"sessionAffinity\":\"None\",\"externalName\":\"a.b\"}", "{}" },
    { "{\"kind\":\"Deployment\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"d\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":" TEMPLATE "}}",
      "{\"replicas\":1,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":" TEMPLATE_FULL
      ",\"strategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"maxUnavailable\":"
      "\"25%\",\"maxSurge\":\"25%\"}},\"revisionHistoryLimit\":10,"
      "\"progressDeadlineSeconds\":600}",
      "{\"status\":{}}" },
    { "{\"kind\":\"ReplicaSet\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"d\"},"
      "\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":" TEMPLATE "}}",
      "{\"replicas\":1,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"template\":" TEMPLATE_FULL
      "}",
      "{\"status\":{\"replicas\":0}}" },
    { "{\"kind\":\"ReplicationController\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"d\"},"
      "\"spec\":{\"template\":" TEMPLATE "}}",
      "{\"replicas\":1,\"selector\":{\"a\":\"b\"},\"template\":" TEMPLATE_FULL "}",
      "{\"metadata\":{\"name\":\"d\",\"namespace\":\"default\",\"labels\":{\"a\":\"b\"}},"
      "\"status\":{\"replicas\":0}}" },
    { "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"d\"}}",
      "{\"finalizers\":[\"kubernetes\"]}",
      "{\"metadata\":{\"name\":\"d\",\"labels\":{\"kubernetes.io/metadata.name\":\"d\"}},"
      "\"status\":{\"phase\":\"Active\"}}" },
    { "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"d\"},"
      "\"stringData\":{\"a\":\"b\"}}",
      NULL, "{\"data\":{\"a\":\"Yg==\"},\"type\":\"Opaque\"}" },
    { "{\"kind\":\"EndpointSlice\",\"apiVersion\":\"discovery.k8s.io/v1\",\"metadata\":{"
      "\"name\":\"j\"},\"addressType\":\"IPv4\",\"endpoints\":[],\"ports\":[{\"port\":80}]}",
      NULL, "{\"ports\":[{\"name\":\"\",\"protocol\":\"TCP\",\"port\":80}]}" },
    { "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\"},\"spec\":{"
      "\"containers\":[{\"name\":\"c\",\"image\":\"x\",\"resources\":{\"limits\":{\"cpu\":"
      "\"1\"}},\"livenessProbe\":{\"httpGet\":{\"port\":80}}}]}}",
      "{\"containers\":[{\"name\":\"c\",\"image\":\"x\",\"resources\":{\"limits\":{\"cpu\":"
      "\"1\"},\"requests\":{\"cpu\":\"1\"}},\"livenessProbe\":{\"httpGet\":{\"path\":\"/\","
      "\"port\":80,\"scheme\":\"HTTP\"},\"timeoutSeconds\":1,\"periodSeconds\":10,"
      "\"successThreshold\":1,\"failureThreshold\":3},\"terminationMessagePath\":"
      "\"/dev/termination-log\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":"
      "\"Always\"}],\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":30,"
      "\"dnsPolicy\":\"ClusterFirst\",\"securityContext\":{},\"schedulerName\":"
      "\"default-scheduler\",\"enableServiceLinks\":true}",
      "{\"status\":{\"phase\":\"Pending\",\"qosClass\":\"Burstable\"}}" },
};

static void create_fills_in_what_a_real_server_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(created); i++) {
        WRITE_AUTO w = { 0 };
        const struct model_kind *kind = write_create(&w, created[i].object);
        assert_issues(&w, created[i].object, "");
        assert_has(w.object, created[i].rest);
        assert_defaults_change_nothing(kind, w.object);
        if (created[i].spec == NULL)
            continue;
        struct ke_err err = KE_ERR_INIT;
        ke_auto_json *spec = NULL;
        assert_int_equal(ke_json_parse(ke_str_c(created[i].spec), &spec, &err), KE_OK);
        const cJSON *is = ke_json_get(w.object, "spec");
        if (!ke_json_equal(is, spec)) {
            ke_auto_buf text = KE_BUF_INIT(1U << 20);
            ke_json_print(is, &text);
            fail_msg("%s\n  is     %.*s", created[i].object, KE_STR_ARG(ke_buf_str(&text)));
        }
    }
}

#define SUBDOMAIN                                                                                  \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "   \
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "  \
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

static void refusals_read_as_a_real_server_words_them(void **state)
{
    (void)state;
    assert_create_gives(
        "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"P_x\"},\"spec\":{}}",
        "[metadata.name: Invalid value: \"P_x\": " SUBDOMAIN ", spec.containers: Required value]");
    assert_create_gives("{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"}",
                        "metadata.name: Required value: name or generateName is required");
    assert_create_gives("{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":"
                        "\"fz2\",\"finalizers\":[\"bad\"]}}",
                        "metadata.finalizers[0]: Invalid value: \"bad\": name is neither a "
                        "standard finalizer name nor is it fully qualified");
    assert_create_gives(
        "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\"},\"spec\":{"
        "\"containers\":[{\"name\":\"c\",\"image\":\"x\",\"volumeMounts\":[{\"name\":\"v\","
        "\"mountPath\":\"/x\"}]}]}}",
        "spec.containers[0].volumeMounts[0].name: Not found: \"v\"");
}

#define DEPLOYMENT(selector, strategy)                                                             \
    "{\"kind\":\"Deployment\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"sd\"},\"spec\":" \
    "{\"selector\":{\"matchLabels\":" selector "},\"template\":" TEMPLATE strategy "}}"

static void refusals_of_updates_read_as_a_real_server_words_them(void **state)
{
    (void)state;
    assert_update_gives(
        DEPLOYMENT("{\"a\":\"b\"}", ""), DEPLOYMENT("{\"a\":\"b\",\"z\":\"b\"}", ""),
        "[spec.template.metadata.labels: Invalid value: map[string]string{\"a\":\"b\"}: `selector` "
        "does not match template `labels`, spec.selector: Invalid value: v1.LabelSelector{"
        "MatchLabels:map[string]string{\"a\":\"b\", \"z\":\"b\"}, MatchExpressions:[]v1."
        "LabelSelectorRequirement(nil)}: field is immutable]");
    assert_update_gives(
        DEPLOYMENT("{\"a\":\"b\"}", ""),
        DEPLOYMENT("{\"a\":\"b\"}", ",\"strategy\":{\"type\":\"Recreate\",\"rollingUpdate\":{"
                                    "\"maxSurge\":1}}"),
        "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is "
        "'Recreate'");
}

static void a_deleted_object_gets_no_new_finalizers(void **state)
{
    (void)state;
    WRITE_AUTO before = { 0 };
    (void)write_create(&before, "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{"
                                "\"name\":\"fz\",\"finalizers\":[\"x.y/z\"]}}");
    assert_true(ke_json_set_str(ke_json_get_mut(before.object, "metadata"), "deletionTimestamp",
                                KE_STR("2026-11-22T20:14:09Z")));
    WRITE_AUTO w = { 0 };
    write_update(&w, before.object,
                 "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"fz\","
                 "\"finalizers\":[\"x.y/z\",\"a.b/c\"]}}");
    assert_issues(&w, "update",
                  "metadata.finalizers: Forbidden: no new finalizers can be added if the object is "
                  "being deleted, found new finalizers []string{\"a.b/c\"}");
}

static void a_pod_keeps_its_spec(void **state)
{
    (void)state;
#define POD(policy, image)                                                                         \
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"pr\"},\"spec\":{"            \
    "\"serviceAccountName\":\"default\",\"priority\":0,\"preemptionPolicy\":"                      \
    "\"PreemptLowerPriority\",\"tolerations\":[{\"operator\":\"Exists\"}],\"restartPolicy\":"      \
    "\"" policy "\",\"containers\":[{\"name\":\"c\",\"image\":\"" image "\",\"imagePullPolicy\":"  \
    "\"Always\"}]}}"
    assert_update_gives(POD("Always", "x"), POD("Always", "y"), "");
    assert_update_gives(
        POD("Always", "x"), POD("Never", "x"),
        "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
        "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be "
        "set to 1 if it was previously negative)\n-\trestartPolicy: \"Always\"\n+\trestartPolicy: "
        "\"Never\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_fills_in_what_a_real_server_does),
        cmocka_unit_test(refusals_read_as_a_real_server_words_them),
        cmocka_unit_test(refusals_of_updates_read_as_a_real_server_words_them),
        cmocka_unit_test(a_deleted_object_gets_no_new_finalizers),
        cmocka_unit_test(a_pod_keeps_its_spec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
