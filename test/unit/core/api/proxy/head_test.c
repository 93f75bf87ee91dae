/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/api/proxy/address.h"
#include "core/api/proxy/head.h"
#include "test/support/base/test.h"

static void the_path_behind_is_what_follows_as_it_came(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *prefix, *path;
    } cases[] = {
        { "/api/v1/namespaces/n/pods/p/proxy", "/api/v1/namespaces/n/pods/p/proxy", "" },
        { "/api/v1/namespaces/n/pods/p/proxy/", "/api/v1/namespaces/n/pods/p/proxy", "/" },
        { "/api/v1/namespaces/n/pods/p/proxy/a%2Fb//c/", "/api/v1/namespaces/n/pods/p/proxy",
          "/a%2Fb//c/" },
        { "//api/v1/namespaces/n/pods/p/proxy/x", "//api/v1/namespaces/n/pods/p/proxy", "/x" },
    };
    struct ke_str prefix;
    struct ke_str path;
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        assert_true(proxy_split_path(ke_str_c(cases[i].raw), &prefix, &path));
        assert_true(ke_str_eq_c(prefix, cases[i].prefix));
        assert_true(ke_str_eq_c(path, cases[i].path));
    }
    assert_false(proxy_split_path(KE_STR("/api/v1/namespaces/n/pods/p"), &prefix, &path));
}

static void names_have_scheme_and_port(void **state)
{
    (void)state;
    struct proxy_name name;
    assert_true(proxy_name_parse(KE_STR("web"), &name));
    assert_true(ke_str_eq_c(name.name, "web") && name.port.len == 0 && !name.is_tls);
    assert_true(proxy_name_parse(KE_STR("web:http"), &name));
    assert_true(ke_str_eq_c(name.name, "web") && ke_str_eq_c(name.port, "http"));
    assert_true(proxy_name_parse(KE_STR("https:web:443"), &name));
    assert_true(ke_str_eq_c(name.name, "web") && ke_str_eq_c(name.port, "443") && name.is_tls);
    assert_true(proxy_name_parse(KE_STR("https:web:"), &name));
    assert_true(name.port.len == 0 && name.is_tls);
    assert_true(proxy_name_parse(KE_STR(":web:80"), &name) && !name.is_tls);
    assert_false(proxy_name_parse(KE_STR("ftp:web:80"), &name));
    assert_false(proxy_name_parse(KE_STR(":80"), &name));
    assert_false(proxy_name_parse(KE_STR("a:b:c:d"), &name));
    assert_false(proxy_name_parse(KE_STR(""), &name));
}

static void credentials_and_hops_stay_here(void **state)
{
    (void)state;
    struct proxy_request request = { .connection = KE_STR("close, X-Mine") };
    static const char *const dropped[] = { "authorization",
                                           "Impersonate-User",
                                           "Impersonate-Extra-a",
                                           "X-Remote-User",
                                           "X-Remote-Extra-a",
                                           "Connection",
                                           "TE",
                                           "Upgrade",
                                           "Transfer-Encoding",
                                           "x-mine",
                                           "X-Forwarded-For",
                                           "Proxy-Authorization",
                                           "Keep-Alive" };
    for (size_t i = 0; i < KE_ARRAY_LEN(dropped); i++) {
        assert_false(proxy_passes_request(&request, ke_str_c(dropped[i])));
    }
    assert_true(proxy_passes_request(&request, KE_STR("Cookie")));
    assert_true(proxy_passes_request(&request, KE_STR("Content-Length")));
    assert_true(proxy_passes_request(&request, KE_STR("Accept-Encoding")));
    request.is_chunked = true;
    request.wants_html = true;
    assert_false(proxy_passes_request(&request, KE_STR("Content-Length")));
    assert_false(proxy_passes_request(&request, KE_STR("Accept-Encoding")));
}

static void a_request_says_where_it_comes_from(void **state)
{
    (void)state;
    ke_auto_buf out = KE_BUF_INIT(1000);
    struct proxy_request request = { .method = KE_STR("GET"),
                                     .prefix = KE_STR("/api/x/proxy"),
                                     .path = KE_STR("/a"),
                                     .query = KE_STR("b=c"),
                                     .forwarded = KE_STR("1.2.3.4"),
                                     .client = KE_STR("10.0.0.9") };
    proxy_begin_request(&request, &out);
    proxy_put_field(KE_STR("Host"), KE_STR("x"), &out);
    proxy_end_head(&request, &out);
    ke_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, "GET /a?b=c HTTP/1.1\r\nHost: x\r\n"
                                 "X-Forwarded-Uri: /api/x/proxy/a\r\n"
                                 "X-Forwarded-For: 1.2.3.4, 10.0.0.9\r\nConnection: close\r\n\r\n");
}

/* A browser's token is among the protocols it offers: it is for the API alone. */
static void a_token_among_protocols_stays_here(void **state)
{
    (void)state;
    static const struct {
        const char *value, *line;
    } cases[] = {
        { "base64url.bearer.authorization.k8s.io.c2VjcmV0, v4.channel.k8s.io,chat",
          "Sec-Websocket-Protocol: v4.channel.k8s.io, chat\r\n" },
        { "chat ,base64url.bearer.authorization.k8s.io.c2VjcmV0",
          "Sec-Websocket-Protocol: chat\r\n" },
        { "base64url.bearer.authorization.k8s.io.c2VjcmV0", "" },
        { "", "" },
    };
    for (size_t i = 0; i < KE_ARRAY_LEN(cases); i++) {
        ke_auto_buf out = KE_BUF_INIT(1000);
        proxy_put_field(KE_STR("Sec-Websocket-Protocol"), ke_str_c(cases[i].value), &out);
        ke_buf_add_char(&out, '\0');
        assert_string_equal(out.ptr, cases[i].line);
    }
}

static void answers_lose_hops_and_foreign_permissions(void **state)
{
    (void)state;
    struct http_head head;
    struct ke_str text = KE_STR("HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
                                "Content-Length: 0\r\n\r\n");
    assert_int_equal(http_parse_response(text, KE_STR("GET"), &head), HTTP_OK);
    assert_false(proxy_passes_answer(&head, KE_STR("X-Hop"), false));
    assert_false(proxy_passes_answer(&head, KE_STR("access-control-allow-origin"), false));
    assert_false(proxy_passes_answer(&head, KE_STR("Content-Length"), false));
    assert_false(proxy_passes_answer(&head, KE_STR("Upgrade"), false));
    assert_true(proxy_passes_answer(&head, KE_STR("Upgrade"), true));
    assert_true(proxy_passes_answer(&head, KE_STR("Set-Cookie"), false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_path_behind_is_what_follows_as_it_came),
        cmocka_unit_test(names_have_scheme_and_port),
        cmocka_unit_test(credentials_and_hops_stay_here),
        cmocka_unit_test(a_request_says_where_it_comes_from),
        cmocka_unit_test(a_token_among_protocols_stays_here),
        cmocka_unit_test(answers_lose_hops_and_foreign_permissions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
