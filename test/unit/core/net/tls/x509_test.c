/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates made, read back, and shown to another implementation where there is one. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/limits.h"
#include "core/net/tls/x509.h"
#include "test/support/base/test.h"

enum { DAY_S = 24 * 60 * 60 };

static void make_key(struct ke_buf *out)
{
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(x509_key_new(out, &err), KE_OK);
}

static struct ke_ip ip_of(const char *text)
{
    struct ke_ip ip;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(ke_ip_parse(ke_str_c(text), &ip, &err), KE_OK);
    return ip;
}

static struct x509_request ca_request(void)
{
    return (struct x509_request){ .common_name = KE_STR("test-ca"),
                                  .is_ca = true,
                                  .not_before_s = ke_wall_s() - DAY_S,
                                  .not_after_s = ke_wall_s() + 3650 * (int64_t)DAY_S };
}

struct chain {
    struct ke_buf ca_key, ca_cert, key, cert;
};

static void chain_make(struct chain *chain, const struct x509_request *leaf)
{
    *chain = (struct chain){ KE_BUF_INIT(4096), KE_BUF_INIT(4096), KE_BUF_INIT(4096),
                             KE_BUF_INIT(32768) };
    struct ke_err err = KE_ERR_INIT;
    struct x509_request ca = ca_request();
    make_key(&chain->ca_key);
    make_key(&chain->key);
    const struct ke_str none = { 0 };
    assert_int_equal(x509_sign(&ca, ke_buf_str(&chain->ca_key), none, none, &chain->ca_cert, &err),
                     KE_OK);
    enum ke_code rc = x509_sign(leaf, ke_buf_str(&chain->key), ke_buf_str(&chain->ca_cert),
                                ke_buf_str(&chain->ca_key), &chain->cert, &err);
    if (rc != KE_OK)
        fail_msg("%s", err.msg);
}

static void chain_free(struct chain *chain)
{
    ke_buf_free(&chain->ca_key);
    ke_buf_free(&chain->ca_cert);
    ke_buf_free(&chain->key);
    ke_buf_free(&chain->cert);
}

static const struct ke_str *two_groups(void)
{
    static struct ke_str groups[2];
    groups[0] = KE_STR("system:masters");
    groups[1] = KE_STR("second, with comma");
    return groups;
}

static void what_is_asked_for_is_read_back(void **state)
{
    (void)state;
    const struct ke_str dns[] = { KE_STR("kubernetes"), KE_STR("*.a.example") };
    const struct ke_ip ips[] = { ip_of("10.32.0.1"), ip_of("fd00::1") };
    int64_t now = ke_wall_s();
    struct x509_request request = { .common_name = KE_STR("node, one"),
                                    .organizations = two_groups(),
                                    .n_organizations = 2,
                                    .dns_names = dns,
                                    .n_dns_names = 2,
                                    .ips = ips,
                                    .n_ips = 2,
                                    .is_server = true,
                                    .not_before_s = now - 5,
                                    .not_after_s = now + DAY_S };
    struct chain chain;
    chain_make(&chain, &request);
    struct x509_info info;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(x509_read(ke_buf_str(&chain.cert), &info, &err), KE_OK);
    assert_string_equal(info.common_name, "node, one");
    assert_int_equal(info.not_before_s, now - 5);
    assert_int_equal(info.not_after_s, now + DAY_S);
    assert_false(info.is_ca);
    assert_int_equal(info.n_dns_names, 2);
    assert_string_equal(info.dns_names[0], "kubernetes");
    assert_string_equal(info.dns_names[1], "*.a.example");
    assert_int_equal(info.n_ips, 2);
    assert_true(ke_ip_eq(&info.ips[0], &ips[0]) && ke_ip_eq(&info.ips[1], &ips[1]));
    assert_true(x509_is_signed_by(ke_buf_str(&chain.cert), ke_buf_str(&chain.ca_cert)));
    assert_true(x509_is_signed_by(ke_buf_str(&chain.ca_cert), ke_buf_str(&chain.ca_cert)));
    assert_false(x509_is_signed_by(ke_buf_str(&chain.ca_cert), ke_buf_str(&chain.cert)));
    assert_int_equal(x509_read(ke_buf_str(&chain.ca_cert), &info, &err), KE_OK);
    assert_true(info.is_ca);
    chain_free(&chain);
}

static void dates_survive_on_both_sides_of_2050(void **state)
{
    (void)state;
    ke_auto_buf key = KE_BUF_INIT(4096);
    make_key(&key);
    const int64_t times[] = { 0, 951782400, 2524607999, 2524608000, 4102444800 };
    const struct ke_str none = { 0 };
    for (size_t i = 0; i + 1 < KE_ARRAY_LEN(times); i++) {
        struct x509_request request = ca_request();
        request.not_before_s = times[i];
        request.not_after_s = times[i + 1];
        ke_auto_buf cert = KE_BUF_INIT(4096);
        struct ke_err err = KE_ERR_INIT;
        struct x509_info info;
        assert_int_equal(x509_sign(&request, ke_buf_str(&key), none, none, &cert, &err), KE_OK);
        assert_int_equal(x509_read(ke_buf_str(&cert), &info, &err), KE_OK);
        assert_int_equal(info.not_before_s, times[i]);
        assert_int_equal(info.not_after_s, times[i + 1]);
        /* expired or not yet valid says nothing about who signed */
        assert_true(x509_is_signed_by(ke_buf_str(&cert), ke_buf_str(&cert)));
    }
}

