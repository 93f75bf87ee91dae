/* SPDX-License-Identifier: Apache-2.0 */
/* metadata.managedFields: read, ordered, capped, and how its managers are named. */
#include "test/unit/core/model/apply/support.h"

static struct apply_managers read_managers(struct bench *b, const char *text)
{
    struct apply_managers managers = { .items = NULL };
    assert_true(apply_managers_parse(&b->work, read_yaml(b, text), false, &managers));
    return managers;
}

static void prints_entries_in_order(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct apply_managers managers = read_managers(
        &b,
        "[{manager: b, operation: Update, apiVersion: v1, time: '2026-01-01T00:00:00Z', fieldsType:"
        " FieldsV1, fieldsV1: {'f:a': {}}, subresource: status},"
        "{manager: a, operation: Update, apiVersion: v1, time: '2026-01-01T00:00:00Z', fieldsType:"
        " FieldsV1, fieldsV1: {'f:b': {}}},"
        "{manager: z, operation: Update, apiVersion: v1, time: '2025-01-01T00:00:00Z', fieldsType:"
        " FieldsV1, fieldsV1: {'f:c': {}}},"
        "{manager: z, operation: Apply, apiVersion: v1, time: '2027-01-01T00:00:00Z', fieldsType:"
        " FieldsV1, fieldsV1: {'f:d': {}}}]");
    cJSON *json = keep_json(&b, apply_managers_print(&b.work, &managers));
    assert_string_equal(
        json_text(&b, json),
        "[{\"manager\":\"z\",\"operation\":\"Apply\",\"apiVersion\":\"v1\",\"time\":"
        "\"2027-01-01T00:00:00Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:d\":{}}},"
        "{\"manager\":\"z\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"time\":"
        "\"2025-01-01T00:00:00Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:c\":{}}},"
        "{\"manager\":\"a\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"time\":"
        "\"2026-01-01T00:00:00Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:b\":{}}},"
        "{\"manager\":\"b\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"time\":"
        "\"2026-01-01T00:00:00Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:a\":{}},"
        "\"subresource\":\"status\"}]");
    bench_free(&b);
}

static void refuses_entries_that_are_none(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    const char *const bad[] = {
        "[{manager: a, operation: Update, apiVersion: v1, fieldsV1: {}}]",
        "[{manager: a, fieldsType: FieldsV2, fieldsV1: {}}]",
        "[{manager: a, fieldsType: FieldsV1, fieldsV1: {spec: {}}}]",
        "[{manager: a, fieldsType: FieldsV1, fieldsV1: []}]",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(bad); i++) {
        struct apply_managers managers;
        assert_false(apply_managers_parse(&b.work, read_yaml(&b, bad[i]), false, &managers));
    }
    bench_free(&b);
}

static void the_oldest_updaters_become_ancient(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct apply_managers managers = { .items = NULL };
    ke_auto_buf text = KE_BUF_INIT(1U << 16);
    ke_buf_add_char(&text, '[');
    for (int i = 0; i < 13; i++) {
        ke_buf_addf(&text,
                    "%s{manager: m%02d, operation: Update, apiVersion: %s, time: "
                    "'2026-01-%02dT00:00:00Z', fieldsType: FieldsV1, fieldsV1: {'f:x%02d': {}}}",
                    i > 0 ? "," : "", i, i == 1 ? "v0" : "v1", i + 1, i);
    }
    ke_buf_addf(&text, ",{manager: app, operation: Apply, apiVersion: v1, fieldsType: FieldsV1,"
                       " fieldsV1: {'f:y': {}}}]");
    ke_buf_add_char(&text, '\0');
    managers = read_managers(&b, text.ptr);
    apply_managers_cap(&b.work, &managers, 10);
    /* m00, m02 to m04 of v1 are one; m01 is the only one of its version. */
    assert_int_equal(managers.n, 11);
    size_t n_ancient = 0;
    for (size_t i = 0; i < managers.n; i++) {
        if (!ke_str_eq_c(managers.items[i].name, "ancient-changes"))
            continue;
        n_ancient++;
        assert_set(&b, managers.items[i].fields,
                   "{\"f:x00\":{},\"f:x02\":{},\"f:x03\":{},\"f:x04\":{}}");
        assert_true(ke_str_eq_c(managers.items[i].time, "2026-01-05T00:00:00Z"));
    }
    assert_int_equal(n_ancient, 1);
    bench_free(&b);
}

static void names_managers_as_messages_do(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    ke_auto_buf text = KE_BUF_INIT(1U << 12);
    struct apply_manager status = { .name = KE_STR("k\"x"),
                                    .operation = KE_STR("Update"),
                                    .api_version = KE_STR("apps/v1"),
                                    .subresource = KE_STR("status") };
    apply_manager_print(&status, &text);
    ke_buf_add_char(&text, '\0');
    assert_string_equal(text.ptr, "\"k\\\"x\" with subresource \"status\" using apps/v1");
    bench_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_entries_in_order),
        cmocka_unit_test(refuses_entries_that_are_none),
        cmocka_unit_test(the_oldest_updaters_become_ancient),
        cmocka_unit_test(names_managers_as_messages_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
