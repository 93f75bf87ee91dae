/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writers of one object, one after the other: who owns what, what goes, who meets a conflict. The
 * cases are those of structured-merge-diff's behaviour.
 */
#include "test/unit/core/model/apply/support.h"

/* An object and its managers while writers come and go. */
struct stage {
    struct bench b;
    struct model_shape shape;
    struct apply_managers managers;
    cJSON *object;
    struct apply_conflicts conflicts;
    const char *now;
    struct apply_scope scope;
    bool is_changed; /* the last apply changed the object */
};

static bool stage_shape(const void *ctx, struct ke_str api_version, struct model_shape *out)
{
    const struct stage *s = ctx;
    if (!ke_str_eq_c(api_version, "v1") && !ke_str_eq_c(api_version, "v2"))
        return false;
    *out = s->shape;
    return true;
}

/* v2 calls s what v1 calls struct.a, to see that each manager is judged in its own version. */
static cJSON *stage_convert(const void *ctx, const cJSON *object, struct ke_str from,
                            struct ke_str to)
{
    (void)ctx;
    cJSON *copy = cJSON_Duplicate(object, true);
    assert_non_null(copy);
    if (ke_str_eq(from, to))
        return copy;
    if (ke_str_eq_c(to, "v2")) {
        struct ke_str a = ke_json_path_str(copy, "struct.a");
        if (a.len > 0)
            assert_true(ke_json_set_str(copy, "s", a));
        ke_json_del(copy, "struct");
        return copy;
    }
    struct ke_str text = ke_json_str(copy, "s");
    cJSON *inner = text.len > 0 ? ke_json_need_object(copy, "struct") : NULL;
    if (inner != NULL)
        assert_true(ke_json_set_str(inner, "a", text));
    ke_json_del(copy, "s");
    return copy;
}

static void stage_init(struct stage *s)
{
    *s = (struct stage){ .now = "2026-01-01T00:00:00Z" };
    bench_init(&s->b);
    s->shape = test_shape(&s->b);
    s->object = read_yaml(&s->b, "{}");
}

static struct apply_write write_of(const struct stage *s, const struct apply_versions *versions,
                                   const char *who, const char *operation, const char *version)
{
    return (struct apply_write){ .versions = versions,
                                 .scope = &s->scope,
                                 .manager = { .name = ke_str_c(who),
                                              .operation = ke_str_c(operation),
                                              .api_version = ke_str_c(version) },
                                 .now = ke_str_c(s->now) };
}

static bool apply_in(struct stage *s, const char *version, const char *who, bool is_forced,
                     const char *config)
{
    struct apply_versions versions = { s, stage_shape, stage_convert };
    struct apply_write write = write_of(s, &versions, who, "Apply", version);
    write.is_forced = is_forced;
    struct apply_managers managers = { .items = NULL };
    /* A refused apply leaves ours alone. */
    cJSON *kept = keep_json(&s->b, apply_managers_print(&s->b.work, &s->managers));
    assert_true(apply_managers_parse(&s->b.work, kept, true, &managers));
    cJSON *live = s->object;
    if (!ke_str_eq_c(ke_str_c(version), "v1"))
        live = keep_json(&s->b, stage_convert(s, live, KE_STR("v1"), ke_str_c(version)));
    struct apply_outcome outcome;
    assert_true(apply_managers_apply(&s->b.work, &write, live, read_yaml(&s->b, config), &managers,
                                     &outcome));
    cJSON *out = outcome.object;
    s->conflicts = outcome.conflicts;
    if (s->conflicts.n > 0) {
        assert_null(out);
        return false;
    }
    s->is_changed = out != NULL;
    s->managers = managers;
    if (out != NULL) {
        s->object = keep_json(&s->b, out);
        if (!ke_str_eq_c(ke_str_c(version), "v1"))
            s->object =
                keep_json(&s->b, stage_convert(s, s->object, ke_str_c(version), KE_STR("v1")));
    }
    return true;
}

static bool apply(struct stage *s, const char *who, const char *config)
{
    return apply_in(s, "v1", who, false, config);
}

