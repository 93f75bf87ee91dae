/* SPDX-License-Identifier: Apache-2.0 */
/* The packed object: bytes, slot, labels and selectable fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/registry/object.h"

#define POD                                                                                        \
    "{\"apiVersion\":\"v1\",\"spec\":{\"nodeName\":\"n1\",\"containers\":[]},\"kind\":\"Pod\","    \
    "\"metadata\":{\"name\":\"web-1\",\"namespace\":\"shop\",\"resourceVersion\":\"99\","          \
    "\"uid\":\"u-1\",\"labels\":{\"tier\":\"front\",\"app\":\"web\"}},\"status\":{\"phase\":\"Running\"}}"
#define POD_HEAD "{\"kind\":\"Pod\",\"apiVersion\":\"v1\","

static struct registry_object *object_of(enum model_kind_id id, const char *text)
{
    struct ke_err err = KE_ERR_INIT;
    cJSON *json = NULL;
    struct registry_object *object = NULL;
    assert_int_equal(ke_json_parse(ke_str_c(text), &json, &err), KE_OK);
    assert_int_equal(registry_object_new(model_kind_by_id(id), json, &object, &err), KE_OK);
    cJSON_Delete(json);
    return object;
}

static void assert_str(struct ke_str s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    assert_memory_equal(s.ptr, expected, s.len);
}

static void assert_field(const struct registry_object *object, const char *key, const char *value)
{
    for (uint32_t i = 0; i < object->n_fields; i++) {
        if (ke_str_eq_c(object->fields[i].key, key)) {
            assert_str(object->fields[i].value, value);
            return;
        }
    }
    fail_msg("no field %s", key);
}

static void text_begins_with_kind_and_version_then_the_slot(void **state)
{
    (void)state;
    struct registry_object *pod = object_of(MODEL_POD, POD);
    registry_object_set_revision(pod, 1234);
    assert_true(ke_str_has_prefix(
        pod->json, KE_STR(POD_HEAD "\"metadata\":{\"resourceVersion\":\"1234\"               ,"
                                   "\"name\":\"web-1\",\"namespace\":\"shop\",\"uid\"")));
    assert_int_equal(pod->head_len, sizeof(POD_HEAD) - 1);
    assert_int_equal(pod->revision, 1234);
    registry_object_unref(pod);
}

static void text_holds_everything_once(void **state)
{
    (void)state;
    struct registry_object *pod = object_of(MODEL_POD, POD);
    registry_object_set_revision(pod, 99);
    struct ke_err err = KE_ERR_INIT;
    cJSON *expected = NULL;
    assert_int_equal(ke_json_parse(KE_STR(POD), &expected, &err), KE_OK);
    cJSON *json = registry_object_parse(pod);
    assert_true(ke_json_equal(json, expected));
    cJSON_Delete(json);
    cJSON_Delete(expected);
    registry_object_unref(pod);
}

static void largest_revision_fits_the_slot(void **state)
{
    (void)state;
    struct registry_object *pod = object_of(MODEL_POD, POD);
    size_t len = pod->json.len;
    registry_object_set_revision(pod, INT64_MAX);
    cJSON *json = registry_object_parse(pod);
    assert_non_null(json);
    assert_str(ke_json_path_str(json, "metadata.resourceVersion"), "9223372036854775807");
    cJSON_Delete(json);
    registry_object_set_revision(pod, 7);
    json = registry_object_parse(pod);
    assert_str(ke_json_path_str(json, "metadata.resourceVersion"), "7");
    cJSON_Delete(json);
    assert_int_equal(pod->json.len, len);
    registry_object_unref(pod);
}

static void labels_and_fields_are_packed_and_sorted(void **state)
{
    (void)state;
    struct registry_object *pod = object_of(MODEL_POD, POD);
    assert_str(pod->key, "/registry/pods/shop/web-1");
    assert_str(pod->ns, "shop");
    assert_str(pod->name, "web-1");
    assert_str(pod->uid, "u-1");
    assert_int_equal(pod->n_labels, 2);
    assert_str(pod->labels[0].key, "app");
    assert_str(pod->labels[0].value, "web");
    assert_str(pod->labels[1].key, "tier");
    for (uint32_t i = 1; i < pod->n_fields; i++)
        assert_true(ke_str_cmp(pod->fields[i - 1].key, pod->fields[i].key) < 0);
    assert_field(pod, "metadata.name", "web-1");
    assert_field(pod, "metadata.namespace", "shop");
    assert_field(pod, "spec.nodeName", "n1");
    assert_field(pod, "status.phase", "Running");
    assert_field(pod, "spec.hostNetwork", "false");
    registry_object_unref(pod);
}

static void selectors_match_what_was_packed(void **state)
{
    (void)state;
    struct registry_object *pod = object_of(MODEL_POD, POD);
    struct ke_err err = KE_ERR_INIT;
    struct model_selector *selector = NULL;
    assert_int_equal(model_selector_parse_fields(KE_STR("spec.nodeName=n1,status.phase!=Failed"),
                                                 &selector, &err),
                     KE_OK);
    assert_true(model_selector_matches(selector, pod->fields, pod->n_fields));
    model_selector_free(selector);
    assert_int_equal(model_selector_parse_labels(KE_STR("app in (web,db),!gone"), &selector, &err),
                     KE_OK);
    assert_true(model_selector_matches(selector, pod->labels, pod->n_labels));
    model_selector_free(selector);
    registry_object_unref(pod);
}

static void cluster_wide_kind_has_no_namespace_in_its_key(void **state)
{
    (void)state;
    struct registry_object *ns =
        object_of(MODEL_NAMESPACE, "{\"metadata\":{\"name\":\"shop\",\"namespace\":\"ignored\"}}");
    assert_str(ns->key, "/registry/namespaces/shop");
    assert_str(ns->ns, "");
    registry_object_unref(ns);
}

static void copy_at_another_revision_leaves_the_first_alone(void **state)
{
    (void)state;
    struct registry_object *pod = object_of(MODEL_POD, POD);
    registry_object_set_revision(pod, 5);
    struct registry_object *copy = registry_object_at_revision(pod, 6);
    assert_int_equal(copy->revision, 6);
    assert_int_equal(pod->revision, 5);
    assert_memory_not_equal(copy->json.ptr, pod->json.ptr, pod->json.len);
    registry_object_unref(pod); /* nothing of the copy points into it */
    assert_str(copy->key, "/registry/pods/shop/web-1");
    assert_str(copy->labels[1].value, "front");
    assert_field(copy, "metadata.name", "web-1");
    cJSON *json = registry_object_parse(copy);
    assert_str(ke_json_path_str(json, "metadata.resourceVersion"), "6");
    cJSON_Delete(json);
    registry_object_unref(copy);
}