static void an_authority_of_the_same_name_is_not_the_signer(void **state)
{
    (void)state;
    struct x509_request request = { .common_name = KE_STR("x"),
                                    .is_client = true,
                                    .not_before_s = ke_wall_s() - 5,
                                    .not_after_s = ke_wall_s() + DAY_S };
    struct chain one;
    struct chain two;
    chain_make(&one, &request);
    chain_make(&two, &request);
    assert_true(x509_is_signed_by(ke_buf_str(&one.cert), ke_buf_str(&one.ca_cert)));
    assert_false(x509_is_signed_by(ke_buf_str(&one.cert), ke_buf_str(&two.ca_cert)));
    assert_false(x509_is_signed_by(KE_STR("not PEM"), ke_buf_str(&two.ca_cert)));
    chain_free(&one);
    chain_free(&two);
}

static void requests_that_make_no_certificate_are_refused(void **state)
{
    (void)state;
    ke_auto_buf key = KE_BUF_INIT(4096);
    ke_auto_buf other_key = KE_BUF_INIT(4096);
    ke_auto_buf ca = KE_BUF_INIT(4096);
    ke_auto_buf out = KE_BUF_INIT(4096);
    make_key(&key);
    make_key(&other_key);
    struct ke_err err = KE_ERR_INIT;
    const struct ke_str none = { 0 };
    struct x509_request good = ca_request();
    assert_int_equal(x509_sign(&good, ke_buf_str(&key), none, none, &ca, &err), KE_OK);
    assert_int_equal(x509_sign(&good, KE_STR("x"), none, none, &out, &err), KE_MALFORMED);
    assert_int_equal(x509_sign(&good, none, none, none, &out, &err), KE_MALFORMED);
    /* the key of another */
    assert_int_equal(
        x509_sign(&good, ke_buf_str(&key), ke_buf_str(&ca), ke_buf_str(&other_key), &out, &err),
        KE_MALFORMED);
    struct x509_request bad = good;
    bad.not_after_s = bad.not_before_s;
    assert_int_equal(x509_sign(&bad, ke_buf_str(&key), none, none, &out, &err), KE_INVALID);
    bad = good;
    bad.common_name = KE_STR("a\0b");
    assert_int_equal(x509_sign(&bad, ke_buf_str(&key), none, none, &out, &err), KE_INVALID);
    bad = good;
    bad.common_name = none;
    assert_int_equal(x509_sign(&bad, ke_buf_str(&key), none, none, &out, &err), KE_INVALID);
    const struct ke_str dns[] = { KE_STR("a b") };
    bad = good;
    bad.dns_names = dns;
    bad.n_dns_names = 1;
    assert_int_equal(x509_sign(&bad, ke_buf_str(&key), none, none, &out, &err), KE_INVALID);
    assert_int_equal(out.len, 0);
}

static void a_certificate_over_the_limit_is_refused(void **state)
{
    (void)state;
    ke_auto_buf key = KE_BUF_INIT(4096);
    ke_auto_buf out = KE_BUF_INIT(64U << 10);
    make_key(&key);
    struct ke_ip ips[1000];
    for (size_t i = 0; i < KE_ARRAY_LEN(ips); i++)
        ips[i] = ip_of("fd00::1");
    struct x509_request request = ca_request();
    request.ips = ips;
    request.n_ips = KE_ARRAY_LEN(ips);
    struct ke_err err = KE_ERR_INIT;
    const struct ke_str none = { 0 };
    assert_int_equal(x509_sign(&request, ke_buf_str(&key), none, none, &out, &err), KE_TOO_LARGE);
    request.n_ips = 100;
    assert_int_equal(x509_sign(&request, ke_buf_str(&key), none, none, &out, &err), KE_OK);
    struct x509_info info;
    assert_int_equal(x509_read(ke_buf_str(&out), &info, &err), KE_OK);
    assert_int_equal(info.n_ips, 16);
}

static void texts_that_are_no_certificate_are_malformed(void **state)
{
    (void)state;
    struct x509_info info;
    struct ke_err err = KE_ERR_INIT;
    assert_int_equal(x509_read(KE_STR(""), &info, &err), KE_MALFORMED);
    assert_int_equal(x509_read(KE_STR("-----BEGIN CERTIFICATE-----\nAAAA\n"), &info, &err),
                     KE_MALFORMED);
    ke_auto_buf key = KE_BUF_INIT(4096);
    make_key(&key);
    assert_int_equal(x509_read(ke_buf_str(&key), &info, &err), KE_MALFORMED);
    /* every cut of a real one */
    ke_auto_buf cert = KE_BUF_INIT(4096);
    struct x509_request request = ca_request();
    const struct ke_str none = { 0 };
    assert_int_equal(x509_sign(&request, ke_buf_str(&key), none, none, &cert, &err), KE_OK);
    for (size_t len = 0; len + 2 < cert.len; len++)
        assert_int_equal(x509_read(ke_str_of(cert.ptr, len), &info, &err), KE_MALFORMED);
}