static void force(struct stage *s, const char *who, const char *config)
{
    assert_true(apply_in(s, "v1", who, true, config));
}

static void update(struct stage *s, const char *who, const char *object)
{
    struct apply_versions versions = { s, stage_shape, stage_convert };
    struct apply_write write = write_of(s, &versions, who, "Update", "v1");
    cJSON *next = read_yaml(&s->b, object);
    apply_managers_update(&s->b.work, &write, s->object, next, &s->managers);
    s->object = next;
}

static void assert_object(struct stage *s, const char *expected)
{
    assert_same_json(&s->b, s->object, expected);
}

/* expected NULL: it is no manager. */
static void assert_owns(struct stage *s, const char *who, const char *operation,
                        const char *expected)
{
    const struct apply_set *fields = NULL;
    for (size_t i = 0; i < s->managers.n; i++) {
        if (ke_str_eq_c(s->managers.items[i].name, who) &&
            ke_str_eq_c(s->managers.items[i].operation, operation))
            fields = s->managers.items[i].fields;
    }
    if (expected == NULL)
        assert_null(fields);
    else
        assert_set(&s->b, fields, expected);
}

static void assert_conflict(struct stage *s, const char *expected)
{
    ke_auto_buf text = KE_BUF_INIT(1U << 16);
    apply_conflicts_print(&s->conflicts, &text);
    ke_buf_add_char(&text, '\0');
    assert_string_equal(text.ptr, expected);
}

#define LIST_ITEM(name, rest)                                                                      \
    "\"k:{\\\"name\\\":\\\"" name "\\\"}\":{\".\":{},\"f:name\":{}" rest "}"

/* ---- one applier --------------------------------------------------------------------------- */

static void what_is_no_longer_applied_goes(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    assert_true(
        apply(&s, "one", "{num: 1, map: {a: x, b: z}, list: [{name: a}, {name: b, v: 1}]}"));
    assert_true(apply(&s, "one", "{map: {b: z}, list: [{name: b}]}"));
    assert_object(&s, "{map: {b: z}, list: [{name: b}]}");
    assert_owns(&s, "one", "Apply", "{\"f:list\":{" LIST_ITEM("b", "") "},\"f:map\":{\"f:b\":{}}}");
    assert_true(apply(&s, "one", "{}"));
    assert_object(&s, "{}");
    assert_owns(&s, "one", "Apply", NULL);
    assert_int_equal(s.managers.n, 0);
    bench_free(&s.b);
}

static void applying_twice_changes_nothing(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    const char *config = "{num: 1, set: [a, b], free: {x: {z: 1}}, ports: [{port: 80}]}";
    assert_true(apply(&s, "one", config));
    assert_true(s.is_changed);
    assert_true(apply(&s, "one", config));
    assert_false(s.is_changed);
    assert_object(&s, config);
    bench_free(&s.b);
}

static void items_of_a_set_come_and_go(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    update(&s, "ctl", "{set: [ctl]}");
    assert_true(apply(&s, "one", "{set: [a, b]}"));
    assert_object(&s, "{set: [ctl, a, b]}");
    assert_true(apply(&s, "one", "{set: [b]}"));
    assert_object(&s, "{set: [ctl, b]}");
    bench_free(&s.b);
}

static void an_atomic_value_is_owned_whole(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    assert_true(apply(&s, "one", "{atom: {a: x}, plain: [a, b]}"));
    assert_owns(&s, "one", "Apply", "{\"f:atom\":{},\"f:plain\":{}}");
    assert_false(apply(&s, "two", "{atom: {b: x}}"));
    assert_conflict(&s, "Apply failed with 1 conflict: conflict with \"one\": .atom");
    assert_true(apply(&s, "one", "{atom: {b: x}}"));
    assert_object(&s, "{atom: {b: x}}");
    bench_free(&s.b);
}

/* ---- several appliers ---------------------------------------------------------------------- */

