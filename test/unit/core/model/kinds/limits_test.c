/* SPDX-License-Identifier: Apache-2.0 */
/* LimitRanges and ResourceQuotas: defaults and what is refused. Enforcement: core/resource. */
#include "test/unit/core/model/kinds/write.h"

#define OBJECT(kind, spec)                                                                         \
    "{\"kind\":\"" kind "\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"},\"spec\":{" spec   \
    "}}"
#define LIMIT(items) OBJECT("LimitRange", "\"limits\":[" items "]")
#define QUOTA(spec)  OBJECT("ResourceQuota", spec)

static void containers_get_limits_from_max_and_requests_from_limits(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    (void)write_create(&w, LIMIT("{\"type\":\"Container\",\"max\":{\"cpu\":\"2\"},\"min\":{"
                                 "\"memory\":\"64Mi\",\"cpu\":\"100m\"},\"default\":{\"memory\":"
                                 "\"256Mi\"}},{\"type\":\"Pod\",\"max\":{\"cpu\":\"4\"}}"));
    assert_issues(&w, "defaults", "");
    assert_has(w.object,
               "{\"spec\":{\"limits\":[{\"type\":\"Container\",\"max\":{\"cpu\":\"2\"},\"min\":{"
               "\"memory\":\"64Mi\",\"cpu\":\"100m\"},\"default\":{\"memory\":\"256Mi\",\"cpu\":"
               "\"2\"},\"defaultRequest\":{\"memory\":\"256Mi\",\"cpu\":\"2\"}},{\"type\":\"Pod\","
               "\"max\":{\"cpu\":\"4\"}}]}}");
}

