/* SPDX-License-Identifier: Apache-2.0 */
/* What lies where, for messages of the wire schema and for structural schemas. */
#include "core/base/json.h"
#include "core/model/shape.h"
#include "test/support/base/test.h"

static struct model_shape shape_at(struct model_shape shape, const char *path)
{
    struct ke_str rest = ke_str_c(path);
    struct ke_str name = { NULL, 0 };
    while (ke_str_split(&rest, '.', &name))
        shape = ke_str_eq_c(name, "[]") ? model_shape_element(&shape)
                                        : model_shape_member(&shape, name);
    return shape;
}

static struct model_shape in_kind(const char *message, const char *path)
{
    const struct model_message *found = model_schema_find(ke_str_c(message));
    assert_non_null(found);
    return shape_at(model_shape_of_message(found), path);
}

static void assert_keys(struct model_shape list, const char *expected)
{
    char memory[256];
    struct ke_buf keys = KE_BUF_FIXED(memory, sizeof(memory) - 1);
    struct ke_str name = { NULL, 0 };
    for (size_t i = 0; model_shape_key(&list, i, &name); i++) {
        ke_buf_addf(&keys, "%s%.*s", i > 0 ? " " : "", KE_STR_ARG(name));
        size_t at = keys.len;
        ke_buf_add_char(&keys, '=');
        if (!model_shape_key_default(&list, name, &keys))
            keys.len = at;
    }
    memory[keys.len] = '\0';
    assert_string_equal(memory, expected);
}

static void reads_the_markers_of_a_message(void **state)
{
    (void)state;
    struct model_shape containers = in_kind("core.v1.Pod", "spec.containers");
    assert_int_equal(containers.kind, MODEL_SHAPE_LIST);
    assert_int_equal(containers.list, MODEL_SHAPE_LIST_MAP);
    assert_true(containers.is_null_when_absent);
    assert_keys(containers, "name");
    assert_keys(in_kind("core.v1.Pod", "spec.containers.[].ports"),
                "containerPort protocol=\"TCP\"");
    assert_keys(in_kind("core.v1.Service", "spec.ports"), "port protocol=\"TCP\"");
    assert_int_equal(in_kind("core.v1.Pod", "spec.containers.[].command").list,
                     MODEL_SHAPE_LIST_ATOMIC);
    assert_int_equal(in_kind("core.v1.Pod", "metadata.finalizers").list, MODEL_SHAPE_LIST_SET);
    assert_int_equal(in_kind("core.v1.Pod", "metadata.finalizers.[]").scalar, MODEL_SHAPE_STRING);
    assert_false(in_kind("core.v1.Pod", "metadata.finalizers").is_null_when_absent);
}

static void tells_atomic_from_granular(void **state)
{
    (void)state;
    assert_true(in_kind("core.v1.Service", "spec.selector").is_atomic);
    assert_true(in_kind("apps.v1.Deployment", "spec.selector").is_atomic);
    assert_true(in_kind("apps.v1.Deployment", "spec.selector").is_null_when_absent);
    assert_false(in_kind("apps.v1.Deployment", "spec.strategy").is_atomic);
    assert_true(in_kind("core.v1.PersistentVolumeClaim", "spec.dataSource").is_atomic);
    /* The reference is atomic everywhere but here. */
    assert_false(in_kind("core.v1.PersistentVolume", "spec.claimRef").is_atomic);
    assert_true(in_kind("core.v1.Pod", "spec.imagePullSecrets.[]").is_atomic);
}

static void knows_maps_scalars_and_free_form(void **state)
{
    (void)state;
    struct model_shape labels = in_kind("core.v1.Pod", "metadata.labels");
    assert_int_equal(labels.kind, MODEL_SHAPE_OBJECT);
    assert_false(model_shape_names(&labels, KE_STR("app")));
    assert_int_equal(shape_at(labels, "app").scalar, MODEL_SHAPE_STRING);
    struct model_shape pod = in_kind("core.v1.Pod", "spec");
    assert_true(model_shape_names(&pod, KE_STR("nodeName")));
    assert_false(model_shape_names(&pod, KE_STR("nodename")));
    assert_int_equal(shape_at(pod, "nodename").kind, MODEL_SHAPE_UNDECLARED);
    assert_int_equal(shape_at(pod, "nodeName.x").kind, MODEL_SHAPE_UNDECLARED);
    assert_int_equal(in_kind("core.v1.Pod", "kind").scalar, MODEL_SHAPE_STRING);
    assert_int_equal(in_kind("core.v1.Pod", "spec.kind").kind, MODEL_SHAPE_UNDECLARED);
    assert_int_equal(in_kind("core.v1.Pod", "spec.containers.[].resources.limits.cpu").scalar,
                     MODEL_SHAPE_ANY_SCALAR);
    assert_int_equal(in_kind("apps.v1.ControllerRevision", "data").kind, MODEL_SHAPE_DEDUCED);
    assert_false(in_kind("apps.v1.ControllerRevision", "data.x").is_atomic);
}

