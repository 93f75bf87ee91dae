/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds of dynamic resource allocation: defaults, refusals, what cannot be changed. */
#include "test/unit/core/model/kinds/write.h"

#define GV "resource.k8s.io/v1"
#define NAMED(kind, rest)                                                                          \
    "{\"kind\":\"" kind "\",\"apiVersion\":\"" GV "\",\"metadata\":{\"name\":\"x\"}," rest "}"
#define CLAIM(devices) NAMED("ResourceClaim", "\"spec\":{\"devices\":{" devices "}}")
#define SLICE(spec)    NAMED("ResourceSlice", "\"spec\":{" spec "}")
#define ONE            "\"requests\":[{\"name\":\"r\",\"exactly\":{\"deviceClassName\":\"c\"}}]"
#define POOL           "\"pool\":{\"name\":\"p\",\"generation\":1,\"resourceSliceCount\":1}"

static void a_request_is_for_one_device(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    (void)write_create(&w, CLAIM(ONE));
    assert_issues(&w, "claim", "");
    assert_has(w.object, "{\"spec\":{\"devices\":{\"requests\":[{\"name\":\"r\",\"exactly\":{"
                         "\"deviceClassName\":\"c\",\"allocationMode\":\"ExactCount\",\"count\":1}}"
                         "]}},\"status\":{}}");
}

static void create_refuses_what_a_real_server_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *object, *issues;
    } cases[] = {
        { CLAIM("\"requests\":[{\"name\":\"r\"}]"),
          "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` "
          "is required" },
        { CLAIM("\"requests\":[{\"name\":\"r\",\"exactly\":{}}]"),
          "spec.devices.requests[0].exactly.deviceClassName: Required value" },
        { CLAIM("\"requests\":[{\"name\":\"r\",\"exactly\":{\"deviceClassName\":\"c\","
                "\"allocationMode\":\"All\",\"count\":2}}]"),
          "spec.devices.requests[0].exactly.count: Invalid value: 2: must not be specified when "
          "allocationMode is 'All'" },
        { CLAIM("\"requests\":[{\"name\":\"r\",\"exactly\":{\"deviceClassName\":\"c\","
                "\"allocationMode\":\"Some\",\"selectors\":[{}]}}]"),
          "[spec.devices.requests[0].exactly.selectors[0].cel: Required value, "
          "spec.devices.requests[0].exactly.allocationMode: Unsupported value: \"Some\": supported "
          "values: \"All\", \"ExactCount\"]" },
        { CLAIM(ONE ",\"constraints\":[{\"requests\":[\"q\"],\"matchAttribute\":\"a\"}]"),
          "[spec.devices.constraints[0].requests[0]: Invalid value: \"q\": must be the name of a "
          "request in the claim or the name of a request and a subrequest separated by '/', "
          "spec.devices.constraints[0].matchAttribute: Invalid value: \"a\": must include a "
          "domain]" },
        { CLAIM(ONE ",\"config\":[{\"requests\":[\"r\"],\"opaque\":{\"driver\":\"d\","
                    "\"parameters\":[]}}]"),
          "spec.devices.config[0].opaque.parameters: Invalid value: \"<value omitted>\": "
          "parameters must be a valid JSON object" },
        { NAMED("ResourceClaimTemplate",
                "\"spec\":{\"metadata\":{\"labels\":{\"a b\":\"c\"}},\"spec\":{\"devices\":{" ONE
                "}}}"),
          "spec.metadata.labels: Invalid value: \"a b\": name part must consist of alphanumeric "
          "characters, '-', '_' or '.', and must start and end with an alphanumeric character "
          "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
          "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')" },
        { NAMED("DeviceClass", "\"spec\":{\"config\":[{}],\"selectors\":[{\"cel\":{"
                               "\"expression\":\"\"}}]}"),
          "[spec.selectors[0].cel.expression: Required value, spec.config[0].opaque: Required "
          "value]" },
        { SLICE("\"driver\":\"d\",\"nodeName\":\"n\"," POOL ",\"devices\":[{\"name\":\"a\","
                "\"attributes\":{\"model\":{\"string\":\"x\"}}},{\"name\":\"b\"}]"),
          "" },
        { SLICE("\"driver\":\"d\"," POOL ",\"devices\":[{\"name\":\"a\"},{\"name\":\"a\"}]"),
          "[spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, "
          "`perDeviceNodeSelection` is required, spec.devices[1].name: Duplicate value: \"a\"]" },
        { SLICE("\"allNodes\":true,\"pool\":{\"name\":\"\"}"),
          "[spec.driver: Required value, spec.pool.name: Required value, "
          "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero]" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++)
        assert_create_gives(cases[i].object, cases[i].issues);
}

static void a_claim_cannot_be_changed(void **state)
{
    (void)state;
    assert_update_gives(CLAIM(ONE), CLAIM(""),
                        "spec: Invalid value: {\"devices\":{}}: field is immutable");
    assert_update_gives(SLICE("\"driver\":\"d\",\"nodeName\":\"n\"," POOL),
                        SLICE("\"driver\":\"e\",\"nodeName\":\"n\"," POOL),
                        "spec.driver: Invalid value: \"e\": field is immutable");
}

static void who_uses_a_claim_is_said_after_its_allocation(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    const struct model_kind *kind = write_decode(
        &w, NAMED("ResourceClaim", "\"spec\":{\"devices\":{" ONE "}},\"status\":{\"reservedFor\":[{"
                                   "\"resource\":\"pods\",\"name\":\"a\",\"uid\":\"1\"},{"
                                   "\"resource\":\"pods\",\"name\":\"b\",\"uid\":\"1\"}]}"));
    kind->validate_status(w.object, w.object, &w.issues);
    assert_issues(&w, "status",
                  "[status.reservedFor[1].uid: Duplicate value: \"1\", status.reservedFor: "
                  "Forbidden: may not be specified when `allocated` is not set]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_for_one_device),
        cmocka_unit_test(create_refuses_what_a_real_server_refuses),
        cmocka_unit_test(a_claim_cannot_be_changed),
        cmocka_unit_test(who_uses_a_claim_is_said_after_its_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