static void the_same_value_is_shared(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    assert_true(apply(&s, "one", "{num: 1, set: [a]}"));
    assert_true(apply(&s, "two", "{num: 1, set: [a]}"));
    assert_owns(&s, "one", "Apply", "{\"f:num\":{},\"f:set\":{\"v:\\\"a\\\"\":{}}}");
    assert_owns(&s, "two", "Apply", "{\"f:num\":{},\"f:set\":{\"v:\\\"a\\\"\":{}}}");
    /* The one that leaves takes nothing with it. */
    assert_true(apply(&s, "one", "{}"));
    assert_object(&s, "{num: 1, set: [a]}");
    assert_true(apply(&s, "two", "{}"));
    assert_object(&s, "{}");
    bench_free(&s.b);
}

static void another_value_is_a_conflict(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    assert_true(apply(&s, "one", "{num: 1, list: [{name: a, v: 1}]}"));
    assert_false(apply(&s, "two", "{list: [{name: a, v: 2}]}"));
    assert_conflict(&s, "Apply failed with 1 conflict: conflict with \"one\": .list[name=\"a\"].v");
    assert_object(&s, "{num: 1, list: [{name: a, v: 1}]}");
    assert_owns(&s, "two", "Apply", NULL);
    update(&s, "ctl", "{num: 1, s: x, list: [{name: a, v: 1}]}");
    assert_false(apply(&s, "two", "{s: z, num: 3, list: [{name: a, v: 2}]}"));
    assert_conflict(&s, "Apply failed with 3 conflicts: conflicts with \"ctl\" using v1:\n- .s\n"
                        "conflicts with \"one\":\n- .num\n- .list[name=\"a\"].v");
    bench_free(&s.b);
}

static void force_takes_over_and_keeps(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    assert_true(apply(&s, "one", "{num: 1, s: x}"));
    force(&s, "two", "{num: 2}");
    assert_object(&s, "{num: 2, s: x}");
    assert_owns(&s, "one", "Apply", "{\"f:s\":{}}");
    assert_owns(&s, "two", "Apply", "{\"f:num\":{}}");
    assert_false(apply(&s, "one", "{num: 1, s: x}"));
    assert_conflict(&s, "Apply failed with 1 conflict: conflict with \"two\": .num");
    /* Giving in: the first no longer says it, or says the same. */
    assert_true(apply(&s, "one", "{num: 2, s: x}"));
    assert_owns(&s, "one", "Apply", "{\"f:num\":{},\"f:s\":{}}");
    force(&s, "two", "{}");
    assert_object(&s, "{num: 2, s: x}");
    bench_free(&s.b);
}

static void an_item_stays_while_another_applies_it(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    assert_true(apply(&s, "one", "{list: [{name: a, v: 1}, {name: b}]}"));
    assert_true(apply(&s, "two", "{list: [{name: a, tags: [t]}]}"));
    assert_true(apply(&s, "one", "{list: [{name: b}]}"));
    assert_object(&s, "{list: [{name: a, tags: [t]}, {name: b}]}");
    assert_true(apply(&s, "two", "{}"));
    assert_object(&s, "{list: [{name: b}]}");
    bench_free(&s.b);
}

static void an_item_goes_with_what_an_updater_put_into_it(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    assert_true(apply(&s, "one", "{list: [{name: a}]}"));
    update(&s, "ctl", "{list: [{name: a, v: 7}]}");
    assert_owns(&s, "ctl", "Update", "{\"f:list\":{\"k:{\\\"name\\\":\\\"a\\\"}\":{\"f:v\":{}}}}");
    assert_true(apply(&s, "one", "{}"));
    assert_object(&s, "{}");
    assert_owns(&s, "ctl", "Update", NULL);
    bench_free(&s.b);
}

static void two_share_a_list_by_their_items(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    assert_true(apply(&s, "one", "{ports: [{port: 80}]}"));
    assert_true(apply(&s, "two", "{ports: [{port: 80, protocol: UDP}, {port: 443}]}"));
    assert_object(&s, "{ports: [{port: 80}, {port: 80, protocol: UDP}, {port: 443}]}");
    assert_true(apply(&s, "two", "{ports: [{port: 443}]}"));
    assert_object(&s, "{ports: [{port: 80}, {port: 443}]}");
    bench_free(&s.b);
}

