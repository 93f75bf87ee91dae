/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies that kubectl 1.33 sent (test/fuzz/corpus/protobuf_fuzz) must become what the same command
 * prints with --dry-run=client -o json (test/unit/core/model/protobuf); and broken bodies must be
 * refused.
 */
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/schema.h"
#include "test/support/base/test.h"

static void read_file(struct ke_buf *out, const char *format, const char *name)
{
    char path[512];
    struct ke_buf text = KE_BUF_FIXED(path, sizeof(path) - 1);
    ke_buf_add_c(&text, KEDGE_SOURCE_DIR "/test/");
    ke_buf_add_c(&text, format);
    ke_buf_add_c(&text, name);
    ke_buf_add_c(&text, format[0] == 'f' ? ".pb" : ".json");
    path[text.len] = '\0';
    struct ke_err err = KE_ERR_INIT;
    if (ke_file_read(path, out, &err) != KE_OK)
        fail_msg("%s", err.msg);
}

static void normalise(cJSON *object)
{
    struct ke_err err = KE_ERR_INIT;
    const struct model_message *message =
        model_schema_find_kind(ke_json_str(object, "apiVersion"), ke_json_str(object, "kind"));
    assert_non_null(message);
    if (model_schema_normalise(message, object, NULL, &err) != KE_OK)
        fail_msg("%s", err.msg);
}

static void bodies_of_kubectl_become_what_it_prints(void **state)
{
    (void)state;
    static const char *const NAMES[] = {
        "clusterrole",
        "configmap",
        "cronjob",
        "deployment",
        "ingress",
        "job",
        "namespace",
        "pdb",
        "priorityclass",
        "quota",
        "role",
        "rolebinding",
        "secret",
        "secret_docker",
        "service_clusterip",
        "service_lb",
        "service_nodeport",
        "serviceaccount",
        "service_externalname",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(NAMES); i++) {
        ke_auto_buf body = KE_BUF_INIT(LIMIT_FILE_BYTES);
        ke_auto_buf text = KE_BUF_INIT(LIMIT_FILE_BYTES);
        read_file(&body, "fuzz/corpus/protobuf_fuzz/", NAMES[i]);
        read_file(&text, "unit/core/model/protobuf/", NAMES[i]);
        ke_auto_json *object = NULL;
        ke_auto_json *expected = NULL;
        struct ke_err err = KE_ERR_INIT;
        if (model_protobuf_decode(ke_buf_str(&body), NULL, &object, &err) != KE_OK)
            fail_msg("%s: %s", NAMES[i], err.msg);
        assert_int_equal(ke_json_parse(ke_buf_str(&text), &expected, &err), KE_OK);
        assert_string_equal(object->child->string, "kind");
        normalise(object);
        normalise(expected);
        if (!ke_json_equal(object, expected)) {
            ke_auto_buf printed = KE_BUF_INIT(1 << 20);
            ke_json_print(object, &printed);
            ke_buf_add_c(&printed, "\n");
            ke_json_print(expected, &printed);
            fail_msg("%s: became\n%.*s", NAMES[i], KE_STR_ARG(ke_buf_str(&printed)));
        }
    }
}

static enum ke_code decode(const void *bytes, size_t len, cJSON **out, struct ke_err *err)
{
    return model_protobuf_decode(ke_str_of(bytes, len),
                                 model_schema_find(KE_STR("core.v1.Service")), out, err);
}

static void assert_decodes(const void *bytes, size_t len, const char *expected_text)
{
    ke_auto_json *object = NULL;
    ke_auto_json *expected = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (decode(bytes, len, &object, &err) != KE_OK)
        fail_msg("%s: %s", expected_text, err.msg);
    assert_int_equal(ke_json_parse(ke_str_c(expected_text), &expected, &err), KE_OK);
    if (!ke_json_equal(object, expected)) {
        ke_auto_buf printed = KE_BUF_INIT(1 << 20);
        ke_json_print(object, &printed);
        fail_msg("%s: became %.*s", expected_text, KE_STR_ARG(ke_buf_str(&printed)));
    }
}

#define DECODES(bytes, expected) assert_decodes(bytes, sizeof(bytes) - 1, expected)

