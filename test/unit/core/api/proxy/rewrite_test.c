/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "core/api/proxy/rewrite.h"
#include "test/support/base/test.h"

static const struct proxy_links links = { KE_STR_INIT("/p"), KE_STR_INIT("10.0.0.1:80"),
                                          KE_STR_INIT("api:6443") };

static void check_url(const char *url, const char *wanted)
{
    ke_auto_buf out = KE_BUF_INIT(1000);
    proxy_rewrite_url(&links, ke_str_c(url), &out);
    ke_buf_add_char(&out, '\0');
    assert_string_equal(out.ptr, wanted);
}

static void only_paths_of_the_server_behind_are_led_back(void **state)
{
    (void)state;
    check_url("/x?y#z", "/p/x?y#z");
    check_url("/", "/p/");
    check_url("http://10.0.0.1:80/x", "/p/x");
    check_url("https://API:6443/x", "/p/x");
    check_url("//10.0.0.1:80/x", "/p/x");
    check_url("/p/x", "/p/x"); /* already */
    check_url("http://elsewhere/x", "http://elsewhere/x");
    check_url("//elsewhere/x", "//elsewhere/x");
    check_url("x/y", "x/y");
    check_url("#z", "#z");
    check_url("", "");
    check_url("http://10.0.0.1:80", "http://10.0.0.1:80");
    check_url("mailto:a@b", "mailto:a@b");
    check_url("javascript:alert(1)", "javascript:alert(1)");
}

static void check_html(const char *text, const char *wanted)
{
    size_t len = strlen(text);
    for (size_t step = 1; step <= len; step++) {
        struct proxy_html html = { .state = 0 };
        ke_auto_buf out = KE_BUF_INIT(20000);
        for (size_t at = 0; at < len; at += step) {
            size_t n = len - at < step ? len - at : step;
            proxy_html_feed(&html, &links, ke_str_of(text + at, n), &out);
        }
        proxy_html_end(&html, &out);
        ke_buf_add_char(&out, '\0');
        assert_string_equal(out.ptr, wanted);
    }
}

static void links_in_html_are_led_back_and_all_else_stays(void **state)
{
    (void)state;
    check_html("<a href=\"/x\">/x</a>", "<a href=\"/p/x\">/x</a>");
    check_html("<A class='/c' HREF = '/x' >", "<A class='/c' HREF = '/p/x' >");
    check_html("<a href=/x><img src=/y/>", "<a href=/p/x><img src=/p/y/>");
    check_html("<a disabled href=\"/x\" href=\"rel\">", "<a disabled href=\"/p/x\" href=\"rel\">");
    check_html("<form action='/f'><input src='/i'/>", "<form action='/p/f'><input src='/p/i'/>");
    check_html("<!-- <a href=\"/c\"> --><a href=\"/x\">",
               "<!-- <a href=\"/c\"> --><a href=\"/p/x\">");
    check_html("<!doctype html SYSTEM \"/d\"><p href=\"/x\">",
               "<!doctype html SYSTEM \"/d\"><p href=\"/x\">");
    check_html("<script src=\"/s\">\"<a href='/no'>\"</script><a href='/x'>",
               "<script src=\"/p/s\">\"<a href='/no'>\"</script><a href='/p/x'>");
    check_html("1 < 2 <a href=\"/x", "1 < 2 <a href=\"/x");
    check_html("<a href=\"\"><a href><a>", "<a href=\"\"><a href><a>");
    check_html("<averylongtagnamethatisnone href=\"/x\">",
               "<averylongtagnamethatisnone href=\"/x\">");
}

static void a_link_longer_than_any_is_left_alone(void **state)
{
    (void)state;
    struct proxy_html html = { .state = 0 };
    ke_auto_buf text = KE_BUF_INIT(20000);
    ke_auto_buf out = KE_BUF_INIT(20000);
    ke_buf_add_c(&text, "<a href=\"/");
    for (int i = 0; i < PROXY_HTML_VALUE; i++) {
        ke_buf_add_char(&text, 'x');
    }
    ke_buf_add_c(&text, "\"><a href=\"/y\">");
    proxy_html_feed(&html, &links, ke_buf_str(&text), &out);
    assert_int_equal(out.len, text.len + 2); /* the second is led back */
    assert_memory_equal(out.ptr, text.ptr, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_paths_of_the_server_behind_are_led_back),
        cmocka_unit_test(links_in_html_are_led_back_and_all_else_stays),
        cmocka_unit_test(a_link_longer_than_any_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