/* Found by fuzzing: an object applied empty is not all of what others have put into it. */
static void what_is_applied_empty_keeps_what_others_put_in(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    update(&s, "ctl", "{free: {a: {b: [1]}}}");
    force(&s, "one", "{free: {a: {}, d: null}}");
    assert_true(apply(&s, "one", "{free: {a: {}, d: null}}"));
    assert_object(&s, "{free: {a: {b: [1]}, d: null}}");
    assert_true(apply(&s, "one", "{}"));
    assert_object(&s, "{free: {a: {b: [1]}}}");
    bench_free(&s.b);
}

static void the_default_of_a_key_names_the_same_item(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    assert_true(apply(&s, "one", "{ports: [{port: 80}]}"));
    update(&s, "defaults", "{ports: [{port: 80, protocol: TCP}]}");
    assert_true(apply(&s, "one", "{ports: [{port: 80, name: web}]}"));
    assert_object(&s, "{ports: [{port: 80, protocol: TCP, name: web}]}");
    assert_true(apply(&s, "two", "{ports: [{port: 80, protocol: TCP}]}"));
    assert_object(&s, "{ports: [{port: 80, protocol: TCP, name: web}]}");
    bench_free(&s.b);
}

/* ---- updates ------------------------------------------------------------------------------- */

static void an_update_owns_what_it_changes(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    update(&s, "ctl", "{num: 1, map: {a: x}}");
    assert_owns(&s, "ctl", "Update", "{\"f:map\":{\".\":{},\"f:a\":{}},\"f:num\":{}}");
    update(&s, "other", "{num: 1, map: {a: x}, s: x}");
    assert_owns(&s, "other", "Update", "{\"f:s\":{}}");
    update(&s, "other", "{num: 2, map: {a: x}, s: x}");
    assert_owns(&s, "other", "Update", "{\"f:num\":{},\"f:s\":{}}");
    assert_owns(&s, "ctl", "Update", "{\"f:map\":{\".\":{},\"f:a\":{}}}");
    update(&s, "other", "{num: 2, s: x}");
    assert_owns(&s, "ctl", "Update", NULL);
    bench_free(&s.b);
}

static void an_update_takes_from_appliers(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    assert_true(apply(&s, "one", "{num: 1, s: x}"));
    update(&s, "ctl", "{num: 5, s: x}");
    assert_owns(&s, "one", "Apply", "{\"f:s\":{}}");
    assert_false(apply(&s, "one", "{num: 1, s: x}"));
    assert_conflict(&s, "Apply failed with 1 conflict: conflict with \"ctl\" using v1: .num");
    /* Not saying it any more leaves it to the other. */
    assert_true(apply(&s, "one", "{s: x}"));
    assert_object(&s, "{num: 5, s: x}");
    bench_free(&s.b);
}

static void what_an_updater_owns_is_not_removed(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    assert_true(apply(&s, "one", "{map: {a: x, b: x}}"));
    update(&s, "ctl", "{map: {a: z, b: x}}");
    assert_true(apply(&s, "one", "{}"));
    assert_object(&s, "{map: {a: z}}");
    bench_free(&s.b);
}

static void only_a_change_moves_the_time(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    update(&s, "ctl", "{num: 1}");
    s.now = "2026-01-02T00:00:00Z";
    update(&s, "ctl", "{num: 1}");
    assert_true(ke_str_eq_c(s.managers.items[0].time, "2026-01-01T00:00:00Z"));
    update(&s, "ctl", "{num: 2}");
    assert_true(ke_str_eq_c(s.managers.items[0].time, "2026-01-02T00:00:00Z"));
    bench_free(&s.b);
}

static void nobody_owns_what_the_server_sets(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    assert_true(apply(&s, "one",
                      "{apiVersion: v1, kind: K, metadata: {name: x, namespace: z, "
                      "labels: {a: b}}, num: 1}"));
    assert_owns(&s, "one", "Apply", "{\"f:metadata\":{\"f:labels\":{\"f:a\":{}}},\"f:num\":{}}");
    update(&s, "ctl",
           "{apiVersion: v1, kind: K, metadata: {name: x, namespace: z, uid: u, "
           "generation: 2, resourceVersion: '7', labels: {a: b}}, num: 1}");
    assert_owns(&s, "ctl", "Update", NULL);
    bench_free(&s.b);
}

