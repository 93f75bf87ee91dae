/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of fields: their JSON, their order, and what two of them make. */
#include "test/unit/core/model/apply/support.h"

static bool is_set(struct bench *b, const char *text)
{
    struct ke_err err = KE_ERR_INIT;
    cJSON *value = NULL;
    const struct apply_set *set = NULL;
    assert_int_equal(ke_json_parse(ke_str_c(text), &value, &err), KE_OK);
    return apply_set_parse(&b->work, keep_json(b, value), false, &set);
}

static void reads_and_prints_fields_v1(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    const char *const same[] = {
        "{}",
        "{\"f:spec\":{}}",
        "{\"f:spec\":{\".\":{},\"f:a\":{}}}",
        "{\"f:l\":{\"k:{\\\"name\\\":\\\"x\\\"}\":{\".\":{},\"f:name\":{}}}}",
        "{\"f:a b.c/d\":{},\"f:set\":{\"v:1\":{},\"v:\\\"x\\\"\":{},\"v:true\":{},\"i:0\":{}}}",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(same); i++)
        assert_set(&b, read_set(&b, same[i]), same[i]);
    assert_set(&b, read_set(&b, "{\"f:a\":{\".\":{}}}"), "{\"f:a\":{}}");
    bench_free(&b);
}

static void orders_elements_by_what_they_say(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_set(&b,
               read_set(&b, "{\"k:{\\\"port\\\":443,\\\"protocol\\\":\\\"TCP\\\"}\":{},"
                            "\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"UDP\\\"}\":{},"
                            "\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{},\"f:z\":{},"
                            "\"v:-2\":{},\"v:10\":{},\"v:9\":{},\"f:b\":{}}"),
               "{\"f:b\":{},\"f:z\":{},\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{},"
               "\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"UDP\\\"}\":{},"
               "\"k:{\\\"port\\\":443,\\\"protocol\\\":\\\"TCP\\\"}\":{},"
               "\"v:-2\":{},\"v:9\":{},\"v:10\":{}}");
    bench_free(&b);
}

static void makes_keys_of_clients_canonical(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    assert_set(&b, read_set(&b, "{\"k:{ \\\"b\\\" : 1, \\\"a\\\":\\\"x\\\" }\":{}}"),
               "{\"k:{\\\"a\\\":\\\"x\\\",\\\"b\\\":1}\":{}}");
    assert_set(&b, read_set(&b, "{\"v: 1 \":{}}"), "{\"v:1\":{}}");
    bench_free(&b);
}

static void refuses_what_is_no_set(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    const char *const bad[] = {
        "[]",
        "1",
        "{\"spec\":{}}",
        "{\"f:spec\":1}",
        "{\"f:spec\":[]}",
        "{\"f\":{}}",
        "{\"\":{}}",
        "{\"x:y\":{}}",
        "{\"k:1\":{}}",
        "{\"k:{}\":{}}",
        "{\"k:{\\\"a\\\":}\":{}}",
        "{\"v:\":{}}",
        "{\"v:{\":{}}",
        "{\"i:x\":{}}",
        "{\"i:-1\":{}}",
        "{\"f:a\":{\"f:b\":{\"nope\":{}}}}",
        "{\"k:{\\\"a\\\":1,\\\"b\\\":2}\":{},\"k:{\\\"b\\\":2,\\\"a\\\":1}\":{}}",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(bad); i++) {
        if (is_set(&b, bad[i]))
            fail_msg("taken: %s", bad[i]);
    }
    bench_free(&b);
}