static void presence_counts_for_pointers_only(void **state)
{
    (void)state;
    /* no type in the envelope; spec.ports[0]: port 80, nodePort 0, targetPort {0, 0, ""} */
    DECODES("k8s\0\x12\x10\x12\x0e\x0a\x0c\x18\x50\x22\x06\x08\x00\x10\x00\x1a\x00\x28\x00",
            "{\"spec\":{\"ports\":[{\"port\":80,\"targetPort\":0}]}}");
    /* spec.allocateLoadBalancerNodePorts (20, pointer) false; publishNotReadyAddresses (13) false
     */
    DECODES("k8s\0\x12\x07\x12\x05\x68\x00\xa0\x01\x00",
            "{\"spec\":{\"allocateLoadBalancerNodePorts\":false}}");
    /* metadata.creationTimestamp: empty is absent; with seconds 0 it is 1970 */
    DECODES("k8s\0\x12\x04\x0a\x02\x42\x00", "{\"metadata\":{}}");
    DECODES("k8s\0\x12\x06\x0a\x04\x42\x02\x08\x00",
            "{\"metadata\":{\"creationTimestamp\":\"1970-01-01T00:00:00Z\"}}");
    /* the last value of a scalar wins; unknown numbers are skipped */
    DECODES("k8s\0\x12\x0b\x0a\x09\x0a\x01"
            "a"
            "\x0a\x01"
            "b"
            "\xf8\x3f\x07",
            "{\"metadata\":{\"name\":\"b\"}}");
    /* a map entry without a value, and one without a key */
    DECODES("k8s\0\x12\x0c\x0a\x0a\x5a\x03\x0a\x01"
            "k"
            "\x5a\x03\x12\x01"
            "v",
            "{\"metadata\":{\"labels\":{\"k\":\"\",\"\":\"v\"}}}");
}