static void sha256_matches_the_standard(void **state)
{
    (void)state;
    uint8_t hash[SHA256_BYTES];
    sha256("abc", 3, hash);
    ke_auto_buf hex = KE_BUF_INIT(100);
    ke_buf_add_hex(&hex, hash, sizeof(hash));
    assert_true(ke_str_eq_c(ke_buf_str(&hex),
                            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}

/* ---- the openssl program as a second opinion ---------------------------------------------------
 */

#define OPENSSL "/usr/bin/openssl"

static void write_file(const char *folder, const char *name, const struct ke_buf *bytes,
                       char path[128])
{
    struct ke_err err = KE_ERR_INIT;
    (void)snprintf(path, 128, "%s/%s", folder, name);
    assert_int_equal(ke_file_write(path, ke_buf_str(bytes), 0600, &err), KE_OK);
}

/* Runs a program with its output in a file; its exit status. */
static int run(const char *const argv[], const char *out_path)
{
    posix_spawn_file_actions_t actions;
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(
        posix_spawn_file_actions_addopen(&actions, 1, out_path, O_WRONLY | O_CREAT | O_TRUNC, 0600),
        0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, 1, 2), 0);
    pid_t pid = 0;
    char *const no_env[] = { NULL };
    char *args[16] = { NULL };
    for (size_t i = 0; argv[i] != NULL; i++)
        args[i] = strdup(argv[i]);
    assert_int_equal(posix_spawn(&pid, argv[0], &actions, NULL, args, no_env), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; args[i] != NULL; i++)
        free(args[i]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void assert_contains(const struct ke_buf *text, const char *want)
{
    if (memmem(text->ptr, text->len, want, strlen(want)) == NULL)
        fail_msg("\"%s\" is not in:\n%.*s", want, (int)text->len, text->ptr);
}

static void openssl_reads_and_verifies_what_we_make(void **state)
{
    (void)state;
    if (access(OPENSSL, X_OK) != 0)
        skip();
    const struct ke_str dns[] = { KE_STR("a.example") };
    const struct ke_ip ips[] = { ip_of("10.32.0.1"), ip_of("fd00::1") };
    struct x509_request request = { .common_name = KE_STR("a"),
                                    .organizations = two_groups(),
                                    .n_organizations = 2,
                                    .dns_names = dns,
                                    .n_dns_names = 1,
                                    .ips = ips,
                                    .n_ips = 2,
                                    .is_server = true,
                                    .is_client = true,
                                    .not_before_s = ke_wall_s() - 5,
                                    .not_after_s = 2600000000 };
    struct chain chain;
    chain_make(&chain, &request);
    char folder[] = "/tmp/kedge-x509-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char ca[128];
    char cert[128];
    char out[128];
    write_file(folder, "ca", &chain.ca_cert, ca);
    write_file(folder, "cert", &chain.cert, cert);
    write_file(folder, "out", &chain.cert, out);
    const char *verify[] = { OPENSSL,   "verify", "-x509_strict", "-verify_ip", "fd00::1",
                             "-CAfile", ca,       cert,           NULL };
    int status = run(verify, out);
    struct ke_err err = KE_ERR_INIT;
    ke_auto_buf text = KE_BUF_INIT(LIMIT_FILE_BYTES);
    assert_int_equal(ke_file_read(out, &text, &err), KE_OK);
    if (status != 0)
        fail_msg("%.*s", (int)text.len, text.ptr);
    const char *show[] = { OPENSSL, "x509", "-noout", "-text", "-in", cert, NULL };
    assert_int_equal(run(show, out), 0);
    ke_buf_clear(&text);
    assert_int_equal(ke_file_read(out, &text, &err), KE_OK);
    assert_contains(&text, "system:masters");
    assert_contains(&text, "second, with comma"); /* in quotes up to OpenSSL 3.1 */
    assert_contains(&text, "DNS:a.example, IP Address:10.32.0.1, IP Address:FD00:0:0:0:0:0:0:1");
    assert_contains(&text, "TLS Web Server Authentication, TLS Web Client Authentication");
    assert_contains(&text, "Version: 3");
    assert_contains(&text, "CA:FALSE");
    assert_contains(&text, "2052 GMT");
    (void)unlink(ca);
    (void)unlink(cert);
    (void)unlink(out);
    (void)rmdir(folder);
    chain_free(&chain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_asked_for_is_read_back),
        cmocka_unit_test(dates_survive_on_both_sides_of_2050),
        cmocka_unit_test(an_authority_of_the_same_name_is_not_the_signer),
        cmocka_unit_test(requests_that_make_no_certificate_are_refused),
        cmocka_unit_test(a_certificate_over_the_limit_is_refused),
        cmocka_unit_test(texts_that_are_no_certificate_are_malformed),
        cmocka_unit_test(sha256_matches_the_standard),
        cmocka_unit_test(openssl_reads_and_verifies_what_we_make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