static void combines_two_sets(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct apply_work *w = &b.work;
    const struct apply_set *x =
        read_set(&b, "{\"f:a\":{},\"f:b\":{\".\":{},\"f:c\":{},\"f:d\":{}},\"f:e\":{\"f:f\":{}}}");
    const struct apply_set *y =
        read_set(&b, "{\"f:a\":{},\"f:b\":{\"f:c\":{},\"f:g\":{}},\"f:e\":{\".\":{},\"f:f\":{}}}");
    assert_set(&b, apply_set_union(w, x, y),
               "{\"f:a\":{},\"f:b\":{\".\":{},\"f:c\":{},\"f:d\":{},\"f:g\":{}},"
               "\"f:e\":{\".\":{},\"f:f\":{}}}");
    assert_set(&b, apply_set_intersection(w, x, y),
               "{\"f:a\":{},\"f:b\":{\"f:c\":{}},\"f:e\":{\"f:f\":{}}}");
    assert_set(&b, apply_set_difference(w, x, y), "{\"f:b\":{\".\":{},\"f:d\":{}}}");
    assert_set(&b, apply_set_difference(w, y, x), "{\"f:b\":{\"f:g\":{}},\"f:e\":{}}");
    assert_null(apply_set_difference(w, x, x));
    assert_null(apply_set_intersection(w, x, NULL));
    assert_ptr_equal(apply_set_union(w, NULL, x), x);
    assert_ptr_equal(apply_set_difference(w, x, NULL), x);
    assert_true(apply_set_equal(apply_set_union(w, x, y), apply_set_union(w, y, x)));
    assert_false(apply_set_equal(x, y));
    assert_int_equal(apply_set_count(x), 5);
    bench_free(&b);
}

static void a_difference_keeps_what_is_below(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    const struct apply_set *x =
        read_set(&b, "{\"f:spec\":{\"f:a\":{}},\"f:status\":{\"f:b\":{},\"f:c\":{\"f:d\":{}}}}");
    const struct apply_set *y = read_set(&b, "{\"f:status\":{}}");
    assert_set(&b, apply_set_difference(&b.work, x, y), set_text(&b, x));
    bench_free(&b);
}

static void named_places_become_members(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    struct model_shape shape = test_shape(&b);
    const struct apply_set *set =
        read_set(&b, "{\"f:struct\":{\"f:a\":{}},\"f:map\":{\"f:k\":{}},"
                     "\"f:list\":{\"k:{\\\"name\\\":\\\"x\\\"}\":{\"f:v\":{}}}}");
    assert_set(&b, apply_set_with_named(&b.work, set, &shape),
               "{\"f:list\":{\".\":{},\"k:{\\\"name\\\":\\\"x\\\"}\":{\"f:v\":{}}},"
               "\"f:map\":{\".\":{},\"f:k\":{}},\"f:struct\":{\".\":{},\"f:a\":{}}}");
    bench_free(&b);
}

static void add_line(void *ctx, struct ke_str path)
{
    ke_buf_addf(ctx, "%.*s\n", KE_STR_ARG(path));
}

static void visits_members_level_by_level(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b);
    ke_auto_buf lines = KE_BUF_INIT(1U << 16);
    apply_set_visit(read_set(&b, "{\"f:a\":{\"f:x\":{}},\"f:b\":{},\"f:l\":{"
                                 "\"k:{\\\"name\\\":\\\"c\\\",\\\"n\\\":1}\":{},"
                                 "\"v:\\\"s\\\"\":{},\"i:3\":{}}}"),
                    add_line, &lines);
    ke_buf_add_char(&lines, '\0');
    assert_string_equal(lines.ptr, ".b\n.a.x\n.l[n=1,name=\"c\"]\n.l[=\"s\"]\n.l[3]\n");
    bench_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_and_prints_fields_v1),
        cmocka_unit_test(orders_elements_by_what_they_say),
        cmocka_unit_test(makes_keys_of_clients_canonical),
        cmocka_unit_test(refuses_what_is_no_set),
        cmocka_unit_test(combines_two_sets),
        cmocka_unit_test(a_difference_keeps_what_is_below),
        cmocka_unit_test(named_places_become_members),
        cmocka_unit_test(visits_members_level_by_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
