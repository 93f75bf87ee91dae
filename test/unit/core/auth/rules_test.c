/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of roles against requests, and against each other. */
#include "core/auth/rules.h"
#include "core/base/json.h"
#include "test/support/base/test.h"

struct rules {
    struct ke_arena *arena;
    struct rbac_rules list;
};

static void rules_end(struct rules *rules)
{
    ke_arena_free(rules->arena);
}
#define RULES_AUTO KE_CLEANUP(rules_end) struct rules

static struct rules read_rules(const char *json)
{
    struct rules rules = { .arena = ke_arena_new(8U << 20) };
    ke_auto_json *list = NULL;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_json_parse(ke_str_c(json), &list, &err), KE_OK);
    assert_true(rbac_rules_read(list, rules.arena, &rules.list));
    return rules;
}

/* "get /x", "list pods", "get apps deployments/scale name" */
static bool allows(const char *rule, struct auth_attributes asked)
{
    RULES_AUTO rules = read_rules(rule);
    assert_int_equal(rules.list.n, 1);
    return rbac_rule_allows(&rules.list.items[0], &asked);
}

#define ASK(v, g, r, s, n)                                                                         \
    (struct auth_attributes)                                                                       \
    {                                                                                              \
        .is_resource = true, .verb = KE_STR(v), .group = KE_STR(g), .resource = KE_STR(r),         \
        .subresource = KE_STR(s), .name = KE_STR(n)                                                \
    }
#define GET(p)                                                                                     \
    (struct auth_attributes)                                                                       \
    {                                                                                              \
        .verb = KE_STR("get"), .path = KE_STR(p)                                                   \
    }
#define PODS "[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]"

static void a_rule_names_verb_group_and_resource(void **state)
{
    (void)state;
    assert_true(allows(PODS, ASK("get", "", "pods", "", "a")));
    assert_false(allows(PODS, ASK("list", "", "pods", "", "")));
    assert_false(allows(PODS, ASK("get", "apps", "pods", "", "a")));
    assert_false(allows(PODS, ASK("get", "", "pods", "log", "a")));
    assert_false(allows(PODS, GET("/pods")));
}

static void subresources_have_names_of_their_own(void **state)
{
    (void)state;
    const char *log = "[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods/log\"]}]";
    const char *any = "[{\"verbs\":[\"get\"],\"apiGroups\":[\"*\"],\"resources\":[\"*/scale\"]}]";
    const char *all = "[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]}]";
    assert_true(allows(log, ASK("get", "", "pods", "log", "a")));
    assert_false(allows(log, ASK("get", "", "pods", "", "a")));
    assert_false(allows(log, ASK("get", "", "pod", "s/log", "a")));
    assert_true(allows(any, ASK("get", "apps", "deployments", "scale", "a")));
    assert_false(allows(any, ASK("get", "apps", "deployments", "", "a")));
    assert_false(allows(any, ASK("get", "apps", "deployments", "rescale", "a")));
    assert_true(allows(all, ASK("patch", "x", "y", "z", "")));
    assert_false(allows(all, GET("/x")));
}

static void names_limit_what_has_a_name(void **state)
{
    (void)state;
    const char *one = "[{\"verbs\":[\"*\"],\"apiGroups\":[\"\"],\"resources\":[\"secrets\"],"
                      "\"resourceNames\":[\"a\",\"b\"]}]";
    assert_true(allows(one, ASK("get", "", "secrets", "", "b")));
    assert_false(allows(one, ASK("get", "", "secrets", "", "c")));
    assert_false(allows(one, ASK("create", "", "secrets", "", "")));
    assert_true(allows(one, ASK("list", "", "secrets", "", "a"))); /* metadata.name=a */
    assert_false(allows(one, ASK("list", "", "secrets", "", "")));
}

static void paths_match_whole_or_by_their_beginning(void **state)
{
    (void)state;
    const char *urls = "[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/api\",\"/healthz/*\"]}]";
    assert_true(allows(urls, GET("/api")));
    assert_false(allows(urls, GET("/api/")));
    assert_true(allows(urls, GET("/healthz/etcd")));
    assert_false(allows(urls, GET("/healthz")));
    assert_true(allows("[{\"verbs\":[\"*\"],\"nonResourceURLs\":[\"*\"]}]", GET("/x")));
}