static void broken_bodies_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        const char *message;
    } EXAMPLES[] = {
        { "", 0, "empty data" },
        { "{}", 2, "expected prefix [107 56 115 0]" },
        { "k8s\0\x12\x7f", 6, "malformed envelope" },
        { "k8s\0\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 15, "malformed envelope" },
        { "k8s\0\x07", 5, "malformed envelope" },
        { "k8s\0\x12\x02\x0a\x05", 8, "malformed message" },
        { "k8s\0\x12\x02\x08\x05", 8, "wrong wireType = 0 for field metadata" },
        { "k8s\0\x12\x03\x0a\x01\x0b", 9, "malformed message" },
        { "k8s\0\x12\x05\x0a\x03\x0a\x01\xff", 11, "invalid UTF-8" },
        { "k8s\0\x12\x05\x0a\x03\x0a\x01\x00", 11, "invalid UTF-8" },
        { "k8s\0\x12\x10\x0a\x0e\x42\x0c\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x10\x00", 22,
          "time out of range" },
        { "k8s\0\x0a\x09\x0a\x02v1\x12\x03"
          "Foo",
          15, "no kind \"Foo\" is registered" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(EXAMPLES); i++) {
        ke_auto_json *object = NULL;
        struct ke_err err = KE_ERR_INIT;
        enum ke_code rc = decode(EXAMPLES[i].bytes, EXAMPLES[i].len, &object, &err);
        if (rc != KE_MALFORMED || strstr(err.msg, EXAMPLES[i].message) == NULL)
            fail_msg("%zu: %d %s", i, (int)rc, err.msg);
        assert_null(object);
    }
}

static void every_cut_of_a_body_is_refused_or_decodes(void **state)
{
    (void)state;
    ke_auto_buf body = KE_BUF_INIT(LIMIT_FILE_BYTES);
    read_file(&body, "fuzz/corpus/protobuf_fuzz/", "ingress");
    size_t n_refused = 0;
    for (size_t len = 0; len < body.len; len++) {
        ke_auto_json *object = NULL;
        struct ke_err err = KE_ERR_INIT;
        enum ke_code rc = decode(body.ptr, len, &object, &err);
        assert_true(rc == KE_OK || rc == KE_MALFORMED);
        n_refused += rc == KE_MALFORMED ? 1 : 0;
    }
    assert_true(n_refused > body.len / 2);
}

static void add_item(struct ke_buf *out, unsigned number, struct ke_str bytes)
{
    ke_buf_add_u8(out, (uint8_t)(number << 3 | 2));
    size_t len = bytes.len;
    for (; len >= 0x80; len >>= 7)
        ke_buf_add_u8(out, (uint8_t)(len | 0x80));
    ke_buf_add_u8(out, (uint8_t)len);
    ke_buf_add_str(out, bytes);
}

/* A Pod of n containers, each with as many resources.limits as a map may have. */
static enum ke_code decode_containers(unsigned n, cJSON **out, struct ke_err *err)
{
    ke_auto_buf limits = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    ke_auto_buf container = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    ke_auto_buf spec = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    ke_auto_buf pod = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    ke_auto_buf body = KE_BUF_INIT(LIMIT_REQUEST_BODY_BYTES);
    for (unsigned i = 0; i < LIMIT_PROTOBUF_MAP; i++) {
        const char key[3] = { (char)('0' + i % 64), (char)('0' + i / 64 % 64),
                              (char)('0' + i / 4096) };
        char memory[8];
        struct ke_buf entry = KE_BUF_FIXED(memory, sizeof(memory));
        add_item(&entry, 1, ke_str_of(key, sizeof(key)));
        add_item(&limits, 1, ke_buf_str(&entry));
    }
    add_item(&container, 8, ke_buf_str(&limits));
    for (unsigned i = 0; i < n; i++)
        add_item(&spec, 2, ke_buf_str(&container));
    add_item(&pod, 2, ke_buf_str(&spec));
    ke_buf_add(&body, "k8s\0", 4);
    add_item(&body, 2, ke_buf_str(&pod));
    assert_int_equal(body.failed, KE_OK);
    const struct model_message *message = model_schema_find_kind(KE_STR("v1"), KE_STR("Pod"));
    assert_non_null(message);
    return model_protobuf_decode(ke_buf_str(&body), message, out, err);
}

/* Forty of them, 2.8 MB, took 25 s to refuse. */
static void large_maps_cost_no_more_than_one_may(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *object = NULL;
    assert_int_equal(decode_containers(1, &object, &err), KE_OK);
    const cJSON *containers = ke_json_path(object, "spec.containers");
    assert_non_null(containers);
    assert_int_equal(
        cJSON_GetArraySize(ke_json_path(cJSON_GetArrayItem(containers, 0), "resources.limits")),
        LIMIT_PROTOBUF_MAP);
    cJSON *other = NULL;
    assert_int_equal(decode_containers(38, &other, &err), KE_TOO_LARGE);
    assert_non_null(strstr(err.msg, "too many entries"));
}

static void embedded_nesting_is_bounded(void **state)
{
    (void)state;
    /* JSONSchemaProps.not (28) inside of itself, 200 deep */
    const struct model_message *schema =
        model_schema_find(KE_STR("apiextensions.v1.JSONSchemaProps"));
    ke_auto_buf inner = KE_BUF_INIT(1 << 20);
    for (int i = 0; i < 200; i++) {
        ke_auto_buf outer = KE_BUF_INIT(1 << 20);
        ke_buf_add(&outer, "\xe2\x01", 2);
        if (inner.len >= 128)
            ke_buf_add_u8(&outer, (uint8_t)(0x80 | (inner.len & 0x7f)));
        ke_buf_add_u8(&outer, (uint8_t)(inner.len >= 128 ? inner.len >> 7 : inner.len));
        ke_buf_add_str(&outer, ke_buf_str(&inner));
        ke_buf_clear(&inner);
        ke_buf_add_str(&inner, ke_buf_str(&outer));
    }
    ke_auto_buf body = KE_BUF_INIT(1 << 20);
    ke_buf_add(&body, "k8s\0\x12", 5);
    ke_buf_add_u8(&body, (uint8_t)(0x80 | (inner.len & 0x7f)));
    ke_buf_add_u8(&body, (uint8_t)(inner.len >> 7));
    ke_buf_add_str(&body, ke_buf_str(&inner));
    ke_auto_json *object = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(model_protobuf_decode(ke_buf_str(&body), schema, &object, &err), KE_MALFORMED);
    assert_non_null(strstr(err.msg, "nested more than"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_of_kubectl_become_what_it_prints),
        cmocka_unit_test(presence_counts_for_pointers_only),
        cmocka_unit_test(broken_bodies_are_refused),
        cmocka_unit_test(every_cut_of_a_body_is_refused_or_decodes),
        cmocka_unit_test(large_maps_cost_no_more_than_one_may),
        cmocka_unit_test(embedded_nesting_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
