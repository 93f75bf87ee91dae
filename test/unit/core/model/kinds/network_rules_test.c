/* SPDX-License-Identifier: Apache-2.0 */
/* NetworkPolicies, ServiceCIDRs, IPAddresses, APIServices, and slices as v1beta1 clients see them.
 */
#include "test/unit/core/model/kinds/write.h"

#define NAMED(kind, gv, name, rest)                                                                \
    "{\"kind\":\"" kind "\",\"apiVersion\":\"" gv "\",\"metadata\":{\"name\":\"" name "\"}" rest "}"
#define NP(spec)   NAMED("NetworkPolicy", "networking.k8s.io/v1", "x", ",\"spec\":{" spec "}")
#define PEER(peer) NP("\"ingress\":[{\"from\":[" peer "]}]")
#define PORT(port) NP("\"ingress\":[{\"ports\":[" port "]}]")
#define CIDRS(list)                                                                                \
    NAMED("ServiceCIDR", "networking.k8s.io/v1", "x", ",\"spec\":{\"cidrs\":[" list "]}")
#define ADDRESS(n, spec) NAMED("IPAddress", "networking.k8s.io/v1", n, ",\"spec\":{" spec "}")
#define API(n, spec)     NAMED("APIService", "apiregistration.k8s.io/v1", n, ",\"spec\":{" spec "}")
#define PRIORITY         "\"groupPriorityMinimum\":100,\"versionPriority\":10"
#define REF              "\"parentRef\":{\"resource\":\"services\",\"namespace\":\"a\",\"name\":\"b\"}"

static void a_policy_gets_types_and_protocols(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    (void)write_create(&w, NP("\"egress\":[{\"ports\":[{\"port\":53}]}]"));
    assert_issues(&w, "egress", "");
    assert_has(w.object, "{\"spec\":{\"podSelector\":{},\"egress\":[{\"ports\":[{\"port\":53,"
                         "\"protocol\":\"TCP\"}]}],\"policyTypes\":[\"Ingress\",\"Egress\"]}}");
    WRITE_AUTO plain = { 0 };
    (void)write_create(&plain, NP("\"podSelector\":{}"));
    assert_has(plain.object, "{\"spec\":{\"podSelector\":{},\"policyTypes\":[\"Ingress\"]}}");
}

static void create_refuses_what_a_real_server_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *object, *issues;
    } cases[] = {
        { PEER("{}"), "spec.ingress[0].from[0]: Required value: must specify a peer" },
        { PEER("{\"podSelector\":{},\"ipBlock\":{\"cidr\":\"10.0.0.0/8\"}}"),
          "spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer" },
        { PEER("{\"podSelector\":{},\"namespaceSelector\":{}}"), "" },
        { PEER("{\"ipBlock\":{\"cidr\":\"10.0.0.0/8\",\"except\":[\"10.1.0.0/16\",\"11.0.0.0/16\","
               "\"10.0.0.0/8\"]}}"),
          "[spec.ingress[0].from[0].ipBlock.except[1]: Invalid value: \"11.0.0.0/16\": must be a "
          "strict subset of `cidr`, spec.ingress[0].from[0].ipBlock.except[2]: Invalid value: "
          "\"10.0.0.0/8\": must be a strict subset of `cidr`]" },
        { PEER("{\"ipBlock\":{\"cidr\":\"\"}}"),
          "spec.ingress[0].from[0].ipBlock.cidr: Required value" },
        { PORT("{\"port\":0}"), "spec.ingress[0].ports[0].port: Invalid value: 0: must be between "
                                "1 and 65535, inclusive" },
        { PORT("{\"port\":80,\"endPort\":90}"), "" },
        { PORT("{\"port\":80,\"endPort\":70}"),
          "spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to "
          "`port`" },
        { PORT("{\"port\":\"http\",\"endPort\":70}"),
          "spec.ingress[0].ports[0].endPort: Invalid value: 70: may not be specified when `port` "
          "is non-numeric" },
        { PORT("{\"endPort\":70}"),
          "spec.ingress[0].ports[0].endPort: Invalid value: 70: may not be specified when `port` "
          "is not specified" },
        { PORT("{\"protocol\":\"ICMP\"}"),
          "spec.ingress[0].ports[0].protocol: Unsupported value: \"ICMP\": supported values: "
          "\"TCP\", \"UDP\", \"SCTP\"" },
        { NP("\"policyTypes\":[\"Both\"]"),
          "spec.policyTypes[0]: Unsupported value: \"Both\": supported values: \"Ingress\", "
          "\"Egress\"" },
        { NP("\"policyTypes\":[\"Egress\",\"Ingress\",\"Egress\"]"),
          "spec.policyTypes: Invalid value: [\"Egress\",\"Ingress\",\"Egress\"]: may not specify "
          "more than two policyTypes" },
        { CIDRS(""), "spec.cidrs: Required value: at least one CIDR required" },
        { CIDRS("\"10.0.0.0/16\",\"fd00::/112\""), "" },
        { CIDRS("\"10.0.0.0/16\",\"10.1.0.0/16\""),
          "spec.cidrs: Invalid value: [\"10.0.0.0/16\",\"10.1.0.0/16\"]: may specify no more than "
          "one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64" },
        { CIDRS("\"10.0.0.1/16\""), "spec.cidrs[0]: Invalid value: \"10.0.0.1/16\": must not have "
                                    "bits set beyond the prefix length" },
        { ADDRESS("10.0.0.1", REF), "" },
        { ADDRESS("FD00::1", REF), "metadata.name: Invalid value: \"FD00::1\": must be a canonical "
                                   "format IP address" },
        { ADDRESS("a", ""), "[metadata.name: Invalid value: \"a\": must be a valid IP address, "
                            "(e.g. 10.9.8.7 or 2001:db8::ffff), spec.parentRef: Required value]" },
        { ADDRESS("10.0.0.1", "\"parentRef\":{}"),
          "[spec.parentRef.resource: Required value, spec.parentRef.name: Required value]" },
        { API("v1.a.io", "\"group\":\"a.io\",\"version\":\"v1\"," PRIORITY), "" },
        { API("v1.", "\"version\":\"v1\"," PRIORITY), "" },
        { API("v2.", "\"version\":\"v2\"," PRIORITY),
          "spec.group: Required value: only v1 may have an empty group and it better be legacy "
          "kube" },
        { API("a", "\"group\":\"a.io\",\"version\":\"v1\""),
          "[metadata.name: Invalid value: \"a\": must be `spec.version+\".\"+spec.group`: "
          "\"v1.a.io\", spec.groupPriorityMinimum: Invalid value: 0: must be positive and less "
          "than 20000, spec.versionPriority: Invalid value: 0: must be positive and less than "
          "1000]" },
        { API("v1.a.io", "\"group\":\"a.io\",\"version\":\"v1\",\"insecureSkipTLSVerify\":"
                         "true," PRIORITY),
          "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have "
          "insecureSkipTLSVerify" },
        { API("v1.a.io", "\"group\":\"a.io\",\"version\":\"v1\",\"service\":{\"port\":70000},"
                         "\"insecureSkipTLSVerify\":true,\"caBundle\":\"AAAA\"," PRIORITY),
          "[spec.service.namespace: Required value, spec.service.name: Required value, "
          "spec.service.port: Invalid value: 70000: port is not valid: must be between 1 and "
          "65535, inclusive, spec.insecureSkipTLSVerify: Invalid value: true: may not be true if "
          "caBundle is present]" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++)
        assert_create_gives(cases[i].object, cases[i].issues);
}

