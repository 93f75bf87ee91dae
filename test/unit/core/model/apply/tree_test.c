/* SPDX-License-Identifier: Apache-2.0 */
/* Objects under a shape: their fields, their differences, merging, removal, and what is refused. */
#include "test/unit/core/model/apply/support.h"

static void assert_fields(struct bench *b, const char *object, const char *expected)
{
    struct model_shape shape = test_shape(b);
    assert_set(b, apply_tree_fields(&b->work, &shape, read_yaml(b, object)), expected);
}

static void names_the_fields_of_an_object(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_fields(&b, "{}", "{}");
    assert_fields(&b, "{num: 1, s: x}", "{\"f:num\":{},\"f:s\":{}}");
    assert_fields(&b, "{struct: {a: x}}", "{\"f:struct\":{\"f:a\":{}}}");
    assert_fields(&b, "{struct: {}, num: null}", "{\"f:num\":{},\"f:struct\":{}}");
    assert_fields(&b, "{map: {k: x, j: w}}", "{\"f:map\":{\"f:j\":{},\"f:k\":{}}}");
    assert_fields(&b, "{atom: {k: x}, plain: [a, b]}", "{\"f:atom\":{},\"f:plain\":{}}");
    assert_fields(&b, "{set: [b, a], nums: [10, 9]}",
                  "{\"f:nums\":{\"v:9\":{},\"v:10\":{}},"
                  "\"f:set\":{\"v:\\\"a\\\"\":{},\"v:\\\"b\\\"\":{}}}");
    assert_fields(&b, "{list: [{name: x, v: 1}]}",
                  "{\"f:list\":{\"k:{\\\"name\\\":\\\"x\\\"}\":{\".\":{},\"f:name\":{},"
                  "\"f:v\":{}}}}");
    assert_fields(&b, "{ports: [{port: 80}, {port: 80, protocol: UDP}]}",
                  "{\"f:ports\":{\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},"
                  "\"f:port\":{}},\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"UDP\\\"}\":{\".\":{},"
                  "\"f:port\":{},\"f:protocol\":{}}}}");
    assert_fields(&b, "{free: {x: {w: [1, {z: 2}]}, e: {}}}",
                  "{\"f:free\":{\"f:e\":{},\"f:x\":{\".\":{},\"f:w\":{}}}}");
    bench_free(&b);
}

static void items_that_are_there_twice_are_one_leaf(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_fields(&b, "{list: [{name: x, v: 1}, {name: x, v: 2}, {name: z}], set: [a, a]}",
                  "{\"f:list\":{\"k:{\\\"name\\\":\\\"x\\\"}\":{},\"k:{\\\"name\\\":\\\"z\\\"}\":{"
                  "\".\":{},\"f:name\":{}}},\"f:set\":{\"v:\\\"a\\\"\":{}}}");
    bench_free(&b);
}

static void assert_changes(struct bench *b, const char *from, const char *to, const char *added,
                           const char *modified, const char *removed)
{
    struct model_shape shape = test_shape(b);
    struct apply_changes changes;
    apply_tree_compare(&b->work, &shape, read_yaml(b, from), read_yaml(b, to), &changes);
    assert_set(b, changes.added, added);
    assert_set(b, changes.modified, modified);
    assert_set(b, changes.removed, removed);
}

static void compares_leaves_and_places(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_changes(&b, "{num: 1, s: x}", "{num: 1, s: x}", "{}", "{}", "{}");
    assert_changes(&b, "{num: 1, s: x}", "{num: 2, b: true}", "{\"f:b\":{}}", "{\"f:num\":{}}",
                   "{\"f:s\":{}}");
    assert_changes(&b, "{}", "{map: {k: x}}", "{\"f:map\":{\".\":{},\"f:k\":{}}}", "{}", "{}");
    assert_changes(&b, "{map: {k: x}}", "{map: {j: x}}", "{\"f:map\":{\"f:j\":{}}}", "{}",
                   "{\"f:map\":{\"f:k\":{}}}");
    assert_changes(&b, "{map: {k: x}}", "{map: {}}", "{}", "{}", "{\"f:map\":{\"f:k\":{}}}");
    assert_changes(&b, "{}", "{map: {}}", "{\"f:map\":{}}", "{}", "{}");
    assert_changes(&b, "{atom: {k: x}, plain: [a]}", "{atom: {k: w}, plain: [a, b]}", "{}",
                   "{\"f:atom\":{},\"f:plain\":{}}", "{}");
    assert_changes(&b, "{num: 1}", "{num: null}", "{}", "{\"f:num\":{}}", "{}");
    bench_free(&b);
}

