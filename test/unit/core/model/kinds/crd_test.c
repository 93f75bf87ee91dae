/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a CustomResourceDefinition invalid, and what it is filled in with. */
#include "core/base/json.h"
#include "core/base/limits.h"
#include "core/model/kind.h"
#include "core/model/patch.h"
#include "core/model/schema.h"
#include "test/support/base/test.h"

static const char valid[] =
    "{\"kind\":\"CustomResourceDefinition\",\"apiVersion\":\"apiextensions.k8s.io/v1\",\"metadata\":{"
    "\"name\":\"widgets.example.com\"},\"spec\":{\"group\":\"example.com\",\"scope\":"
    "\"Namespaced\",\"names\":{\"plural\":\"widgets\",\"kind\":\"Widget\"},\"versions\":[{\"name\":"
    "\"v1\",\"served\":true,\"storage\":true,\"schema\":{\"openAPIV3Schema\":{\"type\":\"object\","
    "\"properties\":{\"spec\":{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"string\"}}}}}}}]}"
    "}";

static cJSON *parse(const char *text)
{
    cJSON *json = NULL;
    struct ke_err err = KE_ERR_INIT;
    if (ke_json_parse(ke_str_c(text), &json, &err) != KE_OK)
        fail_msg("%s: %s", text, err.msg);
    return json;
}

/* The valid definition with a JSON patch applied, decoded and defaulted as a create is. */
static cJSON *make(const char *patch)
{
    const struct model_kind *kind = model_kind_by_id(MODEL_CUSTOMRESOURCEDEFINITION);
    struct ke_err err = KE_ERR_INIT;
    cJSON *object = parse(valid);
    ke_auto_json *changes = parse(patch);
    if (model_patch_json(&object, changes, &err) != KE_OK ||
        model_schema_normalise(model_schema_find(ke_str_c(kind->versions[0].message)), object, NULL,
                               &err) != KE_OK)
        fail_msg("%s: %s", patch, err.msg);
    assert_true(kind->set_defaults(object));
    assert_true(kind->prepare_create(object));
    return object;
}

static void expect(const char *patch, const char *expected)
{
    const struct model_kind *kind = model_kind_by_id(MODEL_CUSTOMRESOURCEDEFINITION);
    KE_AUTO(ke_arena) *arena = ke_arena_new(LIMIT_OPERATION_BYTES);
    ke_auto_json *object = make(patch);
    struct model_issues issues;
    model_issues_init(&issues, arena);
    kind->validate(object, NULL, &issues);
    ke_auto_buf text = KE_BUF_INIT(1U << 20);
    for (size_t i = 0; i < issues.n_items; i++)
        ke_buf_addf(&text, "%.*s: %.*s\n", KE_STR_ARG(issues.items[i].field),
                    KE_STR_ARG(issues.items[i].message));
    ke_buf_add_char(&text, '\0');
    assert_string_equal(text.ptr, expected);
}

/* Replaces the schema of spec.a. */
static void expect_schema(const char *schema, const char *expected)
{
    ke_auto_buf patch = KE_BUF_INIT(1U << 16);
    ke_buf_addf(
        &patch,
        "[{\"op\":\"replace\",\"path\":\"/spec/versions/0/schema/openAPIV3Schema/properties/"
        "spec/properties/a\",\"value\":%s}]",
        schema);
    ke_buf_add_char(&patch, '\0');
    expect(patch.ptr, expected);
}

#define A "spec.versions[0].schema.openAPIV3Schema.properties[spec].properties[a]"

static void fills_in_names_and_conversion(void **state)
{
    (void)state;
    ke_auto_json *object = make("[]");
    assert_true(ke_str_eq_c(ke_json_path_str(object, "spec.names.singular"), "widget"));
    assert_true(ke_str_eq_c(ke_json_path_str(object, "spec.names.listKind"), "WidgetList"));
    assert_true(ke_str_eq_c(ke_json_path_str(object, "spec.conversion.strategy"), "None"));
    const cJSON *stored = ke_json_path(object, "status.storedVersions");
    assert_true(ke_str_eq_c(ke_json_value_str(cJSON_GetArrayItem(stored, 0)), "v1"));
    expect("[]", "");
}