static void stored_text_is_loaded_byte_for_byte(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct registry_object *pod = object_of(MODEL_POD, POD);
    registry_object_set_revision(pod, 41);
    struct registry_object *loaded = NULL;
    assert_int_equal(registry_object_load(pod->kind, pod->json, 41, &loaded, &err), KE_OK);
    assert_int_equal(loaded->json.len, pod->json.len);
    assert_memory_equal(loaded->json.ptr, pod->json.ptr, pod->json.len);
    assert_int_equal(loaded->revision, 41);
    registry_object_unref(loaded);
    registry_object_unref(pod);
}

static void stored_text_of_another_layout_is_laid_out_anew(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct registry_object *loaded = NULL;
    const struct model_kind *kind = model_kind_by_id(MODEL_POD);
    assert_int_equal(registry_object_load(kind, KE_STR(POD), 8, &loaded, &err), KE_OK);
    assert_true(ke_str_has_prefix(loaded->json, KE_STR(POD_HEAD "\"metadata\":{\"resourceVersion\":"
                                                                "\"8\"     ")));
    registry_object_unref(loaded);
    /* A slot too short for the largest revision is no slot. */
    loaded = NULL;
    struct ke_str narrow =
        KE_STR(POD_HEAD "\"metadata\":{\"resourceVersion\":\"3\" ,\"name\":\"a\","
                        "\"namespace\":\"b\"}}");
    assert_int_equal(registry_object_load(kind, narrow, 123456789, &loaded, &err), KE_OK);
    cJSON *json = registry_object_parse(loaded);
    assert_non_null(json);
    assert_str(ke_json_path_str(json, "metadata.resourceVersion"), "123456789");
    cJSON_Delete(json);
    registry_object_unref(loaded);
}

static void damaged_text_is_refused(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct registry_object *loaded = NULL;
    const struct model_kind *kind = model_kind_by_id(MODEL_POD);
    assert_int_equal(registry_object_load(kind, KE_STR("{\"kind\":"), 8, &loaded, &err),
                     KE_MALFORMED);
    assert_int_equal(registry_object_load(kind, KE_STR("{\"metadata\":{}}"), 8, &loaded, &err),
                     KE_MALFORMED);
    assert_int_equal(registry_object_load(kind, KE_STR("[]"), 8, &loaded, &err), KE_MALFORMED);
    assert_null(loaded);
}

static void object_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    struct registry_object *object = NULL;
    cJSON *json = cJSON_Parse("{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\"}}");
    char *big = malloc(LIMIT_OBJECT_BYTES + 1);
    assert_non_null(big);
    memset(big, 'x', LIMIT_OBJECT_BYTES);
    big[LIMIT_OBJECT_BYTES] = '\0';
    assert_non_null(cJSON_AddStringToObject(json, "data", big));
    assert_int_equal(registry_object_new(model_kind_by_id(MODEL_CONFIGMAP), json, &object, &err),
                     KE_TOO_LARGE);
    assert_null(object);
    free(big);
    cJSON_Delete(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_begins_with_kind_and_version_then_the_slot),
        cmocka_unit_test(text_holds_everything_once),
        cmocka_unit_test(largest_revision_fits_the_slot),
        cmocka_unit_test(labels_and_fields_are_packed_and_sorted),
        cmocka_unit_test(selectors_match_what_was_packed),
        cmocka_unit_test(cluster_wide_kind_has_no_namespace_in_its_key),
        cmocka_unit_test(copy_at_another_revision_leaves_the_first_alone),
        cmocka_unit_test(stored_text_is_loaded_byte_for_byte),
        cmocka_unit_test(stored_text_of_another_layout_is_laid_out_anew),
        cmocka_unit_test(damaged_text_is_refused),
        cmocka_unit_test(object_over_the_limit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
