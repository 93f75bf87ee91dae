/* SPDX-License-Identifier: Apache-2.0 */
/* The node's certificates on disk: made, kept, made again, and left alone when damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above */
#include <cmocka.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/api/pki.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "test/support/tmpdir.h"

#define DAY_S 86400

struct fixture {
    struct test_tmpdir dir;
    char kubeconfig[TEST_TMPDIR_BYTES + 16];
    struct ke_ip ip;
    struct api_pki_options options;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    struct fixture *f = &fixture;
    struct ke_err err;
    *f = (struct fixture){ .ip.family = KE_FAMILY_NONE };
    test_tmpdir_make(&f->dir);
    (void)snprintf(f->kubeconfig, sizeof(f->kubeconfig), "%s",
                   test_tmpdir_path(&f->dir, "kubeconfig"));
    assert_int_equal(ke_ip_parse(KE_STR("192.0.2.1"), &f->ip, &err), KE_OK);
    f->options = (struct api_pki_options){ .dir = ke_str_c(f->dir.path),
                                           .node_name = KE_STR("n1"),
                                           .cluster_domain = KE_STR("cluster.local"),
                                           .ips = &f->ip,
                                           .n_ips = 1,
                                           .kubeconfig_path = ke_str_c(f->kubeconfig),
                                           .kubeconfig_server = KE_STR("https://192.0.2.1:6443") };
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    test_tmpdir_remove(&f->dir);
    return 0;
}

static void ensure(struct fixture *f, struct api_pki *pki)
{
    struct ke_err err = KE_ERR_INIT;
    *pki = (struct api_pki){ .is_server_new = false };
    if (api_pki_ensure(&f->options, pki, &err) != KE_OK)
        fail_msg("%s", err.msg);
}

static unsigned mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 07777;
}

static void keys_are_for_root_alone_and_kept(void **state)
{
    static const char *const secret[] = { "ca.pem", "server.pem", "admin.pem", "kubeconfig" };
    struct fixture *f = *state;
    struct api_pki first;
    struct api_pki second;
    ensure(f, &first);
    assert_true(first.is_server_new);
    for (size_t i = 0; i < KE_ARRAY_LEN(secret); i++)
        assert_int_equal(mode_of(test_tmpdir_path(&f->dir, secret[i])), 0600);
    ensure(f, &second);
    assert_false(second.is_server_new);
    assert_true(ke_str_eq(ke_buf_str(&first.ca_pem), ke_buf_str(&second.ca_pem)));
    assert_true(ke_str_eq(ke_buf_str(&first.server_pem), ke_buf_str(&second.server_pem)));
    api_pki_deinit(&first);
    api_pki_deinit(&second);
}

static void another_name_needs_another_server_certificate_and_the_same_ca(void **state)
{
    struct fixture *f = *state;
    struct api_pki first;
    struct api_pki second;
    ensure(f, &first);
    f->options.node_name = KE_STR("n2");
    ensure(f, &second);
    assert_true(second.is_server_new);
    assert_true(ke_str_eq(ke_buf_str(&first.ca_pem), ke_buf_str(&second.ca_pem)));
    assert_false(ke_str_eq(ke_buf_str(&first.server_pem), ke_buf_str(&second.server_pem)));
    api_pki_deinit(&first);
    api_pki_deinit(&second);
}

/* A board without a battery begins in 1970: the build is the earliest time there is. */
static void a_clock_behind_the_build_is_not_trusted(void **state)
{
    struct fixture *f = *state;
    struct api_pki pki;
    f->options.build_time_s = ke_wall_s() + 100 * DAY_S;
    ensure(f, &pki);
    assert_true(pki.server_not_after_s > f->options.build_time_s + 300 * DAY_S);
    api_pki_deinit(&pki);
}

static void a_damaged_file_is_named_and_left_alone(void **state)
{
    struct fixture *f = *state;
    struct api_pki pki;
    struct ke_err err = KE_ERR_INIT;
    ensure(f, &pki);
    api_pki_deinit(&pki);
    char path[TEST_TMPDIR_BYTES + 16];
    (void)snprintf(path, sizeof(path), "%s", test_tmpdir_path(&f->dir, "ca.pem"));
    assert_int_equal(ke_file_write(path, KE_STR("not a certificate"), 0600, &err), KE_OK);
    struct api_pki again = { .is_server_new = false };
    assert_int_not_equal(api_pki_ensure(&f->options, &again, &err), KE_OK);
    assert_non_null(strstr(err.msg, "ca.pem"));
    ke_auto_buf text = KE_BUF_INIT(4096);
    assert_int_equal(ke_file_read(path, &text, &err), KE_OK);
    assert_true(ke_str_eq_c(ke_buf_str(&text), "not a certificate"));
    api_pki_deinit(&again);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    static char name[8192];
    struct fixture *f = *state;
    struct api_pki pki;
    struct ke_err err = KE_ERR_INIT;
    memset(name, 'a', sizeof(name));
    struct ke_str dir = f->options.dir;
    f->options.dir = ke_str_of(name, sizeof(name));
    assert_int_equal(api_pki_ensure(&f->options, &pki, &err), KE_TOO_LARGE);
    f->options.dir = dir;
    f->options.kubeconfig_path = ke_str_of(name, sizeof(name));
    assert_int_equal(api_pki_ensure(&f->options, &pki, &err), KE_TOO_LARGE);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(keys_are_for_root_alone_and_kept),
        CASE(another_name_needs_another_server_certificate_and_the_same_ca),
        CASE(a_clock_behind_the_build_is_not_trusted),
        CASE(a_damaged_file_is_named_and_left_alone),
        CASE(a_path_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests_name("core/api/pki", tests, NULL, NULL);
}