static void create_refuses_what_a_real_server_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *object, *issues;
    } cases[] = {
        { LIMIT("{\"type\":\"Thing\"},{\"type\":\"Thing\"}"),
          "[spec.limits[0].type: Invalid value: \"Thing\": must be a standard limit type or fully "
          "qualified, spec.limits[1].type: Invalid value: \"Thing\": must be a standard limit type "
          "or fully qualified, spec.limits[1].type: Duplicate value: \"Thing\"]" },
        { LIMIT("{\"type\":\"Pod\",\"default\":{\"cpu\":\"1\"}}"),
          "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'" },
        { LIMIT("{\"type\":\"Pod\",\"max\":{\"storage\":\"1\"}}"),
          "spec.limits[0].max[storage]: Invalid value: \"storage\": must be a standard resource "
          "for containers" },
        { LIMIT("{\"type\":\"PersistentVolumeClaim\"}"),
          "spec.limits[0].limits: Required value: either minimum or maximum storage value is "
          "required, but neither was provided" },
        { LIMIT("{\"type\":\"Pod\",\"min\":{\"cpu\":\"2\"},\"max\":{\"cpu\":\"1\"}}"),
          "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value "
          "1" },
        { LIMIT("{\"type\":\"Container\",\"default\":{\"cpu\":\"1\"},\"defaultRequest\":{\"cpu\":"
                "\"2\"}}"),
          "spec.limits[0].defaultRequest[cpu]: Invalid value: \"2\": default request value 2 is "
          "greater than default limit value 1" },
        { LIMIT("{\"type\":\"Container\",\"default\":{\"cpu\":\"3\"},\"max\":{\"cpu\":\"2\"},"
                "\"defaultRequest\":{\"cpu\":\"1\"}}"),
          "spec.limits[0].default[cpu]: Invalid value: \"2\": default value 3 is greater than max "
          "value 2" },
        { LIMIT("{\"type\":\"Pod\",\"min\":{\"cpu\":\"1\"},\"max\":{\"cpu\":\"2\"},"
                "\"maxLimitRequestRatio\":{\"cpu\":\"3\",\"memory\":\"500m\"}}"),
          "[spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"3\": ratio 3 is greater "
          "than max/min = 2.000000, spec.limits[0].maxLimitRequestRatio[memory]: Invalid value: "
          "\"500m\": ratio 500m is less than 1]" },
        { LIMIT("{\"type\":\"Container\",\"default\":{\"x.io/gpu\":\"2\"},\"defaultRequest\":{"
                "\"x.io/gpu\":\"1\"}}"),
          "spec.limits[0].defaultRequest[x.io/gpu]: Invalid value: \"1\": default value 2 must "
          "equal to defaultRequest value 1 in x.io/gpu" },
        { QUOTA("\"hard\":{\"pods\":\"1\",\"count/deployments.apps\":\"2\",\"requests.cpu\":"
                "\"500m\",\"gold.storageclass.storage.k8s.io/requests.storage\":\"1Gi\"}"),
          "" },
        { QUOTA("\"hard\":{\"things\":\"1\"}"),
          "[spec.hard[things]: Invalid value: \"things\": must be a standard resource type or "
          "fully qualified, spec.hard[things]: Invalid value: \"things\": must be a standard "
          "resource for quota]" },
        { QUOTA("\"hard\":{\"storage\":\"1\"}"),
          "spec.hard[storage]: Invalid value: \"storage\": must be a standard resource for "
          "quota" },
        { QUOTA("\"hard\":{\"pods\":\"-1\",\"services\":\"1500m\"}"),
          "[spec.hard[pods]: Invalid value: \"-1\": must be greater than or equal to 0, "
          "spec.hard[services]: Invalid value: \"1500m\": must be an integer]" },
        { QUOTA("\"hard\":{\"pods\":\"1\"},\"scopes\":[\"Sometimes\"]"),
          "spec.scopes: Invalid value: [\"Sometimes\"]: unsupported scope" },
        { QUOTA("\"hard\":{\"services\":\"1\"},\"scopes\":[\"Terminating\"]"),
          "spec.scopes: Invalid value: [\"Terminating\"]: unsupported scope applied to resource" },
        { QUOTA("\"hard\":{\"cpu\":\"1\"},\"scopes\":[\"BestEffort\"]"),
          "spec.scopes: Invalid value: [\"BestEffort\"]: unsupported scope applied to resource" },
        { QUOTA("\"hard\":{\"pods\":\"1\"},\"scopes\":[\"BestEffort\",\"NotBestEffort\"]"),
          "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: conflicting scopes" },
        { QUOTA("\"hard\":{\"pods\":\"1\"},\"scopeSelector\":{\"matchExpressions\":[{"
                "\"scopeName\":\"PriorityClass\",\"operator\":\"In\"},{\"scopeName\":"
                "\"PriorityClass\",\"operator\":\"Exists\",\"values\":[\"a\"]},{\"scopeName\":"
                "\"PriorityClass\",\"operator\":\"Gt\"}]}"),
          "[spec.scopeSelector.matchExpressions.values: Required value: must be at least one "
          "value when `operator` is 'In' or 'NotIn' for scope selector, "
          "spec.scopeSelector.matchExpressions.values: Invalid value: [\"a\"]: must be no value "
          "when `operator` is 'Exist' or 'DoesNotExist' for scope selector, "
          "spec.scopeSelector.matchExpressions.operator: Invalid value: \"Gt\": not a valid "
          "selector operator]" },
        { QUOTA("\"hard\":{\"pods\":\"1\"},\"scopeSelector\":{\"matchExpressions\":[{"
                "\"scopeName\":\"BestEffort\",\"operator\":\"In\",\"values\":[\"a\"]}]}"),
          "spec.scopeSelector.matchExpressions.operator: Invalid value: \"In\": must be 'Exist' "
          "only operator when scope is any of ResourceQuotaScopeTerminating, "
          "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
          "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++)
        assert_create_gives(cases[i].object, cases[i].issues);
}

static void the_scopes_of_a_quota_stay(void **state)
{
    (void)state;
    assert_update_gives(QUOTA("\"hard\":{\"pods\":\"1\"},\"scopes\":[\"BestEffort\"]"),
                        QUOTA("\"hard\":{\"pods\":\"2\"}"),
                        "spec.scopes: Invalid value: null: field is immutable");
    assert_update_gives(
        QUOTA("\"hard\":{\"pods\":\"1\"},\"scopes\":[\"NotBestEffort\",\"Terminating\"]"),
        QUOTA("\"hard\":{\"pods\":\"2\"},\"scopes\":[\"Terminating\",\"NotBestEffort\"]"), "");
}

static void what_is_used_is_checked_too(void **state)
{
    (void)state;
    WRITE_AUTO w = { 0 };
    const struct model_kind *kind = write_decode(
        &w, "{\"kind\":\"ResourceQuota\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"x\"},"
            "\"spec\":{},\"status\":{\"hard\":{\"pods\":\"1\"},\"used\":{\"pods\":\"-1\"}}}");
    kind->validate_status(w.object, w.object, &w.issues);
    assert_issues(&w, "status",
                  "status.used[pods]: Invalid value: \"-1\": must be greater than or equal to 0");
}

static void too_many_resources_are_refused_at_once(void **state)
{
    (void)state;
    ke_auto_buf text = KE_BUF_INIT(4U << 20);
    ke_buf_add_c(&text, "{\"kind\":\"ResourceQuota\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":"
                        "\"x\"},\"spec\":{\"hard\":{");
    for (unsigned i = 0; i < 10000; i++)
        ke_buf_addf(&text, "%s\"count/x%u\":\"1\"", i > 0 ? "," : "", i);
    ke_buf_add_c(&text, "}}}");
    ke_buf_add_char(&text, '\0');
    assert_int_equal(text.failed, KE_OK);
    WRITE_AUTO w = { 0 };
    (void)write_create(&w, text.ptr);
    assert_issues(&w, "10,000 resources",
                  "spec.hard: Too many: 10000: must have at most 128 items");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(containers_get_limits_from_max_and_requests_from_limits),
        cmocka_unit_test(create_refuses_what_a_real_server_refuses),
        cmocka_unit_test(the_scopes_of_a_quota_stay),
        cmocka_unit_test(what_is_used_is_checked_too),
        cmocka_unit_test(too_many_resources_are_refused_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