static void compares_lists_item_by_item(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_changes(&b, "{set: [a, b]}", "{set: [c, b]}", "{\"f:set\":{\"v:\\\"c\\\"\":{}}}", "{}",
                   "{\"f:set\":{\"v:\\\"a\\\"\":{}}}");
    assert_changes(&b, "{set: [a, b]}", "{set: [b, a]}", "{}", "{}", "{}");
    assert_changes(&b, "{list: [{name: x, v: 1}, {name: w}]}", "{list: [{name: x, v: 2}]}", "{}",
                   "{\"f:list\":{\"k:{\\\"name\\\":\\\"x\\\"}\":{\"f:v\":{}}}}",
                   "{\"f:list\":{\"k:{\\\"name\\\":\\\"w\\\"}\":{\".\":{},\"f:name\":{}}}}");
    /* The default of a key makes them the same item. */
    assert_changes(&b, "{ports: [{port: 80}]}", "{ports: [{port: 80, protocol: TCP, name: x}]}",
                   "{\"f:ports\":{\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{"
                   "\"f:name\":{},\"f:protocol\":{}}}}",
                   "{}", "{}");
    bench_free(&b);
}

static void compares_items_that_are_there_twice_as_one(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_changes(&b, "{set: [a, a]}", "{set: [a, a]}", "{}", "{}", "{}");
    assert_changes(&b, "{set: [a, a]}", "{set: [a, a, a]}", "{}",
                   "{\"f:set\":{\"v:\\\"a\\\"\":{}}}", "{}");
    assert_changes(&b, "{list: [{name: x, v: 1}]}", "{list: [{name: x, v: 1}, {name: x}]}",
                   "{\"f:list\":{\"k:{\\\"name\\\":\\\"x\\\"}\":{}}}", "{}",
                   "{\"f:list\":{\"k:{\\\"name\\\":\\\"x\\\"}\":{\".\":{},\"f:name\":{},"
                   "\"f:v\":{}}}}");
    bench_free(&b);
}

static void compares_free_form_by_what_is_there(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_changes(&b, "{free: {a: {b: 1}}}", "{free: {a: {b: 2, c: 3}}}",
                   "{\"f:free\":{\"f:a\":{\"f:c\":{}}}}", "{\"f:free\":{\"f:a\":{\"f:b\":{}}}}",
                   "{}");
    assert_changes(&b, "{free: {a: [1]}}", "{free: {a: [1, 2]}}", "{}", "{\"f:free\":{\"f:a\":{}}}",
                   "{}");
    assert_changes(&b, "{free: {a: {b: 1}}}", "{free: {a: x}}", "{}", "{\"f:free\":{\"f:a\":{}}}",
                   "{\"f:free\":{\"f:a\":{\"f:b\":{}}}}");
    bench_free(&b);
}

/* What the wire has as null is there, though not stored: a list in it has no `.` when it begins. */
static void lists_that_are_never_absent_have_no_dot(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct model_shape pod = model_shape_of_message(model_schema_find(KE_STR("core.v1.Pod")));
    struct apply_changes changes;
    apply_tree_compare(
        &b.work, &pod, read_yaml(&b, "{spec: {}}"),
        read_yaml(&b, "{spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}}"), &changes);
    assert_set(
        &b, changes.added,
        "{\"f:spec\":{\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},\"f:name\":"
        "{},\"f:ports\":{\".\":{},\"k:{\\\"containerPort\\\":80,\\\"protocol\\\":\\\"TCP\\\"}"
        "\":{\".\":{},\"f:containerPort\":{}}}}}}}");
    bench_free(&b);
}