static void checks_names_and_group(void **state)
{
    (void)state;
    expect("[{\"op\":\"replace\",\"path\":\"/metadata/name\",\"value\":\"x.example.com\"}]",
           "metadata.name: Invalid value: \"x.example.com\": must be "
           "spec.names.plural+\".\"+spec.group\n");
    expect(
        "[{\"op\":\"replace\",\"path\":\"/spec/group\",\"value\":\"example\"},{\"op\":\"replace\","
        "\"path\":\"/metadata/name\",\"value\":\"widgets.example\"}]",
        "spec.group: Invalid value: \"example\": should be a domain with at least one dot\n");
    expect("[{\"op\":\"replace\",\"path\":\"/spec/scope\",\"value\":\"World\"}]",
           "spec.scope: Unsupported value: \"World\": supported values: \"Cluster\", "
           "\"Namespaced\"\n");
    expect("[{\"op\":\"add\",\"path\":\"/spec/names/listKind\",\"value\":\"Widget\"}]",
           "spec.names.listKind: Invalid value: \"Widget\": kind and listKind may not be the "
           "same\n");
    expect(
        "[{\"op\":\"replace\",\"path\":\"/spec/group\",\"value\":\"x.k8s.io\"},{\"op\":\"replace\","
        "\"path\":\"/metadata/name\",\"value\":\"widgets.x.k8s.io\"}]",
        "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must "
        "have approval annotation \"api-approved.kubernetes.io\", see "
        "https://github.com/kubernetes/enhancements/pull/1111\n");
}

static void checks_versions(void **state)
{
    (void)state;
    expect(
        "[{\"op\":\"replace\",\"path\":\"/spec/versions/0/storage\",\"value\":false}]",
        "spec.versions: Invalid value: [\"v1\"]: must have exactly one version marked as storage "
        "version\n");
    expect("[{\"op\":\"copy\",\"from\":\"/spec/versions/0\",\"path\":\"/spec/versions/-\"}]",
           "spec.versions: Invalid value: [\"v1\",\"v1\"]: must contain unique version names\n"
           "spec.versions: Invalid value: [\"v1\",\"v1\"]: must have exactly one version marked as "
           "storage version\n");
    expect("[{\"op\":\"remove\",\"path\":\"/spec/versions/0/schema\"}]",
           "spec.versions[0].schema.openAPIV3Schema: Required value: schemas are required\n");
    expect("[{\"op\":\"add\",\"path\":\"/spec/conversion\",\"value\":{\"strategy\":\"Webhook\","
           "\"webhook\":{\"conversionReviewVersions\":[\"v1\"]}}}]",
           "spec.conversion.strategy: Forbidden: conversion by webhook is not supported by this "
           "server, use None\n");
    expect(
        "[{\"op\":\"add\",\"path\":\"/spec/versions/0/additionalPrinterColumns\",\"value\":[{"
        "\"name\":\"x\",\"type\":\"text\",\"jsonPath\":\"spec\"}]}]",
        "spec.versions[0].additionalPrinterColumns[0].type: Invalid value: \"text\": must be one "
        "of boolean,date,integer,number,string\n"
        "spec.versions[0].additionalPrinterColumns[0].jsonPath: Invalid value: \"spec\": must be "
        "a simple json path starting with .\n");
    expect(
        "[{\"op\":\"add\",\"path\":\"/spec/versions/0/subresources\",\"value\":{\"scale\":{"
        "\"specReplicasPath\":\".status.x\",\"statusReplicasPath\":\".status.l[0]\"}}}]",
        "spec.versions[0].subresources.scale.specReplicasPath: Invalid value: \".status.x\": "
        "should be a json path under .spec\n"
        "spec.versions[0].subresources.scale.statusReplicasPath: Invalid value: \".status.l[0]\": "
        "must be a simple json path with dots only\n");
    expect(
        "[{\"op\":\"add\",\"path\":\"/spec/versions/0/selectableFields\",\"value\":[{\"jsonPath\":"
        "\".spec.b\"},{\"jsonPath\":\".spec.a\"}]}]",
        "spec.versions[0].selectableFields[0].jsonPath: Invalid value: \".spec.b\": is an invalid "
        "path: does not refer to a valid field\n");
}

