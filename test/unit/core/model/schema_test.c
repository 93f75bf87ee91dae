/* SPDX-License-Identifier: Apache-2.0 */
/* The generated tables, asked through schema.h. */
#include "core/model/schema.h"
#include "test/support/base/test.h"

static const struct model_field *field_of(const char *message, const char *name)
{
    const struct model_message *found = model_schema_find(ke_str_c(message));
    assert_non_null(found);
    const struct model_field *field = model_schema_field(found, ke_str_c(name));
    assert_non_null(field);
    return field;
}

static void finds_messages_by_exact_name(void **state)
{
    (void)state;
    const struct model_message *pod = model_schema_find(KE_STR("core.v1.Pod"));
    assert_non_null(pod);
    assert_string_equal(model_message_name(pod), "core.v1.Pod");
    assert_true(pod->has_type_meta);
    assert_non_null(model_schema_find(KE_STR("networking.v1beta1.Ingress")));
    assert_non_null(model_schema_find(KE_STR("extensions.v1beta1.Ingress")));
    assert_null(model_schema_find(KE_STR("core.v1.pod")));
    assert_null(model_schema_find(KE_STR("core.v1.Po")));
    assert_null(model_schema_find(KE_STR("")));
    assert_null(model_schema_find(KE_STR("storagemigration.v1alpha1.StorageVersionMigration")));
}

static void gives_the_markers_of_a_field(void **state)
{
    (void)state;
    const struct model_field *ports = field_of("core.v1.ServiceSpec", "ports");
    assert_int_equal(ports->kind, MODEL_FIELD_MESSAGE);
    assert_true((ports->flags & MODEL_FIELD_LIST) != 0);
    assert_true((ports->flags & MODEL_FIELD_PATCH_MERGE) != 0);
    assert_string_equal(model_field_merge_key(ports), "port");
    assert_string_equal(model_field_list_type(ports), "map");
    assert_string_equal(model_field_list_keys(ports), "port,protocol");
    assert_string_equal(model_message_name(model_field_message(ports)), "core.v1.ServicePort");

    const struct model_field *protocol = field_of("core.v1.ServicePort", "protocol");
    assert_string_equal(model_field_enum(protocol), "core.v1.Protocol");
    assert_string_equal(model_field_enum_value(protocol, 0), "SCTP");
    assert_string_equal(model_field_enum_value(protocol, 2), "UDP");
    assert_null(model_field_enum_value(protocol, 3));
    assert_string_equal(model_field_default(protocol), "\"TCP\"");
    assert_null(model_field_merge_key(protocol));

    const struct model_field *volumes = field_of("core.v1.PodSpec", "volumes");
    assert_true((volumes->flags & MODEL_FIELD_PATCH_RETAIN_KEYS) != 0);
    assert_true((volumes->flags & MODEL_FIELD_PATCH_MERGE) != 0);
    const struct model_field *strategy = field_of("apps.v1.DeploymentSpec", "strategy");
    assert_true((strategy->flags & MODEL_FIELD_PATCH_RETAIN_KEYS) != 0);
    assert_true((strategy->flags & MODEL_FIELD_PATCH_MERGE) == 0);
}

static void looks_into_inline_members(void **state)
{
    (void)state;
    assert_non_null(field_of("core.v1.Volume", "emptyDir"));
    assert_non_null(field_of("core.v1.Probe", "httpGet"));
    assert_non_null(field_of("admissionregistration.v1.NamedRuleWithOperations", "apiGroups"));
    const struct model_message *volume = model_schema_find(KE_STR("core.v1.Volume"));
    assert_null(model_schema_field(volume, KE_STR("")));
}

static void finds_fields_by_number(void **state)
{
    (void)state;
    const struct model_message *meta = model_schema_find(KE_STR("meta.v1.ObjectMeta"));
    const struct model_field *labels = model_message_field_by_number(meta, 11);
    assert_non_null(labels);
    assert_string_equal(model_field_name(labels), "labels");
    assert_true((labels->flags & MODEL_FIELD_MAP) != 0);
    assert_null(model_message_field_by_number(meta, 0));
    assert_null(model_message_field_by_number(meta, 15)); /* clusterName: gone */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_messages_by_exact_name),
        cmocka_unit_test(gives_the_markers_of_a_field),
        cmocka_unit_test(looks_into_inline_members),
        cmocka_unit_test(finds_fields_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