static void assert_merged(struct bench *b, const char *live, const char *config,
                          const char *expected)
{
    struct model_shape shape = test_shape(b);
    cJSON *merged = apply_tree_merge(&b->work, &shape, read_yaml(b, live), read_yaml(b, config));
    assert_same_json(b, keep_json(b, merged), expected);
}

static void merges_by_name_and_item(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_merged(&b, "{num: 1, s: x}", "{num: 2, b: true}", "{num: 2, s: x, b: true}");
    assert_merged(&b, "{map: {a: x, b: x}}", "{map: {b: w, c: z}}", "{map: {a: x, b: w, c: z}}");
    assert_merged(&b, "{atom: {a: x}, plain: [a]}", "{atom: {b: w}, plain: [b]}",
                  "{atom: {b: w}, plain: [b]}");
    assert_merged(&b, "{list: [{name: a, v: 1}, {name: b, v: 2}]}",
                  "{list: [{name: b, tags: [t]}]}",
                  "{list: [{name: a, v: 1}, {name: b, v: 2, tags: [t]}]}");
    assert_merged(&b, "{free: {a: {b: 1, l: [1]}}}", "{free: {a: {c: 2, l: [2]}}}",
                  "{free: {a: {b: 1, c: 2, l: [2]}}}");
    /* Null empties a leaf, but takes nothing out of what is merged. */
    assert_merged(&b, "{num: 1, map: {a: x}, set: [a]}", "{num: null, map: null, set: null}",
                  "{num: null, map: {a: x}, set: [a]}");
    bench_free(&b);
}

static void keeps_the_order_of_both_lists(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_merged(&b, "{set: [a, x, b]}", "{set: [c, a, b]}", "{set: [c, a, x, b]}");
    assert_merged(&b, "{set: [a, b]}", "{set: [b, a]}", "{set: [b, a]}");
    assert_merged(&b, "{set: [a, x, b]}", "{set: [b, a]}", "{set: [x, b, a]}");
    assert_merged(&b, "{set: [a, x]}", "{set: [a, c]}", "{set: [a, x, c]}");
    assert_merged(&b, "{set: [x, w]}", "{set: [c, d]}", "{set: [x, w, c, d]}");
    assert_merged(&b, "{set: []}", "{set: [c, d]}", "{set: [c, d]}");
    assert_merged(&b, "{set: [a, b]}", "{set: []}", "{set: [a, b]}");
    bench_free(&b);
}

static void replaces_items_that_were_there_twice(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_merged(&b, "{list: [{name: a, v: 1}, {name: a, v: 2}, {name: b, v: 1}]}",
                  "{list: [{name: a, tags: [t]}]}",
                  "{list: [{name: a, tags: [t]}, {name: b, v: 1}]}");
    assert_merged(&b, "{list: [{name: a, v: 1}, {name: a, v: 2}]}", "{list: [{name: b}]}",
                  "{list: [{name: a, v: 1}, {name: a, v: 2}, {name: b}]}");
    bench_free(&b);
}

static void assert_removed(struct bench *b, const char *object, const char *set,
                           const char *expected)
{
    struct model_shape shape = test_shape(b);
    cJSON *copy = read_yaml(b, object);
    apply_tree_remove(&b->work, &shape, copy, read_set(b, set));
    apply_tree_drop_emptied(copy);
    assert_same_json(b, copy, expected);
}

static void removes_members_of_a_set(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_removed(&b, "{num: 1, s: x}", "{\"f:num\":{},\"f:b\":{}}", "{s: x}");
    assert_removed(&b, "{map: {a: x, b: w}}", "{\"f:map\":{\"f:a\":{}}}", "{map: {b: w}}");
    assert_removed(&b, "{map: {a: x}}", "{\"f:map\":{\"f:a\":{}}}", "{}");
    assert_removed(&b, "{map: {}}", "{\"f:map\":{\"f:a\":{}}}", "{map: {}}");
    assert_removed(&b, "{set: [a, b], list: [{name: x, v: 1}, {name: w, v: 2}]}",
                   "{\"f:set\":{\"v:\\\"a\\\"\":{}},\"f:list\":{\"k:{\\\"name\\\":\\\"x\\\"}\":{"
                   "\".\":{},\"f:v\":{}},\"k:{\\\"name\\\":\\\"w\\\"}\":{\"f:v\":{}}}}",
                   "{set: [b], list: [{name: w}]}");
    assert_removed(&b, "{atom: {a: x}}", "{\"f:atom\":{\"f:a\":{}}}", "{atom: {a: x}}");
    bench_free(&b);
}

