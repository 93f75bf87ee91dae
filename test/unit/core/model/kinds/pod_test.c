/* SPDX-License-Identifier: Apache-2.0 */
/* Pods and pod templates: what is refused, what is defaulted where, classes of service. */
#include "test/unit/core/model/kinds/write.h"

#define POD(spec)                                                                                  \
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"p\"},\"spec\":{" spec "}}"
#define CONTAINER(rest) "\"containers\":[{\"name\":\"c\",\"image\":\"x:1\"" rest "}]"

static void create_refuses_what_cannot_run(void **state)
{
    (void)state;
    static const struct {
        const char *object, *issues;
    } cases[] = {
        { POD(CONTAINER("")), "" },
        { POD("\"containers\":[{}]"),
          "[spec.containers[0].name: Required value, spec.containers[0].image: Required value]" },
        { POD("\"containers\":[{\"name\":\"c\",\"image\":\"x\"},{\"name\":\"c\",\"image\":\"y\"}]"),
          "spec.containers[1].name: Duplicate value: \"c\"" },
        { POD("\"containers\":[{\"name\":\"c\",\"image\":\" x\"}]"),
          "spec.containers[0].image: Invalid value: \" x\": must not have leading or trailing "
          "whitespace" },
        { POD(CONTAINER(
              ",\"ports\":[{\"containerPort\":0},{\"containerPort\":70000,\"name\":\"80\"}"
              "]")),
          "[spec.containers[0].ports[0].containerPort: Required value, "
          "spec.containers[0].ports[1].name: Invalid value: \"80\": must contain at least one "
          "letter (a-z), spec.containers[0].ports[1].containerPort: Invalid value: 70000: must be "
          "between 1 and 65535, inclusive]" },
        { POD(CONTAINER(",\"ports\":[{\"containerPort\":1,\"hostPort\":5},{\"containerPort\":2,"
                        "\"hostPort\":5}]")),
          "spec.containers[0].ports[1].hostPort: Duplicate value: \"TCP//5\"" },
        { POD(CONTAINER(",\"env\":[{\"name\":\"\"},{\"name\":\"a=b\"},{\"name\":\"f\",\"value\":"
                        "\"x\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.podIP\"}}}]")),
          "[spec.containers[0].env[0].name: Required value, spec.containers[0].env[1].name: "
          "Invalid value: \"a=b\": a valid environment variable name must consist only of "
          "printable ASCII characters other than '=', spec.containers[0].env[2].valueFrom: "
          "Invalid value: \"\": may not be specified when `value` is not empty]" },
        { POD(CONTAINER(",\"env\":[{\"name\":\"f\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":"
                        "\"metadata.labels['a']\"}}}]")),
          "" },
        { POD(CONTAINER(",\"imagePullPolicy\":\"Sometimes\"")),
          "spec.containers[0].imagePullPolicy: Unsupported value: \"Sometimes\": supported values: "
          "\"Always\", \"IfNotPresent\", \"Never\"" },
        { POD(CONTAINER(",\"resources\":{\"requests\":{\"cpu\":\"2\"},\"limits\":{\"cpu\":\"1500m\""
                        "}}")),
          "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal "
          "to cpu limit of 1500m" },
        { POD(CONTAINER(",\"resources\":{\"requests\":{\"example.com/gpu\":\"1\"}}")),
          "spec.containers[0].resources.limits: Required value: Limit must be set for non "
          "overcommitable resources" },
        { POD(CONTAINER(",\"readinessProbe\":{}")),
          "spec.containers[0].readinessProbe: Required value: must specify a handler type" },
        { POD(CONTAINER(",\"livenessProbe\":{\"tcpSocket\":{\"port\":80},\"successThreshold\":2}")),
          "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1" },
        { POD(CONTAINER("") ",\"initContainers\":[{\"name\":\"i\",\"image\":\"x\","
                            "\"livenessProbe\":{\"tcpSocket\":{\"port\":80}}}]"),
          "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers "
          "without restartPolicy=Always" },
        { POD(CONTAINER("") ",\"initContainers\":[{\"name\":\"c\",\"image\":\"x\","
                            "\"restartPolicy\":\"Always\"}]"),
          "spec.initContainers[0].name: Duplicate value: \"c\"" },
        { POD(CONTAINER("") ",\"restartPolicy\":\"Maybe\""),
          "spec.restartPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", "
          "\"OnFailure\", \"Never\"" },
        { POD(CONTAINER("") ",\"volumes\":[{\"name\":\"v\",\"emptyDir\":{},\"hostPath\":{\"path\":"
                            "\"/x\"}},{\"name\":\"s\",\"secret\":{}}]"),
          "[spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type, "
          "spec.volumes[1].secret.secretName: Required value]" },
        { POD(CONTAINER("") ",\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/a/../b\"}}]"),
          "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'" },
        { POD(CONTAINER("") ",\"hostname\":\"a.b\""),
          "spec.hostname: Invalid value: \"a.b\": must not contain dots" },
        { POD(CONTAINER("") ",\"tolerations\":[{\"key\":\"a\",\"operator\":\"Exists\",\"value\":"
                            "\"b\"}]"),
          "spec.tolerations[0].operator: Invalid value: \"b\": value must be empty when `operator` "
          "is 'Exists'" },
        { POD(CONTAINER("") ",\"dnsPolicy\":\"None\""),
          "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++)
        assert_create_gives(cases[i].object, cases[i].issues);
}

static const cJSON *first_container(const struct write *w)
{
    return ke_json_path(w->object, "spec.containers")->child;
}

static void images_are_pulled_by_their_tag(void **state)
{
    (void)state;
    static const struct {
        const char *image, *policy;
    } cases[] = {
        { "nginx", "Always" },
        { "nginx:latest", "Always" },
        { "nginx:1", "IfNotPresent" },
        { "host:5000/nginx", "Always" },
        { "host:5000/nginx:2", "IfNotPresent" },
        { "nginx@sha256:0123", "IfNotPresent" },
        { "nginx:latest@sha256:0123", "Always" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        char text[512];
        struct ke_buf buf = KE_BUF_FIXED(text, sizeof(text) - 1);
        memset(text, 0, sizeof(text));
        ke_buf_addf(&buf, POD("\"containers\":[{\"name\":\"c\",\"image\":\"%s\"}]"),
                    cases[i].image);
        WRITE_AUTO w = { 0 };
        (void)write_create(&w, text);
        assert_issues(&w, cases[i].image, "");
        if (!ke_str_eq_c(ke_json_str(first_container(&w), "imagePullPolicy"), cases[i].policy))
            fail_msg("%s is not pulled %s", cases[i].image, cases[i].policy);
    }
}

static void the_class_of_service_follows_from_resources(void **state)
{
    (void)state;
    static const struct {
        const char *resources, *class;
    } cases[] = {
        { "{}", "BestEffort" },
        { "{\"requests\":{\"cpu\":\"0\"}}", "BestEffort" },
        { "{\"requests\":{\"cpu\":\"1\"}}", "Burstable" },
        { "{\"limits\":{\"cpu\":\"1\"}}", "Burstable" },
        { "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"}}", "Guaranteed" },
        { "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"requests\":{\"cpu\":\"1000m\","
          "\"memory\":\"1024Mi\"}}",
          "Guaranteed" },
        { "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"requests\":{\"cpu\":\"500m\"}}",
          "Burstable" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        char text[512];
        struct ke_buf buf = KE_BUF_FIXED(text, sizeof(text) - 1);
        memset(text, 0, sizeof(text));
        ke_buf_addf(&buf, POD(CONTAINER(",\"resources\":%s")), cases[i].resources);
        WRITE_AUTO w = { 0 };
        (void)write_create(&w, text);
        assert_issues(&w, cases[i].resources, "");
        if (!ke_str_eq_c(ke_json_path_str(w.object, "status.qosClass"), cases[i].class))
            fail_msg("%s is not %s", cases[i].resources, cases[i].class);
    }
}

static void host_ports_follow_on_the_hosts_network(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    (void)write_create(
        &w, POD("\"hostNetwork\":true," CONTAINER(",\"ports\":[{\"containerPort\":80}]")));
    assert_issues(&w, "pod", "");
    assert_has(first_container(&w),
               "{\"ports\":[{\"containerPort\":80,\"protocol\":\"TCP\",\"hostPort\":80}]}");
}

static void the_old_name_of_the_service_account_is_understood(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    (void)write_create(&w, POD("\"serviceAccount\":\"robot\"," CONTAINER("")));
    assert_issues(&w, "pod", "");
    assert_has(ke_json_get(w.object, "spec"),
               "{\"serviceAccount\":\"robot\",\"serviceAccountName\":\"robot\"}");
}

#define TEMPLATE "{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{" CONTAINER("") "}}"
#define DEPLOYMENT(rest)                                                                                \
    "{\"kind\":\"Deployment\",\"apiVersion\":\"apps/v1\",\"metadata\":{\"name\":\"d\"},\"spec\":{" rest \
    "}}"
#define SELECTOR "\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"

static void workloads_are_refused_for_their_selector_and_strategy(void **state)
{
    (void)state;
    static const struct {
        const char *object, *issues;
    } cases[] = {
        { DEPLOYMENT("\"template\":" TEMPLATE),
          "[spec.selector: Required value, spec.template.metadata.labels: Invalid value: "
          "map[string]string{\"a\":\"b\"}: `selector` does not match template `labels`]" },
        { DEPLOYMENT("\"selector\":{},\"template\":" TEMPLATE),
          "spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string(nil), "
          "MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: empty selector is invalid for "
          "deployment" },
        { DEPLOYMENT("\"selector\":{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"In\","
                     "\"values\":[\"c\",\"b\"]},{\"key\":\"x\",\"operator\":\"DoesNotExist\"}]},"
                     "\"template\":" TEMPLATE),
          "" },
        { DEPLOYMENT("\"selector\":{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Like\"}]},"
                     "\"template\":" TEMPLATE),
          "spec.selector.matchExpressions[0].operator: Invalid value: \"Like\": not a valid "
          "selector operator" },
        { DEPLOYMENT(SELECTOR "\"replicas\":-1,\"template\":" TEMPLATE),
          "spec.replicas: Invalid value: -1: must be greater than or equal to 0" },
        { DEPLOYMENT(SELECTOR "\"strategy\":{\"rollingUpdate\":{\"maxSurge\":0,"
                              "\"maxUnavailable\":\"0%\"}},\"template\":" TEMPLATE),
          "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0%: may not be 0 when "
          "`maxSurge` is 0" },
        { DEPLOYMENT(
              SELECTOR
              "\"strategy\":{\"rollingUpdate\":{\"maxSurge\":\"x\"}},\"template\":" TEMPLATE),
          "spec.strategy.rollingUpdate.maxSurge: Invalid value: x: a valid percent string must be a "
          "numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for "
          "validation is '[0-9]+%')" },
        { DEPLOYMENT(SELECTOR "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{"
                              "\"restartPolicy\":\"Never\"," CONTAINER("") "}}"),
          "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: "
          "\"Always\"" },
        { "{\"kind\":\"ReplicationController\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"d\"},"
          "\"spec\":{\"selector\":{\"a\":\"c\"},\"template\":" TEMPLATE "}}",
          "spec.template.metadata.labels: Invalid value: map[string]string{\"a\":\"b\"}: `selector` "
          "does not match template `labels`" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++)
        assert_create_gives(cases[i].object, cases[i].issues);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_refuses_what_cannot_run),
        cmocka_unit_test(images_are_pulled_by_their_tag),
        cmocka_unit_test(the_class_of_service_follows_from_resources),
        cmocka_unit_test(host_ports_follow_on_the_hosts_network),
        cmocka_unit_test(the_old_name_of_the_service_account_is_understood),
        cmocka_unit_test(workloads_are_refused_for_their_selector_and_strategy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
