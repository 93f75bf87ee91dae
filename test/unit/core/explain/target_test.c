/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/limits.h"
#include "core/explain/explain.h"
#include "test/support/base/alloc.h"
#include "test/support/base/test.h"

static void targets_are_urls_names_and_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *host; /* NULL: an address */
        const char *address;
        const char *path;
        unsigned port;
        const char *port_name;
        bool is_http;
        bool is_https;
    } cases[] = {
        { "http://foobar.com/", "foobar.com", "", "/", 80, "", true, false },
        { "http://foobar.com", "foobar.com", "", "/", 80, "", true, false },
        { "HTTPS://FooBar.com:8443/A/b?x=1#y", "foobar.com", "", "/A/b", 8443, "", false, true },
        { "http://foobar.com?x=/y", "foobar.com", "", "/", 80, "", true, false },
        { "https://foobar.com#x", "foobar.com", "", "/", 443, "", false, true },
        { "http://10.0.0.1:81/x", NULL, "10.0.0.1", "/x", 81, "", true, false },
        { "http://[fd00::1]/x", NULL, "fd00::1", "/x", 80, "", true, false },
        { "web", "web", "", "", 0, "", false, false },
        { "Web.Prod", "web.prod", "", "", 0, "", false, false },
        { "web.prod:8080", "web.prod", "", "", 8080, "", false, false },
        { "web.prod.svc.cluster.local.:80", "web.prod.svc.cluster.local.", "", "", 80, "", false,
          false },
        { "web.prod:http-alt", "web.prod", "", "", 0, "http-alt", false, false },
        { "_http._tcp.web.prod", "_http._tcp.web.prod", "", "", 0, "", false, false },
        { "10.32.0.10", NULL, "10.32.0.10", "", 0, "", false, false },
        { "10.32.0.10:53", NULL, "10.32.0.10", "", 53, "", false, false },
        { "fd00::1", NULL, "fd00::1", "", 0, "", false, false },
        { "[fd00::1]", NULL, "fd00::1", "", 0, "", false, false },
        { "[fd00::1]:443", NULL, "fd00::1", "", 443, "", false, false },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        KE_AUTO(ke_arena) *arena = ke_arena_new(10000);
        struct explain_request request;
        struct ke_err err = KE_ERR_INIT;
        if (explain_target_parse(ke_str_c(cases[i].target), arena, &request, &err) != KE_OK)
            fail_msg("%s", err.msg);
        assert_true(ke_str_eq_c(request.host, cases[i].host));
        assert_int_equal(request.has_address, cases[i].host == NULL);
        char text[KE_IP_TEXT_MAX];
        assert_string_equal(ke_ip_text(&request.address, text), cases[i].address);
        assert_true(ke_str_eq_c(request.path, cases[i].path));
        assert_int_equal(request.port, cases[i].port);
        assert_true(ke_str_eq_c(request.service_port, cases[i].port_name));
        assert_int_equal(request.is_http, cases[i].is_http);
        assert_int_equal(request.is_https, cases[i].is_https);
        assert_int_equal(request.proto, KE_PROTO_TCP);
    }
}

static void what_cannot_be_traced_is_named(void **state)
{
    (void)state;
    static const char *const BAD[] = {
        "",
        ":80",
        "web:",
        "web:0",
        "web:65536",
        "web:http:80",
        "web prod",
        "web..prod",
        ".web",
        "we\"b",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.400",
        "http://",
        "http:///x",
        "http://u@h/",
        "http://h:x",
        "http://h:80x/",
        "http://h/a b",
        "http://[::1/",
        "[::1]80",
        "[::1]:",
        "10.0.0.1:http",
        "web:a.b",
        "web/",
        "ftp://h/",
        "http://h/\x01",
        "a23456789012345678901234567890123456789012345678901234567890abcd",
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(BAD); i++) {
        KE_AUTO(ke_arena) *arena = ke_arena_new(10000);
        struct explain_request request = { .port = 7 };
        struct ke_err err = KE_ERR_INIT;
        if (explain_target_parse(ke_str_c(BAD[i]), arena, &request, &err) != KE_MALFORMED)
            fail_msg("%s is taken", BAD[i]);
        assert_int_equal(request.port, 7);
        assert_non_null(strstr(err.msg, "\": "));
    }
    static char big[LIMIT_TRACE_TARGET + 2];
    memset(big, 'a', sizeof(big) - 1);
    KE_AUTO(ke_arena) *arena = ke_arena_new(10000);
    struct explain_request request;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(explain_target_parse(ke_str_c(big), arena, &request, &err), KE_MALFORMED);
}

static void no_memory_is_said(void **state)
{
    (void)state;
    struct explain_request request;
    struct ke_err err = KE_ERR_INIT;
    KE_AUTO(ke_arena) *arena = ke_arena_new(4);
    assert_int_equal(explain_target_parse(KE_STR("http://foobar.com/x"), arena, &request, &err),
                     KE_NOMEM);
    assert_int_equal(explain_target_parse(KE_STR("web.prod"), arena, &request, &err), KE_NOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_urls_names_and_addresses),
        cmocka_unit_test(what_cannot_be_traced_is_named),
        cmocka_unit_test(no_memory_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
