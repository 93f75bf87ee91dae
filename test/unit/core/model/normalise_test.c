/* SPDX-License-Identifier: Apache-2.0 */
/* What an object looks like after Go's decoder and encoder, without them. */
#include "core/base/json.h"
#include "core/model/schema.h"
#include "test/support/base/test.h"

static enum ke_code normalise(const char *message, const char *text, cJSON **out,
                              struct model_issues *unknown, struct ke_err *err)
{
    const struct model_message *schema = model_schema_find(ke_str_c(message));
    assert_non_null(schema);
    assert_int_equal(ke_json_parse(ke_str_c(text), out, err), KE_OK);
    return model_schema_normalise(schema, *out, unknown, err);
}

static void assert_becomes(const char *message, const char *text, const char *expected_text)
{
    ke_auto_json *object = NULL;
    ke_auto_json *expected = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (normalise(message, text, &object, NULL, &err) != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    assert_int_equal(ke_json_parse(ke_str_c(expected_text), &expected, &err), KE_OK);
    if (!ke_json_equal(object, expected)) {
        ke_auto_buf printed = KE_BUF_INIT(1 << 20);
        ke_json_print(object, &printed);
        fail_msg("%s: became %.*s", text, KE_STR_ARG(ke_buf_str(&printed)));
    }
}

static void assert_refused(const char *message, const char *text, const char *expected)
{
    ke_auto_json *object = NULL;
    struct ke_err err = KE_ERR_INIT;
    enum ke_code rc = normalise(message, text, &object, NULL, &err);
    if (rc != KE_MALFORMED || strcmp(err.msg, expected) != 0)
        fail_msg("%s: %d %s", text, (int)rc, err.msg);
}

static void removes_null_and_empty_and_adds_what_is_always_printed(void **state)
{
    (void)state;
    assert_becomes("core.v1.Service",
                   "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\","
                   "\"labels\":{},\"annotations\":null,\"creationTimestamp\":null},"
                   "\"spec\":{\"ports\":[{\"port\":80,\"name\":\"\"}],\"clusterIP\":\"\"}}",
                   "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\"},"
                   "\"spec\":{\"ports\":[{\"port\":80}]},\"status\":{\"loadBalancer\":{}}}");
    assert_becomes("apps.v1.Deployment", "{\"spec\":{\"replicas\":0,\"paused\":false}}",
                   "{\"metadata\":{},\"spec\":{\"replicas\":0,\"strategy\":{},\"template\":{"
                   "\"metadata\":{},\"spec\":{}}},\"status\":{}}");
    assert_becomes("core.v1.Container", "{}", "{\"name\":\"\",\"resources\":{}}");
    assert_becomes("core.v1.Volume", "{\"name\":\"v\",\"emptyDir\":{}}",
                   "{\"name\":\"v\",\"emptyDir\":{}}");
}

static void null_elements_become_zero(void **state)
{
    (void)state;
    assert_becomes("core.v1.ConfigMap", "{\"data\":{\"a\":null}}",
                   "{\"metadata\":{},\"data\":{\"a\":\"\"}}");
    assert_becomes("core.v1.ServiceSpec", "{\"ports\":[null],\"externalIPs\":[null,\"x\"]}",
                   "{\"ports\":[{\"port\":0}],\"externalIPs\":[\"\",\"x\"]}");
}

static void values_get_their_canonical_form(void **state)
{
    (void)state;
    assert_becomes("core.v1.ResourceRequirements",
                   "{\"limits\":{\"cpu\":\"1000m\",\"memory\":\"1024Mi\"},"
                   "\"requests\":{\"cpu\":0.5,\"memory\":1024}}",
                   "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},"
                   "\"requests\":{\"cpu\":\"500m\",\"memory\":\"1024\"}}");
    assert_becomes("meta.v1.ObjectMeta", "{\"deletionTimestamp\":\"2024-01-01T00:00:00.5+02:00\"}",
                   "{\"deletionTimestamp\":\"2023-12-31T22:00:00Z\"}");
    assert_becomes("coordination.v1.LeaseSpec", "{\"renewTime\":\"2024-01-01T00:00:00.000000Z\"}",
                   "{\"renewTime\":\"2024-01-01T00:00:00.000000Z\"}");
    assert_becomes("core.v1.ServicePort", "{\"port\":1,\"targetPort\":\"http\"}",
                   "{\"port\":1,\"targetPort\":\"http\"}");
    assert_becomes("core.v1.Secret", "{\"data\":{\"a\":\"YWI=\"}}",
                   "{\"metadata\":{},\"data\":{\"a\":\"YWI=\"}}");
}

static void wrong_types_are_told_as_go_tells_them(void **state)
{
    (void)state;
    static const char *const EXAMPLES[][3] = {
        { "core.v1.Service", "{\"spec\":{\"ports\":[{\"port\":\"80\"}]}}",
          "json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type "
          "int32" },
        { "core.v1.Service", "{\"spec\":{\"ports\":\"x\"}}",
          "json: cannot unmarshal string into Go struct field ServiceSpec.spec.ports of type "
          "[]v1.ServicePort" },
        { "core.v1.Service", "{\"spec\":{\"ports\":[{\"port\":70000000000}]}}",
          "json: cannot unmarshal number 70000000000 into Go struct field "
          "ServicePort.spec.ports.port of type int32" },
        { "core.v1.Service", "{\"spec\":{\"ports\":[{\"port\":1.5}]}}",
          "json: cannot unmarshal number 1.5 into Go struct field ServicePort.spec.ports.port of "
          "type int32" },
        { "core.v1.Service", "{\"spec\":[]}",
          "json: cannot unmarshal array into Go struct field Service.spec of type v1.ServiceSpec" },
        { "core.v1.Service", "{\"metadata\":{\"labels\":{\"a\":1}}}",
          "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type "
          "string" },
        { "core.v1.Service", "{\"metadata\":{\"labels\":[]}}",
          "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type "
          "map[string]string" },
        { "core.v1.Service", "{\"metadata\":{\"creationTimestamp\":5}}",
          "json: cannot unmarshal number into Go struct field "
          "ObjectMeta.metadata.creationTimestamp of type string" },
        { "core.v1.Service", "{\"spec\":{\"ports\":[{\"protocol\":true}]}}",
          "json: cannot unmarshal bool into Go struct field ServicePort.spec.ports.protocol of "
          "type v1.Protocol" },
        { "core.v1.Service", "[]",
          "json: cannot unmarshal array into Go value of type v1.Service" },
        { "core.v1.ServicePort", "{\"targetPort\":{}}",
          "json: cannot unmarshal object into Go struct field ServicePort.targetPort of type "
          "int32" },
        { "core.v1.Secret", "{\"data\":{\"a\":\"YWI\"}}", "illegal base64 data at input byte 3" },
        { "core.v1.Secret", "{\"data\":{\"a\":\"Y*I=\"}}", "illegal base64 data at input byte 1" },
        { "core.v1.ResourceRequirements", "{\"limits\":{\"cpu\":\"1x\"}}",
          "quantities must match the regular expression "
          "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'" },
        { "meta.v1.ObjectMeta", "{\"creationTimestamp\":\"now\"}",
          "parsing time \"now\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"now\" as "
          "\"2006\"" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++)
        assert_refused(EXAMPLES[i][0], EXAMPLES[i][1], EXAMPLES[i][2]);
}

static void unknown_fields_are_named_and_dropped(void **state)
{
    (void)state;
    KE_AUTO(ke_arena) *arena = ke_arena_new(1 << 16);
    struct model_issues unknown;
    model_issues_init(&unknown, arena);
    ke_auto_json *object = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(normalise("core.v1.Pod",
                               "{\"foo\":1,\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":"
                               "\"b\",\"Image\":\"x\"}],\"volumes\":[{\"name\":\"v\",\"emptyDir\":"
                               "{},\"foo\":null}]},\"metadata\":{\"labels\":{\"any\":\"x\"}}}",
                               &object, &unknown, &err),
                     KE_OK);
    static const char *const EXPECTED[] = { "unknown field \"foo\"",
                                            "unknown field \"spec.containers[1].Image\"",
                                            "unknown field \"spec.volumes[0].foo\"" };
    assert_int_equal(unknown.n_items, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(ke_str_eq_c(unknown.items[i].message, EXPECTED[i]));
    assert_null(ke_json_get(object, "foo"));
    ke_auto_buf text = KE_BUF_INIT(1024);
    model_issues_format(&unknown, &text);
    assert_true(ke_str_has_prefix(ke_buf_str(&text), KE_STR("[unknown field \"foo\", unknown")));
}

static void short_bodies_cannot_grow_without_end(void **state)
{
    (void)state;
    /* each {} is filled in to {"name":"","resources":{}} */
    ke_auto_buf text = KE_BUF_INIT(1 << 20);
    ke_buf_add_c(&text, "{\"containers\":[{}");
    for (int i = 0; i < 100001; i++)
        ke_buf_add_c(&text, ",{}");
    ke_buf_add_c(&text, "]}");
    ke_auto_json *object = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_json_parse(ke_buf_str(&text), &object, &err), KE_OK);
    const struct model_message *spec = model_schema_find(KE_STR("core.v1.PodSpec"));
    assert_int_equal(model_schema_normalise(spec, object, NULL, &err), KE_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removes_null_and_empty_and_adds_what_is_always_printed),
        cmocka_unit_test(null_elements_become_zero),
        cmocka_unit_test(values_get_their_canonical_form),
        cmocka_unit_test(wrong_types_are_told_as_go_tells_them),
        cmocka_unit_test(unknown_fields_are_named_and_dropped),
        cmocka_unit_test(short_bodies_cannot_grow_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