static void what_is_immutable_stays(void **state)
{
    (void)state;
    assert_update_gives(CIDRS("\"10.0.0.0/16\""), CIDRS("\"10.0.0.0/16\",\"fd00::/112\""), "");
    assert_update_gives(CIDRS("\"10.0.0.0/16\""), CIDRS("\"10.1.0.0/16\""),
                        "spec.cidrs: Invalid value: [\"10.1.0.0/16\"]: field is immutable");
    assert_update_gives(ADDRESS("10.0.0.1", REF),
                        ADDRESS("10.0.0.1", "\"parentRef\":{\"resource\":\"x\",\"name\":\"b\"}"),
                        "spec.parentRef: Invalid value: {\"resource\":\"x\",\"name\":\"b\"}: field "
                        "is immutable");
    assert_update_gives(NP("\"podSelector\":{}"),
                        NP("\"podSelector\":{\"matchLabels\":{\"a\":\"b\"}}"), "");
}

#define BETA "discovery.k8s.io/v1beta1"

static void old_slices_keep_their_topology(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    const struct model_kind *kind =
        write_create(&w, NAMED("EndpointSlice", BETA, "x",
                               ",\"addressType\":\"IPv4\",\"endpoints\":[{\"addresses\":["
                               "\"10.0.0.1\"],\"nodeName\":\"n\",\"topology\":{"
                               "\"kubernetes.io/hostname\":\"n\",\"topology.kubernetes.io/zone\":"
                               "\"z\",\"a\":\"b\"}},{\"addresses\":[\"10.0.0.2\"],\"topology\":{"
                               "\"kubernetes.io/hostname\":\"n\"}}]"));
    assert_issues(&w, "slice", "");
    assert_has(w.object, "{\"apiVersion\":\"discovery.k8s.io/v1\",\"endpoints\":[{\"addresses\":["
                         "\"10.0.0.1\"],\"conditions\":{},\"nodeName\":\"n\",\"zone\":\"z\","
                         "\"deprecatedTopology\":{\"a\":\"b\"}},{\"addresses\":[\"10.0.0.2\"],"
                         "\"conditions\":{},\"deprecatedTopology\":{\"kubernetes.io/hostname\":"
                         "\"n\"}}]}");
    const struct model_version *old = NULL;
    assert_ptr_equal(model_kind_by_plural(KE_STR("discovery.k8s.io"), KE_STR("v1beta1"),
                                          KE_STR("endpointslices"), &old),
                     kind);
    assert_true(model_version_from_storage(kind, old, w.object));
    assert_has(w.object, "{\"apiVersion\":\"" BETA "\",\"endpoints\":[{\"addresses\":["
                         "\"10.0.0.1\"],\"conditions\":{},\"nodeName\":\"n\",\"topology\":{\"a\":"
                         "\"b\",\"topology.kubernetes.io/zone\":\"z\",\"kubernetes.io/hostname\":"
                         "\"n\"}},{\"addresses\":[\"10.0.0.2\"],\"conditions\":{},\"topology\":{"
                         "\"kubernetes.io/hostname\":\"n\"}}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_gets_types_and_protocols),
        cmocka_unit_test(create_refuses_what_a_real_server_refuses),
        cmocka_unit_test(what_is_immutable_stays),
        cmocka_unit_test(old_slices_keep_their_topology),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