static void assert_missing(const char *held_json, const char *wanted_json, const char *missing)
{
    RULES_AUTO held = read_rules(held_json);
    RULES_AUTO wanted = read_rules(wanted_json);
    ke_auto_buf out = KE_BUF_INIT(1U << 20);
    struct rbac_held all = { .lists = &held.list, .n_lists = 1 };
    bool is_covered = rbac_rules_cover(&all, &wanted.list, wanted.arena, &out);
    ke_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, missing);
    assert_int_equal(is_covered, missing[0] == '\0');
}

static void what_is_not_held_is_told(void **state)
{
    (void)state;
    const char *view =
        "[{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\","
        "\"services\"]},{\"verbs\":[\"watch\"],\"apiGroups\":[\"\"],\"resources\":"
        "[\"pods\"]}]";
    assert_missing(view, "[]", "");
    assert_missing(
        view, "[{\"verbs\":[\"get\",\"watch\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]",
        ""); /* by two rules together */
    assert_missing(
        view,
        "[{\"verbs\":[\"get\",\"list\",\"watch\"],\"apiGroups\":[\"\"],\"resources\":"
        "[\"secrets\",\"services\"]}]",
        "{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"list\" \"watch\"]}\n"
        "{APIGroups:[\"\"], Resources:[\"services\"], Verbs:[\"watch\"]}");
    assert_missing(view,
                   "[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/x\"]},{\"verbs\":[\"delete\"],"
                   "\"apiGroups\":[\"\"],\"resources\":[\"pods\"],\"resourceNames\":[\"a\"]}]",
                   "{APIGroups:[\"\"], Resources:[\"pods\"], ResourceNames:[\"a\"], "
                   "Verbs:[\"delete\"]}\n{NonResourceURLs:[\"/x\"], Verbs:[\"get\"]}");
}

static void stars_cover_and_names_limit(void **state)
{
    (void)state;
    const char *all = "[{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]}]";
    const char *scale =
        "[{\"verbs\":[\"get\"],\"apiGroups\":[\"apps\"],\"resources\":[\"*/scale\"]}]";
    const char *one = "[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"],"
                      "\"resourceNames\":[\"a\"]}]";
    assert_missing(all, scale, "");
    assert_missing(all, one, "");
    assert_missing(scale,
                   "[{\"verbs\":[\"get\"],\"apiGroups\":[\"apps\"],\"resources\":["
                   "\"deployments/scale\"]}]",
                   "");
    assert_missing(one, PODS, "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\"]}");
    assert_missing("[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/a/*\"]}]",
                   "[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/a/b/*\",\"/a/c\"]}]", "");
    assert_missing("[]", all, "{APIGroups:[\"*\"], Resources:[\"*\"], Verbs:[\"*\"]}");
}

static void a_comparison_is_bounded(void **state)
{
    (void)state;
    ke_auto_buf json = KE_BUF_INIT(1U << 20);
    static const char *const members[] = { "verbs", "apiGroups", "resources" };
    for (size_t m = 0; m < 3; m++) {
        ke_buf_addf(&json, "%s\"%s\":[", m == 0 ? "[{" : ",", members[m]);
        for (int i = 0; i < 1000; i++)
            ke_buf_addf(&json, "%s\"x%d\"", i > 0 ? "," : "", i);
        ke_buf_add_char(&json, ']');
    }
    ke_buf_add_c(&json, "}]");
    ke_buf_add_char(&json, '\0');
    RULES_AUTO wanted = read_rules(json.ptr); /* 10^9 rights */
    RULES_AUTO held = read_rules(PODS);
    ke_auto_buf out = KE_BUF_INIT(1U << 20);
    struct rbac_held all = { .lists = &held.list, .n_lists = 1 };
    assert_false(rbac_rules_cover(&all, &wanted.list, wanted.arena, &out));
    assert_true(ke_str_has_suffix(ke_buf_str(&out),
                                  KE_STR("(and more: the rules are too many to compare)")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_names_verb_group_and_resource),
        cmocka_unit_test(subresources_have_names_of_their_own),
        cmocka_unit_test(names_limit_what_has_a_name),
        cmocka_unit_test(paths_match_whole_or_by_their_beginning),
        cmocka_unit_test(what_is_not_held_is_told),
        cmocka_unit_test(stars_cover_and_names_limit),
        cmocka_unit_test(a_comparison_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
