/* SPDX-License-Identifier: Apache-2.0 */
/* The small kinds: what each refuses, and what cannot be changed. */
#include "test/unit/core/model/kinds/write.h"

#define OBJECT(kind, rest)                                                                         \
    "{\"kind\":\"" kind "\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"}" rest "}"
#define KEY_TEXT                                                                                   \
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "           \
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

static void create_refuses_what_a_real_server_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *object, *issues;
    } cases[] = {
        { OBJECT("ConfigMap", ",\"data\":{\"a b\":\"\"}"),
          "data[a b]: Invalid value: \"a b\": " KEY_TEXT },
        { OBJECT("ConfigMap", ",\"data\":{\"a\":\"\"},\"binaryData\":{\"a\":\"AA==\"}"),
          "data[a]: Invalid value: \"a\": duplicate of key present in binaryData" },
        { OBJECT("Secret", ",\"type\":\"kubernetes.io/tls\",\"data\":{\"tls.crt\":\"AA==\"}"),
          "data[tls.key]: Required value" },
        { OBJECT("Secret", ",\"type\":\"kubernetes.io/basic-auth\""),
          "[data[username]: Required value, data[password]: Required value]" },
        { OBJECT("Secret", ",\"type\":\"kubernetes.io/service-account-token\""),
          "metadata.annotations[kubernetes.io/service-account.name]: Required value" },
        { OBJECT("Secret", ",\"type\":\"kubernetes.io/dockerconfigjson\",\"stringData\":{"
                           "\".dockerconfigjson\":\"{}\"}"),
          "" },
        { OBJECT("Endpoints", ",\"subsets\":[{\"addresses\":[{\"ip\":\"127.0.0.1\"}],\"ports\":[{"
                              "\"port\":80}]}]"),
          "subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback "
          "range (127.0.0.0/8, ::1/128)" },
        { OBJECT("Endpoints", ",\"subsets\":[{\"ports\":[{\"port\":80},{\"port\":0,\"name\":\"a\"}]"
                              "}]"),
          "[subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`, "
          "subsets[0].ports[0].name: Required value, subsets[0].ports[1].port: Invalid value: 0: "
          "must be between 1 and 65535, inclusive]" },
        { "{\"kind\":\"EndpointSlice\",\"apiVersion\":\"discovery.k8s.io/v1\",\"metadata\":{"
          "\"name\":\"x\"},\"addressType\":\"IPv4\",\"endpoints\":[{\"addresses\":[\"fd00::1\"]},{"
          "\"addresses\":[]}]}",
          "[endpoints[0].addresses[0]: Invalid value: \"fd00::1\": must be a valid IPv4 address, "
          "endpoints[1].addresses: Required value: must contain at least 1 address]" },
        { "{\"kind\":\"EndpointSlice\",\"apiVersion\":\"discovery.k8s.io/v1\",\"metadata\":{"
          "\"name\":\"x\"},\"addressType\":\"IP\",\"endpoints\":[]}",
          "addressType: Unsupported value: \"IP\": supported values: \"FQDN\", \"IPv4\", "
          "\"IPv6\"" },
        { "{\"kind\":\"EndpointSlice\",\"apiVersion\":\"discovery.k8s.io/v1\",\"metadata\":{"
          "\"name\":\"x\"},\"addressType\":\"FQDN\",\"endpoints\":[{\"addresses\":[\"a.b.\"]}]}",
          "" },
        { OBJECT("Event", ",\"involvedObject\":{\"namespace\":\"other\"}"),
          "involvedObject.namespace: Invalid value: \"other\": does not match event.namespace" },
        { OBJECT("Event", ",\"involvedObject\":{\"namespace\":\"default\"}"), "" },
        { "{\"kind\":\"Event\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"Any:name_17f\"},"
          "\"involvedObject\":{}}",
          "" },
        { "{\"kind\":\"Lease\",\"apiVersion\":\"coordination.k8s.io/v1\",\"metadata\":{\"name\":"
          "\"x\"},\"spec\":{\"leaseDurationSeconds\":0}}",
          "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0" },
        { OBJECT("Node", ",\"spec\":{\"taints\":[{\"key\":\"a\",\"effect\":\"No\"}]}"),
          "metadata.taints[0].effect: Unsupported value: \"No\": supported values: "
          "\"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"" },
        { OBJECT("Node", ",\"spec\":{\"podCIDR\":\"x\"}"),
          "spec.podCIDRs[0]: Invalid value: \"x\": must be a valid CIDR value, (e.g. 10.9.8.0/24 "
          "or 2001:db8::/64)" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++)
        assert_create_gives(cases[i].object, cases[i].issues);
}

static void what_is_immutable_stays(void **state)
{
    (void)state;
    assert_update_gives(OBJECT("Secret", ""), OBJECT("Secret", ",\"type\":\"x/y\""),
                        "type: Invalid value: \"x/y\": field is immutable");
    assert_update_gives(OBJECT("ConfigMap", ",\"immutable\":true,\"data\":{\"a\":\"1\"}"),
                        OBJECT("ConfigMap", ",\"data\":{\"a\":\"2\"}"),
                        "[immutable: Forbidden: field is immutable when `immutable` is set, data: "
                        "Forbidden: field is immutable when `immutable` is set]");
    assert_update_gives(OBJECT("Node", ",\"spec\":{\"podCIDR\":\"10.0.0.0/24\"}"),
                        OBJECT("Node", ",\"spec\":{\"podCIDR\":\"10.0.1.0/24\"}"),
                        "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "
                        "\"\" to valid");
    assert_update_gives(OBJECT("Namespace", ""), OBJECT("Namespace", ",\"spec\":{}"), "");
}

static void too_much_data_is_refused(void **state)
{
    (void)state;
    ke_auto_buf text = KE_BUF_INIT(4U << 20);
    ke_buf_add_c(&text, "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":"
                        "\"x\"},\"data\":{\"a\":\"");
    for (size_t i = 0; i <= LIMIT_DATA_BYTES; i++)
        ke_buf_add_char(&text, 'x');
    ke_buf_add_c(&text, "\"}}");
    ke_buf_add_char(&text, '\0');
    assert_int_equal(text.failed, KE_OK);
    WRITE_AUTO w = { 0 };
    (void)write_create(&w, text.ptr);
    assert_issues(&w, "1 MiB and a byte", "[]: Too long: may not be more than 1048576 bytes");
}

/* Ports are compared with each other: their number has a limit. */
static void too_many_ports_are_refused_at_once(void **state)
{
    (void)state;
    ke_auto_buf text = KE_BUF_INIT(4U << 20);
    ke_buf_add_c(&text, "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"},"
                        "\"spec\":{\"ports\":[");
    for (unsigned i = 1; i <= 50000; i++)
        ke_buf_addf(&text, "%s{\"name\":\"p%u\",\"port\":%u}", i > 1 ? "," : "", i, i);
    ke_buf_add_c(&text, "]}}");
    ke_buf_add_char(&text, '\0');
    assert_int_equal(text.failed, KE_OK);
    WRITE_AUTO w = { 0 };
    (void)write_create(&w, text.ptr);
    assert_issues(&w, "50,000 ports", "spec.ports: Too many: 50000: must have at most 1000 items");
}

static void a_namespace_terminates_only_when_deleted(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    const struct model_kind *kind =
        write_decode(&w, OBJECT("Namespace", ",\"status\":{\"phase\":\"Terminating\"}"));
    kind->validate_status(w.object, w.object, &w.issues);
    assert_issues(&w, "status",
                  "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if "
                  "`deletionTimestamp` is empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_refuses_what_a_real_server_refuses),
        cmocka_unit_test(what_is_immutable_stays),
        cmocka_unit_test(too_much_data_is_refused),
        cmocka_unit_test(too_many_ports_are_refused_at_once),
        cmocka_unit_test(a_namespace_terminates_only_when_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
