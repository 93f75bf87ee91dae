/* SPDX-License-Identifier: Apache-2.0 */
/* Services: what is refused, what an update keeps, what a change of type drops. */
#include "test/unit/core/model/kinds/write.h"

#define SERVICE(spec)                                                                              \
    "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s\"},\"spec\":{" spec "}}"

static void create_refuses_what_cannot_work(void **state)
{
    (void)state;
    static const struct {
        const char *object, *issues;
    } cases[] = {
        { SERVICE("\"ports\":[{\"port\":80}]"), "" },
        { SERVICE(""), "spec.ports: Required value" },
        { "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"1s\"},\"spec\":{"
          "\"ports\":[{\"port\":1}]}}",
          "metadata.name: Invalid value: \"1s\": a DNS-1035 label must consist of lower case "
          "alphanumeric characters or '-', start with an alphabetic character, and end with an "
          "alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
          "'[a-z]([-a-z0-9]*[a-z0-9])?')" },
        { SERVICE("\"ports\":[{\"port\":0}]"),
          "[spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive, "
          "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive]" },
        { SERVICE("\"ports\":[{\"port\":80},{\"port\":81,\"name\":\"a\"}]"),
          "spec.ports[0].name: Required value" },
        { SERVICE("\"ports\":[{\"port\":80,\"name\":\"a\"},{\"port\":81,\"name\":\"a\"}]"),
          "spec.ports[1].name: Duplicate value: \"a\"" },
        { SERVICE("\"ports\":[{\"port\":80,\"name\":\"a\"},{\"port\":80,\"name\":\"b\"}]"),
          "spec.ports[1]: Duplicate value: core.ServicePort{Name:\"\", Protocol:\"TCP\", "
          "AppProtocol:(*string)(nil), Port:80, TargetPort:intstr.IntOrString{Type:0, IntVal:0, "
          "StrVal:\"\"}, NodePort:0}" },
        { SERVICE("\"ports\":[{\"port\":53,\"name\":\"a\"},{\"port\":53,\"name\":\"b\","
                  "\"protocol\":\"UDP\"}]"),
          "" },
        { SERVICE("\"ports\":[{\"port\":80,\"protocol\":\"tcp\"}]"),
          "spec.ports[0].protocol: Unsupported value: \"tcp\": supported values: \"SCTP\", "
          "\"TCP\", \"UDP\"" },
        { SERVICE("\"type\":\"NodePorts\",\"ports\":[{\"port\":80}]"),
          "spec.type: Unsupported value: \"NodePorts\": supported values: \"ClusterIP\", "
          "\"ExternalName\", \"LoadBalancer\", \"NodePort\"" },
        { SERVICE("\"ports\":[{\"port\":80,\"nodePort\":30000}]"),
          "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'" },
        { SERVICE("\"type\":\"NodePort\",\"clusterIP\":\"None\",\"ports\":[{\"port\":80}]"),
          "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort "
          "services" },
        { SERVICE("\"clusterIP\":\"x\",\"ports\":[{\"port\":80}]"),
          "spec.clusterIPs[0]: Invalid value: \"x\": must be a valid IP address, (e.g. 10.9.8.7 or "
          "2001:db8::ffff)" },
        { SERVICE("\"clusterIP\":\"10.0.0.1\",\"clusterIPs\":[\"10.0.0.2\"],\"ports\":[{\"port\":"
                  "80}]"),
          "spec.clusterIPs: Invalid value: []string{\"10.0.0.2\"}: first value must match "
          "`clusterIP`" },
        { SERVICE("\"clusterIP\":\"10.0.0.1\",\"clusterIPs\":[\"10.0.0.1\",\"10.0.0.2\"],"
                  "\"ports\":[{\"port\":80}]"),
          "spec.clusterIPs: Invalid value: []string{\"10.0.0.1\", \"10.0.0.2\"}: may specify no "
          "more than one IP for each IP family" },
        { SERVICE("\"externalIPs\":[\"127.0.0.1\",\"1.2.3\"],\"ports\":[{\"port\":80}]"),
          "[spec.externalIPs[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range "
          "(127.0.0.0/8, ::1/128), spec.externalIPs[1]: Invalid value: \"1.2.3\": must be a valid "
          "IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)]" },
        { SERVICE("\"sessionAffinity\":\"ClientIP\",\"sessionAffinityConfig\":{\"clientIP\":{"
                  "\"timeoutSeconds\":86401}},\"ports\":[{\"port\":80}]"),
          "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be "
          "greater than 0 and less than 86400" },
        { SERVICE("\"type\":\"ExternalName\""), "spec.externalName: Required value" },
        { SERVICE("\"type\":\"ExternalName\",\"externalName\":\"a.b.\",\"clusterIP\":\"None\""),
          "spec.clusterIPs: Forbidden: may not be set for ExternalName services" },
        { SERVICE("\"externalTrafficPolicy\":\"Local\",\"ports\":[{\"port\":80}]"),
          "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for "
          "externally-accessible services" },
        { SERVICE("\"loadBalancerSourceRanges\":[\"10.0.0.0/8\"],\"ports\":[{\"port\":80}]"),
          "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is "
          "'LoadBalancer'" },
        { SERVICE("\"type\":\"LoadBalancer\",\"loadBalancerSourceRanges\":[\"x\"],\"ports\":[{"
                  "\"port\":80}]"),
          "spec.LoadBalancerSourceRanges[0]: Invalid value: \"x\": must be a valid CIDR value, "
          "(e.g. 10.9.8.0/24 or 2001:db8::/64)" },
        { SERVICE("\"selector\":{\"a\":\"-\"},\"ports\":[{\"port\":80}]"),
          "spec.selector: Invalid value: \"-\": a valid label must be an empty string or consist "
          "of alphanumeric characters, '-', '_' or '.', and must start and end with an "
          "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
          "validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')" },
        { SERVICE("\"trafficDistribution\":\"Near\",\"ports\":[{\"port\":80}]"),
          "spec.trafficDistribution: Unsupported value: \"Near\": supported values: "
          "\"PreferClose\"" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++)
        assert_create_gives(cases[i].object, cases[i].issues);
}

/* A Service as it is stored, with what the allocator gave it. */
#define STORED_NODE_PORT                                                                           \
    SERVICE("\"type\":\"NodePort\",\"clusterIP\":\"10.32.0.9\",\"ipFamilies\":[\"IPv4\"],"         \
            "\"ipFamilyPolicy\":\"SingleStack\",\"ports\":[{\"port\":80,\"nodePort\":30080}]")

static void update_keeps_what_was_allocated(void **state)
{
    (void)state;
    WRITE_AUTO before = { 0 };
    (void)write_create(&before, STORED_NODE_PORT);
    assert_issues(&before, "create", "");
    WRITE_AUTO w = { 0 };
    write_update(&w, before.object, SERVICE("\"type\":\"NodePort\",\"ports\":[{\"port\":81}]"));
    assert_issues(&w, "update", "");
    const cJSON *spec = ke_json_get(w.object, "spec");
    assert_has(spec, "{\"clusterIP\":\"10.32.0.9\",\"clusterIPs\":[\"10.32.0.9\"],\"ipFamilies\":["
                     "\"IPv4\"],\"ipFamilyPolicy\":\"SingleStack\",\"ports\":[{\"port\":81,"
                     "\"targetPort\":81,\"protocol\":\"TCP\",\"nodePort\":30080}]}");
}

static void a_change_of_type_drops_what_the_new_one_cannot_have(void **state)
{
    (void)state;
    WRITE_AUTO before = { 0 };
    (void)write_create(&before, STORED_NODE_PORT);
    WRITE_AUTO cluster = { 0 };
    write_update(&cluster, before.object,
                 SERVICE("\"clusterIP\":\"10.32.0.9\",\"type\":\"ClusterIP\","
                         "\"externalTrafficPolicy\":\"Cluster\",\"ports\":[{\"port\":80,"
                         "\"nodePort\":30080}]"));
    assert_issues(&cluster, "to ClusterIP", "");
    const cJSON *spec = ke_json_get(cluster.object, "spec");
    assert_has(spec, "{\"ports\":[{\"port\":80,\"targetPort\":80,\"protocol\":\"TCP\"}]}");
    assert_null(ke_json_get(spec, "externalTrafficPolicy"));

    WRITE_AUTO external = { 0 };
    write_update(&external, before.object,
                 SERVICE("\"type\":\"ExternalName\",\"externalName\":\"a.b\",\"clusterIP\":"
                         "\"10.32.0.9\",\"clusterIPs\":[\"10.32.0.9\"],\"ipFamilies\":[\"IPv4\"],"
                         "\"ipFamilyPolicy\":\"SingleStack\""));
    assert_issues(&external, "to ExternalName", "");
    spec = ke_json_get(external.object, "spec");
    assert_null(ke_json_get(spec, "clusterIP"));
    assert_null(ke_json_get(spec, "clusterIPs"));
    assert_null(ke_json_get(spec, "ipFamilies"));
}

static void a_cluster_ip_does_not_change(void **state)
{
    (void)state;
    static const char may_not[] =
        "spec.clusterIPs[0]: Invalid value: []string{\"10.32.0.10\"}: may not change once set";
    assert_update_gives(STORED_NODE_PORT,
                        SERVICE("\"type\":\"NodePort\",\"clusterIP\":\"10.32.0.10\","
                                "\"clusterIPs\":[\"10.32.0.10\"],\"ports\":[{\"port\":80}]"),
                        may_not);
    /* A patch by a client that knows only clusterIP. */
    assert_update_gives(STORED_NODE_PORT,
                        SERVICE("\"type\":\"NodePort\",\"clusterIP\":\"10.32.0.10\","
                                "\"clusterIPs\":[\"10.32.0.9\"],\"ports\":[{\"port\":80}]"),
                        may_not);
    assert_update_gives(SERVICE("\"clusterIP\":\"None\",\"ports\":[{\"port\":80}]"),
                        SERVICE("\"clusterIP\":\"10.32.0.10\",\"clusterIPs\":[\"None\"],"
                                "\"ports\":[{\"port\":80}]"),
                        may_not);
    assert_update_gives(
        STORED_NODE_PORT,
        SERVICE("\"type\":\"NodePort\",\"clusterIP\":\"10.32.0.10\",\"ports\":[{\"port\":80}]"),
        "[spec.clusterIPs[0]: Invalid value: []string(nil): primary clusterIP can not be unset, "
        "spec.clusterIPs: Required value]");
    /* From and to ExternalName it may. */
    assert_update_gives(SERVICE("\"type\":\"ExternalName\",\"externalName\":\"a.b\""),
                        SERVICE("\"clusterIP\":\"10.32.0.10\",\"ports\":[{\"port\":80}]"), "");
}

static void load_balancer_addresses_get_a_mode(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    const struct model_kind *kind = write_decode(
        &w, "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"s\"},\"spec\":{"
            "\"type\":\"LoadBalancer\",\"ports\":[{\"port\":80}]},\"status\":{\"loadBalancer\":{"
            "\"ingress\":[{\"ip\":\"1.2.3.4\"},{\"ip\":\"x\"}]}}}");
    model_kind_validate_status(kind, w.object, w.object, &w.issues);
    assert_issues(&w, "status",
                  "status.loadBalancer.ingress[1].ip: Invalid value: \"x\": must be a valid IP "
                  "address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
    const cJSON *list = ke_json_path(w.object, "status.loadBalancer.ingress");
    assert_true(ke_str_eq_c(ke_json_str(list->child, "ipMode"), "VIP"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_refuses_what_cannot_work),
        cmocka_unit_test(update_keeps_what_was_allocated),
        cmocka_unit_test(a_change_of_type_drops_what_the_new_one_cannot_have),
        cmocka_unit_test(a_cluster_ip_does_not_change),
        cmocka_unit_test(load_balancer_addresses_get_a_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