static void wants_structural_schemas(void **state)
{
    (void)state;
    expect_schema("{}", A ".type: Required value: must not be empty for specified object fields\n");
    expect_schema("{\"x-kubernetes-preserve-unknown-fields\":true}", "");
    expect_schema(
        "{\"x-kubernetes-int-or-string\":true,\"anyOf\":[{\"type\":\"integer\"},{\"type\":"
        "\"string\"}]}",
        "");
    expect_schema("{\"type\":\"text\"}",
                  A ".type: Unsupported value: \"text\": supported values: \"array\", \"boolean\", "
                    "\"integer\", \"number\", \"object\", \"string\"\n");
    expect_schema("{\"type\":\"array\"}", A ".items: Required value: must be specified\n");
    expect_schema("{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"uniqueItems\":true}",
                  A ".uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime "
                    "complexity becomes quadratic\n");
    expect_schema("{\"type\":\"object\",\"properties\":{\"x\":{\"type\":\"string\"}},"
                  "\"additionalProperties\":{\"type\":\"string\"}}",
                  A ".additionalProperties: Forbidden: additionalProperties and properties are "
                    "mutual exclusive\n");
    expect_schema("{\"type\":\"string\",\"$ref\":\"#/x\"}",
                  A ".$ref: Forbidden: $ref is not supported\n");
    expect_schema("{\"type\":\"string\",\"anyOf\":[{\"type\":\"string\"}]}",
                  A ".anyOf[0].type: Forbidden: must be empty to be structural\n");
    expect_schema("{\"type\":\"object\",\"oneOf\":[{\"properties\":{\"q\":{}}}]}",
                  A ".oneOf[0].properties[q]: Required value: because it is defined in " A
                    ".oneOf[0].properties[q]\n");
    expect_schema("{\"type\":\"string\",\"pattern\":\"(\"}", A
                  ".pattern: Invalid value: \"(\": must be a valid regular expression, but isn't: "
                  "error parsing regexp: missing closing parenthesis at 1\n");
    expect_schema("{\"type\":\"integer\",\"default\":\"x\"}",
                  A ".default: Invalid value: \"string\": " A
                    ".default in body must be of type integer: \"string\"\n");
    expect_schema("{\"type\":\"object\",\"default\":{\"x\":1}}",
                  A ".default: Invalid value: {\"x\":1}: must not have unknown fields\n");
    expect_schema("{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"k\":{"
                  "\"type\":\"string\"}}},\"x-kubernetes-list-type\":\"map\","
                  "\"x-kubernetes-list-map-keys\":[\"k\",\"z\"]}",
                  A ".items.properties[k].default: Required value: this property is in "
                    "x-kubernetes-list-map-keys, so it must have a default or be a required "
                    "property\n" A ".x-kubernetes-list-map-keys[1]: Invalid value: \"z\": entries "
                    "must all be names of item properties\n");
}

static void keeps_what_is_established(void **state)
{
    (void)state;
    const struct model_kind *kind = model_kind_by_id(MODEL_CUSTOMRESOURCEDEFINITION);
    KE_AUTO(ke_arena) *arena = ke_arena_new(LIMIT_OPERATION_BYTES);
    ke_auto_json *old = make("[]");
    ke_auto_json *changed =
        make("[{\"op\":\"replace\",\"path\":\"/spec/scope\",\"value\":\"Cluster\"}]");
    struct model_issues issues;
    model_issues_init(&issues, arena);
    kind->validate(changed, old, &issues);
    assert_int_equal(issues.n_items, 0); /* not established yet */
    ke_auto_json *status = parse("{\"storedVersions\":[\"v1\"],\"conditions\":[{\"type\":"
                                 "\"Established\",\"status\":\"True\"}]}");
    assert_true(ke_json_set(old, "status", cJSON_Duplicate(status, true)));
    kind->validate(changed, old, &issues);
    assert_int_equal(issues.n_items, 1);
    assert_true(ke_str_eq_c(issues.items[0].field, "spec.scope"));
    /* a version cannot go while objects may lie in it */
    ke_auto_json *renamed =
        make("[{\"op\":\"replace\",\"path\":\"/spec/versions/0/name\",\"value\":\"v2\"}]");
    assert_true(ke_json_set(renamed, "status", cJSON_Duplicate(status, true)));
    assert_true(kind->prepare_update(renamed, old));
    model_issues_init(&issues, arena);
    kind->validate(renamed, old, &issues);
    assert_int_equal(issues.n_items, 1);
    assert_true(ke_str_eq_c(issues.items[0].field, "status.storedVersions[0]"));
    assert_true(ke_str_eq_c(issues.items[0].message,
                            "Invalid value: \"v1\": must appear in spec.versions"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_in_names_and_conversion),
        cmocka_unit_test(checks_names_and_group),
        cmocka_unit_test(checks_versions),
        cmocka_unit_test(wants_structural_schemas),
        cmocka_unit_test(keeps_what_is_established),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
