/* SPDX-License-Identifier: Apache-2.0 */
/* What URLs name, and what their parameters mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>

#include "core/api/target.h"
#include "core/base/buf.h"

static int set_up(void **state)
{
    *state = ke_arena_new(1U << 20);
    return *state != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    ke_arena_free(*state);
    return 0;
}

static struct api_target parse(void **state, const char *path)
{
    struct api_target target;
    struct ke_err err;
    assert_int_equal(api_target_parse(ke_str_c(path), *state, &target, &err), KE_OK);
    return target;
}

static void assert_str(struct ke_str got, const char *want)
{
    char text[256];
    assert_true(got.len < sizeof(text));
    if (got.len > 0) {
        memcpy(text, got.ptr, got.len);
    }
    text[got.len] = '\0';
    assert_string_equal(text, want);
}

static void core_and_group_paths_name_the_same_things(void **state)
{
    struct api_target core = parse(state, "/api/v1/namespaces/default/pods/web/status");
    assert_true(core.is_resource);
    assert_str(core.group, "");
    assert_str(core.version, "v1");
    assert_str(core.ns, "default");
    assert_str(core.resource, "pods");
    assert_str(core.name, "web");
    assert_str(core.subresource, "status");
    struct api_target group = parse(state, "/apis/apps/v1/deployments");
    assert_true(group.is_resource);
    assert_str(group.group, "apps");
    assert_str(group.resource, "deployments");
    assert_str(group.ns, "");
    assert_str(group.name, "");
}

static void a_namespace_is_a_resource_of_its_own(void **state)
{
    struct api_target one = parse(state, "/api/v1/namespaces/kube-system");
    assert_str(one.resource, "namespaces");
    assert_str(one.name, "kube-system");
    assert_str(one.ns, "");
    struct api_target finalize = parse(state, "/api/v1/namespaces/kube-system/finalize");
    assert_str(finalize.resource, "namespaces");
    assert_str(finalize.name, "kube-system");
    assert_str(finalize.subresource, "finalize");
    struct api_target list = parse(state, "/api/v1/namespaces");
    assert_str(list.resource, "namespaces");
    assert_str(list.name, "");
}

static void trailing_and_double_slashes_mean_nothing(void **state)
{
    struct api_target target = parse(state, "//api/v1//pods/");
    assert_true(target.is_resource);
    assert_str(target.resource, "pods");
    assert_str(target.name, "");
}

static void the_old_watch_paths_are_known(void **state)
{
    struct api_target all = parse(state, "/api/v1/watch/pods");
    assert_true(all.is_old_watch);
    assert_str(all.resource, "pods");
    struct api_target one = parse(state, "/api/v1/watch/namespaces/default/pods/web");
    assert_true(one.is_old_watch);
    assert_str(one.ns, "default");
    assert_str(one.name, "web");
}

static void group_versions_alone_are_paths(void **state)
{
    static const char *const paths[] = {
        "/", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/version", "/apis/apps/v1/"
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(paths); i++) {
        assert_false(parse(state, paths[i]).is_resource);
    }
}

static void escapes_are_decoded_once(void **state)
{
    assert_str(parse(state, "/api/v1/namespaces/a%2Db/pods/%25x").ns, "a-b");
    assert_str(parse(state, "/api/v1/namespaces/a%2Db/pods/%25x").name, "%x");
}

static void bad_escapes_are_refused(void **state)
{
    static const char *const paths[] = { "/api/%", "/api/%2", "/api/%zz", "/api/v1/%00" };
    for (size_t i = 0; i < KE_ARRAY_LEN(paths); i++) {
        struct api_target target;
        struct ke_err err;
        assert_int_equal(api_target_parse(ke_str_c(paths[i]), *state, &target, &err), KE_MALFORMED);
    }
}

static struct api_query query_of(void **state, const char *text)
{
    struct api_query query;
    struct ke_err err;
    assert_int_equal(api_query_parse(ke_str_c(text), *state, &query, &err), KE_OK);
    return query;
}

static void parameters_are_decoded_and_the_first_counts(void **state)
{
    struct api_query query =
        query_of(state, "labelSelector=a%3Db%2Cc+in&limit=5&limit=6&watch&&x=");
    assert_str(api_query_get(&query, "labelSelector"), "a=b,c in");
    assert_str(api_query_get(&query, "limit"), "5");
    assert_non_null(api_query_get(&query, "x").ptr);
    assert_non_null(api_query_get(&query, "watch").ptr);
    assert_null(api_query_get(&query, "y").ptr);
}

static void booleans_read_as_upstream_reads_them(void **state)
{
    static const char *const yes[] = { "w=1", "w=t", "w=True", "w=TRUE", "w=true", "w", "w=" };
    static const char *const no[] = { "", "w=0", "w=false", "w=False", "w=f", "v=1" };
    for (size_t i = 0; i < KE_ARRAY_LEN(yes); i++) {
        struct api_query query = query_of(state, yes[i]);
        assert_true(api_query_bool(&query, "w"));
    }
    for (size_t i = 0; i < KE_ARRAY_LEN(no); i++) {
        struct api_query query = query_of(state, no[i]);
        assert_false(api_query_bool(&query, "w"));
    }
}

static void numbers_fail_in_the_words_of_go(void **state)
{
    struct api_query query = query_of(state, "limit=x&n=-3");
    struct ke_err err;
    int64_t n = 7;
    assert_int_equal(api_query_i64(&query, "limit", &n, &err), KE_MALFORMED);
    assert_string_equal(err.msg, "strconv.ParseInt: parsing \"x\": invalid syntax");
    assert_int_equal(n, 7);
    assert_int_equal(api_query_i64(&query, "n", &n, &err), KE_OK);
    assert_int_equal(n, -3);
    assert_int_equal(api_query_i64(&query, "absent", &n, &err), KE_OK);
    assert_int_equal(n, 0);
}

static void too_many_parameters_are_refused(void **state)
{
    char text[API_MAX_QUERY * 4 + 8] = "";
    struct ke_buf out = KE_BUF_FIXED(text, sizeof(text));
    for (int i = 0; i <= API_MAX_QUERY; i++) {
        ke_buf_add_c(&out, "a=b&");
    }
    struct api_query query;
    struct ke_err err;
    assert_int_equal(api_query_parse(ke_buf_str(&out), *state, &query, &err), KE_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(core_and_group_paths_name_the_same_things, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_namespace_is_a_resource_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(trailing_and_double_slashes_mean_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_old_watch_paths_are_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(group_versions_alone_are_paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(escapes_are_decoded_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bad_escapes_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parameters_are_decoded_and_the_first_counts, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(booleans_read_as_upstream_reads_them, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_fail_in_the_words_of_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_parameters_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
