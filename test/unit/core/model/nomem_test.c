/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each allocation of the model's engines fails once: the answer is KE_NOMEM, the input stays as it
 * was, nothing leaks (under the address sanitizer). Then the call gets through.
 */
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/patch.h"
#include "core/model/schema.h"
#include "core/model/selector.h"
#include "core/model/views.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

#define TRIES 10000

static const char POD[] =
    "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"finalizers\":[\"x/a\","
    "\"x/b\"],\"labels\":{\"a\":\"b\"},\"creationTimestamp\":\"2024-01-01T02:00:00+02:00\"},"
    "\"foo\":1,\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"1\",\"ports\":[{"
    "\"containerPort\":80}],\"resources\":{\"limits\":{\"cpu\":\"1000m\",\"memory\":1024}}},"
    "{\"name\":\"b\"}],\"nodeSelector\":{\"a\":null}}}";

static const char STRATEGIC[] =
    "{\"metadata\":{\"$deleteFromPrimitiveList/finalizers\":[\"x/a\"],\"labels\":{\"c\":\"d\"}},"
    "\"spec\":{\"$setElementOrder/containers\":[{\"name\":\"c\"},{\"name\":\"a\"}],"
    "\"containers\":[{\"name\":\"c\",\"env\":[{\"name\":\"e\"}]},{\"name\":\"a\",\"ports\":[{"
    "\"containerPort\":81}]},{\"name\":\"b\",\"$patch\":\"delete\"}],\"nodeSelector\":{\"$patch\":"
    "\"replace\",\"z\":\"y\"},\"volumes\":[{\"name\":\"v\",\"$retainKeys\":[\"name\"]}]}}";

static const char JSON_OPS[] =
    "[{\"op\":\"add\",\"path\":\"/spec/x\",\"value\":[1]},{\"op\":\"copy\",\"from\":\"/spec\","
    "\"path\":\"/copy\"},{\"op\":\"move\",\"from\":\"/copy/x\",\"path\":\"/spec/x/0\"},{\"op\":"
    "\"test\",\"path\":\"/kind\",\"value\":\"Pod\"},{\"op\":\"replace\",\"path\":\"/foo\","
    "\"value\":2},{\"op\":\"remove\",\"path\":\"/copy\"}]";

static cJSON *parse(const char *text)
{
    cJSON *json = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_json_parse(ke_str_c(text), &json, &err), KE_OK);
    return json;
}

typedef enum ke_code patch_fn(cJSON **target, const cJSON *patch, struct ke_err *err);

static enum ke_code patch_pod(cJSON **target, const cJSON *patch, struct ke_err *err)
{
    return model_patch_strategic(target, patch, model_schema_find(KE_STR("core.v1.Pod")), err);
}

static void assert_patch_survives(patch_fn *apply, const char *patch_text)
{
    ke_auto_json *before = parse(POD);
    ke_auto_json *target = parse(POD);
    ke_auto_json *patch = parse(patch_text);
    for (size_t n = 1; n < TRIES; n++) {
        struct ke_err err = KE_ERR_INIT;
        test_alloc_fail_at(n);
        enum ke_code rc = apply(&target, patch, &err);
        if (!test_alloc_end()) {
            assert_int_equal(rc, KE_OK);
            assert_false(ke_json_equal(target, before));
            assert_true(n > 10);
            return;
        }
        assert_int_equal(rc, KE_NOMEM);
        assert_true(ke_json_equal(target, before));
    }
    fail_msg("never got through");
}

static void patches_leave_the_object_alone(void **state)
{
    (void)state;
    assert_patch_survives(patch_pod, STRATEGIC);
    assert_patch_survives(model_patch_json, JSON_OPS);
    assert_patch_survives(model_patch_merge, STRATEGIC);
}

static void normalising_tells(void **state)
{
    (void)state;
    const struct model_message *pod = model_schema_find(KE_STR("core.v1.Pod"));
    for (size_t n = 1; n < TRIES; n++) {
        ke_auto_json *object = parse(POD);
        struct ke_err err = KE_ERR_INIT;
        test_alloc_fail_at(n);
        enum ke_code rc = model_schema_normalise(pod, object, NULL, &err);
        if (!test_alloc_end()) {
            assert_int_equal(rc, KE_OK);
            assert_true(n > 5);
            return;
        }
        assert_int_equal(rc, KE_NOMEM);
    }
    fail_msg("never got through");
}

static void decoding_protobuf_tells(void **state)
{
    (void)state;
    ke_auto_buf body = KE_BUF_INIT(LIMIT_FILE_BYTES);
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(
        ke_file_read(KEDGE_SOURCE_DIR "/test/fuzz/corpus/protobuf_fuzz/deployment.pb", &body, &err),
        KE_OK);
    for (size_t n = 1; n < TRIES; n++) {
        ke_auto_json *object = NULL;
        test_alloc_fail_at(n);
        enum ke_code rc = model_protobuf_decode(ke_buf_str(&body), NULL, &object, &err);
        if (!test_alloc_end()) {
            assert_int_equal(rc, KE_OK);
            assert_true(n > 10);
            return;
        }
        assert_int_equal(rc, KE_NOMEM);
        assert_null(object);
    }
    fail_msg("never got through");
}

static void selectors_and_views_tell(void **state)
{
    (void)state;
    ke_auto_json *json = parse(POD);
    bool is_through = false;
    for (size_t n = 1; n < TRIES && !is_through; n++) {
        struct model_selector *selector = NULL;
        struct ke_err err = KE_ERR_INIT;
        test_alloc_fail_at(n);
        enum ke_code rc = model_selector_parse_labels(KE_STR("a in (b,c),d"), &selector, &err);
        is_through = !test_alloc_end();
        assert_int_equal(rc, is_through ? KE_OK : KE_NOMEM);
        model_selector_free(selector);
    }
    assert_true(is_through);
    is_through = false;
    for (size_t n = 1; n < TRIES && !is_through; n++) {
        struct model_pod pod;
        test_alloc_fail_at(n);
        KE_AUTO(ke_arena) *arena = ke_arena_new(1 << 20);
        bool is_decoded = arena != NULL && model_pod_decode(json, arena, &pod);
        is_through = !test_alloc_end();
        assert_int_equal(is_decoded, is_through);
    }
    assert_true(is_through);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patches_leave_the_object_alone),
        cmocka_unit_test(normalising_tells),
        cmocka_unit_test(decoding_protobuf_tells),
        cmocka_unit_test(selectors_and_views_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
