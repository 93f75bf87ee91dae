/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts and paths as they are compared. */
#include <string.h>

#include "ingress/path.h"
#include "test/support/base/test.h"

/* The table of the Kubernetes documentation, and what the conformance suite adds. */
static void paths_match_as_documented(void **state)
{
    static const struct {
        enum model_path_type type;
        const char *rule, *path;
        bool matches;
    } cases[] = {
        { MODEL_PATH_PREFIX, "/", "/", true },
        { MODEL_PATH_PREFIX, "/", "/any/path", true },
        { MODEL_PATH_EXACT, "/foo", "/foo", true },
        { MODEL_PATH_EXACT, "/foo", "/bar", false },
        { MODEL_PATH_EXACT, "/foo", "/foo/", false },
        { MODEL_PATH_EXACT, "/foo", "/FOO", false },
        { MODEL_PATH_EXACT, "/foo/", "/foo", false },
        { MODEL_PATH_EXACT, "/foo/", "/foo/", true },
        { MODEL_PATH_EXACT, "/", "/", true },
        { MODEL_PATH_EXACT, "/", "/a", false },
        { MODEL_PATH_PREFIX, "/foo", "/foo", true },
        { MODEL_PATH_PREFIX, "/foo", "/foo/", true },
        { MODEL_PATH_PREFIX, "/foo", "/foo/bar", true },
        { MODEL_PATH_PREFIX, "/foo", "/foobar", false },
        { MODEL_PATH_PREFIX, "/foo", "/FOO", false },
        { MODEL_PATH_PREFIX, "/foo/", "/foo", true },
        { MODEL_PATH_PREFIX, "/foo/", "/foo/", true },
        { MODEL_PATH_PREFIX, "/foo/", "/foo/bar", true },
        { MODEL_PATH_PREFIX, "/foo/", "/foobar", false },
        { MODEL_PATH_PREFIX, "/aaa/bb", "/aaa/bbb", false },
        { MODEL_PATH_PREFIX, "/aaa/bbb", "/aaa/bbb", true },
        { MODEL_PATH_PREFIX, "/aaa/bbb/", "/aaa/bbb", true },
        { MODEL_PATH_PREFIX, "/aaa/bbb", "/aaa/bbb/", true },
        { MODEL_PATH_PREFIX, "/aaa/bbb", "/aaa/bbb/ccc", true },
        { MODEL_PATH_PREFIX, "/aaa/bbb", "/aaa/bbbxyz", false },
        { MODEL_PATH_PREFIX, "/aaa/bbb", "/aaa", false },
        { MODEL_PATH_IMPLEMENTATION, "/foo", "/foo/bar", true },
        { MODEL_PATH_IMPLEMENTATION, "/foo", "/foobar", false },
    };
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        if (ingress_path_matches(cases[i].type, ke_str_c(cases[i].rule), ke_str_c(cases[i].path)) !=
            cases[i].matches)
            fail_msg("%s against %s", cases[i].rule, cases[i].path);
    }
}

static void paths_are_made_comparable(void **state)
{
    static const struct {
        const char *path, *normal; /* NULL: refused */
    } cases[] = {
        { "/", "/" },
        { "/a/b", "/a/b" },
        { "/a//b", "/a//b" },
        { "/.hidden", "/.hidden" },
        { "/...", "/..." },
        { "/%41%2d%7E", "/A-~" },
        { "/%2F%5c%20", "/%2F%5c%20" },
        { "/%252e%252e/x", "/%252e%252e/x" },
        { "/a/./b/.", "/a/b/" },
        { "/a/b/../c", "/a/c" },
        { "/a/b/..", "/a/" },
        { "/a/..", "/" },
        { "/a/%2e%2e/b", "/b" },
        { "/a/.%2E/b", "/b" },
        { "/a//../b", "/a/b" },
        { "/..", NULL },
        { "/../a", NULL },
        { "/a/../../b", NULL },
        { "/%2e%2e/a", NULL },
        { "/a/..%2fb", NULL },
        { "/a%2f../b", NULL },
        { "/a/..%5Cb", NULL },
        { "/a/%2e%2e%2fb", NULL },
        { "/a/..;/b", NULL },
        { "/a/%2e%2e;x=y/b", NULL },
        { "/%0", NULL },
        { "/%", NULL },
        { "/%zz", NULL },
        { "/%00", NULL },
    };
    (void)state;
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        char memory[64];
        struct ke_str out = { 0 };
        bool is_good = ingress_path_normalise(ke_str_c(cases[i].path), memory, &out);
        if (is_good != (cases[i].normal != NULL) || (is_good && !ke_str_eq_c(out, cases[i].normal)))
            fail_msg("%s became %.*s", cases[i].path, KE_STR_ARG(out));
    }
}