static void assert_problem(struct bench *b, const char *object, const char *expected)
{
    struct model_shape shape = test_shape(b);
    ke_auto_buf out = KE_BUF_INIT(1U << 16);
    bool is_good = apply_tree_check(&b->work, &shape, read_yaml(b, object), &out);
    ke_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, expected);
    assert_true(is_good == (expected[0] == '\0'));
}

static void refuses_what_the_schema_does_not_say(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_problem(&b, "{num: 1, s: x, map: {}, list: null, free: {a: [1]}}", "");
    assert_problem(&b, "{nope: 1}", ".nope: field not declared in schema");
    assert_problem(&b, "{struct: {c: x}}", ".struct.c: field not declared in schema");
    assert_problem(&b, "{num: '1'}", ".num: expected numeric (int or float), got string");
    assert_problem(&b, "{s: 1}", ".s: expected string, got &value.valueUnstructured{Value:1}");
    assert_problem(&b, "{b: x}", ".b: expected boolean, got &{x}");
    assert_problem(&b, "{map: [a]}", ".map: expected map, got &{[a]}");
    assert_problem(&b, "{set: {b: x, a: 1}}", ".set: expected list, got &{map[a:1 b:x]}");
    assert_problem(&b, "{num: x, nope: 1}",
                   "errors:\n  .num: expected numeric (int or float), got string\n"
                   "  .nope: field not declared in schema");
    bench_free(&b);
}

static void refuses_items_that_cannot_be_told_apart(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_problem(&b, "{set: [a, b, a]}", ".set: duplicate entries for key [=\"a\"]");
    assert_problem(&b, "{list: [{name: x}, {name: x}]}",
                   ".list: duplicate entries for key [name=\"x\"]");
    assert_problem(&b, "{ports: [{port: 80}, {port: 80, protocol: TCP}]}",
                   ".ports: duplicate entries for key [port=80,protocol=\"TCP\"]");
    assert_problem(&b, "{ports: [{port: 80}, {port: 80, protocol: UDP}]}", "");
    assert_problem(&b, "{list: [{name: a}, {v: 1}]}",
                   ".list: element 1: associative list with keys has an element that omits key "
                   "field \"name\" (and doesn't have default value)");
    assert_problem(&b, "{list: [x]}",
                   ".list: element 0: associative list with keys may not have non-map elements");
    assert_problem(&b, "{list: [null]}",
                   ".list: element 0: associative list with keys may not have a null element");
    assert_problem(
        &b, "{set: [{a: b}]}",
        ".set: element 0: associative list without keys has an element that's a map type");
    assert_problem(&b, "{list: [{name: x, v: w}]}",
                   ".list[name=\"x\"].v: expected numeric (int or float), got string");
    bench_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_fields_of_an_object),
        cmocka_unit_test(items_that_are_there_twice_are_one_leaf),
        cmocka_unit_test(compares_leaves_and_places),
        cmocka_unit_test(compares_lists_item_by_item),
        cmocka_unit_test(compares_items_that_are_there_twice_as_one),
        cmocka_unit_test(compares_free_form_by_what_is_there),
        cmocka_unit_test(lists_that_are_never_absent_have_no_dot),
        cmocka_unit_test(merges_by_name_and_item),
        cmocka_unit_test(keeps_the_order_of_both_lists),
        cmocka_unit_test(replaces_items_that_were_there_twice),
        cmocka_unit_test(removes_members_of_a_set),
        cmocka_unit_test(refuses_what_the_schema_does_not_say),
        cmocka_unit_test(refuses_items_that_cannot_be_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