static void a_scope_leaves_the_rest_alone(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    s.scope = (struct apply_scope){ .never = { "num" } };
    update(&s, "ctl", "{num: 1, s: x}");
    assert_owns(&s, "ctl", "Update", "{\"f:s\":{}}");
    s.scope = (struct apply_scope){ .only = { "num" } };
    assert_true(apply(&s, "one", "{num: 1, s: x}"));
    assert_owns(&s, "one", "Apply", "{\"f:num\":{}}");
    bench_free(&s.b);
}

/* ---- versions and schemas ------------------------------------------------------------------ */

static void each_manager_is_judged_in_its_version(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    assert_true(apply_in(&s, "v2", "two", false, "{s: x}"));
    assert_object(&s, "{struct: {a: x}}");
    assert_owns(&s, "two", "Apply", "{\"f:s\":{}}");
    assert_false(apply(&s, "one", "{struct: {a: z}}"));
    assert_conflict(&s, "Apply failed with 1 conflict: conflict with \"two\": .s");
    assert_true(apply(&s, "one", "{struct: {a: x}, num: 1}"));
    /* The applier moves to the other version: still one entry. */
    assert_true(apply(&s, "two", "{struct: {a: x}}"));
    assert_owns(&s, "two", "Apply", "{\"f:struct\":{\"f:a\":{}}}");
    assert_true(apply_in(&s, "v2", "two", false, "{}"));
    assert_object(&s, "{struct: {a: x}, num: 1}");
    assert_true(apply(&s, "one", "{}"));
    assert_object(&s, "{}");
    bench_free(&s.b);
}

static void managers_of_a_version_that_is_gone_are_forgotten(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    assert_true(apply(&s, "one", "{num: 1}"));
    s.managers.items[0].api_version = KE_STR("v0");
    assert_true(apply(&s, "two", "{num: 2}"));
    assert_owns(&s, "one", "Apply", NULL);
    bench_free(&s.b);
}

static void fields_of_what_became_atomic_are_one(void **state)
{
    (void)state;
    struct stage s;
    stage_init(&s);
    update(&s, "ctl", "{atom: {a: x}}");
    s.managers.items[0].fields =
        read_set(&s.b, "{\"f:atom\":{\".\":{},\"f:a\":{}},\"f:plain\":{\"v:1\":{}}}");
    update(&s, "other", "{atom: {a: x}, num: 1}");
    assert_owns(&s, "ctl", "Update", "{\"f:atom\":{},\"f:plain\":{}}");
    bench_free(&s.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_longer_applied_goes),
        cmocka_unit_test(applying_twice_changes_nothing),
        cmocka_unit_test(items_of_a_set_come_and_go),
        cmocka_unit_test(an_atomic_value_is_owned_whole),
        cmocka_unit_test(the_same_value_is_shared),
        cmocka_unit_test(another_value_is_a_conflict),
        cmocka_unit_test(force_takes_over_and_keeps),
        cmocka_unit_test(an_item_stays_while_another_applies_it),
        cmocka_unit_test(an_item_goes_with_what_an_updater_put_into_it),
        cmocka_unit_test(two_share_a_list_by_their_items),
        cmocka_unit_test(what_is_applied_empty_keeps_what_others_put_in),
        cmocka_unit_test(the_default_of_a_key_names_the_same_item),
        cmocka_unit_test(an_update_owns_what_it_changes),
        cmocka_unit_test(an_update_takes_from_appliers),
        cmocka_unit_test(what_an_updater_owns_is_not_removed),
        cmocka_unit_test(only_a_change_moves_the_time),
        cmocka_unit_test(nobody_owns_what_the_server_sets),
        cmocka_unit_test(a_scope_leaves_the_rest_alone),
        cmocka_unit_test(each_manager_is_judged_in_its_version),
        cmocka_unit_test(managers_of_a_version_that_is_gone_are_forgotten),
        cmocka_unit_test(fields_of_what_became_atomic_are_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