static const char schema_text[] =
    "{\"type\":\"object\",\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{"
    "\"items\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"map\","
    "\"x-kubernetes-list-map-keys\":[\"port\",\"protocol\"],\"items\":{\"type\":\"object\","
    "\"properties\":{\"port\":{\"type\":\"integer\"},"
    "\"protocol\":{\"type\":\"string\",\"default\":\"TCP\"}}}},"
    "\"tags\":{\"type\":\"array\",\"x-kubernetes-list-type\":\"set\",\"items\":{\"type\":"
    "\"string\"}},"
    "\"plain\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"ref\":{\"type\":\"object\",\"x-kubernetes-map-type\":\"atomic\",\"properties\":{\"a\":{"
    "\"type\":\"string\"}}},"
    "\"free\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true},"
    "\"open\":{\"type\":\"object\",\"x-kubernetes-preserve-unknown-fields\":true,\"properties\":{"
    "\"a\":{\"type\":\"boolean\"}}},"
    "\"map\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"number\"}},"
    "\"any\":{\"x-kubernetes-int-or-string\":true},"
    "\"pod\":{\"type\":\"object\",\"x-kubernetes-embedded-resource\":true,"
    "\"x-kubernetes-preserve-unknown-fields\":true}}}}}";

static void reads_a_structural_schema(void **state)
{
    (void)state;
    struct ke_err err = KE_ERR_INIT;
    ke_auto_json *schema = NULL;
    assert_int_equal(ke_json_parse(KE_STR(schema_text), &schema, &err), KE_OK);
    KE_AUTO(ke_arena) *arena = ke_arena_new(1U << 20);
    struct model_structural_owned owned = { .json = NULL };
    const struct model_structural *compiled = NULL;
    assert_int_equal(model_structural_new(schema, arena, &owned, &compiled, &err), KE_OK);
    struct model_shape root = model_shape_of_structural(compiled);
    assert_keys(shape_at(root, "spec.items"), "port protocol=\"TCP\"");
    assert_int_equal(shape_at(root, "spec.items.[].port").scalar, MODEL_SHAPE_NUMBER);
    assert_int_equal(shape_at(root, "spec.tags").list, MODEL_SHAPE_LIST_SET);
    assert_true(shape_at(root, "spec.plain").is_atomic);
    assert_true(shape_at(root, "spec.ref").is_atomic);
    assert_int_equal(shape_at(root, "spec.free").kind, MODEL_SHAPE_DEDUCED);
    assert_int_equal(shape_at(root, "spec.free.x.y").kind, MODEL_SHAPE_DEDUCED);
    assert_int_equal(shape_at(root, "spec.open.a").scalar, MODEL_SHAPE_BOOL);
    assert_int_equal(shape_at(root, "spec.open.b").kind, MODEL_SHAPE_DEDUCED);
    assert_int_equal(shape_at(root, "spec.map.k").scalar, MODEL_SHAPE_NUMBER);
    assert_int_equal(shape_at(root, "spec.any").scalar, MODEL_SHAPE_ANY_SCALAR);
    assert_int_equal(shape_at(root, "spec.none").kind, MODEL_SHAPE_UNDECLARED);
    assert_int_equal(shape_at(root, "status").kind, MODEL_SHAPE_UNDECLARED);
    assert_int_equal(shape_at(root, "metadata.labels.x").scalar, MODEL_SHAPE_STRING);
    assert_int_equal(shape_at(root, "spec.pod.metadata.finalizers").list, MODEL_SHAPE_LIST_SET);
    assert_int_equal(shape_at(root, "spec.pod.spec").kind, MODEL_SHAPE_DEDUCED);
    struct model_shape map = shape_at(root, "spec.map");
    assert_false(model_shape_names(&map, KE_STR("k")));
    assert_true(model_shape_names(&root, KE_STR("metadata")));
    assert_true(model_shape_names(&root, KE_STR("spec")));
    model_structural_owned_deinit(&owned);
}

static void takes_everything_without_a_schema(void **state)
{
    (void)state;
    struct model_shape root = model_shape_of_structural(NULL);
    assert_int_equal(shape_at(root, "spec.x").kind, MODEL_SHAPE_DEDUCED);
    assert_int_equal(shape_at(root, "metadata.name").scalar, MODEL_SHAPE_STRING);
    assert_int_equal(shape_at(root, "metadata.x").kind, MODEL_SHAPE_UNDECLARED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_markers_of_a_message),
        cmocka_unit_test(tells_atomic_from_granular),
        cmocka_unit_test(knows_maps_scalars_and_free_form),
        cmocka_unit_test(reads_a_structural_schema),
        cmocka_unit_test(takes_everything_without_a_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