/* What was normalised once stays: what is matched is what the backend would match. */
static void normalising_twice_changes_nothing(void **state)
{
    static const char letters[] = { '/', '.', '%', '2', 'e', 'a' };
    (void)state;
    for (unsigned n = 0; n < 6U * 6 * 6 * 6 * 6 * 6 * 6; n++) {
        char path[8] = "/";
        unsigned left = n;
        for (size_t i = 1; i < sizeof(path); i++, left /= 6)
            path[i] = letters[left % 6];
        char first[8];
        char second[8];
        struct ke_str once = { 0 };
        struct ke_str twice = { 0 };
        if (!ingress_path_normalise(ke_str_of(path, sizeof(path)), first, &once))
            continue;
        assert_true(once.len > 0 && once.ptr[0] == '/');
        assert_true(ingress_path_normalise(once, second, &twice));
        if (!ke_str_eq(once, twice))
            fail_msg("%.8s: %.*s, then %.*s", path, KE_STR_ARG(once), KE_STR_ARG(twice));
    }
}

static void hosts_are_made_comparable(void **state)
{
    static const struct {
        const char *host, *normal;
    } cases[] = {
        { "a.example", "a.example" },
        { "A.Example", "a.example" },
        { "a.example:8080", "a.example" },
        { "a.example.", "a.example" },
        { "a.example.:80", "a.example" },
        { "[::1]:80", "[::1]" },
        { "[FE80::1]", "[fe80::1]" },
        { "10.0.0.1:80", "10.0.0.1" },
        { "", NULL },
    };
    (void)state;
    char memory[256];
    struct ke_str out = { 0 };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        bool is_good = ingress_host_normalise(ke_str_c(cases[i].host), memory, &out);
        if (is_good != (cases[i].normal != NULL) || (is_good && !ke_str_eq_c(out, cases[i].normal)))
            fail_msg("%s became %.*s", cases[i].host, KE_STR_ARG(out));
    }
    char longest[300];
    memset(longest, 'a', sizeof(longest));
    assert_true(ingress_host_normalise(ke_str_of(longest, 253), memory, &out));
    assert_false(ingress_host_normalise(ke_str_of(longest, 300), memory, &out));
}

static void a_wildcard_covers_one_label(void **state)
{
    (void)state;
    assert_true(ingress_host_covers(KE_STR("*.foo.com"), KE_STR("bar.foo.com")));
    assert_true(ingress_host_covers(KE_STR("*.foo.com"), KE_STR("*.foo.com")));
    assert_true(ingress_host_covers(KE_STR("Foo.com"), KE_STR("foo.com")));
    assert_false(ingress_host_covers(KE_STR("*.foo.com"), KE_STR("foo.com")));
    assert_false(ingress_host_covers(KE_STR("*.foo.com"), KE_STR("baz.bar.foo.com")));
    assert_false(ingress_host_covers(KE_STR("*.foo.com"), KE_STR(".foo.com")));
    assert_false(ingress_host_covers(KE_STR("foo.com"), KE_STR("bar.foo.com")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_match_as_documented),
        cmocka_unit_test(paths_are_made_comparable),
        cmocka_unit_test(normalising_twice_changes_nothing),
        cmocka_unit_test(hosts_are_made_comparable),
        cmocka_unit_test(a_wildcard_covers_one_label),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
